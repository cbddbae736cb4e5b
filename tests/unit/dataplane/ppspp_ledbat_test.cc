// SPDX-License-Identifier: Apache-2.0
// The congestion window against the formulas of RFC 6817 and RFC 6298, worked out by hand, and over a model of a bottleneck.
#include <gtest/gtest.h>

#include <deque>

#include "dataplane/ppspp/ledbat.h"

namespace mediaward::test {
namespace {

using dataplane::ppspp::Ledbat;

constexpr std::uint64_t kHz = 1'000'000'000;  // a tick is a nanosecond here
constexpr std::uint64_t kMs = kHz / 1000;
constexpr std::uint32_t kMss = 1400;

class PpsppLedbat : public ::testing::Test {
 protected:
  void exchange(std::uint64_t delay_us, unsigned datagrams = 1) {
    for (unsigned i = 0; i < datagrams; ++i) ledbat_.sent(kMss, now_);
    now_ += 20 * kMs;
    for (unsigned i = 0; i < datagrams; ++i) ledbat_.acked(delay_us, kMss, now_);
  }
  // As many round trips at full window as it takes.
  void grow_to(std::uint64_t bytes, std::uint64_t delay_us) {
    for (int i = 0; i < 1000 && ledbat_.cwnd_bytes() < bytes; ++i) {
      std::uint64_t n = 0;
      for (; ledbat_.may_send(kMss); ++n) ledbat_.sent(kMss, now_);
      now_ += 20 * kMs;
      for (; n != 0; --n) ledbat_.acked(delay_us, kMss, now_);
    }
    ASSERT_GE(ledbat_.cwnd_bytes(), bytes);
  }

