// SPDX-License-Identifier: Apache-2.0
// The Internet checksum against the RFC's example, a naive sum, and frames made elsewhere.
#include "dataplane/checksum.h"

#include <algorithm>
#include <random>

#include "dataplane/wire/ip.h"
#include "tests/unit/dataplane/host_fixture.h"
#include "tests/unit/dataplane/wire_golden.h"

namespace mediaward::dataplane {
namespace {

using testing::from_hex;

std::uint16_t naive_fold(ConstBytes data) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < data.size(); i += 2) {
    const auto high = std::to_integer<std::uint32_t>(data[i]);
    const auto low = i + 1 < data.size() ? std::to_integer<std::uint32_t>(data[i + 1]) : 0;
    sum += (high << 8) | low;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(sum);
}

TEST(Checksum, Rfc1071_3_Example) {
  const auto data = from_hex("0001f203f4f5f6f7");
  EXPECT_EQ(byte_swap(fold_checksum(add_checksum(data))), 0xddf2);
  EXPECT_EQ(finish_checksum(add_checksum(data)).host(), 0x220d);
}

TEST(Checksum, Rfc1071_EveryLengthAndAlignmentEqualsTheNaiveSum) {
  std::mt19937 random(1);
  for (std::size_t length = 0; length < 1600; ++length) {
    auto buffer = std::make_unique<std::byte[]>(length + 3);
    const std::size_t offset = length % 4;
    Bytes data{buffer.get() + 3 - std::min<std::size_t>(offset, 3), length};
    for (auto& b : data) b = static_cast<std::byte>(random() % 5 == 0 ? 0xff : random());
    ASSERT_EQ(byte_swap(fold_checksum(add_checksum(data))), naive_fold(data)) << length;
  }
}

TEST(Checksum, Rfc1071_NoCarryIsLostOverAllOnes) {
  const std::vector<std::byte> ones(65535, std::byte{0xff});
  EXPECT_EQ(byte_swap(fold_checksum(add_checksum(ones, 0xffffffffffffu))), naive_fold(ones));
}

TEST(Checksum, Rfc1071_2_PartsOfEvenLengthAddUp) {
  const auto data = from_hex(golden::kEchoRequest);
  const std::uint64_t whole = add_checksum(data);
  for (std::size_t cut = 0; cut <= data.size(); cut += 2) {
    const ConstBytes view(data);
    EXPECT_EQ(fold_checksum(add_checksum(view.subspan(cut), add_checksum(view.first(cut)))), fold_checksum(whole));
  }
}

TEST(Checksum, Rfc768_GoldenDatagramOverIpv4) {
  auto frame = from_hex(golden::kUdp4);
  const Bytes udp = Bytes(frame).subspan(34);
  const auto pseudo = pseudo_header_v4(frame.data() + 26, frame.data() + 30, 17, static_cast<std::uint16_t>(udp.size()));
  EXPECT_TRUE(udp_checksum_good(pseudo, udp));
  const auto wanted = load_be16(udp.data() + 6);
  store_be16(udp.data() + 6, 0);
  EXPECT_EQ(udp_checksum(pseudo, udp).host(), wanted);
}

TEST(Checksum, Rfc8200_8_1_GoldenDatagramOverIpv6) {
  auto frame = from_hex(golden::kUdp6);
  const Bytes udp = Bytes(frame).subspan(54);
  const auto pseudo = pseudo_header_v6(frame.data() + 22, frame.data() + 38, 17, static_cast<std::uint32_t>(udp.size()));
  EXPECT_TRUE(udp_checksum_good(pseudo, udp));
  const auto wanted = load_be16(udp.data() + 6);
  store_be16(udp.data() + 6, 0);
  EXPECT_EQ(udp_checksum(pseudo, udp).host(), wanted);
}

TEST(Checksum, Rfc768_ZeroIsSentAsAllOnes) {
  auto frame = from_hex(golden::kUdpZeroSum);
  const Bytes udp = Bytes(frame).subspan(34);
  store_be16(udp.data() + 6, 0);
  const auto pseudo = pseudo_header_v4(frame.data() + 26, frame.data() + 30, 17, static_cast<std::uint16_t>(udp.size()));
  EXPECT_EQ(finish_checksum(add_checksum(udp, pseudo)).raw(), 0);
  EXPECT_EQ(udp_checksum(pseudo, udp).host(), 0xffff);
}

TEST(Checksum, PartialValueCompletedByThePortGivesTheFullOne) {
  auto frame = from_hex(golden::kUdp4);
  const Bytes udp = Bytes(frame).subspan(34);
  const auto wanted = load_be16(udp.data() + 6);
  const auto pseudo = pseudo_header_v4(frame.data() + 26, frame.data() + 30, 17, static_cast<std::uint16_t>(udp.size()));
  store_raw(udp.data() + 6, udp_partial_checksum(pseudo).raw());
  EXPECT_EQ(finish_checksum(add_checksum(udp)).host(), wanted);  // what an offload does: sum the datagram as it stands
}

TEST(Checksum, Rfc1624_4_ExampleAndDifferential) {
  EXPECT_EQ(update_checksum(Be16(0xdd2f), Be16(0x5555), Be16(0x3285)).host(), 0x0000);
  std::mt19937 random(2);
  for (int i = 0; i < 1000; ++i) {
    std::vector<std::byte> data(40);
    for (auto& b : data) b = static_cast<std::byte>(random());
    const Be16 field = finish_checksum(add_checksum(data));
    const Be16 before(load_be16(data.data() + 6)), after(static_cast<std::uint16_t>(random()));
    store_raw(data.data() + 6, after.raw());
    EXPECT_EQ(update_checksum(field, before, after), finish_checksum(add_checksum(data)));
  }
}

TEST(Checksum, Rfc791_GoldenHeader) {
  auto frame = from_hex(golden::kEchoRequest);
  EXPECT_TRUE(wire::ipv4_checksum_good(ConstBytes(frame).subspan(14, 20)));
  frame[22] ^= std::byte{1};
  EXPECT_FALSE(wire::ipv4_checksum_good(ConstBytes(frame).subspan(14, 20)));
}

}  // namespace
}  // namespace mediaward::dataplane
