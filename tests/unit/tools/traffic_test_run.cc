// SPDX-License-Identifier: Apache-2.0
// Runs of the traffic tool against the appliance on memory (see the header). One thread.
#include "traffic_test_run.h"

#include <gtest/gtest.h>

#include "tools/traffic/report.h"
#include "tools/traffic/srtp_context.h"
#include "tools/traffic/stage.h"

namespace mediaward::tools::traffic::test {

bool Outcome::names(const std::string& text) const {
  for (const auto& fault : faults)
    if (fault.find(text) != std::string::npos) return true;
  return false;
}

std::string Outcome::all_faults() const {
  std::string text;
  for (const auto& fault : faults) text += fault + "; ";
  return text.empty() ? "no fault" : text;
}

std::vector<ConferenceFile> make_files(const Case& c) {
  PlanSettings plan;
  plan.participants = c.participants;
  plan.family = c.family;
  plan.one_way = c.one_way;
  plan.suites = c.suites;
  plan.mki_bytes = c.mki_bytes;
  plan.keys = c.keys;
  plan.rtcp = c.rtcp;
  plan.relay_keys = c.relay_keys;
  plan.plain_srtcp = c.plain_srtcp;
  plan.replay_window = c.replay_window;
  plan.streams = c.streams;
  std::vector<ConferenceFile> files;
  for (const auto mode : c.modes) {
    PlanSettings settings = *settings_of_conference(plan, static_cast<std::uint32_t>(files.size()));
    settings.mode = mode;
    settings.id = "c" + std::to_string(files.size() + 1);
    files.push_back(*make_plan(settings));
  }
  return files;
}

Outcome play(const Case& c) {
  return play(c, make_files(c));
}

Outcome play(const Case& c, const std::vector<ConferenceFile>& files) {
  static const auto library = SrtpLibrary::start();
  StageSettings settings;
  settings.model = {7, c.first_index, c.step};
  settings.pool = {c.packets, 160, 7, 2, true};
  settings.verify_every = c.verify_every;
  settings.latency = true;
  settings.random_order = c.random_order;
  settings.rtcp_every = c.rtcp_every;
  settings.impairment = c.impairment;
  settings.hostile = *parse_hostile(c.hostile);
  settings.hostile_every = c.hostile_every;
  auto stage = Stage::build(files, std::move(settings));
  if (!stage) throw std::runtime_error(stage.error().message);
  TestAppliance appliance((*stage)->model(), c.lie, c.vlan);
  RunSettings run;
  run.packets = c.packets;
  run.wait_seconds = 0.3;
  run.drain_seconds = 0.05;
  run.vlan = c.vlan;
  run.window = c.window;
  run.packets_per_second = c.rate;
  run.pace_burst = c.pace_burst;
  Outcome outcome;
  {
    Runner runner(appliance, (*stage)->parts(), run);
    const std::atomic<bool> stop{false};
    const auto result = runner.run(stop);
    const ReportInput input{(*stage)->parts(), result, run, 1e9, c.verify_every, true, false, "memory"};
    outcome.faults = find_faults(input);
    outcome.report = nlohmann::json::parse(make_json(input, outcome.faults));
    EXPECT_NE(make_table(input, outcome.faults).find(outcome.faults.empty() ? "verdict        right" : "verdict        WRONG"),
              std::string::npos);
  }
  outcome.drops = appliance.drops();
  outcome.buffers_out = appliance.buffers_out();
  outcome.opened = appliance.opened();
  return outcome;
}

}  // namespace mediaward::tools::traffic::test
