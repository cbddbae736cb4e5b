// SPDX-License-Identifier: Apache-2.0
// See hash_tree.h. One thread; allocates.
#include "tools/ppspp/hash_tree.h"

#include <bit>

namespace mediaward::tools::ppspp {

std::optional<Node> node_of(const wire::ChunkRange& range) noexcept {
  if (range.last < range.first || range.count() == 0 || !std::has_single_bit(range.count()) || range.first % range.count() != 0)
    return std::nullopt;
  const auto level = static_cast<unsigned>(std::countr_zero(range.count()));
  return Node{level, range.first >> level};
}

std::vector<Node> peaks_of(std::uint64_t chunks) {
  std::vector<Node> peaks;
  std::uint64_t first = 0;
  for (unsigned level = 63; level < 64; --level) {
    if ((chunks >> level & 1) == 0) continue;
    peaks.push_back({level, first >> level});
    first += std::uint64_t{1} << level;
  }
  return peaks;
}

unsigned top_level_of(std::uint64_t chunks) noexcept {
  unsigned level = 0;
  while ((std::uint64_t{1} << level) < chunks) ++level;
  return level;
}

Node largest_node(std::uint64_t chunk, const wire::ChunkRange& run) noexcept {
  Node node{0, chunk};
  for (Node up = node.parent(); up.level < 63 && up.range().first >= run.first && up.range().last <= run.last; up = up.parent()) node = up;
  return node;
}

const Blob* HashBook::find(Node node) const {
  const auto it = hashes_.find(key(node));
  return it == hashes_.end() ? nullptr : &it->second;
}

ReceiverTree::ReceiverTree(const Metadata& metadata)
    : hash_(metadata.hash),
      live_(metadata.live),
      chunks_(metadata.chunks()),
      top_(top_level_of(metadata.live ? metadata.chunks_per_signature : metadata.chunks())) {
  if (!live_) trust({top_, 0}, metadata.swarm_id);
}

bool ReceiverTree::in_tree(Node node) const noexcept {
  return node.level <= top_ && (live_ || node.range().first < chunks_);
}

// A node's hash from wherever it can be had: its children, when both can be had themselves.
std::optional<Blob> ReceiverTree::look_up(Node node, const HashBook& pending, Used& used) const {
  if (!in_tree(node)) return Blob(wire::digest_bytes(hash_));
  if (const Blob* known = verified_.find(node)) return *known;
  if (const Blob* told = pending.find(node)) {
    used.emplace_back(node, *told);
    return *told;
  }
  if (node.level == 0) return std::nullopt;
  auto left = look_up(node.left(), pending, used);
  auto right = left ? look_up(node.right(), pending, used) : std::nullopt;
  if (!right) return std::nullopt;
  used.emplace_back(node, parent_digest(hash_, *left, *right));
  return used.back().second;
}

Verdict ReceiverTree::check(std::uint64_t chunk, ConstBytes bytes, HashBook& pending) {
  Used used;
  Node node{0, chunk};
  Blob hash = digest_of(bytes);
  for (;; node = node.parent()) {
    if (const Blob* known = verified_.find(node)) {
      const bool good = *known == hash;
      for (const auto& [n, h] : used) {
        if (good) verified_.put(n, h);
        pending.erase(n);
      }
      return good ? Verdict::kGood : Verdict::kBad;
    }
    if (node.level >= top_) return Verdict::kUnverifiable;  // live: its munro is not here
    const auto beside = look_up(node.sibling(), pending, used);
    if (!beside) return Verdict::kUnverifiable;
    used.emplace_back(node, hash);
    hash = node.index % 2 == 0 ? parent_digest(hash_, hash, *beside) : parent_digest(hash_, *beside, hash);
  }
}

}  // namespace mediaward::tools::ppspp
