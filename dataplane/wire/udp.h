// SPDX-License-Identifier: Apache-2.0
// UDP header (RFC 768): parse and serialise. Checksums are made with dataplane/checksum.h. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"

namespace mediaward::dataplane::wire {

inline constexpr std::size_t kUdpBytes = 8;
inline constexpr std::size_t kUdpChecksumOffset = 6;

struct UdpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be16 bytes;  // header and payload
  Be16 checksum;
};
static_assert(sizeof(UdpHeader) == kUdpBytes && alignof(UdpHeader) == 1);

struct UdpInfo {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t payload_bytes = 0;
  bool has_checksum = false;  // false: field is 0, allowed over IPv4 only (RFC 8200 §8.1)
};

// ip_payload: exactly what the IP length covers. False: length below 8 or beyond it. Bytes behind the UDP length are ignored.
[[nodiscard]] inline bool parse_udp(ConstBytes ip_payload, UdpInfo& out) noexcept {
  if (ip_payload.size() < kUdpBytes) return false;
  const std::byte* p = ip_payload.data();
  const std::uint16_t bytes = load_be16(p + 4);
  if (bytes < kUdpBytes || bytes > ip_payload.size()) return false;
  out = {load_be16(p), load_be16(p + 2), static_cast<std::uint16_t>(bytes - kUdpBytes), load_raw<std::uint16_t>(p + 6) != 0};
  return true;
}

// Checksum field is left 0.
inline void write_udp(std::byte* out, std::uint16_t source_port, std::uint16_t destination_port, std::uint16_t payload_bytes) noexcept {
  store_be16(out, source_port);
  store_be16(out + 2, destination_port);
  store_be16(out + 4, static_cast<std::uint16_t>(kUdpBytes + payload_bytes));
  store_be16(out + 6, 0);
}

}  // namespace mediaward::dataplane::wire
