// SPDX-License-Identifier: Apache-2.0
// The SRTP conference service: opens what a participant sent once and hands it on to everyone who may hear it, sealed for each
// receiver, sealed once for a group, or untouched (relay).
// Turns a lane of packets into open jobs, commits what came back authentic, makes seal jobs straight into outgoing packets, and hands
// finished ones to the egress. Knows nothing of engines' timing: a completion may come loops later, and is matched against the tables
// by handle. One per worker, on its thread. Receive side: srtp_prepare.cc, srtcp_prepare.cc; decision: srtp_commit.cc; send side:
// srtp_seal.cc.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "crypto/engine.h"
#include "dataplane/egress.h"
#include "dataplane/srtp_op.h"
#include "dataplane/worker_context.h"
#include "dataplane/worker_tables.h"

namespace mediaward::dataplane {

// A plaintext on its way to a worker that seals for a share of the receivers. Its packet is shared (PacketIo::share).
struct SharedPlaintext {
  Packet* packet;
  std::byte* data;
  std::uint64_t index;
  crypto::Handle stream;
  std::uint32_t bytes;
  std::uint16_t header_bytes;
  bool rtcp;
};
using ShareRing = SpscRing<SharedPlaintext>;

class SrtpService {
 public:
  // shares: by worker, the ring to it; nullptr for this worker itself.
  SrtpService(WorkerContext& context, WorkerTables& tables, Egress& egress, crypto::Engine& engine, std::size_t jobs,
              std::span<ShareRing* const> shares);

  // RFC 3711 §3.3 receiver steps 1-3 and the cheap replay test; queues open jobs. `items` is consumed.
  void prepare(std::span<const SrtpItem> items) noexcept;
  // Open barrier: one submission, then whatever the engine has completed. Returns jobs submitted.
  std::size_t open_barrier() noexcept;
  // Replay check-and-set of what is authentic, then on to the receivers. Returns packets committed.
  std::size_t commit() noexcept;
  // Jobs that get a second attempt (another key, another index): open barrier and commit must run again in this loop.
  [[nodiscard]] bool wants_retry() const noexcept { return !retry_queue_.empty(); }
  // A plaintext that another worker opened: served to this worker's share of the receivers.
  void serve_share(const SharedPlaintext& item) noexcept;
  // Seal barrier. Returns jobs submitted.
  std::size_t seal_barrier() noexcept;

  [[nodiscard]] std::size_t packets_in_flight() const noexcept { return packets_in_flight_; }
  // Two halves of the jobs in flight: when the older half is empty, nothing refers to what was unlinked before it was closed.
  [[nodiscard]] bool older_half_empty() const noexcept { return in_flight_[epoch_ ^ 1] == 0; }
  void close_half() noexcept { epoch_ ^= 1; }

 private:
  // srtp_prepare.cc
  void prefetch_streams(std::span<const SrtpItem> items) const noexcept;
  void prepare_one(const SrtpItem& item) noexcept;
  void prepare_rtp(const SrtpItem& item, bool learn) noexcept;
  void queue_open(SrtpOp* op) noexcept;
  // srtcp_prepare.cc
  void prepare_rtcp(const SrtpItem& item, bool learn) noexcept;

  // srtp_commit.cc
  inline void look_ahead(std::size_t i, std::size_t end) const noexcept;  // of opened_[i]
  static void prefetch_receivers(std::span<SrtpOp* const> ops) noexcept;
  void commit_one(SrtpOp& op) noexcept;
  [[gnu::cold]] void commit_unbound(SrtpOp& op) noexcept;
  [[gnu::cold]] void commit_failed(SrtpOp& op, const StreamRx& stream) noexcept;
  [[gnu::cold]] void try_again(SrtpOp& op, std::uint64_t index) noexcept;
  [[nodiscard]] inline bool commit_rtp(SrtpOp& op, const StreamRx& stream) noexcept;
  [[nodiscard, gnu::noinline]] bool commit_rtcp(SrtpOp& op, const StreamRx& stream) noexcept;
  [[nodiscard, gnu::noinline]] bool count_use(const SrtpOp& op) noexcept;
  [[gnu::cold]] void report_key(WorkerEvent::Kind kind, WorkerEvent::KeyRole role, std::uint64_t leg_id, std::uint32_t ssrc, std::uint64_t packets,
                  std::uint64_t limit) noexcept;
  [[gnu::cold]] void report_source(const SrtpOp& op) noexcept;
  [[gnu::noinline]] void drop_opened(SrtpOp& op, DropReason reason, std::uint64_t leg_id) noexcept;

  // srtp_seal.cc
  void hand_on(const StreamRx& stream, SrtpOp& op) noexcept;
  [[gnu::noinline]] void hand_on_relayed(const StreamRx& stream, SrtpOp& op) noexcept;
  [[gnu::cold]] void share_out(const StreamRx& stream, Plaintext plain) noexcept;
  [[gnu::always_inline]] inline void fan_out(const Fanout& to, const Plaintext& plain) noexcept;
  [[gnu::noinline]] void seal_group(const StreamRx& stream, Plaintext plain) noexcept;
  // group: the stream whose copies the sealed packet goes to; nullptr: to the entry's leg alone.
  [[gnu::always_inline]] inline void seal_rtp(const FanoutEntry& to, const Plaintext& plain, const StreamRx* group) noexcept;
  struct SealIndex {
    std::uint64_t index, offset;           // offset: what the index lies below the one received
  };
  [[nodiscard, gnu::noinline]] bool choose_index(const FanoutEntry& to, std::uint64_t received, const crypto::WideWindow* wide,
                                                 SealIndex& out) noexcept;
  [[gnu::noinline]] void seal_rtcp(const FanoutEntry& to, Plaintext plain, const StreamRx* group) noexcept;
  [[nodiscard, gnu::always_inline]] inline SrtpOp* begin_seal(const FanoutEntry& to, const Plaintext& plain, const StreamRx* group, std::uint32_t bytes,
                                   std::byte*& payload) noexcept;
  [[nodiscard]] Packet* take_group_packet(const LegTx& leg, const Plaintext& plain, std::uint32_t bytes) noexcept;
  [[nodiscard, gnu::cold]] bool may_seal(const FanoutEntry& to, std::uint64_t packets, bool rtcp) noexcept;
  void finish_seal(SrtpOp& op) noexcept;
  void finish_group(SrtpOp& op) noexcept;
  void send_copies(Packet& tail, const LegTx* const* to, std::uint32_t count) noexcept;
  void release_source(SealSource* source) noexcept;

  void submit(FixedList<crypto::Job>& queue) noexcept;
  void poll() noexcept;

  WorkerContext& context_;
  WorkerTables& tables_;
  Egress& egress_;
  crypto::Engine& engine_;
  std::vector<ShareRing*> shares_;
  Pool<SrtpOp> ops_;
  Pool<SealSource> sources_;
  FixedList<crypto::Job> open_queue_, retry_queue_, seal_queue_;
  FixedList<SrtpOp> opened_;
  std::vector<crypto::Job*> done_;
  std::size_t packets_in_flight_ = 0;   // packets that only this service knows of
  std::size_t in_flight_[2] = {0, 0};
  std::uint8_t epoch_ = 0;
};

}  // namespace mediaward::dataplane
