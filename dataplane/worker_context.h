// SPDX-License-Identifier: Apache-2.0
// What every stage of one worker shares: its counters, its clock, its way of ending a packet, and its events.
// Only the worker's own thread may touch one; passing it is the proof of being that thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/counters.h"
#include "dataplane/packet_io.h"
#include "dataplane/settings.h"
#include "dataplane/spsc_ring.h"

namespace mediaward::dataplane {

// What a worker tells the main thread: raw values, made into text there.
struct WorkerEvent {
  enum class Kind : std::uint8_t {
    kDropSample, kIndexReuse, kNeighbourResolved, kNeighbourFailed,
    kSourceSeen,       // an authentic packet of a latching leg from an address that is not in force: its address is in `head`
    kSsrcSeen,         // an authentic packet of an SSRC that is not bound: leg_id, ssrc
    kKeyExpiring,      // leg_id (or conference), ssrc, role, packets, limit
    kKeyExpired,
    kPeerSeen,         // an admitted address made contact: leg_id (swarm), packets (admission), port, address_index, udp_port, `head`
  };
  enum class KeyRole : std::uint8_t { kReceiveSrtp, kReceiveSrtcp, kSendSrtp, kSendSrtcp };
  Kind kind = Kind::kDropSample;
  DropReason reason{};
  Family family = Family::kIpv4;           // of an address, which is in `head`
  KeyRole role{};                          // kKeyExpiring, kKeyExpired
  std::uint64_t packets = 0;               // dropped for this reason since the last sample; used of a key
  std::uint64_t limit = 0;                 // kKeyExpiring, kKeyExpired: the lifetime
  std::uint64_t leg_id = 0;                // 0 when no leg is concerned
  std::uint32_t ssrc = 0;
  std::uint16_t udp_port = 0;              // kSourceSeen: host order
  bool rtcp = false;                       // kSourceSeen: on the RTCP port of its own
  std::uint16_t port = 0;                  // kPeerSeen: ours, and which of its addresses
  std::uint16_t address_index = 0;
  std::uint16_t head_bytes = 0;
  std::array<std::byte, 78> head{};        // first bytes of the frame: addresses and ports of the sample
};

class WorkerContext {
 public:
  WorkerContext(std::uint32_t index, WorkerBlock& block, std::uint64_t tsc_hz, std::size_t event_ring)
      : index_(index), block_(block), tsc_hz_(tsc_hz), events_(event_ring) {}
  WorkerContext(const WorkerContext&) = delete;
  WorkerContext& operator=(const WorkerContext&) = delete;

  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] WorkerBlock& block() const noexcept { return block_; }
  void count(Counter c, std::uint64_t n = 1) noexcept { block_[c] += n; }

  // Time stamp counter read once per loop.
  [[nodiscard]] std::uint64_t now() const noexcept { return now_; }
  [[nodiscard]] std::uint64_t tsc_hz() const noexcept { return tsc_hz_; }
  void set_now(std::uint64_t tsc) noexcept { now_ = tsc; }

  // Ends a packet: counted, sampled at most once a second per reason, and given back at the end of the loop.
  void drop(Packet* packet, DropReason reason, std::uint64_t leg_id = 0) noexcept {
    ++block_[reason];
    if (now_ >= next_sample_[static_cast<std::size_t>(reason)]) [[unlikely]] sample(packet, reason, leg_id);
    release(packet);
  }
  // Something was refused that has no packet of its own (a copy that was never made).
  void count_drop(DropReason reason) noexcept { ++block_[reason]; }

  // Gives a packet back at the end of the loop, in one call per burst. Packets of any port may be mixed.
  void release(Packet* packet) noexcept {
    release_[release_count_++] = packet;
    if (release_count_ == release_.size()) [[unlikely]] flush_releases();
  }
  void flush_releases() noexcept {
    if (release_count_ == 0) return;
    block_[Counter::kReleased] += release_count_;
    release_io_->release(std::span<Packet* const>(release_.data(), release_count_));
    release_count_ = 0;
  }
  void set_release_io(PacketIo& io) noexcept { release_io_ = &io; }

  void report(const WorkerEvent& event) noexcept {
    if (!events_.push(event)) count(Counter::kEventsLost);
  }
  [[nodiscard]] SpscRing<WorkerEvent>& events() noexcept { return events_; }

 private:
  [[gnu::cold, gnu::noinline]] void sample(const Packet* packet, DropReason reason, std::uint64_t leg_id) noexcept;

  const std::uint32_t index_;
  WorkerBlock& block_;
  const std::uint64_t tsc_hz_;
  std::uint64_t now_ = 0;
  PacketIo* release_io_ = nullptr;
  std::size_t release_count_ = 0;
  std::array<Packet*, 256> release_{};
  std::array<std::uint64_t, kDropReasonCount> next_sample_{};
  std::array<std::uint64_t, kDropReasonCount> sampled_at_{};
  SpscRing<WorkerEvent> events_;
};

}  // namespace mediaward::dataplane
