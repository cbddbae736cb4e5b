// SPDX-License-Identifier: Apache-2.0
// Packet index arithmetic of SRTP and SRTCP: the 48-bit index from a 16-bit sequence number, the windows that remember which
// indexes were seen (receiver) or used (sender), and the initialisation vectors made from them.
// Plain structs over memory of the caller, which may be shared; no allocation, no I/O. The owning worker's thread.
#pragma once

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "crypto/bytes.h"

namespace mediaward::crypto {

inline constexpr std::uint64_t kMaxSrtpIndex = (std::uint64_t{1} << 48) - 1;  // RFC 3711 §3.3.1
inline constexpr std::uint32_t kMaxSrtcpIndex = 0x7fffffff;                   // RFC 3711 §3.4: 31 bits, the E flag is no part of it
inline constexpr unsigned kReplayWindowPackets = 128;  // what IndexWindow holds; RFC 3711 §3.3.2 asks for at least 64
inline constexpr unsigned kMinWindowPackets = 64;
inline constexpr unsigned kMaxWindowPackets = 8192;

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

  [[nodiscard]] Verdict test(std::uint64_t index) const noexcept { return test(index, kReplayWindowPackets); }

  // The same with a window of 64 to 128 packets. What is wider needs a WideWindow.
  [[nodiscard]] Verdict test(std::uint64_t index, unsigned packets) const noexcept {
    if (!started() || index > top) return Verdict::kFresh;
    if (top - index >= std::min(packets, kReplayWindowPackets)) return Verdict::kTooOld;
    const unsigned bit = static_cast<unsigned>(index % kReplayWindowPackets);
    return ((bits[bit >> 6] >> (bit & 63)) & 1) != 0 ? Verdict::kReplayed : Verdict::kFresh;
  }

  // The very next one: fresh, and its bit is the only one that changes.
  [[nodiscard]] bool is_next(std::uint64_t index) const noexcept { return index == top + 1 && started(); }
  void mark_next() noexcept { set(++top); }

  // Marks an index for which test said kFresh.
  void mark(std::uint64_t index) noexcept {
    if (is_next(index)) [[likely]] return mark_next();
    if (!started()) {
      top = index;
    } else if (index > top) {
      if (index - top >= kReplayWindowPackets) [[unlikely]] {
        bits[0] = bits[1] = 0;
      } else {
        for (std::uint64_t i = top + 1; i <= index; ++i) clear(i);
      }
      top = index;
    }
    set(index);
  }

 private:
  void set(std::uint64_t index) noexcept { bits[(index >> 6) & 1] |= std::uint64_t{1} << (index & 63); }
  void clear(std::uint64_t index) noexcept { bits[(index >> 6) & 1] &= ~(std::uint64_t{1} << (index & 63)); }
};
static_assert(sizeof(IndexWindow) == 24);

// 64-bit words that a window of so many packets needs beside its IndexWindow: a power of two, and none up to 128 packets.
[[nodiscard]] constexpr std::size_t wide_window_words(unsigned packets) noexcept {
  return packets <= kReplayWindowPackets ? 0 : std::bit_ceil(packets) / 64;
}

// A replay window of up to 8192 packets (RFC 4568 §6.3, WSH): the caller's words, as many as wide_window_words
// says, beside an IndexWindow that keeps top and the newest 128. Without words it is that IndexWindow alone.
class WideWindow {
 public:
  using Verdict = IndexWindow::Verdict;

  explicit WideWindow(std::span<std::uint64_t> words) noexcept : words_(words), packets_(words.size() * 64) {}

  // Once, when the words are new; the IndexWindow may be older. What it does not know any more counts as seen.
  void resume(const IndexWindow& window) noexcept {
    std::fill(words_.begin(), words_.end(), window.started() ? ~std::uint64_t{0} : std::uint64_t{0});
    if (words_.empty() || !window.started()) return;
    for (std::uint64_t i = 0; i < kReplayWindowPackets && i <= window.top; ++i)
      if (window.test(window.top - i) == Verdict::kFresh) clear(window.top - i);
  }

  [[nodiscard]] Verdict test(const IndexWindow& window, std::uint64_t index, unsigned packets) const noexcept {
    if (words_.empty()) return window.test(index, packets);
    if (!window.started() || index > window.top) return Verdict::kFresh;
    if (window.top - index >= std::min<std::uint64_t>(packets, packets_)) return Verdict::kTooOld;
    return ((word(index) >> (index & 63)) & 1) != 0 ? Verdict::kReplayed : Verdict::kFresh;
  }

