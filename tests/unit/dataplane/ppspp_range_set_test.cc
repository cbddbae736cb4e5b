// SPDX-License-Identifier: Apache-2.0
// Range sets by themselves: borders by hand, and long random histories against std::set.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

#include "dataplane/ppspp/range_set.h"

namespace mediaward::test {
namespace {

using dataplane::ppspp::ChunkRange;
using dataplane::ppspp::RangeSet;

constexpr std::uint64_t kLast = ~std::uint64_t{0};

template <std::size_t kMost>
std::vector<ChunkRange> ranges(const RangeSet<kMost>& set) {
  return {set.ranges().begin(), set.ranges().end()};
}

TEST(PpsppRangeSet, Rfc7574_4_AdjacentRangesBecomeOne) {
  RangeSet<4> set;
  ASSERT_TRUE(set.insert({4, 7}));
  ASSERT_TRUE(set.insert({0, 2}));
  EXPECT_EQ(ranges(set), (std::vector<ChunkRange>{{0, 2}, {4, 7}}));
  ASSERT_TRUE(set.insert({3, 3}));
  EXPECT_EQ(ranges(set), (std::vector<ChunkRange>{{0, 7}}));
  EXPECT_EQ(set.count(), 8u);
  ASSERT_TRUE(set.insert({2, 5}));  // nothing new
  EXPECT_EQ(ranges(set), (std::vector<ChunkRange>{{0, 7}}));
}

TEST(PpsppRangeSet, Rfc7574_4_3_HaveOfTheLargestIntervalSwallowsTheSmaller) {
  RangeSet<64> set;
  for (std::uint64_t chunk = 0; chunk < 64; chunk += 2) ASSERT_TRUE(set.insert({chunk, chunk}));
  EXPECT_EQ(set.ranges().size(), 32u);
  ASSERT_TRUE(set.insert({0, 63}));
  EXPECT_EQ(ranges(set), (std::vector<ChunkRange>{{0, 63}}));
  EXPECT_EQ(set.count(), 64u);
}

TEST(PpsppRangeSet, RangesBeyondTheBoundAreRefusedAndLeaveTheSetAsItWas) {
  RangeSet<3> set;
  for (std::uint64_t chunk : {10, 20, 30}) ASSERT_TRUE(set.insert({chunk, chunk}));
  EXPECT_TRUE(set.full());
  const auto before = ranges(set);
  EXPECT_FALSE(set.insert({40, 40}));
  EXPECT_FALSE(set.insert({0, 0}));
  EXPECT_FALSE(set.insert({15, 16}));
  EXPECT_EQ(ranges(set), before);
  EXPECT_TRUE(set.insert({11, 11}));  // grows one
  EXPECT_TRUE(set.insert({12, 19}));  // joins two
  EXPECT_FALSE(set.full());
  EXPECT_TRUE(set.insert({40, 40}));
  EXPECT_FALSE(set.erase({15, 15}));  // would make four
  EXPECT_EQ(ranges(set), (std::vector<ChunkRange>{{10, 20}, {30, 30}, {40, 40}}));
  EXPECT_TRUE(set.erase({10, 15}));
  EXPECT_EQ(ranges(set), (std::vector<ChunkRange>{{16, 20}, {30, 30}, {40, 40}}));
}

TEST(PpsppRangeSet, RangesThatEndBeforeTheyBeginAreRefused) {
  RangeSet<4> set;
  EXPECT_FALSE(set.insert({5, 4}));
  ASSERT_TRUE(set.insert({0, 10}));
  EXPECT_FALSE(set.erase({5, 4}));
  EXPECT_FALSE(set.covers({5, 4}));
  EXPECT_FALSE(set.intersects({5, 4}));
  int calls = 0;
  set.for_each_present({5, 4}, [&](ChunkRange) { return ++calls != 0; });
  set.for_each_missing({5, 4}, [&](ChunkRange) { return ++calls != 0; });
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(ranges(set), (std::vector<ChunkRange>{{0, 10}}));
}

TEST(PpsppRangeSet, TheLastChunkNumberIsAChunkLikeAnyOther) {
  RangeSet<4> set;
  ASSERT_TRUE(set.insert({kLast, kLast}));
  ASSERT_TRUE(set.insert({kLast - 1, kLast - 1}));
  EXPECT_EQ(ranges(set), (std::vector<ChunkRange>{{kLast - 1, kLast}}));
  EXPECT_TRUE(set.contains(kLast));
  EXPECT_EQ(set.first_missing(kLast - 1), std::nullopt);
  EXPECT_EQ(set.first_missing(0), 0u);
  ASSERT_TRUE(set.insert({0, kLast}));
  EXPECT_EQ(set.count(), kLast);  // one less than there are
  EXPECT_EQ(set.first_missing(0), std::nullopt);
  EXPECT_EQ(set.first_present(7), 7u);
  ASSERT_TRUE(set.erase({5, kLast}));
  EXPECT_EQ(ranges(set), (std::vector<ChunkRange>{{0, 4}}));
  EXPECT_EQ(set.count(), 5u);
}

TEST(PpsppRangeSet, QuestionsAtTheBorders) {
  RangeSet<4> set;
  EXPECT_EQ(set.first_present(0), std::nullopt);
  EXPECT_EQ(set.first_missing(9), 9u);
  ASSERT_TRUE(set.insert({10, 19}));
  ASSERT_TRUE(set.insert({30, 39}));
  EXPECT_FALSE(set.contains(9));
  EXPECT_TRUE(set.contains(10));
  EXPECT_TRUE(set.contains(19));
  EXPECT_FALSE(set.contains(20));
  EXPECT_TRUE(set.covers({10, 19}));
  EXPECT_FALSE(set.covers({10, 20}));
  EXPECT_FALSE(set.covers({19, 30}));
  EXPECT_TRUE(set.intersects({0, 10}));
  EXPECT_FALSE(set.intersects({20, 29}));
  EXPECT_TRUE(set.intersects({20, 30}));
  EXPECT_EQ(set.first_present(0), 10u);
  EXPECT_EQ(set.first_present(15), 15u);
  EXPECT_EQ(set.first_present(20), 30u);
  EXPECT_EQ(set.first_present(40), std::nullopt);
  EXPECT_EQ(set.first_missing(10), 20u);
  EXPECT_EQ(set.first_missing(39), 40u);
  EXPECT_EQ(set.nth(0), 10u);
  EXPECT_EQ(set.nth(9), 19u);
  EXPECT_EQ(set.nth(10), 30u);
  EXPECT_EQ(set.nth(19), 39u);
}

TEST(PpsppRangeSet, WalksStopWhenTold) {
  RangeSet<8> set, other;
  for (std::uint64_t chunk : {0, 10, 20, 30}) ASSERT_TRUE(set.insert({chunk, chunk + 4}));
  ASSERT_TRUE(other.insert({0, 100}));
  std::vector<ChunkRange> seen;
  const auto two = [&](ChunkRange r) {
    seen.push_back(r);
    return seen.size() < 2;
  };
  set.for_each_present({2, 100}, two);
  EXPECT_EQ(seen, (std::vector<ChunkRange>{{2, 4}, {10, 14}}));
  seen.clear();
  set.for_each_missing({2, 100}, two);
  EXPECT_EQ(seen, (std::vector<ChunkRange>{{5, 9}, {15, 19}}));
  seen.clear();
  set.for_each_common(other, two);
  EXPECT_EQ(seen, (std::vector<ChunkRange>{{0, 4}, {10, 14}}));
}

// The oracle is std::set, over few chunk numbers so that everything touches everything.
class PpsppRangeSetHistory : public ::testing::TestWithParam<unsigned> {
 protected:
  static constexpr std::uint64_t kChunks = 96;
  static constexpr std::size_t kMost = 8;

