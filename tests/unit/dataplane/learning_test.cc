// SPDX-License-Identifier: Apache-2.0
// What becomes of workers' reports of addresses and SSRCs: how often the core is asked, in what order, and what the controller hears.
// The core is the test's; time is passed in.
#include <gtest/gtest.h>

#include <cstring>

#include "dataplane/learning.h"

namespace mediaward::test {
namespace {

using dataplane::IpAddress;
using dataplane::Learning;
using dataplane::Source;
using dataplane::WorkerEvent;

constexpr std::uint64_t kMs = 1'000'000;

Source at(std::string_view address, std::uint16_t port) {
  return {*IpAddress::parse(address), port};
}

WorkerEvent source_seen(std::uint64_t leg, const Source& source, bool rtcp = false) {
  WorkerEvent e;
  e.kind = WorkerEvent::Kind::kSourceSeen;
  e.leg_id = leg;
  e.family = source.address.family;
  e.udp_port = source.udp_port;
  e.rtcp = rtcp;
  e.head_bytes = static_cast<std::uint16_t>(source.address.size());
  std::memcpy(e.head.data(), source.address.bytes.data(), e.head_bytes);
  return e;
}
WorkerEvent ssrc_seen(std::uint64_t leg, std::uint32_t ssrc) {
  WorkerEvent e;
  e.kind = WorkerEvent::Kind::kSsrcSeen;
  e.leg_id = leg;
  e.ssrc = ssrc;
  return e;
}

class LearningTest : public ::testing::Test {
 protected:
  struct Latched {
    std::uint64_t leg;
    Source source;
    bool rtcp;
    bool operator==(const Latched&) const = default;
  };
  using Bound = std::pair<std::uint64_t, std::uint32_t>;

  void see(const WorkerEvent& e) { learning_.see(e, now_); }
  void act_after(std::uint64_t ms) {
    now_ += ms * kMs;
    learning_.act(now_);
  }
  std::vector<Latched> take_latched() { return std::exchange(latched_, {}); }
  std::vector<Bound> take_bound() { return std::exchange(bound_, {}); }
  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (const auto& e : learning_.take_events()) out.emplace_back(e.text);
    return out;
  }

  std::uint64_t now_ = 5000 * kMs;
  bool latching_ = true;
  std::string refusal_;
  std::vector<Latched> latched_;
  std::vector<Bound> bound_;
  Learning learning_{{
      .latch = [this](std::uint64_t leg, const Source& source, bool rtcp) -> Result<void> {
        latched_.push_back({leg, source, rtcp});
        if (!latching_) return fail(ErrorCode::kConflict, "bound already");
        return {};
      },
      .bind = [this](std::uint64_t leg, std::uint32_t ssrc) -> Result<std::uint64_t> {
        bound_.emplace_back(leg, ssrc);
        if (!refusal_.empty()) return fail(ErrorCode::kConflict, refusal_);
        return 900 + ssrc;
      },
  }};
};

const Source kHome = at("192.0.2.7", 5004), kMobile = at("198.51.100.9", 40000), kThird = at("203.0.113.5", 1);

TEST_F(LearningTest, ManyReportsOfOneAddressAreOneChange) {
  for (int packet = 0; packet < 100; ++packet) see(source_seen(1, kHome));
  act_after(0);
  EXPECT_EQ(take_latched(), std::vector<Latched>({{1, kHome, false}}));
  for (int packet = 0; packet < 100; ++packet) {  // that were on their way before the worker heard of it
    see(source_seen(1, kHome));
    act_after(5);
  }
  EXPECT_EQ(take_latched(), std::vector<Latched>());
  const auto events = learning_.take_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, abi::EventKind::kAddressLatched);
  EXPECT_EQ(events[0].object_id, 1u);
  EXPECT_STREQ(events[0].text, "192.0.2.7:5004");
}

TEST_F(LearningTest, TextOfAnIpv6RtcpAddress) {
  see(source_seen(1, at("2001:db8::7", 5005), true));
  act_after(0);
  EXPECT_EQ(texts(), std::vector<std::string>({"[2001:db8::7]:5005 rtcp"}));
}

TEST_F(LearningTest, TheFirstReportComesFirstAndTheLatestLater) {
  for (const Source& source : {kHome, kThird, kMobile}) see(source_seen(1, source));
  act_after(0);
  EXPECT_EQ(take_latched(), std::vector<Latched>({{1, kHome, false}})) << "the first authentic packet binds";
  act_after(99);
  EXPECT_EQ(take_latched(), std::vector<Latched>());
  act_after(1);
  EXPECT_EQ(take_latched(), std::vector<Latched>({{1, kMobile, false}}));
}

TEST_F(LearningTest, ALegMovesAtMostTenTimesASecondAndEndsWhereItWasHeardLast) {
  std::size_t moves = 0;
  for (int packet = 0; packet < 200; ++packet) {  // 2 s of packets from two places in turn
    see(source_seen(1, packet % 2 == 0 ? kHome : kMobile));
    act_after(10);
    moves += take_latched().size();
  }
  EXPECT_LE(moves, 21u);
  EXPECT_GE(moves, 2u);
  see(source_seen(1, kThird));
  act_after(100);
  EXPECT_EQ(take_latched(), std::vector<Latched>({{1, kThird, false}}));
}

