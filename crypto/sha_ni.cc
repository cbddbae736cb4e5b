// SPDX-License-Identifier: Apache-2.0
// One to four messages side by side with the SHA instructions: each waits for the one before it, two and more in turn hide that. For batches that
// would leave most lanes of sha_x16.cc empty, for CPUs without AVX-512, and for those whose SHA-NI is faster than their AVX-512.
// See sha_kernels.h. Compiled twice: for SHA-NI alone, and as `vl` for AVX-512 VL, whose 32 registers hold four messages without spilling.
#include "crypto/sha_kernels.h"

#include <immintrin.h>

#include <cstring>

namespace mediaward::crypto::sha {
#ifdef __AVX512VL__
namespace vl {
#endif
namespace {

inline const std::byte* block_of(const Lane& lane, std::uint32_t b) noexcept {
  return b < lane.full ? lane.data + std::size_t{b} * kBlockBytes : lane.tail + std::size_t{b - lane.full} * kBlockBytes;
}

struct Sha1 {
  __m128i abcd, e;

  void load(const std::uint32_t (*state)[kLanes], unsigned lane) noexcept {
    abcd = _mm_set_epi32(static_cast<int>(state[0][lane]), static_cast<int>(state[1][lane]), static_cast<int>(state[2][lane]),
                         static_cast<int>(state[3][lane]));
    e = _mm_set_epi32(static_cast<int>(state[4][lane]), 0, 0, 0);
  }
  void store(std::uint32_t (*state)[kLanes], unsigned lane) const noexcept {
    state[0][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(abcd, 3));
    state[1][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(abcd, 2));
    state[2][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(abcd, 1));
    state[3][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(abcd, 0));
    state[4][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(e, 3));
  }

  template <int kMessages>
  [[gnu::always_inline]] static inline void block(Sha1 (&h)[kMessages], const std::byte* const (&from)[kMessages]) noexcept {
    const __m128i swap = _mm_set_epi64x(0x0001020304050607ll, 0x08090a0b0c0d0e0fll);
    __m128i w[kMessages][4], before[kMessages], before_e[kMessages], last[kMessages];
    for (int m = 0; m < kMessages; ++m) {
      before[m] = h[m].abcd;
      before_e[m] = h[m].e;
      last[m] = h[m].e;
      for (int i = 0; i < 4; ++i) w[m][i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from[m] + 16 * i)), swap);
    }
#pragma GCC unroll 20
    for (int g = 0; g < 20; ++g) {
#pragma GCC unroll 4
      for (int m = 0; m < kMessages; ++m) {
        const __m128i in = g == 0 ? _mm_add_epi32(last[m], w[m][0]) : _mm_sha1nexte_epu32(last[m], w[m][g & 3]);
        last[m] = h[m].abcd;
        h[m].abcd = g < 5    ? _mm_sha1rnds4_epu32(h[m].abcd, in, 0)
                    : g < 10 ? _mm_sha1rnds4_epu32(h[m].abcd, in, 1)
                    : g < 15 ? _mm_sha1rnds4_epu32(h[m].abcd, in, 2)
                             : _mm_sha1rnds4_epu32(h[m].abcd, in, 3);
        if (g < 16) {
          const __m128i next = _mm_xor_si128(_mm_sha1msg1_epu32(w[m][g & 3], w[m][(g + 1) & 3]), w[m][(g + 2) & 3]);
          w[m][g & 3] = _mm_sha1msg2_epu32(next, w[m][(g + 3) & 3]);
        }
      }
    }
    for (int m = 0; m < kMessages; ++m) {
      h[m].e = _mm_sha1nexte_epu32(last[m], before_e[m]);
      h[m].abcd = _mm_add_epi32(h[m].abcd, before[m]);
    }
  }
};

struct Sha256 {
  __m128i abef, cdgh;

  void load(const std::uint32_t (*state)[kLanes], unsigned lane) noexcept {
    const auto words = [&](unsigned a, unsigned b, unsigned c, unsigned d) {
      return _mm_set_epi32(static_cast<int>(state[a][lane]), static_cast<int>(state[b][lane]), static_cast<int>(state[c][lane]),
                           static_cast<int>(state[d][lane]));
    };
    abef = words(0, 1, 4, 5);
    cdgh = words(2, 3, 6, 7);
  }
  void store(std::uint32_t (*state)[kLanes], unsigned lane) const noexcept {
    state[0][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(abef, 3));
    state[1][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(abef, 2));
    state[4][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(abef, 1));
    state[5][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(abef, 0));
    state[2][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(cdgh, 3));
    state[3][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(cdgh, 2));
    state[6][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(cdgh, 1));
    state[7][lane] = static_cast<std::uint32_t>(_mm_extract_epi32(cdgh, 0));
  }

