// SPDX-License-Identifier: Apache-2.0
// Verified chunks in memory, to be served from: bounded, without a lock, with one writer and many readers. Memory is cut into extents of
// 64 KiB once and for all (CacheArena). A content (ChunkStore) has one extent for each group of consecutive chunks of which it holds any;
// the worker that owns the content writes and evicts through its share of the arena (CachePartition), and any worker reads.
// Chunks arrive here verified and are not looked at. Nothing is kept on disk, nothing allocates, no clock is read.
//
// Why a reader never sees memory that has another use by now: an extent is unlinked first, and used again only when every worker has
// begun a loop since (Quiescence says why that is enough). What find() returned is valid until the loop of the worker that called it ends.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <span>

#include "crypto/bytes.h"
#include "dataplane/ppspp/single_writer.h"

namespace mediaward::dataplane::ppspp {

inline constexpr std::size_t kExtentBytes = 64 * 1024;
inline constexpr std::uint32_t kMaxChunkBytes = 65535;     // what one UDP datagram could carry
inline constexpr std::uint32_t kMaxChunksPerExtent = 256;  // chunks below 256 bytes leave part of their extents unused
inline constexpr std::size_t kMaxCacheWorkers = 64;

// Tells when no worker can hold anything any more that was unlinked before a certain moment. Immutable once made; any thread.
//
// Every worker calls next_loop between two loops, outside of which it keeps no pointer. Let X be the store that unlinks, S the load of a
// worker's counter by which mark() begins, N the store by which that worker begins loop n, L a load in loop n that could find the
// pointer. X is before S, and N before L, in the program; all four are sequentially consistent, so there is one order of all of them.
//   N before S in it: mark() sees n or more.
//   S before N: then X, S, N, L is their order, and L does not find the pointer.
// Hence a loop that found it has a number that mark() saw, or a lower one. passed() sees a higher one: by its release and acquire
// everything which that worker read in the loops before happened before the memory is written again.
// On x86-64 this costs one locked store per loop and per unlinking; loads are ordinary ones.
class Quiescence {
 public:
  struct Mark {
    std::array<std::uint64_t, kMaxCacheWorkers> loops;
  };

  // The loop counters of all workers that call find(), each written by its worker alone. They must outlive this.
  explicit Quiescence(std::span<std::uint64_t* const> loops) noexcept;

  static void next_loop(std::uint64_t& loops) noexcept { std::atomic_ref(loops).store(loops + 1, std::memory_order_seq_cst); }

  void mark(Mark& mark) const noexcept;
  [[nodiscard]] bool passed(const Mark& mark) const noexcept;  // every worker has begun a loop since

 private:
  std::array<std::uint64_t*, kMaxCacheWorkers> loops_{};
  std::size_t workers_ = 0;
};

class ChunkStore;

// What readers see of an extent: one line. Written by the owner before the extent is linked, except for `have`, which grows while it is
// linked, and `used`.
struct alignas(64) ExtentInfo {
  std::array<std::uint64_t, kMaxChunksPerExtent / 64> have{};
  std::uint64_t group = 0;  // of the store's chunks
  std::uint32_t used = 0;   // read since the clock's hand came by
  std::uint32_t held = 0;   // chunks; owner
};

// What the owner knows of an extent. Links are extent numbers + 1; 0 is none.
struct ExtentLinks {
  ChunkStore* store = nullptr;
  std::uint32_t next = 0, previous = 0;              // of the partition's clock, or of its lists of free and waiting extents
  std::uint32_t store_next = 0, store_previous = 0;  // of the store's clock
};

// The memory of all extents. Main thread makes it; it is immutable then.
class CacheArena {
 public:
  // How many bytes of memory so many extents take.
  [[nodiscard]] static constexpr std::size_t bytes_needed(std::uint32_t extents) noexcept {
    return std::size_t{extents} * (kExtentBytes + sizeof(ExtentInfo) + sizeof(ExtentLinks));
  }
  // memory: aligned to 64 bytes, best to a page; as many extents as fit are shared out evenly. It must outlive the arena.
  CacheArena(Bytes memory, std::size_t partitions) noexcept;

  [[nodiscard]] std::uint32_t extents() const noexcept { return extents_; }
  [[nodiscard]] std::size_t partitions() const noexcept { return partitions_; }
  [[nodiscard]] std::uint32_t share() const noexcept { return extents_ / static_cast<std::uint32_t>(partitions_); }  // extents of one
  [[nodiscard]] std::byte* data(std::uint32_t extent) const noexcept { return data_ + std::size_t{extent} * kExtentBytes; }
  [[nodiscard]] ExtentInfo& info(std::uint32_t extent) const noexcept { return infos_[extent]; }
  [[nodiscard]] ExtentLinks& links(std::uint32_t extent) const noexcept { return links_[extent]; }

 private:
  std::byte* data_ = nullptr;
  ExtentInfo* infos_ = nullptr;
  ExtentLinks* links_ = nullptr;
  std::uint32_t extents_ = 0;
  std::size_t partitions_ = 1;
};

struct ChunkShape {
  std::uint32_t chunk_bytes = 1024;  // 1 to 65535
  std::uint64_t content_bytes = 0;   // exact, from the AS; 0: live
  std::uint64_t window_chunks = 0;   // live only: at least so many of the newest chunks have a place

