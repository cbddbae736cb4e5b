// SPDX-License-Identifier: Apache-2.0
// The rules of conduct, each at its border, with counters written as a worker would and time that is the test's.
#include "tests/unit/dataplane/ppspp_conduct_fixture.h"

namespace mediaward::test {
namespace {

// --- black hole (3GPP S3-100740; RFC 7574 §12.6.2 HAVE.1, §12.6.9) ---

TEST_F(PpsppConduct, S3_100740_BlackHoleAtSixteenRequestsAndTenSeconds) {
  ask(16);
  alive(1);  // the request was seen at the end of this second: its time begins there
  alive(9);
  EXPECT_TRUE(findings_.empty());
  const Assessment a = alive(1);
  ASSERT_EQ(findings_.size(), 1u);
  const Finding& f = findings_[0];
  EXPECT_EQ(f.verdict, Verdict::kBlackHole);
  EXPECT_EQ(f.action, Action::kBan);
  EXPECT_EQ(f.measured, 0u);
  EXPECT_EQ(f.of, 16u);
  EXPECT_EQ(f.limit, 16);
  EXPECT_EQ(f.over_ms, 10'000u);
  EXPECT_EQ(f.counts.requested, 16u);
  EXPECT_EQ(a.action, Action::kBan);
  EXPECT_EQ(a.banned_until_ticks, now_ + 600 * kHz);
  EXPECT_EQ(a.grade, Grade::kPoor);
}

TEST_F(PpsppConduct, S3_100740_FifteenRequestsAreNoBlackHole) {
  ask(15);
  alive(300);
  EXPECT_TRUE(findings_.empty());
}

TEST_F(PpsppConduct, S3_100740_RepeatsOfFewChunksAreRequestsToo) {
  ask(4);  // a small content
  for (int i = 0; i < 3; ++i) {
    counts_.repeated += 4;
    alive(1);
  }
  alive(10);
  EXPECT_EQ(found(Verdict::kBlackHole), 1u);
}

TEST_F(PpsppConduct, S3_100740_OneGoodChunkIsNoBlackHole) {
  for (int i = 0; i < 30; ++i) {  // one in nine seconds, of many
    ask(10);
    deliver(1);
    alive(9);
  }
  EXPECT_EQ(found(Verdict::kBlackHole), 0u);
}

// RFC 6817 §2.4.2, RFC 6298 §2.5: an honest peer's timeout may have reached a minute.
TEST_F(PpsppConduct, S3_100740_AHistoryOfGoodChunksExcusesForAMinute) {
  for (int i = 0; i < 100; ++i) {
    ask(1000);
    deliver(1000);
    alive(1);
  }
  ask(16);
  alive(1);
  alive(59);
  EXPECT_TRUE(findings_.empty());
  alive(1);
  EXPECT_EQ(found(Verdict::kBlackHole), 1u);
}

TEST_F(PpsppConduct, S3_100740_WhatWasOutstandingAtTheLastGoodChunkCounts) {
  ask(100);
  counts_.outstanding = 100;
  alive(1);
  deliver(1);
  counts_.outstanding = 99;
  alive(62);  // nothing is asked any more: the pipeline is full
  ASSERT_EQ(found(Verdict::kBlackHole), 1u);
  EXPECT_EQ(findings_[0].of, 99u);
}

TEST_F(PpsppConduct, Rfc6817_2_4_2_WhoRepeatsWhatWeHaveIsBackingOff) {
  ask(64);
  for (int i = 0; i < 20; ++i) {
    ++counts_.duplicate;
    alive(9);
  }
  EXPECT_TRUE(findings_.empty());
  alive(2);
  EXPECT_EQ(found(Verdict::kBlackHole), 1u);
}

TEST_F(PpsppConduct, S3_100740_PatienceIsFourRoundTripsAndTwoSeconds) {
  counts_.rtt_ticks = 5 * kHz;
  ask(100);
  alive(1);
  alive(21);
  EXPECT_TRUE(findings_.empty());
  alive(1);
  EXPECT_EQ(found(Verdict::kBlackHole), 1u);
  EXPECT_EQ(findings_[0].over_ms, 22'000u);
}

TEST_F(PpsppConduct, Rfc7574_3_9_WhoChokesNeedNotAnswer) {
  ask(64);
  alive(2);
  counts_.chokes = 1;
  counts_.choked = 1;
  counts_.cancelled += 64;
  alive(300);
  EXPECT_TRUE(findings_.empty());
  EXPECT_EQ(look().score, 100);
  counts_.choked = 0;  // UNCHOKE: what is asked from here on counts
  ask(16);
  alive(1);
  alive(9);
  EXPECT_TRUE(findings_.empty());
  alive(1);
  EXPECT_EQ(found(Verdict::kBlackHole), 1u);
}

// CHOKE was lost, and comes with the next one.
TEST_F(PpsppConduct, Rfc7574_3_9_WhatWasMissedJustBeforeAChokeIsNoFault) {
  for (int i = 0; i < 20; ++i) {
    ask(100);
    deliver(36);
    alive(1);
    counts_.timed_out += 64;
    ++counts_.chokes;
    counts_.choked = 1;
    alive(20);
    counts_.choked = 0;
    alive(1);
  }
  EXPECT_TRUE(findings_.empty());
  for (int i = 0; i < 20; ++i) {  // who gives nothing in between is not excused again
    ask(64);
    alive(1);
    counts_.timed_out += 64;
    ++counts_.chokes;
    alive(30);
  }
  EXPECT_GT(found(Verdict::kBlackHole) + found(Verdict::kSuspect), 0u);
}

TEST_F(PpsppConduct, Rfc7574_3_8_WhatWasCancelledNeedsNoAnswer) {
  for (int i = 0; i < 60; ++i) {
    ask(20);
    counts_.cancelled += 10;
    alive(1);
    counts_.cancelled += 10;
  }
  alive(30);
  EXPECT_TRUE(findings_.empty());
}

TEST_F(PpsppConduct, Rfc7574_3_12_ACrashIsNoMalice) {
  ask(64);
  alive(1);
  seconds(400, [this] {  // not heard again; what was asked is given up
    if (counts_.timed_out < 64) counts_.timed_out += 8;
    ++counts_.datagrams_unanswered;
  });
  EXPECT_TRUE(findings_.empty());
  EXPECT_EQ(look().score, 100);
}

TEST_F(PpsppConduct, Rfc7574_3_12_DeadAfterThreeMinutesAndThreeDatagrams) {
  EXPECT_FALSE(look().dead);
  counts_.datagrams_unanswered = 2;
  EXPECT_FALSE(silent(181).dead);
  counts_.datagrams_unanswered = 3;
  EXPECT_TRUE(look().dead);
  heard();
  counts_.datagrams_unanswered = 0;
  EXPECT_FALSE(look().dead);
  counts_.datagrams_unanswered = 100;
  EXPECT_FALSE(silent(179).dead);
  EXPECT_TRUE(silent(1).dead);
}

TEST_F(PpsppConduct, AnOutageIsNoMalice) {
  for (int outage = 0; outage < 10; ++outage) {
    ask(200);
    alive(1);
    silent(40);
    counts_.timed_out += 200;
    heard();  // one keep-alive arrives first, and the answers three seconds behind it
    alive(3);
    ask(50);
    deliver(50);
    alive(60);
  }
  EXPECT_TRUE(findings_.empty());
  EXPECT_EQ(look().score, 100);
}

TEST_F(PpsppConduct, S3_100740_ABlackHoleThatIsOnlyObservedIsToldAgainWhenAskedAgain) {
  ConductPolicy p;
  p.action[static_cast<std::size_t>(Verdict::kBlackHole)] = Action::kThrottle;
  policy(p);
  ask(16);
  alive(300);
  EXPECT_EQ(found(Verdict::kBlackHole), 1u);
  EXPECT_EQ(look().action, Action::kThrottle);
  alive(310);
  EXPECT_EQ(look().action, Action::kObserve);
  ask(15);
  alive(30);
  EXPECT_EQ(found(Verdict::kBlackHole), 1u);
  ask(1);
  alive(2);
  EXPECT_EQ(found(Verdict::kBlackHole), 2u);
}

TEST_F(PpsppConduct, KeepAlivesOnceInAWhileAreEnoughToBeABlackHole) {
  ask(16);
  for (int i = 0; i < 3; ++i) {
    silent(59);
    alive(1);
    ++counts_.keep_alives;
  }
  EXPECT_EQ(found(Verdict::kBlackHole), 1u);
}

// --- suspect and over-claim (3GPP R1) ---

class PpsppConductEnds : public PpsppConduct {
 protected:
  // So many are asked in a second and so many of them answered; the others are given up a little later.
  void trade(unsigned n_seconds, std::uint64_t asked, std::uint64_t answered) {
    seconds(n_seconds, [&] {
      ask(asked);
      deliver(answered);
      counts_.timed_out += asked - answered;
    });
  }
  void settle() { alive(100); }  // longer than it takes until what ended is judged
};

TEST_F(PpsppConductEnds, R1_SuspectBelowAQuarterOfSixtyFour) {
  trade(1, 64, 15);
  settle();
  ASSERT_EQ(found(Verdict::kSuspect), 1u);
  EXPECT_EQ(last(Verdict::kSuspect).measured, 15u);
  EXPECT_EQ(last(Verdict::kSuspect).of, 64u);
  EXPECT_EQ(last(Verdict::kSuspect).action, Action::kThrottle);
}

TEST_F(PpsppConductEnds, R1_AQuarterOfSixtyFourIsNotSuspect) {
  trade(1, 64, 16);
  settle();
  EXPECT_EQ(found(Verdict::kSuspect), 0u);
}

TEST_F(PpsppConductEnds, R1_SixtyThreeRequestsAreTooFew) {
  trade(1, 63, 1);
  settle();
  EXPECT_TRUE(findings_.empty());
}

TEST_F(PpsppConductEnds, R1_OverClaimAboveHalf) {
  trade(1, 64, 32);
  settle();
  EXPECT_TRUE(findings_.empty());
  trade(1, 64, 31);
  settle();
  ASSERT_EQ(found(Verdict::kOverClaim), 1u);
  EXPECT_EQ(last(Verdict::kOverClaim).measured, 33u);
  EXPECT_EQ(last(Verdict::kOverClaim).of, 64u);
  EXPECT_EQ(last(Verdict::kOverClaim).action, Action::kObserve);
  EXPECT_EQ(found(Verdict::kSuspect), 0u);
}

TEST_F(PpsppConductEnds, R1_RandomAuditsFindWhatOrdinaryRequestsDoNot) {
  counts_.audits_issued = 32;
  for (int i = 0; i < 4; ++i) {  // ordinary requests are answered all
    trade(1, 60, 60);
    counts_.requested += 8;
    counts_.delivered_ok += 3;
    counts_.audits_answered += 3;
    counts_.timed_out += 5;
    counts_.audits_missed += 5;
    alive(1);
  }
  settle();
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].verdict, Verdict::kOverClaim);
  EXPECT_EQ(findings_[0].measured, 20u);
  EXPECT_EQ(findings_[0].of, 32u);
}

TEST_F(PpsppConductEnds, R1_ToldOnceUntilItClears) {
  trade(60, 64, 5);
  settle();
  EXPECT_EQ(found(Verdict::kSuspect), 1u);
  EXPECT_EQ(look().action, Action::kThrottle);
  trade(60, 64, 64);
  settle();
  EXPECT_EQ(look().action, Action::kObserve);  // lifted by itself
  EXPECT_EQ(found(Verdict::kSuspect), 1u);
  trade(60, 64, 5);
  settle();
  EXPECT_EQ(found(Verdict::kSuspect), 2u);
}

TEST_F(PpsppConductEnds, R1_WhoIsNotAskedAnyMoreIsForgivenInTime) {
  trade(60, 64, 5);
  settle();
  EXPECT_EQ(look().action, Action::kThrottle);
  alive(450);
  EXPECT_EQ(look().action, Action::kThrottle);
  alive(150);
  EXPECT_EQ(look().action, Action::kObserve);
  const unsigned score = look().score;
  alive(3600);
  EXPECT_GT(look().score, score);
  EXPECT_EQ(look().grade, Grade::kGood);
  EXPECT_EQ(findings_.size(), 2u);  // suspect and over-claim, once
}

// snarkOS #4270: slow is not malicious. All that it is asked for comes, long after it was given up.
TEST_F(PpsppConductEnds, R1_SlowButHonest) {
  std::uint64_t behind = 0;
  seconds(600, [&] {
    ask(10);
    counts_.timed_out += 10;  // nine seconds are too much for whoever waits
    if (++behind > 9) {
      counts_.late += 10;
      deliver(10);
    }
    heard();
  });
  EXPECT_TRUE(findings_.empty());
  EXPECT_EQ(look().score, 100);
}

TEST_F(PpsppConductEnds, R1_TheLastRequestsOfALongFetchAreJudgedWithTheOthers) {
  trade(10, 100, 81);  // every tenth datagram lost in both directions, and nothing repeated
  settle();
  EXPECT_TRUE(findings_.empty());
}

// --- tampering (3GPP R2; RFC 7574 §12.6.3 DATA.1) ---

TEST_F(PpsppConduct, R2_OneBadChunkIsNoVerdict) {
  ask(10);
  deliver(9);
  counts_.bad = 1;
  const Assessment a = alive(1);
  EXPECT_TRUE(findings_.empty());
  EXPECT_EQ(a.score, 85);
  EXPECT_EQ(a.grade, Grade::kGood);
}

TEST_F(PpsppConduct, R2_TwoBadChunksAreTampering) {
  ask(10);
  deliver(8);
  counts_.bad = 2;
  const Assessment a = alive(1);
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].verdict, Verdict::kTampering);
  EXPECT_EQ(findings_[0].measured, 2u);
  EXPECT_EQ(findings_[0].of, 10u);
  EXPECT_EQ(findings_[0].action, Action::kBan);
  EXPECT_EQ(a.action, Action::kBan);
  EXPECT_EQ(a.grade, Grade::kPoor);
  counts_.bad = 9;  // what arrives during the ban is told no more
  alive(100);
  EXPECT_EQ(findings_.size(), 1u);
}

