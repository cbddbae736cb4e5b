// SPDX-License-Identifier: Apache-2.0
// Verdicts on a burst of chunks (RFC 7574 §5.3): the leaves of all of them are hashed in one call, then all paths climb together, level by
// level, to the first node that is verified. Says what is true and changes the trees accordingly; who is to blame is the caller's business,
// and so are lengths, duplicates it wants to drop unhashed, and signatures. The owner thread of the trees; allocates only when made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "crypto/hash.h"
#include "crypto/merkle_pending.h"
#include "crypto/merkle_shape.h"
#include "crypto/merkle_tree.h"

namespace mediaward::crypto {

struct ChunkCheck {
  enum Verdict : std::uint8_t {
    kOk,
    kBad,           // a complete path ends in another digest than the verified one: the chunk or a hash of this channel is wrong
    kUnverifiable,  // a hash is missing; says nothing about the chunk
  };

  // In. What tree and data point to stays during the call; several checks may name the same tree and the same channel.
  MerkleTree* tree = nullptr;
  PendingHashes* pending = nullptr;  // of the channel that delivered the chunk; nullptr: none
  std::uint64_t chunk = 0;
  const std::byte* data = nullptr;
  std::uint32_t bytes = 0;

  // Out.
  Verdict verdict = kUnverifiable;
  MerkleNode node{};  // kOk, kBad: the verified node it was compared with; kUnverifiable: a missing one, the root or munro before others
  std::uint32_t hash_calls = 0;    // messages hashed on behalf of this chunk
  std::uint32_t hashed_bytes = 0;  // in them
};

// What becomes verified by kOk: every node of the path and every sibling used, which leave the channel's pending hashes. By kBad: nothing.
//
// A sibling is taken from the tree, is zero beyond the end, or comes from this channel's pending hashes or from pending hashes below it (at
// most height + peaks hashes per chunk); never from another channel, and never from the bytes of another chunk before that chunk is
// verified. A path that meets the path of another chunk of the burst ends there and waits for it: what that one proves, it is compared
// with; when that one proves nothing, it climbs on by itself.
//
// Verdicts are those of the same chunks verified one by one in this order, with one exception: a chunk that came before the one which
// proves its hashes is kUnverifiable on its own, and gets its real verdict, kOk or kBad, when both are in one burst; what it proves then
// spares those behind it.
class MerkleVerifier {
 public:
  // max_chunks: verified together, 1 to 64; longer spans are taken in parts.
  MerkleVerifier(Hasher& hasher, std::size_t max_chunks);
  MerkleVerifier(const MerkleVerifier&) = delete;
  MerkleVerifier& operator=(const MerkleVerifier&) = delete;
  ~MerkleVerifier();

  // Fills the out fields. False: the hasher failed; checks without another verdict are kUnverifiable then.
  bool verify(std::span<ChunkCheck> checks) noexcept;

 private:
  class Burst;

  const std::size_t max_chunks_;
  const std::unique_ptr<Burst> burst_;
};

}  // namespace mediaward::crypto
