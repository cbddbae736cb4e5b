// SPDX-License-Identifier: Apache-2.0
// The verified nodes of one content (RFC 7574 §5.1) or of the newest subtrees of a live one (§6.1.2), in memory that the caller gives.
// Whoever wants a node in here has proved it before: verifying is MerkleVerifier's business, this only remembers and publishes.
// One thread, the owner, writes; any thread may read at the same time: a digest is written first, then its bit with release, and what was
// published never changes. Exceptions, which only the owner may look at by pointer: levels below stored_level and live trees, whose
// memory is used again. Nothing here allocates.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/merkle_digest.h"
#include "crypto/merkle_shape.h"

namespace mediaward::crypto {

struct MerkleTreeSettings {
  HashId hash = HashId::kSha256;
  std::uint64_t chunks = 0;  // 1 to 2^32; 0: live

  // Static content. Levels from this one up are kept for good; those below only for `open_groups` groups of 2^stored_level chunks at a
  // time, so that hashes which a sender will not repeat (§5.3) are remembered until their group is complete. Complete groups go first, then
  // those not touched for longest. 0: all levels are kept. Costs with SHA-256: 0: 64.3 bytes per chunk; kUpperLevels: 4.3 bytes per chunk
  // and 1 kB per open group.
  std::uint8_t stored_level = 0;
  std::uint16_t open_groups = 64;

  // Live content: subtrees of 2^munro_level chunks (NCHUNKS_PER_SIG, §6.1.2.1), the newest window_munros of them.
  std::uint8_t munro_level = 5;
  std::uint32_t window_munros = 0;
};

class MerkleTree {
 public:
  static constexpr unsigned kMaxStoredLevel = 5;
  static constexpr std::uint8_t kUpperLevels = 4;  // the stored_level to choose where memory counts
  static constexpr unsigned kMaxMunroLevel = 16;

  // What the constructor needs; 0 for settings that make no tree.
  [[nodiscard]] static std::size_t bytes_needed(const MerkleTreeSettings& settings) noexcept;

  // memory: bytes_needed(settings) at least, aligned to 64, written by nobody else for as long as the tree lives. Main thread.
  MerkleTree(const MerkleTreeSettings& settings, Bytes memory) noexcept;
  MerkleTree(const MerkleTree&) = delete;
  MerkleTree& operator=(const MerkleTree&) = delete;

  [[nodiscard]] HashId hash() const noexcept { return hash_; }
  [[nodiscard]] std::size_t digest_bytes() const noexcept { return digest_bytes_; }
  [[nodiscard]] bool live() const noexcept { return chunks_ == 0; }
  [[nodiscard]] std::uint64_t chunks() const noexcept { return chunks_; }  // 0: live
  [[nodiscard]] unsigned stored_level() const noexcept { return stored_level_; }
  // The level at which every path ends: the root's, or that of munros.
  [[nodiscard]] unsigned top_level() const noexcept { return top_level_; }
  // The node a path from this chunk ends at: the root or its munro.
  [[nodiscard]] MerkleNode top_of(std::uint64_t chunk) const noexcept { return node_above(chunk, top_level_); }
  [[nodiscard]] bool has_chunk(std::uint64_t chunk) const noexcept { return live() ? chunk >> 63 == 0 : chunk < chunks_; }
  // Wholly beyond the last chunk; of a live content, whose end is not known, nothing is.
  [[nodiscard]] bool beyond(MerkleNode node) const noexcept { return !live() && is_empty(node, chunks_); }

  // Owner. What the application server says the root is. False: a static tree with another root already, or a live one.
  bool set_root(const std::byte* digest) noexcept;
  // Owner; the signature has been verified. A munro newer than the window pushes out the one whose place it takes. False: older than the
  // window, another digest than the one already there, or a static tree.
  bool set_munro(std::uint64_t munro_index, const std::byte* digest) noexcept;
  // The newest munro + 1; 0: none yet. Any thread.
  [[nodiscard]] std::uint64_t munros() const noexcept { return munros_.load(std::memory_order_acquire); }

