// SPDX-License-Identifier: Apache-2.0
// What the traffic tool needs for load: the schedule of an offered rate, latencies as they are told, the order of visits, and tens of
// thousands of streams within reasonable memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tools/traffic/latency.h"
#include "tools/traffic/pacer.h"
#include "tools/traffic/stage.h"
#include "traffic_test_run.h"

namespace mediaward::tools::traffic {
namespace {

using test::Outcome;
using test::play;

TEST(TrafficPacer, BurstsLeaveWhenAllTheirPacketsAreDue) {
  for (const std::uint32_t burst : {1u, 2u, 8u, 32u}) {
    Pacer pacer(1000, burst, 1'000'000);  // a packet per 1000 ticks
    pacer.start(0, 0);
    std::uint64_t position = 0;
    for (std::uint64_t now = 0; now <= 1'000'000; now += 100) {
      const std::uint64_t due = pacer.due(now, position, 64);
      EXPECT_TRUE(due % burst == 0) << due;
      position += due;
      EXPECT_LE(position, now / 1000) << now;
      EXPECT_GT(position + burst, now / 1000) << now;
    }
    EXPECT_EQ(pacer.slips(), 0u);
  }
}

TEST(TrafficPacer, ALongPauseIsNoReasonForAFlood) {
  Pacer pacer(1'000'000, 4, 1'000'000);
  pacer.start(0, 0);
  EXPECT_EQ(pacer.due(400, 0, 32), 32u);    // 0.4 ms behind: caught up with
  EXPECT_EQ(pacer.due(50'000, 32, 32), 4u);  // 50 ms behind: the schedule begins anew
  EXPECT_EQ(pacer.slips(), 1u);
  EXPECT_EQ(pacer.due(50'003, 36, 32), 0u);
  EXPECT_EQ(pacer.due(50'008, 36, 32), 4u);
}

TEST(TrafficPacer, WithoutARateWhateverThePortTakes) {
  Pacer pacer(0, 1, 1'000'000);
  EXPECT_EQ(pacer.due(123, 456, 7), 7u);
}

TEST(TrafficLatency, PercentilesAndRowsAreInMicroseconds) {
  Histogram ticks;  // 2500 ticks are a microsecond
  for (int i = 0; i < 900; ++i) ticks.record(2500 * 3);
  for (int i = 0; i < 99; ++i) ticks.record(2500 * 40);
  ticks.record(2500 * 7000);
  const LatencySummary s = summarize(ticks, 2.5e9);
  EXPECT_EQ(s.packets, 1000u);
  EXPECT_NEAR(s.p50_us, 3, 0.1);
  EXPECT_NEAR(s.p99_us, 40, 1.3);
  EXPECT_NEAR(s.p999_us, 40, 1.3);
  EXPECT_NEAR(s.max_us, 7000, 0.1);
  ASSERT_EQ(s.rows.size(), 3u);
  EXPECT_EQ(s.rows[0].up_to_us, 5);
  EXPECT_EQ(s.rows[0].packets, 900u);
  EXPECT_EQ(s.rows[1].up_to_us, 50);
  EXPECT_EQ(s.rows[1].packets, 99u);
  EXPECT_EQ(s.rows[2].up_to_us, 10'000);
  EXPECT_NE(to_text(s).find("p50 3.0 us"), std::string::npos) << to_text(s);
  EXPECT_EQ(summarize(Histogram(), 1e9).packets, 0u);
}

TEST(TrafficLatency, EveryPacketBehindTheFirstRoundIsMeasured) {
  const Outcome o = play({.packets = 2000, .rate = 50'000, .pace_burst = 4});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.report["latency"]["packets"], (2000 - 4) * 3);
  std::uint64_t sum = 0;
  for (const auto& row : o.report["latency"]["histogram"]) sum += row["packets"].get<std::uint64_t>();
  EXPECT_EQ(sum, (2000u - 4) * 3);
  EXPECT_GT(o.report["latency"]["p99.9_us"].get<double>(), 0);
}

TEST(TrafficOrder, EveryStreamIsVisitedOncePerRound) {
  const VisitOrder in_turn(1000, false, 1), random(1000, true, 1), again(1000, true, 1), other(1000, true, 2);
  std::vector<std::uint32_t> visits;
  std::size_t in_place = 0, differences = 0;
  for (std::size_t slot = 0; slot < 1000; ++slot) {
    EXPECT_EQ(in_turn.stream_at(slot), slot);
    EXPECT_EQ(random.stream_at(slot), again.stream_at(slot));
    visits.push_back(random.stream_at(slot));
    in_place += random.stream_at(slot) == slot ? 1 : 0;
    differences += random.stream_at(slot) != other.stream_at(slot) ? 1 : 0;
  }
  std::sort(visits.begin(), visits.end());
  for (std::uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(visits[i], i);
  EXPECT_LT(in_place, 20u);
  EXPECT_GT(differences, 900u);
}

TEST(TrafficOrder, RandomOrderIsPlayedAndCheckedLikeAnyOther) {
  const Outcome o = play({.hostile = "all", .participants = 5, .packets = 6000, .rtcp_every = 20, .streams = 4, .random_order = true,
                          .impairment = {0.02, 0.02, 0.05, 8, 6}});
  EXPECT_TRUE(o.faults.empty()) << o.all_faults();
  EXPECT_EQ(o.drops, o.expected_drops());
}

std::uint64_t resident_megabytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * 4096 >> 20;
}

// 32 conferences of two with 1024 streams each. A libsrtp context for each would take 2 GB.
TEST(TrafficScale, SixtyFiveThousandStreamsFit) {
  static const auto library = SrtpLibrary::start();
  PlanSettings plan;
  plan.participants = 2;
  plan.streams = 1024;
  plan.suites = "gcm128";
  std::vector<ConferenceFile> files;
  for (std::uint32_t i = 0; i < 32; ++i) files.push_back(*make_plan(*settings_of_conference(plan, i)));
  for (std::uint32_t i = 0; i < 32; ++i) files[i].id += std::to_string(i);
  const std::uint64_t before = resident_megabytes();
  StageSettings settings;
  settings.pool = {2 * 65'536, 20, 1, 2, false};
  settings.random_order = true;
  settings.sampled_flows = 1024;
  settings.hostile = *parse_hostile("all");
  const auto stage = *Stage::build(files, settings);
  EXPECT_EQ(stage->model().streams().size(), 65'536u);
  EXPECT_EQ(stage->model().flows().size(), 65'536u);
  EXPECT_EQ(stage->pool().rounds(), 2u);
  EXPECT_EQ(stage->verify_every(), 64u);
  EXPECT_LT(resident_megabytes() - before, 300u);
}

TEST(TrafficScale, ManyParticipantsShareAFewHosts) {
  static const auto library = SrtpLibrary::start();
  PlanSettings plan;
  plan.participants = 2000;
  plan.hosts = 8;
  plan.one_way = true;
  const std::vector<ConferenceFile> files{*make_plan(plan)};
  const Model model = *Model::build(files, {});
  EXPECT_EQ(model.flows().size(), 1999u);
  const EndpointHost host(model, std::nullopt, std::nullopt);
  EXPECT_EQ(host.hosts(), 8u);
}

}  // namespace
}  // namespace mediaward::tools::traffic
