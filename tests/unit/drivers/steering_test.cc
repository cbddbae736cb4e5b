// SPDX-License-Identifier: Apache-2.0
// Bucket rules against a device in memory that answers lookups as hardware would: which queue does a UDP port reach?
#include "drivers/steering.h"

#include <gtest/gtest.h>

#include <list>
#include <optional>

namespace mediaward::drivers {
namespace {

using dataplane::bucket_of, dataplane::Family, dataplane::kBuckets;

// Refuses two rules of one pattern, and everything beyond its size.
class DeviceTable final : public RuleTable {
 public:
  explicit DeviceTable(std::size_t room) : room_(room) {}
  void* add(const BucketRule& rule) noexcept override {
    for (const auto& other : rules_)
      if (other.bucket == rule.bucket && other.family == rule.family && other.vlan == rule.vlan) return nullptr;
    if (rules_.size() == room_) return nullptr;
    return &rules_.emplace_back(rule);
  }
  void remove(void* handle) noexcept override {
    const auto removed = rules_.remove_if([handle](const BucketRule& rule) { return &rule == handle; });
    unknown_removed_ += removed == 1 ? 0 : 1;
  }
  [[nodiscard]] std::optional<std::uint16_t> queue_of(std::uint16_t port, Family family, std::uint16_t vlan = 0) const {
    for (const auto& rule : rules_) {
      const PortMatch match = match_of(rule.bucket);
      if (rule.family == family && rule.vlan == vlan && (port & match.mask) == match.value) return rule.queue;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::size_t size() const { return rules_.size(); }
  [[nodiscard]] std::size_t unknown_removed() const { return unknown_removed_; }
  void set_room(std::size_t room) { room_ = room; }

 private:
  std::size_t room_;
  std::list<BucketRule> rules_;
  std::size_t unknown_removed_ = 0;
};

struct SteeringTest : ::testing::Test {
  BucketSteering make(std::vector<Family> families, std::uint16_t vlan, std::size_t room) {
    auto table = std::make_unique<DeviceTable>(room);
    device = table.get();
    return {std::move(table), std::move(families), vlan};
  }
  DeviceTable* device = nullptr;
};

TEST(PortMatch, HoldsExactlyThePortsOfTheBucket) {
  for (std::uint32_t port = 0; port <= 0xffff; ++port)
    for (std::uint32_t bucket = 0; bucket < kBuckets; ++bucket) {
      const PortMatch match = match_of(bucket);
      ASSERT_EQ((port & match.mask) == match.value, bucket_of(static_cast<std::uint16_t>(port)) == bucket) << port << " in " << bucket;
    }
}

TEST_F(SteeringTest, EveryPortReachesItsFirstOwner) {
  auto steering = make({Family::kIpv4, Family::kIpv6}, 100, 2 * kBuckets);
  ASSERT_TRUE(steering.install(3));
  EXPECT_EQ(steering.rules(), 2 * kBuckets);
  for (std::uint32_t port = 0; port <= 0xffff; ++port)
    for (const Family family : {Family::kIpv4, Family::kIpv6})
      ASSERT_EQ(device->queue_of(static_cast<std::uint16_t>(port), family, 100), bucket_of(static_cast<std::uint16_t>(port)) % 3);
  EXPECT_FALSE(device->queue_of(20000, Family::kIpv4, 0)) << "untagged frames are not ours";
}

TEST_F(SteeringTest, MovedBucketReachesItsNewQueue) {
  auto steering = make({Family::kIpv4, Family::kIpv6}, 0, 2 * kBuckets);
  ASSERT_TRUE(steering.install(4));
  const auto bucket = static_cast<std::uint32_t>(bucket_of(20002));
  EXPECT_TRUE(steering.steer(bucket, 3));
  EXPECT_EQ(device->queue_of(20002, Family::kIpv6), 3);
  EXPECT_EQ(device->queue_of(20003, Family::kIpv4), 3);
  EXPECT_EQ(device->queue_of(20004, Family::kIpv4), (bucket + 1) % 4);
  EXPECT_EQ(device->size(), 2 * kBuckets);
}

TEST_F(SteeringTest, DeviceWithTooLittleRoomKeepsNothing) {
  auto steering = make({Family::kIpv4, Family::kIpv6}, 0, kBuckets);
  EXPECT_FALSE(steering.install(2));
  EXPECT_EQ(device->size(), 0u);
  EXPECT_EQ(device->unknown_removed(), 0u);
}

// A refused rule leaves its bucket to the ring; a later move may succeed again.
TEST_F(SteeringTest, RefusedMoveLeavesNoRuleThatIsWrong) {
  auto steering = make({Family::kIpv4}, 0, kBuckets);
  ASSERT_TRUE(steering.install(2));
  device->set_room(kBuckets - 1);
  EXPECT_FALSE(steering.steer(7, 1));
  EXPECT_FALSE(device->queue_of(7 << 1, Family::kIpv4));
  EXPECT_EQ(steering.rules(), kBuckets - 1);
  device->set_room(kBuckets);
  EXPECT_TRUE(steering.steer(7, 0));
  EXPECT_EQ(device->queue_of(7 << 1, Family::kIpv4), 0);
  EXPECT_EQ(device->unknown_removed(), 0u);
}

TEST_F(SteeringTest, PortWithoutAddressesHasNothingToSteer) {
  auto steering = make({}, 0, kBuckets);
  EXPECT_FALSE(steering.install(2));
}

}  // namespace
}  // namespace mediaward::drivers
