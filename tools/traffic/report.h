// SPDX-License-Identifier: Apache-2.0
// What a run found, as a table for people and as JSON for scripts, and the verdict that becomes the exit status.
// Only adds up and prints; every number was counted by checkers, ledgers, hostile actors and runner. After the run, main thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/traffic/runner.h"

namespace mediaward::tools::traffic {

struct ReportInput {
  RunParts parts;
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

// What the appliance must have counted as dropped, by reason: hostile packets, copies and late packets of the bad network, and what
// policy lets nobody hear.
[[nodiscard]] std::map<std::string, std::uint64_t> expected_drops(const ReportInput& input);

[[nodiscard]] std::string make_table(const ReportInput& input, const std::vector<std::string>& faults);
[[nodiscard]] std::string make_json(const ReportInput& input, const std::vector<std::string>& faults);

// Sums that table and JSON share.
[[nodiscard]] std::uint64_t lost_of_flow(const ReportInput& input, std::size_t flow);
[[nodiscard]] std::uint64_t total_lost(const ReportInput& input);
[[nodiscard]] std::uint64_t rtcp_lost(const ReportInput& input);
[[nodiscard]] std::string verification_text(const ReportInput& input);
struct ConferenceSums {
  std::uint32_t participants = 0, streams = 0;
  std::uint64_t expected = 0, received = 0, opened = 0, faults = 0;  // SRTP
  std::uint64_t rtcp_received = 0, rtcp_faults = 0;
};
[[nodiscard]] std::vector<ConferenceSums> sum_conferences(const ReportInput& input);
[[nodiscard]] std::string_view name(Mode mode);  // "per-participant"

}  // namespace mediaward::tools::traffic
