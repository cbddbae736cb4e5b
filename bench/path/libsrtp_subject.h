// SPDX-License-Identifier: Apache-2.0
// libsrtp as Debian builds it (NSS) on the same packets and keys: unprotect and protect, packet by packet, one session per direction
// and participant. It does the same SRTP work as the pipeline (index, replay window, tag, cipher) and nothing of the rest: no
// classification, no lookup, no buffer of its own for what goes out. Calls of two only. One thread.
#pragma once

#include <srtp2/srtp.h>

#include <vector>

#include "bench/path/subject.h"
#include "bench/support/packet_source.h"
#include "bench/support/ring_io.h"
#include "bench/support/verifier.h"

namespace mediaward::bench {

class LibsrtpSubject final : public Subject {
 public:
  // sealer: whose engine makes the participants' packets.
  LibsrtpSubject(crypto::CryptoProvider& sealer, crypto::Suite suite, std::size_t payload_bytes);
  LibsrtpSubject(const LibsrtpSubject&) = delete;
  LibsrtpSubject& operator=(const LibsrtpSubject&) = delete;
  ~LibsrtpSubject() override;

  SliceTicks run_slice(bool verify) override;
  [[nodiscard]] std::size_t slice_packets() const override { return kPackets; }
  [[nodiscard]] std::uint64_t verified_packets() const override { return verifier_.checked(); }
  [[nodiscard]] std::uint64_t proved_packets() const override { return source_.proved_packets(); }

 private:
  static constexpr std::size_t kPackets = 256;  // about 1 ms

  const Conferences conferences_;
  PacketSource source_;
  Verifier verifier_;
  RingIo io_;
  std::vector<srtp_t> open_, seal_;  // by stream
};

}  // namespace mediaward::bench
