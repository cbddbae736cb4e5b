// SPDX-License-Identifier: Apache-2.0
// The summing loop of the Internet checksum. SSE2 (part of x86-64): each 32-bit word is widened into a 64-bit lane, so that no
// carry is ever lost and the order of words does not matter (RFC 1071 §2). Reads exactly the given bytes.
#include "dataplane/checksum.h"

#include <emmintrin.h>

namespace mediaward::dataplane {

namespace {

struct Lanes {
  __m128i a = _mm_setzero_si128();
  __m128i b = _mm_setzero_si128();

  void add(const std::byte* p) noexcept {
    const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    a = _mm_add_epi64(a, _mm_srli_epi64(words, 32));
    b = _mm_add_epi64(b, _mm_and_si128(words, _mm_set1_epi64x(0xffffffff)));
  }
  [[nodiscard]] std::uint64_t total() const noexcept {
    const __m128i sum = _mm_add_epi64(a, b);
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(sum)) + static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(sum, sum)));
  }
};

// Fewer than 16 bytes; an odd last byte counts as if a zero followed (RFC 1071 §4.1).
std::uint64_t add_tail(const std::byte* p, std::size_t bytes) noexcept {
  std::uint64_t sum = 0;
  if ((bytes & 8) != 0) {
    const auto v = load_raw<std::uint64_t>(p);
    sum += (v & 0xffffffff) + (v >> 32);
    p += 8;
  }
  if ((bytes & 4) != 0) {
    sum += load_raw<std::uint32_t>(p);
    p += 4;
  }
  if ((bytes & 2) != 0) {
    sum += load_raw<std::uint16_t>(p);
    p += 2;
  }
  if ((bytes & 1) != 0) sum += std::to_integer<std::uint8_t>(*p);
  return sum;
}

}  // namespace

std::uint64_t add_checksum(ConstBytes data, std::uint64_t sum) noexcept {
  const std::byte* p = data.data();
  std::size_t left = data.size();
  if (left >= 16) {
    Lanes first, second;
    for (; left >= 64; left -= 64, p += 64) {
      first.add(p);
      second.add(p + 16);
      first.add(p + 32);
      second.add(p + 48);
    }
    for (; left >= 16; left -= 16, p += 16) first.add(p);
    sum += first.total() + second.total();
  }
  return sum + add_tail(p, left);
}

}  // namespace mediaward::dataplane
