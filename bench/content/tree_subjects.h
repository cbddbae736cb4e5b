// SPDX-License-Identifier: Apache-2.0
// A content verified from its first to its last chunk, without any packet: through the tree and our kernels, by libcrypto node after node,
// and what the bare kernels take for the very batches that the tree makes of it. Slices are whole contents. One thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "bench/path/subject.h"
#include "bench/support/content.h"
#include "crypto/merkle_verifier.h"

namespace mediaward::bench {

// Whose hashes come before each chunk. As near together as those in packets: lists with room for the longest cost a cache miss each.
struct Heard {
  std::vector<crypto::MerkleNode> nodes;
  std::vector<std::size_t> begins;  // of each chunk, and the end
  [[nodiscard]] std::span<const crypto::MerkleNode> before(std::uint64_t chunk) const {
    return std::span(nodes).subspan(begins[chunk], begins[chunk + 1] - begins[chunk]);
  }
};

// Hashes come before their chunks, bursts have 32 of them; the tree is empty at the beginning of each slice.
class TreeSubject final : public Subject {
 public:
  TreeSubject(const Content& content, crypto::HashProvider& provider);
  SliceTicks run_slice(bool verify) override;
  [[nodiscard]] std::size_t slice_packets() const override { return content_.chunks(); }

 private:
  const Content& content_;
  std::unique_ptr<crypto::Hasher> hasher_;
  crypto::MerkleVerifier verifier_;
  crypto::PendingHashes pending_;
  Heard heard_;
  AlignedMemory memory_;
};

// Whole levels, one EVP_Digest after the other: how one writes it without further thought. Or with a context that is made once.
class EvpSubject final : public Subject {
 public:
  enum class Context : std::uint8_t { kNewForEach, kReused };
  EvpSubject(const Content& content, Context context) : content_(content), context_(context) {}
  SliceTicks run_slice(bool verify) override;
  [[nodiscard]] std::size_t slice_packets() const override { return content_.chunks(); }

 private:
  const Content& content_;
  const Context context_;
};

// The batches of hashes that verifying in bursts of 32 makes, and nothing else. Chunks are written into 32 buffers like a port's just
// before, not timed, so that they are as near as those of packets that were just received.
class KernelSubject final : public Subject {
 public:
  KernelSubject(const Content& content, crypto::HashProvider& provider);
  SliceTicks run_slice(bool verify) override;
  [[nodiscard]] std::size_t slice_packets() const override { return content_.chunks(); }
  [[nodiscard]] double hashes_per_chunk() const noexcept { return static_cast<double>(hashes_) / static_cast<double>(content_.chunks()); }

 private:
  struct Node {
    alignas(64) std::byte bytes[2 * crypto::kMaxDigestBytes];
  };
  class Recorder;
  void place(std::vector<std::vector<crypto::HashMessage>>& batches);

  const Content& content_;
  std::unique_ptr<crypto::Hasher> hasher_;
  AlignedMemory buffers_;
  std::vector<Node> nodes_ = std::vector<Node>(64), digests_ = std::vector<Node>(64);
  std::vector<std::vector<std::vector<crypto::HashMessage>>> bursts_;  // of batches
  std::size_t hashes_ = 0;
};

}  // namespace mediaward::bench
