// SPDX-License-Identifier: Apache-2.0
// Verdicts on chunks, one rule at a time. Oracles: the published roots, the naive tree of tests/support/merkle_cases.h, and what the real
// receiver of the captures did. Random traffic is tests/property/merkle_property_test.cc.
#include "crypto/merkle_verifier.h"

#include <gtest/gtest.h>

#include <list>
#include <random>

#include "crypto/merkle_uncles.h"
#include "tests/support/merkle_cases.h"

namespace mediaward::crypto {

void PrintTo(MerkleNode node, std::ostream* out) {
  *out << "(" << first_chunk(node) << "," << last_chunk(node) << ")";
}

namespace {

using test::Digest;
using test::NaiveTree;
using test::OwnTree;
using Verdicts = std::vector<ChunkCheck::Verdict>;
constexpr auto kOk = ChunkCheck::kOk;
constexpr auto kBad = ChunkCheck::kBad;
constexpr auto kUnverifiable = ChunkCheck::kUnverifiable;

class CountingHasher final : public Hasher {
 public:
  bool hash(HashId id, std::span<const HashMessage> batch) noexcept override {
    ++calls;
    messages += batch.size();
    return !broken && inner_->hash(id, batch);
  }
  std::uint64_t calls = 0, messages = 0;
  bool broken = false;

 private:
  std::string refused_;
  std::unique_ptr<Hasher> inner_ = select_hash_provider(refused_)->make_hasher();
};

NaiveTree published(std::size_t bytes, HashId id = HashId::kSha256, std::uint32_t chunk_bytes = 1024) {
  return NaiveTree(id, test::published_content(bytes), chunk_bytes);
}

// One receiver of one content with one channel; tests that need more channels bring them.
class Receiver {
 public:
  explicit Receiver(const NaiveTree& of, std::uint8_t stored_level = 0) : naive(of), tree(of, stored_level), pending(of.id()) {}

  void hear(MerkleNode node) { pending.put(node, naive.at(node).data()); }
  void hear(std::initializer_list<MerkleNode> nodes) {
    for (const MerkleNode node : nodes) hear(node);
  }
  void hear_false(MerkleNode node, std::byte fill = std::byte{0x66}) { pending.put(node, Digest(64, fill).data()); }
  // What a sender puts in front of a chunk that sees what this receiver has verified.
  MerkleNodeList needed(std::uint64_t chunk) const {
    return uncles(chunk, naive.chunks(), [&](MerkleNode n) { return knows_ && tree->verified(n) != nullptr; });
  }
  void hear_uncles(std::uint64_t chunk) {
    for (const MerkleNode node : needed(chunk)) hear(node);
  }

  ChunkCheck check(std::uint64_t chunk) {
    const ConstBytes data = naive.chunk(chunk);
    return {.tree = tree.get(), .pending = &pending, .chunk = chunk, .data = data.data(), .bytes = static_cast<std::uint32_t>(data.size())};
  }
  ChunkCheck tampered(std::uint64_t chunk) {
    const ConstBytes data = naive.chunk(chunk);
    auto& copy = tampered_.emplace_back(data.begin(), data.end());
    copy[5] ^= std::byte{0xff};
    ChunkCheck out = check(chunk);
    out.data = copy.data();
    return out;
  }

  Verdicts verify(std::vector<ChunkCheck> checks) {
    EXPECT_TRUE(verifier.verify(checks));
    last = checks;
    Verdicts out;
    for (const ChunkCheck& c : checks) {
      out.push_back(c.verdict);
      knows_ |= c.verdict == kOk;
    }
    return out;
  }
  Verdicts verify(std::initializer_list<std::uint64_t> chunks) {
    std::vector<ChunkCheck> checks;
    for (const std::uint64_t chunk : chunks) checks.push_back(check(chunk));
    return verify(checks);
  }

  const NaiveTree& naive;
  OwnTree tree;
  PendingHashes pending;
  CountingHasher hasher;
  MerkleVerifier verifier{hasher, 64};
  std::vector<ChunkCheck> last;

