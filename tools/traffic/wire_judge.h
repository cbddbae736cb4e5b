// SPDX-License-Identifier: Apache-2.0
// What is the same for every packet that reaches a participant, SRTP and SRTCP alike: MAC, source address and port, DSCP, IP checksum,
// MKI. Counts into the flow's findings; knows no keys beyond where an MKI lies. The receiving thread.
#pragma once

#include <cstring>

#include "tools/traffic/findings.h"
#include "tools/traffic/frame.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

// RFC 5761 §4: the byte in which RTP has marker and payload type holds 192 to 223 for RTCP.
[[nodiscard]] inline bool is_rtcp(const UdpView& view) noexcept {
  return view.payload_bytes >= 2 && (static_cast<unsigned>(view.payload[1]) & 0xe0u) == 0xc0u;
}

inline void judge_wire(const UdpView& view, const Participant& receiver, bool rtcp, Findings& findings) noexcept {
  if (std::memcmp(view.ethernet, receiver.mac.data(), receiver.mac.size()) != 0) findings.note(Finding::kWrongMac);
  const bool source_good = view.v6 == receiver.local.v6 &&
                           std::memcmp(view.source(), receiver.local.bytes.data(), receiver.local.size()) == 0 &&
                           view.source_port() == (rtcp ? receiver.local_rtcp_port : receiver.local_port);
  if (!source_good) findings.note(Finding::kWrongSource);
  if (view.destination_port() != (rtcp ? receiver.remote_rtcp_port : receiver.remote_port)) findings.note(Finding::kWrongPort);
  if (view.dscp() != receiver.dscp) findings.note(Finding::kWrongDscp);
  if (!view.ip_checksum_good()) findings.note(Finding::kBadIpChecksum);
}

// True when the bytes that begin `from_end` before the packet's end are this MKI; a packet without room for it has none.
[[nodiscard]] inline bool has_mki(const UdpView& view, std::size_t from_end, const MasterKey& key) noexcept {
  return key.mki.empty() || (view.payload_bytes >= kRtpHeaderBytes + from_end &&
                             std::memcmp(view.payload + view.payload_bytes - from_end, key.mki.data(), key.mki.size()) == 0);
}

}  // namespace mediaward::tools::traffic
