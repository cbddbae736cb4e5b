// SPDX-License-Identifier: Apache-2.0
// bench_path: what the packet path costs beyond the engine, as ratios of subjects that take turns on one pinned CPU. Prints one JSON
// object: facts of the run, report rows, stage cycles. Rounds of many short interleaved slices; a round's value is the median of its
// slices, a row the median of the rounds (with the least and the greatest). Judging and printing for people is bench/run's work.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/path/engine_subject.h"
#include "bench/path/pipeline_subject.h"
#include "bench/support/cpu_clock.h"
#include "bench/support/statistics.h"
#include "crypto/openssl_provider.h"
#include "crypto/provider_select.h"

namespace {

using namespace mediaward;
using namespace mediaward::bench;

struct Options {
  unsigned rounds = 9, slices = 60;
  std::optional<unsigned> cpu;
  bool quick = false;
  std::string isa = "auto";
  std::string only;
};

constexpr std::size_t kVerifyEvery = 16;  // slices whose last 256 packets libsrtp opens

enum Role : std::size_t { kPipeline, kEngine, kOpenssl, kSoftware, kRoles };

struct Case {
  std::string name;
  crypto::Suite suite;
  std::size_t payload_bytes;
};

// Medians of each round, by role.
struct Series {
  std::array<std::vector<double>, kRoles> ticks_per_packet;
  std::vector<double> cycles_per_tick;
  std::array<std::vector<double>, dataplane::kStageCount> stage_cycles;  // of the pipeline, per packet: the median slice of each round
};

class Bench {
 public:
  Bench(crypto::CryptoProvider& fast, crypto::CryptoProvider& openssl, const Options& options, double ticks_per_ns)
      : fast_(fast), openssl_(openssl), options_(options), ticks_per_ns_(ticks_per_ns) {}

  void run(const Case& c);
  [[nodiscard]] nlohmann::json rows() const { return rows_; }
  [[nodiscard]] nlohmann::json stages() const { return stages_; }
  [[nodiscard]] std::uint64_t verified() const { return verified_; }
  [[nodiscard]] std::uint64_t proved() const { return proved_; }
  [[nodiscard]] const std::vector<double>& cycles_per_tick() const { return clock_; }

 private:
  using Subjects = std::array<std::unique_ptr<Subject>, kRoles>;
  Subjects make_subjects(const Case& c);
  Series measure(Subjects& subjects);
  void add(const std::string& name, const std::string& unit, const Series& s, const std::function<double(std::size_t)>& value);
  void add_rows(const Case& c, const Subjects& subjects, const Series& s);
  void add_stages(const Case& c, const Series& s);