TEST_F(PpsppConduct, R2_ABadChunkIsForgivenInTime) {
  for (int i = 0; i < 5; ++i) {  // one each quarter of an hour: a bad memory, perhaps
    ++counts_.bad;
    alive(900);
  }
  EXPECT_TRUE(findings_.empty());
  ++counts_.bad;
  alive(599);
  ++counts_.bad;
  alive(1);
  EXPECT_EQ(found(Verdict::kTampering), 1u);
}

TEST_F(PpsppConduct, R2_UnverifiableIsNoFault) {  // captures/09: chunk 5 suffers for chunk 4
  counts_.unverifiable = 10'000;
  alive(100);
  EXPECT_TRUE(findings_.empty());
  EXPECT_EQ(look().score, 100);
}

TEST_F(PpsppConduct, R2_AfterTheBanEverythingBeginsAnew) {
  counts_.bad = 2;
  alive(1);
  ASSERT_EQ(findings_.size(), 1u);
  Assessment a = alive(599);
  EXPECT_EQ(a.action, Action::kBan);
  EXPECT_FALSE(a.ban_ended);
  a = alive(1);
  EXPECT_TRUE(a.ban_ended);
  EXPECT_EQ(a.action, Action::kObserve);
  EXPECT_EQ(a.banned_until_ticks, 0u);
  EXPECT_NE(a.grade, Grade::kGood);  // the score remembers, and halves
  alive(1);
  EXPECT_EQ(findings_.size(), 1u);
  ++counts_.bad;
  alive(1);
  EXPECT_EQ(findings_.size(), 1u);
  ++counts_.bad;
  alive(1);
  EXPECT_EQ(findings_.size(), 2u);
}

