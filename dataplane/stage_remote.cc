// SPDX-License-Identifier: Apache-2.0
// Where a participant is: as the controller said, or as authentic packets taught (latching, RFC 7362 §4), kept across a crash in the
// state region. Next hops follow from it. See core.h. Main thread.
#include "dataplane/staging.h"

namespace mediaward::dataplane {
namespace {

using abi::SlotKind;
using abi::SourcePolicy;

// What learning began with: anything else in force means that it begins anew. FNV-1a.
std::uint64_t terms_of(const LegObject& leg) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto mix = [&hash](std::uint64_t value) {
    for (int i = 0; i < 8; ++i, value >>= 8) hash = (hash ^ (value & 0xff)) * 0x100000001b3u;
  };
  mix(static_cast<std::uint64_t>(leg.family));
  mix(static_cast<std::uint64_t>(leg.source_policy));
  mix(leg.filter.bits);
  mix(std::uint64_t{leg.declared.port} << 16 | leg.declared.rtcp_port);
  for (const auto* address : {&leg.filter.address, &leg.declared.address})
    for (const std::byte b : address->bytes) mix(std::to_integer<std::uint64_t>(b));
  return hash;
}

}  // namespace

Remote LegObject::remote() const noexcept {
  Remote in_force = declared;
  if (latches() && learned.port != 0) {
    in_force = learned;
    if (in_force.rtcp_port == 0 && declared.port != 0 && learned.address == declared.address) in_force.rtcp_port = declared.rtcp_port;
  } else if (latches() && learned.rtcp_port != 0) {
    in_force.rtcp_port = learned.rtcp_port;
  }
  if (has(abi::kLegRtcpMux)) in_force.rtcp_port = in_force.port;
  return in_force;
}

Core::Check Core::stage_remote(const abi::Leg& m, LegObject& leg) {
  const auto refused = [&](const char* field, const char* message) { return refuse(ErrorCode::kInvalid, m.leg_id, field, message); };
  const bool latches = m.source_policy != SourcePolicy::kExact;
  if (m.remote.udp_port == 0 && !latches) return refused("leg.remote.port", "UDP port 0 cannot be sent to");
  if (!latches && m.source_filter_bits != 0) return refused("leg.source_filter", "says where a learned address may lie: only with latching");
  if (m.source_filter_bits > (m.family == Family::kIpv4 ? 32 : 128)) return refused("leg.source_filter", "prefix longer than an address");
  const bool mux = (m.flags & abi::kLegRtcpMux) != 0;
  if (mux && m.remote_rtcp_port != 0 && m.remote_rtcp_port != m.remote.udp_port)
    return refused("leg.remote_rtcp_port", "with RTCP on the media port there is no other");
  if (!mux && m.remote.udp_port == 65535 && m.remote_rtcp_port == 0) return refused("leg.remote_rtcp_port", "there is no port behind 65535");
  Remote declared;
  declared.address.family = m.family;
  if (m.remote.udp_port != 0) {
    declared.address = address_of(m.family, m.remote.address);
    declared.port = m.remote.udp_port;
    declared.rtcp_port = mux ? declared.port : m.remote_rtcp_port != 0 ? m.remote_rtcp_port : static_cast<std::uint16_t>(declared.port + 1);
  }
  const std::uint64_t before = terms_of(leg);
  leg.family = m.family;
  leg.declared = declared;
  leg.source_policy = m.source_policy;
  leg.filter = m.source_filter_bits != 0 ? IpPrefix{address_of(m.family, m.source_filter), m.source_filter_bits} : IpPrefix{};
  if (terms_of(leg) == before) return {};
  leg.learned = {};
  if (book_->find({SlotKind::kLeg, leg.id, 0}) != nullptr) book_->drop({SlotKind::kLeg, leg.id, 0});
  return {};
}

// The next hop towards where the participant is now.
Core::Check Core::stage_route(LegObject& leg) {
  const Remote remote = leg.remote();
  if (remote.port == 0) {
    leg.hop = nullptr;
    return {};
  }
  if (leg.hop != nullptr && remote.address == leg.hop_for) return {};
  auto hop = hop_towards(leg.port, remote.address);
  if (!hop) return refuse(hop.error().code, leg.id, "leg.remote.address", hop.error().message);
  leg.hop = std::move(*hop);
  leg.hop_for = remote.address;
  return {};
}

Core::Check Core::learn_remote(LegObject& leg, const IpAddress& address, std::uint16_t udp_port, bool rtcp) {
  const auto refused = [&](const char* message) { return refuse(ErrorCode::kConflict, leg.id, "leg.remote", message); };
  if (!leg.latches()) return refused("the leg's remote address is fixed");
  if (address.family != leg.family || udp_port == 0) return refuse(ErrorCode::kInvalid, leg.id, "leg.remote", "not an address of the leg's family");
  if (leg.filter.bits != 0 && !leg.filter.contains(address)) return refused("outside the leg's source filter");
  const bool moves = leg.source_policy == SourcePolicy::kRelatch;
  const Remote now = leg.remote();
  if (rtcp && leg.own_rtcp_port()) {  // its port only: it follows where the media come from
    if (now.port == 0 || now.address != address) return refused("RTCP is taken from where media come from");
    if (leg.learned.rtcp_port == udp_port || (leg.learned.rtcp_port != 0 && !moves)) return refused("the RTCP port is known already");
    leg.learned.rtcp_port = udp_port;
    leg.learned.address = address;
    return {};
  }
  if (leg.learned.port != 0 && (!moves || (leg.learned.port == udp_port && leg.learned.address == address)))
    return refused("the remote address is known already");
  if (now.port == 0 || now.address != address) leg.learned.rtcp_port = 0;
  leg.learned.address = address;
  leg.learned.port = udp_port;
  return {};
}

Core::Check Core::remember_remote(const LegObject& leg) {
  const SlotKey key{SlotKind::kLeg, leg.id, 0};
  SlotPtr slot = book_->find(key);
  if (slot == nullptr) {
    auto taken = book_->take(key, terms_of(leg));
    if (!taken) return refuse(taken.error().code, leg.id, "leg.remote", taken.error().message);
    slot = std::move(*taken);
  }
  learned_.emplace_back(std::move(slot), leg.learned);
  return {};
}

// What an earlier process learned under the same terms.
void Core::recall_remote(LegObject& leg) {
  const SlotKey key{SlotKind::kLeg, leg.id, 0};
  const SlotPtr slot = book_->find(key);
  if (slot == nullptr) return;
  const abi::LegSlot& state = slot->leg_state();
  const bool whole = (state.version.load(std::memory_order_acquire) & 1) == 0;
  if (!leg.latches() || !whole || slot->identity().key_fingerprint != terms_of(leg)) return book_->drop(key);
  leg.learned = {address_of(leg.family, state.address), state.udp_port, state.rtcp_port};
}

Result<void> Core::set_latched(std::uint64_t leg_id, const IpAddress& address, std::uint16_t udp_port, bool rtcp) {
  if (mover_.staging()) return fail(ErrorCode::kUnavailable, "a bucket is being moved: try again");
  if (legs_.committed(leg_id) == nullptr) return fail(ErrorCode::kNotFound, "no such leg");
  LegObject& leg = legs_.edit(leg_id);
  const LegObject before = leg;
  Check done = learn_remote(leg, address, udp_port, rtcp);
  if (done) done = stage_route(leg);
  if (done) done = remember_remote(leg);
  if (done) {
    mark_dirty(before, leg, false);
    done = finish({});
  }
  if (done) return {};
  discard();
  return fail(done.error().code, done.error().message);
}

}  // namespace mediaward::dataplane
