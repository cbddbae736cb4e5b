// SPDX-License-Identifier: Apache-2.0
// The SRTP protection profiles as rows of one table: another suite is another row, never another code path.
// Names are those of the IANA registry "SRTP Crypto Suite Registrations" (RFC 4568, RFC 7714).
// Any thread; constants only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "crypto/job_op.h"

namespace mediaward::crypto {

// Values are part of the data-plane ABI: never reuse one. 0 is "none".
enum class Suite : std::uint8_t {
  kNone = 0,
  kAesCm128HmacSha1_80 = 1,
  kAeadAes128Gcm = 2,
  kAesCm128HmacSha1_32 = 3,
  kAesCm256HmacSha1_80 = 4,
  kAesCm256HmacSha1_32 = 5,
  kAeadAes256Gcm = 6,
  kNullHmacSha1_80 = 7,
  kNullHmacSha1_32 = 8,
};

enum class Transform : std::uint8_t { kAesCmHmacSha1, kAesGcm, kNullHmacSha1 };

struct SuiteInfo {
  Suite id;
  std::string_view name;
  Transform transform;
  std::uint8_t key_bytes;        // master and session encryption key; of a NULL cipher: of the key derivation
  std::uint8_t salt_bytes;       // master and session salt: 14 (RFC 3711 §8.2) or 12 (RFC 7714 §12)
  std::uint8_t auth_key_bytes;   // 0 for an AEAD
  std::uint8_t tag_bytes;        // SRTP tag; what a sealed packet grows by (MKI not counted)
  std::uint8_t srtcp_tag_bytes;  // stays 80 bits with the _32 suites (RFC 4568 §6.2)
  JobOp open, seal;
  JobOp check;  // verifies without decrypting
};

inline constexpr std::array kSuites{
    SuiteInfo{Suite::kAesCm128HmacSha1_80, "AES_CM_128_HMAC_SHA1_80", Transform::kAesCmHmacSha1, 16, 14, 20, 10, 10, JobOp::kCm128Open,
              JobOp::kCm128Seal, JobOp::kNullOpen},  // RFC 3711 §5
    SuiteInfo{Suite::kAesCm128HmacSha1_32, "AES_CM_128_HMAC_SHA1_32", Transform::kAesCmHmacSha1, 16, 14, 20, 4, 10, JobOp::kCm128Open,
              JobOp::kCm128Seal, JobOp::kNullOpen},  // RFC 4568 §6.2.2
    SuiteInfo{Suite::kAesCm256HmacSha1_80, "AES_256_CM_HMAC_SHA1_80", Transform::kAesCmHmacSha1, 32, 14, 20, 10, 10, JobOp::kCm256Open,
              JobOp::kCm256Seal, JobOp::kNullOpen},  // RFC 6188 §4
    SuiteInfo{Suite::kAesCm256HmacSha1_32, "AES_256_CM_HMAC_SHA1_32", Transform::kAesCmHmacSha1, 32, 14, 20, 4, 10, JobOp::kCm256Open,
              JobOp::kCm256Seal, JobOp::kNullOpen},
    SuiteInfo{Suite::kAeadAes128Gcm, "AEAD_AES_128_GCM", Transform::kAesGcm, 16, 12, 0, 16, 16, JobOp::kGcm128Open, JobOp::kGcm128Seal,
              JobOp::kGcm128Check},  // RFC 7714 §14.2
    SuiteInfo{Suite::kAeadAes256Gcm, "AEAD_AES_256_GCM", Transform::kAesGcm, 32, 12, 0, 16, 16, JobOp::kGcm256Open, JobOp::kGcm256Seal,
              JobOp::kGcm256Check},
    SuiteInfo{Suite::kNullHmacSha1_80, "NULL_HMAC_SHA1_80", Transform::kNullHmacSha1, 16, 14, 20, 10, 10, JobOp::kNullOpen,
              JobOp::kNullSeal, JobOp::kNullOpen},  // RFC 3711 §4.1.3, RFC 5764 §4.1.2
    SuiteInfo{Suite::kNullHmacSha1_32, "NULL_HMAC_SHA1_32", Transform::kNullHmacSha1, 16, 14, 20, 4, 10, JobOp::kNullOpen, JobOp::kNullSeal,
              JobOp::kNullOpen},
};

[[nodiscard]] constexpr const SuiteInfo* find_suite(Suite id) noexcept {
  for (const auto& row : kSuites)
    if (row.id == id) return &row;
  return nullptr;
}
[[nodiscard]] constexpr const SuiteInfo* find_suite(std::string_view name) noexcept {
  for (const auto& row : kSuites)
    if (row.name == name) return &row;
  return nullptr;
}

inline constexpr std::size_t kMaxKeyBytes = 32;
inline constexpr std::size_t kMaxSaltBytes = 14;
inline constexpr std::size_t kMaxTagBytes = 16;

}  // namespace mediaward::crypto
