// SPDX-License-Identifier: Apache-2.0
// See experiments.h: admissions, memory. Bytes are counted: exact, repeatable.
#include <array>

#include "bench/content/admission_subject.h"
#include "bench/content/experiments.h"
#include "dataplane/ppspp/channel.h"
#include "dataplane/ppspp/swarm_bundle.h"

namespace mediaward::bench {
namespace {

namespace pp = dataplane::ppspp;

constexpr std::uint16_t kOpenGroups = 1024;  // as the appliance makes its trees
constexpr std::size_t kSenders = 64 * kSlicePackets;
constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

double tree_bytes(std::uint64_t chunks, std::uint8_t stored_level, crypto::HashId hash) {
  crypto::MerkleTreeSettings settings{.hash = hash, .chunks = chunks, .stored_level = stored_level, .open_groups = kOpenGroups};
  return static_cast<double>(crypto::MerkleTree::bytes_needed(settings));
}

// What is held for a content beside its bytes: extents' descriptors, the store's places, what was asked for.
double cache_bytes(std::uint64_t content_bytes, std::uint32_t chunk_bytes) {
  const pp::ChunkShape shape{chunk_bytes, content_bytes, 0};
  const auto extents = static_cast<std::uint32_t>(shape.groups());
  return static_cast<double>(pp::CacheArena::bytes_needed(extents) + pp::ChunkStore::bytes_needed(shape) +
                             pp::FetchState::words_needed(shape.chunks()) * 8) -
         static_cast<double>(content_bytes);
}

}  // namespace

void run_admissions(ContentBench& bench) {
  AdmissionSubject many(10'000, 100'000, kSenders), few(10, 100, kSenders), hot(10'000, 100'000, kSlicePackets);
  const std::array<Subject*, 3> subjects{&many, &few, &hot};
  const Series s = measure(subjects, bench.rounds);
  bench.results.add("ppspp.admission.lookup_100k_vs_100", "ratio", s, [&](std::size_t r) { return s.ticks(0, r) / s.ticks(1, r); });
  bench.results.add(
      "ppspp.admission.lookup_100k_hot_vs_100", "ratio", s, [&](std::size_t r) { return s.ticks(2, r) / s.ticks(1, r); },
      "ppspp.admission.lookup_100k_hot_vs_100: 1024 senders that come again and again");
  bench.results.add("ppspp.admission.lookup_100k_ns", "ns/HANDSHAKE", s, [&](std::size_t r) { return s.ticks(0, r) / bench.ticks_per_ns; });
  bench.results.add("ppspp.admission.lookup_100_ns", "ns/HANDSHAKE", s, [&](std::size_t r) { return s.ticks(1, r) / bench.ticks_per_ns; });
}

void run_memory(ContentBench& bench) {
  Results& results = bench.results;
  constexpr std::uint64_t kChunks = kGib / 1024;
  constexpr std::uint8_t kUpper = crypto::MerkleTree::kUpperLevels;
  results.add("ppspp.tree_bytes_per_chunk.full", "bytes", tree_bytes(kChunks, 0, crypto::HashId::kSha256) / kChunks);
  results.add("ppspp.tree_bytes_per_chunk.upper", "bytes", tree_bytes(kChunks, kUpper, crypto::HashId::kSha256) / kChunks);
  results.add("memory.ppspp.gib.tree_mib", "MiB", tree_bytes(kChunks, 0, crypto::HashId::kSha256) / (1 << 20),
              "memory.ppspp.gib: of a GiB of content in chunks of 1024 bytes, SHA-256, beside its bytes");
  results.add("memory.ppspp.gib.tree_upper_mib", "MiB", tree_bytes(kChunks, kUpper, crypto::HashId::kSha256) / (1 << 20));
  results.add("memory.ppspp.gib.cache_mib", "MiB", cache_bytes(kGib, 1024) / (1 << 20));
  results.add("memory.ppspp.peer_bytes", "bytes", sizeof(pp::Peer) + sizeof(pp::PeerBundle),
              "memory.ppspp.peer_bytes: what the worker sees, conduct, budget; places in tables of fixed size not counted");
  results.add("memory.ppspp.channel_bytes", "bytes", sizeof(pp::Channel));
  results.add("memory.ppspp.admission_bytes", "bytes", sizeof(pp::AdmissionView));
  results.add("memory.ppspp.swarm_bytes", "bytes", sizeof(pp::Swarm) + sizeof(pp::SwarmBundle),
              "memory.ppspp.swarm_bytes: without tree, chunks and state of requests");
}

}  // namespace mediaward::bench
