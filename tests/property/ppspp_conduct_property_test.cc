// SPDX-License-Identifier: Apache-2.0
// Peers of every manner over paths of every kind, two hundred seeds each: nobody honest is accused, whatever is lost, and nobody dishonest
// gets away. Bounds are those of the reference: 16 requests, max(4 RTT + 2 s, 10 s), two bad chunks.
#include <gtest/gtest.h>

#include "tests/property/ppspp_conduct_model.h"
#include "tests/support/seeded_runs.h"

namespace mediaward::test {
namespace {

constexpr unsigned kSeeds = 200, kRuns = seeded_runs(kSeeds);
constexpr std::uint64_t kHz = ConductModel::kHz;

// Paths from a local network to a satellite, uplinks from a bad mobile one to a good fixed one.
ConductModelSettings any_path(unsigned seed) {
  std::mt19937 random(seed * 7919);
  ConductModelSettings s;
  s.seed = seed;
  constexpr std::uint64_t kOneWay[] = {1'000, 10'000, 30'000, 80'000, 300'000};
  constexpr std::uint64_t kUplink[] = {20'000, 60'000, 200'000, 1'000'000};
  constexpr std::size_t kPipelines[] = {16, 32, 64, 128};
  s.one_way_us = kOneWay[random() % std::size(kOneWay)];
  s.jitter_us = s.one_way_us / 4;
  s.bytes_per_s = kUplink[random() % std::size(kUplink)];
  s.pipeline = kPipelines[random() % std::size(kPipelines)];
  s.chunks = 500 + random() % 4000;
  s.tries = static_cast<unsigned>(1 + random() % 4);
  return s;
}

std::string who(const ConductModelSettings& s) {
  return "seed " + std::to_string(s.seed) + ", one way " + std::to_string(s.one_way_us) + " us, uplink " + std::to_string(s.bytes_per_s) +
         " B/s, pipeline " + std::to_string(s.pipeline) + ", tries " + std::to_string(s.tries);
}

void expect_good(const ConductModel& m, const ConductModelSettings& s) {
  for (const Finding& f : m.findings()) ADD_FAILURE() << who(s) << ": " << to_string(f.verdict) << ": " << describe(f);
  EXPECT_GE(m.worst_score(), ConductPolicy{}.good_from) << who(s);
}

TEST(PpsppConductProperty, HonestPeersWithTenPercentLossStayGood) {
  std::uint64_t chunks = 0, repeated = 0, given_up = 0, timeouts = 0, duplicates = 0;
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    const ConductModelSettings s = any_path(seed);
    ConductModel m(s);
    m.run();
    expect_good(m, s);
    ASSERT_GT(m.counts().delivered_ok, 64u) << who(s);
    chunks += m.counts().delivered_ok;
    repeated += m.counts().repeated;
    given_up += m.counts().timed_out;
    timeouts += m.congestion_timeouts();
    duplicates += m.counts().duplicate;
  }
  // The paths were as bad as they should be.
  EXPECT_GT(repeated + given_up, chunks / 100);
  EXPECT_GT(duplicates, chunks / 100);
  EXPECT_GT(timeouts, kRuns);
}

TEST(PpsppConductProperty, HonestPeersWithTwentyPercentLossAreNotBanned) {
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    ConductModelSettings s = any_path(seed);
    s.loss = 0.2;
    ConductModel m(s);
    m.run();
    EXPECT_EQ(m.found(Verdict::kTampering), nullptr) << who(s);
    EXPECT_EQ(m.found(Verdict::kBlackHole), nullptr) << who(s);
  }
}

// snarkOS #4270: a chunk per second and less, behind seconds of delay.
TEST(PpsppConductProperty, SlowHonestPeersStayGood) {
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    ConductModelSettings s = any_path(seed);
    s.bytes_per_s = 500 + seed * 20;
    s.one_way_us = 100'000 + seed * 10'000;
    s.pipeline = 16;
    s.seconds = 240;
    ConductModel m(s);
    m.run();
    expect_good(m, s);
    EXPECT_GT(m.counts().delivered_ok, 5u) << who(s);
  }
}

TEST(PpsppConductProperty, Rfc7574_3_9_PeersThatChokeStayGood) {
  std::uint64_t chokes = 0, cancelled = 0;
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    ConductModelSettings s = any_path(seed);
    s.manner = Manner::kChokes;
    s.seconds = 150;
    ConductModel m(s);
    m.run();
    expect_good(m, s);
    chokes += m.counts().chokes;
    cancelled += m.counts().cancelled;
  }
  EXPECT_GT(chokes, 2 * kRuns);
  EXPECT_GT(cancelled, 10 * kRuns);
}

