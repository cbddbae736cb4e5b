// SPDX-License-Identifier: Apache-2.0
// Next hops: routing, table, state machine under a fake clock, probes and their pacing, the holding queue.
#include "dataplane/neighbour.h"

#include <random>
#include <thread>

#include "dataplane/hold_queue.h"
#include "tests/unit/dataplane/host_fixture.h"
#include "tests/unit/dataplane/wire_golden.h"

namespace mediaward::dataplane {
namespace {

using testing::address;
using testing::kHz;
using testing::kStart;
using testing::mac;

struct NeighbourTest : testing::HostTest {
  // Runs one sweep over the table at this time; a sweep takes several ticks of a millisecond.
  std::vector<Packet*> sweep(std::uint64_t now) {
    std::vector<Packet*> sent;
    for (unsigned i = 0; i < 8; ++i) {
      std::array<Packet*, 64> out{};
      const std::size_t count = table.tick(now + i * kHz / 1000, io, out);
      EXPECT_LE(count, kNeighbourProbesPerTick);
      sent.insert(sent.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
      for (const auto& change : table.changes()) changes.push_back(change.state);
    }
    return sent;
  }
  std::vector<NeighbourState> changes;
};

std::string hex(Packet* p) {
  return testing::to_hex(p->span());
}

TEST_F(NeighbourTest, Rfc826_ProbeIsAGoldenArpRequest) {
  add_hop("192.0.2.99");
  const auto sent = sweep(kStart);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(hex(sent[0]), golden::kArpProbe);
  EXPECT_EQ(sent[0]->port, 3);
  EXPECT_EQ(sent[0]->flags, 0);
  EXPECT_EQ(sent[0]->l2_bytes, 14);
}

TEST_F(NeighbourTest, Rfc4861_7_2_2_ProbeIsAGoldenSolicitation) {
  add_hop("2001:db8::99");
  const auto sent = sweep(kStart);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(hex(sent[0]), golden::kNdpProbe);
}

TEST_F(NeighbourTest, Rfc4861_7_3_3_UnicastProbeGoesToTheKnownAddress) {
  NextHop& hop = add_hop("2001:db8::99");
  learn_neighbour(hop, mac(0x99));
  EXPECT_TRUE(sweep(kStart).empty());
  EXPECT_EQ(hop.resolve(), link_word(mac(0x99)));
  const auto sent = sweep(kStart + kHz);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(hex(sent[0]), golden::kNdpUnicastProbe);
}

TEST_F(NeighbourTest, Rfc4861_7_2_2_ThreeTriesThenFailedThenSlowRetry) {
  NextHop& hop = add_hop("192.0.2.99");
  for (unsigned try_number = 0; try_number < 3; ++try_number) {
    EXPECT_EQ(sweep(kStart + try_number * (kHz + 10'000)).size(), 1u);
    EXPECT_EQ(sweep(kStart + try_number * (kHz + 10'000) + kHz / 2).size(), 0u);
    EXPECT_EQ(hop.state.load(), NeighbourState::kIncomplete);
  }
  const std::uint64_t failed_at = kStart + 4 * kHz;
  EXPECT_EQ(sweep(failed_at).size(), 0u);
  EXPECT_EQ(hop.state.load(), NeighbourState::kFailed);
  EXPECT_EQ(changes, std::vector{NeighbourState::kFailed});
  EXPECT_EQ(sweep(failed_at + 4 * kHz).size(), 0u);
  EXPECT_EQ(sweep(failed_at + 6 * kHz).size(), 1u);
  EXPECT_EQ(sweep(failed_at + 10 * kHz).size(), 0u);
  EXPECT_EQ(sweep(failed_at + 12 * kHz).size(), 1u);
  confirm_neighbour(hop, mac(9), failed_at + 13 * kHz);
  EXPECT_EQ(sweep(failed_at + 13 * kHz).size(), 0u);
  EXPECT_EQ(hop.state.load(), NeighbourState::kReachable);
  EXPECT_EQ(changes.back(), NeighbourState::kReachable);
}

TEST_F(NeighbourTest, Rfc4861_7_3_2_ReachableStaleProbeReachable) {
  NextHop& hop = add_hop("192.0.2.99");
  sweep(kStart);
  confirm_neighbour(hop, mac(9), kStart + 1);
  EXPECT_TRUE(sweep(kStart + kHz).empty());
  EXPECT_EQ(hop.state.load(), NeighbourState::kReachable);
  EXPECT_EQ(hop.resolve(), link_word(mac(9)));
  EXPECT_TRUE(sweep(kStart + 29 * kHz).empty());
  EXPECT_EQ(hop.state.load(), NeighbourState::kReachable);
  EXPECT_TRUE(sweep(kStart + 31 * kHz).empty());
  EXPECT_EQ(hop.state.load(), NeighbourState::kStale);
  EXPECT_TRUE(sweep(kStart + 60 * kHz).empty());  // nobody sends: nothing is asked
  EXPECT_EQ(hop.resolve(), link_word(mac(9)));    // still used while it is verified
  EXPECT_EQ(sweep(kStart + 61 * kHz).size(), 1u);
  EXPECT_EQ(hop.state.load(), NeighbourState::kProbe);
  confirm_neighbour(hop, mac(9), kStart + 61 * kHz + 500'000);
  EXPECT_TRUE(sweep(kStart + 62 * kHz).empty());
  EXPECT_EQ(hop.state.load(), NeighbourState::kReachable);
  EXPECT_EQ(changes.size(), 1u);  // resolved once, never lost
}

TEST_F(NeighbourTest, Rfc1122_2_3_2_1_UnicastPollFailsThenEverybodyIsAsked) {
  NextHop& hop = add_hop("192.0.2.99");
  confirm_neighbour(hop, mac(9), kStart);
  sweep(kStart);
  const std::uint64_t stale_at = kStart + 31 * kHz;
  sweep(stale_at);
  (void)hop.resolve();
  for (unsigned i = 0; i < 3; ++i) {
    const auto sent = sweep(stale_at + (i + 1) * (kHz + 10'000));
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(hex(sent[0]).substr(0, 12), "020000000009");
    EXPECT_NE(hop.resolve(), 0u);
  }
  const auto sent = sweep(stale_at + 5 * kHz);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(hex(sent[0]).substr(0, 12), "ffffffffffff");
  EXPECT_EQ(hop.resolve(), 0u);
  EXPECT_EQ(hop.state.load(), NeighbourState::kIncomplete);
}

TEST_F(NeighbourTest, Rfc4861_7_2_3_LearnedAddressIsUsedButStale) {
  NextHop& hop = add_hop("2001:db8::99");
  learn_neighbour(hop, mac(9));
  sweep(kStart);
  EXPECT_EQ(hop.state.load(), NeighbourState::kStale);
  EXPECT_EQ(changes, std::vector{NeighbourState::kStale});
  confirm_neighbour(hop, mac(9), kStart + 1);
  sweep(kStart + kHz);
  EXPECT_EQ(hop.state.load(), NeighbourState::kReachable);
  learn_neighbour(hop, mac(9));  // the same again changes nothing
  sweep(kStart + 2 * kHz);
  EXPECT_EQ(hop.state.load(), NeighbourState::kReachable);
  learn_neighbour(hop, mac(10));
  sweep(kStart + 3 * kHz);
  EXPECT_EQ(hop.state.load(), NeighbourState::kStale);
  EXPECT_EQ(hop.resolve(), link_word(mac(10)));
}

TEST_F(NeighbourTest, ThousandNextHopsAreProbedInPaces) {
  for (unsigned i = 0; i < 1000; ++i) add_hop("2001:db8::2:" + std::to_string(1000 + i));
  std::array<Packet*, 64> out{};
  std::size_t total = 0, ticks = 0;
  for (std::uint64_t now = kStart; now < kStart + kHz; now += 100) {  // called ten times per millisecond
    const std::size_t count = table.tick(now, io, out);
    ASSERT_LE(count, kNeighbourProbesPerTick);
    total += count;
    ticks += count != 0 ? 1 : 0;
  }
  EXPECT_EQ(total, 1000u);
  EXPECT_GE(ticks, 1000 / kNeighbourProbesPerTick);
}

TEST_F(NeighbourTest, WithoutBuffersNoTryIsLost) {
  NextHop& hop = add_hop("192.0.2.99");
  io.available = 0;
  for (unsigned i = 0; i < 10; ++i) EXPECT_TRUE(sweep(kStart + i * 2 * kHz).empty());
  EXPECT_EQ(hop.state.load(), NeighbourState::kIncomplete);
  io.available = 1;
  EXPECT_EQ(sweep(kStart + 30 * kHz).size(), 1u);
}

TEST_F(NeighbourTest, VlanTagOfThePortIsInTheProbe) {
  for (const bool offload : {false, true}) {
    const auto tagged = testing::make_port(100, offload);
    NeighbourTable own(tagged, 0, budget, kHz);
    ASSERT_TRUE(own.acquire(address("192.0.2.99")));
    std::array<Packet*, 4> out{};
    std::size_t count = 0;
    for (std::uint64_t now = kStart; count == 0 && now < kStart + kHz; now += 1000) count = own.tick(now, io, out);
    ASSERT_EQ(count, 1u);
    const std::string plain = golden::kArpProbe;
    EXPECT_EQ(hex(out[0]), offload ? plain : plain.substr(0, 24) + "81000064" + plain.substr(24));
    EXPECT_EQ(out[0]->flags, offload ? kTxVlanInsert : 0);
    EXPECT_EQ(out[0]->vlan_tci, 100);
  }
}

TEST_F(NeighbourTest, ReferencesAndBudget) {
  NeighbourBudget small(2);
  NeighbourTable own(port, 0, small, kHz);
  NextHop* a = *own.acquire(address("192.0.2.10"));
  EXPECT_EQ(*own.acquire(address("192.0.2.10")), a);
  ASSERT_TRUE(own.acquire(address("192.0.2.11")));
  const auto refused = own.acquire(address("192.0.2.12"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
  EXPECT_EQ(own.release(a), nullptr);
  EXPECT_NE(own.find(Family::kIpv4, a->address.bytes.data()), nullptr);
  auto gone = own.release(a);
  ASSERT_NE(gone, nullptr);
  EXPECT_EQ(own.find(Family::kIpv4, gone->address.bytes.data()), nullptr);
  EXPECT_FALSE(own.acquire(address("192.0.2.12")));  // its memory is still out there
  gone.reset();
  EXPECT_TRUE(own.acquire(address("192.0.2.12")));
}

TEST_F(NeighbourTest, Property_TableEqualsASetUnderChurn) {
  std::vector<NextHop*> hops(250, nullptr);  // by last byte of the address less 2
  std::mt19937 random(7);
  for (unsigned i = 0; i < 20000; ++i) {
    const auto n = static_cast<unsigned>(random() % 250);
    if (hops[n] == nullptr) {
      hops[n] = &add_hop("192.0.2." + std::to_string(2 + n));
    } else {
      ASSERT_NE(table.release(hops[n]), nullptr);
      hops[n] = nullptr;
    }
    const auto probed = address("192.0.2." + std::to_string(2 + random() % 250));
    ASSERT_EQ(table.find(Family::kIpv4, probed.bytes.data()), hops[std::to_integer<unsigned>(probed.bytes[3]) - 2]);
  }
}

TEST_F(NeighbourTest, WorkersLookUpWhileTheMainThreadChanges) {
  add_hop("2001:db8::5");
  const auto wanted = address("2001:db8::5");
  std::atomic<bool> stop{false};
  std::uint64_t misses = 0;
  std::thread worker([&] {
    while (!stop.load(std::memory_order_relaxed)) misses += table.find(Family::kIpv6, wanted.bytes.data()) == nullptr ? 1 : 0;
  });
  std::vector<std::unique_ptr<NextHop>> retired;
  for (unsigned round = 0; round < 200; ++round) {
    std::vector<NextHop*> made;
    for (unsigned i = 0; i < 4; ++i) made.push_back(&add_hop("2001:db8::1:" + std::to_string(round * 4 + i)));
    for (NextHop* hop : made) retired.push_back(table.release(hop));
  }
  stop = true;
  worker.join();
  EXPECT_EQ(misses, 0u);
}

TEST_F(NeighbourTest, Rfc1122_3_3_1_1_Route) {
  const auto hop_of = [&](const char* text) -> std::string {
    const auto r = route(port, address(text));
    return r ? r->address.to_string() + (r->via_gateway ? " via" : "") : std::string("refused");
  };
  EXPECT_EQ(hop_of("192.0.2.77"), "192.0.2.77");
  EXPECT_EQ(hop_of("198.51.100.1"), "192.0.2.254 via");
  EXPECT_EQ(hop_of("2001:db8::77"), "2001:db8::77");
  EXPECT_EQ(hop_of("2001:db8:1::77"), "fe80::ffff via");
  EXPECT_EQ(hop_of("fe80::1234"), "fe80::1234");
  for (const char* text : {"192.0.2.1", "192.0.2.0", "192.0.2.255", "255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", "0.1.2.3",
                           "::", "::1", "ff02::1", "2001:db8::1", "fe80::ff:fe00:1"}) {
    EXPECT_EQ(hop_of(text), "refused") << text;
  }
}

TEST_F(NeighbourTest, RouteNamesWhatIsMissing) {
  port.gateway_v4.reset();
  const auto none = route(port, address("198.51.100.1"));
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("no gateway"), std::string::npos);
  port.gateway_v4 = address("203.0.113.1");
  const auto far = route(port, address("198.51.100.1"));
  ASSERT_FALSE(far);
  EXPECT_NE(far.error().message.find("203.0.113.1"), std::string::npos);
}

TEST_F(NeighbourTest, Rfc3021_PointToPointPrefixHasNoBroadcast) {
  port.addresses = {*IpPrefix::parse("192.0.2.0/31")};
  EXPECT_TRUE(route(port, address("192.0.2.1")));
}

TEST_F(NeighbourTest, SourceAddressFitsThePeer) {
  port.addresses.push_back(*IpPrefix::parse("198.51.100.7/24"));
  EXPECT_EQ(source_for(port, address("198.51.100.1"))->to_string(), "198.51.100.7");
  EXPECT_EQ(source_for(port, address("203.0.113.1"))->to_string(), "192.0.2.1");
  EXPECT_EQ(source_for(port, address("fe80::9"))->to_string(), "fe80::ff:fe00:1");
  port.addresses = {*IpPrefix::parse("192.0.2.1/24")};
  EXPECT_EQ(source_for(port, address("2001:db8::9"))->to_string(), "fe80::ff:fe00:1");
  port.addresses.clear();
  EXPECT_FALSE(source_for(port, address("192.0.2.9")));
  EXPECT_EQ(table.acquire(address("192.0.2.9")).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace mediaward::dataplane
