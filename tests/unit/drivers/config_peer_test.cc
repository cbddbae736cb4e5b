// SPDX-License-Identifier: Apache-2.0
// The network peer's part of the configuration: what is read, and every finding with the text that a person gets to see.
#include <gtest/gtest.h>

#include "drivers/config.h"

namespace mediaward::drivers {
namespace {

std::string port(const std::string& name, const std::string& more) {
  return "[[port]]\nname = \"" + name + "\"\nkind = \"vhost-user\"\npath = \"/tmp/" + name + ".sock\"\n" + more;
}

const std::string kAddress = "addresses = [\"192.0.2.1/24\"]\n";

// Among the findings is one at this place that says this.
void expect_error(const std::string& text, const std::string& where, const std::string& part) {
  auto config = parse_config(text, "dp.toml");
  ASSERT_FALSE(config) << "wanted " << part << " for:\n" << text;
  const std::string& errors = config.error().message;
  EXPECT_NE(errors.find(where), std::string::npos) << "wanted " << where << " in:\n" << errors;
  EXPECT_NE(errors.find(part), std::string::npos) << "wanted " << part << " in:\n" << errors;
}

TEST(PeerConfig, ReadsEveryKey) {
  auto config = parse_config(port("m0", kAddress + "ppspp_port = 6778\n") + R"([peer]
cache = "2 GiB"
swarms = 20
admissions = 30
peers = 40
channels = 50
guard_flows = 60
)",
                             "dp.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->ports[0].ppspp_port, 6778);
  EXPECT_EQ(config->peer_limits.cache_bytes, std::uint64_t{2} << 30);
  EXPECT_EQ(config->peer_limits.swarms, 20u);
  EXPECT_EQ(config->peer_limits.admissions, 30u);
  EXPECT_EQ(config->peer_limits.peers, 40u);
  EXPECT_EQ(config->peer_limits.channels, 50u);
  EXPECT_EQ(config->peer_limits.guard_flows, 60u);
  EXPECT_TRUE(has_network_peer(*config));
}

TEST(PeerConfig, WithoutItNoPortHasAPartInIt) {
  auto config = parse_config(port("m0", "ppspp_port = 0\nguard = \"\"\n"), "dp.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->ports[0].is_guard());
  EXPECT_FALSE(has_network_peer(*config));
}

TEST(PeerConfigErrors, PpsppPort) {
  const std::string media = kAddress + "media_ports = \"6000-7000\"\n";
  expect_error(port("m0", media + "ppspp_port = 6000\n"), "dp.toml:7:14: port[0].ppspp_port",
               "6000 lies in media_ports 6000-7000; nearest valid: 5999");
  expect_error(port("m0", media + "ppspp_port = 7000\n"), "port[0].ppspp_port", "7000 lies in media_ports");
  expect_error(port("m0", kAddress + "media_ports = \"1024-2000\"\nppspp_port = 1500\n"), "port[0].ppspp_port", "nearest valid: 2001");
  for (const char* beside : {"5999", "7001", "1", "65535"})
    EXPECT_TRUE(parse_config(port("m0", media + "ppspp_port = " + beside + "\n"), "dp.toml")) << beside;
  expect_error(port("m0", "ppspp_port = 6778\n"), "port[0].ppspp_port", "answers on the addresses of its port, and this one has none");
  expect_error(port("m0", kAddress + "ppspp_port = 65536\n"), "port[0].ppspp_port", "0 to 65535");
  expect_error(port("m0", kAddress + "ppsp_port = 6778\n"), "port[0].ppsp_port", "did you mean `ppspp_port`?");
}

TEST(GuardConfig, TwoPortsThatNameEachOther) {
  auto config = parse_config(
      port("lan0", "guard = \"lan1\"\nmtu = 9000\n") + port("lan1", "guard = \"lan0\"\nmtu = 9000\n") + port("m0", kAddress), "dp.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->ports[0].is_guard());
  EXPECT_TRUE(config->ports[1].is_guard());
  EXPECT_FALSE(config->ports[2].is_guard());
  EXPECT_TRUE(has_network_peer(*config));
}

TEST(GuardConfigErrors, WhoIsNamed) {
  expect_error(port("lan0", "guard = \"lan0\"\n"), "dp.toml:5:9: port[0].guard", "`lan0` is this port itself");
  expect_error(port("lan0", "guard = \"lan2\"\n") + port("lan1", kAddress), "port[0].guard",
               "`lan2` is not the name of a port (did you mean `lan1`?)");
  expect_error(port("lan0", "guard = \"lan1\"\n") + port("lan1", kAddress), "port[0].guard",
               "port \"lan1\" does not name this one: guard ports are two that name each other; nearest valid: guard = \"lan0\" there");
  expect_error(port("lan0", "guard = \"lan1\"\n") + port("lan1", "guard = \"lan0\"\n") + port("lan2", "guard = \"lan0\"\n"),
               "port[2].guard", "port \"lan0\" does not name this one");
}

TEST(GuardConfigErrors, NothingElseIsItsBusiness) {
  for (const char* line : {"addresses = [\"192.0.2.1/24\"]", "ppspp_port = 6778", "vlan = 7", "gateway_v4 = \"192.0.2.1\"",
                           "gateway_v6 = \"2001:db8::1\"", "media_ports = \"20000-39999\""}) {
    const std::string key(line, std::string_view(line).find(' '));
    expect_error(port("lan0", "guard = \"lan1\"\n" + std::string(line) + "\n") + port("lan1", "guard = \"lan0\"\n"),
                 "dp.toml:6:", "port[0]." + key + ": does not apply to a guard port");
  }
}

TEST(GuardConfigErrors, FramesOfOneSideMustFitTheOther) {
  expect_error(port("lan0", "guard = \"lan1\"\n") + port("lan1", "guard = \"lan0\"\nmtu = 9000\n"), "port[0].mtu",
               "1500, and port \"lan1\", whose frames come here, has 9000; nearest valid: 9000");
}

TEST(PeerConfigErrors, CacheAndBounds) {
  const auto peer = [](const std::string& line) { return port("m0", kAddress + "ppspp_port = 6778\n") + "[peer]\n" + line + "\n"; };
  expect_error(peer("cache = \"511 KiB\""), "dp.toml:8:9: peer.cache", "511 KiB is too little for 1 worker; nearest valid: \"512 KiB\"");
  expect_error(peer("cache = \"2000 GiB\""), "peer.cache", "2000 GiB is too much; nearest valid: \"1024 GiB\"");
  expect_error(peer("cache = \"64 MB\""), "peer.cache", "`64 MB` is not a size like \"64 MiB\" (KiB, MiB or GiB)");
  expect_error(peer("cache = 64"), "peer.cache", "");
  expect_error(peer("swarms = 0"), "peer.swarms", "1 to 1000000");
  expect_error(peer("channels = 65537"), "peer.channels", "1 to 65536");
  expect_error(peer("guard_flow = 1"), "peer.guard_flow", "did you mean `guard_flows`?");
  expect_error(peer("cache = \"2047 KiB\"") + "[workers]\ncpus = [2, 3, 4, 5]\n", "peer.cache",
               "2047 KiB is too little for 4 workers; nearest valid: \"2 MiB\"");
  EXPECT_TRUE(parse_config(peer("cache = \"2 MiB\"") + "[workers]\ncount = 4\n", "dp.toml"));
}

TEST(Size, ParsesAndPrints) {
  EXPECT_EQ(parse_size("64 MiB"), 64u << 20);
  EXPECT_EQ(parse_size("512KiB"), 512u << 10);
  EXPECT_EQ(parse_size("0 GiB"), 0u);
  for (const char* bad :
       {"", "64", "MiB", "64 mib", "64  MiB", "64 MiB ", "-1 MiB", "1.5 GiB", "8589934592 GiB", "99999999999999999999 KiB"})
    EXPECT_FALSE(parse_size(bad)) << bad;
  EXPECT_EQ(size_text(64u << 20), "64 MiB");
  EXPECT_EQ(size_text(1536u << 10), "1536 KiB");
  EXPECT_EQ(size_text(1000), "1000 bytes");
  EXPECT_EQ(size_text(std::uint64_t{3} << 30), "3 GiB");
}

}  // namespace
}  // namespace mediaward::drivers
