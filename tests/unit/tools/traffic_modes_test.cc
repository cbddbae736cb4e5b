// SPDX-License-Identifier: Apache-2.0
// Modes, suites, MKIs and SRTCP of the traffic tool against the appliance on memory: what is right passes with exact counts, and each
// way to do them wrong is found and named.
#include <gtest/gtest.h>

#include "traffic_test_run.h"

namespace mediaward::tools::traffic {
namespace {

using test::Case;
using test::Lie;
using test::Outcome;
using test::play;
using FileMode = ConferenceFile::Mode;

constexpr auto kPer = FileMode::kPerParticipant, kGroup = FileMode::kGroup, kRelay = FileMode::kRelay;

TEST(TrafficModes, EverySuiteMeetsEveryOther) {
  const Outcome o = play({.participants = 16, .packets = 3200, .suites = "all"});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.packets("opened"), 3200u * 15);
}

TEST(TrafficModes, EverySuiteWithMkisAndSeveralKeys) {
  const Outcome o = play({.hostile = "all", .participants = 8, .packets = 4000, .suites = "all", .mki_bytes = 4, .keys = 3, .rtcp_every = 10});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.packets("opened"), 4000u * 7);
  EXPECT_EQ(o.drops, o.expected_drops());
  EXPECT_GT(o.expected_drops()["srtp.unknown_mki"], 0u);
}

TEST(TrafficModes, TagsOfEverySuiteAreComparedWithoutOpening) {
  const Outcome o = play({.participants = 8, .packets = 1600, .verify_every = 10, .suites = "all", .mki_bytes = 5});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.packets("compared_tags") + o.packets("opened"), 1600u * 7);
}

TEST(TrafficModes, GroupReceiversGetIdenticalPackets) {
  for (const std::string suite : {"cm128", "cm128-32", "cm256", "gcm128", "gcm256", "null"}) {
    const Outcome o = play({.hostile = "all", .packets = 2000, .suites = suite, .modes = {kGroup}, .mki_bytes = 2, .rtcp_every = 10});
    EXPECT_TRUE(o.faults.empty()) << suite << ": " << o.all_faults();
    EXPECT_EQ(o.packets("opened"), 6000u);
    EXPECT_EQ(o.packets("identical_copies"), 4000u);  // of three receivers two are compared with the first
    EXPECT_EQ(o.rtcp("identical_copies") * 3, o.rtcp("received") * 2);
    EXPECT_EQ(o.drops, o.expected_drops());
  }
}

TEST(TrafficModes, RelayedPacketsAreByteForByteWhatWasSent) {
  const Outcome o = play({.hostile = "all", .packets = 2000, .suites = "all", .modes = {kRelay}, .mki_bytes = 4, .keys = 2, .rtcp_every = 10});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.packets("untouched"), 6000u);
  EXPECT_EQ(o.rtcp("untouched"), o.rtcp("expected"));
  EXPECT_GT(o.rtcp("expected"), 0u);
  EXPECT_EQ(o.drops, o.expected_drops());
}

TEST(TrafficModes, RelayWithoutKeysForwardsWhatItCannotJudge) {
  const Outcome o = play({.hostile = "all", .packets = 2000, .modes = {kRelay}, .rtcp_every = 10, .relay_keys = PlanRelayKeys::kMixed,
                          .impairment = {.duplicate = 0.1, .reorder = 0.1}});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.packets("untouched"), 6000u);
  EXPECT_LT(o.opened, 1500u);  // only every other sender is authenticated
  EXPECT_EQ(o.drops, o.expected_drops());
}

TEST(TrafficModes, ConferencesOfEveryModePlayInOneRun) {
  const Outcome o = play({.hostile = "all", .packets = 6000, .suites = "all", .modes = {kPer, kGroup, kRelay}, .mki_bytes = 1, .rtcp = PlanRtcp::kMixed,
                          .rtcp_every = 20});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.drops, o.expected_drops());
  ASSERT_EQ(o.report["conferences"].size(), 3u);
  for (const auto& conference : o.report["conferences"]) {
    EXPECT_EQ(conference["expected"], 6000u) << conference["mode"];
    EXPECT_EQ(conference["received"], 6000u) << conference["mode"];
    EXPECT_EQ(conference["faults"], 0u);
    EXPECT_GT(conference["rtcp_received"], 0u);
  }
  EXPECT_EQ(o.report["conferences"][1]["mode"], "group");
  EXPECT_EQ(o.packets("identical_copies"), 4000u);
  EXPECT_EQ(o.packets("untouched"), 6000u);
}

TEST(TrafficModes, ReportsGoToEverybodyElseOnBothKindsOfPorts) {
  for (const PlanRtcp rtcp : {PlanRtcp::kMux, PlanRtcp::kPorts, PlanRtcp::kMixed}) {
    const Outcome o = play({.packets = 2000, .rtcp = rtcp, .rtcp_every = 25});
    EXPECT_TRUE(o.faults.empty()) << o.all_faults();
    EXPECT_EQ(o.rtcp("sent"), 2000u / 25);
    EXPECT_EQ(o.rtcp("received"), 2000u / 25 * 3);
  }
}

TEST(TrafficModes, ReceiversReportToo) {
  const Outcome o = play({.packets = 200, .one_way = true, .rtcp_every = 10});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.rtcp("sent"), 80u);  // the sender and three receivers
  // The sender's go to three; the receivers' to the sender alone, because no media flow between them.
  EXPECT_EQ(o.rtcp("received"), 20u * 3 + 60u);
}

