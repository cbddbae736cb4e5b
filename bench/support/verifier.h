// SPDX-License-Identifier: Apache-2.0
// Opens what left the pipeline with libsrtp, as the receiving participant would, and compares the payload with what its partner sent:
// a benchmark whose output is wrong measures nothing. Runs between timed slices on a sample. The benchmark's thread.
#pragma once

#include <vector>

#include "bench/support/packet_source.h"
#include "tests/support/srtp_peer.h"

namespace mediaward::bench {

class Verifier {
 public:
  Verifier(crypto::Suite suite, const std::vector<Flow>& flows, const PacketSource& source);

  // sealed: an RTP packet with its tag, for the receiver of `flow` (its stream's sender), of this SRTP index. Throws when wrong.
  void check(std::size_t sender, std::uint64_t index, ConstBytes sealed);
  // A whole frame: sender and receiver are told from its addresses; index from its sequence number, which must be near `newest`.
  // whole_checksum: the UDP checksum must be complete, not only the pseudo header's part that a port goes on from.
  void check_frame(ConstBytes frame, std::uint64_t newest, bool whole_checksum);
  [[nodiscard]] std::uint64_t checked() const noexcept { return checked_; }

 private:
  const std::vector<Flow>& flows_;
  const PacketSource& source_;
  std::vector<test::SrtpPeer> receivers_;  // by receiving flow
  std::vector<std::uint8_t> packet_;
  std::vector<std::byte> expected_;
  std::uint64_t checked_ = 0;
};

}  // namespace mediaward::bench
