// SPDX-License-Identifier: Apache-2.0
// --print-default-config tells the truth: it parses, and every key it shows commented has the default it shows.
#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "drivers/config.h"

namespace mediaward::drivers {
namespace {

// Uncomments "# key = value   # note" lines; keys of other port kinds stay commented.
std::string uncommented(const std::string& text) {
  static const std::regex kCommentedKey("^# ([a-z_0-9]+) = .*$");
  static const std::regex kExample("^(address|interface|rx_pcap|tx_pcap|mac|gateway_v4|gateway_v6|guard)$");
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    const bool key = std::regex_match(line, match, kCommentedKey);
    out += (key && !std::regex_match(match[1].str(), kExample) ? line.substr(2) : line) + "\n";
  }
  return out;
}

TEST(DefaultConfig, Parses) {
  auto config = parse_config(default_config_text(), "default.toml");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->ports.size(), 1u);
  EXPECT_EQ(config->ports[0].kind, PortKind::kVirtioUser);
}

TEST(DefaultConfig, CommentedKeysShowTheDefaults) {
  const std::string text = uncommented(std::string(default_config_text()));
  auto shown = parse_config(text, "default.toml");
  auto real = parse_config(default_config_text(), "default.toml");
  ASSERT_TRUE(shown) << shown.error().message << "\n" << text;
  EXPECT_EQ(shown->control.socket_path, real->control.socket_path);
  EXPECT_EQ(shown->control.mode, real->control.mode);
  EXPECT_EQ(shown->memory.hugepages, real->memory.hugepages);
  EXPECT_EQ(shown->memory.lock, real->memory.lock);
  EXPECT_EQ(shown->workers.idle, real->workers.idle);
  EXPECT_EQ(shown->workers.sleep_us, real->workers.sleep_us);
  EXPECT_EQ(shown->workers.burst, real->workers.burst);
  EXPECT_EQ(shown->crypto.provider, real->crypto.provider);
  EXPECT_EQ(shown->crypto.isa, real->crypto.isa);
  EXPECT_EQ(shown->crypto.device, real->crypto.device);
  EXPECT_EQ(shown->crypto.addresses, real->crypto.addresses);
  EXPECT_EQ(shown->crypto.sessions, real->crypto.sessions);
  EXPECT_EQ(shown->crypto.gcm_header_bytes, real->crypto.gcm_header_bytes);
  EXPECT_EQ(shown->limits.legs, real->limits.legs);
  EXPECT_EQ(shown->limits.slots, real->limits.slots);
  EXPECT_EQ(shown->limits.neighbours, real->limits.neighbours);
  EXPECT_EQ(shown->limits.jobs_per_worker, real->limits.jobs_per_worker);
  EXPECT_EQ(shown->limits.handoff_ring, real->limits.handoff_ring);
  EXPECT_EQ(shown->peer_limits.cache_bytes, real->peer_limits.cache_bytes);
  EXPECT_EQ(shown->peer_limits.swarms, real->peer_limits.swarms);
  EXPECT_EQ(shown->peer_limits.admissions, real->peer_limits.admissions);
  EXPECT_EQ(shown->peer_limits.peers, real->peer_limits.peers);
  EXPECT_EQ(shown->peer_limits.channels, real->peer_limits.channels);
  EXPECT_EQ(shown->peer_limits.guard_flows, real->peer_limits.guard_flows);
  const PortConfig &a = shown->ports[0], &b = real->ports[0];
  EXPECT_EQ(a.server, b.server);
  EXPECT_EQ(a.packed_ring, b.packed_ring);
  EXPECT_EQ(a.media_port_first, b.media_port_first);
  EXPECT_EQ(a.media_port_last, b.media_port_last);
  EXPECT_EQ(a.ppspp_port, b.ppspp_port);
  EXPECT_EQ(a.guard, b.guard);
  EXPECT_EQ(a.vlan, b.vlan);
  EXPECT_EQ(a.mtu, b.mtu);
  EXPECT_EQ(a.queues, b.queues);
  EXPECT_EQ(a.queue_size, b.queue_size);
  EXPECT_EQ(a.pool_packets, b.pool_packets);
  EXPECT_EQ(a.offloads, b.offloads);
}

}  // namespace
}  // namespace mediaward::drivers
