// SPDX-License-Identifier: Apache-2.0
// What a transaction of the core is refused for, by which field, and that a refusal leaves no trace.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/unit/dataplane/room.h"

namespace mediaward::test {
namespace {

using abi::MessageType;
using crypto::Suite;
using dataplane::Operation;

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
      {"ReceiveSuite", ErrorCode::kUnsupported, "leg.receive_keys.suite", leg([](abi::Leg& l) { l.receive_keys[0].suite = 99; })},
      {"NoSuite", ErrorCode::kUnsupported, "leg.send_keys.suite", leg([](abi::Leg& l) { l.send_keys[0].suite = 0; })},
      {"ShortKey", ErrorCode::kInvalid, "leg.receive_keys", leg([](abi::Leg& l) { l.receive_keys[0].key_bytes = 15; })},
      {"LongKey", ErrorCode::kInvalid, "leg.send_keys", leg([](abi::Leg& l) { l.send_keys[0].key_bytes = 200; })},
      {"LongSalt", ErrorCode::kInvalid, "leg.send_keys", leg([](abi::Leg& l) { l.send_keys[0].salt_bytes = 17; })},
      {"ShortSalt", ErrorCode::kInvalid, "leg.send_keys", leg([](abi::Leg& l) { l.send_keys[0].salt_bytes = 4; })},
      {"SendKeyOfAnother", ErrorCode::kConflict, "leg.send_keys", leg([](abi::Leg& l) { l.send_keys[0] = leg_of(make_participant(1)).send_keys[0]; })},
      {"Flags", ErrorCode::kUnsupported, "leg.flags", leg([](abi::Leg& l) { l.flags |= 1u << 31; })},
      {"SourcePolicy", ErrorCode::kUnsupported, "leg.source_policy", leg([](abi::Leg& l) { l.source_policy = static_cast<abi::SourcePolicy>(0); })},
      {"SsrcPolicy", ErrorCode::kUnsupported, "leg.ssrc_policy", leg([](abi::Leg& l) { l.ssrc_policy = static_cast<abi::SsrcPolicy>(3); })},
      {"RtcpPolicy", ErrorCode::kUnsupported, "leg.rtcp_policy", leg([](abi::Leg& l) { l.rtcp_policy = static_cast<abi::RtcpPolicy>(0); })},
      {"Rfc3711_3_3_2_WindowBelow64", ErrorCode::kInvalid, "leg.replay_window", leg([](abi::Leg& l) { l.replay_window = 63; })},
      {"WindowAbove8192", ErrorCode::kInvalid, "leg.replay_window", leg([](abi::Leg& l) { l.replay_window = 8193; })},
      {"FilterWithoutLatching", ErrorCode::kInvalid, "leg.source_filter", leg([](abi::Leg& l) { l.source_filter_bits = 8; })},
      {"FilterLongerThanAddress", ErrorCode::kInvalid, "leg.source_filter",
       leg([](abi::Leg& l) { l.source_policy = abi::SourcePolicy::kLatch, l.source_filter_bits = 33; })},
      {"RtcpPortBesideMux", ErrorCode::kInvalid, "leg.remote_rtcp_port", leg([](abi::Leg& l) { l.remote_rtcp_port = 4000; })},
      {"NoPortForRtcpBehindTheLast", ErrorCode::kInvalid, "leg.remote_rtcp_port",
       leg([](abi::Leg& l) { l.flags &= ~std::uint32_t{abi::kLegRtcpMux}, l.remote.udp_port = 65535; })},
  };
}

std::vector<Wrong> wrong_places() {
  const auto apart = [](auto change) {  // RTCP on a port of its own
    return [change] {
      return std::vector<Operation>{changed([&](abi::Leg& l) {
        l.flags &= ~std::uint32_t{abi::kLegRtcpMux};
        change(l);
      })};
    };
  };
  return {
      {"Rfc3550_11_OddRtpPort", ErrorCode::kInvalid, "leg.local.port", apart([](abi::Leg& l) { l.local.udp_port = 20101; })},
      {"RtcpPortOutside", ErrorCode::kInvalid, "leg.local.port", apart([](abi::Leg& l) { l.local.udp_port = 39999; })},
      {"RtcpPortTaken", ErrorCode::kConflict, "leg.local",
       [] {
         auto neighbour = leg_of(newcomer(40));
         neighbour.local.udp_port = 20101;
         auto leg = changed([](abi::Leg& l) { l.flags &= ~std::uint32_t{abi::kLegRtcpMux}, l.local.udp_port = 20100; });
         return std::vector<Operation>{neighbour, leg};
       }},
      {"RtpPortIsSomebodysRtcpPort", ErrorCode::kConflict, "leg.local",
       [] {
         auto leg = leg_of(newcomer(40));
         leg.local.udp_port = 20101;
         return std::vector<Operation>{changed([](abi::Leg& l) { l.flags &= ~std::uint32_t{abi::kLegRtcpMux}, l.local.udp_port = 20100; }), leg};
       }},
  };
}

