// SPDX-License-Identifier: Apache-2.0
// What the passes of the ipsec-mb engine share: the burst they work on, tags compared in constant time, pieces of a job.
// Private to crypto/ipsec_mb_*.cc. Worker thread.
#pragma once

#include <intel-ipsec-mb.h>

#include "crypto/bytes.h"
#include "crypto/job.h"
#include "crypto/suite.h"

namespace mediaward::crypto::ipsec_mb {

inline constexpr unsigned kBurst = 128;  // IMB_MAX_BURST_SIZE: the library takes no more at once
static_assert(kBurst <= IMB_MAX_BURST_SIZE);

inline const std::uint8_t* raw(const std::byte* p) noexcept {
  return reinterpret_cast<const std::uint8_t*>(p);
}
inline std::uint8_t* raw(std::byte* p) noexcept {
  return reinterpret_cast<std::uint8_t*>(p);
}

// A tag of 4 to 16 bytes as two words that overlap when it is shorter than both.
struct Tag {
  std::uint64_t head;
  std::uint64_t tail;
};
inline Tag load_tag(const std::byte* p, unsigned bytes) noexcept {
  if (bytes >= 8) [[likely]]
    return {load_raw<std::uint64_t>(p), load_raw<std::uint64_t>(p + bytes - 8)};
  return {load_raw<std::uint32_t>(p), load_raw<std::uint32_t>(p + bytes - 4)};
}
inline void store_tag(std::byte* p, const std::byte* digest, unsigned bytes) noexcept {
  const Tag tag = load_tag(digest, bytes);
  if (bytes >= 8) [[likely]] {
    store_raw(p, tag.head);
    store_raw(p + bytes - 8, tag.tail);
  } else {
    store_raw(p, static_cast<std::uint32_t>(tag.head));
    store_raw(p + bytes - 4, static_cast<std::uint32_t>(tag.tail));
  }
}
inline bool equal(const Tag& a, const Tag& b) noexcept {
  return ((a.head ^ b.head) | (a.tail ^ b.tail)) == 0;
}  // in constant time

// Runs f(src, dst, bytes) over the first piece and the further segments.
template <typename F>
void for_each_piece(const Job& job, F f) noexcept {
  f(job.src, job.dst, job.bytes);
  for (unsigned i = 0; i < job.more_count; ++i) f(job.more[i].src, job.more[i].dst, job.more[i].bytes);
}

}  // namespace mediaward::crypto::ipsec_mb
