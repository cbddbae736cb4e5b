// SPDX-License-Identifier: Apache-2.0
// The chunk cache: shapes, clock, quota, pinned contents, live windows, and when memory is used again; then with readers in threads of
// their own, who must never see a byte that is not of the chunk they asked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "dataplane/ppspp/chunk_cache.h"

namespace mediaward::test {
namespace {

using namespace dataplane::ppspp;

struct alignas(64) Line {
  std::byte bytes[64];
};

class Memory {
 public:
  explicit Memory(std::size_t bytes) : lines_((bytes + 63) / 64), bytes_(bytes) {}
  [[nodiscard]] Bytes span() noexcept { return {lines_.data()->bytes, bytes_}; }

 private:
  std::vector<Line> lines_;
  std::size_t bytes_;
};

// A byte of a chunk depends on the store, the chunk and where it stands.
std::byte pattern(unsigned seed, std::uint64_t chunk, std::size_t at) {
  return static_cast<std::byte>((chunk * 0x9e3779b97f4a7c15u + seed * 0x85ebca6bu + at * 31) >> 24 & 0xff);
}
std::vector<std::byte> content(unsigned seed, std::uint64_t chunk, std::size_t bytes) {
  std::vector<std::byte> data(bytes);
  for (std::size_t i = 0; i < bytes; ++i) data[i] = pattern(seed, chunk, i);
  return data;
}
bool matches(unsigned seed, std::uint64_t chunk, ConstBytes bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != pattern(seed, chunk, i)) return false;
  return true;
}

struct Store {
  Store(const CacheArena& arena, const ChunkStore::Settings& settings, unsigned s)
      : seed(s), memory(ChunkStore::bytes_needed(settings.shape)), store(arena, settings, memory.span()) {}
  unsigned seed;
  Memory memory;
  ChunkStore store;
};

class PpsppChunkCache : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kChunk = 1024, kPerExtent = 64;
  static ChunkShape whole(std::uint64_t chunks) { return {.chunk_bytes = kChunk, .content_bytes = chunks * kChunk, .window_chunks = 0}; }

  void make(std::uint32_t extents, std::size_t workers = 2) {
    loops_.assign(workers, 0);
    std::vector<std::uint64_t*> counters;
    for (auto& l : loops_) counters.push_back(&l);
    quiescence_.emplace(counters);
    memory_ = std::make_unique<Memory>(CacheArena::bytes_needed(extents));
    arena_.emplace(memory_->span(), 1);
    ASSERT_EQ(arena_->extents(), extents);
    partition_.emplace(*arena_, 0, *quiescence_);
  }
  Store& add(const ChunkStore::Settings& settings) {
    stores_.push_back(std::make_unique<Store>(*arena_, settings, static_cast<unsigned>(stores_.size() + 1)));
    return *stores_.back();
  }
  bool put(Store& s, std::uint64_t chunk) {
    return partition_->store(s.store, chunk, content(s.seed, chunk, s.store.shape().bytes_of(chunk)));
  }
  bool good(const Store& s, std::uint64_t chunk) {
    const ConstBytes bytes = s.store.find(chunk);
    return !bytes.empty() && bytes.size() == s.store.shape().bytes_of(chunk) && matches(s.seed, chunk, bytes);
  }
  // One loop of every worker, and of the owner.
  void loop() {
    for (auto& l : loops_) Quiescence::next_loop(l);
    partition_->advance();
  }
  // A chunk of each of these groups, with what evictions that takes.
  void fill(Store& s, std::uint64_t first_group, std::uint64_t groups) {
    for (std::uint64_t g = first_group; g < first_group + groups; ++g) {
      ASSERT_TRUE(put(s, g * kPerExtent)) << g;
      loop();
      loop();
    }
  }

  std::vector<std::uint64_t> loops_;
  std::optional<Quiescence> quiescence_;
  std::unique_ptr<Memory> memory_;
  std::optional<CacheArena> arena_;
  std::optional<CachePartition> partition_;
  std::vector<std::unique_ptr<Store>> stores_;
};

