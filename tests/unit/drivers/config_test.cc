// SPDX-License-Identifier: Apache-2.0
// Every finding of the configuration check, with the text that a person gets to see.
#include <gtest/gtest.h>

#include "drivers/config.h"

namespace mediaward::drivers {
namespace {

std::string errors_of(const std::string& text) {
  auto config = parse_config(text, "dp.toml");
  return config ? "" : config.error().message;
}

std::string port(const std::string& more) {
  return "[[port]]\nname = \"m0\"\nkind = \"vhost-user\"\npath = \"/tmp/m0.sock\"\n" + more;
}

void expect_error(const std::string& text, const std::string& where, const std::string& part) {
  const std::string errors = errors_of(text);
  EXPECT_NE(errors.find(where), std::string::npos) << "wanted " << where << " in:\n" << errors;
  EXPECT_NE(errors.find(part), std::string::npos) << "wanted " << part << " in:\n" << errors;
}

TEST(Config, ReadsEveryKeyOfAPort) {
  auto config = parse_config(port(R"(server = false
mac = "02:aa:bb:cc:dd:ee"
queues = 2
queue_size = 512
vlan = 7
mtu = 1400
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
gateway_v4 = "192.0.2.254"
gateway_v6 = "fe80::1"
media_ports = "30000-30999"
pool_packets = 4096
offloads = "off"
[workers]
count = 2
idle = "sleep"
[crypto]
provider = "openssl"
[control]
mode = "0600"
)"),
                             "dp.toml");
  ASSERT_TRUE(config) << config.error().message;
  const PortConfig& p = config->ports.at(0);
  EXPECT_EQ(p.kind, PortKind::kVhostUser);
  EXPECT_FALSE(p.server);
  EXPECT_EQ(to_string(*p.mac), "02:aa:bb:cc:dd:ee");
  EXPECT_EQ(p.queues, 2);
  EXPECT_EQ(p.queue_size, 512);
  EXPECT_EQ(p.vlan, 7);
  EXPECT_EQ(p.mtu, 1400);
  EXPECT_EQ(p.addresses.size(), 2u);
  EXPECT_EQ(p.gateway_v6->to_string(), "fe80::1");
  EXPECT_EQ(p.media_port_first, 30000);
  EXPECT_EQ(p.media_port_last, 30999);
  EXPECT_EQ(p.pool_packets, 4096u);
  EXPECT_FALSE(p.offloads);
  EXPECT_EQ(config->workers.count, 2u);
  EXPECT_EQ(config->workers.idle, IdleChoice::kSleep);
  EXPECT_EQ(config->crypto.provider, "openssl");
  EXPECT_EQ(config->control.mode, 0600u);
}

TEST(Config, ListensByDefaultOnTheVhostSideOnly) {
  auto vhost = parse_config(port(""), "dp.toml");
  auto virtio = parse_config("[[port]]\nname = \"m0\"\nkind = \"virtio-user\"\npath = \"/tmp/m0.sock\"\n", "dp.toml");
  ASSERT_TRUE(vhost && virtio);
  EXPECT_TRUE(vhost->ports[0].server);
  EXPECT_FALSE(virtio->ports[0].server);
}

TEST(ConfigErrors, NameFileLineColumnKeyAndNearest) {
  expect_error(port("mtuu = 1500\n"), "dp.toml:5:1: port[0].mtuu", "did you mean `mtu`?");
  expect_error("[[port]]\nname = \"m0\"\nkind = \"vhost\"\n", "dp.toml:3:8: port[0].kind", "did you mean `vhost-user`?");
  expect_error(port("mtu = 100\n"), "dp.toml:5:7: port[0].mtu", "576 to 9216");
}

TEST(ConfigErrors, AllFindingsAtOnce) {
  const std::string errors = errors_of(port("mtu = 100\nvlan = 4095\nqueue_size = 300\n"));
  EXPECT_NE(errors.find("port[0].mtu"), std::string::npos);
  EXPECT_NE(errors.find("port[0].vlan"), std::string::npos);
  EXPECT_NE(errors.find("nearest valid: 512"), std::string::npos) << errors;
}

TEST(ConfigErrors, KeysOfAnotherKindAndMissingOnes) {
  expect_error(port("interface = \"eth0\"\n"), "port[0].interface", "does not apply to kind \"vhost-user\"; it belongs to tap, af_packet, af_xdp");
  expect_error("[[port]]\nname = \"m0\"\nkind = \"tap\"\n", "port[0].interface", "missing");
  expect_error("[[port]]\nname = \"m0\"\nkind = \"pcap\"\n", "port[0]", "needs rx_pcap, tx_pcap or both");
  expect_error("", "port", "at least one is needed");
}

TEST(ConfigErrors, PciAddress) {
  expect_error("[[port]]\nname = \"m0\"\nkind = \"pci\"\naddress = \"3b:00.0\"\n", "dp.toml:4:11: port[0].address", "nearest valid: \"0000:3b:00.0\"");
  expect_error("[memory]\nhugepages = \"no\"\n[[port]]\nname = \"m0\"\nkind = \"pci\"\naddress = \"0000:3b:00.0\"\n", "port[0].kind", "needs hugepages");
}

TEST(ConfigErrors, Addresses) {
  expect_error(port("addresses = [\"192.0.2.1\"]\n"), "port[0].addresses", "nearest valid: \"192.0.2.1/24\"");
  expect_error(port("addresses = [\"224.0.0.1/24\"]\n"), "port[0].addresses", "not an address of one host");
  expect_error(port("addresses = [\"192.0.2.0/24\"]\n"), "port[0].addresses", "not an address of one host");
  expect_error(port("addresses = [\"192.0.2.1/24\", \"192.0.2.1/25\"]\n"), "port[0].addresses", "`192.0.2.1` is named twice");
  expect_error(port("addresses = [\"192.0.2.1/24\"]\ngateway_v4 = \"198.51.100.1\"\n"), "port[0].gateway_v4", "lies in none of the networks");
  expect_error(port("addresses = [\"192.0.2.1/24\"]\ngateway_v4 = \"192.0.2.1\"\n"), "port[0].gateway_v4", "of this port itself");
  expect_error(port("addresses = [\"2001:db8::1/64\"]\ngateway_v4 = \"2001:db8::2\"\n"), "port[0].gateway_v4", "other address family");
}

TEST(ConfigErrors, Rfc8200_5_Ipv6NeedsMtu1280) {
  expect_error(port("mtu = 1000\naddresses = [\"2001:db8::1/64\"]\n"), "port[0].mtu", "nearest valid: 1280");
}

TEST(ConfigErrors, PortsThatCollide) {
  const std::string second = "[[port]]\nname = \"m0\"\nkind = \"vhost-user\"\npath = \"/tmp/m0.sock\"\naddresses = [\"192.0.2.129/25\"]\n";
  const std::string text = port("addresses = [\"192.0.2.1/24\"]\n") + second;
  expect_error(text, "dp.toml:7:8: port[1].name", "is the name of an earlier port");
  expect_error(text, "port[1].path", "already taken by port \"m0\"");
  expect_error(text, "port[1].addresses", "`192.0.2.129/25` overlaps `192.0.2.1/24` of port \"m0\"");
}

TEST(ConfigErrors, WorkersAndQueues) {
  expect_error(port("queues = 1\n[workers]\ncount = 2\n"), "port[0].queues", "nearest valid: 2");
  expect_error(port("[workers]\ncpus = [1, 1]\n"), "workers.cpus", "CPU 1 is named twice");
  expect_error(port("[workers]\ncpus = [1, 2]\ncount = 3\n"), "workers.count", "leave count out");
  expect_error(port("[workers]\nidle = \"sleeping\"\n"), "workers.idle", "did you mean `sleep`?");
  expect_error(port("pool_packets = 100\n"), "port[0].pool_packets", "nearest valid: 1088");
}

TEST(ConfigErrors, MacMustBeUnicast) {
  expect_error(port("mac = \"01:00:5e:00:00:01\"\n"), "port[0].mac", "nearest valid: \"00:00:5e:00:00:01\"");
  expect_error(port("mac = \"02:00:00:00:00\"\n"), "port[0].mac", "is not a MAC address");
}

TEST(ConfigErrors, OtherSections) {
  expect_error(port("[control]\nmode = \"0066\"\n"), "control.mode", "octal mode");
  expect_error(port("[crypto]\nprovider = \"openssl\"\nisa = \"avx2\"\n"), "crypto.isa", "nearest valid: isa = \"auto\"");
  expect_error(port("[limits]\nhandoff_ring = 1000\n"), "limits.handoff_ring", "nearest valid: 1024");
  expect_error(port("[memory]\nmegabytes = 8\n"), "memory.megabytes", "nearest valid: 0 (automatic) or 32");
  expect_error(port("media_ports = \"40000-30000\"\n"), "port[0].media_ports", "a range like");
}

TEST(Mac, ParsesAndPrints) {
  EXPECT_EQ(to_string(*parse_mac("02:Ab:00:ff:10:09")), "02:ab:00:ff:10:09");
  for (const char* bad : {"", "02:00:00:00:00", "02-00-00-00-00-01", "02:00:00:00:00:0g", "02:00:00:00:00:011"}) EXPECT_FALSE(parse_mac(bad)) << bad;
}

}  // namespace
}  // namespace mediaward::drivers
