// SPDX-License-Identifier: Apache-2.0
// The serving side of content verification (RFC 7574 §5.3, §5.6): which hashes a receiver needs before a chunk, and their digests, also of
// nodes that the tree does not keep. Does not know channels: what a receiver has is a question put to the caller. Any thread.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/merkle_shape.h"
#include "crypto/merkle_tree.h"

namespace mediaward::crypto {

// The siblings on the path from a chunk to the first node on it that the receiver has, at most to `top`; by height descending. Nodes wholly
// beyond the last chunk (chunks 0: live, there are none) are left out: the receiver knows that they are zero.
template <std::predicate<MerkleNode> Has>
[[nodiscard]] MerkleNodeList uncles_below(MerkleNode top, std::uint64_t chunk, std::uint64_t chunks, Has&& has) {
  MerkleNodeList upwards, out;
  for (MerkleNode at = node_above(chunk, 0); at.level < top.level && !has(at); at = parent(at)) {
    const MerkleNode uncle = sibling(at);
    if ((chunks == 0 || !is_empty(uncle, chunks)) && !has(uncle)) upwards.push(uncle);
  }
  for (std::size_t i = upwards.size(); i-- > 0;) out.push(upwards[i]);
  return out;
}

// What goes before a chunk of a static content, in the order of §5.3 and §5.6. has(node): the receiver has proved to have it, by HAVE or
// ACK of a chunk that needs it. To a receiver that lacks the chunk's peak all peaks go first, left to right, the root of a full tree
// included; uncles never lie above a peak, since the peaks make up everything there. Nothing goes before a chunk the content does not have.
template <std::predicate<MerkleNode> Has>
[[nodiscard]] MerkleNodeList uncles(std::uint64_t chunk, std::uint64_t chunks, Has&& has) {
  MerkleNodeList out;
  if (chunk >= chunks) return out;
  const MerkleNode peak = peak_above(chunk, chunks);
  if (!has(peak)) out = peaks(chunks);
  for (const MerkleNode uncle : uncles_below(peak, chunk, chunks, has)) out.push(uncle);
  return out;
}

// The root of the subtree of 2^level leaves, level <= 5, of which these are the chunks; what is missing of them lies beyond the end.
[[nodiscard]] bool fold_chunks(HashId id, std::span<const ConstBytes> chunks, unsigned level, Hasher& hasher, std::byte* digest) noexcept;

// The digest of a node, to be served: from the tree, or below its stored_level from the chunks under it. read(chunk) gives a chunk's
// verified bytes, empty when it is not held; they stay readable during the call. False: not verified, a chunk is missing, or the hasher
// failed.
template <typename Read>
requires std::convertible_to<std::invoke_result_t<Read&, std::uint64_t>, ConstBytes>
[[nodiscard]] bool node_digest(const MerkleTree& tree, MerkleNode node, Hasher& hasher, Read&& read, std::byte* digest) {
  if (tree.copy(node, digest)) return true;
  if (tree.live() || node.level >= tree.stored_level() || !is_in_tree(node, tree.chunks())) return false;
  std::array<ConstBytes, std::size_t{1} << MerkleTree::kMaxStoredLevel> chunks;
  const std::uint64_t first = first_chunk(node);
  std::size_t held = 0;
  for (; held <= last_chunk(node) - first && first + held < tree.chunks(); ++held) {
    chunks[held] = read(first + held);
    if (chunks[held].empty()) return false;
  }
  return fold_chunks(tree.hash(), {chunks.data(), held}, node.level, hasher, digest);
}

}  // namespace mediaward::crypto
