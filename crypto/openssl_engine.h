// SPDX-License-Identifier: Apache-2.0
// What the OpenSSL provider and its engine share: the layout of a key context. Private to crypto/openssl_*.cc.
// The context holds OpenSSL objects by pointer (they live in OpenSSL's heap), hence one context per worker.
#pragma once

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <memory>

#include "crypto/engine.h"

namespace mediaward::crypto::openssl {

struct Key {
  EVP_CIPHER_CTX* cipher = nullptr;  // AES-CTR or AES-GCM with the session key set; only the IV changes per packet. NULL: none
  SHA_CTX inner;                     // SHA-1 after the block key ^ ipad (RFC 2104); CM and NULL
  SHA_CTX outer;                     // ... and after key ^ opad
};

inline Key* key_of(KeyContext* context) noexcept {
  return reinterpret_cast<Key*>(context);
}
inline const Key* key_of(const KeyContext* context) noexcept {
  return reinterpret_cast<const Key*>(context);
}

[[nodiscard]] std::unique_ptr<Engine> make_engine();

}  // namespace mediaward::crypto::openssl