// A key of the newcomer's suite; its MKI is as long as it is given.
abi::Key another_key(unsigned number, std::initializer_list<std::uint8_t> mki = {}) {
  abi::Key key = leg_of(make_participant(number)).receive_keys[0];
  key.mki_bytes = static_cast<std::uint8_t>(mki.size());
  std::copy(mki.begin(), mki.end(), key.mki);
  return key;
}

std::vector<Wrong> wrong_keys() {
  const auto leg = [](auto change) { return [change] { return std::vector<Operation>{changed(change)}; }; };
  const auto receive = [leg](std::vector<abi::Key> keys) {
    return leg([keys](abi::Leg& l) {
      l.receive_key_count = static_cast<std::uint8_t>(keys.size());
      std::copy(keys.begin(), keys.end(), l.receive_keys);
    });
  };
  return {
      {"NoReceiveKey", ErrorCode::kInvalid, "leg.receive_keys", leg([](abi::Leg& l) { l.receive_key_count = 0; })},
      {"NoSendKey", ErrorCode::kInvalid, "leg.send_keys", leg([](abi::Leg& l) { l.send_key_count = 0; })},
      {"FiveReceiveKeys", ErrorCode::kInvalid, "leg.receive_keys", leg([](abi::Leg& l) { l.receive_key_count = 5; })},
      {"FiveSendKeys", ErrorCode::kInvalid, "leg.send_keys", leg([](abi::Leg& l) { l.send_key_count = 5; })},
      {"ThreeKeysWithoutMki", ErrorCode::kInvalid, "leg.receive_keys.mki", receive({another_key(50), another_key(51), another_key(52)})},
      {"MkisOfTwoLengths", ErrorCode::kInvalid, "leg.receive_keys.mki", receive({another_key(50, {1}), another_key(51, {1, 2})})},
      {"OneMkiTwice", ErrorCode::kInvalid, "leg.receive_keys.mki", receive({another_key(50, {1, 2}), another_key(51, {1, 2})})},
      {"LongMki", ErrorCode::kInvalid, "leg.receive_keys.mki", leg([](abi::Leg& l) { l.receive_keys[0].mki_bytes = 129; })},
      {"OneKeyTwice", ErrorCode::kInvalid, "leg.receive_keys", receive({another_key(50, {1}), another_key(50, {2})})},
      {"TwoSuites", ErrorCode::kInvalid, "leg.receive_keys.suite",
       receive({another_key(50), leg_of(make_participant(51, Suite::kAeadAes128Gcm)).receive_keys[0]})},
      {"Rfc3711_9_2_SrtpLifetime", ErrorCode::kInvalid, "leg.send_keys.lifetime",
       leg([](abi::Leg& l) { l.send_keys[0].lifetime_packets = (std::uint64_t{1} << 48) + 1; })},
      {"Rfc3711_9_2_SrtcpLifetime", ErrorCode::kInvalid, "leg.receive_keys.lifetime_srtcp",
       leg([](abi::Leg& l) { l.receive_keys[0].lifetime_srtcp_packets = (std::uint64_t{1} << 31) + 1; })},
      {"StagedKeyOfAnother", ErrorCode::kConflict, "leg.send_keys",
       leg([](abi::Leg& l) { l.send_key_count = 2, l.send_keys[1] = leg_of(make_participant(1)).send_keys[0]; })},
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
      {"ReceiveSuiteOfLeg", ErrorCode::kConflict, "leg.receive_keys.suite",
       first([](abi::Leg& l) { l.receive_keys[0] = leg_of(make_participant(8, Suite::kAeadAes128Gcm)).receive_keys[0]; })},
      {"SendSuiteOfLeg", ErrorCode::kConflict, "leg.send_keys.suite",
       first([](abi::Leg& l) { l.send_keys[0] = leg_of(make_participant(8, Suite::kAeadAes128Gcm)).send_keys[0]; })},
      {"WindowOfLeg", ErrorCode::kConflict, "leg.replay_window", first([](abi::Leg& l) { l.replay_window = 1024; })},
      {"MkiOfKey", ErrorCode::kConflict, "leg.receive_keys.mki", first([](abi::Leg& l) { l.receive_keys[0].mki_bytes = 1; })},
      {"LifetimeOfKey", ErrorCode::kConflict, "leg.send_keys.mki", first([](abi::Leg& l) { l.send_keys[0].lifetime_packets = 1000; })},
      {"KeyInForceBecomesStaged", ErrorCode::kConflict, "leg.send_keys",
       first([](abi::Leg& l) { l.send_key_count = 2, l.send_keys[1] = l.send_keys[0], l.send_keys[0] = another_key(60); })},
      {"SendKeyTakenByRekey", ErrorCode::kConflict, "leg.send_keys", first([](abi::Leg& l) { l.send_keys[0] = leg_of(make_participant(3)).send_keys[0]; })},
  };
}

