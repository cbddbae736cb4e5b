// SPDX-License-Identifier: Apache-2.0
// Differences and whole states as protocol messages.
#include "control/reconcile.h"

#include <gtest/gtest.h>

#include "control/store.h"
#include "tests/unit/control/state_fixture.h"

namespace mediaward::control::test {
namespace {

Snapshot after(const Snapshot& from, const std::vector<Operation>& operations) {
  auto next = apply_operations(from, operations, StateLimits());
  EXPECT_TRUE(next.has_value()) << next.error().error.message;
  return next ? next->state : from;
}

std::vector<std::string> words(const Plan& plan) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < plan.messages.size(); ++i) {
    const auto type = load_raw<abi::MessageHeader>(plan.messages[i].bytes().data()).type;
    const bool removal =
        type == abi::MessageType::kConferenceRemove || type == abi::MessageType::kLegRemove || type == abi::MessageType::kStreamRemove;
    out.push_back((removal ? "- " : "+ ") + plan.objects[i].text());
  }
  return out;
}

const Snapshot kEmpty = std::make_shared<DesiredState>();

TEST(Reconcile, NamesConferenceThenLegThenStream) {
  const Snapshot state = after(kEmpty, two_participants());
  const std::vector<std::string> expected{"+ conference c", "+ leg c/alice", "+ stream c/alice/1", "+ leg c/bob", "+ stream c/bob/2"};
  EXPECT_EQ(words(plan_difference(*kEmpty, *state)), expected);
  EXPECT_EQ(words(plan_everything(*kEmpty, *state, true)), expected);
  EXPECT_TRUE(plan_everything(*kEmpty, *state, true).resync);
  EXPECT_FALSE(plan_difference(*kEmpty, *state).resync);
}

TEST(Reconcile, EqualStatesNeedNothing) {
  const Snapshot state = after(kEmpty, two_participants());
  EXPECT_TRUE(plan_difference(*state, *state).messages.empty());
}

TEST(Reconcile, RemovalsComeFirstAndALegTakesItsStreams) {
  const Snapshot before = after(kEmpty, two_participants());
  const Snapshot now = after(before, {RemoveLeg{"c/bob"}, RemoveStream{"c/alice/1"}, make_leg("c", "carol", 3)});
  EXPECT_EQ(words(plan_difference(*before, *now)), (std::vector<std::string>{"- stream c/alice/1", "- leg c/bob", "+ leg c/carol"}));
}

TEST(Reconcile, NewLocalEndpointReplacesTheLegWithItsStreams) {
  const Snapshot before = after(kEmpty, two_participants());
  LegRequest moved = make_leg("c", "alice", 1);
  moved.leg.local.udp_port = 21000;
  const Snapshot now = after(before, {moved});
  EXPECT_EQ(words(plan_difference(*before, *now)), (std::vector<std::string>{"- leg c/alice", "+ leg c/alice", "+ stream c/alice/1"}));
}

TEST(Reconcile, Rfc3711_3_3_1_RekeyIsOneUpsert) {
  const Snapshot before = after(kEmpty, two_participants());
  LegRequest rekeyed = make_leg("c", "alice", 1);
  rekeyed.leg.receive_key = make_key(99);
  EXPECT_EQ(words(plan_difference(*before, *after(before, {rekeyed}))), (std::vector<std::string>{"+ leg c/alice"}));
}

