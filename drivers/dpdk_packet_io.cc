// SPDX-License-Identifier: Apache-2.0
// The per-packet conversions between mbuf and Packet. Hot path: one pass per burst, no call per packet.
// Invariant of every mbuf in our pools and in flight as a single segment of one owner: direct, refcnt 1, next == nullptr,
// nb_segs == 1. So it can be taken from and put back to the mempool raw, without touching the mbuf's second line. Packet::next is
// the truth about chains; mbuf links are written for transmit and undone for release. A shared packet has its descriptor written
// once, by share(), and from then on only its reference count changes: several workers and PMDs may hold it at once.
// Worker thread.
#include "drivers/dpdk_packet_io.h"

#include <rte_ethdev.h>

#include <algorithm>

#include "crypto/bytes.h"

namespace mediaward::drivers {
namespace {

using dataplane::Packet;

#ifndef RTE_MBUF_REFCNT_ATOMIC
#error "shared packets need a DPDK that was built with atomic mbuf reference counts (RTE_MBUF_REFCNT_ATOMIC, its default)"
#endif

constexpr std::size_t kBurst = 64;         // mbufs handed to ethdev or the mempool at once
constexpr std::size_t kPrefetchAhead = 4;

// Both fields lie in the mbuf's first line, side by side.
inline bool single_owner_segment(const rte_mbuf* mbuf) noexcept { return mbuf->nb_segs == 1 && rte_mbuf_refcnt_read(mbuf) == 1; }

constexpr std::uint16_t rx_flags(std::uint64_t ol_flags) noexcept {
  // "None" (both bits) means: not correct in the packet, but known to be intact, as from a guest that left it to the port.
  const auto bit = [ol_flags](std::uint64_t mask) { return static_cast<unsigned>((ol_flags & mask) != 0); };
  const unsigned ip_good = bit(RTE_MBUF_F_RX_IP_CKSUM_GOOD), l4_good = bit(RTE_MBUF_F_RX_L4_CKSUM_GOOD);
  const unsigned ip_bad = bit(RTE_MBUF_F_RX_IP_CKSUM_BAD) & ~ip_good, l4_bad = bit(RTE_MBUF_F_RX_L4_CKSUM_BAD) & ~l4_good;
  return static_cast<std::uint16_t>(ip_good * dataplane::kRxIpChecksumGood | ip_bad * dataplane::kRxIpChecksumBad |
                                    l4_good * dataplane::kRxL4ChecksumGood | l4_bad * dataplane::kRxL4ChecksumBad |
                                    bit(RTE_MBUF_F_RX_VLAN_STRIPPED) * dataplane::kRxVlanStripped);
}
static_assert(rx_flags(0) == 0);
static_assert(rx_flags(RTE_MBUF_F_RX_L4_CKSUM_NONE) == dataplane::kRxL4ChecksumGood);
static_assert(rx_flags(RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_IP_CKSUM_GOOD) == (dataplane::kRxL4ChecksumBad | dataplane::kRxIpChecksumGood));
static_assert(rx_flags(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED) == dataplane::kRxVlanStripped);

inline void fill_segment(Packet* packet, rte_mbuf* mbuf) noexcept {
  packet->data = static_cast<std::byte*>(mbuf->buf_addr) + mbuf->data_off;
  packet->bytes = mbuf->data_len;
  packet->room = static_cast<std::uint32_t>(mbuf->buf_len) - mbuf->data_off;
  packet->next = nullptr;
}

// Rare: the frame did not fit one buffer.
[[gnu::noinline]] void link_packets(rte_mbuf* head) noexcept {
  for (rte_mbuf* mbuf = head; mbuf->next != nullptr; mbuf = mbuf->next) {
    Packet* next = packet_of(mbuf->next);
    fill_segment(next, mbuf->next);
    next->flags = 0;
    next->port = packet_of(head)->port;
    packet_of(mbuf)->next = next;
  }
}

inline void write_segment(rte_mbuf* mbuf, const Packet& packet) noexcept {
  mbuf->data_off = static_cast<std::uint16_t>(packet.data - buffer_of(mbuf));
  mbuf->data_len = static_cast<std::uint16_t>(packet.bytes);
  mbuf->nb_segs = 1;
  mbuf->next = packet.next != nullptr ? mbuf_of(packet.next) : nullptr;
}

// Makes the mbuf chain say what the Packet chain says. Further segments that others hold, too, already do.
[[gnu::noinline]] void link_mbufs(Packet* head) noexcept {
  rte_mbuf* first = mbuf_of(head);
  write_segment(first, *head);
  std::uint32_t bytes = head->bytes;
  std::uint16_t segments = 1;
  for (Packet* packet = head->next; packet != nullptr; packet = packet->next) {
    rte_mbuf* mbuf = mbuf_of(packet);
    if (rte_mbuf_refcnt_read(mbuf) == 1) write_segment(mbuf, *packet);
    bytes += packet->bytes;
    ++segments;
  }
  first->pkt_len = bytes;
  first->nb_segs = segments;
}

inline std::uint64_t tx_flags(const Packet& packet, rte_mbuf* mbuf) noexcept {
  std::uint64_t ol_flags = 0;
  if ((packet.flags & dataplane::kTxVlanInsert) != 0) {
    ol_flags |= RTE_MBUF_F_TX_VLAN;
    mbuf->vlan_tci = packet.vlan_tci;
  }
  if ((packet.flags & (dataplane::kTxIpChecksum | dataplane::kTxUdpChecksum)) != 0) {
    ol_flags |= (packet.flags & dataplane::kTxIpv6) != 0 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
    if ((packet.flags & dataplane::kTxIpChecksum) != 0) ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
    if ((packet.flags & dataplane::kTxUdpChecksum) != 0) ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
    mbuf->tx_offload = rte_mbuf_tx_offload(packet.l2_bytes, packet.l3_bytes, 0, 0, 0, 0, 0);
  }
  return ol_flags;
}

inline rte_mbuf* write_back(Packet* packet) noexcept {
  rte_mbuf* mbuf = mbuf_of(packet);
  mbuf->data_off = static_cast<std::uint16_t>(packet->data - buffer_of(mbuf));
  mbuf->data_len = static_cast<std::uint16_t>(packet->bytes);
  mbuf->pkt_len = packet->bytes;
  mbuf->ol_flags = tx_flags(*packet, mbuf);
  if (packet->next != nullptr || mbuf->nb_segs != 1) [[unlikely]]
    link_mbufs(packet);
  return mbuf;
}

// Collects mbufs of one pool and puts them back together.
class PoolReturn {
 public:
  PoolReturn() noexcept = default;
  PoolReturn(const PoolReturn&) = delete;
  PoolReturn& operator=(const PoolReturn&) = delete;
  ~PoolReturn() { flush(); }

