// SPDX-License-Identifier: Apache-2.0
// Keys that change while packets flow: several receive keys told apart by MKI or by their tags, send keys that take over at a packet
// boundary, staged ones, and what goes on over all that (RFC 3711 §3.1, §3.3.1, §9.1). libsrtp is both neighbours.
#include "tests/unit/dataplane/media_hall.h"

namespace mediaward::test {
namespace {

using crypto::Suite;
using dataplane::Counter;
using dataplane::DropReason;

using Drops = std::map<std::string, std::uint64_t>;
constexpr auto kSend = SrtpPeer::Direction::kSend;

class Keys : public WithHall<::testing::TestWithParam<std::tuple<EngineKind, Suite>>> {
 protected:
  [[nodiscard]] static Suite suite() { return std::get<1>(GetParam()); }
  [[nodiscard]] static HallOptions options() {
    HallOptions options;
    options.engine = std::get<0>(GetParam());
    return options;
  }
  [[nodiscard]] static SrtpMasterKey key(unsigned number, std::size_t mki_bytes = 0) {
    return {test_key(suite(), 700 + number), mki_of(mki_bytes, number)};
  }
  [[nodiscard]] static Participant speaker(std::vector<SrtpMasterKey> keys) {
    Participant p = make_participant(1, suite());
    p.receive_key = keys.at(0).key;
    p.receive_mki = keys[0].mki;
    p.more_receive_keys.assign(keys.begin() + 1, keys.end());
    return p;
  }
  static void give(Participant& p, const std::vector<SrtpMasterKey>& keys) {
    p.receive_key = keys.at(0).key;
    p.receive_mki = keys[0].mki;
    p.more_receive_keys.assign(keys.begin() + 1, keys.end());
  }
};
INSTANTIATE_TEST_SUITE_P(Of, Keys,
                         ::testing::Combine(over_engines(),
                                            ::testing::Values(Suite::kAesCm128HmacSha1_80, Suite::kAesCm256HmacSha1_32,
                                                              Suite::kAeadAes128Gcm, Suite::kAeadAes256Gcm, Suite::kNullHmacSha1_32)),
                         [](const auto& i) {
                           return std::string(std::get<0>(i.param).name) + "_" +
                                  std::string(crypto::find_suite(std::get<1>(i.param))->name);
                         });

// --- receive keys named by MKI

TEST_P(Keys, Rfc3711_3_1_FourReceiveKeysByMki) {
  for (const std::size_t mki_bytes : {1u, 4u, 128u}) {
    const std::vector<SrtpMasterKey> keys{key(1, mki_bytes), key(2, mki_bytes), key(3, mki_bytes), key(4, mki_bytes)};
    Hall& room = hall({speaker(keys), make_participant(2)}, options());
    std::vector<Octets> packets = rtp_packets(room[0].ssrc(), 100, 16), reports;
    for (unsigned i = 0; i < packets.size(); ++i) room.say(0, {packets[i]}, i % 4);
    for (unsigned i = 0; i < 8; ++i) room.report(0, reports.emplace_back(sender_report(room[0].ssrc(), i)), 3 - i % 4);
    room.run();
    const Heard heard = room.heard(1);
    // Jobs of different keys may overtake each other.
    EXPECT_EQ((std::set<Octets>(heard.rtp.begin(), heard.rtp.end())), (std::set<Octets>(packets.begin(), packets.end())));
    EXPECT_EQ((std::set<Octets>(heard.rtcp.begin(), heard.rtcp.end())), (std::set<Octets>(reports.begin(), reports.end())));
    EXPECT_EQ(heard.rtp.size() + heard.rtcp.size(), 24u);
    EXPECT_EQ(room.all_drops(), Drops{});
    EXPECT_EQ(room.count(Counter::kSrtpRetried), 0u) << "an MKI says which key it is";
    room.expect_clean();
  }
}

TEST_P(Keys, Rfc3711_3_3_UnknownMki) {
  const std::vector<SrtpMasterKey> known{key(1, 2), key(2, 2)};
  Hall& room = hall({speaker(known), make_participant(2)}, options());
  SrtpPeer stranger(suite(), {{known[0].key, mki_of(2, 99)}}, kSend);  // the right key by another name
  room.plane().send_rtp(room[0].p, stranger.protect(rtp_packet(room[0].ssrc(), 1)));
  room.plane().send_rtcp(room[0].p, stranger.protect_rtcp(sender_report(room[0].ssrc())));
  SrtpPeer liar(suite(), {{known[0].key, known[1].mki}}, kSend);  // the name of another key
  room.plane().send_rtp(room[0].p, liar.protect(rtp_packet(room[0].ssrc(), 2)));
  room.plane().send_rtcp(room[0].p, liar.protect_rtcp(sender_report(room[0].ssrc())));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.unknown_mki", 2}, {"srtp.auth_failed", 1}, {"srtcp.auth_failed", 1}}));
  room.talk(0, rtp_packets(room[0].ssrc(), 3, 2));
}

// A new key is announced, the peer changes over when it likes, the old one is taken away: nothing is lost, indexes go on.
TEST_P(Keys, Rfc3711_3_3_1_RekeyByMkiLosesNothing) {
  Hall& room = hall({speaker({key(1, 4)}), make_participant(2, Suite::kAeadAes256Gcm)}, options());
  const std::uint32_t ssrc = room[0].ssrc();
  room.talk(0, rtp_packets(ssrc, 65534, 4));
  give(room[0].p, {key(1, 4), key(2, 4)});
  room.change_leg(0);
  room.talk(0, rtp_packets(ssrc, 2, 3));
  const Octets late = room[0].up.protect(rtp_packet(ssrc, 5));
  room[0].up.rekey({key(2, 4)});
  room.talk(0, rtp_packets(ssrc, 6, 3));
  room.plane().send_rtp(room[0].p, late);  // under the old key, from before the change
  room.run();
  room.expect_all_hear(0, {rtp_packet(ssrc, 5)});
  give(room[0].p, {key(2, 4)});
  room.change_leg(0);
  room.talk(0, rtp_packets(ssrc, 9, 3));
  EXPECT_EQ(room[1].down.roc(ssrc), 1u);
  EXPECT_EQ(room.all_drops(), Drops{});
}

// --- two keys that nothing tells apart but their tags

TEST_P(Keys, Rfc3711_3_3_1_RekeyWithoutMkiLosesNothing) {
  Hall& room = hall({speaker({key(1)}), make_participant(2, Suite::kAeadAes256Gcm)}, options());
  const std::uint32_t ssrc = room[0].ssrc();
  room.talk(0, rtp_packets(ssrc, 65533, 1));
  room.talk(0, rtp_packets(ssrc, 65534, 4));
  room.report(0, sender_report(ssrc, 1));
  give(room[0].p, {key(1), key(2)});
  room.change_leg(0);
  room.talk(0, rtp_packets(ssrc, 2, 3));
  EXPECT_EQ(room.count(Counter::kSrtpRetried), 0u) << "the key that was right last is tried first";
  room[0].up.rekey({key(2)});
  room.talk(0, rtp_packets(ssrc, 5, 1));
  EXPECT_EQ(room.count(Counter::kSrtpRetried), 1u);
  room.talk(0, rtp_packets(ssrc, 6, 20));
  room.report(0, sender_report(ssrc, 2));
  room.run();
  EXPECT_EQ(room.heard(1).rtcp.size(), 1u);
  EXPECT_EQ(room.count(Counter::kSrtpRetried), 1u) << "from then on the new one is";
  give(room[0].p, {key(2)});
  room.change_leg(0);
  room.talk(0, rtp_packets(ssrc, 26, 3));
  EXPECT_EQ(room.all_drops(), Drops{});
}

TEST_P(Keys, TriedByTagWithinOneBurst) {
  Hall& room = hall({speaker({key(1), key(2)}), make_participant(2)}, options());
  const std::uint32_t ssrc = room[0].ssrc();
  SrtpPeer other(suite(), {key(2)}, kSend);
  std::vector<Octets> packets = rtp_packets(ssrc, 100, 20), reports;
  for (unsigned i = 0; i < packets.size(); ++i) room.plane().send_rtp(room[0].p, (i < 9 ? room[0].up : other).protect(packets[i]));
  room.run();
  const auto heard = room.heard(1).rtp;
  EXPECT_EQ((std::set<Octets>(heard.begin(), heard.end())), (std::set<Octets>(packets.begin(), packets.end())));
  EXPECT_EQ(heard.size(), packets.size());
  room.plane().send_rtcp(room[0].p, other.protect_rtcp(sender_report(ssrc, 1)));
  (void)other.protect_rtcp(sender_report(ssrc, 2));
  (void)room[0].up.protect_rtcp(sender_report(ssrc, 1));
  (void)room[0].up.protect_rtcp(sender_report(ssrc, 2));
  room.report(0, sender_report(ssrc, 3));
  room.run();
  EXPECT_EQ(room.heard(1).rtcp.size(), 2u);
  EXPECT_EQ(room.all_drops(), Drops{});
}

// The very first packets of a stream come under the second key, and wrap: neither key nor ROC is known before a tag was right.
TEST_P(Keys, Rfc3711_3_3_1_FirstBurstUnderTheSecondKeyWraps) {
  Hall& room = hall({speaker({key(1), key(2)}), make_participant(2)}, options());
  SrtpPeer other(suite(), {key(2)}, kSend);
  const auto packets = rtp_packets(room[0].ssrc(), 65532, 12);
  for (const Octets& packet : packets) room.plane().send_rtp(room[0].p, other.protect(packet));
  room.run();
  room.expect_all_hear(0, packets);
  EXPECT_EQ(room.all_drops(), Drops{});
}

TEST_P(Keys, ForgeriesAreTriedUnderBothAndDroppedOnce) {
  Hall& room = hall({speaker({key(1), key(2)}), make_participant(2)}, options());
  SrtpPeer stranger(suite(), {key(3)}, kSend);
  for (unsigned i = 0; i < 10; ++i)
    room.plane().send_rtp(room[0].p, stranger.protect(rtp_packet(room[0].ssrc(), static_cast<std::uint16_t>(100 + i))));
  for (unsigned i = 0; i < 3; ++i) room.plane().send_rtcp(room[0].p, stranger.protect_rtcp(sender_report(room[0].ssrc(), i)));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.auth_failed", 10}, {"srtcp.auth_failed", 3}}));
  room.talk(0, rtp_packets(room[0].ssrc(), 100, 5));
}

// A source that nobody announced is authentic under either key, too, and is bound.
TEST_P(Keys, FirstAuthenticatedUnderTheSecondKey) {
  for (const bool rtcp : {false, true}) {
    Participant p = speaker({key(1), key(2)});
    p.ssrcs.clear();
    p.ssrc_policy = abi::SsrcPolicy::kFirstAuthenticated;
    p.places = 1;
    Hall& room = hall({p, make_participant(2)}, options());
    constexpr std::uint32_t kSsrc = 0x31415926;
    SrtpPeer other(suite(), {key(2)}, kSend), stranger(suite(), {key(3)}, kSend);
    for (SrtpPeer* sender : {&stranger, &other}) {
      if (rtcp)
        room.plane().send_rtcp(p, sender->protect_rtcp(sender_report(kSsrc)));
      else
        room.plane().send_rtp(p, sender->protect(rtp_packet(kSsrc, 1)));
    }
    room.run();
    EXPECT_EQ(room.all_drops(), (Drops{{rtcp ? "srtcp.auth_failed" : "srtp.auth_failed", 1}, {"srtp.not_bound", 1}}));
    const auto seen = room.events(dataplane::WorkerEvent::Kind::kSsrcSeen);
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].ssrc, kSsrc);
    ASSERT_TRUE(room.plane().core().bind_ssrc(p.leg_id, kSsrc));
    const auto packets = rtp_packets(kSsrc, 2, 5);
    for (const Octets& packet : packets) room.plane().send_rtp(p, other.protect(packet));
    room.run();
    room.expect_all_hear(0, packets);
    room.expect_clean();
  }
}

