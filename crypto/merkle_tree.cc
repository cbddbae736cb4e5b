// SPDX-License-Identifier: Apache-2.0
// See merkle_tree.h: where nodes lie, how they become visible. The other half, building a tree at once, is merkle_preload.cc.
#include "crypto/merkle_tree.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace mediaward::crypto {
namespace {

constexpr std::size_t kLine = 64;
constexpr unsigned kWordBits = 64;

constexpr std::size_t lines(std::size_t bytes) noexcept {
  return (bytes + kLine - 1) / kLine * kLine;
}
constexpr std::uint64_t even(std::uint64_t n) noexcept {
  return n + (n & 1);
}

// Where a level begins in a subtree of 2^levels leaves.
constexpr std::uint64_t first_of_level(unsigned levels, unsigned level) noexcept {
  return (std::uint64_t{2} << levels) - (std::uint64_t{2} << (levels - level));
}

std::uint64_t load(std::uint64_t& word, std::memory_order order) noexcept {
  return std::atomic_ref(word).load(order);
}

}  // namespace

// Offsets into the caller's memory, in the order in which things lie there.
struct MerkleTree::Layout {
  explicit Layout(const MerkleTreeSettings& s) noexcept {
    const std::size_t digest = crypto::digest_bytes(s.hash);
    const bool live = s.chunks == 0;
    top = live ? s.munro_level : height(s.chunks);
    stored = live ? 0 : std::min<unsigned>(s.stored_level, top);
    slot_levels = live ? top : stored;
    groups = live || stored == 0 ? 0 : nodes_of_level(s.chunks, stored);
    slots = live ? s.window_munros : static_cast<std::uint32_t>(std::min<std::uint64_t>(s.open_groups, groups));
    if (!live)
      for (unsigned l = stored; l <= top; ++l) {
        const std::uint64_t count = even(nodes_of_level(s.chunks, l));
        level_digests[l] = level_bytes;
        level_bits[l] = bits;
        bits += count;
        level_bytes += lines(count * digest);
      }
    words_per_slot = static_cast<std::uint32_t>(((std::uint64_t{2} << slot_levels) + kWordBits - 1) / kWordBits);
    level_words = (bits + kWordBits - 1) / kWordBits;
    at_groups = lines(level_words * sizeof(std::uint64_t));
    at_slots = at_groups + lines(groups * sizeof(std::uint16_t));
    at_slot_words = at_slots + lines(slots * sizeof(Slot));
    at_slot_digests = at_slot_words + lines(std::size_t{slots} * words_per_slot * sizeof(std::uint64_t));
    at_levels = at_slot_digests + lines(slots * (std::uint64_t{2} << slot_levels) * digest);
    total = at_levels + level_bytes;
  }

  unsigned top, stored, slot_levels;
  std::uint64_t groups, slots;
  std::uint32_t words_per_slot;
  std::uint64_t bits = 0, level_words;
  std::size_t level_bytes = 0;
  std::array<std::size_t, kMaxMerkleHeight + 1> level_digests{};
  std::array<std::uint64_t, kMaxMerkleHeight + 1> level_bits{};
  std::size_t at_groups, at_slots, at_slot_words, at_slot_digests, at_levels, total;
};

std::size_t MerkleTree::bytes_needed(const MerkleTreeSettings& s) noexcept {
  const bool good = s.chunks == 0 ? s.window_munros != 0 && s.munro_level != 0 && s.munro_level <= kMaxMunroLevel
                                  : s.chunks <= kMaxMerkleChunks && s.stored_level <= kMaxStoredLevel &&
                                        (s.stored_level == 0 || (s.open_groups != 0 && s.open_groups != kNoSlot));
  return good ? Layout(s).total : 0;
}

