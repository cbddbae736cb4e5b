// SPDX-License-Identifier: Apache-2.0
// The way out of a worker: fresh buffers, the headers of outgoing datagrams, the wait for a neighbour's address, checksums and
// the transmit burst, per port. Policy-free: what is handed in is sent or counted. One per worker, on its thread.
// Content goes behind media. No driver tells how much room its ring has, so that is learned from what it refuses: content that is refused
// is dropped, and less of it may go in the loops that follow; media that is refused because content filled the ring waits for the next
// loops, in order. On a port without content nothing waits.
#pragma once

#include <emmintrin.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/checksum.h"
#include "dataplane/hold_queue.h"
#include "dataplane/settings.h"
#include "dataplane/tables.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/udp.h"
#include "dataplane/worker_context.h"

namespace mediaward::dataplane {

class Egress {
 public:
  // links: per port, whether its link is up; set by the main thread.
  Egress(WorkerContext& context, const CoreSettings& settings, WorkerSettings& worker, std::span<const std::atomic<bool>> links);
  Egress(const Egress&) = delete;
  Egress& operator=(const Egress&) = delete;
  ~Egress();  // gives every buffer back; the worker's thread has ended

  // A buffer of the port's pool, or nullptr when it is exhausted.
  [[nodiscard]] Packet* take(std::uint16_t port) noexcept {
    Port& p = ports_[port];
    if (p.spare_count == 0 && !refill(p)) [[unlikely]] return nullptr;
    context_.count(Counter::kAllocated);
    const std::size_t at = --p.spare_count;
    if (at >= kTakeAhead) [[likely]] {  // the far side of the link read these lines last
      const std::byte* data = p.spare_data[at - kTakeAhead];
      for (std::size_t line = 0; line < kTakeLines; ++line) prefetch_for_write(data + 64 * line);
    }
    return p.spare[at];
  }

  // Writes Ethernet, IP and UDP headers of a datagram along this path and returns where its payload begins. The UDP checksum is filled
  // when the packet is sent, as is the next hop's MAC where it is not known yet.
  [[nodiscard, gnu::always_inline]] inline std::byte* begin_datagram(const UdpPath& path, Packet& out, std::uint32_t payload_bytes) noexcept;

  // The same for a datagram whose payload is all of `tail`, which other datagrams may share. True: `out` names it as its next (the caller
  // shares it); false: the port takes no chains, and the bytes were copied. tail_sum: of sum_payload(tail).
  [[nodiscard]] bool begin_copy(const UdpPath& path, Packet& out, Packet& tail, std::uint16_t tail_sum) noexcept;
  // What checksums in software need to know of a shared payload: 0 where all ports do them.
  [[nodiscard]] std::uint16_t sum_payload(const Packet& tail) const noexcept;

  // Sends what begin_datagram or begin_copy made, as soon as the next hop's address is known.
  void send(const UdpPath& path, Packet* packet) noexcept {
    if ((packet->flags & kTxNoAddress) == 0 && hold_.size() == 0) [[likely]] return addressed(packet);
    send_later(path, packet);
  }
  // Sends a complete frame.
  void send_frame(std::uint16_t port, Packet* packet) noexcept {
    Port& p = ports_[port];
    p.tx[p.tx_count++] = packet;
    p.tx_bytes += total_bytes(*packet);
    if (p.tx_count == kTxBatch) [[unlikely]] transmit(p);
  }

  // The same for content, which gives way to all else. It is sent as far as takes_bulk says so; what is sent beyond is not forbidden.
  void send_bulk(const UdpPath& path, Packet* packet) noexcept {
    Port& p = ports_[path.port];
    packet->flags |= kTxBulk;
    ++p.bulk_used;
    p.bulk_until = context_.now() + context_.tsc_hz() / kBulkLingersPerSecond;
    send(path, packet);
  }
  [[nodiscard]] bool takes_bulk(std::uint16_t port) const noexcept {
    const Port& p = ports_[port];
    return p.kept == 0 && p.bulk_used < p.bulk_most;
  }

  // End of a loop: held packets whose neighbour answered (or did not), checksums, transmit. Returns packets sent.
  std::size_t flush() noexcept;

  // Packets that wait for a next hop that goes away are dropped.
  void purge(NextHop* hop) noexcept;

  void report_index_reuse(std::uint64_t leg_id, std::uint32_t ssrc) noexcept;
  [[nodiscard]] std::size_t held() const noexcept { return hold_.size() + kept_; }
  [[nodiscard]] std::size_t queued() const noexcept;
  [[nodiscard]] PacketIo& io(std::uint16_t port) noexcept { return *ports_[port].io; }

