// SPDX-License-Identifier: Apache-2.0
// Nodes of the Merkle hash tree (RFC 7574 §5), where hashes are noted, and what a receiver makes of a chunk with them: by plain
// recursion, one libcrypto call per hash, nothing clever. Deliberately independent of the appliance's verifier. One thread; allocates.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tools/ppspp/metadata.h"

namespace mediaward::tools::ppspp {

struct Node {
  unsigned level = 0;
  std::uint64_t index = 0;
  auto operator<=>(const Node&) const noexcept = default;

  [[nodiscard]] wire::ChunkRange range() const noexcept { return {index << level, (index << level) + ((std::uint64_t{1} << level) - 1)}; }
  [[nodiscard]] Node parent() const noexcept { return {level + 1, index / 2}; }
  [[nodiscard]] Node sibling() const noexcept { return {level, index ^ 1}; }
  [[nodiscard]] Node left() const noexcept { return {level - 1, index * 2}; }
  [[nodiscard]] Node right() const noexcept { return {level - 1, index * 2 + 1}; }
};

// nullopt: the range is no node's.
[[nodiscard]] std::optional<Node> node_of(const wire::ChunkRange& range) noexcept;
// RFC 7574 §5.6: from left to right.
[[nodiscard]] std::vector<Node> peaks_of(std::uint64_t chunks);
[[nodiscard]] unsigned top_level_of(std::uint64_t chunks) noexcept;
// The largest node within `run` that has the chunk below it.
[[nodiscard]] Node largest_node(std::uint64_t chunk, const wire::ChunkRange& run) noexcept;

class HashBook {
 public:
  [[nodiscard]] const Blob* find(Node node) const;
  void put(Node node, ConstBytes hash) { hashes_[key(node)] = Blob(hash.begin(), hash.end()); }
  void erase(Node node) { hashes_.erase(key(node)); }
  void clear() { hashes_.clear(); }
  [[nodiscard]] std::size_t size() const { return hashes_.size(); }

 private:
  static std::uint64_t key(Node node) { return node.index << 6 | node.level; }
  std::unordered_map<std::uint64_t, Blob> hashes_;
};

enum class Verdict : std::uint8_t { kGood, kBad, kUnverifiable };

class ReceiverTree {
 public:
  explicit ReceiverTree(const Metadata& metadata);

  // Does the chunk, with what is verified and what this channel sent, hash to something verified? Good: all that took part is verified
  // from now on. Bad: what took part and came from the channel is forgotten.
  [[nodiscard]] Verdict check(std::uint64_t chunk, ConstBytes bytes, HashBook& pending);

  [[nodiscard]] const Blob* verified(Node node) const { return verified_.find(node); }
  void trust(Node node, ConstBytes hash) { verified_.put(node, hash); }
  [[nodiscard]] bool in_tree(Node node) const noexcept;  // and above at least one chunk
  [[nodiscard]] Blob digest_of(ConstBytes chunk) const { return digest(hash_, chunk); }

 private:
  using Used = std::vector<std::pair<Node, Blob>>;
  [[nodiscard]] std::optional<Blob> look_up(Node node, const HashBook& pending, Used& used) const;

  wire::MerkleFunction hash_;
  bool live_;
  std::uint64_t chunks_;  // static
  unsigned top_;          // level of the root, or of munros
  HashBook verified_;
};

}  // namespace mediaward::tools::ppspp
