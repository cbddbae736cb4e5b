// SPDX-License-Identifier: Apache-2.0
// SRTP from participant to participant: every suite into every suite, every shape of packet, with and without MKI, over the wraps of
// sequence number and ROC, and what becomes of streams that come, go and collide. libsrtp seals and opens.
#include "tests/unit/dataplane/media_hall.h"

namespace mediaward::test {
namespace {

using crypto::Suite;
using dataplane::Counter;
using dataplane::DropReason;

// One packet of each shape: payloads of the sizes that matter to ciphers, with and without CSRCs, header extension and padding.
std::vector<Octets> shapes(std::uint32_t ssrc, std::uint16_t first) {
  std::vector<Octets> packets;
  for (const std::size_t bytes : {0u, 1u, 4u, 20u, 160u, 1200u}) {
    for (unsigned shape = 0; shape < 5; ++shape) {
      RtpPacket rtp{.payload_type = 111, .marker = shape == 1, .sequence = first++, .timestamp = 0xfffffff0u + first, .ssrc = ssrc};
      rtp.payload.assign(bytes, static_cast<std::uint8_t>(first));
      if (shape == 1 || shape == 4) rtp.csrcs.assign(shape == 4 ? 15 : 3, 0xcafe0000u + shape);
      if (shape == 2 || shape == 4) rtp.extension = Octets(shape == 4 ? 40 : 4, 0x42);
      if ((shape == 3 || shape == 4) && bytes >= 4) {
        rtp.padding = true;
        rtp.payload.back() = bytes >= 20 ? 16 : 4;
      }
      packets.push_back(rtp.bytes());
    }
  }
  return packets;
}

struct Mkis {
  unsigned in, out;
};

class Transforms : public WithHall<::testing::TestWithParam<std::tuple<EngineKind, Mkis>>> {};

// Eight talk, one with each suite; sixteen listen, two with each.
TEST_P(Transforms, EverySuiteIntoEverySuite) {
  const auto [engine, mkis] = GetParam();
  std::vector<Participant> people;
  for (unsigned i = 0; i < 2 * crypto::kSuites.size(); ++i) {
    Participant p = make_participant(1 + i, crypto::kSuites[i % crypto::kSuites.size()].id, i % 3 == 0);
    p.receive_mki = mki_of(mkis.in, 1);
    p.send_mki = mki_of(mkis.out, i);
    people.push_back(p);
  }
  HallOptions options;
  options.engine = engine;
  options.plane.mtu = 1600;  // 1200 bytes, 15 CSRCs, an extension and the longest MKI
  Hall& room = hall(people, options);
  for (std::size_t from = 0; from < crypto::kSuites.size(); ++from)
    room.talk(from, shapes(room[from].ssrc(), static_cast<std::uint16_t>(65520 + from)));
  EXPECT_EQ(room.count(Counter::kSrtpOpened), 8u * 30);
  EXPECT_EQ(room.count(Counter::kSrtpSealed), 8u * 30 * 15);
  EXPECT_EQ(room.all_drops(), (std::map<std::string, std::uint64_t>{}));
}
INSTANTIATE_TEST_SUITE_P(Rfc3711_4_Rfc6188_Rfc7714, Transforms,
                         ::testing::Combine(over_engines(),
                                            ::testing::Values(Mkis{0, 0}, Mkis{1, 0}, Mkis{4, 128}, Mkis{128, 1}, Mkis{0, 4})),
                         [](const auto& i) {
                           const Mkis mkis = std::get<1>(i.param);
                           return std::string(std::get<0>(i.param).name) + "_Mki" + std::to_string(mkis.in) + "to" +
                                  std::to_string(mkis.out);
                         });

// What is behind the ciphertext on the wire (RFC 3711 §3.1, RFC 7714 §8.1): tag and MKI in the suite's order, nothing else.
TEST(SrtpWire, Rfc3711_3_1_TrailerIsWhereTheSuiteWantsIt) {
  for (const auto& suite : crypto::kSuites) {
    Participant a = make_participant(1), b = make_participant(2, suite.id);
    b.send_mki = mki_of(4, 9);
    Hall room({a, b});
    room.open();
    room.say(0, {rtp_packet(room[0].ssrc(), 1, 20)});
    room.run();
    const auto wire = room.wire(1);
    ASSERT_EQ(wire.size(), 1u);
    ASSERT_EQ(wire[0].size(), 12u + 20 + suite.tag_bytes + 4) << suite.name;
    const bool aead = suite.transform == crypto::Transform::kAesGcm;
    const auto mki = wire[0].begin() + (aead ? 32 + suite.tag_bytes : 32);
    EXPECT_EQ(Octets(mki, mki + 4), b.send_mki) << suite.name;
    room.expect_clean();
  }
}

class Streams : public EveryEngine {};
INSTANTIATE_TEST_SUITE_P(Over, Streams, over_engines(), engine_name);

std::vector<Participant> of_suites(std::initializer_list<Suite> suites) {
  std::vector<Participant> people;
  for (const Suite suite : suites) people.push_back(make_participant(static_cast<unsigned>(people.size()) + 1, suite));
  return people;
}
std::vector<Participant> mixed() {
  return of_suites({Suite::kAesCm128HmacSha1_80, Suite::kAeadAes256Gcm, Suite::kAesCm256HmacSha1_32});
}

TEST_P(Streams, Rfc3711_3_3_1_SequenceAndRocWrapManyTimes) {
  Hall& room = hall(mixed(), options());
  for (const std::size_t from : {0u, 1u}) {
    std::vector<Octets> packets;
    for (unsigned i = 0; i < 30; ++i) packets.push_back(rtp_packet(room[from].ssrc(), static_cast<std::uint16_t>(60000 + 16000 * i)));
    for (const Octets& packet : packets) {
      room.say(from, {packet});
      room.run();
    }
    room.expect_all_hear(from, packets);
    for (std::size_t to = 0; to < room.size(); ++to)
      EXPECT_EQ(room[to].down.roc(room[from].ssrc()).value_or(7), 7u) << "60000 + 29 * 16000 = 7 * 65536 + 65248, seen from " << to;
  }
}

// The whole wrap is within the first burst that the stream ever has: nobody knows the ROC of its second half before the tag of the first.
class FirstBurst : public WithHall<::testing::TestWithParam<std::tuple<EngineKind, crypto::SuiteInfo>>> {};
TEST_P(FirstBurst, Rfc3711_3_3_1_SequenceWrapsAtOnce) {
  const auto& [engine, suite] = GetParam();
  HallOptions options;
  options.engine = engine;
  Hall& room = hall({make_participant(1, suite.id), make_participant(2), make_participant(3, suite.id)}, options);
  room.talk(0, rtp_packets(room[0].ssrc(), 65530, 20));
  EXPECT_EQ(room[1].down.roc(room[0].ssrc()), 1u);
  EXPECT_EQ(room.all_drops(), (std::map<std::string, std::uint64_t>{}));
}
INSTANTIATE_TEST_SUITE_P(Of, FirstBurst, ::testing::Combine(over_engines(), ::testing::ValuesIn(crypto::kSuites)), [](const auto& i) {
  return std::string(std::get<0>(i.param).name) + "_" + std::string(std::get<1>(i.param).name);
});

TEST_P(Streams, Rfc3711_3_3_1_LateStreamBeginsAtTheGivenRoc) {
  for (const Suite suite : {Suite::kAesCm128HmacSha1_80, Suite::kAeadAes128Gcm}) {
    constexpr std::uint32_t kSsrc = 0x77000001, kRoc = 70000;
    auto people = of_suites({suite, suite, Suite::kAesCm256HmacSha1_80});
    people[0].ssrcs.clear();
    Hall& room = hall(people, options());
    room.change({Dataplane::stream(1, people[0].leg_id, kSsrc, kRoc)});
    SrtpPeer sender(suite, {{people[0].receive_key, {}}}, SrtpPeer::Direction::kSend, {.ssrc = kSsrc});
    sender.set_roc(kSsrc, kRoc);
    const auto packets = rtp_packets(kSsrc, 65534, 6);
    for (const Octets& packet : packets) room.plane().send_rtp(people[0], sender.protect(packet));
    room.run();
    room.expect_all_hear(0, packets);
    EXPECT_EQ(room[1].down.roc(kSsrc), 1u) << "a receiver begins at its own ROC 0";
    room.expect_clean();
  }
}

TEST_P(Streams, SeveralPerLegInOneBurst) {
  auto people = mixed();
  for (std::size_t i = 0; i < 2; ++i)
    people[i].ssrcs.insert(people[i].ssrcs.end(), {0x50000000u + 2 * static_cast<unsigned>(i), 0x50000001u + 2 * static_cast<unsigned>(i)});
  Hall& room = hall(people, options());
  for (const std::size_t from : {0u, 1u}) {
    std::vector<Octets> packets;
    for (unsigned i = 0; i < 24; ++i)
      packets.push_back(rtp_packet(people[from].ssrcs[i % 3], static_cast<std::uint16_t>(65532 + i / 3 + 7 * (i % 3)), 10 * i));
    room.say(from, packets);
    room.run();
    for (std::size_t to = 0; to < room.size(); ++to) {
      if (to == from) continue;
      const auto heard = room.heard(to).rtp;
      for (const std::uint32_t ssrc :
           people[from].ssrcs) {  // between streams there is no order: what follows a wrap takes a second attempt
        const auto of = [ssrc](std::vector<Octets> all) {
          std::erase_if(all, [ssrc](const Octets& packet) { return get32(packet, 8) != ssrc; });
          return all;
        };
        Hall::expect_same(of(heard), of(packets), people[to].id);
      }
    }
  }
  EXPECT_EQ(room.all_drops(), (std::map<std::string, std::uint64_t>{}));
}

TEST_P(Streams, AnnouncedOnesOnly) {
  Hall& room = hall(mixed(), options());
  room.say(0, rtp_packets(0x12345678, 1, 3));
  room.talk(0, rtp_packets(room[0].ssrc(), 1, 3));
  EXPECT_EQ(room.all_drops(), (std::map<std::string, std::uint64_t>{{"srtp.unknown_ssrc", 3}}));
}

// A source changes its SSRC (RFC 3550 §8.2): the old one is taken away, the new one announced, in one step.
TEST_P(Streams, Rfc3550_8_2_SsrcChanges) {
  Hall& room = hall(mixed(), options());
  const std::uint32_t before = room[0].ssrc(), after = 0x60000000;
  room.talk(0, rtp_packets(before, 10, 5));
  room.say(0, rtp_packets(before, 15, 3));
  if (GetParam().delay.polls != 0) (void)room.plane().run_once();  // in work when the stream goes
  room.change({Dataplane::remove(abi::MessageType::kStreamRemove, Dataplane::stream_id(room[0].p.leg_id, before)),
               Dataplane::stream(Dataplane::stream_id(room[0].p.leg_id, after), room[0].p.leg_id, after)});
  room.run();
  std::size_t heard = 0;
  for (std::size_t to : {1u, 2u}) heard += room.heard(to).rtp.size();
  EXPECT_EQ(heard, 0u);
  EXPECT_EQ(room.drops(DropReason::kStale) + room.drops(DropReason::kSrtpUnknownSsrc), 3u);
  room.talk(0, rtp_packets(after, 65533, 6));
}

TEST_P(Streams, Rfc3711_9_1_SsrcOfSomebodyElseIsRefused) {
  Hall& room = hall(mixed(), options());
  const std::uint32_t taken = room[0].ssrc();
  const auto done = room.plane().apply({Dataplane::stream(99, room[1].p.leg_id, taken)});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kConflict);
  EXPECT_EQ(done.error().field, "stream.ssrc");
  room.say(1, rtp_packets(taken, 1, 2));  // sealed by whom it does not belong to
  room.talk(0, rtp_packets(taken, 1, 2));
  EXPECT_EQ(room.drops(DropReason::kSrtpUnknownSsrc), 2u);
}

// A packet whose padding says what cannot be is authentic, and still goes nowhere.
TEST_P(Streams, Rfc3550_5_1_PaddingIsLookedAtOnceItIsDecrypted) {
  Hall& room = hall(mixed(), options());
  for (const unsigned count : {0u, 21u, 255u}) {
    RtpPacket rtp{.padding = true, .sequence = static_cast<std::uint16_t>(100 + count), .ssrc = room[1].ssrc()};
    rtp.payload.assign(20, static_cast<std::uint8_t>(count));
    room.say(1, {rtp.bytes()});
  }
  room.run();
  EXPECT_EQ(room.drops(DropReason::kRtpBadPadding), 3u);
  RtpPacket rtp{.padding = true, .sequence = 400, .ssrc = room[1].ssrc()};
  rtp.payload.assign(20, 20);
  room.talk(1, {rtp.bytes()});
}

TEST_P(Streams, TamperedPacketsGoNowhereAndChangeNothing) {
  for (const auto& suite : crypto::kSuites) {
    Hall& room = hall({make_participant(1, suite.id), make_participant(2)}, options());
    room.talk(0, rtp_packets(room[0].ssrc(), 100, 2));
    Octets good = room[0].up.protect(rtp_packet(room[0].ssrc(), 102));
    for (const std::size_t at : {std::size_t{1}, std::size_t{4}, std::size_t{20}, good.size() - 1}) {
      Octets bad = good;
      bad[at] ^= at == 1 ? 1 : 0x80;
      room.plane().send_rtp(room[0].p, bad);
    }
    room.run();
    EXPECT_EQ(room.drops(DropReason::kSrtpAuthFailed), 4u) << suite.name;
    room.plane().send_rtp(room[0].p, good);
    room.run();
    room.expect_all_hear(0, {rtp_packet(room[0].ssrc(), 102)});
    EXPECT_EQ(room.count(Counter::kSrtpOpened), 3u);
    room.expect_clean();
  }
}

}  // namespace
}  // namespace mediaward::test
