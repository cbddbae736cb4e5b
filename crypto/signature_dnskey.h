// SPDX-License-Identifier: Apache-2.0
// Public keys between the form of a DNSKEY record (RFC 3110 §2, RFC 6605 §4), which live swarm IDs have, and libcrypto's.
// The one place that judges whether a key is fit for use. Private to crypto/signature*.cc. Main thread.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <vector>

#include "crypto/signature.h"

namespace mediaward::crypto::signature {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* p) const noexcept {
    kFree(p);
  }
};
using EvpKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using EvpKeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;

struct AlgorithmInfo {
  SignatureAlgorithm algorithm;
  std::string_view name;  // IANA's mnemonic
  const EVP_MD* (*digest)();
  const char* curve;             // libcrypto's name of it; null: RSA
  std::size_t coordinate_bytes;  // of X, Y, r and s; 0: RSA
};
[[nodiscard]] const AlgorithmInfo* find_algorithm(std::uint8_t number) noexcept;
[[nodiscard]] inline const AlgorithmInfo& info_of(SignatureAlgorithm algorithm) noexcept {
  return *find_algorithm(static_cast<std::uint8_t>(algorithm));
}

struct PublicKey {
  EvpKey key;
  std::size_t signature_bytes;
};
[[nodiscard]] Result<PublicKey> from_dnskey(const AlgorithmInfo& info, ConstBytes public_key, ShortRsaKeys short_rsa);

// Public part of a key of either kind. kInvalid when it is no key for that algorithm.
[[nodiscard]] Result<std::vector<std::byte>> to_dnskey(const AlgorithmInfo& info, const EVP_PKEY* key);

}  // namespace mediaward::crypto::signature
