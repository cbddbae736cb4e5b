// SPDX-License-Identifier: Apache-2.0
// What a peer reports of itself against what was counted; audits, texts, and how the judge reads the counters.
#include <atomic>
#include <thread>

#include "dataplane/ppspp/policy.h"
#include "tests/unit/dataplane/ppspp_conduct_fixture.h"

namespace mediaward::test {
namespace {

// --- reports (3GPP R1; RFC 7846 §6.4) ---

class PpsppConductReport : public PpsppConduct {
 protected:
  static constexpr std::uint64_t kMib = 1 << 20;
  // A minute in which it gives us and takes from us so much; then its report comes, which is some seconds old.
  void minute(std::uint64_t up, std::uint64_t down) {
    counts_.bytes_in_ok += up;
    counts_.acked_to_us_bytes += down;
    counts_.bytes_out += down + down / 9;
    now_ += 60 * kHz;
    heard();
  }
  void report(std::uint64_t uploaded, std::uint64_t downloaded) {
    PeerReport r = others_;
    r.uploaded_bytes = uploaded;
    r.downloaded_bytes = downloaded;
    judge_.report_check(kPeer, r, counts_, now_, findings_);
  }
  PeerReport others_;
};

TEST_F(PpsppConductReport, Rfc7846_6_4_HonestReportsFit) {
  for (std::uint64_t i = 1; i < 60; ++i) {
    minute(100 * kMib, 50 * kMib);
    report(100 * kMib * i - 5 * kMib, 50 * kMib * i - 3 * kMib);  // of some seconds ago
  }
  EXPECT_TRUE(findings_.empty());
}

TEST_F(PpsppConductReport, Rfc7846_6_4_WhoHidesWhatItTookIsFound) {
  for (std::uint64_t i = 1; i <= 10; ++i) {
    minute(0, 50 * kMib);
    report(0, 50 * kMib * i / 2);
    EXPECT_EQ(findings_.size(), i < 6 ? 0u : 1u) << i;  // anchored by the second, compared one behind, told at the second that is false
  }
  EXPECT_EQ(findings_[0].verdict, Verdict::kFalseReport);
  EXPECT_LT(findings_[0].measured, findings_[0].of);
}

TEST_F(PpsppConductReport, Rfc7846_6_4_TenPercentAndAMebibyteAreTolerated) {
  std::uint64_t said = 0;
  for (std::uint64_t i = 1; i <= 30; ++i) {
    minute(0, 50 * kMib);
    said += 50 * kMib * 91 / 100;
    report(0, said);
  }
  EXPECT_TRUE(findings_.empty());
  for (std::uint64_t i = 1; i <= 60; ++i) {
    minute(0, 50 * kMib);
    said += 50 * kMib * 80 / 100;
    report(0, said);
  }
  EXPECT_EQ(found(Verdict::kFalseReport), 1u);
}

TEST_F(PpsppConductReport, Rfc7846_6_4_OneFalseReportIsNoVerdict) {
  std::uint64_t said = 0;
  for (std::uint64_t i = 1; i <= 30; ++i) {
    minute(100 * kMib, 0);
    said = 100 * kMib * i;
    report(i % 5 == 4 ? said * 8 / 10 : said, 0);
    if (i % 5 == 4) report(said, 0);  // corrected at once
  }
  EXPECT_TRUE(findings_.empty());
}

TEST_F(PpsppConductReport, Rfc7846_6_4_TooMuchIsSeenOnlyWithEverybodysCounters) {
  for (std::uint64_t i = 1; i <= 10; ++i) {
    minute(10 * kMib, 0);
    report(1000 * kMib * i, 0);  // it may have given it to others
  }
  EXPECT_TRUE(findings_.empty());
}

TEST_F(PpsppConductReport, Rfc7846_6_4_WhoClaimsToHaveGivenMoreIsFound) {
  others_.complete = true;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    minute(10 * kMib, 0);
    others_.others_received_bytes += 10 * kMib;
    report(40 * kMib * i, 0);
  }
  ASSERT_EQ(found(Verdict::kFalseReport), 1u);
  EXPECT_GT(findings_[0].measured, findings_[0].of);
}

TEST_F(PpsppConductReport, Rfc7846_6_4_WhatWasLostOnTheWayWasUploadedAllTheSame) {
  others_.complete = true;
  for (std::uint64_t i = 1; i <= 60; ++i) {  // every tenth datagram is lost in both directions
    minute(90 * kMib, 0);
    ask(92'160);
    counts_.repeated += 92'160 * 23 / 100;  // 1/0.81 - 1
    others_.others_received_bytes += 9 * kMib;
    report(110 * kMib * i, 0);
  }
  EXPECT_TRUE(findings_.empty());
}

TEST_F(PpsppConductReport, Rfc7846_6_4_ACounterThatBeginsAnewIsNotHeldAgainstIt) {  // PeerBanHelper #98
  for (int life = 0; life < 5; ++life) {
    for (std::uint64_t i = 1; i <= 6; ++i) {
      minute(20 * kMib, 20 * kMib);
      report(20 * kMib * i - kMib, 20 * kMib * i - kMib);
    }
  }
  EXPECT_TRUE(findings_.empty());
  for (std::uint64_t i = 7; i <= 16; ++i) {  // and the rules go on behind it
    minute(20 * kMib, 20 * kMib);
    report(20 * kMib * i, 119 * kMib);
  }
  EXPECT_EQ(found(Verdict::kFalseReport), 1u);
}

// --- audits, counters that begin anew, texts, snapshots ---

TEST_F(PpsppConduct, Rfc7574_12_7_AuditsAreDueOncePerInterval) {
  EXPECT_EQ(judge_.audits_due(kPeer, counts_, now_), 0u);
  now_ += 59 * kHz;
  EXPECT_EQ(judge_.audits_due(kPeer, counts_, now_), 0u);
  now_ += kHz;
  EXPECT_EQ(judge_.audits_due(kPeer, counts_, now_), 4u);
  EXPECT_EQ(judge_.audits_due(kPeer, counts_, now_), 0u);
  now_ += 60 * kHz;
  counts_.choked = 1;
  EXPECT_EQ(judge_.audits_due(kPeer, counts_, now_), 0u);
  counts_.choked = 0;
  counts_.claimed_chunks = 3;
  EXPECT_EQ(judge_.audits_due(kPeer, counts_, now_), 3u);
  now_ += 60 * kHz;
  heard();
  counts_.bad = 2;
  look();
  EXPECT_EQ(judge_.audits_due(kPeer, counts_, now_), 0u);  // banned
}

TEST_F(PpsppConduct, CountersThatGoBackAreAnotherLife) {
  ask(1000);
  deliver(1000);
  alive(10);
  counts_ = {};
  counts_.claimed_chunks = 100;
  ask(15);
  alive(60);
  EXPECT_TRUE(findings_.empty());
}

TEST_F(PpsppConduct, FindingsSayWhatProvesThem) {
  ask(16);
  alive(11);
  counts_.bad = 2;
  judge_.unban(kPeer);
  counts_.bad = 0;
  look();
  counts_.bad = 2;
  alive(1);
  ASSERT_EQ(findings_.size(), 2u);
  EXPECT_EQ(describe(findings_[0]),
            "0 good chunks after 16 requests for announced ones, heard all the while, in 10.0 s (limit 16 requests)");
  EXPECT_EQ(describe(findings_[1]), "2 bad of 2 chunks checked, in 1.0 s (limit 2)");
  Finding f;
  f.verdict = Verdict::kSuspect;
  f.measured = 15;
  f.of = 64;
  f.limit = 0.25;
  f.over_ms = 21'500;
  EXPECT_EQ(describe(f), "15 of 64 announced chunks delivered, in 21.5 s (at least 25 % wanted)");
  for (std::size_t v = 0; v < kVerdicts; ++v) {
    f.verdict = static_cast<Verdict>(v);
    EXPECT_NE(to_string(f.verdict), "?");
    EXPECT_NE(describe(f).find("21.5 s"), std::string::npos);
  }
}

TEST(PpsppConductCounters, ASnapshotHasEveryWordWhileTheWorkerCounts) {
  PeerConduct shared;
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      add_relaxed(shared.requested);
      add_relaxed(shared.delivered_ok);
      set_relaxed(shared.outstanding, read_relaxed(shared.requested));
    }
  });
  std::uint64_t before = 0;
  while (before < 100'000) {
    const PeerConduct s = shared.snapshot();
    ASSERT_GE(s.requested, before);
    ASSERT_GE(s.outstanding, before == 0 ? 0 : before - 1);  // read behind `requested`, written behind it
    before = s.requested;
    std::this_thread::yield();
  }
  stop = true;
  worker.join();
  EXPECT_EQ(shared.snapshot().requested, shared.requested);
  EXPECT_EQ(shared.snapshot().outstanding, shared.requested);
}

// --- thresholds as the controller names them ---

TEST(PpsppConductPolicy, EveryThresholdIsTakenAndNoneIsTheDefault) {
  abi::ConductPolicy m;
  const auto same_times = [](const ConductPolicy& a, const ConductPolicy& b) {
    return a.patience_least_ms == b.patience_least_ms && a.patience_known_ms == b.patience_known_ms && a.window_least_ms == b.window_least_ms;
  };
  EXPECT_TRUE(same_times(dataplane::ppspp::policy_of(m), ConductPolicy{}));
  m.black_hole_ms = 20'000;
  m.black_hole_known_ms = 90'000;
  m.suspect_ms = 120'000;
  m.suspect_requests = 7;
  const ConductPolicy p = dataplane::ppspp::policy_of(m);
  EXPECT_EQ(p.patience_least_ms, 20'000u);
  EXPECT_EQ(p.patience_known_ms, 90'000u);
  EXPECT_EQ(p.window_least_ms, 120'000u);
  EXPECT_EQ(p.window_requests, 7u);
}

}  // namespace
}  // namespace mediaward::test
