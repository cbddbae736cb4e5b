// SPDX-License-Identifier: Apache-2.0
// What the controller takes away in the middle of a transfer is gone within a loop: swarms, admissions, peers, by command or by time. No
// packet is lost uncounted, and all memory comes back.
#include "tests/content/content_case.h"

namespace mediaward::test {
namespace {

struct Busy {
  explicit Busy(const ContentStand::Adjust& adjust = {}, std::size_t workers = 1) : content(chunks_of(2000)), stand(options(workers)) {
    stand.add_peer(1, seeder_of(content));
    leecher = &stand.add_peer(2, leecher_of(content));
    EXPECT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {2, kReceiver}}, ContentStand::kSwarm, adjust));
    leecher->connect(stand.dp.now(), stand.appliance());
    EXPECT_TRUE(stand.run_ms(20'000, [&] { return leecher->chunks_held() >= 200; }));
    EXPECT_FALSE(leecher->complete());
    EXPECT_EQ(stand.channels(), 2u);
  }
  static Dataplane::Options options(std::size_t workers) {
    Dataplane::Options o = ContentStand::defaults();
    o.workers = workers;
    o.peer_limits.cache_bytes = workers * (4u << 20);
    return o;
  }
  [[nodiscard]] bool closed_by_appliance() const {
    for (const auto& channel : leecher->channels())
      if (channel.open) return false;
    return leecher->channels().front().closed_by_remote;
  }

  ContentPtr content;
  ContentStand stand;
  pp::PpsppPeer* leecher;
};

TEST(Lifecycle, RemovalOfASwarmEndsEverythingOfIt) {
  for (const std::size_t workers : {1u, 3u}) {
    Busy busy({}, workers);
    ContentStand& stand = busy.stand;
    ASSERT_TRUE(stand.dp.apply({Dataplane::remove(abi::MessageType::kSwarmRemove, ContentStand::kSwarm)}));
    EXPECT_EQ(stand.channels(), 0u) << "with the command";
    EXPECT_EQ(stand.dp.leaked(), 0u);
    stand.run_ms(5);
    EXPECT_TRUE(busy.closed_by_appliance());
    const std::uint64_t served = stand.dp.count(Counter::kPpsppChunksServed);
    stand.run_ms(3000);
    EXPECT_EQ(stand.dp.count(Counter::kPpsppChunksServed), served);
    EXPECT_GT(stand.dp.drops(DropReason::kPpsppUnknownSwarm), 0u) << "the leecher tries again, and hears nothing";
    EXPECT_EQ(stand.dp.core().swarms().releasing(), 0u);
    EXPECT_EQ(stand.dp.core().swarms().peers(), 0u);
    EXPECT_EQ(stand.dp.core().swarms().admissions(), 0u);
    EXPECT_EQ(stand.dp.core().retired(), 0u);
    expect_sound(stand);
    // All of the cache is there for the next one.
    const ContentPtr next = chunks_of(3000, 9);
    auto& seeder = stand.add_peer(3, seeder_of(next));
    auto& leecher = stand.add_peer(4, leecher_of(next));
    ASSERT_TRUE(stand.open(next->metadata(), {{3, kProvider}, {4, kReceiver}}, 0x7000));
    leecher.connect(stand.dp.now(), stand.appliance());
    EXPECT_TRUE(stand.run_ms(60'000, [&] { return leecher.complete(); }));
    expect_identical(leecher, next);
    expect_no_findings(seeder);
    EXPECT_EQ(stand.swarm_info(0x7000).chunks_evicted, 0u);
  }
}

TEST(Lifecycle, RemovalOfAnAdmissionClosesItsChannels) {
  Busy busy;
  ContentStand& stand = busy.stand;
  ASSERT_TRUE(
      stand.dp.apply({Dataplane::remove(abi::MessageType::kAdmissionRemove, ContentStand::admission_of(2, kReceiver).admission_id)}));
  EXPECT_EQ(stand.channels(), 1u);
  stand.run_ms(5);
  EXPECT_TRUE(busy.closed_by_appliance());
  stand.run_ms(3000);
  EXPECT_GT(stand.dp.drops(DropReason::kPpsppNotAdmitted), 0u);
  EXPECT_EQ(stand.channels(), 1u);
  expect_sound(stand);
  // Admitted again it goes on where it was.
  ASSERT_TRUE(stand.dp.apply({dataplane::Operation(ContentStand::admission_of(2, kReceiver))}));
  busy.leecher->connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return busy.leecher->complete(); }));
  expect_identical(*busy.leecher, busy.content);
}

