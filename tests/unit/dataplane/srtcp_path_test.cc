// SPDX-License-Identifier: Apache-2.0
// SRTCP from participant to participant (RFC 3711 §3.4, RFC 7714 §9): every suite, ports of its own or shared, indexes, the E flag, who
// may send what to whom, and what is dropped for which reason. libsrtp seals and opens.
#include "tests/unit/dataplane/media_hall.h"

#include <algorithm>

namespace mediaward::test {
namespace {

using crypto::Suite;
using dataplane::Counter;
using dataplane::DropReason;

using Drops = std::map<std::string, std::uint64_t>;

// E flag and index as they stand in a packet of this suite.
std::uint32_t index_word(const crypto::SuiteInfo& suite, const Octets& srtcp, std::size_t mki_bytes = 0) {
  const bool aead = suite.transform == crypto::Transform::kAesGcm;
  return get32(srtcp, srtcp.size() - mki_bytes - 4 - (aead ? 0 : suite.srtcp_tag_bytes));
}

class SrtcpSuites : public WithHall<::testing::TestWithParam<std::tuple<EngineKind, crypto::SuiteInfo>>> {
 protected:
  [[nodiscard]] static const crypto::SuiteInfo& suite() { return std::get<1>(GetParam()); }
  [[nodiscard]] static HallOptions options() {
    HallOptions options;
    options.engine = std::get<0>(GetParam());
    return options;
  }
  // The first has the suite, the others have every one in turn.
  [[nodiscard]] static std::vector<Participant> people(std::uint32_t flags = make_participant(1).flags) {
    std::vector<Participant> people{make_participant(1, suite().id)};
    for (unsigned i = 0; i < crypto::kSuites.size(); ++i) people.push_back(make_participant(2 + i, crypto::kSuites[i].id, i % 2 == 1));
    for (Participant& p : people) p.flags = flags;
    return people;
  }
  // Reports of the first reach everybody as they were, and everybody's reach him.
  void report_both_ways(Hall& room) {
    for (unsigned i = 0; i < 3; ++i) {
      const Octets sent = sender_report(room[0].ssrc(), i, i);
      room.report(0, sent);
      room.run();
      for (std::size_t to = 1; to < room.size(); ++to) EXPECT_EQ(room.heard(to).rtcp, std::vector<Octets>{sent}) << to;
    }
    std::vector<Octets> all;
    for (std::size_t from = 1; from < room.size(); ++from) all.push_back(receiver_report(room[from].ssrc(), room[0].ssrc()));
    for (std::size_t from = 1; from < room.size(); ++from) {
      room.report(from, all[from - 1]);
      room.run();
    }
    EXPECT_EQ(room.heard(0).rtcp, all);
    EXPECT_EQ(room.count(Counter::kSrtcpOpened), 3 + all.size());
    EXPECT_EQ(room.all_drops(), Drops{});
    EXPECT_EQ(room.count(Counter::kSrtpOpened), 0u);
  }
};
INSTANTIATE_TEST_SUITE_P(Of, SrtcpSuites, ::testing::Combine(over_engines(), ::testing::ValuesIn(crypto::kSuites)), [](const auto& i) {
  return std::string(std::get<0>(i.param).name) + "_" + std::string(std::get<1>(i.param).name);
});

TEST_P(SrtcpSuites, Rfc5761_MultiplexedBothWays) {
  report_both_ways(hall(people(), options()));
}

TEST_P(SrtcpSuites, Rfc3550_11_PortsOfTheirOwnBothWays) {
  auto all = people(abi::kLegMayReceiveFrom | abi::kLegMaySendTo);
  for (std::size_t i = 0; i < all.size(); i += 2) all[i].remote_rtcp_port = static_cast<std::uint16_t>(7000 + i);  // RFC 3605: anywhere
  for (std::size_t i = 0; i < all.size(); i += 3) all[i].flags |= abi::kLegRtcpMux, all[i].remote_rtcp_port = 0;
  report_both_ways(hall(all, options()));
}

TEST_P(SrtcpSuites, Rfc3711_3_1_WithMkis) {
  auto all = people();
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].receive_mki = mki_of(i % 2 == 0 ? 4 : 128, 3);
    all[i].send_mki = mki_of(i % 3 == 0 ? 1 : 16, static_cast<unsigned>(i));
  }
  report_both_ways(hall(all, options()));
}

