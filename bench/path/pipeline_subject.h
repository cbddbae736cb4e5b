// SPDX-License-Identifier: Apache-2.0
// The whole packet path but port input and output: a real Core with one worker over a RingIo, the conferences applied through real
// transactions. What is timed is Worker::run_once until the receive ring is empty, a burst per loop. One thread.
#pragma once

#include <memory>
#include <string>

#include "bench/path/subject.h"
#include "bench/support/conferences.h"
#include "bench/support/packet_source.h"
#include "bench/support/ring_io.h"
#include "bench/support/verifier.h"

namespace mediaward::bench {

struct PipelineOptions {
  std::size_t payload_bytes = 160;
  bool checksum_offload = true;               // the port fills UDP checksums
  std::size_t slice_packets = kSlicePackets;  // received, per slice
};

class PipelineSubject final : public Subject {
 public:
  // provider: whose engine the worker uses; sealer: whose engine makes the participants' packets.
  PipelineSubject(crypto::CryptoProvider& provider, crypto::CryptoProvider& sealer, const Shape& shape, const PipelineOptions& options);

  SliceTicks run_slice(bool verify) override;
  [[nodiscard]] std::size_t slice_packets() const override { return options_.slice_packets; }
  [[nodiscard]] StageTicks stages() const override;
  [[nodiscard]] std::uint64_t verified_packets() const override { return verifier_.checked(); }
  [[nodiscard]] std::uint64_t proved_packets() const override { return source_.proved_packets(); }

  void set_order(Order order) { source_.set_order(order); }
  [[nodiscard]] const ApplyTicks& applied() const noexcept { return applied_; }
  [[nodiscard]] std::size_t legs() const noexcept { return conferences_.participants(); }
  [[nodiscard]] std::string key_pages() const { return std::string(core_->keys().page_kind()); }

 private:
  [[nodiscard]] std::size_t buffers() const;
  void resolve_neighbours();
  void check_counters();

  const Conferences conferences_;
  const PipelineOptions options_;
  PacketSource source_;
  Verifier verifier_;
  RingIo* io_ = nullptr;  // owned by core_
  std::unique_ptr<dataplane::Core> core_;
  ApplyTicks applied_;
  std::uint64_t sealed_ = 0, copied_ = 0;
};

}  // namespace mediaward::bench
