// SPDX-License-Identifier: Apache-2.0
// How many packets a pool must hold and how large each is: arithmetic that the configuration check, the memory estimate and the
// pool itself share. Knows no DPDK type. Any thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "drivers/config.h"

namespace mediaward::drivers {

inline constexpr std::uint32_t kDefaultPoolPackets = 2048;  // what one queue pair keeps in the cache
inline constexpr std::uint32_t kPoolCachePackets = 128;     // per lcore
inline constexpr std::uint32_t kHeadroomBytes = 128;        // RTE_PKTMBUF_HEADROOM, checked in pools.cc

inline constexpr std::uint32_t kAfXdpFillPackets = 2048;  // the PMD keeps its fill ring full, whatever the queue size

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

// A frame of the ring of af_packet holds the kernel's header and one full frame of the wire; blocks hold whole frames.
[[nodiscard]] constexpr std::uint32_t af_packet_frame_bytes(std::uint16_t mtu) noexcept {
  return std::bit_ceil(mtu + 22u + 128u);
}

// What a buffer holds beside headroom and IP packet: Ethernet header, two tags and the largest SRTP tag. With af_xdp the kernel keeps
// some of it to itself (XDP_PACKET_HEADROOM).
[[nodiscard]] constexpr std::uint32_t buffer_overhead_bytes(PortKind kind) noexcept {
  return 14u + 8u + 16u + (kind == PortKind::kAfXdp ? 256u : 0u);
}

// An mbuf has 16 bits for its size. With af_xdp a whole element lies in one page of the kernel: object header, rte_mbuf, Packet, this, and
// a cache line that mempool may add to spread elements over memory channels.
[[nodiscard]] constexpr std::uint32_t most_data_room_bytes(PortKind kind) noexcept {
  return kind == PortKind::kAfXdp ? 4096u - 64u - 128u - 64u - 64u : 65536u - 64u;
}

// Data room of one packet, headroom included: MTU and what belongs around it, in whole cache lines, and not below 2048 + headroom, the
// least that common NICs take without splitting a full frame. The driver of af_packet wants room for a frame of its ring. What would be
// more than a packet may have is cut: see mtu_of_room.
[[nodiscard]] constexpr std::uint16_t data_room_bytes(const PortConfig& port) noexcept {
  const std::uint32_t frame = (port.mtu + buffer_overhead_bytes(port.kind) + 63u) & ~63u;
  const std::uint32_t least = port.kind == PortKind::kAfPacket ? std::max(2048u, af_packet_frame_bytes(port.mtu)) : 2048u;
  return static_cast<std::uint16_t>(std::min(kHeadroomBytes + std::max(least, frame), most_data_room_bytes(port.kind)));
}

// The largest IP packet that a buffer takes.
[[nodiscard]] constexpr std::uint32_t mtu_of_room(PortKind kind, std::uint16_t room) noexcept {
  return room - kHeadroomBytes - buffer_overhead_bytes(kind);
}

}  // namespace mediaward::drivers