MerkleTree::MerkleTree(const MerkleTreeSettings& settings, Bytes memory) noexcept
    : hash_(settings.hash), digest_bytes_(static_cast<std::uint8_t>(crypto::digest_bytes(settings.hash))), chunks_(settings.chunks) {
  const Layout layout(settings);
  top_level_ = static_cast<std::uint8_t>(layout.top);
  stored_level_ = static_cast<std::uint8_t>(layout.stored);
  slot_levels_ = static_cast<std::uint8_t>(layout.slot_levels);
  slots_below_ = live() ? static_cast<std::uint8_t>(kMaxMerkleLevel) : stored_level_;
  slot_count_ = static_cast<std::uint32_t>(layout.slots);
  words_per_slot_ = layout.words_per_slot;
  level_words_ = layout.level_words;
  std::byte* const base = memory.data();
  words_ = reinterpret_cast<std::uint64_t*>(base);
  group_slots_ = reinterpret_cast<std::uint16_t*>(base + layout.at_groups);
  slots_ = reinterpret_cast<Slot*>(base + layout.at_slots);
  slot_words_ = reinterpret_cast<std::uint64_t*>(base + layout.at_slot_words);
  slot_digests_ = base + layout.at_slot_digests;
  std::memset(base, 0, layout.at_slot_digests);
  std::fill_n(group_slots_, layout.groups, kNoSlot);
  if (live()) return;
  for (unsigned l = stored_level_; l <= top_level_; ++l) {
    Level& level = levels_[l];
    level = {base + layout.at_levels + layout.level_digests[l], layout.level_bits[l], nodes_of_level(chunks_, l)};
    if (level.count % 2 != 0) std::memset(level.digests + level.count * digest_bytes_, 0, digest_bytes_);  // the empty sibling (§5.1)
  }
}

MerkleTree::Slot* MerkleTree::slot_of(std::uint64_t subtree) const noexcept {
  if (live()) {
    Slot& slot = slots_[subtree % slot_count_];
    return load(slot.tag, std::memory_order_acquire) == subtree + 1 ? &slot : nullptr;
  }
  const std::uint16_t slot = group_slots_[subtree];
  return slot == kNoSlot ? nullptr : &slots_[slot];
}

MerkleTree::Place MerkleTree::place_in(const Slot& slot, MerkleNode node) const noexcept {
  const auto number = static_cast<std::size_t>(&slot - slots_);
  const std::uint64_t in_level = node.index & ((std::uint64_t{1} << (slot_levels_ - node.level)) - 1);
  const std::uint64_t at = first_of_level(slot_levels_, node.level) + in_level;
  return {slot_digests_ + ((number << (slot_levels_ + 1)) + at) * digest_bytes_, slot_words_ + number * words_per_slot_ + at / kWordBits,
          static_cast<unsigned>(at % kWordBits)};
}

MerkleTree::Place MerkleTree::place_in_slots(MerkleNode node) const noexcept {
  const Slot* const slot = slot_of(subtree_of(node));
  return slot == nullptr ? Place{} : place_in(*slot, node);
}

bool MerkleTree::copy(MerkleNode node, std::byte* digest) const noexcept {
  if (!names_node(node) || node.level < stored_level_) return false;
  if (live()) return copy_live(node, digest);
  const std::byte* const from = verified(node);
  if (from != nullptr) copy_digest(digest, from, digest_bytes_);
  return from != nullptr;
}

// Readers of a live tree may look at a digest while its place is given to another: word by word, so that what they then throw away is no
// race. The owner takes the tag away before it writes anything else, everything with release: who has read one word of another munro sees
// that the tag has gone.
void MerkleTree::store_shared(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  for (std::size_t at = 0; at < bytes; at += 4)
    std::atomic_ref(*reinterpret_cast<std::uint32_t*>(to + at)).store(load_raw<std::uint32_t>(from + at), std::memory_order_release);
}

bool MerkleTree::copy_live(MerkleNode node, std::byte* digest) const noexcept {
  Slot* const slot = slot_of(subtree_of(node));
  if (slot == nullptr) return false;
  const Place place = place_in(*slot, node);
  if ((place.bits(std::memory_order_acquire) & 1) == 0) return false;
  for (std::size_t at = 0; at < digest_bytes_; at += 4)
    store_raw(digest + at, std::atomic_ref(*reinterpret_cast<std::uint32_t*>(place.digest + at)).load(std::memory_order_acquire));
  return load(slot->tag, std::memory_order_relaxed) == subtree_of(node) + 1;
}

bool MerkleTree::commit(MerkleNode node, const std::byte* digest) noexcept {
  if (!names_node(node)) return false;
  const Place place = place_to_write(node);
  if (place.digest == nullptr) return false;
  if ((place.bits(std::memory_order_relaxed) & 1) == 0) publish(place, 1, digest);
  return true;
}

