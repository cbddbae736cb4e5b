// SPDX-License-Identifier: Apache-2.0
// The attacks of RFC 7574 §12.6 and what else was seen, each by an admitted peer of a swarm with an honest seeder and a leecher, beside a
// second swarm: the bound that stops it is named, and both leechers get their content byte by byte.
#include "tests/content/content_case.h"

namespace mediaward::test {
namespace {

using pp::Attack;

constexpr std::uint64_t kOther = 0x6000;
constexpr std::uint64_t kChunks = 200;

class Siege {
 public:
  explicit Siege(pp::Misbehaviour attack, bool as_leecher = false)
      : content(chunks_of(kChunks)), other(chunks_of(kChunks, 8)), stand(with_room()) {
    pp::PeerSettings slow = seeder_of(content);
    slow.send_window = 1;  // so that the attacker is asked as well
    honest = &stand.add_peer(2, slow);
    attacker = &stand.add_peer(1, as_leecher ? leecher_of(content, attack) : seeder_of(content, attack));
    leecher = &stand.add_peer(3, leecher_of(content));
    other_seeder = &stand.add_peer(4, seeder_of(other));
    other_leecher = &stand.add_peer(5, leecher_of(other));
    EXPECT_TRUE(
        stand.open(content->metadata(), {{1, as_leecher ? kReceiver : std::uint32_t{abi::kAdmitProvide}}, {2, kProvider}, {3, kReceiver}}));
    EXPECT_TRUE(stand.open(other->metadata(), {{4, kProvider}, {5, kReceiver}}, kOther));
  }

