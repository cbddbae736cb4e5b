// SPDX-License-Identifier: Apache-2.0
// IP addresses and prefixes: text forms, classification, membership.
#include "dataplane/ip_address.h"

#include <gtest/gtest.h>

namespace mediaward::dataplane {
namespace {

TEST(IpAddress, TextRoundTrip) {
  for (const char* text : {"192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "::1", "fe80::1ff:fe00:1"}) {
    const auto a = IpAddress::parse(text);
    ASSERT_TRUE(a) << text;
    EXPECT_EQ(a->to_string(), text);
    EXPECT_EQ(a->family == Family::kIpv6, std::string_view(text).find(':') != std::string_view::npos);
  }
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv, "192.0.2"sv, "192.0.2.256"sv, "192.0.2.1 "sv, "192.0.2.1\0"sv, "2001:db8::1::"sv, "fe80::1%eth0"sv,
                          "host"sv, "192.0.2.1/24"sv}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpAddress, Ipv4LeavesTheOtherBytesZero) {
  const auto a = *IpAddress::parse("192.0.2.1");
  for (std::size_t i = 4; i < 16; ++i) EXPECT_EQ(a.bytes[i], std::byte{0});
  EXPECT_EQ(a, IpAddress::v4(a.bytes.data()));
}

TEST(IpAddress, Classes) {
  const auto is = [](const char* text, bool (IpAddress::*test)() const noexcept) { return ((*IpAddress::parse(text)).*test)(); };
  EXPECT_TRUE(is("224.0.0.1", &IpAddress::is_multicast));
  EXPECT_TRUE(is("239.255.255.255", &IpAddress::is_multicast));
  EXPECT_FALSE(is("240.0.0.1", &IpAddress::is_multicast));
  EXPECT_TRUE(is("ff02::1", &IpAddress::is_multicast));
  EXPECT_TRUE(is("127.1.2.3", &IpAddress::is_loopback));
  EXPECT_TRUE(is("::1", &IpAddress::is_loopback));
  EXPECT_FALSE(is("::2", &IpAddress::is_loopback));
  EXPECT_TRUE(is("0.0.0.0", &IpAddress::is_unspecified));
  EXPECT_TRUE(is("::", &IpAddress::is_unspecified));
  EXPECT_FALSE(is("::1", &IpAddress::is_unspecified));
  EXPECT_TRUE(is("169.254.1.1", &IpAddress::is_link_local));
  EXPECT_TRUE(is("febf::1", &IpAddress::is_link_local));
  EXPECT_FALSE(is("fec0::1", &IpAddress::is_link_local));
}

TEST(IpPrefix, KeepsHostBits) {
  const auto p = IpPrefix::parse("192.0.2.1/24");
  ASSERT_TRUE(p);
  EXPECT_EQ(p->to_string(), "192.0.2.1/24");
  EXPECT_EQ(p->bits, 24);
}

TEST(IpPrefix, RefusesBadLengths) {
  for (const char* text : {"192.0.2.1", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2.1/+8", "192.0.2.1/024", "::1/129", "::1/1x",
                           "/24", "192.0.2.1/24/8"}) {
    EXPECT_FALSE(IpPrefix::parse(text)) << text;
  }
}

TEST(IpPrefix, ContainsEveryLength) {
  for (unsigned bits = 0; bits <= 128; ++bits) {
    const auto p = *IpPrefix::parse("2001:db8:1234:5678:9abc:def0:1234:5678/" + std::to_string(bits));
    EXPECT_TRUE(p.contains(p.address));
    for (unsigned flip = 0; flip < 128; ++flip) {
      IpAddress other = p.address;
      other.bytes[flip / 8] ^= static_cast<std::byte>(0x80u >> (flip % 8));
      EXPECT_EQ(p.contains(other), flip >= bits) << bits << " " << flip;
    }
  }
  EXPECT_FALSE(IpPrefix::parse("0.0.0.0/0")->contains(*IpAddress::parse("::")));
}

}  // namespace
}  // namespace mediaward::dataplane
