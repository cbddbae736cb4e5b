// SPDX-License-Identifier: Apache-2.0
// Wire formats: golden frames, parse after serialise, and every truncation in a buffer that ends with the data.
#include <algorithm>
#include <random>

#include "dataplane/wire/arp.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/icmp.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/ndp.h"
#include "dataplane/wire/rtp.h"
#include "dataplane/wire/udp.h"
#include "tests/unit/dataplane/host_fixture.h"
#include "tests/unit/dataplane/wire_golden.h"

namespace mediaward::dataplane::wire {
namespace {

using testing::from_hex;
using testing::to_hex;

// Calls check(span) for every prefix of `bytes`, each in a heap buffer of exactly its length.
template <typename Check>
void for_every_truncation(ConstBytes bytes, Check&& check) {
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const std::vector<std::byte> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    check(ConstBytes(exact));
  }
}

TEST(Ethernet, Ieee8021q_TagIsParsedAndWritten) {
  std::byte out[18];
  const Mac to = testing::mac(9), from = testing::mac(1);
  ASSERT_EQ(write_ethernet(out, to, from, kEtherIpv6, 0x6123), 18u);
  EthernetInfo info;
  ASSERT_TRUE(parse_ethernet(out, info));
  EXPECT_TRUE(info.tagged);
  EXPECT_EQ(info.vlan_tci, 0x6123);
  EXPECT_EQ(info.type, kEtherIpv6);
  EXPECT_EQ(info.header_bytes, 18);
  for_every_truncation(out, [&](ConstBytes cut) { EXPECT_EQ(parse_ethernet(cut, info), cut.size() == 18); });
  ASSERT_EQ(write_ethernet(out, to, from, kEtherArp, 0), 14u);
  ASSERT_TRUE(parse_ethernet(ConstBytes(out).first(14), info));
  EXPECT_FALSE(info.tagged);
  EXPECT_EQ(info.type, kEtherArp);
  for_every_truncation(ConstBytes(out).first(14), [&](ConstBytes cut) { EXPECT_EQ(parse_ethernet(cut, info), cut.size() == 14); });
}

TEST(Ipv4, Rfc791_3_1_GoldenAndTruncations) {
  const auto frame = from_hex(golden::kUdp4);
  const ConstBytes l3 = ConstBytes(frame).subspan(14);
  IpInfo info;
  ASSERT_EQ(parse_ipv4(l3, info), IpError::kNone);
  EXPECT_EQ(info.header_bytes, 20);
  EXPECT_EQ(info.payload_bytes, 17u);
  EXPECT_EQ(info.protocol, 17);
  EXPECT_FALSE(info.fragment);
  for_every_truncation(l3.first(l3.size() - 1), [&](ConstBytes cut) { EXPECT_EQ(parse_ipv4(cut, info), IpError::kTruncated); });
  std::byte again[20];
  write_ipv4(again, l3.data() + 12, l3.data() + 16, 17, 17, 0, 64, true);
  EXPECT_EQ(to_hex(again), to_hex(l3.first(20)));
}

TEST(Ipv4, Rfc791_3_1_BadHeaders) {
  auto frame = from_hex(golden::kUdp4);
  const Bytes l3 = Bytes(frame).subspan(14);
  IpInfo info;
  const auto with = [&](std::size_t at, unsigned value) {
    auto copy = std::vector<std::byte>(l3.begin(), l3.end());
    copy[at] = static_cast<std::byte>(value);
    return parse_ipv4(copy, info);
  };
  EXPECT_EQ(with(0, 0x65), IpError::kBadVersion);
  EXPECT_EQ(with(0, 0x44), IpError::kBadVersion);
  EXPECT_EQ(with(0, 0x4f), IpError::kTruncated);  // 60 bytes of header in 37
  EXPECT_EQ(with(3, 19), IpError::kTruncated);    // total below the header
  EXPECT_EQ(with(3, 38), IpError::kTruncated);    // total beyond the frame
  EXPECT_EQ(with(6, 0x20), IpError::kNone);
  EXPECT_TRUE(info.fragment);  // MF
  EXPECT_EQ(with(7, 1), IpError::kNone);
  EXPECT_TRUE(info.fragment);  // offset
}

TEST(Ipv6, Rfc8200_3_GoldenAndTruncations) {
  const auto frame = from_hex(golden::kUdp6);
  const ConstBytes l3 = ConstBytes(frame).subspan(14);
  IpInfo info;
  ASSERT_EQ(parse_ipv6(l3, info), IpError::kNone);
  EXPECT_EQ(info.payload_bytes, 17u);
  EXPECT_EQ(info.protocol, 17);
  for_every_truncation(l3.first(l3.size() - 1), [&](ConstBytes cut) { EXPECT_EQ(parse_ipv6(cut, info), IpError::kTruncated); });
  std::byte again[40];
  write_ipv6(again, l3.data() + 8, l3.data() + 24, 17, 17, 0, 64);
  EXPECT_EQ(to_hex(again), to_hex(l3.first(40)));
  auto wrong = std::vector<std::byte>(l3.begin(), l3.end());
  wrong[0] = std::byte{0x45};
  EXPECT_EQ(parse_ipv6(wrong, info), IpError::kBadVersion);
}

TEST(Udp, Rfc768_GoldenLengthsAndTruncations) {
  const auto frame = from_hex(golden::kUdp4);
  const ConstBytes datagram = ConstBytes(frame).subspan(34);
  UdpInfo info;
  ASSERT_TRUE(parse_udp(datagram, info));
  EXPECT_EQ(info.source_port, 5004);
  EXPECT_EQ(info.destination_port, 20000);
  EXPECT_EQ(info.payload_bytes, 9);
  EXPECT_TRUE(info.has_checksum);
  for_every_truncation(datagram.first(datagram.size() - 1), [&](ConstBytes cut) { EXPECT_FALSE(parse_udp(cut, info)); });
  auto copy = std::vector<std::byte>(datagram.begin(), datagram.end());
  store_be16(copy.data() + 4, 7);
  EXPECT_FALSE(parse_udp(copy, info));
  store_be16(copy.data() + 4, 8);
  ASSERT_TRUE(parse_udp(copy, info));
  EXPECT_EQ(info.payload_bytes, 0);
  write_udp(copy.data(), 5004, 20000, 9);
  EXPECT_EQ(to_hex(ConstBytes(copy).first(6)), to_hex(datagram.first(6)));
}

TEST(Arp, Rfc826_GoldenRoundTripAndTruncations) {
  const auto frame = from_hex(golden::kArpRequest);
  const ConstBytes l3 = ConstBytes(frame).subspan(14);
  ArpPacket arp;
  ASSERT_TRUE(parse_arp(l3, arp));
  EXPECT_EQ(arp.operation.host(), kArpRequest);
  std::byte again[kArpBytes];
  write_arp(again, kArpRequest, arp.sender_mac, arp.sender_ip, arp.target_mac, arp.target_ip);
  EXPECT_EQ(to_hex(again), to_hex(l3));
  for_every_truncation(l3.first(27), [&](ConstBytes cut) { EXPECT_FALSE(parse_arp(cut, arp)); });
  for (const std::size_t at : {0u, 1u, 2u, 3u, 4u, 5u}) {
    auto copy = std::vector<std::byte>(l3.begin(), l3.end());
    copy[at] ^= std::byte{0x10};
    EXPECT_FALSE(parse_arp(copy, arp)) << at;
  }
}

TEST(Ndp, Rfc4861_4_3_GoldenRoundTripAndTruncations) {
  for (const char* golden : {golden::kSolicitation, golden::kAdvertisement}) {
    const auto frame = from_hex(golden);
    const ConstBytes l3 = ConstBytes(frame).subspan(14);
    const ConstBytes message = l3.subspan(40);
    NeighbourInfo info;
    ASSERT_TRUE(parse_neighbour(message, info));
    ASSERT_TRUE(info.has_link_address);
    Ipv6Bytes source, destination;
    std::copy_n(l3.begin() + 8, 16, source.begin());
    std::copy_n(l3.begin() + 24, 16, destination.begin());
    std::byte again[kNdpPacketBytes];
    write_neighbour(again, info.type, info.flags, source, destination, info.target, info.link_address);
    EXPECT_EQ(to_hex(again), to_hex(l3));
    for_every_truncation(
        message, [&](ConstBytes cut) { EXPECT_EQ(parse_neighbour(cut, info), cut.size() == 24 || cut.size() == 32) << cut.size(); });
  }
}

TEST(Ndp, Rfc4861_4_6_OptionLengths) {
  const auto frame = from_hex(golden::kSolicitation);
  std::vector<std::byte> message(frame.begin() + 54, frame.end());
  NeighbourInfo info;
  message[25] = std::byte{0};  // length 0 would never end
  EXPECT_FALSE(parse_neighbour(message, info));
  message[25] = std::byte{2};  // beyond the message
  EXPECT_FALSE(parse_neighbour(message, info));
  message.resize(40);
  EXPECT_FALSE(parse_neighbour(message, info));  // 16 bytes are no Ethernet address (RFC 2464 §6)
  message[24] = std::byte{14};                   // nonce (RFC 3971 §5.3.2): skipped
  ASSERT_TRUE(parse_neighbour(message, info));
  EXPECT_FALSE(info.has_link_address);
}

TEST(Ndp, Rfc4291_AddressesFromMacAndGroup) {
  const Mac m = {std::byte{0x34}, std::byte{0x56}, std::byte{0x78}, std::byte{0x9a}, std::byte{0xbc}, std::byte{0xde}};  // RFC 2464 §4
  EXPECT_EQ(to_hex(link_local_from_mac(m)), "fe80000000000000365678fffe9abcde");
  const auto group = solicited_node_group(IpAddress::parse("4037::01:800:200e:8c6c")->bytes);  // RFC 4291 §2.7.1
  EXPECT_EQ(to_hex(group), "ff0200000000000000000001ff0e8c6c");
  EXPECT_EQ(to_hex(multicast_mac(group)), "3333ff0e8c6c");
}

std::vector<std::byte> rtp(unsigned first, std::size_t bytes) {
  std::vector<std::byte> p(bytes);
  const auto header = from_hex("00e0123401020304deadbeef");
  std::copy_n(header.begin(), std::min(bytes, header.size()), p.begin());
  if (bytes != 0) p[0] = static_cast<std::byte>(first);
  return p;
}

TEST(Rtp, Rfc3550_5_1_FixedHeader) {
  RtpHeaderInfo info;
  ASSERT_EQ(parse_rtp(rtp(0xa0, 12), info), RtpError::kNone);
  EXPECT_EQ(info.header_bytes, 12);
  EXPECT_EQ(info.sequence, 0x1234);
  EXPECT_EQ(info.timestamp, 0x01020304u);
  EXPECT_EQ(info.ssrc, 0xdeadbeefu);
  EXPECT_EQ(info.payload_type, 96);
  EXPECT_TRUE(info.marker);
  EXPECT_TRUE(info.padding);
  ASSERT_EQ(parse_rtp(rtp(0x80, 12), info), RtpError::kNone);
  EXPECT_FALSE(info.padding);
}

TEST(Rtp, Rfc3550_5_1_OnlyVersion2) {
  RtpHeaderInfo info;
  for (const unsigned version : {0u, 1u, 3u}) EXPECT_EQ(parse_rtp(rtp(version << 6, 20), info), RtpError::kBadVersion);
}

TEST(Rtp, Rfc3550_5_1_CsrcList) {
  RtpHeaderInfo info;
  for (unsigned count = 0; count <= 15; ++count) {
    for_every_truncation(rtp(0x80 | count, 12 + 60), [&](ConstBytes cut) {
      const auto wanted = cut.size() < 12 ? RtpError::kTruncated : cut.size() < 12 + 4 * count ? RtpError::kBadCsrc : RtpError::kNone;
      ASSERT_EQ(parse_rtp(cut, info), wanted) << count << " " << cut.size();
      if (wanted == RtpError::kNone) {
        ASSERT_EQ(info.header_bytes, 12 + 4 * count);
      }
    });
  }
}

TEST(Rtp, Rfc3550_5_3_1_Extension) {
  RtpHeaderInfo info;
  for (const unsigned words : {0u, 1u, 3u, 0xffffu}) {
    auto packet = rtp(0x92, 64);  // X, two CSRC
    store_be16(packet.data() + 20, 0xbede);
    store_be16(packet.data() + 22, static_cast<std::uint16_t>(words));
    const std::size_t end = 24 + words * std::size_t{4};
    for_every_truncation(packet, [&](ConstBytes cut) {
      auto wanted = cut.size() < end ? RtpError::kBadExtension : RtpError::kNone;
      if (cut.size() < 20) wanted = RtpError::kBadCsrc;
      if (cut.size() < 12) wanted = RtpError::kTruncated;
      ASSERT_EQ(parse_rtp(cut, info), wanted) << words << " " << cut.size();
      if (wanted == RtpError::kNone) {
        ASSERT_EQ(info.header_bytes, end);
      }
    });
  }
}

TEST(Rtp, Property_RandomBytesNeverReachBeyondThePacket) {
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    const std::size_t length = random() % 90;
    auto exact = std::make_unique<std::byte[]>(length);
    for (std::size_t b = 0; b < length; ++b) exact[b] = static_cast<std::byte>(random());
    if (length != 0) exact[0] = (exact[0] & std::byte{0x3f}) | std::byte{0x80};
    if (length > 16) exact[14] = std::byte{0};
    RtpHeaderInfo info;
    if (parse_rtp({exact.get(), length}, info) == RtpError::kNone) {
      ASSERT_LE(info.header_bytes, length);
    }
  }
}

}  // namespace
}  // namespace mediaward::dataplane::wire
