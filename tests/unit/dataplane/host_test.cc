// SPDX-License-Identifier: Apache-2.0
// The host's answers against golden frames, its refusals by reason, and its memory safety at every truncation.
#include "dataplane/classify.h"
#include "dataplane/host.h"

#include <algorithm>

#include "dataplane/wire/icmp.h"
#include "tests/unit/dataplane/host_fixture.h"
#include "tests/unit/dataplane/wire_golden.h"

namespace mediaward::dataplane {
namespace {

using testing::address;
using testing::Frame;
using testing::from_hex;
using testing::HostTest;
using testing::kHz;
using testing::kStart;
using testing::mac;

using Handler = HostVerdict (Host::*)(Packet&, std::uint64_t) noexcept;

// Sets the right ICMPv6 checksum after a test bent a field.
void fix_icmpv6(std::vector<std::byte>& frame) {
  wire::set_icmpv6_checksum(frame.data() + 22, frame.data() + 38, Bytes(frame).subspan(54));
}

// A bent copy of a golden frame through a handler; the reason it is dropped for, kCount when it is not.
DropReason reason_of(Host& host, Handler handler, const std::vector<std::byte>& bytes) {
  Frame frame(bytes, 128);
  return (host.*handler)(frame.packet, kStart).reason;
}

TEST_F(HostTest, Rfc826_RequestIsAnsweredInPlace) {
  Frame frame(from_hex(golden::kArpRequest));
  EXPECT_EQ(host.handle_arp(frame.packet, kStart).action, HostAction::kArpReply);
  EXPECT_EQ(frame.hex(), golden::kArpReply);
}

TEST_F(HostTest, Rfc826_PaddingIsNotSentBack) {
  Frame frame(from_hex(std::string(golden::kArpRequest) + std::string(36, '7')));
  EXPECT_EQ(host.handle_arp(frame.packet, kStart).action, HostAction::kArpReply);
  EXPECT_EQ(frame.hex(), golden::kArpReply);
}

TEST_F(HostTest, Rfc5227_1_1_ProbeFromNobodyIsAnswered) {
  auto bytes = from_hex(golden::kArpRequest);
  std::fill_n(bytes.begin() + 28, 4, std::byte{0});
  Frame frame(bytes);
  EXPECT_EQ(host.handle_arp(frame.packet, kStart).action, HostAction::kArpReply);
  EXPECT_EQ(frame.hex().substr(76, 8), "00000000");
}

TEST_F(HostTest, Rfc826_ReplyConfirmsAKnownNeighbourOnly) {
  const auto reply = from_hex(
      "020000000001020000000099080600010800060400020200000000"
      "99c0000263020000000001c0000201");
  EXPECT_EQ(reason_of(host, &Host::handle_arp, reply), DropReason::kArpIgnored);
  NextHop& hop = add_hop("192.0.2.99");
  Frame frame(reply);
  EXPECT_EQ(host.handle_arp(frame.packet, kStart).action, HostAction::kConsumed);
  EXPECT_EQ(hop.link.load(), link_word(mac(0x99)));
  EXPECT_EQ(hop.confirmed_tsc.load(), kStart);
}

TEST_F(HostTest, Rfc826_RequestConfirmsItsSender) {
  NextHop& hop = add_hop("192.0.2.99");
  Frame frame(from_hex(golden::kArpRequest));
  EXPECT_EQ(host.handle_arp(frame.packet, kStart).action, HostAction::kArpReply);
  EXPECT_EQ(hop.confirmed_tsc.load(), kStart);
}

TEST_F(HostTest, Rfc5227_GratuitousArpMovesAKnownNeighbour) {
  NextHop& hop = add_hop("192.0.2.99");
  confirm_neighbour(hop, mac(5), kStart);
  auto bytes = from_hex(golden::kArpRequest);
  std::copy_n(bytes.begin() + 28, 4, bytes.begin() + 38);
  Frame frame(bytes);
  EXPECT_EQ(host.handle_arp(frame.packet, kStart + 5).action, HostAction::kConsumed);
  EXPECT_EQ(hop.link.load(), link_word(mac(0x99)));
  EXPECT_EQ(hop.confirmed_tsc.load(), kStart);  // named, not proven
}

TEST_F(HostTest, Rfc826_BadArp) {
  const auto good = from_hex(golden::kArpRequest);
  const auto bent = [&](std::size_t at, unsigned value) {
    auto copy = good;
    copy[at] = static_cast<std::byte>(value);
    return reason_of(host, &Host::handle_arp, copy);
  };
  EXPECT_EQ(bent(15, 6), DropReason::kArpMalformed);     // IEEE 802 hardware type
  EXPECT_EQ(bent(16, 0x86), DropReason::kArpMalformed);  // protocol
  EXPECT_EQ(bent(18, 8), DropReason::kArpMalformed);
  EXPECT_EQ(bent(19, 16), DropReason::kArpMalformed);
  EXPECT_EQ(bent(22, 3), DropReason::kArpMalformed);    // group as sender
  EXPECT_EQ(bent(28, 224), DropReason::kArpMalformed);  // multicast sender
  EXPECT_EQ(bent(21, 3), DropReason::kArpIgnored);      // RARP
  EXPECT_EQ(bent(41, 2), DropReason::kArpIgnored);      // another host's address
  EXPECT_EQ(bent(31, 1), DropReason::kArpIgnored);      // somebody claims our address
  EXPECT_EQ(bent(27, 1), DropReason::kArpIgnored);      // our own MAC
}

TEST_F(HostTest, Rfc1122_3_2_2_6_EchoGolden) {
  Frame frame(from_hex(golden::kEchoRequest));
  EXPECT_EQ(host.handle_icmp(frame.packet, kStart).action, HostAction::kEchoReply);
  EXPECT_EQ(frame.hex(), golden::kEchoReply);
  EXPECT_EQ(frame.packet.l3_bytes, 20);
}

TEST_F(HostTest, Rfc1122_3_2_2_6_EthernetPaddingIsNotEchoed) {
  Frame frame(from_hex(std::string(golden::kEchoRequest) + "eeeeeeeeee"));
  EXPECT_EQ(host.handle_icmp(frame.packet, kStart).action, HostAction::kEchoReply);
  EXPECT_EQ(frame.hex(), golden::kEchoReply);
}

TEST_F(HostTest, Rfc791_OptionsOfTheRequestAreLeftOut) {
  auto bytes = from_hex(golden::kEchoRequest);
  bytes.insert(bytes.begin() + 34, {std::byte{1}, std::byte{1}, std::byte{1}, std::byte{0}});
  bytes[14] = std::byte{0x46};
  bytes[17] = static_cast<std::byte>(std::to_integer<unsigned>(bytes[17]) + 4);
  Frame frame(bytes);
  EXPECT_EQ(host.handle_icmp(frame.packet, kStart).action, HostAction::kEchoReply);
  EXPECT_EQ(frame.hex(), golden::kEchoReply);
}

TEST_F(HostTest, Rfc792_BadIcmp) {
  const auto good = from_hex(golden::kEchoRequest);
  const auto bent = [&](std::size_t at, unsigned value, bool fix) {
    auto copy = good;
    copy[at] = static_cast<std::byte>(value);
    if (fix) wire::set_icmp_checksum(Bytes(copy).subspan(34));
    return reason_of(host, &Host::handle_icmp, copy);
  };
  EXPECT_EQ(bent(45, 0xff, false), DropReason::kIcmpMalformed);  // checksum
  EXPECT_EQ(bent(17, 27, true), DropReason::kIcmpMalformed);     // 7 bytes of ICMP
  EXPECT_EQ(bent(17, 200, true), DropReason::kIcmpMalformed);    // beyond the frame
  EXPECT_EQ(bent(34, 13, true), DropReason::kIcmpIgnored);       // timestamp request
  EXPECT_EQ(bent(35, 1, true), DropReason::kIcmpIgnored);        // code
  EXPECT_EQ(bent(33, 255, true), DropReason::kIcmpIgnored);      // to the prefix broadcast
  EXPECT_EQ(bent(6, 1, true), DropReason::kIcmpIgnored);         // from an Ethernet group
  EXPECT_EQ(bent(20, 0x20, true), DropReason::kIpFragment);
}

TEST_F(HostTest, Rfc4443_4_2_EchoGolden) {
  Frame frame(from_hex(golden::kEcho6Request));
  EXPECT_EQ(host.handle_icmpv6(frame.packet, kStart).action, HostAction::kEchoReply);
  EXPECT_EQ(frame.hex(), golden::kEcho6Reply);
}

TEST_F(HostTest, Rfc4443_4_2_EchoToAGroupIsAnsweredFromAUnicastAddress) {
  auto bytes = from_hex(golden::kEcho6Request);
  const auto all_nodes = address("ff02::1");
  std::copy_n(all_nodes.bytes.begin(), 16, bytes.begin() + 38);
  fix_icmpv6(bytes);
  Frame frame(bytes);
  EXPECT_EQ(host.handle_icmpv6(frame.packet, kStart).action, HostAction::kEchoReply);
  EXPECT_EQ(frame.hex(), golden::kEcho6Reply);
}

TEST_F(HostTest, Rfc4443_BadIcmpv6) {
  const auto good = from_hex(golden::kEcho6Request);
  const auto bent = [&](std::size_t at, unsigned value, bool fix = true) {
    auto copy = good;
    copy[at] = static_cast<std::byte>(value);
    if (fix) fix_icmpv6(copy);
    return reason_of(host, &Host::handle_icmpv6, copy);
  };
  EXPECT_EQ(bent(60, 0xff, false), DropReason::kIcmpMalformed);
  EXPECT_EQ(bent(55, 1), DropReason::kIcmpIgnored);     // code
  EXPECT_EQ(bent(54, 1), DropReason::kIcmpIgnored);     // destination unreachable
  EXPECT_EQ(bent(54, 143), DropReason::kIcmpIgnored);   // MLDv2 report
  EXPECT_EQ(bent(54, 134), DropReason::kNdpIgnored);    // router advertisement
  EXPECT_EQ(bent(54, 137), DropReason::kNdpIgnored);    // redirect
  EXPECT_EQ(bent(53, 2), DropReason::kIcmpIgnored);     // not our address
  EXPECT_EQ(bent(22, 0xff), DropReason::kIpBadSource);  // multicast source
  EXPECT_EQ(bent(20, 0, false), DropReason::kIpExtensionHeader);
  EXPECT_EQ(bent(19, 200, false), DropReason::kIpTruncated);
}

TEST_F(HostTest, Rfc4443_2_4_EchoIsRateLimitedAcrossFamilies) {
  unsigned answered = 0;
  for (std::uint64_t now = kStart; now < kStart + kHz; now += 10) {  // 100 000 per second
    const bool v6 = now % 20 == 0;
    Frame frame(from_hex(v6 ? golden::kEcho6Request : golden::kEchoRequest));
    const auto verdict = v6 ? host.handle_icmpv6(frame.packet, now) : host.handle_icmp(frame.packet, now);
    if (verdict.is_reply()) {
      ++answered;
    } else {
      ASSERT_EQ(verdict.reason, DropReason::kIcmpRateLimited);
    }
  }
  EXPECT_GE(answered, 1000u);
  EXPECT_LE(answered, 1101u);  // rate and burst
}

TEST_F(HostTest, Rfc4861_7_2_4_SolicitationGolden) {
  NextHop& hop = add_hop("2001:db8::99");
  Frame frame(from_hex(golden::kSolicitation));
  EXPECT_EQ(host.handle_icmpv6(frame.packet, kStart).action, HostAction::kNeighbourReply);
  EXPECT_EQ(frame.hex(), golden::kAdvertisement);
  EXPECT_EQ(hop.link.load(), link_word(mac(0x99)));
  EXPECT_EQ(hop.confirmed_tsc.load(), 0u);  // RFC 4861 §7.2.3: STALE
}

TEST_F(HostTest, Rfc4861_7_2_4_DuplicateAddressDetectionGolden) {
  Frame frame(from_hex(golden::kDadSolicitation), 86);
  EXPECT_EQ(host.handle_icmpv6(frame.packet, kStart).action, HostAction::kNeighbourReply);
  EXPECT_EQ(frame.hex(), golden::kDadAdvertisement);
}

TEST_F(HostTest, AnswerThatDoesNotFitIntoTheBufferIsDropped) {
  Frame frame(from_hex(golden::kDadSolicitation));
  EXPECT_EQ(host.handle_icmpv6(frame.packet, kStart).reason, DropReason::kPoolExhausted);
}

TEST_F(HostTest, Rfc4291_2_1_LinkLocalAddressIsOurs) {
  auto bytes = from_hex(golden::kSolicitation);
  const auto link_local = address("fe80::ff:fe00:1");
  std::copy_n(link_local.bytes.begin(), 16, bytes.begin() + 62);
  fix_icmpv6(bytes);
  Frame frame(bytes);
  EXPECT_EQ(host.handle_icmpv6(frame.packet, kStart).action, HostAction::kNeighbourReply);
  EXPECT_EQ(host.address_index(Family::kIpv6, link_local.bytes.data()), Host::kOurLinkLocal);
}

TEST_F(HostTest, Rfc4861_7_1_1_BadSolicitations) {
  const auto bent = [&](const char* golden, std::size_t at, unsigned value) {
    auto copy = from_hex(golden);
    copy[at] = static_cast<std::byte>(value);
    fix_icmpv6(copy);
    return reason_of(host, &Host::handle_icmpv6, copy);
  };
  EXPECT_EQ(bent(golden::kSolicitation, 21, 254), DropReason::kNdpMalformed);   // hop limit: came through a router
  EXPECT_EQ(bent(golden::kSolicitation, 55, 1), DropReason::kNdpMalformed);     // code
  EXPECT_EQ(bent(golden::kSolicitation, 62, 0xff), DropReason::kNdpMalformed);  // multicast target
  EXPECT_EQ(bent(golden::kSolicitation, 79, 0), DropReason::kNdpMalformed);     // option length 0
  EXPECT_EQ(bent(golden::kSolicitation, 80, 1), DropReason::kNdpMalformed);     // group as link-layer address
  EXPECT_EQ(bent(golden::kSolicitation, 77, 2), DropReason::kNdpIgnored);       // not our address
  EXPECT_EQ(bent(golden::kSolicitation, 85, 1), DropReason::kNdpIgnored);       // our own MAC
  EXPECT_EQ(bent(golden::kDadSolicitation, 50, 0), DropReason::kNdpMalformed);  // from ::, not to a solicited-node group
  auto with_option = from_hex(golden::kSolicitation);
  std::fill_n(with_option.begin() + 22, 16, std::byte{0});
  fix_icmpv6(with_option);
  EXPECT_EQ(reason_of(host, &Host::handle_icmpv6, with_option), DropReason::kNdpMalformed);  // from :: with an address option
  auto shorter = from_hex(golden::kDadSolicitation);
  shorter.pop_back();
  shorter[19] = std::byte{23};
  fix_icmpv6(shorter);
  EXPECT_EQ(reason_of(host, &Host::handle_icmpv6, shorter), DropReason::kNdpMalformed);
}

struct AdvertisementTest : HostTest {
  HostVerdict give(unsigned flags, unsigned last_mac_byte, bool with_option = true) {
    auto bytes = from_hex(golden::kPeerAdvertisement);
    bytes[58] = static_cast<std::byte>(flags << 5);
    bytes[85] = static_cast<std::byte>(last_mac_byte);
    if (!with_option) {
      bytes.resize(78);
      bytes[19] = std::byte{24};
    }
    fix_icmpv6(bytes);
    Frame frame(bytes);
    return host.handle_icmpv6(frame.packet, kStart + 7);
  }
  static constexpr unsigned kOverride = 1, kSolicited = 2;
};

TEST_F(AdvertisementTest, Rfc4861_7_2_5_UnknownNeighbourIsIgnored) {
  EXPECT_EQ(give(kSolicited, 0x99).reason, DropReason::kNdpIgnored);
}

TEST_F(AdvertisementTest, Rfc4861_7_2_5_Incomplete) {
  NextHop& hop = add_hop("2001:db8::99");
  EXPECT_EQ(give(kSolicited, 0x99, false).reason, DropReason::kNdpIgnored);  // no address, none known
  EXPECT_EQ(give(0, 0x99).action, HostAction::kConsumed);
  EXPECT_EQ(hop.link.load(), link_word(mac(0x99)));
  EXPECT_EQ(hop.confirmed_tsc.load(), 0u);
  EXPECT_EQ(give(kSolicited, 0x99).action, HostAction::kConsumed);
  EXPECT_EQ(hop.confirmed_tsc.load(), kStart + 7);
}

TEST_F(AdvertisementTest, Rfc4861_7_2_5_OverrideFlag) {
  NextHop& hop = add_hop("2001:db8::99");
  confirm_neighbour(hop, mac(0x99), kStart);
  EXPECT_EQ(give(kSolicited, 0x77).reason, DropReason::kNdpIgnored);
  EXPECT_EQ(hop.link.load(), link_word(mac(0x99)));
  EXPECT_EQ(give(kOverride, 0x77).action, HostAction::kConsumed);
  EXPECT_EQ(hop.link.load(), link_word(mac(0x77)));
  EXPECT_EQ(hop.confirmed_tsc.load(), kStart);
  EXPECT_EQ(give(kOverride | kSolicited, 0x78).action, HostAction::kConsumed);
  EXPECT_EQ(hop.confirmed_tsc.load(), kStart + 7);
}

TEST_F(AdvertisementTest, Rfc4861_7_2_5_SolicitedWithoutAddressConfirmsTheKnownOne) {
  NextHop& hop = add_hop("2001:db8::99");
  confirm_neighbour(hop, mac(0x55), kStart);
  EXPECT_EQ(give(kSolicited, 0x99, false).action, HostAction::kConsumed);
  EXPECT_EQ(hop.link.load(), link_word(mac(0x55)));
  EXPECT_EQ(hop.confirmed_tsc.load(), kStart + 7);
}

TEST_F(AdvertisementTest, Rfc4861_7_1_2_BadAdvertisements) {
  add_hop("2001:db8::99");
  const auto bent = [&](std::size_t at, unsigned value) {
    auto copy = from_hex(golden::kPeerAdvertisement);
    copy[at] = static_cast<std::byte>(value);
    fix_icmpv6(copy);
    return reason_of(host, &Host::handle_icmpv6, copy);
  };
  EXPECT_EQ(bent(21, 64), DropReason::kNdpMalformed);
  EXPECT_EQ(bent(55, 1), DropReason::kNdpMalformed);
  EXPECT_EQ(bent(62, 0xff), DropReason::kNdpMalformed);
  EXPECT_EQ(bent(38, 0xff), DropReason::kNdpMalformed);  // solicited, yet to a group
  EXPECT_EQ(bent(79, 0), DropReason::kNdpMalformed);
  EXPECT_EQ(bent(79, 9), DropReason::kNdpMalformed);
  EXPECT_EQ(bent(80, 1), DropReason::kNdpMalformed);
}

// Ports that tag: the answer carries the tag, whichever way the question's tag arrived.
struct VlanCase {
  bool stripped, offload;
};
struct VlanTest : ::testing::TestWithParam<VlanCase> {};

TEST_P(VlanTest, Ieee8021q_AnswerCarriesThePortsTag) {
  const auto [stripped, offload] = GetParam();
  const auto port = testing::make_port(100, offload);
  NeighbourBudget budget{8};
  NeighbourTable table{port, 0, budget, kHz};
  TokenBucket bucket{kHz};
  Host host{port, table, bucket};
  const auto tagged = [](std::string frame, const char* tci) { return frame.substr(0, 24) + "8100" + tci + frame.substr(24); };
  const std::pair<const char*, const char*> cases[] = {{golden::kArpRequest, golden::kArpReply},
                                                       {golden::kEchoRequest, golden::kEchoReply},
                                                       {golden::kEcho6Request, golden::kEcho6Reply},
                                                       {golden::kDadSolicitation, golden::kDadAdvertisement}};
  const Handler handlers[] = {&Host::handle_arp, &Host::handle_icmp, &Host::handle_icmpv6, &Host::handle_icmpv6};
  for (std::size_t i = 0; i < 4; ++i) {
    Frame frame(from_hex(stripped ? cases[i].first : tagged(cases[i].first, "a064")), 128, stripped ? 14 : 18);
    frame.packet.flags = stripped ? kRxVlanStripped : 0;
    std::byte* const data = frame.packet.data;
    EXPECT_TRUE((host.*handlers[i])(frame.packet, kStart).is_reply());
    EXPECT_EQ(frame.hex(), offload ? std::string(cases[i].second) : tagged(cases[i].second, "0064"));
    EXPECT_EQ(frame.packet.flags, offload ? kTxVlanInsert : 0);
    EXPECT_EQ(frame.packet.l2_bytes, offload ? 14 : 18);
    EXPECT_EQ(frame.packet.vlan_tci, 100);
    EXPECT_EQ(frame.packet.data, data);
  }
}
INSTANTIATE_TEST_SUITE_P(TagHandling, VlanTest,
                         ::testing::Values(VlanCase{false, false}, VlanCase{false, true}, VlanCase{true, false}, VlanCase{true, true}));

TEST_F(HostTest, Ieee8021q_PriorityTagIsTakenOff) {
  const std::string request = golden::kEchoRequest;
  Frame frame(from_hex(request.substr(0, 24) + "8100e000" + request.substr(24)), 0, 18);
  EXPECT_TRUE(host.handle_icmp(frame.packet, kStart).is_reply());
  EXPECT_EQ(frame.hex(), golden::kEchoReply);
}

// A port that takes tags off leaves the second one: that is no frame of ours, whatever either of them says.
TEST_F(HostTest, Ieee8021q_SecondTagBehindOneTakenOffIsRefused) {
  const std::string request = golden::kEchoRequest;
  const auto lane = [&](const std::string& hex, std::uint16_t vlan, std::uint16_t tci) {
    const auto settings = testing::make_port(vlan, false);
    const Classifier classifier(settings, host);
    Frame frame(from_hex(hex), 0, 14);
    frame.packet.flags = kRxVlanStripped;
    frame.packet.vlan_tci = tci;
    Datagram datagram;
    return classifier.classify(frame.packet, datagram);
  };
  EXPECT_EQ(lane(request, 100, 0xa064).lane, Lane::kIcmp);
  EXPECT_EQ(lane(request, 100, 200).reason, DropReason::kVlanMismatch);
  for (const char* inner : {"81000064", "81000000", "81000005"}) {
    const std::string twice = request.substr(0, 24) + inner + request.substr(24);
    EXPECT_EQ(lane(twice, 100, 100).reason, DropReason::kVlanMismatch) << inner;
    EXPECT_EQ(lane(twice, 0, 0).reason, DropReason::kVlanMismatch) << inner;
  }
}

TEST_F(HostTest, Property_NoTruncationIsAnsweredOrReadBeyond) {
  add_hop("2001:db8::99");
  add_hop("192.0.2.99");
  const std::pair<const char*, Handler> cases[] = {
      {golden::kArpRequest, &Host::handle_arp},         {golden::kEchoRequest, &Host::handle_icmp},
      {golden::kEcho6Request, &Host::handle_icmpv6},    {golden::kSolicitation, &Host::handle_icmpv6},
      {golden::kDadSolicitation, &Host::handle_icmpv6}, {golden::kPeerAdvertisement, &Host::handle_icmpv6}};
  for (const auto& [golden, handler] : cases) {
    const auto whole = from_hex(golden);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      Frame frame(ConstBytes(whole).first(length));
      EXPECT_EQ((host.*handler)(frame.packet, kStart).action, HostAction::kDrop) << length;
    }
  }
}

TEST_F(HostTest, Property_BentFramesNeverReachBeyond) {
  add_hop("2001:db8::99");
  const std::pair<const char*, Handler> cases[] = {{golden::kArpRequest, &Host::handle_arp},
                                                   {golden::kEchoRequest, &Host::handle_icmp},
                                                   {golden::kEcho6Request, &Host::handle_icmpv6},
                                                   {golden::kSolicitation, &Host::handle_icmpv6},
                                                   {golden::kPeerAdvertisement, &Host::handle_icmpv6}};
  for (const auto& [golden, handler] : cases) {
    const auto whole = from_hex(golden);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (unsigned value = 0; value < 256; value += 5) {
        auto copy = whole;
        copy[at] = static_cast<std::byte>(value);
        if (handler == Handler{&Host::handle_icmpv6}) fix_icmpv6(copy);
        Frame frame(copy);
        const auto verdict = (host.*handler)(frame.packet, kStart);
        ASSERT_TRUE(verdict.action != HostAction::kDrop || verdict.reason < DropReason::kCount);
        ASSERT_LE(frame.packet.bytes, frame.packet.room);
      }
    }
  }
}

