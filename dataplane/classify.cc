// SPDX-License-Identifier: Apache-2.0
// See classify.h. The worker's own thread.
#include "dataplane/classify.h"

#include "dataplane/checksum.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/udp.h"

namespace mediaward::dataplane {
namespace {

constexpr std::uint64_t kMacMask = 0x0000ffffffffffffull;

constexpr Classified dropped(DropReason reason) noexcept { return {Lane::kDrop, reason}; }

constexpr DropReason reason_of(wire::IpError error) noexcept {
  return error == wire::IpError::kBadVersion ? DropReason::kIpBadVersion : DropReason::kIpTruncated;
}

// RFC 1122 §3.2.1.3 (a)-(g): what can never be the source of a packet to us.
bool bad_source_v4(const std::byte* p) noexcept {
  const auto first = std::to_integer<unsigned>(p[0]);
  return first == 0 || first == 127 || first >= 224;
}
// RFC 4291 §2.5.2, §2.7: the unspecified address is good for duplicate address detection only, which ICMPv6 handles.
bool bad_source_v6(const std::byte* p) noexcept { return p[0] == std::byte{0xff}; }

}  // namespace

Classifier::Classifier(const PortSettings& port, const Host& host) : host_(host), vlan_(port.vlan), ppspp_port_(port.ppspp_port != 0 ? port.ppspp_port : ~std::uint32_t{0}) {
  std::memcpy(&mac_, port.mac.data(), port.mac.size());
}

bool Classifier::for_us(const std::byte* frame) const noexcept {
  if ((load_raw<std::uint64_t>(frame) & kMacMask) == mac_) [[likely]] return true;
  return (std::to_integer<unsigned>(frame[0]) & 1u) != 0 && host_.is_our_group(wire::load_mac(frame));
}

Classified Classifier::classify(Packet& packet, Datagram& out) const noexcept {
  wire::EthernetInfo ethernet;
  if (!wire::parse_ethernet({packet.data, packet.bytes}, ethernet)) return dropped(DropReason::kEthTruncated);
  if (!for_us(packet.data)) return dropped(DropReason::kEthNotForUs);
  // A priority tag (VLAN id 0) says nothing about membership (IEEE 802.1Q §6.9).
  std::uint16_t vlan = ethernet.vlan_tci & wire::kVlanIdMask;
  if ((packet.flags & kRxVlanStripped) != 0) {
    if (ethernet.tagged) return dropped(DropReason::kVlanMismatch);  // a second tag
    vlan = packet.vlan_tci & wire::kVlanIdMask;
  }
  if (vlan != vlan_) return dropped(DropReason::kVlanMismatch);
  packet.l2_bytes = ethernet.header_bytes;
  switch (ethernet.type) {
    case wire::kEtherIpv4: return ipv4(packet, ethernet.header_bytes, out);
    case wire::kEtherIpv6: return ipv6(packet, ethernet.header_bytes, out);
    case wire::kEtherArp: return {.lane = Lane::kArp};
    case wire::kEtherVlan: return dropped(DropReason::kVlanMismatch);  // a second tag
    default: return dropped(DropReason::kEthUnknownType);
  }
}

Classified Classifier::ipv4(Packet& packet, std::uint16_t l2_bytes, Datagram& out) const noexcept {
  std::byte* l3 = packet.data + l2_bytes;
  wire::IpInfo ip;
  if (const auto error = wire::parse_ipv4({l3, packet.bytes - l2_bytes}, ip); error != wire::IpError::kNone) return dropped(reason_of(error));
  if ((packet.flags & kRxIpChecksumGood) == 0 && !wire::ipv4_checksum_good({l3, ip.header_bytes})) return dropped(DropReason::kIpBadChecksum);
  const int address = host_.address_index(Family::kIpv4, l3 + 16);
  if (address < 0) return dropped(DropReason::kIpNotForUs);
  if (ip.fragment) return dropped(DropReason::kIpFragment);
  packet.l3_bytes = ip.header_bytes;
  if (ip.protocol == wire::kProtocolUdp) [[likely]]
    return udp(packet, l3 + ip.header_bytes, ip.payload_bytes, address, l3 + 12, false, out);
  if (bad_source_v4(l3 + 12) || host_.is_our_address(Family::kIpv4, l3 + 12)) return dropped(DropReason::kIpBadSource);
  if (ip.protocol != wire::kProtocolIcmp) return dropped(DropReason::kIpUnknownProtocol);
  return {.lane = Lane::kIcmp};
}

Classified Classifier::ipv6(Packet& packet, std::uint16_t l2_bytes, Datagram& out) const noexcept {
  std::byte* l3 = packet.data + l2_bytes;
  wire::IpInfo ip;
  if (const auto error = wire::parse_ipv6({l3, packet.bytes - l2_bytes}, ip); error != wire::IpError::kNone) return dropped(reason_of(error));
  // Neighbour discovery is addressed to groups and link-local addresses as well: the host knows them.
  const bool group = l3[24] == std::byte{0xff};
  const int address = group ? Host::kNotOurs : host_.address_index(Family::kIpv6, l3 + 24);
  if (address == Host::kNotOurs && !(group && host_.is_our_group_address(l3 + 24))) return dropped(DropReason::kIpNotForUs);
  if (ip.fragment) return dropped(DropReason::kIpFragment);
  packet.l3_bytes = ip.header_bytes;
  if (ip.protocol == wire::kProtocolUdp && !group) [[likely]]
    return udp(packet, l3 + ip.header_bytes, ip.payload_bytes, address, l3 + 8, true, out);
  if (bad_source_v6(l3 + 8) || host_.is_our_address(Family::kIpv6, l3 + 8)) return dropped(DropReason::kIpBadSource);
  if (ip.protocol != wire::kProtocolIcmpv6)
    return dropped(wire::is_ipv6_extension(ip.protocol) ? DropReason::kIpExtensionHeader : group ? DropReason::kIpNotForUs : DropReason::kIpUnknownProtocol);
  return {.lane = Lane::kIcmpv6};
}

Classified Classifier::udp(const Packet& packet, std::byte* udp, std::uint32_t bytes, int address_index, const std::byte* source, bool v6,
                           Datagram& out) const noexcept {
  wire::UdpInfo info;
  if (!wire::parse_udp({udp, bytes}, info)) return dropped(DropReason::kUdpTruncated);
  // A wrong checksum that the port did not look for is caught by the SRTP tag; RFC 8200 §8.1 forbids none over IPv6.
  if ((packet.flags & kRxL4ChecksumBad) != 0 || (v6 && !info.has_checksum)) return dropped(DropReason::kUdpBadChecksum);
  if (address_index < 0) return dropped(DropReason::kUdpNoLeg);  // our link-local address: no leg lives there
  out = {udp + wire::kUdpBytes, info.payload_bytes, info.destination_port, static_cast<std::uint16_t>(address_index), source};
  return {.lane = info.destination_port == ppspp_port_ ? Lane::kPeer : Lane::kMedia};
}

DropReason not_media(const std::byte* payload, std::uint32_t bytes) noexcept {
  if (bytes < 2) return DropReason::kRtpTruncated;
  const auto first = std::to_integer<unsigned>(payload[0]);
  if (first <= 3) return DropReason::kDemuxStun;
  if (first >= 20 && first <= 63) return DropReason::kDemuxDtls;
  if (first < 80) return DropReason::kDemuxUnknown;
  return DropReason::kRtpBadVersion;  // where RTP of another version would stand
}

}  // namespace mediaward::dataplane
