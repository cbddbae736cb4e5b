// SPDX-License-Identifier: Apache-2.0
// Next-hop table, timers and probes, see neighbour.h. Workers write only `link`, `confirmed_tsc` and `in_use` of an entry; its state
// belongs to the ticking worker, who derives it from those, so that no transition needs a lock or a compare-and-swap loop.
// A confirmation that races with giving up an address costs one more round of probes, nothing else.
#include "dataplane/neighbour.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "dataplane/wire/arp.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"

namespace mediaward::dataplane {

namespace {

constexpr std::size_t kSlotsPerTick = 256;
constexpr std::size_t kTicksPerSweep = 32;

// Marks a slot whose entry was unlinked: look-ups go on behind it. Never dereferenced.
NextHop* tombstone() noexcept {
  return reinterpret_cast<NextHop*>(std::uintptr_t{64});
}

std::int64_t since(std::uint64_t now, std::uint64_t then) noexcept {
  return static_cast<std::int64_t>(now - then);
}

bool is_live(const NextHop* hop) noexcept {
  return hop != nullptr && hop != tombstone();
}

// All-ones and all-zeros host part of an IPv4 prefix (RFC 1122 §3.2.1.3 (c), (d)); /31 and /32 have neither (RFC 3021).
bool is_prefix_broadcast(const IpPrefix& prefix, const IpAddress& a) noexcept {
  if (a.family != Family::kIpv4 || prefix.bits > 30 || !prefix.contains(a)) return false;
  const std::uint32_t host_mask = prefix.bits == 0 ? 0xffffffffu : (std::uint32_t{1} << (32 - prefix.bits)) - 1;
  const std::uint32_t host = load_be32(a.bytes.data()) & host_mask;
  return host == host_mask || host == 0;
}

const char* why_not_unicast(const PortSettings& port, const IpAddress& a) noexcept {
  if (a.is_unspecified() || (a.family == Family::kIpv4 && a.bytes[0] == std::byte{0})) return "is unspecified";
  if (a.is_multicast()) return "is a multicast address";
  if (a.is_loopback()) return "is a loopback address";
  if (a.family == Family::kIpv4 && load_raw<std::uint32_t>(a.bytes.data()) == 0xffffffff) return "is the broadcast address";
  if (a == link_local_of(port)) return "is the port's own address";
  for (const auto& prefix : port.addresses) {
    if (prefix.address == a) return "is the port's own address";
    if (is_prefix_broadcast(prefix, a)) return "is the broadcast or network address of one of the port's prefixes";
  }
  return nullptr;
}

bool is_on_link(const PortSettings& port, const IpAddress& a) noexcept {
  if (a.family == Family::kIpv6 && a.is_link_local()) return true;  // RFC 4861 §5.2
  return std::any_of(port.addresses.begin(), port.addresses.end(), [&](const IpPrefix& prefix) { return prefix.contains(a); });
}

}  // namespace

NeighbourBudget::NeighbourBudget(std::uint32_t limit) : limit_(limit) {
  for (std::uint32_t id = limit; id != 0; --id) free_.push_back(id - 1);
}

std::optional<std::uint32_t> NeighbourBudget::take() {
  if (free_.empty()) return std::nullopt;
  const std::uint32_t id = free_.back();
  free_.pop_back();
  return id;
}

void NeighbourBudget::give_back(std::uint32_t id) {
  free_.push_back(id);
}

void confirm_neighbour(NextHop& hop, const MacAddress& mac, std::uint64_t now_tsc) noexcept {
  hop.link.store(link_word(mac), std::memory_order_release);
  hop.confirmed_tsc.store(now_tsc, std::memory_order_release);
}

void learn_neighbour(NextHop& hop, const MacAddress& mac) noexcept {
  if (hop.link.load(std::memory_order_relaxed) != link_word(mac)) hop.link.store(link_word(mac), std::memory_order_release);
}

NeighbourTable::NeighbourTable(const PortSettings& port, std::uint16_t port_index, NeighbourBudget& budget, std::uint64_t tsc_hz)
    : port_(port),
      port_index_(port_index),
      budget_(budget),
      second_(tsc_hz),
      mask_(std::bit_ceil(std::max<std::size_t>(std::size_t{budget.limit()} * 2, 2)) - 1),
      slots_(mask_ + 1) {}

std::size_t NeighbourTable::home(Family family, const std::byte* bytes) const noexcept {
  std::uint64_t key = load_raw<std::uint32_t>(bytes);
  if (family == Family::kIpv6) key = load_raw<std::uint64_t>(bytes) ^ std::rotl(load_raw<std::uint64_t>(bytes + 8), 23);
  return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15u) >> 32) & mask_;
}

