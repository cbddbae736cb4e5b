// SPDX-License-Identifier: Apache-2.0
// Peers that tamper, that swallow requests, or that are merely slow, beside honest ones: nothing wrong is ever served, who did it is named
// with proof, and who did not is left alone (3GPP TR 22.906; RFC 7574 §12.6, §12.7).
#include "tests/content/content_case.h"

namespace mediaward::test {
namespace {

using pp::Attack;

abi::PeerCommand command(abi::PeerCommandKind kind, unsigned number, std::uint64_t a = 0) {
  abi::PeerCommand m{};
  m.header = {abi::MessageType::kPeerCommand, 0, sizeof m, 0};
  m.swarm_id = ContentStand::kSwarm;
  m.kind = kind;
  m.family = abi::Family::kIpv4;
  std::memcpy(m.peer.address, ContentStand::endpoint_of(number).address.data(), 16);
  m.a = a;
  return m;
}

void expect_evidence_against(const ContentStand& stand, unsigned number) {
  ASSERT_FALSE(stand.evidence.empty());
  const auto guilty = ContentStand::endpoint_of(number);
  for (const auto& e : stand.evidence) {
    EXPECT_EQ(e.swarm_id, ContentStand::kSwarm);
    EXPECT_EQ(e.peer, guilty.address);
    EXPECT_EQ(e.peer_port, guilty.port);
    EXPECT_EQ(e.local_port, ContentStand::kPort);
    EXPECT_NE(e.channel, 0u);
    EXPECT_FALSE(e.from_guard);
  }
}

struct Wrong {
  Attack attack;
  std::uint32_t every;
};
class Tampering : public testing::TestWithParam<Wrong> {};

TEST_P(Tampering, Rfc7574_12_6_3_IsFoundAndBannedAndHarmsNobody) {
  const ContentPtr content = chunks_of(400);
  ContentStand stand;
  pp::PeerSettings slow = seeder_of(content);
  slow.send_window = 1;  // so that the other one is asked as well
  auto& honest = stand.add_peer(1, slow);
  auto& tamperer = stand.add_peer(2, seeder_of(content, {.attack = GetParam().attack, .every = GetParam().every}));
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {2, kProvider}, {3, kReceiver}}));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return leecher.complete(); }));
  EXPECT_TRUE(stand.run_ms(3'000, [&] { return stand.verdicts(abi::ConductVerdict::kTampering, 2) != 0; }));
  expect_identical(leecher, content);
  expect_no_findings(honest);
  EXPECT_GE(tamperer.counters().misdeeds, 2u);
  EXPECT_EQ(stand.verdicts(abi::ConductVerdict::kTampering, 2), 1u);
  EXPECT_EQ(stand.told(abi::EventKind::kPeerVerdict, 1), 0u);
  EXPECT_EQ(stand.told(abi::EventKind::kPeerVerdict, 3), 0u);
  expect_evidence_against(stand, 2);
  EXPECT_EQ(stand.info_of(2).action, static_cast<std::uint8_t>(abi::ConductAction::kBan));
  EXPECT_NE(stand.info_of(2).ban_ends_ns, 0u);
  EXPECT_EQ(stand.info_of(2).bad, stand.evidence.size());
  EXPECT_EQ(stand.swarm_info().chunks_verified, 400u);
  stand.run_ms(1000);
  for (const auto& channel : tamperer.channels()) EXPECT_FALSE(channel.open);
  expect_sound(stand);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Tampering,
                         testing::Values(Wrong{Attack::kTamper, 1}, Wrong{Attack::kTamper, 3}, Wrong{Attack::kTamperHash, 1},
                                         Wrong{Attack::kTamperHash, 4}),
                         [](const auto& p) {
                           return std::string(p.param.attack == Attack::kTamper ? "Chunks" : "Hashes") + std::to_string(p.param.every);
                         });

// The evidence is the chunk's own: its digest is not the leaf's.
TEST(Conduct, EvidenceNamesChunkAndNode) {
  const ContentPtr content = chunks_of(64);
  ContentStand stand;
  stand.add_peer(2, seeder_of(content, {.attack = Attack::kTamper, .every = 2}));
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{2, kProvider}, {3, kReceiver}}));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(10'000, [&] { return stand.evidence.size() >= 2; }));
  for (const auto& e : stand.evidence) {
    ASSERT_LT(e.chunk, 64u);
    EXPECT_EQ(e.kind, abi::EvidenceKind::kBadChunk);
    EXPECT_EQ(e.bytes, content->metadata().length_of(e.chunk));
    EXPECT_EQ(e.chunk >> e.node_level, e.node_index) << "a node above the chunk";
    const auto leaf = content->node(0, e.chunk);
    EXPECT_FALSE(std::equal(leaf.begin(), leaf.end(), e.digest.begin()));
  }
}

TEST(Conduct, ATampererAloneHasNothingServed) {
  const ContentPtr content = chunks_of(64);
  ContentStand stand;
  auto& tamperer = stand.add_peer(2, seeder_of(content, {.attack = Attack::kTamper, .every = 1}));
  pp::PeerSettings settings = leecher_of(content);
  settings.verifies = false;  // to see what would be let through
  auto& leecher = stand.add_peer(3, settings);
  ASSERT_TRUE(stand.open(content->metadata(), {{2, kProvider}, {3, kReceiver}}));
  leecher.connect(stand.dp.now(), stand.appliance());
  stand.run_ms(20'000);
  EXPECT_EQ(leecher.chunks_held(), 0u);
  EXPECT_EQ(leecher.counters().received_of(pp::wire::MessageType::kHave), 0u);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppChunksServed), 0u);
  EXPECT_GE(stand.dp.drops(DropReason::kPpsppBadChunk), 3u);
  EXPECT_LE(stand.dp.drops(DropReason::kPpsppBadChunk), 8u) << "after three nothing of it is hashed; eight are asked for at first";
  EXPECT_GE(tamperer.counters().misdeeds, 3u);
  EXPECT_EQ(stand.verdicts(abi::ConductVerdict::kTampering, 2), 1u);
  expect_sound(stand);
}

