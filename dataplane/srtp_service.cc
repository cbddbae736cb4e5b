// SPDX-License-Identifier: Apache-2.0
// See srtp_service.h: the two barriers to the crypto engine, and the pools. The worker's own thread; nothing here allocates, locks or
// waits.
#include "dataplane/srtp_service.h"

namespace mediaward::dataplane {

SrtpService::SrtpService(WorkerContext& context, WorkerTables& tables, Egress& egress, crypto::Engine& engine, std::size_t jobs,
                         std::span<ShareRing* const> shares)
    : context_(context),
      tables_(tables),
      egress_(egress),
      engine_(engine),
      shares_(shares.begin(), shares.end()),
      ops_(jobs),
      sources_(jobs),
      open_queue_(jobs),
      retry_queue_(jobs),
      seal_queue_(jobs),
      opened_(jobs),
      done_(jobs) {}

std::size_t SrtpService::open_barrier() noexcept {
  const std::size_t n = open_queue_.size() + retry_queue_.size();
  submit(open_queue_);
  submit(retry_queue_);
  poll();
  return n;
}

std::size_t SrtpService::seal_barrier() noexcept {
  const std::size_t n = seal_queue_.size();
  submit(seal_queue_);
  poll();
  return n;
}

void SrtpService::submit(FixedList<crypto::Job>& queue) noexcept {
  if (queue.empty()) return;
  const std::size_t taken = engine_.submit(queue.span());
  if (&queue == &retry_queue_) {  // it belongs to the half it began in: what it refers to may have been unlinked since
    for (std::size_t i = 0; i < taken; ++i) ++in_flight_[static_cast<SrtpOp*>(queue[i])->epoch];
  } else {
    in_flight_[epoch_] += taken;
  }
  for (std::size_t i = taken; i < queue.size(); ++i) {  // the device's queue is full
    auto* op = static_cast<SrtpOp*>(queue[i]);
    --packets_in_flight_;
    context_.drop(op->packet, DropReason::kEngineFull);
    if (crypto::is_seal(op->op)) release_source(op->source);
    ops_.give_back(op);
  }
  queue.clear();
}

void SrtpService::poll() noexcept {
  const std::size_t n = engine_.poll(done_);
  for (std::size_t i = 0; i < n; ++i) {
    auto& op = static_cast<SrtpOp&>(*done_[i]);
    if (crypto::is_seal(op.op)) {
      --in_flight_[op.epoch];
      finish_seal(op);
    } else {
      opened_.push_back(&op);  // in flight until it is committed: it names its leg
    }
  }
}

}  // namespace mediaward::dataplane
