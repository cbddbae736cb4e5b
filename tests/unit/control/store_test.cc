// SPDX-License-Identifier: Apache-2.0
// Desired state: rules, all or nothing, replace_conference, net changes.
#include "control/store.h"

#include <gtest/gtest.h>

#include "tests/unit/control/state_fixture.h"

namespace mediaward::control::test {
namespace {

class Store : public testing::Test {
 protected:
  ApiResult<NextState> apply(const std::vector<Operation>& operations) {
    auto next = apply_operations(state, operations, limits);
    if (next) state = next->state;
    return next;
  }
  void expect_refused(const std::vector<Operation>& operations, ErrorCode code, const std::string& object, const std::string& field,
                      int index) {
    const Snapshot before = state;
    const auto next = apply(operations);
    ASSERT_FALSE(next.has_value());
    EXPECT_EQ(next.error().error.code, code) << next.error().error.message;
    EXPECT_EQ(next.error().object, object);
    EXPECT_EQ(next.error().field, field);
    EXPECT_EQ(next.error().operation_index, index);
    EXPECT_EQ(state, before);
  }
  Snapshot state = std::make_shared<DesiredState>();
  StateLimits limits;
};

TEST_F(Store, AppliesATransactionInOrder) {
  const auto next = apply(two_participants());
  ASSERT_TRUE(next.has_value()) << next.error().error.message;
  EXPECT_EQ(next->changes.size(), 5u);
  EXPECT_EQ(state->revision, 1u);
  EXPECT_EQ(state->legs.at("c/alice")->version, 1u);
  EXPECT_EQ(next->changes.front().object.text(), "conference c");
}

TEST_F(Store, EqualContentChangesNothing) {
  ASSERT_TRUE(apply(two_participants()));
  const Snapshot before = state;
  const auto next = apply(two_participants());
  ASSERT_TRUE(next.has_value());
  EXPECT_TRUE(next->changes.empty());
  EXPECT_EQ(state, before);
}

TEST_F(Store, HandlesAreStableNonZeroAndDistinct) {
  EXPECT_EQ(object_handle(ObjectKind::kLeg, "c/alice"), object_handle(ObjectKind::kLeg, "c/alice"));
  EXPECT_NE(object_handle(ObjectKind::kLeg, "c"), object_handle(ObjectKind::kConference, "c"));
  EXPECT_EQ(handle_text(0xab), "00000000000000ab");
}

TEST_F(Store, HandleCollisionIsRefused) {
  auto crowded = std::make_shared<DesiredState>();
  crowded->names[object_handle(ObjectKind::kConference, "c")] = {ObjectKind::kLeg, "other"};
  state = crowded;
  expect_refused({make_conference("c")}, ErrorCode::kConflict, "conference c", "conference.id", 0);
}

TEST_F(Store, ReferencesMustExist) {
  expect_refused({make_leg("c", "alice", 1)}, ErrorCode::kNotFound, "leg c/alice", "leg.conference_id", 0);
  expect_refused({make_conference("c"), make_stream("c/alice", 1)}, ErrorCode::kNotFound, "stream c/alice/1", "stream.leg_id", 1);
  expect_refused({RemoveLeg{"x"}}, ErrorCode::kNotFound, "leg x", "remove_leg", 0);
}

TEST_F(Store, Rfc3711_9_1_SsrcCollisionInAConferenceIsRefused) {
  ASSERT_TRUE(apply(two_participants()));
  Stream twice = make_stream("c/bob", 1);
  expect_refused({twice}, ErrorCode::kConflict, "stream c/bob/1", "stream.ssrc", 0);
  auto elsewhere = two_participants("d");
  std::get<LegRequest>(elsewhere[1]).leg.local.udp_port = 30000;
  std::get<LegRequest>(elsewhere[2]).leg.local.udp_port = 30001;
  EXPECT_TRUE(apply(elsewhere)) << "another conference may use the same SSRCs";
}

TEST_F(Store, LocalEndpointUsedTwiceIsRefused) {
  ASSERT_TRUE(apply(two_participants()));
  LegRequest third = make_leg("c", "carol", 3);
  third.leg.local = make_endpoint(1, 20001);
  expect_refused({third}, ErrorCode::kConflict, "leg c/carol", "leg.local", 0);
}

TEST_F(Store, KeyLengthsMustFitTheSuite) {
  LegRequest leg = make_leg("c", "alice", 1);
  ASSERT_TRUE(leg.leg.send_key.salt.assign(std::vector<std::uint8_t>(12, 1)));
  expect_refused({make_conference("c"), leg}, ErrorCode::kInvalid, "leg c/alice", "leg.send_key.master_salt", 1);
}

TEST_F(Store, AddressesMustBeUsable) {
  LegRequest leg = make_leg("c", "alice", 1);
  leg.leg.remote.address = {224, 0, 0, 1};
  expect_refused({make_conference("c"), leg}, ErrorCode::kInvalid, "leg c/alice", "leg.remote.address", 1);
  leg.leg.remote.address = {};
  expect_refused({make_conference("c"), leg}, ErrorCode::kInvalid, "leg c/alice", "leg.remote.address", 1);
  leg = make_leg("c", "alice", 1);
  leg.leg.remote.family = abi::Family::kIpv6;
  expect_refused({make_conference("c"), leg}, ErrorCode::kInvalid, "leg c/alice", "leg.remote.address", 1);
}

TEST_F(Store, AbsentKeysAreKeptByAnExistingLegOnly) {
  LegRequest bare = make_leg("c", "alice", 1);
  bare.has_receive_key = bare.has_send_key = false;
  bare.leg.receive_key = bare.leg.send_key = {};
  expect_refused({make_conference("c"), bare}, ErrorCode::kInvalid, "leg c/alice", "leg.receive_key", 1);
  ASSERT_TRUE(apply(two_participants()));
  bare.leg.dscp = 46;
  ASSERT_TRUE(apply({bare}));
  EXPECT_EQ(state->legs.at("c/alice")->receive_key, make_key(3));
  EXPECT_EQ(state->legs.at("c/alice")->dscp, 46);
}

TEST_F(Store, ConferenceWithLegsNeedsCascade) {
  ASSERT_TRUE(apply(two_participants()));
  expect_refused({RemoveConference{"c", false}}, ErrorCode::kConflict, "conference c", "remove_conference.cascade", 0);
  const auto next = apply({RemoveConference{"c", true}});
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(state->size(), 0u);
  EXPECT_TRUE(state->names.empty());
  EXPECT_EQ(next->changes.front().object.kind, ObjectKind::kStream) << "what holds others goes last";
}

TEST_F(Store, ReplaceConferenceRemovesWhoIsNotNamed) {
  ASSERT_TRUE(apply(two_participants()));
  ReplaceConference replace{make_conference("c"), {make_leg("c", "alice", 1), make_leg("c", "carol", 3)}, {make_stream("c/alice", 1)}};
  const auto next = apply({replace});
  ASSERT_TRUE(next.has_value()) << next.error().error.message;
  EXPECT_FALSE(state->legs.contains("c/bob"));
  EXPECT_FALSE(state->streams.contains("c/bob/2"));
  EXPECT_TRUE(state->legs.contains("c/carol"));
  EXPECT_EQ(state->legs.at("c/alice")->version, 1u) << "untouched";
}

TEST_F(Store, LimitsAreKept) {
  limits.legs = 1;
  expect_refused(two_participants(), ErrorCode::kExhausted, "", "legs", -1);
}

TEST_F(Store, FingerprintShowsNothingOfTheKey) {
  const KeySet key = make_key(0x41);
  EXPECT_EQ(key.fingerprint().size(), 16u);
  EXPECT_EQ(key.fingerprint().find("4141"), std::string::npos);
  EXPECT_NE(key.fingerprint(), make_key(0x42).fingerprint());
}

}  // namespace
}  // namespace mediaward::control::test
