// SPDX-License-Identifier: Apache-2.0
// The whole traffic tool against an appliance on memory: a good one passes with every hostile packet counted, and each way to lie is
// found and named. Without these a green run of the tool would prove nothing.
#include <gtest/gtest.h>

#include "traffic_test_run.h"

namespace mediaward::tools::traffic {
namespace {

using test::Lie;
using test::Outcome;
using test::play;

TEST(TrafficRun, GoodApplianceIsRight) {
  const Outcome o = play({});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.packets("sent"), 2000u);
  EXPECT_EQ(o.packets("expected"), 6000u);
  EXPECT_EQ(o.packets("received"), 6000u);
  EXPECT_EQ(o.packets("opened"), 6000u);
  EXPECT_TRUE(o.drops.empty());
  EXPECT_EQ(o.buffers_out, 0u);
  EXPECT_EQ(o.report["flow"].size(), 12u);
}

TEST(TrafficRun, Rfc3711_3_3_1_SequenceNumbersWrapUnderLoad) {
  const Outcome o = play({.packets = 4000, .first_index = 65'400});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  const Outcome later = play({.packets = 4000, .first_index = (std::uint64_t{3} << 16) + 65'000});
  EXPECT_TRUE(later.faults.empty()) << later.all_faults();
}

TEST(TrafficRun, VlanTagsAreSentAndExpected) {
  const Outcome o = play({.packets = 400, .vlan = 42});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.packets("received"), 1200u);
}

TEST(TrafficRun, ReceiveOnlyParticipantsSendNothing) {
  const Outcome o = play({.packets = 300, .one_way = true});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.report["streams"], 1);
  EXPECT_EQ(o.packets("received"), 900u);
}

TEST(TrafficRun, SampleOpensEveryNth) {
  const Outcome o = play({.packets = 4000, .verify_every = 10});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.packets("received"), 12'000u);
  EXPECT_EQ(o.packets("opened"), 1200u);
  EXPECT_NE(o.report["verified"].get<std::string>().find("every 10th"), std::string::npos);
}

TEST(TrafficRun, PaceAndWindowAreKept) {
  const Outcome paced = play({.packets = 500, .rate = 5000});
  EXPECT_TRUE(paced.faults.empty()) << paced.all_faults();
  EXPECT_LT(paced.report["rates"]["sent_pps"].get<double>(), 5500);
  const Outcome windowed = play({.packets = 2000, .window = 16});
  EXPECT_TRUE(windowed.faults.empty()) << windowed.all_faults();
}

TEST(TrafficRun, EveryHostilePacketIsCountedUnderItsDropReason) {
  const Outcome o = play({.hostile = "all", .packets = 8000});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_GT(o.expected_drops()["srtp.replayed"], 0u);
  EXPECT_GT(o.expected_drops()["srtp.too_old"], 0u);
  EXPECT_EQ(o.drops, o.expected_drops());
  EXPECT_GE(o.report["hostile"]["total"].get<std::uint64_t>(), 1500u);
}

struct LieCase {
  Lie lie;
  const char* fault;
};
class TrafficLie : public testing::TestWithParam<LieCase> {};

TEST_P(TrafficLie, IsFoundAndNamed) {
  const Outcome o = play({.lie = GetParam().lie, .hostile = "replay"});
  EXPECT_TRUE(o.names(GetParam().fault)) << o.all_faults();
  EXPECT_EQ(o.report["verdict"], "wrong");
  EXPECT_EQ(o.buffers_out, 0u);
}

INSTANTIATE_TEST_SUITE_P(All, TrafficLie,
                         testing::Values(LieCase{Lie::kPlaintext, "plaintext"}, LieCase{Lie::kWrongKey, "wrong-key"},
                                         LieCase{Lie::kWrongPayload, "wrong-payload"}, LieCase{Lie::kDuplicate, "duplicate"},
                                         LieCase{Lie::kLose, "lost"}, LieCase{Lie::kReorder, "out-of-order"},
                                         LieCase{Lie::kEcho, "should not get"}, LieCase{Lie::kWrongDscp, "wrong-dscp"},
                                         LieCase{Lie::kWrongSource, "wrong-source"}, LieCase{Lie::kBadUdpChecksum, "bad-udp-checksum"},
                                         LieCase{Lie::kWrongMac, "wrong-mac"}, LieCase{Lie::kAcceptReplay, "duplicate"},
                                         LieCase{Lie::kDeaf, "no answer to"}));

TEST(TrafficRun, WrongKeyAndPayloadAreFoundWithoutOpening) {
  for (const Lie lie : {Lie::kWrongKey, Lie::kWrongPayload}) {
    const Outcome o = play({.lie = lie, .verify_every = 1000});
    EXPECT_TRUE(o.names("wrong-tag"));
    EXPECT_EQ(o.packets("compared_tags") + 12 * 1, o.packets("received"));  // of each flow the first was opened
  }
}

TEST(TrafficRun, PlaintextIsFoundWithoutOpening) {
  const Outcome o = play({.lie = Lie::kPlaintext, .verify_every = 1000});
  EXPECT_TRUE(o.names("plaintext"));
}

}  // namespace
}  // namespace mediaward::tools::traffic
