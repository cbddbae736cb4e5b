// SPDX-License-Identifier: Apache-2.0
// Next hops and how their Ethernet addresses are found: ARP (RFC 826, RFC 1122 §2.3.2) and neighbour discovery (RFC 4861 §7).
// The main thread makes a NextHop for every destination or gateway that a configured leg needs; traffic never makes one, so that no
// flood can fill the table. Every worker reads the link address with one load per packet, every worker may confirm one, and exactly
// one worker per port drives the timers. Nothing here transmits; packets that wait for an address are in hold_queue.h.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "crypto/error.h"
#include "dataplane/drop_reason.h"
#include "dataplane/ip_address.h"
#include "dataplane/packet_io.h"
#include "dataplane/settings.h"
#include "dataplane/wire/ndp.h"

namespace mediaward::dataplane {

// Numeric values are those of abi::NeighbourInfo::state.
enum class NeighbourState : std::uint8_t { kIncomplete = 0, kReachable, kStale, kProbe, kFailed };

inline constexpr unsigned kNeighbourMulticastTries = 3;      // RFC 4861 §10 MAX_MULTICAST_SOLICIT
inline constexpr unsigned kNeighbourUnicastTries = 3;        // RFC 4861 §10 MAX_UNICAST_SOLICIT
inline constexpr unsigned kNeighbourRetrySeconds = 1;        // RFC 4861 §10 RETRANS_TIMER, RFC 1122 §2.3.2.1
inline constexpr unsigned kNeighbourReachableSeconds = 30;   // RFC 4861 §10 REACHABLE_TIME
inline constexpr unsigned kNeighbourFailedRetrySeconds = 5;  // a configured neighbour is never given up
inline constexpr std::size_t kNeighbourProbesPerTick = 32;

// Hands out the dense ids of next hops over all ports: the bound CoreLimits::neighbours. Main thread.
class NeighbourBudget {
 public:
  explicit NeighbourBudget(std::uint32_t limit);
  [[nodiscard]] std::optional<std::uint32_t> take();
  void give_back(std::uint32_t id);
  [[nodiscard]] std::uint32_t limit() const noexcept { return limit_; }
  [[nodiscard]] std::uint32_t in_use() const noexcept { return limit_ - static_cast<std::uint32_t>(free_.size()); }

 private:
  std::uint32_t limit_;
  std::vector<std::uint32_t> free_;
};

struct alignas(64) NextHop {
  static constexpr std::uint64_t kLinkValid = std::uint64_t{1} << 48;

  NextHop(NeighbourBudget& budget, std::uint32_t hop_id, const IpAddress& hop_address, std::uint16_t hop_port) noexcept
      : id(hop_id), port(hop_port), address(hop_address), budget_(budget) {}
  NextHop(const NextHop&) = delete;
  NextHop& operator=(const NextHop&) = delete;
  ~NextHop() { budget_.give_back(id); }

