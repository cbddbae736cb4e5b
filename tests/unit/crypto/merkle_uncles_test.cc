// SPDX-License-Identifier: Apache-2.0
// Which hashes go before a chunk, digests of nodes that are not kept, roots of contents read once. Oracles: RFC 7574's table and the
// captures' order, roots published with them, the naive tree of tests/support/merkle_cases.h.
#include "crypto/merkle_uncles.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "crypto/merkle_builder.h"
#include "tests/support/merkle_cases.h"

namespace mediaward::crypto {

void PrintTo(MerkleNode node, std::ostream* out) {
  *out << "(" << first_chunk(node) << "," << last_chunk(node) << ")";
}

namespace {

using test::Digest;
using test::NaiveTree;
using test::OwnTree;

std::unique_ptr<Hasher> any_hasher() {
  std::string refused;
  return select_hash_provider(refused)->make_hasher();
}

// RFC 7574 §4.2.
std::uint64_t bin(MerkleNode node) {
  return (node.index << (node.level + 1)) + (std::uint64_t{1} << node.level) - 1;
}

// What somebody knows who has verified some chunks: the root, their paths and the siblings along them.
class Receiver {
 public:
  explicit Receiver(MerkleNode top) : top_(top) { has_.insert(bin(top)); }
  bool has(MerkleNode node) const { return has_.contains(bin(node)); }
  void knows(MerkleNode node) { has_.insert(bin(node)); }
  void got(std::uint64_t chunk) {
    for (MerkleNode at = node_above(chunk, 0); at != top_; at = parent(at)) {
      has_.insert(bin(at));
      has_.insert(bin(sibling(at)));
    }
  }