abi::Conference group(std::uint64_t id, std::initializer_list<unsigned> keys) {
  auto m = std::get<abi::Conference>(Dataplane::conference(id));
  m.mode = abi::ForwardingMode::kGroupKey;
  for (const unsigned number : keys) m.group_keys[m.group_key_count++] = another_key(number);
  return m;
}

std::vector<Wrong> wrong_conferences() {
  const auto one = [](auto change, abi::Conference m) {
    change(m);
    return [m] { return std::vector<Operation>{m}; };
  };
  const auto nothing = [](abi::Conference&) {};
  const abi::Conference fresh = std::get<abi::Conference>(Dataplane::conference(5)), first = std::get<abi::Conference>(Dataplane::conference(1));
  const auto in = [](abi::Conference conference, auto change) {  // a leg in it
    return [conference, change] {
      abi::Leg leg = leg_of(newcomer(), conference.conference_id);
      change(leg);
      return std::vector<Operation>{conference, leg};
    };
  };
  abi::Conference relay = fresh;
  relay.mode = abi::ForwardingMode::kRelay;
  return {
      {"ConferenceId", ErrorCode::kInvalid, "conference.id", one([](abi::Conference& c) { c.conference_id = 0; }, fresh)},
      {"ConferenceMode", ErrorCode::kUnsupported, "conference.mode", one([](abi::Conference& c) { c.mode = static_cast<abi::ForwardingMode>(9); }, fresh)},
      {"ConferenceFlags", ErrorCode::kUnsupported, "conference.flags", one([](abi::Conference& c) { c.flags = 2; }, fresh)},
      {"ModeChanged", ErrorCode::kConflict, "conference.mode", one([](abi::Conference& c) { c.mode = abi::ForwardingMode::kRelay; }, first)},
      {"SpreadChanged", ErrorCode::kConflict, "conference.flags", one([](abi::Conference& c) { c.flags = abi::kConferenceSpread; }, first)},
      {"SpreadGroup", ErrorCode::kInvalid, "conference.flags", one([](abi::Conference& c) { c.flags = abi::kConferenceSpread; }, group(5, {50}))},
      {"GroupWithoutKey", ErrorCode::kInvalid, "conference.group_keys", one(nothing, group(5, {}))},
      {"ThreeGroupKeys", ErrorCode::kInvalid, "conference.group_keys", one([](abi::Conference& c) { c.group_key_count = 3; }, group(5, {50, 51}))},
      {"GroupKeyWithoutGroup", ErrorCode::kInvalid, "conference.group_keys", one([](abi::Conference& c) { c.group_key_count = 1; }, fresh)},
      {"GroupKeyOfALeg", ErrorCode::kConflict, "conference.group_keys",
       one([](abi::Conference& c) { c.group_keys[0] = leg_of(make_participant(1)).send_keys[0]; }, group(5, {50}))},
      {"LegSealsWithGroupKey", ErrorCode::kConflict, "leg.send_keys",
       [] { return std::vector<Operation>{group(5, {50}), changed([](abi::Leg& l) { l.send_keys[0] = another_key(50); })}; }},
      {"GroupIdOfALeg", ErrorCode::kConflict, "conference.id", one(nothing, group(1001, {50}))},
      {"LegIdOfAGroup", ErrorCode::kConflict, "leg.id", [] { return std::vector<Operation>{group(1009, {50}), leg_of(newcomer())}; }},
      {"SendKeyInAGroup", ErrorCode::kInvalid, "leg.send_keys", in(group(5, {50}), [](abi::Leg&) {})},
      {"SendKeyInARelay", ErrorCode::kInvalid, "leg.send_keys", in(relay, [](abi::Leg&) {})},
      {"NoReceiveKeyInAGroup", ErrorCode::kInvalid, "leg.receive_keys", in(group(5, {50}), [](abi::Leg& l) { l.send_key_count = l.receive_key_count = 0; })},
      {"LatchingWithoutKey", ErrorCode::kInvalid, "leg.source_policy",
       in(relay, [](abi::Leg& l) { l.send_key_count = l.receive_key_count = 0, l.source_policy = abi::SourcePolicy::kLatch; })},
      {"BindingWithoutKey", ErrorCode::kInvalid, "leg.ssrc_policy",
       in(relay, [](abi::Leg& l) { l.send_key_count = l.receive_key_count = 0, l.ssrc_policy = abi::SsrcPolicy::kFirstAuthenticated; })},
  };
}

