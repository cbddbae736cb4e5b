// SPDX-License-Identifier: Apache-2.0
// Sixteen messages in lockstep, one per 32-bit lane of an AVX-512 register. See sha_kernels.h; compiled for AVX-512, and without
// reassociation, with which GCC lengthens the one chain of additions that counts.
#include "crypto/sha_kernels.h"

#include <immintrin.h>

#include <cstring>

namespace mediaward::crypto::sha {
namespace {

using Vector = __m512i;

inline Vector add(Vector a, Vector b) noexcept { return _mm512_add_epi32(a, b); }
inline Vector all(std::uint32_t value) noexcept { return _mm512_set1_epi32(static_cast<int>(value)); }
inline Vector xor3(Vector a, Vector b, Vector c) noexcept { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
inline Vector choose(Vector x, Vector y, Vector z) noexcept { return _mm512_ternarylogic_epi32(x, y, z, 0xca); }
inline Vector majority(Vector x, Vector y, Vector z) noexcept { return _mm512_ternarylogic_epi32(x, y, z, 0xe8); }

// rows[lane] = 64 bytes of its message → rows[word] = that word of every lane.
inline void transpose_words(Vector (&rows)[kLanes]) noexcept {
  Vector t[kLanes];
  for (unsigned i = 0; i < kLanes; i += 4) {
    const Vector a = _mm512_unpacklo_epi32(rows[i], rows[i + 1]), b = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    const Vector c = _mm512_unpacklo_epi32(rows[i + 2], rows[i + 3]), d = _mm512_unpackhi_epi32(rows[i + 2], rows[i + 3]);
    t[i] = _mm512_unpacklo_epi64(a, c);
    t[i + 1] = _mm512_unpackhi_epi64(a, c);
    t[i + 2] = _mm512_unpacklo_epi64(b, d);
    t[i + 3] = _mm512_unpackhi_epi64(b, d);
  }
  for (unsigned j = 0; j < 4; ++j) {
    const Vector a = _mm512_shuffle_i32x4(t[j], t[4 + j], 0x44), b = _mm512_shuffle_i32x4(t[j], t[4 + j], 0xee);
    const Vector c = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0x44), d = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0xee);
    rows[j] = _mm512_shuffle_i32x4(a, c, 0x88);
    rows[4 + j] = _mm512_shuffle_i32x4(a, c, 0xdd);
    rows[8 + j] = _mm512_shuffle_i32x4(b, d, 0x88);
    rows[12 + j] = _mm512_shuffle_i32x4(b, d, 0xdd);
  }
}

inline Vector swap_bytes(Vector words) noexcept {
  return _mm512_shuffle_epi8(words, _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3)));
}

struct Sha1 {
  static constexpr unsigned kWords = kSha1Words;

  template <unsigned kRound>
  [[gnu::always_inline]] static inline void round(Vector& a, Vector& b, Vector& c, Vector& d, Vector& e, Vector (&w)[kLanes]) noexcept {
    if constexpr (kRound >= 16)
      w[kRound & 15] = _mm512_rol_epi32(
          _mm512_xor_si512(xor3(w[(kRound + 13) & 15], w[(kRound + 8) & 15], w[(kRound + 2) & 15]), w[kRound & 15]), 1);
    constexpr std::uint32_t kConstant = kRound < 20 ? 0x5a827999u : kRound < 40 ? 0x6ed9eba1u : kRound < 60 ? 0x8f1bbcdcu : 0xca62c1d6u;
    Vector f;
    if constexpr (kRound < 20)
      f = choose(b, c, d);
    else if constexpr (kRound >= 40 && kRound < 60)
      f = majority(b, c, d);
    else
      f = xor3(b, c, d);
    // What does not wait for `a` first: the chain from round to round is a rotation and an addition.
    e = add(add(add(e, add(w[kRound & 15], all(kConstant))), f), _mm512_rol_epi32(a, 5));
    b = _mm512_rol_epi32(b, 30);
  }
  template <unsigned kRound>
  [[gnu::always_inline]] static inline void five(Vector (&s)[kWords], Vector (&w)[kLanes]) noexcept {
    round<kRound>(s[0], s[1], s[2], s[3], s[4], w);
    round<kRound + 1>(s[4], s[0], s[1], s[2], s[3], w);
    round<kRound + 2>(s[3], s[4], s[0], s[1], s[2], w);
    round<kRound + 3>(s[2], s[3], s[4], s[0], s[1], w);
    round<kRound + 4>(s[1], s[2], s[3], s[4], s[0], w);
    if constexpr (kRound + 5 < 80) five<kRound + 5>(s, w);
  }
  [[gnu::always_inline]] static inline void block(Vector (&s)[kWords], Vector (&w)[kLanes]) noexcept { five<0>(s, w); }
};

