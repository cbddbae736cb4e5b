// SPDX-License-Identifier: Apache-2.0
// What the traffic tool puts into a packet: a payload that is a function of (seed, SSRC, packet index), so that a payload that
// belongs to another packet, stream or run is recognised, and an RTP header that is a function of the same.
// Deliberately no random generator with state: sender and checker share nothing but these formulas. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/bytes.h"

namespace mediaward::tools::traffic {

inline constexpr std::size_t kRtpHeaderBytes = 12;    // RFC 3550 §5.1, without CSRC and extension
inline constexpr std::uint8_t kRtpPayloadType = 96;   // dynamic (RFC 3551 §3); no RTCP type shares its byte (RFC 5761 §4)
inline constexpr std::uint32_t kTimestampStep = 160;  // 20 ms at 8 kHz

// splitmix64's finaliser: every input bit moves every output bit.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// The first eight bytes of a payload, as they lie in memory.
[[nodiscard]] constexpr std::uint64_t payload_word(std::uint64_t seed, std::uint32_t ssrc, std::uint64_t index) noexcept {
  return mix(mix(seed ^ (std::uint64_t{ssrc} << 32)) ^ index);
}

inline void fill_payload(Bytes out, std::uint64_t seed, std::uint32_t ssrc, std::uint64_t index) noexcept {
  std::uint64_t word = payload_word(seed, ssrc, index);
  for (std::size_t at = 0; at < out.size(); at += sizeof word) {
    const std::size_t rest = out.size() - at;
    std::memcpy(out.data() + at, &word, rest < sizeof word ? rest : sizeof word);
    word = word * 6364136223846793005u + 1442695040888963407u;
  }
}

[[nodiscard]] inline bool is_payload(ConstBytes bytes, std::uint64_t seed, std::uint32_t ssrc, std::uint64_t index) noexcept {
  std::uint64_t word = payload_word(seed, ssrc, index);
  for (std::size_t at = 0; at < bytes.size(); at += sizeof word) {
    const std::size_t rest = bytes.size() - at;
    if (std::memcmp(bytes.data() + at, &word, rest < sizeof word ? rest : sizeof word) != 0) return false;
    word = word * 6364136223846793005u + 1442695040888963407u;
  }
  return true;
}

[[nodiscard]] constexpr std::uint32_t rtp_timestamp(std::uint32_t ssrc, std::uint64_t index) noexcept {
  return static_cast<std::uint32_t>(mix(ssrc) + index * kTimestampStep);
}

inline void write_rtp_header(std::byte* at, std::uint32_t ssrc, std::uint64_t index) noexcept {
  at[0] = std::byte{0x80};
  at[1] = std::byte{kRtpPayloadType};
  store_be16(at + 2, static_cast<std::uint16_t>(index));
  store_be32(at + 4, rtp_timestamp(ssrc, index));
  store_be32(at + 8, ssrc);
}

}  // namespace mediaward::tools::traffic
