// SPDX-License-Identifier: Apache-2.0
// A content of the benchmarks (RFC 7574 §5): reproducible bytes, its tree, and what a sender in order sends before each chunk. Chunks
// lie apart, as in packets. Contents larger than memory repeat a part of themselves. Its leaves and root are made by libcrypto, which
// shares nothing with what is measured. Holds no connection and no time. Made once, then read by anybody.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "bench/support/aligned_memory.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/merkle_shape.h"
#include "crypto/merkle_tree.h"

namespace mediaward::bench {

class Content {
 public:
  static constexpr std::size_t kApartBytes = 320;

  // chunks: a power of two, so that the root is the only peak. period: so many of them are different (a divisor of `chunks`), 0: all.
  // Throws when libcrypto fails.
  Content(crypto::HashId hash, std::uint32_t chunk_bytes, std::uint64_t chunks, std::uint64_t period = 0);
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  [[nodiscard]] crypto::HashId hash() const noexcept { return hash_; }
  [[nodiscard]] std::uint32_t chunk_bytes() const noexcept { return chunk_bytes_; }
  [[nodiscard]] std::uint64_t chunks() const noexcept { return chunks_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return chunks_ * chunk_bytes_; }
  [[nodiscard]] const std::byte* chunk(std::uint64_t i) const noexcept {
    return memory_.data() + i % period_ * (chunk_bytes_ + kApartBytes) + kApartBytes / 2;
  }
  [[nodiscard]] ConstBytes leaves() const noexcept { return leaves_; }
  [[nodiscard]] ConstBytes root() const noexcept { return digest(crypto::root_node(chunks_)); }
  [[nodiscard]] ConstBytes digest(crypto::MerkleNode node) const noexcept { return {tree_->verified(node), crypto::digest_bytes(hash_)}; }
  [[nodiscard]] crypto::MerkleTreeSettings tree_settings() const noexcept { return {.hash = hash_, .chunks = chunks_}; }

  // What a sender that goes from the first chunk to the last sends before this one: uncles that no earlier chunk has brought (§5.3).
  [[nodiscard]] crypto::MerkleNodeList hashes_before(std::uint64_t chunk) const noexcept;

 private:
  const crypto::HashId hash_;
  const std::uint32_t chunk_bytes_;
  const std::uint64_t chunks_, period_;
  mutable AlignedMemory memory_;
  std::vector<std::byte> leaves_;
  AlignedMemory tree_memory_;
  std::optional<crypto::MerkleTree> tree_;
};

// "sha1", "sha256": how rows call a hash.
[[nodiscard]] const char* short_name(crypto::HashId hash) noexcept;

}  // namespace mediaward::bench
