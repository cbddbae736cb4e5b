// SPDX-License-Identifier: Apache-2.0
// An engine alone, as a yardstick of the pipeline: submit and poll on prepared jobs, the same packets, bursts, keys and buffers as
// the pipeline has. A burst is opened in place and sealed out of place under the receivers' keys. Jobs are written between the timed
// pieces, so that they are as hot as the pipeline's; no parsing, index, replay or header work is timed. Calls of two only. One thread.
#pragma once

#include <memory>

#include "bench/path/subject.h"
#include "bench/support/conferences.h"
#include "bench/support/key_ring.h"
#include "bench/support/packet_source.h"
#include "bench/support/ring_io.h"
#include "bench/support/verifier.h"

namespace mediaward::bench {

class EngineSubject final : public Subject {
 public:
  EngineSubject(crypto::CryptoProvider& provider, crypto::Suite suite, std::size_t payload_bytes);

  SliceTicks run_slice(bool verify) override;
  [[nodiscard]] std::uint64_t verified_packets() const override { return verifier_.checked(); }
  [[nodiscard]] std::uint64_t proved_packets() const override { return source_.proved_packets(); }

 private:
  static constexpr std::size_t kBuffers = 2048;
  using Packets = std::span<dataplane::Packet* const>;

  void prepare_open(Packets packets, std::size_t first);
  void prepare_seal(Packets packets, Packets out, std::size_t first);
  void check(Packets out, std::size_t first);
  [[nodiscard]] std::uint64_t run_burst();

  const Conferences conferences_;
  PacketSource source_;
  Verifier verifier_;
  KeyRing receive_keys_, send_keys_;  // by stream: the sender's, its listener's
  std::unique_ptr<crypto::Engine> engine_;
  RingIo io_;
  std::vector<crypto::Job> jobs_;
  std::array<crypto::Job*, kBurst> burst_{}, done_{};
};

}  // namespace mediaward::bench
