// SPDX-License-Identifier: Apache-2.0
// A worker's own copy of the lookup tables. Only its thread touches them; the main thread changes them through the command ring.
// Sized once at start: applying a command is a few stores and cannot fail.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/settings.h"
#include "dataplane/tables.h"

namespace mediaward::dataplane {

// Legs by (local address, UDP port): a dense array over the media port range, one load per packet.
class FlowTable {
 public:
  FlowTable(std::size_t addresses, std::uint16_t first, std::uint16_t last)
      : first_(first), count_(static_cast<std::uint32_t>(last - first) + 1), legs_(addresses * count_, nullptr) {}

  [[nodiscard]] bool covers(std::uint16_t udp_port) const noexcept { return static_cast<std::uint16_t>(udp_port - first_) < count_; }
  [[nodiscard]] const LegRx* find(std::size_t address_index, std::uint16_t udp_port) const noexcept {
    const std::uint32_t at = static_cast<std::uint16_t>(udp_port - first_);
    return at < count_ ? legs_[address_index * count_ + at] : nullptr;
  }
  void set(std::size_t address_index, std::uint16_t udp_port, const LegRx* leg) noexcept {
    legs_[address_index * count_ + static_cast<std::uint16_t>(udp_port - first_)] = leg;
  }

 private:
  std::uint16_t first_;
  std::uint32_t count_;
  std::vector<const LegRx*> legs_;
};

struct WorkerTables {
  explicit WorkerTables(const CoreSettings& settings) : streams(settings.limits.slots, nullptr), legs_tx(settings.limits.legs, nullptr) {
    for (const auto& port : settings.ports) flows.emplace_back(port.addresses.size(), port.media_port_first, port.media_port_last);
  }

  // The stream a completed job belongs to, or nullptr when it was removed or replaced by another meanwhile.
  [[nodiscard]] const StreamRx* live_stream(crypto::Handle h) const noexcept {
    const StreamRx* s = streams[h.slot];
    return s != nullptr && s->generation == h.generation ? s : nullptr;
  }
  [[nodiscard]] const LegTx* live_leg_tx(crypto::Handle h) const noexcept {
    const LegTx* l = legs_tx[h.slot];
    return l != nullptr && l->generation == h.generation ? l : nullptr;
  }

  std::vector<FlowTable> flows;            // by port
  std::vector<const StreamRx*> streams;    // by stream slot (= receive state slot)
  std::vector<const LegTx*> legs_tx;       // by leg slot
};

// Buckets of the ownership table: a UDP port and its RTCP neighbour share one.
inline constexpr std::size_t kBuckets = 256;
[[nodiscard]] constexpr std::size_t bucket_of(std::uint16_t udp_port) noexcept { return (udp_port >> 1) & (kBuckets - 1); }

}  // namespace mediaward::dataplane
