// SPDX-License-Identifier: Apache-2.0
// Which receive queue a UDP destination port is led to. Ports fall into 256 buckets and buckets belong to workers; where a NIC takes
// one rte_flow rule per bucket, a packet arrives at its owner. Otherwise RSS or whatever the device does spreads packets, and those
// that land elsewhere go over the hand-off ring: steering saves work and is never needed for correctness.
// Main thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/ip_address.h"
#include "dataplane/worker_tables.h"

namespace mediaward::drivers {

// How packets find a queue. What is in force is shown with the port and in the plan.
enum class Steering : std::uint8_t {
  kSingleQueue,     // nothing to choose
  kBucketRules,     // rte_flow, one rule per bucket and address family
  kRssDestination,  // hash of the UDP destination port alone: all of a leg on one queue, whichever
  kRssPorts,        // hash of addresses and both UDP ports
  kRssSymmetric,    // the same for both directions of a flow (guard ports)
  kDevice,          // the peer or the kernel chooses
};
[[nodiscard]] std::string_view to_string(Steering steering) noexcept;  // one word, "flow-buckets"; empty for a single queue
[[nodiscard]] std::string_view describe(Steering steering) noexcept;   // for the plan

// A UDP destination port belongs to the bucket when (port & mask) == value.
struct PortMatch {
  std::uint16_t value = 0, mask = 0;
};
[[nodiscard]] constexpr PortMatch match_of(std::uint32_t bucket) noexcept {
  return {static_cast<std::uint16_t>(bucket << 1), static_cast<std::uint16_t>((dataplane::kBuckets - 1) << 1)};
}

struct BucketRule {
  std::uint32_t bucket = 0;
  dataplane::Family family = dataplane::Family::kIpv4;
  std::uint16_t vlan = 0;  // 0: untagged frames
  std::uint16_t queue = 0;
};

// What steering needs of a device. nullptr: refused.
class RuleTable {
 public:
  RuleTable() = default;
  RuleTable(const RuleTable&) = delete;
  RuleTable& operator=(const RuleTable&) = delete;
  virtual ~RuleTable() = default;
  [[nodiscard]] virtual void* add(const BucketRule& rule) noexcept = 0;
  virtual void remove(void* handle) noexcept = 0;
};

// rte_flow of a started port.
[[nodiscard]] std::unique_ptr<RuleTable> make_flow_rules(std::uint16_t port_id);

class BucketSteering {
 public:
  BucketSteering(std::unique_ptr<RuleTable> table, std::vector<dataplane::Family> families, std::uint16_t vlan)
      : table_(std::move(table)), families_(std::move(families)), vlan_(vlan) {}
  BucketSteering(const BucketSteering&) = delete;
  BucketSteering& operator=(const BucketSteering&) = delete;
  ~BucketSteering() { clear(); }

  // A rule for every bucket, which goes to queue bucket % workers as ownership begins. All or nothing: false when the device refuses one.
  [[nodiscard]] bool install(std::uint16_t workers);
  // The bucket has moved. False: no rule leads to the queue now, and packets reach their owner by the ring.
  bool steer(std::uint32_t bucket, std::uint16_t queue);
  void clear() noexcept;
  [[nodiscard]] std::size_t rules() const noexcept;

 private:
  static constexpr std::size_t kFamilies = 2;
  std::unique_ptr<RuleTable> table_;
  std::vector<dataplane::Family> families_;
  std::uint16_t vlan_;
  std::array<std::array<void*, kFamilies>, dataplane::kBuckets> handles_{};
};

}  // namespace mediaward::drivers