TEST(Conduct, Rfc7574_12_7_ABanEndsByTimeAndByWord) {
  const ContentPtr content = chunks_of(300);
  for (const bool by_word : {false, true}) {
    ContentStand stand;
    auto& tamperer = stand.add_peer(2, seeder_of(content, {.attack = Attack::kTamper, .every = 2}));
    auto& leecher = stand.add_peer(3, leecher_of(content));
    ASSERT_TRUE(stand.open(content->metadata(), {{2, abi::kAdmitProvide}, {3, kReceiver}}, ContentStand::kSwarm,
                           [](abi::Swarm& m) { m.conduct.ban_s = 20; }));
    tamperer.connect(stand.dp.now(), stand.appliance());
    leecher.connect(stand.dp.now(), stand.appliance());
    EXPECT_TRUE(stand.run_ms(10'000, [&] { return stand.verdicts(abi::ConductVerdict::kTampering, 2) != 0; }));
    stand.run_ms(6'000);
    EXPECT_GT(stand.dp.drops(DropReason::kPpsppBanned), 0u) << "it tried to come back";
    EXPECT_EQ(stand.channels(), 1u);
    if (by_word) {
      ASSERT_TRUE(stand.dp.core().command_peer(command(abi::PeerCommandKind::kUnban, 2), {}));
    } else {
      EXPECT_TRUE(stand.run_ms(20'000, [&] { return stand.told(abi::EventKind::kPeerCleared, 2) != 0; }));
    }
    EXPECT_EQ(stand.info_of(2).action, 0u);
    tamperer.connect(stand.dp.now(), stand.appliance());
    EXPECT_TRUE(stand.run_ms(10'000, [&] { return stand.verdicts(abi::ConductVerdict::kTampering, 2) == 2; }))
        << "it may come back, and is judged anew";
    EXPECT_EQ(leecher.counters().chunks_bad, 0u);
    expect_sound(stand);
  }
}

class Holes : public testing::TestWithParam<Attack> {};

TEST_P(Holes, Rfc7574_12_6_IsFoundWithinBoundsBesideAnHonestSeeder) {
  const ContentPtr content = chunks_of(150);
  ContentStand stand;
  auto& honest = stand.add_peer(1, seeder_of(content, {.attack = Attack::kSlow, .delay_us = 50'000}));
  pp::PeerSettings hole = seeder_of(content, {.attack = GetParam()});
  hole.keep_alive_us = 2'000'000;
  stand.add_peer(2, hole);
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {2, kProvider}, {3, kReceiver}}));
  leecher.connect(stand.dp.now(), stand.appliance());
  const std::uint64_t begun = stand.dp.now();
  EXPECT_TRUE(stand.run_ms(40'000, [&] { return stand.verdicts(abi::ConductVerdict::kBlackHole, 2) != 0; }));
  const double found_s = static_cast<double>(stand.dp.now() - begun) / 1e6;
  EXPECT_GE(found_s, 10);  // segments of silence are no proof before that
  EXPECT_LE(found_s, 15);  // 10 s, and a look every second
  EXPECT_GE(stand.info_of(2).requested, 16u);
  EXPECT_EQ(stand.info_of(2).delivered, 0u);
  EXPECT_TRUE(stand.run_ms(30'000, [&] { return leecher.complete(); }));
  // 150 chunks at 20 a second take 7.5 s; what the hole kept for a second each comes on top.
  EXPECT_LE(static_cast<double>(*leecher.completed_us() - begun) / 1e6, 15);
  expect_identical(leecher, content);
  expect_no_findings(honest);
  EXPECT_EQ(stand.told(abi::EventKind::kPeerVerdict, 1), 0u);
  EXPECT_EQ(stand.told(abi::EventKind::kPeerVerdict, 3), 0u);
  expect_sound(stand);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Holes, testing::Values(Attack::kBlackHole, Attack::kSilentHole),
                         [](const auto& p) { return std::string(p.param == Attack::kBlackHole ? "HashesWithoutChunks" : "Silence"); });

// RFC 7574 §3.10: CHOKE is legal, and so is being slow.
class Honest : public testing::TestWithParam<pp::Misbehaviour> {};

TEST_P(Honest, Rfc7574_3_10_IsNeverBlamed) {
  const ContentPtr content = chunks_of(400);
  ContentStand stand;
  stand.faults = {.loss = 0.02};
  auto& seeder = stand.add_peer(1, seeder_of(content, GetParam()));
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {3, kReceiver}}));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(900'000, [&] { return leecher.complete(); }));
  stand.run_ms(30'000);
  expect_identical(leecher, content);
  expect_no_findings(seeder);
  expect_all_honest(stand);
  EXPECT_EQ(stand.info_of(1).score, 100u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Honest,
                         testing::Values(pp::Misbehaviour{.attack = Attack::kChoking, .delay_us = 300'000},
                                         pp::Misbehaviour{.attack = Attack::kChoking, .delay_us = 5'000'000},
                                         pp::Misbehaviour{.attack = Attack::kSlow, .delay_us = 100'000},
                                         pp::Misbehaviour{.attack = Attack::kSlow, .delay_us = 1'500'000}));

}  // namespace
}  // namespace mediaward::test
