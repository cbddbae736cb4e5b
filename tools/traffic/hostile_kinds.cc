// SPDX-License-Identifier: Apache-2.0
// Names, groups and drop reasons of hostile packets (see the header). Main thread.
#include "tools/traffic/hostile_kinds.h"

#include <string>

namespace mediaward::tools::traffic {

namespace {

constexpr std::array<HostileInfo, kHostileKinds> kInfo{{
    {"tamper-header", "tamper", "srtp.auth_failed", true, 0},
    {"tamper-payload", "tamper", "srtp.auth_failed", true, 0},
    {"tamper-tag", "tamper", "srtp.auth_failed", true, 0},
    {"replay-at-once", "replay", "", false, 0},
    {"replay-late", "replay", "", false, 50},
    {"replay-old", "replay", "", false, 400},
    {"stranger-address", "stranger", "srtp.source_mismatch", true, 0},
    {"stranger-port", "stranger", "srtp.source_mismatch", true, 0},
    {"unused-port", "stranger", "udp.no_leg", true, 0},
    {"unknown-ssrc", "unknown-ssrc", "srtp.unknown_ssrc", true, 0},
    {"stun", "junk", "demux.stun", true, 0},
    {"dtls", "junk", "demux.dtls", true, 0},
    {"unknown-protocol", "junk", "demux.unknown", true, 0},
    {"bad-version", "junk", "rtp.bad_version", true, 0},
    {"truncated", "junk", "rtp.truncated", true, 0},
    {"bad-mki", "mki", "srtp.unknown_mki", true, 0},
    {"rtp-to-rtcp-port", "stranger", "srtcp.wrong_port", true, 0},
    {"srtcp-tag", "srtcp", "srtcp.auth_failed", false, 0},
    {"srtcp-replay", "srtcp", "srtcp.replayed", false, 0},
    {"srtcp-old", "srtcp", "srtcp.too_old", false, 0},
    {"srtcp-plain", "srtcp", "srtcp.unencrypted", false, 0},
    {"srtcp-truncated", "srtcp", "srtcp.truncated", false, 0},
    {"srtcp-unknown-ssrc", "srtcp", "srtp.unknown_ssrc", false, 0},
    {"srtcp-bad-mki", "srtcp", "srtp.unknown_mki", false, 0},
    {"srtcp-malformed", "srtcp", "rtcp.malformed", false, 0},
    {"srtcp-stranger", "srtcp", "srtp.source_mismatch", false, 0},
    {"srtcp-to-rtp-port", "srtcp", "srtcp.wrong_port", false, 0},
}};

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> words;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (comma != 0) words.push_back(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return words;
}

}  // namespace

const HostileInfo& info(HostileKind kind) noexcept {
  return kInfo[static_cast<std::size_t>(kind)];
}

Result<std::vector<HostileKind>> parse_hostile(std::string_view list) {
  std::array<bool, kHostileKinds> wanted{};
  for (const std::string_view word : split(list)) {
    bool found = false;
    for (std::size_t i = 0; i < kHostileKinds; ++i) {
      if (word != "all" && word != kInfo[i].group && word != kInfo[i].name) continue;
      wanted[i] = found = true;
    }
    if (!found)
      return fail(ErrorCode::kInvalid,
                  "--hostile: `" + std::string(word) +
                      "` is unknown; there are the groups tamper, replay, stranger, unknown-ssrc, junk, mki, srtcp and all");
  }
  std::vector<HostileKind> kinds;
  for (std::size_t i = 0; i < kHostileKinds; ++i)
    if (wanted[i]) kinds.push_back(static_cast<HostileKind>(i));
  return kinds;
}

}  // namespace mediaward::tools::traffic
