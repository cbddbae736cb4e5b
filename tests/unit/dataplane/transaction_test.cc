// SPDX-License-Identifier: Apache-2.0
// Transactions of the core: what is refused, by which field, and that a refusal or a dry run leaves no trace.
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/dataplane/room.h"

namespace mediaward::test {
namespace {

using abi::MessageType;
using crypto::Suite;
using dataplane::Operation;
using dataplane::Refusal;

abi::Leg leg_of(const Participant& p, std::uint64_t conference = 1) { return std::get<abi::Leg>(Dataplane::leg(conference, p)); }
abi::Stream stream_of(std::uint64_t id, std::uint64_t leg, std::uint32_t ssrc) { return std::get<abi::Stream>(Dataplane::stream(id, leg, ssrc)); }
Participant newcomer(unsigned number = 9) { return make_participant(number); }

abi::Leg changed(const std::function<void(abi::Leg&)>& change) {
  abi::Leg leg = leg_of(newcomer());
  change(leg);
  return leg;
}
void set_address(abi::Endpoint& to, const std::string& text) {
  const auto bytes = address_bytes(text);
  std::copy(bytes.begin(), bytes.end(), to.address);
}

struct Wrong {
  const char* name;
  ErrorCode code;
  const char* field;
  std::function<std::vector<Operation>()> operations;  // what is refused is the last one
};

std::vector<Wrong> wrong_legs() {
  const auto leg = [](auto change) { return [change] { return std::vector<Operation>{changed(change)}; }; };
  return {
      {"LegId", ErrorCode::kInvalid, "leg.id", leg([](abi::Leg& l) { l.leg_id = 0; })},
      {"Family", ErrorCode::kInvalid, "leg.family", leg([](abi::Leg& l) { l.family = static_cast<abi::Family>(5); })},
      {"Dscp", ErrorCode::kInvalid, "leg.dscp", leg([](abi::Leg& l) { l.dscp = 64; })},
      {"RemotePort", ErrorCode::kInvalid, "leg.remote.port", leg([](abi::Leg& l) { l.remote.udp_port = 0; })},
      {"NoConference", ErrorCode::kNotFound, "leg.conference", leg([](abi::Leg& l) { l.conference_id = 77; })},
      {"NoPort", ErrorCode::kNotFound, "leg.port", leg([](abi::Leg& l) { l.port_name[0] = 'x'; })},
      {"UnterminatedPort", ErrorCode::kNotFound, "leg.port", leg([](abi::Leg& l) { std::memset(l.port_name, 'a', sizeof l.port_name); })},
      {"ForeignLocalAddress", ErrorCode::kInvalid, "leg.local.address", leg([](abi::Leg& l) { set_address(l.local, "192.0.2.2"); })},
      {"LocalOfOtherFamily", ErrorCode::kInvalid, "leg.local.address", leg([](abi::Leg& l) { l.family = abi::Family::kIpv6; })},
      {"LocalPortBelow", ErrorCode::kInvalid, "leg.local.port", leg([](abi::Leg& l) { l.local.udp_port = 19999; })},
      {"LocalPortAbove", ErrorCode::kInvalid, "leg.local.port", leg([](abi::Leg& l) { l.local.udp_port = 40000; })},
      {"LocalTaken", ErrorCode::kConflict, "leg.local", leg([](abi::Leg& l) { l.local.udp_port = 20002; })},
      {"RemoteIsOurs", ErrorCode::kInvalid, "leg.remote.address", leg([](abi::Leg& l) { set_address(l.remote, "192.0.2.1"); })},
      {"RemoteIsBroadcast", ErrorCode::kInvalid, "leg.remote.address", leg([](abi::Leg& l) { set_address(l.remote, "192.0.2.255"); })},
      {"RemoteIsMulticast", ErrorCode::kInvalid, "leg.remote.address", leg([](abi::Leg& l) { set_address(l.remote, "224.0.0.1"); })},
      {"NoRoute", ErrorCode::kInvalid, "leg.remote.address", leg([](abi::Leg& l) { set_address(l.remote, "203.0.113.5"); })},
      {"ReceiveSuite", ErrorCode::kUnsupported, "leg.receive_key", leg([](abi::Leg& l) { l.receive_key.suite = 99; })},
      {"NoSuite", ErrorCode::kUnsupported, "leg.send_key", leg([](abi::Leg& l) { l.send_key.suite = 0; })},
      {"ShortKey", ErrorCode::kInvalid, "leg.receive_key", leg([](abi::Leg& l) { l.receive_key.key_bytes = 15; })},
      {"LongKey", ErrorCode::kInvalid, "leg.send_key", leg([](abi::Leg& l) { l.send_key.key_bytes = 200; })},
      {"LongSalt", ErrorCode::kInvalid, "leg.send_key", leg([](abi::Leg& l) { l.send_key.salt_bytes = 17; })},
      {"ShortSalt", ErrorCode::kInvalid, "leg.send_key", leg([](abi::Leg& l) { l.send_key.salt_bytes = 4; })},
      {"Mki", ErrorCode::kUnsupported, "leg.receive_key.mki", leg([](abi::Leg& l) { l.receive_key.mki_bytes = 1; })},
      {"Lifetime", ErrorCode::kUnsupported, "leg.send_key.lifetime", leg([](abi::Leg& l) { l.send_key.lifetime_packets = 1000; })},
      {"SendKeyOfAnother", ErrorCode::kConflict, "leg.send_key", leg([](abi::Leg& l) { l.send_key = leg_of(make_participant(1)).send_key; })},
  };
}

std::vector<Wrong> wrong_changes() {
  const auto first = [](auto change) {
    return [change] {
      abi::Leg leg = leg_of(make_participant(1));
      change(leg);
      return std::vector<Operation>{Dataplane::conference(2), leg};
    };
  };
  return {
      {"ConferenceOfLeg", ErrorCode::kConflict, "leg.conference", first([](abi::Leg& l) { l.conference_id = 2; })},
      {"LocalPortOfLeg", ErrorCode::kConflict, "leg.local", first([](abi::Leg& l) { l.local.udp_port = 30000; })},
      {"LocalAddressOfLeg", ErrorCode::kConflict, "leg.local", first([](abi::Leg& l) { set_address(l.local, "198.51.100.1"); })},
      {"ReceiveSuiteOfLeg", ErrorCode::kConflict, "leg.receive_key.suite",
       first([](abi::Leg& l) { l.receive_key = leg_of(make_participant(8, Suite::kAeadAes128Gcm)).receive_key; })},
      {"SendSuiteOfLeg", ErrorCode::kConflict, "leg.send_key.suite",
       first([](abi::Leg& l) { l.send_key = leg_of(make_participant(8, Suite::kAeadAes128Gcm)).send_key; })},
      {"SendKeyTakenByRekey", ErrorCode::kConflict, "leg.send_key", first([](abi::Leg& l) { l.send_key = leg_of(make_participant(3)).send_key; })},
  };
}

std::vector<Wrong> wrong_others() {
  const auto one = [](Operation operation) { return [operation] { return std::vector<Operation>{operation}; }; };
  auto unknown_mode = std::get<abi::Conference>(Dataplane::conference(5));
  unknown_mode.mode = static_cast<abi::ForwardingMode>(9);
  return {
      {"ConferenceId", ErrorCode::kInvalid, "conference.id", one(Dataplane::conference(0))},
      {"ConferenceMode", ErrorCode::kUnsupported, "conference.mode", one(unknown_mode)},
      {"StreamId", ErrorCode::kInvalid, "stream.id", one(stream_of(0, 1001, 5))},
      {"StreamLeg", ErrorCode::kNotFound, "stream.leg", one(stream_of(5, 4711, 5))},
      {"StreamSsrcChanged", ErrorCode::kConflict, "stream.ssrc", one(stream_of(Dataplane::stream_id(1001, 0x10000001), 1001, 5))},
      {"StreamLegChanged", ErrorCode::kConflict, "stream.ssrc", one(stream_of(Dataplane::stream_id(1001, 0x10000001), 1002, 0x10000001))},
      {"SsrcOfAnother", ErrorCode::kConflict, "stream.ssrc", one(stream_of(5, 1001, 0x10000002))},
      {"SsrcTwiceOnLeg", ErrorCode::kConflict, "stream.ssrc", one(stream_of(5, 1001, 0x10000001))},
      {"SsrcTwiceAtOnce", ErrorCode::kConflict, "stream.ssrc",
       [] { return std::vector<Operation>{stream_of(5, 1001, 0x77), stream_of(6, 1002, 0x77)}; }},
      {"TooManyStreams", ErrorCode::kExhausted, "stream",
       [] {
         std::vector<Operation> many;
         for (std::uint32_t i = 0; i < 64; ++i) many.push_back(stream_of(100 + i, 1001, 0x5000 + i));
         return many;
       }},
      {"RemoveNoConference", ErrorCode::kNotFound, "conference", one(Dataplane::remove(MessageType::kConferenceRemove, 77))},
      {"RemoveFullConference", ErrorCode::kConflict, "conference", one(Dataplane::remove(MessageType::kConferenceRemove, 1))},
      {"RemoveNoLeg", ErrorCode::kNotFound, "leg", one(Dataplane::remove(MessageType::kLegRemove, 77))},
      {"RemoveLegTwice", ErrorCode::kNotFound, "leg",
       [] { return std::vector<Operation>{Dataplane::remove(MessageType::kLegRemove, 1001), Dataplane::remove(MessageType::kLegRemove, 1001)}; }},
      {"RemoveNoStream", ErrorCode::kNotFound, "stream", one(Dataplane::remove(MessageType::kStreamRemove, 77))},
      {"UnknownOperation", ErrorCode::kUnsupported, "operation", one(Dataplane::remove(MessageType::kQuery, 1))},
  };
}

class Refused : public ::testing::TestWithParam<Wrong> {};

// Whatever goes before the wrong operation in the same transaction is undone with it.
TEST_P(Refused, NamesTheFieldAndLeavesNoTrace) {
  Room room(3);
  room.open();
  room.talk(0, {1, 2, 3});
  drain(room.plane());
  const Holdings before = holdings(room.plane());

  abi::Leg rekeyed = leg_of(room[1].p());
  rekeyed.receive_key = leg_of(make_participant(22, Suite::kAeadAes128Gcm)).receive_key;
  std::vector<Operation> operations{Dataplane::conference(3), leg_of(newcomer(30), 3), stream_of(900, 1030, 0x900), rekeyed,
                                    Dataplane::remove(MessageType::kStreamRemove, Dataplane::stream_id(1003, 0x10000003))};
  if (std::string(GetParam().name) == "RemoveFullConference") operations.pop_back();
  const auto wrong = GetParam().operations();
  operations.insert(operations.end(), wrong.begin(), wrong.end());
  const auto done = room.plane().core().submit(operations, {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, GetParam().code);
  EXPECT_EQ(done.error().field, GetParam().field) << done.error().message;
  EXPECT_EQ(done.error().operation, operations.size() - 1);
  EXPECT_FALSE(done.error().message.empty());

  Holdings after = holdings(room.plane());
  after.neighbour_budget = before.neighbour_budget;  // an id comes back once every worker has passed
  EXPECT_EQ(after, before);
  drain(room.plane());
  EXPECT_EQ(room.plane().core().neighbour_budget().in_use(), before.neighbour_budget);
  for (std::size_t from = 0; from < 3; ++from) room.talk(from, {10, 11});  // still under the old keys
}
INSTANTIATE_TEST_SUITE_P(Leg, Refused, ::testing::ValuesIn(wrong_legs()), [](const auto& i) { return i.param.name; });
INSTANTIATE_TEST_SUITE_P(Change, Refused, ::testing::ValuesIn(wrong_changes()), [](const auto& i) { return i.param.name; });
INSTANTIATE_TEST_SUITE_P(Other, Refused, ::testing::ValuesIn(wrong_others()), [](const auto& i) { return i.param.name; });

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
  EXPECT_EQ(again.error().field, "leg.send_key");

  // Nor in one transaction with the removal, nor by a rekey there and back.
  const Participant& third = room[2].p();
  again = room.plane().core().submit(std::vector<Operation>{Dataplane::remove(MessageType::kLegRemove, third.leg_id), leg_of(third)}, {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().field, "leg.send_key");
  Participant rekeyed = third;
  rekeyed.send_key = test_key(third.send_suite, 500);
  ASSERT_TRUE(room.plane().apply({leg_of(rekeyed)}));
  again = room.plane().core().submit(std::vector<Operation>{leg_of(third)}, {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  EXPECT_EQ(again.error().field, "leg.send_key");
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
