// SPDX-License-Identifier: Apache-2.0
// A swarm on several workers: one owns it, all of them serve. Which worker a datagram arrives at is left to chance.
#include <set>

#include "tests/content/live_case.h"

namespace mediaward::test {
namespace {

constexpr std::size_t kWorkers = 4;
constexpr std::size_t kMiB = 1u << 20;

Dataplane::Options with_workers(std::size_t cache_bytes = 4 * kMiB) {
  Dataplane::Options options = ContentStand::defaults();
  options.workers = kWorkers;
  options.peer_limits.cache_bytes = kWorkers * cache_bytes;
  return options;
}

// Of the receivers' channels, how many workers have any.
std::size_t serving_workers(ContentStand& stand) {
  std::size_t n = 0;
  for (std::size_t w = 0; w < kWorkers; ++w) n += stand.dp.core().worker(w).peers()->channels() != 0 ? 1 : 0;
  return n;
}

// One seeder, numbered 1, and so many leechers behind it.
struct Hall {
  Hall(const ContentPtr& what, std::size_t count, Dataplane::Options options = with_workers(), const ContentStand::Adjust& adjust = {})
      : content(what), stand(std::move(options)) {
    std::vector<ContentStand::Guest> guests{{1, kProvider}};
    seeder = &stand.add_peer(1, seeder_of(content));
    for (std::size_t i = 0; i < count; ++i) {
      const auto number = static_cast<unsigned>(2 + i);
      pp::PeerSettings settings = leecher_of(content);
      settings.random_order = i % 2 != 0;
      leechers.push_back(&stand.add_peer(number, settings, i % 3 == 2));
      guests.push_back({number, kReceiver, i % 3 == 2});
    }
    EXPECT_TRUE(stand.open(content->metadata(), guests, ContentStand::kSwarm, adjust));
  }
  void connect_all() {
    for (std::size_t i = 0; i < leechers.size(); ++i) leechers[i]->connect(stand.dp.now(), stand.appliance(i % 3 == 2));
  }
  [[nodiscard]] bool complete() const {
    return std::all_of(leechers.begin(), leechers.end(), [](const auto* l) { return l->complete(); });
  }
  void expect_all_identical() const {
    for (const auto* leecher : leechers) expect_identical(*leecher, content);
    expect_no_findings(*seeder);
  }

