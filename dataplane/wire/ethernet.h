// SPDX-License-Identifier: Apache-2.0
// Ethernet II header with at most one IEEE 802.1Q tag: parse and serialise.
// Which addresses and tags are accepted is decided elsewhere. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/bytes.h"

namespace mediaward::dataplane::wire {

using Mac = std::array<std::byte, 6>;

inline constexpr std::uint16_t kEtherIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherArp = 0x0806;
inline constexpr std::uint16_t kEtherVlan = 0x8100;  // IEEE 802.1Q C-tag
inline constexpr std::uint16_t kEtherIpv6 = 0x86dd;
inline constexpr std::size_t kEthernetBytes = 14;
inline constexpr std::size_t kVlanTagBytes = 4;
inline constexpr std::uint16_t kVlanIdMask = 0x0fff;
inline constexpr Mac kBroadcastMac = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};

struct EthernetHeader {
  Mac destination;
  Mac source;
  Be16 type;
};
static_assert(sizeof(EthernetHeader) == kEthernetBytes && alignof(EthernetHeader) == 1);

struct VlanTag {  // stands after EthernetHeader when its type is kEtherVlan
  Be16 tci;
  Be16 type;
};
static_assert(sizeof(VlanTag) == kVlanTagBytes && alignof(VlanTag) == 1);

struct EthernetInfo {
  std::uint16_t header_bytes = 0;  // 14, or 18 with a tag
  std::uint16_t type = 0;          // EtherType behind the tag
  std::uint16_t vlan_tci = 0;
  bool tagged = false;
};

// False: the frame is shorter than its header and tag.
[[nodiscard]] inline bool parse_ethernet(ConstBytes frame, EthernetInfo& out) noexcept {
  if (frame.size() < kEthernetBytes) return false;
  out = {static_cast<std::uint16_t>(kEthernetBytes), load_be16(frame.data() + 12), 0, false};
  if (out.type != kEtherVlan) [[likely]]
    return true;
  if (frame.size() < kEthernetBytes + kVlanTagBytes) return false;
  out = {static_cast<std::uint16_t>(kEthernetBytes + kVlanTagBytes), load_be16(frame.data() + 16), load_be16(frame.data() + 14), true};
  return true;
}

// Writes 14 bytes, or 18 with the tag when vlan_tci != 0, and returns how many.
inline std::size_t write_ethernet(std::byte* out, const Mac& destination, const Mac& source, std::uint16_t type,
                                  std::uint16_t vlan_tci) noexcept {
  std::memcpy(out, destination.data(), 6);
  std::memcpy(out + 6, source.data(), 6);
  if (vlan_tci == 0) {
    store_be16(out + 12, type);
    return kEthernetBytes;
  }
  store_be16(out + 12, kEtherVlan);
  store_be16(out + 14, vlan_tci);
  store_be16(out + 16, type);
  return kEthernetBytes + kVlanTagBytes;
}

[[nodiscard]] inline bool is_group(const Mac& mac) noexcept {
  return (mac[0] & std::byte{1}) != std::byte{0};
}
[[nodiscard]] inline bool is_zero(const Mac& mac) noexcept {
  return mac == Mac{};
}

[[nodiscard]] inline Mac load_mac(const std::byte* p) noexcept {
  Mac mac;
  std::memcpy(mac.data(), p, 6);
  return mac;
}

}  // namespace mediaward::dataplane::wire
