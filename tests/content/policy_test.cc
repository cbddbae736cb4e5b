// SPDX-License-Identifier: Apache-2.0
// What policy adds to fetching: who is asked first, and who is asked for what is not needed, to see whether he has it.
#include "tests/content/content_case.h"

namespace mediaward::test {
namespace {

// Names are the tools' own: 1 and 2 provide, 3 receives.
dataplane::Operation ranked(unsigned number, std::uint8_t rank) {
  abi::Admission m = ContentStand::admission_of(number, kProvider);
  m.rank = rank;
  return m;
}

TEST(Rank, TheLowestIsAskedFirst) {
  const ContentPtr content = chunks_of(1000);
  ContentStand stand;
  auto& first = stand.add_peer(1, seeder_of(content));
  auto& second = stand.add_peer(2, seeder_of(content));
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.dp.apply({dataplane::Operation(ContentStand::swarm_of(content->metadata())), ranked(1, 20), ranked(2, 10),
                              dataplane::Operation(ContentStand::admission_of(3, kReceiver))}));
  EXPECT_TRUE(stand.run_ms(1'000));  // both are there before anything is asked for
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(30'000, [&] { return leecher.complete(); }));
  expect_identical(leecher, content);
  expect_no_findings(first);
  expect_no_findings(second);
  EXPECT_EQ(stand.info_of(2).delivered, content->metadata().chunks());
  EXPECT_EQ(stand.info_of(1).requested, 0u);
  EXPECT_EQ(stand.unsound(), "");
}

TEST(Rank, TheOtherIsAskedWhenTheLowestGoesSilent) {
  const ContentPtr content = chunks_of(1000);
  ContentStand stand;
  stand.add_peer(1, seeder_of(content));
  stand.add_peer(2, seeder_of(content));
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.dp.apply({dataplane::Operation(ContentStand::swarm_of(content->metadata())), ranked(1, 20), ranked(2, 10),
                              dataplane::Operation(ContentStand::admission_of(3, kReceiver))}));
  EXPECT_TRUE(stand.run_ms(1'000));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(30'000, [&] { return leecher.chunks_held() > 100; }));
  stand.take_away(2);
  EXPECT_TRUE(stand.run_ms(30'000, [&] { return leecher.complete(); }));
  expect_identical(leecher, content);
  EXPECT_GT(stand.info_of(1).delivered, 0u);
}

TEST(Rank, TheOtherIsAskedWhenTheLowestHasNotGotIt) {
  const ContentPtr content = chunks_of(300);
  ContentStand stand;
  auto& half = stand.add_peer(1, seeder_of(content, {.attack = pp::Attack::kUnderClaim}));
  auto& whole = stand.add_peer(2, seeder_of(content));
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.dp.apply({dataplane::Operation(ContentStand::swarm_of(content->metadata())), ranked(1, 0), ranked(2, 9),
                              dataplane::Operation(ContentStand::admission_of(3, kReceiver))}));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(30'000, [&] { return leecher.complete(); }));
  expect_identical(leecher, content);
  EXPECT_GT(stand.info_of(1).delivered, 0u);
  EXPECT_GT(stand.info_of(2).delivered, 0u);
  (void)half;
  expect_no_findings(whole);
}

void audited(abi::Swarm& m) {
  m.conduct.audit_interval_s = 1;
  m.conduct.audit_chunks = 4;
}

class Audited : public testing::TestWithParam<double> {};

TEST_P(Audited, AnHonestPeerAnswers) {
  const ContentPtr content = chunks_of(100);
  ContentStand stand;
  stand.faults.loss = GetParam();
  auto& seeder = stand.add_peer(1, seeder_of(content));
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {3, kReceiver}}, ContentStand::kSwarm, audited));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(20'000, [&] { return leecher.complete(); }));
  const std::uint64_t verified = stand.swarm_info().chunks_verified;
  EXPECT_TRUE(stand.run_ms(30'000, [&] { return stand.info_of(1).audits >= 20; }));
  EXPECT_TRUE(stand.run_ms(2'000));
  const abi::PeerInfo info = stand.info_of(1);
  EXPECT_GE(info.audits, 20u);
  if (GetParam() == 0) {
    EXPECT_GE(info.audits_answered + 4, info.audits);  // some are on their way
  }
  EXPECT_EQ(stand.swarm_info().chunks_verified, verified);  // nothing that is held is stored again
  EXPECT_EQ(stand.told(abi::EventKind::kPeerVerdict), 0u);
  expect_no_findings(seeder);
  EXPECT_EQ(stand.unsound(), "");
}

INSTANTIATE_TEST_SUITE_P(Loss, Audited, testing::Values(0, 0.1));

// Everything is held when the second peer is admitted: nothing is needed of it, and only audits can tell what it is.
struct AfterTheTransfer {
  explicit AfterTheTransfer(pp::Misbehaviour misbehaviour) : second(stand.add_peer(2, seeder_of(content, misbehaviour))) {
    auto& leecher = stand.add_peer(3, leecher_of(content));
    EXPECT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {3, kReceiver}}, ContentStand::kSwarm, audited));
    leecher.connect(stand.dp.now(), stand.appliance());
    EXPECT_TRUE(stand.run_ms(20'000, [&] { return leecher.complete(); }));
    EXPECT_TRUE(stand.dp.apply({dataplane::Operation(ContentStand::admission_of(2, kProvider))}));
  }
  const ContentPtr content = chunks_of(64);
  ContentStand stand;
  pp::PpsppPeer& first = stand.add_peer(1, seeder_of(content));
  pp::PpsppPeer& second;
};

TEST(Audit, APeerThatClaimsWhatItHasNotIsFoundThoughNothingIsNeededOfIt) {
  AfterTheTransfer after({.attack = pp::Attack::kBlackHole});
  ContentStand& stand = after.stand;
  EXPECT_TRUE(stand.run_ms(120'000, [&] { return stand.told(abi::EventKind::kPeerVerdict, 2) != 0; }));
  EXPECT_GT(stand.info_of(2).audits, 0u);
  EXPECT_EQ(stand.info_of(2).audits_answered, 0u);
  EXPECT_EQ(stand.told(abi::EventKind::kPeerVerdict, 1), 0u);
  EXPECT_GE(after.second.counters().misdeeds, 1u);
  expect_no_findings(after.first);
}

// A chunk that is held already is compared all the same: what comes for an audit is verified.
TEST(Audit, ATampererIsFoundByWhatNobodyNeeds) {
  AfterTheTransfer after({.attack = pp::Attack::kTamper, .every = 2});
  ContentStand& stand = after.stand;
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return stand.verdicts(abi::ConductVerdict::kTampering, 2) != 0; }));
  EXPECT_GE(stand.evidence.size(), 2u);
}

// Everything is over before anybody is looked at for the first time.
TEST(Conduct, WhatAPeerDoesInItsFirstSecondCounts) {
  const ContentPtr content = chunks_of(64);
  ContentStand stand;
  stand.add_peer(1, seeder_of(content));
  stand.add_peer(2, seeder_of(content, {.attack = pp::Attack::kTamper, .every = 1}));
  auto& leecher = stand.add_peer(3, leecher_of(content));
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {2, kProvider}, {3, kReceiver}}));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(900, [&] { return leecher.complete(); }));
  EXPECT_GE(stand.info_of(2).bad, 2u);
  EXPECT_TRUE(stand.run_ms(3'000, [&] { return stand.verdicts(abi::ConductVerdict::kTampering, 2) != 0; }));
}

}  // namespace
}  // namespace mediaward::test
