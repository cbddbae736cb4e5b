// SPDX-License-Identifier: Apache-2.0
// The arena, the tables of a content and what readers do with them; the owner's side is in chunk_cache_partition.cc.
// Main thread makes, any worker reads: see chunk_cache.h.
#include "dataplane/ppspp/chunk_cache.h"

#include <memory>

namespace mediaward::dataplane::ppspp {

Quiescence::Quiescence(std::span<std::uint64_t* const> loops) noexcept : workers_(std::min(loops.size(), kMaxCacheWorkers)) {
  std::copy_n(loops.begin(), workers_, loops_.begin());
}

void Quiescence::mark(Mark& mark) const noexcept {
  for (std::size_t i = 0; i < workers_; ++i) mark.loops[i] = std::atomic_ref(*loops_[i]).load(std::memory_order_seq_cst);
}

bool Quiescence::passed(const Mark& mark) const noexcept {
  for (std::size_t i = 0; i < workers_; ++i)
    if (std::atomic_ref(*loops_[i]).load(std::memory_order_acquire) == mark.loops[i]) return false;
  return true;
}

CacheArena::CacheArena(Bytes memory, std::size_t partitions) noexcept : partitions_(std::max<std::size_t>(partitions, 1)) {
  constexpr std::size_t kEach = kExtentBytes + sizeof(ExtentInfo) + sizeof(ExtentLinks);
  static_assert(kExtentBytes % alignof(ExtentInfo) == 0 && sizeof(ExtentInfo) % alignof(ExtentLinks) == 0);
  extents_ = static_cast<std::uint32_t>(std::min<std::size_t>(memory.size() / kEach, UINT32_MAX - 1));
  data_ = memory.data();
  infos_ = reinterpret_cast<ExtentInfo*>(data_ + extents_ * kExtentBytes);
  links_ = reinterpret_cast<ExtentLinks*>(infos_ + extents_);
  std::uninitialized_value_construct_n(infos_, extents_);
  std::uninitialized_value_construct_n(links_, extents_);
}

ChunkStore::ChunkStore(const CacheArena& arena, const Settings& settings, Bytes memory) noexcept
    : arena_(arena),
      shape_(settings.shape),
      pinned_(settings.pinned),
      shift_(static_cast<std::uint32_t>(std::countr_zero(shape_.chunks_per_extent()))),
      slot_count_(static_cast<std::uint32_t>(shape_.groups())),
      quota_extents_(settings.quota_extents),
      slot_mask_(shape_.live() ? shape_.groups() - 1 : ~std::uint64_t{0}),
      slots_(reinterpret_cast<std::uint32_t*>(memory.data())),
      evicted_(reinterpret_cast<std::uint64_t*>(memory.data() + slots_bytes(shape_))) {
  std::uninitialized_value_construct_n(slots_, slot_count_);
  std::uninitialized_value_construct_n(evicted_, evicted_words(shape_));
}

ChunkStore::Position ChunkStore::position(std::uint64_t chunk) const noexcept {
  const std::uint64_t group = chunk >> shift_;
  return {group, slot_of(group), static_cast<std::uint32_t>(chunk) & ((1u << shift_) - 1)};
}

std::uint32_t ChunkStore::lookup(std::uint64_t chunk, Position& at) const noexcept {
  at = position(chunk);
  if ((chunk >> shift_) >= slot_count_ && !shape_.live()) return 0;
  const std::uint32_t linked = std::atomic_ref(slots_[at.slot]).load(std::memory_order_seq_cst);
  if (linked == 0) return 0;
  ExtentInfo& info = arena_.info(linked - 1);
  if (info.group != at.group) return 0;  // live: another lap of the ring
  const std::uint64_t have = std::atomic_ref(info.have[at.index / 64]).load(std::memory_order_acquire);
  return (have >> (at.index % 64) & 1) != 0 ? linked : 0;
}

ConstBytes ChunkStore::find(std::uint64_t chunk) const noexcept {
  Position at;
  const std::uint32_t linked = lookup(chunk, at);
  if (linked == 0) return {};
  // Most finds see that it is set: the line stays with all readers.
  const std::atomic_ref used(arena_.info(linked - 1).used);
  if (used.load(std::memory_order_relaxed) == 0) used.store(1, std::memory_order_relaxed);
  return {arena_.data(linked - 1) + std::size_t{at.index} * shape_.chunk_bytes, shape_.bytes_of(chunk)};
}

bool ChunkStore::held(std::uint64_t chunk) const noexcept {
  Position at;
  return lookup(chunk, at) != 0;
}

ChunkStore::Run ChunkStore::run_around(std::uint64_t chunk) const noexcept {
  Position at;
  const std::uint32_t linked = lookup(chunk, at);
  if (linked == 0) return {chunk, 0, 1};
  const std::uint32_t count = std::min(std::uint32_t{64}, std::uint32_t{1} << shift_);
  const std::uint64_t word = std::atomic_ref(arena_.info(linked - 1).have[at.index / 64]).load(std::memory_order_acquire);
  return {chunk & ~std::uint64_t{count - 1}, word, count};
}

CacheStats CacheStats::load() const noexcept {
  return {read_relaxed(stored_chunks),  read_relaxed(stored_bytes),     read_relaxed(evicted_extents), read_relaxed(evicted_chunks),
          read_relaxed(quota_extents),  read_relaxed(refetched_chunks), read_relaxed(refused_chunks),  read_relaxed(linked_extents),
          read_relaxed(pinned_extents), read_relaxed(waiting_extents),  read_relaxed(free_extents),    read_relaxed(held_bytes)};
}

}  // namespace mediaward::dataplane::ppspp
