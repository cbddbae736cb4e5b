// SPDX-License-Identifier: Apache-2.0
// Answers of the host, see host.h. Every length is checked again against the packet's own bytes: a handler never relies on a
// classifier for memory safety. Checksums are made in software here, whatever the port can do. Worker thread.
#include "dataplane/host.h"

#include <algorithm>
#include <cstring>

#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/icmp.h"
#include "dataplane/wire/ndp.h"

namespace mediaward::dataplane {

namespace {

constexpr HostVerdict drop(DropReason reason) noexcept {
  return {HostAction::kDrop, reason};
}
constexpr HostVerdict act(HostAction action) noexcept {
  return {action, DropReason::kCount};
}
constexpr std::uint8_t kDscpMask = 0xfc;  // RFC 2474 §3; ECN of the request says nothing about the answer

bool is_unspecified(const wire::Ipv6Bytes& a) noexcept {
  return a == wire::Ipv6Bytes{};
}
bool is_multicast(const wire::Ipv6Bytes& a) noexcept {
  return a[0] == std::byte{0xff};
}
bool is_solicited_node_group(const wire::Ipv6Bytes& a) noexcept {
  return wire::solicited_node_group(a) == a;
}
bool is_usable(const MacAddress& mac) noexcept {
  return !wire::is_group(mac) && !wire::is_zero(mac);
}

// The part of the frame behind the Ethernet header; empty when l2_bytes is impossible.
Bytes l3_of(Packet& packet) noexcept {
  const bool possible = packet.l2_bytes >= wire::kEthernetBytes && packet.l2_bytes <= packet.bytes;
  return possible ? packet.span().subspan(packet.l2_bytes) : Bytes{};
}

// RFC 1122 §3.2.1.3: no host sends from these.
bool is_bad_arp_sender(const std::byte* ip) noexcept {
  const auto first = std::to_integer<std::uint8_t>(ip[0]);
  return first == 127 || (first & 0xf0) == 0xe0 || load_raw<std::uint32_t>(ip) == 0xffffffff;
}

}  // namespace

Host::Host(const PortSettings& port, NeighbourTable& neighbours, TokenBucket& echo_bucket)
    : port_(port), neighbours_(neighbours), echo_bucket_(echo_bucket) {
  for (std::size_t i = 0; i < port.addresses.size(); ++i) {
    const IpAddress& a = port.addresses[i].address;
    if (a.family == Family::kIpv6) {
      add_v6(a.bytes, static_cast<int>(i));
    } else {
      v4_.push_back({load_raw<std::uint32_t>(a.bytes.data()), static_cast<int>(i)});
    }
  }
  const IpAddress link_local = link_local_of(port);
  if (!is_our_address(Family::kIpv6, link_local.bytes.data())) add_v6(link_local.bytes, kOurLinkLocal);
}

void Host::add_v6(const wire::Ipv6Bytes& bytes, int index) {
  v6_.push_back(
      {load_raw<std::uint64_t>(bytes.data()), load_raw<std::uint64_t>(bytes.data() + 8), index, bytes, wire::solicited_node_group(bytes)});
}

bool Host::is_our_group(const MacAddress& mac) const noexcept {
  if (mac == wire::kBroadcastMac || mac == wire::multicast_mac(wire::kAllNodes)) return true;
  return std::any_of(v6_.begin(), v6_.end(), [&](const V6& a) { return wire::multicast_mac(a.group) == mac; });
}

bool Host::is_our_group_address(const std::byte* bytes) const noexcept {
  const auto same = [bytes](const wire::Ipv6Bytes& group) { return std::memcmp(group.data(), bytes, 16) == 0; };
  return same(wire::kAllNodes) || std::any_of(v6_.begin(), v6_.end(), [&](const V6& a) { return same(a.group); });
}

// A message addressed to us is an answer or a question that proves a two-way path; anything else only names an address.
void Host::learn_from_arp(const wire::ArpPacket& arp, bool to_us, std::uint64_t now_tsc) noexcept {
  NextHop* hop = neighbours_.find(Family::kIpv4, arp.sender_ip);
  if (hop == nullptr) return;
  if (to_us) {
    confirm_neighbour(*hop, arp.sender_mac, now_tsc);
  } else {
    learn_neighbour(*hop, arp.sender_mac);
  }
}

HostVerdict Host::handle_arp(Packet& packet, std::uint64_t now_tsc) noexcept {
  wire::ArpPacket arp;
  if (!wire::parse_arp(l3_of(packet), arp)) return drop(DropReason::kArpMalformed);
  if (!is_usable(arp.sender_mac) || is_bad_arp_sender(arp.sender_ip)) return drop(DropReason::kArpMalformed);
  const bool request = arp.operation == Be16(wire::kArpRequest);
  if (!request && arp.operation != Be16(wire::kArpReply)) return drop(DropReason::kArpIgnored);
  if (arp.sender_mac == port_.mac || is_our_address(Family::kIpv4, arp.sender_ip)) return drop(DropReason::kArpIgnored);

  const bool for_us = is_our_address(Family::kIpv4, arp.target_ip);
  const bool known = neighbours_.find(Family::kIpv4, arp.sender_ip) != nullptr;
  learn_from_arp(arp, for_us && (request || arp.target_mac == port_.mac), now_tsc);
  if (!request || !for_us) return known ? act(HostAction::kConsumed) : drop(DropReason::kArpIgnored);

  packet.l2_bytes = 0;
  if (!frame_packet(packet, port_, arp.sender_mac, wire::kEtherArp, wire::kArpBytes)) return drop(DropReason::kPoolExhausted);
  wire::write_arp(packet.data + packet.l2_bytes, wire::kArpReply, port_.mac, arp.target_ip, arp.sender_mac, arp.sender_ip);
  packet.l3_bytes = 0;
  return act(HostAction::kArpReply);
}

// RFC 1122 §3.2.2.6. Options of the request are not reflected.
HostVerdict Host::handle_icmp(Packet& packet, std::uint64_t now_tsc) noexcept {
  const Bytes l3 = l3_of(packet);
  wire::IpInfo ip;
  if (packet.next != nullptr) return drop(DropReason::kIcmpIgnored);  // larger than any MTU answered here
  if (wire::parse_ipv4(l3, ip) != wire::IpError::kNone || ip.payload_bytes < wire::kIcmpEchoBytes) return drop(DropReason::kIcmpMalformed);
  if (ip.fragment) return drop(DropReason::kIpFragment);
  const Bytes message = l3.subspan(ip.header_bytes, ip.payload_bytes);
  if (!wire::icmp_checksum_good(message)) return drop(DropReason::kIcmpMalformed);
  wire::Ipv4Header header;
  std::memcpy(&header, l3.data(), sizeof header);
  const bool is_request = message[0] == std::byte{wire::kIcmpEchoRequest} && message[1] == std::byte{0};
  if (!is_request || !is_our_address(Family::kIpv4, header.destination)) return drop(DropReason::kIcmpIgnored);
  const std::size_t l3_bytes = wire::kIpv4Bytes + message.size();
  const MacAddress back_to = wire::load_mac(packet.data + 6);
  if (l3_bytes > port_.mtu || !is_usable(back_to)) return drop(DropReason::kIcmpIgnored);
  if (!echo_bucket_.take(now_tsc)) return drop(DropReason::kIcmpRateLimited);

  std::memmove(l3.data() + wire::kIpv4Bytes, message.data(), message.size());
  const Bytes reply = l3.subspan(wire::kIpv4Bytes, message.size());
  reply[0] = std::byte{wire::kIcmpEchoReply};
  wire::set_icmp_checksum(reply);
  wire::write_ipv4(l3.data(), header.destination, header.source, wire::kProtocolIcmp, static_cast<std::uint16_t>(message.size()),
                   header.tos & kDscpMask, wire::kDefaultTtl, true);
  if (!frame_packet(packet, port_, back_to, wire::kEtherIpv4, l3_bytes)) return drop(DropReason::kPoolExhausted);
  packet.l3_bytes = static_cast<std::uint16_t>(wire::kIpv4Bytes);
  return act(HostAction::kEchoReply);
}

HostVerdict Host::handle_icmpv6(Packet& packet, std::uint64_t now_tsc) noexcept {
  const Bytes l3 = l3_of(packet);
  wire::IpInfo ip;
  if (packet.next != nullptr) return drop(DropReason::kIcmpIgnored);  // larger than any MTU answered here
  if (wire::parse_ipv6(l3, ip) != wire::IpError::kNone) return drop(DropReason::kIpTruncated);
  if (ip.protocol != wire::kProtocolIcmpv6) return drop(DropReason::kIpExtensionHeader);
  Ipv6Message m{};
  std::memcpy(m.source.data(), l3.data() + 8, 16);
  std::memcpy(m.destination.data(), l3.data() + 24, 16);
  m.ethernet_source = wire::load_mac(packet.data + 6);
  m.traffic_class = static_cast<std::uint8_t>(load_be16(l3.data()) >> 4);
  m.hop_limit = ip.hop_limit;
  m.body = l3.subspan(wire::kIpv6Bytes, ip.payload_bytes);
  if (m.body.size() < wire::kIcmpv6Bytes || !wire::icmpv6_checksum_good(m.source.data(), m.destination.data(), m.body)) {
    return drop(DropReason::kIcmpMalformed);
  }
  switch (std::to_integer<std::uint8_t>(m.body[0])) {
    case wire::kIcmpv6EchoRequest:
      return reply_echo_v6(packet, m, now_tsc);
    case wire::kNdpNeighbourSolicitation:
      return handle_solicitation(packet, m);
    case wire::kNdpNeighbourAdvertisement:
      return handle_advertisement(m, now_tsc);
    case wire::kNdpRouterSolicitation:
    case wire::kNdpRouterAdvertisement:
    case wire::kNdpRedirect:
      return drop(DropReason::kNdpIgnored);
    default:
      return drop(DropReason::kIcmpIgnored);
  }
}

// RFC 4443 §4.2: from the address that was asked, or from one of ours when a group was asked.
HostVerdict Host::reply_echo_v6(Packet& packet, const Ipv6Message& m, std::uint64_t now_tsc) noexcept {
  if (m.body.size() < wire::kIcmpEchoBytes) return drop(DropReason::kIcmpMalformed);
  if (is_multicast(m.source) || is_unspecified(m.source)) return drop(DropReason::kIpBadSource);
  wire::Ipv6Bytes from = m.destination;
  if (is_our_group_address(m.destination.data())) {
    const auto own = source_for(port_, IpAddress::v6(m.source.data()));
    if (own) from = own->bytes;
  }
  const std::size_t l3_bytes = wire::kIpv6Bytes + m.body.size();
  const bool answerable = m.body[1] == std::byte{0} && is_our_address(Family::kIpv6, from.data()) && is_usable(m.ethernet_source);
  if (!answerable || l3_bytes > port_.mtu) return drop(DropReason::kIcmpIgnored);
  if (!echo_bucket_.take(now_tsc)) return drop(DropReason::kIcmpRateLimited);

  m.body[0] = std::byte{wire::kIcmpv6EchoReply};
  wire::set_icmpv6_checksum(from.data(), m.source.data(), m.body);
  wire::write_ipv6(packet.data + packet.l2_bytes, from.data(), m.source.data(), wire::kProtocolIcmpv6,
                   static_cast<std::uint16_t>(m.body.size()), m.traffic_class & kDscpMask, wire::kDefaultTtl);
  if (!frame_packet(packet, port_, m.ethernet_source, wire::kEtherIpv6, l3_bytes)) return drop(DropReason::kPoolExhausted);
  packet.l3_bytes = static_cast<std::uint16_t>(wire::kIpv6Bytes);
  return act(HostAction::kEchoReply);
}

// RFC 4861 §7.1.1 (validation), §7.2.3 (receipt), §7.2.4 (answer).
HostVerdict Host::handle_solicitation(Packet& packet, const Ipv6Message& m) noexcept {
  wire::NeighbourInfo ns;
  if (m.hop_limit != wire::kNdpHopLimit || !wire::parse_neighbour(m.body, ns) || ns.code != 0) return drop(DropReason::kNdpMalformed);
  const bool dad = is_unspecified(m.source);
  if (is_multicast(ns.target) || is_multicast(m.source)) return drop(DropReason::kNdpMalformed);
  if (dad && (ns.has_link_address || !is_solicited_node_group(m.destination))) return drop(DropReason::kNdpMalformed);
  if (ns.has_link_address && !is_usable(ns.link_address)) return drop(DropReason::kNdpMalformed);
  const MacAddress back_to = ns.has_link_address ? ns.link_address : m.ethernet_source;
  const bool own = back_to == port_.mac || is_our_address(Family::kIpv6, m.source.data());
  if (own || !is_usable(back_to) || !is_our_address(Family::kIpv6, ns.target.data())) return drop(DropReason::kNdpIgnored);
  if (ns.has_link_address) {
    if (NextHop* hop = neighbours_.find(Family::kIpv6, m.source.data()); hop != nullptr) learn_neighbour(*hop, ns.link_address);
  }

  packet.l2_bytes = 0;  // all that is needed was copied: the answer is longer than a question without options
  const wire::Ipv6Bytes to = dad ? wire::kAllNodes : m.source;
  const MacAddress to_mac = dad ? wire::multicast_mac(wire::kAllNodes) : back_to;
  if (!frame_packet(packet, port_, to_mac, wire::kEtherIpv6, wire::kNdpPacketBytes)) return drop(DropReason::kPoolExhausted);
  const std::uint32_t flags = wire::kNdpOverride | (dad ? 0 : wire::kNdpSolicited);
  wire::write_neighbour(packet.data + packet.l2_bytes, wire::kNdpNeighbourAdvertisement, flags, ns.target, to, ns.target, port_.mac);
  packet.l3_bytes = static_cast<std::uint16_t>(wire::kIpv6Bytes);
  return act(HostAction::kNeighbourReply);
}

// RFC 4861 §7.1.2 (validation), §7.2.5 (receipt).
HostVerdict Host::handle_advertisement(const Ipv6Message& m, std::uint64_t now_tsc) noexcept {
  wire::NeighbourInfo na;
  if (m.hop_limit != wire::kNdpHopLimit || !wire::parse_neighbour(m.body, na) || na.code != 0) return drop(DropReason::kNdpMalformed);
  const bool solicited = (na.flags & wire::kNdpSolicited) != 0;
  if (is_multicast(na.target) || (solicited && is_multicast(m.destination))) return drop(DropReason::kNdpMalformed);
  if (na.has_link_address && !is_usable(na.link_address)) return drop(DropReason::kNdpMalformed);
  NextHop* hop = neighbours_.find(Family::kIpv6, na.target.data());
  if (hop == nullptr) return drop(DropReason::kNdpIgnored);
  const std::uint64_t word = hop->link.load(std::memory_order_relaxed);
  const bool valid = (word & NextHop::kLinkValid) != 0;
  if (!na.has_link_address) {
    if (!valid || !solicited) return drop(DropReason::kNdpIgnored);
    std::memcpy(na.link_address.data(), &word, na.link_address.size());
  } else if (valid && word != link_word(na.link_address) && (na.flags & wire::kNdpOverride) == 0) {
    return drop(DropReason::kNdpIgnored);
  }
  if (solicited) {
    confirm_neighbour(*hop, na.link_address, now_tsc);
  } else {
    learn_neighbour(*hop, na.link_address);
  }
  return act(HostAction::kConsumed);
}

std::size_t Host::announce(std::size_t first, PacketIo& io, std::span<Packet*> out) noexcept {
  std::size_t count = 0;
  for (std::size_t i = first; i < announcements() && count < out.size(); ++i) {
    Packet* packet = nullptr;
    if (!io.allocate({&packet, 1})) break;
    if (!write_announcement(*packet, i)) {
      io.release({&packet, 1});
      break;
    }
    out[count++] = packet;
  }
  return count;
}

bool Host::write_announcement(Packet& packet, std::size_t index) const noexcept {
  packet.port = neighbours_.port_index();
  packet.l2_bytes = packet.l3_bytes = 0;  // a recycled buffer still says what it carried last
  if (index < v4_.size()) {
    std::byte ip[4];
    store_raw(ip, v4_[index].raw);
    if (!frame_packet(packet, port_, wire::kBroadcastMac, wire::kEtherArp, wire::kArpBytes)) return false;
    wire::write_arp(packet.data + packet.l2_bytes, wire::kArpRequest, port_.mac, ip, {}, ip);
    return true;
  }
  const V6& a = v6_[index - v4_.size()];
  if (!frame_packet(packet, port_, wire::multicast_mac(wire::kAllNodes), wire::kEtherIpv6, wire::kNdpPacketBytes)) return false;
  wire::write_neighbour(packet.data + packet.l2_bytes, wire::kNdpNeighbourAdvertisement, wire::kNdpOverride, a.bytes, wire::kAllNodes,
                        a.bytes, port_.mac);
  packet.l3_bytes = static_cast<std::uint16_t>(wire::kIpv6Bytes);
  return true;
}

}  // namespace mediaward::dataplane
