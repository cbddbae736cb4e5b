// SPDX-License-Identifier: Apache-2.0
// Inputs of the packet cases about Ethernet, VLAN, IP and UDP: what is refused, and what looks odd and is right. See case_builder.h.
#include "tests/packet/case_builder.h"

namespace mediaward::test {
namespace {

using Case = std::unique_ptr<CaseBuilder>;
using Bytes8 = std::vector<std::uint8_t>;

constexpr std::size_t kIp = 14, kUdp4 = kIp + 20, kUdp6 = kIp + 40;

Bytes8 cut(Bytes8 frame, std::size_t bytes) {
  frame.resize(bytes);
  return frame;
}
Bytes8 with(Bytes8 frame, std::size_t at, std::uint8_t value, bool fix_checksum = true) {
  frame[at] = value;
  if (fix_checksum) fix_ipv4_checksum(frame);
  return frame;
}

Case ethernet() {
  auto c = std::make_unique<CaseBuilder>("IEEE 802.3: short frames, frames for others, other protocols, groups");
  c->add_standard(2);
  const Bytes8 good = c->good_frame(c->p(0), 1);
  c->frame(cut(good, 1));
  c->frame(cut(good, 13));
  UdpFlow flow = c->flow(c->p(0));
  c->frame(ethernet_frame(flow, 0x88cc, Bytes8(46, 1)));  // LLDP
  c->frame(ethernet_frame(flow, 46, Bytes8(46, 2)));      // a length, not a type
  flow.destination_mac = {0x02, 0, 0, 0, 0, 0x02};
  c->frame(udp_frame(flow, c->seal(c->p(0), CaseBuilder::rtp(c->p(0), 2))));
  flow.destination_mac = {0x01, 0, 0x5e, 0, 0, 1};
  c->frame(udp_frame(flow, c->seal(c->p(0), CaseBuilder::rtp(c->p(0), 3))));
  flow.destination_mac = {0x01, 0x80, 0xc2, 0, 0, 0};
  c->frame(ethernet_frame(flow, 0x0027, Bytes8(46, 3)));  // spanning tree
  c->frame(good);
  return c;
}

Case vlan_tagged() {
  auto c = std::make_unique<CaseBuilder>("IEEE 802.1Q: a port in VLAN 100 takes that tag with any priority, no other, and answers with it");
  c->options().vlan = 100;
  c->add_standard(3);
  c->send(c->p(0), 1);
  c->send(c->p(2), 1);
  UdpFlow flow = c->flow(c->p(0));
  std::uint16_t sequence = 2;
  for (const int tci : {0xa064, 0x00c8, 0x0000, 0x0fff, -1}) {  // priority 5 in VLAN 100; VLAN 200; priority tag; 4095; untagged
    flow.vlan = tci < 0 ? std::nullopt : std::optional(static_cast<std::uint16_t>(tci));
    c->frame(udp_frame(flow, c->seal(c->p(0), CaseBuilder::rtp(c->p(0), sequence++))));
  }
  Bytes8 twice = c->good_frame(c->p(0), sequence);
  twice.insert(twice.begin() + 12, {0x81, 0x00, 0x00, 0x64});
  c->frame(twice);
  c->frame(cut(c->good_frame(c->p(0), 20), 17));
  flow = c->flow(c->p(0));
  flow.destination_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  c->frame(ethernet_frame(flow, 0x0806, arp_packet(1, Dataplane::kPeerMac, "192.0.2.50", {}, "192.0.2.1")));
  return c;
}

Case vlan_untagged() {
  auto c = std::make_unique<CaseBuilder>("IEEE 802.1Q §6.9: an untagged port takes priority tags, but no VLAN and no second tag");
  c->add_standard(2);
  UdpFlow flow = c->flow(c->p(0));
  std::uint16_t sequence = 1;
  for (const std::uint16_t tci : std::initializer_list<std::uint16_t>{0x0000, 0xe000, 0x0005, 0x0fff}) {
    flow.vlan = tci;
    c->frame(udp_frame(flow, c->seal(c->p(0), CaseBuilder::rtp(c->p(0), sequence++))));
  }
  flow.vlan = 0;
  Bytes8 twice = udp_frame(flow, c->seal(c->p(0), CaseBuilder::rtp(c->p(0), sequence++)));
  twice.insert(twice.begin() + 12, {0x81, 0x00, 0x00, 0x00});
  c->frame(twice);
  Bytes8 provider = c->good_frame(c->p(0), sequence++);
  provider.insert(provider.begin() + 12, {0x88, 0xa8, 0x00, 0x05});  // IEEE 802.1ad
  c->frame(provider);
  c->frame(cut(twice, 16));
  c->send(c->p(0), sequence);
  return c;
}

Case malformed_ipv4() {
  auto c = std::make_unique<CaseBuilder>("RFC 791: header and lengths that cannot be, fragments, strangers");
  c->add_standard(2);
  std::uint16_t sequence = 1;
  const auto good = [&] { return c->good_frame(c->p(0), sequence++); };
  c->frame(cut(good(), kIp));
  c->frame(cut(good(), kIp + 19));
  c->frame(with(good(), kIp, 0x65));                     // version 6
  c->frame(with(good(), kIp, 0x55));
  c->frame(with(good(), kIp, 0x44, false));              // 16 bytes of header
  c->frame(with(good(), kIp, 0x40, false));
  c->frame(cut(good(), 60));                             // total length beyond the frame
  c->frame(with(with(good(), kIp + 2, 0), kIp + 3, 19)); // total length below the header
  c->frame(with(good(), kIp, 0x4f, false));              // 60 bytes of header: checksum over media
  c->frame(with(good(), kIp + 10, 0x00, false));         // checksum
  c->frame(with(good(), kIp + 6, 0x20));                 // first fragment
  c->frame(with(good(), kIp + 7, 0x40));                 // middle fragment
  c->frame(with(with(good(), kIp + 6, 0x20), kIp + 7, 0x01));
  c->frame(with(good(), kIp + 19, 77));                  // somebody else's address
  c->frame(with(good(), kIp + 16, 224));
  c->frame(with(good(), kIp + 9, 6));                    // TCP
  c->frame(with(good(), kIp + 9, 132));
  c->frame(good());
  return c;
}

Case odd_ipv4() {
  auto c = std::make_unique<CaseBuilder>("RFC 791, RFC 1122: options, Ethernet padding, the reserved flag, TTL 1 and no UDP checksum are no reason to drop");
  c->add_standard(2);
  Bytes8 options = c->good_frame(c->p(0), 1);
  options.insert(options.begin() + kUdp4, {1, 1, 1, 1});
  options[kIp] = 0x46;
  set16(options, kIp + 2, static_cast<unsigned>(options.size() - kIp));
  fix_ipv4_checksum(options);
  c->frame(options);
  Bytes8 padded = udp_frame(c->flow(c->p(0)), c->seal(c->p(0), CaseBuilder::rtp(c->p(0), 2, 0)));
  padded.resize(70, 0);
  c->frame(padded);
  c->frame(with(c->good_frame(c->p(0), 3), kIp + 6, 0x80));
  c->frame(with(c->good_frame(c->p(0), 4), kIp + 8, 1));
  Bytes8 unchecked = c->good_frame(c->p(0), 5);
  set16(unchecked, kUdp4 + 6, 0);
  c->frame(unchecked);
  Bytes8 longer = c->good_frame(c->p(0), 6);  // bytes between the UDP length and the IP length: no part of the datagram
  longer.insert(longer.end(), 6, 0xee);
  set16(longer, kIp + 2, static_cast<unsigned>(longer.size() - kIp));
  fix_ipv4_checksum(longer);
  c->frame(longer);
  return c;
}

Case malformed_ipv6() {
  auto c = std::make_unique<CaseBuilder>("RFC 8200: header and lengths that cannot be, extension headers, fragments, strangers, no UDP checksum");
  c->add_standard(4);
  std::uint16_t sequence = 1;
  const auto good = [&] { return c->good_frame(c->p(2), sequence++); };
  const auto at = [&](std::size_t where, std::uint8_t value) { return with(good(), where, value, false); };
  c->frame(cut(good(), kIp));
  c->frame(cut(good(), kIp + 39));
  c->frame(at(kIp, 0x40));
  c->frame(at(kIp, 0x70));
  c->frame(at(kIp + 4, 0x40));                          // payload length beyond the frame
  for (const int next : {44, 0, 43, 60, 51, 50, 135}) c->frame(at(kIp + 6, static_cast<std::uint8_t>(next)));
  for (const int next : {6, 1, 59, 4, 41}) c->frame(at(kIp + 6, static_cast<std::uint8_t>(next)));
  c->frame(at(kIp + 39, 0x77));                         // somebody else's address
  Bytes8 unchecked = good();
  set16(unchecked, kUdp6 + 6, 0);
  c->frame(unchecked);
  UdpFlow flow = c->flow(c->p(2));
  flow.destination = "ff02::1";
  flow.destination_mac = {0x33, 0x33, 0, 0, 0, 1};
  c->frame(udp_frame(flow, Bytes8(40, 0x80)));          // media to a group
  flow.destination = "ff02::fb";
  flow.destination_mac = {0x33, 0x33, 0, 0, 0, 1};
  c->frame(udp_frame(flow, Bytes8(40, 0x80)));          // a group that is not ours
  flow = c->flow(c->p(2));
  flow.destination = "fe80::ff:fe00:1";                 // our link-local address: no leg lives there
  c->frame(udp_frame(flow, Bytes8(40, 0x80)));
  c->frame(good());
  return c;
}

Case bad_source() {
  auto c = std::make_unique<CaseBuilder>("RFC 1122 §3.2.1.3: echo requests from addresses that nobody sends from");
  c->add_standard(2);
  const auto ping = icmp_message(8, 0, Bytes8(12, 7));
  for (const char* source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.1"})
    c->frame(ethernet_frame(c->flow(c->p(0)), 0x0800, ipv4_packet(source, "192.0.2.1", 1, ping)));
  for (const char* source : {"ff02::1", "2001:db8::1"}) {
    const auto echo = icmpv6_message(source, "2001:db8::1", 128, 0, Bytes8(12, 7));
    c->frame(ethernet_frame(c->flow(c->p(0)), 0x86dd, ipv6_packet(source, "2001:db8::1", 58, echo)));
  }
  UdpFlow flow = c->flow(c->p(0));
  flow.source = "127.0.0.1";  // media: the leg's remote address says more
  c->frame(udp_frame(flow, c->seal(c->p(0), CaseBuilder::rtp(c->p(0), 1))));
  c->send(c->p(0), 2);
  return c;
}

Case malformed_udp() {
  auto c = std::make_unique<CaseBuilder>("RFC 768: lengths that cannot be; ports and addresses without a leg");
  c->add_standard(4);
  for (const std::size_t from : {0u, 2u}) {
    const std::size_t udp = from == 0 ? kUdp4 : kUdp6;
    std::uint16_t sequence = 1;
    for (const unsigned length : {0u, 7u, 600u, 0xffffu}) {
      Bytes8 frame = c->good_frame(c->p(from), sequence++);
      set16(frame, udp + 4, length);
      c->frame(frame);
    }
    Bytes8 tiny = cut(c->good_frame(c->p(from), sequence++), udp + 7);  // an IP payload shorter than a UDP header
    if (from == 0) {
      set16(tiny, kIp + 2, 27);
      fix_ipv4_checksum(tiny);
    } else {
      set16(tiny, kIp + 4, 7);
    }
    c->frame(tiny);
    UdpFlow flow = c->flow(c->p(from));
    for (const unsigned port : {20001u, 29998u, 39999u, 19999u, 40000u, 0u, 65535u, 5004u}) {
      flow.destination_port = static_cast<std::uint16_t>(port);
      c->frame(udp_frame(flow, c->seal(c->p(from), CaseBuilder::rtp(c->p(from), sequence++))));
    }
    if (from == 0) {
      flow = c->flow(c->p(0));
      flow.destination = "198.51.100.1";  // ours, but not the leg's
      c->frame(udp_frame(flow, c->seal(c->p(0), CaseBuilder::rtp(c->p(0), sequence++))));
    }
    c->send(c->p(from), sequence);
  }
  return c;
}

}  // namespace

void add_frame_cases(CaseMakers& makers) {
  makers["ethernet"] = ethernet;
  makers["vlan_tagged"] = vlan_tagged;
  makers["vlan_untagged"] = vlan_untagged;
  makers["malformed_ipv4"] = malformed_ipv4;
  makers["odd_ipv4"] = odd_ipv4;
  makers["malformed_ipv6"] = malformed_ipv6;
  makers["bad_source"] = bad_source;
  makers["malformed_udp"] = malformed_udp;
}

}  // namespace mediaward::test
