// SPDX-License-Identifier: Apache-2.0
// Conferences in which anything may happen at any time, over engines of every kind and one to three workers: nothing is lost uncounted,
// no index is used twice, everything that is heard opens, and once it is quiet everybody hears exactly what policy says.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/property/conference_model.h"

namespace mediaward::test {
namespace {

using abi::ForwardingMode;
using dataplane::DropReason;

class AnyConference : public ::testing::TestWithParam<std::tuple<ForwardingMode, std::uint64_t>> {};

TEST_P(AnyConference, HearsWhatItMayAndNothingTwice) {
  const auto [mode, seed] = GetParam();
  ConferenceModel model(seed * 77 + static_cast<unsigned>(mode), mode);
  for (int step = 0; step < 80 && !HasFatalFailure(); ++step) {
    model.chatter();
    model.loops(model.pick(4));
    switch (model.pick(12)) {
      case 0:
        model.join();
        break;
      case 1:
        model.leave();
        break;
      case 2:
      case 3:
        model.change_flags();
        break;
      case 4:
      case 5:
        model.relate();
        break;
      case 6:
      case 7:
        model.rekey_receive();
        break;
      case 8:
        model.rekey_send();
        break;
      case 9:
        model.settle();
        break;
      case 10:
        model.expect_policy();
        break;
      default:
        break;
    }
    model.loops(model.pick(4));
  }
  model.expect_policy();
  Dataplane& plane = model.plane();
  EXPECT_EQ(plane.drops(DropReason::kSealIndexReuse), 0u);
  EXPECT_EQ(plane.drops(DropReason::kSrtpReplayed), 0u);
  EXPECT_EQ(plane.drops(DropReason::kSrtpAuthFailed), 0u);
  EXPECT_EQ(plane.drops(DropReason::kRtcpAuthFailed), 0u);
  EXPECT_EQ(plane.drops(DropReason::kEngineError), 0u);
  EXPECT_EQ(plane.leaked(), 0u);
  for (int i = 0; i < 6; ++i) plane.run();
  EXPECT_EQ(plane.core().retired(), 0u) << "what was replaced is freed";
  for (std::size_t w = 0; w < plane.core().worker_count(); ++w) {
    EXPECT_LE(plane.io(w).buffers_out(), 64u);
    EXPECT_EQ(plane.core().stats().block(w).in_flight, 0u);
  }
}
std::string conference_name(const ::testing::TestParamInfo<std::tuple<ForwardingMode, std::uint64_t>>& i) {
  constexpr std::array kNames{"", "PerParticipant_", "Group_", "Relay_"};
  return kNames.at(static_cast<std::size_t>(std::get<0>(i.param))) + std::to_string(std::get<1>(i.param));
}
INSTANTIATE_TEST_SUITE_P(Seed, AnyConference,
                         ::testing::Combine(::testing::Values(ForwardingMode::kPerParticipantKeys, ForwardingMode::kGroupKey,
                                                              ForwardingMode::kRelay),
                                            ::testing::Range<std::uint64_t>(1, 31)),
                         conference_name);

// The receive side against a model that remembers every index: what is accepted is what was never accepted and lies within the window.
class AnyOrder : public ::testing::TestWithParam<std::tuple<unsigned, std::uint64_t>> {};

TEST_P(AnyOrder, Rfc3711_3_3_2_AcceptedOnceWithinTheWindow) {
  const auto [window, seed] = GetParam();
  std::mt19937_64 random(seed * 1009 + window);
  const auto pick = [&random](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  Participant speaker = make_participant(1, crypto::kSuites.at(pick(crypto::kSuites.size())).id);
  speaker.replay_window = static_cast<std::uint16_t>(window);
  HallOptions options;
  options.engine = engine_kinds().at(seed % 2);  // synchronous ones: the model knows what was accepted when
  Hall room({speaker, make_participant(2)}, options);
  room.open();
  const std::uint64_t first = 65536 - 600;
  std::vector<Octets> sealed;
  for (std::uint64_t i = 0; i < 3 * window + 1200; ++i)
    sealed.push_back(room[0].up.protect(rtp_packet(room[0].ssrc(), static_cast<std::uint16_t>(first + i), 4)));
  std::set<std::uint64_t> accepted;
  std::uint64_t top = 0, replayed = 0, too_old = 0;
  const auto send = [&](std::uint64_t i) {
    room.plane().send_rtp(room[0].p, sealed[i]);
    (void)room.plane().run_once();
    if (!accepted.empty() && i <= top && top - i >= window)
      ++too_old;
    else if (!accepted.insert(i).second)
      ++replayed;
    else
      top = std::max(top, i);
  };
  send(300);
  while (top + 2 * window / 3 + 300 < sealed.size()) {
    const std::uint64_t ahead = top + 1 + (pick(4) == 0 ? pick(window / 2) : pick(4));
    switch (pick(4)) {
      case 0:
        send(top - pick(std::min<std::size_t>(top, 8) + 1));
        break;
      case 1:
        send(top - std::min<std::uint64_t>(top, pick(3) == 0 ? pick(2 * window) : pick(100)));
        break;
      default:
        send(std::min<std::uint64_t>(ahead, sealed.size() - 1));
        break;
    }
  }
  send(0);  // far below the window in any case
  room.run();
  EXPECT_EQ(room.count(dataplane::Counter::kSrtpOpened), accepted.size());
  EXPECT_EQ(room.drops(DropReason::kSrtpReplayed), replayed);
  EXPECT_EQ(room.drops(DropReason::kSrtpTooOld), too_old);
  EXPECT_GT(replayed, 0u);
  EXPECT_GT(too_old, 0u);
  std::multiset<Octets> heard;
  for (const Octets& packet : room.heard(1).rtp) heard.insert(packet);
  EXPECT_EQ(heard.size() + room.drops(DropReason::kSrtpIndexRange), accepted.size()) << "what was accepted is heard, and opens";
  EXPECT_EQ(room.drops(DropReason::kSealIndexReuse), 0u);
  room.expect_clean();
}
INSTANTIATE_TEST_SUITE_P(Seed, AnyOrder,
                         ::testing::Combine(::testing::Values(64u, 128u, 1024u, 8192u), ::testing::Range<std::uint64_t>(1, 5)),
                         [](const auto& i) { return std::to_string(std::get<0>(i.param)) + "_" + std::to_string(std::get<1>(i.param)); });

}  // namespace
}  // namespace mediaward::test
