// SPDX-License-Identifier: Apache-2.0
// See experiments.h: trees, fetching, serving, sharing.
#include <algorithm>
#include <array>
#include <string>

#include "bench/content/content_subjects.h"
#include "bench/content/experiments.h"
#include "bench/content/tree_subjects.h"

namespace mediaward::bench {
namespace {

constexpr std::array kHashes{crypto::HashId::kSha1, crypto::HashId::kSha256};
constexpr std::uint64_t kTreeBytes = std::uint64_t{1} << 20;     // of a content that is verified without packets
constexpr std::uint64_t kFetchedBytes = std::uint64_t{4} << 20;  // of one that goes through a worker
constexpr std::uint64_t kPassedChunks = 1024;                    // of one that passes a guard: a chunk's hashes fit beside it
constexpr std::size_t kReceivers = 8;

std::string name_of(crypto::HashId hash, std::uint32_t chunk_bytes) {
  return "ppspp." + std::string(short_name(hash)) + "." + std::to_string(chunk_bytes);
}

double gigabits(double ticks_per_chunk, std::uint32_t chunk_bytes, double ticks_per_ns) {
  return chunk_bytes * 8 * ticks_per_ns / ticks_per_chunk;
}

double stage_ticks(const Series& s, std::size_t subject, dataplane::Stage stage, std::size_t round) {
  return s.subjects[subject].stage_ticks[static_cast<std::size_t>(stage)][round];
}

Rounds fewer(Rounds rounds, unsigned slices) {
  return {rounds.rounds, std::min(rounds.slices, slices)};
}

void run_tree(ContentBench& bench, crypto::HashId hash, std::uint32_t chunk_bytes) {
  const Content content(hash, chunk_bytes, kTreeBytes / chunk_bytes);
  TreeSubject tree(content, bench.hashes);
  EvpSubject each(content, EvpSubject::Context::kNewForEach), reused(content, EvpSubject::Context::kReused);
  const std::array<Subject*, 3> subjects{&tree, &each, &reused};
  const Series s = measure(subjects, fewer(bench.rounds, 40));
  bench.results.add_clock(s);
  const std::string name = name_of(hash, chunk_bytes);
  bench.results.add(name + ".vs_evp_digest", "ratio", s, [&](std::size_t r) { return s.ticks(1, r) / s.ticks(0, r); });
  bench.results.add(name + ".vs_evp_reused", "ratio", s, [&](std::size_t r) { return s.ticks(2, r) / s.ticks(0, r); });
  bench.results.add(name + ".tree_gbps", "Gbit/s", s,
                    [&](std::size_t r) { return gigabits(s.ticks(0, r), chunk_bytes, bench.ticks_per_ns); });
}

// Which kernels a hash would be better off with: all of this machine, on the batches that the tree makes.
void run_kernels(ContentBench& bench, crypto::HashId hash, std::uint32_t chunk_bytes) {
  const Content content(hash, chunk_bytes, kTreeBytes / chunk_bytes);
  std::vector<std::unique_ptr<crypto::HashProvider>> providers;
  std::vector<std::unique_ptr<KernelSubject>> kernels;
  std::vector<Subject*> subjects;
  for (const crypto::HashIsa isa : crypto::kHashIsas)
    if (auto provider = crypto::make_native_hash_provider(isa)) {
      providers.push_back(std::move(*provider));
      kernels.push_back(std::make_unique<KernelSubject>(content, *providers.back()));
      subjects.push_back(kernels.back().get());
    }
  if (subjects.empty()) return;
  const Series s = measure(subjects, fewer(bench.rounds, 40));
  for (std::size_t i = 0; i < subjects.size(); ++i)
    bench.results.add(name_of(hash, chunk_bytes) + ".kernel." + std::string(providers[i]->isa()) + "_gbps", "Gbit/s", s,
                      [&](std::size_t r) { return gigabits(s.ticks(i, r), chunk_bytes, bench.ticks_per_ns); });
}

void run_fetch(ContentBench& bench, crypto::HashId hash, std::uint32_t chunk_bytes) {
  const Content content(hash, chunk_bytes, kFetchedBytes / chunk_bytes);
  ContentSubject fetch(bench.media, content, {}), preloaded(bench.media, content, {.preload = ContentStand::Preload::kLeaves});
  KernelSubject kernel(content, bench.hashes);
  const std::array<Subject*, 3> subjects{&fetch, &kernel, &preloaded};
  const Series s = measure(subjects, fewer(bench.rounds, 12));
  bench.results.add_clock(s);
  const std::string name = name_of(hash, chunk_bytes);
  const auto intake_and_verify = [&](std::size_t r) {
    return stage_ticks(s, 0, dataplane::Stage::kIntake, r) + stage_ticks(s, 0, dataplane::Stage::kVerify, r);
  };
  bench.results.add(name + ".pipeline_vs_kernel", "ratio", s, [&](std::size_t r) { return intake_and_verify(r) / s.ticks(1, r); });
  bench.results.add(name + ".fetch_vs_kernel", "ratio", s, [&](std::size_t r) { return s.ticks(0, r) / s.ticks(1, r); });
  bench.results.add(name + ".fetch_ns", "ns/chunk", s, [&](std::size_t r) { return s.ticks(0, r) / bench.ticks_per_ns; });
  bench.results.add(name + ".fetch_gbps", "Gbit/s", s,
                    [&](std::size_t r) { return gigabits(s.ticks(0, r), chunk_bytes, bench.ticks_per_ns); });
  bench.results.add(name + ".fetch_cycles", "core cycles/chunk", s, [&](std::size_t r) { return s.cycles(0, r); });
  bench.results.add(name + ".kernel_cycles", "core cycles/chunk", s, [&](std::size_t r) { return s.cycles(1, r); });
  bench.results.add(name + ".preloaded_gbps", "Gbit/s", s,
                    [&](std::size_t r) { return gigabits(s.ticks(2, r), chunk_bytes, bench.ticks_per_ns); });
  bench.results.add_stages(name + ".fetch", s, 0);
  if (chunk_bytes != 1024 || hash != crypto::HashId::kSha256) return;
  bench.results.add("ppspp.hash_calls_per_chunk", "hashes", fetch.hash_calls_per_chunk());
  bench.results.add("ppspp.hash_calls_per_chunk.preloaded", "hashes", preloaded.hash_calls_per_chunk());
}

}  // namespace

void run_trees(ContentBench& bench) {
  for (const auto hash : kHashes)
    for (const std::uint32_t bytes : {1024u, 8192u}) {
      run_tree(bench, hash, bytes);
      if (!bench.quick) run_kernels(bench, hash, bytes);
    }
}

void run_fetching(ContentBench& bench) {
  for (const auto hash : kHashes)
    for (const std::uint32_t bytes : {1024u, 8192u})
      if (!bench.quick || bytes == 1024) run_fetch(bench, hash, bytes);
}

void run_serving(ContentBench& bench) {
  constexpr std::uint32_t kBytes = 1024;
  const Content content(crypto::HashId::kSha256, kBytes, kFetchedBytes / kBytes);
  ContentSubject serve(bench.media, content, {RemotePeer::Role::kLeecher, kReceivers, ContentStand::Preload::kContent});
  const Content passing(crypto::HashId::kSha256, kBytes, kPassedChunks);
  GuardSubject guard(bench.media, passing);
  const std::array<Subject*, 2> subjects{&serve, &guard};
  const Series s = measure(subjects, fewer(bench.rounds, 6));
  bench.results.add(
      "ppspp.serve.1024.chunks_per_s", "chunks/s", s, [&](std::size_t r) { return 1e9 * bench.ticks_per_ns / s.ticks(0, r); },
      "ppspp.serve.1024: one core, to 8 peers that acknowledge at once");
  bench.results.add("ppspp.serve.1024.gbps", "Gbit/s", s,
                    [&](std::size_t r) { return gigabits(s.ticks(0, r), kBytes, bench.ticks_per_ns); });
  bench.results.add("ppspp.serve.1024.cycles", "core cycles/chunk", s, [&](std::size_t r) { return s.cycles(0, r); });
  bench.results.add_stages("ppspp.serve.1024", s, 0);
  bench.results.add(
      "ppspp.guard.1024.mpps", "Mpps", s, [&](std::size_t r) { return 1e3 * bench.ticks_per_ns / s.ticks(1, r); },
      "ppspp.guard.1024: one core, frames of both directions, DATA of 1024 bytes and ACK in turn");
  bench.results.add("ppspp.guard.1024.gbps", "Gbit/s", s,
                    [&](std::size_t r) { return guard.chunks_per_frame() * gigabits(s.ticks(1, r), kBytes, bench.ticks_per_ns); });
  bench.results.add("ppspp.guard.1024.cycles", "core cycles/frame", s, [&](std::size_t r) { return s.cycles(1, r); });
  bench.results.add_stages("ppspp.guard.1024", s, 1);
}

void run_sharing(ContentBench& bench) {
  const Content content(crypto::HashId::kSha256, 1024, kFetchedBytes / 1024);
  using What = SharedSubject::What;
  SharedSubject media(bench.media, content, What::kMedia), fetched(bench.media, content, What::kContent),
      both(bench.media, content, What::kBoth);
  const std::array<Subject*, 3> subjects{&media, &fetched, &both};
  const Series s = measure(subjects, fewer(bench.rounds, 12));
  bench.results.add(
      "ppspp.beside_srtp.both_vs_alone", "ratio", s, [&](std::size_t r) { return s.ticks(2, r) / (s.ticks(0, r) + s.ticks(1, r)); },
      "ppspp.beside_srtp: calls of 64 streams and a content that is fetched, a packet of media per chunk, half a burst each");
  bench.results.add("ppspp.beside_srtp.srtp_alone_cycles", "core cycles/packet", s, [&](std::size_t r) { return s.cycles(0, r); });
  bench.results.add("ppspp.beside_srtp.content_alone_cycles", "core cycles/chunk", s, [&](std::size_t r) { return s.cycles(1, r); });
  bench.results.add("ppspp.beside_srtp.both_cycles", "core cycles/packet and chunk", s, [&](std::size_t r) { return s.cycles(2, r); });
  bench.results.add_stages("ppspp.beside_srtp", s, 2);
}

}  // namespace mediaward::bench
