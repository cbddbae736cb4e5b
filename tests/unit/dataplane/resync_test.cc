// SPDX-License-Identifier: Apache-2.0
// Transactions that name everything, also what has other places, suites or modes now; and what transactions do not touch: whatever is
// not concerned hears nothing of them.
#include <gtest/gtest.h>

#include "tests/unit/dataplane/media_hall.h"
#include "tests/unit/dataplane/room.h"

namespace mediaward::test {
namespace {

using abi::MessageType;
using crypto::Suite;
using dataplane::Counter;
using dataplane::DropReason;
using dataplane::Operation;

Dataplane::Options workers(std::size_t n) {
  Dataplane::Options options;
  options.workers = n;
  return options;
}

class Resync : public ::testing::TestWithParam<std::size_t> {
 protected:
  Resync() : room_(3, workers(GetParam())) { room_.open(); }
  void resync() {
    const auto done = plane().apply(room_.everything(), {.resync = true});
    ASSERT_TRUE(done) << done.error().field << ": " << done.error().message;
    plane().resolve_neighbours();
    drain(plane());
  }
  Dataplane& plane() { return room_.plane(); }
  Room room_;
};

// Everything goes on: keys, indexes, windows. The new port may be another worker's.
TEST_P(Resync, ALegThatHasAnotherPortNow) {
  for (std::size_t from = 0; from < 3; ++from) room_.talk(from, {65534, 65535, 0, 1});
  const auto replayed = room_[0].seal(2);
  plane().send_rtp(room_[0].p(), replayed);
  plane().run();
  for (const std::size_t to : {1u, 2u}) room_[to].expect(plane().received_by(room_[to].p()), room_[0], {2});
  drain(plane());
  const auto holdings_before = holdings(plane(), false);
  room_[0].p().local_port = static_cast<std::uint16_t>(room_[0].p().local_port + 102);  // another bucket, another worker of two
  resync();
  EXPECT_EQ(holdings(plane(), false), holdings_before);
  plane().send_rtp(room_[0].p(), replayed);
  plane().run();
  EXPECT_EQ(plane().drops(DropReason::kSrtpReplayed), 1u);
  for (const std::uint16_t sequence : std::initializer_list<std::uint16_t>{3, 4}) plane().send_rtp(room_[0].p(), room_[0].seal(sequence));
  plane().run();
  for (const std::size_t to : {1u, 2u}) {
    const auto packets = plane().received_by(room_[to].p());
    ASSERT_EQ(packets.size(), 2u);
    for (const auto& packet : packets) EXPECT_TRUE(room_[to].open(packet, room_[0].p().ssrcs[0]).has_value());
  }
  room_.talk(1, {2, 3});
  room_.talk(2, {2, 3});
  EXPECT_EQ(plane().drops(DropReason::kSealIndexReuse), 0u);
  EXPECT_EQ(plane().leaked(), 0u);
}

TEST_P(Resync, ALegThatHasAnotherSuiteNow) {
  room_.talk(0, {1, 2});
  Participant& p = room_[1].p();
  ASSERT_NE(p.receive_suite, Suite::kAesCm256HmacSha1_80);
  p.receive_suite = p.send_suite = Suite::kAesCm256HmacSha1_80;
  room_[1].rekey(test_key(p.receive_suite, 600), test_key(p.send_suite, 601), 0);
  const auto refused = plane().core().submit(std::vector<Operation>{Dataplane::leg(1, p)}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "leg.receive_keys.suite");
  resync();
  room_.talk(0, {3, 4});
  room_.talk(1, {1, 2});
}

TEST_P(Resync, ALegThatIsInAnotherConferenceNow) {
  room_.talk(0, {1, 2});
  auto operations = room_.everything();
  operations.insert(operations.begin(), Dataplane::conference(2));
  operations[4] = Dataplane::leg(2, room_[2].p());
  const auto done = plane().apply(operations, {.resync = true});
  ASSERT_TRUE(done) << done.error().field << ": " << done.error().message;
  plane().resolve_neighbours();
  plane().send_rtp(room_[0].p(), room_[0].seal(3));
  plane().send_rtp(room_[2].p(), room_[2].seal(1));
  plane().run();
  room_[1].expect(plane().received_by(room_[1].p()), room_[0], {3});
  EXPECT_TRUE(plane().received_by(room_[2].p()).empty());
  EXPECT_EQ(plane().drops(DropReason::kSrtpNoReceiver), 1u);
}

TEST_P(Resync, AConferenceThatHasAnotherModeNow) {
  room_.talk(0, {1, 2});
  ConferenceOptions group;
  group.mode = abi::ForwardingMode::kGroupKey;
  group.group_suite = Suite::kAeadAes128Gcm;
  group.group_keys = {{test_key(group.group_suite, 800), {}}};
  auto operations = room_.everything();
  operations[0] = Dataplane::conference(1, group);
  for (std::size_t i = 0; i < 3; ++i) {
    Participant p = room_[i].p();
    p.send_suite = Suite::kNone;
    operations[1 + i] = Dataplane::leg(1, p);
  }
  const auto done = plane().apply(operations, {.resync = true});
  ASSERT_TRUE(done) << done.error().field << ": " << done.error().message;
  plane().resolve_neighbours();
  drain(plane());
  SrtpPeer sender(room_[0].p().receive_suite, room_[0].p().receive_key, SrtpPeer::Direction::kSend), receiver(group.group_suite, group.group_keys, SrtpPeer::Direction::kReceive);
  plane().send_rtp(room_[0].p(), sender.protect(rtp_packet(room_[0].p().ssrcs[0], 9)));
  plane().run();
  const auto heard = plane().received_by(room_[2].p());
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(receiver.unprotect(heard[0]), rtp_packet(room_[0].p().ssrcs[0], 9));
  EXPECT_EQ(plane().core().state().in_use(), 6u) << "three received, three under the group key";
}

TEST_P(Resync, TopologiesThatAreNotNamedAreGone) {
  ASSERT_TRUE(plane().apply({Dataplane::topology(1, room_[0].p(), room_[1].p(), abi::TopologyRelation::kIsolate)}));
  plane().send_rtp(room_[0].p(), room_[0].seal(1));
  plane().run();
  EXPECT_TRUE(plane().received_by(room_[1].p()).empty());
  room_[2].expect(plane().received_by(room_[2].p()), room_[0], {1});
  resync();
  room_.talk(0, {2});
  auto operations = room_.everything();
  operations.push_back(Dataplane::topology(1, room_[0].p(), room_[1].p(), abi::TopologyRelation::kIsolate));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(plane().apply(operations, {.resync = true}));
    plane().send_rtp(room_[0].p(), room_[0].seal(static_cast<std::uint16_t>(3 + i)));
    plane().run();
    EXPECT_TRUE(plane().received_by(room_[1].p()).empty());
    (void)plane().received_by(room_[2].p());
  }
}
INSTANTIATE_TEST_SUITE_P(Workers, Resync, ::testing::Values(1u, 2u));

// --- what a transaction does not concern

TEST(Untouched, ATransactionConcernsItsConferenceOnly) {
  Room room(2);
  room.open();
  std::vector<Operation> other{Dataplane::conference(2)};
  for (unsigned i = 0; i < 40; ++i) other.push_back(Dataplane::leg(2, make_participant(20 + i)));
  ASSERT_TRUE(room.plane().apply(other));
  const auto commands = [&] { return room.plane().count(Counter::kCommands); };
  std::uint64_t before = commands();
  Participant late = make_participant(10);
  ASSERT_TRUE(room.plane().apply({Dataplane::leg(1, late), Dataplane::stream(77, late.leg_id, 0x77)}));
  EXPECT_EQ(commands() - before, 1u + 1u + 3u) << "his flow and send side, and every stream of his conference";
  before = commands();
  ASSERT_TRUE(room.plane().apply({Dataplane::stream(78, late.leg_id, 0x78)}));
  EXPECT_EQ(commands() - before, 1u + 1u) << "a stream concerns nobody else's";
}

TEST(Untouched, WhatIsSaidAgainIsNoChange) {
  Room room(3);
  room.open();
  const std::uint64_t before = room.plane().count(Counter::kCommands);
  ASSERT_TRUE(room.plane().apply(room.everything()));
  ASSERT_TRUE(room.plane().apply(room.everything(), {.resync = true}));
  EXPECT_EQ(room.plane().count(Counter::kCommands), before);
}

TEST(Untouched, MutingConcernsTheOwnStreamOnly) {
  Room room(3);
  room.open();
  room.talk(0, {1});
  const std::uint64_t before = room.plane().count(Counter::kCommands);
  Participant muted = room[0].p();
  muted.flags |= abi::kLegMuted;
  ASSERT_TRUE(room.plane().apply({Dataplane::leg(1, muted)}));
  EXPECT_LE(room.plane().count(Counter::kCommands) - before, 2u);
  room.plane().send_rtp(muted, room[0].seal(2));
  room.plane().run();
  EXPECT_EQ(room.plane().drops(DropReason::kPolicyMuted), 1u);
  ASSERT_TRUE(room.plane().apply({Dataplane::leg(1, room[0].p())}));
  room.talk(0, {3});
}

// --- conferences larger than a core

TEST(Spread, EveryWorkerSealsForItsShare) {
  ConferenceOptions conference;
  conference.spread = true;
  std::vector<Participant> people;
  for (unsigned i = 1; i <= 7; ++i) people.push_back(make_participant(i));
  HallOptions options;
  options.conference = conference;
  options.plane.workers = 3;
  Hall hall(people, options);
  hall.open();
  for (std::size_t from = 0; from < 7; ++from) hall.talk(from, rtp_packets(hall[from].ssrc(), 65530, 10));
  const auto sealed = [&](std::size_t w) { return hall.plane().core().stats().block(w).counters[static_cast<std::size_t>(Counter::kSrtpSealed)]; };
  EXPECT_EQ(sealed(0) + sealed(1) + sealed(2), 7u * 6u * 10u);
  for (std::size_t w = 0; w < 3; ++w) EXPECT_GT(sealed(w), 7u * 6u * 10u / 5) << w;
  EXPECT_GT(hall.count(Counter::kSharesOut), 0u);
  // Somebody goes, somebody comes, somebody is muted: shares follow.
  hall.change({Dataplane::remove(MessageType::kLegRemove, hall[3].p.leg_id)});
  hall.say(0, rtp_packets(hall[0].ssrc(), 4, 3));
  hall.run();
  for (const std::size_t to : {1u, 2u, 4u, 5u, 6u}) Hall::expect_same(hall.heard(to).rtp, rtp_packets(hall[0].ssrc(), 4, 3), hall[to].p.id);
  EXPECT_TRUE(hall.wire(3).empty());
  std::vector<Operation> end;
  for (std::size_t i = 0; i < 7; ++i)
    if (i != 3) end.push_back(Dataplane::remove(MessageType::kLegRemove, hall[i].p.leg_id));
  hall.change(end);
  for (int i = 0; i < 6; ++i) hall.run();
  EXPECT_EQ(hall.plane().core().state().in_use(), 0u);
  EXPECT_EQ(hall.plane().core().keys().used_bytes(), 0u);
  hall.expect_clean();
}

}  // namespace
}  // namespace mediaward::test
