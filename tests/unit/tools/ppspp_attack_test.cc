// SPDX-License-Identifier: Apache-2.0
// Every attack of tools/ppspp/misbehaviour.h against the honest peer: it is what its name says, the honest side notices and says so, and
// gets its content all the same as soon as somebody honest is there. Those of live content are in ppspp_live_peer_test.cc.
#include <gtest/gtest.h>

#include <set>

#include "dataplane/wire/ppspp_message.h"
#include "tests/support/ppspp_link.h"
#include "tools/ppspp/peer.h"

namespace mediaward::tools::ppspp {
namespace {

using test::PpsppLink;
using wire::MessageType;

const Endpoint kHonest = endpoint_v4(0x0a000001, 6778), kAttacker = endpoint_v4(0x0a000002, 6778), kVictim = endpoint_v4(0x0a000003, 6778);
constexpr std::size_t kContentBytes = 60'000;

std::string text_of(const PpsppPeer& peer) {
  std::string text;
  for (const std::string& line : peer.findings()) text += line + "\n";
  return text;
}

class PpsppAttack : public testing::Test {
 protected:
  PpsppPeer& add(const std::string& name, Role role, const Endpoint& at, Misbehaviour misbehaviour = {}) {
    PeerSettings s{
        .name = name, .role = role, .metadata = content_->metadata(), .local = at, .seed = at.port + load_be32(at.address.data())};
    if (role == Role::kSeeder) s.content = content_;
    s.misbehaviour = misbehaviour;
    return link_.add(s);
  }
  // An attacker that seeds and a leecher that trusts nobody.
  PpsppPeer& attack_leecher(Misbehaviour misbehaviour) {
    attacker_ = &add("attacker", Role::kSeeder, kAttacker, misbehaviour);
    victim_ = &add("victim", Role::kLeecher, kVictim);
    victim_->connect(link_.now(), kAttacker);
    link_.run_for(3'000'000);
    EXPECT_GT(attacker_->counters().misdeeds, 0u);
    return *victim_;
  }
  // An attacker that leeches, or pretends to, and an honest seeder.
  PpsppPeer& attack_seeder(Misbehaviour misbehaviour) {
    victim_ = &add("victim", Role::kSeeder, kVictim);
    attacker_ = &add("attacker", Role::kLeecher, kAttacker, misbehaviour);
    attacker_->connect(link_.now(), kVictim);
    link_.run_for(3'000'000);
    return *victim_;
  }
  [[nodiscard]] bool says(const std::string& what) const { return text_of(*victim_).find(what) != std::string::npos; }

