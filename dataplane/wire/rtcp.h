// SPDX-License-Identifier: Apache-2.0
// RTCP as far as the media plane must look into it: the fixed first 8 bytes, and whether a compound's lengths add up
// (RFC 3550 §6.1, A.2; reduced-size compounds, RFC 5506, are allowed). Report contents are not interpreted. Per packet; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"

namespace mediaward::dataplane::wire {

inline constexpr std::size_t kRtcpBytes = 8;        // common header and SSRC of the sender: what SRTCP leaves in the clear
inline constexpr std::size_t kSrtcpIndexBytes = 4;  // E flag and 31-bit index (RFC 3711 §3.4)
inline constexpr std::uint32_t kSrtcpEncrypted = 0x80000000u;
inline constexpr std::uint32_t kSrtcpIndexMask = 0x7fffffffu;

// Payload types that mean RTCP where RTP and RTCP share a port (RFC 5761 §4): 192 to 223.
[[nodiscard]] inline bool is_rtcp(std::byte second) noexcept {
  return (std::to_integer<unsigned>(second) & 0xe0u) == 0xc0u;
}

// packet: decrypted RTCP. True when it is a chain of packets of version 2, whose lengths end exactly with it; only the last may be padded.
[[nodiscard]] inline bool is_compound(ConstBytes packet) noexcept {
  std::size_t at = 0;
  if (packet.size() < kRtcpBytes) return false;
  while (at != packet.size()) {
    if (packet.size() - at < 4) return false;
    const std::uint32_t word = load_be32(packet.data() + at);
    const std::size_t bytes = ((word & 0xffff) + std::size_t{1}) * 4;
    if ((word >> 30) != 2 || !is_rtcp(static_cast<std::byte>(word >> 16)) || bytes > packet.size() - at) return false;
    const bool padded = (word & (1u << 29)) != 0;
    at += bytes;
    if (!padded) continue;
    const auto count = std::to_integer<std::size_t>(packet[at - 1]);
    return at == packet.size() && count != 0 && count % 4 == 0 && count <= bytes - 4;
  }
  return true;
}

}  // namespace mediaward::dataplane::wire
