// SPDX-License-Identifier: Apache-2.0
// How many packets a pool must hold and how large each is: arithmetic that the configuration check, the memory estimate and the
// pool itself share. Knows no DPDK type. Any thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "drivers/config.h"

namespace mediaward::drivers {

inline constexpr std::uint32_t kDefaultPoolPackets = 2048;  // what one queue pair keeps in the cache
inline constexpr std::uint32_t kPoolCachePackets = 128;     // per lcore
inline constexpr std::uint32_t kHeadroomBytes = 128;        // RTE_PKTMBUF_HEADROOM, checked in pools.cc

inline constexpr std::uint32_t kAfXdpFillPackets = 2048;     // the PMD keeps its fill ring full, whatever the queue size

// What a port needs at least: filled receive rings, unreclaimed transmit rings (an entry may hold a head and the tail that it names),
// and per queue what a worker has in its cache (mempool keeps up to 1.5 × the cache size) and in work.
[[nodiscard]] constexpr std::uint32_t minimum_pool_packets(PortKind kind, std::uint16_t queues, std::uint16_t queue_size) noexcept {
  const std::uint32_t rings = kind == PortKind::kAfXdp ? 2 * kAfXdpFillPackets : 3u * queue_size;
  return queues * (rings + kPoolCachePackets * 3 / 2 + 2 * 64u);
}

[[nodiscard]] constexpr std::uint32_t pool_packets_for(const PortConfig& port, std::uint16_t queues) noexcept {
  if (port.pool_packets != 0) return port.pool_packets;
  const std::uint32_t least = minimum_pool_packets(port.kind, queues, port.queue_size);
  return std::max(kDefaultPoolPackets, port.kind == PortKind::kAfXdp ? least : least * 5 / 4);
}

// Data room of one packet, headroom included: MTU, Ethernet header, two tags and the largest SRTP tag, in whole cache lines, and
// not below 2048 + headroom, the least that common NICs take without splitting a full frame.
[[nodiscard]] constexpr std::uint16_t data_room_bytes(std::uint16_t mtu) noexcept {
  const std::uint32_t frame = mtu + 14u + 8u + 16u;
  return static_cast<std::uint16_t>(kHeadroomBytes + std::max(2048u, (frame + 63u) & ~63u));
}

}  // namespace mediaward::drivers