 private:
  std::list<std::vector<std::byte>> tampered_;
  bool knows_ = false;
};

struct Cost {
  std::uint64_t calls = 0, bytes = 0;
};

// Every chunk in that order in bursts of that size, hashes as a sender that sees acknowledgements per burst sends them. A burst ends early
// when the next chunk's hashes would push out others.
Cost receive_all(Receiver& receiver, const std::vector<std::uint64_t>& order, std::size_t burst) {
  Cost cost;
  std::vector<ChunkCheck> checks;
  const auto verify = [&] {
    EXPECT_EQ(receiver.verify(checks), Verdicts(checks.size(), kOk));
    checks.clear();
    for (const ChunkCheck& c : receiver.last) {
      cost.calls += c.hash_calls;
      cost.bytes += c.hashed_bytes;
    }
  };
  for (const std::uint64_t chunk : order) {
    if (checks.size() == burst || receiver.pending.room() < receiver.needed(chunk).size()) verify();
    receiver.hear_uncles(chunk);
    checks.push_back(receiver.check(chunk));
  }
  verify();
  EXPECT_EQ(cost.calls, receiver.hasher.messages);
  return cost;
}

void expect_whole(const Receiver& receiver) {
  std::uint64_t nodes = 0;
  for (auto level = static_cast<std::uint8_t>(receiver.tree->stored_level()); level <= receiver.naive.height(); ++level)
    for (std::uint64_t i = 0; i < nodes_of_level(receiver.naive.chunks(), level); ++i, ++nodes)
      ASSERT_TRUE(receiver.tree.has({level, i}, receiver.naive.at({level, i}))) << unsigned{level} << " " << i;
  EXPECT_EQ(receiver.tree->count_verified(), nodes);
}

TEST(MerkleVerifier, Rfc7574_5_6_PublishedContentsVerifyInAnyOrder) {
  std::mt19937 random(56);
  for (const auto& row : test::kPublishedRoots)
    for (const HashId id : {HashId::kSha1, HashId::kSha256}) {
      const NaiveTree naive = published(row.bytes, id, row.chunk_bytes);
      ASSERT_EQ(test::hex(naive.root()), id == HashId::kSha1 ? row.sha1 : row.sha256);
      std::vector<std::uint64_t> order(row.chunks);
      for (std::uint64_t i = 0; i < row.chunks; ++i) order[i] = i;
      for (const bool shuffled : {false, true}) {
        if (shuffled) std::shuffle(order.begin(), order.end(), random);
        for (const std::size_t burst : {1u, 5u, 32u}) {
          Receiver receiver(naive);
          receive_all(receiver, order, burst);
          expect_whole(receiver);
        }
      }
    }
}

TEST(MerkleVerifier, UpperLevelsOnly) {
  const NaiveTree naive = published(1023983);
  std::vector<std::uint64_t> order(1000);
  for (std::uint64_t i = 0; i < 1000; ++i) order[i] = i;
  Receiver receiver(naive, MerkleTree::kUpperLevels);
  receive_all(receiver, order, 7);
  expect_whole(receiver);
}

// Every leaf and every node above real chunks is hashed exactly once: 1000 + 1001.
TEST(MerkleVerifier, CostOfAThousandFreshChunks) {
  const NaiveTree naive = published(1023983);
  std::vector<std::uint64_t> order(1000);
  for (std::uint64_t i = 0; i < 1000; ++i) order[i] = i;
  for (const std::size_t burst : {1u, 32u, 64u}) {
    Receiver receiver(naive);
    const Cost cost = receive_all(receiver, order, burst);
    EXPECT_EQ(cost.calls, 2001u);
    EXPECT_EQ(cost.bytes, 1023983u + 1001 * 64);
  }
  std::mt19937 random(7);
  std::shuffle(order.begin(), order.end(), random);
  Receiver receiver(naive);
  const Cost cost = receive_all(receiver, order, 32);
  EXPECT_GE(cost.calls, 2001u);
  EXPECT_LE(cost.calls, 2020u);  // until the root is reached once, two paths may make the nodes between peaks and root
}

TEST(MerkleVerifier, APreloadedTreeCostsOneHashPerChunk) {
  const NaiveTree naive = published(102395);
  Receiver receiver(naive);
  ASSERT_TRUE(receiver.tree->preload_leaves(naive.leaves(), receiver.hasher));
  receiver.hasher.messages = 0;
  std::vector<ChunkCheck> checks;
  for (std::uint64_t i = 0; i < 100; ++i) checks.push_back(i == 40 ? receiver.tampered(i) : receiver.check(i));
  for (ChunkCheck& c : checks) c.pending = nullptr;
  Verdicts wanted(100, kOk);
  wanted[40] = kBad;
  EXPECT_EQ(receiver.verify(checks), wanted);
  EXPECT_EQ(receiver.hasher.messages, 100u);
  EXPECT_EQ(receiver.last[40].node, (MerkleNode{0, 40}));
  EXPECT_EQ(receiver.last[99].hashed_bytes, 102395u - 99 * 1024);
}

TEST(MerkleVerifier, Rfc7574_5_6_PeaksAloneReachTheRoot) {
  const NaiveTree naive = published(7162);
  Receiver receiver(naive);
  receiver.hear({{2, 0}, {1, 2}, {0, 6}, {1, 1}, {0, 1}});
  EXPECT_EQ(receiver.verify({0}), Verdicts{kOk});
  for (const MerkleNode node : {MerkleNode{2, 0}, {1, 2}, {0, 6}, {1, 3}, {2, 1}, {1, 1}, {0, 1}, {0, 0}})
    EXPECT_TRUE(receiver.tree.has(node, naive.at(node)));
  EXPECT_EQ(receiver.pending.size(), 1u);      // the chunk's own peak: not a sibling of its path
  EXPECT_EQ(receiver.last[0].hash_calls, 6u);  // leaf, two to its peak, the root, and (4,7) of H((4,5) || H((6,6) || 0))
}

TEST(MerkleVerifier, AMissingHashCostsNothingAndIsNamed) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  receiver.hear({{2, 1}, {0, 1}});
  EXPECT_EQ(receiver.verify({0}), Verdicts{kUnverifiable});
  EXPECT_EQ(receiver.last[0].node, (MerkleNode{1, 1}));
  EXPECT_EQ(receiver.last[0].hash_calls, 0u);
  EXPECT_EQ(receiver.hasher.calls, 0u);
  EXPECT_EQ(receiver.pending.size(), 2u);
  receiver.hear({1, 1});
  EXPECT_EQ(receiver.verify({0}), Verdicts{kOk});
}

TEST(MerkleVerifier, WithoutARootNothingIsVerifiable) {
  const NaiveTree naive = published(8192);
  const OwnTree tree({.chunks = 8});
  Receiver receiver(naive);
  receiver.hear({{2, 1}, {1, 1}, {0, 1}});
  ChunkCheck check = receiver.check(0);
  check.tree = tree.get();
  EXPECT_EQ(receiver.verify(std::vector{check}), Verdicts{kUnverifiable});
  EXPECT_EQ(receiver.last[0].node, (MerkleNode{3, 0}));
  EXPECT_EQ(receiver.hasher.calls, 0u);
}

TEST(MerkleVerifier, ChunksTheContentDoesNotHaveAreUnverifiable) {
  const NaiveTree naive = published(7162);
  Receiver receiver(naive);
  ASSERT_TRUE(receiver.tree->preload_leaves(naive.leaves(), receiver.hasher));
  for (const std::uint64_t chunk : {std::uint64_t{7}, std::uint64_t{8}, ~std::uint64_t{0}}) {
    ChunkCheck check = receiver.check(0);
    check.chunk = chunk;
    EXPECT_EQ(receiver.verify(std::vector{check}), Verdicts{kUnverifiable});
  }
  EXPECT_EQ(receiver.verify(std::vector{ChunkCheck{}}), Verdicts{kUnverifiable});
}

TEST(MerkleVerifier, BadBytesPoisonNothing) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  receiver.hear({{2, 1}, {1, 1}, {0, 1}});
  EXPECT_EQ(receiver.verify(std::vector{receiver.tampered(0)}), Verdicts{kBad});
  EXPECT_EQ(receiver.last[0].node, (MerkleNode{3, 0}));
  EXPECT_EQ(receiver.last[0].hash_calls, 4u);
  EXPECT_EQ(receiver.tree->count_verified(), 1u);
  EXPECT_EQ(receiver.pending.size(), 3u);
  EXPECT_EQ(receiver.verify({0}), Verdicts{kOk});
}

