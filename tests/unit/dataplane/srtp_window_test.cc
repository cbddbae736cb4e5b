// SPDX-License-Identifier: Apache-2.0
// Which indexes are accepted (RFC 3711 §3.3.2) and which are used for sending (§9.1): replay windows of every size up to their edges,
// packets that come twice or late, sources that fall silent, and the end of the index space.
#include <algorithm>
#include <set>

#include "tests/unit/dataplane/media_hall.h"

namespace mediaward::test {
namespace {

using crypto::Suite;
using dataplane::Counter;
using dataplane::DropReason;
using dataplane::WorkerEvent;

constexpr std::uint32_t kSsrc = 0x10000001;  // of the first participant

class ReplayWindow : public WithHall<::testing::TestWithParam<std::tuple<EngineKind, unsigned>>> {
 protected:
  [[nodiscard]] static unsigned window() { return std::get<1>(GetParam()); }
  Hall& room(Suite suite = Suite::kAesCm128HmacSha1_80) {
    HallOptions options;
    options.engine = std::get<0>(GetParam());
    Participant speaker = make_participant(1, suite);
    speaker.replay_window = static_cast<std::uint16_t>(window());
    Hall& room = hall({speaker, make_participant(2, Suite::kAeadAes128Gcm), make_participant(3)}, options);
    return room;
  }
  // Packets by sequence number, sealed in order.
  static std::map<unsigned, Octets> sealed(Hall& room, const std::set<unsigned>& sequences) {
    std::map<unsigned, Octets> packets;
    for (const unsigned s : sequences) packets[s] = room[0].up.protect(rtp_packet(kSsrc, static_cast<std::uint16_t>(s)));
    return packets;
  }
  static std::vector<unsigned> heard(Hall& room, std::size_t to) {
    std::vector<unsigned> sequences;
    for (const Octets& packet : room.heard(to).rtp) sequences.push_back(sequence_of(packet));
    return sequences;
  }
};
INSTANTIATE_TEST_SUITE_P(Of, ReplayWindow, ::testing::Combine(over_engines(), ::testing::Values(64u, 128u, 1024u, 8192u)),
                         [](const auto& i) { return std::string(std::get<0>(i.param).name) + "_" + std::to_string(std::get<1>(i.param)); });

TEST_P(ReplayWindow, Rfc3711_3_3_2_Edges) {
  Hall& hall = room();
  const unsigned top = 10000, oldest = top - (window() - 1);
  const auto packets = sealed(hall, {oldest - 1, oldest, oldest + 1, top - 1, top});
  for (const unsigned s : {top, oldest, top - 1, oldest - 1, oldest, oldest + 1, top, top - 1}) {
    hall.plane().send_rtp(hall[0].p, packets.at(s));
    hall.run();
  }
  EXPECT_EQ(hall.drops(DropReason::kSrtpTooOld), 1u);
  EXPECT_EQ(hall.drops(DropReason::kSrtpReplayed), 3u);
  EXPECT_EQ(hall.count(Counter::kSrtpOpened), 4u);
  for (const std::size_t to : {1u, 2u}) EXPECT_EQ(heard(hall, to), (std::vector<unsigned>{top, oldest, top - 1, oldest + 1}));
  EXPECT_EQ(hall.drops(DropReason::kSealIndexReuse), 0u);
}

// The binding test is the one after the tag: within one burst all copies pass the cheap one.
TEST_P(ReplayWindow, Rfc3711_3_3_CopiesWithinOneBurst) {
  Hall& hall = room(Suite::kAeadAes256Gcm);
  const auto packets = sealed(hall, {100, 101, 102});
  for (const unsigned s : {100u, 101u, 100u, 102u, 102u, 101u, 100u}) hall.plane().send_rtp(hall[0].p, packets.at(s));
  hall.run();
  EXPECT_EQ(hall.drops(DropReason::kSrtpReplayed), 4u);
  for (const std::size_t to : {1u, 2u}) EXPECT_EQ(heard(hall, to), (std::vector<unsigned>{100, 101, 102}));
}

// Out of order over the wrap of the sequence number, as far back as the window reaches.
TEST_P(ReplayWindow, Rfc3711_3_3_1_LatePacketsOfBeforeTheWrap) {
  Hall& hall = room();
  const unsigned back = window() / 2;
  std::set<unsigned> sequences{65536 - back, 65530, 65535, 65536, 65536 + back - 1, 65536 + back};
  const auto packets = sealed(hall, sequences);
  const std::vector<unsigned> order{65530, 65536, 65536 + back - 1, 65535, 65536 - back, 65536 + back};
  for (const unsigned s : order) {
    hall.plane().send_rtp(hall[0].p, packets.at(s));
    hall.run();
  }
  std::vector<unsigned> wanted;
  for (const unsigned s : order) wanted.push_back(s & 0xffff);
  for (const std::size_t to : {1u, 2u}) EXPECT_EQ(heard(hall, to), wanted);
  EXPECT_EQ(hall[1].down.roc(kSsrc), 1u);
}

TEST_P(ReplayWindow, Rfc3711_3_3_1_RekeyDoesNotForgetWhatWasSeen) {
  Hall& hall = room();
  const auto packets = sealed(hall, {9000, 9001, 9002 + window() / 2});
  for (const auto& [s, packet] : packets) hall.plane().send_rtp(hall[0].p, packet);
  hall.run();
  hall[0].p.receive_key = test_key(Suite::kAesCm128HmacSha1_80, 300);
  hall.change_leg(0);
  SrtpPeer other(Suite::kAesCm128HmacSha1_80, hall[0].p.receive_key, SrtpPeer::Direction::kSend);  // the same indexes, under the new key
  for (const unsigned s : {9000u, 9001u, 9002u, 9002 + window() / 2, 9003 + window() / 2})
    hall.plane().send_rtp(hall[0].p, other.protect(rtp_packet(kSsrc, static_cast<std::uint16_t>(s))));
  hall.run();
  EXPECT_EQ(hall.drops(DropReason::kSrtpReplayed), 3u);
  EXPECT_EQ(hall.drops(DropReason::kSrtpAuthFailed), 0u);
  EXPECT_EQ(heard(hall, 1), (std::vector<unsigned>{9000, 9001, 9002 + window() / 2, 9002, 9003 + window() / 2}));
  EXPECT_EQ(hall.drops(DropReason::kSealIndexReuse), 0u);
}

class Indexes : public EveryEngine {};
INSTANTIATE_TEST_SUITE_P(Over, Indexes, over_engines(), engine_name);

// Across more than 2^15 packets a receiver could not tell the roll-over counter: indexes go on where it stands.
TEST_P(Indexes, Rfc3711_3_3_1_ASourceThatFellSilentGoesOnWhereItsReceiversStand) {
  Hall& room = hall({make_participant(1), make_participant(2, Suite::kAeadAes128Gcm)}, options());
  room.talk(0, rtp_packets(kSsrc, 100, 3));
  room[0].p.flags |= abi::kLegMuted;
  room.change_leg(0);
  std::uint16_t sequence = 103;
  for (int i = 0; i < 5; ++i) {  // 80,000 packets go by
    sequence = static_cast<std::uint16_t>(sequence + 16000);
    room.say(0, {rtp_packet(kSsrc, sequence)});
    room.run();
  }
  EXPECT_EQ(room.drops(DropReason::kPolicyMuted), 5u);
  room[0].p.flags &= ~abi::kLegMuted;
  room.change_leg(0);
  auto packets = rtp_packets(kSsrc, sequence + 1u, 6);
  std::vector<Octets> sealed;
  for (const Octets& packet : packets) sealed.push_back(room[0].up.protect(packet));
  constexpr std::array<std::size_t, 6> kOrder{2, 0, 1, 4, 3, 5};
  for (const std::size_t i : kOrder) room.plane().send_rtp(room[0].p, sealed[i]);
  room.run();
  const auto heard = room.heard(1).rtp;
  ASSERT_EQ(heard.size(), packets.size());
  for (std::size_t i = 0; i < heard.size(); ++i) {
    const Octets& sent = packets[kOrder[i]];
    EXPECT_EQ(sequence_of(heard[i]), 102 + 128 - 2 + kOrder[i]) << "room is left for what comes out of order";
    EXPECT_TRUE(std::equal(heard[i].begin() + 4, heard[i].end(), sent.begin() + 4)) << "everything but the sequence number is as sent";
  }
  EXPECT_EQ(room.drops(DropReason::kSealIndexReuse), 0u);
}

// A receiver that joins in the middle begins with its own ROC 0; the others do not notice.
TEST_P(Indexes, Rfc3711_3_3_1_LateReceiverBeginsAtRocZero) {
  Hall& room = hall({make_participant(1), make_participant(2)}, options());
  room.talk(0, rtp_packets(kSsrc, 65530, 10));
  Participant late = make_participant(7, Suite::kAeadAes256Gcm);
  room.add(late);
  room.change({Dataplane::leg(1, late)});
  room.talk(0, rtp_packets(kSsrc, 4, 10));
  EXPECT_EQ(room[1].down.roc(kSsrc), 1u);
  EXPECT_EQ(room[2].down.roc(kSsrc), 0u);
}

// The last indexes of all: 2^48 - 1 is one, 2^48 is none (RFC 3711 §3.3.1, §9.2).
TEST_P(Indexes, Rfc3711_9_2_NoIndexBeyondTheLast) {
  Participant speaker = make_participant(1);
  speaker.ssrcs.clear();
  Hall& room = hall({speaker, make_participant(2)}, options());
  room.change({Dataplane::stream(1, speaker.leg_id, kSsrc, 0xffffffff)});
  const auto sender_at = [&](std::uint32_t roc) {
    SrtpPeer sender(speaker.receive_suite, {{speaker.receive_key, {}}}, SrtpPeer::Direction::kSend, {.ssrc = kSsrc});
    sender.set_roc(kSsrc, roc);
    return sender;
  };
  const auto last = rtp_packets(kSsrc, 65533, 3);
  SrtpPeer sender = sender_at(0xffffffff);
  for (const Octets& packet : last) {
    room.plane().send_rtp(speaker, sender.protect(packet));
    room.run();
  }
  room.expect_all_hear(0, last);
  SrtpPeer around = sender_at(0);
  for (unsigned i = 0; i < 3; ++i) room.plane().send_rtp(speaker, around.protect(rtp_packet(kSsrc, static_cast<std::uint16_t>(i))));
  room.run();
  EXPECT_EQ(room.drops(DropReason::kSrtpIndexRange), 3u);
  EXPECT_TRUE(room.heard(1).rtp.empty());
}

// Whoever seals so long under one key is told in time, lifetime or not: a sixteenth of the indexes is left.
TEST_P(Indexes, Rfc3711_9_2_TheEndOfTheIndexesIsToldInTime) {
  Participant speaker = make_participant(1);
  speaker.ssrcs.clear();
  Hall& room = hall({speaker, make_participant(2)}, options());
  constexpr std::uint32_t kRoc = 0xefffffff;
  room.change({Dataplane::stream(1, speaker.leg_id, kSsrc, kRoc)});
  SrtpPeer sender(speaker.receive_suite, {{speaker.receive_key, {}}}, SrtpPeer::Direction::kSend, {.ssrc = kSsrc});
  sender.set_roc(kSsrc, kRoc);
  for (const Octets& packet : rtp_packets(kSsrc, 65534, 2)) room.plane().send_rtp(speaker, sender.protect(packet));
  room.run();
  EXPECT_TRUE(room.events(WorkerEvent::Kind::kKeyExpiring).empty());
  for (const Octets& packet : rtp_packets(kSsrc, 0, 5)) room.plane().send_rtp(speaker, sender.protect(packet));
  room.run();
  const auto told = room.events(WorkerEvent::Kind::kKeyExpiring);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].role, WorkerEvent::KeyRole::kReceiveSrtp);
  EXPECT_EQ(told[0].leg_id, speaker.leg_id);
  EXPECT_EQ(told[0].ssrc, kSsrc);
  EXPECT_EQ(room.heard(1).rtp.size(), 7u);
}

}  // namespace
}  // namespace mediaward::test
