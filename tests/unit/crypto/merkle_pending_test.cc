// SPDX-License-Identifier: Apache-2.0
// Unverified hashes of one channel: what is kept, what goes first.
#include "crypto/merkle_pending.h"

#include <gtest/gtest.h>

#include <list>
#include <random>
#include <vector>

namespace mediaward::crypto {
namespace {

std::vector<std::byte> digest(std::size_t bytes, unsigned seed) {
  std::vector<std::byte> out(bytes);
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(seed * 31 + i);
  return out;
}
bool holds(PendingHashes& pending, MerkleNode node, unsigned seed) {
  const std::byte* const found = pending.find(node);
  const auto wanted = digest(pending.digest_bytes(), seed);
  return found != nullptr && std::equal(wanted.begin(), wanted.end(), found);
}

TEST(PendingHashes, Rfc7574_5_3_RemembersEveryHashFunctionsDigests) {
  constexpr std::array<unsigned, kHashIds> kRoom{64, 64, 64, 42, 32};
  for (std::size_t id = 0; id < kHashIds; ++id) {
    PendingHashes pending(static_cast<HashId>(id));
    ASSERT_EQ(pending.capacity(), kRoom[id]);
    for (unsigned i = 0; i < pending.capacity(); ++i)
      ASSERT_FALSE(pending.put({static_cast<std::uint8_t>(i % 5), i}, digest(pending.digest_bytes(), i).data()));
    EXPECT_EQ(pending.size(), pending.capacity());
    for (unsigned i = 0; i < pending.capacity(); ++i) EXPECT_TRUE(holds(pending, {static_cast<std::uint8_t>(i % 5), i}, i));
    EXPECT_EQ(pending.find({5, 0}), nullptr);
  }
}

TEST(PendingHashes, ANodePutAgainTakesTheNewDigest) {
  PendingHashes pending;
  pending.put({1, 3}, digest(32, 1).data());
  EXPECT_FALSE(pending.put({1, 3}, digest(32, 2).data()));
  EXPECT_EQ(pending.size(), 1u);
  EXPECT_TRUE(holds(pending, {1, 3}, 2));
}

TEST(PendingHashes, NodesOfOneIndexAndDifferentLevelsAreDifferent) {
  PendingHashes pending;
  for (std::uint8_t level = 0; level < 33; ++level) pending.put({level, 1}, digest(32, level).data());
  for (std::uint8_t level = 0; level < 33; ++level) EXPECT_TRUE(holds(pending, {level, 1}, level));
}

TEST(PendingHashes, WhatIsErasedIsGoneAndLeavesRoom) {
  PendingHashes pending;
  for (unsigned i = 0; i < 64; ++i) pending.put({0, i}, digest(32, i).data());
  pending.erase({0, 7});
  pending.erase({0, 700});
  EXPECT_EQ(pending.find({0, 7}), nullptr);
  EXPECT_EQ(pending.size(), 63u);
  EXPECT_FALSE(pending.put({0, 64}, digest(32, 64).data()));
  EXPECT_EQ(pending.size(), 64u);
  pending.reset(HashId::kSha1);
  EXPECT_EQ(pending.size(), 0u);
  EXPECT_EQ(pending.find({0, 8}), nullptr);
}

// Against a list in order of use.
TEST(PendingHashes, TheLeastRecentlyUsedGoesFirst) {
  struct Entry {
    MerkleNode node;
    unsigned seed;
  };
  std::list<Entry> model;  // newest first
  PendingHashes pending(HashId::kSha384);
  std::mt19937 random(7574);
  const auto used = [&](MerkleNode node) {
    return std::find_if(model.begin(), model.end(), [&](const Entry& e) { return e.node == node; });
  };
  for (unsigned step = 0; step < 20000; ++step) {
    const MerkleNode node{static_cast<std::uint8_t>(random() % 3), random() % 25};
    auto at = used(node);
    if (random() % 4 == 0) {
      ASSERT_EQ(pending.find(node) != nullptr, at != model.end());
      if (at != model.end()) {
        ASSERT_TRUE(holds(pending, node, at->seed));
        model.splice(model.begin(), model, at);
      }
    } else if (random() % 8 == 0) {
      pending.erase(node);
      if (at != model.end()) model.erase(at);
    } else {
      const bool full = at == model.end() && model.size() == pending.capacity();
      ASSERT_EQ(pending.put(node, digest(48, step).data()), full);
      if (at != model.end()) model.erase(at);
      if (full) model.pop_back();
      model.push_front({node, step});
    }
    ASSERT_EQ(pending.size(), model.size());
  }
  for (const Entry& e : model) EXPECT_TRUE(holds(pending, e.node, e.seed));
}

TEST(PendingHashes, NothingIsWrittenBehindTheLastDigest) {
  struct {
    PendingHashes pending{HashId::kSha1};
    std::array<std::byte, 64> behind;
  } with;
  for (std::size_t id = 0; id < kHashIds; ++id) {
    with.pending.reset(static_cast<HashId>(id));
    with.behind.fill(std::byte{0x5a});
    for (unsigned i = 0; i < 200; ++i) with.pending.put({0, i}, digest(64, i).data());
    for (const std::byte b : with.behind) ASSERT_EQ(b, std::byte{0x5a});
    for (unsigned i = 200 - with.pending.capacity(); i < 200; ++i) EXPECT_TRUE(holds(with.pending, {0, i}, i));
  }
}

}  // namespace
}  // namespace mediaward::crypto
