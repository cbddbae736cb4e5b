// SPDX-License-Identifier: Apache-2.0
// Compound RTCP packets as participants send them (RFC 3550 §6.1): a sender or receiver report first, then SDES with a CNAME.
// Writes and looks up what reports need; knows nothing of SRTCP. Any thread; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "crypto/bytes.h"

namespace mediaward::tools::traffic {

inline constexpr std::size_t kRtcpHeaderBytes = 8;  // of the first packet, with the SSRC of who reports
inline constexpr std::size_t kMaxReportBlocks = 31;
inline constexpr std::size_t kMaxCompoundBytes = 28 + 24 * kMaxReportBlocks + 8 + 2 + 255 + 4;

struct SenderInfo {  // RFC 3550 §6.4.1
  std::uint64_t ntp = 0;
  std::uint32_t rtp_timestamp = 0, packets = 0, octets = 0;
};

struct ReportBlock {
  std::uint32_t ssrc = 0;
  std::uint8_t fraction_lost = 0;
  std::uint32_t lost = 0;         // 24 bits
  std::uint32_t highest_seq = 0;  // cycles ‖ sequence number
  std::uint32_t last_sr = 0, since_last_sr = 0;
};

// Writes SR (with `sender`) or RR (without), then SDES; returns the length. `out` has kMaxCompoundBytes. A CNAME of 255 bytes at most.
[[nodiscard]] std::size_t write_compound(Bytes out, std::uint32_t ssrc, const std::optional<SenderInfo>& sender,
                                         std::span<const ReportBlock> blocks, std::string_view cname) noexcept;

// The middle 32 bits of the NTP time of a sender report: what goes back as LSR.
[[nodiscard]] std::optional<std::uint32_t> middle_ntp(ConstBytes compound) noexcept;

[[nodiscard]] std::uint64_t ntp_now() noexcept;  // RFC 3550 §4: seconds since 1900 ‖ fraction

}  // namespace mediaward::tools::traffic
