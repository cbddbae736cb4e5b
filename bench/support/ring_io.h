// SPDX-License-Identifier: Apache-2.0
// A port that costs next to nothing: a receive ring that the benchmark fills between two timed slices, and a transmit ring that holds
// the last packets, as a NIC's does, before their buffers go back to the free stack. What is left of a run is the pipeline.
// Buffers are laid out like mbufs (descriptor line, headroom, 2 kB of room) and reused, so that they stay in the cache as a small
// pool does. Chains count as one descriptor. Touches no packet bytes, allocates nothing after construction. The benchmark's thread;
// a shared packet may be let go by any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

#include "bench/support/aligned_memory.h"
#include "dataplane/packet_io.h"

namespace mediaward::bench {

class RingIo final : public dataplane::PacketIo {
 public:
  static constexpr std::size_t kTxRing = 256;  // descriptors, the product's default queue size

  // room: of a buffer, 2 kB or what jumbo frames need.
  RingIo(std::size_t buffers, dataplane::PortCapabilities capabilities, std::uint32_t room = kRoom)
      : capabilities_(capabilities), room_(room), memory_(buffers * stride(room)) {
    free_.reserve(buffers);
    ring_.reserve(buffers);
    for (std::size_t i = buffers; i-- > 0;) {
      auto* packet = ::new (static_cast<void*>(memory_.data() + i * stride(room))) dataplane::Packet;
      free_.push_back(packet);
    }
  }

  // The next `count` free buffers become the receive ring, in order. The caller writes frames and lengths. Outside timed sections.
  [[nodiscard]] std::span<dataplane::Packet* const> load(std::size_t count) {
    ring_.clear();
    next_ = 0;
    for (std::size_t i = 0; i < count; ++i) ring_.push_back(take());
    return ring_;
  }
  [[nodiscard]] std::size_t pending() const noexcept { return ring_.size() - next_; }
  // Packets sent last (heads of chains), at most kTxRing: still as they were transmitted.
  [[nodiscard]] std::span<dataplane::Packet* const> sent() const noexcept { return {tx_.data(), tx_count_ < kTxRing ? tx_count_ : kTxRing}; }
  // So many were sent since the beginning; number `i` of them is still to be read while it is one of the last kTxRing.
  [[nodiscard]] std::size_t transmitted() const noexcept { return tx_count_; }
  [[nodiscard]] const dataplane::Packet& transmitted(std::size_t i) const noexcept { return *tx_[i % kTxRing]; }
  // Frames that pass from one port to the other end in the other's stack: evens them out. Outside timed sections.
  void share_out(RingIo& other) {
    for (; free_.size() + 1 < other.free_.size(); other.free_.pop_back()) free_.push_back(other.free_.back());
    for (; other.free_.size() + 1 < free_.size(); free_.pop_back()) other.free_.push_back(free_.back());
  }
  [[nodiscard]] std::size_t free_buffers() const noexcept { return free_.size(); }

  std::size_t receive(std::span<dataplane::Packet*> out) noexcept override {
    const std::size_t n = out.size() < pending() ? out.size() : pending();
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = ring_[next_++];
      out[i]->port = 0;  // a driver writes the descriptor's line too
    }
    return n;
  }
  std::size_t transmit(std::span<dataplane::Packet* const> packets) noexcept override {
    for (dataplane::Packet* packet : packets) {
      const std::size_t slot = tx_count_++ % kTxRing;
      // The line of a packet of one piece, which nobody else has, is not fetched once more: it left the cache long ago.
      if (chained_[slot])
        give(tx_[slot]);
      else if (tx_[slot] != nullptr)
        free_.push_back(tx_[slot]);
      tx_[slot] = packet;
      chained_[slot] = packet->next != nullptr;
    }
    return packets.size();
  }
  bool allocate(std::span<dataplane::Packet*> out) noexcept override {
    if (free_.size() < out.size()) return false;
    for (auto& packet : out) packet = take();
    return true;
  }
  void release(std::span<dataplane::Packet* const> packets) noexcept override {
    for (dataplane::Packet* packet : packets) give(packet);
  }
  void share(dataplane::Packet& packet, std::uint32_t more) noexcept override {
    for (dataplane::Packet* segment = &packet; segment != nullptr; segment = segment->next) {
      if (segment->owner_tag == nullptr) segment->owner_tag = ::new (static_cast<void*>(segment + 1)) References(1);
      static_cast<References*>(segment->owner_tag)->fetch_add(more, std::memory_order_relaxed);
    }
  }
  [[nodiscard]] dataplane::PortCapabilities capabilities() const noexcept override { return capabilities_; }

 private:
  // Of a shared buffer, at the beginning of its headroom; owner_tag points there. Others are not slower for it.
  using References = std::atomic<std::uint32_t>;
  static constexpr std::size_t kHeadroom = 128;
  static constexpr std::uint32_t kRoom = 2048;
  static constexpr std::size_t stride(std::size_t room) { return 64 + kHeadroom + room + 64; }  // the last line keeps buffers off one cache set

  dataplane::Packet* take() noexcept {
    dataplane::Packet* packet = free_.back();
    free_.pop_back();
    packet->data = reinterpret_cast<std::byte*>(packet) + 64 + kHeadroom;
    packet->bytes = 0;
    packet->room = room_;
    packet->next = nullptr;
    packet->flags = 0;
    packet->owner_tag = nullptr;
    return packet;
  }
  void give(dataplane::Packet* packet) noexcept {
    while (packet != nullptr) {
      dataplane::Packet* next = packet->next;
      auto* references = static_cast<References*>(packet->owner_tag);
      if (references == nullptr || references->fetch_sub(1, std::memory_order_acq_rel) == 1) free_.push_back(packet);
      packet = next;
    }
  }

  dataplane::PortCapabilities capabilities_;
  std::uint32_t room_;
  AlignedMemory memory_;
  std::vector<dataplane::Packet*> free_, ring_;
  std::size_t next_ = 0;
  std::size_t tx_count_ = 0;
  std::array<dataplane::Packet*, kTxRing> tx_{};
  std::array<bool, kTxRing> chained_{};
};

}  // namespace mediaward::bench
