// SPDX-License-Identifier: Apache-2.0
// Desired state of media: modes and their keys, MKIs, lifetimes, allowed suites, learning, RTCP ports, topology, rekeying, muting.
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/control/store_fixture.h"

namespace mediaward::control::test {
namespace {

using abi::TopologyRelation;

class StoreMedia : public StoreFixture {
 protected:
  // A leg of a conference "c" of its own, changed, must be refused at that field.
  void expect_leg_refused(const std::string& field, const std::string& words, const std::function<void(Leg&)>& change) {
    LegRequest leg = make_leg("c", "alice", 0);
    change(leg.leg);
    expect_refused({make_conference("c"), leg}, ErrorCode::kInvalid, "leg c/alice", field, words);
  }
  [[nodiscard]] const Leg& leg(const std::string& id) const { return *state->legs.at(id); }
};

TEST_F(StoreMedia, EveryEncryptingSuiteIsTakenAndNullIsNot) {
  for (const auto& row : crypto::kSuites) {
    LegRequest one = make_leg("c", "alice", 0);
    one.leg.receive_key = make_key(1, row.id);
    if (row.transform != crypto::Transform::kNullHmacSha1)
      EXPECT_TRUE(apply({make_conference("c"), one})) << row.name;
    else
      expect_refused({make_conference("c"), one}, ErrorCode::kInvalid, "leg c/alice", "leg.receive_key.suite", "policy.allowed_suites");
  }
  suites.allowed = {crypto::Suite::kNullHmacSha1_80, crypto::Suite::kAesCm128HmacSha1_80};
  LegRequest null = make_leg("c", "alice", 0);
  null.leg.receive_key = make_key(1, crypto::Suite::kNullHmacSha1_80);
  EXPECT_TRUE(apply({make_conference("c"), null})) << "named by the operator";
  null.leg.send_key = make_key(1, crypto::Suite::kAeadAes128Gcm);
  expect_refused({null}, ErrorCode::kInvalid, "leg c/alice", "leg.send_key.suite", "AEAD_AES_128_GCM is not allowed here");
}

TEST_F(StoreMedia, Rfc3711_3_1_MkisTellReceiveKeysApart) {
  const auto with = [](std::vector<std::uint8_t> first, std::vector<std::vector<std::uint8_t>> more) {
    return [=](Leg& leg) {
      leg.receive_key.mki = first;
      for (const auto& mki : more) {
        leg.more_receive_keys.push_back(make_key(static_cast<std::uint8_t>(60 + leg.more_receive_keys.size())));
        leg.more_receive_keys.back().mki = mki;
      }
    };
  };
  expect_leg_refused("leg.receive_key.mki", "at most 128 bytes", with(std::vector<std::uint8_t>(129), {}));
  expect_leg_refused("leg.more_receive_keys[0].mki", "have one length", with({1}, {{2, 3}}));
  expect_leg_refused("leg.more_receive_keys[0].mki", "have one length", with({1}, {{}}));
  expect_leg_refused("leg.more_receive_keys[0].mki", "also that of leg.receive_key", with({1}, {{1}}));
  expect_leg_refused("leg.more_receive_keys[1].mki", "also that of leg.more_receive_keys[0]", with({1}, {{2}, {2}}));
  expect_leg_refused("leg.more_receive_keys", "at most two receive keys", with({}, {{}, {}}));
  expect_leg_refused("leg.more_receive_keys", "at most 3 can be kept", with({1}, {{2}, {3}, {4}, {5}}));
  for (const auto& good : {with({}, {{}}), with({1}, {{2}, {3}, {4}}), with(std::vector<std::uint8_t>(128), {})}) {
    LegRequest one = make_leg("c", "alice", 0);
    good(one.leg);
    EXPECT_TRUE(apply({make_conference("c"), one}));
  }
}

TEST_F(StoreMedia, Rfc3711_9_2_LifetimesHaveLimits) {
  expect_leg_refused("leg.send_key.lifetime_packets", "2^48", [](Leg& leg) { leg.send_key.lifetime_packets = (1ull << 48) + 1; });
  expect_leg_refused("leg.send_key.lifetime_srtcp_packets", "2^31",
                     [](Leg& leg) { leg.send_key.lifetime_srtcp_packets = (1ull << 31) + 1; });
  LegRequest most = make_leg("c", "alice", 0);
  most.leg.send_key.lifetime_packets = 1ull << 48;
  most.leg.send_key.lifetime_srtcp_packets = 1ull << 31;
  EXPECT_TRUE(apply({make_conference("c"), most}));
}

TEST_F(StoreMedia, ADirectionHasOneSuiteAndNoKeyTwice) {
  expect_leg_refused("leg.more_send_keys[1]", "is the key of leg.more_send_keys[0] again", [](Leg& leg) {
    leg.more_send_keys = {make_key(9), make_key(9)};
  });
  expect_leg_refused("leg.more_send_keys[0].mki", "have one length", [](Leg& leg) {
    leg.more_send_keys = {make_key(9)};
    leg.more_send_keys[0].mki = {1};
  });
  expect_leg_refused("leg.more_send_keys[0].suite", "all keys of a direction have one suite",
                     [](Leg& leg) { leg.more_send_keys = {make_key(9, crypto::Suite::kAeadAes128Gcm)}; });
  expect_leg_refused("leg.more_send_keys[0].master_key", "has 0 bytes", [](Leg& leg) {
    leg.more_send_keys.resize(1);
    leg.more_send_keys[0].suite = crypto::Suite::kAesCm128HmacSha1_80;
  });
  Conference group = make_group("c");
  group.group_keys[1] = make_key(9, crypto::Suite::kAeadAes128Gcm);
  expect_refused({group}, ErrorCode::kInvalid, "conference c", "conference.group_keys[1].suite", "have one suite");
  group.group_keys[1] = group.group_keys[0];
  expect_refused({group}, ErrorCode::kInvalid, "conference c", "conference.group_keys[1]", "is the key of conference.group_keys[0] again");
  group.group_keys[1] = make_key(91);
  group.group_keys[1].mki = {1};
  expect_refused({group}, ErrorCode::kInvalid, "conference c", "conference.group_keys[1].mki", "have one length");
}

TEST_F(StoreMedia, EachModeHasItsKeys) {
  Conference group = make_group("c");
  group.group_keys.clear();
  expect_refused({group}, ErrorCode::kInvalid, "conference c", "conference.group_keys", "needs one or two keys, not 0");
  group.group_keys.assign(3, make_key(1));
  expect_refused({group}, ErrorCode::kInvalid, "conference c", "conference.group_keys", "needs one or two keys, not 3");
  Conference plain = make_conference("c");
  plain.group_keys = {make_key(1)};
  expect_refused({plain}, ErrorCode::kInvalid, "conference c", "conference.group_keys", "GROUP_KEY only");
  expect_refused({make_group("c"), make_leg("c", "alice", 1)}, ErrorCode::kInvalid, "leg c/alice", "leg.send_key", "group key seals");
  Conference relay = make_conference("c");
  relay.mode = abi::ForwardingMode::kRelay;
  expect_refused({relay, make_leg("c", "alice", 1)}, ErrorCode::kInvalid, "leg c/alice", "leg.send_key", "a relay seals nothing");
  LegRequest bare = make_listener("c", "alice", 1);
  expect_refused({make_conference("c"), bare}, ErrorCode::kInvalid, "leg c/alice", "leg.send_key", "is missing");
  bare.leg.receive_key = {};
  bare.has_receive_key = false;
  expect_refused({make_group("c"), bare}, ErrorCode::kInvalid, "leg c/alice", "leg.receive_key", "is missing");
  bare.leg.more_receive_keys = {make_key(1)};
  expect_refused({relay, bare}, ErrorCode::kInvalid, "leg c/alice", "leg.more_receive_keys", "leg.receive_key must be given");
  bare.leg.more_receive_keys.clear();
  EXPECT_TRUE(apply({relay, bare, make_listener("c", "bob", 2)})) << "a relay may or may not know a key";
  EXPECT_FALSE(leg("c/alice").receive_key.present());
}

TEST_F(StoreMedia, NothingIsLearnedWithoutAKey) {
  Conference relay = make_conference("c");
  relay.mode = abi::ForwardingMode::kRelay;
  LegRequest bare = make_listener("c", "alice", 1);
  bare.leg.receive_key = {};
  bare.leg.source_policy = abi::SourcePolicy::kLatch;
  expect_refused({relay, bare}, ErrorCode::kInvalid, "leg c/alice", "leg.source_policy", "authentic packets");
  bare.leg.source_policy = abi::SourcePolicy::kExact;
  bare.leg.ssrc_policy = abi::SsrcPolicy::kFirstAuthenticated;
  expect_refused({relay, bare}, ErrorCode::kInvalid, "leg c/alice", "leg.ssrc_policy", "authentic packets");
}

TEST_F(StoreMedia, RemoteMayBeUnknownToALatchingLegOnly) {
  expect_leg_refused("leg.remote.udp_port", "1 to 65535", [](Leg& leg) { leg.remote = {}; });
  LegRequest latching = make_leg("c", "alice", 0);
  latching.leg.remote = {};
  latching.leg.source_policy = abi::SourcePolicy::kLatch;
  latching.leg.source_filter = {abi::Family::kIpv4, {192, 0, 2}, 24};
  EXPECT_TRUE(apply({make_conference("c"), latching}));
  EXPECT_EQ(leg("c/alice").source_filter.text(), "192.0.2.0/24");
  expect_leg_refused("leg.source_filter", "EXACT", [](Leg& leg) { leg.source_filter = {abi::Family::kIpv4, {192, 0, 2}, 24}; });
  expect_leg_refused("leg.source_filter", "address family", [](Leg& leg) {
    leg.source_policy = abi::SourcePolicy::kRelatch;
    leg.source_filter = {abi::Family::kIpv6, {0x20, 1}, 16};
  });
}

TEST_F(StoreMedia, NumbersHaveRanges) {
  expect_leg_refused("leg.replay_window", "64 to 8192", [](Leg& leg) { leg.replay_window = 63; });
  expect_leg_refused("leg.replay_window", "64 to 8192", [](Leg& leg) { leg.replay_window = 8193; });
  Conference loud = make_conference("c");
  loud.speakers.hysteresis_db = 128;
  expect_refused({loud}, ErrorCode::kInvalid, "conference c", "conference.speakers.hysteresis_db", "0 to 127");
  Conference spread = make_group("c");
  spread.spread = true;
  expect_refused({spread}, ErrorCode::kInvalid, "conference c", "conference.spread", "PER_PARTICIPANT_KEYS");
}

TEST_F(StoreMedia, Rfc3550_11_RtcpOfItsOwnTakesTheNextPort) {
  expect_leg_refused("leg.remote_rtcp_port", "multiplexed", [](Leg& leg) { leg.remote_rtcp_port = 5005; });
  expect_leg_refused("leg.local.udp_port", "must be even", [](Leg& leg) {
    leg.rtcp_mux = false;
    leg.local.udp_port = 20001;
  });
  expect_leg_refused("leg.remote_rtcp_port", "no port behind", [](Leg& leg) {
    leg.rtcp_mux = false;
    leg.remote.udp_port = 65535;
  });
  LegRequest alice = make_leg("c", "alice", 0), bob = make_leg("c", "bob", 1);
  ASSERT_TRUE(apply({make_conference("c"), alice, bob})) << "20000 and 20001, both multiplexed";
  alice.leg.rtcp_mux = false;
  expect_refused({alice}, ErrorCode::kConflict, "leg c/alice", "leg.local", "port 20001 on media0");
}

TEST_F(StoreMedia, PlacesForSsrcsNeedTheirPolicy) {
  LegRequest alice = make_leg("c", "alice", 0);
  Stream place = make_stream("c/alice", 0);
  expect_refused({make_conference("c"), alice, place}, ErrorCode::kInvalid, "stream c/alice/0", "stream.ssrc", "FIRST_AUTHENTICATED");
  alice.leg.ssrc_policy = abi::SsrcPolicy::kFirstAuthenticated;
  Stream second = place;
  second.id += "b";
  ASSERT_TRUE(apply({make_conference("c"), alice, place, second})) << "several places do not collide";
  alice.leg.ssrc_policy = abi::SsrcPolicy::kFixed;
  expect_refused({alice}, ErrorCode::kInvalid, "stream c/alice/0", "stream.ssrc", "FIRST_AUTHENTICATED");
}

TEST_F(StoreMedia, ModeAndSpreadAreFixedForLife) {
  ASSERT_TRUE(apply(two_participants()));
  Conference other = make_conference("c");
  other.mode = abi::ForwardingMode::kRelay;
  expect_refused({other}, ErrorCode::kInvalid, "conference c", "conference.mode", "fixed for the life");
  other = make_conference("c");
  other.spread = true;
  expect_refused({other}, ErrorCode::kInvalid, "conference c", "conference.spread", "fixed for the life");
  std::vector<Operation> anew{RemoveConference{"c", true}};
  for (auto& one : group_of_two()) anew.push_back(std::move(one));
  EXPECT_TRUE(apply(anew)) << "removed and put in one transaction";
}

TEST_F(StoreMedia, GroupKeysAreKeptWhenNoneAreGiven) {
  ASSERT_TRUE(apply(group_of_two()));
  Conference quiet = make_group("c");
  quiet.group_keys.clear();
  quiet.speakers = {};
  ASSERT_TRUE(apply({quiet}));
  EXPECT_EQ(state->conferences.at("c")->group_keys.size(), 2u);
  EXPECT_EQ(state->conferences.at("c")->speakers.loudest, 0);
}

TEST_F(StoreMedia, AbsentKeysKeepStagedOnes) {
  LegRequest alice = make_leg("c", "alice", 0);
  alice.leg.more_send_keys = {make_key(70)};
  ASSERT_TRUE(apply({make_conference("c"), alice}));
  LegRequest louder = make_leg("c", "alice", 0);
  louder.has_send_key = louder.has_receive_key = false;
  louder.leg.send_key = louder.leg.receive_key = {};
  louder.leg.dscp = 46;
  ASSERT_TRUE(apply({louder}));
  EXPECT_EQ(leg("c/alice").more_send_keys, alice.leg.more_send_keys);
  louder.has_send_key = true;
  louder.leg.send_key = make_key(70);
  ASSERT_TRUE(apply({louder}));
  EXPECT_TRUE(leg("c/alice").more_send_keys.empty()) << "a direction gets all its keys anew";
}

TEST_F(StoreMedia, RekeyChangesKeysOnly) {
  ASSERT_TRUE(apply(two_participants()));
  RekeyLeg rekey;
  rekey.request.leg.id = "c/alice";
  expect_refused({rekey}, ErrorCode::kInvalid, "leg c/alice", "rekey_leg", "names no key");
  rekey.request.has_receive_key = true;
  rekey.request.leg.receive_key = make_key(80, crypto::Suite::kAeadAes128Gcm);
  expect_refused({rekey}, ErrorCode::kInvalid, "leg c/alice", "leg.receive_key.suite", "not the leg's suite");
  rekey.request.leg.receive_key = make_key(80);
  rekey.request.leg.more_receive_keys = {make_key(3)};
  const Leg before = leg("c/alice");
  ASSERT_TRUE(apply({rekey, MuteLeg{"c/alice", true}}));
  EXPECT_EQ(leg("c/alice").receive_key, make_key(80));
  EXPECT_EQ(leg("c/alice").more_receive_keys, std::vector<KeySet>{make_key(3)});
  EXPECT_EQ(leg("c/alice").send_key, before.send_key);
  EXPECT_TRUE(leg("c/alice").muted);
  EXPECT_EQ(leg("c/alice").local, before.local);
  rekey.request.leg.id = "nobody";
  expect_refused({rekey}, ErrorCode::kNotFound, "leg nobody", "rekey_leg.leg_id");
  expect_refused({MuteLeg{"nobody", true}}, ErrorCode::kNotFound, "leg nobody", "mute_leg.leg_id");
}

TEST_F(StoreMedia, RekeyOfAGroup) {
  ASSERT_TRUE(apply(group_of_two()));
  ASSERT_TRUE(apply({RekeyConference{"c", {make_key(91)}}}));
  EXPECT_EQ(state->conferences.at("c")->group_keys, std::vector<KeySet>{make_key(91)});
  EXPECT_EQ(state->conferences.at("c")->speakers.loudest, 3) << "the rest stays";
  expect_refused({RekeyConference{"c", {}}}, ErrorCode::kInvalid, "conference c", "rekey_conference.group_keys", "names no key");
  expect_refused({RekeyConference{"c", {make_key(1, crypto::Suite::kAeadAes128Gcm)}}}, ErrorCode::kInvalid, "conference c",
                 "conference.group_keys[0].suite", "fixed for the life");
  expect_refused({RekeyConference{"d", {make_key(1)}}}, ErrorCode::kNotFound, "conference d", "rekey_conference.conference_id");
}

TEST_F(StoreMedia, TopologyIsOnePerPair) {
  ASSERT_TRUE(apply(two_participants()));
  ASSERT_TRUE(apply({make_topology("c", "bob", "alice", TopologyRelation::kOneway)}));
  EXPECT_TRUE(state->lets_hear("c/alice", "c/bob"));
  EXPECT_FALSE(state->lets_hear("c/bob", "c/alice"));
  auto next = apply({make_topology("c", "alice", "bob", TopologyRelation::kIsolate)});
  ASSERT_TRUE(next);
  ASSERT_EQ(next->changes.size(), 1u);
  EXPECT_EQ(next->changes[0].object.text(), "topology c/alice c/bob");
  EXPECT_EQ(next->changes[0].what, Change::What::kChanged);
  EXPECT_FALSE(state->lets_hear("c/alice", "c/bob"));
  next = apply({make_topology("c", "bob", "alice", TopologyRelation::kIsolate)});
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->changes.empty()) << "isolation has no direction";
  ASSERT_TRUE(apply({make_topology("c", "alice", "bob", TopologyRelation::kBoth)}));
  EXPECT_TRUE(state->topology.empty());
  EXPECT_TRUE(state->topology_of.empty());
  EXPECT_TRUE(state->lets_hear("c/bob", "c/alice"));
}

TEST_F(StoreMedia, TopologyIsBetweenTwoLegsOfItsConference) {
  ASSERT_TRUE(apply(two_participants()));
  expect_refused({make_topology("c", "bob", "bob", TopologyRelation::kIsolate)}, ErrorCode::kInvalid, "topology c/bob c/bob",
                 "topology.leg_b");
  expect_refused({make_topology("c", "bob", "eve", TopologyRelation::kIsolate)}, ErrorCode::kNotFound, "topology c/bob c/eve",
                 "topology.leg_b", "there is no leg `c/eve`");
  auto elsewhere = make_topology("c", "alice", "bob", TopologyRelation::kIsolate);
  elsewhere.conference_id = "d";
  expect_refused({make_conference("d"), elsewhere}, ErrorCode::kInvalid, "topology c/alice c/bob", "topology.leg_a",
                 "not a leg of conference `d`");
  limits.topology = 0;
  expect_refused({make_topology("c", "alice", "bob", TopologyRelation::kIsolate)}, ErrorCode::kExhausted, "", "topology",
                 "limits.topology");
}

TEST_F(StoreMedia, TopologyGoesWithALegThatGoesOrMoves) {
  auto operations = two_participants();
  operations.push_back(make_topology("c", "alice", "bob", TopologyRelation::kIsolate));
  ASSERT_TRUE(apply(operations));
  const Snapshot with = state;
  ASSERT_TRUE(apply({RemoveLeg{"c/bob"}}));
  EXPECT_TRUE(state->topology.empty());
  EXPECT_TRUE(state->topology_of.empty());
  state = with;
  LegRequest moved = make_leg("c", "bob", 2);
  moved.leg.conference_id = "d";
  ASSERT_TRUE(apply({make_conference("d"), moved}));
  EXPECT_TRUE(state->topology.empty());
  state = with;
  const auto next = apply({RemoveConference{"c", true}});
  ASSERT_TRUE(next);
  EXPECT_EQ(state->size(), 0u);
  EXPECT_EQ(next->changes.front().object.kind, ObjectKind::kTopology);
}

TEST_F(StoreMedia, ReplaceConferenceReplacesTheTopology) {
  ASSERT_TRUE(apply(two_participants()));
  ASSERT_TRUE(apply({make_topology("c", "alice", "bob", TopologyRelation::kIsolate)}));
  ReplaceConference replace{make_conference("c"), {make_leg("c", "alice", 1), make_leg("c", "bob", 2), make_leg("c", "carol", 3)}, {}};
  replace.topology = {make_topology("c", "alice", "carol", TopologyRelation::kOneway)};
  ASSERT_TRUE(apply({replace}));
  EXPECT_FALSE(state->topology.contains("c/alice c/bob"));
  EXPECT_TRUE(state->topology.contains("c/alice c/carol"));
  replace.topology[0].conference_id = "d";
  expect_refused({replace}, ErrorCode::kInvalid, "topology c/alice c/carol", "topology.conference_id", "must be `c` or empty");
}

}  // namespace
}  // namespace mediaward::control::test