NextHop* NeighbourTable::find(Family family, const std::byte* bytes) const noexcept {
  const std::size_t size = family == Family::kIpv4 ? 4 : 16;
  std::size_t at = home(family, bytes);
  for (std::size_t looks = 0; looks <= mask_; ++looks, at = (at + 1) & mask_) {
    NextHop* hop = slots_[at].load(std::memory_order_acquire);
    if (hop == nullptr) return nullptr;
    if (hop != tombstone() && hop->address.family == family && std::memcmp(hop->address.bytes.data(), bytes, size) == 0) return hop;
  }
  return nullptr;
}

// The table has twice as many slots as the budget has ids, so there always is a free one.
void NeighbourTable::link(NextHop* hop) noexcept {
  std::size_t at = home(hop->address.family, hop->address.bytes.data());
  while (is_live(slots_[at].load(std::memory_order_relaxed))) at = (at + 1) & mask_;
  slots_[at].store(hop, std::memory_order_release);
}

void NeighbourTable::unlink(NextHop* hop) noexcept {
  std::size_t at = home(hop->address.family, hop->address.bytes.data());
  while (slots_[at].load(std::memory_order_relaxed) != hop) at = (at + 1) & mask_;
  slots_[at].store(tombstone(), std::memory_order_release);
  // Tombstones at the end of a chain lead nowhere: turn them back, or chains would only ever grow.
  if (slots_[(at + 1) & mask_].load(std::memory_order_relaxed) != nullptr) return;
  while (slots_[at].load(std::memory_order_relaxed) == tombstone()) {
    slots_[at].store(nullptr, std::memory_order_release);
    at = (at - 1) & mask_;
  }
}

Result<NextHop*> NeighbourTable::acquire(const IpAddress& address) {
  if (NextHop* known = find(address.family, address.bytes.data()); known != nullptr) {
    ++known->references;
    return known;
  }
  if (!source_for(port_, address)) {
    return fail(ErrorCode::kInvalid,
                "port " + port_.name + " has no address to resolve " + address.to_string() + " from: add one of its family");
  }
  const auto id = budget_.take();
  if (!id) {
    return fail(ErrorCode::kExhausted, "no room for next hop " + address.to_string() + " of port " + port_.name + ": all " +
                                           std::to_string(budget_.limit()) + " neighbours are in use, raise limits.neighbours");
  }
  entries_.push_back(std::make_unique<NextHop>(budget_, *id, address, port_index_));
  NextHop* hop = entries_.back().get();
  hop->references = 1;
  link(hop);
  return hop;
}

std::unique_ptr<NextHop> NeighbourTable::release(NextHop* hop) {
  if (--hop->references != 0) return nullptr;
  unlink(hop);
  const auto it = std::find_if(entries_.begin(), entries_.end(), [hop](const auto& entry) { return entry.get() == hop; });
  std::unique_ptr<NextHop> gone = std::move(*it);
  *it = std::move(entries_.back());
  entries_.pop_back();
  return gone;
}

void NeighbourTable::enter(NextHop& hop, NeighbourState state, std::uint64_t due_tsc) noexcept {
  const NeighbourState before = hop.state.load(std::memory_order_relaxed);
  hop.timer.tries = 0;
  hop.timer.due_tsc = due_tsc;
  if (state == NeighbourState::kStale) hop.in_use.store(0, std::memory_order_relaxed);
  hop.state.store(state, std::memory_order_release);
  const bool was_known = before != NeighbourState::kIncomplete && before != NeighbourState::kFailed;
  const bool resolved = (state == NeighbourState::kReachable || state == NeighbourState::kStale) && !was_known;
  const bool failed = state == NeighbourState::kFailed;
  if ((resolved || failed) && change_count_ < changes_.size()) changes_[change_count_++] = {&hop, state};
}

// Takes over what workers noted since the last look.
void NeighbourTable::observe(NextHop& hop, std::uint64_t now_tsc) noexcept {
  auto& timer = hop.timer;
  const std::uint64_t confirmed = hop.confirmed_tsc.load(std::memory_order_acquire);
  const std::uint64_t word = hop.link.load(std::memory_order_acquire);
  const bool valid = (word & NextHop::kLinkValid) != 0;
  if (confirmed != timer.seen_confirmed) {
    timer.seen_confirmed = confirmed;
    timer.seen_link = word;
    enter(hop, valid ? NeighbourState::kReachable : NeighbourState::kIncomplete, now_tsc);
  } else if (valid && word != timer.seen_link) {
    timer.seen_link = word;
    enter(hop, NeighbourState::kStale, now_tsc);
  }
}