TEST_F(PpsppConduct, UnbanForgetsAndRecursWhenItRecurs) {
  counts_.bad = 2;
  alive(1);
  judge_.unban(kPeer);
  const Assessment a = look();
  EXPECT_EQ(a.score, 100);
  EXPECT_EQ(a.banned_until_ticks, 0u);
  counts_.bad += 2;
  alive(1);
  EXPECT_EQ(found(Verdict::kTampering), 2u);
  judge_.unban(99);  // unknown: nothing happens
  EXPECT_EQ(judge_.peers(), 1u);
  judge_.forget(kPeer);
  EXPECT_EQ(judge_.peers(), 0u);
}

TEST_F(PpsppConduct, TheScoreRecoversByHalfLives) {
  counts_.bad = 1;
  EXPECT_EQ(alive(1).score, 85);
  EXPECT_EQ(alive(600).score, 93);
  EXPECT_EQ(alive(600).score, 96);
  EXPECT_EQ(alive(6000).score, 100);
}

TEST_F(PpsppConduct, ThePolicyDecidesWhatIsDone) {
  ConductPolicy p;
  p.action[static_cast<std::size_t>(Verdict::kTampering)] = Action::kObserve;
  p.tamper_chunks = 3;
  policy(p);
  counts_.bad = 2;
  alive(1);
  EXPECT_TRUE(findings_.empty());
  counts_.bad = 3;
  const Assessment a = alive(1);
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].action, Action::kObserve);
  EXPECT_EQ(a.action, Action::kObserve);
  EXPECT_EQ(a.banned_until_ticks, 0u);
}