TEST(TrafficModes, Rfc3711_3_4_UnencryptedReportsAreTakenWhereTheyAreAllowedAndLeaveEncrypted) {
  const Outcome o = play({.packets = 2000, .suites = "all", .modes = {kPer, kGroup, kRelay}, .mki_bytes = 2, .rtcp_every = 10, .plain_srtcp = true});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_GT(o.rtcp("received"), 0u);
  EXPECT_EQ(o.rtcp("received"), o.rtcp("expected"));
}

TEST(TrafficModes, PolicyThatDropsReportsLeavesNothingToExpect) {
  const Outcome o = play({.packets = 400, .rtcp = PlanRtcp::kDrop, .rtcp_every = 10});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.rtcp("sent"), 0u);
}

TEST(TrafficModes, MutedAndInactiveParticipantsAreAccountedFor) {
  auto files = test::make_files({.participants = 4});
  files[0].participants[1].muted = true;
  const Outcome o = play({.packets = 400, .rtcp_every = 10}, files);
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.packets("received"), 300u * 3);
  EXPECT_EQ(o.rtcp("received"), 40u * 3);  // a muted participant reports all the same
  EXPECT_EQ(o.drops, (std::map<std::string, std::uint64_t>{{"policy.muted", 100}}));
  EXPECT_EQ(o.drops, o.expected_drops());
}

// Addresses and SSRCs that the appliance has to learn: nothing of the media is lost, because it begins when all is learned.
TEST(TrafficModes, ParticipantsIntroduceThemselvesWhereTheApplianceLearns) {
  for (const PlanRtcp rtcp : {PlanRtcp::kMux, PlanRtcp::kPorts}) {
    auto files = test::make_files({.participants = 4, .modes = {kPer, kGroup}, .rtcp = rtcp});
    for (auto& p : files[0].participants) {
      p.source = ConferenceFile::SourcePolicy::kLatch;
      p.actual_remote = p.remote;
      p.remote = {};
    }
    for (auto& p : files[1].participants) {
      p.ssrcs.clear();
      p.ssrc_places = 2;
    }
    const Outcome o = play({.hostile = "all", .packets = 3000, .first_index = 3, .rtcp_every = 20}, files);
    EXPECT_TRUE(o.faults.empty()) << o.all_faults();
    EXPECT_EQ(o.packets("received"), 9000u);
    EXPECT_EQ(o.report["streams"], 4u + 8u);
    EXPECT_GT(o.drops.at("srtp.not_bound"), 0u);
    const std::map<std::string, std::uint64_t> tolerated = o.report["tolerated_drops"];
    for (const auto& [reason, packets] : o.drops) {
      const std::uint64_t expected = o.expected_drops()[reason], more = tolerated.contains(reason) ? tolerated.at(reason) : 0;
      EXPECT_GE(packets, expected) << reason;
      EXPECT_LE(packets, expected + more) << reason;
    }
  }
}

TEST(TrafficModes, AnApplianceThatNeverLatchesIsFound) {
  auto files = test::make_files({.participants = 2});
  files[0].participants[0].source = ConferenceFile::SourcePolicy::kLatch;
  const Outcome o = play({.lie = Lie::kNeverLatch, .packets = 100}, files);
  EXPECT_TRUE(o.names("p1 has heard nothing of p2")) << o.all_faults();
}

struct WrongCase {
  const char* what;
  Lie lie;
  FileMode mode;
  const char* fault;
  PlanRtcp rtcp = PlanRtcp::kMux;
};
class TrafficModeLie : public testing::TestWithParam<WrongCase> {};

TEST_P(TrafficModeLie, IsFoundAndNamed) {
  const Outcome o = play({.lie = GetParam().lie, .packets = 2000, .modes = {GetParam().mode}, .mki_bytes = 4, .rtcp = GetParam().rtcp, .rtcp_every = 10});
  EXPECT_TRUE(o.names(GetParam().fault)) << o.all_faults();
  EXPECT_EQ(o.report["verdict"], "wrong");
  EXPECT_EQ(o.buffers_out, 0u);
}

INSTANTIATE_TEST_SUITE_P(All, TrafficModeLie,
                         testing::Values(WrongCase{"Mki", Lie::kWrongMki, kPer, "wrong-mki"},
                                         WrongCase{"RelayAltered", Lie::kAlterRelayed, kRelay, "altered"},
                                         WrongCase{"GroupNotIdentical", Lie::kSealGroupTwice, kGroup, "not-identical"},
                                         WrongCase{"GroupPayload", Lie::kAlterRelayed, kGroup, "wrong-key"},
                                         WrongCase{"RtcpUnencrypted", Lie::kRtcpPlain, kPer, "SRTCP unencrypted"},
                                         WrongCase{"RtcpPayload", Lie::kRtcpPayload, kPer, "SRTCP wrong-payload"},
                                         WrongCase{"RtcpLost", Lie::kRtcpLose, kGroup, "SRTCP lost"},
                                         WrongCase{"RtcpTwice", Lie::kRtcpTwice, kPer, "SRTCP duplicate"},
                                         WrongCase{"RtcpIndex", Lie::kRtcpIndexAgain, kPer, "SRTCP wrong-index"},
                                         WrongCase{"RtcpPort", Lie::kRtcpPort, kPer, "SRTCP wrong-port", PlanRtcp::kPorts}),
                         [](const auto& wrong) { return std::string(wrong.param.what); });

}  // namespace
}  // namespace mediaward::tools::traffic
