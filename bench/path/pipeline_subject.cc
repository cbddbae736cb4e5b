// SPDX-License-Identifier: Apache-2.0
// See pipeline_subject.h.
#include "bench/path/pipeline_subject.h"

#include <stdexcept>

#include "bench/support/cpu_clock.h"
#include "dataplane/neighbour.h"

namespace mediaward::bench {

PipelineSubject::PipelineSubject(crypto::CryptoProvider& provider, crypto::CryptoProvider& sealer, crypto::Suite suite, std::size_t payload_bytes,
                                 bool checksum_offload)
    : flows_(make_flows(suite)),
      checksum_offload_(checksum_offload),
      source_(sealer, suite, flows_, payload_bytes),
      verifier_(suite, flows_, source_) {
  dataplane::PortCapabilities capabilities;
  capabilities.tx_udp_checksum = checksum_offload;
  auto io = std::make_unique<RingIo>(kBuffers, capabilities);
  io_ = io.get();
  auto core = dataplane::Core::create(make_settings(std::move(io)), provider);
  if (!core) throw std::runtime_error(core.error().message);
  core_ = std::move(*core);
  if (auto applied = core_->submit(make_operations(suite, flows_), {}); !applied) throw std::runtime_error(applied.error().message);
  while (!core_->applied()) core_->worker(0).run_once();
  core_->collect();
}

// Neighbours are confirmed as live ARP would keep them, so that no request or hold queue is part of a slice.
void PipelineSubject::resolve_neighbours() {
  for (const auto& hop : core_->neighbours(0).entries())
    if (hop != nullptr) dataplane::confirm_neighbour(*hop, kPeerMac, ticks());
}

std::uint64_t PipelineSubject::run_slice(bool verify) {
  resolve_neighbours();
  source_.fill(io_->load(kSlicePackets));
  dataplane::Worker& worker = core_->worker(0);
  const std::uint64_t begin = ticks();
  while (io_->pending() != 0) worker.run_once();
  const std::uint64_t spent = ticks() - begin;
  check_counters();
  if (verify)
    for (const dataplane::Packet* packet : io_->sent())
      verifier_.check_frame({packet->data, packet->bytes}, PacketSource::index_at(source_.position() - 1), !checksum_offload_);
  return spent;
}

void PipelineSubject::check_counters() {
  const dataplane::WorkerBlock& block = std::as_const(*core_).stats().block(0);
  sealed_ += kSlicePackets;
  if (block.counters[static_cast<std::size_t>(dataplane::Counter::kSrtpSealed)] != sealed_ || block.leaked != 0 || block.held != 0)
    throw std::runtime_error("packets of the benchmark were dropped");
}

StageTicks PipelineSubject::stages() const {
  const dataplane::WorkerBlock& block = std::as_const(*core_).stats().block(0);
  StageTicks out;
  for (std::size_t i = 0; i < dataplane::kStageCount; ++i) out.ticks[i] = block.stages[i].cycles;
  return out;
}

}  // namespace mediaward::bench
