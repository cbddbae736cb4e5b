// SPDX-License-Identifier: Apache-2.0
// Transforms and sessions. Opening AES-CM is "authenticate, then cipher" with a digest that is only generated: the engine compares it
// itself, in constant time, for every tag length, before it lets any plaintext out of its own buffer.
// Main thread.
#include "drivers/cryptodev_keys.h"

#include <openssl/crypto.h>
#include <rte_cryptodev.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#include <new>

namespace mediaward::drivers {
namespace {

using crypto::KeyContext;
using crypto::SessionKeys;
using crypto::SuiteInfo;
using crypto::Transform;

const std::uint8_t* raw(const std::byte* p) noexcept {
  return reinterpret_cast<const std::uint8_t*>(p);
}

CryptodevKey* key_of(KeyContext* context) noexcept {
  return reinterpret_cast<CryptodevKey*>(context);
}

// Encryption in both directions: counter mode knows no other, and drivers accept "generate, then encrypt".
rte_crypto_sym_xform counter_mode(const SuiteInfo& suite, const SessionKeys& keys) {
  rte_crypto_sym_xform out{};
  out.type = RTE_CRYPTO_SYM_XFORM_CIPHER;
  out.cipher.op = RTE_CRYPTO_CIPHER_OP_ENCRYPT;
  out.cipher.algo = RTE_CRYPTO_CIPHER_AES_CTR;
  out.cipher.key.data = raw(keys.key.data());
  out.cipher.key.length = suite.key_bytes;
  out.cipher.iv.offset = kCryptodevIvOffset;
  out.cipher.iv.length = 16;
  return out;
}

rte_crypto_sym_xform hmac_sha1(const SuiteInfo& suite, const SessionKeys& keys) {
  rte_crypto_sym_xform out{};
  out.type = RTE_CRYPTO_SYM_XFORM_AUTH;
  out.auth.op = RTE_CRYPTO_AUTH_OP_GENERATE;
  out.auth.algo = RTE_CRYPTO_AUTH_SHA1_HMAC;
  out.auth.key.data = raw(keys.auth.data());
  out.auth.key.length = suite.auth_key_bytes;
  out.auth.digest_length = kCryptodevDigestBytes;
  return out;
}

// Makes sessions one after the other and remembers the first that failed.
class SessionMaker {
 public:
  explicit SessionMaker(const CryptodevDevices& devices) : devices_(devices) {}

  void* operator()(rte_crypto_sym_xform* transform) {
    if (error_ != 0) return nullptr;
    void* session = rte_cryptodev_sym_session_create(devices_.session_device(), transform, devices_.session_pool());
    if (session == nullptr) error_ = rte_errno != 0 ? rte_errno : EINVAL;
    return session;
  }
  [[nodiscard]] Result<void> result(const SuiteInfo& suite) const {
    if (error_ == 0) return {};
    const auto& settings = devices_.settings();
    if (rte_mempool_avail_count(devices_.session_pool()) == 0)
      return fail(ErrorCode::kExhausted, "all " + std::to_string(settings.sessions) + " crypto sessions are in use: raise crypto.sessions");
    return fail(ErrorCode::kInternal,
                "crypto.device \"" + settings.driver + "\" refused a session for " + std::string(suite.name) + ": " + rte_strerror(error_));
  }

 private:
  const CryptodevDevices& devices_;
  int error_ = 0;
};

void make_cm_sessions(SessionMaker& make, const SuiteInfo& suite, const SessionKeys& keys, CryptodevKey& key) {
  rte_crypto_sym_xform tag = hmac_sha1(suite, keys);
  key.tag = make(&tag);
  if (suite.transform == Transform::kNullHmacSha1) return;
  rte_crypto_sym_xform first = hmac_sha1(suite, keys), second = counter_mode(suite, keys);
  first.next = &second;
  key.open = make(&first);
  first.next = nullptr;
  second.next = &first;
  key.seal = make(&second);
}

void make_gcm_sessions(SessionMaker& make, const CryptodevDevices& devices, CryptodevGcmKey& key) {
  const auto& lengths = devices.settings().gcm_header_bytes;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    rte_crypto_sym_xform open = gcm_transform(key.key.data(), key.key_bytes, false, lengths[i]);
    rte_crypto_sym_xform seal = gcm_transform(key.key.data(), key.key_bytes, true, lengths[i]);
    key.opens[i] = make(&open);
    key.seals[i] = make(&seal);
  }
}

// DPDK does not promise that a freed session holds no key. The pool keeps the address only, and nobody else takes from it, so the
// element may be overwritten after it went back.
void free_session(const CryptodevDevices& devices, void* session) noexcept {
  if (session == nullptr) return;
  rte_cryptodev_sym_session_free(devices.session_device(), session);
  OPENSSL_cleanse(session, devices.session_pool()->elt_size);
}

}  // namespace

rte_crypto_sym_xform gcm_transform(const std::byte* key, std::uint8_t key_bytes, bool seal, std::uint16_t aad_bytes) noexcept {
  rte_crypto_sym_xform out{};
  out.type = RTE_CRYPTO_SYM_XFORM_AEAD;
  out.aead.op = seal ? RTE_CRYPTO_AEAD_OP_ENCRYPT : RTE_CRYPTO_AEAD_OP_DECRYPT;
  out.aead.algo = RTE_CRYPTO_AEAD_AES_GCM;
  out.aead.key.data = raw(key);
  out.aead.key.length = key_bytes;
  out.aead.iv.offset = kCryptodevIvOffset;
  out.aead.iv.length = 12;
  out.aead.digest_length = kCryptodevAeadTagBytes;
  out.aead.aad_length = aad_bytes;
  return out;
}

std::size_t cryptodev_key_bytes(const SuiteInfo& suite) noexcept {
  return suite.transform == Transform::kAesGcm ? sizeof(CryptodevGcmKey) : sizeof(CryptodevKey);
}

Result<void> expand_cryptodev_key(const CryptodevDevices& devices, const SuiteInfo& suite, const SessionKeys& keys, KeyContext* context) {
  if (auto able = devices.check(suite); !able) return able;
  SessionMaker make(devices);
  if (suite.transform == Transform::kAesGcm) {
    auto* key = ::new (static_cast<void*>(context)) CryptodevGcmKey{};
    key->transform = suite.transform;
    key->key_bytes = suite.key_bytes;
    key->key = keys.key;
    make_gcm_sessions(make, devices, *key);
  } else {
    auto* key = ::new (static_cast<void*>(context)) CryptodevKey{};
    key->transform = suite.transform;
    key->key_bytes = suite.key_bytes;
    make_cm_sessions(make, suite, keys, *key);
  }
  auto made = make.result(suite);
  if (!made) wipe_cryptodev_key(devices, context);
  return made;
}

void wipe_cryptodev_key(const CryptodevDevices& devices, KeyContext* context) noexcept {
  CryptodevKey* key = key_of(context);
  for (void* session : {key->open, key->seal, key->tag}) free_session(devices, session);
  if (key->transform != Transform::kAesGcm) return OPENSSL_cleanse(key, sizeof *key);
  auto* gcm = static_cast<CryptodevGcmKey*>(key);
  for (void* session : gcm->opens) free_session(devices, session);
  for (void* session : gcm->seals) free_session(devices, session);
  OPENSSL_cleanse(gcm, sizeof *gcm);
}

}  // namespace mediaward::drivers
