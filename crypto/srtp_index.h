// SPDX-License-Identifier: Apache-2.0
// Packet index arithmetic of SRTP: the 48-bit index from a 16-bit sequence number, the window that remembers which
// indexes were seen (receiver) or used (sender), and the initialisation vectors made from them.
// Plain structs that live in shared memory; no allocation, no I/O. The owning worker's thread.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "crypto/bytes.h"

namespace mediaward::crypto {

inline constexpr std::uint64_t kMaxSrtpIndex = (std::uint64_t{1} << 48) - 1;  // RFC 3711 §3.3.1
inline constexpr unsigned kReplayWindowPackets = 128;                         // RFC 3711 §3.3.2 asks for at least 64

// Which indexes up to `top` were marked. With no bit set nothing was marked yet and top >> 16 is the ROC to begin with.
// bits: bit (i % 128) stands for index i, for the 128 indexes that end at top.
struct IndexWindow {
  std::uint64_t top = 0;
  std::uint64_t bits[2] = {0, 0};

  [[nodiscard]] bool started() const noexcept { return (bits[0] | bits[1]) != 0; }

  [[nodiscard]] static IndexWindow starting_at_roc(std::uint32_t roc) noexcept { return {std::uint64_t{roc} << 16, {0, 0}}; }

  // The index a packet with this sequence number most likely has (RFC 3711 §3.3.1 and appendix A). The result may lie below 0
  // (as a huge number) for an old packet before the first wrap, or above kMaxSrtpIndex: callers test with is_valid.
  [[nodiscard]] std::uint64_t estimate(std::uint16_t seq) const noexcept {
    const std::uint64_t base = (top & ~std::uint64_t{0xffff}) | seq;
    if (!started()) return base;
    // Nearest candidate: the signed 16-bit distance from s_l, with -32768 taken as ahead (appendix A: seq - s_l > 32768 is "behind").
    const std::uint16_t s_l = static_cast<std::uint16_t>(top);
    std::int32_t distance = static_cast<std::int16_t>(static_cast<std::uint16_t>(seq - s_l));
    if (distance == -32768 && s_l < 32768) distance = 32768;
    return top + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
  }
  [[nodiscard]] static bool is_valid(std::uint64_t index) noexcept { return index <= kMaxSrtpIndex; }

  enum class Verdict : std::uint8_t { kFresh, kReplayed, kTooOld };

  [[nodiscard]] Verdict test(std::uint64_t index) const noexcept {
    if (!started() || index > top) return Verdict::kFresh;
    if (top - index >= kReplayWindowPackets) return Verdict::kTooOld;
    const unsigned bit = static_cast<unsigned>(index % kReplayWindowPackets);
    return ((bits[bit >> 6] >> (bit & 63)) & 1) != 0 ? Verdict::kReplayed : Verdict::kFresh;
  }

  // Marks an index for which test said kFresh.
  void mark(std::uint64_t index) noexcept {
    const unsigned bit = static_cast<unsigned>(index % kReplayWindowPackets);
    if (!started()) {
      top = index;
    } else if (index > top) [[likely]] {
      const std::uint64_t step = index - top;
      if (step == 1) [[likely]] {
        bits[bit >> 6] &= ~(std::uint64_t{1} << (bit & 63));
      } else if (step >= kReplayWindowPackets) {
        bits[0] = bits[1] = 0;
      } else {
        for (std::uint64_t i = top + 1; i <= index; ++i) {
          const unsigned b = static_cast<unsigned>(i % kReplayWindowPackets);
          bits[b >> 6] &= ~(std::uint64_t{1} << (b & 63));
        }
      }
      top = index;
    }
    bits[bit >> 6] |= std::uint64_t{1} << (bit & 63);
  }
};
static_assert(sizeof(IndexWindow) == 24);

// Both write 16 bytes in one store: two 8-byte stores would defeat store forwarding into the engine's 16-byte load.
// salt: 16 bytes, the session salt with zeros behind.
inline void make_cm_iv(std::byte* iv, const std::byte* salt, std::uint32_t ssrc, std::uint64_t index) noexcept {  // RFC 3711 §4.1.1
  const __m128i s = _mm_loadu_si128(reinterpret_cast<const __m128i*>(salt));
  const __m128i x = _mm_set_epi64x(static_cast<long long>(__builtin_bswap64(index << 16)), static_cast<long long>(__builtin_bswap64(ssrc)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(iv), _mm_xor_si128(s, x));
}
inline void make_gcm_iv(std::byte* iv, const std::byte* salt, std::uint32_t ssrc, std::uint64_t index) noexcept {  // RFC 7714 §8.1
  const __m128i s = _mm_loadu_si128(reinterpret_cast<const __m128i*>(salt));
  const std::uint64_t low = __builtin_bswap64((std::uint64_t{ssrc} << 16) | (index >> 32));
  const std::uint64_t high = __builtin_bswap32(static_cast<std::uint32_t>(index));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(iv), _mm_xor_si128(s, _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low))));
}

}  // namespace mediaward::crypto
