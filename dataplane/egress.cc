// SPDX-License-Identifier: Apache-2.0
// See egress.h. The worker's own thread.
#include "dataplane/egress.h"

#include <algorithm>
#include <cstring>

#include "dataplane/checksum.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/udp.h"

namespace mediaward::dataplane {

Egress::Egress(WorkerContext& context, const CoreSettings& settings, WorkerSettings& worker, std::span<const std::atomic<bool>> links)
    : context_(context), ports_(settings.ports.size()), hold_(settings.limits.neighbours, context.tsc_hz()) {
  for (auto& queue : worker.queues) {
    Port& port = ports_[queue.port];
    port.io = queue.io.get();
    port.link_up = &links[queue.port];
    port.software_checksum = !queue.io->capabilities().tx_udp_checksum;
    port.chains = queue.io->capabilities().tx_chains;
    sums_in_software_ |= port.software_checksum;
    port.tx_flags = port.software_checksum ? std::uint16_t{0} : static_cast<std::uint16_t>(kTxUdpChecksum);
  }
}

// Fills the UDP checksum field, which holds the folded pseudo-header sum, over the whole datagram. What is shared was summed once: it
// begins at an even place, 8 bytes behind the UDP header.
void Egress::finish_udp_checksum(Packet& packet) noexcept {
  const std::size_t at = std::size_t{packet.l2_bytes} + packet.l3_bytes;
  std::byte* udp = packet.data + at;
  std::uint64_t total = add_checksum({udp, packet.bytes - at});
  if (packet.next != nullptr) [[unlikely]] total += packet.tail_sum;
  const Be16 sum = finish_checksum(total);
  store_raw(udp + wire::kUdpChecksumOffset, sum.raw() == 0 ? std::uint16_t{0xffff} : sum.raw());
}

Egress::~Egress() {
  hold_.purge_all([this](Packet* packet, DropReason reason) { context_.drop(packet, reason); });
  for (Port& port : ports_)
    for (std::size_t i = 0; i < port.kept; ++i) context_.drop(port.tx[i], DropReason::kTxFull);
  context_.flush_releases();
  for (Port& port : ports_)
    if (port.io != nullptr) port.io->release({port.spare.data(), port.spare_count});
}

bool Egress::refill(Port& port) noexcept {
  for (std::size_t want = kSpare; want != 0; want /= 8) {
    if (!port.io->allocate({port.spare.data(), want})) continue;
    for (std::size_t i = 0; i < want; ++i) port.spare_data[i] = port.spare[i]->data;
    port.spare_count = want;
    return true;
  }
  return false;
}

std::uint16_t Egress::sum_payload(const Packet& tail) const noexcept {
  return sums_in_software_ ? fold_checksum(add_checksum({tail.data, tail.bytes})) : std::uint16_t{0};
}

bool Egress::begin_copy(const UdpPath& path, Packet& out, Packet& tail, std::uint16_t tail_sum) noexcept {
  std::byte* payload = begin_datagram(path, out, tail.bytes);
  if (!ports_[path.port].chains) {
    std::memcpy(payload, tail.data, tail.bytes);
    return false;
  }
  out.bytes = path.header_bytes;
  out.next = &tail;
  out.tail_sum = tail_sum;
  return true;
}

void Egress::send_later(const UdpPath& path, Packet* packet) noexcept {
  const std::uint64_t link = path.hop->resolve();
  if ((link & NextHop::kLinkValid) != 0) {  // what waited until this very loop goes first
    hold_.release_one(path.hop, [this, link](Packet* held) { with_address(link, held); });
    return with_address(link, packet);
  }
  if (path.hop->state.load(std::memory_order_relaxed) == NeighbourState::kFailed)
    return context_.drop(packet, DropReason::kNeighbourUnresolved, path.object_id);
  if (!hold_.hold(path.hop, packet, context_.now())) context_.drop(packet, DropReason::kNeighbourQueueFull, path.object_id);
}

std::size_t Egress::transmit(Port& port) noexcept {
  const std::size_t n = port.tx_count;
  std::uint64_t bytes = port.tx_bytes;  // counted before: the port may free what it takes
  const bool up = port.link_up->load(std::memory_order_relaxed);
  const std::size_t sent = up ? port.io->transmit({port.tx.data(), n}) : 0;
  kept_ -= port.kept;
  port.kept = port.tx_count = 0;
  port.tx_bytes = 0;
  for (std::size_t i = sent; i < n; ++i) bytes -= total_bytes(*port.tx[i]);
  context_.count(Counter::kTxPackets, sent);
  context_.count(Counter::kTxBytes, bytes);
  if (sent != 0) port.kept_since = 0;
  if (sent != n) [[unlikely]] refused(port, sent, n, up);
  return n;
}

// What stays stands in front, in its order.
void Egress::refused(Port& port, std::size_t from, std::size_t to, bool link_up) noexcept {
  const std::uint64_t now = context_.now();
  const bool beside_content = link_up && now < port.bulk_until;
  if (port.kept_since == 0) port.kept_since = now;
  const bool in_time = now - port.kept_since < context_.tsc_hz() / kKeepsPerSecond;
  port.refused = true;
  for (std::size_t i = from; i < to; ++i) {
    Packet* const packet = port.tx[i];
    if (!beside_content || !in_time || (packet->flags & kTxBulk) != 0 || port.kept == kMostKept) {
      context_.drop(packet, link_up ? DropReason::kTxFull : DropReason::kLinkDown);
      continue;
    }
    port.tx[port.kept++] = packet;
    port.tx_bytes += total_bytes(*packet);
  }
  port.tx_count = port.kept;
  kept_ += port.kept;
}

// Half of it after a loop in which the ring was full, a little more after one in which it was not and as much was wanted.
void Egress::adapt_bulk(Port& port) noexcept {
  if (port.refused)
    port.bulk_most = std::max(kLeastBulk, std::min(port.bulk_used, port.bulk_most) / 2);
  else if (port.bulk_used >= port.bulk_most)
    port.bulk_most = std::min(kMostBulk, port.bulk_most + kBulkStep);
  port.bulk_used = 0;
  port.refused = false;
}

std::size_t Egress::flush() noexcept {
  if (hold_.size() != 0) [[unlikely]] {
    hold_.release(
        context_.now(), [this](NextHop& hop, Packet* packet) { with_address(hop.link.load(std::memory_order_relaxed), packet); },
        [this](Packet* packet, DropReason reason) { context_.drop(packet, reason); });
  }
  std::size_t n = 0;
  for (Port& port : ports_) {
    if (port.tx_count != 0) n += transmit(port);
    if (port.bulk_used != 0 || port.refused) [[unlikely]] adapt_bulk(port);
  }
  context_.flush_releases();
  return n;
}

void Egress::purge(NextHop* hop) noexcept {
  hold_.purge(hop, [this](Packet* packet, DropReason reason) { context_.drop(packet, reason); });
}

std::size_t Egress::queued() const noexcept {
  std::size_t n = 0;
  for (const Port& port : ports_) n += port.tx_count - port.kept;
  return n;
}

void Egress::report_index_reuse(std::uint64_t leg_id, std::uint32_t ssrc) noexcept {
  if (context_.now() < next_report_) return;
  next_report_ = context_.now() + context_.tsc_hz();
  WorkerEvent event;
  event.kind = WorkerEvent::Kind::kIndexReuse;
  event.reason = DropReason::kSealIndexReuse;
  event.leg_id = leg_id;
  event.ssrc = ssrc;
  context_.report(event);
}

}  // namespace mediaward::dataplane