  crypto::CryptoProvider &fast_, &openssl_;
  const Options& options_;
  const double ticks_per_ns_;
  nlohmann::json rows_ = nlohmann::json::array();
  nlohmann::json stages_ = nlohmann::json::object();
  std::vector<double> clock_;
  std::uint64_t verified_ = 0, proved_ = 0;
};

Bench::Subjects Bench::make_subjects(const Case& c) {
  Subjects s;
  s[kPipeline] = std::make_unique<PipelineSubject>(fast_, fast_, c.suite, c.payload_bytes, true);
  s[kEngine] = std::make_unique<EngineSubject>(fast_, c.suite, c.payload_bytes);
  if (c.payload_bytes == 160) s[kOpenssl] = std::make_unique<PipelineSubject>(openssl_, fast_, c.suite, c.payload_bytes, true);
  if (!options_.quick) s[kSoftware] = std::make_unique<PipelineSubject>(fast_, fast_, c.suite, c.payload_bytes, false);
  return s;
}

Series Bench::measure(Subjects& subjects) {
  Series series;
  for (unsigned i = 0; i < 4; ++i)  // warm-up: caches, page tables, branch history
    for (auto& subject : subjects)
      if (subject) subject->run_slice(true);
  for (unsigned round = 0; round < options_.rounds; ++round) {
    std::array<std::vector<double>, kRoles> slices;
    std::vector<double> clock;
    std::array<std::vector<double>, dataplane::kStageCount> stages;
    for (unsigned slice = 0; slice < options_.slices; ++slice) {
      if (slice % 8 == 0) clock.push_back(measure_cycles_per_tick());
      const StageTicks before = subjects[kPipeline]->stages();
      for (std::size_t role = 0; role < kRoles; ++role)
        if (subjects[role]) slices[role].push_back(static_cast<double>(subjects[role]->run_slice(slice % kVerifyEvery == 0)) / kSlicePackets);
      const StageTicks after = subjects[kPipeline]->stages();
      for (std::size_t i = 0; i < dataplane::kStageCount; ++i) stages[i].push_back(static_cast<double>(after.ticks[i] - before.ticks[i]) / kSlicePackets);
    }
    series.cycles_per_tick.push_back(median(clock));
    for (std::size_t i = 0; i < dataplane::kStageCount; ++i) series.stage_cycles[i].push_back(median(stages[i]) * series.cycles_per_tick.back());
    for (std::size_t role = 0; role < kRoles; ++role)
      if (subjects[role]) series.ticks_per_packet[role].push_back(median(slices[role]));
  }
  return series;
}

void Bench::add(const std::string& name, const std::string& unit, const Series& s, const std::function<double(std::size_t)>& value) {
  std::vector<double> values;
  for (std::size_t round = 0; round < s.cycles_per_tick.size(); ++round) values.push_back(value(round));
  const Spread v = spread(values);
  rows_.push_back({{"name", name}, {"value", v.median}, {"unit", unit}, {"min", v.min}, {"max", v.max}});
}

void Bench::add_rows(const Case& c, const Subjects& subjects, const Series& s) {
  const auto& t = s.ticks_per_packet;
  const auto ratio = [&](Role a, Role b) { return [&t, a, b](std::size_t round) { return t[a][round] / t[b][round]; }; };
  const auto cycles = [&](Role role) { return [&, role](std::size_t round) { return t[role][round] * s.cycles_per_tick[round]; }; };
  add(c.name + ".pipeline_vs_engine", "ratio", s, ratio(kPipeline, kEngine));
  add(c.name + ".pipeline_overhead_cycles", "core cycles/packet", s,
      [&](std::size_t round) { return (t[kPipeline][round] - t[kEngine][round]) * s.cycles_per_tick[round]; });
  if (subjects[kOpenssl]) add(c.name + ".vs_openssl", "ratio", s, ratio(kOpenssl, kPipeline));
  if (subjects[kSoftware]) add(c.name + ".software_checksum_vs_engine", "ratio", s, ratio(kSoftware, kEngine));
  add(c.name + ".pipeline_ns", "ns/packet", s, [&](std::size_t round) { return t[kPipeline][round] / ticks_per_ns_; });
  add(c.name + ".pipeline_cycles", "core cycles/packet", s, cycles(kPipeline));
  add(c.name + ".engine_cycles", "core cycles/packet", s, cycles(kEngine));
}

void Bench::add_stages(const Case& c, const Series& s) {
  nlohmann::json stages = nlohmann::json::object();
  for (std::size_t i = 0; i < dataplane::kStageCount; ++i) stages[std::string(dataplane::kStageNames[i])] = median(s.stage_cycles[i]);
  stages_[c.name] = stages;
}

void Bench::run(const Case& c) {
  Subjects subjects = make_subjects(c);
  const Series series = measure(subjects);
  add_rows(c, subjects, series);
  add_stages(c, series);
  clock_.insert(clock_.end(), series.cycles_per_tick.begin(), series.cycles_per_tick.end());
  for (const auto& subject : subjects) {
    if (!subject) continue;
    verified_ += subject->verified_packets();
    proved_ += subject->proved_packets();
  }
}

nlohmann::json facts(const Bench& bench, const Options& options, unsigned cpu, double ticks_per_ns, const crypto::CryptoProvider& provider,
                     const crypto::CryptoProvider& openssl) {
  const Spread clock = spread(bench.cycles_per_tick());
  return {{"cpu", cpu},
          {"tsc_ghz", ticks_per_ns},
          {"core_ghz", {{"min", clock.min * ticks_per_ns}, {"median", clock.median * ticks_per_ns}, {"max", clock.max * ticks_per_ns}}},
          {"engine", std::string(provider.name()) + " " + provider.version() + " " + std::string(provider.isa())},
          {"openssl", openssl.version()},
          {"rounds", options.rounds},
          {"slices_per_round", options.slices},
          {"packets_per_slice", kSlicePackets},
          {"flows", kFlows},
          {"burst", kBurst},
          {"packets_opened_by_libsrtp", bench.verified()},
          {"packets_proved_byte_equal", bench.proved()}};
}

int run(const Options& options) {
  const auto cpu = pin_to_cpu(options.cpu);
  if (!cpu) throw std::runtime_error("cannot pin to the CPU asked for");
  auto choice = crypto::choose_provider({"ipsec-mb", options.isa});
  if (!choice) throw std::runtime_error(choice.error().message);
  const auto openssl = crypto::make_openssl_provider();
  const double ticks_per_ns = measure_ticks_per_ns();
  Bench bench(*choice->provider, *openssl, options, ticks_per_ns);
  for (const Case& c : {Case{"srtp.cm128.160", crypto::Suite::kAesCm128HmacSha1_80, 160}, Case{"srtp.cm128.1200", crypto::Suite::kAesCm128HmacSha1_80, 1200},
                        Case{"srtp.gcm128.160", crypto::Suite::kAeadAes128Gcm, 160}, Case{"srtp.gcm128.1200", crypto::Suite::kAeadAes128Gcm, 1200}})
    if (options.only.empty() || options.only == c.name) bench.run(c);
  const nlohmann::json out{{"facts", facts(bench, options, *cpu, ticks_per_ns, *choice->provider, *openssl)}, {"rows", bench.rows()}, {"stages", bench.stages()}};
  std::printf("%s\n", out.dump(2).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures the packet path against the crypto engine alone; prints JSON."};
  Options options;
  app.add_flag("--quick", options.quick, "only what the short report needs");
  app.add_option("--rounds", options.rounds)->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--slices", options.slices, "per round and subject")->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--cpu", options.cpu, "to run on (default: the last one allowed)");
  app.add_option("--isa", options.isa, "of ipsec-mb: auto (measured), avx512, avx2, sse")->capture_default_str();
  app.add_option("--case", options.only, "one of srtp.cm128.160, srtp.cm128.1200, srtp.gcm128.160, srtp.gcm128.1200");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_path: %s\n", error.what());
    return 1;
  }
}