TEST(PpsppChunkShape, EveryChunkSizeHasItsPlaceInAnExtent) {
  for (std::uint32_t bytes = 1; bytes <= kMaxChunkBytes; ++bytes) {
    const ChunkShape shape{.chunk_bytes = bytes, .content_bytes = 10 * std::uint64_t{bytes} + 1, .window_chunks = 0};
    ASSERT_TRUE(shape.valid()) << bytes;
    const std::uint32_t n = shape.chunks_per_extent();
    ASSERT_TRUE(n >= 1 && n <= kMaxChunksPerExtent && std::has_single_bit(n)) << bytes;
    ASSERT_LE(std::uint64_t{n} * bytes, kExtentBytes) << bytes;
    ASSERT_TRUE(n == kMaxChunksPerExtent || 2 * std::uint64_t{n} * bytes > kExtentBytes) << bytes;  // no smaller than it must be
    ASSERT_EQ(shape.chunks(), 11u);
    ASSERT_EQ(shape.bytes_of(9), bytes);
    ASSERT_EQ(shape.bytes_of(10), 1u);
    ASSERT_EQ(shape.bytes_of(11), 0u);
  }
  EXPECT_EQ((ChunkShape{.chunk_bytes = 1024, .content_bytes = 1}.chunks_per_extent()), 64u);
  EXPECT_EQ((ChunkShape{.chunk_bytes = 8192, .content_bytes = 1}.chunks_per_extent()), 8u);
}

TEST(PpsppChunkShape, WhatCannotBeIsNotValid) {
  EXPECT_FALSE((ChunkShape{.chunk_bytes = 0, .content_bytes = 1}.valid()));
  EXPECT_FALSE((ChunkShape{.chunk_bytes = 65536, .content_bytes = 1}.valid()));
  EXPECT_FALSE((ChunkShape{.chunk_bytes = 1024, .content_bytes = 0, .window_chunks = 0}.valid()));
  EXPECT_FALSE((ChunkShape{.chunk_bytes = 1024, .content_bytes = ~std::uint64_t{0}}.valid()));  // more groups than 32 bits count
  EXPECT_FALSE((ChunkShape{.chunk_bytes = 1024, .content_bytes = 0, .window_chunks = ~std::uint64_t{0}}.valid()));
  EXPECT_TRUE((ChunkShape{.chunk_bytes = 1024, .content_bytes = 0, .window_chunks = 1}.valid()));
  EXPECT_TRUE((ChunkShape{.chunk_bytes = 1024, .content_bytes = std::uint64_t{1} << 40}.valid()));
}

// The sizes of the reference's captures, the largest, and one that no power of two divides: every chunk comes back as it was.
TEST_F(PpsppChunkCache, EveryChunkComesBackAsItWas) {
  const std::pair<std::uint32_t, std::uint64_t> contents[] = {{1024, 13}, {1024, 7162},    {1024, 8192},  {128, 127983},
                                                              {1, 777},   {65535, 400000}, {1400, 300001}};
  for (const auto& [chunk_bytes, bytes] : contents) {
    make(16);
    stores_.clear();
    Store& s = add({.shape = {.chunk_bytes = chunk_bytes, .content_bytes = bytes}});
    const std::uint64_t chunks = s.store.shape().chunks();
    std::vector<std::uint64_t> order(chunks);
    for (std::uint64_t i = 0; i < chunks; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), std::mt19937(chunk_bytes));
    for (const std::uint64_t c : order) {
      ASSERT_FALSE(s.store.held(c));
      ASSERT_TRUE(s.store.find(c).empty());
      ASSERT_TRUE(put(s, c)) << chunk_bytes << " " << c;
      ASSERT_TRUE(s.store.held(c));
    }
    for (std::uint64_t c = 0; c < chunks; ++c) ASSERT_TRUE(good(s, c)) << chunk_bytes << " " << c;
    EXPECT_EQ(s.store.count(), chunks);
    EXPECT_EQ(partition_->stats().load().held_bytes, bytes);
    EXPECT_EQ(partition_->stats().load().stored_bytes, bytes);
    EXPECT_TRUE(s.store.find(chunks).empty());
    EXPECT_TRUE(s.store.find(~std::uint64_t{0}).empty());
    while (!partition_->release(s.store, 3)) loop();
    EXPECT_EQ(partition_->stats().load().held_bytes, 0u);
    EXPECT_EQ(s.store.count(), 0u);
  }
}

