// SPDX-License-Identifier: Apache-2.0
// The bad network, the accounts kept of it, wraps of sequence numbers, and many streams: the traffic tool's expectations must be met to
// the packet by an appliance that works by the same clauses and nothing else in common.
#include <gtest/gtest.h>

#include <algorithm>

#include "tools/traffic/impairment.h"
#include "tools/traffic/ledger.h"
#include "traffic_test_run.h"

namespace mediaward::tools::traffic {
namespace {

using test::Case;
using test::Lie;
using test::Outcome;
using test::play;

TEST(TrafficNetwork, EveryLostCopiedAndLatePacketIsAccountedFor) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Outcome o = play({.packets = 6000, .rtcp_every = 10, .impairment = {0.05, 0.05, 0.1, 16, seed}});
    EXPECT_TRUE(o.faults.empty()) << o.all_faults();
    EXPECT_EQ(o.drops, o.expected_drops());
    EXPECT_NEAR(static_cast<double>(o.network("lost")), 300, 90);
    EXPECT_NEAR(static_cast<double>(o.network("duplicated")), 285, 90);
    EXPECT_NEAR(static_cast<double>(o.network("delayed")), 570, 120);
    EXPECT_EQ(o.packets("received"), (6000 - o.network("lost")) * 3);
    EXPECT_EQ(o.drops.at("srtp.replayed"), o.network("duplicated"));
    EXPECT_EQ(o.drops.at("srtcp.replayed"), o.network("rtcp_duplicated"));
  }
}

TEST(TrafficNetwork, SameSeedSameTrouble) {
  const Case c{.packets = 3000, .impairment = {0.1, 0.1, 0.1, 8, 42}};
  const Outcome a = play(c), b = play(c);
  EXPECT_EQ(a.report["network"], b.report["network"]);
  Case other = c;
  other.impairment.seed = 43;
  EXPECT_NE(a.report["network"], play(other).report["network"]);
}

// Late packets that are behind the window when they come are dropped as such, not as lost.
TEST(TrafficNetwork, Rfc3711_3_3_2_PacketsBehindTheWindowAreExpectedToBeDropped) {
  const Outcome o = play({.packets = 6000, .replay_window = 64, .step = 10, .impairment = {0, 0, 0.2, 16, 3}});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.drops, o.expected_drops());
  EXPECT_GT(o.drops.at("srtp.too_old"), 100u);
  EXPECT_EQ(o.packets("received"), (6000 - o.drops.at("srtp.too_old")) * 3);
}

TEST(TrafficNetwork, HostileAndBadNetworkTogether) {
  const Outcome o = play({.hostile = "all", .packets = 8000, .rtcp_every = 5, .impairment = {0.05, 0.05, 0.05, 8, 9}});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.drops, o.expected_drops());
  EXPECT_GT(o.expected_drops()["srtcp.unencrypted"], 0u);
}

TEST(TrafficNetwork, LossIsFoundBesideWantedLoss) {
  const Outcome o = play({.lie = Lie::kLose, .impairment = {0.1, 0, 0, 4, 1}});
  EXPECT_TRUE(o.names("lost")) << o.all_faults();
}

TEST(TrafficNetwork, ReorderingByTheApplianceIsFoundBesideWantedReordering) {
  EXPECT_TRUE(play({.lie = Lie::kReorder, .impairment = {0, 0, 0.1, 4, 1}}).names("out-of-order"));
}

TEST(TrafficNetwork, ProbabilitiesAreReadOrRefused) {
  EXPECT_DOUBLE_EQ(*parse_probability("--loss", "0.25"), 0.25);
  EXPECT_DOUBLE_EQ(*parse_probability("--loss", "2%"), 0.02);
  for (const char* bad : {"", "x", "1.5", "-0.1", "101%", "0.1x", "nan"}) EXPECT_FALSE(parse_probability("--loss", bad)) << bad;
  ImpairmentSettings settings;
  ASSERT_TRUE(parse_reorder("5%,12", settings));
  EXPECT_DOUBLE_EQ(settings.reorder, 0.05);
  EXPECT_EQ(settings.depth, 12u);
  for (const char* bad : {"0.1,0", "0.1,33", "0.1,", "0.1,x", ",3"}) EXPECT_FALSE(parse_reorder(bad, settings)) << bad;
}

