// SPDX-License-Identifier: Apache-2.0
// What a further receiver costs: two conferences with one sender each and N receivers, under keys of their own (sealed N times) and under
// one key of the conference (sealed once, sent by reference). The cost of one more is the slope between two N, so that opening, lookup
// and the loop itself fall out of it. See experiments.h.
#include <algorithm>

#include "bench/path/engine_subject.h"
#include "bench/path/experiments.h"
#include "bench/path/pipeline_subject.h"

namespace mediaward::bench {
namespace {

constexpr auto kCm = crypto::Suite::kAesCm128HmacSha1_80;
constexpr auto kGcm = crypto::Suite::kAeadAes128Gcm;
constexpr auto kOwnKeys = abi::ForwardingMode::kPerParticipantKeys;
constexpr auto kGroupKey = abi::ForwardingMode::kGroupKey;

// Subjects that take turns: ipsec-mb alone first, as the yardstick, then N receivers each.
class Turn {
 public:
  Turn(Bench& bench, crypto::Suite suite) : bench_(bench), suite_(suite) {
    subjects_.push_back(std::make_unique<EngineSubject>(bench.ipsec_mb, suite, kPayloadBytes));
  }

  // With few receivers as many packets leave in a slice as in one of calls; never fewer than eight bursts come in, so that the first
  // one, whose buffers the other subjects have put out of the cache, weighs little.
  std::size_t add(std::size_t receivers, abi::ForwardingMode mode) {
    PipelineOptions options{kPayloadBytes};
    options.slice_packets = std::max(8 * kBurst, kSlicePackets / receivers);
    subjects_.push_back(std::make_unique<PipelineSubject>(bench_.fast, bench_.fast, fan_out(suite_, receivers, mode), options));
    receivers_.push_back(receivers);
    return subjects_.size() - 1;
  }

  const Series& measure_all() {
    std::vector<Subject*> plain;
    for (const auto& subject : subjects_) plain.push_back(subject.get());
    series_ = measure(plain, bench_.rounds);
    bench_.results.add_clock(series_);
    for (const auto& subject : subjects_) bench_.results.add_proofs(*subject);
    return series_;
  }

  // Ticks for one receiver more, between two subjects of one kind.
  [[nodiscard]] double slope(std::size_t few, std::size_t many, std::size_t round) const {
    return (series_.ticks(many, round) - series_.ticks(few, round)) / static_cast<double>(receivers_[many - 1] - receivers_[few - 1]);
  }
  [[nodiscard]] double protect(std::size_t round) const { return series_.subjects[0].seal_ticks[round]; }

  void add_rows(const std::string& kind, std::size_t subject) const {
    const std::size_t n = receivers_[subject - 1];
    const std::string name = "fanout." + kind + ".160.n" + std::to_string(n);
    bench_.results.add(name + ".per_receiver_ns", "ns/packet out", series_,
                       [&](std::size_t r) { return series_.ticks(subject, r) / static_cast<double>(n) / bench_.ticks_per_ns; });
    bench_.results.add_stages(name, series_, subject);
  }

 private:
  static constexpr std::size_t kPayloadBytes = 160;

  Bench& bench_;
  const crypto::Suite suite_;
  std::vector<std::unique_ptr<Subject>> subjects_;
  std::vector<std::size_t> receivers_;  // of subjects 1 and up
  Series series_;
};

void add_copy_rows(Bench& bench, const std::string& suite, const Turn& turn, const Series& s, std::size_t one, std::size_t many) {
  const std::string name = "srtp." + suite + ".160.";
  bench.results.add(name + "fanout32_copy_vs_protect", "ratio", s,
                    [&](std::size_t r) { return turn.slope(one, many, r) / turn.protect(r); });
  if (bench.quick) return;
  bench.results.add(name + "fanout32_copy_ns", "ns/packet out", s,
                    [&](std::size_t r) { return turn.slope(one, many, r) / bench.ticks_per_ns; });
  bench.results.add(name + "protect_ns", "ns/packet", s, [&](std::size_t r) { return turn.protect(r) / bench.ticks_per_ns; });
}

void run_cm(Bench& bench) {
  Turn turn(bench, kCm);
  const std::size_t one = turn.add(1, kOwnKeys), thirty_two = turn.add(32, kOwnKeys), most = turn.add(128, kOwnKeys);
  const std::size_t group_one = turn.add(1, kGroupKey), group_most = turn.add(128, kGroupKey);
  const Series& s = turn.measure_all();
  add_copy_rows(bench, "cm128", turn, s, one, thirty_two);
  bench.results.add("srtp.group.160.copy_vs_individual", "ratio", s,
                    [&](std::size_t r) { return turn.slope(group_one, group_most, r) / turn.slope(one, most, r); });
  if (bench.quick) return;
  bench.results.add("srtp.group.160.copy_ns", "ns/packet out", s,
                    [&](std::size_t r) { return turn.slope(group_one, group_most, r) / bench.ticks_per_ns; });
  bench.results.add("srtp.cm128.160.fanout128_copy_ns", "ns/packet out", s,
                    [&](std::size_t r) { return turn.slope(one, most, r) / bench.ticks_per_ns; });
}

void run_gcm(Bench& bench) {
  Turn turn(bench, kGcm);
  const std::size_t one = turn.add(1, kOwnKeys), thirty_two = turn.add(32, kOwnKeys);
  const Series& s = turn.measure_all();
  add_copy_rows(bench, "gcm128", turn, s, one, thirty_two);
}

void run_sweep(Bench& bench, const std::string& kind, crypto::Suite suite, abi::ForwardingMode mode) {
  Turn turn(bench, suite);
  std::vector<std::size_t> subjects;
  for (const std::size_t n : {1, 2, 8, 32, 128}) subjects.push_back(turn.add(n, mode));
  static_cast<void>(turn.measure_all());
  for (const std::size_t subject : subjects) turn.add_rows(kind, subject);
}

}  // namespace

void run_fan_out(Bench& bench) {
  run_cm(bench);
  run_gcm(bench);
  if (bench.quick) return;
  Bench sweep = bench;
  sweep.rounds = {std::min(bench.rounds.rounds, 7u), std::min(bench.rounds.slices, 40u)};
  run_sweep(sweep, "cm128", kCm, kOwnKeys);
  run_sweep(sweep, "gcm128", kGcm, kOwnKeys);
  run_sweep(sweep, "cm128_group", kCm, kGroupKey);
  run_sweep(sweep, "gcm128_group", kGcm, kGroupKey);
}

}  // namespace mediaward::bench
