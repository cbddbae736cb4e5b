// SPDX-License-Identifier: Apache-2.0
// What a run found, as a table for people and as JSON for scripts, and the verdict that becomes the exit status.
// Only adds up and prints; every number was counted by checker, hostile actors and runner. After the run, main thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/traffic/checker.h"
#include "tools/traffic/hostile.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/runner.h"

namespace mediaward::tools::traffic {

struct ReportInput {
  const Model& model;
  const SealedPool& pool;
  const Checker& checker;
  const Hostile& hostile;
  const RunResult& result;
  const RunSettings& settings;
  double ticks_per_second = 1;
  std::uint32_t verify_every = 1;
  bool latency = false;
  bool allow_loss = false;  // a benchmark beyond capacity: lost packets are a figure, not a fault
  std::string port;         // what it ran on, for the reader
};

// What was wrong, one sentence each; empty: all was right.
[[nodiscard]] std::vector<std::string> find_faults(const ReportInput& input);

[[nodiscard]] std::string make_table(const ReportInput& input, const std::vector<std::string>& faults);
[[nodiscard]] std::string make_json(const ReportInput& input, const std::vector<std::string>& faults);

}  // namespace mediaward::tools::traffic
