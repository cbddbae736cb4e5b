// SPDX-License-Identifier: Apache-2.0
// Bucket rules over rte_flow: see steering.h. Main thread.
#include "drivers/steering.h"

#include <rte_byteorder.h>
#include <rte_flow.h>

#include <algorithm>
#include <utility>

namespace mediaward::drivers {
namespace {

using dataplane::Family;

// Pattern and action of one rule; rte_flow copies them.
struct FlowRule {
  explicit FlowRule(const BucketRule& rule) {
    const PortMatch match = match_of(rule.bucket);
    udp_spec.hdr.dst_port = rte_cpu_to_be_16(match.value);
    udp_mask.hdr.dst_port = rte_cpu_to_be_16(match.mask);
    vlan_spec.hdr.vlan_tci = rte_cpu_to_be_16(rule.vlan);
    vlan_mask.hdr.vlan_tci = rte_cpu_to_be_16(0x0fff);  // VID, any priority (IEEE 802.1Q)
    queue.index = rule.queue;
    std::size_t n = 0;
    pattern[n++].type = RTE_FLOW_ITEM_TYPE_ETH;
    if (rule.vlan != 0) pattern[n++] = {RTE_FLOW_ITEM_TYPE_VLAN, &vlan_spec, nullptr, &vlan_mask};
    pattern[n++].type = rule.family == Family::kIpv4 ? RTE_FLOW_ITEM_TYPE_IPV4 : RTE_FLOW_ITEM_TYPE_IPV6;
    pattern[n++] = {RTE_FLOW_ITEM_TYPE_UDP, &udp_spec, nullptr, &udp_mask};
    pattern[n].type = RTE_FLOW_ITEM_TYPE_END;
    actions[0] = {RTE_FLOW_ACTION_TYPE_QUEUE, &queue};
    actions[1].type = RTE_FLOW_ACTION_TYPE_END;
    attributes.ingress = 1;
  }
  FlowRule(const FlowRule&) = delete;
  FlowRule& operator=(const FlowRule&) = delete;

  rte_flow_attr attributes{};
  rte_flow_item_vlan vlan_spec{}, vlan_mask{};
  rte_flow_item_udp udp_spec{}, udp_mask{};
  rte_flow_action_queue queue{};
  rte_flow_item pattern[5]{};
  rte_flow_action actions[2]{};
};

class FlowRules final : public RuleTable {
 public:
  explicit FlowRules(std::uint16_t port_id) noexcept : port_id_(port_id) {}

  void* add(const BucketRule& rule) noexcept override {
    const FlowRule flow(rule);
    rte_flow_error error{};
    if (rte_flow_validate(port_id_, &flow.attributes, flow.pattern, flow.actions, &error) != 0) return nullptr;
    return rte_flow_create(port_id_, &flow.attributes, flow.pattern, flow.actions, &error);
  }
  void remove(void* handle) noexcept override {
    rte_flow_error error{};
    rte_flow_destroy(port_id_, static_cast<rte_flow*>(handle), &error);
  }

 private:
  std::uint16_t port_id_;
};

}  // namespace

std::string_view to_string(Steering steering) noexcept {
  constexpr std::string_view kNames[] = {"", "flow-buckets", "rss-udp-dst", "rss-udp", "rss-symmetric", "device-queues"};
  return kNames[static_cast<std::size_t>(steering)];
}

std::string_view describe(Steering steering) noexcept {
  constexpr std::string_view kTexts[] = {
      "one queue",
      "rte_flow leads every UDP port to its worker's queue",
      "RSS on the UDP destination port; what arrives at another worker is handed over",
      "RSS on addresses and UDP ports; what arrives at another worker is handed over",
      "RSS, the same for both directions of a flow; what another worker judges is handed over",
      "the device or its peer chooses the queue; what arrives at another worker is handed over",
  };
  return kTexts[static_cast<std::size_t>(steering)];
}

std::unique_ptr<RuleTable> make_flow_rules(std::uint16_t port_id) {
  return std::make_unique<FlowRules>(port_id);
}

bool BucketSteering::install(std::uint16_t workers) {
  clear();
  if (families_.empty()) return false;
  for (std::uint32_t bucket = 0; bucket < dataplane::kBuckets; ++bucket) {
    if (steer(bucket, static_cast<std::uint16_t>(bucket % workers))) continue;
    clear();
    return false;
  }
  return true;
}

// The old rule goes first, as a device may refuse two of the same pattern. In between the packets take the ring.
bool BucketSteering::steer(std::uint32_t bucket, std::uint16_t queue) {
  bool complete = true;
  for (std::size_t i = 0; i < families_.size(); ++i) {
    void*& handle = handles_[bucket][i];
    if (handle != nullptr) table_->remove(handle);
    handle = table_->add({bucket, families_[i], vlan_, queue});
    complete = complete && handle != nullptr;
  }
  return complete;
}

void BucketSteering::clear() noexcept {
  for (auto& bucket : handles_)
    for (void*& handle : bucket)
      if (handle != nullptr) table_->remove(std::exchange(handle, nullptr));
}

std::size_t BucketSteering::rules() const noexcept {
  std::size_t count = 0;
  for (const auto& bucket : handles_)
    count += static_cast<std::size_t>(std::count_if(bucket.begin(), bucket.end(), [](void* h) { return h != nullptr; }));
  return count;
}

}  // namespace mediaward::drivers
