// SPDX-License-Identifier: Apache-2.0
// Keys that end (RFC 3711 §9.2): told about when a sixteenth is left, and dead at their end, for SRTP and SRTCP, in both directions and
// for a group. A new key is a new life.
#include <sys/mman.h>

#include "tests/unit/dataplane/media_hall.h"

namespace mediaward::test {
namespace {

using crypto::Suite;
using dataplane::DropReason;
using dataplane::WorkerEvent;
using Kind = WorkerEvent::Kind;
using Role = WorkerEvent::KeyRole;
using Drops = std::map<std::string, std::uint64_t>;

class Lifetime : public EveryEngine {
 protected:
  static constexpr std::uint64_t kLife = 32, kSoft = 30;  // a sixteenth is left
  void expect_told(Kind kind, Role role, std::uint64_t object, std::uint32_t ssrc, std::uint64_t packets) {
    const auto told = hall_->events(kind);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].role, role);
    EXPECT_EQ(told[0].leg_id, object);
    EXPECT_EQ(told[0].ssrc, ssrc);
    EXPECT_EQ(told[0].limit, kLife);
    EXPECT_EQ(told[0].packets, packets);
  }
  // Sends until `packets` have gone, one burst each.
  void say(unsigned first, unsigned count, bool rtcp) {
    for (unsigned i = 0; i < count; ++i) {
      if (rtcp)
        hall_->report(0, sender_report((*hall_)[0].ssrc(), first + i));
      else
        hall_->say(0, {rtp_packet((*hall_)[0].ssrc(), static_cast<std::uint16_t>(first + i))});
      hall_->run();
    }
  }
  // 40 packets: 30 and nothing is said, the 31st at the latest says that it ends, the 33rd does not pass.
  void wear_out(bool rtcp, Role role, std::uint64_t object, DropReason reason) {
    const std::uint32_t ssrc = (*hall_)[0].ssrc();
    say(100, kSoft - 1, rtcp);
    for (const Kind kind : {Kind::kKeyExpiring, Kind::kKeyExpired}) EXPECT_TRUE(hall_->events(kind).empty());
    say(100 + kSoft - 1, 2, rtcp);
    expect_told(Kind::kKeyExpiring, role, object, ssrc, kSoft);
    say(100 + kSoft + 1, 1, rtcp);
    EXPECT_EQ(hall_->drops(reason), 0u);
    expect_told(Kind::kKeyExpired, role, object, ssrc, kLife);
    say(100 + kLife, 8, rtcp);
    EXPECT_EQ(hall_->drops(reason), 8u);
    for (const Kind kind : {Kind::kKeyExpiring, Kind::kKeyExpired}) EXPECT_TRUE(hall_->events(kind).empty()) << "told once";
    const Heard heard = hall_->heard(1);
    EXPECT_EQ(rtcp ? heard.rtcp.size() : heard.rtp.size(), kLife);
  }
};
INSTANTIATE_TEST_SUITE_P(Over, Lifetime, over_engines(), engine_name);

TEST_P(Lifetime, Rfc3711_9_2_ReceiveSrtp) {
  Participant p = make_participant(1, Suite::kAeadAes128Gcm);
  p.receive_lifetime = kLife;
  Hall& room = hall({p, make_participant(2)}, options());
  wear_out(false, Role::kReceiveSrtp, p.leg_id, DropReason::kSrtpKeyExpired);
  room.report(0, sender_report(room[0].ssrc()));  // SRTCP has a life of its own
  room[0].p.receive_key = test_key(p.receive_suite, 800);
  room.run();
  EXPECT_EQ(room.heard(1).rtcp.size(), 1u);
  room.change_leg(0);
  room[0].up.rekey({{room[0].p.receive_key, {}}});
  room.talk(0, rtp_packets(room[0].ssrc(), 200, 10));
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.key_expired", 8}}));
}

TEST_P(Lifetime, Rfc3711_9_2_ReceiveSrtcp) {
  Participant p = make_participant(1, Suite::kAesCm256HmacSha1_80);
  p.receive_srtcp_lifetime = kLife;
  Hall& room = hall({p, make_participant(2)}, options());
  wear_out(true, Role::kReceiveSrtcp, p.leg_id, DropReason::kSrtpKeyExpired);
  room.talk(0, rtp_packets(room[0].ssrc(), 1, 40));
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.key_expired", 8}}));
}

TEST_P(Lifetime, Rfc3711_9_2_SendSrtp) {
  Participant listener = make_participant(2, Suite::kAeadAes256Gcm);
  listener.send_lifetime = kLife;
  Hall& room = hall({make_participant(1), listener, make_participant(3)}, options());
  wear_out(false, Role::kSendSrtp, listener.leg_id, DropReason::kSealKeyExpired);
  EXPECT_EQ(room.heard(2).rtp.size(), 40u) << "the other listener's key has its own life";
  room[1].p.send_key = test_key(listener.send_suite, 801);
  room.change_leg(1);
  room[1].down.rekey({{room[1].p.send_key, {}}});
  room.talk(0, rtp_packets(room[0].ssrc(), 200, kLife));
  room.say(0, rtp_packets(room[0].ssrc(), 300, 5));
  room.run();
  EXPECT_TRUE(room.heard(1).rtp.empty()) << "the new key has one, too";
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.seal.key_expired", 13}}));
}

