// SPDX-License-Identifier: Apache-2.0
// Prepares key contexts for the OpenSSL engine: one cipher context and two SHA-1 states per key.
// Main thread.
#define OPENSSL_SUPPRESS_DEPRECATED  // SHA1_Init/Update, see openssl_engine.cc
#include "crypto/openssl_provider.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <new>

#include "crypto/bytes.h"
#include "crypto/openssl_engine.h"

namespace mediaward::crypto {
namespace {

using openssl::Key;
using openssl::key_of;

constexpr std::size_t kShaBlockBytes = SHA_CBLOCK;

// The state of SHA-1 after one block of key ^ pad (RFC 2104 §2).
void absorb_pad(ConstBytes key, std::uint8_t pad, SHA_CTX& state) {
  std::array<std::byte, kShaBlockBytes> block{};
  std::copy(key.begin(), key.end(), block.begin());
  for (auto& b : block) b ^= static_cast<std::byte>(pad);
  SHA1_Init(&state);
  SHA1_Update(&state, block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
}

// Null for a suite that does not encrypt.
const EVP_CIPHER* cipher_of(const SuiteInfo& info) {
  const bool wide = info.key_bytes == 32;
  switch (info.transform) {
    case Transform::kAesGcm:
      return wide ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    case Transform::kAesCmHmacSha1:
      return wide ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
    case Transform::kNullHmacSha1:
      return nullptr;
  }
  return nullptr;
}

EVP_CIPHER_CTX* make_cipher(const EVP_CIPHER* cipher, const SessionKeys& keys) {
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  const auto* key = reinterpret_cast<const unsigned char*>(keys.key.data());
  if (ctx != nullptr && EVP_EncryptInit_ex(ctx, cipher, nullptr, key, nullptr) == 1) return ctx;
  EVP_CIPHER_CTX_free(ctx);
  return nullptr;
}

class OpensslProvider final : public CryptoProvider {
 public:
  std::string_view name() const noexcept override { return "openssl"; }
  std::string_view isa() const noexcept override { return "-"; }
  std::string version() const override { return OpenSSL_version(OPENSSL_VERSION_STRING); }
  std::unique_ptr<Engine> make_engine() override { return openssl::make_engine(); }
  std::size_t key_context_bytes(Suite suite) const noexcept override { return find_suite(suite) == nullptr ? 0 : sizeof(Key); }
  bool key_contexts_shared() const noexcept override { return false; }

  Result<void> expand(Suite suite, const SessionKeys& keys, KeyContext* context) override {
    const SuiteInfo* info = find_suite(suite);
    if (info == nullptr)
      return fail(ErrorCode::kUnsupported, "openssl: suite " + std::to_string(static_cast<unsigned>(suite)) + " is not known");
    const EVP_CIPHER* kind = cipher_of(*info);
    EVP_CIPHER_CTX* cipher = kind != nullptr ? make_cipher(kind, keys) : nullptr;
    if (kind != nullptr && cipher == nullptr)
      return fail(ErrorCode::kInternal,
                  "openssl: libcrypto refused the cipher of " + std::string(info->name) + ": check its provider configuration");
    Key* key = ::new (static_cast<void*>(context)) Key;
    key->cipher = cipher;
    absorb_pad(ConstBytes(keys.auth).first(info->auth_key_bytes), 0x36, key->inner);
    absorb_pad(ConstBytes(keys.auth).first(info->auth_key_bytes), 0x5c, key->outer);
    return {};
  }

  void wipe(Suite, KeyContext* context) noexcept override {
    Key* key = key_of(context);
    EVP_CIPHER_CTX_free(key->cipher);
    OPENSSL_cleanse(key, sizeof *key);
  }
};

}  // namespace

std::unique_ptr<CryptoProvider> make_openssl_provider() {
  return std::make_unique<OpensslProvider>();
}

}  // namespace mediaward::crypto