struct Sha256 {
  static constexpr unsigned kWords = kSha256Words;

  template <unsigned kRound>
  [[gnu::always_inline]] static inline void round(Vector& a, Vector& b, Vector& c, Vector& d, Vector& e, Vector& f, Vector& g, Vector& h,
                                                  Vector (&w)[kLanes]) noexcept {
    if constexpr (kRound >= 16) {
      const Vector early = w[(kRound + 1) & 15], late = w[(kRound + 14) & 15];
      const Vector s0 = xor3(_mm512_ror_epi32(early, 7), _mm512_ror_epi32(early, 18), _mm512_srli_epi32(early, 3));
      const Vector s1 = xor3(_mm512_ror_epi32(late, 17), _mm512_ror_epi32(late, 19), _mm512_srli_epi32(late, 10));
      w[kRound & 15] = add(add(w[kRound & 15], s0), add(w[(kRound + 9) & 15], s1));
    }
    const Vector sum1 = xor3(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11), _mm512_ror_epi32(e, 25));
    const Vector sum0 = add(xor3(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13), _mm512_ror_epi32(a, 22)), majority(a, b, c));
    const Vector rest = add(add(h, add(w[kRound & 15], all(kSha256Constants[kRound]))), choose(e, f, g));
    d = add(add(d, rest), sum1);
    h = add(add(rest, sum0), sum1);
  }
  template <unsigned kRound>
  [[gnu::always_inline]] static inline void eight(Vector (&s)[kWords], Vector (&w)[kLanes]) noexcept {
    round<kRound>(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], w);
    round<kRound + 1>(s[7], s[0], s[1], s[2], s[3], s[4], s[5], s[6], w);
    round<kRound + 2>(s[6], s[7], s[0], s[1], s[2], s[3], s[4], s[5], w);
    round<kRound + 3>(s[5], s[6], s[7], s[0], s[1], s[2], s[3], s[4], w);
    round<kRound + 4>(s[4], s[5], s[6], s[7], s[0], s[1], s[2], s[3], w);
    round<kRound + 5>(s[3], s[4], s[5], s[6], s[7], s[0], s[1], s[2], w);
    round<kRound + 6>(s[2], s[3], s[4], s[5], s[6], s[7], s[0], s[1], w);
    round<kRound + 7>(s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[0], w);
    if constexpr (kRound + 8 < 64) eight<kRound + 8>(s, w);
  }
  [[gnu::always_inline]] static inline void block(Vector (&s)[kWords], Vector (&w)[kLanes]) noexcept { eight<0>(s, w); }
};

// Where each lane reads from while nothing changes for any of them: from block `begin` to block `end`, every pointer goes on in steps of one block.
struct Stretch {
  const std::byte* from[kLanes];
  std::uint32_t end;
  __mmask16 running;
};

// Lanes that are done, or not in use, read what a lane reads that is not, and keep their state.
inline Stretch stretch_from(std::uint32_t begin, std::uint32_t longest, const Lane* lanes, unsigned n) noexcept {
  Stretch s;
  s.end = longest;
  s.running = 0;
  const std::byte* any = nullptr;
  for (unsigned l = 0; l < n; ++l) {
    const Lane& lane = lanes[l];
    if (begin >= lane.blocks) continue;
    const bool whole = begin < lane.full;
    s.from[l] = whole ? lane.data : lane.tail - std::size_t{lane.full} * kBlockBytes;
    any = s.from[l];
    s.running = static_cast<__mmask16>(s.running | 1u << l);
    const std::uint32_t end = whole ? lane.full : lane.blocks;
    s.end = end < s.end ? end : s.end;
  }
  for (unsigned l = 0; l < kLanes; ++l)
    if ((s.running >> l & 1) == 0) s.from[l] = any;
  return s;
}