  template <int kMessages>
  [[gnu::always_inline]] static inline void block(Sha256 (&h)[kMessages], const std::byte* const (&from)[kMessages]) noexcept {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
    __m128i w[kMessages][4], before_abef[kMessages], before_cdgh[kMessages];
    for (int m = 0; m < kMessages; ++m) {
      before_abef[m] = h[m].abef;
      before_cdgh[m] = h[m].cdgh;
      for (int i = 0; i < 4; ++i) w[m][i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from[m] + 16 * i)), swap);
    }
#pragma GCC unroll 16
    for (int g = 0; g < 16; ++g) {
      const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(kSha256Constants + 4 * g));
#pragma GCC unroll 4
      for (int m = 0; m < kMessages; ++m) {
        const __m128i in = _mm_add_epi32(w[m][g & 3], constants);
        h[m].cdgh = _mm_sha256rnds2_epu32(h[m].cdgh, h[m].abef, in);
        h[m].abef = _mm_sha256rnds2_epu32(h[m].abef, h[m].cdgh, _mm_shuffle_epi32(in, 0x0e));
        if (g < 12) {
          const __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(w[m][g & 3], w[m][(g + 1) & 3]),
                                             _mm_alignr_epi8(w[m][(g + 3) & 3], w[m][(g + 2) & 3], 4));
          w[m][g & 3] = _mm_sha256msg2_epu32(next, w[m][(g + 3) & 3]);
        }
      }
    }
    for (int m = 0; m < kMessages; ++m) {
      h[m].abef = _mm_add_epi32(h[m].abef, before_abef[m]);
      h[m].cdgh = _mm_add_epi32(h[m].cdgh, before_cdgh[m]);
    }
  }
};

// As many blocks side by side as all of them have, what is left of each alone.
template <typename Hash, int kMessages>
inline void run_together(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned first) noexcept {
  Hash h[kMessages];
  std::uint32_t common = lanes[first].blocks;
  for (int m = 0; m < kMessages; ++m) {
    const Lane& lane = lanes[first + static_cast<unsigned>(m)];
    h[m].load(state, first + static_cast<unsigned>(m));
    common = lane.blocks < common ? lane.blocks : common;
  }
  for (std::uint32_t b = 0; b < common; ++b) {
    const std::byte* from[kMessages];
    for (int m = 0; m < kMessages; ++m) from[m] = block_of(lanes[first + static_cast<unsigned>(m)], b);
    Hash::template block<kMessages>(h, from);
  }
  for (int m = 0; m < kMessages; ++m) {
    const Lane& lane = lanes[first + static_cast<unsigned>(m)];
    Hash alone[1] = {h[m]};
    for (std::uint32_t b = common; b < lane.blocks; ++b) {
      const std::byte* const from[1] = {block_of(lane, b)};
      Hash::template block<1>(alone, from);
    }
    alone[0].store(state, first + static_cast<unsigned>(m));
  }
}

template <typename Hash>
inline void run(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept {
  unsigned at = 0;
  for (; at + 4 <= n; at += 4) run_together<Hash, 4>(state, lanes, at);
  if (at + 3 <= n) return run_together<Hash, 3>(state, lanes, at);
  if (at + 2 <= n) return run_together<Hash, 2>(state, lanes, at);
  if (at < n) run_together<Hash, 1>(state, lanes, at);
}

}  // namespace

void sha1_ni(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept { run<Sha1>(state, lanes, n); }
void sha256_ni(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept { run<Sha256>(state, lanes, n); }

void hmac_sha1_ni(const HmacMessage* messages, unsigned n) noexcept {
  alignas(64) std::byte tails[kLanes][2 * kBlockBytes];
  std::uint32_t inner[kSha1Words][kLanes], outer[kSha1Words][kLanes];
  Lane lanes[kLanes]{};
  for (unsigned l = 0; l < n; ++l) {
    const HmacMessage& m = messages[l];
    for (unsigned w = 0; w < kSha1Words; ++w) {
      std::memcpy(&inner[w][l], m.key + 4 * w, 4);
      std::memcpy(&outer[w][l], m.key + 4 * (kSha1Words + w), 4);
    }
    const std::uint32_t full = m.bytes / kBlockBytes, rest = m.bytes % kBlockBytes;
    const std::uint32_t tail_blocks = rest + sizeof m.suffix + 1 + 8 > kBlockBytes ? 2 : 1;
    const std::uint32_t suffix = __builtin_bswap32(m.suffix);
    const std::uint64_t bits = __builtin_bswap64((std::uint64_t{kBlockBytes} + m.bytes + sizeof m.suffix) * 8);  // the key's block before it
    std::memset(tails[l], 0, sizeof tails[l]);
    if (rest != 0) std::memcpy(tails[l], m.data + std::size_t{full} * kBlockBytes, rest);
    std::memcpy(tails[l] + rest, &suffix, sizeof suffix);
    tails[l][rest + sizeof suffix] = std::byte{0x80};
    std::memcpy(tails[l] + tail_blocks * kBlockBytes - sizeof bits, &bits, sizeof bits);
    lanes[l] = {m.data, tails[l], full, full + tail_blocks};
  }
  run<Sha1>(inner, lanes, n);
  const std::uint64_t outer_bits = __builtin_bswap64((std::uint64_t{kBlockBytes} + 4 * kSha1Words) * 8);
  for (unsigned l = 0; l < n; ++l) {
    std::memset(tails[l], 0, kBlockBytes);
    for (unsigned w = 0; w < kSha1Words; ++w) {
      const std::uint32_t word = __builtin_bswap32(inner[w][l]);
      std::memcpy(tails[l] + 4 * w, &word, 4);
    }
    tails[l][4 * kSha1Words] = std::byte{0x80};
    std::memcpy(tails[l] + kBlockBytes - sizeof outer_bits, &outer_bits, sizeof outer_bits);
    lanes[l] = {nullptr, tails[l], 0, 1};
  }
  run<Sha1>(outer, lanes, n);
  for (unsigned l = 0; l < n; ++l)
    for (unsigned w = 0; w < kSha1Words; ++w) {
      const std::uint32_t word = __builtin_bswap32(outer[w][l]);
      std::memcpy(messages[l].digest + 4 * w, &word, 4);
    }
}

#ifdef __AVX512VL__
}  // namespace vl
#endif
}  // namespace mediaward::crypto::sha
