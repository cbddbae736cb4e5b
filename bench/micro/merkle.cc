// SPDX-License-Identifier: Apache-2.0
// A content of 1 MiB verified from its first to its last chunk, in bursts of 32, hashes heard as a sender in order sends them (RFC 7574
// §5.5): the tree, against EVP_Digest per node as the peer, and against the bare kernel on the very batches that the tree makes of it.
// Google Benchmark. Rates are of content bytes. One thread.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/merkle_builder.h"
#include "crypto/merkle_uncles.h"
#include "crypto/merkle_verifier.h"

namespace {

using namespace mediaward;

constexpr std::size_t kContentBytes = std::size_t{1} << 20;
constexpr std::size_t kBurst = 32;
constexpr std::size_t kHeadroomBytes = 320;  // chunks lie apart, as in packets

struct Content {
  Content(crypto::HashId hash, std::uint32_t bytes) : id(hash), chunk_bytes(bytes), chunks(kContentBytes / bytes) {
    memory.resize(chunks * (chunk_bytes + kHeadroomBytes));
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::byte>(i * 167 + (i >> 9));
    std::string refused;
    provider = crypto::select_hash_provider(refused);
    hasher = provider->make_hasher();
    crypto::MerkleBuilder builder(id, *hasher, [this](ConstBytes some) { leaves.insert(leaves.end(), some.begin(), some.end()); });
    for (std::uint64_t i = 0; i < chunks; ++i) {
      const ConstBytes one{chunk(i), chunk_bytes};
      if (!builder.add({&one, 1})) std::abort();
    }
    root = builder.finish()->digest;
    tree_memory.resize(crypto::MerkleTree::bytes_needed({.hash = id, .chunks = chunks}) / sizeof(Line));
    remember_hashes();
  }

  const std::byte* chunk(std::uint64_t i) const { return memory.data() + i * (chunk_bytes + kHeadroomBytes) + kHeadroomBytes / 2; }

  crypto::MerkleTree& fresh_tree() {
    tree.emplace(crypto::MerkleTreeSettings{.hash = id, .chunks = chunks}, Bytes{tree_memory[0].bytes, tree_memory.size() * sizeof(Line)});
    if (!tree->set_root(root.data())) std::abort();
    return *tree;
  }

  // Before each chunk, the uncles that an earlier one has not brought.
  void remember_hashes() {
    crypto::MerkleTree& whole = fresh_tree();
    if (!whole.preload_leaves(leaves, *hasher)) std::abort();
    for (std::uint64_t c = 0; c < chunks; ++c) {
      auto& list = heard.emplace_back();
      const auto before = [c](crypto::MerkleNode node) {
        return c != 0 && (crypto::first_chunk(crypto::parent(node)) < c || node.level >= 32);
      };
      for (const crypto::MerkleNode node : crypto::uncles_below(crypto::root_node(chunks), c, chunks, before))
        list.push_back({node, whole.verified(node)});
    }
    // The digests are kept aside: the tree they come from is emptied for each run.
    std::size_t count = 0;
    for (const auto& list : heard) count += list.size();
    digests.resize(count * crypto::kMaxDigestBytes);
    std::byte* at = digests.data();
    for (auto& list : heard)
      for (auto& h : list) {
        std::copy_n(h.digest, crypto::digest_bytes(id), at);
        h.digest = at;
        at += crypto::kMaxDigestBytes;
      }
  }

  struct Heard {
    crypto::MerkleNode node;
    const std::byte* digest;
  };
  struct Line {
    alignas(64) std::byte bytes[64];
  };

  crypto::HashId id;
  std::uint32_t chunk_bytes;
  std::uint64_t chunks;
  std::vector<std::byte> memory, leaves, digests;
  std::array<std::byte, crypto::kMaxDigestBytes> root;
  std::vector<std::vector<Heard>> heard;
  std::vector<Line> tree_memory;
  std::optional<crypto::MerkleTree> tree;
  std::unique_ptr<crypto::HashProvider> provider;
  std::unique_ptr<crypto::Hasher> hasher;
};

// True when every chunk was found good.
bool receive(Content& content, crypto::MerkleVerifier& verifier, crypto::MerkleTree& tree, crypto::PendingHashes* pending) {
  std::array<crypto::ChunkCheck, kBurst> checks;
  bool good = true;
  for (std::uint64_t first = 0; first < content.chunks; first += kBurst) {
    for (std::uint64_t i = 0; i < kBurst; ++i) {
      if (pending != nullptr)
        for (const auto& h : content.heard[first + i]) pending->put(h.node, h.digest);
      crypto::ChunkCheck& check = checks[i];
      check.tree = &tree;
      check.pending = pending;
      check.chunk = first + i;
      check.data = content.chunk(first + i);
      check.bytes = content.chunk_bytes;
    }
    good &= verifier.verify(checks);
    for (const auto& check : checks) good &= check.verdict == crypto::ChunkCheck::kOk;
  }
  return good;
}

void finish(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kContentBytes));
}

