// SPDX-License-Identifier: Apache-2.0
// Who hears whom, in every way of handing on: direction, mute, topology and the loudest, for media and for reports. libsrtp at all ends.
#include "tests/unit/dataplane/media_hall.h"

namespace mediaward::test {
namespace {

using abi::ForwardingMode;
using abi::TopologyRelation;
using crypto::Suite;
using dataplane::DropReason;
using Drops = std::map<std::string, std::uint64_t>;

class Policy : public WithHall<::testing::TestWithParam<std::tuple<EngineKind, ForwardingMode>>> {
 protected:
  [[nodiscard]] static ForwardingMode mode() { return std::get<1>(GetParam()); }
  Hall& room(unsigned count = 3, std::uint8_t loudest = 0, std::uint32_t flags = make_participant(1).flags) {
    options_.engine = std::get<0>(GetParam());
    options_.conference.mode = mode();
    options_.conference.loudest = loudest;
    if (mode() == ForwardingMode::kGroupKey) {
      options_.conference.group_suite = Suite::kAeadAes256Gcm;
      options_.conference.group_keys = {{test_key(Suite::kAeadAes256Gcm, 400), {}}};
    }
    options_.relay_key = {test_key(options_.relay_suite, 401), {}};
    std::vector<Participant> people;
    for (unsigned i = 0; i < count; ++i) {
      Participant p = make_participant(1 + i);
      p.flags = flags;
      if (loudest != 0) p.audio_level_id = 3;
      if (mode() != ForwardingMode::kPerParticipantKeys) p.send_suite = Suite::kNone;
      if (mode() == ForwardingMode::kRelay) p.receive_suite = options_.relay_suite, p.receive_key = options_.relay_key.key;
      people.push_back(p);
    }
    return hall(people, options_);
  }
  void relate(std::size_t from, std::size_t to, TopologyRelation relation) {
    hall_->change({Dataplane::topology(1, (*hall_)[from].p, (*hall_)[to].p, relation)});
  }
  void set_flags(std::size_t i, std::uint32_t flags) {
    (*hall_)[i].p.flags = flags;
    hall_->change_leg(i);
  }
  // Everybody sends one packet and one report; `media` and `reports` say for each receiver whose arrive.
  using Matrix = std::vector<std::vector<std::size_t>>;
  void expect_heard(const Matrix& media, const Matrix& reports) {
    ++sequence_;
    for (std::size_t from = 0; from < hall_->size(); ++from) {
      hall_->say(from, {rtp_packet((*hall_)[from].ssrc(), sequence_)});
      hall_->report(from, sender_report((*hall_)[from].ssrc(), sequence_));
      hall_->run();
    }
    for (std::size_t to = 0; to < hall_->size(); ++to) {
      const Heard heard = hall_->heard(to);
      std::vector<Octets> rtp, rtcp;
      for (const std::size_t from : media[to]) rtp.push_back(rtp_packet((*hall_)[from].ssrc(), sequence_));
      for (const std::size_t from : reports[to]) rtcp.push_back(sender_report((*hall_)[from].ssrc(), sequence_));
      EXPECT_EQ(heard.rtp, rtp) << "media at " << to;
      EXPECT_EQ(heard.rtcp, rtcp) << "reports at " << to;
    }
  }
  static constexpr std::uint32_t kBoth = abi::kLegMayReceiveFrom | abi::kLegMaySendTo | abi::kLegRtcpMux;
  HallOptions options_;
  std::uint16_t sequence_ = 65530;
};
std::string policy_name(const ::testing::TestParamInfo<std::tuple<EngineKind, ForwardingMode>>& i) {
  constexpr std::array kNames{"", "_PerParticipant", "_Group", "_Relay"};
  return std::string(std::get<0>(i.param).name) + kNames.at(static_cast<std::size_t>(std::get<1>(i.param)));
}
INSTANTIATE_TEST_SUITE_P(Of, Policy,
                         ::testing::Combine(over_engines(), ::testing::Values(ForwardingMode::kPerParticipantKeys,
                                                                              ForwardingMode::kGroupKey, ForwardingMode::kRelay)),
                         policy_name);

TEST_P(Policy, H248_7_1_18_OnewayAndBack) {
  (void)room();
  expect_heard({{1, 2}, {0, 2}, {0, 1}}, {{1, 2}, {0, 2}, {0, 1}});
  relate(0, 1, TopologyRelation::kOneway);  // 1 hears 0, and his reports still reach him
  expect_heard({{2}, {0, 2}, {0, 1}}, {{1, 2}, {0, 2}, {0, 1}});
  relate(1, 0, TopologyRelation::kOneway);  // turned round
  expect_heard({{1, 2}, {2}, {0, 1}}, {{1, 2}, {0, 2}, {0, 1}});
  relate(0, 1, TopologyRelation::kBoth);
  expect_heard({{1, 2}, {0, 2}, {0, 1}}, {{1, 2}, {0, 2}, {0, 1}});
  EXPECT_EQ(hall_->all_drops(), Drops{});
}

TEST_P(Policy, H248_7_1_18_IsolateEndsReportsToo) {
  (void)room();
  relate(0, 1, TopologyRelation::kIsolate);
  expect_heard({{2}, {2}, {0, 1}}, {{2}, {2}, {0, 1}});
  relate(0, 2, TopologyRelation::kIsolate);
  EXPECT_EQ(hall_->all_drops(), Drops{});
  expect_heard({{}, {2}, {1}}, {{}, {2}, {1}});
  EXPECT_EQ(hall_->all_drops(), (Drops{{"policy.isolated", 1}, {"srtcp.no_receiver", 1}}));
  relate(2, 0, TopologyRelation::kBoth);
  expect_heard({{2}, {2}, {0, 1}}, {{2}, {2}, {0, 1}});
}

TEST_P(Policy, H248_7_1_18_WhoeverIsHeardByNobodyIsIsolatedByName) {
  (void)room();
  relate(1, 0, TopologyRelation::kOneway);  // 1 does not hear 0
  relate(2, 0, TopologyRelation::kOneway);
  expect_heard({{1, 2}, {2}, {1}}, {{1, 2}, {0, 2}, {0, 1}});
  EXPECT_EQ(hall_->all_drops(), (Drops{{"policy.isolated", 1}}));
}

TEST_P(Policy, MutedMediaEndAndReportsGoOn) {
  (void)room();
  expect_heard({{1, 2}, {0, 2}, {0, 1}}, {{1, 2}, {0, 2}, {0, 1}});
  set_flags(0, kBoth | abi::kLegMuted);
  for (int i = 0; i < 8; ++i) expect_heard({{1, 2}, {2}, {1}}, {{1, 2}, {0, 2}, {0, 1}});  // over the wrap
  EXPECT_EQ(hall_->all_drops(), (Drops{{"policy.muted", 8}}));
  set_flags(0, kBoth);
  expect_heard({{1, 2}, {0, 2}, {0, 1}}, {{1, 2}, {0, 2}, {0, 1}});
  EXPECT_EQ(hall_->all_drops(), (Drops{{"policy.muted", 8}}));
}

TEST_P(Policy, DirectionOfALeg) {
  (void)room();
  set_flags(0, abi::kLegMaySendTo | abi::kLegRtcpMux);  // listens only; his reports reach those he hears
  expect_heard({{1, 2}, {2}, {1}}, {{1, 2}, {0, 2}, {0, 1}});
  EXPECT_EQ(hall_->all_drops(), (Drops{{"srtp.direction", 1}}));
  set_flags(1, abi::kLegMayReceiveFrom | abi::kLegRtcpMux);  // speaks only
  expect_heard({{1, 2}, {}, {1}}, {{1, 2}, {0, 2}, {0, 1}});
  set_flags(2, abi::kLegMaySendTo | abi::kLegRtcpMux);  // two listeners have nothing to tell each other
  expect_heard({{1}, {}, {1}}, {{1}, {0, 2}, {1}});
  set_flags(1, abi::kLegRtcpMux);  // inactive
  expect_heard({{}, {}, {}}, {{}, {}, {}});
  EXPECT_EQ(hall_->drops(DropReason::kRtcpNoReceiver), 3u);
  for (const std::size_t i : {0u, 1u, 2u}) set_flags(i, kBoth);
  expect_heard({{1, 2}, {0, 2}, {0, 1}}, {{1, 2}, {0, 2}, {0, 1}});
}

TEST_P(Policy, OwnRtcpPortsObeyTheSame) {
  (void)room(3, 0, abi::kLegMayReceiveFrom | abi::kLegMaySendTo);
  relate(0, 1, TopologyRelation::kOneway);
  relate(1, 2, TopologyRelation::kIsolate);
  expect_heard({{2}, {0}, {0}}, {{1, 2}, {0}, {0}});
}

// Somebody comes, somebody goes: nobody else notices.
TEST_P(Policy, ComingAndGoing) {
  Hall& hall = room(4);
  relate(0, 1, TopologyRelation::kOneway);
  for (unsigned i = 1; i <= 3; ++i) {
    expect_heard({{2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}}, {{1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}});
    hall.change({Dataplane::remove(abi::MessageType::kLegRemove, hall[3].p.leg_id)});
    ++sequence_;
    for (const std::size_t from : {0u, 1u}) hall.say(from, {rtp_packet(hall[from].ssrc(), sequence_)});
    hall.run();
    EXPECT_EQ(hall.heard(0).rtp.size(), 0u);
    EXPECT_EQ(hall.heard(1).rtp.size(), 1u);
    EXPECT_EQ(hall.heard(2).rtp.size(), 2u);
    EXPECT_TRUE(hall.wire(3).empty());
    Participant next = hall[3].p;
    next.leg_id += 100;
    next.ssrcs[0] += 16;
    if (mode() == ForwardingMode::kPerParticipantKeys) next.send_key = test_key(next.send_suite, 420 + i);
    if (mode() != ForwardingMode::kRelay) next.receive_key = test_key(next.receive_suite, 430 + i);
    hall.replace(3, next);
    hall.change({Dataplane::leg(1, next), Dataplane::stream(Dataplane::stream_id(next.leg_id, next.ssrcs[0]), next.leg_id, next.ssrcs[0])});
  }
}

// RFC 6464: who is loudest is heard; reports are not elected.
TEST_P(Policy, Rfc6464_TheLoudestIsForwarded) {
  Hall& hall = room(3, 1);
  sequence_ = 1000;  // whoever is not heard at first would have to be told the ROC of a relayed stream
  const auto speak = [&](const std::vector<unsigned>& dbov) {
    for (int i = 0; i < 60; ++i) {
      ++sequence_;
      for (std::size_t from = 0; from < dbov.size(); ++from) {
        RtpPacket rtp{.sequence = sequence_, .ssrc = hall[from].ssrc()};
        rtp.extension = Octets{0x30, static_cast<std::uint8_t>(dbov[from]), 0, 0};
        rtp.payload.assign(20, 1);
        hall.say(from, {rtp.bytes()});
      }
      hall.plane().advance_ms(20);
      hall.run();
      hall.plane().resolve_neighbours();
      hall.plane().core().advance(hall.plane().now());
    }
  };
  const auto heard = [&] {
    std::vector<std::size_t> counts;
    for (std::size_t i = 0; i < 3; ++i) counts.push_back(hall.heard(i).rtp.size());
    return counts;
  };
  speak({20, 50, 50});
  (void)heard();
  speak({20, 50, 50});
  EXPECT_EQ(heard(), (std::vector<std::size_t>{0, 60, 60}));
  speak({50, 50, 20});
  (void)heard();
  speak({50, 50, 20});
  EXPECT_EQ(heard(), (std::vector<std::size_t>{60, 60, 0}));
  hall.report(1, sender_report(hall[1].ssrc()));
  hall.run();
  EXPECT_EQ(hall.heard(0).rtcp.size(), 1u);
  const Drops drops = hall.all_drops();
  EXPECT_EQ(drops.size(), 1u);
  EXPECT_GE(drops.at("policy.not_speaking"), 2u * 60 * 2);
}

}  // namespace
}  // namespace mediaward::test
