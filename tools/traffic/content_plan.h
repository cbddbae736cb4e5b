// SPDX-License-Identifier: Apache-2.0
// Makes swarm files for runs with content (RFC 7574): the content that the tool's seeders have, its root, and who is admitted. The file
// alone is enough to play it: content is a function of the swarm's id and length, and what a peer plays stands in its admission's id
// (seeder-1, leecher-2, black-hole-1). Knows nothing of a running appliance. Main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "crypto/error.h"
#include "tools/ppspp/metadata.h"
#include "tools/swarm_file.h"
#include "tools/traffic/plan.h"

namespace mediaward::tools::traffic {

struct ContentPlanSettings {
  std::string id = "movie";
  std::uint32_t seeders = 1, leechers = 2;
  std::string attackers{};  // names of tools/ppspp/misbehaviour.h, comma list; all: every one that static content knows
  std::uint64_t bytes = 1 << 20;
  std::uint32_t chunk_bytes = 1024;
  std::string hash = "sha256";
  std::string addressing = "chunk32";
  std::string fetch = "on-demand";
  bool libswift = false;                                               // every other seeder and leecher behaves as libswift does
  PlanFamily family = PlanFamily::kIpv4;                               // mixed: every other peer
  std::string port = "media0";                                         // of the data plane's configuration
  std::string local_v4 = "192.0.2.1", local_v6 = "2001:db8::1";        // appliance's
  std::string remote_v4 = "192.0.2.101", remote_v6 = "2001:db8::101";  // of the first peer; the next ones follow
  std::uint16_t udp_port = 6778;                                       // of every peer
};

[[nodiscard]] Result<SwarmFile> make_content_plan(const ContentPlanSettings& settings);

// The content of a file that make_content_plan made, with its tree. kInvalid: its root is another, so that it is somebody else's content.
[[nodiscard]] Result<std::shared_ptr<const ppspp::Content>> content_of(const SwarmFile& file);

}  // namespace mediaward::tools::traffic