TEST_F(PpsppChunkCache, Rfc7574_5_6_OnlyTheExactLengthOfAnExistingChunkIsStored) {
  make(4);
  Store& s = add({.shape = {.chunk_bytes = 1024, .content_bytes = 7162}});
  EXPECT_FALSE(partition_->store(s.store, 0, content(1, 0, 1023)));
  EXPECT_FALSE(partition_->store(s.store, 0, content(1, 0, 1025)));
  EXPECT_FALSE(partition_->store(s.store, 6, content(1, 6, 1024)));
  EXPECT_FALSE(partition_->store(s.store, 7, content(1, 7, 1024)));
  EXPECT_FALSE(partition_->store(s.store, 7, {}));
  EXPECT_FALSE(partition_->store(s.store, ~std::uint64_t{0}, content(1, 0, 1024)));
  EXPECT_TRUE(put(s, 6));
  EXPECT_FALSE(put(s, 6));  // is here already
  EXPECT_EQ(s.store.count(), 1u);
  EXPECT_EQ(s.store.find(6).size(), 1018u);
}

TEST_F(PpsppChunkCache, PlaceShowsNothingBeforePublish) {
  make(4);
  Store& s = add({.shape = whole(100)});
  const Bytes room = partition_->place(s.store, 70);
  ASSERT_EQ(room.size(), kChunk);
  EXPECT_TRUE(s.store.find(70).empty());
  EXPECT_EQ(s.store.count(), 0u);
  std::memcpy(room.data(), content(s.seed, 70, kChunk).data(), kChunk);
  partition_->publish(s.store, 70);
  EXPECT_TRUE(good(s, 70));
}

// 16 extents, of which 2 are kept in reserve.
TEST_F(PpsppChunkCache, TheOldestUnreadExtentGoesFirst) {
  make(16);
  Store& s = add({.shape = whole(100 * kPerExtent)});
  fill(s, 0, 14);
  EXPECT_EQ(partition_->stats().load().evicted_extents, 0u);
  fill(s, 14, 28);
  for (std::uint64_t g = 0; g < 42; ++g) EXPECT_EQ(s.store.held(g * kPerExtent), g >= 28) << g;
  const CacheStats stats = partition_->stats().load();
  EXPECT_EQ(stats.evicted_extents, 28u);
  EXPECT_EQ(stats.evicted_chunks, 28u);
  EXPECT_EQ(s.store.evicted_chunks(), 28u);
  EXPECT_EQ(stats.linked_extents + stats.waiting_extents + stats.free_extents, 16u);
  EXPECT_EQ(stats.refused_chunks, 0u);
}

TEST_F(PpsppChunkCache, WhatIsReadGetsASecondChance) {
  make(16);
  Store& s = add({.shape = whole(200 * kPerExtent)});
  fill(s, 0, 14);
  for (std::uint64_t g = 14; g < 150; ++g) {
    ASSERT_TRUE(good(s, 0)) << g;  // somebody reads these two all the time
    ASSERT_TRUE(good(s, 5 * kPerExtent)) << g;
    ASSERT_TRUE(put(s, g * kPerExtent));
    loop();
    loop();
  }
  EXPECT_FALSE(s.store.held(1 * kPerExtent));
  EXPECT_EQ(s.store.extents(), 14u);
}

TEST_F(PpsppChunkCache, WhenAllAreReadOneGoesAllTheSame) {
  make(16);
  Store& s = add({.shape = whole(300 * kPerExtent)});
  fill(s, 0, 14);
  for (std::uint64_t g = 14; g < 200; ++g) {
    for (std::uint64_t old = 0; old < g; ++old) (void)s.store.find(old * kPerExtent);
    ASSERT_TRUE(put(s, g * kPerExtent)) << g;
    loop();
    loop();
  }
  EXPECT_EQ(s.store.extents(), 14u);
}

TEST_F(PpsppChunkCache, AChunkThatComesBackIsCountedOnce) {
  make(16);
  Store& s = add({.shape = whole(100 * kPerExtent)});
  ASSERT_TRUE(put(s, 1));
  ASSERT_TRUE(put(s, 2));
  fill(s, 1, 40);
  ASSERT_FALSE(s.store.held(1));
  EXPECT_EQ(partition_->stats().load().refetched_chunks, 0u);
  ASSERT_TRUE(put(s, 1));
  EXPECT_EQ(partition_->stats().load().refetched_chunks, 1u);
  loop();
  loop();
  ASSERT_TRUE(put(s, 3));  // was never here
  EXPECT_EQ(s.store.refetched_chunks(), 1u);
  ASSERT_TRUE(put(s, 2));
  EXPECT_EQ(s.store.refetched_chunks(), 2u);
  fill(s, 41, 40);
  ASSERT_FALSE(s.store.held(1));
  ASSERT_TRUE(put(s, 1));  // and once more
  EXPECT_EQ(s.store.refetched_chunks(), 3u);
}

