// SPDX-License-Identifier: Apache-2.0
// Summaries of latency histograms (see the header). Any thread.
#include "tools/traffic/latency.h"

#include <fmt/format.h>

#include <cmath>

namespace mediaward::tools::traffic {

namespace {

// 1, 2, 5, 10, 20, 50, ...
double limit_us(unsigned row) {
  constexpr double kSteps[] = {1, 2, 5};
  return kSteps[row % 3] * std::pow(10.0, row / 3);
}

}  // namespace

LatencySummary summarize(const Histogram& ticks, double ticks_per_second) {
  const double us = 1e6 / ticks_per_second;
  LatencySummary out;
  out.packets = ticks.count();
  out.p50_us = static_cast<double>(ticks.percentile(50)) * us;
  out.p99_us = static_cast<double>(ticks.percentile(99)) * us;
  out.p999_us = static_cast<double>(ticks.percentile(99.9)) * us;
  out.max_us = static_cast<double>(ticks.maximum()) * us;
  unsigned row = 0;
  ticks.each([&](std::uint64_t upper_limit, std::uint64_t packets) {
    while (static_cast<double>(upper_limit) * us > limit_us(row) && row < 30) ++row;
    if (out.rows.empty() || out.rows.back().up_to_us != limit_us(row)) out.rows.push_back({limit_us(row), 0});
    out.rows.back().packets += packets;
  });
  return out;
}

std::string to_text(const LatencySummary& s) {
  std::string out = fmt::format("latency        p50 {:.1f} us, p99 {:.1f} us, p99.9 {:.1f} us, max {:.1f} us over {} packets\n", s.p50_us, s.p99_us,
                                s.p999_us, s.max_us, s.packets);
  if (s.packets == 0) return out;
  out += "              ";
  for (const auto& row : s.rows)
    out += fmt::format(" <={:.0f}us {:.2f}%", row.up_to_us, 100.0 * static_cast<double>(row.packets) / static_cast<double>(s.packets));
  return out + "\n";
}

}  // namespace mediaward::tools::traffic
