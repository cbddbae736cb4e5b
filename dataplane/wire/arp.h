// SPDX-License-Identifier: Apache-2.0
// ARP for IPv4 over Ethernet (RFC 826): parse and serialise. Who is answered is decided by the host. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/bytes.h"
#include "dataplane/wire/ethernet.h"

namespace mediaward::dataplane::wire {

inline constexpr std::size_t kArpBytes = 28;
inline constexpr std::uint16_t kArpRequest = 1;
inline constexpr std::uint16_t kArpReply = 2;

struct ArpPacket {
  Be16 hardware;  // 1: Ethernet
  Be16 protocol;  // 0x0800: IPv4
  std::uint8_t hardware_bytes;
  std::uint8_t protocol_bytes;
  Be16 operation;
  Mac sender_mac;
  std::byte sender_ip[4];
  Mac target_mac;
  std::byte target_ip[4];
};
static_assert(sizeof(ArpPacket) == kArpBytes && alignof(ArpPacket) == 1);

// l3: bytes behind the Ethernet header, padding included. False: truncated, or not Ethernet/IPv4.
[[nodiscard]] inline bool parse_arp(ConstBytes l3, ArpPacket& out) noexcept {
  if (l3.size() < kArpBytes) return false;
  std::memcpy(&out, l3.data(), kArpBytes);
  return out.hardware == Be16(1) && out.protocol == Be16(kEtherIpv4) && out.hardware_bytes == 6 && out.protocol_bytes == 4;
}

// Writes kArpBytes. The addresses may point into what is overwritten.
inline void write_arp(std::byte* out, std::uint16_t operation, const Mac& sender_mac, const std::byte* sender_ip, const Mac& target_mac,
                      const std::byte* target_ip) noexcept {
  ArpPacket p{};
  p.hardware = Be16(1);
  p.protocol = Be16(kEtherIpv4);
  p.hardware_bytes = 6;
  p.protocol_bytes = 4;
  p.operation = Be16(operation);
  p.sender_mac = sender_mac;
  std::memcpy(p.sender_ip, sender_ip, 4);
  p.target_mac = target_mac;
  std::memcpy(p.target_ip, target_ip, 4);
  std::memcpy(out, &p, sizeof p);
}

}  // namespace mediaward::dataplane::wire