TEST(Reconcile, LegMessageCarriesEveryField) {
  LegRequest request = make_leg("c", "alice", 0);
  Leg& leg = request.leg;
  leg.dscp = 46;
  leg.may_receive = false;
  leg.muted = leg.allow_unencrypted_srtcp = true;
  leg.rtcp_mux = false;
  leg.remote_rtcp_port = 5009;
  leg.source_policy = abi::SourcePolicy::kRelatch;
  leg.ssrc_policy = abi::SsrcPolicy::kFirstAuthenticated;
  leg.rtcp_policy = abi::RtcpPolicy::kDrop;
  leg.source_filter = {abi::Family::kIpv4, {192, 0, 2}, 24};
  leg.replay_window = 1024;
  leg.audio_level_id = 3;
  leg.receive_key.mki = {1, 2};
  leg.receive_key.lifetime_packets = 1000;
  leg.receive_key.lifetime_srtcp_packets = 100;
  leg.more_receive_keys = {make_key(50)};
  leg.more_receive_keys[0].mki = {3, 4};
  leg.send_key = make_key(7, crypto::Suite::kAeadAes256Gcm);
  leg.more_send_keys = {make_key(8, crypto::Suite::kAeadAes256Gcm), make_key(9, crypto::Suite::kAeadAes256Gcm)};
  const Snapshot state = after(kEmpty, {make_conference("c"), request});
  const Plan plan = plan_difference(*kEmpty, *state);
  ASSERT_EQ(plan.messages.size(), 2u);
  const auto m = load_raw<abi::Leg>(plan.messages[1].bytes().data());
  EXPECT_EQ(m.header.bytes, sizeof m);
  EXPECT_EQ(m.leg_id, object_handle(ObjectKind::kLeg, "c/alice"));
  EXPECT_EQ(m.conference_id, object_handle(ObjectKind::kConference, "c"));
  EXPECT_STREQ(m.port_name, "media0");
  EXPECT_EQ(m.dscp, 46);
  EXPECT_EQ(m.flags, std::uint32_t{abi::kLegMayReceiveFrom | abi::kLegMuted | abi::kLegSrtcpPlain});
  EXPECT_EQ(m.source_policy, abi::SourcePolicy::kRelatch);
  EXPECT_EQ(m.ssrc_policy, abi::SsrcPolicy::kFirstAuthenticated);
  EXPECT_EQ(m.rtcp_policy, abi::RtcpPolicy::kDrop);
  EXPECT_EQ(m.source_filter_bits, 24);
  EXPECT_EQ(m.source_filter[2], 2);
  EXPECT_EQ(m.replay_window, 1024);
  EXPECT_EQ(m.audio_level_id, 3);
  EXPECT_EQ(m.local.address[3], 1);
  EXPECT_EQ(m.local.udp_port, 20000);
  EXPECT_EQ(m.remote.udp_port, 5004);
  EXPECT_EQ(m.remote_rtcp_port, 5009);
  ASSERT_EQ(m.receive_key_count, 2);
  EXPECT_EQ(m.receive_keys[0].suite, 1);
  EXPECT_EQ(m.receive_keys[0].salt_bytes, 14);
  EXPECT_EQ(m.receive_keys[0].mki_bytes, 2);
  EXPECT_EQ(m.receive_keys[0].mki[1], 2);
  EXPECT_EQ(m.receive_keys[0].lifetime_packets, 1000u);
  EXPECT_EQ(m.receive_keys[0].lifetime_srtcp_packets, 100u);
  EXPECT_EQ(m.receive_keys[1].key[0], 50);
  EXPECT_EQ(m.receive_keys[1].mki[1], 4);
  ASSERT_EQ(m.send_key_count, 3);
  EXPECT_EQ(m.send_keys[0].suite, static_cast<std::uint8_t>(crypto::Suite::kAeadAes256Gcm));
  EXPECT_EQ(m.send_keys[0].salt_bytes, 12);
  EXPECT_EQ(m.send_keys[0].key[31], 7);
  EXPECT_EQ(m.send_keys[2].key[31], 9);
}

TEST(Reconcile, PlainLegMultiplexesAndForwardsRtcp) {
  const Snapshot state = after(kEmpty, {make_conference("c"), make_leg("c", "alice", 1)});
  const auto m = load_raw<abi::Leg>(plan_difference(*kEmpty, *state).messages[1].bytes().data());
  EXPECT_EQ(m.flags, std::uint32_t{abi::kLegMayReceiveFrom | abi::kLegMaySendTo | abi::kLegRtcpMux});
  EXPECT_EQ(m.source_policy, abi::SourcePolicy::kExact);
  EXPECT_EQ(m.ssrc_policy, abi::SsrcPolicy::kFixed);
  EXPECT_EQ(m.rtcp_policy, abi::RtcpPolicy::kForward);
  EXPECT_EQ(m.source_filter_bits, 0);
  EXPECT_EQ(m.receive_key_count, 1);
  EXPECT_EQ(m.send_key_count, 1);
}

TEST(Reconcile, ConferenceMessageCarriesEveryField) {
  const Plan plan = plan_difference(*kEmpty, *after(kEmpty, group_of_two()));
  const auto m = load_raw<abi::Conference>(plan.messages[0].bytes().data());
  EXPECT_EQ(m.mode, abi::ForwardingMode::kGroupKey);
  EXPECT_EQ(m.flags, 0u);
  EXPECT_EQ(m.loudest, 3);
  EXPECT_EQ(m.hysteresis_db, 6);
  EXPECT_EQ(m.hold_ms, 1500);
  ASSERT_EQ(m.group_key_count, 2);
  EXPECT_EQ(m.group_keys[0].key[0], 90);
  EXPECT_EQ(m.group_keys[1].key[0], 91);
  const auto leg = load_raw<abi::Leg>(plan.messages[1].bytes().data());
  EXPECT_EQ(leg.send_key_count, 0);
  EXPECT_EQ(leg.send_keys[0].suite, 0);
  Conference spread = make_conference("d");
  spread.spread = true;
  EXPECT_EQ(load_raw<abi::Conference>(plan_difference(*kEmpty, *after(kEmpty, {spread})).messages[0].bytes().data()).flags,
            std::uint32_t{abi::kConferenceSpread});
}

