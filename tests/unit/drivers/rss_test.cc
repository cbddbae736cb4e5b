// SPDX-License-Identifier: Apache-2.0
// Which hash a NIC is asked for. That both directions of a guarded flow get one hash is proved with DPDK's own Toeplitz in software.
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_thash.h>

#include <random>

#include "drivers/rss.h"

namespace mediaward::drivers {
namespace {

constexpr std::uint64_t kUdp = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;

PortConfig pci(const std::string& guard = "") {
  PortConfig port;
  port.kind = PortKind::kPci;
  port.guard = guard;
  return port;
}

TEST(Rss, OrdinaryPortsHashUdpPortsByTheDestinationWhereTheNicCan) {
  const RssChoice both = choose_rss(pci(), 4, kUdp | RTE_ETH_RSS_TCP, 40),
                  destination = choose_rss(pci(), 4, kUdp | RTE_ETH_RSS_L4_DST_ONLY, 40);
  EXPECT_EQ(both.types, kUdp);
  EXPECT_TRUE(both.key.empty());
  EXPECT_EQ(both.spread, Steering::kRssPorts);
  EXPECT_EQ(destination.types, kUdp | RTE_ETH_RSS_L4_DST_ONLY);
  EXPECT_EQ(destination.spread, Steering::kRssDestination);
  EXPECT_EQ(choose_rss(pci(), 4, 0, 40).spread, Steering::kDevice);
}

TEST(Rss, OneQueueAndVirtualPortsNeedNone) {
  EXPECT_EQ(choose_rss(pci("lan1"), 1, kUdp, 40).types, 0u);
  EXPECT_EQ(choose_rss(pci("lan1"), 1, kUdp, 40).spread, Steering::kSingleQueue);
  PortConfig tap = pci("lan1");
  tap.kind = PortKind::kTap;
  EXPECT_EQ(choose_rss(tap, 4, kUdp, 40).types, 0u);
  EXPECT_EQ(choose_rss(tap, 4, kUdp, 40).spread, Steering::kDevice);
}

TEST(Rss, GuardPortsHashEverythingWithAKeyOfTheDevicesLength) {
  const RssChoice choice = choose_rss(pci("lan1"), 4, ~std::uint64_t{0}, 52);
  EXPECT_EQ(choice.types, std::uint64_t{RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP});
  EXPECT_EQ(choice.key.size(), 52u);
  EXPECT_EQ(choice.spread, Steering::kRssSymmetric);
  const RssChoice keyless = choose_rss(pci("lan1"), 4, kUdp, 0);
  EXPECT_TRUE(keyless.key.empty());
  EXPECT_EQ(keyless.spread, Steering::kRssPorts);
  EXPECT_EQ(choose_rss(pci("lan1"), 4, 0, 52).spread, Steering::kDevice);
}

// The tuple in words of host order, as rte_softrss takes it: addresses of `words` words, then both ports in one.
std::uint32_t toeplitz(std::vector<std::uint32_t> from, std::vector<std::uint32_t> to, std::uint16_t from_port, std::uint16_t to_port,
                       const std::vector<std::uint8_t>& key) {
  from.insert(from.end(), to.begin(), to.end());
  from.push_back(std::uint32_t{from_port} << 16 | to_port);
  return rte_softrss(from.data(), static_cast<std::uint32_t>(from.size()), key.data());
}

TEST(Rss, BothDirectionsOfAGuardedFlowHashAlikeAndFlowsSpread) {
  const auto key = choose_rss(pci("lan1"), 4, kUdp, 52).key;
  const std::vector<std::uint8_t> usual{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f,
                                        0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                        0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa, 0,    0,    0,    0};
  std::mt19937 random(1);
  std::array<unsigned, 4> queues{};
  unsigned alike_with_the_usual_key = 0;
  for (int i = 0; i < 4000; ++i) {
    std::vector<std::uint32_t> a(i % 2 == 0 ? 1 : 4), b(a.size());
    for (auto& word : a) word = static_cast<std::uint32_t>(random());
    for (auto& word : b) word = static_cast<std::uint32_t>(random());
    const auto p = static_cast<std::uint16_t>(random()), q = static_cast<std::uint16_t>(random());
    ASSERT_EQ(toeplitz(a, b, p, q, key), toeplitz(b, a, q, p, key)) << i;
    ++queues[toeplitz(a, b, p, q, key) % 4];
    alike_with_the_usual_key += toeplitz(a, b, p, q, usual) == toeplitz(b, a, q, p, usual) ? 1 : 0;
  }
  EXPECT_EQ(alike_with_the_usual_key, 0u);  // the test can fail
  for (const unsigned n : queues) EXPECT_NEAR(n, 1000, 150);
}

}  // namespace
}  // namespace mediaward::drivers
