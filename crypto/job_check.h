// SPDX-License-Identifier: Apache-2.0
// What every engine checks before it touches a job: an ill-formed one ends as kEngineError, never as a packet.
// Bounds only; that the pointers are good is the caller's promise. Worker thread.
#pragma once

#include "crypto/job.h"
#include "crypto/suite.h"

namespace mediaward::crypto {

inline constexpr std::uint32_t kMinTagBytes = 4;          // RFC 3711 §5.2 knows 32-bit tags; below that a tag proves nothing
inline constexpr std::uint32_t kMaxAadBytes = 16 * 1024;  // header, CSRCs and extension: more than any MTU

// True for a job of one piece within the limits. One predicate without branches: it runs per packet.
[[nodiscard]] inline bool is_plain(const Job& job) noexcept {
  return (static_cast<unsigned>(job.more_count == 0) & static_cast<unsigned>(job.bytes <= kMaxJobBytes) &
          static_cast<unsigned>(job.aad_bytes <= kMaxAadBytes) & static_cast<unsigned>(job.key != nullptr) &
          static_cast<unsigned>(static_cast<std::uint32_t>(job.tag_bytes) - kMinTagBytes <= kMaxTagBytes - kMinTagBytes) &
          static_cast<unsigned>(static_cast<std::uint8_t>(job.op) < kJobOps)) != 0;
}

// Bytes of all pieces together.
[[nodiscard]] inline std::uint64_t total_bytes(const Job& job) noexcept {
  std::uint64_t total = job.bytes;
  for (unsigned i = 0; i < job.more_count; ++i) total += job.more[i].bytes;
  return total;
}

// True for any job an engine may run, of one piece or several.
[[nodiscard]] inline bool is_well_formed(const Job& job) noexcept {
  if (is_plain(job)) return true;
  if (job.more_count == 0 || job.more == nullptr || total_bytes(job) > kMaxJobBytes) return false;
  Job probe = job;
  probe.more_count = 0;
  return is_plain(probe);
}

}  // namespace mediaward::crypto
