// SPDX-License-Identifier: Apache-2.0
// The queue of packets that wait for a neighbour: bounds, order, expiry, purge. No packet may get lost or come out twice.
#include "dataplane/hold_queue.h"

#include <random>

#include "tests/unit/dataplane/host_fixture.h"

namespace mediaward::dataplane {
namespace {

using testing::kHz;
using testing::kStart;
using testing::mac;

struct HoldTest : testing::HostTest {
  void release(std::uint64_t now) {
    for (unsigned i = 0; i < 64; ++i) {
      queue.release(
          now, [&](NextHop& hop, Packet* p) { sent.emplace_back(&hop, p); },
          [&](Packet* p, DropReason reason) { dropped.emplace_back(p, reason); });
    }
  }
  HoldQueue queue{1024, kHz};
  std::vector<Packet> packets{1024};
  std::vector<std::pair<NextHop*, Packet*>> sent;
  std::vector<std::pair<Packet*, DropReason>> dropped;
};

TEST_F(HoldTest, Rfc1122_2_3_2_2_HandedOutInOrderWhenResolved) {
  NextHop& a = add_hop("192.0.2.10");
  NextHop& b = add_hop("192.0.2.11");
  for (unsigned i = 0; i < 4; ++i) {
    ASSERT_TRUE(queue.hold(&a, &packets[2 * i], kStart));
    ASSERT_TRUE(queue.hold(&b, &packets[2 * i + 1], kStart));
  }
  release(kStart + 10);
  EXPECT_TRUE(sent.empty());
  confirm_neighbour(a, mac(9), kStart + 11);
  release(kStart + 12);
  ASSERT_EQ(sent.size(), 4u);
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(sent[i], std::make_pair(&a, &packets[2 * i]));
  EXPECT_EQ(queue.size(), 4u);
}

TEST_F(HoldTest, EightPerNeighbour) {
  NextHop& a = add_hop("192.0.2.10");
  for (unsigned i = 0; i < 8; ++i) ASSERT_TRUE(queue.hold(&a, &packets[i], kStart));
  EXPECT_FALSE(queue.hold(&a, &packets[8], kStart));
  EXPECT_TRUE(queue.hold(&add_hop("192.0.2.11"), &packets[8], kStart));
}

TEST_F(HoldTest, FiveHundredAndTwelveInAll) {
  std::size_t held = 0;
  for (unsigned n = 0; n < 100; ++n) {
    NextHop& hop = add_hop("2001:db8::" + std::to_string(1000 + n));
    for (unsigned i = 0; i < 8; ++i) held += queue.hold(&hop, &packets[held], kStart) ? 1 : 0;
  }
  EXPECT_EQ(held, 512u);
  release(kStart + 2 * kHz);
  EXPECT_EQ(dropped.size(), 512u);
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_TRUE(queue.hold(table.entries()[0].get(), &packets[0], kStart));
}

TEST_F(HoldTest, GivenUpAfterASecond) {
  NextHop& a = add_hop("192.0.2.10");
  ASSERT_TRUE(queue.hold(&a, &packets[0], kStart));
  ASSERT_TRUE(queue.hold(&a, &packets[1], kStart + kHz / 2));
  release(kStart + kHz);
  EXPECT_TRUE(dropped.empty());
  release(kStart + kHz + 1);
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0], std::make_pair(&packets[0], DropReason::kNeighbourUnresolved));
  EXPECT_EQ(queue.size(), 1u);
}

TEST_F(HoldTest, FailedNeighbourDropsAtOnce) {
  NextHop& a = add_hop("192.0.2.10");
  ASSERT_TRUE(queue.hold(&a, &packets[0], kStart));
  a.state = NeighbourState::kFailed;
  release(kStart + 1);
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0].second, DropReason::kNeighbourUnresolved);
}

TEST_F(HoldTest, PurgeTakesOnlyThatNextHop) {
  NextHop& a = add_hop("192.0.2.10");
  NextHop& b = add_hop("192.0.2.11");
  ASSERT_TRUE(queue.hold(&a, &packets[0], kStart));
  ASSERT_TRUE(queue.hold(&b, &packets[1], kStart));
  const auto drop = [&](Packet* p, DropReason reason) { dropped.emplace_back(p, reason); };
  queue.purge(&a, drop);
  queue.purge(&a, drop);
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0], std::make_pair(&packets[0], DropReason::kStale));
  queue.purge_all(drop);
  EXPECT_EQ(dropped.size(), 2u);
  EXPECT_EQ(queue.size(), 0u);
}

TEST_F(HoldTest, Property_EveryPacketComesOutOnce) {
  std::vector<NextHop*> hops;
  for (unsigned n = 0; n < 120; ++n) hops.push_back(&add_hop("2001:db8::" + std::to_string(1000 + n)));
  std::vector<Packet> many(20000);
  std::size_t next = 0, refused = 0;
  std::mt19937 random(5);
  std::uint64_t now = kStart;
  while (next < many.size()) {
    now += random() % 3000;
    NextHop& hop = *hops[random() % hops.size()];
    if (random() % 50 == 0) hop.link = random() % 2 == 0 ? 0 : link_word(mac(9));
    if (random() % 200 == 0) queue.purge(&hop, [&](Packet* p, DropReason reason) { dropped.emplace_back(p, reason); });
    if (!queue.hold(&hop, &many[next++], now)) ++refused;
    if (random() % 4 == 0) release(now);
    ASSERT_LE(queue.size(), 512u);
  }
  queue.purge_all([&](Packet* p, DropReason reason) { dropped.emplace_back(p, reason); });
  std::set<Packet*> out;
  for (const auto& [hop, p] : sent) out.insert(p);
  for (const auto& [p, reason] : dropped) out.insert(p);
  EXPECT_EQ(sent.size() + dropped.size() + refused, many.size());
  EXPECT_EQ(out.size() + refused, many.size());
}

}  // namespace
}  // namespace mediaward::dataplane