TEST(PpsppConductProperty, Rfc7574_3_12_PeersThatCrashAreDeadAndNotMalicious) {
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    ConductModelSettings s = any_path(seed);
    s.manner = Manner::kCrashes;
    s.chunks = 1'000'000;  // something is always asked for
    s.seconds = 230;
    ConductModel m(s);
    m.run();
    expect_good(m, s);
    EXPECT_TRUE(m.last().dead) << who(s);
    EXPECT_GT(m.counts().timed_out + m.counts().outstanding, 0u) << who(s);
  }
}

// From the first REQUEST without an answer: the patience of the reference, two looks, and a gap between two datagrams of the peer.
void expect_black_hole_found(const ConductModelSettings& s, std::uint64_t between_datagrams_us) {
  ConductModel m(s);
  m.run_until(Verdict::kBlackHole);
  const Finding* f = m.found(Verdict::kBlackHole);
  ASSERT_NE(f, nullptr) << who(s);
  EXPECT_EQ(f->measured, 0u);
  EXPECT_GE(f->of, 16u);
  const std::uint64_t patience = std::max(4 * m.counts().rtt_ticks + 2 * kHz, 10 * kHz);
  const std::uint64_t took = m.now() - m.unanswered_since();
  EXPECT_GE(took, patience) << who(s);
  EXPECT_LE(took, patience + 3 * kHz + 2 * between_datagrams_us) << who(s) << ", gaps " << between_datagrams_us;
}

TEST(PpsppConductProperty, S3_100740_BlackHolesThatSendHashesAreFound) {  // captures/11
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    ConductModelSettings s = any_path(seed);
    s.manner = Manner::kBlackHole;
    s.answers_with_hashes = true;
    expect_black_hole_found(s, 3 * kHz);  // REQUESTs, and so their answers, come about once a second
  }
}

TEST(PpsppConductProperty, S3_100740_BlackHolesThatOnlyKeepAliveAreFound) {
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    ConductModelSettings s = any_path(seed);
    s.manner = Manner::kBlackHole;
    s.keep_alive_us = 2'000'000 + seed * 100'000;  // HAVE comes every 5 s as well
    expect_black_hole_found(s, 15 * kHz);          // three of those may be lost running
  }
}

TEST(PpsppConductProperty, S3_100740_PeersThatTurnIntoBlackHolesAreFound) {
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    ConductModelSettings s = any_path(seed);
    s.manner = Manner::kBlackHole;
    s.answers_with_hashes = true;
    s.turns_bad_us = 20 * kHz;
    s.chunks = 1'000'000;
    s.seconds = 400;
    ConductModel m(s);
    m.run_until(Verdict::kBlackHole);
    ASSERT_NE(m.found(Verdict::kBlackHole), nullptr) << who(s);
    EXPECT_GT(m.counts().delivered_ok, 0u);
  }
}

TEST(PpsppConductProperty, R2_TamperersAreFoundAtTheSecondBadChunk) {
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    ConductModelSettings s = any_path(seed);
    s.manner = Manner::kTampers;
    s.share = 0.06 + 0.94 * (seed - 1) / kSeeds;  // captures/10 has 6 of 100
    s.chunks = 1'000'000;
    s.seconds = 240;
    ConductModel m(s);
    m.run_until(Verdict::kTampering);
    const Finding* f = m.found(Verdict::kTampering);
    ASSERT_NE(f, nullptr) << who(s);
    EXPECT_GE(f->measured, 2u);
    // No later than the look behind the second: the one before saw fewer, so all but one came within this second.
    EXPECT_LE(f->measured, 1 + s.bytes_per_s / ConductModel::kDatagram + s.pipeline) << who(s);
    EXPECT_EQ(m.last().action, Action::kBan);
    EXPECT_EQ(m.last().grade, Grade::kPoor);
  }
}

TEST(PpsppConductProperty, R1_PeersThatAnswerFewRequestsAreFound) {
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    ConductModelSettings s = any_path(seed);
    s.manner = Manner::kDropsMost;
    s.share = 0.04;  // of REQUESTs, of which a chunk gets up to four
    s.chunks = 1'000'000;
    s.seconds = 900;
    ConductModel m(s);
    m.run();
    EXPECT_TRUE(m.found(Verdict::kSuspect) != nullptr || m.found(Verdict::kBlackHole) != nullptr) << who(s);
    EXPECT_NE(m.last().grade, Grade::kGood) << who(s);
  }
}

TEST(PpsppConductProperty, R1_PeersThatHaveAQuarterOfWhatTheyAnnounceAreFound) {
  for (unsigned seed = 1; seed <= kSeeds; seed += kSeedStep) {
    ConductModelSettings s = any_path(seed);
    s.manner = Manner::kClaimsTooMuch;
    s.share = 0.25;
    s.chunks = 2000;
    s.seconds = 900;
    ConductModel m(s);
    m.run();
    EXPECT_TRUE(m.found(Verdict::kOverClaim) != nullptr || m.found(Verdict::kBlackHole) != nullptr) << who(s);
  }
}

}  // namespace
}  // namespace mediaward::test