  [[nodiscard]] constexpr bool live() const noexcept { return content_bytes == 0; }
  [[nodiscard]] constexpr bool valid() const noexcept {
    return chunk_bytes != 0 && chunk_bytes <= kMaxChunkBytes && (!live() || window_chunks != 0) && groups() < UINT32_MAX;
  }
  [[nodiscard]] constexpr std::uint32_t chunks_per_extent() const noexcept {
    return std::min(kMaxChunksPerExtent, std::bit_floor(static_cast<std::uint32_t>(kExtentBytes) / chunk_bytes));
  }
  [[nodiscard]] constexpr std::uint64_t chunks() const noexcept {  // 0: live
    return content_bytes / chunk_bytes + (content_bytes % chunk_bytes != 0 ? 1 : 0);
  }
  // Places for extents. Live: a ring, with room for a group that the window has only begun to leave.
  [[nodiscard]] constexpr std::uint64_t groups() const noexcept {
    const std::uint64_t in_extent = chunks_per_extent();
    if (!live()) return (chunks() - 1) / in_extent + 1;
    return window_chunks / in_extent < UINT32_MAX ? std::bit_ceil(window_chunks / in_extent + 2) : UINT32_MAX;
  }
  // Of this chunk; 0 when the content has no such chunk.
  [[nodiscard]] constexpr std::uint32_t bytes_of(std::uint64_t chunk) const noexcept {
    if (live()) return chunk_bytes;
    const std::uint64_t before = chunk < chunks() ? chunk * chunk_bytes : content_bytes;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(content_bytes - before, chunk_bytes));
  }
};

// The chunks of one content. Main thread makes it; `memory` (aligned to 64 bytes) and the store itself may go when it has been emptied
// and every worker has applied the command that takes it out of its tables.
class ChunkStore {
 public:
  struct Settings {
    ChunkShape shape;
    std::uint32_t quota_extents = 0;  // most it may hold; 0: no limit but its partition
    bool pinned = false;              // never evicted (preloaded content)
  };
  [[nodiscard]] static constexpr std::size_t bytes_needed(const ChunkShape& shape) noexcept {
    return slots_bytes(shape) + evicted_words(shape) * sizeof(std::uint64_t);
  }
  // shape.valid(), and memory of bytes_needed(shape).
  ChunkStore(const CacheArena& arena, const Settings& settings, Bytes memory) noexcept;
  ChunkStore(const ChunkStore&) = delete;
  ChunkStore& operator=(const ChunkStore&) = delete;

  // Any worker. Empty when it is not held. Valid until this worker's loop ends.
  [[nodiscard]] ConstBytes find(std::uint64_t chunk) const noexcept;
  // Any worker. Counts as use: it is about to be read.
  void expect(std::uint64_t chunk) const noexcept { (void)find(chunk); }
  // Any worker; does not count as use.
  [[nodiscard]] bool held(std::uint64_t chunk) const noexcept;
  // The chunks beside one another of which this is one, as far as one word of one extent goes: bit i is set when first + i is held. `first` is
  // a multiple of `count`, a power of two. As held().
  struct Run {
    std::uint64_t first = 0, have = 0;
    std::uint32_t count = 1;
  };
  [[nodiscard]] Run run_around(std::uint64_t chunk) const noexcept;
  // Any thread.
  [[nodiscard]] std::uint64_t count() const noexcept { return read_relaxed(held_chunks_); }  // chunks held
  [[nodiscard]] std::uint64_t extents() const noexcept { return read_relaxed(held_extents_); }
  [[nodiscard]] std::uint64_t evicted_chunks() const noexcept { return read_relaxed(evicted_chunks_); }
  [[nodiscard]] std::uint64_t refetched_chunks() const noexcept { return read_relaxed(refetched_chunks_); }
  [[nodiscard]] const ChunkShape& shape() const noexcept { return shape_; }
  [[nodiscard]] bool pinned() const noexcept { return pinned_; }

 private:
  friend class CachePartition;
  struct Position {
    std::uint64_t group = 0;
    std::uint32_t slot = 0;   // of slots_
    std::uint32_t index = 0;  // in the extent
  };
  [[nodiscard]] static constexpr std::size_t slots_bytes(const ChunkShape& shape) noexcept {
    return (shape.groups() * sizeof(std::uint32_t) + 63) / 64 * 64;
  }
  [[nodiscard]] static constexpr std::size_t evicted_words(const ChunkShape& shape) noexcept {
    return shape.live() ? 0 : (shape.groups() * shape.chunks_per_extent() + 63) / 64;
  }
  // The extent + 1 that has this chunk; 0 for none.
  [[nodiscard]] std::uint32_t lookup(std::uint64_t chunk, Position& at) const noexcept;
  [[nodiscard]] Position position(std::uint64_t chunk) const noexcept;
  [[nodiscard]] std::uint32_t slot_of(std::uint64_t group) const noexcept { return static_cast<std::uint32_t>(group & slot_mask_); }

