// SPDX-License-Identifier: Apache-2.0
// A packet as every layer above the port sees it: where its bytes are and what is known about them.
// One cache line that lives beside the port's own buffer descriptor (drivers keep it in the mbuf's private area), so that no
// layer here knows the descriptor. A worker owns a packet exclusively until it is transmitted, released or handed off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/bytes.h"

namespace mediaward::dataplane {

// What the port found out on receive, or is asked to do on transmit.
enum PacketFlags : std::uint16_t {
  kRxIpChecksumGood = 1u << 0,
  kRxIpChecksumBad = 1u << 1,
  kRxL4ChecksumGood = 1u << 2,   // verified, or known to be generated on this host (partial checksum)
  kRxL4ChecksumBad = 1u << 3,
  kRxVlanStripped = 1u << 4,     // vlan_tci holds the tag that the port took off
  kTxIpChecksum = 1u << 8,       // the port fills the IPv4 header checksum (field is 0)
  kTxUdpChecksum = 1u << 9,      // the port fills the UDP checksum (field holds the pseudo-header sum)
  kTxVlanInsert = 1u << 10,      // the port inserts vlan_tci
  kTxIpv6 = 1u << 11,            // with the checksum flags: the L3 header is IPv6
  kTxBulk = 1u << 13,            // content: goes behind media, see Egress::send_bulk; ports ignore it
  kTxNoAddress = 1u << 12,       // the next hop's MAC was not known when the headers were written; never seen by a port
};

struct alignas(64) Packet {
  std::byte* data = nullptr;     // first byte of the Ethernet header
  std::uint32_t bytes = 0;       // valid bytes from data in this segment
  std::uint32_t room = 0;        // bytes usable from data: bytes ≤ room
  Packet* next = nullptr;        // further segment, which several packets may share (PacketIo::share); nullptr for almost every packet
  std::uint16_t flags = 0;       // PacketFlags
  std::uint16_t port = 0;        // index of the port it came from or goes to
  std::uint16_t l2_bytes = 0;    // Ethernet header incl. tags, set by the classifier or by who builds the packet
  std::uint16_t l3_bytes = 0;    // IP header incl. options / extension headers
  std::uint16_t vlan_tci = 0;    // with kRxVlanStripped / kTxVlanInsert
  std::uint16_t tail_sum = 0;    // with `next` of an outgoing datagram: one's complement sum over the bytes there
  std::uint32_t refs = 0;        // reserved for whoever owns the packet; single owner, not atomic
  std::uint64_t rx_tsc = 0;      // time stamp counter at the receive burst, 0 when not taken
  void* owner_tag = nullptr;     // for the PacketIo implementation only

  // Of an outgoing datagram, in one store.
  void describe(std::uint16_t tx_flags, std::uint16_t to_port, std::uint16_t l2, std::uint16_t l3) noexcept {
    const std::uint64_t word = tx_flags | std::uint64_t{to_port} << 16 | std::uint64_t{l2} << 32 | std::uint64_t{l3} << 48;
    std::memcpy(reinterpret_cast<std::byte*>(this) + offsetof(Packet, flags), &word, sizeof word);
  }
  [[nodiscard]] Bytes span() noexcept { return {data, bytes}; }
};
static_assert(sizeof(Packet) == 64);

// A UDP datagram for one of our addresses, within a packet.
struct Datagram {
  std::byte* payload = nullptr;
  std::uint32_t bytes = 0;             // of payload
  std::uint16_t udp_port = 0;          // destination
  std::uint16_t address_index = 0;     // which of the port's addresses
  const std::byte* source = nullptr;   // source address in the IP header (4 or 16 bytes)
};

}  // namespace mediaward::dataplane