TEST(MerkleVerifier, FalseHashesPoisonNothing) {
  const NaiveTree naive = published(8192);
  for (const std::byte fill : {std::byte{0x66}, std::byte{0}})  // all zero is no exception for nodes that exist (§5.1)
    for (const MerkleNode wrong : {MerkleNode{2, 1}, MerkleNode{1, 1}, MerkleNode{0, 1}}) {
      Receiver receiver(naive);
      receiver.hear({{2, 1}, {1, 1}, {0, 1}});
      receiver.hear_false(wrong, fill);
      EXPECT_EQ(receiver.verify({0}), Verdicts{kBad});
      EXPECT_EQ(receiver.tree->count_verified(), 1u);
      receiver.hear(wrong);
      EXPECT_EQ(receiver.verify({0}), Verdicts{kOk});
    }
}

// Nobody can make the zero hash stand for a chunk that exists, or have another one believed for a chunk that does not.
TEST(MerkleVerifier, Rfc7574_5_1_ZeroIsForNodesBeyondTheEndOnly) {
  const NaiveTree naive = published(7162);
  Receiver receiver(naive);
  receiver.hear({{2, 0}, {1, 2}});
  receiver.hear_false({0, 7});
  EXPECT_EQ(receiver.verify({6}), Verdicts{kOk});
  EXPECT_EQ(receiver.tree->verified({0, 7}), nullptr);
}