TEST(Reconcile, TopologyComesLastAndBothTakesItBack) {
  auto operations = two_participants();
  operations.push_back(make_topology("c", "alice", "bob", abi::TopologyRelation::kOneway));
  const Snapshot with = after(kEmpty, operations);
  const Plan everything = plan_everything(*kEmpty, *with, true);
  EXPECT_EQ(words(everything).back(), "+ topology c/alice c/bob");
  const auto m = load_raw<abi::Topology>(everything.messages.back().bytes().data());
  EXPECT_EQ(m.header.type, abi::MessageType::kTopology);
  EXPECT_EQ(m.conference_id, object_handle(ObjectKind::kConference, "c"));
  EXPECT_EQ(m.leg_a, object_handle(ObjectKind::kLeg, "c/alice"));
  EXPECT_EQ(m.leg_b, object_handle(ObjectKind::kLeg, "c/bob"));
  EXPECT_EQ(m.relation, abi::TopologyRelation::kOneway);
  const Snapshot without = after(with, {make_topology("c", "bob", "alice", abi::TopologyRelation::kBoth)});
  const Plan back = plan_difference(*with, *without);
  ASSERT_EQ(words(back), std::vector<std::string>{"+ topology c/alice c/bob"});
  EXPECT_EQ(load_raw<abi::Topology>(back.messages[0].bytes().data()).relation, abi::TopologyRelation::kBoth);
}

TEST(Reconcile, TopologyGoesAndComesWithItsLegs) {
  auto operations = two_participants();
  operations.push_back(make_topology("c", "alice", "bob", abi::TopologyRelation::kIsolate));
  const Snapshot with = after(kEmpty, operations);
  const Snapshot gone = after(with, {RemoveLeg{"c/bob"}});
  EXPECT_EQ(words(plan_difference(*with, *gone)), std::vector<std::string>{"- leg c/bob"}) << "the data plane drops it by itself";
  LegRequest moved = make_leg("c", "alice", 1);
  moved.leg.local.udp_port = 21000;
  EXPECT_EQ(words(plan_difference(*with, *after(with, {moved}))),
            (std::vector<std::string>{"- leg c/alice", "+ leg c/alice", "+ stream c/alice/1", "+ topology c/alice c/bob"}));
}

TEST(Reconcile, OtherModeReplacesTheConferenceWithEverythingInIt) {
  const Snapshot before = after(kEmpty, two_participants());
  std::vector<Operation> operations{RemoveConference{"c", true}};
  for (auto& one : group_of_two()) operations.push_back(std::move(one));
  EXPECT_EQ(words(plan_difference(*before, *after(before, operations))),
            (std::vector<std::string>{"- leg c/alice", "- leg c/bob", "- conference c", "+ conference c", "+ leg c/alice",
                                      "+ stream c/alice/1", "+ leg c/bob", "+ stream c/bob/2"}));
}

TEST(Reconcile, ReplayWindowReplacesTheLegAndRtcpPortsDoNot) {
  const Snapshot before = after(kEmpty, {make_conference("c"), make_leg("c", "alice", 0)});
  LegRequest changed = make_leg("c", "alice", 0);
  changed.leg.rtcp_mux = false;
  changed.leg.replay_window = 128;
  EXPECT_EQ(words(plan_difference(*before, *after(before, {changed}))), std::vector<std::string>{"+ leg c/alice"}) << "128 is the default";
  changed.leg.replay_window = 256;
  EXPECT_EQ(words(plan_difference(*before, *after(before, {changed}))), (std::vector<std::string>{"- leg c/alice", "+ leg c/alice"}));
}

// The data plane sweeps before it stages: a removal of what was swept would be refused.
TEST(Reconcile, SweepRemovesByNotNaming) {
  const Snapshot before = after(kEmpty, two_participants());
  LegRequest moved = make_leg("c", "alice", 1);
  moved.leg.local.udp_port = 21000;
  Stream other = make_stream("c/alice", 1);
  other.ssrc = 5;
  const Snapshot now = after(before, {RemoveLeg{"c/bob"}, moved, other});
  EXPECT_EQ(words(plan_everything(*before, *now, true)),
            (std::vector<std::string>{"- stream c/alice/1", "+ conference c", "+ leg c/alice", "+ stream c/alice/1"}));
  EXPECT_EQ(words(plan_everything(*before, *now, false)),
            (std::vector<std::string>{"- leg c/alice", "- leg c/bob", "+ conference c", "+ leg c/alice", "+ stream c/alice/1"}));
}

TEST(Reconcile, MuteAndRekeyAreOneUpsert) {
  const Snapshot before = after(kEmpty, two_participants());
  EXPECT_EQ(words(plan_difference(*before, *after(before, {MuteLeg{"c/bob", true}}))), std::vector<std::string>{"+ leg c/bob"});
  RekeyLeg rekey;
  rekey.request.leg.id = "c/bob";
  rekey.request.leg.send_key = make_key(77);
  rekey.request.has_send_key = true;
  EXPECT_EQ(words(plan_difference(*before, *after(before, {rekey}))), std::vector<std::string>{"+ leg c/bob"});
}

TEST(Reconcile, BucketMoveIsAPlanOfItsOwn) {
  const Plan plan = plan_bucket_move(17, 3);
  ASSERT_EQ(plan.messages.size(), 1u);
  EXPECT_FALSE(plan.resync);
  const auto m = load_raw<abi::BucketMove>(plan.messages[0].bytes().data());
  EXPECT_EQ(m.header.type, abi::MessageType::kBucketMove);
  EXPECT_EQ(m.bucket, 17u);
  EXPECT_EQ(m.worker, 3u);
}

}  // namespace
}  // namespace mediaward::control::test
