// SPDX-License-Identifier: Apache-2.0
// The SRTP protection profiles as rows of one table: another suite is another row, never another code path.
// Names are those of the IANA registry "SRTP Crypto Suite Registrations" (RFC 4568, RFC 7714).
// Any thread; constants only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mediaward::crypto {

// Values are part of the data-plane ABI: never reuse one. 0 is "none".
enum class Suite : std::uint8_t {
  kNone = 0,
  kAesCm128HmacSha1_80 = 1,
  kAeadAes128Gcm = 2,
};

enum class Transform : std::uint8_t { kAesCmHmacSha1, kAesGcm };

struct SuiteInfo {
  Suite id;
  std::string_view name;
  Transform transform;
  std::uint8_t key_bytes;       // master and session encryption key
  std::uint8_t salt_bytes;      // master and session salt: 14 (RFC 3711 §8.2) or 12 (RFC 7714 §12)
  std::uint8_t auth_key_bytes;  // 0 for an AEAD
  std::uint8_t tag_bytes;       // SRTP tag; what a sealed packet grows by (MKI not counted)
  std::uint8_t srtcp_tag_bytes;
};

inline constexpr std::array kSuites{
    SuiteInfo{Suite::kAesCm128HmacSha1_80, "AES_CM_128_HMAC_SHA1_80", Transform::kAesCmHmacSha1, 16, 14, 20, 10, 10},  // RFC 3711 §5
    SuiteInfo{Suite::kAeadAes128Gcm, "AEAD_AES_128_GCM", Transform::kAesGcm, 16, 12, 0, 16, 16},                        // RFC 7714 §14.2
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
