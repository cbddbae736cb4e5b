// SPDX-License-Identifier: Apache-2.0
// Lookups of the network peer: tables of fixed size, longest prefixes, and bursts whose lines are asked for beforehand.
#include "dataplane/ppspp/tables.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace mediaward::dataplane::ppspp {
namespace {

// Its hash is what the test says.
struct Thing {
  struct Key {
    std::uint64_t number = 0, hashed = 0;
    [[nodiscard]] std::uint64_t hash() const noexcept { return hashed; }
    [[nodiscard]] bool operator==(const Key& o) const noexcept { return number == o.number; }
  };
  Key key;
};

TEST(FixedTable, FindsWhatIsThereThroughAnyCourseOfChanges) {
  constexpr std::size_t kMost = 40;
  FixedTable<const Thing> table(kMost);
  std::mt19937 random(5);
  std::vector<Thing> things(200);
  for (std::size_t i = 0; i < things.size(); ++i) things[i].key = {i, random() % 24 * 0x1000001};  // many of one hash, and of neighbouring places
  std::map<std::uint64_t, const Thing*> present;
  for (unsigned step = 0; step < 20'000; ++step) {
    const Thing& thing = things[random() % things.size()];
    if (present.erase(thing.key.number) != 0) {
      table.erase(thing.key);
    } else if (present.size() < kMost) {
      present[thing.key.number] = &thing;
      table.set(&thing);
    }
    ASSERT_EQ(table.size(), present.size());
    const Thing& asked = things[random() % things.size()];
    const auto found = present.find(asked.key.number);
    ASSERT_EQ(table.find(asked.key), found == present.end() ? nullptr : found->second);
    const Thing* const probable = table.probable(asked.key.hashed);
    if (probable != nullptr) {
      ASSERT_EQ(probable->key.hashed, asked.key.hashed);
      ASSERT_EQ(table.find(probable->key), probable);
    }
  }
}

TEST(FixedTable, WhatIsAloneInItsPlaceIsProbable) {
  FixedTable<const Thing> table(8);
  const Thing thing{{1, 0xabcdef}}, other{{2, 0x123456}};
  EXPECT_EQ(table.probable(0xabcdef), nullptr);
  table.set(&thing);
  EXPECT_EQ(table.probable(0xabcdef), &thing);
  EXPECT_EQ(table.probable(other.key.hashed), nullptr);
}

TEST(FixedTable, OfNothingHasRoomForTheQuestion) {
  FixedTable<const Thing> table(0);
  EXPECT_EQ(table.find({1, ~std::uint64_t{0}}), nullptr);
  EXPECT_EQ(table.probable(~std::uint64_t{0}), nullptr);
}

class Tables : public ::testing::Test {
 protected:
  static constexpr std::size_t kSwarms = 20;

  Tables() {
    for (std::size_t i = 0; i < kSwarms; ++i) {
      keys_[i].fill(static_cast<std::byte>(i));
      swarms_[i].key = {keys_[i].data(), 32};
      swarms_[i].slot = static_cast<std::uint32_t>(i);
      tables_.swarms_by_key.set(&swarms_[i]);
    }
  }
  void admit(std::uint32_t swarm, std::uint32_t address, std::uint8_t bits, std::uint16_t port) {
    auto& view = views_.emplace_back(std::make_unique<AdmissionView>());
    view->key.swarm_slot = swarm;
    view->key.bits = bits;
    view->key.peer_port_raw = port;
    store_be32(view->key.address, address);
    view->id = views_.size();
    tables_.set_admission(view.get());
  }
  [[nodiscard]] std::uint64_t admission_of(const FirstLookup& first) const {
    const Swarm* swarm = tables_.swarms_by_key.find(first.swarm);
    if (swarm == nullptr) return 0;
    PeerKey key = first.sender;
    key.swarm_slot = swarm->slot;
    const AdmissionView* found = tables_.admission(key);
    return found == nullptr ? 0 : found->id;
  }
  static PeerKey sender(std::uint32_t address, std::uint16_t port) {
    PeerKey key;
    key.peer_port_raw = port;
    store_be32(key.address, address);
    return key;
  }

  std::array<std::array<std::byte, 32>, kSwarms> keys_;
  std::array<Swarm, kSwarms> swarms_;
  std::vector<std::unique_ptr<AdmissionView>> views_;
  PeerTables tables_{kSwarms, 64, 64};
};

TEST_F(Tables, LookingAheadFindsNoOtherAdmissionThanLookingUp) {
  admit(3, 0x0a000001, 32, 0);
  admit(3, 0x0a000002, 32, 7);
  admit(4, 0x0a000000, 8, 0);
  std::array<std::byte, 32> unknown;
  unknown.fill(std::byte{0xee});
  std::vector<FirstLookup> burst{{swarms_[3].key, sender(0x0a000001, 9)}, {swarms_[3].key, sender(0x0a000002, 7)},
                                 {swarms_[3].key, sender(0x0a000002, 8)}, {swarms_[4].key, sender(0x0a123456, 1)},
                                 {swarms_[5].key, sender(0x0a000001, 1)}, {{unknown.data(), 32}, sender(0x0a000001, 1)}};
  tables_.look_ahead(burst);
  const std::vector<std::uint64_t> wanted{1, 2, 0, 3, 0, 0};
  for (std::size_t i = 0; i < burst.size(); ++i) EXPECT_EQ(admission_of(burst[i]), wanted[i]) << i;
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(burst[i].probable, tables_.swarms_by_key.find(burst[i].swarm)) << i;
  EXPECT_EQ(burst[5].probable, nullptr);
  tables_.look_ahead({});
}

}  // namespace
}  // namespace mediaward::dataplane::ppspp