TEST_F(PpsppChunkCache, RefetchesAreCountedForEveryGroupSize) {
  for (const std::uint32_t chunk_bytes : {200u, 512u, 1024u, 4096u, 30000u, 65535u}) {
    make(8);
    stores_.clear();
    const std::uint32_t per = ChunkShape{.chunk_bytes = chunk_bytes, .content_bytes = 1}.chunks_per_extent();
    Store& s = add({.shape = {.chunk_bytes = chunk_bytes, .content_bytes = std::uint64_t{chunk_bytes} * per * 40}});
    std::set<std::uint64_t> stored;
    std::mt19937 random(chunk_bytes);
    for (int i = 0; i < 300; ++i) {
      const std::uint64_t c = random() % (per * 40);
      const bool here = s.store.held(c), known = stored.contains(c);
      const std::uint64_t before = s.store.refetched_chunks();
      ASSERT_EQ(put(s, c), !here);
      ASSERT_EQ(s.store.refetched_chunks() - before, known && !here ? 1u : 0u) << chunk_bytes << " " << c;
      stored.insert(c);
      loop();
      loop();
    }
    EXPECT_GT(s.store.refetched_chunks(), 0u) << chunk_bytes;
  }
}

TEST_F(PpsppChunkCache, AStoreAtItsQuotaEvictsItsOwn) {
  make(32);
  Store& big = add({.shape = whole(100 * kPerExtent)});
  Store& small = add({.shape = whole(100 * kPerExtent), .quota_extents = 3});
  fill(big, 0, 10);
  fill(small, 0, 50);
  EXPECT_EQ(small.store.extents(), 3u);
  EXPECT_EQ(big.store.extents(), 10u);  // untouched
  EXPECT_EQ(partition_->stats().load().quota_extents, 47u);
  for (std::uint64_t g = 0; g < 10; ++g) EXPECT_TRUE(good(big, g * kPerExtent));
  partition_->set_quota(big.store, 4);
  fill(big, 10, 3);
  EXPECT_EQ(big.store.extents(), 4u);
}

TEST_F(PpsppChunkCache, PinnedContentStaysAndCounts) {
  make(16);
  Store& pinned = add({.shape = whole(10 * kPerExtent), .pinned = true});
  Store& s = add({.shape = whole(100 * kPerExtent)});
  for (std::uint64_t c = 0; c < 10 * kPerExtent; ++c) ASSERT_TRUE(put(pinned, c));
  fill(s, 0, 60);
  for (std::uint64_t c = 0; c < 10 * kPerExtent; ++c) ASSERT_TRUE(good(pinned, c)) << c;
  CacheStats stats = partition_->stats().load();
  EXPECT_EQ(stats.pinned_extents, 10u);
  EXPECT_LE(stats.linked_extents, 14u);
  EXPECT_EQ(pinned.store.evicted_chunks(), 0u);
  while (!partition_->release(pinned.store, 4)) {
  }
  loop();
  loop();
  stats = partition_->stats().load();
  EXPECT_EQ(stats.pinned_extents, 0u);
  fill(s, 60, 12);
  EXPECT_GT(s.store.extents(), 6u);
}

TEST_F(PpsppChunkCache, AnArenaFullOfPinnedContentRefusesTheRest) {
  make(4);
  Store& pinned = add({.shape = whole(10 * kPerExtent), .pinned = true});
  Store& s = add({.shape = whole(10 * kPerExtent)});
  for (std::uint64_t g = 0; g < 4; ++g) ASSERT_TRUE(put(pinned, g * kPerExtent));
  loop();
  EXPECT_FALSE(put(s, 0));
  EXPECT_FALSE(put(pinned, 4 * kPerExtent));
  EXPECT_EQ(partition_->stats().load().refused_chunks, 2u);
  EXPECT_TRUE(put(pinned, 1));  // room in an extent it has
}

