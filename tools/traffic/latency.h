// SPDX-License-Identifier: Apache-2.0
// Latencies of a run as people and scripts read them: percentiles in microseconds and a coarse histogram. Sending and receiving are one
// thread with one clock, so a latency is the difference of two readings of it: from the hand-over to the port until the receipt.
// After the run; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/traffic/histogram.h"

namespace mediaward::tools::traffic {

struct LatencySummary {
  struct Row {
    double up_to_us = 0;  // from the row before
    std::uint64_t packets = 0;
  };
  std::uint64_t packets = 0;
  double p50_us = 0, p99_us = 0, p999_us = 0, max_us = 0;
  std::vector<Row> rows;  // 1, 2, 5, 10, 20, 50, ... microseconds, from the first that holds any packet to the last
};

[[nodiscard]] LatencySummary summarize(const Histogram& ticks, double ticks_per_second);

// Two lines: percentiles, and shares by row.
[[nodiscard]] std::string to_text(const LatencySummary& summary);

}  // namespace mediaward::tools::traffic