bool MerkleTree::set_root(const std::byte* digest) noexcept {
  if (live()) return false;
  const MerkleNode root = root_node(chunks_);
  if (const std::byte* const known = verified(root)) return same_digest(known, digest, digest_bytes_);
  return commit(root, digest);
}

bool MerkleTree::set_munro(std::uint64_t munro_index, const std::byte* digest) noexcept {
  const MerkleNode munro{top_level_, munro_index};
  if (!live() || !names_node(munro)) return false;
  if (const std::byte* const known = verified(munro)) return same_digest(known, digest, digest_bytes_);
  if (munro_index + slot_count_ < munros()) return false;
  Slot& slot = slots_[munro_index % slot_count_];
  std::atomic_ref(slot.tag).store(0, std::memory_order_release);
  std::uint64_t* const words = slot_words_ + std::size_t{munro_index % slot_count_} * words_per_slot_;
  for (std::uint32_t w = 0; w < words_per_slot_; ++w) std::atomic_ref(words[w]).store(0, std::memory_order_release);
  publish(place_in(slot, munro), 1, digest);
  std::atomic_ref(slot.tag).store(munro_index + 1, std::memory_order_release);
  if (munro_index >= munros_.load(std::memory_order_relaxed)) munros_.store(munro_index + 1, std::memory_order_release);
  return true;
}

void MerkleTree::unlink(std::uint16_t slot) noexcept {
  const Slot& s = slots_[slot];
  (s.newer == kNoSlot ? newest_ : slots_[s.newer].older) = s.older;
  (s.older == kNoSlot ? oldest_ : slots_[s.older].newer) = s.newer;
}
void MerkleTree::link_newest(std::uint16_t slot) noexcept {
  slots_[slot].newer = kNoSlot;
  slots_[slot].older = newest_;
  (newest_ == kNoSlot ? oldest_ : slots_[newest_].newer) = slot;
  newest_ = slot;
}
void MerkleTree::link_oldest(std::uint16_t slot) noexcept {
  slots_[slot].older = kNoSlot;
  slots_[slot].newer = oldest_;
  (oldest_ == kNoSlot ? newest_ : slots_[oldest_].older) = slot;
  oldest_ = slot;
}

MerkleTree::Slot& MerkleTree::open_group(std::uint64_t group) noexcept {
  std::uint16_t number = group_slots_[group];
  if (number == newest_ && number != kNoSlot) return slots_[number];
  const bool fresh = number == kNoSlot, unused = fresh && slots_used_ < slot_count_;
  if (fresh) number = unused ? static_cast<std::uint16_t>(slots_used_++) : oldest_;
  if (!unused) unlink(number);
  link_newest(number);
  Slot& slot = slots_[number];
  if (fresh) {
    if (!unused) group_slots_[slot.tag - 1] = kNoSlot;
    group_slots_[group] = number;
    slot.tag = group + 1;
    slot.received = 0;
    slot_words_[number] = 0;  // one word holds the bits of the largest group
  }
  return slot;
}

void MerkleTree::received(std::uint64_t chunk) noexcept {
  if (stored_level_ == 0) return;
  const std::uint64_t group = chunk >> stored_level_, first = group << stored_level_;
  Slot* const slot = slot_of(group);
  if (slot == nullptr) return;
  const auto of_group = static_cast<unsigned>(std::min(chunks_ - first, std::uint64_t{1} << stored_level_));
  slot->received |= std::uint32_t{1} << (chunk - first);
  if (static_cast<unsigned>(std::popcount(slot->received)) != of_group) return;
  const auto number = static_cast<std::uint16_t>(slot - slots_);
  unlink(number);
  link_oldest(number);
}

std::uint64_t MerkleTree::count_verified() const noexcept {
  std::uint64_t out = 0;
  for (std::uint64_t w = 0; w < level_words_; ++w) out += static_cast<unsigned>(std::popcount(load(words_[w], std::memory_order_relaxed)));
  if (live())
    for (std::uint64_t w = 0; w < std::uint64_t{slot_count_} * words_per_slot_; ++w)
      out += static_cast<unsigned>(std::popcount(load(slot_words_[w], std::memory_order_relaxed)));
  return out;
}

}  // namespace mediaward::crypto
