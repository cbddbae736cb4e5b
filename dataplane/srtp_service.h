// SPDX-License-Identifier: Apache-2.0
// The SRTP conference service: opens what a participant sent once and seals it for every other participant.
// Turns a lane of packets into open jobs, commits what came back authentic, makes one seal job per receiver straight into that
// receiver's outgoing packet, and hands finished packets to the egress. Knows nothing of engines' timing: a completion may come
// loops later, and is matched against the tables by handle. One per worker, on its thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "crypto/engine.h"
#include "dataplane/egress.h"
#include "dataplane/worker_context.h"
#include "dataplane/worker_tables.h"

namespace mediaward::dataplane {

// A packet of the SRTP lane: classified, its leg found, nothing parsed behind UDP yet.
struct SrtpItem {
  Packet* packet;
  const LegRx* leg;
  std::byte* payload;       // UDP payload
  std::uint32_t bytes;      // of UDP payload
  const std::byte* source;  // source address in the IP header (4 or 16 bytes)
};

// A job with what the service must know when it comes back.
struct SrtpOp : crypto::Job {
  Packet* packet = nullptr;   // open: the received packet, decrypted in place; seal: the outgoing packet
  Packet* source = nullptr;   // seal: the plaintext's packet, kept until its last seal is done
  std::uint64_t index = 0;    // open: estimated packet index
  std::uint8_t epoch = 0;     // which half of the in-flight count it belongs to
};

class SrtpService {
 public:
  SrtpService(WorkerContext& context, WorkerTables& tables, Egress& egress, crypto::Engine& engine, std::size_t jobs);

  // RFC 3711 §3.3 receiver steps 1-3 and the cheap replay test; queues open jobs. `items` is consumed.
  void prepare(std::span<const SrtpItem> items) noexcept;
  // Open barrier: one submission, then whatever the engine has completed. Returns jobs submitted.
  std::size_t open_barrier() noexcept;
  // Replay check-and-set of what is authentic, then the fan-out. Returns packets committed.
  std::size_t commit() noexcept;
  // Seal barrier. Returns jobs submitted.
  std::size_t seal_barrier() noexcept;

  [[nodiscard]] std::size_t packets_in_flight() const noexcept { return packets_in_flight_; }
  // Two halves of the jobs in flight: when the older half is empty, nothing refers to what was unlinked before it was closed.
  [[nodiscard]] bool older_half_empty() const noexcept { return in_flight_[epoch_ ^ 1] == 0; }
  void close_half() noexcept { epoch_ ^= 1; }

 private:
  void prepare_one(const SrtpItem& item) noexcept;
  void prefetch_for_commit(std::size_t i, std::size_t n) const noexcept;
  void commit_one(SrtpOp& op) noexcept;
  void fan_out(const StreamRx& stream, SrtpOp& op) noexcept;
  void seal_for(const FanoutEntry& to, const SrtpOp& op) noexcept;
  void finish_seal(SrtpOp& op) noexcept;
  void drop_opened(SrtpOp& op, DropReason reason, std::uint64_t leg_id) noexcept;
  void submit(std::vector<crypto::Job*>& queue) noexcept;
  void poll() noexcept;
  void release_source(Packet* packet) noexcept;
  [[nodiscard]] SrtpOp* take_op() noexcept;
  void give_back(SrtpOp* op) noexcept { free_[free_count_++] = op; }

  WorkerContext& context_;
  WorkerTables& tables_;
  Egress& egress_;
  crypto::Engine& engine_;
  std::vector<SrtpOp> ops_;
  std::vector<SrtpOp*> free_;
  std::size_t free_count_ = 0;
  std::vector<crypto::Job*> open_queue_, seal_queue_;
  std::vector<SrtpOp*> opened_;
  std::vector<crypto::Job*> done_;
  std::size_t packets_in_flight_ = 0;   // packets that only this service knows of
  std::size_t in_flight_[2] = {0, 0};
  std::uint8_t epoch_ = 0;
};

}  // namespace mediaward::dataplane