TEST(MerkleVerifier, TruncationByTheRootsChildrenDoesNotMatch) {
  for (const std::size_t bytes : {7162u, 8192u}) {
    const NaiveTree naive = published(bytes, HashId::kSha1);
    Digest both = naive.at({2, 0});
    both.insert(both.end(), naive.at({2, 1}).begin(), naive.at({2, 1}).end());
    // As a content of one chunk it has the very same root: only the number of chunks tells (captures/17).
    const OwnTree one_chunk({.hash = HashId::kSha1, .chunks = 1});
    ASSERT_TRUE(one_chunk->set_root(naive.root().data()));
    Receiver receiver(naive);
    ChunkCheck check = receiver.check(0);
    check.data = both.data();
    check.bytes = static_cast<std::uint32_t>(both.size());
    ChunkCheck fooled = check;
    fooled.tree = one_chunk.get();
    EXPECT_EQ(receiver.verify(std::vector{fooled}), Verdicts{kOk});
    EXPECT_EQ(receiver.verify(std::vector{check}), Verdicts{kUnverifiable});
    receiver.hear_uncles(0);
    EXPECT_EQ(receiver.verify(std::vector{check}), Verdicts{kBad});
  }
}

// captures/09: chunk 4 is bad; chunk 5, whose sibling nobody could learn from it, is not to blame.
TEST(MerkleVerifier, CollateralOfABadChunkIsUnverifiable) {
  const NaiveTree naive = published(7162);
  for (const bool together : {false, true}) {
    Receiver receiver(naive);
    receiver.hear_uncles(0);
    EXPECT_EQ(receiver.verify({0}), Verdicts{kOk});
    receiver.hear({0, 5});
    if (together) {
      EXPECT_EQ(receiver.verify({receiver.tampered(4), receiver.check(5)}), (Verdicts{kBad, kUnverifiable}));
      EXPECT_EQ(receiver.last[1].node, (MerkleNode{0, 4}));
    } else {
      EXPECT_EQ(receiver.verify(std::vector{receiver.tampered(4)}), Verdicts{kBad});
      EXPECT_EQ(receiver.verify({5}), Verdicts{kUnverifiable});
      EXPECT_EQ(receiver.last[0].hash_calls, 0u);
    }
    receiver.hear({0, 4});
    EXPECT_EQ(receiver.verify({5}), Verdicts{kOk});
    EXPECT_EQ(receiver.verify(std::vector{receiver.tampered(4)}), Verdicts{kBad});
    EXPECT_EQ(receiver.last[0].hash_calls, 1u);
    EXPECT_EQ(receiver.verify({4}), Verdicts{kOk});
  }
}

