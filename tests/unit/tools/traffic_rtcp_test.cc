// SPDX-License-Identifier: Apache-2.0
// RTCP of the traffic tool: compounds as RFC 3550 lays them out (the bytes below were looked at by Wireshark 4.0), counts that grow,
// and times that come back.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "tools/traffic/rtcp_compound.h"
#include "tools/traffic/stage.h"
#include "traffic_test_run.h"

namespace mediaward::tools::traffic {
namespace {

std::string hex(ConstBytes bytes) {
  std::string out;
  for (const std::byte b : bytes) {
    char text[3];
    std::snprintf(text, sizeof text, "%02x", std::to_integer<unsigned>(b));
    out += text;
  }
  return out;
}

TEST(TrafficRtcp, Rfc3550_6_4_SenderReportAndSourceDescription) {
  std::array<std::byte, kMaxCompoundBytes> out;
  const ReportBlock block{0x11111111, 12, 3, 0x00050123, 0xaabbccdd, 65536};
  const std::size_t bytes = write_compound(out, 0xdeadbeef, SenderInfo{0xe9b1a2b3c4d5e6f7, 12345, 100, 16000}, {&block, 1}, "alice");
  EXPECT_EQ(hex({out.data(), bytes}),
            "81c8000cdeadbeefe9b1a2b3c4d5e6f7000030390000006400003e80"
            "111111110c0000030005012300000000aabbccdd00010000"
            "81ca0003deadbeef0105616c69636500");
  EXPECT_EQ(middle_ntp({out.data(), bytes}), 0xa2b3c4d5u);
}

TEST(TrafficRtcp, Rfc3550_6_4_2_ReceiverReportHasNoSenderInfo) {
  std::array<std::byte, kMaxCompoundBytes> out;
  const std::size_t bytes = write_compound(out, 7, std::nullopt, {}, "abcdef");
  EXPECT_EQ(hex({out.data(), bytes}), "80c9000100000007" "81ca0004000000070106616263646566" "00000000");
  EXPECT_FALSE(middle_ntp({out.data(), bytes}));
}

TEST(TrafficRtcp, MoreThan31BlocksAndLongNamesAreCut) {
  std::array<std::byte, kMaxCompoundBytes> out;
  const std::vector<ReportBlock> blocks(40);
  const std::size_t bytes = write_compound(out, 7, SenderInfo{}, blocks, std::string(300, 'x'));
  EXPECT_LE(bytes, kMaxCompoundBytes);
  EXPECT_EQ(std::to_integer<unsigned>(out[0]), 0x80u | 31);
  EXPECT_EQ(bytes % 4, 0u);
}

TEST(TrafficRtcp, CountsGrowAndNtpTimeGoesOn) {
  static const auto library = SrtpLibrary::start();
  StageSettings settings;
  settings.pool = {100, 160, 1, 1, false};
  settings.verify_every = 1;
  settings.rtcp_every = 1;
  const auto stage = *Stage::build(test::make_files({.participants = 2}), settings);
  RtcpSender& sender = stage->parts().rtcp_sender;
  std::uint64_t last_ntp = 0;
  for (std::uint32_t round = 0; round < 10; ++round) {
    sender.visited(0, round);
    ASSERT_TRUE(sender.waiting());
    const SealedRtcp* report = sender.next();
    ASSERT_NE(report, nullptr);
    EXPECT_EQ(sender.next(), report);  // the same until it is sent
    EXPECT_EQ(load_be32(report->plain.data() + 20), round + 1);
    EXPECT_EQ(load_be32(report->plain.data() + 24), (round + 1) * 160);
    EXPECT_GT(load_be64(report->plain.data() + 8), last_ntp);
    last_ntp = load_be64(report->plain.data() + 8);
    sender.sent(false);
    EXPECT_FALSE(sender.waiting());
  }
  EXPECT_EQ(stage->parts().rtcp_ledger.sent_compounds(), 10u);
}

TEST(TrafficRtcp, LedgerTellsRepeatedReportsApart) {
  const Model model = *Model::build(test::make_files({.participants = 3}), {});
  RtcpLedger ledger(model);
  const std::array<std::byte, 4> same{}, other{std::byte{1}};
  for (int i = 0; i < 3; ++i) ledger.sent(0, same, same, false);
  ledger.sent(0, other, other, true);
  EXPECT_EQ(ledger.find_plain(0, 0, same), 0u);
  EXPECT_EQ(ledger.find_plain(0, 2, same), 2u);
  EXPECT_EQ(ledger.find_plain(0, 3, same), 2u);  // nothing newer: one that came late
  EXPECT_EQ(ledger.find_plain(0, 0, other), 3u);
  EXPECT_FALSE(ledger.find_plain(1, 0, same));
  EXPECT_TRUE(ledger.was_sealed(0, other));
  EXPECT_EQ(ledger.expected_deliveries(), 8u);
  EXPECT_EQ(ledger.expected_drops(), (std::map<std::string, std::uint64_t>{{"srtcp.replayed", 1}}));
}

}  // namespace
}  // namespace mediaward::tools::traffic
