// SPDX-License-Identifier: Apache-2.0
// What a worker needs of a port's queue pair. Drivers implement it over ethdev, tests over memory and pcap files.
// Every call moves a burst; none waits. One PacketIo belongs to exactly one worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet.h"

namespace mediaward::dataplane {

struct PortCapabilities {
  bool tx_ip_checksum = false;
  bool tx_udp_checksum = false;
  bool tx_vlan_insert = false;
  bool tx_chains = false;        // transmits a packet whose bytes lie in several segments
};

inline constexpr std::uint32_t kMaxShares = 32'000;  // reference counts of buffers have 16 bits

class PacketIo {
 public:
  PacketIo() = default;
  PacketIo(const PacketIo&) = delete;
  PacketIo& operator=(const PacketIo&) = delete;
  virtual ~PacketIo() = default;

  // Fills `out` from the front with received packets: data, bytes, room, next, flags, port and vlan_tci are set.
  [[nodiscard]] virtual std::size_t receive(std::span<Packet*> out) noexcept = 0;

  // Hands packets (with what `next` names) to the port; returns how many were taken from the front. The rest stays with the caller.
  [[nodiscard]] virtual std::size_t transmit(std::span<Packet* const> packets) noexcept = 0;

  // All or nothing: false leaves `out` unspecified. A fresh packet has bytes = 0, flags = 0, next = nullptr and headroom in
  // front of data for a VLAN tag.
  [[nodiscard]] virtual bool allocate(std::span<Packet*> out) noexcept = 0;

  // `more` further packets will name this one as their `next`: it goes back to its pool when all of them and its owner have let go.
  // data and bytes must not change afterwards. A packet shared so may be released on any worker; it is not transmitted by itself.
  // At most kMaxShares per packet, all calls together.
  virtual void share(Packet& packet, std::uint32_t more) noexcept = 0;

  // Gives packets (whole chains) back to their pool. Also takes packets that another PacketIo of this process received.
  virtual void release(std::span<Packet* const> packets) noexcept = 0;

  [[nodiscard]] virtual PortCapabilities capabilities() const noexcept = 0;
};

}  // namespace mediaward::dataplane