  const CacheArena& arena_;
  const ChunkShape shape_;
  const bool pinned_;
  std::uint32_t shift_;  // log2 of chunks_per_extent
  std::uint32_t slot_count_;
  std::uint32_t quota_extents_;
  std::uint64_t slot_mask_;  // live: groups share slots; else all ones
  std::uint32_t* slots_;     // extent + 1 of each group; 0 for none
  std::uint64_t* evicted_;   // not live: a bit per chunk that was here, was evicted, and has not come back
  // Owner.
  std::uint32_t hand_ = 0;         // extent + 1 that the store's clock looks at next
  std::uint64_t first_group_ = 0;  // live: those before are discarded
  std::uint64_t held_chunks_ = 0, held_extents_ = 0, evicted_chunks_ = 0, refetched_chunks_ = 0;
};

// What one owner counts; any thread reads with read_relaxed or load().
struct CacheStats {
  std::uint64_t stored_chunks = 0, stored_bytes = 0;
  std::uint64_t evicted_extents = 0, evicted_chunks = 0;
  std::uint64_t quota_extents = 0;     // of the evicted: because their store was at its quota
  std::uint64_t refetched_chunks = 0;  // stored once more after having been evicted; not of live contents
  std::uint64_t refused_chunks = 0;    // no extent: all pinned, or none quiescent yet
  std::uint64_t linked_extents = 0, pinned_extents = 0, waiting_extents = 0, free_extents = 0;  // as of now; pinned are linked as well
  std::uint64_t held_bytes = 0;                                                                 // of chunks, as of now
  [[nodiscard]] CacheStats load() const noexcept;
};

// One owner's share of the arena: hands out extents, evicts by CLOCK (second chance), keeps what was unlinked until it is quiescent.
// Only one thread calls it: the owner worker, or the main thread for an arena of its own with preloaded content.
class CachePartition {
 public:
  CachePartition(const CacheArena& arena, std::size_t index, const Quiescence& quiescence) noexcept;
  CachePartition(const CachePartition&) = delete;
  CachePartition& operator=(const CachePartition&) = delete;

  // Copies a verified chunk into the store and lets readers see it. False: `chunk` has not this length or does not exist, is held
  // already, is older than a live window, or there is no extent to be had now.
  bool store(ChunkStore& store, std::uint64_t chunk, ConstBytes bytes) noexcept;
  // The same in two steps, for who writes the bytes himself: an empty place means no. Nothing else is stored before publish().
  [[nodiscard]] Bytes place(ChunkStore& store, std::uint64_t chunk) noexcept;
  void publish(ChunkStore& store, std::uint64_t chunk) noexcept;
  // Asks for the lines that store() of this chunk would write, if its extent is there already: they are seldom in cache.
  void prefetch_place(const ChunkStore& store, std::uint64_t chunk) const noexcept;

  // Once per loop: takes back what has become quiescent, and evicts ahead so that the next loop's chunks find extents.
  void advance() noexcept;

  // Takes extents from a store that is being removed, at most so many per call; true once it has none.
  [[nodiscard]] bool release(ChunkStore& store, std::uint32_t most_extents) noexcept;
  // Live: forgets the groups that lie wholly before this chunk (discard window), at most so many per call.
  void discard_before(ChunkStore& store, std::uint64_t chunk, std::uint32_t most_extents) noexcept;
  void set_quota(ChunkStore& store, std::uint32_t extents) noexcept { store.quota_extents_ = extents; }

  [[nodiscard]] const CacheStats& stats() const noexcept { return stats_; }

 private:
  // Singly linked through ExtentLinks::next.
  struct List {
    std::uint32_t first = 0, last = 0;
    std::uint32_t size = 0;
  };
  void push(List& list, std::uint32_t extent) noexcept;
  std::uint32_t pop(List& list) noexcept;
  void append(List& to, List& from) noexcept;

  [[nodiscard]] std::uint32_t take_extent(ChunkStore& store) noexcept;  // extent + 1; 0 for none
  void link(ChunkStore& store, const ChunkStore::Position& at, std::uint32_t extent) noexcept;
  void unlink(std::uint32_t extent) noexcept;
  // By second chance: the extent + 1 to go, of those that `hand` goes round; 0 for none.
  [[nodiscard]] std::uint32_t choose(std::uint32_t& hand, std::uint32_t ExtentLinks::*next) noexcept;
  void evict(std::uint32_t extent) noexcept;
  void remember_evicted(const ChunkStore& store, const ExtentInfo& info) noexcept;
  void reclaim() noexcept;

  const CacheArena& arena_;
  const Quiescence& quiescence_;
  std::uint32_t reserve_;  // extents kept free or on their way
  std::uint32_t share_;
  std::uint32_t hand_ = 0;         // extent + 1 that the clock looks at next; pinned ones are not on its way
  std::uint32_t filling_ = 0;      // extent + 1 between place and publish: not evicted
  List free_, waiting_, retired_;  // waiting_: unlinked before mark_; retired_: since
  Quiescence::Mark mark_{};
  CacheStats stats_;
};

}  // namespace mediaward::dataplane::ppspp