NeighbourTable::Probe NeighbourTable::plan(NextHop& hop, std::uint64_t now_tsc) noexcept {
  observe(hop, now_tsc);
  switch (hop.state.load(std::memory_order_relaxed)) {
    case NeighbourState::kReachable:
      if (since(now_tsc, hop.timer.seen_confirmed) > static_cast<std::int64_t>(second_ * kNeighbourReachableSeconds)) {
        enter(hop, NeighbourState::kStale, now_tsc);
      }
      return Probe::kNone;
    case NeighbourState::kStale:
      if (hop.in_use.load(std::memory_order_relaxed) == 0) return Probe::kNone;  // RFC 4861 §7.3.3: only what is used is probed
      enter(hop, NeighbourState::kProbe, now_tsc);
      return Probe::kUnicast;
    case NeighbourState::kProbe:
      return plan_unicast(hop, now_tsc);
    case NeighbourState::kIncomplete:
    case NeighbourState::kFailed:
      break;
  }
  return plan_multicast(hop, now_tsc);
}

NeighbourTable::Probe NeighbourTable::plan_unicast(NextHop& hop, std::uint64_t now_tsc) noexcept {
  if (since(now_tsc, hop.timer.due_tsc) < 0) return Probe::kNone;
  if (hop.timer.tries < kNeighbourUnicastTries) return Probe::kUnicast;
  // The neighbour is gone or has another address: forget this one, unless a worker replaced it just now, and ask everybody.
  std::uint64_t expected = hop.timer.seen_link;
  if (!hop.link.compare_exchange_strong(expected, 0, std::memory_order_acq_rel)) return Probe::kNone;
  hop.timer.seen_link = 0;
  enter(hop, NeighbourState::kIncomplete, now_tsc);
  return Probe::kMulticast;
}

NeighbourTable::Probe NeighbourTable::plan_multicast(NextHop& hop, std::uint64_t now_tsc) noexcept {
  if (since(now_tsc, hop.timer.due_tsc) < 0) return Probe::kNone;
  const bool given_up = hop.state.load(std::memory_order_relaxed) == NeighbourState::kFailed;
  if (given_up || hop.timer.tries < kNeighbourMulticastTries) return Probe::kMulticast;
  enter(hop, NeighbourState::kFailed, now_tsc + second_ * kNeighbourFailedRetrySeconds);
  return Probe::kNone;
}

void NeighbourTable::count_try(NextHop& hop, std::uint64_t now_tsc) noexcept {
  const bool given_up = hop.state.load(std::memory_order_relaxed) == NeighbourState::kFailed;
  ++hop.timer.tries;
  hop.timer.due_tsc = now_tsc + second_ * (given_up ? kNeighbourFailedRetrySeconds : kNeighbourRetrySeconds);
}

std::size_t NeighbourTable::tick(std::uint64_t now_tsc, PacketIo& io, std::span<Packet*> out) noexcept {
  change_count_ = 0;
  if (since(now_tsc, next_tick_) < 0) return 0;
  next_tick_ = now_tsc + second_ / 1000;
  const std::size_t budget = std::min(out.size(), kNeighbourProbesPerTick);
  const std::size_t looks = std::min(std::max(kSlotsPerTick, (mask_ + 1) / kTicksPerSweep), mask_ + 1);
  std::size_t sent = 0;
  for (std::size_t i = 0; i < looks && change_count_ < changes_.size(); ++i, cursor_ = (cursor_ + 1) & mask_) {
    NextHop* hop = slots_[cursor_].load(std::memory_order_acquire);
    if (!is_live(hop)) continue;
    if (sent == budget) break;  // this entry is the first of the next tick
    const Probe probe = plan(*hop, now_tsc);
    if (probe == Probe::kNone) continue;
    Packet* packet = make_probe(*hop, probe, io);
    if (packet == nullptr) break;  // out of buffers: try again, the try does not count
    out[sent++] = packet;
    count_try(*hop, now_tsc);
  }
  return sent;
}

Packet* NeighbourTable::make_probe(const NextHop& hop, Probe probe, PacketIo& io) const noexcept {
  Packet* packet = nullptr;
  if (!io.allocate({&packet, 1})) return nullptr;
  if (write_probe(*packet, hop, probe)) return packet;
  io.release({&packet, 1});
  return nullptr;
}

