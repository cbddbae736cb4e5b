// SPDX-License-Identifier: Apache-2.0
// Requirement 1 of 3GPP TR 22.906: whether a peer says honestly what it has and what it exchanged. What it hides, what it announces and
// does not give, and what it reports to the application server, each beside a peer that does nearly the same by right.
#include "tests/content/raw_peer.h"

namespace mediaward::test {
namespace {

using abi::ConductVerdict;
using pp::Attack;
using pp::wire::MessageWriter;

constexpr std::uint32_t kBothWays = abi::kAdmitProvide | abi::kAdmitReceive;
constexpr unsigned kPeer = 1;

// One raw peer, which says in every second that it is there.
struct Talk {
  explicit Talk(std::uint32_t flags, bool preloaded = false) : content(chunks_of(256)), stand(), raw(stand, content, kPeer) {
    EXPECT_TRUE(stand.open(content->metadata(), {{kPeer, flags}}, ContentStand::kSwarm, [&](abi::Swarm& m) {
      m.fetch = abi::FetchPolicy::kNothing;  // it is asked for nothing: what it hides is all there is against it
      if (preloaded) m.source = abi::SwarmSource::kPreloaded;
    }));
    if (preloaded) {
      EXPECT_TRUE(stand.dp.apply({preload(abi::ContentKind::kContent, content->bytes())}));
    }
    EXPECT_TRUE(raw.open());
  }
  void seconds(unsigned n) {
    for (unsigned s = 0; s < n; ++s) {
      raw.say([](MessageWriter&) {});
      stand.run_ms(1'000);
    }
  }
  void say(const RawPeer::Write& write) { raw.say(write); }
  [[nodiscard]] unsigned blamed() const { return stand.told(abi::EventKind::kPeerVerdict, kPeer); }
  [[nodiscard]] unsigned under_claims() const { return stand.verdicts(ConductVerdict::kUnderClaim, kPeer); }
  ContentPtr content;
  ContentStand stand;
  RawPeer raw;
};

// It may provide, acknowledges what was never here, and never announces it: RFC 7574 §3.2, HAVE SHOULD go to all it wants to interact with.
TEST(Honesty, R1_WhatIsAcknowledgedAndNeverAnnouncedIsHidden) {
  Talk talk(kBothWays);
  talk.say([](MessageWriter& w) { EXPECT_TRUE(w.ack({0, 127}, 1000)); });
  talk.seconds(29);
  EXPECT_EQ(talk.blamed(), 0u) << "HAVE may be on its way";
  talk.seconds(5);
  EXPECT_EQ(talk.under_claims(), 1u);
  EXPECT_EQ(talk.blamed(), 1u);
  EXPECT_NE(std::string(talk.stand.events.back().text).find("128"), std::string::npos) << talk.stand.events.back().text;
  EXPECT_EQ(talk.stand.info_of(kPeer).action, 0u) << "it is observed";
}

TEST(Honesty, R1_HaveMayComeBehindAck) {
  Talk talk(kBothWays);
  talk.say([](MessageWriter& w) { EXPECT_TRUE(w.ack({0, 127}, 1000)); });
  talk.seconds(20);
  talk.say([](MessageWriter& w) { EXPECT_TRUE(w.have({0, 127})); });
  talk.seconds(60);
  EXPECT_EQ(talk.blamed(), 0u);
  talk.say([](MessageWriter& w) { EXPECT_TRUE(w.ack({0, 127}, 1000) && w.ack({64, 127}, 1000)); });
  talk.seconds(40);
  EXPECT_EQ(talk.blamed(), 0u) << "it was announced, and stays so";
}

// A new channel is a new conversation: what was hidden on the one before is not carried over.
TEST(Honesty, R1_AClosedChannelHidesNothing) {
  Talk talk(kBothWays);
  talk.say([](MessageWriter& w) { EXPECT_TRUE(w.ack({0, 127}, 1000)); });
  talk.seconds(10);
  talk.say([](MessageWriter& w) { EXPECT_TRUE(w.close()); });
  EXPECT_EQ(talk.stand.channels(), 0u);
  RawPeer again(talk.stand, talk.content, kPeer);
  ASSERT_TRUE(again.open(0x55));
  again.say([](MessageWriter& w) { EXPECT_TRUE(w.have({0, 127})); });
  talk.stand.run_ms(60'000);
  EXPECT_EQ(talk.blamed(), 0u);
}

// Who may not provide has nothing to announce, and who is told that everything is here need not (§3.2): both acknowledge and say no more.
TEST(Honesty, Rfc7574_3_2_WhoNeedNotAnnounceHidesNothing) {
  for (const bool preloaded : {false, true}) {
    Talk talk(preloaded ? kBothWays : kReceiver, preloaded);
    talk.say([](MessageWriter& w) { EXPECT_TRUE(w.ack({0, 127}, 1000)); });
    talk.seconds(60);
    EXPECT_EQ(talk.blamed(), 0u) << preloaded;
  }
}

// One REQUEST over many chunks is as much as many over one each.
TEST(Honesty, R1_AskingForWhatItAnnouncedIsCountedByChunks) {
  for (const bool mostly : {false, true}) {
    Talk talk(kBothWays);
    talk.say([&](MessageWriter& w) { EXPECT_TRUE(w.have({0, 31}) && (!mostly || w.have({32, 63}))); });
    talk.say([](MessageWriter& w) { EXPECT_TRUE(w.request({0, 99})); });
    talk.say([](MessageWriter& w) { EXPECT_TRUE(w.request({0, 99})); });  // the same once more is nothing new
    talk.seconds(40);
    EXPECT_EQ(talk.under_claims(), mostly ? 1u : 0u) << "of 100 asked for, 64 or 32 were announced";
    EXPECT_EQ(talk.blamed(), mostly ? 1u : 0u);
  }
}

// It announces all, and has every other chunk.
TEST(Honesty, R1_WhoAnnouncesWhatItDoesNotGiveIsFound) {
  const ContentPtr content = chunks_of(600);
  ContentStand stand;
  auto& honest = stand.add_peer(2, seeder_of(content, {.attack = Attack::kSlow, .delay_us = 100'000}));
  pp::PeerSettings settings = seeder_of(content, {.attack = Attack::kOverClaim});
  settings.keep_alive_us = 2'000'000;
  auto& liar = stand.add_peer(kPeer, settings);
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(
      stand.open(content->metadata(), {{2, kProvider}, {kPeer, kProvider}, {3, kReceiver}}, ContentStand::kSwarm, [](abi::Swarm& m) {
        m.conduct.over_claim_permille = 400;
        m.conduct.audit_interval_s = 4;
        m.conduct.audit_chunks = 16;
      }));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(400'000, [&] { return stand.verdicts(ConductVerdict::kOverClaim, kPeer) != 0; }));
  EXPECT_TRUE(stand.run_ms(100'000, [&] { return leecher.complete(); }));
  expect_identical(leecher, content);
  EXPECT_GT(liar.counters().misdeeds, 0u);
  EXPECT_GT(stand.info_of(kPeer).delivered, 0u) << "it is no black hole";
  EXPECT_EQ(stand.told(abi::EventKind::kPeerVerdict, 2), 0u);
  expect_no_findings(honest);
  EXPECT_EQ(stand.unsound(), "");
}

// What the AS hands on of a leecher's STAT_REPORTs, at six moments of a download (RFC 7846 §4.1.3).
class Reports : public testing::Test {
 protected:
  // said: what it reports, of what it downloaded.
  unsigned false_reports(bool complete, const std::function<std::uint64_t(std::uint64_t)>& said) {
    auto& leecher = stand_.add_peer(3, leecher_of(content_));
    EXPECT_TRUE(stand_.open(content_->metadata(), {{3, kReceiver}}, ContentStand::kSwarm, [](abi::Swarm& m) {
      m.source = abi::SwarmSource::kPreloaded;
      m.conduct.report_bytes = 64 * 1024;
    }));
    EXPECT_TRUE(stand_.dp.apply({preload(abi::ContentKind::kContent, content_->bytes())}));
    leecher.connect(stand_.dp.now(), stand_.appliance());
    for (const std::uint64_t chunks : {1u, 200u, 400u, 600u, 800u, 1000u}) {
      EXPECT_TRUE(stand_.run_ms(60'000, [&] { return leecher.chunks_held() >= chunks; }));
      EXPECT_EQ(report(said(leecher.counters().content_bytes_received), complete), "");
    }
    expect_identical(leecher, content_);
    stand_.run_ms(1'500);  // the verdict is told with the next look
    return stand_.verdicts(ConductVerdict::kFalseReport, 3);
  }
  std::string report(std::uint64_t downloaded, bool complete) {
    abi::PeerCommand m{};
    m.header = {abi::MessageType::kPeerCommand, 0, sizeof m, 0};
    m.swarm_id = ContentStand::kSwarm;
    m.kind = abi::PeerCommandKind::kReport;
    m.family = abi::Family::kIpv4;
    m.complete = complete ? 1 : 0;
    std::memcpy(m.peer.address, ContentStand::endpoint_of(3).address.data(), 16);
    m.b = downloaded;
    const auto done = stand_.dp.core().command_peer(m, {});
    return done ? std::string() : done.error().field;
  }
  ContentPtr content_ = chunks_of(1000);
  ContentStand stand_;
};

TEST_F(Reports, Rfc7846_6_3_TooMuchIsFoundWhenTheReportIsComplete) {
  EXPECT_EQ(false_reports(true, [](std::uint64_t n) { return 2 * n; }), 1u);
}
TEST_F(Reports, Rfc7846_6_3_TooMuchMayBeFromOthersWhenItIsNot) {
  EXPECT_EQ(false_reports(false, [](std::uint64_t n) { return 2 * n; }), 0u);
}
TEST_F(Reports, Rfc7846_6_3_TooLittleIsFoundEitherWay) {
  EXPECT_EQ(false_reports(false, [](std::uint64_t n) { return n / 4; }), 1u);
}
TEST_F(Reports, Rfc7846_6_3_TooLittleIsFoundInACompleteOne) {
  EXPECT_EQ(false_reports(true, [](std::uint64_t n) { return n / 4; }), 1u);
}
TEST_F(Reports, Rfc7846_6_4_TheTruthIsNot) {
  EXPECT_EQ(false_reports(true, [](std::uint64_t n) { return n; }), 0u);
}

// A complete report is of one peer: two behind one address cannot both have exchanged it.
TEST_F(Reports, ACompleteOneNamesOnePeer) {
  abi::Admission one = ContentStand::admission_of(3, kReceiver), other = one;
  one.udp_port = 7003;
  other.udp_port = 7004;
  ++other.admission_id;
  ASSERT_TRUE(stand_.dp.apply(
      {dataplane::Operation(ContentStand::swarm_of(content_->metadata())), dataplane::Operation(one), dataplane::Operation(other)}));
  RawPeer first(stand_, content_, 3, 7003), second(stand_, content_, 3, 7004);
  EXPECT_EQ(report(1, true), "peer.address") << "nobody is there yet";
  ASSERT_TRUE(first.open(0x31));
  EXPECT_EQ(report(1, true), "");
  ASSERT_TRUE(second.open(0x32));
  EXPECT_EQ(report(1, true), "peer.udp_port");
  EXPECT_EQ(report(1, false), "");
}

// A peer that is caught again and again is proved guilty a few times a second; the rest is in its counts.
TEST(Honesty, EvidenceIsBounded) {
  Talk talk(abi::kAdmitProvide, true);  // every hash is known here
  constexpr unsigned kWrong = 120;
  for (unsigned i = 0; i < kWrong; ++i)
    talk.say([&](MessageWriter& w) { EXPECT_TRUE(w.integrity({2 * i, 2 * i}, pp::Blob(32, static_cast<std::byte>(i + 1)))); });
  EXPECT_EQ(talk.stand.dp.drops(DropReason::kPpsppBadHash), kWrong);
  EXPECT_GE(talk.stand.evidence.size(), 32u);
  EXPECT_LE(talk.stand.evidence.size(), 40u) << "a quarter of a second";
  EXPECT_EQ(talk.stand.evidence.size() + talk.stand.dp.count(Counter::kEvidenceSpared), kWrong);
  EXPECT_EQ(talk.stand.dp.count(Counter::kEventsLost), 0u);
}

}  // namespace
}  // namespace mediaward::test
