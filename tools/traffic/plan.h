// SPDX-License-Identifier: Apache-2.0
// Makes conference files with fresh random keys, so that a newcomer and a benchmark need not write one by hand.
// Knows nothing of a running appliance: addresses and ports are what it is told. Main thread.
#pragma once

#include <cstdint>
#include <string>

#include "crypto/error.h"
#include "tools/conference_file.h"

namespace mediaward::tools::traffic {

enum class PlanFamily : std::uint8_t { kIpv4, kIpv6, kMixed };

struct PlanSettings {
  std::string id = "standup";
  std::uint32_t participants = 8;
  std::uint32_t streams = 1;              // SSRCs per participant
  std::string suites = "mixed";           // mixed, cm128, gcm128; mixed also mixes the two directions of one participant
  PlanFamily family = PlanFamily::kIpv4;  // mixed: every other participant
  std::string port = "media0";            // of the data plane's configuration
  std::string local_v4 = "192.0.2.1", local_v6 = "2001:db8::1";      // appliance's
  std::string remote_v4 = "192.0.2.11", remote_v6 = "2001:db8::11";  // of the first participant; the next ones follow
  std::uint16_t local_port_first = 20000;                            // every second one, as RTP has it (RFC 3550 §11)
  std::uint16_t remote_port = 5004;
  std::uint32_t ssrc_first = 0x10000001;
  std::uint8_t dscp = 46;  // EF (RFC 3246)
  bool one_way = false;    // the first participant sends, the others only receive
};

[[nodiscard]] Result<ConferenceFile> make_plan(const PlanSettings& settings);

// Mode 0600, replacing a file of that name only as a whole.
[[nodiscard]] Result<void> write_secret_file(const std::string& path, const std::string& text);

}  // namespace mediaward::tools::traffic