TEST_F(PpsppChunkCache, MemoryIsUsedAgainOnlyWhenEveryWorkerHasBegunALoop) {
  make(2, 3);
  Store& s = add({.shape = whole(10 * kPerExtent), .quota_extents = 1});
  ASSERT_TRUE(put(s, 0));
  const ConstBytes seen = s.store.find(0);  // a worker holds it in its present loop
  ASSERT_TRUE(put(s, kPerExtent));          // evicts it, and takes the other extent
  EXPECT_TRUE(s.store.find(0).empty());
  for (int i = 0; i < 5; ++i) {
    partition_->advance();
    Quiescence::next_loop(loops_[0]);
    Quiescence::next_loop(loops_[2]);
  }
  EXPECT_FALSE(put(s, 2 * kPerExtent));  // the second worker has not moved
  EXPECT_TRUE(matches(s.seed, 0, seen));
  EXPECT_EQ(partition_->stats().load().free_extents, 0u);
  Quiescence::next_loop(loops_[1]);
  loop();
  EXPECT_TRUE(put(s, 2 * kPerExtent));
  EXPECT_FALSE(matches(s.seed, 0, seen));  // it was this memory
}

TEST_F(PpsppChunkCache, WhatIsUnlinkedWhileOthersWaitWaitsForALoopOfItsOwn) {
  make(8, 1);
  Store& s = add({.shape = whole(10 * kPerExtent)});
  for (std::uint64_t g = 0; g < 4; ++g) ASSERT_TRUE(put(s, g * kPerExtent));
  EXPECT_FALSE(partition_->release(s.store, 1));
  partition_->advance();  // the first is waiting now
  EXPECT_FALSE(partition_->release(s.store, 1));
  EXPECT_EQ(partition_->stats().load().free_extents, 4u);
  Quiescence::next_loop(loops_[0]);
  partition_->advance();  // the first is free, the second waits from here
  EXPECT_EQ(partition_->stats().load().free_extents, 5u);
  partition_->advance();
  EXPECT_EQ(partition_->stats().load().free_extents, 5u);
  Quiescence::next_loop(loops_[0]);
  partition_->advance();
  EXPECT_EQ(partition_->stats().load().free_extents, 6u);
  EXPECT_EQ(partition_->stats().load().waiting_extents, 0u);
}

TEST_F(PpsppChunkCache, ARemovedStoreGivesEverythingBackABitAtATime) {
  make(32);
  Store& s = add({.shape = whole(20 * kPerExtent)});
  fill(s, 0, 20);
  int calls = 1;
  for (; !partition_->release(s.store, 6); ++calls) {
  }
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(s.store.extents(), 0u);
  for (std::uint64_t g = 0; g < 20; ++g) EXPECT_FALSE(s.store.held(g * kPerExtent));
  stores_.clear();
  loop();
  loop();
  EXPECT_EQ(partition_->stats().load().free_extents, 32u);
  EXPECT_EQ(partition_->stats().load().evicted_extents, 0u);
}

TEST_F(PpsppChunkCache, Rfc7574_6_ALiveContentKeepsAtLeastItsWindow) {
  make(64);
  constexpr std::uint64_t kWindow = 1000;
  Store& s = add({.shape = {.chunk_bytes = kChunk, .content_bytes = 0, .window_chunks = kWindow}});
  const std::uint64_t begin = (std::uint64_t{1} << 40) + 17;  // tuned in late
  for (std::uint64_t c = begin; c < begin + 10'000; ++c) {
    ASSERT_TRUE(put(s, c)) << c;
    if (c % 50 == 0) loop();
    if (c % 997 == 0) {
      for (std::uint64_t old = c - std::min(c - begin, kWindow - 1); old <= c; ++old) ASSERT_TRUE(good(s, old)) << old;
    }
  }
  EXPECT_FALSE(put(s, begin));  // its place is a newer one's
  EXPECT_FALSE(s.store.held(begin));
  EXPECT_LE(s.store.extents(), s.store.shape().groups());
  EXPECT_EQ(s.store.refetched_chunks(), 0u);
}