  // The digest of a verified node, or nullptr. Any thread for the stored levels of static trees, where the pointer stays good; for the
  // others the owner only, until its next commit or set_munro.
  [[nodiscard]] const std::byte* verified(MerkleNode node) const noexcept {
    if (!names_node(node)) return nullptr;
    const Place place = place_of(node);
    return place.digest != nullptr && (place.bits(std::memory_order_acquire) & 1) != 0 ? place.digest : nullptr;
  }
  // A copy of it; any thread, any tree. False: not verified, or below stored_level.
  [[nodiscard]] bool copy(MerkleNode node, std::byte* digest) const noexcept;

  // Owner. The node has been proved; a node that is verified already keeps its digest. False: not a node of this tree (or of its window).
  bool commit(MerkleNode node, const std::byte* digest) noexcept;

  // Both children of a node. Owner.
  struct Children {
    const std::byte* digests = nullptr;  // left, right behind it; what `verified` does not name is not to be read
    unsigned verified = 0;               // bit 0: left, bit 1: right
  };
  [[nodiscard]] Children children(MerkleNode node) const noexcept {
    if (node.level == 0 || !names_node(node)) return {};
    const Place place = place_of(left_child(node));
    if (place.digest == nullptr) return {};
    return {place.digest, static_cast<unsigned>(place.bits(std::memory_order_relaxed) & 3)};
  }
  bool commit_children(MerkleNode node, const std::byte* digests) noexcept {
    if (node.level == 0 || !names_node(node)) return false;
    const Place place = place_to_write(left_child(node));
    if (place.digest == nullptr) return false;
    const unsigned real = beyond(right_child(node)) ? 1 : 3;
    const unsigned fresh = real & ~static_cast<unsigned>(place.bits(std::memory_order_relaxed));
    if (fresh != 0) publish(place, fresh, digests);
    return true;
  }

  // Owner. The chunk's bytes have been verified: what makes a group complete. MerkleVerifier does this.
  void received(std::uint64_t chunk) noexcept;

  // Main thread, before workers see the tree. The digests of all leaves, one behind the other: when they make up the root, everything that
  // is stored becomes verified. False: they do not, or the hasher failed, or there is no root; nothing is published then.
  [[nodiscard]] bool preload_leaves(ConstBytes digests, Hasher& hasher) noexcept;

  // Verified nodes of the stored levels: a walk over the bits, for reports and tests. Any thread.
  [[nodiscard]] std::uint64_t count_verified() const noexcept;

  // For MerkleVerifier, unchecked. Where a digest is and which bit publishes it; below slots_below() good until the next commit.
  struct Place {
    std::byte* digest = nullptr;  // nullptr: there is no such place
    std::uint64_t* word = nullptr;
    unsigned bit = 0;
    [[nodiscard]] std::uint64_t bits(std::memory_order order) const noexcept { return std::atomic_ref(*word).load(order) >> bit; }
  };
  [[nodiscard]] unsigned slots_below() const noexcept { return slots_below_; }
  // The two siblings that the path from a chunk of this tree passes on a level below the top: the left one's place.
  [[nodiscard]] Place siblings(std::uint64_t chunk, unsigned level) const noexcept {
    return place_of({level, chunk >> level & ~std::uint64_t{1}});
  }
  // bits: 1 the digest at the place, 2 the one behind it. Not yet visible, both of them.
  void publish(const Place& place, unsigned bits, const std::byte* digests) noexcept {
    const std::size_t skip = bits == 2 ? digest_bytes_ : 0, bytes = bits == 3 ? 2u * digest_bytes_ : digest_bytes_;
    if (live()) [[unlikely]]
      store_shared(place.digest + skip, digests + skip, bytes);
    else
      copy_digest(place.digest + skip, digests + skip, bytes);
    const std::uint64_t word = std::atomic_ref(*place.word).load(std::memory_order_relaxed);
    std::atomic_ref(*place.word).store(word | std::uint64_t{bits} << place.bit, std::memory_order_release);
  }

