// SPDX-License-Identifier: Apache-2.0
// Geometry of the Merkle hash tree of a content (RFC 7574 §5.1): nodes, their chunks, peaks, lengths. Counts and indexes only.
// Deliberately knows no digest, no wire format and no tree in memory: everything is a pure function. Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace mediaward::crypto {

inline constexpr std::uint64_t kMaxMerkleChunks = std::uint64_t{1} << 32;  // of a static content; live ones count on
inline constexpr unsigned kMaxMerkleHeight = 32;
inline constexpr unsigned kMaxMerkleLevel = 63;  // of a node that 64-bit chunk numbers can name

// Covers the chunks [index << level, ((index + 1) << level) - 1]; level 0 are the leaves.
struct MerkleNode {
  std::uint32_t level = 0;  // of words: a byte that was just written delays the load of the node's first word
  std::uint64_t index = 0;
  constexpr bool operator==(const MerkleNode&) const noexcept = default;
};

// A list of nodes in fixed memory: peaks and uncles of the largest content fit.
struct MerkleNodeList {
  static constexpr std::size_t kCapacity = 2 * kMaxMerkleHeight + 2;

  std::array<MerkleNode, kCapacity> nodes{};
  std::size_t count = 0;

  constexpr void push(MerkleNode node) noexcept {
    if (count < kCapacity) nodes[count++] = node;
  }
  [[nodiscard]] constexpr const MerkleNode* begin() const noexcept { return nodes.data(); }
  [[nodiscard]] constexpr const MerkleNode* end() const noexcept { return nodes.data() + count; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return count; }
  [[nodiscard]] constexpr bool empty() const noexcept { return count == 0; }
  [[nodiscard]] constexpr const MerkleNode& operator[](std::size_t i) const noexcept { return nodes[i]; }
};

[[nodiscard]] constexpr bool is_right(MerkleNode n) noexcept {
  return (n.index & 1) != 0;
}
[[nodiscard]] constexpr MerkleNode parent(MerkleNode n) noexcept {
  return {n.level + 1, n.index >> 1};
}
[[nodiscard]] constexpr MerkleNode sibling(MerkleNode n) noexcept {
  return {n.level, n.index ^ 1};
}
// Of a node above the leaves.
[[nodiscard]] constexpr MerkleNode left_child(MerkleNode n) noexcept {
  return {n.level - 1, n.index << 1};
}
[[nodiscard]] constexpr MerkleNode right_child(MerkleNode n) noexcept {
  return {n.level - 1, n.index << 1 | 1};
}
// The node of that level above (or at) a chunk.
[[nodiscard]] constexpr MerkleNode node_above(std::uint64_t chunk, unsigned level) noexcept {
  return {level, chunk >> level};
}

[[nodiscard]] constexpr std::uint64_t first_chunk(MerkleNode n) noexcept {
  return n.index << n.level;
}
[[nodiscard]] constexpr std::uint64_t last_chunk(MerkleNode n) noexcept {
  return first_chunk(n) + ((std::uint64_t{1} << n.level) - 1);
}
[[nodiscard]] constexpr bool covers(MerkleNode n, std::uint64_t chunk) noexcept {
  return chunk >> n.level == n.index;
}

// The node of an inclusive range of chunks: only widths of a power of two, aligned to their width (RFC 7574 §4.1, §5.2), name one.
[[nodiscard]] constexpr std::optional<MerkleNode> from_range(std::uint64_t first, std::uint64_t last) noexcept {
  if (last < first || last - first == ~std::uint64_t{0}) return std::nullopt;
  const std::uint64_t width = last - first + 1;
  if (!std::has_single_bit(width) || (first & (width - 1)) != 0) return std::nullopt;
  const auto level = static_cast<std::uint32_t>(std::countr_zero(width));
  return MerkleNode{level, first >> level};
}

// Levels above the leaves; the root is {height, 0}. chunks >= 1.
[[nodiscard]] constexpr unsigned height(std::uint64_t chunks) noexcept {
  return static_cast<unsigned>(std::bit_width(chunks - 1));
}
[[nodiscard]] constexpr MerkleNode root_node(std::uint64_t chunks) noexcept {
  return {height(chunks), 0};
}

// Nodes of a level that cover at least one chunk.
[[nodiscard]] constexpr std::uint64_t nodes_of_level(std::uint64_t chunks, unsigned level) noexcept {
  return ((chunks - 1) >> level) + 1;
}

// Wholly beyond the last chunk: its hash is all zero by definition (RFC 7574 §5.1).
[[nodiscard]] constexpr bool is_empty(MerkleNode n, std::uint64_t chunks) noexcept {
  return n.index > (chunks - 1) >> n.level;
}

// In the tree of that many chunks and above at least one of them.
[[nodiscard]] constexpr bool is_in_tree(MerkleNode n, std::uint64_t chunks) noexcept {
  return n.level <= height(chunks) && !is_empty(n, chunks);
}

// The peaks, left to right (RFC 7574 §5.6): one per set bit of the number of chunks.
[[nodiscard]] constexpr MerkleNodeList peaks(std::uint64_t chunks) noexcept {
  MerkleNodeList out;
  std::uint64_t first = 0;
  for (std::uint64_t rest = chunks; rest != 0;) {
    const auto level = static_cast<unsigned>(std::bit_width(rest) - 1);
    out.push(node_above(first, level));
    first += std::uint64_t{1} << level;
    rest &= ~(std::uint64_t{1} << level);
  }
  return out;
}

// The peak above a chunk < chunks.
[[nodiscard]] constexpr MerkleNode peak_above(std::uint64_t chunk, std::uint64_t chunks) noexcept {
  // The highest bit in which they differ is set in `chunks`, and with the bits above it is where the chunk's peak begins.
  return node_above(chunk, static_cast<unsigned>(std::bit_width(chunk ^ chunks) - 1));
}

[[nodiscard]] constexpr std::uint64_t chunks_of(std::uint64_t content_bytes, std::uint32_t chunk_bytes) noexcept {
  return content_bytes / chunk_bytes + (content_bytes % chunk_bytes != 0 ? 1 : 0);
}

// The exact length of a chunk: only the last one may be short (RFC 7574 §5.1). 0 for a chunk the content does not have.
[[nodiscard]] constexpr std::uint32_t chunk_length(std::uint64_t content_bytes, std::uint32_t chunk_bytes, std::uint64_t chunk) noexcept {
  if (chunk >= chunks_of(content_bytes, chunk_bytes)) return 0;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(chunk_bytes, content_bytes - chunk * chunk_bytes));
}

}  // namespace mediaward::crypto
