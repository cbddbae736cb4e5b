// SPDX-License-Identifier: Apache-2.0
// Opens what left the pipeline with libsrtp, as the receiving participant would, and compares the payload with what was sent to it:
// a benchmark whose output is wrong measures nothing. Runs between timed slices on a sample. The benchmark's thread.
#pragma once

#include <map>
#include <vector>

#include "bench/support/packet_source.h"
#include "tests/support/srtp_peer.h"

namespace mediaward::bench {

class Verifier {
 public:
  Verifier(const Conferences& conferences, const PacketSource& source)
      : conferences_(conferences), source_(source), expected_(source.payload_bytes()) {}

  // sealed: an RTP packet with its tag, of this stream and SRTP index, for this participant. Throws when wrong.
  void check(std::size_t receiver, std::size_t stream, std::uint64_t index, ConstBytes sealed);
  // A whole frame, in one piece or two: who it is for and of is told from its addresses and SSRC, its index from the sequence number,
  // which must be near the stream's newest. whole_checksum: the UDP checksum must be complete, not only the pseudo header's part
  // that a port goes on from.
  void check_frame(const dataplane::Packet& packet, bool whole_checksum);
  [[nodiscard]] std::uint64_t checked() const noexcept { return checked_; }

 private:
  // Of so many participants at most a session is kept; one of libsrtp over NSS takes 29 kB.
  static constexpr std::size_t kMaxSessions = 1024;

  [[nodiscard]] test::SrtpPeer& session(std::size_t receiver, std::size_t stream, std::uint64_t index);
  void check_headers(ConstBytes frame, std::size_t receiver, bool whole_checksum) const;

  const Conferences& conferences_;
  const PacketSource& source_;
  std::map<std::pair<std::size_t, std::size_t>, test::SrtpPeer> sessions_;  // by receiver and stream
  std::vector<std::byte> frame_;
  std::vector<std::uint8_t> packet_;
  std::vector<std::byte> expected_;
  std::uint64_t checked_ = 0;
};

}  // namespace mediaward::bench
