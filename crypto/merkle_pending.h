// SPDX-License-Identifier: Apache-2.0
// Hashes that one channel has announced and nobody has verified yet (RFC 7574 §5.3: a receiver remembers what it will need).
// One per channel and never shared: what one peer claims must not be mixed with what another claims. A fixed struct without pointers, so
// that many live in one array; what does not fit pushes out what was put or found longest ago, of this channel only. Whoever gathers chunks
// verifies those at hand before room() gets too small for the next one's hashes: what is verified leaves. Does not check ranges and does no
// hashing. The channel's owner thread.
#pragma once

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/merkle_digest.h"
#include "crypto/merkle_shape.h"

namespace mediaward::crypto {

class PendingHashes {
 public:
  static constexpr unsigned kCapacity = 64;
  static constexpr std::size_t kDigestStorage = kCapacity * 32;  // 64 digests up to 32 bytes; 42 of SHA-384, 32 of SHA-512
  static constexpr unsigned kNone = ~0u;

  explicit PendingHashes(HashId id = HashId::kSha256) noexcept { reset(id); }

  // Forgets everything.
  void reset(HashId id) noexcept {
    digest_bytes_ = static_cast<std::uint8_t>(crypto::digest_bytes(id));
    capacity_ = static_cast<std::uint8_t>(std::min<std::size_t>(kCapacity, kDigestStorage / digest_bytes_));
    used_ = 0;
    clock_ = 0;
    tags_.fill(0);
  }

  [[nodiscard]] std::size_t digest_bytes() const noexcept { return digest_bytes_; }
  [[nodiscard]] unsigned capacity() const noexcept { return capacity_; }
  [[nodiscard]] unsigned size() const noexcept { return static_cast<unsigned>(std::popcount(used_)); }

  [[nodiscard]] unsigned room() const noexcept { return capacity_ - size(); }

  // digest_bytes() are read. A node put again takes the new digest. True when another node had to go for it.
  bool put(MerkleNode node, const std::byte* digest) noexcept {
    const std::uint64_t key = key_of(node);
    unsigned slot = slot_of(key);
    bool evicted = false;
    if (slot == kNone) {
      slot = static_cast<unsigned>(std::countr_one(used_));
      evicted = slot >= capacity_;
      if (evicted) slot = oldest();
      keys_[slot] = key;
      tags_[slot] = tag_of(key);
      used_ |= std::uint64_t{1} << slot;
    }
    stamps_[slot] = ++clock_;
    copy_digest(digests_.data() + slot * std::size_t{digest_bytes_}, digest, digest_bytes_);
    return evicted;
  }

  // The digest, or nullptr. Valid until the next put or reset.
  [[nodiscard]] const std::byte* find(MerkleNode node) noexcept {
    const unsigned slot = find_slot(node);
    return slot == kNone ? nullptr : digest_at(slot);
  }
  void erase(MerkleNode node) noexcept {
    const unsigned slot = slot_of(key_of(node));
    if (slot != kNone) erase_slot(slot);
  }

  // The same in two steps, for a caller that comes back to what it found; slots stay what they are until the next put or reset.
  [[nodiscard]] unsigned find_slot(MerkleNode node) noexcept {
    const unsigned slot = slot_of(key_of(node));
    if (slot != kNone) stamps_[slot] = ++clock_;
    return slot;
  }
  [[nodiscard]] const std::byte* digest_at(unsigned slot) const noexcept { return digests_.data() + slot * std::size_t{digest_bytes_}; }
  void erase_slot(unsigned slot) noexcept { used_ &= ~(std::uint64_t{1} << slot); }

  // Drops every node of which drop(node) is true.
  template <std::predicate<MerkleNode> Drop>
  void erase_if(Drop&& drop) noexcept {
    for (std::uint64_t rest = used_; rest != 0; rest &= rest - 1) {
      const auto slot = static_cast<unsigned>(std::countr_zero(rest));
      if (drop(node_of(keys_[slot]))) erase_slot(slot);
    }
  }

 private:
  // The bin of the node (RFC 7574 §4.2) names it in 64 bits: below 2^63 chunks no two are the same.
  static std::uint64_t key_of(MerkleNode node) noexcept { return (node.index << 1 | 1) << node.level; }
  static MerkleNode node_of(std::uint64_t key) noexcept {
    const auto level = static_cast<std::uint32_t>(std::countr_zero(key));
    return {level, key >> level >> 1};
  }
  static std::uint8_t tag_of(std::uint64_t key) noexcept { return static_cast<std::uint8_t>((key * 0x9e3779b97f4a7c15u) >> 56); }

  [[nodiscard]] unsigned slot_of(std::uint64_t key) const noexcept {
    std::uint64_t candidates = same_tag(tag_of(key)) & used_;
    for (; candidates != 0; candidates &= candidates - 1) {
      const auto slot = static_cast<unsigned>(std::countr_zero(candidates));
      if (keys_[slot] == key) return slot;
    }
    return kNone;
  }
  [[nodiscard]] std::uint64_t same_tag(std::uint8_t tag) const noexcept {
    const __m128i wanted = _mm_set1_epi8(static_cast<char>(tag));
    std::uint64_t out = 0;
    for (unsigned i = 0; i < kCapacity; i += 16) {
      const __m128i have = _mm_load_si128(reinterpret_cast<const __m128i*>(tags_.data() + i));
      out |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(have, wanted)))} << i;
    }
    return out;
  }
  [[nodiscard]] unsigned oldest() const noexcept {
    unsigned slot = 0;
    for (unsigned i = 1; i < capacity_; ++i)
      if (clock_ - stamps_[i] > clock_ - stamps_[slot]) slot = i;  // ages: the clock may wrap
    return slot;
  }

  alignas(64) std::array<std::uint8_t, kCapacity> tags_;
  std::uint64_t used_;
  std::uint32_t clock_;
  std::uint8_t digest_bytes_;
  std::uint8_t capacity_;
  std::array<std::uint32_t, kCapacity> stamps_;
  std::array<std::uint64_t, kCapacity> keys_;
  std::array<std::byte, kDigestStorage> digests_;
};

static_assert(sizeof(PendingHashes) <= 3072);

}  // namespace mediaward::crypto
