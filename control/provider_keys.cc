// SPDX-License-Identifier: Apache-2.0
// Public keys and signatures by OpenSSL's EVP. See provider_keys.h.
#include "control/provider_keys.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace mediaward::control {

namespace {

constexpr int kMinRsaBits = 2048;  // NIST SP 800-131A §3
constexpr int kMaxRsaBits = 16384;

const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool is_p256(EVP_PKEY* key) {
  char name[64] = {};
  return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, nullptr) == 1 &&
         std::string_view(name) == "prime256v1";
}

bool is_rsa(EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1;
}

Result<void> check(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return {};
  if (EVP_PKEY_is_a(key, "EC") == 1 && is_p256(key)) return {};
  if (!is_rsa(key)) return fail(ErrorCode::kUnsupported, "is of a type that is not offered; use EC P-256, Ed25519 or RSA");
  const int bits = EVP_PKEY_get_bits(key);
  if (bits >= kMinRsaBits && bits <= kMaxRsaBits) return {};
  return fail(ErrorCode::kInvalid, "is an RSA key of " + std::to_string(bits) + " bits; 2048 to 16384 are taken");
}

}  // namespace

void ProviderKeys::Free::operator()(evp_pkey_st* key) const noexcept {
  EVP_PKEY_free(key);
}

Result<void> ProviderKeys::add(const std::string& id, std::string_view pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  std::unique_ptr<evp_pkey_st, Free> key(source == nullptr ? nullptr : PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (key == nullptr)
    return fail(ErrorCode::kInvalid, "is not a public key in PEM (`-----BEGIN PUBLIC KEY-----`; `openssl pkey -pubout` writes one)");
  if (auto good = check(key.get()); !good) return good;
  if (!keys_.emplace(id, std::move(key)).second) return fail(ErrorCode::kConflict, "`" + id + "` is named twice");
  return {};
}

std::vector<std::string> ProviderKeys::ids() const {
  std::vector<std::string> out;
  for (const auto& [id, key] : keys_) out.push_back(id);
  return out;
}

bool ProviderKeys::verify(std::string_view id, std::string_view text, std::string_view signature) const {
  const auto found = keys_.find(id);
  if (found == keys_.end() || signature.empty()) return false;
  EVP_PKEY* key = found->second.get();
  const bool digests = EVP_PKEY_is_a(key, "ED25519") != 1;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_PKEY_CTX* details = nullptr;  // belongs to context
  bool good = context != nullptr && EVP_DigestVerifyInit(context.get(), &details, digests ? EVP_sha256() : nullptr, nullptr, key) == 1;
  if (good && is_rsa(key))
    good = EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(details, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_AUTO) == 1;
  good = good && EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(text), text.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace mediaward::control