  ChunkRange any_range() {
    const std::uint64_t first = random_() % kChunks;
    if (random_() % 2 == 0) {  // as bins make them: aligned powers of two
      const std::uint64_t width = std::uint64_t{1} << (random_() % 6);
      return {first / width * width, std::min(first / width * width + width - 1, kChunks - 1)};
    }
    return {first, std::min(first + random_() % 8, kChunks - 1)};
  }
  static std::size_t pieces(const std::set<std::uint64_t>& chunks) {
    std::size_t n = 0;
    for (const std::uint64_t c : chunks) n += !chunks.contains(c - 1) || c == 0 ? 1 : 0;
    return n;
  }
  void expect_same(const RangeSet<kMost>& set, const std::set<std::uint64_t>& oracle) {
    ASSERT_EQ(set.count(), oracle.size());
    ASSERT_EQ(set.ranges().size(), pieces(oracle));
    for (std::uint64_t c = 0; c < kChunks; ++c) {
      ASSERT_EQ(set.contains(c), oracle.contains(c)) << c;
      const auto next = oracle.lower_bound(c);
      ASSERT_EQ(set.first_present(c), next == oracle.end() ? std::nullopt : std::optional(*next)) << c;
      std::uint64_t missing = c;
      while (oracle.contains(missing)) ++missing;
      ASSERT_EQ(set.first_missing(c), missing) << c;
    }
    std::uint64_t n = 0;
    for (const std::uint64_t c : oracle) ASSERT_EQ(set.nth(n++), c);
  }
  std::set<std::uint64_t> collect(auto&& walk) {
    std::set<std::uint64_t> chunks;
    walk([&](ChunkRange r) {
      EXPECT_LE(r.first, r.last);
      for (std::uint64_t c = r.first; c <= r.last; ++c) EXPECT_TRUE(chunks.insert(c).second);
      return true;
    });
    return chunks;
  }

