// SPDX-License-Identifier: Apache-2.0
// See measure.h.
#include "bench/path/measure.h"

#include "bench/support/cpu_clock.h"
#include "bench/support/statistics.h"

namespace mediaward::bench {
namespace {

constexpr unsigned kWarmUpSlices = 4;  // caches, page tables, branch history
constexpr unsigned kVerifyEvery = 16;  // slices whose last packets libsrtp opens
constexpr unsigned kClockEvery = 8;

// The slices of one round, of one subject.
struct Slices {
  std::vector<double> ticks, seal_ticks;
  std::array<std::vector<double>, dataplane::kStageCount> stage_ticks;
};

void run_slice(Subject& subject, bool verify, Slices& to) {
  const StageTicks before = subject.stages();
  const SliceTicks spent = subject.run_slice(verify);
  const StageTicks after = subject.stages();
  const auto packets = static_cast<double>(subject.slice_packets());
  to.ticks.push_back(static_cast<double>(spent.all) / packets);
  to.seal_ticks.push_back(static_cast<double>(spent.seal) / packets);
  for (std::size_t i = 0; i < dataplane::kStageCount; ++i)
    to.stage_ticks[i].push_back(static_cast<double>(after.ticks[i] - before.ticks[i]) / packets);
}

void close_round(const Slices& slices, Series::One& to) {
  to.ticks.push_back(median(slices.ticks));
  to.seal_ticks.push_back(median(slices.seal_ticks));
  for (std::size_t i = 0; i < dataplane::kStageCount; ++i) to.stage_ticks[i].push_back(median(slices.stage_ticks[i]));
}

}  // namespace

Series measure(std::span<Subject* const> subjects, Rounds how_often) {
  Series series;
  series.subjects.resize(subjects.size());
  for (unsigned i = 0; i < kWarmUpSlices; ++i)
    for (Subject* subject : subjects)
      if (subject != nullptr) subject->run_slice(true);
  for (unsigned round = 0; round < how_often.rounds; ++round) {
    std::vector<Slices> slices(subjects.size());
    std::vector<double> clock;
    for (unsigned slice = 0; slice < how_often.slices; ++slice) {
      if (slice % kClockEvery == 0) clock.push_back(measure_cycles_per_tick());
      for (std::size_t i = 0; i < subjects.size(); ++i)
        if (subjects[i] != nullptr) run_slice(*subjects[i], slice % kVerifyEvery == 0, slices[i]);
    }
    series.cycles_per_tick.push_back(median(clock));
    for (std::size_t i = 0; i < subjects.size(); ++i)
      if (subjects[i] != nullptr) close_round(slices[i], series.subjects[i]);
  }
  return series;
}

}  // namespace mediaward::bench
