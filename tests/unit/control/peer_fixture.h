// SPDX-License-Identifier: Apache-2.0
// Swarms, admissions and content to test with. The static one is gen(7162) of the captures, whose root was published beside them.
// Test thread.
#pragma once

#include <string>
#include <vector>

#include "control/store.h"
#include "tests/unit/control/fake_peers.h"

namespace mediaward::control::test {

inline constexpr std::size_t kCaptureBytes = 7162;  // 7 chunks of 1024 (RFC 7574 §5.6)
inline constexpr const char* kCaptureRoot = "03edf9f3c6fbb9b141ac8efbcf6ff0ace556c70f317ad092b4d1d9f003b307ec";

inline std::string from_hex(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

inline SwarmKey key_from_hex(const std::string& hex) {
  const std::string bytes = from_hex(hex);
  return {bytes.begin(), bytes.end()};
}

inline SwarmRequest make_swarm(const std::string& id = "movie") {
  SwarmRequest out;
  out.swarm.id = id;
  out.swarm.key = key_from_hex(kCaptureRoot);
  out.swarm.chunk_bytes = 1024;
  out.swarm.content_bytes = kCaptureBytes;
  return out;
}

// Another content of the same size.
inline SwarmRequest make_other_swarm(const std::string& id, std::uint8_t first) {
  SwarmRequest out = make_swarm(id);
  out.swarm.key[0] = first;
  return out;
}

// ECDSA P-256: algorithm 13 and a point.
inline SwarmRequest make_live_swarm(const std::string& id = "news") {
  SwarmRequest out;
  out.swarm.id = id;
  out.swarm.kind = abi::SwarmKind::kLive;
  out.swarm.key.assign(65, 7);
  out.swarm.key[0] = 13;
  out.swarm.chunk_bytes = 1024;
  out.swarm.munro_level = 5;
  out.swarm.discard_window = kWholeWindow;
  return out;
}

inline Admission make_admission(const std::string& swarm, const std::string& id, std::uint8_t last, std::uint16_t udp_port = 6778) {
  Admission out;
  out.id = id;
  out.swarm_id = swarm;
  out.key = admission_key(swarm, id);
  out.port = "media0";
  out.peers = {abi::Family::kIpv4, {192, 0, 2, last}, 32};
  out.udp_port = udp_port;
  out.provide = out.receive = true;
  return out;
}

inline SwarmContent make_content(const std::string& swarm, abi::ContentKind kind, std::string bytes) {
  SwarmContent out;
  out.swarm_id = swarm;
  out.kind = kind;
  out.inline_bytes = std::make_shared<const std::string>(std::move(bytes));
  return out;
}

inline SwarmContent make_file_content(const std::string& swarm, const std::string& file) {
  SwarmContent out;
  out.swarm_id = swarm;
  out.file = file;
  return out;
}

inline SwarmContent whole_content(const std::string& swarm = "movie") {
  return make_content(swarm, abi::ContentKind::kContent, capture_content(kCaptureBytes));
}
inline SwarmContent leaf_hashes(const std::string& swarm = "movie") {
  return make_content(swarm, abi::ContentKind::kLeafHashes, naive_leaves(capture_content(kCaptureBytes), 1024, 2));
}

}  // namespace mediaward::control::test
