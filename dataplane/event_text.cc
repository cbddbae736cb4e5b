// SPDX-License-Identifier: Apache-2.0
// See event_text.h. Main thread.
#include "dataplane/event_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "dataplane/wire/ethernet.h"

namespace mediaward::dataplane {
namespace {

// "192.0.2.9:4000 > 192.0.2.1:20000 udp" of a frame's first bytes, as far as they can be read.
std::string describe_frame(ConstBytes head) {
  wire::EthernetInfo ethernet;
  if (!wire::parse_ethernet(head, ethernet)) return "short frame";
  const std::byte* l3 = head.data() + ethernet.header_bytes;
  const std::size_t left = head.size() - ethernet.header_bytes;
  char text[128];
  const bool v4 = ethernet.type == wire::kEtherIpv4 && left >= 20;
  const bool v6 = ethernet.type == wire::kEtherIpv6 && left >= 40;
  if (!v4 && !v6) {
    std::snprintf(text, sizeof text, "ethertype 0x%04x", ethernet.type);
    return text;
  }
  char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
  ::inet_ntop(v4 ? AF_INET : AF_INET6, l3 + (v4 ? 12 : 8), source, sizeof source);
  ::inet_ntop(v4 ? AF_INET : AF_INET6, l3 + (v4 ? 16 : 24), destination, sizeof destination);
  const std::size_t l4 = v4 ? (std::to_integer<std::size_t>(l3[0]) & 15) * 4 : 40;
  const auto protocol = std::to_integer<unsigned>(l3[v4 ? 9 : 6]);
  if (protocol == 17 && left >= l4 + 4)
    std::snprintf(text, sizeof text, "%s:%u > %s:%u udp", source, load_be16(l3 + l4), destination, load_be16(l3 + l4 + 2));
  else
    std::snprintf(text, sizeof text, "%s > %s protocol %u", source, destination, protocol);
  return text;
}

IpAddress address_in(const WorkerEvent& e) {
  return e.family == Family::kIpv4 ? IpAddress::v4(e.head.data()) : IpAddress::v6(e.head.data());
}

const char* role_text(WorkerEvent::KeyRole role) noexcept {
  constexpr const char* kTexts[] = {"receive srtp", "receive srtcp", "send srtp", "send srtcp"};
  return kTexts[static_cast<std::uint8_t>(role)];
}

std::string hex(std::uint64_t value, int digits) {
  char text[24];
  std::snprintf(text, sizeof text, "%0*llx", digits, static_cast<unsigned long long>(value));
  return text;
}

abi::EventMessage key_event(abi::EventKind kind, const WorkerEvent& e) {
  return make_event(kind, e.leg_id, e.packets, e.limit, std::string(role_text(e.role)) + " ssrc 0x" + hex(e.ssrc, 8));
}

}  // namespace

abi::EventMessage make_event(abi::EventKind kind, std::uint64_t object_id, std::uint64_t a, std::uint64_t b, std::string_view text) {
  abi::EventMessage m{};
  m.kind = kind;
  m.object_id = object_id;
  m.a = a;
  m.b = b;
  std::memcpy(m.text, text.data(), std::min(text.size(), sizeof m.text - 1));
  return m;
}

abi::EvidenceMessage evidence_of(const ppspp::Evidence& e, std::uint32_t worker, std::uint64_t time_ns) {
  abi::EvidenceMessage m{};
  m.swarm_id = e.swarm_id;
  m.time_ns = time_ns;
  m.kind = e.kind;
  m.family = e.family;
  m.node_level = e.node_level;
  m.from_guard = e.from_guard ? 1 : 0;
  m.channel = e.channel;
  m.node_index = e.node_index;
  m.chunk = e.chunk;
  m.bytes = e.bytes;
  m.worker = worker;
  m.peer.udp_port = e.peer_port;
  m.local.udp_port = e.local_port;
  std::memcpy(m.peer.address, e.peer.data(), sizeof m.peer.address);
  std::memcpy(m.local.address, e.local.data(), sizeof m.local.address);
  std::memcpy(m.digest, e.digest.data(), sizeof m.digest);
  return m;
}

bool is_told(WorkerEvent::Kind kind) noexcept {
  return kind != WorkerEvent::Kind::kSourceSeen && kind != WorkerEvent::Kind::kSsrcSeen && kind != WorkerEvent::Kind::kPeerSeen;
}

abi::EventMessage event_of(const WorkerEvent& e, std::uint32_t worker) {
  using Kind = WorkerEvent::Kind;
  const auto message = [&e]() -> abi::EventMessage {
    switch (e.kind) {
      case Kind::kDropSample:
        return make_event(abi::EventKind::kDropSample, e.leg_id, static_cast<std::uint64_t>(e.reason), e.packets,
                          std::string(to_string(e.reason)) + " " + describe_frame({e.head.data(), e.head_bytes}));
      case Kind::kIndexReuse:
        return make_event(abi::EventKind::kIndexReuse, e.leg_id, e.ssrc, 0, "sealing refused: index was used before");
      case Kind::kNeighbourResolved:
        return make_event(abi::EventKind::kNeighbourResolved, e.leg_id, 0, 0, address_in(e).to_string());
      case Kind::kNeighbourFailed:
        return make_event(abi::EventKind::kNeighbourFailed, e.leg_id, 0, 0, address_in(e).to_string());
      case Kind::kKeyExpiring:
        return key_event(abi::EventKind::kKeyExpiring, e);
      case Kind::kKeyExpired:
        return key_event(abi::EventKind::kKeyExpired, e);
      case Kind::kSourceSeen:
      case Kind::kSsrcSeen:
      case Kind::kPeerSeen:
        break;
    }
    return {};
  };
  abi::EventMessage m = message();
  m.worker = worker;
  return m;
}

abi::EventMessage address_latched(std::uint64_t leg, const IpAddress& address, std::uint16_t udp_port, bool rtcp) {
  const bool v6 = address.family == Family::kIpv6;
  return make_event(abi::EventKind::kAddressLatched, leg, 0, 0,
                    (v6 ? "[" : "") + address.to_string() + (v6 ? "]:" : ":") + std::to_string(udp_port) + (rtcp ? " rtcp" : ""));
}

abi::EventMessage ssrc_bound(std::uint64_t leg, std::uint32_t ssrc, std::uint64_t stream) {
  return make_event(abi::EventKind::kSsrcBound, leg, ssrc, stream, "ssrc 0x" + hex(ssrc, 8));
}

abi::EventMessage ssrc_refused(std::uint64_t leg, std::uint32_t ssrc, std::string_view why) {
  return make_event(abi::EventKind::kSsrcRefused, leg, ssrc, 0, why);
}

abi::EventMessage speakers_changed(std::uint64_t conference, std::span<const std::uint64_t> legs) {
  constexpr std::size_t kRoom = sizeof(abi::EventMessage::text) - 1;
  constexpr std::string_view kMore = " ...";
  std::string text;
  for (std::size_t i = 0; i < legs.size(); ++i) {
    const std::string id = (i == 0 ? "" : " ") + hex(legs[i], 1);
    const std::size_t behind = i + 1 == legs.size() ? 0 : kMore.size();
    if (text.size() + id.size() + behind > kRoom) {
      text += kMore;
      break;
    }
    text += id;
  }
  return make_event(abi::EventKind::kSpeakersChanged, conference, legs.size(), 0, text);
}

abi::EventMessage bucket_moved(std::uint32_t bucket, std::uint32_t worker) {
  return make_event(abi::EventKind::kBucketMoved, 0, bucket, worker,
                    "bucket " + std::to_string(bucket) + " now belongs to worker " + std::to_string(worker));
}

}  // namespace mediaward::dataplane
