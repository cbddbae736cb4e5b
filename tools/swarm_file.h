// SPDX-License-Identifier: Apache-2.0
// The swarm file: one TOML text that an operator writes and `mediawardctl swarm apply` sends to the daemon: a swarm, who is admitted to it,
// and what is preloaded. It holds no secret: content keys stay with provider and receivers. Reading is in swarm_file.cc, writing in
// swarm_file_write.cc. Any thread; control path.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/error.h"

namespace mediaward::tools {

// [swarm]
// id = "movie"
// kind = "static"                       # optional: static, live
// key = "03edf9f3…"                     # hex. static: the root hash (`mediawardctl swarm hash`); live: DNSSEC algorithm and public key
// hash = "sha256"                       # optional: sha1, sha224, sha256, sha384, sha512
// addressing = "chunk32"                # optional: bin32, chunk32, bin64, chunk64 (RFC 7574 §4)
// chunk_bytes = 1024                    # 1-65535
// content_bytes = 7162                  # static: exact
// source = "peers"                      # optional: peers, preloaded (then [content] with kind = "content")
// fetch = "on-demand"                   # optional: nothing, on-demand (what a receiver asks for), everything
// expires = "2027-01-31T12:00:00Z"      # optional: from then on nobody gets an answer
// cache_quota_bytes = 1073741824        # optional
// send_bytes_per_s = 12500000           # optional: to all peers together
// stored_level = 4                      # optional, 0-5: hashes below this level of the tree are computed again when they are needed
// guard = "pass"                        # optional: pass, drop: what a guard port does with what it cannot judge
// guard_only = false                    # optional: known to guard ports; the appliance is no peer of it
// content_key_id = "movie-key"          # optional: label of the key that the chunks are encrypted under
// content_key_version = 1               # optional
// signature_key_id = "studio"           # optional, with signature: whose key of the daemon's configuration
// signature = "base64"                  # over what `mediawardctl swarm text FILE` prints
// [swarm.live]                          # kind = "live" only
// munro_level = 5                       # 1-16: log2 of the chunks per signature
// discard_window_chunks = 65536         # optional; 0: everything is kept
// signature_form = "rfc7574"            # optional: rfc7574, libswift
// munro_max_age_ms = 30000              # optional; 4294967295: any age
// [swarm.conduct]                       # optional; thresholds of ConductPolicy in peer.proto, each optional
// black_hole_requests = 64
// [swarm.conduct.actions]               # optional: by verdict: observe, throttle, ban
// black-hole = "ban"                    # tampering, black-hole, suspect, over-claim, under-claim, false-report, hash-flood
// [[admission]]
// id = "alice"
// port = "media0"                       # port of the data plane's configuration
// peers = "192.0.2.7"                   # an address, or a network such as "192.0.2.0/24"
// udp_port = 6778                       # optional: the peer's; without: any
// provide = true                        # chunks are taken from these peers; this or
// receive = true                        # chunks are served to these peers
// connect = false                       # optional: the appliance speaks first; needs one address and udp_port
// libswift = false                      # optional: the peer is libswift
// rank = 0                              # optional, 0-255: the lowest is asked first
// local_address = "192.0.2.1"           # optional, with connect
// max_peers = 64                        # optional: of a network, at once
// expires = "2027-01-31T12:00:00Z"      # optional
// send_bytes_per_s = 1250000            # optional: to each peer
// [content]                             # optional
// kind = "leaf-hashes"                  # leaf-hashes (`mediawardctl swarm hash --leaves`), content
// file = "movie.leaves"                 # on the appliance, below peer.content_directory of the daemon's configuration; or
// inline_file = "movie.leaves"          # here, sent along: at most 1 MiB
struct SwarmFile {
  // Numbers of peer.proto (swarm_message.cc holds them to it); 0 is the appliance's default.
  enum class Kind : std::uint8_t { kDefault, kStatic, kLive };
  enum class Hash : std::uint8_t { kDefault, kSha1, kSha224, kSha256, kSha384, kSha512 };
  enum class Addressing : std::uint8_t { kDefault, kBin32, kByte64, kChunk32, kBin64, kChunk64 };
  enum class Source : std::uint8_t { kDefault, kPeers, kPreloaded };
  enum class Fetch : std::uint8_t { kDefault, kNothing, kOnDemand, kEverything };
  enum class Guard : std::uint8_t { kDefault, kPass, kDrop };
  enum class SignatureForm : std::uint8_t { kDefault, kRfc7574, kLibswift };
  enum class Action : std::uint8_t { kDefault, kObserve, kThrottle, kBan };
  enum class ContentKind : std::uint8_t { kDefault, kLeafHashes, kContent };

