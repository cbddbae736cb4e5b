// SPDX-License-Identifier: Apache-2.0
// One poll-mode worker: its tables, its services and the loop that runs them (pipeline.cc is the page to read first).
// Made by the main thread, then run by exactly one thread until stopped. What other threads may call is marked so.
#pragma once

#include <x86gprintrin.h>

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "crypto/engine.h"
#include "dataplane/classify.h"
#include "dataplane/egress.h"
#include "dataplane/host.h"
#include "dataplane/ppspp/guard.h"
#include "dataplane/ppspp/service.h"
#include "dataplane/srtp_service.h"
#include "dataplane/worker_context.h"
#include "dataplane/worker_tables.h"

namespace mediaward::dataplane {

// Shared by all workers, fixed after start.
struct WorkerShared {
  std::vector<std::unique_ptr<NeighbourTable>> neighbours;                  // by port
  std::vector<std::atomic<bool>> link_up;                                   // by port; written by the main thread
  // [to][from]: packets that arrived at a worker that does not own their leg.
  std::vector<std::vector<std::unique_ptr<SpscRing<Packet*>>>> handoff;
  // [to][from]: plaintexts for a share of their receivers (spread conferences).
  std::vector<std::vector<std::unique_ptr<ShareRing>>> shares;
  ppspp::PeerShared peer;
  std::unique_ptr<crypto::HashProvider> hashes;                             // with a network peer
  std::vector<std::unique_ptr<class Worker>> workers;
};

inline constexpr std::size_t kMaxBurst = 64;  // packets per receive call

class Worker {
 public:
  Worker(std::uint32_t index, const CoreSettings& settings, WorkerSettings own, std::unique_ptr<crypto::Engine> engine, WorkerBlock& block,
         WorkerShared& shared, std::uint64_t tsc_hz, std::size_t command_ring);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // One loop. True when there was anything to do.
  bool run_once() noexcept {
    const std::uint64_t now = __rdtsc();
    return run_once(now, now);
  }
  // The same by another clock, whose ticks per second are CoreSettings::tsc_hz; it never goes back.
  bool run_once(std::uint64_t now) noexcept { return run_once(now, __rdtsc()); }

  // Any thread.
  [[nodiscard]] std::uint64_t loops() const noexcept;
  [[nodiscard]] std::uint64_t applied_sequence() const noexcept { return commands_.consumed(); }
  // Everything unlinked up to this sequence is referred to by nothing: no table, no job in flight.
  [[nodiscard]] std::uint64_t drained_sequence() const noexcept { return drained_.load(std::memory_order_acquire); }

  // Main thread: producer of commands, consumer of events.
  [[nodiscard]] SpscRing<Command>& commands() noexcept { return commands_; }
  [[nodiscard]] SpscRing<WorkerEvent>& events() noexcept { return context_.events(); }
  [[nodiscard]] ppspp::PeerService* peers() noexcept { return peers_.get(); }  // nullptr: no network peer
  [[nodiscard]] ppspp::GuardService* guard() noexcept { return guard_.get(); }

 private:
  struct PortQueue {
    std::uint16_t port;
    PacketIo* io;
    bool host_owner;                       // of queue 0: drives the neighbours' timers
    int guard_port;                        // where its frames go; -1: an ordinary port
    std::size_t announced;                 // own addresses made known to the network so far
    std::unique_ptr<Host> host;
    std::unique_ptr<Classifier> classifier;
  };

  bool run_once(std::uint64_t now, std::uint64_t begin_tsc) noexcept;
  std::size_t apply_commands(StageClock& clock) noexcept;
  void apply(const Command& command) noexcept;
  std::size_t receive(StageClock& clock) noexcept;
  std::size_t receive_handoff() noexcept;
  [[nodiscard]] bool shares_waiting() const noexcept;
  std::size_t receive_shares() noexcept;
  void find_legs() noexcept;
  void prepare_items() noexcept;
  void take_peer_items() noexcept;
  std::size_t judge_content(StageClock& clock) noexcept;
  std::size_t serve_content(StageClock& clock) noexcept;
  void guard(Packet* packet, const PortQueue& queue, bool handed_over) noexcept;
  void classify(std::span<Packet* const> packets, PortQueue& queue) noexcept;
  [[gnu::always_inline]] inline void classify_one(Packet* packet, PortQueue& queue, bool handed_off) noexcept;
  void reclassify(Packet* packet) noexcept;
  [[gnu::always_inline]] inline void to_leg(Packet* packet, SrtpItem& item, std::uint16_t port, bool handed_off) noexcept;
  void pass_on(Packet* packet, const ppspp::Route& route, bool handed_off) noexcept;
  [[gnu::noinline]] void to_peer(Packet* packet, const Datagram& datagram, bool handed_off) noexcept;
  [[gnu::noinline]] void hand_over(Packet* packet, std::uint8_t owner) noexcept;
  void unpark(std::uint32_t bucket) noexcept;
  [[gnu::noinline]] void to_host(Packet* packet, Lane lane, PortQueue& queue) noexcept;
  void run_timers() noexcept;
  void send_own(PortQueue& queue, std::span<Packet* const> frames) noexcept;
  void report_neighbour(const NeighbourTable::Change& change) noexcept;
  void account() noexcept;

  WorkerShared& shared_;
  WorkerSettings own_;
  WorkerContext context_;
  WorkerTables tables_;
  Egress egress_;
  std::unique_ptr<crypto::Engine> engine_;
  SrtpService srtp_;
  std::unique_ptr<ppspp::PeerService> peers_;
  std::unique_ptr<ppspp::GuardService> guard_;
  SpscRing<Command> commands_;
  TokenBucket echo_bucket_;
  std::vector<PortQueue> queues_;
  std::vector<PortQueue*> by_port_;
  // Packets of buckets that move here, until their legs have arrived: in order, with the bucket they wait for.
  struct Parked {
    Packet* packet;
    std::uint32_t bucket;
  };
  std::array<bool, kBuckets> parking_{};
  std::vector<Parked> parked_;
  std::size_t item_count_ = 0;
  std::vector<SrtpItem> items_;            // of a burst: there is always room for one more
  struct PeerItem {
    Packet* packet;
    Datagram datagram;
    ppspp::SwarmKeyView first;             // of a first HANDSHAKE, which is routed when the whole burst is known
    bool handed_off;
  };
  std::size_t peer_item_count_ = 0;
  std::vector<PeerItem> peer_items_;       // of a burst
  std::uint64_t next_timer_ = 0;
  std::uint64_t half_closed_at_ = 0;       // commands applied when the younger half of the jobs began
  std::uint64_t taken_in_ = 0;             // packets received, allocated or handed to us
  std::atomic<std::uint64_t> drained_{0};
};

}  // namespace mediaward::dataplane
