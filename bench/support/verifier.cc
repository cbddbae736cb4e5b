// SPDX-License-Identifier: Apache-2.0
// See verifier.h.
#include "bench/support/verifier.h"

#include <cstring>
#include <stdexcept>

#include "dataplane/checksum.h"
#include "dataplane/wire/ip.h"

namespace mediaward::bench {
namespace {

[[noreturn]] void wrong(const std::string& what) { throw std::runtime_error("output of the pipeline is wrong: " + what); }

}  // namespace

Verifier::Verifier(crypto::Suite suite, const std::vector<Flow>& flows, const PacketSource& source)
    : flows_(flows), source_(source), expected_(source.payload_bytes()) {
  receivers_.reserve(flows.size());
  for (const Flow& flow : flows) receivers_.emplace_back(suite, flow.send_key, test::SrtpPeer::Direction::kReceive);
}

void Verifier::check(std::size_t sender, std::uint64_t index, ConstBytes sealed) {
  packet_.resize(sealed.size());
  std::memcpy(packet_.data(), sealed.data(), sealed.size());
  const auto opened = receivers_[flows_[sender].partner].unprotect(packet_);
  if (!opened) wrong("libsrtp refuses a packet");
  if (opened->size() != kRtpHeaderBytes + source_.payload_bytes()) wrong("a packet has another length than was sent");
  source_.expected_payload(sender, index, expected_);
  if (std::memcmp(opened->data() + kRtpHeaderBytes, expected_.data(), expected_.size()) != 0) wrong("a payload is not what was sent");
  ++checked_;
}

void Verifier::check_frame(ConstBytes frame, std::uint64_t newest, bool whole_checksum) {
  if (frame.size() != source_.frame_bytes()) wrong("a frame has the wrong length");
  const std::byte* ip = frame.data() + 14;
  const std::byte* udp = frame.data() + 34;
  if (!dataplane::wire::ipv4_checksum_good({ip, 20})) wrong("an IP header has a bad checksum");
  const auto pseudo = dataplane::pseudo_header_v4(ip + 12, ip + 16, dataplane::wire::kProtocolUdp, load_be16(udp + 4));
  const bool good = whole_checksum ? dataplane::udp_checksum_good(pseudo, {udp, frame.size() - 34})
                                   : load_raw<std::uint16_t>(udp + 6) == dataplane::udp_partial_checksum(pseudo).raw();
  if (!good) wrong("a UDP checksum is bad");
  const std::size_t receiver = (load_be16(udp) - std::size_t{flows_[0].local_port}) / 2;
  if (receiver >= flows_.size() || load_be16(udp + 2) != flows_[receiver].remote_port) wrong("a frame goes to nobody");
  if (load_be32(frame.data() + 30) != flows_[receiver].remote_address) wrong("a frame goes to another address");
  const std::byte* rtp = frame.data() + kFrameHeaderBytes;
  const std::size_t sender = flows_[receiver].partner;
  if (load_be32(rtp + 8) != flows_[sender].ssrc) wrong("a frame carries another SSRC");
  const auto behind = static_cast<std::uint16_t>(static_cast<std::uint16_t>(newest) - load_be16(rtp + 2));
  check(sender, newest - behind, {rtp, frame.size() - kFrameHeaderBytes});
}

}  // namespace mediaward::bench
