// SPDX-License-Identifier: Apache-2.0
// The list of hostile packets and what each is called. Data only; how each is made is in hostile.cc and hostile_rtcp.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "crypto/error.h"

namespace mediaward::tools::traffic {

enum class HostileKind : std::uint8_t {
  kTamperHeader,  // a bit of the RTP timestamp; ahead of the genuine packet, so that its index is still fresh
  kTamperPayload,
  kTamperTag,
  kReplayAtOnce,     // right behind the genuine packet
  kReplayLate,       // 50 packets later: inside the window
  kReplayOld,        // 400 packets later: behind a window of usual size
  kStrangerAddress,  // a genuine packet from an address nobody has
  kStrangerPort,     // a genuine packet from another UDP port
  kUnusedPort,       // to a UDP port of the appliance that no leg has
  kUnknownSsrc,
  kStun,
  kDtls,
  kJunk,        // a first byte that no protocol on media ports has
  kBadVersion,  // RTP of another version
  kTruncated,   // an RTP header without room for a tag
  kBadMki,      // an MKI that names no key
  kRtpToRtcp,   // SRTP to the RTCP port
  kSrtcpTag,
  kSrtcpReplay,
  kSrtcpOld,           // the first report, hundreds later
  kSrtcpPlain,         // authentic, but E = 0
  kSrtcpTruncated,     // no room for index and tag
  kSrtcpUnknownSsrc,   // authentic, of an SSRC nobody announced
  kSrtcpBadMki,
  kSrtcpMalformed,     // authentic, but its lengths do not add up
  kSrtcpStranger,      // a fresh report from an address nobody has
  kRtcpToRtp,          // SRTCP to the SRTP port
  kCount
};
inline constexpr std::size_t kHostileKinds = static_cast<std::size_t>(HostileKind::kCount);

struct HostileInfo {
  std::string_view name;         // in reports and on the command line
  std::string_view group;        // on the command line
  std::string_view drop_reason;  // of the appliance; "" where the replay window decides
  bool before_genuine;           // sent ahead of the packet it copies
  std::uint32_t distance;        // how many packets of its stream must have been sent
};
[[nodiscard]] const HostileInfo& info(HostileKind kind) noexcept;
[[nodiscard]] constexpr bool is_srtcp(HostileKind kind) noexcept {
  return kind >= HostileKind::kSrtcpTag;
}

// "tamper,replay" → kinds. Groups: tamper, replay, stranger, unknown-ssrc, junk, mki, srtcp, all. Single kinds go by their names.
[[nodiscard]] Result<std::vector<HostileKind>> parse_hostile(std::string_view list);

}  // namespace mediaward::tools::traffic
