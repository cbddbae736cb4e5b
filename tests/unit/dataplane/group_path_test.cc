// SPDX-License-Identifier: Apache-2.0
// A conference with a group key: sealed once, the same SRTP packet to everybody by reference, with headers of each receiver's own.
// libsrtp makes what goes in and opens what comes out.
#include "tests/unit/dataplane/media_hall.h"

#include <algorithm>

namespace mediaward::test {
namespace {

using crypto::Suite;
using dataplane::Counter;
using dataplane::DropReason;
using dataplane::WorkerEvent;
using Drops = std::map<std::string, std::uint64_t>;

// How the receivers' packets leave: in one piece, or as headers with a shared tail.
enum class Port { kCopies, kChains };

class Group : public WithHall<::testing::TestWithParam<std::tuple<EngineKind, Port>>> {
 protected:
  static constexpr Suite kSuite = Suite::kAeadAes128Gcm;
  [[nodiscard]] static HallOptions options(Suite suite = kSuite, std::size_t mki_bytes = 0) {
    HallOptions options;
    options.engine = std::get<0>(GetParam());
    options.plane.io.capabilities.tx_chains = std::get<1>(GetParam()) == Port::kChains;
    options.conference.mode = abi::ForwardingMode::kGroupKey;
    options.conference.group_suite = suite;
    options.conference.group_keys = {{test_key(suite, 600), mki_of(mki_bytes, 1)}};
    return options;
  }
  // Every suite on the way up; every third over IPv6.
  [[nodiscard]] static std::vector<Participant> people(unsigned count) {
    std::vector<Participant> people;
    for (unsigned i = 0; i < count; ++i) {
      Participant p = make_participant(1 + i, crypto::kSuites[i % crypto::kSuites.size()].id, i % 3 == 2);
      p.send_suite = Suite::kNone;
      people.push_back(p);
    }
    return people;
  }
  static void change_group(Hall& room, const ConferenceOptions& conference) { room.change({Dataplane::conference(1, conference)}); }
};
INSTANTIATE_TEST_SUITE_P(Of, Group, ::testing::Combine(over_engines(), ::testing::Values(Port::kCopies, Port::kChains)), [](const auto& i) {
  return std::string(std::get<0>(i.param).name) + (std::get<1>(i.param) == Port::kChains ? "_Chains" : "_Copies");
});

TEST_P(Group, OnePacketForEverybody) {
  constexpr unsigned kPeople = 9;
  for (const auto& suite : crypto::kSuites) {
    Hall& room = hall(people(kPeople), options(suite.id, suite.tag_bytes == 10 ? 4 : 0));
    const std::uint32_t ssrc = room[0].ssrc();
    std::vector<Octets> packets;
    for (unsigned i = 0; i < 20; ++i)
      packets.push_back(rtp_packet(ssrc, static_cast<std::uint16_t>(65526 + i), 61 * i));  // odd lengths, too
    room.say(0, packets);
    room.report(0, sender_report(ssrc, 7));
    room.run();
    const auto sent = room.wire(1);
    EXPECT_EQ(sent.size(), 21u);
    for (std::size_t to = 2; to < kPeople; ++to) EXPECT_EQ(room.wire(to), sent) << suite.name;
    EXPECT_TRUE(room.wire(0).empty());
    std::vector<Octets> opened;
    for (const Octets& packet : sent) {
      const auto plain = looks_like_rtcp(packet) ? room[1].down.unprotect_rtcp(packet) : room[1].down.unprotect(packet);
      ASSERT_TRUE(plain.has_value()) << suite.name;
      if (!looks_like_rtcp(packet)) opened.push_back(*plain);
    }
    EXPECT_EQ(opened, packets);
    EXPECT_EQ(room.count(Counter::kSrtpSealed), 20u) << "one seal per packet, whoever listens";
    EXPECT_EQ(room.count(Counter::kSrtcpSealed), 1u);
    EXPECT_EQ(room.count(Counter::kSrtpCopied), 21u * (kPeople - 1));
    EXPECT_EQ(room.all_drops(), Drops{});
    room.expect_clean();
  }
}

TEST_P(Group, EverybodyTalksAtOnce) {
  Hall& room = hall(people(8), options());
  for (unsigned round = 0; round < 3; ++round)
    for (std::size_t from = 0; from < room.size(); ++from) room.say(from, rtp_packets(room[from].ssrc(), 100 + 2 * round, 2, 30 + from));
  room.run();
  for (std::size_t to = 0; to < room.size(); ++to) {
    std::map<std::uint32_t, std::vector<Octets>> by_source;
    for (const Octets& packet : room.heard(to).rtp) by_source[get32(packet, 8)].push_back(packet);
    EXPECT_EQ(by_source.size(), room.size() - 1);
    for (std::size_t from = 0; from < room.size(); ++from)
      EXPECT_EQ(by_source[room[from].ssrc()], from == to ? std::vector<Octets>{} : rtp_packets(room[from].ssrc(), 100, 6, 30 + from))
          << from << " to " << to;
  }
  EXPECT_EQ(room.count(Counter::kSrtpSealed), 8u * 6);
}

// More receivers than are sent to in one go, some of whose next hops are not known yet.
TEST_P(Group, LargeAudienceAndUnresolvedNeighbours) {
  constexpr unsigned kPeople = 80;
  HallOptions with = options();
  with.plane.limits.neighbours = 128;
  Hall room(people(kPeople), with);
  std::vector<Participant> all;
  for (std::size_t i = 0; i < kPeople; ++i) all.push_back(room[i].p);
  ASSERT_TRUE(room.plane().apply(Dataplane::conference_of(1, all, with.conference)));
  const auto packets = rtp_packets(room[0].ssrc(), 1, 5, 160);
  room.say(0, packets);
  for (int i = 0; i < 50; ++i) (void)room.plane().run_once();
  EXPECT_TRUE(room.wire(1).empty()) << "they wait for an address";
  room.plane().resolve_neighbours();
  room.run();
  room.expect_all_hear(0, packets);
  room.say(0, rtp_packets(room[0].ssrc(), 6, 3));
  room.run();
  EXPECT_EQ(room.wire(kPeople - 1).size(), 3u);
  EXPECT_EQ(room.all_drops(), Drops{});
  room.expect_clean();
}

TEST_P(Group, Rfc3711_3_3_1_RekeyOfAllInOneStep) {
  HallOptions with = options(Suite::kAesCm256HmacSha1_80, 4);
  Hall& room = hall(people(4), with);
  const std::uint32_t ssrc = room[0].ssrc();
  room.talk(0, rtp_packets(ssrc, 65533, 5));
  const SrtpMasterKey next{test_key(Suite::kAesCm256HmacSha1_80, 601), mki_of(4, 2)};
  auto conference = with.conference;
  conference.group_keys.push_back(next);  // staged: nothing changes yet, but receivers may be told
  change_group(room, conference);
  room.talk(0, rtp_packets(ssrc, 2, 2));
  std::vector<std::unique_ptr<SrtpPeer>> ears;
  for (std::size_t i = 1; i < room.size(); ++i) room[i].down.rekey({with.conference.group_keys[0], next});
  conference.group_keys = {next};
  room.say(0, rtp_packets(ssrc, 4, 3));
  (void)room.plane().run_once();
  ASSERT_TRUE(room.plane().core().submit(std::vector{Dataplane::conference(1, conference)}, {}));
  room.run();
  room.expect_all_hear(0, rtp_packets(ssrc, 4, 3));
  room.talk(0, rtp_packets(ssrc, 7, 3));
  EXPECT_EQ(room[1].down.roc(ssrc), 1u);
  for (std::size_t i = 1; i < room.size(); ++i) room[i].down.rekey({next});
  room.talk(0, rtp_packets(ssrc, 10, 3));
  EXPECT_FALSE(room.plane().apply({Dataplane::conference(1, with.conference)})) << "a key that has sealed does not come back";
}

// Members cannot speak as the appliance: what comes in under the group key is not authentic.
TEST_P(Group, TheGroupKeyOpensNothing) {
  HallOptions with = options();
  auto all = people(3);
  all[0].receive_suite = kSuite;
  all[0].receive_key = test_key(kSuite, 5);
  Hall& room = hall(all, with);
  SrtpPeer member(kSuite, with.conference.group_keys, SrtpPeer::Direction::kSend);
  room.plane().send_rtp(room[0].p, member.protect(rtp_packet(room[0].ssrc(), 1)));
  room.plane().send_rtcp(room[0].p, member.protect_rtcp(sender_report(room[0].ssrc())));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.auth_failed", 1}, {"srtcp.auth_failed", 1}}));
}

// All receivers share one index: whoever comes late needs the ROC, and the state knows it.
TEST_P(Group, Rfc3711_3_3_1_LateJoinerIsToldTheRoc) {
  HallOptions with = options();
  Hall& room = hall(people(3), with);
  const std::uint32_t ssrc = room[0].ssrc();
  room.talk(0, rtp_packets(ssrc, 65533, 6));
  Participant late = make_participant(20);
  late.send_suite = Suite::kNone;
  Party& party = room.add(late);
  room.change({Dataplane::leg(1, late)});
  SrtpPeer ears(kSuite, with.conference.group_keys, SrtpPeer::Direction::kReceive, {.ssrc = ssrc});
  ears.set_roc(ssrc, 1);
  room.say(0, rtp_packets(ssrc, 3, 4));
  room.run();
  const auto wire = room.plane().received_by(party.p);
  ASSERT_EQ(wire.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(ears.unprotect(wire[i]), rtp_packet(ssrc, static_cast<std::uint16_t>(3 + i)));
  for (const std::size_t to : {1u, 2u}) EXPECT_EQ(room.heard(to).rtp.size(), 4u);
}

// IPv6 headers take 20 bytes more: what fits for one receiver may not for another.
TEST_P(Group, MtuIsEachReceiversOwn) {
  HallOptions with = options();
  with.plane.mtu = 1280;
  std::vector<Participant> all{people(4)};  // the third is reached over IPv6
  Hall& room = hall(all, with);
  const std::size_t v6 = 1280 - 48 - 12 - 16, v4 = v6 + 20;
  for (const std::size_t bytes : {v6, v6 + 1, v4, v4 + 1})
    room.say(0, {rtp_packet(room[0].ssrc(), static_cast<std::uint16_t>(bytes), bytes)});
  room.run();
  EXPECT_EQ(room.heard(1).rtp.size(), 3u);
  EXPECT_EQ(room.heard(2).rtp.size(), 1u);
  EXPECT_EQ(room.heard(3).rtp.size(), 3u);
  EXPECT_EQ(room.drops(DropReason::kSealOversize), 2u + 1u) << "two copies for IPv6, and one packet that fits nobody";
}

TEST_P(Group, SourceGoesWhileItsPacketIsSealed) {
  Hall& room = hall(people(5), options());
  const Participant gone = room[0].p;
  room.say(0, rtp_packets(room[0].ssrc(), 1, 10));
  if (std::get<0>(GetParam()).delay.polls != 0)
    for (int i = 0; i < 4; ++i) (void)room.plane().run_once();
  room.change({Dataplane::remove(abi::MessageType::kLegRemove, gone.leg_id)});
  room.run();
  std::size_t heard = 0;
  for (std::size_t to = 1; to < room.size(); ++to) heard += room.heard(to).rtp.size();
  EXPECT_EQ(heard / 4 + room.drops(DropReason::kStale) + room.drops(DropReason::kUdpNoLeg), 10u);
  room.say(1, rtp_packets(room[1].ssrc(), 1, 5));
  room.run();
  for (std::size_t to = 2; to < room.size(); ++to) EXPECT_EQ(room.heard(to).rtp, rtp_packets(room[1].ssrc(), 1, 5));
}

// A receiver goes while packets wait for his next hop: the tails that they share go back to the pool with the last of them.
TEST_P(Group, ReceiverGoesWhileHisCopiesAreHeld) {
  HallOptions with = options();
  Hall room(people(3), with);
  std::vector<Participant> all;
  for (std::size_t i = 0; i < 3; ++i) all.push_back(room[i].p);
  ASSERT_TRUE(room.plane().apply(Dataplane::conference_of(1, all, with.conference)));
  room.say(0, rtp_packets(room[0].ssrc(), 1, 6));
  for (int i = 0; i < 50; ++i) (void)room.plane().run_once();
  ASSERT_TRUE(room.plane().apply({Dataplane::remove(abi::MessageType::kLegRemove, all[1].leg_id)}));
  for (int i = 0; i < 6; ++i) room.run();  // until his next hop is let go
  room.plane().resolve_neighbours();
  room.run();
  EXPECT_EQ(room.heard(2).rtp.size(), 6u);
  EXPECT_EQ(room.wire(1).size(), 0u);
  EXPECT_EQ(room.all_drops(), (Drops{{"stale", 6}}));
  room.expect_clean();
}

TEST_P(Group, Rfc3711_9_2_TheGroupKeyEnds) {
  HallOptions with = options();
  Hall& room = hall(people(3), with);
  auto conference = std::get<abi::Conference>(Dataplane::conference(1, with.conference));
  Octets fresh = test_key(kSuite, 610);
  std::copy_n(fresh.begin(), 16, conference.group_keys[0].key);
  std::copy_n(fresh.begin() + 16, 12, conference.group_keys[0].salt);
  conference.group_keys[0].lifetime_packets = 16;
  room.change({conference});
  for (std::size_t i = 1; i < 3; ++i) room[i].down.rekey({{fresh, {}}});
  const auto packets = rtp_packets(room[0].ssrc(), 1, 16);
  room.talk(0, packets);
  room.say(0, rtp_packets(room[0].ssrc(), 17, 4));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.seal.key_expired", 4}}));
  const auto expired = room.events(WorkerEvent::Kind::kKeyExpired);
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0].leg_id, 1u) << "the conference, whose key it is";
  EXPECT_EQ(expired[0].role, WorkerEvent::KeyRole::kSendSrtp);
}

// A port that computes checksums gets the pseudo header's sum, with or without a tail.
TEST_P(Group, PortsThatComputeChecksums) {
  HallOptions with = options();
  with.plane.io.capabilities.tx_udp_checksum = true;
  Hall& room = hall(people(4), with);
  room.say(0, rtp_packets(room[0].ssrc(), 1, 3, 33));
  room.run();
  const auto frames = room.plane().take_frames();
  EXPECT_EQ(frames.size(), 9u);
  for (const Frame& frame : frames) {
    const auto datagram = parse_udp_frame(to_bytes(frame));
    ASSERT_TRUE(datagram.has_value());
    const auto sum =
        inet_sum(pseudo_header(address_bytes(datagram->source), address_bytes(datagram->destination), 8 + datagram->payload.size()));
    const std::size_t at = 14 + (datagram->v6 ? 40 : 20) + 6;
    const auto field = static_cast<std::uint16_t>(std::to_integer<unsigned>(frame[at]) << 8 | std::to_integer<unsigned>(frame[at + 1]));
    EXPECT_EQ(field, static_cast<std::uint16_t>(~sum));
  }
}

}  // namespace
}  // namespace mediaward::test
