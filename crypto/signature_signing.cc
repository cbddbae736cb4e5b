// SPDX-License-Identifier: Apache-2.0
// See signature_signing.h. A key is taken only when its public half passes what a receiver asks of it and verifies what the private half
// signs.
#include "crypto/signature_signing.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <limits>
#include <memory>
#include <string>

#include "crypto/signature_dnskey.h"

namespace mediaward::crypto {
namespace {

using signature::AlgorithmInfo;
using signature::EvpKey;
using signature::Freer;

const unsigned char* raw(const std::byte* p) noexcept {
  return reinterpret_cast<const unsigned char*>(p);
}
unsigned char* raw(std::byte* p) noexcept {
  return reinterpret_cast<unsigned char*>(p);
}

// Without one of its own libcrypto would ask at the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

EvpKey read_pem(std::string_view pem) {
  if (pem.size() > std::numeric_limits<int>::max()) return nullptr;
  const std::unique_ptr<BIO, Freer<BIO_free_all>> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return EvpKey(text == nullptr ? nullptr : PEM_read_bio_PrivateKey(text.get(), nullptr, no_passphrase, nullptr));
}

// What libcrypto makes of ECDSA is DER; a swarm wants r ‖ s of fixed length (RFC 6605 §4). Empty when it is none.
std::vector<std::byte> fixed_length(const AlgorithmInfo& info, const std::vector<std::byte>& der) {
  const unsigned char* at = raw(der.data());
  const std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>> both(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (both == nullptr) return {};
  const int bytes = static_cast<int>(info.coordinate_bytes);
  std::vector<std::byte> out(2 * info.coordinate_bytes);
  const bool fits = BN_bn2binpad(ECDSA_SIG_get0_r(both.get()), raw(out.data()), bytes) == bytes &&
                    BN_bn2binpad(ECDSA_SIG_get0_s(both.get()), raw(out.data() + bytes), bytes) == bytes;
  return fits ? out : std::vector<std::byte>();
}

// As libcrypto makes it; empty when it fails.
std::vector<std::byte> sign_with(const AlgorithmInfo& info, EVP_PKEY* key, std::span<const ConstBytes> message) {
  const std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* of_key = nullptr;  // the digest context's own
  if (context == nullptr || EVP_DigestSignInit(context.get(), &of_key, info.digest(), nullptr, key) != 1) return {};
  if (info.curve == nullptr && EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PADDING) != 1) return {};
  for (const ConstBytes part : message)
    if (EVP_DigestSignUpdate(context.get(), part.data(), part.size()) != 1) return {};
  std::size_t bytes = 0;
  if (EVP_DigestSignFinal(context.get(), nullptr, &bytes) != 1) return {};
  std::vector<std::byte> out(bytes);
  if (EVP_DigestSignFinal(context.get(), raw(out.data()), &bytes) != 1) return {};
  out.resize(bytes);
  return out;
}

}  // namespace

Result<SigningKey> SigningKey::from_pem(std::string_view pem, SignatureAlgorithm algorithm, ShortRsaKeys short_rsa) {
  const AlgorithmInfo* info = signature::find_algorithm(static_cast<std::uint8_t>(algorithm));
  if (info == nullptr) return fail(ErrorCode::kUnsupported, "signing key: the algorithm is none of RFC 7574 §7.7's");
  ERR_set_mark();
  EvpKey key = read_pem(pem);
  ERR_pop_to_mark();
  if (key == nullptr)
    return fail(ErrorCode::kInvalid,
                "signing key: no unencrypted private key in PEM form: make one with `openssl genpkey`, without a passphrase");
  const auto dnskey = signature::to_dnskey(*info, key.get());
  if (!dnskey) return fail(dnskey.error().code, "signing key: " + dnskey.error().message);
  std::vector<std::byte> swarm_id{static_cast<std::byte>(algorithm)};
  swarm_id.insert(swarm_id.end(), dnskey->begin(), dnskey->end());
  auto public_key = SignatureKey::from_swarm_id(swarm_id, short_rsa);
  if (!public_key) return fail(public_key.error().code, "signing key: " + public_key.error().message);
  SigningKey made(SignatureKey::Key(key.release()), std::move(*public_key), std::move(swarm_id));
  const ConstBytes probe = made.swarm_id();
  const auto signature = made.sign(probe);
  if (!signature) return tl::unexpected(signature.error());
  if (!made.public_key().verify(probe, *signature))
    return fail(ErrorCode::kInvalid, "signing key: its public half does not verify what its private half signs: the file is damaged");
  return made;
}

Result<std::vector<std::byte>> SigningKey::sign(std::span<const ConstBytes> message) const {
  const AlgorithmInfo& info = signature::info_of(algorithm());
  ERR_set_mark();
  std::vector<std::byte> out = sign_with(info, key_.get(), message);
  if (info.curve != nullptr && !out.empty()) out = fixed_length(info, out);
  ERR_pop_to_mark();
  if (out.size() != public_.signature_bytes())
    return fail(ErrorCode::kInternal,
                "signing key: libcrypto does not sign with " + std::string(info.name) + ": its policy forbids it, or it is out of memory");
  return out;
}

}  // namespace mediaward::crypto
