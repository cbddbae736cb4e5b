// SPDX-License-Identifier: Apache-2.0
// A pool of mbufs whose private area is a dataplane::Packet: the one place that knows how the two lie beside each other.
// Element: rte_mbuf (128 bytes) | Packet (64 bytes) | headroom | data. All three begin on a cache line.
// Pools are small on purpose: one that stays in the cache is worth more than one that never runs dry (docs/ports.md).
// Made and freed on the main thread; allocation and release on any lcore.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <string>

#include "crypto/error.h"
#include "dataplane/packet.h"
#include "drivers/pool_size.h"

namespace mediaward::drivers {

static_assert(sizeof(rte_mbuf) % alignof(dataplane::Packet) == 0);

[[nodiscard]] inline dataplane::Packet* packet_of(rte_mbuf* mbuf) noexcept { return reinterpret_cast<dataplane::Packet*>(mbuf + 1); }
[[nodiscard]] inline rte_mbuf* mbuf_of(dataplane::Packet* packet) noexcept { return reinterpret_cast<rte_mbuf*>(packet) - 1; }

// Where the buffer begins: mbufs of our pools are always direct, so this needs no load.
[[nodiscard]] inline std::byte* buffer_of(rte_mbuf* mbuf) noexcept { return reinterpret_cast<std::byte*>(packet_of(mbuf) + 1); }

struct PoolSettings {
  std::string name;              // of the port; shown as "pool.NAME"
  std::uint32_t packets = kDefaultPoolPackets;
  std::uint16_t room = 2048 + kHeadroomBytes;  // data_room_bytes: a received frame must fit one buffer
  std::int32_t numa = -1;        // -1: any
  bool gapless = false;          // one block of memory without gaps between elements (af_xdp)
};

class PacketPool {
 public:
  [[nodiscard]] static Result<PacketPool> create(const PoolSettings& settings);
  PacketPool(PacketPool&& other) noexcept;
  PacketPool& operator=(PacketPool&&) = delete;
  ~PacketPool();

  [[nodiscard]] rte_mempool* get() const noexcept { return pool_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept;
  [[nodiscard]] std::uint32_t in_use() const noexcept;     // walks the per-lcore caches: not for the hot path
  [[nodiscard]] std::uint32_t unit_bytes() const noexcept; // of one element with its header

 private:
  PacketPool() = default;
  rte_mempool* pool_ = nullptr;
  std::string name_;
};

}  // namespace mediaward::drivers