 private:
  static constexpr std::size_t kTxBatch = 64;
  static constexpr std::size_t kMostKept = 32;                   // media that wait behind a full ring
  static constexpr std::uint64_t kKeepsPerSecond = 100;          // they wait that part of a second at most
  static constexpr std::uint64_t kBulkLingersPerSecond = 10;     // so long the ring may be full of content
  static constexpr std::uint32_t kLeastBulk = 4, kMostBulk = 2048, kBulkStep = 4;  // frames per loop
  static constexpr std::size_t kSpare = 64;
  static constexpr std::size_t kTakeAhead = 6;  // buffers between asking for a line and writing it
  static constexpr std::size_t kTakeLines = 3;  // headers and most of an audio payload; a fourth costs more than it saves
  struct Port {
    PacketIo* io = nullptr;
    const std::atomic<bool>* link_up = nullptr;
    std::uint16_t tx_flags = 0;            // PacketFlags of a datagram on this port
    bool software_checksum = true;
    bool chains = false;
    std::size_t spare_count = 0, tx_count = 0;
    std::uint64_t tx_bytes = 0;            // of what is queued in `tx`
    std::size_t kept = 0;                  // of `tx`, in front: they were refused before
    std::uint32_t bulk_used = 0, bulk_most = kMostBulk;  // in this loop
    bool refused = false;                  // in this loop
    std::uint64_t bulk_until = 0;          // before that there may be content in the ring
    std::uint64_t kept_since = 0;          // the last time that the ring took anything, or the first that it did not; 0: it did
    std::array<Packet*, kSpare> spare{};
    std::array<const std::byte*, kSpare> spare_data{};  // where each one's bytes are
    std::array<Packet*, kTxBatch> tx{};
  };
  // Bytes of a packet with the one that may follow it.
  [[nodiscard]] static std::uint32_t total_bytes(const Packet& packet) noexcept {
    return packet.bytes + (packet.next != nullptr ? packet.next->bytes : 0);
  }
  bool refill(Port& port) noexcept;
  std::size_t transmit(Port& port) noexcept;
  [[gnu::cold]] void refused(Port& port, std::size_t from, std::size_t to, bool link_up) noexcept;
  static void adapt_bulk(Port& port) noexcept;
  void with_address(std::uint64_t link, Packet* packet) noexcept {
    std::memcpy(packet->data, &link, 6);
    packet->flags &= static_cast<std::uint16_t>(~kTxNoAddress);
    addressed(packet);
  }
  void addressed(Packet* packet) noexcept {
    if (ports_[packet->port].software_checksum) [[unlikely]] finish_udp_checksum(*packet);
    send_frame(packet->port, packet);
  }
  [[gnu::cold]] void send_later(const UdpPath& path, Packet* packet) noexcept;
  static void finish_udp_checksum(Packet& packet) noexcept;

  WorkerContext& context_;
  std::vector<Port> ports_;
  HoldQueue hold_;
  std::size_t kept_ = 0;  // of all ports
  bool sums_in_software_ = false;
  std::uint64_t next_report_ = 0;
};

// Few wide stores: their number is what this costs. IPv4 without a tag, nearly everywhere, is put together in three registers; of the
// rest the template is copied whole, and what lies behind the header proper is overwritten by the RTP header.
std::byte* Egress::begin_datagram(const UdpPath& path, Packet& out, std::uint32_t payload_bytes) noexcept {
  const std::uint64_t link = path.hop->resolve();
  const Be16 udp_length(static_cast<std::uint16_t>(wire::kUdpBytes + payload_bytes));
  const std::uint16_t udp_sum = add_folded(path.pseudo_sum, udp_length.raw());
  std::byte* udp = out.data + path.l2_bytes + path.l3_bytes;
  if (path.header_bytes == UdpPath::kShortHeader) [[likely]] {
    const Be16 total(static_cast<std::uint16_t>(wire::kIpv4Bytes + wire::kUdpBytes + payload_bytes));
    const auto chunk = [](const std::byte* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); };
    const auto put = [&out](std::size_t at, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(out.data + at), v); };
    const __m128i mac = _mm_cvtsi64_si128(static_cast<long long>(link & (NextHop::kLinkValid - 1)));
    put(0, _mm_or_si128(chunk(path.header), mac));
    const __m128i ip = _mm_insert_epi16(chunk(path.header + 16), total.raw(), 0);
    put(16, _mm_insert_epi16(ip, static_cast<std::uint16_t>(~add_folded(path.ip_sum, total.raw())), 4));
    const __m128i ports = _mm_insert_epi16(chunk(path.header + 26), udp_length.raw(), 6);
    put(26, _mm_insert_epi16(ports, udp_sum, 7));
  } else {
    std::memcpy(out.data, path.header, sizeof path.header);
    std::memcpy(out.data, &link, 6);
    std::byte* l3 = out.data + path.l2_bytes;
    if (path.family == Family::kIpv4) {
      const Be16 total(static_cast<std::uint16_t>(wire::kIpv4Bytes + wire::kUdpBytes + payload_bytes));
      store_raw(l3 + 2, total.raw());
      store_raw(l3 + 10, static_cast<std::uint16_t>(~add_folded(path.ip_sum, total.raw())));
    } else {
      store_raw(l3 + 4, udp_length.raw());
    }
    store_raw(udp + 4, udp_length.raw());
    store_raw(udp + wire::kUdpChecksumOffset, udp_sum);
  }
  out.describe(static_cast<std::uint16_t>(path.packet_flags | ports_[path.port].tx_flags | ((link & NextHop::kLinkValid) == 0 ? kTxNoAddress : 0)),
               path.port, path.l2_bytes, path.l3_bytes);
  out.bytes = path.header_bytes + payload_bytes;
  return udp + wire::kUdpBytes;
}

}  // namespace mediaward::dataplane