TEST(MerkleVerifier, WhatABurstProvesItsOtherChunksAreComparedWith) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  receiver.hear({{2, 1}, {1, 1}, {0, 1}, {0, 3}, {1, 3}, {0, 5}, {0, 7}});
  EXPECT_EQ(receiver.verify({0, 1, 2, 3, 4, 5, 6, 7}), Verdicts(8, kOk));
  EXPECT_EQ(receiver.hasher.messages, 15u);
  EXPECT_EQ(receiver.hasher.calls, 4u);  // leaves and three levels
  expect_whole(receiver);
}

TEST(MerkleVerifier, AChunkThatComesBeforeItsHashesIsSettledByTheSameBurst) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  receiver.hear({{2, 1}, {1, 1}, {0, 1}});
  EXPECT_EQ(receiver.verify({1, 0}), (Verdicts{kOk, kOk}));
  Receiver bad(naive);
  bad.hear({{2, 1}, {1, 1}, {0, 1}});
  EXPECT_EQ(bad.verify({bad.tampered(1), bad.check(0)}), (Verdicts{kBad, kOk}));
  EXPECT_EQ(bad.last[0].node, (MerkleNode{0, 1}));
  Receiver alone(naive);
  alone.hear({{2, 1}, {1, 1}, {0, 1}});
  EXPECT_EQ(alone.verify({1}), Verdicts{kUnverifiable});
}

TEST(MerkleVerifier, WhoWaitedInVainGoesOnAlone) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  receiver.hear({{2, 1}, {1, 1}, {0, 1}, {0, 0}, {1, 0}, {0, 3}});
  EXPECT_EQ(receiver.verify({receiver.tampered(0), receiver.check(1), receiver.check(2), receiver.tampered(3)}),
            (Verdicts{kBad, kOk, kOk, kBad}));
  EXPECT_EQ(receiver.last[3].node, (MerkleNode{0, 3}));
  EXPECT_EQ(receiver.last[1].hash_calls, 4u);
}

// Chunk 2 climbs with a false hash to where it waits for chunk 4, in vain; then chunk 0 proves the node below the false one.
TEST(MerkleVerifier, WhoWaitedInVainGoesBackToWhatHasBeenProvedSince) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  receiver.hear({0, 3});
  receiver.hear_false({1, 0});
  PendingHashes of_first, of_last;
  for (const MerkleNode node : {MerkleNode{2, 0}, {1, 3}, {0, 5}}) of_first.put(node, naive.at(node).data());
  for (const MerkleNode node : {MerkleNode{2, 1}, {1, 1}, {0, 1}}) of_last.put(node, naive.at(node).data());
  std::vector<ChunkCheck> checks{receiver.tampered(4), receiver.check(2), receiver.check(0)};
  checks[0].pending = &of_first;
  checks[2].pending = &of_last;
  EXPECT_EQ(receiver.verify(checks), (Verdicts{kBad, kOk, kOk}));
  EXPECT_EQ(receiver.last[1].node, (MerkleNode{1, 1}));
}

TEST(MerkleVerifier, AChunkTwiceInABurst) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  receiver.hear({{2, 1}, {1, 1}, {0, 1}});
  EXPECT_EQ(receiver.verify({receiver.check(0), receiver.check(0), receiver.tampered(0)}), (Verdicts{kOk, kOk, kBad}));
  EXPECT_EQ(receiver.last[1].hash_calls, 1u);
  EXPECT_EQ(receiver.last[2].node, (MerkleNode{0, 0}));
  Receiver other(naive);
  other.hear({{2, 1}, {1, 1}, {0, 1}});
  EXPECT_EQ(other.verify({other.tampered(0), other.tampered(0), other.check(0)}), (Verdicts{kBad, kBad, kOk}));
}

