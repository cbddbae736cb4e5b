// SPDX-License-Identifier: Apache-2.0
// See MerkleTree::preload_leaves: all levels from the leaves' digests. Digests go to places that nobody can see yet; their bits are set
// once the root has come out right. Main thread.
#include <algorithm>
#include <array>

#include "crypto/merkle_digest.h"
#include "crypto/merkle_fold.h"
#include "crypto/merkle_tree.h"

namespace mediaward::crypto {
namespace {

constexpr std::size_t kBlock = 256;  // leaves; whole groups of any stored_level
static_assert(kBlock % (std::size_t{1} << MerkleTree::kMaxStoredLevel) == 0);
using Block = std::array<std::byte, kBlock * kMaxDigestBytes>;

}  // namespace

// Digests of consecutive nodes: equal to what is verified, or put where they belong.
bool MerkleTree::accept(unsigned level, std::uint64_t first, ConstBytes digests) noexcept {
  for (std::uint64_t i = 0; i < digests.size() / digest_bytes_; ++i) {
    const MerkleNode node{level, first + i};
    const std::byte* const digest = digests.data() + i * digest_bytes_;
    const std::byte* const known = verified(node);
    if (known == nullptr)
      copy_digest(levels_[level].digests + node.index * digest_bytes_, digest, digest_bytes_);
    else if (!same_digest(known, digest, digest_bytes_))
      return false;
  }
  return true;
}

bool MerkleTree::preload_stored_level(ConstBytes leaves, Hasher& hasher) noexcept {
  if (stored_level_ == 0) return accept(0, 0, leaves);
  Block one, other;
  for (std::uint64_t first = 0; first < chunks_; first += kBlock) {
    std::size_t count = std::min<std::uint64_t>(kBlock, chunks_ - first);
    std::byte *from = one.data(), *to = other.data();
    std::copy_n(leaves.data() + first * digest_bytes_, count * digest_bytes_, from);
    for (unsigned l = 0; l < stored_level_; ++l, count = (count + 1) / 2, std::swap(from, to))
      if (!fold_level(hash_, from, count, hasher, to)) return false;
    if (!accept(stored_level_, first >> stored_level_, {from, count * digest_bytes_})) return false;
  }
  return true;
}

bool MerkleTree::preload_level_above(unsigned level, Hasher& hasher) noexcept {
  Block parents;
  const Level& below = levels_[level];
  for (std::uint64_t first = 0; first < below.count; first += 2 * kBlock) {
    const std::size_t count = std::min<std::uint64_t>(2 * kBlock, below.count - first);
    if (!fold_level(hash_, below.digests + first * digest_bytes_, count, hasher, parents.data())) return false;
    if (!accept(level + 1, first / 2, {parents.data(), (count + 1) / 2 * digest_bytes_})) return false;
  }
  return true;
}

bool MerkleTree::preload_leaves(ConstBytes digests, Hasher& hasher) noexcept {
  if (live() || digests.size() != chunks_ * digest_bytes_ || verified(root_node(chunks_)) == nullptr) return false;
  if (!preload_stored_level(digests, hasher)) return false;
  for (unsigned l = stored_level_; l < top_level_; ++l)
    if (!preload_level_above(l, hasher)) return false;
  for (unsigned l = stored_level_; l <= top_level_; ++l)
    for (std::uint64_t i = 0; i < levels_[l].count; ++i) {
      const std::uint64_t bit = levels_[l].first_bit + i;
      std::atomic_ref(words_[bit / 64]).fetch_or(std::uint64_t{1} << bit % 64, std::memory_order_release);
    }
  return true;
}

}  // namespace mediaward::crypto
