// SPDX-License-Identifier: Apache-2.0
// What an engine can do to a packet. Apart from job.h so that the table of suites can name operations.
// Any thread; constants only.
#pragma once

#include <cstdint>

namespace mediaward::crypto {

enum class JobOp : std::uint8_t {
  kCm128Open,    // AES-CM + HMAC-SHA1: verify the tag, then decrypt (RFC 3711 §3.3)
  kCm128Seal,    // encrypt, then tag
  kCm256Open,    // the same with 256-bit keys (RFC 6188)
  kCm256Seal,
  kGcm128Open,   // AEAD open (RFC 7714 §8)
  kGcm128Seal,   // AEAD seal
  kGcm256Open,
  kGcm256Seal,
  kNullOpen,     // HMAC-SHA1 only: verify the tag, leave the bytes as they are (copied when src != dst)
  kNullSeal,     // HMAC-SHA1 only: copy when src != dst, then tag
  kGcm128Check,  // verify only: src is read, dst is not written, no plaintext is left anywhere
  kGcm256Check,
};
inline constexpr unsigned kJobOps = 12;

[[nodiscard]] constexpr bool is_gcm(JobOp op) noexcept {
  return (op >= JobOp::kGcm128Open && op <= JobOp::kGcm256Seal) || op >= JobOp::kGcm128Check;
}
[[nodiscard]] constexpr bool is_seal(JobOp op) noexcept {
  return op == JobOp::kCm128Seal || op == JobOp::kCm256Seal || op == JobOp::kGcm128Seal || op == JobOp::kGcm256Seal || op == JobOp::kNullSeal;
}

}  // namespace mediaward::crypto
