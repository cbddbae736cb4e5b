// SPDX-License-Identifier: Apache-2.0
// What many streams cost: calls of two behind a gateway, 64 to 65,536 streams, visited in turn and in a random order. With many of them
// every packet meets keys, state and tables that are in no cache. See experiments.h.
#include <algorithm>

#include "bench/path/experiments.h"
#include "bench/path/pipeline_subject.h"

namespace mediaward::bench {
namespace {

constexpr std::size_t kFewest = 64, kMost = 65536;

std::unique_ptr<PipelineSubject> make(Bench& bench, crypto::Suite suite, std::size_t streams, Order order) {
  auto subject = std::make_unique<PipelineSubject>(bench.fast, bench.fast, many_calls(suite, streams), PipelineOptions{});
  subject->set_order(order);
  return subject;
}

Series measure_one(Bench& bench, std::span<Subject* const> subjects) {
  Series series = measure(subjects, bench.rounds);
  bench.results.add_clock(series);
  for (const Subject* subject : subjects) bench.results.add_proofs(*subject);
  return series;
}

void run_promised(Bench& bench) {
  const auto suite = crypto::Suite::kAesCm128HmacSha1_80;
  const auto hot = make(bench, suite, kFewest, Order::kInTurn), cold = make(bench, suite, kMost, Order::kRandom);
  const std::array<Subject*, 2> subjects{hot.get(), cold.get()};
  const Series s = measure_one(bench, subjects);
  const std::string name = "srtp.cm128.160.";
  bench.results.add(
      name + "cold_vs_hot", "ratio", s, [&](std::size_t r) { return s.ticks(1, r) / s.ticks(0, r); },
      name + "cold_vs_hot: key memory of the 65,536 streams lies in pages of kind \"" + cold->key_pages() + "\"");
  bench.results.add_stages("srtp.cm128.160.cold", s, 1);
  const ApplyTicks& applied = cold->applied();
  const double ticks_per_second = bench.ticks_per_ns * 1e9;
  bench.results.add("control.legs_per_second", "legs/s", static_cast<double>(cold->legs()) * ticks_per_second / static_cast<double>(applied.all),
                    "control.legs_per_second: 65,536 legs with a stream each, in transactions of 256 operations, main thread and worker on one CPU");
  bench.results.add("control.longest_loop_us", "us", static_cast<double>(applied.longest_loop) / bench.ticks_per_ns / 1e3,
                    "control.longest_loop_us: the longest loop of the worker while it took them in: how long forwarding stood still");
  if (bench.quick) return;
  bench.results.add(name + "cold_cycles", "core cycles/packet", s, [&](std::size_t r) { return s.cycles(1, r); });
  bench.results.add(name + "hot_cycles", "core cycles/packet", s, [&](std::size_t r) { return s.cycles(0, r); });
}

void run_sweep(Bench& bench, crypto::Suite suite) {
  for (std::size_t streams = kFewest; streams <= kMost; streams *= 4) {
    const auto pipeline = make(bench, suite, streams, Order::kInTurn);
    const std::array<Subject*, 1> subjects{pipeline.get()};
    for (const auto& [order, text] : {std::pair{Order::kInTurn, "in_turn"}, std::pair{Order::kRandom, "random"}}) {
      pipeline->set_order(order);
      const Series s = measure(subjects, bench.rounds);
      bench.results.add_clock(s);
      const std::string name = "streams." + short_name(suite) + ".160." + std::to_string(streams) + "." + text;
      bench.results.add(name + "_cycles", "core cycles/packet", s, [&](std::size_t r) { return s.cycles(0, r); });
      bench.results.add_stages(name, s, 0);
    }
    bench.results.add_proofs(*pipeline);
  }
}

}  // namespace

void run_streams(Bench& bench) {
  run_promised(bench);
  if (bench.quick) return;
  Bench sweep = bench;
  sweep.rounds = {std::min(bench.rounds.rounds, 7u), std::min(bench.rounds.slices, 64u)};
  for (const auto suite : {crypto::Suite::kAesCm128HmacSha1_80, crypto::Suite::kAeadAes128Gcm}) run_sweep(sweep, suite);
}

}  // namespace mediaward::bench
