// SPDX-License-Identifier: Apache-2.0
// IPv4 (RFC 791) and IPv6 (RFC 8200) fixed headers: parse and serialise.
// Options and extension headers are measured or named, never interpreted; nothing is reassembled. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/bytes.h"
#include "dataplane/checksum.h"

namespace mediaward::dataplane::wire {

inline constexpr std::size_t kIpv4Bytes = 20;
inline constexpr std::size_t kIpv6Bytes = 40;
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;
inline constexpr std::uint8_t kDefaultTtl = 64;  // RFC 1122 §3.2.1.7
inline constexpr std::uint16_t kIpv4DontFragment = 0x4000;

struct Ipv4Header {
  std::uint8_t version_ihl;
  std::uint8_t tos;
  Be16 total_bytes;
  Be16 id;
  Be16 fragment;  // flags and offset
  std::uint8_t ttl;
  std::uint8_t protocol;
  Be16 checksum;
  std::byte source[4];
  std::byte destination[4];
};
static_assert(sizeof(Ipv4Header) == kIpv4Bytes && alignof(Ipv4Header) == 1);

struct Ipv6Header {
  Be32 version_class_flow;
  Be16 payload_bytes;
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  std::byte source[16];
  std::byte destination[16];
};
static_assert(sizeof(Ipv6Header) == kIpv6Bytes && alignof(Ipv6Header) == 1);

enum class IpError : std::uint8_t { kNone, kTruncated, kBadVersion };

struct IpInfo {
  std::uint16_t header_bytes = 0;   // with options; 40 for IPv6
  std::uint32_t payload_bytes = 0;  // behind the header, by the length field: never beyond the given bytes
  std::uint8_t protocol = 0;        // IPv6: next header
  std::uint8_t hop_limit = 0;
  bool fragment = false;  // IPv4: offset or more-fragments set
};

// l3: from the first byte of the IP header to the end of the frame (Ethernet padding may follow the datagram).
[[nodiscard]] inline IpError parse_ipv4(ConstBytes l3, IpInfo& out) noexcept {
  if (l3.size() < kIpv4Bytes) return IpError::kTruncated;
  const auto first = std::to_integer<std::uint8_t>(l3[0]);
  const std::uint16_t header = static_cast<std::uint16_t>((first & 0x0f) * 4);
  if ((first >> 4) != 4 || header < kIpv4Bytes) return IpError::kBadVersion;
  const std::uint16_t total = load_be16(l3.data() + 2);
  if (header > total || total > l3.size()) return IpError::kTruncated;
  out.header_bytes = header;
  out.payload_bytes = static_cast<std::uint32_t>(total - header);
  out.protocol = std::to_integer<std::uint8_t>(l3[9]);
  out.hop_limit = std::to_integer<std::uint8_t>(l3[8]);
  out.fragment = (load_be16(l3.data() + 6) & 0x3fff) != 0;  // RFC 791 §3.1: MF and the 13-bit offset
  return IpError::kNone;
}

[[nodiscard]] inline IpError parse_ipv6(ConstBytes l3, IpInfo& out) noexcept {
  if (l3.size() < kIpv6Bytes) return IpError::kTruncated;
  if ((std::to_integer<std::uint8_t>(l3[0]) >> 4) != 6) return IpError::kBadVersion;
  const std::uint16_t payload = load_be16(l3.data() + 4);
  if (kIpv6Bytes + payload > l3.size()) return IpError::kTruncated;
  out.header_bytes = static_cast<std::uint16_t>(kIpv6Bytes);
  out.payload_bytes = payload;
  out.protocol = std::to_integer<std::uint8_t>(l3[6]);
  out.hop_limit = std::to_integer<std::uint8_t>(l3[7]);
  out.fragment = out.protocol == 44;  // RFC 8200 §4.5
  return IpError::kNone;
}

// Extension headers of RFC 8200 §4.1 and RFC 6275/5201/5533/3692 (the IANA registry of extension header types).
[[nodiscard]] constexpr bool is_ipv6_extension(std::uint8_t next_header) noexcept {
  switch (next_header) {
    case 0:
    case 43:
    case 44:
    case 50:
    case 51:
    case 60:
    case 135:
    case 139:
    case 140:
    case 253:
    case 254:
      return true;
    default:
      return false;
  }
}

// header: header_bytes as parsed. RFC 791 §3.1: the sum over the header including its checksum is all ones.
[[nodiscard]] inline bool ipv4_checksum_good(ConstBytes header) noexcept {
  if (header.size() == kIpv4Bytes) [[likely]] {  // no options, as nearly always: five words, no loop
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < kIpv4Bytes; at += 4) sum += load_raw<std::uint32_t>(header.data() + at);
    return sum != 0 && sum % 0xffff == 0;  // what folding to all ones asks, in one multiplication
  }
  return fold_checksum(add_checksum(header)) == 0xffff;
}

// Header without options, don't-fragment set, identification 0 (RFC 6864 §4.1: atomic datagrams).
// with_checksum = false leaves the field 0 for the port to fill. payload_bytes ≤ 65515.
inline void write_ipv4(std::byte* out, const std::byte* source, const std::byte* destination, std::uint8_t protocol,
                       std::uint16_t payload_bytes, std::uint8_t tos, std::uint8_t ttl, bool with_checksum) noexcept {
  Ipv4Header h{};
  h.version_ihl = 0x45;
  h.tos = tos;
  h.total_bytes = Be16(static_cast<std::uint16_t>(kIpv4Bytes + payload_bytes));
  h.fragment = Be16(kIpv4DontFragment);
  h.ttl = ttl;
  h.protocol = protocol;
  std::memcpy(h.source, source, 4);
  std::memcpy(h.destination, destination, 4);
  if (with_checksum) h.checksum = finish_checksum(add_checksum({reinterpret_cast<const std::byte*>(&h), sizeof h}));
  std::memcpy(out, &h, sizeof h);
}

inline void write_ipv6(std::byte* out, const std::byte* source, const std::byte* destination, std::uint8_t next_header,
                       std::uint16_t payload_bytes, std::uint8_t traffic_class, std::uint8_t hop_limit) noexcept {
  Ipv6Header h{};
  h.version_class_flow = Be32((6u << 28) | (std::uint32_t{traffic_class} << 20));
  h.payload_bytes = Be16(payload_bytes);
  h.next_header = next_header;
  h.hop_limit = hop_limit;
  std::memcpy(h.source, source, 16);
  std::memcpy(h.destination, destination, 16);
  std::memcpy(out, &h, sizeof h);
}

}  // namespace mediaward::dataplane::wire
