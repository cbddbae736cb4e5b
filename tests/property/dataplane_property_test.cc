// SPDX-License-Identifier: Apache-2.0
// Invariants of the whole packet path over random traffic, in every mode: bursts of n do what n bursts of one do, nothing is ever lost
// without being counted, and an overload ends when it ends.
#include <gtest/gtest.h>

#include "tests/property/traffic.h"
#include "tests/unit/dataplane/room.h"

namespace mediaward::test {
namespace {

using abi::ForwardingMode;
using dataplane::Counter;
using dataplane::DropReason;

constexpr std::size_t kSpareBuffers = 64;  // that the egress keeps at hand

struct Result {
  std::map<std::string, std::uint64_t> counters;
  std::map<std::string, std::vector<Frame>> by_receiver;
};

std::string receiver_of(const Frame& frame) {
  const auto d = parse_udp_frame(to_bytes(frame));
  return d ? d->destination + " " + std::to_string(d->destination_port) : "host";
}

Result play(std::uint64_t seed, ForwardingMode mode, std::uint16_t burst, unsigned delay) {
  const auto inner = crypto::make_openssl_provider();
  auto provider = delay == 0 ? crypto::make_openssl_provider()
                             : test_support::make_delaying_provider(*inner, {.polls = 2 * delay + 1, .queue_jobs = 4096});
  Dataplane::Options options;
  options.burst = burst;
  options.io.buffers = 4096;
  options.io.capabilities.tx_chains = seed % 2 == 0;
  options.limits.jobs_per_worker = 4096;
  Dataplane plane(std::move(provider), options);
  Traffic traffic(seed, 4, plane, mode);
  EXPECT_TRUE(plane.apply(Dataplane::conference_of(1, traffic.participants(), traffic.conference())));
  plane.resolve_neighbours();
  for (const Frame& frame : traffic.first_packets()) {
    plane.io().inject(frame);
    plane.run();
  }
  for (const Frame& frame : traffic.frames(400)) plane.io().inject(frame);
  plane.run(100000);
  Result result;
  result.counters = plane.counters();
  for (Frame& frame : plane.take_frames()) result.by_receiver[receiver_of(frame)].push_back(std::move(frame));
  EXPECT_EQ(plane.leaked(), 0u);
  EXPECT_LE(plane.io().buffers_out(), kSpareBuffers);
  return result;
}

using ModeAndSeed = std::tuple<ForwardingMode, std::uint64_t>;
std::string mode_and_seed(const ::testing::TestParamInfo<ModeAndSeed>& i) {
  constexpr std::array kNames{"", "PerParticipant_", "Group_", "Relay_"};
  return kNames.at(static_cast<std::size_t>(std::get<0>(i.param))) + std::to_string(std::get<1>(i.param));
}
const auto kModes = ::testing::Values(ForwardingMode::kPerParticipantKeys, ForwardingMode::kGroupKey, ForwardingMode::kRelay);

class Bursts : public ::testing::TestWithParam<ModeAndSeed> {};

TEST_P(Bursts, BurstOfNEqualsNBurstsOfOne) {
  const auto [mode, seed] = GetParam();
  const Result one = play(seed, mode, 1, 0);
  const auto opened = one.counters.at("srtp.opened");
  EXPECT_GT(opened, 150u);
  EXPECT_GT(one.counters.at("srtcp.opened"), 30u);
  EXPECT_EQ(one.counters.at(mode == ForwardingMode::kRelay ? "srtp.copied" : "srtp.sealed"),
            mode == ForwardingMode::kGroupKey ? opened
            : mode == ForwardingMode::kRelay  ? 3 * (opened + one.counters.at("srtcp.opened"))
                                              : 3 * opened);
  EXPECT_GT(one.counters.at("srtp.auth_failed"), 0u);
  struct {
    std::uint16_t burst;
    unsigned delay;
  } const others[] = {{7, 0}, {32, 0}, {64, 0}, {32, 1}, {7, 3}};
  for (const auto& other : others) {
    const Result many = play(seed, mode, other.burst, other.delay);
    EXPECT_EQ(many.counters, one.counters) << "burst " << other.burst << " delay " << other.delay;
    EXPECT_EQ(many.by_receiver, one.by_receiver) << "burst " << other.burst << " delay " << other.delay;
  }
}
INSTANTIATE_TEST_SUITE_P(Seed, Bursts, ::testing::Combine(kModes, ::testing::Range<std::uint64_t>(1, 13)), mode_and_seed);

class Conservation : public ::testing::TestWithParam<ModeAndSeed> {};

// Tiny pools, tiny queues, a slow engine, legs that come and go: every packet is out, given back, held or in flight, in every loop.
TEST_P(Conservation, NothingIsLostUncounted) {
  const auto [mode, seed] = GetParam();
  std::mt19937_64 random(seed);
  const auto pick = [&random](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  const auto inner = crypto::make_openssl_provider();
  Dataplane::Options options;
  options.burst = static_cast<std::uint16_t>(1 + pick(64));
  options.io.buffers = 3 + pick(pick(2) == 0 ? 20 : 600);
  options.limits.jobs_per_worker = static_cast<std::uint32_t>(4 + pick(pick(2) == 0 ? 16 : 300));
  options.workers = 1 + pick(3);
  options.io.capabilities.tx_chains = pick(2) == 0;
  options.limits.handoff_ring = static_cast<std::uint32_t>(1u << pick(6));
  Dataplane plane(test_support::make_delaying_provider(*inner, {.polls = static_cast<unsigned>(1 + pick(12)), .queue_jobs = 1 + pick(64)}),
                  options);
  Traffic traffic(seed, 5, plane, mode);
  ConferenceOptions conference = traffic.conference();
  conference.spread = mode == ForwardingMode::kPerParticipantKeys && seed % 2 == 0;
  ASSERT_TRUE(plane.apply(Dataplane::conference_of(1, traffic.participants(), conference)));
  if (pick(3) != 0) plane.resolve_neighbours();

  unsigned generation = 0;
  Participant visitor;
  bool present = false;
  for (int round = 0; round < 60; ++round) {
    for (const Frame& frame : traffic.frames(pick(40))) plane.io(pick(options.workers)).inject(frame);
    for (std::size_t w = 0; w < options.workers; ++w) plane.io(w).set_tx_room(pick(4) == 0 ? pick(10) : 1000);
    if (pick(4) == 0) {
      if (present) {
        ASSERT_TRUE(
            plane.core().submit(std::vector<dataplane::Operation>{Dataplane::remove(abi::MessageType::kLegRemove, visitor.leg_id)}, {}));
      } else {
        visitor = make_participant(40);
        if (mode == ForwardingMode::kPerParticipantKeys)
          visitor.send_key = test_key(visitor.send_suite, 5000 + generation++);
        else
          visitor.send_suite = crypto::Suite::kNone;
        ASSERT_TRUE(plane.core().submit(std::vector<dataplane::Operation>{Dataplane::leg(1, visitor)}, {}));
      }
      present = !present;
    }
    if (pick(8) == 0) plane.advance_ms(pick(700));
    for (std::size_t loops = pick(6); loops != 0; --loops) {
      (void)plane.run_once();
      ASSERT_EQ(plane.leaked(), 0u) << "round " << round;
    }
    plane.core().collect();
    (void)plane.take_frames();
  }
  for (std::size_t w = 0; w < options.workers; ++w) plane.io(w).set_tx_room(~std::size_t{0});
  plane.run(100000);
  for (int i = 0; i < 3; ++i) {  // what waits for a neighbour gives up, and what it kept from being received comes in and does the same
    plane.advance_ms(2000);
    plane.run(100000);
  }
  EXPECT_EQ(plane.leaked(), 0u);
  std::size_t out = 0;
  for (std::size_t w = 0; w < options.workers; ++w) {
    const auto& block = plane.core().stats().block(w);
    EXPECT_EQ(block.in_flight, 0u);
    EXPECT_EQ(block.held, 0u);
    EXPECT_EQ(plane.io(w).pending(), 0u);
    out += plane.io(w).buffers_out();
  }
  EXPECT_LE(out, options.workers * kSpareBuffers);
  drain(plane);
  EXPECT_EQ(plane.core().retired(), 0u);
}
INSTANTIATE_TEST_SUITE_P(Seed, Conservation, ::testing::Combine(kModes, ::testing::Range<std::uint64_t>(1, 41)), mode_and_seed);

TEST(Overload, TwiceWhatThePortTakesIsDroppedAndOverAtOnce) {
  Dataplane::Options options;
  options.burst = 64;
  Room room(2, options);
  room.open();
  std::uint16_t sequence = 0;
  for (int loop = 0; loop < 50; ++loop) {
    for (int i = 0; i < 64; ++i) room.plane().send_rtp(room[0].p(), room[0].seal(sequence++));
    room.plane().io().set_tx_room(32);
    (void)room.plane().run_once();
  }
  EXPECT_EQ(room.plane().drops(DropReason::kTxFull), 50u * 32);
  EXPECT_EQ(room.plane().count(Counter::kSrtpSealed), 50u * 64);
  EXPECT_EQ(room.plane().received_by(room[1].p()).size(), 50u * 32);
  room.plane().io().set_tx_room(~std::size_t{0});
  std::vector<std::uint16_t> all;
  for (int i = 0; i < 64; ++i) all.push_back(sequence++);
  for (const std::uint16_t s : all) room.plane().send_rtp(room[0].p(), room[0].seal(s));
  (void)room.plane().run_once();
  EXPECT_EQ(room.plane().received_by(room[1].p()).size(), 64u);
  EXPECT_EQ(room.plane().drops(DropReason::kTxFull), 50u * 32);
  EXPECT_EQ(room.plane().leaked(), 0u);
}

}  // namespace
}  // namespace mediaward::test