  struct Live {
    std::uint8_t munro_level = 0;
    std::uint64_t discard_window_chunks = 0;
    SignatureForm signature_form = SignatureForm::kDefault;
    std::uint32_t munro_max_age_ms = 0;
  };
  struct Admission {
    std::string id, port, peers;
    std::uint16_t udp_port = 0;
    bool provide = false, receive = false, connect = false, libswift = false;
    std::uint8_t rank = 0;
    std::string local_address;
    std::uint32_t max_peers = 0;
    std::uint64_t expires_unix_ns = 0, send_bytes_per_s = 0;
  };
  struct Content {
    ContentKind kind = ContentKind::kDefault;
    std::string file, inline_file;  // one of them
  };

  std::string id;
  Kind kind = Kind::kDefault;
  std::vector<std::uint8_t> key;
  Hash hash = Hash::kDefault;
  Addressing addressing = Addressing::kDefault;
  std::uint32_t chunk_bytes = 0;
  std::uint64_t content_bytes = 0;
  Source source = Source::kDefault;
  Fetch fetch = Fetch::kDefault;
  std::uint64_t expires_unix_ns = 0, cache_quota_bytes = 0, send_bytes_per_s = 0;
  std::uint8_t stored_level = 0;
  Guard guard = Guard::kDefault;
  bool guard_only = false;
  std::string content_key_id;
  std::uint32_t content_key_version = 0;
  std::string signature_key_id;
  std::vector<std::uint8_t> signature;
  std::optional<Live> live;
  std::map<std::string, std::uint64_t> conduct;  // threshold → value
  Action actions[8] = {};                        // by PeerVerdict; [0] unused
  std::vector<Admission> admissions;
  std::optional<Content> content;
};

// Names of ConductPolicy's fields, and of the verdicts by number; [0] unused.
inline constexpr std::string_view kConductThresholds[] = {
    "tamper_chunks",       "black_hole_requests",  "black_hole_ms",   "suspect_requests",     "suspect_permille",
    "over_claim_permille", "under_claim_permille", "report_permille", "report_bytes",         "hash_flood_ratio",
    "half_life_s",         "audit_interval_s",     "audit_chunks",    "throttle_bytes_per_s", "ban_s",
    "black_hole_known_ms", "suspect_ms"};
inline constexpr std::string_view kVerdictNames[] = {"",           "tampering",   "black-hole",   "suspect",
                                                     "over-claim", "under-claim", "false-report", "hash-flood"};

// Errors name file, line, column, key and, for an unknown key, the nearest valid one.
[[nodiscard]] Result<SwarmFile> parse_swarm(std::string_view text, std::string_view file_name);
[[nodiscard]] Result<SwarmFile> read_swarm(const std::string& path);
// What differs from the defaults; reads back the same.
[[nodiscard]] std::string to_toml(const SwarmFile& swarm);

// "2027-01-31T12:00:00Z" (RFC 3339, UTC) and nanoseconds since 1970. False: not of that form, or out of range.
[[nodiscard]] bool parse_time(std::string_view text, std::uint64_t& unix_ns);
[[nodiscard]] std::string time_text(std::uint64_t unix_ns);

}  // namespace mediaward::tools
