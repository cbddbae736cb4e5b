// SPDX-License-Identifier: Apache-2.0
// Parse and serialise of neighbour discovery (RFC 4861), see ndp.h.
#include "dataplane/wire/ndp.h"

#include <cstring>

#include "dataplane/wire/icmp.h"
#include "dataplane/wire/ip.h"

namespace mediaward::dataplane::wire {

namespace {

bool parse_options(ConstBytes options, std::uint8_t wanted, NeighbourInfo& out) noexcept {
  while (!options.empty()) {
    if (options.size() < 2) return false;
    const std::size_t bytes = std::to_integer<std::size_t>(options[1]) * 8;  // RFC 4861 §4.6: units of 8 octets
    if (bytes == 0 || bytes > options.size()) return false;
    if (std::to_integer<std::uint8_t>(options[0]) == wanted) {
      if (bytes != 8) return false;  // Ethernet: RFC 2464 §6
      out.link_address = load_mac(options.data() + 2);
      out.has_link_address = true;
    }
    options = options.subspan(bytes);
  }
  return true;
}

}  // namespace

bool parse_neighbour(ConstBytes message, NeighbourInfo& out) noexcept {
  if (message.size() < kNdpNeighbourBytes) return false;
  out = {};
  out.type = std::to_integer<std::uint8_t>(message[0]);
  out.code = std::to_integer<std::uint8_t>(message[1]);
  const bool solicitation = out.type == kNdpNeighbourSolicitation;
  if (!solicitation) out.flags = load_be32(message.data() + 4) & (kNdpRouter | kNdpSolicited | kNdpOverride);
  std::memcpy(out.target.data(), message.data() + 8, 16);
  return parse_options(message.subspan(kNdpNeighbourBytes), solicitation ? kNdpOptionSourceAddress : kNdpOptionTargetAddress, out);
}

void write_neighbour(std::byte* out, std::uint8_t type, std::uint32_t flags, const Ipv6Bytes& source, const Ipv6Bytes& destination,
                     const Ipv6Bytes& target, const Mac& link_address) noexcept {
  write_ipv6(out, source.data(), destination.data(), kProtocolIcmpv6, static_cast<std::uint16_t>(kNdpWithAddressBytes), 0, kNdpHopLimit);
  std::byte* message = out + kIpv6Bytes;
  message[0] = std::byte{type};
  message[1] = std::byte{0};
  store_be32(message + 4, flags);
  std::memcpy(message + 8, target.data(), 16);
  message[24] = std::byte{type == kNdpNeighbourSolicitation ? kNdpOptionSourceAddress : kNdpOptionTargetAddress};
  message[25] = std::byte{1};
  std::memcpy(message + 26, link_address.data(), 6);
  set_icmpv6_checksum(source.data(), destination.data(), {message, kNdpWithAddressBytes});
}

Ipv6Bytes solicited_node_group(const Ipv6Bytes& address) noexcept {
  Ipv6Bytes group{};
  group[0] = std::byte{0xff};
  group[1] = std::byte{0x02};
  group[11] = std::byte{0x01};
  group[12] = std::byte{0xff};
  std::memcpy(group.data() + 13, address.data() + 13, 3);
  return group;
}

Mac multicast_mac(const Ipv6Bytes& group) noexcept {
  Mac mac = {std::byte{0x33}, std::byte{0x33}};
  std::memcpy(mac.data() + 2, group.data() + 12, 4);
  return mac;
}

Ipv6Bytes link_local_from_mac(const Mac& mac) noexcept {
  Ipv6Bytes address{};
  address[0] = std::byte{0xfe};
  address[1] = std::byte{0x80};
  address[8] = mac[0] ^ std::byte{0x02};
  address[9] = mac[1];
  address[10] = mac[2];
  address[11] = std::byte{0xff};
  address[12] = std::byte{0xfe};
  std::memcpy(address.data() + 13, mac.data() + 3, 3);
  return address;
}

}  // namespace mediaward::dataplane::wire