TEST_F(PpsppChunkCache, Rfc7574_6_WhatTheWindowDiscardsIsForgotten) {
  make(64);
  Store& s = add({.shape = {.chunk_bytes = kChunk, .content_bytes = 0, .window_chunks = 500}});
  for (std::uint64_t c = 0; c < 500; ++c) ASSERT_TRUE(put(s, c));
  partition_->discard_before(s.store, 200, 2);  // three whole groups, two at a time
  EXPECT_FALSE(s.store.held(0));
  EXPECT_FALSE(s.store.held(127));
  EXPECT_TRUE(s.store.held(128));
  partition_->discard_before(s.store, 200, 100);
  EXPECT_FALSE(s.store.held(191));
  EXPECT_TRUE(s.store.held(192));  // shares a group with what stays
  EXPECT_FALSE(put(s, 100));
  partition_->discard_before(s.store, 1'000'000, 100);  // a jump over many laps
  EXPECT_EQ(s.store.count(), 0u);
  EXPECT_EQ(s.store.extents(), 0u);
  EXPECT_TRUE(put(s, 1'000'000));
}

// One owner that stores and evicts without a pause, and readers that check every byte and hold on to what they found until their loop
// ends, as workers do. A reader that saw memory of another chunk would say so.
TEST(PpsppChunkCacheThreads, ReadersNeverSeeMemoryThatHasAnotherUse) {
  constexpr std::size_t kReaders = 3;
  constexpr std::uint32_t kExtents = 24;
  std::array<std::uint64_t, 8 * (kReaders + 1)> loops{};  // a line each
  std::vector<std::uint64_t*> counters;
  for (std::size_t i = 0; i <= kReaders; ++i) counters.push_back(&loops[8 * i]);
  const Quiescence quiescence(counters);
  Memory memory(CacheArena::bytes_needed(kExtents));
  const CacheArena arena(memory.span(), 1);
  CachePartition partition(arena, 0, quiescence);
  constexpr std::uint64_t kChunks = 100 * 64;
  Store whole(arena, {.shape = {.chunk_bytes = 1024, .content_bytes = kChunks * 1024 - 100}, .quota_extents = 9}, 1);
  Store live(arena, {.shape = {.chunk_bytes = 700, .content_bytes = 0, .window_chunks = 300}}, 2);
  std::atomic<std::uint64_t> newest{0}, hits{0}, wrong{0};
  std::atomic<bool> stop{false};

  const auto read = [&](std::size_t index) {
    std::mt19937 random(static_cast<unsigned>(index));
    struct Seen {
      unsigned seed;
      std::uint64_t chunk;
      ConstBytes bytes;
    };
    std::vector<Seen> seen;
    while (!stop.load(std::memory_order_relaxed)) {
      for (int i = 0; i < 8; ++i) {
        const bool of_live = random() % 2 == 0;
        const Store& s = of_live ? live : whole;
        const std::uint64_t chunk = of_live ? newest.load(std::memory_order_relaxed) - random() % 400 : random() % kChunks;
        const ConstBytes bytes = s.store.find(chunk);
        if (!bytes.empty()) seen.push_back({s.seed, chunk, bytes});
      }
      for (const Seen& s : seen)
        if (!matches(s.seed, s.chunk, s.bytes)) wrong.fetch_add(1);
      hits.fetch_add(seen.size(), std::memory_order_relaxed);
      seen.clear();
      Quiescence::next_loop(*counters[index]);
    }
  };
  std::vector<std::thread> readers;
  for (std::size_t i = 1; i <= kReaders; ++i) readers.emplace_back(read, i);

  std::mt19937 random(7);
  std::uint64_t live_chunk = 1000;
  // How the threads are interleaved is the machine's; it goes on until enough of everything has happened.
  const auto enough = [&] {
    const CacheStats stats = partition.stats().load();
    return stats.evicted_extents >= 300 && stats.refetched_chunks >= 100 && hits.load() >= 10'000;
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (int i = 0; !enough() && std::chrono::steady_clock::now() < deadline; ++i) {
    const std::uint64_t chunk = random() % kChunks;
    (void)partition.store(whole.store, chunk, content(1, chunk, whole.store.shape().bytes_of(chunk)));
    if (partition.store(live.store, live_chunk, content(2, live_chunk, 700))) newest.store(live_chunk++, std::memory_order_relaxed);
    if (random() % 1000 == 0) partition.discard_before(live.store, live_chunk - 100, 2);
    if (random() % 8 == 0) {
      Quiescence::next_loop(*counters[0]);
      partition.advance();
    }
    if (i % 64 == 0) std::this_thread::yield();  // more threads than cores must not mean that nobody moves
  }
  stop.store(true);
  for (auto& r : readers) r.join();
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_TRUE(enough());
}

}  // namespace
}  // namespace mediaward::test