// RFC 826, unicast poll of RFC 1122 §2.3.2.1 (2); RFC 4861 §7.2.2 and §7.3.3.
bool NeighbourTable::write_probe(Packet& packet, const NextHop& hop, Probe probe) const noexcept {
  const auto source = source_for(port_, hop.address);
  if (!source) return false;
  packet.port = port_index_;
  packet.l2_bytes = packet.l3_bytes = 0;  // a recycled buffer still says what it carried last
  MacAddress mac = wire::kBroadcastMac;
  if (probe == Probe::kUnicast) std::memcpy(mac.data(), &hop.timer.seen_link, mac.size());
  if (hop.address.family == Family::kIpv4) {
    if (!frame_packet(packet, port_, mac, wire::kEtherArp, wire::kArpBytes)) return false;
    wire::write_arp(packet.data + frame_header_bytes(port_), wire::kArpRequest, port_.mac, source->bytes.data(), {},
                    hop.address.bytes.data());
    return true;
  }
  wire::Ipv6Bytes destination = hop.address.bytes;
  if (probe == Probe::kMulticast) {
    destination = wire::solicited_node_group(hop.address.bytes);
    mac = wire::multicast_mac(destination);
  }
  if (!frame_packet(packet, port_, mac, wire::kEtherIpv6, wire::kNdpPacketBytes)) return false;
  wire::write_neighbour(packet.data + frame_header_bytes(port_), wire::kNdpNeighbourSolicitation, 0, source->bytes, destination,
                        hop.address.bytes, port_.mac);
  packet.l3_bytes = static_cast<std::uint16_t>(wire::kIpv6Bytes);
  return true;
}

// Routing (RFC 1122 §3.3.1.1), source addresses and framing of a port.

Result<NextHopRequest> route(const PortSettings& port, const IpAddress& destination) {
  if (const char* why = why_not_unicast(port, destination)) {
    return fail(ErrorCode::kInvalid, destination.to_string() + " " + why + ": port " + port.name + " cannot send media there");
  }
  if (is_on_link(port, destination)) return NextHopRequest{destination, false};
  const auto& gateway = destination.family == Family::kIpv4 ? port.gateway_v4 : port.gateway_v6;
  if (!gateway) {
    return fail(ErrorCode::kInvalid, "port " + port.name + " has no route to " + destination.to_string() +
                                         ": it is in none of the port's prefixes and there is no gateway of its family");
  }
  const bool usable = gateway->family == destination.family && why_not_unicast(port, *gateway) == nullptr && is_on_link(port, *gateway);
  if (!usable) {
    return fail(ErrorCode::kInvalid,
                "gateway " + gateway->to_string() + " of port " + port.name + " is not a neighbour: choose one inside the port's prefixes");
  }
  return NextHopRequest{*gateway, true};
}

IpAddress link_local_of(const PortSettings& port) noexcept {
  return IpAddress::v6(wire::link_local_from_mac(port.mac).data());
}

std::optional<IpAddress> source_for(const PortSettings& port, const IpAddress& peer) noexcept {
  const bool v6 = peer.family == Family::kIpv6;
  if (v6 && peer.is_link_local()) return link_local_of(port);
  const IpAddress* first = nullptr;
  for (const auto& prefix : port.addresses) {
    if (prefix.contains(peer)) return prefix.address;
    if (first == nullptr && prefix.address.family == peer.family) first = &prefix.address;
  }
  if (first != nullptr) return *first;
  return v6 ? std::optional(link_local_of(port)) : std::nullopt;
}

std::size_t frame_header_bytes(const PortSettings& port) noexcept {
  const bool inline_tag = port.vlan != 0 && !port.capabilities.tx_vlan_insert;
  return wire::kEthernetBytes + (inline_tag ? wire::kVlanTagBytes : 0);
}

bool frame_packet(Packet& packet, const PortSettings& port, const MacAddress& destination, std::uint16_t type,
                  std::size_t l3_bytes) noexcept {
  const std::size_t header = frame_header_bytes(port);
  if (header + l3_bytes > packet.room) return false;
  const bool fresh = packet.l2_bytes == 0;
  if (!fresh && packet.l2_bytes != header) std::memmove(packet.data + header, packet.data + packet.l2_bytes, l3_bytes);
  const bool tagged = header != wire::kEthernetBytes;
  wire::write_ethernet(packet.data, destination, port.mac, type, tagged ? port.vlan : std::uint16_t{0});
  packet.bytes = static_cast<std::uint32_t>(header + l3_bytes);
  packet.l2_bytes = static_cast<std::uint16_t>(header);
  packet.flags = 0;
  packet.vlan_tci = port.vlan;
  if (port.vlan != 0 && !tagged) packet.flags = kTxVlanInsert;
  return true;
}

}  // namespace mediaward::dataplane