TEST(MerkleVerifier, HashesOfTwoChannelsAreNeverMixed) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  PendingHashes other;
  receiver.hear({{2, 1}, {0, 1}});
  other.put({1, 1}, naive.at({1, 1}).data());
  std::vector<ChunkCheck> checks{receiver.check(0), receiver.check(0)};
  checks[1].pending = &other;
  EXPECT_EQ(receiver.verify(checks), (Verdicts{kUnverifiable, kUnverifiable}));
  // But what one proves is there for the other: a chunk of its own needs nothing more.
  receiver.hear({1, 1});
  checks = {receiver.check(0), receiver.check(1)};
  checks[1].pending = &other;
  EXPECT_EQ(receiver.verify(checks), (Verdicts{kOk, kOk}));
}

// And what one fails to prove the other proves alone.
TEST(MerkleVerifier, ABadChannelDoesNotHarmAGoodOne) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  PendingHashes bad;
  for (const MerkleNode node : {MerkleNode{2, 1}, {1, 1}, {0, 1}}) bad.put(node, Digest(32, std::byte{9}).data());
  receiver.hear({{2, 1}, {1, 1}, {0, 1}});
  std::vector<ChunkCheck> checks{receiver.check(0), receiver.check(0), receiver.check(1)};
  checks[0].pending = &bad;
  EXPECT_EQ(receiver.verify(checks), (Verdicts{kBad, kOk, kOk}));
  EXPECT_EQ(bad.size(), 3u);
}

// segments.md §7.2 rule 4: a sender may announce the children where the node itself is needed.
TEST(MerkleVerifier, SiblingsAreMadeFromPendingHashesBelowThem) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  receiver.hear({{0, 1}, {1, 1}, {0, 4}, {0, 5}, {1, 3}});
  EXPECT_EQ(receiver.verify({0}), Verdicts{kOk});
  EXPECT_EQ(receiver.last[0].hash_calls, 6u);
  for (const MerkleNode node : {MerkleNode{2, 1}, {1, 2}, {0, 4}, {0, 5}, {1, 3}}) EXPECT_TRUE(receiver.tree.has(node, naive.at(node)));
  EXPECT_EQ(receiver.pending.size(), 0u);
  Receiver wrong(naive);
  wrong.hear({{0, 1}, {1, 1}, {0, 4}, {1, 3}});
  wrong.hear_false({0, 5});
  EXPECT_EQ(wrong.verify({0}), Verdicts{kBad});
  EXPECT_EQ(wrong.tree->count_verified(), 1u);
}

TEST(MerkleVerifier, DerivingIsBounded) {
  const NaiveTree naive = published(64 * 1024);
  Receiver receiver(naive);
  receiver.hear({{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}});
  for (std::uint64_t i = 32; i < 64; ++i) receiver.hear({0, i});
  EXPECT_EQ(receiver.verify({0}), Verdicts{kUnverifiable});  // 31 hashes for one sibling: height + peaks are 7
  EXPECT_EQ(receiver.hasher.messages, 0u);
  for (std::uint64_t i = 32; i < 64; i += 8) receiver.hear({3, i / 8});
  EXPECT_EQ(receiver.verify({0}), Verdicts{kOk});
  EXPECT_EQ(receiver.last[0].hash_calls, 1u + 6 + 3);
}