// Lanes are mostly of one length: then there are two stretches, of whole blocks and of those with the padding.
template <typename Hash>
inline void run(Vector (&s)[Hash::kWords], const Lane* lanes, unsigned n) noexcept {
  std::uint32_t longest = 0;
  for (unsigned l = 0; l < n; ++l) longest = lanes[l].blocks > longest ? lanes[l].blocks : longest;
  for (std::uint32_t b = 0; b < longest;) {
    const Stretch stretch = stretch_from(b, longest, lanes, n);
    for (; b < stretch.end; ++b) {
      Vector w[kLanes], before[Hash::kWords];
      for (unsigned l = 0; l < kLanes; ++l) w[l] = swap_bytes(_mm512_loadu_si512(stretch.from[l] + std::size_t{b} * kBlockBytes));
      transpose_words(w);
      for (unsigned i = 0; i < Hash::kWords; ++i) before[i] = s[i];
      Hash::block(s, w);
      for (unsigned i = 0; i < Hash::kWords; ++i) s[i] = _mm512_mask_add_epi32(before[i], stretch.running, s[i], before[i]);
    }
  }
}

template <typename Hash>
inline void run(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept {
  Vector s[Hash::kWords];
  for (unsigned i = 0; i < Hash::kWords; ++i) s[i] = _mm512_loadu_si512(state[i]);
  run<Hash>(s, lanes, n);
  for (unsigned i = 0; i < Hash::kWords; ++i) _mm512_storeu_si512(state[i], s[i]);
}

// The last, broken block with the suffix and the padding. Reads nothing behind the message.
inline Lane cut(const HmacMessage& m, std::byte* tail) noexcept {
  const std::uint32_t full = m.bytes / kBlockBytes, rest = m.bytes % kBlockBytes;
  const std::uint32_t tail_blocks = rest + sizeof m.suffix + 1 + 8 > kBlockBytes ? 2 : 1;
  const Vector left = _mm512_maskz_loadu_epi8((std::uint64_t{1} << rest) - 1, m.data + std::size_t{full} * kBlockBytes);
  _mm512_store_si512(tail, left);
  _mm512_store_si512(tail + kBlockBytes, _mm512_setzero_si512());
  const std::uint32_t suffix = __builtin_bswap32(m.suffix);
  const std::uint64_t bits = __builtin_bswap64((std::uint64_t{kBlockBytes} + m.bytes + sizeof m.suffix) * 8);  // the key's block before it
  std::memcpy(tail + rest, &suffix, sizeof suffix);
  tail[rest + sizeof suffix] = std::byte{0x80};
  std::memcpy(tail + tail_blocks * kBlockBytes - sizeof bits, &bits, sizeof bits);
  return {m.data, tail, full, full + tail_blocks};
}

}  // namespace

void sha1_x16(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept { run<Sha1>(state, lanes, n); }
void sha256_x16(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept { run<Sha256>(state, lanes, n); }

void hmac_sha1_x16(const HmacMessage* messages, unsigned n) noexcept {
  alignas(64) std::byte tails[kLanes][2 * kBlockBytes];
  Lane lanes[kLanes];
  Vector w[kLanes];
  for (unsigned l = 0; l < n; ++l) lanes[l] = cut(messages[l], tails[l]);
  for (unsigned l = 0; l < kLanes; ++l) w[l] = _mm512_loadu_si512(messages[l < n ? l : 0].key);
  transpose_words(w);
  Vector inner[kSha1Words], outer[kSha1Words], s[kSha1Words];
  for (unsigned i = 0; i < kSha1Words; ++i) inner[i] = w[i], outer[i] = s[i] = w[kSha1Words + i];
  run<Sha1>(inner, lanes, n);
  for (unsigned i = 0; i < kLanes; ++i) w[i] = i < kSha1Words ? inner[i] : _mm512_setzero_si512();
  w[kSha1Words] = all(0x80000000u);
  w[15] = all((kBlockBytes + kSha1Words * 4) * 8);
  Sha1::block(s, w);
  alignas(64) std::uint32_t words[kSha1Words][kLanes];
  for (unsigned i = 0; i < kSha1Words; ++i) _mm512_store_si512(words[i], swap_bytes(add(s[i], outer[i])));
  for (unsigned l = 0; l < n; ++l)
    for (unsigned i = 0; i < kSha1Words; ++i) std::memcpy(messages[l].digest + 4 * i, &words[i][l], 4);
}

}  // namespace mediaward::crypto::sha