  std::shared_ptr<const Content> content_ = std::make_shared<Content>(random_bytes(kContentBytes, 1), 1024, wire::MerkleFunction::kSha256);
  PpsppLink link_{{.delay_us = 2000}};
  PpsppPeer *attacker_ = nullptr, *victim_ = nullptr;
};

TEST_F(PpsppAttack, Rfc7574_12_6_5_TamperedChunksAreRefused) {
  EXPECT_EQ(attack_leecher({.attack = Attack::kTamper}).chunks_held(), 0u);
  EXPECT_TRUE(says("does not hash to the root")) << text_of(*victim_);
  EXPECT_GT(victim_->counters().chunks_bad, 10u);
}
TEST_F(PpsppAttack, Rfc7574_12_6_5_EveryTenthChunkIsTampered) {
  EXPECT_TRUE(attack_leecher({.attack = Attack::kTamper, .every = 10}).identical_to(content_->bytes()));
  EXPECT_GT(victim_->counters().chunks_bad, 4u);
}
TEST_F(PpsppAttack, Rfc7574_12_6_5_TamperedHashes) {
  EXPECT_LT(attack_leecher({.attack = Attack::kTamperHash}).chunks_held(), content_->metadata().chunks());
  EXPECT_TRUE(says("does not hash to the root")) << text_of(*victim_);
}
TEST_F(PpsppAttack, Rfc7574_12_6_2_BlackHoleSendsHashesOnly) {
  EXPECT_EQ(attack_leecher({.attack = Attack::kBlackHole}).counters().received_of(MessageType::kData), 0u);
  EXPECT_GT(victim_->counters().received_of(MessageType::kIntegrity), 100u);
  EXPECT_EQ(victim_->channels().at(0).claimed, content_->metadata().chunks());
}
TEST_F(PpsppAttack, Rfc7574_12_6_2_SilentHoleSendsNothing) {
  EXPECT_EQ(attack_leecher({.attack = Attack::kSilentHole}).counters().received_of(MessageType::kIntegrity), 0u);
  EXPECT_GT(victim_->counters().requests_repeated, 32u);
}
TEST_F(PpsppAttack, Rfc7574_12_6_5_HashFlood) {
  EXPECT_GT(attack_leecher({.attack = Attack::kHashFlood, .per_second = 100}).counters().received_of(MessageType::kIntegrity), 5000u);
  EXPECT_EQ(victim_->counters().received_of(MessageType::kData), 0u);
  EXPECT_TRUE(says("two hashes of one node")) << text_of(*victim_);
}
TEST_F(PpsppAttack, Rfc7574_12_6_2_UnderClaimShowsHalf) {
  EXPECT_EQ(attack_leecher({.attack = Attack::kUnderClaim}).chunks_held(), content_->metadata().chunks() / 2);
}
TEST_F(PpsppAttack, Rfc7574_5_6_ChildrenOfTheRootAsContent) {
  attacker_ = &add("attacker", Role::kSeeder, kAttacker, {.attack = Attack::kTruncation});
  victim_ = &add("victim", Role::kLeecher, kVictim);
  victim_->connect(link_.now(), kAttacker);
  link_.run_for(3'000'000);
  EXPECT_EQ(victim_->chunks_held(), 0u);
  EXPECT_TRUE(says("wrong length, first chunk 0")) << text_of(*victim_);
  // Who believes the length that the attacker tells believes the content, and every hash of it.
  Metadata believed = content_->metadata();
  believed.content_bytes = 64;
  PpsppPeer& gullible = link_.add({.name = "gullible", .metadata = believed, .local = kHonest});
  gullible.connect(link_.now(), kAttacker);
  link_.run_for(3'000'000);
  EXPECT_TRUE(gullible.complete());
  EXPECT_EQ(gullible.counters().chunks_good, 1u);
}
TEST_F(PpsppAttack, Rfc7574_5_1_AllZeroHashes) {
  attack_leecher({.attack = Attack::kZeroHashes});
  EXPECT_TRUE(says("all-zero hash of a node with content")) << text_of(*victim_);
  EXPECT_FALSE(victim_->complete());
}
TEST_F(PpsppAttack, Rfc7574_5_2_HashesOfWhatIsNoNode) {
  attack_leecher({.attack = Attack::kUnalignedHashes});
  EXPECT_TRUE(says("cannot be read, first range that the message cannot have")) << text_of(*victim_);
  EXPECT_EQ(victim_->chunks_held(), 0u);
  EXPECT_EQ(victim_->counters().chunks_bad, 0u);  // none of them was a node by chance
}
TEST_F(PpsppAttack, Rfc7574_5_2_HashesOfNodesBeyondTheContentInBins) {
  content_ = std::make_shared<Content>(random_bytes(kContentBytes, 1), 1024, wire::MerkleFunction::kSha256, wire::Addressing::kBin32);
  attack_leecher({.attack = Attack::kUnalignedHashes});
  EXPECT_TRUE(says("no node of the tree")) << text_of(*victim_);
}
TEST_F(PpsppAttack, Rfc7574_12_6_5_LongPathsToBadChunks) {
  EXPECT_EQ(attack_leecher({.attack = Attack::kLongPaths}).chunks_held(), 0u);
  const PeerCounters& c = attacker_->counters();
  EXPECT_GT(c.sent_of(MessageType::kIntegrity), 5 * c.sent_of(MessageType::kData));  // 59 chunks: six levels below the root
  EXPECT_TRUE(says("does not hash to the root")) << text_of(*victim_);
}
TEST_F(PpsppAttack, Rfc7574_12_6_5_UnrequestedChunks) {
  attacker_ = &add("attacker", Role::kSeeder, kAttacker, {.attack = Attack::kUnrequestedData, .per_second = 100});
  PeerSettings s{.name = "victim", .metadata = content_->metadata(), .local = kVictim, .want = wire::ChunkRange{0, 4}};
  victim_ = &link_.add(s);
  victim_->connect(link_.now(), kAttacker);
  link_.run_for(3'000'000);
  EXPECT_EQ(victim_->chunks_held(), 5u);
  EXPECT_GT(victim_->counters().chunks_unrequested, 200u);
  EXPECT_TRUE(says("a chunk that was not requested, first chunk 5")) << text_of(*victim_);
}
TEST_F(PpsppAttack, Rfc7574_8_6_ChunksOfAWrongLength) {
  EXPECT_EQ(attack_leecher({.attack = Attack::kWrongLength}).chunks_held(), 0u);
  EXPECT_TRUE(says("a chunk of a wrong length")) << text_of(*victim_);
}
TEST_F(PpsppAttack, Rfc7574_12_6_2_OverClaimHasEveryOtherChunk) {
  attack_leecher({.attack = Attack::kOverClaim});
  EXPECT_EQ(victim_->channels().at(0).claimed, content_->metadata().chunks());
  EXPECT_EQ(victim_->chunks_held(), (content_->metadata().chunks() + 1) / 2);
  EXPECT_FALSE(victim_->has(1));
}
TEST_F(PpsppAttack, Rfc7574_12_6_4_ForgedDelay) {
  std::set<std::uint64_t> delays;
  link_.on_send = [&](const Datagram& d) {
    wire::MessageReader reader(ConstBytes(d.payload).subspan(wire::kChannelBytes), content_->metadata().framing());
    for (wire::Message m; reader.next(m);)
      if (m.type == MessageType::kAck) delays.insert(m.timestamp);
  };
  attack_seeder({.attack = Attack::kForgedDelay});
  EXPECT_TRUE(attacker_->identical_to(content_->bytes()));
  EXPECT_EQ(delays, (std::set<std::uint64_t>{1}));
}
TEST_F(PpsppAttack, Rfc7574_12_6_4_AcksOfWhatNeverCame) {
  attack_seeder({.attack = Attack::kFalseAck});
  EXPECT_TRUE(says("acknowledged a range of which nothing was sent")) << text_of(*victim_);
}
TEST_F(PpsppAttack, Rfc7574_8_3_GuessedChannels) {
  attack_seeder({.attack = Attack::kChannelGuessing, .per_second = 100});
  EXPECT_GT(victim_->counters().channels_unknown, 200u);
  EXPECT_EQ(victim_->counters().datagrams_sent, 0u);
  EXPECT_EQ(text_of(*attacker_), "");
}
TEST_F(PpsppAttack, Rfc7574_3_12_KeepAliveStorm) {
  attack_seeder({.attack = Attack::kKeepAliveStorm, .per_second = 1000});
  EXPECT_GT(victim_->counters().keep_alives_received, 2000u);
  EXPECT_TRUE(says("keep-alives in a second")) << text_of(*victim_);
}
TEST_F(PpsppAttack, Rfc7574_12_6_2_HaveStorm) {
  attack_seeder({.attack = Attack::kHaveStorm, .per_second = 10});
  EXPECT_GT(victim_->counters().received_of(MessageType::kHave), 3000u);
}
TEST_F(PpsppAttack, Rfc7574_12_1_2_HandshakeFloodIsNotAnswered) {
  attack_seeder({.attack = Attack::kHandshakeFlood, .per_second = 100});
  EXPECT_GT(victim_->counters().received_of(MessageType::kHandshake), 200u);
  EXPECT_EQ(victim_->counters().datagrams_sent, 0u);
  EXPECT_EQ(victim_->channels().size(), 0u);
}
TEST_F(PpsppAttack, Rfc7574_12_1_2_SpoofedPortsGetNoContent) {
  std::set<std::uint16_t> ports;
  std::size_t others = 0;
  link_.on_send = [&](const Datagram& d) {
    if (d.from == kVictim) others += wire::begins_with_handshake(ConstBytes(d.payload).subspan(wire::kChannelBytes)) ? 0 : 1;
    if (d.from != kVictim) ports.insert(d.from.port);
  };
  attack_seeder({.attack = Attack::kSpoofedPorts, .per_second = 100});
  EXPECT_GT(ports.size(), 200u);
  EXPECT_EQ(others, 0u);
}
TEST_F(PpsppAttack, Rfc7574_12_5_NoIntegrityIsMetWithSilence) {
  attack_seeder({.attack = Attack::kNoIntegrity});
  EXPECT_EQ(victim_->counters().datagrams_sent, 0u);
  EXPECT_TRUE(says("content integrity method 0")) << text_of(*victim_);
}
TEST_F(PpsppAttack, Rfc7574_7_6_AnotherHashIsMetWithSilence) {
  attack_seeder({.attack = Attack::kOtherHash});
  EXPECT_EQ(victim_->counters().datagrams_sent, 0u);
  EXPECT_TRUE(says("another Merkle hash function")) << text_of(*victim_);
}
TEST_F(PpsppAttack, Rfc7574_8_2_UnknownMessages) {
  attack_seeder({.attack = Attack::kUnknownMessage});
  EXPECT_TRUE(says("cannot be read")) << text_of(*victim_);
  EXPECT_TRUE(attacker_->complete());  // what stands before it counts
}
TEST_F(PpsppAttack, Rfc7574_3_10_SlowAndChokingAreHonest) {
  for (const Attack attack : {Attack::kSlow, Attack::kChoking}) {
    PpsppLink link({.delay_us = 2000});
    PeerSettings seeds{.name = "seeder", .role = Role::kSeeder, .metadata = content_->metadata(), .content = content_, .local = kAttacker};
    seeds.misbehaviour = {.attack = attack, .delay_us = attack == Attack::kSlow ? 20'000u : 15'000u};
    PpsppPeer& seeder = link.add(seeds);
    PpsppPeer& leecher = link.add({.name = "leecher", .metadata = content_->metadata(), .local = kVictim, .request_window = 4});
    leecher.connect(link.now(), kAttacker);
    ASSERT_TRUE(link.run_until([&] { return leecher.complete(); })) << leecher.chunks_held();
    EXPECT_TRUE(leecher.identical_to(content_->bytes()));
    EXPECT_EQ(text_of(leecher) + text_of(seeder), "");
    EXPECT_EQ(seeder.counters().sent_of(MessageType::kChoke) > 0, attack == Attack::kChoking);
    EXPECT_TRUE(attack != Attack::kSlow || *leecher.completed_us() > 58 * 20'000u);
  }
}

// Whatever one seeder does, an honest one beside it is enough.
class PpsppAttackBesideHonesty : public testing::TestWithParam<Attack> {};
TEST_P(PpsppAttackBesideHonesty, Rfc7574_12_6_ContentArrivesAllTheSame) {
  const auto content = std::make_shared<const Content>(random_bytes(kContentBytes, 1), 1024, wire::MerkleFunction::kSha256);
  PpsppLink link({.loss = 0.01, .delay_us = 2000});
  PeerSettings honest{
      .name = "honest", .role = Role::kSeeder, .metadata = content->metadata(), .content = content, .local = kHonest, .seed = 3};
  PeerSettings attacker = honest;
  attacker.name = "attacker";
  attacker.local = kAttacker;
  attacker.misbehaviour = {.attack = GetParam(), .every = 3, .per_second = 200, .delay_us = 50'000};
  link.add(honest);
  link.add(attacker);
  PpsppPeer& leecher = link.add({.name = "leecher", .metadata = content->metadata(), .local = kVictim, .request_timeout_us = 100'000});
  leecher.connect(link.now(), kHonest);
  leecher.connect(link.now(), kAttacker);
  EXPECT_TRUE(link.run_until([&] { return leecher.complete(); })) << leecher.chunks_held() << "\n" << text_of(leecher);
  EXPECT_TRUE(leecher.identical_to(content->bytes()));
}
INSTANTIATE_TEST_SUITE_P(All, PpsppAttackBesideHonesty, testing::ValuesIn(*parse_attacks("all")), [](const auto& of) {
  std::string name(ppspp::info(of.param).name);
  std::erase(name, '-');
  return name;
});

TEST(PpsppAttackNames, ReadAsTheyArePrinted) {
  const auto two = parse_attacks("tamper,black-hole");
  ASSERT_TRUE(two);
  EXPECT_EQ(*two, (std::vector{Attack::kTamper, Attack::kBlackHole}));
  EXPECT_EQ(*parse_attacks("blackhole"), (std::vector{Attack::kBlackHole}));
  EXPECT_EQ(parse_attacks("all")->size(), kAttacks - 1);
  const auto wrong = parse_attacks("tamper,flattery");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("\"flattery\" is no attack: all, tamper"), std::string::npos) << wrong.error().message;
}

}  // namespace
}  // namespace mediaward::tools::ppspp
