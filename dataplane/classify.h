// SPDX-License-Identifier: Apache-2.0
// Looks at a received frame once and says which lane it belongs to: one of the host's protocols, media for a leg, the network peer, or a drop
// with its reason. Everything a later stage trusts about lengths and offsets is established here (Ethernet, VLAN, IPv4/IPv6, UDP). Changes
// nothing but the packet's l2/l3 lengths. The worker's own thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/drop_reason.h"
#include "dataplane/host.h"
#include "dataplane/packet.h"
#include "dataplane/settings.h"

namespace mediaward::dataplane {

enum class Lane : std::uint8_t { kDrop, kArp, kIcmp, kIcmpv6, kMedia, kPeer };

struct Classified {
  Lane lane = Lane::kDrop;
  DropReason reason{};                 // kDrop
};

// What of a port's settings the packet path compares with.
class Classifier {
 public:
  Classifier(const PortSettings& port, const Host& host);

  // `out` is written for kMedia and kPeer only.
  [[nodiscard]] Classified classify(Packet& packet, Datagram& out) const noexcept;

 private:
  [[nodiscard]] bool for_us(const std::byte* frame) const noexcept;
  [[nodiscard]] Classified ipv4(Packet& packet, std::uint16_t l2_bytes, Datagram& out) const noexcept;
  [[nodiscard]] Classified ipv6(Packet& packet, std::uint16_t l2_bytes, Datagram& out) const noexcept;
  [[nodiscard]] Classified udp(const Packet& packet, std::byte* udp, std::uint32_t bytes, int address_index, const std::byte* source, bool v6,
                               Datagram& out) const noexcept;

  const Host& host_;
  std::uint64_t mac_ = 0;              // low 48 bits as loaded
  std::uint16_t vlan_ = 0;
  std::uint32_t ppspp_port_;           // beyond 16 bits: none
};

// What shares a media port is told apart by its first two bytes (RFC 7983 §7, RFC 5761 §4): RTP and RTCP of version 2 ...
[[nodiscard]] inline bool is_media(const std::byte* payload, std::uint32_t bytes) noexcept {
  return bytes >= 2 && (std::to_integer<unsigned>(payload[0]) & 0xc0u) == 0x80u;
}
// ... and why anything else ends here.
[[nodiscard]] DropReason not_media(const std::byte* payload, std::uint32_t bytes) noexcept;

}  // namespace mediaward::dataplane
