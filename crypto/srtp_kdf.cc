// SPDX-License-Identifier: Apache-2.0
// The AES-CM pseudo random function of SRTP and the labels it is run with.
// Key derivation rate 0 only: r = 0, so the key id is the label alone. Main thread.
#include "crypto/srtp_kdf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

namespace mediaward::crypto {
namespace {

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

constexpr std::size_t kLabelOffset = 7;  // byte of the 48-bit r behind which the label sits in the 112-bit salt (RFC 3711 §4.3.1)

const unsigned char* raw(const std::byte* p) {
  return reinterpret_cast<const unsigned char*>(p);
}
unsigned char* raw(std::byte* p) {
  return reinterpret_cast<unsigned char*>(p);
}

// PRF_n(k_master, x) of RFC 3711 §4.3.3, and with AES-256 of RFC 6188 §3: AES-CM keystream with IV = (label ^ master_salt) * 2^16.
bool derive(ConstBytes master_key, ConstBytes master_salt, unsigned label, Bytes out) {
  std::array<std::byte, 16> iv{};
  std::copy(master_salt.begin(), master_salt.end(), iv.begin());
  iv[kLabelOffset] ^= static_cast<std::byte>(label);
  std::fill(out.begin(), out.end(), std::byte{0});
  const CipherContext ctx(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  const EVP_CIPHER* cipher = master_key.size() == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
  int written = 0;
  const bool done = ctx != nullptr && EVP_EncryptInit_ex(ctx.get(), cipher, nullptr, raw(master_key.data()), raw(iv.data())) == 1 &&
                    EVP_EncryptUpdate(ctx.get(), raw(out.data()), &written, raw(out.data()), static_cast<int>(out.size())) == 1;
  OPENSSL_cleanse(iv.data(), iv.size());
  return done && written == static_cast<int>(out.size());
}

std::string wrong_length(std::string_view what, std::size_t got, std::size_t want, std::string_view suite) {
  return std::string(what) + " has " + std::to_string(got) + " bytes, suite " + std::string(suite) + " takes " + std::to_string(want) +
         ": give a " + std::string(what) + " of that length";
}

}  // namespace

SessionKeys::~SessionKeys() {
  OPENSSL_cleanse(key.data(), key.size());
  OPENSSL_cleanse(auth.data(), auth.size());
  OPENSSL_cleanse(salt.data(), salt.size());
}

Result<SessionKeys> derive_session_keys(Suite suite, ConstBytes master_key, ConstBytes master_salt, KeyUse use) {
  const SuiteInfo* info = find_suite(suite);
  if (info == nullptr)
    return fail(ErrorCode::kInvalid, "suite " + std::to_string(static_cast<unsigned>(suite)) + " is not known: see crypto/suite.h");
  if (master_key.size() != info->key_bytes)
    return fail(ErrorCode::kInvalid, wrong_length("master key", master_key.size(), info->key_bytes, info->name));
  if (master_salt.size() != info->salt_bytes)
    return fail(ErrorCode::kInvalid, wrong_length("master salt", master_salt.size(), info->salt_bytes, info->name));
  const unsigned label = use == KeyUse::kSrtp ? 0 : 3;  // RFC 3711 §4.3.2; a 12-byte salt is padded with zeros on the right (RFC 7714 §11)
  const std::size_t cipher_key_bytes = info->transform == Transform::kNullHmacSha1 ? 0 : info->key_bytes;
  SessionKeys keys;
  const bool done = derive(master_key, master_salt, label, Bytes(keys.key).first(cipher_key_bytes)) &&
                    derive(master_key, master_salt, label + 1, Bytes(keys.auth).first(info->auth_key_bytes)) &&
                    derive(master_key, master_salt, label + 2, Bytes(keys.salt).first(info->salt_bytes));
  if (!done)
    return fail(ErrorCode::kInternal,
                "OpenSSL's AES-CTR failed while deriving session keys: check the installed libcrypto (FIPS or provider configuration)");
  return keys;
}

}  // namespace mediaward::crypto