  Ledbat ledbat_{kMss, kHz};
  std::uint64_t now_ = 1000 * kHz;
};

TEST_F(PpsppLedbat, Rfc6817_2_4_2_BeginsWithTwoDatagrams) {
  EXPECT_EQ(ledbat_.cwnd_bytes(), 2 * kMss);
  EXPECT_TRUE(ledbat_.may_send(kMss));
  ledbat_.sent(kMss, now_);
  EXPECT_TRUE(ledbat_.may_send(kMss));
  ledbat_.sent(kMss, now_);
  EXPECT_FALSE(ledbat_.may_send(1));
  EXPECT_EQ(ledbat_.in_flight_bytes(), 2 * kMss);
  EXPECT_EQ(ledbat_.rto_ticks(), kHz);  // CTO = 1 second
}

TEST_F(PpsppLedbat, Rfc6817_2_4_2_GrowsByTheFormula) {
  ledbat_.sent(kMss, now_);
  ledbat_.sent(kMss, now_);
  ledbat_.acked(50'000, kMss, now_ + kMs);
  // No queue: off_target = 1; cwnd = 2800 + 1400 * 1400 / 2800.
  EXPECT_EQ(ledbat_.cwnd_bytes(), 3500u);
  EXPECT_EQ(ledbat_.in_flight_bytes(), kMss);
}

TEST_F(PpsppLedbat, Rfc6817_2_4_2_DoesNotGrowBeyondWhatIsUsed) {
  for (int i = 0; i < 50; ++i) exchange(50'000);
  // flightsize + ALLOWED_INCREASE * MSS = 2 MSS
  EXPECT_EQ(ledbat_.cwnd_bytes(), 2 * kMss);
}

TEST_F(PpsppLedbat, Rfc6817_2_4_2_ABurstOfAcksDoesNotCountAsIdleness) {
  ledbat_.rtt_sample(20 * kMs);
  grow_to(20 * kMss, 50'000);
  const std::uint64_t before = ledbat_.cwnd_bytes();
  std::uint64_t n = 0;
  for (; ledbat_.may_send(kMss); ++n) ledbat_.sent(kMss, now_);
  now_ += 20 * kMs;
  for (; n != 0; --n) ledbat_.acked(50'000, kMss, now_);
  EXPECT_GT(ledbat_.cwnd_bytes(), before);
}

TEST_F(PpsppLedbat, Rfc6817_2_4_2_ShrinksByTheFormulaAboveTheTarget) {
  grow_to(20 * kMss, 50'000);
  // Four samples that are all late fill the filter; each takes cwnd by off_target = (100 - 150) / 100.
  for (int i = 0; i < 4; ++i) ledbat_.sent(kMss, now_);
  for (int i = 0; i < 3; ++i) ledbat_.acked(200'000, 0, now_ + i * kMs);
  const double before = static_cast<double>(ledbat_.cwnd_bytes());
  EXPECT_EQ(ledbat_.queuing_delay_us(), 0);  // the filter is a minimum: one sample of before is left
  ledbat_.acked(200'000, kMss, now_ + 3 * kMs);
  EXPECT_EQ(ledbat_.queuing_delay_us(), 150'000);
  EXPECT_NEAR(static_cast<double>(ledbat_.cwnd_bytes()), before - 0.5 * kMss * kMss / before, 1.5);
}

TEST_F(PpsppLedbat, Rfc6817_2_5_NeverBelowTwoDatagramsByDelay) {
  exchange(10'000, 2);
  for (int i = 0; i < 100; ++i) exchange(900'000, 2);
  EXPECT_EQ(ledbat_.cwnd_bytes(), 2 * kMss);
}

TEST_F(PpsppLedbat, Rfc6817_2_4_2_LossHalvesOncePerRoundTrip) {
  ledbat_.rtt_sample(100 * kMs);
  grow_to(40 * kMss, 50'000);
  const std::uint64_t before = ledbat_.cwnd_bytes();
  for (int i = 0; i < 10; ++i) ledbat_.sent(kMss, now_);
  for (int i = 0; i < 5; ++i) ledbat_.lost(kMss, now_ + i);
  EXPECT_EQ(ledbat_.cwnd_bytes(), before / 2);
  EXPECT_EQ(ledbat_.in_flight_bytes(), 5 * kMss);
  ledbat_.lost(kMss, now_ + 100 * kMs);
  EXPECT_EQ(ledbat_.cwnd_bytes(), before / 4);
  for (int i = 2; i < 20; ++i) ledbat_.lost(kMss, now_ + i * 100 * kMs);
  EXPECT_EQ(ledbat_.cwnd_bytes(), 2 * kMss);  // MIN_CWND
}

TEST_F(PpsppLedbat, Rfc6817_2_4_2_TimeoutLeavesOneDatagramAndBacksOff) {
  ledbat_.rtt_sample(100 * kMs);
  grow_to(10 * kMss, 50'000);
  EXPECT_FALSE(ledbat_.timed_out(now_ + 100 * kHz));  // nothing is under way
  ledbat_.sent(kMss, now_);
  ledbat_.sent(kMss, now_);
  EXPECT_FALSE(ledbat_.timed_out(now_ + kHz - 1));
  EXPECT_TRUE(ledbat_.timed_out(now_ + kHz));
  now_ += kHz;
  ledbat_.on_timeout(now_);
  EXPECT_EQ(ledbat_.cwnd_bytes(), kMss);
  EXPECT_EQ(ledbat_.rto_ticks(), 2 * kHz);
  EXPECT_FALSE(ledbat_.timed_out(now_));
  ledbat_.lost(kMss, now_);
  ledbat_.lost(kMss, now_);
  EXPECT_EQ(ledbat_.cwnd_bytes(), kMss);  // the losses of the same event
  EXPECT_EQ(ledbat_.in_flight_bytes(), 0u);
  EXPECT_TRUE(ledbat_.may_send(8 * kMss));  // one datagram always may
  for (int i = 0; i < 10; ++i) ledbat_.on_timeout(now_);
  EXPECT_EQ(ledbat_.rto_ticks(), 60 * kHz);
}

// SRTT 20 ms, RTTVAR 10 ms: 20 + 4 * 10 + 25 for a late ACK.
TEST_F(PpsppLedbat, Rfc9002_6_2_AProbeGoesBeyondTheWindowAfterItsTimeoutWhichDoubles) {
  ledbat_.rtt_sample(20 * kMs);
  ledbat_.sent(kMss, now_);
  ledbat_.sent(kMss, now_);
  const std::uint64_t cwnd = ledbat_.cwnd_bytes();
  std::uint64_t wait = 85 * kMs;
  for (int probe = 0; probe < 3; ++probe, wait *= 2) {
    EXPECT_FALSE(ledbat_.may_send(kMss));
    EXPECT_FALSE(ledbat_.probe_is_due(now_ + wait - 1));
    now_ += wait;
    ASSERT_TRUE(ledbat_.probe_is_due(now_));
    ledbat_.allow_probe();
    EXPECT_FALSE(ledbat_.probe_is_due(now_));  // one is enough, whenever there is something to send
    EXPECT_TRUE(ledbat_.probes());
    EXPECT_TRUE(ledbat_.may_send(kMss));
    ledbat_.sent(kMss, now_);
    EXPECT_FALSE(ledbat_.probes());
  }
  EXPECT_EQ(ledbat_.cwnd_bytes(), cwnd);
  ledbat_.acked(50'000, kMss, now_ + kMs);
  EXPECT_FALSE(ledbat_.probe_is_due(now_ + 85 * kMs));
  EXPECT_TRUE(ledbat_.probe_is_due(now_ + 86 * kMs));  // from the ACK, and of single length again
  ledbat_.allow_probe();
  ledbat_.acked(50'000, kMss, now_ + 87 * kMs);
  EXPECT_FALSE(ledbat_.probes());  // the answer came before the question
}

TEST_F(PpsppLedbat, Rfc9002_6_2_NothingToProbeForWithoutARoundTripOrAnythingUnderWay) {
  ledbat_.sent(kMss, now_);
  EXPECT_FALSE(ledbat_.probe_is_due(now_ + 100 * kHz));
  ledbat_.acked(50'000, kMss, now_);
  ledbat_.rtt_sample(20 * kMs);
  EXPECT_FALSE(ledbat_.probe_is_due(now_ + 100 * kHz));
}

TEST_F(PpsppLedbat, AcksOfOldChunksDoNotPutTheTimeoutOff) {
  ledbat_.sent(kMss, now_);
  for (int i = 1; i <= 10; ++i) ledbat_.acked(50'000, 0, now_ + i * 100 * kMs);
  EXPECT_TRUE(ledbat_.timed_out(now_ + kHz));
}

TEST_F(PpsppLedbat, Rfc6298_2_RoundTripAndTimeout) {
  EXPECT_EQ(ledbat_.rtt_ticks(), 0u);
  ledbat_.rtt_sample(800 * kMs);
  EXPECT_EQ(ledbat_.rtt_ticks(), 800 * kMs);
  EXPECT_EQ(ledbat_.rto_ticks(), 2400 * kMs);  // SRTT + 4 * R/2
  ledbat_.rtt_sample(1600 * kMs);
  // RTTVAR = 3/4 * 400 + 1/4 * 800 = 500, SRTT = 7/8 * 800 + 1/8 * 1600 = 900
  EXPECT_EQ(ledbat_.rtt_ticks(), 900 * kMs);
  EXPECT_EQ(ledbat_.rto_ticks(), 2900 * kMs);
  for (int i = 0; i < 100; ++i) ledbat_.rtt_sample(kMs);
  EXPECT_EQ(ledbat_.rto_ticks(), kHz);  // §2.4: not below a second
  for (int i = 0; i < 100; ++i) ledbat_.rtt_sample(100 * kHz);
  EXPECT_EQ(ledbat_.rto_ticks(), 60 * kHz);
}

TEST_F(PpsppLedbat, Rfc6298_5_7_ABackOffHoldsUntilARoundTripIsMeasured) {
  ledbat_.sent(kMss, now_);
  ledbat_.on_timeout(now_ += kHz);
  ledbat_.lost(kMss, now_);
  ledbat_.sent(kMss, now_);
  ledbat_.acked(50'000, kMss, now_ += 3 * kHz);  // of which sending is not known
  EXPECT_EQ(ledbat_.rto_ticks(), 2 * kHz);
  ledbat_.sent(kMss, now_);
  ledbat_.rtt_sample(1500 * kMs);
  ledbat_.acked(50'000, kMss, now_ += 1500 * kMs);
  EXPECT_EQ(ledbat_.rto_ticks(), 4500 * kMs);
}

TEST_F(PpsppLedbat, Rfc6817_2_4_2_BaseDelayIsForgottenAfterTenMinutes) {
  exchange(50'000, 2);
  for (int minute = 0; minute < 9; ++minute) {
    now_ += 60 * kHz;
    for (int i = 0; i < 4; ++i) exchange(90'000, 2);
    EXPECT_EQ(ledbat_.queuing_delay_us(), 40'000) << minute;
  }
  now_ += 60 * kHz;
  for (int i = 0; i < 4; ++i) exchange(90'000, 2);
  EXPECT_EQ(ledbat_.queuing_delay_us(), 0);  // another route, by now
}

TEST_F(PpsppLedbat, AnHourOfPauseForgetsTheBaseAndTheWindow) {
  grow_to(10 * kMss, 50'000);
  now_ += 3600 * kHz;
  ledbat_.sent(kMss, now_);
  EXPECT_EQ(ledbat_.cwnd_bytes(), 2 * kMss);  // RFC 5681 §4.1
  now_ += 20 * kMs;
  ledbat_.acked(70'000'000, kMss, now_);  // a minute of clock drift
  EXPECT_EQ(ledbat_.queuing_delay_us(), 0);
  EXPECT_EQ(ledbat_.clamped_samples(), 0u);
}

TEST_F(PpsppLedbat, AFewSecondsOfPauseForgetTheCurrentDelay) {
  exchange(50'000, 2);
  for (int i = 0; i < 4; ++i) exchange(120'000, 2);
  EXPECT_EQ(ledbat_.queuing_delay_us(), 70'000);
  now_ += 3 * kHz;
  exchange(60'000);
  EXPECT_EQ(ledbat_.queuing_delay_us(), 10'000);
}

// Clocks are not synchronised: a sample is any number, and it wraps.
TEST(PpsppLedbatClocks, Rfc7574_8_7_DelaySamplesWrapModulo2To64) {
  for (const std::uint64_t offset : {std::uint64_t{0}, ~std::uint64_t{0} - 20'000, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    Ledbat ledbat(kMss, kHz);
    std::uint64_t now = kHz;
    for (const std::uint64_t delay : {30'000u, 10'000u, 45'000u, 45'000u, 45'000u, 45'000u}) {
      ledbat.sent(kMss, now);
      now += 20 * kMs;
      ledbat.acked(offset + delay, kMss, now);
    }
    EXPECT_EQ(ledbat.queuing_delay_us(), 35'000) << offset;
    EXPECT_EQ(ledbat.clamped_samples(), 0u) << offset;
  }
}

TEST_F(PpsppLedbat, Rfc7574_12_6_4_ForgedDelaysAreHeldWithinTheRoundTrip) {
  for (int i = 0; i < 40; ++i) ledbat_.rtt_sample(20 * kMs);
  exchange(50'000, 2);
  const std::uint32_t none = ledbat_.clamped_samples();
  EXPECT_EQ(none, 0u);
  // RTTVAR has decayed to almost nothing: the limit is 20 ms and a little.
  for (int i = 0; i < 4; ++i) ledbat_.acked(50'000'000, 0, now_);
  EXPECT_EQ(ledbat_.clamped_samples(), 4u);
  EXPECT_GE(ledbat_.queuing_delay_us(), 20'000);
  EXPECT_LT(ledbat_.queuing_delay_us(), 21'000);
  ledbat_.acked(0, 0, now_);  // 50 ms below the base
  EXPECT_EQ(ledbat_.clamped_samples(), 5u);
  for (int i = 0; i < 4; ++i) ledbat_.acked(50'000, 0, now_);
  EXPECT_GE(ledbat_.queuing_delay_us(), 20'000);  // the base has moved by one round trip and no more
  EXPECT_LT(ledbat_.queuing_delay_us(), 21'000);
}

TEST_F(PpsppLedbat, Rfc7574_12_6_4_ExtremeSamplesStayHarmless) {
  for (const std::uint64_t delay :
       {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63, (std::uint64_t{1} << 63) - 1, std::uint64_t{1}}) {
    ledbat_.sent(kMss, now_);
    ledbat_.acked(delay, kMss, now_ += kMs);
    EXPECT_GE(ledbat_.cwnd_bytes(), 2 * kMss);
    EXPECT_GE(ledbat_.queuing_delay_us(), 0);
    EXPECT_LE(ledbat_.queuing_delay_us(), 10 * 60'000'000);
  }
}

TEST_F(PpsppLedbat, MoreAcknowledgedThanUnderWayIsNothingUnderWay) {
  ledbat_.sent(kMss, now_);
  ledbat_.acked(50'000, 100 * kMss, now_);
  EXPECT_EQ(ledbat_.in_flight_bytes(), 0u);
  ledbat_.lost(kMss, now_);
  ledbat_.withdrawn(kMss);
  EXPECT_EQ(ledbat_.in_flight_bytes(), 0u);
}

// A link with a long queue: 10 Mbit/s, 20 ms, room for a second. What RFC 6817 is for: the link is full, the queue stands at TARGET.
TEST(PpsppLedbatModel, Rfc6817_2_1_FillsTheLinkAndKeepsTheQueueAtTheTarget) {
  constexpr std::uint64_t kBytesPerS = 1'250'000;
  constexpr std::uint64_t kOneWay = 20 * kMs;
  Ledbat ledbat(kMss, kHz);
  struct Datagram {
    std::uint64_t sent, arrives;
  };
  std::deque<Datagram> path;
  std::uint64_t link_free = 0, delivered = 0, samples = 0, delay_sum = 0;
  const std::uint64_t begin = 5 * kHz, end = begin + 120 * kHz;
  for (std::uint64_t now = begin; now < end; now += kMs) {
    while (!path.empty() && path.front().arrives + kOneWay <= now) {  // the ACK's way back is empty
      const Datagram d = path.front();
      path.pop_front();
      ledbat.rtt_sample(now - d.sent);
      ledbat.acked((d.arrives - d.sent) / 1000 + 123'456'789, kMss, now);
      if (now > begin + 60 * kHz) {
        delivered += kMss;
        delay_sum += (d.arrives - d.sent - kOneWay) / 1000;
        ++samples;
      }
    }
    ASSERT_FALSE(ledbat.timed_out(now));
    while (ledbat.may_send(kMss)) {
      ledbat.sent(kMss, now);
      link_free = std::max(link_free, now) + kMss * kHz / kBytesPerS;
      path.push_back({now, link_free + kOneWay});
    }
  }
  const double share = static_cast<double>(delivered) / (60.0 * kBytesPerS);
  const double queue_ms = static_cast<double>(delay_sum) / static_cast<double>(samples) / 1000;
  EXPECT_GT(share, 0.98);
  EXPECT_GT(queue_ms, 85);
  EXPECT_LT(queue_ms, 115);
}

}  // namespace
}  // namespace mediaward::test
