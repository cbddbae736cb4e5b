// SPDX-License-Identifier: Apache-2.0
// SRTP key derivation (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11) with key derivation rate 0, for SRTP and SRTCP labels.
// Uses OpenSSL's AES; runs when a key is set, never per packet. Main thread.
#pragma once

#include <array>
#include <cstddef>

#include "crypto/bytes.h"
#include "crypto/error.h"
#include "crypto/suite.h"

namespace mediaward::crypto {

enum class KeyUse : std::uint8_t { kSrtp, kSrtcp };  // labels 0-2 and 3-5 (RFC 3711 §4.3.2)

// Session keys of one direction. Overwritten on destruction.
struct SessionKeys {
  std::array<std::byte, kMaxKeyBytes> key{};  // suite.key_bytes used; none of a NULL cipher
  std::array<std::byte, 20> auth{};           // suite.auth_key_bytes used
  std::array<std::byte, 16> salt{};           // suite.salt_bytes used, zero behind
  SessionKeys() = default;
  SessionKeys(const SessionKeys&) = default;
  SessionKeys& operator=(const SessionKeys&) = default;
  ~SessionKeys();
};

// Fails with kInvalid when the lengths are not those of the suite.
[[nodiscard]] Result<SessionKeys> derive_session_keys(Suite suite, ConstBytes master_key, ConstBytes master_salt, KeyUse use);

}  // namespace mediaward::crypto
