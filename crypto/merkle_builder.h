// SPDX-License-Identifier: Apache-2.0
// The root hash of a content that is read once, from its beginning to its end (RFC 7574 §5.1), in memory of the tree's height: for tools
// and for the control path, which prepare contents of many GiB. Hands out the leaves' digests on the way to who wants them. Not for the
// packet path: that verifies by MerkleVerifier. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/error.h"
#include "crypto/hash.h"
#include "crypto/merkle_shape.h"

namespace mediaward::crypto {

struct MerkleRoot {
  std::array<std::byte, kMaxDigestBytes> digest{};  // digest_bytes of the hash are used
  std::uint64_t chunks = 0;
};

class MerkleBuilder {
 public:
  // Gets the digests of consecutive leaves, one behind the other.
  using OnLeaves = std::function<void(ConstBytes digests)>;

  MerkleBuilder(HashId id, Hasher& hasher, OnLeaves on_leaves = {});

  // The next chunks; any number, best some dozen at once. Only the very last one of the content may be shorter than the others.
  [[nodiscard]] Result<void> add(std::span<const ConstBytes> chunks);

  // After the last chunk; add must not follow. kInvalid when there was none.
  [[nodiscard]] Result<MerkleRoot> finish();

 private:
  static constexpr unsigned kGroupLevel = 8;  // so many levels are folded at once, side by side
  static constexpr std::size_t kGroup = std::size_t{1} << kGroupLevel;

  using Digest = std::array<std::byte, kMaxDigestBytes>;

  [[nodiscard]] bool hash_leaves(std::span<const ConstBytes> chunks);
  [[nodiscard]] bool close_group();
  [[nodiscard]] bool carry(Digest digest, unsigned level);
  [[nodiscard]] bool join(const Digest& left, const Digest& right, Digest& out);

  const HashId id_;
  const std::size_t digest_bytes_;
  Hasher& hasher_;
  const OnLeaves on_leaves_;
  std::vector<std::byte> group_;  // digests of the leaves that no finished subtree has taken yet
  std::vector<std::byte> parents_;
  std::vector<HashMessage> messages_;
  std::size_t in_group_ = 0;
  std::uint64_t chunks_ = 0;
  std::array<Digest, kMaxMerkleHeight + 1> left_{};  // [level]: a full subtree that waits for its right neighbour
  std::uint64_t has_left_ = 0;                       // a bit per level
};

}  // namespace mediaward::crypto