// --- send keys

TEST_P(Keys, Rfc3711_3_3_1_SendKeyChangesAtAPacketBoundary) {
  Participant listener = make_participant(2, suite());
  Hall& room = hall({make_participant(1), listener}, options());
  const std::uint32_t ssrc = room[0].ssrc();
  room.talk(0, rtp_packets(ssrc, 65530, 10));
  room[1].p.send_key = test_key(suite(), 900);
  room.say(0, rtp_packets(ssrc, 4, 5));
  (void)room.plane().run_once();
  ASSERT_TRUE(room.plane().core().submit(std::vector{Dataplane::leg(1, room[1].p)}, {}));  // while packets are in work
  room.run();
  room.say(0, rtp_packets(ssrc, 9, 5));
  room.run();
  const auto wire = room.wire(1);
  ASSERT_EQ(wire.size(), 10u);
  SrtpPeer fresh(suite(), {{room[1].p.send_key, {}}}, SrtpPeer::Direction::kReceive, {.ssrc = ssrc, .window_packets = 1024});
  fresh.set_roc(ssrc, 1);
  bool changed = false;
  for (std::size_t i = 0; i < wire.size(); ++i) {
    auto opened = changed ? std::nullopt : room[1].down.unprotect(wire[i]);
    if (!opened) {
      changed = true;
      opened = fresh.unprotect(wire[i]);
    }
    EXPECT_EQ(opened, rtp_packet(ssrc, static_cast<std::uint16_t>(4 + i))) << "packet " << i;
  }
  EXPECT_TRUE(changed);
  EXPECT_EQ(fresh.roc(ssrc), 1u);
}

