// SPDX-License-Identifier: Apache-2.0
// Inputs of the packet cases about the appliance as a host: ARP, ICMP, neighbour discovery, and media that wait for a neighbour's
// address. See case_builder.h.
#include "tests/packet/case_builder.h"

#include <algorithm>

namespace mediaward::test {
namespace {

using Case = std::unique_ptr<CaseBuilder>;
using Bytes8 = std::vector<std::uint8_t>;

constexpr Mac kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr Mac kOther{0x02, 0, 0, 0, 0, 0x33};
const std::string kUs4 = "192.0.2.1", kUs6 = "2001:db8::1", kPeer6 = "2001:db8::50";

UdpFlow between(const Mac& source, const Mac& destination) {
  UdpFlow flow;
  flow.source_mac = source;
  flow.destination_mac = destination;
  return flow;
}
void arp_frame(CaseBuilder& c, unsigned operation, const Mac& from, const std::string& sender, const Mac& target_mac, const std::string& target,
               const Mac& to = kBroadcast) {
  c.frame(ethernet_frame(between(from, to), 0x0806, arp_packet(operation, from, sender, target_mac, target)));
}
Bytes8 ndp_body(const std::string& target, std::uint32_t flags, std::optional<std::uint8_t> option = {}, const Mac& mac = Dataplane::kPeerMac) {
  Bytes8 body(option ? 28 : 20);
  body[0] = static_cast<std::uint8_t>(flags >> 24);
  const auto address = address_bytes(target);
  std::copy(address.begin(), address.end(), body.begin() + 4);
  if (option) {
    body[20] = *option;
    body[21] = 1;
    std::copy(mac.begin(), mac.end(), body.begin() + 22);
  }
  return body;
}
void icmpv6(CaseBuilder& c, const std::string& source, const std::string& destination, std::uint8_t type, const Bytes8& rest,
            std::uint8_t hop_limit = 255, std::uint8_t code = 0) {
  c.frame(ethernet_frame(between(Dataplane::kPeerMac, Dataplane::kApplianceMac), 0x86dd,
                         ipv6_packet(source, destination, 58, icmpv6_message(source, destination, type, code, rest), hop_limit)));
}

Case arp() {
  auto c = std::make_unique<CaseBuilder>("RFC 826, RFC 5227: questions for us are answered, everything else is not");
  c->add_standard(2);
  arp_frame(*c, 1, kOther, "192.0.2.50", {}, kUs4);
  arp_frame(*c, 1, kOther, "192.0.2.50", {}, "198.51.100.1");
  arp_frame(*c, 1, kOther, "0.0.0.0", {}, kUs4);                                     // a probe (RFC 5227 §2.1.1)
  arp_frame(*c, 1, kOther, "192.0.2.50", {}, kUs4, Dataplane::kApplianceMac);        // unicast poll
  arp_frame(*c, 1, kOther, "192.0.2.50", {}, "192.0.2.51");                          // for others
  arp_frame(*c, 1, kOther, "192.0.2.50", {}, "192.0.2.50");                          // gratuitous, a stranger
  arp_frame(*c, 2, kOther, "192.0.2.50", Dataplane::kApplianceMac, kUs4, Dataplane::kApplianceMac);
  arp_frame(*c, 3, kOther, "192.0.2.50", {}, kUs4);                                  // reverse ARP
  arp_frame(*c, 2, Dataplane::kPeerMac, c->p(0).remote, Dataplane::kApplianceMac, kUs4, Dataplane::kApplianceMac);  // a neighbour of ours
  arp_frame(*c, 1, Dataplane::kPeerMac, c->p(1).remote, {}, c->p(1).remote);         // gratuitous, a neighbour of ours
  arp_frame(*c, 1, kOther, kUs4, {}, kUs4);                                          // somebody claims our address
  for (const char* sender : {"127.0.0.1", "224.0.0.5", "255.255.255.255"}) arp_frame(*c, 1, kOther, sender, {}, kUs4);
  arp_frame(*c, 1, Mac{0x03, 0, 0, 0, 0, 1}, "192.0.2.50", {}, kUs4);                // a group as sender
  arp_frame(*c, 1, Mac{}, "192.0.2.50", {}, kUs4);
  const auto request = arp_packet(1, kOther, "192.0.2.50", {}, kUs4);
  for (const std::size_t at : {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{5}}) {
    Bytes8 odd = request;
    odd[at] ^= 0x10;
    c->frame(ethernet_frame(between(kOther, kBroadcast), 0x0806, odd));
  }
  c->frame(ethernet_frame(between(kOther, kBroadcast), 0x0806, {request.begin(), request.begin() + 27}));
  c->send(c->p(0), 1);
  return c;
}

Case icmp() {
  auto c = std::make_unique<CaseBuilder>("RFC 1122 §3.2.2.6: echo is answered; other types, fragments, bad checksums are not");
  c->add_standard(2);
  const auto send = [&](const Bytes8& message, const std::string& to = kUs4) {
    c->frame(ethernet_frame(c->flow(c->p(0)), 0x0800, ipv4_packet("192.0.2.50", to, 1, message)));
  };
  for (const std::size_t bytes : {4, 5, 60, 1400}) send(icmp_message(8, 0, Bytes8(bytes, 0x42)));
  send(icmp_message(8, 0, Bytes8(20, 1)), "198.51.100.1");
  for (const int type : {0, 3, 5, 11, 13}) send(icmp_message(static_cast<std::uint8_t>(type), 0, Bytes8(20, 1)));
  send(icmp_message(8, 1, Bytes8(20, 1)));
  Bytes8 wrong = icmp_message(8, 0, Bytes8(20, 1));
  wrong[2] ^= 1;
  send(wrong);
  send({8, 0, 0xf7, 0xff});
  c->frame(ethernet_frame(c->flow(c->p(0)), 0x0800, ipv4_packet("192.0.2.50", kUs4, 1, icmp_message(8, 0, Bytes8(20, 1)), 0x2000)));
  UdpFlow broadcast = c->flow(c->p(0));
  broadcast.destination_mac = kBroadcast;
  c->frame(ethernet_frame(broadcast, 0x0800, ipv4_packet("192.0.2.50", "192.0.2.255", 1, icmp_message(8, 0, Bytes8(20, 1)))));
  Bytes8 options = ipv4_packet("192.0.2.50", kUs4, 1, icmp_message(8, 0, Bytes8(20, 9)));
  options.insert(options.begin() + 20, {1, 1, 1, 1});
  options[0] = 0x46;
  set16(options, 2, static_cast<unsigned>(options.size()));
  fix_ipv4_checksum(options, 0);
  c->frame(ethernet_frame(c->flow(c->p(0)), 0x0800, options));
  return c;
}

Case icmp_flood() {
  auto c = std::make_unique<CaseBuilder>("RFC 4443 §2.4 (f): a flood of echo requests is answered at a bounded rate, media are not held up");
  c->add_standard(2);
  for (std::uint16_t i = 0; i < 150; ++i) {
    const bool v6 = i % 2 == 1;
    const Bytes8 rest{0, 1, 0, static_cast<std::uint8_t>(i), 0x55};
    if (v6) {
      icmpv6(*c, kPeer6, kUs6, 128, rest, 64);
    } else {
      c->frame(ethernet_frame(c->flow(c->p(0)), 0x0800, ipv4_packet("192.0.2.50", kUs4, 1, icmp_message(8, 0, rest))));
    }
    if (i % 50 == 0) c->send(c->p(0), i);
  }
  c->wait(10);  // ten more tokens at 1000 per second
  for (int i = 0; i < 15; ++i) icmpv6(*c, kPeer6, kUs6, 128, {0, 2, 0, 3}, 64);
  return c;
}

Case icmpv6_and_ndp() {
  auto c = std::make_unique<CaseBuilder>("RFC 4443, RFC 4861 §7: echo and solicitations are answered; what fails validation or concerns others is not");
  c->add_standard(4);
  const std::string link_local = "fe80::ff:fe00:1", group = "ff02::1:ff00:1";
  icmpv6(*c, kPeer6, kUs6, 128, Bytes8(40, 3), 64);
  icmpv6(*c, "fe80::50", link_local, 128, Bytes8(4, 3), 64);
  icmpv6(*c, kPeer6, kUs6, 129, Bytes8(8, 3), 64);
  icmpv6(*c, kPeer6, kUs6, 1, Bytes8(8, 3), 64);
  icmpv6(*c, kPeer6, kUs6, 128, {1, 2}, 64);                                        // shorter than an echo
  icmpv6(*c, kPeer6, group, 135, ndp_body(kUs6, 0, 1));
  icmpv6(*c, kPeer6, kUs6, 135, ndp_body(kUs6, 0));                                 // unicast poll
  icmpv6(*c, "::", group, 135, ndp_body(kUs6, 0));                                  // duplicate address detection
  icmpv6(*c, kPeer6, "fe80::ff:fe00:1", 135, ndp_body(link_local, 0, 1));
  icmpv6(*c, "::", group, 135, ndp_body(kUs6, 0, 1));                               // §7.1.1: no source option from ::
  icmpv6(*c, "::", kUs6, 135, ndp_body(kUs6, 0));                                   // §7.1.1: not to a solicited-node group
  icmpv6(*c, kPeer6, group, 135, ndp_body(kUs6, 0, 1), 254);                        // §7.1.1: hop limit
  icmpv6(*c, kPeer6, group, 135, ndp_body(kUs6, 0, 1), 255, 1);                     // code
  icmpv6(*c, kPeer6, group, 135, ndp_body("ff02::1", 0, 1));                        // target is a group
  icmpv6(*c, kPeer6, group, 135, ndp_body("2001:db8::77", 0, 1));                   // for others
  Bytes8 zero_option = ndp_body(kUs6, 0, 1);
  zero_option[21] = 0;                                                              // option of length 0
  icmpv6(*c, kPeer6, group, 135, zero_option);
  icmpv6(*c, kPeer6, kUs6, 135, Bytes8(19, 0));                                     // shorter than a solicitation
  icmpv6(*c, c->p(2).remote, kUs6, 136, ndp_body(c->p(2).remote, 0x60000000, 2));   // a neighbour of ours answers
  icmpv6(*c, kPeer6, kUs6, 136, ndp_body(kPeer6, 0x60000000, 2));                   // a stranger does
  icmpv6(*c, kPeer6, "ff02::1", 136, ndp_body(kPeer6, 0x60000000, 2));              // §7.1.2: solicited, to a group
  for (const std::uint8_t type : {std::uint8_t{133}, std::uint8_t{134}, std::uint8_t{137}}) icmpv6(*c, "fe80::50", link_local, type, Bytes8(36, 0));
  icmpv6(*c, "fe80::50", "ff02::1", 130, Bytes8(20, 0));                            // multicast listener query
  Bytes8 wrong = icmpv6_message(kPeer6, kUs6, 128, 0, Bytes8(8, 3));
  wrong[3] ^= 1;
  c->frame(ethernet_frame(c->flow(c->p(0)), 0x86dd, ipv6_packet(kPeer6, kUs6, 58, wrong)));
  c->frame(ethernet_frame(c->flow(c->p(0)), 0x86dd, ipv6_packet(kPeer6, kUs6, 58, {128, 0})));
  c->send(c->p(2), 1);
  return c;
}

Case neighbour_resolution() {
  auto c = std::make_unique<CaseBuilder>("RFC 1122 §2.3.2.2, RFC 4861 §7.2.2: media wait for an address that is asked for, a bounded number, and leave in order");
  c->options().resolve = false;
  c->add_standard(4);
  for (std::uint16_t i = 0; i < 10; ++i) c->send(c->p(0), i);  // two more than wait per neighbour
  c->wait(30);
  arp_frame(*c, 2, Mac{0x02, 0, 0, 0, 1, 2}, c->p(1).remote, Dataplane::kApplianceMac, kUs4, Dataplane::kApplianceMac);
  c->send(c->p(0), 10);
  c->wait(30);
  icmpv6(*c, c->p(2).remote, kUs6, 136, ndp_body(c->p(2).remote, 0x60000000, 2, Mac{0x02, 0, 0, 0, 1, 3}));
  c->send(c->p(0), 11);
  c->wait(30);
  icmpv6(*c, c->p(3).remote, kUs6, 135, ndp_body(kUs6, 0, 1, Mac{0x02, 0, 0, 0, 1, 4}));  // it asks for us and names itself
  c->send(c->p(0), 12);
  c->wait(30);
  c->send(c->p(0), 13);
  c->wait();
  arp_frame(*c, 1, Mac{0x02, 0, 0, 0, 1, 5}, c->p(1).remote, {}, c->p(1).remote);  // a neighbour moves to another address
  c->wait(30);
  c->send(c->p(0), 14);
  c->wait(30);
  c->send(c->p(0), 15);
  return c;
}

Case neighbour_silent() {
  auto c = std::make_unique<CaseBuilder>("a neighbour that never answers: three questions, what waited goes after a second, later media at once");
  c->options().resolve = false;
  c->options().drain_ms = 1500;
  c->add_standard(2);
  for (std::uint16_t i = 0; i < 3; ++i) c->send(c->p(0), i);
  c->wait(3500);
  for (std::uint16_t i = 3; i < 6; ++i) c->send(c->p(0), i);
  c->wait(1000);
  arp_frame(*c, 2, Mac{0x02, 0, 0, 0, 1, 2}, c->p(1).remote, Dataplane::kApplianceMac, kUs4, Dataplane::kApplianceMac);
  c->wait();
  c->send(c->p(0), 6);
  return c;
}

}  // namespace

void add_host_cases(CaseMakers& makers) {
  makers["arp"] = arp;
  makers["icmp"] = icmp;
  makers["icmp_flood"] = icmp_flood;
  makers["icmpv6_and_ndp"] = icmpv6_and_ndp;
  makers["neighbour_resolution"] = neighbour_resolution;
  makers["neighbour_silent"] = neighbour_silent;
}

}  // namespace mediaward::test