TEST_P(SrtcpSuites, Rfc3711_3_4_SrtcpIndexNeverRepeats) {
  Hall& room = hall({make_participant(1), make_participant(2, suite().id)}, options());
  std::uint32_t next = 0;
  const auto expect_next = [&](unsigned count) {
    for (unsigned i = 0; i < count; ++i) room.report(0, sender_report(room[0].ssrc()));
    room.run();
    const std::uint32_t e_flag = suite().transform == crypto::Transform::kNullHmacSha1 ? 0 : 0x80000000u;
    for (const Octets& packet : room.wire(1)) EXPECT_EQ(index_word(suite(), packet), e_flag | next++);
  };
  expect_next(5);
  room[1].p.send_key = test_key(suite().id, 500);  // another key goes on with the same indexes
  room.change_leg(1);
  expect_next(5);
  room.change({Dataplane::remove(abi::MessageType::kStreamRemove, Dataplane::stream_id(room[0].p.leg_id, room[0].ssrc())),
               Dataplane::stream(5, room[0].p.leg_id, room[0].ssrc())});
  expect_next(5);
  EXPECT_EQ(next, 15u);
}

TEST_P(SrtcpSuites, Rfc3711_3_4_ReplayedAndTooOld) {
  Hall& room = hall({make_participant(1, suite().id), make_participant(2)}, options());
  std::vector<Octets> packets;
  for (unsigned i = 0; i < 65; ++i) packets.push_back(room[0].up.protect_rtcp(sender_report(room[0].ssrc(), i)));
  for (const unsigned i : {64u, 64u, 1u, 0u, 1u, 2u})
    room.plane().send_rtcp(room[0].p, packets[i]);  // 64 is the newest, 1 the oldest that counts
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtcp.replayed", 2}, {"srtcp.too_old", 1}}));
  EXPECT_EQ(room.heard(1).rtcp.size(), 3u);
  for (const unsigned i : {64u, 0u, 2u}) room.plane().send_rtcp(room[0].p, packets[i]);  // the cheap test, before any cryptography
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtcp.replayed", 4}, {"srtcp.too_old", 2}}));
  EXPECT_EQ(room.count(Counter::kSrtcpOpened), 3u);
}

TEST_P(SrtcpSuites, Rfc3711_3_4_NothingWithoutItsTag) {
  Hall& room = hall({make_participant(1, suite().id), make_participant(2)}, options());
  const Octets good = room[0].up.protect_rtcp(sender_report(room[0].ssrc()));
  const std::size_t word = good.size() - 4 - (suite().transform == crypto::Transform::kAesGcm ? 0 : suite().srtcp_tag_bytes);
  unsigned forged = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    if (at == 0 || at == 1 || (at >= 4 && at < 8) || at == word) continue;  // version, type, SSRC, E flag: judged by other names
    Octets bad = good;
    bad[at] ^= 0x40;
    room.plane().send_rtcp(room[0].p, bad);
    ++forged;
  }
  room.run();
  EXPECT_EQ(room.drops(DropReason::kRtcpAuthFailed), forged);
  EXPECT_TRUE(room.wire(1).empty());
  room.plane().send_rtcp(room[0].p, good);
  room.run();
  EXPECT_EQ(room.heard(1).rtcp, std::vector<Octets>{sender_report(room[0].ssrc())});
}

