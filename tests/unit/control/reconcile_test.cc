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
  LegRequest leg = make_leg("c", "alice", 1);
  leg.leg.dscp = 46;
  leg.leg.may_receive = false;
  leg.leg.send_key = make_key(7, crypto::Suite::kAeadAes128Gcm);
  const Snapshot state = after(kEmpty, {make_conference("c"), leg});
  const Plan plan = plan_difference(*kEmpty, *state);
  ASSERT_EQ(plan.messages.size(), 2u);
  const auto m = load_raw<abi::Leg>(plan.messages[1].bytes().data());
  EXPECT_EQ(m.header.bytes, sizeof m);
  EXPECT_EQ(m.leg_id, object_handle(ObjectKind::kLeg, "c/alice"));
  EXPECT_EQ(m.conference_id, object_handle(ObjectKind::kConference, "c"));
  EXPECT_STREQ(m.port_name, "media0");
  EXPECT_EQ(m.dscp, 46);
  EXPECT_EQ(m.flags, std::uint32_t{abi::kLegMayReceiveFrom});
  EXPECT_EQ(m.local.address[3], 1);
  EXPECT_EQ(m.local.udp_port, 20001);
  EXPECT_EQ(m.remote.udp_port, 5004);
  EXPECT_EQ(m.receive_key.suite, 1);
  EXPECT_EQ(m.receive_key.salt_bytes, 14);
  EXPECT_EQ(m.send_key.suite, 2);
  EXPECT_EQ(m.send_key.salt_bytes, 12);
  EXPECT_EQ(m.send_key.key[15], 7);
}

}  // namespace
}  // namespace mediaward::control::test
