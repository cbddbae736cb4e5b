// SPDX-License-Identifier: Apache-2.0
// See verifier.h.
#include "bench/support/verifier.h"

#include <cstring>
#include <stdexcept>

#include "dataplane/checksum.h"
#include "dataplane/wire/ip.h"

namespace mediaward::bench {
namespace {

[[noreturn]] void wrong(const std::string& what) {
  throw std::runtime_error("output of the benchmark is wrong: " + what);
}

}  // namespace

// A session that begins in mid-stream has to be told the roll-over counter, as any receiver that joins late.
test::SrtpPeer& Verifier::session(std::size_t receiver, std::size_t stream, std::uint64_t index) {
  const auto key = std::pair(receiver, stream);
  if (const auto it = sessions_.find(key); it != sessions_.end()) return it->second;
  if (sessions_.size() == kMaxSessions) sessions_.clear();
  auto& peer = sessions_
                   .try_emplace(key, conferences_.suite().id, conferences_.send_key(receiver), test::SrtpPeer::Direction::kReceive,
                                Conferences::ssrc(stream))
                   .first->second;
  peer.set_roc(Conferences::ssrc(stream), static_cast<std::uint32_t>(index >> 16));
  return peer;
}

void Verifier::check(std::size_t receiver, std::size_t stream, std::uint64_t index, ConstBytes sealed) {
  packet_.resize(sealed.size());
  std::memcpy(packet_.data(), sealed.data(), sealed.size());
  const auto opened = session(receiver, stream, index).unprotect(packet_);
  if (!opened) wrong("libsrtp refuses a packet");
  if (opened->size() != kRtpHeaderBytes + source_.payload_bytes()) wrong("a packet has another length than was sent");
  source_.expected_payload(stream, index, expected_);
  if (std::memcmp(opened->data() + kRtpHeaderBytes, expected_.data(), expected_.size()) != 0) wrong("a payload is not what was sent");
  ++checked_;
}

void Verifier::check_frame(const dataplane::Packet& packet, bool whole_checksum) {
  frame_.clear();
  for (const auto* segment = &packet; segment != nullptr; segment = segment->next)
    frame_.insert(frame_.end(), segment->data, segment->data + segment->bytes);
  if (frame_.size() != source_.frame_bytes()) wrong("a frame has the wrong length");
  const std::size_t receiver = Conferences::participant_at(load_be32(frame_.data() + 26), load_be16(frame_.data() + 34));
  if (receiver >= conferences_.participants()) wrong("a frame comes from nobody");
  check_headers(frame_, receiver, whole_checksum);
  const std::byte* rtp = frame_.data() + kFrameHeaderBytes;
  const std::size_t stream = Conferences::stream_of(load_be32(rtp + 8));
  if (stream >= conferences_.streams() || conferences_.sender(stream) == receiver ||
      conferences_.conference(conferences_.sender(stream)) != conferences_.conference(receiver))
    wrong("a frame carries an SSRC that its receiver does not hear");
  const std::uint64_t newest = source_.newest(stream);
  const auto behind = static_cast<std::uint16_t>(static_cast<std::uint16_t>(newest) - load_be16(rtp + 2));
  check(receiver, stream, newest - behind, {rtp, frame_.size() - kFrameHeaderBytes});
}

void Verifier::check_headers(ConstBytes frame, std::size_t receiver, bool whole_checksum) const {
  const std::byte* ip = frame.data() + 14;
  const std::byte* udp = frame.data() + 34;
  if (!dataplane::wire::ipv4_checksum_good({ip, 20})) wrong("an IP header has a bad checksum");
  const auto pseudo = dataplane::pseudo_header_v4(ip + 12, ip + 16, dataplane::wire::kProtocolUdp, load_be16(udp + 4));
  const bool good = whole_checksum ? dataplane::udp_checksum_good(pseudo, {udp, frame.size() - 34})
                                   : load_raw<std::uint16_t>(udp + 6) == dataplane::udp_partial_checksum(pseudo).raw();
  if (!good) wrong("a UDP checksum is bad");
  const Endpoint to = conferences_.endpoint(receiver);
  if (load_be32(ip + 16) != to.remote_address || load_be16(udp + 2) != to.remote_port) wrong("a frame goes to another address");
}

}  // namespace mediaward::bench
