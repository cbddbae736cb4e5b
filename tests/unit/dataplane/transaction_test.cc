// SPDX-License-Identifier: Apache-2.0
// Transactions of the core: all or nothing, whatever runs out; keys that must not come back; resynchronisations. What is refused by which
// field: refusal_test.cc.
#include <gtest/gtest.h>

#include "tests/unit/dataplane/room.h"

namespace mediaward::test {
namespace {

using abi::MessageType;
using crypto::Suite;
using dataplane::Operation;

abi::Leg leg_of(const Participant& p, std::uint64_t conference = 1) { return std::get<abi::Leg>(Dataplane::leg(conference, p)); }
abi::Stream stream_of(std::uint64_t id, std::uint64_t leg, std::uint32_t ssrc) { return std::get<abi::Stream>(Dataplane::stream(id, leg, ssrc)); }
TEST(Transaction, DryRunChangesNothingAndTellsWhatWouldBeRefused) {
  Room room(2);
  const Holdings empty = holdings(room.plane());
  ASSERT_TRUE(room.plane().core().submit(room.everything(), {.dry_run = true}));
  EXPECT_TRUE(room.plane().core().applied());
  Holdings after = holdings(room.plane());
  after.neighbour_budget = empty.neighbour_budget;
  EXPECT_EQ(after, empty);
  EXPECT_FALSE(room.plane().core().submit(std::vector<Operation>{stream_of(1, 1001, 1)}, {.dry_run = true}));
  room.open();
  room.talk(0, {1});
}

TEST(Transaction, LegsRunOut) {
  Dataplane::Options options;
  options.limits.legs = 2;
  Room room(3, options);
  const Holdings empty = holdings(room.plane());
  const auto done = room.plane().core().submit(room.everything(), {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kExhausted);
  EXPECT_EQ(done.error().field, "leg");
  Holdings after = holdings(room.plane());
  after.neighbour_budget = empty.neighbour_budget;
  EXPECT_EQ(after, empty);
}

// The last thing that can be refused: the send slots are only taken when the fan-out is built.
TEST(Transaction, SlotsRunOutWhileTheFanOutIsBuilt) {
  Dataplane::Options options;
  options.limits.slots = 5;  // 3 receive slots, 6 send slots wanted
  Room room(3, options);
  const Holdings empty = holdings(room.plane());
  for (const bool dry_run : {true, false}) {
    const auto done = room.plane().core().submit(room.everything(), {.dry_run = dry_run});
    ASSERT_FALSE(done) << dry_run;
    EXPECT_EQ(done.error().code, ErrorCode::kExhausted);
    EXPECT_EQ(done.error().field, "stream");
    Holdings after = holdings(room.plane());
    after.neighbour_budget = empty.neighbour_budget;
    EXPECT_EQ(after, empty);
  }
}

TEST(Transaction, NeighboursRunOut) {
  Dataplane::Options options;
  options.limits.neighbours = 2;
  Room room(3, options);
  const auto done = room.plane().core().submit(room.everything(), {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kExhausted);
  EXPECT_EQ(done.error().field, "leg.remote.address");
  drain(room.plane());
  EXPECT_EQ(room.plane().core().neighbour_budget().in_use(), 0u);
  EXPECT_EQ(room.plane().core().keys().used_bytes(), 0u);
}

// RFC 3711 §9.1: a seal key whose windows are gone must not come back; nor may one be used for two legs.
TEST(Transaction, Rfc3711_9_1_SealKeysAreNeverUsedAgain) {
  Room room(3);
  room.open();
  room.talk(0, {1, 2});
  const Participant& second = room[1].p();
  ASSERT_TRUE(room.plane().apply({Dataplane::remove(MessageType::kLegRemove, second.leg_id)}));
  auto again = room.plane().core().submit(std::vector<Operation>{leg_of(second)}, {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().field, "leg.send_keys");

  // Nor in one transaction with the removal, nor by a rekey there and back.
  const Participant& third = room[2].p();
  again = room.plane().core().submit(std::vector<Operation>{Dataplane::remove(MessageType::kLegRemove, third.leg_id), leg_of(third)}, {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().field, "leg.send_keys");
  Participant rekeyed = third;
  rekeyed.send_key = test_key(third.send_suite, 500);
  ASSERT_TRUE(room.plane().apply({leg_of(rekeyed)}));
  again = room.plane().core().submit(std::vector<Operation>{leg_of(third)}, {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  EXPECT_EQ(again.error().field, "leg.send_keys");
}

TEST(Transaction, OneReceiveKeyMayBeSharedByLegs) {
  Room room(3);
  room[1].p().receive_suite = room[0].p().receive_suite;
  room[1].p().receive_key = room[0].p().receive_key;
  room.open();
  room.talk(0, {1, 2});
  room.talk(1, {1, 2});
}

TEST(Transaction, NothingChangesWhenEverythingIsSaidAgain) {
  Room room(3);
  room.open();
  room.talk(0, {65534, 65535, 0});
  drain(room.plane());
  const Holdings before = holdings(room.plane(), false);
  ASSERT_TRUE(room.plane().apply(room.everything()));
  ASSERT_TRUE(room.plane().apply(room.everything(), {.resync = true}));
  drain(room.plane());
  EXPECT_EQ(holdings(room.plane(), false), before);
  room.talk(0, {1, 2});
}

TEST(Transaction, ResyncSweepsWhatIsNotNamed) {
  Room room(4);
  room.open();
  room.talk(0, {1});
  std::vector<Participant> staying{room[0].p(), room[1].p()};
  staying[0].ssrcs.push_back(0x4444);
  ASSERT_TRUE(room.plane().apply(Dataplane::conference_of(1, staying), {.resync = true}));
  drain(room.plane());
  EXPECT_EQ(room.plane().core().legs(), 2u);
  EXPECT_EQ(room.plane().core().state().in_use(), 3u + 3u + 4u);  // three streams received; what each leg was ever sent, gone streams included
  EXPECT_EQ(room.plane().core().neighbours(0).entries().size(), 2u);
  room.plane().resolve_neighbours();
  room.plane().send_rtp(room[0].p(), room[0].seal(2));
  room.plane().run();
  room[1].expect(room.plane().received_by(room[1].p()), room[0], {2});
  EXPECT_TRUE(room.plane().received_by(room[2].p()).empty());

  ASSERT_TRUE(room.plane().apply({}, {.resync = true}));
  drain(room.plane());
  EXPECT_EQ(room.plane().core().legs(), 0u);
  EXPECT_EQ(room.plane().core().state().in_use(), 0u);
  EXPECT_EQ(room.plane().core().keys().used_bytes(), 0u);
}

// A refused resynchronisation must not have swept anything.
TEST(Transaction, RefusedResyncKeepsEverything) {
  Room room(3);
  room.open();
  room.talk(0, {1});
  drain(room.plane());
  const Holdings before = holdings(room.plane());
  ASSERT_FALSE(room.plane().core().submit(std::vector<Operation>{stream_of(5, 4711, 5)}, {.resync = true}));
  EXPECT_EQ(holdings(room.plane()), before);
  room.talk(0, {2});
}

TEST(Transaction, RemoteAddressAndFlagsChangeWhileTalking) {
  Room room(2);
  room.open();
  room.talk(0, {1});
  Participant moved = room[1].p();
  moved.remote = "192.0.2.200";
  moved.remote_port = 7000;
  moved.dscp = 40;
  ASSERT_TRUE(room.plane().apply({leg_of(moved)}));
  room.plane().resolve_neighbours();
  room[1].p() = moved;
  room.talk(0, {2, 3});
  room.talk(1, {1});
  drain(room.plane());
  EXPECT_EQ(room.plane().core().neighbours(0).entries().size(), 2u);
  moved.flags = abi::kLegMayReceiveFrom;
  ASSERT_TRUE(room.plane().apply({leg_of(moved)}));
  room.plane().send_rtp(room[0].p(), room[0].seal(4));
  room.plane().run();
  EXPECT_TRUE(room.plane().received_by(moved).empty());
  EXPECT_EQ(room.plane().drops(dataplane::DropReason::kSrtpNoReceiver), 1u);
  moved.flags = abi::kLegMayReceiveFrom | abi::kLegMaySendTo;
  ASSERT_TRUE(room.plane().apply({leg_of(moved)}));
  room.talk(0, {5});
}

}  // namespace
}  // namespace mediaward::test
