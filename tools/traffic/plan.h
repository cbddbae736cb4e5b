// SPDX-License-Identifier: Apache-2.0
// Makes conference files with fresh random keys, so that a newcomer and a benchmark need not write one by hand.
// Knows nothing of a running appliance: addresses and ports are what it is told. Main thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crypto/error.h"
#include "crypto/suite.h"
#include "tools/conference_file.h"

namespace mediaward::tools::traffic {

enum class PlanFamily : std::uint8_t { kIpv4, kIpv6, kMixed };
enum class PlanRtcp : std::uint8_t { kMux, kPorts, kMixed, kDrop };            // kMixed: every other participant has separate ports
enum class PlanRelayKeys : std::uint8_t { kKnown, kUnknown, kMixed };          // whether the appliance may authenticate

struct PlanSettings {
  std::string id = "standup";
  ConferenceFile::Mode mode = ConferenceFile::Mode::kPerParticipant;
  std::uint32_t participants = 8;
  std::uint32_t streams = 1;              // SSRCs per participant
  std::string suites = "mixed";           // see parse_suites; both directions of one participant are mixed, too
  std::uint32_t keys = 1;                 // per direction, told apart by their MKIs
  std::uint32_t mki_bytes = 0;            // 0: no MKI
  PlanRtcp rtcp = PlanRtcp::kMux;
  bool plain_srtcp = false;               // participants send SRTCP with E = 0, which the appliance allows
  PlanRelayKeys relay_keys = PlanRelayKeys::kKnown;
  PlanFamily family = PlanFamily::kIpv4;  // mixed: every other participant
  std::string port = "media0";            // of the data plane's configuration
  std::string local_v4 = "192.0.2.1", local_v6 = "2001:db8::1";      // appliance's
  std::string remote_v4 = "192.0.2.11", remote_v6 = "2001:db8::11";  // of the first participant; the next ones follow
  std::uint32_t hosts = 0;                                           // participants share so many addresses; 0: each has its own
  std::uint16_t local_port_first = 20000;                            // every second one, as RTP has it (RFC 3550 §11)
  std::uint16_t remote_port = 5004;
  std::uint32_t ssrc_first = 0x10000001;
  std::uint32_t initial_roc = 0;
  std::uint16_t replay_window = 0;  // 0: the appliance's default
  std::uint8_t dscp = 46;           // EF (RFC 3246)
  bool one_way = false;             // the first participant sends, the others only receive
};

// cm128, cm128-32, cm256, cm256-32, gcm128, gcm256, null, null-32, the names of RFC 4568 and RFC 7714, or a list of these; mixed: cm128
// and gcm128; all: every suite; encrypting: all but NULL.
[[nodiscard]] Result<std::vector<crypto::Suite>> parse_suites(const std::string& text);
// per-participant, group, relay.
[[nodiscard]] Result<ConferenceFile::Mode> parse_mode(const std::string& text);

[[nodiscard]] Result<ConferenceFile> make_plan(const PlanSettings& settings);

// The settings of conference `number` of several, counted from 0: with addresses, ports and SSRCs of its own. The same hosts take part
// in all. Fails when UDP ports do not reach.
[[nodiscard]] Result<PlanSettings> settings_of_conference(const PlanSettings& base, std::uint32_t number);

// Mode 0600, replacing a file of that name only as a whole.
[[nodiscard]] Result<void> write_secret_file(const std::string& path, const std::string& text);

}  // namespace mediaward::tools::traffic
