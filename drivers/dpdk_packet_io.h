// SPDX-License-Identifier: Apache-2.0
// dataplane::PacketIo over one ethdev queue pair. A Packet lives in its mbuf's private area, so conversion is arithmetic: receive
// fills one cache line per packet, transmit writes the mbuf's first line back (and the second only for offloads).
// Deliberately no retry and no counters: the worker above decides what happens to what was not taken.
// Belongs to one worker thread, which must be an EAL lcore (the pool's cache is per lcore).
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "dataplane/packet_io.h"
#include "drivers/pools.h"

namespace mediaward::drivers {

class DpdkPacketIo final : public dataplane::PacketIo {
 public:
  // port_id and queue are ethdev's; port_index is what Packet::port gets. `pool` outlives this object.
  // refused_chains: a received frame that lies in several buffers is not taken, and counted there (this queue's worker alone writes it);
  // nullptr: it is taken as a chain.
  DpdkPacketIo(std::uint16_t port_id, std::uint16_t queue, std::uint16_t port_index, rte_mempool* pool,
               dataplane::PortCapabilities capabilities, std::atomic<std::uint64_t>* refused_chains = nullptr) noexcept
      : port_id_(port_id),
        queue_(queue),
        port_index_(port_index),
        capabilities_(capabilities),
        fresh_room_(rte_pktmbuf_data_room_size(pool) - kHeadroomBytes),
        pool_(pool),
        refused_chains_(refused_chains) {}

  [[nodiscard]] std::size_t receive(std::span<dataplane::Packet*> out) noexcept override;
  [[nodiscard]] std::size_t transmit(std::span<dataplane::Packet* const> packets) noexcept override;
  [[nodiscard]] bool allocate(std::span<dataplane::Packet*> out) noexcept override;
  void share(dataplane::Packet& packet, std::uint32_t more) noexcept override;
  void release(std::span<dataplane::Packet* const> packets) noexcept override;
  [[nodiscard]] dataplane::PortCapabilities capabilities() const noexcept override { return capabilities_; }

 private:
  [[nodiscard]] std::size_t refuse_chains(std::span<dataplane::Packet*> packets) noexcept;

  std::uint16_t port_id_;
  std::uint16_t queue_;
  std::uint16_t port_index_;
  dataplane::PortCapabilities capabilities_;
  std::uint32_t fresh_room_;  // bytes from data to the end of a fresh packet
  rte_mempool* pool_;
  std::atomic<std::uint64_t>* refused_chains_;
};

}  // namespace mediaward::drivers
