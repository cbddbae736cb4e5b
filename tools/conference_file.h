// SPDX-License-Identifier: Apache-2.0
// The conference file: one TOML text that an operator writes, that `mediawardctl conference apply` sends to the daemon and that the
// traffic tool plays. Keys in it are secrets: the file should be readable by its owner only.
// Any thread; control path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/error.h"

namespace mediaward::tools {

// id = "standup"
// [[participant]]
// id = "alice"
// port = "media0"                       # port of the data plane's configuration
// local = "192.0.2.1:20000"             # appliance's address and UDP port; IPv6 as "[2001:db8::1]:20000"
// remote = "192.0.2.11:5004"            # participant's
// suite = "AES_CM_128_HMAC_SHA1_80"     # or receive_suite / send_suite
// receive_key = "base64(key ‖ salt)"    # the participant seals with it (SDES inline form)
// send_key = "base64(key ‖ salt)"       # the appliance seals with it towards the participant
// ssrc = [0x10000001]                   # streams that the participant sends
// dscp = 46                             # optional, 0-63
// direction = "both"                    # optional: both, send-only (participant only sends), receive-only
struct ConferenceFile {
  struct Endpoint {
    std::string address;
    std::uint16_t udp_port = 0;
  };
  struct Participant {
    std::string id;
    std::string port;
    Endpoint local, remote;
    std::string receive_suite, send_suite;
    std::vector<std::uint8_t> receive_key, send_key;  // key ‖ salt
    std::vector<std::uint32_t> ssrcs;
    std::uint8_t dscp = 0;
    bool may_send = true, may_receive = true;
  };
  std::string id;
  std::vector<Participant> participants;
};

// Errors name file, line, column, key and, for an unknown key, the nearest valid one.
[[nodiscard]] Result<ConferenceFile> parse_conference(std::string_view text, std::string_view file_name);
[[nodiscard]] Result<ConferenceFile> read_conference(const std::string& path);
[[nodiscard]] std::string to_toml(const ConferenceFile& conference);

}  // namespace mediaward::tools