  // Until both leechers have everything, and so much longer.
  void run(std::uint64_t more_ms = 3000) {
    for (pp::PpsppPeer* peer : {attacker, leecher, other_leecher}) peer->connect(stand.dp.now(), stand.appliance());
    EXPECT_TRUE(stand.run_ms(60'000, [&] { return leecher->complete() && other_leecher->complete(); }));
    stand.run_ms(more_ms);
    expect_identical(*leecher, content);
    expect_identical(*other_leecher, other);
    expect_no_findings(*honest);
    expect_no_findings(*other_seeder);
    for (const unsigned number : {2u, 3u, 4u, 5u}) EXPECT_EQ(stand.told(abi::EventKind::kPeerVerdict, number), 0u) << number;
    EXPECT_GT(attacker->counters().misdeeds, 0u);
    expect_sound(stand, 8);
  }
  [[nodiscard]] std::uint64_t drops(DropReason reason) const { return stand.dp.drops(reason); }
  [[nodiscard]] std::uint64_t hash_calls() const { return stand.dp.count(Counter::kPpsppHashCalls); }

  ContentPtr content, other;
  ContentStand stand;
  pp::PpsppPeer *attacker, *honest, *leecher, *other_seeder, *other_leecher;

 private:
  static Dataplane::Options with_room() { return ContentStand::defaults(); }
};

// Two per chunk of both swarms and a path or two.
constexpr std::uint64_t kHonestHashes = 2 * 2 * kChunks + 32;

// left ‖ right of the root hashes to the root: without the length from the AS it would pass for the whole content.
TEST(Attack, Rfc7574_5_6_TruncationEndsAtTheLength) {
  const ContentPtr content = chunks_of(kChunks);
  ContentStand stand;
  auto& attacker = stand.add_peer(1, seeder_of(content, {.attack = Attack::kTruncation}));
  pp::PeerSettings settings = leecher_of(content);
  settings.verifies = false;
  auto& leecher = stand.add_peer(3, settings);
  auto& honest = stand.add_peer(2, seeder_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {3, kReceiver}}));
  leecher.connect(stand.dp.now(), stand.appliance());
  stand.run_ms(10'000);
  EXPECT_GT(attacker.counters().content_bytes_sent, 0u);
  EXPECT_GT(stand.dp.drops(DropReason::kPpsppChunkLength), 0u);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppHashCalls), 0u);
  EXPECT_EQ(leecher.chunks_held(), 0u);
  EXPECT_EQ(leecher.counters().received_of(pp::wire::MessageType::kHave), 0u);
  ASSERT_TRUE(stand.dp.apply({dataplane::Operation(ContentStand::admission_of(2, kProvider))}));
  EXPECT_TRUE(stand.run_ms(30'000, [&] { return leecher.complete(); }));
  expect_identical(leecher, content);
  expect_no_findings(honest);
  expect_sound(stand);
}

TEST(Attack, Rfc7574_5_1_ZeroHashesAreRefused) {
  Siege siege({.attack = Attack::kZeroHashes, .every = 2});
  siege.run();
  EXPECT_GT(siege.drops(DropReason::kPpsppBadHash), 0u);
  EXPECT_EQ(siege.drops(DropReason::kPpsppBadChunk), 0u) << "a zero never becomes part of a path";
}

TEST(Attack, Rfc7574_4_UnalignedHashesAreRefused) {
  Siege siege({.attack = Attack::kUnalignedHashes, .every = 2});
  siege.run();
  EXPECT_GT(siege.drops(DropReason::kPpsppBadHash) + siege.drops(DropReason::kPpsppMalformed), 0u);
  EXPECT_EQ(siege.drops(DropReason::kPpsppBadChunk), 0u);
}

TEST(Attack, Rfc7574_12_6_5_HashFloodIsNotHashed) {
  Siege siege({.attack = Attack::kHashFlood, .per_second = 1000});
  siege.run();
  EXPECT_GT(siege.stand.info_of(1).integrity_messages, 500u) << "until those of verified nodes prove it wrong";
  EXPECT_LE(siege.hash_calls(), kHonestHashes);
  EXPECT_GE(siege.stand.verdicts(abi::ConductVerdict::kHashFlood, 1) + siege.stand.verdicts(abi::ConductVerdict::kTampering, 1), 1u);
}

TEST(Attack, Rfc7574_12_6_5_LongPathsAreBounded) {
  Siege siege({.attack = Attack::kLongPaths});
  siege.run();
  const std::uint64_t bad = siege.drops(DropReason::kPpsppBadChunk);
  EXPECT_GE(bad, 2u);
  EXPECT_LE(bad, 8u) << "what was asked of it at first";
  EXPECT_LE(siege.hash_calls(), kHonestHashes + bad * (1 + 8)) << "leaf and path of 200 chunks";
  EXPECT_EQ(siege.stand.verdicts(abi::ConductVerdict::kTampering, 1), 1u);
}

TEST(Attack, Rfc7574_12_6_3_UnrequestedChunksAreNotHashed) {
  Siege siege({.attack = Attack::kUnrequestedData, .per_second = 500});
  siege.run(0);
  const std::uint64_t before = siege.hash_calls(), sent = siege.attacker->counters().misdeeds;
  siege.stand.run_ms(2000);
  EXPECT_GE(siege.attacker->counters().misdeeds, sent + 900);
  EXPECT_EQ(siege.hash_calls(), before);
  EXPECT_LE(siege.hash_calls(), kHonestHashes);
  EXPECT_GT(siege.drops(DropReason::kPpsppUnrequested) + siege.drops(DropReason::kPpsppDuplicate), 900u);
}

TEST(Attack, Rfc7574_5_6_WrongLengthsAreRefused) {
  Siege siege({.attack = Attack::kWrongLength, .every = 2});
  siege.run();
  EXPECT_GT(siege.drops(DropReason::kPpsppChunkLength), 0u);
  EXPECT_EQ(siege.drops(DropReason::kPpsppBadChunk), 0u);
}

TEST(Attack, Rfc7574_3_1_1_HandshakeFloodGetsNoAnswerAndNoState) {
  Siege siege({.attack = Attack::kHandshakeFlood, .per_second = 1000}, true);
  siege.run();
  EXPECT_GE(siege.drops(DropReason::kPpsppUnknownSwarm), siege.attacker->counters().misdeeds - 8);
  EXPECT_EQ(siege.attacker->counters().datagrams_received, 0u);
  EXPECT_EQ(siege.stand.info_of(1).admission_id, 0u) << "it has not become a peer";
  EXPECT_EQ(siege.stand.channels(), 4u);
}

TEST(Attack, Rfc7574_12_6_2_SpoofedPortsCostFourChannels) {
  Siege siege({.attack = Attack::kSpoofedPorts, .per_second = 200}, true);
  siege.run();
  EXPECT_LE(siege.stand.channels(), 4u + 4u);
  expect_no_findings(*siege.attacker);  // nothing but a HANDSHAKE went to ports that never answered
  EXPECT_TRUE(siege.stand.run_ms(70'000, [&] {
    siege.stand.take_away(1);
    return siege.stand.channels() == 4;
  })) << "they are forgotten";
}

TEST(Attack, Rfc7574_12_1_1_ChannelsCannotBeGuessed) {
  Siege siege({.attack = Attack::kChannelGuessing, .per_second = 1000}, true);
  siege.run();
  EXPECT_GE(siege.drops(DropReason::kPpsppUnknownChannel) + siege.drops(DropReason::kPpsppSourceMismatch),
            siege.attacker->counters().misdeeds - 8);
  EXPECT_EQ(siege.attacker->counters().datagrams_received, 0u);
}

class Storms : public testing::TestWithParam<Attack> {};

TEST_P(Storms, Rfc7574_12_6_AreCutOffByRate) {
  Siege siege({.attack = GetParam(), .per_second = 5000}, true);
  const std::uint64_t begun = siege.stand.dp.now();
  siege.run();
  const double seconds = static_cast<double>(siege.stand.dp.now() - begun) / 1e6;
  const std::uint64_t sent = siege.attacker->counters().misdeeds, refused = siege.drops(DropReason::kPpsppRateLimited);
  EXPECT_GT(sent, 10'000u);
  // 50 a second, 200 saved up, and what taught us something new: 256 ranges of HAVE at most.
  EXPECT_LE(static_cast<double>(sent - refused), 200 + 50 * seconds + 256 + 64);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Storms, testing::Values(Attack::kKeepAliveStorm, Attack::kHaveStorm),
                         [](const auto& p) { return std::string(p.param == Attack::kKeepAliveStorm ? "KeepAlives" : "Haves"); });

class Downgrades : public testing::TestWithParam<Attack> {};

TEST_P(Downgrades, Rfc7574_3_1_1_AreMetWithSilence) {
  Siege siege({.attack = GetParam()}, true);
  for (pp::PpsppPeer* peer : {siege.attacker, siege.leecher, siege.other_leecher})
    peer->connect(siege.stand.dp.now(), siege.stand.appliance());
  EXPECT_TRUE(siege.stand.run_ms(60'000, [&] { return siege.leecher->complete() && siege.other_leecher->complete(); }));
  siege.stand.run_ms(3000);
  expect_identical(*siege.leecher, siege.content);
  EXPECT_GE(siege.drops(DropReason::kPpsppMismatch), 2u);
  EXPECT_EQ(siege.attacker->counters().datagrams_received, 0u);
  EXPECT_EQ(siege.stand.channels(), 4u);
  expect_sound(siege.stand);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Downgrades, testing::Values(Attack::kNoIntegrity, Attack::kOtherHash),
                         [](const auto& p) { return std::string(p.param == Attack::kNoIntegrity ? "NoIntegrity" : "OtherHash"); });

// RFC 7574 §8.2: what stands before it counts, and the peer stays.
TEST(Attack, Rfc7574_8_2_UnknownMessagesEndTheDatagramOnly) {
  Siege siege({.attack = Attack::kUnknownMessage, .every = 3}, true);
  siege.run();
  EXPECT_GT(siege.drops(DropReason::kPpsppUnknownMessage), 0u);
  EXPECT_TRUE(siege.attacker->identical_to(siege.content->bytes()));
  EXPECT_EQ(siege.stand.told(abi::EventKind::kPeerVerdict), 0u);
}

// RFC 7574 §12.6.4, §3.9: who lies about delay gains nothing; who lies about reception is taken at its word, and lacks those hashes.
class Liars : public testing::TestWithParam<Attack> {};

TEST_P(Liars, Rfc7574_12_6_4_HarmNobodyElse) {
  Siege siege({.attack = GetParam(), .every = 2}, true);
  siege.run();
  if (GetParam() == Attack::kFalseAck) return;
  EXPECT_TRUE(siege.stand.run_ms(60'000, [&] { return siege.attacker->complete(); })) << siege.attacker->chunks_held();
  EXPECT_TRUE(siege.attacker->identical_to(siege.content->bytes()));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Liars, testing::Values(Attack::kForgedDelay, Attack::kFalseAck),
                         [](const auto& p) { return std::string(p.param == Attack::kForgedDelay ? "ForgedDelay" : "FalseAck"); });

// RFC 7574 §12.3: no datagram goes to who is not admitted.
TEST(Attack, Rfc7574_12_3_WhoIsNotAdmittedHearsNothing) {
  const ContentPtr content = chunks_of(50);
  ContentStand stand;
  pp::PeerSettings outside = leecher_of(content);
  outside.expects_silence = true;
  auto& stranger = stand.add_peer(7, outside);
  auto& stranger_v6 = stand.add_peer(8, outside, true);
  stand.add_peer(2, seeder_of(content));
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{2, kProvider}, {3, kReceiver}}));
  for (auto* peer : {&stranger, &leecher}) peer->connect(stand.dp.now(), stand.appliance());
  stranger_v6.connect(stand.dp.now(), stand.appliance(true));
  EXPECT_TRUE(stand.run_ms(30'000, [&] { return leecher.complete(); }));
  stand.run_ms(5000);
  expect_no_findings(stranger);
  expect_no_findings(stranger_v6);
  EXPECT_GE(stand.dp.drops(DropReason::kPpsppNotAdmitted), 4u);
  EXPECT_EQ(stand.channels(), 2u);
  expect_all_honest(stand);
}

}  // namespace
}  // namespace mediaward::test
