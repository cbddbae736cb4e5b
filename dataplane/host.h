// SPDX-License-Identifier: Apache-2.0
// The appliance as a host on its network: whose addresses are ours, and the answers to ARP (RFC 826), ICMP and ICMPv6 echo
// (RFC 1122 §3.2.2.6, RFC 4443 §4) and neighbour solicitations (RFC 4861 §7). Answers are written into the received packet.
// Not here: timers of next hops (neighbour.h), routers' messages, ICMP errors, fragments. One Host per port and worker, that
// worker's thread; the NeighbourTable behind it is shared by all workers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/drop_reason.h"
#include "dataplane/neighbour.h"
#include "dataplane/packet.h"
#include "dataplane/packet_io.h"
#include "dataplane/settings.h"
#include "dataplane/wire/arp.h"
#include "dataplane/wire/ip.h"

namespace mediaward::dataplane {

inline constexpr std::uint32_t kEchoRepliesPerSecond = 1000;  // RFC 4443 §2.4 (f) wants a bound; the figure is ours

// Lets `rate` tokens per second pass, at most `burst` at once. One per worker, shared by its hosts.
class TokenBucket {
 public:
  TokenBucket(std::uint64_t tsc_hz, std::uint32_t rate = kEchoRepliesPerSecond, std::uint32_t burst = 100) noexcept
      : hz_(tsc_hz), rate_(rate), full_(burst * tsc_hz), level_(full_) {}

  [[nodiscard]] bool take(std::uint64_t now_tsc) noexcept {
    const std::uint64_t elapsed = now_tsc - last_tsc_ < hz_ ? now_tsc - last_tsc_ : hz_;  // more than a second fills it in any case
    last_tsc_ = now_tsc;
    level_ = level_ + elapsed * rate_ < full_ ? level_ + elapsed * rate_ : full_;
    if (level_ < hz_) return false;
    level_ -= hz_;
    return true;
  }

 private:
  std::uint64_t hz_;
  std::uint64_t rate_;
  std::uint64_t full_;  // tokens × hz_, so that no division is needed
  std::uint64_t level_;
  std::uint64_t last_tsc_ = 0;
};

enum class HostAction : std::uint8_t {
  kDrop,      // for HostVerdict::reason
  kConsumed,  // its information was taken over; release it
  kArpReply,  // the packet now is the answer: transmit it on its port
  kEchoReply,
  kNeighbourReply,
};

struct HostVerdict {
  HostAction action = HostAction::kDrop;
  DropReason reason = DropReason::kCount;  // with kDrop

  [[nodiscard]] bool is_reply() const noexcept { return action >= HostAction::kArpReply; }
};

class Host {
 public:
  static constexpr int kNotOurs = -1;
  static constexpr int kOurLinkLocal = -2;  // derived from the MAC, in no list

  // All must outlive the host. Allocates; main thread.
  Host(const PortSettings& port, NeighbourTable& neighbours, TokenBucket& echo_bucket);

  // Index into PortSettings::addresses of this unicast address (network order, 4 or 16 bytes by family), or one of the above.
  [[nodiscard]] int address_index(Family family, const std::byte* bytes) const noexcept {
    if (family == Family::kIpv4) {
      const auto wanted = load_raw<std::uint32_t>(bytes);
      for (const auto& a : v4_) {
        if (a.raw == wanted) return a.index;
      }
      return kNotOurs;
    }
    const auto high = load_raw<std::uint64_t>(bytes);
    const auto low = load_raw<std::uint64_t>(bytes + 8);
    for (const auto& a : v6_) {
      if (a.low == low && a.high == high) return a.index;
    }
    return kNotOurs;
  }
  [[nodiscard]] bool is_our_address(Family family, const std::byte* bytes) const noexcept {
    return address_index(family, bytes) != kNotOurs;
  }

  // Ethernet groups: broadcast, all-nodes, and the solicited-node groups of our addresses.
  [[nodiscard]] bool is_our_group(const MacAddress& mac) const noexcept;
  // IPv6 groups (16 bytes): all-nodes and the solicited-node groups of our addresses (RFC 4291 §2.8).
  [[nodiscard]] bool is_our_group_address(const std::byte* bytes) const noexcept;

  // The packet starts at its Ethernet header with l2_bytes set and is for us or for a group of ours. packet.data is not moved. IPv6
  // solicitations from :: must be passed on (duplicate address detection).
  [[nodiscard]] HostVerdict handle_arp(Packet& packet, std::uint64_t now_tsc) noexcept;
  [[nodiscard]] HostVerdict handle_icmp(Packet& packet, std::uint64_t now_tsc) noexcept;    // EtherType IPv4, protocol 1
  [[nodiscard]] HostVerdict handle_icmpv6(Packet& packet, std::uint64_t now_tsc) noexcept;  // EtherType IPv6, next header 58

  // One ARP announcement (RFC 5227 §2.3) or unsolicited advertisement (RFC 4861 §7.2.6) per address, from index `first` on; packets
  // come from `io`. Returns how many were written to `out`; fewer than out.size() means done or out of buffers. At start.
  [[nodiscard]] std::size_t announce(std::size_t first, PacketIo& io, std::span<Packet*> out) noexcept;
  [[nodiscard]] std::size_t announcements() const noexcept { return v4_.size() + v6_.size(); }

 private:
  struct V4 {
    std::uint32_t raw;
    int index;
  };
  struct V6 {
    std::uint64_t high, low;  // memory order
    int index;
    wire::Ipv6Bytes bytes, group;
  };
  struct Ipv6Message {  // of a checked ICMPv6 packet; copies, because the packet is overwritten
    wire::Ipv6Bytes source, destination;
    MacAddress ethernet_source;
    std::uint8_t traffic_class, hop_limit;
    Bytes body;
  };

  void add_v6(const wire::Ipv6Bytes& bytes, int index);
  void learn_from_arp(const wire::ArpPacket& arp, bool to_us, std::uint64_t now_tsc) noexcept;
  [[nodiscard]] HostVerdict reply_echo_v6(Packet& packet, const Ipv6Message& m, std::uint64_t now_tsc) noexcept;
  [[nodiscard]] HostVerdict handle_solicitation(Packet& packet, const Ipv6Message& m) noexcept;
  [[nodiscard]] HostVerdict handle_advertisement(const Ipv6Message& m, std::uint64_t now_tsc) noexcept;
  [[nodiscard]] bool write_announcement(Packet& packet, std::size_t index) const noexcept;

  const PortSettings& port_;
  NeighbourTable& neighbours_;
  TokenBucket& echo_bucket_;
  std::vector<V4> v4_;
  std::vector<V6> v6_;
};

}  // namespace mediaward::dataplane
