// SPDX-License-Identifier: Apache-2.0
// See results.h.
#include "bench/path/results.h"

#include "bench/support/statistics.h"

namespace mediaward::bench {

void Results::add(const std::string& name, const std::string& unit, const Series& series, const std::function<double(std::size_t)>& value,
                  const std::string& note) {
  std::vector<double> values;
  for (std::size_t round = 0; round < series.rounds(); ++round) values.push_back(value(round));
  const Spread v = spread(values);
  rows_.push_back({{"name", name}, {"value", v.median}, {"unit", unit}, {"min", v.min}, {"max", v.max}, {"note", note}});
}

void Results::add_missing(const std::string& name, const std::string& unit, const std::string& reason) {
  rows_.push_back({{"name", name}, {"value", nullptr}, {"unit", unit}, {"note", name + ": not measured: " + reason}});
}

void Results::add(const std::string& name, const std::string& unit, double value, const std::string& note) {
  rows_.push_back({{"name", name}, {"value", value}, {"unit", unit}, {"note", note}});
}

void Results::add_stages(const std::string& name, const Series& series, std::size_t subject) {
  auto stages = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < dataplane::kStageCount; ++i) {
    std::vector<double> cycles;
    for (std::size_t round = 0; round < series.rounds(); ++round)
      cycles.push_back(series.subjects[subject].stage_ticks[i][round] * series.cycles_per_tick[round]);
    stages[std::string(dataplane::kStageNames[i])] = median(cycles);
  }
  stages_[name] = stages;
}

void Results::add_proofs(const Subject& subject) {
  verified_ += subject.verified_packets();
  proved_ += subject.proved_packets();
}

void Results::add_clock(const Series& series) {
  cycles_per_tick_.insert(cycles_per_tick_.end(), series.cycles_per_tick.begin(), series.cycles_per_tick.end());
}

nlohmann::ordered_json Results::json(nlohmann::json facts, double ticks_per_ns) const {
  if (!cycles_per_tick_.empty()) {
    const Spread clock = spread(cycles_per_tick_);
    facts["core_ghz"] = {{"min", clock.min * ticks_per_ns}, {"median", clock.median * ticks_per_ns}, {"max", clock.max * ticks_per_ns}};
  }
  facts["tsc_ghz"] = ticks_per_ns;
  facts["packets_opened_by_libsrtp"] = verified_;
  facts["packets_proved_byte_equal"] = proved_;
  return {{"facts", facts}, {"rows", rows_}, {"stages", stages_}};
}

}  // namespace mediaward::bench
