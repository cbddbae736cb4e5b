// SPDX-License-Identifier: Apache-2.0
// Geometry of the hash tree against RFC 7574's own examples and against counting.
#include "crypto/merkle_shape.h"

#include <gtest/gtest.h>

#include <vector>

namespace mediaward::crypto {

void PrintTo(MerkleNode node, std::ostream* out) {
  *out << "(" << first_chunk(node) << "," << last_chunk(node) << ")";
}

namespace {

std::vector<MerkleNode> list(const MerkleNodeList& nodes) {
  return {nodes.begin(), nodes.end()};
}

TEST(MerkleShape, Rfc7574_5_6_PeaksOfSevenChunks) {
  // (0,3)(4,5)(6,6)
  EXPECT_EQ(list(peaks(7)), (std::vector<MerkleNode>{{2, 0}, {1, 2}, {0, 6}}));
}

TEST(MerkleShape, Rfc7574_5_6_APowerOfTwoHasOnePeakItsRoot) {
  for (unsigned level = 0; level <= kMaxMerkleHeight; ++level) {
    const std::uint64_t chunks = std::uint64_t{1} << level;
    EXPECT_EQ(list(peaks(chunks)), std::vector<MerkleNode>{root_node(chunks)});
    EXPECT_EQ(height(chunks), level);
  }
}

TEST(MerkleShape, Rfc7574_5_6_PeaksCoverEveryChunkOnce) {
  for (const std::uint64_t chunks : {1ull, 2ull, 3ull, 7ull, 100ull, 1000ull, 1023ull, 4294967295ull}) {
    std::uint64_t next = 0;
    for (const MerkleNode peak : peaks(chunks)) {
      EXPECT_EQ(first_chunk(peak), next);
      next = last_chunk(peak) + 1;
    }
    EXPECT_EQ(next, chunks);
  }
}

TEST(MerkleShape, Rfc7574_5_6_ThePeakAboveAChunk) {
  for (std::uint64_t chunks = 1; chunks <= 300; ++chunks)
    for (const MerkleNode peak : peaks(chunks))
      for (std::uint64_t c = first_chunk(peak); c <= last_chunk(peak); ++c) ASSERT_EQ(peak_above(c, chunks), peak) << c << " of " << chunks;
}

TEST(MerkleShape, Rfc7574_5_1_WidthIsTheNextPowerOfTwo) {
  for (std::uint64_t chunks = 1, levels = 0; chunks <= 5000; ++chunks) {
    while ((std::uint64_t{1} << levels) < chunks) ++levels;
    ASSERT_EQ(height(chunks), levels) << chunks;
  }
  EXPECT_EQ(height(kMaxMerkleChunks), kMaxMerkleHeight);
}

TEST(MerkleShape, Rfc7574_5_1_NodesBeyondTheLastChunkAreEmpty) {
  for (std::uint64_t chunks = 1; chunks <= 70; ++chunks)
    for (unsigned level = 0; level <= height(chunks); ++level) {
      std::uint64_t real = 0;
      for (std::uint64_t i = 0; i < std::uint64_t{1} << (height(chunks) - level); ++i) {
        const MerkleNode node{static_cast<std::uint8_t>(level), i};
        ASSERT_EQ(is_empty(node, chunks), first_chunk(node) >= chunks);
        ASSERT_EQ(is_in_tree(node, chunks), first_chunk(node) < chunks);
        real += first_chunk(node) < chunks;
      }
      ASSERT_EQ(nodes_of_level(chunks, level), real);
    }
  EXPECT_FALSE(is_in_tree({4, 0}, 7));
}

// RFC 7574 §4.2 figure: bin 5 is the parent of leaves 2 and 3, and so on.
TEST(MerkleShape, Rfc7574_5_2_FamilyOfANode) {
  const MerkleNode node{1, 1};
  EXPECT_EQ(first_chunk(node), 2u);
  EXPECT_EQ(last_chunk(node), 3u);
  EXPECT_EQ(sibling(node), (MerkleNode{1, 0}));
  EXPECT_EQ(parent(node), (MerkleNode{2, 0}));
  EXPECT_EQ(left_child(node), (MerkleNode{0, 2}));
  EXPECT_EQ(right_child(node), (MerkleNode{0, 3}));
  EXPECT_TRUE(is_right(node));
  EXPECT_TRUE(covers(node, 3));
  EXPECT_FALSE(covers(node, 4));
  EXPECT_EQ(node_above(3, 1), node);
}

TEST(MerkleShape, Rfc7574_5_2_OnlyAlignedPowersOfTwoNameANode) {
  for (std::uint64_t first = 0; first < 40; ++first)
    for (std::uint64_t last = 0; last < 40; ++last) {
      bool found = false;
      for (std::uint8_t level = 0; level < 6; ++level)
        for (std::uint64_t i = 0; i < 40; ++i) {
          const MerkleNode node{level, i};
          if (first_chunk(node) != first || last_chunk(node) != last) continue;
          found = true;
          ASSERT_EQ(from_range(first, last), node);
        }
      if (!found) {
        ASSERT_EQ(from_range(first, last), std::nullopt) << first << " " << last;
      }
    }
  EXPECT_EQ(from_range(0, ~std::uint64_t{0}), std::nullopt);
  EXPECT_EQ(from_range(5, 4), std::nullopt);
  EXPECT_EQ(from_range(std::uint64_t{1} << 63, ~std::uint64_t{0}), (MerkleNode{63, 1}));
}

TEST(MerkleShape, Rfc7574_5_1_OnlyTheLastChunkIsShort) {
  EXPECT_EQ(chunks_of(7162, 1024), 7u);
  EXPECT_EQ(chunk_length(7162, 1024, 5), 1024u);
  EXPECT_EQ(chunk_length(7162, 1024, 6), 1018u);
  EXPECT_EQ(chunk_length(7162, 1024, 7), 0u);
  EXPECT_EQ(chunks_of(8192, 1024), 8u);
  EXPECT_EQ(chunk_length(8192, 1024, 7), 1024u);
  EXPECT_EQ(chunks_of(0, 1024), 0u);
  EXPECT_EQ(chunks_of(~std::uint64_t{0}, 1), ~std::uint64_t{0});
  EXPECT_EQ(chunk_length(~std::uint64_t{0}, 1u << 31, (std::uint64_t{1} << 33) - 1), (1u << 31) - 1);
}

}  // namespace
}  // namespace mediaward::crypto
