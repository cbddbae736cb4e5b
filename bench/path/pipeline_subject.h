// SPDX-License-Identifier: Apache-2.0
// The whole packet path but port input and output: a real Core with one worker over a RingIo, the conferences applied through a real
// transaction. What is timed is Worker::run_once until the receive ring is empty, 32 loops of one burst. One thread.
#pragma once

#include <memory>

#include "bench/path/subject.h"
#include "bench/support/conferences.h"
#include "bench/support/packet_source.h"
#include "bench/support/ring_io.h"
#include "bench/support/verifier.h"

namespace mediaward::bench {

class PipelineSubject final : public Subject {
 public:
  // provider: whose engine the worker uses; sealer: whose engine makes the participants' packets.
  PipelineSubject(crypto::CryptoProvider& provider, crypto::CryptoProvider& sealer, crypto::Suite suite, std::size_t payload_bytes,
                  bool checksum_offload);

  std::uint64_t run_slice(bool verify) override;
  [[nodiscard]] StageTicks stages() const override;
  [[nodiscard]] std::uint64_t verified_packets() const override { return verifier_.checked(); }
  [[nodiscard]] std::uint64_t proved_packets() const override { return source_.proved_packets(); }

 private:
  static constexpr std::size_t kBuffers = 2048;

  void resolve_neighbours();
  void check_counters();

  const std::vector<Flow> flows_;
  const bool checksum_offload_;
  PacketSource source_;
  Verifier verifier_;
  RingIo* io_ = nullptr;  // owned by core_
  std::unique_ptr<dataplane::Core> core_;
  std::uint64_t sealed_ = 0;
};

}  // namespace mediaward::bench
