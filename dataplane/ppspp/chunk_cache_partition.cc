// SPDX-License-Identifier: Apache-2.0
// The owner's side of the chunk cache: which extent a group of chunks gets, which one has to go, and when its memory may be used again.
// One thread per partition, without a lock; what other threads read meanwhile is written in the order that chunk_cache.h explains.
#include <cstring>

#include "dataplane/ppspp/chunk_cache.h"

namespace mediaward::dataplane::ppspp {
namespace {

// How many extents that were read lately get their second chance in one go: bounds what a full turn of the hand would cost a worker.
constexpr unsigned kClockSteps = 64;
constexpr std::size_t kPrefetchBytes = 1024;  // of a longer chunk: the rest comes by itself once it is being written in order
constexpr unsigned kQuotaSteps = 4;         // a store whose quota was lowered shrinks by so many for every one it gets
constexpr std::uint32_t kMaxReserve = 256;  // what a worker can fill within the loops that an extent waits for

// The circular lists of the clocks. New ones go behind the hand, so that they have a whole turn before them.
void insert(const CacheArena& arena, std::uint32_t& hand, std::uint32_t extent, std::uint32_t ExtentLinks::*next,
            std::uint32_t ExtentLinks::*previous) noexcept {
  ExtentLinks& it = arena.links(extent - 1);
  if (hand == 0) {
    hand = it.*next = it.*previous = extent;
    return;
  }
  ExtentLinks& at = arena.links(hand - 1);
  it.*next = hand;
  it.*previous = at.*previous;
  arena.links(at.*previous - 1).*next = extent;
  at.*previous = extent;
}

void remove(const CacheArena& arena, std::uint32_t& hand, std::uint32_t extent, std::uint32_t ExtentLinks::*next,
            std::uint32_t ExtentLinks::*previous) noexcept {
  ExtentLinks& it = arena.links(extent - 1);
  if (hand == extent) hand = it.*next == extent ? 0 : it.*next;
  arena.links(it.*next - 1).*previous = it.*previous;
  arena.links(it.*previous - 1).*next = it.*next;
  it.*next = it.*previous = 0;
}

}  // namespace

CachePartition::CachePartition(const CacheArena& arena, std::size_t index, const Quiescence& quiescence) noexcept
    : arena_(arena), quiescence_(quiescence), reserve_(std::clamp(arena.share() / 8, 1u, kMaxReserve)), share_(arena.share()) {
  const auto first = static_cast<std::uint32_t>(index) * share_;
  for (std::uint32_t i = 0; i < share_; ++i) push(free_, first + i + 1);
  set_relaxed(stats_.free_extents, share_);
}

void CachePartition::push(List& list, std::uint32_t extent) noexcept {
  arena_.links(extent - 1).next = 0;
  (list.size == 0 ? list.first : arena_.links(list.last - 1).next) = extent;
  list.last = extent;
  ++list.size;
}

std::uint32_t CachePartition::pop(List& list) noexcept {
  const std::uint32_t extent = list.first;
  list.first = arena_.links(extent - 1).next;
  --list.size;
  return extent;
}

void CachePartition::append(List& to, List& from) noexcept {
  if (from.size == 0) return;
  (to.size == 0 ? to.first : arena_.links(to.last - 1).next) = from.first;
  to.last = from.last;
  to.size += from.size;
  from = {};
}

bool CachePartition::store(ChunkStore& store, std::uint64_t chunk, ConstBytes bytes) noexcept {
  if (bytes.size() != store.shape_.bytes_of(chunk)) return false;
  const Bytes room = place(store, chunk);
  if (room.empty()) return false;
  std::memcpy(room.data(), bytes.data(), bytes.size());
  publish(store, chunk);
  return true;
}

Bytes CachePartition::place(ChunkStore& store, std::uint64_t chunk) noexcept {
  const std::uint32_t bytes = store.shape_.bytes_of(chunk);
  const ChunkStore::Position at = store.position(chunk);
  if (bytes == 0 || at.group < store.first_group_) return {};
  std::uint32_t linked = store.slots_[at.slot];
  if (linked != 0) {
    const ExtentInfo& info = arena_.info(linked - 1);
    if (info.group > at.group) return {};
    if (info.group < at.group) {  // live: an older lap of the ring makes room
      unlink(linked);
      linked = 0;
    } else if ((info.have[at.index / 64] >> (at.index % 64) & 1) != 0) {
      return {};
    }
  }
  if (linked == 0) {
    linked = take_extent(store);
    if (linked == 0) {
      add_relaxed(stats_.refused_chunks);
      return {};
    }
    link(store, at, linked);
  }
  filling_ = linked;
  return {arena_.data(linked - 1) + std::size_t{at.index} * store.shape_.chunk_bytes, bytes};
}

void CachePartition::publish(ChunkStore& store, std::uint64_t chunk) noexcept {
  const ChunkStore::Position at = store.position(chunk);
  ExtentInfo& info = arena_.info(filling_ - 1);
  filling_ = 0;
  std::uint64_t& have = info.have[at.index / 64];
  std::atomic_ref(have).store(have | std::uint64_t{1} << (at.index % 64), std::memory_order_release);
  ++info.held;
  const std::uint32_t bytes = store.shape_.bytes_of(chunk);
  add_relaxed(store.held_chunks_);
  add_relaxed(stats_.stored_chunks);
  add_relaxed(stats_.stored_bytes, bytes);
  add_relaxed(stats_.held_bytes, bytes);

  if (store.shape_.live()) return;
  const std::uint64_t bit = (std::uint64_t{at.slot} << store.shift_) + at.index;
  std::uint64_t& evicted = store.evicted_[bit / 64];
  if ((evicted >> (bit % 64) & 1) == 0) [[likely]]
    return;
  evicted &= ~(std::uint64_t{1} << (bit % 64));
  add_relaxed(store.refetched_chunks_);
  add_relaxed(stats_.refetched_chunks);
}

void CachePartition::prefetch_place(const ChunkStore& store, std::uint64_t chunk) const noexcept {
  const ChunkStore::Position at = store.position(chunk);
  const std::uint32_t linked = store.slots_[at.slot];
  if (linked == 0) return;
  const std::byte* to = arena_.data(linked - 1) + std::size_t{at.index} * store.shape_.chunk_bytes;
  const std::size_t bytes = std::min<std::size_t>(store.shape_.chunk_bytes, kPrefetchBytes);
  for (std::size_t line = 0; line < bytes; line += 64) prefetch_for_write(to + line);
}

std::uint32_t CachePartition::take_extent(ChunkStore& store) noexcept {
  for (unsigned n = 0; n < kQuotaSteps && store.quota_extents_ != 0 && store.held_extents_ >= store.quota_extents_; ++n) {
    const std::uint32_t own = store.pinned_ ? 0 : choose(store.hand_, &ExtentLinks::store_next);
    if (own == 0) return 0;
    evict(own);
    add_relaxed(stats_.quota_extents);
  }
  if (free_.size == 0) reclaim();
  return free_.size == 0 ? 0 : pop(free_);  // advance() evicts for the next loop
}

void CachePartition::link(ChunkStore& store, const ChunkStore::Position& at, std::uint32_t extent) noexcept {
  ExtentInfo& info = arena_.info(extent - 1);
  info.have.fill(0);
  info.group = at.group;
  info.used = 0;
  info.held = 0;
  arena_.links(extent - 1).store = &store;
  insert(arena_, store.hand_, extent, &ExtentLinks::store_next, &ExtentLinks::store_previous);
  if (store.pinned_) {
    add_relaxed(stats_.pinned_extents);
  } else {
    insert(arena_, hand_, extent, &ExtentLinks::next, &ExtentLinks::previous);
  }
  add_relaxed(store.held_extents_);
  std::atomic_ref(store.slots_[at.slot]).store(extent, std::memory_order_release);
}

void CachePartition::unlink(std::uint32_t extent) noexcept {
  const ExtentInfo& info = arena_.info(extent - 1);
  ExtentLinks& links = arena_.links(extent - 1);
  ChunkStore& store = *links.store;
  std::atomic_ref(store.slots_[store.slot_of(info.group)]).store(0, std::memory_order_seq_cst);

  remove(arena_, store.hand_, extent, &ExtentLinks::store_next, &ExtentLinks::store_previous);
  if (store.pinned_) {
    add_relaxed(stats_.pinned_extents, ~std::uint64_t{0});
  } else {
    remove(arena_, hand_, extent, &ExtentLinks::next, &ExtentLinks::previous);
  }
  links.store = nullptr;
  add_relaxed(store.held_extents_, ~std::uint64_t{0});
  add_relaxed(store.held_chunks_, -std::uint64_t{info.held});
  std::uint64_t bytes = std::uint64_t{info.held} * store.shape_.chunk_bytes;
  if (!store.shape_.live()) {
    const std::uint64_t tail = store.shape_.chunks() - 1;
    const ChunkStore::Position at = store.position(tail);
    if (at.group == info.group && (info.have[at.index / 64] >> (at.index % 64) & 1) != 0)
      bytes -= store.shape_.chunk_bytes - store.shape_.bytes_of(tail);
  }
  add_relaxed(stats_.held_bytes, -bytes);
  push(retired_, extent);
}

std::uint32_t CachePartition::choose(std::uint32_t& hand, std::uint32_t ExtentLinks::*next) noexcept {
  if (hand == 0) return 0;
  for (unsigned step = 0; step < kClockSteps; ++step) {
    const std::atomic_ref used(arena_.info(hand - 1).used);
    if (used.load(std::memory_order_relaxed) == 0 && hand != filling_) return hand;
    used.store(0, std::memory_order_relaxed);
    hand = arena_.links(hand - 1).*next;
  }
  // All were in use: whichever the hand stands at.
  if (hand == filling_) hand = arena_.links(hand - 1).*next;
  return hand == filling_ ? 0 : hand;
}

void CachePartition::evict(std::uint32_t extent) noexcept {
  const ExtentInfo& info = arena_.info(extent - 1);
  ChunkStore& store = *arena_.links(extent - 1).store;
  remember_evicted(store, info);
  add_relaxed(store.evicted_chunks_, info.held);
  add_relaxed(stats_.evicted_chunks, info.held);
  add_relaxed(stats_.evicted_extents);
  unlink(extent);
}

void CachePartition::remember_evicted(const ChunkStore& store, const ExtentInfo& info) noexcept {
  if (store.shape_.live()) return;
  const std::uint64_t first = std::uint64_t{store.slot_of(info.group)} << store.shift_;
  if (store.shift_ >= 6) {
    for (std::uint32_t i = 0; i < 1u << (store.shift_ - 6); ++i) store.evicted_[first / 64 + i] |= info.have[i];
  } else {
    store.evicted_[first / 64] |= info.have[0] << (first % 64);
  }
}

// Two batches take turns: while one waits for the workers, the other collects what is unlinked meanwhile.
void CachePartition::reclaim() noexcept {
  if (waiting_.size != 0) {
    if (!quiescence_.passed(mark_)) return;
    append(free_, waiting_);
  }
  if (retired_.size == 0) return;
  append(waiting_, retired_);
  quiescence_.mark(mark_);
}

void CachePartition::advance() noexcept {
  if (waiting_.size + retired_.size != 0) reclaim();
  while (free_.size + waiting_.size + retired_.size < reserve_) {
    const std::uint32_t extent = choose(hand_, &ExtentLinks::next);
    if (extent == 0) break;
    evict(extent);
  }
  if (waiting_.size == 0) reclaim();
  const std::uint32_t on_their_way = waiting_.size + retired_.size;
  set_relaxed(stats_.waiting_extents, on_their_way);
  set_relaxed(stats_.free_extents, free_.size);
  set_relaxed(stats_.linked_extents, share_ - free_.size - on_their_way);
}

bool CachePartition::release(ChunkStore& store, std::uint32_t most_extents) noexcept {
  for (; store.hand_ != 0 && most_extents != 0; --most_extents) unlink(store.hand_);
  return store.hand_ == 0;
}

void CachePartition::discard_before(ChunkStore& store, std::uint64_t chunk, std::uint32_t most_extents) noexcept {
  const std::uint64_t end = chunk >> store.shift_;
  if (end > store.first_group_ + store.slot_count_) store.first_group_ = end - store.slot_count_;
  for (; store.first_group_ < end && most_extents != 0; ++store.first_group_) {
    const std::uint32_t linked = store.slots_[store.slot_of(store.first_group_)];
    if (linked == 0 || arena_.info(linked - 1).group >= end) continue;
    unlink(linked);
    --most_extents;
  }
}

}  // namespace mediaward::dataplane::ppspp
