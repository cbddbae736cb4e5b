// SPDX-License-Identifier: Apache-2.0
// Copying and comparing digests of a size known only at run time without a call: moves of 16 bytes, the last of which may overlap the one
// before. Digests are public values: comparing does not try to take the same time. Any thread.
#pragma once

#include <emmintrin.h>

#include <cstddef>

namespace mediaward::crypto {

// 16 to 128 bytes: every digest of hash.h, and two of them side by side.
inline void copy_digest(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  const auto move = [&](std::size_t at) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at)));
  };
  if (bytes > 32) {
    move(16);
    if (bytes > 64) [[unlikely]]
      for (std::size_t at = 32; at + 32 < bytes; at += 16) move(at);
    move(bytes - 32);
  }
  move(0);
  move(bytes - 16);
}

// 16 to 64 bytes.
[[nodiscard]] inline bool same_digest(const std::byte* a, const std::byte* b, std::size_t bytes) noexcept {
  const auto differ = [&](std::size_t at) {
    return _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a + at)),
                         _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + at)));
  };
  __m128i any = _mm_or_si128(differ(0), differ(bytes - 16));
  if (bytes > 32) any = _mm_or_si128(any, _mm_or_si128(differ(16), differ(bytes - 32)));
  return _mm_movemask_epi8(_mm_cmpeq_epi8(any, _mm_setzero_si128())) == 0xffff;
}

}  // namespace mediaward::crypto
