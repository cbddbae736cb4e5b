// SPDX-License-Identifier: Apache-2.0
// See pipeline_subject.h.
#include "bench/path/pipeline_subject.h"

#include <algorithm>
#include <stdexcept>

#include "bench/support/cpu_clock.h"
#include "dataplane/neighbour.h"

namespace mediaward::bench {

PipelineSubject::PipelineSubject(crypto::CryptoProvider& provider, crypto::CryptoProvider& sealer, const Shape& shape,
                                 const PipelineOptions& options)
    : conferences_(shape), options_(options), source_(sealer, conferences_, options.payload_bytes), verifier_(conferences_, source_) {
  dataplane::PortCapabilities capabilities;
  capabilities.tx_udp_checksum = options.checksum_offload;
  capabilities.tx_chains = true;
  auto io = std::make_unique<RingIo>(buffers(), capabilities);
  io_ = io.get();
  auto core = dataplane::Core::create(conferences_.settings(std::move(io)), provider);
  if (!core) throw std::runtime_error(core.error().message);
  core_ = std::move(*core);
  applied_ = conferences_.apply(*core_);
}

// What a loop sends at most, what the transmit ring holds, and a slice; twice as many as are needed with a receiver each.
std::size_t PipelineSubject::buffers() const {
  const std::size_t per_loop = std::min<std::size_t>(kBurst * conferences_.receivers(), dataplane::CoreLimits{}.jobs_per_worker);
  return std::max<std::size_t>(2048, options_.slice_packets + per_loop + 4 * RingIo::kTxRing);
}

// Neighbours are confirmed as live ARP would keep them, so that no request or hold queue is part of a slice.
void PipelineSubject::resolve_neighbours() {
  for (const auto& hop : core_->neighbours(0).entries())
    if (hop != nullptr) dataplane::confirm_neighbour(*hop, kPeerMac, ticks());
}

SliceTicks PipelineSubject::run_slice(bool verify) {
  resolve_neighbours();
  source_.fill(io_->load(options_.slice_packets));
  dataplane::Worker& worker = core_->worker(0);
  const std::uint64_t begin = ticks();
  while (io_->pending() != 0) worker.run_once();
  const std::uint64_t spent = ticks() - begin;
  check_counters();
  if (verify)
    for (const dataplane::Packet* packet : io_->sent()) verifier_.check_frame(*packet, !options_.checksum_offload);
  return {spent, 0};
}

void PipelineSubject::check_counters() {
  const dataplane::WorkerBlock& block = std::as_const(*core_).stats().block(0);
  const std::size_t out = options_.slice_packets * conferences_.receivers();
  sealed_ += conferences_.group() ? options_.slice_packets : out;
  copied_ += conferences_.group() ? out : 0;
  const auto counted = [&](dataplane::Counter c) { return block.counters[static_cast<std::size_t>(c)]; };
  if (counted(dataplane::Counter::kSrtpSealed) != sealed_ || counted(dataplane::Counter::kSrtpCopied) != copied_ || block.leaked != 0 ||
      block.held != 0)
    throw std::runtime_error("packets of the benchmark were dropped");
}

StageTicks PipelineSubject::stages() const {
  const dataplane::WorkerBlock& block = std::as_const(*core_).stats().block(0);
  StageTicks out;
  for (std::size_t i = 0; i < dataplane::kStageCount; ++i) out.ticks[i] = block.stages[i].cycles;
  return out;
}

}  // namespace mediaward::bench
