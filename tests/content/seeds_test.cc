// SPDX-License-Identifier: Apache-2.0
// Many seeded runs over a wire that loses every tenth datagram: honest peers are never blamed, and who tampers or swallows requests is
// always found.
#include "tests/content/content_case.h"
#include "tests/support/seeded_runs.h"

namespace mediaward::test {
namespace {

using pp::Attack;

constexpr unsigned kSeeds = 200;

struct Run {
  explicit Run(unsigned seed) : stand(ContentStand::defaults(), seed) {}
  ContentStand stand;
  pp::PpsppPeer *first = nullptr, *second = nullptr, *leecher = nullptr;
};

std::unique_ptr<Run> run_of(const ContentPtr& content, unsigned seed, pp::Misbehaviour first, pp::Misbehaviour second) {
  auto run = std::make_unique<Run>(seed);
  run->stand.faults = {.loss = 0.1, .duplicate = 0.01, .delay = 0.05};
  const auto settings = [&](pp::Misbehaviour misbehaviour) {
    pp::PeerSettings s = seeder_of(content, misbehaviour);
    s.seed = seed * 16;
    s.keep_alive_us = 2'000'000;
    return s;
  };
  run->first = &run->stand.add_peer(1, settings(first));
  run->second = &run->stand.add_peer(2, settings(second));
  pp::PeerSettings leech = leecher_of(content);
  leech.seed = seed * 16 + 8;
  leech.random_order = seed % 2 != 0;
  run->leecher = &run->stand.add_peer(3, leech);
  EXPECT_TRUE(run->stand.open(content->metadata(), {{1, kProvider}, {2, kProvider}, {3, kReceiver}}));
  run->leecher->connect(run->stand.dp.now(), run->stand.appliance());
  return run;
}

TEST(Seeds, HonestPeersAreNeverBlamed) {
  const ContentPtr content = chunks_of(100);
  for (unsigned seed = 1; seed <= kSeeds && !HasFailure(); seed += kSeedStep) {
    auto run = run_of(content, seed, {}, {});
    EXPECT_TRUE(run->stand.run_ms(60'000, [&] { return run->leecher->complete(); })) << "seed " << seed;
    run->stand.run_ms(15'000);
    expect_identical(*run->leecher, content);
    expect_no_findings(*run->first);
    expect_no_findings(*run->second);
    expect_all_honest(run->stand);
    EXPECT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(Seeds, BlackHolesAreAlwaysFound) {
  const ContentPtr content = chunks_of(100);
  for (unsigned seed = 1; seed <= kSeeds && !HasFailure(); seed += kSeedStep) {
    auto run = run_of(content, seed, {.attack = Attack::kSlow, .delay_us = 150'000},
                      {.attack = seed % 2 != 0 ? Attack::kBlackHole : Attack::kSilentHole});
    EXPECT_TRUE(run->stand.run_ms(120'000,
                                  [&] { return run->leecher->complete() && run->stand.verdicts(abi::ConductVerdict::kBlackHole, 2) != 0; }))
        << "seed " << seed << ", asked " << run->stand.info_of(2).requested;
    expect_identical(*run->leecher, content);
    EXPECT_EQ(run->stand.told(abi::EventKind::kPeerVerdict, 1), 0u) << "seed " << seed;
    expect_sound(run->stand);
  }
}

TEST(Seeds, TamperersAreAlwaysFound) {
  const ContentPtr content = chunks_of(100);
  for (unsigned seed = 1; seed <= kSeeds && !HasFailure(); seed += kSeedStep) {
    const Attack attack = seed % 2 != 0 ? Attack::kTamper : Attack::kTamperHash;
    auto run = run_of(content, seed, {.attack = Attack::kSlow, .delay_us = 150'000}, {.attack = attack, .every = 2 + seed % 3});
    EXPECT_TRUE(run->stand.run_ms(120'000,
                                  [&] { return run->leecher->complete() && run->stand.verdicts(abi::ConductVerdict::kTampering, 2) != 0; }))
        << "seed " << seed << ", misdeeds " << run->second->counters().misdeeds;
    expect_identical(*run->leecher, content);
    EXPECT_EQ(run->stand.told(abi::EventKind::kPeerVerdict, 1), 0u) << "seed " << seed;
    expect_sound(run->stand);
  }
}

}  // namespace
}  // namespace mediaward::test
