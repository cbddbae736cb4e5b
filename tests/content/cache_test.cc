// SPDX-License-Identifier: Apache-2.0
// Where chunks come from when they are not there, or are there before anybody asked: caches smaller than the content, hashes that are not
// all kept, preloaded content and leaf hashes, several leechers.
#include "tests/content/content_case.h"

namespace mediaward::test {
namespace {

constexpr std::size_t kMiB = 1u << 20;

Dataplane::Options with_cache(std::size_t bytes) {
  Dataplane::Options options = ContentStand::defaults();
  options.peer_limits.cache_bytes = bytes;
  return options;
}

pp::Blob leaves_of(const ContentPtr& content) {
  pp::Blob leaves;
  for (std::uint64_t c = 0; c < content->metadata().chunks(); ++c) {
    const auto leaf = content->node(0, c);
    leaves.insert(leaves.end(), leaf.begin(), leaf.end());
  }
  return leaves;
}

// Content of 4 MiB through a cache of 1 MiB.
class SmallCache : public testing::TestWithParam<int> {};

TEST_P(SmallCache, EverythingIsServedAllTheSame) {
  const ContentPtr content = content_of(4 * kMiB);
  ContentStand stand(with_cache(kMiB));
  auto& seeder = stand.add_peer(1, seeder_of(content));
  pp::PeerSettings settings = leecher_of(content);
  settings.random_order = GetParam() == 2;
  auto& leecher = stand.add_peer(2, settings);
  auto& late = stand.add_peer(3, settings);
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {2, kReceiver}, {3, kReceiver}}, ContentStand::kSwarm,
                         [](abi::Swarm& m) { m.stored_level = GetParam() == 0 ? 0 : 4; }));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(200'000, [&] { return leecher.complete(); }));
  late.connect(stand.dp.now(), stand.appliance());  // the beginning has been evicted by now
  EXPECT_TRUE(stand.run_ms(300'000, [&] { return late.complete(); }));
  expect_identical(leecher, content);
  expect_identical(late, content);
  expect_no_findings(seeder);
  expect_all_honest(stand);
  const abi::SwarmInfo info = stand.swarm_info();
  EXPECT_LE(info.cached_bytes, kMiB);
  EXPECT_GE(info.chunks_evicted, 3 * 1024u);    // of 4096 chunks at most 1024 are there at the end
  EXPECT_GE(info.chunks_refetched, 2 * 1024u);  // the late one found at most 1024 of them
  stand.run_ms(10);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppEvicted), stand.swarm_info().chunks_evicted);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppRefetched), stand.swarm_info().chunks_refetched);
}

INSTANTIATE_TEST_SUITE_P(Trees, SmallCache, testing::Values(0, 1, 2), [](const auto& p) {
  return p.param == 0   ? std::string("AllHashesKept")
         : p.param == 1 ? std::string("UpperLevelsKept")
                        : std::string("UpperLevelsKeptRandomOrder");
});

TEST(Cache, TwoLeechersAtOnceCostOneFetch) {
  const ContentPtr content = content_of(kMiB);
  ContentStand stand(with_cache(4 * kMiB));
  stand.add_peer(1, seeder_of(content));
  auto& one = stand.add_peer(2, leecher_of(content));
  auto& two = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {2, kReceiver}, {3, kReceiver}}));
  one.connect(stand.dp.now(), stand.appliance());
  two.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return one.complete() && two.complete(); }));
  expect_identical(one, content);
  expect_identical(two, content);
  expect_all_honest(stand);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppChunksVerified), 1024u);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppRequested), 1024u);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppChunksServed), 2048u);
  stand.run_ms(2500);  // swarms are looked at once a second
  EXPECT_EQ(stand.told(abi::EventKind::kSwarmComplete), 1u);
}

// RFC 7574 §5.1, §5.3: a leaf and an interior node per chunk.
TEST(Cache, Rfc7574_5_3_TwoHashesPerChunk) {
  const ContentPtr content = chunks_of(1000);
  ContentStand stand(with_cache(4 * kMiB));
  stand.add_peer(1, seeder_of(content));
  auto& leecher = stand.add_peer(2, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {2, kReceiver}}));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return leecher.complete(); }));
  expect_identical(leecher, content);
  EXPECT_LE(stand.dp.count(Counter::kPpsppHashCalls), 2050u);
  EXPECT_GE(stand.dp.count(Counter::kPpsppHashCalls), 1999u);
  EXPECT_EQ(stand.swarm_info().hash_calls, stand.dp.count(Counter::kPpsppHashCalls));
  expect_all_honest(stand);
}

TEST(Cache, PreloadedLeavesCostOneHashPerChunk) {
  const ContentPtr content = chunks_of(1000);
  ContentStand stand(with_cache(4 * kMiB));
  stand.add_peer(1, seeder_of(content));
  auto& leecher = stand.add_peer(2, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {2, kReceiver}}));
  ASSERT_TRUE(stand.dp.apply({preload(abi::ContentKind::kLeafHashes, leaves_of(content))}));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return leecher.complete(); }));
  expect_identical(leecher, content);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppHashCalls), 1000u);
  EXPECT_EQ(stand.dp.drops(DropReason::kPpsppUnverifiable), 0u);
  expect_all_honest(stand);
}

TEST(Cache, PreloadedLeavesMakeEveryRefetchVerifiable) {
  const ContentPtr content = content_of(3 * kMiB);
  ContentStand stand(with_cache(kMiB));
  stand.add_peer(1, seeder_of(content));
  auto& leecher = stand.add_peer(2, leecher_of(content));
  auto& late = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {2, kReceiver}, {3, kReceiver}}));
  ASSERT_TRUE(stand.dp.apply({preload(abi::ContentKind::kLeafHashes, leaves_of(content))}));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(100'000, [&] { return leecher.complete(); }));
  late.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(100'000, [&] { return late.complete(); }));
  expect_identical(late, content);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppHashCalls), stand.dp.count(Counter::kPpsppChunksVerified));
  EXPECT_EQ(stand.dp.drops(DropReason::kPpsppUnverifiable), 0u);
  expect_all_honest(stand);
}

TEST(Cache, PreloadedContentNeedsNoProvider) {
  const ContentPtr content = chunks_of(700);
  for (const std::uint8_t stored_level : {std::uint8_t{0}, std::uint8_t{4}}) {
    ContentStand stand(with_cache(kMiB));
    auto& leecher = stand.add_peer(2, leecher_of(content));
    ASSERT_TRUE(stand.open(content->metadata(), {{2, kReceiver}}, ContentStand::kSwarm, [&](abi::Swarm& m) {
      m.source = abi::SwarmSource::kPreloaded;
      m.stored_level = stored_level;
    }));
    ASSERT_TRUE(stand.dp.apply({preload(abi::ContentKind::kContent, content->bytes())}));
    leecher.connect(stand.dp.now(), stand.appliance());
    EXPECT_TRUE(stand.run_ms(60'000, [&] { return leecher.complete(); })) << int{stored_level};
    expect_identical(leecher, content);
    EXPECT_EQ(stand.dp.count(Counter::kPpsppChunksServed), 700u);
    EXPECT_EQ(stand.dp.count(Counter::kPpsppHashCalls), 0u);
    EXPECT_EQ(stand.swarm_info().complete, 1);
    expect_all_honest(stand);
  }
}

}  // namespace
}  // namespace mediaward::test
