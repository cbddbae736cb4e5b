// SPDX-License-Identifier: Apache-2.0
// Calls of two, 64 streams, each packet opened once and sealed once: what the pipeline costs beside its engine alone, beside ipsec-mb
// alone, beside itself on OpenSSL, and beside libsrtp; and every suite by payload size. See experiments.h.
#include <algorithm>

#include "bench/path/engine_subject.h"
#include "bench/path/experiments.h"
#include "bench/path/libsrtp_subject.h"
#include "bench/path/pipeline_subject.h"

namespace mediaward::bench {
namespace {

enum Role : std::size_t { kPipeline, kEngine, kIpsecMb, kOpenssl, kSoftware, kRoles };
using Subjects = std::array<std::unique_ptr<Subject>, kRoles>;

struct Case {
  std::string name;
  crypto::Suite suite;
  std::size_t payload_bytes;
};

Series measure_turn(Bench& bench, std::span<Subject* const> subjects, Rounds rounds) {
  Series series = measure(subjects, rounds);
  bench.results.add_clock(series);
  return series;
}

Series measure_case(Bench& bench, const Subjects& subjects, Rounds rounds) {
  std::array<Subject*, kRoles> plain{};
  std::transform(subjects.begin(), subjects.end(), plain.begin(), [](const auto& s) { return s.get(); });
  Series series = measure_turn(bench, plain, rounds);
  for (const auto& subject : subjects)
    if (subject) bench.results.add_proofs(*subject);
  return series;
}

std::unique_ptr<PipelineSubject> make_pipeline(Bench& bench, crypto::CryptoProvider& engine, const Case& c, bool offload = true) {
  return std::make_unique<PipelineSubject>(engine, bench.fast, calls(c.suite), PipelineOptions{c.payload_bytes, offload});
}

// Where the engine has kernels of its own for the suite, the library alone takes its turn too; elsewhere the engine is the library.
Role add_engines(Bench& bench, const Case& c, Subjects& subjects) {
  subjects[kEngine] = std::make_unique<EngineSubject>(bench.fast, c.suite, c.payload_bytes);
  if (!bench.native_hmac || crypto::find_suite(c.suite)->transform == crypto::Transform::kAesGcm) return kEngine;
  subjects[kIpsecMb] = std::make_unique<EngineSubject>(bench.ipsec_mb, c.suite, c.payload_bytes);
  return kIpsecMb;
}

auto ratio(const Series& s, Role a, Role b) {
  return [&s, a, b](std::size_t round) { return s.ticks(a, round) / s.ticks(b, round); };
}

void add_times(Bench& bench, const std::string& name, const Series& s, Role role, const std::string& who) {
  bench.results.add(name + "." + who + "_ns", "ns/packet", s, [&](std::size_t round) { return s.ticks(role, round) / bench.ticks_per_ns; });
}

// libsrtp and the pipeline take turns by themselves: its sessions (29 kB each over NSS) would leave the others with cold caches.
void run_libsrtp(Bench& bench, const Case& c, Subject& pipeline, Rounds rounds) {
  LibsrtpSubject libsrtp(bench.fast, c.suite, c.payload_bytes);
  const std::array<Subject*, 2> subjects{&pipeline, &libsrtp};
  const Series s = measure_turn(bench, subjects, rounds);
  bench.results.add_proofs(libsrtp);
  bench.results.add(c.name + ".vs_libsrtp_nss", "ratio", s, [&](std::size_t r) { return s.ticks(1, r) / s.ticks(0, r); });
  bench.results.add(c.name + ".libsrtp_nss_ns", "ns/packet", s, [&](std::size_t r) { return s.ticks(1, r) / bench.ticks_per_ns; });
}

void add_native(Bench& bench, const Case& c, const Series& s, Role library) {
  const std::string name = c.name + ".native_vs_ipsec_mb";
  if (library == kIpsecMb) {
    bench.results.add(name, "ratio", s, ratio(s, kIpsecMb, kEngine));
    bench.results.add(c.name + ".ipsec_mb_cycles", "core cycles/packet", s, [&](std::size_t r) { return s.cycles(kIpsecMb, r); });
  } else if (!bench.native_hmac && c.suite == crypto::Suite::kAesCm128HmacSha1_80 && c.payload_bytes == 160) {
    bench.results.add_missing(name, "ratio", "our own kernels need AVX-512");
  }
}

void run_call(Bench& bench, const Case& c) {
  Subjects subjects;
  subjects[kPipeline] = make_pipeline(bench, bench.fast, c);
  const Role library = add_engines(bench, c, subjects);
  if (c.payload_bytes == 160) subjects[kOpenssl] = make_pipeline(bench, bench.openssl, c);
  if (!bench.quick) subjects[kSoftware] = make_pipeline(bench, bench.fast, c, false);
  const Series s = measure_case(bench, subjects, bench.rounds);
  Results& results = bench.results;
  results.add(c.name + ".pipeline_vs_engine", "ratio", s, ratio(s, kPipeline, library));
  results.add(c.name + ".pipeline_overhead_cycles", "core cycles/packet", s,
              [&](std::size_t r) { return s.cycles(kPipeline, r) - s.cycles(kEngine, r); });
  add_native(bench, c, s, library);
  if (subjects[kOpenssl]) results.add(c.name + ".vs_openssl", "ratio", s, ratio(s, kOpenssl, kPipeline));
  if (subjects[kSoftware]) results.add(c.name + ".software_checksum_vs_engine", "ratio", s, ratio(s, kSoftware, library));
  add_times(bench, c.name, s, kPipeline, "pipeline");
  results.add(c.name + ".pipeline_cycles", "core cycles/packet", s, [&](std::size_t r) { return s.cycles(kPipeline, r); });
  results.add(c.name + ".engine_cycles", "core cycles/packet", s, [&](std::size_t r) { return s.cycles(kEngine, r); });
  results.add_stages(c.name, s, kPipeline);
  const Rounds fewer{bench.rounds.rounds, std::min(bench.rounds.slices, 40u)};
  if (c.payload_bytes == 160) run_libsrtp(bench, c, *subjects[kPipeline], fewer);
}

// A cell of the sweep: fewer slices, only times.
void run_suite(Bench& bench, const Case& c) {
  const Rounds rounds{std::min(bench.rounds.rounds, 5u), std::min(bench.rounds.slices, 40u)};
  Subjects subjects;
  subjects[kPipeline] = make_pipeline(bench, bench.fast, c);
  static_cast<void>(add_engines(bench, c, subjects));
  subjects[kOpenssl] = make_pipeline(bench, bench.openssl, c);
  const Series s = measure_case(bench, subjects, rounds);
  for (const auto& [role, who] : {std::pair{kPipeline, "pipeline"}, {kEngine, "engine"}, {kIpsecMb, "ipsec_mb"}, {kOpenssl, "openssl"}})
    if (subjects[role]) add_times(bench, c.name, s, role, who);
  bench.results.add(c.name + ".vs_openssl", "ratio", s, ratio(s, kOpenssl, kPipeline));
  run_libsrtp(bench, c, *subjects[kPipeline], rounds);
}

}  // namespace

std::string short_name(crypto::Suite suite) {
  const crypto::SuiteInfo& info = *crypto::find_suite(suite);
  const std::string bits = info.key_bytes == 32 ? "256" : "128";
  switch (info.transform) {
    case crypto::Transform::kAesGcm:
      return "gcm" + bits;
    case crypto::Transform::kAesCmHmacSha1:
      return "cm" + bits + (info.tag_bytes == 4 ? "_32" : "");
    case crypto::Transform::kNullHmacSha1:
      return std::string("null") + (info.tag_bytes == 4 ? "_32" : "");
  }
  return {};
}

void run_calls(Bench& bench) {
  for (const auto suite : {crypto::Suite::kAesCm128HmacSha1_80, crypto::Suite::kAeadAes128Gcm})
    for (const std::size_t bytes : {160, 1200}) run_call(bench, {"srtp." + short_name(suite) + "." + std::to_string(bytes), suite, bytes});
}

void run_suites(Bench& bench) {
  for (const auto& info : crypto::kSuites)
    for (const std::size_t bytes : {20, 60, 160, 1200})
      run_suite(bench, {"suites." + short_name(info.id) + "." + std::to_string(bytes), info.id, bytes});
}

}  // namespace mediaward::bench