  std::mt19937 random_{GetParam()};
};

TEST_P(PpsppRangeSetHistory, EqualsASetOfNumbers) {
  RangeSet<kMost> set, other;
  std::set<std::uint64_t> oracle, other_oracle;
  int refused = 0;
  for (int step = 0; step < 1500; ++step) {
    const bool second = random_() % 4 == 0;
    RangeSet<kMost>& s = second ? other : set;
    std::set<std::uint64_t>& o = second ? other_oracle : oracle;
    const ChunkRange range = any_range();
    std::set<std::uint64_t> want = o;
    const bool inserts = random_() % 3 != 0;
    for (std::uint64_t c = range.first; c <= range.last; ++c) inserts ? (void)want.insert(c) : (void)want.erase(c);
    const bool fits = pieces(want) <= kMost;
    ASSERT_EQ(inserts ? s.insert(range) : s.erase(range), fits);
    if (fits) o = want;
    refused += fits ? 0 : 1;
    expect_same(s, o);

    const ChunkRange within = any_range();
    std::set<std::uint64_t> present, missing, common;
    for (std::uint64_t c = within.first; c <= within.last; ++c) (oracle.contains(c) ? present : missing).insert(c);
    for (const std::uint64_t c : oracle)
      if (other_oracle.contains(c)) common.insert(c);
    ASSERT_EQ(set.covers(within), missing.empty());
    ASSERT_EQ(set.intersects(within), !present.empty());
    ASSERT_EQ(collect([&](auto&& f) { set.for_each_present(within, f); }), present);
    ASSERT_EQ(collect([&](auto&& f) { set.for_each_missing(within, f); }), missing);
    ASSERT_EQ(collect([&](auto&& f) { set.for_each_common(other, f); }), common);
  }
  EXPECT_GT(refused, 0);  // the bound was met
}

INSTANTIATE_TEST_SUITE_P(Seeds, PpsppRangeSetHistory, ::testing::Range(1u, 9u));

}  // namespace
}  // namespace mediaward::test