 private:
  MerkleNode top_;
  std::set<std::uint64_t> has_;
};

std::vector<std::uint64_t> bins(const MerkleNodeList& list) {
  std::vector<std::uint64_t> out;
  for (const MerkleNode node : list) out.push_back(bin(node));
  return out;
}

// The table's sender does not know peaks, and its receiver not that chunk 7 does not exist: a tree of eight leaves.
TEST(Uncles, Rfc7574_5_5_Table1_SevenChunksInOrder) {
  Receiver receiver({3, 0});
  const std::vector<std::vector<std::uint64_t>> wanted{{11, 5, 2}, {}, {6}, {}, {13, 10}, {}, {14}};
  std::size_t hashes = 0;
  for (std::uint64_t chunk = 0; chunk < 7; ++chunk) {
    const auto list = uncles_below({3, 0}, chunk, 8, [&](MerkleNode n) { return receiver.has(n); });
    EXPECT_EQ(bins(list), wanted[chunk]) << chunk;
    hashes += list.size();
    receiver.got(chunk);
  }
  EXPECT_EQ(hashes, 7u);
}

TEST(Uncles, Rfc7574_5_1_WhatIsZeroIsNotSent) {
  Receiver receiver({3, 0});
  for (std::uint64_t chunk = 0; chunk < 6; ++chunk) receiver.got(chunk);
  EXPECT_TRUE(uncles_below({3, 0}, 6, 7, [&](MerkleNode n) { return receiver.has(n); }).empty());
}

TEST(Uncles, Rfc7574_5_6_PeaksFirstThenUnclesAsInCapture02) {
  const auto nothing = [](MerkleNode) { return false; };
  const auto list = uncles(0, 7, nothing);
  const std::vector<MerkleNode> wanted{{2, 0}, {1, 2}, {0, 6}, {1, 1}, {0, 1}};
  EXPECT_EQ((std::vector<MerkleNode>{list.begin(), list.end()}), wanted);
  EXPECT_EQ(bins(uncles(6, 7, nothing)), (std::vector<std::uint64_t>{3, 9, 12}));
  EXPECT_EQ(bins(uncles(0, 1, nothing)), std::vector<std::uint64_t>{0});
  EXPECT_EQ(bins(uncles(3, 8, nothing)), (std::vector<std::uint64_t>{7, 11, 1, 4}));
}

// segments.md counts 11 hashes at 63 chunks and 15 at 1000 before the first one.
TEST(Uncles, Rfc7574_5_6_HashesBeforeTheFirstChunk) {
  const auto nothing = [](MerkleNode) { return false; };
  EXPECT_EQ(uncles(0, 63, nothing).size(), 11u);
  EXPECT_EQ(uncles(0, 1000, nothing).size(), 15u);
  EXPECT_EQ(uncles(0, kMaxMerkleChunks - 1, nothing).size(), 63u);
  EXPECT_EQ(uncles(0, kMaxMerkleChunks, nothing).size(), 33u);
  EXPECT_TRUE(uncles(7, 7, nothing).empty());
  EXPECT_TRUE(uncles(~std::uint64_t{0}, 7, nothing).empty());
}

// Whoever knows the peaks gets none again, and never anything above them.
TEST(Uncles, Rfc7574_5_3_EveryChunkGetsWhatItLacks) {
  std::mt19937 random(53);
  for (const std::uint64_t chunks : {2u, 7u, 63u, 100u, 257u}) {
    Receiver receiver(root_node(chunks));
    std::vector<std::uint64_t> order(chunks);
    for (std::uint64_t i = 0; i < chunks; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    bool first = true;
    for (const std::uint64_t chunk : order) {
      const auto list = uncles(chunk, chunks, [&](MerkleNode n) { return !first && receiver.has(n); });
      std::set<std::uint64_t> sent;
      for (const MerkleNode node : list) {
        ASSERT_TRUE(sent.insert(bin(node)).second);
        ASSERT_TRUE(is_in_tree(node, chunks));
        ASSERT_LT(last_chunk(node), chunks);
        ASSERT_TRUE(first || !receiver.has(node));
      }
      for (const MerkleNode peak : peaks(chunks)) ASSERT_EQ(sent.contains(bin(peak)), first);
      for (MerkleNode at = node_above(chunk, 0); at != peak_above(chunk, chunks) && !receiver.has(at); at = parent(at)) {
        ASSERT_TRUE(receiver.has(sibling(at)) || sent.contains(bin(sibling(at))));
      }
      for (const MerkleNode peak : peaks(chunks)) receiver.knows(peak);  // its path folds all of them
      receiver.got(chunk);
      first = false;
    }
  }
}

TEST(NodeDigest, BelowTheStoredLevelItIsMadeFromChunks) {
  const auto hasher = any_hasher();
  for (const HashId id : {HashId::kSha1, HashId::kSha256, HashId::kSha512})
    for (const std::uint8_t stored : {std::uint8_t{0}, std::uint8_t{4}, std::uint8_t{5}}) {
      const NaiveTree naive(id, test::published_content(102395), 1024);
      const OwnTree tree(naive, stored);
      ASSERT_TRUE(tree->preload_leaves(naive.leaves(), *hasher));
      std::uint64_t missing = ~std::uint64_t{0};
      const auto read = [&](std::uint64_t chunk) { return chunk == missing ? ConstBytes{} : naive.chunk(chunk); };
      Digest digest(digest_bytes(id));
      for (std::uint8_t level = 0; level <= naive.height(); ++level)
        for (std::uint64_t i = 0; i < nodes_of_level(100, level); ++i) {
          const MerkleNode node{level, i};
          missing = ~std::uint64_t{0};
          ASSERT_TRUE(node_digest(*tree, node, *hasher, read, digest.data()));
          ASSERT_EQ(digest, naive.at(node));
          missing = std::min<std::uint64_t>(last_chunk(node), 99);
          ASSERT_EQ(node_digest(*tree, node, *hasher, read, digest.data()), level >= stored);
        }
      EXPECT_FALSE(node_digest(*tree, {0, 100}, *hasher, read, digest.data()));
      EXPECT_FALSE(node_digest(*tree, {8, 0}, *hasher, read, digest.data()));
    }
}

TEST(NodeDigest, WhatIsNotVerifiedIsNotServed) {
  const auto hasher = any_hasher();
  const NaiveTree naive(HashId::kSha256, test::published_content(8192), 1024);
  const OwnTree tree(naive);
  Digest digest(32);
  EXPECT_FALSE(node_digest(
      *tree, {0, 0}, *hasher, [&](std::uint64_t c) { return naive.chunk(c); }, digest.data()));
}

TEST(MerkleBuilder, Rfc7574_5_6_MakesThePublishedRoots) {
  const auto hasher = any_hasher();
  for (const auto& row : test::kPublishedRoots)
    for (const auto& [id, root] : {std::pair{HashId::kSha1, row.sha1}, {HashId::kSha256, row.sha256}}) {
      const NaiveTree naive(id, test::published_content(row.bytes), row.chunk_bytes);
      Digest leaves;
      MerkleBuilder builder(id, *hasher, [&](ConstBytes digests) { leaves.insert(leaves.end(), digests.begin(), digests.end()); });
      for (std::uint64_t i = 0; i < row.chunks; ++i) {
        const ConstBytes chunk = naive.chunk(i);
        ASSERT_TRUE(builder.add({&chunk, 1}));
      }
      const auto built = builder.finish();
      ASSERT_TRUE(built);
      EXPECT_EQ(test::hex({built->digest.data(), digest_bytes(id)}), root);
      EXPECT_EQ(built->chunks, row.chunks);
      EXPECT_EQ(leaves, naive.leaves());
    }
}

TEST(MerkleBuilder, Rfc7574_5_1_EveryNumberOfChunksInBatchesOfAnySize) {
  const auto hasher = any_hasher();
  std::mt19937 random(51);
  for (std::size_t chunks = 1; chunks <= 1100; chunks += chunks < 20 || (chunks > 250 && chunks < 260) ? 1 : 17) {
    std::vector<std::byte> content(chunks * 2 - 1);
    for (auto& b : content) b = static_cast<std::byte>(random());
    const NaiveTree naive(HashId::kSha1, content, 2);
    MerkleBuilder builder(HashId::kSha1, *hasher);
    for (std::size_t done = 0; done < chunks;) {
      std::vector<ConstBytes> batch(std::min<std::size_t>(1 + random() % 700, chunks - done));
      for (auto& chunk : batch) chunk = naive.chunk(done++);
      ASSERT_TRUE(builder.add(batch));
    }
    const auto built = builder.finish();
    ASSERT_TRUE(built);
    ASSERT_TRUE(std::equal(naive.root().begin(), naive.root().end(), built->digest.begin())) << chunks;
  }
}

TEST(MerkleBuilder, Rfc7574_5_1_AnEmptyContentHasNoRoot) {
  const auto hasher = any_hasher();
  const auto built = MerkleBuilder(HashId::kSha256, *hasher).finish();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace mediaward::crypto
