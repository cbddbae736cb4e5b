// SPDX-License-Identifier: Apache-2.0
// A whole run of the traffic tool against the appliance on memory, from conference files to the JSON report.
// What the tests of the tool's features share. One thread.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/traffic/plan.h"
#include "tools/traffic/runner.h"
#include "traffic_test_appliance.h"

namespace mediaward::tools::traffic::test {

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
  std::string suites = "mixed";
  std::vector<ConferenceFile::Mode> modes = {ConferenceFile::Mode::kPerParticipant};  // a conference each
  std::uint32_t mki_bytes = 0;
  std::uint32_t keys = 1;
  PlanRtcp rtcp = PlanRtcp::kMux;
  std::uint32_t rtcp_every = 0;
  PlanRelayKeys relay_keys = PlanRelayKeys::kKnown;
  bool plain_srtcp = false;
  std::uint16_t replay_window = 0;
  std::uint32_t streams = 1;
  std::uint32_t step = 1;
  bool random_order = false;
  ImpairmentSettings impairment = {};
  std::uint32_t hostile_every = 5;
  std::uint32_t pace_burst = 1;
};

struct Outcome {
  std::vector<std::string> faults;
  nlohmann::json report;
  std::map<std::string, std::uint64_t> drops;
  std::size_t buffers_out = 0;
  std::uint64_t opened = 0;  // by the appliance

  [[nodiscard]] bool names(const std::string& text) const;
  [[nodiscard]] std::string all_faults() const;
  [[nodiscard]] std::uint64_t packets(const char* key) const { return report["packets"][key].get<std::uint64_t>(); }
  [[nodiscard]] std::uint64_t rtcp(const char* key) const { return report["rtcp"][key].get<std::uint64_t>(); }
  [[nodiscard]] std::uint64_t network(const char* key) const { return report["network"][key].get<std::uint64_t>(); }
  [[nodiscard]] std::map<std::string, std::uint64_t> expected_drops() const { return report["expected_drops"]; }
};

[[nodiscard]] std::vector<ConferenceFile> make_files(const Case& c);
[[nodiscard]] Outcome play(const Case& c);
[[nodiscard]] Outcome play(const Case& c, const std::vector<ConferenceFile>& files);

}  // namespace mediaward::tools::traffic::test
