// SPDX-License-Identifier: Apache-2.0
// Engines by operation, payload and burst, hot: submit and poll on prepared jobs, one key per packet. Opening is done out of place on
// packets sealed before, so that one burst can be opened again and again. Google Benchmark. One thread.
#include <benchmark/benchmark.h>

#include <memory>

#include "bench/support/key_ring.h"
#include "bench/support/packet_source.h"
#include "crypto/cpu_features.h"
#include "crypto/ipsec_mb_provider.h"
#include "crypto/openssl_provider.h"
#include "crypto/provider_select.h"

namespace {

using namespace mediaward;
using namespace mediaward::bench;

crypto::CryptoProvider* fast_provider() {
  static auto choice = crypto::choose_provider({"ipsec-mb", "auto"});
  return choice ? choice->provider.get() : nullptr;
}

constexpr std::size_t kStride = 2048;
constexpr std::size_t kMaxBurst = 64;

struct Burst {
  Burst(crypto::CryptoProvider& provider, const crypto::SuiteInfo& suite, std::size_t payload_bytes, std::size_t packets)
      : info(suite),
        keys(provider, suite.id, packets),
        engine(provider.make_engine()),
        memory(3 * kMaxBurst * kStride),
        jobs(packets),
        burst(packets),
        done(packets) {
    const Conferences conferences(calls(suite.id));
    for (std::size_t i = 0; i < packets; ++i) keys.add(conferences.receive_key(i));
    for (std::size_t i = 0; i < packets; ++i) describe(i, payload_bytes);
  }
  void describe(std::size_t i, std::size_t payload_bytes) {
    std::byte* sealed = memory.data() + (kMaxBurst + i) * kStride;
    crypto::Job& job = jobs[i];
    describe_job(job, info, true, keys[i], Conferences::ssrc(i), i);
    job.src = memory.data() + i * kStride + kRtpHeaderBytes;
    job.dst = sealed + kRtpHeaderBytes;
    job.bytes = static_cast<std::uint32_t>(payload_bytes);
    job.aad = sealed;
    job.tag = sealed + kRtpHeaderBytes + payload_bytes;
    burst[i] = &job;
  }
  void turn_to_open() {
    run();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      jobs[i].op = info.open;
      jobs[i].src = jobs[i].dst;
      jobs[i].dst = memory.data() + (2 * kMaxBurst + i) * kStride + kRtpHeaderBytes;
    }
  }
  void run() {
    std::size_t back = 0;
    for (std::size_t taken = 0; back < burst.size(); back += engine->poll(done))
      taken += engine->submit(std::span<crypto::Job* const>(burst.data() + taken, burst.size() - taken));
  }

  const crypto::SuiteInfo& info;
  KeyRing keys;
  std::unique_ptr<crypto::Engine> engine;
  AlignedMemory memory;
  std::vector<crypto::Job> jobs;
  std::vector<crypto::Job*> burst, done;
};

void engine_burst(benchmark::State& state, crypto::CryptoProvider& provider, const crypto::SuiteInfo& suite, bool open) {
  Burst burst(provider, suite, static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  if (open) burst.turn_to_open();
  for (auto _ : state) burst.run();
  for (const auto& job : burst.jobs)
    if (job.status != crypto::JobStatus::kOk) state.SkipWithError("a job failed");
  state.counters["per_packet"] =
      benchmark::Counter(static_cast<double>(state.range(1)), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// The library's own HMAC beside the engine that has another; null where they are the same.
crypto::CryptoProvider* library_provider(const crypto::CryptoProvider& fast) {
  static auto library = crypto::make_ipsec_mb_provider(crypto::IsaLevel::kAvx512, crypto::HmacKernels::kLibrary);
  return fast.isa() == to_string(crypto::IsaLevel::kAvx512) && library ? library->get() : nullptr;
}

void add(const std::string& name, crypto::CryptoProvider& provider) {
  for (const auto& suite : crypto::kSuites)
    for (const bool open : {false, true}) {
      auto* b =
          benchmark::RegisterBenchmark((name + "/" + std::string(suite.name) + (open ? "/open" : "/seal")).c_str(),
                                       [&provider, &suite, open](benchmark::State& state) { engine_burst(state, provider, suite, open); });
      b->Args({160, 32});
      if (suite.id != crypto::Suite::kAesCm128HmacSha1_80 && suite.id != crypto::Suite::kAeadAes128Gcm) continue;
      b->Args({20, 32})->Args({1200, 32});
      b->Args({160, 4})->Args({160, 16})->Args({160, 64});
    }
}

}  // namespace

int main(int argc, char** argv) {
  const auto openssl = crypto::make_openssl_provider();
  if (auto* fast = fast_provider()) {
    add("ipsec-mb-" + std::string(fast->isa()), *fast);
    if (auto* library = library_provider(*fast)) add("ipsec-mb-" + std::string(fast->isa()) + "-library", *library);
  }
  add("openssl", *openssl);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