TEST_P(Lifetime, Rfc3711_9_2_SendSrtcp) {
  Participant listener = make_participant(2, Suite::kAeadAes128Gcm);
  listener.send_srtcp_lifetime = kLife;
  Hall& room = hall({make_participant(1), listener}, options());
  wear_out(true, Role::kSendSrtcp, listener.leg_id, DropReason::kSealKeyExpired);
  room.talk(0, rtp_packets(room[0].ssrc(), 1, 40));
}

TEST_P(Lifetime, Rfc3711_9_2_PerSourceOnTheSendSide) {
  Participant listener = make_participant(3);
  listener.send_lifetime = kLife;
  Hall& room = hall({make_participant(1), make_participant(2), listener}, options());
  for (const std::size_t from : {0u, 1u}) room.talk(from, rtp_packets(room[from].ssrc(), 1, kLife));
  EXPECT_EQ(room.all_drops(), Drops{});
  for (const std::size_t from : {0u, 1u}) room.say(from, rtp_packets(room[from].ssrc(), 100, 3));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.seal.key_expired", 6}}));
  for (const std::size_t i : {0u, 1u, 2u}) (void)room.heard(i);
}

TEST_P(Lifetime, Rfc3711_9_2_ChangesThatAreNoRekeyDoNotProlongIt) {
  Participant p = make_participant(1);
  p.receive_lifetime = kLife;
  Participant listener = make_participant(2);
  listener.send_lifetime = kLife + 8;
  Hall& room = hall({p, listener}, options());
  room.talk(0, rtp_packets(room[0].ssrc(), 1, 20));
  for (const std::size_t i : {0u, 1u}) {
    room[i].p.dscp = 46;
    room[i].p.flags &= ~abi::kLegRtcpMux;
    room.change_leg(i);
  }
  room.change({Dataplane::leg(1, make_participant(9)), Dataplane::remove(abi::MessageType::kLegRemove, make_participant(9).leg_id)});
  room.talk(0, rtp_packets(room[0].ssrc(), 21, 12));
  room.say(0, rtp_packets(room[0].ssrc(), 33, 20));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.key_expired", 20}}));
}

// --- the transform's own limits, which no test can reach packet by packet: send state as if so much had been sent

abi::StateSlot& send_state(Hall& room, std::uint64_t owner, std::uint32_t ssrc) {
  const auto& region = room.plane().core().state().region();
  auto* base = static_cast<std::byte*>(::mmap(nullptr, region.bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, region.fd(), 0));
  const auto* header = reinterpret_cast<const abi::RegionHeader*>(base);
  const auto* identities = reinterpret_cast<const abi::StateIdentity*>(base + header->blocks_offset);
  auto* slots = reinterpret_cast<abi::StateSlot*>(base + header->directory_offset);
  for (std::uint32_t i = 0; i < header->directory_entries; ++i)
    if (identities[i].kind == abi::SlotKind::kSend && identities[i].leg_id == owner && identities[i].ssrc == ssrc) return slots[i];
  throw std::runtime_error("no such slot");
}

TEST_P(Lifetime, Rfc3711_3_4_NoSrtcpIndexBeyond31Bits) {
  for (const Suite suite : {Suite::kAesCm128HmacSha1_80, Suite::kAeadAes128Gcm}) {
    Hall& room = hall({make_participant(1), make_participant(2, suite)}, options());
    room.report(0, sender_report(room[0].ssrc()));
    room.run();
    EXPECT_EQ(room.heard(1).rtcp.size(), 1u);
    send_state(room, room[1].p.leg_id, room[0].ssrc()).srtcp_top = 0x7ffffffe;
    for (unsigned i = 0; i < 4; ++i) room.report(0, sender_report(room[0].ssrc(), i));
    room.run();
    EXPECT_EQ(room.heard(1).rtcp.size(), 2u) << "2^31 - 2 and 2^31 - 1";
    EXPECT_EQ(room.all_drops(), (Drops{{"srtp.seal.key_expired", 2}}));
    room.expect_clean();
  }
}

TEST_P(Lifetime, Rfc3711_9_2_NoSrtpIndexBeyond48Bits) {
  Hall& room = hall({make_participant(1), make_participant(2)}, options());
  room.talk(0, rtp_packets(room[0].ssrc(), 65530, 3));
  abi::StateSlot& state = send_state(room, room[1].p.leg_id, room[0].ssrc());
  const std::uint64_t jump = (crypto::kMaxSrtpIndex - 3) - state.srtp.top;  // a multiple of 65536 ahead
  ASSERT_EQ(jump % 65536, 0u);
  state.srtp.top += jump;
  state.index_offset -= jump;
  SrtpPeer ears(room[1].p.send_suite, {{room[1].p.send_key, {}}}, SrtpPeer::Direction::kReceive, {.ssrc = room[0].ssrc()});
  ears.set_roc(room[0].ssrc(), 0xffffffff);
  room.say(0, rtp_packets(room[0].ssrc(), 65533, 6));
  room.run();
  const auto wire = room.wire(1);
  ASSERT_EQ(wire.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(ears.unprotect(wire[i]), rtp_packet(room[0].ssrc(), static_cast<std::uint16_t>(65533 + i)));
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.index_range", 3}}));
}

}  // namespace
}  // namespace mediaward::test
