// SPDX-License-Identifier: Apache-2.0
// A worker's own copy of the lookup tables. Only its thread touches them; the main thread changes them through the command ring.
// Sized once at start: applying a command is a few stores and cannot fail.
#pragma once

#include <array>
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
  // Where the leg stands, if there is one: to be asked for before it is looked at. Never nullptr.
  [[nodiscard]] const LegRx* const* place(std::size_t address_index, std::uint16_t udp_port) const noexcept {
    static constexpr const LegRx* kNone = nullptr;
    const std::uint32_t at = static_cast<std::uint16_t>(udp_port - first_);
    return at < count_ ? &legs_[address_index * count_ + at] : &kNone;
  }
  void set(std::size_t address_index, std::uint16_t udp_port, const LegRx* leg) noexcept {
    legs_[address_index * count_ + static_cast<std::uint16_t>(udp_port - first_)] = leg;
  }

 private:
  std::uint16_t first_;
  std::uint32_t count_;
  std::vector<const LegRx*> legs_;
};

// Buckets of the ownership table: a UDP port and its RTCP neighbour share one.
inline constexpr std::size_t kBuckets = 256;
[[nodiscard]] constexpr std::size_t bucket_of(std::uint16_t udp_port) noexcept { return (udp_port >> 1) & (kBuckets - 1); }

struct WorkerTables {
  explicit WorkerTables(const CoreSettings& settings)
      : streams(settings.limits.slots, nullptr), shares(settings.limits.slots, nullptr), legs_tx(settings.limits.legs, nullptr) {
    for (const auto& port : settings.ports) flows.emplace_back(port.addresses.size(), port.media_port_first, port.media_port_last);
  }

  // What few streams need stays in the cache by itself; asking for it costs more than it saves.
  [[nodiscard]] bool outgrow_cache() const noexcept { return stream_count > 512; }

  void set_stream(std::uint32_t slot, const StreamRx* stream) noexcept {
    stream_count += (stream != nullptr ? 1u : 0u);
    stream_count -= (streams[slot] != nullptr ? 1u : 0u);
    streams[slot] = stream;
  }

  // What a completed job was made for, as it is now: nullptr when it was removed or replaced by another meanwhile. `then` was looked
  // up when there had been `changes_then`; its memory lives until the job is done.
  [[nodiscard]] const StreamRx* live_stream(const StreamRx& then, std::uint32_t changes_then) const noexcept {
    if (changes_then == changes) [[likely]] return &then;
    const StreamRx* now = streams[then.slot];
    return now != nullptr && now->generation == then.generation ? now : nullptr;
  }
  [[nodiscard]] const LegTx* live_leg_tx(const LegTx& then, std::uint32_t changes_then, bool rtcp) const noexcept {
    if (changes_then == changes) [[likely]] return &then;
    const LegTx* now = legs_tx[then.handle.slot];
    if (now == nullptr || now->handle.generation != then.handle.generation) return nullptr;
    return rtcp ? now->rtcp : now;
  }
  [[nodiscard]] const StreamShare* live_share(crypto::Handle h) const noexcept {
    const StreamShare* s = shares[h.slot];
    return s != nullptr && s->generation == h.generation ? s : nullptr;
  }

  std::vector<FlowTable> flows;            // by port
  std::vector<const StreamRx*> streams;    // by stream slot (= receive state slot)
  std::size_t stream_count = 0;            // of those that are there
  std::uint32_t changes = 0;               // how many commands there were: what was looked up since the last one still holds
  std::vector<const StreamShare*> shares;  // by stream slot: what this worker seals for of streams that others own
  std::vector<const LegTx*> legs_tx;       // by leg slot
  std::array<std::uint8_t, kBuckets> bucket_owner{};  // worker index, as of the last command
};

}  // namespace mediaward::dataplane