TEST_P(SrtcpSuites, Rfc3711_3_4_TooShortForItsTrailer) {
  Hall& room = hall({make_participant(1, suite().id), make_participant(2)}, options());
  Octets least = sender_report(room[0].ssrc());
  least.resize(8);
  const Octets whole = room[0].up.protect_rtcp(least);
  ASSERT_EQ(whole.size(), 8u + 4 + suite().srtcp_tag_bytes);
  for (std::size_t bytes = 8; bytes < whole.size(); ++bytes)
    room.plane().send_rtcp(room[0].p, Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtcp.truncated", whole.size() - 8}}));
}

TEST_P(SrtcpSuites, Rfc4568_6_3_2_UnencryptedWhereItIsAllowed) {
  HallOptions with = options();
  with.up.unencrypted_srtcp = true;
  for (const bool allowed : {false, true}) {
    auto all = people();
    if (allowed) all[0].flags |= abi::kLegSrtcpPlain;
    Hall& room = hall(all, with);
    const Octets sent = sender_report(room[0].ssrc(), 1, 30);
    const Octets srtcp = room[0].up.protect_rtcp(sent);
    const bool null_suite = suite().transform == crypto::Transform::kNullHmacSha1;
    ASSERT_EQ(index_word(suite(), srtcp) >> 31, 0u);
    EXPECT_TRUE(std::equal(sent.begin(), sent.end(), srtcp.begin())) << "in the clear";
    Octets forged = srtcp;
    forged[20] ^= 1;
    room.plane().send_rtcp(room[0].p, forged);
    room.plane().send_rtcp(room[0].p, srtcp);
    room.run();
    const bool passes = allowed || null_suite;
    EXPECT_EQ(room.drops(DropReason::kRtcpUnencrypted), passes ? 0u : 2u);
    EXPECT_EQ(room.drops(DropReason::kRtcpAuthFailed), passes ? 1u : 0u);
    for (std::size_t to = 1; to < room.size(); ++to) {
      const auto wire = room.wire(to);
      ASSERT_EQ(wire.size(), passes ? 1u : 0u);
      if (!passes) continue;
      const auto& out = *crypto::find_suite(room[to].p.send_suite);
      EXPECT_EQ(index_word(out, wire[0]) >> 31, out.transform == crypto::Transform::kNullHmacSha1 ? 0u : 1u)
          << "towards others it is encrypted again";
      EXPECT_EQ(room[to].down.unprotect_rtcp(wire[0]), sent);
    }
    room.expect_clean();
  }
}

class Srtcp : public EveryEngine {
 protected:
  Hall& room(HallOptions with) {
    return hall({make_participant(1), make_participant(2, Suite::kAeadAes128Gcm), make_participant(3, Suite::kAesCm256HmacSha1_32)},
                std::move(with));
  }
};
INSTANTIATE_TEST_SUITE_P(Over, Srtcp, over_engines(), engine_name);

// Authentic, but not RTCP (RFC 3550 §6.1, A.2).
TEST_P(Srtcp, Rfc3550_A_2_WhatIsNoCompoundGoesNowhere) {
  Hall& hall = room(options());
  const std::uint32_t ssrc = hall[0].ssrc();
  const Octets good = sender_report(ssrc);
  std::vector<Octets> bad;
  const auto variant = [&](auto change) { change(bad.emplace_back(good)); };
  variant([](Octets& p) { p[3] = 7; });                       // the first length leads into the middle of the second packet
  variant([](Octets& p) { p[3] = 0xff; });                    // beyond the end
  variant([](Octets& p) { p[28 + 3] -= 1; });                 // the last ends too early
  variant([](Octets& p) { p[28] = 0x41; });                   // version 1
  variant([](Octets& p) { p[28 + 1] = 96; });                 // media
  variant([](Octets& p) { p[0] |= 0x20; });                   // padding before the last
  variant([](Octets& p) { p[28] |= 0x20, p.back() = 0; });    // padding of none
  variant([](Octets& p) { p[28] |= 0x20, p.back() = 200; });  // ... of more than there is
  variant([](Octets& p) { p.resize(p.size() - 3); });         // half a word
  for (const Octets& packet : bad) hall.report(0, packet);
  hall.run();
  EXPECT_EQ(hall.all_drops(), (Drops{{"rtcp.malformed", bad.size()}}));
  Octets padded = good;
  padded[28] |= 0x20;
  padded[28 + 3] += 1;
  put32(padded, 4);
  hall.report(0, padded);
  hall.report(0, receiver_report(ssrc, 1));  // reduced size (RFC 5506)
  hall.run();
  EXPECT_EQ(hall.heard(1).rtcp, (std::vector<Octets>{padded, receiver_report(ssrc, 1)}));
}

TEST_P(Srtcp, OfUnknownSourcesAndOtherVersions) {
  Hall& hall = room(options());
  hall.report(0, sender_report(0x55555555));
  hall.report(0, sender_report(hall[1].ssrc()));  // somebody else's
  Octets version = hall[0].up.protect_rtcp(sender_report(hall[0].ssrc()));
  version[0] = 0xc0;
  Octets packet = version;
  packet[0] = 0x80;
  hall.plane().send_from("192.0.2.77", hall[0].p.remote_port, hall[0].p, packet);
  hall.plane().send_from(hall[0].p.remote, 9, hall[0].p, packet);
  hall.run();
  EXPECT_EQ(hall.all_drops(), (Drops{{"srtp.unknown_ssrc", 2}, {"srtp.source_mismatch", 2}}));
  hall.plane().send_rtcp(hall[0].p, version);
  hall.run();
  EXPECT_EQ(hall.drops(DropReason::kRtpBadVersion), 1u);
}

TEST_P(Srtcp, Rfc5761_3_EachOnItsOwnPort) {
  std::vector<Participant> people{make_participant(1), make_participant(2), make_participant(3)};
  people[0].flags = people[1].flags = abi::kLegMayReceiveFrom | abi::kLegMaySendTo;
  Hall& room = hall(people, options());
  const auto on = [&](std::size_t from, std::uint16_t add, const Octets& packet) {
    UdpFlow flow = room.plane().flow_from(people[from]);
    flow.source_port = static_cast<std::uint16_t>(flow.source_port + add);
    flow.destination_port = static_cast<std::uint16_t>(flow.destination_port + add);
    room.plane().io().inject(to_frame(udp_frame(flow, packet)));
  };
  on(0, 0, room[0].up.protect_rtcp(sender_report(room[0].ssrc())));
  on(0, 1, room[0].up.protect(rtp_packet(room[0].ssrc(), 1)));
  on(2, 1, room[2].up.protect_rtcp(sender_report(room[2].ssrc())));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtcp.wrong_port", 2}, {"udp.no_leg", 1}}));
  // Media and reports of the same participant, each where it belongs.
  room.say(0, rtp_packets(room[0].ssrc(), 2, 2));
  room.report(0, sender_report(room[0].ssrc(), 2));
  room.run();
  EXPECT_EQ(room.wire(1).size(), 2u);
  EXPECT_EQ(room.plane().rtcp_received_by(people[1]).size(), 1u);
  EXPECT_EQ(room.heard(2).rtcp.size(), 1u) << "who shares the port hears both there";
}

TEST_P(Srtcp, PolicyDropsItBothWays) {
  std::vector<Participant> people{make_participant(1), make_participant(2), make_participant(3)};
  people[1].rtcp_policy = abi::RtcpPolicy::kDrop;
  Hall& room = hall(people, options());
  room.report(0, sender_report(room[0].ssrc()));
  room.report(1, sender_report(room[1].ssrc()));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtcp.policy", 1}}));
  EXPECT_TRUE(room.heard(0).rtcp.empty());
  EXPECT_TRUE(room.heard(1).rtcp.empty());
  EXPECT_EQ(room.heard(2).rtcp.size(), 1u);
  room.talk(1, rtp_packets(room[1].ssrc(), 1, 2));
  room[1].p.rtcp_policy = abi::RtcpPolicy::kForward;
  room.change_leg(1);
  room.report(0, sender_report(room[0].ssrc(), 1));
  room.run();
  EXPECT_EQ(room.heard(1).rtcp.size(), 1u);
}

TEST_P(Srtcp, WithNobodyElseThereItEndsByName) {
  Hall& room = hall({make_participant(1)}, options());
  room.report(0, sender_report(room[0].ssrc()));
  room.say(0, rtp_packets(room[0].ssrc(), 1, 1));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"srtcp.no_receiver", 1}, {"srtp.no_receiver", 1}}));
}

TEST_P(Srtcp, TooLargeOnceSealed) {
  HallOptions with = options();
  with.plane.mtu = 300;
  Hall& hall = room(with);
  Octets report = sender_report(hall[0].ssrc(), 1, 198);  // 240 bytes; 272 fit: AES-CM needs 14 more, GCM 20
  while (report.size() < 256) report.insert(report.end(), {0x80, 203, 0, 0});
  hall.report(0, report);
  hall.run();
  EXPECT_EQ(hall.heard(1).rtcp.size(), 0u);
  EXPECT_EQ(hall.heard(2).rtcp.size(), 1u);
  EXPECT_EQ(hall.all_drops(), (Drops{{"srtp.seal.oversize", 1}}));
}

}  // namespace
}  // namespace mediaward::test