// --- under-claim (3GPP R1; RFC 7574 §12.6.2 HAVE.2) ---

TEST_F(PpsppConduct, R1_UnderClaimAboveAQuarterForHalfAMinute) {
  counts_.acked_to_us_chunks = 64;
  counts_.acked_unclaimed = 16;
  alive(100);
  EXPECT_TRUE(findings_.empty());
  counts_.acked_unclaimed = 17;
  alive(30);
  EXPECT_TRUE(findings_.empty());
  alive(1);
  ASSERT_EQ(found(Verdict::kUnderClaim), 1u);
  EXPECT_EQ(findings_[0].measured, 17u);
  EXPECT_EQ(findings_[0].of, 64u);
}

TEST_F(PpsppConduct, R1_FewChunksAreNoUnderClaim) {
  counts_.acked_to_us_chunks = 63;
  counts_.acked_unclaimed = 63;
  alive(100);
  EXPECT_TRUE(findings_.empty());
}

// PeerBanHelper #471: a fast peer announces late.
TEST_F(PpsppConduct, R1_HaveMayComeBehindAck) {
  for (int i = 0; i < 20; ++i) {
    counts_.acked_to_us_chunks += 1000;
    counts_.acked_unclaimed = 1000;
    alive(20);
    counts_.acked_unclaimed = 0;
    alive(1);
  }
  EXPECT_TRUE(findings_.empty());
}