TEST_P(Keys, StagedSendKeysTakeTheirTurn) {
  Participant listener = make_participant(2, suite());
  const std::vector<SrtpMasterKey> keys{key(1, 4), key(2, 4), key(3, 4)};
  const auto in_force = [&](std::size_t first) {
    listener.send_key = keys[first].key;
    listener.send_mki = keys[first].mki;
    listener.more_send_keys.assign(keys.begin() + static_cast<std::ptrdiff_t>(first) + 1, keys.end());
  };
  in_force(0);
  Hall& room = hall({make_participant(1), listener}, options());
  SrtpPeer ears(suite(), keys, SrtpPeer::Direction::kReceive);
  for (std::size_t turn = 0; turn < 3; ++turn) {
    in_force(turn);
    room.change({Dataplane::leg(1, listener)});
    const auto packets = rtp_packets(room[0].ssrc(), static_cast<unsigned>(65530 + 5 * turn), 5);
    room.say(0, packets);
    room.report(0, sender_report(room[0].ssrc(), static_cast<std::uint32_t>(turn)));
    room.run();
    std::vector<Octets> opened;
    for (const Octets& packet : room.wire(1)) {
      const bool rtcp = looks_like_rtcp(packet);
      const auto plain = rtcp ? ears.unprotect_rtcp(packet) : ears.unprotect(packet);
      ASSERT_TRUE(plain.has_value());
      const bool aead = crypto::find_suite(suite())->transform == crypto::Transform::kAesGcm;
      const std::size_t tag = rtcp ? crypto::find_suite(suite())->srtcp_tag_bytes : crypto::find_suite(suite())->tag_bytes;
      const auto mki = packet.end() - static_cast<std::ptrdiff_t>(4 + (aead ? 0 : tag));
      EXPECT_EQ(Octets(mki, mki + 4), keys[turn].mki);
      if (!rtcp) opened.push_back(*plain);
    }
    EXPECT_EQ(opened, packets);
  }
  EXPECT_EQ(ears.roc(room[0].ssrc()), 1u);
  // Whoever has sealed does not come back (RFC 3711 §9.1).
  in_force(0);
  EXPECT_FALSE(room.plane().apply({Dataplane::leg(1, listener)}));
}

}  // namespace
}  // namespace mediaward::test