std::vector<Wrong> wrong_topologies() {
  const auto between = [](std::uint64_t conference, std::uint64_t a, std::uint64_t b, abi::TopologyRelation relation = abi::TopologyRelation::kIsolate) {
    return [=] {
      abi::Topology m{};
      m.header = {MessageType::kTopology, 0, sizeof m, 0};
      m.conference_id = conference;
      m.leg_a = a;
      m.leg_b = b;
      m.relation = relation;
      return std::vector<Operation>{leg_of(newcomer(31), 3), m};
    };
  };
  return {
      {"NoConference", ErrorCode::kNotFound, "topology.conference", between(77, 1001, 1002)},
      {"Relation", ErrorCode::kUnsupported, "topology.relation", between(1, 1001, 1002, static_cast<abi::TopologyRelation>(4))},
      {"WithItself", ErrorCode::kInvalid, "topology.legs", between(1, 1001, 1001)},
      {"NoLeg", ErrorCode::kNotFound, "topology.legs", between(1, 1001, 77)},
      {"LegOfAnother", ErrorCode::kNotFound, "topology.legs", between(1, 1001, 1031)},
  };
}

std::vector<Wrong> wrong_others() {
  const auto one = [](Operation operation) { return [operation] { return std::vector<Operation>{operation}; }; };
  return {
      {"StreamId", ErrorCode::kInvalid, "stream.id", one(stream_of(0, 1001, 5))},
      {"StreamLeg", ErrorCode::kNotFound, "stream.leg", one(stream_of(5, 4711, 5))},
      {"StreamSsrcChanged", ErrorCode::kConflict, "stream.ssrc", one(stream_of(Dataplane::stream_id(1001, 0x10000001), 1001, 5))},
      {"StreamLegChanged", ErrorCode::kConflict, "stream.ssrc", one(stream_of(Dataplane::stream_id(1001, 0x10000001), 1002, 0x10000001))},
      {"PlaceOnALegWithFixedSsrcs", ErrorCode::kInvalid, "stream.ssrc", one(stream_of(5, 1001, 0))},
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
  rekeyed.receive_keys[0] = leg_of(make_participant(22, Suite::kAeadAes128Gcm)).receive_keys[0];
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
INSTANTIATE_TEST_SUITE_P(Place, Refused, ::testing::ValuesIn(wrong_places()), [](const auto& i) { return i.param.name; });
INSTANTIATE_TEST_SUITE_P(Keys, Refused, ::testing::ValuesIn(wrong_keys()), [](const auto& i) { return i.param.name; });
INSTANTIATE_TEST_SUITE_P(Conference, Refused, ::testing::ValuesIn(wrong_conferences()), [](const auto& i) { return i.param.name; });
INSTANTIATE_TEST_SUITE_P(Topology, Refused, ::testing::ValuesIn(wrong_topologies()), [](const auto& i) { return i.param.name; });
INSTANTIATE_TEST_SUITE_P(Change, Refused, ::testing::ValuesIn(wrong_changes()), [](const auto& i) { return i.param.name; });
INSTANTIATE_TEST_SUITE_P(Other, Refused, ::testing::ValuesIn(wrong_others()), [](const auto& i) { return i.param.name; });

// What the configuration does not allow is no suite, wherever a key is given.
TEST(AllowedSuites, NullCiphersHaveToBeAskedFor) {
  Dataplane::Options options;
  options.allowed_suites = dataplane::kEncryptingSuites;
  Room room(2, options);
  for (const auto& suite : crypto::kSuites) {
    SCOPED_TRACE(suite.name);
    const bool encrypts = suite.transform != crypto::Transform::kNullHmacSha1;
    const abi::Leg both = leg_of(make_participant(9, suite.id)), neither = leg_of(make_participant(9));
    abi::Leg receives = neither, sends = neither;
    receives.receive_keys[0] = both.receive_keys[0];
    sends.send_keys[0] = both.send_keys[0];
    auto grouped = group(5, {50});
    grouped.group_keys[0] = both.send_keys[0];
    const std::pair<Operation, const char*> cases[] = {{receives, "leg.receive_keys.suite"}, {sends, "leg.send_keys.suite"}, {grouped, "conference.group_keys.suite"}};
    for (const auto& [operation, field] : cases) {
      const auto done = room.plane().core().submit(std::vector<Operation>{Dataplane::conference(1), operation}, {.dry_run = true});
      ASSERT_EQ(done.has_value(), encrypts) << field;
      if (encrypts) continue;
      EXPECT_EQ(done.error().code, ErrorCode::kUnsupported);
      EXPECT_EQ(done.error().field, field);
    }
  }
}

}  // namespace
}  // namespace mediaward::test
