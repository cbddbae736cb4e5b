// SPDX-License-Identifier: Apache-2.0
// The conference file: one TOML text that an operator writes, that `mediawardctl conference apply` sends to the daemon and that the
// traffic tool plays. Keys in it are secrets: the file should be readable by its owner only.
// Reading is in conference_file.cc, writing in conference_write.cc. Any thread; control path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/error.h"

namespace mediaward::tools {

// id = "standup"
// mode = "per-participant"              # optional: per-participant, group (one key for all receivers), relay (never decrypted)
// spread = false                        # optional, per-participant only: share the receivers out over all workers
// group_suite = "AEAD_AES_128_GCM"      # with mode = "group" only
// group_keys = [{ key = "base64(key ‖ salt)" }]   # with mode = "group": one or two KEYs (see below); the first seals
// [speakers]                            # optional: only the loudest are forwarded
// loudest = 3                           # 1-255
// hysteresis_db = 6                     # 0-127: a newcomer must be louder by this much; 0 without
// hold_ms = 1000                        # 0-65535: a speaker keeps his place so long; 0 without
// [[topology]]                          # optional: who does not hear whom; what is not named hears each other
// from = "alice"                        # ids of participants
// to = "bob"
// relation = "oneway"                   # oneway: `to` hears `from` and not the other way round; isolate: neither; both
// [[participant]]
// id = "alice"
// port = "media0"                       # port of the data plane's configuration
// local = "192.0.2.1:20000"             # appliance's address and UDP port; IPv6 as "[2001:db8::1]:20000"
// remote = "192.0.2.11:5004"            # participant's; may be left out with source = "latch" or "relatch"
// suite = "AES_CM_128_HMAC_SHA1_80"     # or receive_suite / send_suite
// receive_key = "base64(key ‖ salt)"    # the participant seals with it (SDES inline form)
// receive_mki = "00000001"              # optional: hex, 1-128 bytes; likewise send_mki
// receive_lifetime = 1048576            # optional: SRTP packets, at most 2^48; likewise send_lifetime
// receive_srtcp_lifetime = 65536        # optional: SRTCP packets, at most 2^31; likewise send_srtcp_lifetime
// more_receive_keys = [KEY]             # optional: up to 3 that are staged or retiring; likewise more_send_keys
//                                       # KEY = { key = "…", mki = "00000002", lifetime = 1048576, srtcp_lifetime = 65536 }
// send_key = "base64(key ‖ salt)"       # the appliance seals with it towards the participant; not with group and relay
// ssrc = [0x10000001]                   # streams that the participant sends
// initial_roc = [0]                     # optional: roll-over counter that each of these begins with, in the same order
// ssrc_places = 1                       # optional, 0-64: places for SSRCs that are learned from authentic packets
// dscp = 46                             # optional, 0-63
// direction = "both"                    # optional: both, send-only (participant only sends), receive-only, inactive
// muted = false                         # optional: what he sends is opened and not forwarded
// source = "exact"                      # optional: exact, latch (the first authentic packet binds), relatch (the newest does)
// source_filter = "192.0.2.0/24"        # optional, with latch and relatch: only from there
// actual_remote = "198.51.100.7:6000"   # optional, traffic tool only: where a latched participant really sends from
// audio_level_id = 1                    # optional: header extension id of RFC 6464, 1-255
// replay_window = 128                   # optional: packets, 64-8192
// rtcp = "forward"                      # optional: forward, drop
// rtcp_mux = true                       # optional; false: RTCP has the next UDP port, and the one of local is even
// remote_rtcp_port = 5005               # optional, with rtcp_mux = false; default: the port of remote + 1
// allow_unencrypted_srtcp = false       # optional: SRTCP with E = 0 is accepted
// end_to_end = false                    # optional, with mode = "relay": receive_key is not told to the appliance
struct ConferenceFile {
  enum class Mode : std::uint8_t { kPerParticipant, kGroup, kRelay };
  enum class SourcePolicy : std::uint8_t { kExact, kLatch, kRelatch };
  enum class Relation : std::uint8_t { kBoth, kOneway, kIsolate };

  struct Endpoint {
    std::string address;
    std::uint16_t udp_port = 0;  // 0: not given
  };
  struct Prefix {
    std::string address;
    std::uint8_t bits = 0;
  };
  struct Key {
    std::vector<std::uint8_t> bytes;  // key ‖ salt
    std::vector<std::uint8_t> mki{};
    std::uint64_t lifetime = 0, srtcp_lifetime = 0;  // packets; 0: the limit of the protocol
  };
  struct Speakers {
    std::uint8_t loudest = 0, hysteresis_db = 0;
    std::uint16_t hold_ms = 0;
  };
  struct TopologyEntry {
    std::string from, to;  // ids of participants
    Relation relation = Relation::kBoth;
  };
  struct Participant {
    std::string id;
    std::string port;
    Endpoint local, remote;
    std::string receive_suite, send_suite;            // "" where the mode has no such key
    std::vector<std::uint8_t> receive_key, send_key;  // key ‖ salt
    std::vector<std::uint32_t> ssrcs;
    std::uint8_t dscp = 0;
    bool may_send = true, may_receive = true;
    std::vector<std::uint8_t> receive_mki{}, send_mki{};
    std::uint64_t receive_lifetime = 0, receive_srtcp_lifetime = 0, send_lifetime = 0, send_srtcp_lifetime = 0;
    std::vector<Key> more_receive_keys{}, more_send_keys{};  // of the same suites
    std::vector<std::uint32_t> initial_rocs{};               // as long as ssrcs, or empty: all 0
    std::uint16_t ssrc_places = 0;
    bool muted = false;
    SourcePolicy source = SourcePolicy::kExact;
    std::optional<Prefix> source_filter{};
    Endpoint actual_remote{};  // traffic tool only
    std::uint8_t audio_level_id = 0;
    std::uint16_t replay_window = 0;  // 0: the default
    bool rtcp_drop = false, rtcp_mux = true, allow_unencrypted_srtcp = false;
    std::uint16_t remote_rtcp_port = 0;  // 0: remote.udp_port + 1
    bool end_to_end = false;
  };

  std::string id;
  std::vector<Participant> participants;
  Mode mode = Mode::kPerParticipant;
  bool spread = false;
  std::string group_suite;
  std::vector<Key> group_keys;
  Speakers speakers;
  std::vector<TopologyEntry> topology;
};

// Errors name file, line, column, key and, for an unknown key, the nearest valid one.
[[nodiscard]] Result<ConferenceFile> parse_conference(std::string_view text, std::string_view file_name);
[[nodiscard]] Result<ConferenceFile> read_conference(const std::string& path);
[[nodiscard]] std::string to_toml(const ConferenceFile& conference);

// Whether the topology lets `receiver` hear `sender` (indexes of participants). Direction and mute are not considered.
[[nodiscard]] bool topology_lets_hear(const ConferenceFile& conference, const std::string& receiver, const std::string& sender);

}  // namespace mediaward::tools
