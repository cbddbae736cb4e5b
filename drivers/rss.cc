// SPDX-License-Identifier: Apache-2.0
// See rss.h. Main thread.
#include "drivers/rss.h"

#include <rte_ethdev.h>

namespace mediaward::drivers {
namespace {

// The Toeplitz hash of (source, destination) is that of (destination, source) when the key repeats every 16 bits, as all fields that are
// exchanged begin 16 or 32 or 128 bits apart. This pattern spreads as well as a random key does (Woo and Park, KAIST 2012).
constexpr std::uint8_t kSymmetric[] = {0x6d, 0x5a};
constexpr std::uint8_t kLeastKeyBytes = 40;  // what the fields of IPv6 and the hash itself reach into

// Everything between the same two ends, whatever it is: a flow keeps its order.
RssChoice for_guard(std::uint64_t offered, std::uint8_t key_bytes) {
  RssChoice out{offered & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP), {}, Steering::kDevice};
  if (out.types == 0) return out;
  out.spread = Steering::kRssPorts;
  if (key_bytes < kLeastKeyBytes) return out;
  for (std::size_t i = 0; i < key_bytes; ++i) out.key.push_back(kSymmetric[i % 2]);
  out.spread = Steering::kRssSymmetric;
  return out;
}

}  // namespace

// Spread by UDP ports; by the destination port alone where the NIC can, as that is what owns a leg. Only NICs: what tap offers by this
// name is for its flow rules, and the kernel goes on choosing.
RssChoice choose_rss(const PortConfig& config, std::uint16_t queues, std::uint64_t offered, std::uint8_t key_bytes) {
  if (queues == 1) return {};
  if (config.kind != PortKind::kPci) return {0, {}, Steering::kDevice};
  if (config.is_guard()) return for_guard(offered, key_bytes);
  const std::uint64_t udp = offered & (RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP);
  if (udp == 0) return {0, {}, Steering::kDevice};
  const std::uint64_t destination = offered & RTE_ETH_RSS_L4_DST_ONLY;
  return {udp | destination, {}, destination != 0 ? Steering::kRssDestination : Steering::kRssPorts};
}

}  // namespace mediaward::drivers
