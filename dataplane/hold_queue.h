// SPDX-License-Identifier: Apache-2.0
// Packets that wait for a neighbour's link address (RFC 1122 §2.3.2.2, RFC 4861 §7.2.2): few per neighbour, bounded in all, given up after
// a second. Arrival order per neighbour is kept. Sized once at start; nothing is allocated per packet.
// One per worker, that worker's thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/drop_reason.h"
#include "dataplane/neighbour.h"
#include "dataplane/packet.h"

namespace mediaward::dataplane {

class HoldQueue {
 public:
  struct Limits {
    std::uint16_t per_neighbour = 8;
    std::uint16_t total = 512;
    unsigned max_age_ms = 1000;
  };

  // neighbours: NeighbourBudget::limit().
  HoldQueue(std::uint32_t neighbours, std::uint64_t tsc_hz) : HoldQueue(neighbours, tsc_hz, Limits{}) {}
  HoldQueue(std::uint32_t neighbours, std::uint64_t tsc_hz, Limits limits)
      : limits_(limits), max_age_(tsc_hz / 1000 * limits.max_age_ms), nodes_(limits.total), groups_(neighbours), active_(limits.total) {
    for (std::uint16_t i = 0; i < limits.total; ++i) nodes_[i].next = static_cast<std::uint16_t>(i + 1);
  }

  // Takes the packet. False: the queue is full, the packet stays with the caller (DropReason::kNeighbourQueueFull).
  [[nodiscard]] bool hold(NextHop* hop, Packet* packet, std::uint64_t now_tsc) noexcept {
    Group& group = groups_[hop->id];
    if (held_ == limits_.total || group.count == limits_.per_neighbour) return false;
    const std::uint16_t index = free_;
    free_ = nodes_[index].next;
    nodes_[index] = {packet, now_tsc, 0};
    if (group.count == 0) {
      group = {hop, index, index, 0, active_count_};
      active_[active_count_++] = hop->id;
    } else {
      nodes_[group.tail].next = index;
      group.tail = index;
    }
    ++group.count;
    ++held_;
    return true;
  }

  // sink(NextHop&, Packet*) gets what can be sent now, drop(Packet*, DropReason) what waited too long or whose neighbour failed.
  // Neither may call back into this queue. Looks at a bounded number of neighbours per call; cheap when nothing is held.
  template <typename Sink, typename Drop>
  void release(std::uint64_t now_tsc, Sink&& sink, Drop&& drop) noexcept {
    std::uint16_t looks = active_count_ < kGroupsPerRelease ? active_count_ : kGroupsPerRelease;
    for (; looks != 0 && active_count_ != 0; --looks) {
      if (cursor_ >= active_count_) cursor_ = 0;
      Group& group = groups_[active_[cursor_]];
      NextHop& hop = *group.hop;
      if ((hop.link.load(std::memory_order_acquire) & NextHop::kLinkValid) != 0) {
        empty(group, [&](Packet* packet) { sink(hop, packet); });
      } else if (hop.state.load(std::memory_order_relaxed) == NeighbourState::kFailed) {
        empty(group, [&](Packet* packet) { drop(packet, DropReason::kNeighbourUnresolved); });
      } else {
        expire(group, now_tsc, drop);
      }
      if (group.count != 0) ++cursor_;  // else another group took its place
    }
  }

  // sink(Packet*) gets what waits for this next hop, in order: before anything newer is sent to it.
  template <typename Sink>
  void release_one(const NextHop* hop, Sink&& sink) noexcept {
    Group& group = groups_[hop->id];
    if (group.count != 0 && group.hop == hop) empty(group, sink);
  }

  // The next hop goes away: gives up everything that waits for it. Before the next hop's memory is freed.
  template <typename Drop>
  void purge(const NextHop* hop, Drop&& drop) noexcept {
    Group& group = groups_[hop->id];
    if (group.count != 0 && group.hop == hop) empty(group, [&](Packet* packet) { drop(packet, DropReason::kStale); });
  }

  // At shutdown.
  template <typename Drop>
  void purge_all(Drop&& drop) noexcept {
    while (active_count_ != 0) empty(groups_[active_[0]], [&](Packet* packet) { drop(packet, DropReason::kStale); });
  }

  [[nodiscard]] std::size_t size() const noexcept { return held_; }

 private:
  static constexpr std::uint16_t kGroupsPerRelease = 32;

  struct Node {
    Packet* packet = nullptr;
    std::uint64_t since_tsc = 0;
    std::uint16_t next = 0;
  };
  struct Group {  // of one next hop, by its id
    NextHop* hop = nullptr;
    std::uint16_t head = 0, tail = 0, count = 0;
    std::uint16_t active_index = 0;
  };

  [[nodiscard]] Packet* pop(Group& group) noexcept {
    const std::uint16_t index = group.head;
    Packet* packet = nodes_[index].packet;
    group.head = nodes_[index].next;
    nodes_[index].next = free_;
    free_ = index;
    --held_;
    if (--group.count == 0) deactivate(group);
    return packet;
  }
  void deactivate(Group& group) noexcept {
    const std::uint32_t last = active_[--active_count_];
    active_[group.active_index] = last;
    groups_[last].active_index = group.active_index;
    group.hop = nullptr;
  }
  template <typename Give>
  void empty(Group& group, Give&& give) noexcept {
    for (std::uint16_t left = group.count; left != 0; --left) give(pop(group));
  }
  template <typename Drop>
  void expire(Group& group, std::uint64_t now_tsc, Drop&& drop) noexcept {
    while (group.count != 0 && static_cast<std::int64_t>(now_tsc - nodes_[group.head].since_tsc) > static_cast<std::int64_t>(max_age_)) {
      drop(pop(group), DropReason::kNeighbourUnresolved);
    }
  }

  Limits limits_;
  std::uint64_t max_age_;
  std::vector<Node> nodes_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> active_;  // ids of next hops with packets, active_count_ of them
  std::uint16_t active_count_ = 0;
  std::uint16_t cursor_ = 0;
  std::uint16_t free_ = 0;
  std::uint16_t held_ = 0;
};

}  // namespace mediaward::dataplane