TEST(Lifecycle, ABanClosesChannelsAndAnswersNothing) {
  Busy busy;
  ContentStand& stand = busy.stand;
  abi::PeerCommand m{};
  m.header = {abi::MessageType::kPeerCommand, 0, sizeof m, 0};
  m.swarm_id = ContentStand::kSwarm;
  m.kind = abi::PeerCommandKind::kBan;
  m.family = abi::Family::kIpv4;
  std::memcpy(m.peer.address, ContentStand::endpoint_of(2).address.data(), 16);
  m.a = 60;
  ASSERT_TRUE(stand.dp.core().command_peer(m, {}));
  stand.run_ms(5);
  EXPECT_EQ(stand.channels(), 1u);
  EXPECT_TRUE(busy.closed_by_appliance());
  stand.run_ms(3000);
  EXPECT_GT(stand.dp.drops(DropReason::kPpsppBanned), 0u);
  EXPECT_EQ(stand.channels(), 1u);
  expect_sound(stand);
}

TEST(Lifecycle, ASwarmExpires) {
  Busy busy([](abi::Swarm& m) {
    m.send_bytes_per_s = 200'000;  // ten seconds' worth
    m.expires_ns = ContentStand::realtime_ns(4);
  });
  ContentStand& stand = busy.stand;
  EXPECT_TRUE(stand.run_ms(5'000, [&] { return stand.channels() == 0; }));
  stand.run_ms(5);
  EXPECT_TRUE(busy.closed_by_appliance());
  EXPECT_TRUE(stand.run_ms(2'000, [&] { return stand.told(abi::EventKind::kSwarmExpired) == 1; }));
  stand.run_ms(3'000);
  EXPECT_EQ(stand.channels(), 0u);
  EXPECT_GT(stand.dp.drops(DropReason::kPpsppUnknownSwarm), 0u);
  EXPECT_EQ(stand.swarm_info().expired, 1);
  expect_sound(stand);
}

TEST(Lifecycle, AnAdmissionExpires) {
  const ContentPtr content = chunks_of(2000);
  ContentStand stand;
  stand.add_peer(1, seeder_of(content));
  auto& leecher = stand.add_peer(2, leecher_of(content));
  abi::Admission receiver = ContentStand::admission_of(2, kReceiver);
  receiver.expires_ns = ContentStand::realtime_ns(3);
  receiver.send_bytes_per_s = 200'000;
  ASSERT_TRUE(stand.dp.apply({dataplane::Operation(ContentStand::swarm_of(content->metadata())),
                              dataplane::Operation(ContentStand::admission_of(1, kProvider)), dataplane::Operation(receiver)}));
  leecher.connect(stand.dp.now(), stand.appliance());
  stand.run_ms(2'000);
  EXPECT_EQ(stand.channels(), 2u);
  EXPECT_GT(leecher.chunks_held(), 300u);
  EXPECT_LT(leecher.chunks_held(), 600u) << "its rate is limited";
  stand.run_ms(1'500);
  EXPECT_EQ(stand.channels(), 1u);
  stand.run_ms(3'000);
  EXPECT_GT(stand.dp.drops(DropReason::kPpsppNotAdmitted), 0u);
  EXPECT_EQ(stand.channels(), 1u);
  expect_sound(stand);
}

// RFC 7574 §3.12: gone after three minutes of silence.
TEST(Lifecycle, Rfc7574_3_12_DeadPeersAreForgotten) {
  Busy busy;
  ContentStand& stand = busy.stand;
  stand.take_away(2);
  stand.run_ms(120'000);
  EXPECT_EQ(stand.channels(), 2u);
  stand.run_ms(100'000);
  EXPECT_EQ(stand.channels(), 1u);
  expect_sound(stand);
}

// Known to guards only: there is no cache, nothing is fetched, and nobody is let in.
TEST(Lifecycle, ASwarmForGuardsAloneComesChangesAndGoes) {
  const ContentPtr content = chunks_of(8);
  ContentStand stand;
  abi::Swarm m = ContentStand::swarm_of(content->metadata());
  m.flags = abi::kSwarmGuardOnly;
  auto& stranger = stand.add_peer(2, [&] {
    auto s = leecher_of(content);
    s.expects_silence = true;
    return s;
  }());
  ASSERT_TRUE(stand.dp.apply({dataplane::Operation(m)}));
  m.send_bytes_per_s = 1000;
  ASSERT_TRUE(stand.dp.apply({dataplane::Operation(m)}));
  ASSERT_TRUE(stand.dp.apply({preload(abi::ContentKind::kLeafHashes, [&] {
    static std::vector<std::byte> leaves;
    leaves.clear();
    for (std::uint64_t c = 0; c < content->metadata().chunks(); ++c) {
      const auto leaf = content->node(0, c);
      leaves.insert(leaves.end(), leaf.begin(), leaf.end());
    }
    return std::span<const std::byte>(leaves);
  }())}));
  stranger.connect(stand.dp.now(), stand.appliance());
  stand.run_ms(2'000);
  expect_no_findings(stranger);
  EXPECT_GT(stand.dp.drops(DropReason::kPpsppUnknownSwarm), 0u);
  ASSERT_TRUE(stand.dp.apply({Dataplane::remove(abi::MessageType::kSwarmRemove, ContentStand::kSwarm)}));
  stand.run_ms(200);
  EXPECT_EQ(stand.dp.core().swarms().swarms(), 0u);
  EXPECT_EQ(stand.dp.leaked(), 0u);
}

}  // namespace
}  // namespace mediaward::test