  void add(rte_mbuf* mbuf) noexcept {
    if (count_ == kBurst || mbuf->pool != pool_) [[unlikely]] {
      flush();
      pool_ = mbuf->pool;
    }
    mbufs_[count_++] = mbuf;
  }

 private:
  void flush() noexcept {
    if (count_ != 0) rte_mempool_put_bulk(pool_, mbufs_, count_);
    count_ = 0;
  }

  void* mbufs_[kBurst];
  unsigned count_ = 0;
  rte_mempool* pool_ = nullptr;
};

// Chains and shared packets. `next` is read first: once let go, a segment may be somebody else's already.
[[gnu::noinline]] void release_chain(Packet* head, PoolReturn& pool_return) noexcept {
  for (Packet* packet = head; packet != nullptr;) {
    Packet* next = packet->next;
    if (rte_mbuf* last = rte_pktmbuf_prefree_seg(mbuf_of(packet)); last != nullptr) pool_return.add(last);
    packet = next;
  }
}

}  // namespace

std::size_t DpdkPacketIo::receive(std::span<Packet*> out) noexcept {
  // ethdev writes its mbuf pointers into the caller's array; each becomes a Packet pointer in place.
  auto** mbufs = reinterpret_cast<rte_mbuf**>(out.data());
  const std::size_t count = rte_eth_rx_burst(port_id_, queue_, mbufs, static_cast<std::uint16_t>(std::min<std::size_t>(out.size(), 0xffff)));
  bool chains = false;
  for (std::size_t i = 0; i < std::min(count, kPrefetchAhead); ++i) prefetch(packet_of(mbufs[i]));
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kPrefetchAhead < count) {
      prefetch(mbufs[i + kPrefetchAhead]);
      prefetch(packet_of(mbufs[i + kPrefetchAhead]));
    }
    rte_mbuf* mbuf = mbufs[i];
    Packet* packet = packet_of(mbuf);
    fill_segment(packet, mbuf);
    prefetch(packet->data);
    packet->flags = rx_flags(mbuf->ol_flags);
    packet->port = port_index_;
    packet->vlan_tci = mbuf->vlan_tci;
    packet->rx_tsc = 0;
    if (mbuf->nb_segs != 1) [[unlikely]] {
      link_packets(mbuf);
      chains = true;
    }
    out[i] = packet;
  }
  if (chains && refused_chains_ != nullptr) [[unlikely]] return refuse_chains(out.first(count));
  return count;
}

