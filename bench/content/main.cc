// SPDX-License-Identifier: Apache-2.0
// bench_content: what the network peer costs, as ratios of subjects that take turns on one pinned CPU. Prints one JSON object: facts of the
// run, report rows, stage cycles. What is compared is in the experiments; judging and printing for people is bench/run's work.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <optional>
#include <stdexcept>

#include "bench/content/experiments.h"
#include "bench/support/cpu_clock.h"
#include "crypto/provider_select.h"

namespace {

using namespace mediaward;
using namespace mediaward::bench;

struct Options {
  Rounds rounds{7, 12};
  std::optional<unsigned> cpu;
  bool quick = false;
  std::vector<std::string> only;
};

struct Experiment {
  const char* name;
  void (*run)(ContentBench&);
};
constexpr std::array kExperiments{Experiment{"trees", run_trees},           Experiment{"fetching", run_fetching},
                                  Experiment{"serving", run_serving},       Experiment{"sharing", run_sharing},
                                  Experiment{"admissions", run_admissions}, Experiment{"memory", run_memory}};

int run(const Options& options) {
  const auto cpu = pin_to_cpu(options.cpu);
  if (!cpu) throw std::runtime_error("cannot pin to the CPU asked for");
  auto choice = crypto::choose_provider({"ipsec-mb", "auto"});
  if (!choice) throw std::runtime_error(choice.error().message);
  std::string refused;
  const auto hashes = crypto::select_hash_provider(refused);
  Results results;
  ContentBench bench{*choice->provider, *hashes, options.rounds, options.quick, measure_ticks_per_ns(), results};
  for (const Experiment& experiment : kExperiments)
    if (options.only.empty() || std::find(options.only.begin(), options.only.end(), experiment.name) != options.only.end())
      experiment.run(bench);
  const nlohmann::json facts{{"cpu", *cpu},
                             {"hashes", std::string(hashes->name()) + " " + std::string(hashes->isa())},
                             {"rounds", options.rounds.rounds},
                             {"slices_per_round", options.rounds.slices}};
  std::printf("%s\n", results.json(facts, bench.ticks_per_ns).dump(2).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures the network peer against bare kernels, libcrypto and itself; prints JSON."};
  Options options;
  app.add_flag("--quick", options.quick, "only the promised figures");
  app.add_option("--rounds", options.rounds.rounds)->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--slices", options.rounds.slices, "per round and subject, fewer where they are long")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  app.add_option("--cpu", options.cpu, "to run on (default: the last one allowed)");
  app.add_option("--only", options.only, "trees, fetching, serving, sharing, admissions, memory; may be given several times")
      ->check(CLI::IsMember({"trees", "fetching", "serving", "sharing", "admissions", "memory"}));
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_content: %s\n", error.what());
    return 1;
  }
}