 private:
  static constexpr std::uint16_t kNoSlot = 0xffff;
  static_assert((2u << kMaxStoredLevel) <= 64);

  // Every level begins at an even bit, so that a node and its sibling lie side by side, bits and digests.
  struct Level {
    std::byte* digests = nullptr;
    std::uint64_t first_bit = 0;
    std::uint64_t count = 0;
  };
  // An open group, or the subtree of a munro. Its nodes lie level by level, leaves first.
  struct Slot {
    std::uint64_t tag;       // group or munro index + 1; 0: none, or being written
    std::uint32_t received;  // open group: a bit per chunk
    std::uint16_t newer, older;
  };
  struct Layout;

  [[nodiscard]] bool names_node(MerkleNode node) const noexcept {
    return node.level <= top_level_ && (live() ? node.index >> (kMaxMerkleLevel - node.level) == 0 : !is_empty(node, chunks_));
  }
  [[nodiscard]] Place place_of(MerkleNode node) const noexcept {
    if (node.level < slots_below_) [[unlikely]]
      return place_in_slots(node);
    const Level& level = levels_[node.level];
    const std::uint64_t bit = level.first_bit + node.index;
    return {level.digests + node.index * digest_bytes_, words_ + bit / 64, static_cast<unsigned>(bit % 64)};
  }
  [[nodiscard]] Place place_to_write(MerkleNode node) noexcept {
    if (node.level < stored_level_) [[unlikely]]
      return place_in(open_group(subtree_of(node)), node);
    return place_of(node);
  }
  static void store_shared(std::byte* to, const std::byte* from, std::size_t bytes) noexcept;
  [[nodiscard]] bool copy_live(MerkleNode node, std::byte* digest) const noexcept;

  [[nodiscard]] std::uint64_t subtree_of(MerkleNode node) const noexcept { return node.index >> (slot_levels_ - node.level); }
  [[nodiscard]] Slot* slot_of(std::uint64_t subtree) const noexcept;
  [[nodiscard]] Place place_in(const Slot& slot, MerkleNode node) const noexcept;
  [[nodiscard]] Place place_in_slots(MerkleNode node) const noexcept;
  Slot& open_group(std::uint64_t group) noexcept;
  void unlink(std::uint16_t slot) noexcept;
  void link_newest(std::uint16_t slot) noexcept;
  void link_oldest(std::uint16_t slot) noexcept;

  [[nodiscard]] bool accept(unsigned level, std::uint64_t first, ConstBytes digests) noexcept;
  [[nodiscard]] bool preload_stored_level(ConstBytes leaves, Hasher& hasher) noexcept;
  [[nodiscard]] bool preload_level_above(unsigned level, Hasher& hasher) noexcept;

  HashId hash_;
  std::uint8_t digest_bytes_;
  std::uint8_t stored_level_;  // 0 when live
  std::uint8_t top_level_;
  std::uint8_t slot_levels_;  // of the subtrees in slots
  std::uint8_t slots_below_;  // nodes below this level lie in slots; live: all
  std::uint32_t slot_count_;
  std::uint32_t slots_used_ = 0;  // open groups
  std::uint32_t words_per_slot_;
  std::uint64_t chunks_;
  std::uint64_t level_words_;
  std::atomic<std::uint64_t> munros_{0};
  std::uint64_t* words_ = nullptr;        // bits of the stored levels
  std::uint16_t* group_slots_ = nullptr;  // group → slot
  Slot* slots_ = nullptr;
  std::uint64_t* slot_words_ = nullptr;
  std::byte* slot_digests_ = nullptr;
  std::uint16_t newest_ = kNoSlot, oldest_ = kNoSlot;
  std::array<Level, kMaxMerkleHeight + 1> levels_{};
};

}  // namespace mediaward::crypto
