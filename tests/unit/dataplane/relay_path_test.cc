// SPDX-License-Identifier: Apache-2.0
// A relay: what comes in goes out to everybody byte for byte. Where the sender's key is known, only what is authentic and fresh; where
// it is not, whatever comes from the leg's address under an announced SSRC. libsrtp seals at one end and opens at the other.
#include "tests/unit/dataplane/media_hall.h"

#include <algorithm>

namespace mediaward::test {
namespace {

using crypto::Suite;
using crypto::SuiteInfo;
using dataplane::Counter;
using dataplane::DropReason;
using Drops = std::map<std::string, std::uint64_t>;

enum class Key { kKnown, kUnknown };

class RelayBase : public WithHall<::testing::TestWithParam<std::tuple<EngineKind, SuiteInfo, Key>>> {
 protected:
  [[nodiscard]] static const SuiteInfo& suite() { return std::get<1>(GetParam()); }
  [[nodiscard]] static bool known() { return std::get<2>(GetParam()) == Key::kKnown; }
  [[nodiscard]] static bool aead() { return suite().transform == crypto::Transform::kAesGcm; }
  [[nodiscard]] static HallOptions options(std::size_t mki_bytes = 0) {
    HallOptions options;
    options.engine = std::get<0>(GetParam());
    options.plane.io.capabilities.tx_chains = known();
    options.conference.mode = abi::ForwardingMode::kRelay;
    options.relay_suite = suite().id;
    options.relay_key = {test_key(suite().id, 650), mki_of(mki_bytes, 5)};
    return options;
  }
  // They have one key among themselves; every other is reached over IPv6.
  [[nodiscard]] static std::vector<Participant> people(const HallOptions& options, unsigned count = 4) {
    std::vector<Participant> people;
    for (unsigned i = 0; i < count; ++i) {
      Participant p = make_participant(1 + i, Suite::kAesCm128HmacSha1_80, i % 2 == 1);
      p.send_suite = Suite::kNone;
      p.receive_suite = known() ? suite().id : Suite::kNone;
      p.receive_key = options.relay_key.key;
      p.receive_mki = options.relay_key.mki;
      people.push_back(p);
    }
    return people;
  }
  // What lies before the data plane comes out at everybody else as it is.
  static void expect_untouched(Hall& room, std::size_t from, const std::vector<Octets>& packets) {
    room.run();
    for (std::size_t to = 0; to < room.size(); ++to) EXPECT_EQ(room.wire(to), to == from ? std::vector<Octets>{} : packets) << to;
  }
};
std::string relay_name(const ::testing::TestParamInfo<std::tuple<EngineKind, SuiteInfo, Key>>& i) {
  return std::string(std::get<0>(i.param).name) + "_" + std::string(std::get<1>(i.param).name) +
         (std::get<2>(i.param) == Key::kKnown ? "_Known" : "_Unknown");
}

class Relay : public RelayBase {};
INSTANTIATE_TEST_SUITE_P(Of, Relay,
                         ::testing::Combine(over_engines(), ::testing::ValuesIn(crypto::kSuites),
                                            ::testing::Values(Key::kKnown, Key::kUnknown)),
                         relay_name);

TEST_P(Relay, MediaGoOnByteForByte) {
  for (const std::size_t mki_bytes : {0u, 4u}) {
    const HallOptions with = options(mki_bytes);
    Hall& room = hall(people(with), with);
    const std::uint32_t ssrc = room[0].ssrc();
    std::vector<Octets> sealed;
    for (unsigned i = 0; i < 20; ++i) {  // over the wrap, in the first burst of the stream
      RtpPacket rtp{.payload_type = 96, .sequence = static_cast<std::uint16_t>(65530 + i), .timestamp = 160 * i, .ssrc = ssrc};
      rtp.payload.assign(i * 13, static_cast<std::uint8_t>(i));
      if (i % 3 == 1) rtp.csrcs = {1, 2};
      if (i % 3 == 2) rtp.extension = Octets(8, 0x33);
      sealed.push_back(room[0].up.protect(rtp.bytes()));
      room.plane().send_rtp(room[0].p, sealed.back());
    }
    expect_untouched(room, 0, sealed);
    for (const Octets& packet : sealed) EXPECT_TRUE(room[1].down.unprotect(packet).has_value());
    EXPECT_EQ(room.count(Counter::kSrtpRelayed), 20u);
    EXPECT_EQ(room.count(Counter::kSrtpCopied), 60u);
    EXPECT_EQ(room.count(Counter::kSrtpSealed), 0u);
    EXPECT_EQ(room.count(Counter::kSrtpOpened), known() ? 20u : 0u);
    EXPECT_EQ(room.all_drops(), Drops{});
    room.expect_clean();
  }
}

TEST_P(Relay, ReportsGoOnByteForByte) {
  for (const bool encrypted : {true, false}) {
    for (const bool own_port : {false, true}) {
      HallOptions with = options(encrypted ? 0 : 4);
      with.up.unencrypted_srtcp = with.down.unencrypted_srtcp = !encrypted;
      auto all = people(with);
      for (Participant& p : all) {
        p.flags |= abi::kLegSrtcpPlain;
        if (own_port) p.flags &= ~abi::kLegRtcpMux;
      }
      Hall& room = hall(all, with);
      std::vector<Octets> sealed;
      for (unsigned i = 0; i < 8; ++i) {
        sealed.push_back(room[0].up.protect_rtcp(sender_report(room[0].ssrc(), i, 3 + 7 * i)));
        room.plane().send_rtcp(room[0].p, sealed.back());
      }
      room.run();
      for (std::size_t to = 1; to < room.size(); ++to) {
        const auto wire = own_port ? room.plane().rtcp_received_by(room[to].p) : room.wire(to);
        EXPECT_EQ(wire, sealed) << to << (encrypted ? " encrypted" : " in the clear");
      }
      for (std::size_t i = 0; i < sealed.size(); ++i)
        EXPECT_EQ(room[1].down.unprotect_rtcp(sealed[i]), sender_report(room[0].ssrc(), static_cast<std::uint32_t>(i), 3 + 7 * i));
      EXPECT_EQ(room.count(Counter::kSrtcpOpened), known() ? 8u : 0u);
      EXPECT_EQ(room.all_drops(), Drops{});
      room.expect_clean();
    }
  }
}

TEST_P(Relay, OnlyOfAnnouncedSourcesFromTheirAddress) {
  const HallOptions with = options();
  Hall& room = hall(people(with), with);
  const Octets stranger = room[0].up.protect(rtp_packet(0x99999999, 1));
  room.plane().send_rtp(room[0].p, stranger);
  room.plane().send_rtcp(room[0].p, room[0].up.protect_rtcp(sender_report(0x99999999)));
  room.plane().send_from("192.0.2.200", 4000, room[0].p, room[0].up.protect(rtp_packet(room[0].ssrc(), 1)));
  expect_untouched(room, 0, {});
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.unknown_ssrc", 2}, {"srtp.source_mismatch", 1}}));
}

TEST_P(Relay, EverybodyTalksAtOnceAndSomebodyGoes) {
  const HallOptions with = options();
  Hall& room = hall(people(with, 6), with);
  std::map<std::uint32_t, std::vector<Octets>> sealed;
  for (unsigned i = 0; i < 5; ++i)
    for (std::size_t from = 0; from < room.size(); ++from) {
      auto& packet =
          sealed[room[from].ssrc()].emplace_back(room[from].up.protect(rtp_packet(room[from].ssrc(), static_cast<std::uint16_t>(i))));
      room.plane().send_rtp(room[from].p, packet);
    }
  room.run();
  for (std::size_t to = 0; to < room.size(); ++to) {
    std::map<std::uint32_t, std::vector<Octets>> by_source;
    for (const Octets& packet : room.wire(to)) by_source[get32(packet, 8)].push_back(packet);
    auto wanted = sealed;
    wanted.erase(room[to].ssrc());
    EXPECT_EQ(by_source, wanted) << to;
  }
  for (unsigned i = 5; i < 10; ++i) room.say(0, {rtp_packet(room[0].ssrc(), static_cast<std::uint16_t>(i))});
  (void)room.plane().run_once();
  room.change({Dataplane::remove(abi::MessageType::kLegRemove, room[0].p.leg_id),
               Dataplane::remove(abi::MessageType::kLegRemove, room[1].p.leg_id)});
  room.run();
  for (std::size_t to = 2; to < room.size(); ++to)
    EXPECT_EQ(room.wire(to).size() + room.drops(DropReason::kStale) + room.drops(DropReason::kUdpNoLeg), 5u);
}

class RelayWithKey : public RelayBase {};
INSTANTIATE_TEST_SUITE_P(Of, RelayWithKey,
                         ::testing::Combine(over_engines(), ::testing::ValuesIn(crypto::kSuites), ::testing::Values(Key::kKnown)),
                         relay_name);

TEST_P(RelayWithKey, TamperedAndReplayedEndHere) {
  const HallOptions with = options();
  Hall& room = hall(people(with), with);
  const std::uint32_t ssrc = room[0].ssrc();
  const Octets good = room[0].up.protect(rtp_packet(ssrc, 100)), report = room[0].up.protect_rtcp(sender_report(ssrc));
  Octets bad = good, bad_report = report;
  bad[30] ^= 4;
  bad_report[12] ^= 4;
  room.plane().send_rtp(room[0].p, bad);
  room.plane().send_rtcp(room[0].p, bad_report);
  for (int i = 0; i < 3; ++i) room.plane().send_rtp(room[0].p, good);
  for (int i = 0; i < 2; ++i) room.plane().send_rtcp(room[0].p, report);
  room.run();
  for (std::size_t to = 1; to < room.size(); ++to) {
    auto wire = room.wire(to);
    std::sort(wire.begin(), wire.end());
    auto wanted = std::vector<Octets>{good, report};
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(wire, wanted);
  }
  EXPECT_EQ(room.all_drops(), (Drops{{"srtp.auth_failed", 1}, {"srtcp.auth_failed", 1}, {"srtp.replayed", 2}, {"srtcp.replayed", 1}}));
}

TEST_P(RelayWithKey, Rfc4568_6_3_2_UnencryptedReportsWhereTheyAreAllowed) {
  HallOptions with = options();
  with.up.unencrypted_srtcp = true;
  auto all = people(with);
  all[1].flags |= abi::kLegSrtcpPlain;
  Hall& room = hall(all, with);
  const bool null_suite = suite().transform == crypto::Transform::kNullHmacSha1;
  for (const std::size_t from : {0u, 1u}) room.report(from, sender_report(room[from].ssrc()));
  Octets forged = room[1].up.protect_rtcp(sender_report(room[1].ssrc(), 5));
  forged[15] ^= 1;
  room.plane().send_rtcp(room[1].p, forged);
  room.run();
  EXPECT_EQ(room.drops(DropReason::kRtcpUnencrypted), null_suite ? 0u : 1u);
  EXPECT_EQ(room.drops(DropReason::kRtcpAuthFailed), 1u);
  EXPECT_EQ(room.wire(2).size(), null_suite ? 2u : 1u);
}

TEST_P(RelayWithKey, TwoKeysTriedByTheirTags) {
  const HallOptions with = options();
  auto all = people(with);
  const SrtpMasterKey next{test_key(suite().id, 651), {}};
  for (Participant& p : all) p.more_receive_keys = {next};
  Hall& room = hall(all, with);
  SrtpPeer other(suite().id, {next}, SrtpPeer::Direction::kSend);
  std::vector<Octets> sealed;
  for (unsigned i = 0; i < 12; ++i) {
    sealed.push_back((i < 5 ? room[0].up : other).protect(rtp_packet(room[0].ssrc(), static_cast<std::uint16_t>(65531 + i))));
    if (i == 5)
      sealed.back() = [&] {  // a sender keeps its roll-over counter across a rekey
        other.~SrtpPeer();
        new (&other) SrtpPeer(suite().id, {next}, SrtpPeer::Direction::kSend, {.ssrc = room[0].ssrc()});
        other.set_roc(room[0].ssrc(), 1);
        return other.protect(rtp_packet(room[0].ssrc(), static_cast<std::uint16_t>(65531 + i)));
      }();
    room.plane().send_rtp(room[0].p, sealed.back());
    room.run();
  }
  expect_untouched(room, 0, sealed);
  EXPECT_EQ(room.all_drops(), Drops{});
}

class RelayWithoutKey : public RelayBase {};
INSTANTIATE_TEST_SUITE_P(Of, RelayWithoutKey,
                         ::testing::Combine(over_engines(), ::testing::Values(crypto::kSuites[0]), ::testing::Values(Key::kUnknown)),
                         relay_name);

// Nothing is verified: tampered and repeated packets, and what is no SRTP at all, are the participants' affair; still it must be RTP or
// RTCP.
TEST_P(RelayWithoutKey, WhateverComesFromTheAddressGoesOn) {
  const HallOptions with = options();
  Hall& room = hall(people(with), with);
  const Octets bare = rtp_packet(room[0].ssrc(), 5, 0), rtp = rtp_packet(room[0].ssrc(), 5, 100), rtcp = sender_report(room[0].ssrc());
  const Octets truncated(rtp.begin(), rtp.begin() + 11), header_only(rtcp.begin(), rtcp.begin() + 8), cut(rtcp.begin(), rtcp.begin() + 7);
  std::vector<Octets> packets{rtp, rtp, bare, rtcp, header_only, rtp};
  for (const Octets& packet : packets) room.plane().send_rtp(room[0].p, packet);
  expect_untouched(room, 0, packets);
  Octets version = rtp;
  version[0] = 0xbf;
  for (const Octets& packet : {truncated, cut, version}) room.plane().send_rtp(room[0].p, packet);
  expect_untouched(room, 0, {});
  EXPECT_EQ(room.all_drops(), (Drops{{"rtp.truncated", 1}, {"srtcp.truncated", 1}, {"rtp.bad_extension", 1}}));
}

}  // namespace
}  // namespace mediaward::test