// What is longer than a buffer is longer than the MTU. The others move up, in order.
[[gnu::noinline]] std::size_t DpdkPacketIo::refuse_chains(std::span<Packet*> packets) noexcept {
  std::size_t kept = 0;
  for (Packet* packet : packets) {
    if (packet->next == nullptr) {
      packets[kept++] = packet;
      continue;
    }
    release({&packet, 1});
    refused_chains_->store(refused_chains_->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  return kept;
}

std::size_t DpdkPacketIo::transmit(std::span<Packet* const> packets) noexcept {
  rte_mbuf* mbufs[kBurst];
  std::size_t sent = 0;
  while (sent < packets.size()) {
    const std::size_t count = std::min(packets.size() - sent, kBurst);
    for (std::size_t i = 0; i < count; ++i) mbufs[i] = write_back(packets[sent + i]);
    const std::size_t taken = rte_eth_tx_burst(port_id_, queue_, mbufs, static_cast<std::uint16_t>(count));
    sent += taken;
    if (taken < count) break;
  }
  return sent;
}

bool DpdkPacketIo::allocate(std::span<Packet*> out) noexcept {
  auto** mbufs = reinterpret_cast<void**>(out.data());
  if (rte_mempool_get_bulk(pool_, mbufs, static_cast<unsigned>(out.size())) != 0) return false;
  for (Packet*& slot : out) {
    auto* mbuf = reinterpret_cast<rte_mbuf*>(slot);
    Packet* packet = packet_of(mbuf);
    packet->data = buffer_of(mbuf) + kHeadroomBytes;
    packet->bytes = 0;
    packet->room = fresh_room_;
    packet->next = nullptr;
    packet->flags = 0;
    packet->port = port_index_;
    packet->vlan_tci = 0;
    packet->rx_tsc = 0;
    slot = packet;
  }
  return true;
}

// Every segment gets the references, as whoever frees a head frees all that follows. A second call finds the descriptor written.
void DpdkPacketIo::share(Packet& packet, std::uint32_t more) noexcept {
  for (Packet* segment = &packet; segment != nullptr; segment = segment->next) {
    rte_mbuf* mbuf = mbuf_of(segment);
    if (rte_mbuf_refcnt_read(mbuf) == 1) write_segment(mbuf, *segment);
    rte_mbuf_refcnt_update(mbuf, static_cast<std::int16_t>(more));
  }
}

void DpdkPacketIo::release(std::span<Packet* const> packets) noexcept {
  PoolReturn pool_return;
  for (Packet* packet : packets) {
    rte_mbuf* mbuf = mbuf_of(packet);
    if (packet->next != nullptr || !single_owner_segment(mbuf)) [[unlikely]]
      release_chain(packet, pool_return);
    else
      pool_return.add(mbuf);
  }
}

}  // namespace mediaward::drivers
