// SPDX-License-Identifier: Apache-2.0
// The election of speakers by itself: levels are written as workers would, time is the test's.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "dataplane/speaker_election.h"
#include "dataplane/speaker_level.h"

namespace mediaward::test {
namespace {

using dataplane::kLevelUnitsPerDb;
using dataplane::SpeakerElection;
using dataplane::SpeakerGate;
using dataplane::SpeakerPolicy;

using Speakers = std::vector<std::uint64_t>;

class SpeakerElectionTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kTicksPerMs = 1000;
  static constexpr std::uint64_t kConference = 7;

  std::shared_ptr<SpeakerGate>& gate(std::uint64_t leg) {
    auto& g = gates_[leg];
    if (g == nullptr) g = std::make_shared<SpeakerGate>();
    return g;
  }
  void set(SpeakerPolicy policy, const std::set<std::uint64_t>& legs, std::uint64_t conference = kConference) {
    std::vector<SpeakerElection::Member> members;
    for (const std::uint64_t leg : legs) members.push_back({leg, gate(leg)});
    election_.set_conference(conference, policy, std::move(members));
  }
  // dBov as a level that has settled; a leg that is not named says nothing.
  void levels(const std::map<std::uint64_t, int>& dbov) { levels_ = dbov; }
  void speak() {
    for (const auto& [leg, dbov] : levels_) {
      gate(leg)->level = static_cast<std::uint32_t>(127 + dbov) * kLevelUnitsPerDb;
      gate(leg)->heard_tsc = now_;
    }
  }
  // The clock goes on tick by tick; what changed, in order.
  std::vector<Speakers> run_ms(unsigned ms) {
    std::vector<Speakers> changes;
    for (unsigned t = 0; t < ms; t += SpeakerElection::kTickMs) {
      now_ += SpeakerElection::kTickMs * kTicksPerMs;
      speak();
      for (auto& change : election_.tick(now_)) changes.push_back(std::move(change.speakers));
    }
    return changes;
  }
  Speakers open() const {
    Speakers legs;
    for (const auto& [leg, g] : gates_)
      if (g->open) legs.push_back(leg);
    return legs;
  }