  // Marks an index for which test said kFresh, here and in the IndexWindow.
  void mark(IndexWindow& window, std::uint64_t index) noexcept {
    if (!words_.empty()) mark_wide(window, index);
    if (!window.started() || index + kReplayWindowPackets > window.top) window.mark(index);  // an older one has no bit there
  }

 private:
  [[nodiscard]] std::uint64_t& word(std::uint64_t index) const noexcept { return words_[(index & (packets_ - 1)) >> 6]; }
  void clear(std::uint64_t index) noexcept { word(index) &= ~(std::uint64_t{1} << (index & 63)); }

  void mark_wide(const IndexWindow& window, std::uint64_t index) noexcept {
    if (!window.started())
      std::fill(words_.begin(), words_.end(), std::uint64_t{0});
    else if (index > window.top)
      forget(window.top + 1, index);
    word(index) |= std::uint64_t{1} << (index & 63);
  }

  // Indexes first to last come into the window: their bits stood for older ones.
  void forget(std::uint64_t first, std::uint64_t last) noexcept {
    if (last == first) [[likely]]
      return clear(first);
    if (last - first >= packets_ - 1) return std::fill(words_.begin(), words_.end(), std::uint64_t{0});
    for (; first <= last && (first & 63) != 0; ++first) clear(first);
    for (; first + 63 <= last; first += 64) word(first) = 0;
    for (; first <= last; ++first) clear(first);
  }

  std::span<std::uint64_t> words_;
  std::uint64_t packets_;  // that the words have room for: a power of two
};

// The replay window of SRTCP (RFC 3711 §3.4): 64 packets over a 31-bit index that is on the wire. A view of two fields of the caller.
// bits: bit i stands for index top - i; with no bit set nothing was marked yet.
struct SrtcpWindow {
  std::uint32_t& top;
  std::uint64_t& bits;

  using Verdict = IndexWindow::Verdict;

  [[nodiscard]] bool started() const noexcept { return bits != 0; }
  [[nodiscard]] static bool is_valid(std::uint32_t index) noexcept { return index <= kMaxSrtcpIndex; }

  [[nodiscard]] Verdict test(std::uint32_t index) const noexcept {
    if (!started() || index > top) return Verdict::kFresh;
    const std::uint32_t behind = top - index;
    if (behind >= 64) return Verdict::kTooOld;
    return ((bits >> behind) & 1) != 0 ? Verdict::kReplayed : Verdict::kFresh;
  }

  // Marks an index for which test said kFresh.
  void mark(std::uint32_t index) noexcept {
    if (started() && index <= top) {
      bits |= std::uint64_t{1} << (top - index);
      return;
    }
    const std::uint32_t step = index - top;
    bits = started() && step < 64 ? (bits << step) | 1 : 1;
    top = index;
  }
};

// Both write 16 bytes in one store: two 8-byte stores would defeat store forwarding into the engine's 16-byte load.
// salt: 16 bytes, the session salt with zeros behind. For SRTCP the index is its 31 bits: they stand where the low bits of the 48
// do, in AES-CM (RFC 3711 §4.1.1) and in GCM (RFC 7714 §9.1: 0000, SSRC, 0000, index).
inline void make_cm_iv(std::byte* iv, const std::byte* salt, std::uint32_t ssrc, std::uint64_t index) noexcept {  // RFC 3711 §4.1.1
  const __m128i s = _mm_loadu_si128(reinterpret_cast<const __m128i*>(salt));
  const __m128i x = _mm_set_epi64x(static_cast<long long>(__builtin_bswap64(index << 16)), static_cast<long long>(__builtin_bswap64(ssrc)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(iv), _mm_xor_si128(s, x));
}
inline void make_gcm_iv(std::byte* iv, const std::byte* salt, std::uint32_t ssrc, std::uint64_t index) noexcept {  // RFC 7714 §8.1
  const __m128i s = _mm_loadu_si128(reinterpret_cast<const __m128i*>(salt));
  const std::uint64_t low = __builtin_bswap64((std::uint64_t{ssrc} << 16) | (index >> 32));
  const std::uint64_t high = __builtin_bswap32(static_cast<std::uint32_t>(index));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(iv),
                   _mm_xor_si128(s, _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low))));
}

}  // namespace mediaward::crypto