  ContentPtr content;
  ContentStand stand;
  pp::PpsppPeer* seeder = nullptr;
  std::vector<pp::PpsppPeer*> leechers;
};

class AllServe : public testing::TestWithParam<double> {};

TEST_P(AllServe, WhatOneOwns) {
  Hall hall(chunks_of(500), 12);
  hall.stand.faults = {.loss = GetParam(), .duplicate = GetParam() / 10, .delay = GetParam()};
  hall.connect_all();
  EXPECT_TRUE(hall.stand.run_ms(120'000, [&] { return hall.complete(); }));
  hall.expect_all_identical();
  expect_all_honest(hall.stand);
  EXPECT_GE(serving_workers(hall.stand), 3u) << "twelve addresses fall to one or two of four workers once in thousands of times, and these do not";
  EXPECT_EQ(hall.stand.dp.count(Counter::kPpsppChunksVerified), 500u) << "fetched and verified once";
  hall.stand.run_ms(2000);
  const abi::SwarmInfo info = hall.stand.swarm_info();
  EXPECT_EQ(info.served_bytes, hall.stand.dp.count(Counter::kPpsppBytesServed));
  EXPECT_GE(info.served_bytes, 12 * hall.content->bytes().size());
  for (unsigned number = 2; number < 14; ++number) {
    const abi::PeerInfo peer = hall.stand.info_of(number);
    EXPECT_EQ(peer.channels, 1u) << number;
    EXPECT_GE(peer.acknowledged_bytes, hall.content->bytes().size() * 8 / 10) << number << ": as far as its acknowledgements were not lost";
  }
  expect_sound(hall.stand);
}

INSTANTIATE_TEST_SUITE_P(Loss, AllServe, testing::Values(0.0, 0.01, 0.1),
                         [](const auto& p) { return "Percent" + std::to_string(static_cast<int>(p.param * 100)); });

// What others' receivers lack is fetched again, and hashes that are not kept are made from chunks that another worker holds.
TEST(Workers, EvictedChunksComeBackForReceiversElsewhere) {
  Hall hall(content_of(4 * kMiB), 6, with_workers(kMiB), [](abi::Swarm& m) { m.stored_level = 4; });
  hall.leechers.front()->connect(hall.stand.dp.now(), hall.stand.appliance());
  EXPECT_TRUE(hall.stand.run_ms(200'000, [&] { return hall.leechers.front()->complete(); }));
  hall.connect_all();
  EXPECT_TRUE(hall.stand.run_ms(600'000, [&] { return hall.complete(); }));
  hall.expect_all_identical();
  expect_all_honest(hall.stand);
  EXPECT_GE(serving_workers(hall.stand), 3u);
  const abi::SwarmInfo info = hall.stand.swarm_info();
  EXPECT_LE(info.cached_bytes, kMiB * 3 / 2) << "the arena is rounded up to huge pages, and shared out";
  EXPECT_GE(info.chunks_evicted, 3 * 1024u);
  EXPECT_GE(info.chunks_refetched, 2 * 1024u);
  expect_sound(hall.stand);
}

TEST(Workers, PreloadedContentIsServedByAll) {
  Hall hall(chunks_of(300), 8, with_workers(), [](abi::Swarm& m) { m.source = abi::SwarmSource::kPreloaded; });
  hall.stand.take_away(1);
  ASSERT_TRUE(hall.stand.dp.apply({preload(abi::ContentKind::kContent, hall.content->bytes())}));
  hall.connect_all();
  EXPECT_TRUE(hall.stand.run_ms(60'000, [&] { return hall.complete(); }));
  for (const auto* leecher : hall.leechers) expect_identical(*leecher, hall.content);
  EXPECT_EQ(hall.stand.dp.count(Counter::kPpsppChunksVerified), 0u);
  EXPECT_GE(serving_workers(hall.stand), 3u);
  expect_sound(hall.stand);
}

TEST(Workers, Rfc7574_6_1_LiveContentReachesReceiversOfAllWorkers) {
  Live live({"P256", SignatureAlgorithm::kEcdsaP256Sha256}, {}, pp::wire::kDiscardNothing, with_workers());
  ContentStand& stand = live.stand;
  std::vector<ContentStand::Guest> guests{{1, kProvider}};
  std::vector<pp::PpsppPeer*> leechers;
  for (unsigned number = 2; number < 10; ++number) {
    leechers.push_back(&stand.add_peer(number, live.leech("leecher")));
    guests.push_back({number, kReceiver});
  }
  ASSERT_TRUE(stand.open(live.metadata, guests, ContentStand::kSwarm, [](abi::Swarm& m) { m.munro_max_age_ms = ~0u; }));
  for (auto* leecher : leechers) leecher->connect(stand.dp.now(), stand.appliance());
  live.inject(32 * 6);
  const auto reached = [&](std::uint64_t chunk) {
    return std::all_of(leechers.begin(), leechers.end(), [&](const auto* l) { return l->has(chunk) && l->complete(); });
  };
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return reached(32 * 6 - 1); }));
  EXPECT_GE(serving_workers(stand), 3u);
  live.inject(32 * 4);
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return reached(32 * 10 - 1); }));
  for (auto* leecher : leechers) live.expect_true(*leecher);
  expect_all_honest(stand);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppSignatures), 10u);
}

// Revocation reaches the worker that serves, within one loop.
TEST(Workers, RemovalOfAnAdmissionClosesChannelsElsewhere) {
  Hall hall(chunks_of(4000), 8);
  ContentStand& stand = hall.stand;
  hall.connect_all();
  EXPECT_TRUE(stand.run_ms(20'000, [&] {
    return std::all_of(hall.leechers.begin(), hall.leechers.end(), [](const auto* l) { return l->chunks_held() >= 100; });
  }));
  ASSERT_EQ(stand.channels(), 9u);
  for (unsigned number = 2; number < 10; ++number) {
    ASSERT_TRUE(stand.dp.apply({Dataplane::remove(abi::MessageType::kAdmissionRemove, ContentStand::admission_of(number, 0).admission_id)}));
    EXPECT_EQ(stand.channels(), 10u - number) << "with the command";
  }
  stand.run_ms(5);
  for (const auto* leecher : hall.leechers) EXPECT_TRUE(leecher->channels().front().closed_by_remote);
  const std::uint64_t fetched = stand.dp.count(Counter::kPpsppChunksVerified);
  stand.run_ms(5000);
  EXPECT_LE(stand.dp.count(Counter::kPpsppChunksVerified), fetched + 200) << "on demand: without receivers nothing more is asked for";
  EXPECT_EQ(stand.dp.core().retired(), 0u);
  expect_sound(stand);
}

// Who may provide from now on is the owner's.
TEST(Workers, APeerMovesWhenItsAdmissionChanges) {
  Hall hall(chunks_of(2000), 8);
  ContentStand& stand = hall.stand;
  hall.connect_all();
  EXPECT_TRUE(stand.run_ms(20'000, [&] {
    return std::all_of(hall.leechers.begin(), hall.leechers.end(), [](const auto* l) { return l->chunks_held() >= 50; });
  }));
  std::vector<dataplane::Operation> changed;
  for (unsigned number = 2; number < 10; ++number)
    changed.push_back(ContentStand::admission_of(number, kReceiver | abi::kAdmitProvide, ContentStand::kSwarm, (number - 2) % 3 == 2));
  ASSERT_TRUE(stand.dp.apply(changed));
  EXPECT_EQ(stand.dp.core().worker(stand.swarm_info().worker).peers()->channels(), stand.channels());
  EXPECT_TRUE(stand.run_ms(120'000, [&] { return hall.complete(); }));
  for (const auto* leecher : hall.leechers) EXPECT_TRUE(leecher->identical_to(hall.content->bytes())) << leecher->chunks_held();
  EXPECT_EQ(stand.dp.core().worker(stand.swarm_info().worker).peers()->channels(), stand.channels());
  EXPECT_EQ(stand.dp.leaked(), 0u);
  EXPECT_EQ(stand.told(abi::EventKind::kPeerVerdict), 0u);
  expect_sound(stand);
}

TEST(Workers, TheRateOfASwarmIsOneForAllWorkers) {
  constexpr std::uint64_t kRate = 200'000;
  Hall hall(chunks_of(4000), 8, with_workers(), [](abi::Swarm& m) { m.send_bytes_per_s = kRate; });
  hall.connect_all();
  hall.stand.run_ms(1000);
  EXPECT_GE(serving_workers(hall.stand), 3u);
  const std::uint64_t before = hall.stand.swarm_info().served_bytes;
  hall.stand.run_ms(10'000);
  const std::uint64_t served = hall.stand.swarm_info().served_bytes - before;
  EXPECT_LE(served, 10 * kRate + 64 * 1024 + kWorkers * 1024);
  EXPECT_GE(served, 9 * kRate);
}

}  // namespace
}  // namespace mediaward::test
