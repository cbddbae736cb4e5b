// SPDX-License-Identifier: Apache-2.0
// How every figure of the path is taken: rounds of short slices in which all subjects take turns, the core's clock measured in between.
// A round's value is the median of its slices; what is made of the rounds is the caller's. The benchmark's thread.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "bench/path/subject.h"

namespace mediaward::bench {

struct Rounds {
  unsigned rounds = 9, slices = 60;  // slices: of every subject, in a round
};

// Medians of every round, per received packet. A subject that is not there has none.
struct Series {
  struct One {
    std::vector<double> ticks, seal_ticks;
    std::array<std::vector<double>, dataplane::kStageCount> stage_ticks;  // the median slice of each stage alone
  };
  std::vector<One> subjects;
  std::vector<double> cycles_per_tick;  // of the core's clock, by round

  [[nodiscard]] std::size_t rounds() const noexcept { return cycles_per_tick.size(); }
  [[nodiscard]] double ticks(std::size_t subject, std::size_t round) const { return subjects[subject].ticks[round]; }
  [[nodiscard]] double cycles(std::size_t subject, std::size_t round) const { return ticks(subject, round) * cycles_per_tick[round]; }
};

// subjects: nullptr where one is left out.
[[nodiscard]] Series measure(std::span<Subject* const> subjects, Rounds how_often);

}  // namespace mediaward::bench