void verify(benchmark::State& state, crypto::HashId id) {
  Content content(id, static_cast<std::uint32_t>(state.range(0)));
  crypto::MerkleVerifier verifier(*content.hasher, kBurst);
  crypto::PendingHashes pending(id);
  for (auto _ : state)
    if (!receive(content, verifier, content.fresh_tree(), &pending)) return state.SkipWithError("a chunk did not verify");
  finish(state);
}

void preloaded(benchmark::State& state, crypto::HashId id) {
  Content content(id, static_cast<std::uint32_t>(state.range(0)));
  crypto::MerkleVerifier verifier(*content.hasher, kBurst);
  crypto::MerkleTree& tree = content.fresh_tree();
  if (!tree.preload_leaves(content.leaves, *content.hasher)) return state.SkipWithError("the leaves do not make the root");
  for (auto _ : state)
    if (!receive(content, verifier, tree, nullptr)) return state.SkipWithError("a chunk did not verify");
  finish(state);
}

// Remembers what it is given, call by call, with places of its own for digests.
class Recorder final : public crypto::Hasher {
 public:
  explicit Recorder(crypto::Hasher& inner) : inner_(inner) {}
  bool hash(crypto::HashId id, std::span<const crypto::HashMessage> messages) noexcept override {
    auto& batch = batches.emplace_back(messages.begin(), messages.end());
    for (auto& m : batch)
      if (m.bytes <= 2 * crypto::kMaxDigestBytes) m.data = nodes_.at(nodes_used_++ % nodes_.size()).bytes;
    for (auto& m : batch) m.digest = digests_.at(digests_used_++ % digests_.size()).bytes;
    return inner_.hash(id, messages);
  }
  std::vector<std::vector<crypto::HashMessage>> batches;

 private:
  struct Place {
    alignas(64) std::byte bytes[2 * crypto::kMaxDigestBytes];
  };
  crypto::Hasher& inner_;
  std::vector<Place> nodes_ = std::vector<Place>(64), digests_ = std::vector<Place>(64);
  std::size_t nodes_used_ = 0, digests_used_ = 0;
};

void kernel(benchmark::State& state, crypto::HashId id) {
  Content content(id, static_cast<std::uint32_t>(state.range(0)));
  Recorder recorder(*content.hasher);
  crypto::MerkleVerifier verifier(recorder, kBurst);
  crypto::PendingHashes pending(id);
  if (!receive(content, verifier, content.fresh_tree(), &pending)) return state.SkipWithError("a chunk did not verify");
  for (auto _ : state) {
    for (const auto& batch : recorder.batches)
      if (!content.hasher->hash(id, batch)) return state.SkipWithError("the provider failed");
    benchmark::ClobberMemory();
  }
  finish(state);
}

// Whole levels, one EVP_Digest after the other: how one writes it without further thought.
void evp_digest(benchmark::State& state, crypto::HashId id) {
  Content content(id, static_cast<std::uint32_t>(state.range(0)));
  const EVP_MD* const algorithm = id == crypto::HashId::kSha1 ? EVP_sha1() : EVP_sha256();
  const std::size_t bytes = crypto::digest_bytes(id);
  std::vector<unsigned char> level(content.chunks * bytes);
  for (auto _ : state) {
    bool good = true;
    for (std::uint64_t i = 0; i < content.chunks; ++i)
      good &= EVP_Digest(content.chunk(i), content.chunk_bytes, level.data() + i * bytes, nullptr, algorithm, nullptr) == 1;
    for (std::uint64_t n = content.chunks / 2; n != 0; n /= 2)
      for (std::uint64_t i = 0; i < n; ++i)
        good &= EVP_Digest(level.data() + 2 * i * bytes, 2 * bytes, level.data() + i * bytes, nullptr, algorithm, nullptr) == 1;
    if (!good || std::memcmp(level.data(), content.root.data(), bytes) != 0) return state.SkipWithError("another root");
  }
  finish(state);
}

[[maybe_unused]] const bool registered = [] {
  for (const auto& [id, name] : {std::pair{crypto::HashId::kSha1, "sha1"}, {crypto::HashId::kSha256, "sha256"}})
    for (const auto& [what, run] : {std::pair{"evp", &evp_digest}, {"kernel", &kernel}, {"verify", &verify}, {"preloaded", &preloaded}})
      benchmark::RegisterBenchmark((std::string("merkle/") + name + "/" + what).c_str(), run, id)->Arg(1024)->Arg(8192);
  return true;
}();

}  // namespace
