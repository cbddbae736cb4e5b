// SPDX-License-Identifier: Apache-2.0
// Plans of the traffic tool: suites, keys, modes and addresses as asked, readable by the reader of conference files, and a cast that
// follows topology and directions.
#include <gtest/gtest.h>

#include <set>

#include "tools/traffic/plan.h"
#include "traffic_test_run.h"

namespace mediaward::tools::traffic {
namespace {

using crypto::Suite;
using FileMode = ConferenceFile::Mode;

TEST(TrafficPlan, SuitesAreNamedShortOrInFull) {
  EXPECT_EQ(parse_suites("all")->size(), crypto::kSuites.size());
  EXPECT_EQ(parse_suites("encrypting")->size(), crypto::kSuites.size() - 2);
  EXPECT_EQ(*parse_suites("mixed"), (std::vector{Suite::kAesCm128HmacSha1_80, Suite::kAeadAes128Gcm}));
  EXPECT_EQ(*parse_suites("cm256-32,null,AEAD_AES_256_GCM"),
            (std::vector{Suite::kAesCm256HmacSha1_32, Suite::kNullHmacSha1_80, Suite::kAeadAes256Gcm}));
  const auto unknown = parse_suites("cm128,cm512");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("`cm512`"), std::string::npos);
  EXPECT_FALSE(parse_suites(""));
}

TEST(TrafficPlan, EverySuiteMeetsEveryOtherInBothDirections) {
  PlanSettings plan;
  plan.participants = 64;
  plan.suites = "all";
  const auto file = *make_plan(plan);
  std::set<std::pair<std::string, std::string>> pairs;
  for (const auto& p : file.participants) pairs.insert({p.receive_suite, p.send_suite});
  EXPECT_EQ(pairs.size(), 64u);
}

TEST(TrafficPlan, EveryModeSurvivesWritingAndReading) {
  for (const FileMode mode : {FileMode::kPerParticipant, FileMode::kGroup, FileMode::kRelay}) {
    PlanSettings plan;
    plan.mode = mode;
    plan.suites = "all";
    plan.mki_bytes = 4;
    plan.keys = 3;
    plan.rtcp = PlanRtcp::kMixed;
    plan.relay_keys = PlanRelayKeys::kMixed;
    plan.replay_window = 256;
    plan.initial_roc = 9;
    plan.plain_srtcp = true;
    plan.hosts = 3;
    const auto file = *make_plan(plan);
    const auto again = parse_conference(to_toml(file), "plan.toml");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(to_toml(*again), to_toml(file));
    EXPECT_EQ(again->mode, mode);
    EXPECT_EQ(again->participants[0].more_receive_keys.size(), 2u);
    EXPECT_EQ(again->participants[0].more_send_keys.size(), mode == FileMode::kPerParticipant ? 2u : 0u);
    EXPECT_EQ(again->group_keys.size(), mode == FileMode::kGroup ? 1u : 0u);
    EXPECT_EQ(again->participants[1].end_to_end, mode == FileMode::kRelay);
    EXPECT_FALSE(again->participants[1].rtcp_mux);
    EXPECT_NE(again->participants[0].receive_mki, again->participants[0].more_receive_keys[0].mki);
  }
}

TEST(TrafficPlan, ConferencesHavePortsAndSsrcsOfTheirOwn) {
  PlanSettings plan;
  plan.participants = 5;
  plan.streams = 3;
  plan.hosts = 2;
  plan.rtcp = PlanRtcp::kPorts;
  std::vector<ConferenceFile> files;
  for (std::uint32_t i = 0; i < 10; ++i) {
    files.push_back(*make_plan(*settings_of_conference(plan, i)));
    files.back().id += std::to_string(i);
  }
  const auto model = Model::build(files, {});
  ASSERT_TRUE(model) << model.error().message;
  std::set<std::uint32_t> ssrcs;
  std::set<std::uint16_t> ports;
  for (const Stream& stream : model->streams()) ssrcs.insert(stream.ssrc);
  for (const Participant& p : model->participants()) ports.insert({p.local_port, p.local_rtcp_port});
  EXPECT_EQ(ssrcs.size(), 150u);
  EXPECT_EQ(ports.size(), 100u);
  EXPECT_FALSE(settings_of_conference(plan, 10'000));
}

TEST(TrafficPlan, WhatCannotBeIsRefused) {
  PlanSettings plan;
  plan.keys = 2;
  EXPECT_NE(make_plan(plan).error().message.find("--mki"), std::string::npos);
  plan.mki_bytes = 200;
  EXPECT_FALSE(make_plan(plan));
  EXPECT_FALSE(parse_mode("broadcast"));
}

TEST(TrafficModel, TopologyDecidesWhoHearsWhom) {
  auto files = test::make_files({.participants = 4, .family = PlanFamily::kIpv4});
  files[0].topology = {{"p1", "p2", ConferenceFile::Relation::kOneway}, {"p1", "p3", ConferenceFile::Relation::kIsolate}};
  const Model model = *Model::build(files, {});
  const auto heard = [&](std::uint32_t sender, std::uint32_t receiver) {
    return model.find_flow(receiver, model.streams()[sender].ssrc) != Model::kNone;
  };
  EXPECT_TRUE(heard(0, 1));
  EXPECT_FALSE(heard(1, 0));
  EXPECT_FALSE(heard(0, 2));
  EXPECT_FALSE(heard(2, 0));
  EXPECT_TRUE(heard(0, 3));
  EXPECT_EQ(model.flows().size(), 12u - 3);
  files[0].topology = {{"p1", "p2", ConferenceFile::Relation::kIsolate},
                       {"p1", "p3", ConferenceFile::Relation::kIsolate},
                       {"p1", "p4", ConferenceFile::Relation::kIsolate}};
  const Model alone = *Model::build(files, {});
  EXPECT_TRUE(alone.streams()[0].isolated);
  EXPECT_EQ(alone.streams()[0].receivers, 0u);
}

TEST(TrafficModel, KeysFollowTheMode) {
  const auto files = test::make_files({.participants = 2, .modes = {FileMode::kPerParticipant, FileMode::kGroup, FileMode::kRelay}});
  const Model model = *Model::build(files, {});
  const auto& people = model.participants();
  EXPECT_EQ(model.keys_between(people[0], people[1]).keys[0].bytes, files[0].participants[1].send_key);
  EXPECT_EQ(model.keys_between(people[2], people[3]).keys[0].bytes, files[1].group_keys[0].bytes);
  EXPECT_EQ(model.keys_between(people[4], people[5]).keys[0].bytes, files[2].participants[0].receive_key);
}

TEST(TrafficModel, WhatItCannotPlayIsRefused) {
  auto files = test::make_files({});
  files[0].speakers.loudest = 2;
  const auto refused = Model::build(files, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("[speakers]"), std::string::npos);
  EXPECT_FALSE(Model::build(test::make_files({}), {1, std::nullopt, 40'000}));
}

}  // namespace
}  // namespace mediaward::tools::traffic