TEST(MerkleVerifier, Rfc7574_6_1_LiveChunksVerifyToTheirMunro) {
  const NaiveTree naive = published(8 * 256, HashId::kSha1, 256);
  const OwnTree tree({.hash = HashId::kSha1, .chunks = 0, .munro_level = 3, .window_munros = 4});
  Receiver receiver(naive);
  const std::uint64_t munro = 1000;
  const auto check = [&](std::uint64_t chunk, bool bad) {
    ChunkCheck out = bad ? receiver.tampered(chunk) : receiver.check(chunk);
    out.tree = tree.get();
    out.chunk = munro * 8 + chunk;
    return out;
  };
  const auto hear = [&](MerkleNode node) {
    receiver.pending.put({node.level, (munro << (3 - node.level)) + node.index}, naive.at(node).data());
  };
  for (const MerkleNode node : {MerkleNode{2, 1}, {1, 1}, {0, 1}}) hear(node);
  EXPECT_EQ(receiver.verify(std::vector{check(0, false)}), Verdicts{kUnverifiable});
  EXPECT_EQ(receiver.last[0].node, (MerkleNode{3, munro}));
  EXPECT_EQ(receiver.hasher.calls, 0u);
  ASSERT_TRUE(tree->set_munro(munro, naive.root().data()));
  EXPECT_EQ(receiver.verify({check(0, true), check(0, false), check(1, false), check(2, false)}),
            (Verdicts{kBad, kOk, kOk, kUnverifiable}));
  // A path to another munro does not meet these.
  ChunkCheck next = check(2, false);
  next.chunk += 8;
  for (const MerkleNode node : {MerkleNode{2, 1}, {1, 0}, {0, 3}})
    receiver.pending.put({node.level, ((munro + 1) << (3 - node.level)) + node.index}, naive.at(node).data());
  EXPECT_EQ(receiver.verify({check(1, false), next}), (Verdicts{kOk, kUnverifiable}));
  EXPECT_EQ(receiver.last[1].node, (MerkleNode{3, munro + 1}));
  EXPECT_EQ(receiver.last[1].hash_calls, 0u);
  hear({0, 3});
  hear({1, 3});
  EXPECT_EQ(receiver.verify({check(2, false), check(3, true), check(4, false)}), (Verdicts{kOk, kBad, kUnverifiable}));
}

TEST(MerkleVerifier, ContentsOfDifferentHashFunctionsInOneBurst) {
  std::vector<NaiveTree> contents;
  for (std::size_t id = 0; id < kHashIds; ++id) contents.push_back(published(7162, static_cast<HashId>(id)));
  std::list<Receiver> receivers;
  std::vector<ChunkCheck> checks;
  for (const NaiveTree& naive : contents) receivers.emplace_back(naive);
  for (std::uint64_t chunk = 0; chunk < 7; ++chunk)
    for (Receiver& receiver : receivers) {
      receiver.hear_uncles(chunk);
      checks.push_back(receiver.check(chunk));
    }
  EXPECT_EQ(receivers.front().verify(checks), Verdicts(35, kOk));
  for (const Receiver& receiver : receivers) expect_whole(receiver);
}

TEST(MerkleVerifier, AFailingHasherProvesNothing) {
  const NaiveTree naive = published(8192);
  Receiver receiver(naive);
  receiver.hear({{2, 1}, {1, 1}, {0, 1}});
  receiver.hasher.broken = true;
  std::vector checks{receiver.check(0)};
  EXPECT_FALSE(receiver.verifier.verify(checks));
  EXPECT_EQ(checks[0].verdict, kUnverifiable);
  EXPECT_EQ(receiver.tree->count_verified(), 1u);
  receiver.hasher.broken = false;
  EXPECT_EQ(receiver.verify({0}), Verdicts{kOk});
}

TEST(MerkleVerifier, SpansLongerThanABurstAreTakenInParts) {
  const NaiveTree naive = published(102395);
  Receiver receiver(naive);
  MerkleVerifier small(receiver.hasher, 3);
  ASSERT_TRUE(receiver.tree->preload_leaves(naive.leaves(), receiver.hasher));
  std::vector<ChunkCheck> checks;
  for (std::uint64_t i = 0; i < 100; ++i) checks.push_back(i % 9 == 0 ? receiver.tampered(i) : receiver.check(i));
  EXPECT_TRUE(small.verify(checks));
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(checks[i].verdict, i % 9 == 0 ? kBad : kOk);
  EXPECT_TRUE(small.verify({}));
}

}  // namespace
}  // namespace mediaward::crypto
