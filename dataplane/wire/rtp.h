// SPDX-License-Identifier: Apache-2.0
// RTP fixed header, CSRC list and extension (RFC 3550 §5.1, §5.3.1): where the header ends and what it says.
// Padding is not looked at (it is encrypted in SRTP until opened), extension elements are not parsed. Per packet; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"

namespace mediaward::dataplane::wire {

inline constexpr std::size_t kRtpBytes = 12;

struct RtpHeaderInfo {
  std::uint16_t header_bytes = 0;  // fixed header, CSRC list and extension
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0;
  std::uint8_t payload_type = 0;
  bool marker = false;
  bool padding = false;
};

enum class RtpError : std::uint8_t {
  kNone,
  kTruncated,     // shorter than the fixed header
  kBadVersion,    // other than 2
  kBadCsrc,       // list reaches beyond the packet
  kBadExtension,  // extension reaches beyond the packet
};

// packet: RTP bytes up to 65535, without the SRTP tag and MKI where the caller knows them, so that the header cannot reach into
// them. `out` is written only with kNone. header_bytes ≤ packet.size(); an empty payload is legal.
[[nodiscard]] inline RtpError parse_rtp(ConstBytes packet, RtpHeaderInfo& out) noexcept {
  const std::size_t size = packet.size();
  if (size < kRtpBytes) [[unlikely]]
    return RtpError::kTruncated;
  const std::byte* p = packet.data();
  const std::uint32_t word = load_be32(p);
  if ((word >> 30) != 2) [[unlikely]]
    return RtpError::kBadVersion;
  std::size_t header = kRtpBytes + ((word >> 24) & 0x0f) * std::size_t{4};
  if (header > size) [[unlikely]]
    return RtpError::kBadCsrc;
  if ((word & (1u << 28)) != 0) {
    if (header + 4 > size) [[unlikely]]
      return RtpError::kBadExtension;
    header += 4 + std::size_t{load_be16(p + header + 2)} * 4;
    if (header > size) [[unlikely]]
      return RtpError::kBadExtension;
  }
  out.header_bytes = static_cast<std::uint16_t>(header);
  out.sequence = static_cast<std::uint16_t>(word);
  out.timestamp = load_be32(p + 4);
  out.ssrc = load_be32(p + 8);
  out.payload_type = static_cast<std::uint8_t>((word >> 16) & 0x7f);
  out.marker = (word & (1u << 23)) != 0;
  out.padding = (word & (1u << 29)) != 0;
  return RtpError::kNone;
}

}  // namespace mediaward::dataplane::wire
