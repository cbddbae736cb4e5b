// SPDX-License-Identifier: Apache-2.0
// The private half of signature.h: what the injector of a live swarm signs its munros with, and a content provider the metadata of static
// content. For tools and tests; the appliance itself holds no such key. Knows no files: the caller reads the PEM text, and wipes it.
// Immutable: any number of threads may sign with one key at once. Signing allocates.
#pragma once

#include <vector>

#include "crypto/signature.h"

namespace mediaward::crypto {

class SigningKey {
 public:
  // PEM text of an unencrypted private key (PKCS#8, or what `openssl rsa` and `openssl ec` write). An RSA key serves RSASHA1 and RSASHA256,
  // so the algorithm is said; an EC key must be of its curve. Never asks for a passphrase: an encrypted key is kInvalid.
  [[nodiscard]] static Result<SigningKey> from_pem(std::string_view pem, SignatureAlgorithm algorithm,
                                                   ShortRsaKeys short_rsa = ShortRsaKeys::kRefused);

  SigningKey(SigningKey&&) noexcept = default;
  SigningKey& operator=(SigningKey&&) noexcept = default;

  [[nodiscard]] SignatureAlgorithm algorithm() const noexcept { return public_.algorithm(); }
  [[nodiscard]] const std::vector<std::byte>& swarm_id() const noexcept { return swarm_id_; }  // SignatureKey::from_swarm_id takes it
  [[nodiscard]] const SignatureKey& public_key() const noexcept { return public_; }

  // signature_bytes of the public key, as SIGNED_INTEGRITY carries them. Fails with kInternal when libcrypto's policy forbids the
  // algorithm.
  [[nodiscard]] Result<std::vector<std::byte>> sign(std::span<const ConstBytes> message) const;
  [[nodiscard]] Result<std::vector<std::byte>> sign(ConstBytes message) const { return sign({&message, 1}); }

 private:
  SigningKey(SignatureKey::Key key, SignatureKey public_key, std::vector<std::byte> swarm_id) noexcept
      : key_(std::move(key)), public_(std::move(public_key)), swarm_id_(std::move(swarm_id)) {}

  SignatureKey::Key key_;
  SignatureKey public_;
  std::vector<std::byte> swarm_id_;
};

}  // namespace mediaward::crypto
