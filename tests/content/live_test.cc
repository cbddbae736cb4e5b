// SPDX-License-Identifier: Apache-2.0
// Live content through the appliance (RFC 7574 §6): an injector, munros whose signatures are verified before anything below them counts,
// and leechers, of which one comes late.
#include "tests/content/live_case.h"

namespace mediaward::test {
namespace {

using pp::Attack;

class LiveForms : public testing::TestWithParam<Form> {};

TEST_P(LiveForms, Rfc7574_6_1_ReachesEarlyAndLateLeechers) {
  Live live(GetParam());
  ContentStand& stand = live.stand;
  auto& early = stand.add_peer(2, live.leech("early"));
  auto& late = stand.add_peer(3, live.leech("late"));
  ASSERT_TRUE(stand.open(live.metadata,
                         {{1, with_form(live.form, kProvider)}, {2, with_form(live.form, kReceiver)}, {3, with_form(live.form, kReceiver)}},
                         ContentStand::kSwarm, any_age));
  early.connect(stand.dp.now(), stand.appliance());
  live.inject(32 * 6);
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return early.has(32 * 6 - 1) && early.complete(); })) << early.chunks_held();
  late.connect(stand.dp.now(), stand.appliance());
  live.inject(32 * 4 + 5);  // five of them are in no subtree that is signed
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return early.has(319) && late.has(319) && early.complete() && late.complete(); }))
      << early.chunks_held() << " and " << late.chunks_held();
  live.expect_true(early);
  live.expect_true(late);
  EXPECT_FALSE(early.has(320));
  EXPECT_GE(late.chunks_held(), 128u);
  expect_no_findings(*live.injector);
  expect_all_honest(stand);
  if (live.form.loss == 0) {
    EXPECT_EQ(stand.dp.count(Counter::kPpsppSignatures), 10u);  // one per subtree, once
  }
  EXPECT_EQ(stand.dp.drops(DropReason::kPpsppBadSignature), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, LiveForms,
    testing::Values(Form{"EcdsaP256", SignatureAlgorithm::kEcdsaP256Sha256}, Form{"EcdsaP384", SignatureAlgorithm::kEcdsaP384Sha384},
                    Form{"Rsa2048", SignatureAlgorithm::kRsaSha256},
                    Form{"LibswiftP256Sha1", SignatureAlgorithm::kEcdsaP256Sha256, pp::wire::MerkleFunction::kSha1, true},
                    Form{"EcdsaP256Loss10", SignatureAlgorithm::kEcdsaP256Sha256, pp::wire::MerkleFunction::kSha256, false, 0.1}),
    [](const auto& p) { return p.param.name; });

// RFC 7574 §7.9: what is further behind than the window is neither kept nor announced.
TEST(Live, Rfc7574_7_9_TheDiscardWindowMoves) {
  Live live({"P256", SignatureAlgorithm::kEcdsaP256Sha256}, {}, 256);
  ContentStand& stand = live.stand;
  auto& early = stand.add_peer(2, live.leech("early"));
  auto& late = stand.add_peer(3, live.leech("late"));
  ASSERT_TRUE(stand.open(live.metadata, {{1, kProvider}, {2, kReceiver}, {3, kReceiver}}, ContentStand::kSwarm, any_age));
  early.connect(stand.dp.now(), stand.appliance());
  live.inject(32 * 40);
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return early.has(32 * 40 - 1); }));
  EXPECT_LE(stand.swarm_info().chunks_held, 256u + 2 * 256u) << "whole extents, and one that the window has only begun to leave";
  late.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return late.has(32 * 40 - 1) && late.complete(); })) << late.chunks_held();
  EXPECT_EQ(late.chunks_held(), 256u);
  EXPECT_FALSE(late.has(32 * 32 - 1));
  live.expect_true(late);
  expect_all_honest(stand);
}

TEST(Live, Rfc7574_12_6_BadSignaturesAreNoMunros) {
  Live live({"P256", SignatureAlgorithm::kEcdsaP256Sha256}, {.attack = Attack::kBadSignature, .every = 1});
  ContentStand& stand = live.stand;
  auto& leecher = stand.add_peer(2, live.leech("leecher"));
  ASSERT_TRUE(stand.open(live.metadata, {{1, kProvider}, {2, kReceiver}}, ContentStand::kSwarm, any_age));
  leecher.connect(stand.dp.now(), stand.appliance());
  live.inject(32 * 4);
  EXPECT_TRUE(stand.run_ms(20'000, [&] { return stand.verdicts(abi::ConductVerdict::kTampering, 1) != 0; }));
  EXPECT_EQ(leecher.chunks_held(), 0u);
  EXPECT_GE(stand.dp.drops(DropReason::kPpsppBadSignature), 2u);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppChunksVerified), 0u);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppHashCalls), 0u) << "without a munro nothing is hashed";
  ASSERT_FALSE(stand.evidence.empty());
  EXPECT_EQ(stand.evidence.front().kind, abi::EvidenceKind::kBadSignature);
  EXPECT_EQ(stand.evidence.front().peer, ContentStand::endpoint_of(1).address);
  expect_sound(stand);
}

// RFC 7574 §12.6 (INTEGRITY.2): known munros cost nothing, old ones are refused unseen.
TEST(Live, Rfc7574_12_6_StaleMunros) {
  Live live({"P256", SignatureAlgorithm::kEcdsaP256Sha256}, {.attack = Attack::kStaleMunro, .per_second = 100});
  ContentStand& stand = live.stand;
  auto& leecher = stand.add_peer(2, live.leech("leecher"));
  ASSERT_TRUE(stand.open(live.metadata, {{1, kProvider}, {2, kReceiver}}, ContentStand::kSwarm, any_age));
  leecher.connect(stand.dp.now(), stand.appliance());
  live.inject(64);
  stand.run_ms(10'000);
  EXPECT_GT(live.injector->counters().misdeeds, 500u);
  EXPECT_LE(stand.dp.count(Counter::kPpsppSignatures), 2u);
  EXPECT_EQ(leecher.chunks_held(), 0u);
  expect_sound(stand);
}

TEST(Live, Rfc7574_6_1_2_2_MunrosOfAnotherTimeAreRefused) {
  for (const std::int64_t off_s : {-120, 120}) {
    Live live({"P256", SignatureAlgorithm::kEcdsaP256Sha256});
    ContentStand& stand = live.stand;
    pp::PeerSettings s = live.injector->settings();
    s.unix_us_at_zero += static_cast<std::uint64_t>(off_s * 1'000'000);
    auto& injector = stand.add_peer(4, s);
    auto& leecher = stand.add_peer(2, live.leech("leecher"));
    ASSERT_TRUE(stand.open(live.metadata, {{4, kProvider}, {2, kReceiver}}));
    leecher.connect(stand.dp.now(), stand.appliance());
    for (unsigned i = 0; i < 64; ++i) injector.inject(stand.dp.now(), pp::random_bytes(256, i));
    stand.run_ms(3'000);
    EXPECT_GT(stand.dp.drops(DropReason::kPpsppBadSignature), 0u);
    EXPECT_EQ(stand.dp.count(Counter::kPpsppSignatures), 0u);
    EXPECT_EQ(leecher.chunks_held(), 0u);
    EXPECT_EQ(stand.unsound(), "");
  }
}

}  // namespace
}  // namespace mediaward::test