TEST_F(HostTest, Rfc4291_2_8_GroupsAndAddresses) {
  const auto m = [](const char* hex) { return wire::load_mac(from_hex(hex).data()); };
  EXPECT_TRUE(host.is_our_group(m("ffffffffffff")));
  EXPECT_TRUE(host.is_our_group(m("333300000001")));
  EXPECT_TRUE(host.is_our_group(m("3333ff000001")));
  EXPECT_FALSE(host.is_our_group(m("3333ff000002")));
  EXPECT_FALSE(host.is_our_group(m("01005e000001")));
  EXPECT_TRUE(host.is_our_group_address(address("ff02::1").bytes.data()));
  EXPECT_TRUE(host.is_our_group_address(address("ff02::1:ff00:1").bytes.data()));
  EXPECT_FALSE(host.is_our_group_address(address("ff02::2").bytes.data()));
  EXPECT_EQ(host.address_index(Family::kIpv4, address("192.0.2.1").bytes.data()), 0);
  EXPECT_EQ(host.address_index(Family::kIpv6, address("2001:db8::1").bytes.data()), 1);
  EXPECT_FALSE(host.is_our_address(Family::kIpv4, address("192.0.2.2").bytes.data()));
}

TEST_F(HostTest, Rfc5227_2_3_And_Rfc4861_7_2_6_Announcements) {
  std::array<Packet*, 8> out{};
  ASSERT_EQ(host.announce(0, io, out), 3u);
  EXPECT_EQ(testing::to_hex(out[0]->span()), golden::kArpAnnouncement);
  EXPECT_EQ(testing::to_hex(out[1]->span()), golden::kDadAdvertisement);  // the same message: to all nodes, override
  EXPECT_EQ(testing::to_hex(out[2]->span()).substr(124, 32),
            "fe80000000000000"
            "000000fffe000001");
  EXPECT_EQ(out[0]->port, 3);
  EXPECT_EQ(host.announce(3, io, out), 0u);
  EXPECT_EQ(host.announce(1, io, std::span(out).first(1)), 1u);
  io.available = 1;
  EXPECT_EQ(host.announce(0, io, out), 1u);
}

TEST(TokenBucketTest, Rfc4443_2_4_RateAndBurst) {
  TokenBucket bucket(3'000'000'000, 1000, 10);
  unsigned passed = 0;
  for (unsigned i = 0; i < 50; ++i) passed += bucket.take(100'000'000'000) ? 1 : 0;
  EXPECT_EQ(passed, 10u);
  EXPECT_FALSE(bucket.take(100'002'000'000));  // 2/3 of a token
  EXPECT_TRUE(bucket.take(100'003'000'000));
}

}  // namespace
}  // namespace mediaward::dataplane
