// SPDX-License-Identifier: Apache-2.0
// What can be wrong with a packet that comes back, and counts of it. A packet may be wrong in several ways: each is counted.
// Plain data; the receiving thread writes, reports read after the run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mediaward::tools::traffic {

enum class Finding : std::uint8_t {
  kDuplicate,
  kOutOfOrder,  // not in the order in which the appliance got them
  kWrongKey,    // libsrtp: authentication failed
  kNotOpened,   // libsrtp refused for another reason
  kWrongTag,    // not opened: its tag is not the one libsrtp computed beforehand
  kWrongPayload,
  kWrongHeader,  // RTP header differs from the sender's
  kWrongLength,
  kWrongMki,      // MKI missing, or not that of the key in force
  kPlaintext,     // the payload lay in the clear
  kNotIdentical,  // group key: not the same bytes that another receiver got
  kAltered,       // relay: not the bytes that the sender sent
  kWrongMac,      // not addressed to the MAC that this host announced
  kWrongSource,
  kWrongPort,  // SRTCP where this participant expects SRTP, or the other way round
  kWrongDscp,
  kBadIpChecksum,
  kBadUdpChecksum,
  kNeverSent,     // a packet that the sender has not sent, or one that had to be dropped
  kUnencrypted,   // SRTCP with E = 0 although its suite encrypts
  kWrongIndex,    // SRTCP index that repeats or goes back
  kCount
};
inline constexpr std::size_t kFindings = static_cast<std::size_t>(Finding::kCount);

[[nodiscard]] constexpr std::string_view name(Finding finding) noexcept {
  constexpr std::array<std::string_view, kFindings> kNames{
      "duplicate", "out-of-order",  "wrong-key", "not-opened", "wrong-tag",    "wrong-payload", "wrong-header",
      "wrong-length", "wrong-mki",  "plaintext", "not-identical", "altered",   "wrong-mac",     "wrong-source",
      "wrong-port", "wrong-dscp",   "bad-ip-checksum", "bad-udp-checksum", "never-sent", "unencrypted", "wrong-index"};
  return kNames[static_cast<std::size_t>(finding)];
}

struct Findings {
  std::array<std::uint32_t, kFindings> counts{};

  void note(Finding finding) noexcept { ++counts[static_cast<std::size_t>(finding)]; }
  [[nodiscard]] std::uint64_t operator[](Finding finding) const noexcept { return counts[static_cast<std::size_t>(finding)]; }
  [[nodiscard]] std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint32_t count : counts) sum += count;
    return sum;
  }
};

}  // namespace mediaward::tools::traffic