TEST_F(PpsppConduct, R1_AsksForWhatItAnnounced) {
  counts_.requested_of_us = 100;
  counts_.requested_though_claimed = 50;
  alive(100);
  EXPECT_TRUE(findings_.empty());
  counts_.requested_though_claimed = 51;
  alive(31);
  ASSERT_EQ(found(Verdict::kUnderClaim), 1u);
  EXPECT_EQ(findings_[0].measured, 51u);
  EXPECT_EQ(findings_[0].of, 100u);
}

// --- hashes without data ---

TEST_F(PpsppConduct, Capture11_585IntegrityAnd0DataAreAHashFlood) {
  // The capture's figures: HAVE for 7 chunks, 5 REQUESTs, 585 INTEGRITY in 400 datagrams, keep-alives.
  counts_.claimed_chunks = 7;
  ask(7);
  counts_.integrity_messages = 585;
  counts_.keep_alives = 20;
  const Assessment a = alive(1);
  ASSERT_EQ(found(Verdict::kHashFlood), 1u);
  EXPECT_EQ(findings_[0].measured, 585u);
  EXPECT_EQ(findings_[0].of, 0u);
  EXPECT_EQ(a.action, Action::kThrottle);
}

TEST_F(PpsppConduct, Rfc7574_5_3_UnclesAndPeaksAreNoFlood) {
  // The most that is legal: 32 uncles and 32 peaks with every chunk.
  for (int i = 0; i < 100; ++i) {
    counts_.integrity_messages += 64;
    counts_.data_messages += 1;
    alive(1);
  }
  EXPECT_TRUE(findings_.empty());
  counts_.integrity_messages += 255;  // short of what is looked at
  alive(1);
  EXPECT_TRUE(findings_.empty());
  counts_.integrity_messages += 300;
  alive(1);
  EXPECT_EQ(found(Verdict::kHashFlood), 1u);
}

}  // namespace
}  // namespace mediaward::test
