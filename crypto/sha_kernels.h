// SPDX-License-Identifier: Apache-2.0
// SHA-1 and SHA-256 over several messages side by side (FIPS 180-4). Private to crypto/sha_*.cc and their users there.
// Translation units behind this header are compiled for wider instruction sets than the rest: nothing inline may be shared with them, so this
// declares plain structs and functions only. Any thread; callers have asked the CPU.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mediaward::crypto::sha {

inline constexpr unsigned kLanes = 16;
inline constexpr unsigned kBlockBytes = 64;
inline constexpr unsigned kSha1Words = 5;
inline constexpr unsigned kSha256Words = 8;

// FIPS 180-4 §4.2.2.
alignas(64) inline constexpr std::uint32_t kSha256Constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// A message cut into blocks: `full` of them at data, the others, padded by the caller, at tail.
struct Lane {
  const std::byte* data;
  const std::byte* tail;
  std::uint32_t full;
  std::uint32_t blocks;  // full included
};

// state[word][lane], host order: in, what the messages begin with; out, what they end with. n: lanes in use, 1 to 16. Lanes are run to the
// longest one's length: callers put messages of about the same length together.
void sha1_x16(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept;    // AVX-512 F, BW, VL
void sha256_x16(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept;  // AVX-512 F, BW, VL
void sha1_ni(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept;     // SHA-NI, SSE4.1
void sha256_ni(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept;   // SHA-NI, SSE4.1

namespace vl {                                                                            // SHA-NI, AVX-512 F, BW, VL
void sha1_ni(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept;
void sha256_ni(std::uint32_t (*state)[kLanes], const Lane* lanes, unsigned n) noexcept;
}  // namespace vl

// A packet to be authenticated: HMAC-SHA1 (RFC 2104) over data and then four bytes more, in network order (SRTP's ROC, RFC 3711 §4.2).
struct HmacMessage {
  const std::byte* data;
  std::uint32_t bytes;
  std::uint32_t suffix;
  const std::byte* key;  // SHA-1's state after key ^ ipad, then after key ^ opad, five words each in host order; 64 bytes are read
  std::byte* digest;     // 20 bytes
};
// n: 1 to 16; run to the longest one's length.
void hmac_sha1_x16(const HmacMessage* messages, unsigned n) noexcept;  // AVX-512 F, BW, VL
void hmac_sha1_ni(const HmacMessage* messages, unsigned n) noexcept;   // SHA-NI, SSE4.1
namespace vl {
void hmac_sha1_ni(const HmacMessage* messages, unsigned n) noexcept;   // SHA-NI, AVX-512 F, BW, VL
}  // namespace vl

}  // namespace mediaward::crypto::sha