  SpeakerElection election_{1000 * kTicksPerMs};
  std::map<std::uint64_t, std::shared_ptr<SpeakerGate>> gates_;
  std::map<std::uint64_t, int> levels_;
  std::uint64_t now_ = 1'000'000;
};

TEST_F(SpeakerElectionTest, TheLoudestAreForwardedAndTold) {
  set({.loudest = 2}, {1, 2, 3, 4});
  EXPECT_EQ(open(), Speakers{}) << "nobody before the first election";
  levels({{1, -50}, {2, -20}, {3, -55}, {4, -30}});
  EXPECT_EQ(run_ms(100), std::vector<Speakers>({{2, 4}}));
  EXPECT_EQ(open(), Speakers({2, 4}));
}

TEST_F(SpeakerElectionTest, FreePlacesAreFilledButNotBelowTheFloor) {
  set({.loudest = 3}, {1, 2, 3});
  levels({{1, -40}, {2, -60}, {3, -59}});
  run_ms(20);
  EXPECT_EQ(open(), Speakers({1, 3}));
}

TEST_F(SpeakerElectionTest, WhoeverHasNoLevelIsNeverElected) {
  set({.loudest = 2}, {1, 2});
  levels({{1, -30}});
  run_ms(2000);
  EXPECT_EQ(open(), Speakers({1}));
}

TEST_F(SpeakerElectionTest, ANewcomerMustBeLouderByTheHysteresis) {
  set({.loudest = 1, .hysteresis_db = 6}, {1, 2});
  levels({{1, -30}});
  run_ms(20);
  levels({{1, -30}, {2, -24}});
  EXPECT_EQ(run_ms(1000), std::vector<Speakers>());
  levels({{1, -30}, {2, -23}});
  EXPECT_EQ(run_ms(1000), std::vector<Speakers>({{2}}));
}

TEST_F(SpeakerElectionTest, TwoThatAlternateWithinTheHysteresisDoNotFlap) {
  set({.loudest = 1, .hysteresis_db = 3}, {1, 2});
  levels({{1, -30}, {2, -32}});
  run_ms(20);
  for (int i = 0; i < 100; ++i) {
    levels({{1, i % 2 == 0 ? -33 : -30}, {2, i % 2 == 0 ? -30 : -33}});
    EXPECT_EQ(run_ms(20), std::vector<Speakers>()) << i;
  }
  EXPECT_EQ(open(), Speakers({1}));
}

TEST_F(SpeakerElectionTest, EqualLevelsWithoutHysteresisDoNotFlapEither) {
  set({.loudest = 1}, {1, 2, 3});
  levels({{2, -30}});
  run_ms(20);
  levels({{1, -30}, {2, -30}, {3, -30}});
  EXPECT_EQ(run_ms(1000), std::vector<Speakers>());
  EXPECT_EQ(open(), Speakers({2}));
}

TEST_F(SpeakerElectionTest, ASpeakerKeepsHisPlaceForTheHoldTime) {
  set({.loudest = 1, .hysteresis_db = 3, .hold_ms = 1000}, {1, 2});
  levels({{1, -40}});
  run_ms(20);
  levels({{1, -40}, {2, -10}});
  EXPECT_EQ(run_ms(980), std::vector<Speakers>());
  EXPECT_EQ(run_ms(20), std::vector<Speakers>({{2}}));
  levels({{1, -1}, {2, -40}});
  EXPECT_EQ(run_ms(980), std::vector<Speakers>()) << "and so does who displaced him";
  EXPECT_EQ(run_ms(20), std::vector<Speakers>({{1}}));
}

TEST_F(SpeakerElectionTest, TheQuietestWhoMayBeDisplacedIs) {
  set({.loudest = 2, .hold_ms = 1000}, {1, 2, 3});
  levels({{1, -30}});
  run_ms(900);
  levels({{1, -30}, {2, -50}});
  run_ms(200);
  ASSERT_EQ(open(), Speakers({1, 2}));
  levels({{1, -30}, {2, -50}, {3, -20}});
  EXPECT_EQ(run_ms(20), std::vector<Speakers>({{2, 3}})) << "2 is quieter, but has not had his time";
}

TEST_F(SpeakerElectionTest, ASilenceLeavesEverybodyInPlace) {
  set({.loudest = 2}, {1, 2, 3});
  levels({{1, -30}, {2, -30}});
  run_ms(20);
  levels({{1, -127}, {2, -100}, {3, -61}});
  EXPECT_EQ(run_ms(5000), std::vector<Speakers>());
  EXPECT_EQ(open(), Speakers({1, 2}));
}

TEST_F(SpeakerElectionTest, WhoeverIsNotHeardCountsAsSilent) {
  set({.loudest = 1, .hysteresis_db = 10}, {1, 2});
  levels({{1, -10}});
  run_ms(20);
  levels({{2, -50}});
  EXPECT_EQ(run_ms(400), std::vector<Speakers>()) << "a gap between packets is not silence";
  EXPECT_EQ(run_ms(20), std::vector<Speakers>({{2}}));
}

TEST_F(SpeakerElectionTest, AWorkersClockMayBeAheadOfTheTick) {
  set({.loudest = 1}, {1});
  levels({{1, -10}});
  speak();
  gate(1)->heard_tsc = now_ + 5000;
  ASSERT_EQ(election_.tick(now_).size(), 1u);
  EXPECT_EQ(open(), Speakers({1}));
}

TEST_F(SpeakerElectionTest, JoiningDisturbsNobody) {
  set({.loudest = 1, .hysteresis_db = 3}, {1, 2});
  levels({{1, -30}, {2, -29}});
  run_ms(20);
  ASSERT_EQ(open(), Speakers({2}));
  levels({{1, -30}, {2, -29}, {3, -29}});
  set({.loudest = 1, .hysteresis_db = 3}, {1, 2, 3});
  EXPECT_EQ(open(), Speakers({2})) << "shut until elected";
  EXPECT_EQ(run_ms(1000), std::vector<Speakers>());
}

TEST_F(SpeakerElectionTest, ThePlaceOfWhoeverLeavesIsFree) {
  set({.loudest = 1, .hysteresis_db = 20, .hold_ms = 60000}, {1, 2});
  levels({{1, -30}, {2, -40}});
  run_ms(20);
  ASSERT_EQ(open(), Speakers({1}));
  gates_.erase(1);
  levels({{2, -40}});
  set({.loudest = 1, .hysteresis_db = 20, .hold_ms = 60000}, {2});
  EXPECT_EQ(run_ms(20), std::vector<Speakers>({{2}}));
}

TEST_F(SpeakerElectionTest, LeavingIsToldWhenNobodyFollows) {
  set({.loudest = 1}, {1});
  levels({{1, -30}});
  run_ms(20);
  set({.loudest = 1}, {});
  levels({});
  EXPECT_EQ(run_ms(40), std::vector<Speakers>({{}}));
}

TEST_F(SpeakerElectionTest, ANewGateOfTheSameLegKeepsThePlace) {
  set({.loudest = 1, .hold_ms = 1000}, {1, 2});
  levels({{1, -40}});
  run_ms(20);
  gates_[1] = nullptr;
  set({.loudest = 1, .hold_ms = 1000}, {1, 2});
  EXPECT_TRUE(gate(1)->open);
  levels({{1, -40}, {2, -10}});
  EXPECT_EQ(run_ms(980), std::vector<Speakers>()) << "with his time counted on";
  EXPECT_EQ(run_ms(20), std::vector<Speakers>({{2}}));
}

TEST_F(SpeakerElectionTest, ASmallerPolicyDropsTheQuietestAtOnce) {
  set({.loudest = 3, .hold_ms = 60000}, {1, 2, 3});
  levels({{1, -30}, {2, -50}, {3, -20}});
  run_ms(20);
  set({.loudest = 1, .hold_ms = 60000}, {1, 2, 3});
  EXPECT_EQ(open(), Speakers({3}));
  EXPECT_EQ(run_ms(20), std::vector<Speakers>({{3}}));
}

TEST_F(SpeakerElectionTest, WithoutAPolicyEverybodyIsHeardAndNobodyLooks) {
  set({.loudest = 1}, {1, 2});
  levels({{1, -30}});
  run_ms(20);
  ASSERT_TRUE(election_.active());
  set({.loudest = 0}, {1, 2});
  EXPECT_FALSE(election_.active());
  EXPECT_EQ(open(), Speakers({1, 2}));
  levels({{2, -10}});
  EXPECT_EQ(run_ms(100), std::vector<Speakers>());
}

TEST_F(SpeakerElectionTest, ConferencesDoNotSeeEachOther) {
  set({.loudest = 1}, {1, 2}, 7);
  set({.loudest = 1}, {3, 4}, 8);
  levels({{1, -10}, {2, -20}, {3, -50}, {4, -55}});
  EXPECT_EQ(run_ms(20).size(), 2u);
  EXPECT_EQ(open(), Speakers({1, 3}));
  election_.remove_conference(7);
  levels({{1, -50}, {2, -10}, {3, -55}, {4, -50}});
  EXPECT_EQ(run_ms(20), std::vector<Speakers>({{4}}));
}

// Random talk, joins and leaves, against what the policy promises, tick by tick.
TEST_F(SpeakerElectionTest, PropertyOfAnyConference) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const SpeakerPolicy policy{static_cast<std::uint8_t>(1 + random() % 4), static_cast<std::uint8_t>(random() % 8),
                               static_cast<std::uint16_t>(random() % 5 * 100)};
    std::set<std::uint64_t> present;
    std::map<std::uint64_t, std::uint64_t> elected_at;
    gates_.clear();
    levels_.clear();
    set(policy, present);
    for (int tick = 0; tick < 300; ++tick) {
      if (random() % 20 == 0) {
        const std::uint64_t leg = 1 + random() % 8;
        if (present.erase(leg) != 0) {
          gates_.erase(leg);
          levels_.erase(leg);
          elected_at.erase(leg);
        } else {
          present.insert(leg);
        }
        set(policy, present);
      }
      for (const std::uint64_t leg : present)
        if (random() % 4 == 0) levels_[leg] = -static_cast<int>(random() % 90);
      Speakers before = open();
      run_ms(20);
      const Speakers after = open();
      ASSERT_LE(after.size(), policy.loudest);
      std::uint32_t loudest_that_came = 0;
      for (const std::uint64_t leg : after) {
        if (std::find(before.begin(), before.end(), leg) != before.end()) continue;
        elected_at[leg] = now_;
        ASSERT_GT(levels_.at(leg), -60);
        loudest_that_came = std::max(loudest_that_came, gate(leg)->level.load());
      }
      for (const std::uint64_t leg : before) {
        if (std::find(after.begin(), after.end(), leg) != after.end()) continue;
        ASSERT_GE(now_ - elected_at.at(leg), policy.hold_ms * kTicksPerMs) << "displaced within his time";
        ASSERT_GT(loudest_that_came, gate(leg)->level + policy.hysteresis_db * kLevelUnitsPerDb) << "displaced by nobody louder";
        elected_at.erase(leg);
      }
      // Nobody waits who is louder by more than the hysteresis than a speaker past his time, or for whom there is a place.
      for (const std::uint64_t leg : present) {
        if (gate(leg)->open || levels_.count(leg) == 0 || levels_[leg] <= -60) continue;
        ASSERT_EQ(after.size(), policy.loudest);
        for (const std::uint64_t speaker : after)
          if (const auto since = elected_at.at(speaker); since != now_ && now_ - since >= policy.hold_ms * kTicksPerMs) {
            ASSERT_LE(gate(leg)->level, gate(speaker)->level + policy.hysteresis_db * kLevelUnitsPerDb);
          }
      }
    }
  }
}

}  // namespace
}  // namespace mediaward::test