TEST_F(LearningTest, LegsAndTheirRtcpAreIndependent) {
  see(source_seen(1, kHome));
  see(source_seen(1, kMobile, true));
  see(source_seen(2, kThird));
  act_after(0);
  EXPECT_EQ(take_latched(), std::vector<Latched>({{1, kHome, false}, {1, kMobile, true}, {2, kThird, false}}));
}

TEST_F(LearningTest, WhatTheCoreRefusesIsNotToldAndNotForgottenForGood) {
  latching_ = false;
  see(source_seen(1, kHome));
  act_after(0);
  EXPECT_EQ(take_latched().size(), 1u);
  EXPECT_EQ(texts(), std::vector<std::string>());
  latching_ = true;
  see(source_seen(1, kHome));
  act_after(10);
  EXPECT_EQ(take_latched().size(), 0u) << "not with every packet";
  act_after(90);
  EXPECT_EQ(take_latched().size(), 1u);
  EXPECT_EQ(texts().size(), 1u);
}

TEST_F(LearningTest, AReportMuchLaterMeansThatTheAddressIsNoLongerInForce) {
  see(source_seen(1, kHome));
  act_after(0);
  act_after(1000);
  see(source_seen(1, kHome));
  act_after(0);
  EXPECT_EQ(take_latched().size(), 2u);
}

TEST_F(LearningTest, ManyReportsOfOneSsrcAreOneAttempt) {
  for (int packet = 0; packet < 50; ++packet) {
    see(ssrc_seen(1, 42));
    act_after(1);
  }
  EXPECT_EQ(take_bound(), std::vector<Bound>({{1, 42}}));
  const auto events = learning_.take_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, abi::EventKind::kSsrcBound);
  EXPECT_EQ(events[0].object_id, 1u);
  EXPECT_EQ(events[0].a, 42u);
  EXPECT_EQ(events[0].b, 942u);
}

TEST_F(LearningTest, RefusalsAreToldOncePerLegAndSecond) {
  refusal_ = "no place left";
  for (std::uint32_t ssrc = 1; ssrc <= 3; ++ssrc) see(ssrc_seen(1, ssrc));
  see(ssrc_seen(2, 9));
  act_after(0);
  const auto events = learning_.take_events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, abi::EventKind::kSsrcRefused);
  EXPECT_EQ(events[0].object_id, 1u);
  EXPECT_EQ(events[0].a, 1u);
  EXPECT_STREQ(events[0].text, "no place left");
  EXPECT_EQ(events[1].object_id, 2u);
  act_after(999);
  see(ssrc_seen(1, 4));
  act_after(0);
  EXPECT_EQ(texts().size(), 0u);
  act_after(1);
  see(ssrc_seen(1, 5));
  act_after(0);
  EXPECT_EQ(texts().size(), 1u);
}

TEST_F(LearningTest, ARefusedSsrcIsTriedAgainAfterASecond) {
  refusal_ = "no place left";
  for (int ms = 0; ms < 1000; ms += 10) {
    see(ssrc_seen(1, 42));
    act_after(10);
  }
  EXPECT_EQ(take_bound().size(), 1u);
  refusal_.clear();
  act_after(10);
  see(ssrc_seen(1, 42));
  act_after(10);
  EXPECT_EQ(take_bound().size(), 1u);
}

TEST_F(LearningTest, ALegCannotKeepTheMainThreadBusy) {
  refusal_ = "no place left";
  std::size_t attempts = 0;
  for (std::uint32_t ssrc = 1; ssrc <= 3000; ++ssrc) {  // every packet another, for three seconds
    see(ssrc_seen(1, ssrc));
    act_after(1);
    attempts += take_bound().size();
  }
  EXPECT_LE(attempts, 4u * Learning::kBindsPerSecond);
  EXPECT_GE(attempts, 2u * Learning::kBindsPerSecond);
  see(ssrc_seen(2, 1));
  act_after(0);
  EXPECT_EQ(take_bound(), std::vector<Bound>({{2, 1}})) << "another leg does not suffer from it";
}

TEST_F(LearningTest, MemoryIsBoundedAndGivenBack) {
  for (std::uint32_t i = 1; i <= 10'000; ++i) {
    see(source_seen(i, kHome));
    see(ssrc_seen(i, 1));
  }
  act_after(0);
  EXPECT_LE(learning_.entries(), 3 * Learning::kMaxEntries);
  EXPECT_EQ(take_latched().size(), Learning::kMaxEntries);
  act_after(1000);
  EXPECT_EQ(learning_.entries(), 0u);
}

TEST_F(LearningTest, EverythingElseIsNotItsConcern) {
  WorkerEvent e = source_seen(1, kHome);
  e.kind = WorkerEvent::Kind::kDropSample;
  see(e);
  see(ssrc_seen(0, 1));
  act_after(0);
  EXPECT_EQ(learning_.entries(), 0u);
}

}  // namespace
}  // namespace mediaward::test