// Every round leaves exactly once, none before its turn, whatever the depth.
TEST(TrafficNetwork, LatePacketsLeaveExactlyOnce) {
  constexpr std::uint64_t kRounds = 500;
  const Impairment network({0, 0, 0.5, Impairment::kMaxDepth, 11});
  std::vector<int> left(kRounds);
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    const bool last = round + 1 == kRounds;
    if (last || network.decide(0, round).late == 0) ++left[round];
    std::array<std::uint64_t, Impairment::kMaxDepth> out;
    const std::size_t count = network.released(0, round, last, out);
    EXPECT_TRUE(std::is_sorted(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count)));
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_LT(out[i], round);
      ++left[out[i]];
    }
  }
  EXPECT_EQ(std::count(left.begin(), left.end(), 1), static_cast<std::ptrdiff_t>(kRounds));
}

TEST(TrafficWrap, Rfc3711_3_3_1_ManyWrapsInAShortRun) {
  for (const std::string suites : {"mixed", "all"}) {
    const Outcome o = play({.hostile = "tamper,replay", .packets = 4000, .first_index = 60'000, .suites = suites, .step = 1000});
    EXPECT_TRUE(o.faults.empty()) << o.all_faults();
    EXPECT_EQ(o.packets("opened"), 12'000u);  // each of the streams wraps fifteen times
    EXPECT_EQ(o.drops, o.expected_drops());
  }
}

TEST(TrafficWrap, Rfc3711_3_3_1_TheWidestStepWrapsWithEveryOtherPacket) {
  const Outcome o = play({.packets = 2000, .step = kMaxStep});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.packets("opened"), 6000u);
}

// With wide steps a few packets lost in a row put the next one on the wrong side of a wrap: no receiver can open it.
TEST(TrafficWrap, Rfc3711_3_3_1_PacketsWhoseIndexNobodyCanGuessAreExpectedToFail) {
  const Outcome o = play({.packets = 4000, .step = 12'000, .impairment = {0.3, 0, 0, 4, 5}});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.drops, o.expected_drops());
  EXPECT_GT(o.drops.at("srtp.auth_failed"), 10u);
}

TEST(TrafficWrap, InitialRollOverCountersOfTheFileAreUsed) {
  auto files = test::make_files({});
  for (auto& p : files[0].participants) p.initial_rocs = {7};
  const Model model = *Model::build(files, {});
  for (const Stream& stream : model.streams()) EXPECT_EQ(stream.first_index >> 16, 7u);
  // The appliance's own roll-over counters begin at 0: its keys are new.
  for (const std::uint32_t every : {1u, 5u}) {
    const Outcome o = play({.packets = 800, .verify_every = every, .step = 900}, files);
    EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  }
}

TEST(TrafficLedger, Rfc3711_3_3_2_EveryFateByTheWindow) {
  auto files = test::make_files({.participants = 2, .replay_window = 64});
  const Model model = *Model::build(files, {1, 100, 1});
  Ledger ledger(model, 400, true);
  EXPECT_EQ(ledger.offer(0, 0), Fate::kForwarded);
  EXPECT_EQ(ledger.offer(0, 0), Fate::kReplayed);
  EXPECT_EQ(ledger.offer(0, 100), Fate::kForwarded);
  EXPECT_EQ(ledger.predict(0, 37), Fate::kForwarded);
  EXPECT_EQ(ledger.predict(0, 36), Fate::kTooOld);
  EXPECT_EQ(ledger.offer(0, 37), Fate::kForwarded);
  EXPECT_EQ(ledger.offer(0, 37), Fate::kReplayed);
  EXPECT_EQ(ledger.place(0, 37), 2u);
  EXPECT_TRUE(ledger.forwarded(0, 37));
  EXPECT_FALSE(ledger.forwarded(0, 36));
  EXPECT_FALSE(ledger.forwarded(1, 37));
  EXPECT_EQ(ledger.expected_deliveries(), 3u);
  EXPECT_EQ(ledger.expected_drops(), (std::map<std::string, std::uint64_t>{{"srtp.replayed", 2}}));
}

TEST(TrafficLedger, Rfc3711_3_3_1_AnIndexBelowZeroIsOutOfRange) {
  auto files = test::make_files({.participants = 2});
  const Model model = *Model::build(files, {1, 10, 1});
  Ledger ledger(model, 50'000, false);
  EXPECT_EQ(ledger.offer(0, 0), Fate::kForwarded);
  EXPECT_EQ(ledger.predict(0, 32'768), Fate::kForwarded);
  EXPECT_EQ(ledger.predict(0, 32'769), Fate::kIndexRange);  // nearer below the first index than above it
}

}  // namespace
}  // namespace mediaward::tools::traffic
