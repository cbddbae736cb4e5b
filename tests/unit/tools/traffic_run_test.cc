// SPDX-License-Identifier: Apache-2.0
// The whole traffic tool against an appliance on memory: a good one passes with every hostile packet counted, and each way to lie is
// found and named. Without these a green run of the tool would prove nothing.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tools/traffic/plan.h"
#include "tools/traffic/report.h"
#include "tools/traffic/runner.h"
#include "traffic_test_appliance.h"

namespace mediaward::tools::traffic {
namespace {

using test::Lie;
using test::TestAppliance;

struct Outcome {
  std::vector<std::string> faults;
  nlohmann::json report;
  std::map<std::string, std::uint64_t> drops;
  std::size_t buffers_out = 0;

  [[nodiscard]] bool names(const std::string& text) const {
    for (const auto& fault : faults)
      if (fault.find(text) != std::string::npos) return true;
    return false;
  }
  [[nodiscard]] std::uint64_t packets(const char* key) const { return report["packets"][key].get<std::uint64_t>(); }
};

struct Case {
  Lie lie = Lie::kNone;
  std::string hostile = {};
  std::uint32_t participants = 4;
  PlanFamily family = PlanFamily::kMixed;
  std::uint64_t packets = 2000;
  std::uint32_t verify_every = 1;
  std::uint16_t vlan = 0;
  bool one_way = false;
  std::optional<std::uint64_t> first_index = {};
  std::uint32_t window = 0;
  double rate = 0;
};

Outcome play(const Case& c) {
  static const auto library = SrtpLibrary::start();
  PlanSettings plan;
  plan.participants = c.participants;
  plan.family = c.family;
  plan.one_way = c.one_way;
  const std::vector<ConferenceFile> files{*make_plan(plan)};
  const auto model = *Model::build(files, 7, c.first_index);
  const auto pool = *SealedPool::seal(model, {c.packets, 160, 7, 2, c.verify_every > 1});
  auto checker = *Checker::create(model, pool, {c.verify_every, true});
  Hostile hostile(model, pool, *parse_hostile(c.hostile), 5);
  EndpointHost host(model, std::nullopt, std::nullopt);
  TestAppliance appliance(model, c.lie, c.vlan);
  RunSettings settings;
  settings.packets = c.packets;
  settings.wait_seconds = 0.3;
  settings.drain_seconds = 0.05;
  settings.vlan = c.vlan;
  settings.window = c.window;
  settings.packets_per_second = c.rate;
  Outcome outcome;
  {
    Runner runner(appliance, model, pool, checker, hostile, host, settings);
    const std::atomic<bool> stop{false};
    const auto result = runner.run(stop);
    const ReportInput input{model, pool, checker, hostile, result, settings, 1e9, c.verify_every, true, false, "memory"};
    outcome.faults = find_faults(input);
    outcome.report = nlohmann::json::parse(make_json(input, outcome.faults));
    EXPECT_NE(make_table(input, outcome.faults).find(outcome.faults.empty() ? "verdict        right" : "verdict        WRONG"),
              std::string::npos);
  }
  outcome.drops = appliance.drops();
  outcome.buffers_out = appliance.buffers_out();
  return outcome;
}

TEST(TrafficRun, GoodApplianceIsRight) {
  const Outcome o = play({});
  EXPECT_TRUE(o.faults.empty()) << o.faults[0];
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
  EXPECT_TRUE(o.faults.empty()) << o.faults[0];
  const Outcome later = play({.packets = 4000, .first_index = (std::uint64_t{3} << 16) + 65'000});
  EXPECT_TRUE(later.faults.empty()) << later.faults[0];
}

TEST(TrafficRun, VlanTagsAreSentAndExpected) {
  const Outcome o = play({.packets = 400, .vlan = 42});
  EXPECT_TRUE(o.faults.empty()) << o.faults[0];
  EXPECT_EQ(o.packets("received"), 1200u);
}

TEST(TrafficRun, ReceiveOnlyParticipantsSendNothing) {
  const Outcome o = play({.packets = 300, .one_way = true});
  EXPECT_TRUE(o.faults.empty()) << o.faults[0];
  EXPECT_EQ(o.report["streams"], 1);
  EXPECT_EQ(o.packets("received"), 900u);
}

TEST(TrafficRun, SampleOpensEveryNth) {
  const Outcome o = play({.packets = 4000, .verify_every = 10});
  EXPECT_TRUE(o.faults.empty()) << o.faults[0];
  EXPECT_EQ(o.packets("received"), 12'000u);
  EXPECT_EQ(o.packets("opened"), 1200u);
  EXPECT_NE(o.report["verified"].get<std::string>().find("every 10th"), std::string::npos);
}

TEST(TrafficRun, PaceAndWindowAreKept) {
  const Outcome paced = play({.packets = 500, .rate = 5000});
  EXPECT_TRUE(paced.faults.empty()) << paced.faults[0];
  EXPECT_LT(paced.report["rates"]["sent_pps"].get<double>(), 5500);
  const Outcome windowed = play({.packets = 2000, .window = 16});
  EXPECT_TRUE(windowed.faults.empty()) << windowed.faults[0];
}

TEST(TrafficRun, EveryHostilePacketIsCountedUnderItsDropReason) {
  const Outcome o = play({.hostile = "all", .packets = 8000});
  EXPECT_TRUE(o.faults.empty()) << o.faults[0];
  auto expected = o.report["hostile"]["expected_drops"].get<std::map<std::string, std::uint64_t>>();
  EXPECT_GT(expected["srtp.replayed"], 0u);
  EXPECT_GT(expected["srtp.too_old"], 0u);
  const std::uint64_t replays = expected["srtp.replayed"] + expected["srtp.too_old"];  // libsrtp's own window decides here
  expected.erase("srtp.replayed");
  expected.erase("srtp.too_old");
  auto drops = o.drops;
  EXPECT_EQ(drops["srtp.replayed or too_old"], replays);
  drops.erase("srtp.replayed or too_old");
  EXPECT_EQ(drops, expected);
  EXPECT_GE(o.report["hostile"]["total"].get<std::uint64_t>(), 1500u);
}

struct LieCase {
  Lie lie;
  const char* fault;
};
class TrafficLie : public testing::TestWithParam<LieCase> {};

TEST_P(TrafficLie, IsFoundAndNamed) {
  const Outcome o = play({.lie = GetParam().lie, .hostile = "replay"});
  EXPECT_TRUE(o.names(GetParam().fault)) << (o.faults.empty() ? "no fault" : o.faults[0]);
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