  // The link word for sending: byte i of the MAC in bits 8i..8i+7 (as a memcpy of 6 bytes wants it), kLinkValid set when it may be
  // used. Notes that there is traffic, so that a stale address gets probed. Any worker, per packet.
  [[nodiscard]] std::uint64_t resolve() noexcept {
    if (in_use.load(std::memory_order_relaxed) == 0) [[unlikely]]
      in_use.store(1, std::memory_order_relaxed);
    return link.load(std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> link{0};
  std::atomic<std::uint64_t> confirmed_tsc{0};  // 0: never
  std::atomic<std::uint8_t> in_use{0};          // packets were sent since the address went stale
  std::atomic<NeighbourState> state{NeighbourState::kIncomplete};
  const std::uint32_t id;  // dense, < NeighbourBudget::limit()
  const std::uint16_t port;
  const IpAddress address;

  struct Timer {  // of the ticking worker only
    std::uint64_t due_tsc = 0;
    std::uint64_t seen_confirmed = 0;
    std::uint64_t seen_link = 0;
    unsigned tries = 0;
  } timer;
  std::uint32_t references = 0;  // of the main thread only

 private:
  NeighbourBudget& budget_;
};

[[nodiscard]] inline std::uint64_t link_word(const MacAddress& mac) noexcept {
  std::uint64_t word = NextHop::kLinkValid;
  std::memcpy(&word, mac.data(), 6);
  return word;
}

// A two-way reachability proof for `hop` with this address (RFC 4861 §7.3.1). Any worker.
void confirm_neighbour(NextHop& hop, const MacAddress& mac, std::uint64_t now_tsc) noexcept;
// The neighbour named its address without proving that it hears us: used, but stale until probed (RFC 4861 §7.2.3). Any worker.
void learn_neighbour(NextHop& hop, const MacAddress& mac) noexcept;

struct NextHopRequest {
  IpAddress address;
  bool via_gateway = false;
};

// Whom to ask for a link address to reach `destination` through this port. Main thread.
[[nodiscard]] Result<NextHopRequest> route(const PortSettings& port, const IpAddress& destination);

// The port's own address to talk to `peer` from: link-local for a link-local peer, else the one whose prefix holds it, else the
// first of the family, else (IPv6) link-local. Does not allocate.
[[nodiscard]] std::optional<IpAddress> source_for(const PortSettings& port, const IpAddress& peer) noexcept;
[[nodiscard]] IpAddress link_local_of(const PortSettings& port) noexcept;

// Ethernet bytes that the software writes on this port: 18 with an inline VLAN tag, else 14.
[[nodiscard]] std::size_t frame_header_bytes(const PortSettings& port) noexcept;

// Makes `packet` a frame towards `destination` that carries the l3_bytes which stand at packet.l2_bytes (0 for a fresh packet whose
// IP part will be written behind frame_header_bytes). Moves them when the header's size differs, sets bytes, l2_bytes, flags and
// the tag; never changes packet.data. False: no room.
[[nodiscard]] bool frame_packet(Packet& packet, const PortSettings& port, const MacAddress& destination, std::uint16_t type,
                                std::size_t l3_bytes) noexcept;

// The next hops of one port. Fixed-size open-addressing hash of atomics: the main thread inserts and unlinks while workers look up.
class NeighbourTable {
 public:
  // `port` and `budget` must outlive the table. tsc_hz: ticks of the clock handed to tick() and confirm_neighbour().
  NeighbourTable(const PortSettings& port, std::uint16_t port_index, NeighbourBudget& budget, std::uint64_t tsc_hz);

  // Main thread. acquire finds or makes the next hop and counts one reference. release takes it back; with the last one the
  // next hop is unlinked and handed to the caller, who destroys it once every worker has passed (its id stays taken until then).
  [[nodiscard]] Result<NextHop*> acquire(const IpAddress& address);
  [[nodiscard]] std::unique_ptr<NextHop> release(NextHop* hop);
  [[nodiscard]] std::span<const std::unique_ptr<NextHop>> entries() const noexcept { return entries_; }

  // Any worker. bytes: 4 or 16 by family.
  [[nodiscard]] NextHop* find(Family family, const std::byte* bytes) const noexcept;

  [[nodiscard]] std::uint16_t port_index() const noexcept { return port_index_; }

  struct Change {
    NextHop* hop;
    NeighbourState state;  // kFailed, else resolved (kReachable or kStale)
  };

  // The port's host owner, any number of times per second. Writes up to min(out.size(), 32) probes that the caller transmits
  // (packets come from `io`) and returns how many. Looks at a bounded part of the table, at most once per millisecond.
  [[nodiscard]] std::size_t tick(std::uint64_t now_tsc, PacketIo& io, std::span<Packet*> out) noexcept;
  // Of the last tick: resolved and failed neighbours, for events.
  [[nodiscard]] std::span<const Change> changes() const noexcept { return {changes_.data(), change_count_}; }

 private:
  enum class Probe : std::uint8_t { kNone, kMulticast, kUnicast };

  [[nodiscard]] std::size_t home(Family family, const std::byte* bytes) const noexcept;
  void link(NextHop* hop) noexcept;
  void unlink(NextHop* hop) noexcept;
  void enter(NextHop& hop, NeighbourState state, std::uint64_t due_tsc) noexcept;
  void observe(NextHop& hop, std::uint64_t now_tsc) noexcept;
  [[nodiscard]] Probe plan(NextHop& hop, std::uint64_t now_tsc) noexcept;
  [[nodiscard]] Probe plan_unicast(NextHop& hop, std::uint64_t now_tsc) noexcept;
  [[nodiscard]] Probe plan_multicast(NextHop& hop, std::uint64_t now_tsc) noexcept;
  void count_try(NextHop& hop, std::uint64_t now_tsc) noexcept;
  [[nodiscard]] Packet* make_probe(const NextHop& hop, Probe probe, PacketIo& io) const noexcept;
  [[nodiscard]] bool write_probe(Packet& packet, const NextHop& hop, Probe probe) const noexcept;

  const PortSettings& port_;
  std::uint16_t port_index_;
  NeighbourBudget& budget_;
  std::uint64_t second_;
  std::size_t mask_;
  std::vector<std::atomic<NextHop*>> slots_;
  std::vector<std::unique_ptr<NextHop>> entries_;
  // Of the ticking worker:
  alignas(64) std::size_t cursor_ = 0;
  std::uint64_t next_tick_ = 0;
  std::size_t change_count_ = 0;
  std::array<Change, 2 * kNeighbourProbesPerTick> changes_{};
};

}  // namespace mediaward::dataplane
