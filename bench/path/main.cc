// SPDX-License-Identifier: Apache-2.0
// bench_path: what the packet path costs, as ratios of subjects that take turns on one pinned CPU. Prints one JSON object: facts of the
// run, report rows, stage cycles. What is compared is in the experiments; judging and printing for people is bench/run's work.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <optional>
#include <stdexcept>

#include "bench/path/experiments.h"
#include "bench/support/conferences.h"
#include "bench/support/cpu_clock.h"
#include "crypto/cpu_features.h"
#include "crypto/ipsec_mb_provider.h"
#include "crypto/openssl_provider.h"
#include "crypto/provider_select.h"

namespace {

using namespace mediaward;
using namespace mediaward::bench;

struct Options {
  Rounds rounds;
  std::optional<unsigned> cpu;
  bool quick = false;
  std::string isa = "auto";
  std::vector<std::string> only;
};

struct Experiment {
  const char* name;
  void (*run)(Bench&);
  bool promised;  // part of a quick run
};
constexpr std::array kExperiments{Experiment{"calls", run_calls, true}, Experiment{"fanout", run_fan_out, true},
                                  Experiment{"streams", run_streams, true}, Experiment{"suites", run_suites, false}};

bool is_wanted(const Experiment& experiment, const Options& options) {
  if (options.only.empty()) return experiment.promised || !options.quick;
  return std::find(options.only.begin(), options.only.end(), experiment.name) != options.only.end();
}

nlohmann::json facts(const Bench& bench, unsigned cpu) {
  const crypto::CryptoProvider& engine = bench.fast;
  return {{"cpu", cpu},
          {"engine", std::string(engine.name()) + " " + engine.version() + " " + std::string(engine.isa()) +
                         (bench.native_hmac ? " with HMAC-SHA1 of our own" : "")},
          {"openssl", bench.openssl.version()},
          {"rounds", bench.rounds.rounds},
          {"slices_per_round", bench.rounds.slices},
          {"packets_per_slice", kSlicePackets},
          {"streams", Conferences(calls(crypto::Suite::kAesCm128HmacSha1_80)).streams()},
          {"burst", kBurst}};
}

int run(const Options& options) {
  const auto cpu = pin_to_cpu(options.cpu);
  if (!cpu) throw std::runtime_error("cannot pin to the CPU asked for");
  auto choice = crypto::choose_provider({"ipsec-mb", options.isa});
  if (!choice) throw std::runtime_error(choice.error().message);
  const crypto::IsaLevel level = *crypto::find_isa(choice->provider->isa());
  const auto library = crypto::make_ipsec_mb_provider(level, crypto::HmacKernels::kLibrary);
  if (!library) throw std::runtime_error(library.error().message);
  const auto openssl = crypto::make_openssl_provider();
  Results results;
  const bool native_hmac = level == crypto::IsaLevel::kAvx512;
  Bench bench{*choice->provider, **library, *openssl, native_hmac, options.rounds, options.quick, measure_ticks_per_ns(), results};
  for (const Experiment& experiment : kExperiments)
    if (is_wanted(experiment, options)) experiment.run(bench);
  std::printf("%s\n", results.json(facts(bench, *cpu), bench.ticks_per_ns).dump(2).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures the packet path against the crypto engine alone and against its peers; prints JSON."};
  Options options;
  app.add_flag("--quick", options.quick, "only the promised figures");
  app.add_option("--rounds", options.rounds.rounds)->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--slices", options.rounds.slices, "per round and subject")->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--cpu", options.cpu, "to run on (default: the last one allowed)");
  app.add_option("--isa", options.isa, "of ipsec-mb: auto (measured), avx512, avx2, sse")->capture_default_str();
  app.add_option("--only", options.only, "calls, fanout, streams, suites; may be given several times")
      ->check(CLI::IsMember({"calls", "fanout", "streams", "suites"}));
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_path: %s\n", error.what());
    return 1;
  }
}
