// SPDX-License-Identifier: Apache-2.0
// The verified nodes of a content: what is kept, what can be seen when, what it costs. Oracle: the naive tree of
// tests/support/merkle_cases.h.
#include "crypto/merkle_tree.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/support/merkle_cases.h"

namespace mediaward::crypto {
namespace {

using test::Digest;
using test::NaiveTree;
using test::OwnTree;

std::vector<std::byte> random_content(std::size_t bytes, unsigned seed) {
  std::vector<std::byte> out(bytes);
  std::mt19937 random(seed);
  for (auto& b : out) b = static_cast<std::byte>(random());
  return out;
}

std::unique_ptr<Hasher> any_hasher() {
  std::string refused;
  return select_hash_provider(refused)->make_hasher();
}

TEST(MerkleOracle, Rfc7574_5_1_MakesThePublishedRoots) {
  for (const auto& row : test::kPublishedRoots) {
    EXPECT_EQ(test::hex(NaiveTree(HashId::kSha1, test::published_content(row.bytes), row.chunk_bytes).root()), row.sha1);
    EXPECT_EQ(test::hex(NaiveTree(HashId::kSha256, test::published_content(row.bytes), row.chunk_bytes).root()), row.sha256);
  }
}

TEST(MerkleTree, KeepsWhatIsCommittedAndNothingElse) {
  for (const HashId id : {HashId::kSha1, HashId::kSha256, HashId::kSha512})
    for (const std::size_t chunks : {1u, 2u, 3u, 7u, 64u, 100u}) {
      const NaiveTree naive(id, random_content(chunks * 10, 1), 10);
      const OwnTree tree(naive);
      std::uint64_t count = 1;
      for (std::uint8_t level = 0; level <= naive.height(); ++level)
        for (std::uint64_t i = 0; i < nodes_of_level(chunks, level); ++i) {
          const MerkleNode node{level, i};
          if (node == root_node(chunks)) continue;
          ASSERT_EQ(tree->verified(node), nullptr);
          ASSERT_TRUE(tree->commit(node, naive.at(node).data()));
          ASSERT_EQ(tree->count_verified(), ++count);
        }
      for (std::uint8_t level = 0; level <= naive.height(); ++level)
        for (std::uint64_t i = 0; i < nodes_of_level(chunks, level); ++i) {
          ASSERT_TRUE(tree.has({level, i}, naive.at({level, i})));
          Digest copy(naive.at({level, i}).size());
          ASSERT_TRUE(tree->copy({level, i}, copy.data()));
          ASSERT_EQ(copy, naive.at({level, i}));
        }
    }
}

TEST(MerkleTree, NamesOutsideTheTreeAreRefused) {
  const NaiveTree naive(HashId::kSha256, random_content(70, 2), 10);
  const OwnTree tree(naive);
  const Digest any(32, std::byte{1});
  for (const MerkleNode node : {MerkleNode{0, 7}, MerkleNode{0, 8}, MerkleNode{3, 1}, MerkleNode{4, 0}, MerkleNode{63, 0},
                                MerkleNode{0, ~std::uint64_t{0}}, MerkleNode{255, 0}}) {
    EXPECT_FALSE(tree->commit(node, any.data()));
    EXPECT_EQ(tree->verified(node), nullptr);
    EXPECT_EQ(tree->children(node).verified, 0u);
    Digest out(32);
    EXPECT_FALSE(tree->copy(node, out.data()));
  }
  EXPECT_FALSE(tree->set_munro(0, any.data()));
}

TEST(MerkleTree, APublishedDigestNeverChanges) {
  const NaiveTree naive(HashId::kSha256, random_content(70, 3), 10);
  const OwnTree tree(naive);
  const Digest other(64, std::byte{7});
  EXPECT_TRUE(tree->set_root(naive.root().data()));
  EXPECT_FALSE(tree->set_root(other.data()));
  tree->commit(root_node(7), other.data());
  EXPECT_TRUE(tree.has(root_node(7), naive.root()));
  tree->commit({0, 2}, naive.at({0, 2}).data());
  tree->commit_children({1, 1}, other.data());
  EXPECT_TRUE(tree.has({0, 2}, naive.at({0, 2})));
  EXPECT_EQ(tree->verified({0, 3})[0], std::byte{7});  // its sibling had none yet
}

TEST(MerkleTree, Rfc7574_5_1_ChildrenBeyondTheLastChunkAreNotPublished) {
  const NaiveTree naive(HashId::kSha256, random_content(70, 4), 10);
  const OwnTree tree(naive);
  Digest pair = naive.at({0, 6});
  pair.resize(64);
  EXPECT_TRUE(tree->commit_children({1, 3}, pair.data()));
  EXPECT_EQ(tree->children({1, 3}).verified, 1u);
  EXPECT_EQ(tree->count_verified(), 2u);
}

TEST(MerkleTree, MemoryPerChunk) {
  constexpr std::uint64_t kChunks = 1u << 20;
  const auto per_chunk = [](MerkleTreeSettings s) {
    return static_cast<double>(MerkleTree::bytes_needed(s)) / static_cast<double>(kChunks);
  };
  EXPECT_LE(per_chunk({.chunks = kChunks}), 64.3);
  EXPECT_LE(per_chunk({.chunks = kChunks + 1}), 64.3);
  EXPECT_LE(per_chunk({.hash = HashId::kSha1, .chunks = kChunks}), 40.3);
  EXPECT_LE(per_chunk({.chunks = kChunks, .stored_level = MerkleTree::kUpperLevels}), 4.3);
  EXPECT_LE(per_chunk({.chunks = kChunks, .stored_level = MerkleTree::kUpperLevels, .open_groups = 1024}), 5.3);
  EXPECT_EQ(MerkleTree::bytes_needed({.chunks = kMaxMerkleChunks + 1}), 0u);
  EXPECT_EQ(MerkleTree::bytes_needed({.chunks = 7, .stored_level = 6}), 0u);
  EXPECT_EQ(MerkleTree::bytes_needed({.chunks = 7, .stored_level = 2, .open_groups = 0}), 0u);
  EXPECT_EQ(MerkleTree::bytes_needed({.chunks = 0, .window_munros = 0}), 0u);
  EXPECT_EQ(MerkleTree::bytes_needed({.chunks = 0, .munro_level = 17, .window_munros = 1}), 0u);
  EXPECT_NE(MerkleTree::bytes_needed({.chunks = kMaxMerkleChunks}), 0u);
}

// Nothing is written outside the memory asked for, whatever the shape.
TEST(MerkleTree, StaysInItsMemory) {
  const auto hasher = any_hasher();
  for (const HashId id : {HashId::kSha1, HashId::kSha224, HashId::kSha512})
    for (const std::size_t chunks : {1u, 2u, 5u, 33u, 257u})
      for (std::uint8_t stored = 0; stored <= 5; ++stored) {
        const NaiveTree naive(id, random_content(chunks, 5), 1);
        const MerkleTreeSettings settings{.hash = id, .chunks = chunks, .stored_level = stored, .open_groups = 2};
        const std::size_t bytes = MerkleTree::bytes_needed(settings);
        ASSERT_EQ(bytes % 64, 0u);
        struct Line {
          alignas(64) std::byte bytes[64];
        };
        std::vector<Line> memory(bytes / 64 + 1);
        std::memset(memory.data(), 0x5a, memory.size() * 64);
        MerkleTree tree(settings, {memory[0].bytes, bytes});
        ASSERT_TRUE(tree.set_root(naive.root().data()));
        ASSERT_TRUE(tree.preload_leaves(naive.leaves(), *hasher));
        for (std::uint8_t level = 0; level <= naive.height(); ++level)
          for (std::uint64_t i = 0; i < nodes_of_level(chunks, level); ++i)
            ASSERT_TRUE(tree.commit({level, i}, naive.at({level, i}).data()));
        for (std::uint64_t i = 0; i < chunks; ++i) tree.received(i);
        for (const std::byte b : memory.back().bytes) ASSERT_EQ(b, std::byte{0x5a});
      }
}

TEST(MerkleTree, LowLevelsAreKeptWhileTheirGroupIsOpen) {
  const NaiveTree naive(HashId::kSha256, random_content(64, 6), 1);  // 16 groups of 4
  const OwnTree tree(naive, 2, 3);
  EXPECT_EQ(tree->stored_level(), 2u);
  const auto commit = [&](std::uint64_t chunk) { ASSERT_TRUE(tree->commit({0, chunk}, naive.at({0, chunk}).data())); };
  const auto kept = [&](std::uint64_t chunk) { return tree.has({0, chunk}, naive.at({0, chunk})); };
  commit(0);
  commit(4);
  commit(8);
  commit(1);  // touches group 0: the oldest is 1 now
  commit(12);
  EXPECT_TRUE(kept(0) && kept(1) && kept(8) && kept(12));
  EXPECT_FALSE(kept(4));
  EXPECT_EQ(tree->verified({1, 2}), nullptr);
  commit(4);  // pushes out group 2
  EXPECT_TRUE(kept(4));
  EXPECT_FALSE(kept(8));
  // A complete group goes before older ones that are not complete.
  for (std::uint64_t c = 12; c < 16; ++c) {
    commit(c);
    tree->received(c);
  }
  EXPECT_TRUE(kept(12));
  commit(20);
  EXPECT_TRUE(kept(0) && kept(4) && kept(20));
  EXPECT_FALSE(kept(12));
  // What is stored stays.
  ASSERT_TRUE(tree->commit({2, 2}, naive.at({2, 2}).data()));
  for (std::uint64_t c = 0; c < 64; c += 4) commit(c);
  EXPECT_TRUE(tree.has({2, 2}, naive.at({2, 2})));
  Digest out(32);
  EXPECT_FALSE(tree->copy({0, 60}, out.data()));  // for the owner's eyes only
  EXPECT_TRUE(tree->copy({2, 2}, out.data()));
}

TEST(MerkleTree, AShortLastGroupIsCompleteWithItsLastChunk) {
  const NaiveTree naive(HashId::kSha256, random_content(10, 7), 1);  // groups of 4, 4, 2
  const OwnTree tree(naive, 2, 2);
  for (const std::uint64_t chunk : {0u, 8u, 9u}) {
    tree->commit({0, chunk}, naive.at({0, chunk}).data());
    tree->received(chunk);
  }
  tree->commit({0, 4}, naive.at({0, 4}).data());
  EXPECT_NE(tree->verified({0, 0}), nullptr);
  EXPECT_EQ(tree->verified({0, 8}), nullptr);
}

TEST(MerkleTree, Rfc7574_6_1_TheWindowKeepsTheNewestMunros) {
  const OwnTree tree({.chunks = 0, .munro_level = 3, .window_munros = 4});
  const auto digest = [](std::uint64_t i) { return Digest(32, static_cast<std::byte>(i + 1)); };
  EXPECT_TRUE(tree->live());
  EXPECT_EQ(tree->munros(), 0u);
  EXPECT_FALSE(tree->set_root(digest(0).data()));
  for (const std::uint64_t i : {5u, 7u, 6u}) ASSERT_TRUE(tree->set_munro(i, digest(i).data()));
  EXPECT_EQ(tree->munros(), 8u);
  EXPECT_TRUE(tree.has({3, 6}, digest(6)));
  EXPECT_EQ(tree->verified({3, 4}), nullptr);
  EXPECT_TRUE(tree->set_munro(6, digest(6).data()));
  EXPECT_FALSE(tree->set_munro(6, digest(1).data()));
  EXPECT_TRUE(tree->commit({0, 50}, digest(50).data()));
  EXPECT_FALSE(tree->commit({0, 9 * 8}, digest(1).data()));
  EXPECT_TRUE(tree->set_munro(10, digest(10).data()));  // takes the place of 6
  EXPECT_EQ(tree->verified({3, 6}), nullptr);
  EXPECT_EQ(tree->verified({0, 50}), nullptr);
  EXPECT_EQ(tree->verified({0, 82}), nullptr);  // in the same place
  EXPECT_FALSE(tree->set_munro(6, digest(6).data()));
  EXPECT_FALSE(tree->set_munro(5, digest(9).data()));
  EXPECT_TRUE(tree.has({3, 7}, digest(7)));
  Digest out(32);
  EXPECT_TRUE(tree->copy({3, 10}, out.data()));
  EXPECT_EQ(out, digest(10));
  EXPECT_EQ(tree->verified({4, 5}), nullptr);
  EXPECT_EQ(tree->verified({0, std::uint64_t{1} << 63}), nullptr);
}

TEST(MerkleTree, Rfc7574_5_1_PreloadedLeavesMakeAllNodes) {
  const auto hasher = any_hasher();
  for (const auto& row : test::kPublishedRoots)
    for (const HashId id : {HashId::kSha1, HashId::kSha256}) {
      const NaiveTree naive(id, test::published_content(row.bytes), row.chunk_bytes);
      for (std::uint8_t stored = 0; stored <= 5; ++stored) {
        const OwnTree tree(naive, stored);
        ASSERT_TRUE(tree->preload_leaves(naive.leaves(), *hasher));
        std::uint64_t nodes = 0;
        for (auto level = static_cast<std::uint8_t>(tree->stored_level()); level <= naive.height(); ++level)
          for (std::uint64_t i = 0; i < nodes_of_level(row.chunks, level); ++i, ++nodes)
            ASSERT_TRUE(tree.has({level, i}, naive.at({level, i})));
        EXPECT_EQ(tree->count_verified(), nodes);
      }
    }
}

TEST(MerkleTree, WrongLeavesPublishNothing) {
  const auto hasher = any_hasher();
  const NaiveTree naive(HashId::kSha256, random_content(1000, 8), 3);
  for (const std::uint8_t stored : {std::uint8_t{0}, MerkleTree::kUpperLevels})
    for (const std::size_t wrong : {0u, 31u, 32u * 200, 32u * 334 - 1}) {
      const OwnTree tree(naive, stored);
      Digest leaves = naive.leaves();
      leaves[wrong] ^= std::byte{1};
      EXPECT_FALSE(tree->preload_leaves(leaves, *hasher));
      EXPECT_EQ(tree->count_verified(), 1u);
      leaves[wrong] ^= std::byte{1};
      EXPECT_FALSE(tree->preload_leaves(ConstBytes(leaves).first(leaves.size() - 32), *hasher));
      EXPECT_TRUE(tree->preload_leaves(leaves, *hasher));
    }
  const OwnTree without_root({.chunks = 334});
  EXPECT_FALSE(without_root->preload_leaves(naive.leaves(), *hasher));
  const OwnTree with_wrong_node(naive);
  with_wrong_node->commit({3, 3}, naive.at({3, 4}).data());
  EXPECT_FALSE(with_wrong_node->preload_leaves(naive.leaves(), *hasher));
  EXPECT_EQ(with_wrong_node->count_verified(), 2u);
}

TEST(MerkleTree, ReadersSeeOnlyWholeDigestsWhileTheOwnerCommits) {
  const NaiveTree naive(HashId::kSha256, random_content(2000, 9), 1);
  const OwnTree tree(naive);
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> wrong{0}, seen{0};
  std::thread reader([&] {
    std::mt19937 random(10);
    while (!done.load(std::memory_order_acquire)) {
      const MerkleNode node{static_cast<std::uint8_t>(random() % 3), random() % 500};
      if (const std::byte* const digest = tree->verified(node)) {
        ++seen;
        wrong += std::memcmp(digest, naive.at(node).data(), 32) != 0;
      }
    }
  });
  for (std::uint64_t round = 0; seen.load(std::memory_order_relaxed) < 1000; ++round)
    for (std::uint64_t i = round % 2; i < 1000 && round < 2; i += 2) {
      Digest pair = naive.at({0, 2 * i});
      pair.insert(pair.end(), naive.at({0, 2 * i + 1}).begin(), naive.at({0, 2 * i + 1}).end());
      tree->commit_children({1, i}, pair.data());
      tree->commit({1, i}, naive.at({1, i}).data());
    }
  done.store(true, std::memory_order_release);
  reader.join();
  EXPECT_EQ(wrong.load(), 0u);
}

TEST(MerkleTree, Rfc7574_6_1_ReadersOfALiveTreeNeverGetAnotherMunrosNode) {
  const OwnTree tree({.chunks = 0, .munro_level = 2, .window_munros = 2});
  const auto digest = [](MerkleNode node) { return Digest(32, static_cast<std::byte>(node.index * 7 + node.level * 101)); };
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> wrong{0}, seen{0};
  std::thread reader([&] {
    Digest out(32);
    std::mt19937 random(11);
    while (!done.load(std::memory_order_acquire)) {
      const std::uint64_t munros = tree->munros();
      if (munros == 0) continue;
      const MerkleNode node{1, 2 * (munros - 1 - random() % std::min<std::uint64_t>(munros, 2)) + random() % 2};
      if (tree->copy(node, out.data())) {
        ++seen;
        wrong += out != digest(node);
      }
    }
  });
  for (std::uint64_t m = 0; m < 20000 || seen.load(std::memory_order_relaxed) < 1000; ++m) {
    ASSERT_TRUE(tree->set_munro(m, digest({2, m}).data()));
    for (std::uint64_t i = 2 * m; i < 2 * m + 2; ++i) ASSERT_TRUE(tree->commit({1, i}, digest({1, i}).data()));
  }
  done.store(true, std::memory_order_release);
  reader.join();
  EXPECT_EQ(wrong.load(), 0u);
}

}  // namespace
}  // namespace mediaward::crypto
