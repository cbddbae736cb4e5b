// SPDX-License-Identifier: Apache-2.0
// Peers as the data plane sees them, evidence and the record of take-downs, as messages. Any thread.
#include <algorithm>
#include <cstring>

#include "control/convert_peer.h"
#include "control/present_parts.h"

namespace mediaward::control {

namespace {

// By which peers are ordered, and a page goes on: swarm, family, address, port.
std::string order_of(const abi::PeerInfo& peer) {
  std::string out = handle_text(peer.swarm_id);
  out += peer.family == abi::Family::kIpv4 ? '4' : '6';
  out += to_hex(peer.peer.address);
  const std::uint8_t port[] = {static_cast<std::uint8_t>(peer.peer.udp_port >> 8), static_cast<std::uint8_t>(peer.peer.udp_port)};
  return out + to_hex(port);
}

struct OrderedPeer {
  std::string order;
  abi::PeerInfo info;
};

ApiResult<std::vector<OrderedPeer>> peers_of(Controller& controller, std::uint64_t swarm) {
  std::vector<OrderedPeer> out;
  const auto keep = [&](const abi::PeerInfo& info) { out.push_back({order_of(info), info}); };
  auto good = collect<abi::PeerInfo>(controller, abi::QueryKind::kPeers, abi::MessageType::kPeerInfo, keep, swarm);
  if (!good) return tl::unexpected(good.error());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.order < b.order; });
  return out;
}

// 0 for "", which is all.
ApiResult<std::uint64_t> swarm_handle(const DesiredState& state, const std::string& id) {
  if (id.empty()) return 0;
  if (const auto swarm = state.swarms.find(id)) return swarm->handle;
  const ObjectName object{ObjectKind::kSwarm, id.substr(0, 128)};
  return tl::unexpected(object_error(ErrorCode::kNotFound, object, "swarm_id", "there is no swarm `" + object.id + "`"));
}

void fill_verdicts(const DesiredState& state, const abi::PeerInfo& in, v1::PeerState& out) {
  const auto swarm = state.swarms_by_handle.find(in.swarm_id);
  for (std::size_t verdict = 1; verdict <= abi::kConductVerdicts; ++verdict) {
    if ((in.verdicts >> verdict & 1) == 0) continue;
    auto& one = *out.add_verdicts();
    one.set_verdict(static_cast<v1::PeerVerdict>(verdict));
    if (swarm != nullptr) one.set_action(static_cast<v1::ConductAction>(swarm->conduct.actions[verdict]));
  }
}

void fill_counts(const abi::PeerInfo& in, v1::PeerState& out) {
  out.set_claimed(in.claimed);
  out.set_requested(in.requested);
  out.set_delivered(in.delivered);
  out.set_bad(in.bad);
  out.set_unverifiable(in.unverifiable);
  out.set_late(in.late);
  out.set_timed_out(in.timed_out);
  out.set_unrequested(in.unrequested);
  out.set_duplicate(in.duplicate);
  out.set_integrity_messages(in.integrity_messages);
  out.set_data_messages(in.data_messages);
  out.set_audits(in.audits);
  out.set_audits_answered(in.audits_answered);
  out.set_received_bytes(in.received_bytes);
  out.set_sent_bytes(in.sent_bytes);
  out.set_acknowledged_bytes(in.acknowledged_bytes);
  out.set_rtt_us(in.rtt_us);
  out.set_congestion_window_bytes(in.congestion_window_bytes);
}

void fill(const DesiredState& state, const abi::PeerInfo& in, v1::PeerState& out) {
  const auto swarm = state.swarms_by_handle.find(in.swarm_id);
  const auto admission = state.admissions_by_handle.find(in.admission_id);
  out.set_swarm_id(swarm != nullptr ? swarm->id : handle_text(in.swarm_id));
  out.set_admission_id(admission != nullptr ? admission->id : in.admission_id != 0 ? handle_text(in.admission_id) : "");
  out.set_address(endpoint_text(in.family, in.peer.address, 0));
  out.set_udp_port(in.peer.udp_port);
  out.set_score(in.score);
  fill_verdicts(state, in, out);
  out.set_action(static_cast<v1::ConductAction>(in.action));
  out.set_ban_ends_unix_ns(in.ban_ends_ns);
  out.set_channels(in.channels);
  fill_counts(in, out);
}

void fill(const Evidence& in, v1::Evidence& out) {
  out.set_sequence(in.sequence);
  out.set_time_unix_ns(in.time_unix_ns);
  out.set_kind(static_cast<v1::EvidenceKind>(in.type));
  out.set_swarm_id(in.swarm_id);
  out.set_worker(in.worker);
  out.set_text(in.text);
  out.set_verdict(static_cast<v1::PeerVerdict>(in.verdict));
  out.set_action(static_cast<v1::ConductAction>(in.action));
  if (in.has_peer) out.set_address(endpoint_text(in.family, in.peer.address, 0));
  out.set_udp_port(in.peer.udp_port);
  if (in.type == EvidenceType::kVerdict) return;
  out.set_local_address(endpoint_text(in.family, in.local.address, 0));
  out.set_local_udp_port(in.local.udp_port);
  out.set_from_guard(in.from_guard);
  out.set_channel(in.channel);
  out.set_chunk(in.chunk);
  out.set_chunk_bytes(in.chunk_bytes);
  out.set_node_level(in.node_level);
  out.set_node_index(in.node_index);
  out.set_digest(in.digest.data(), in.digest.size());
}

void fill(const AuditEntry& in, v1::AuditEntry& out) {
  out.set_sequence(in.sequence);
  out.set_time_unix_ns(in.time_unix_ns);
  out.set_action(static_cast<v1::AuditAction>(in.action));
  out.set_object(in.object);
  out.set_author(in.author);
  out.set_reason(in.reason);
  out.set_text(in.text);
  out.set_request_id(in.request_id);
  out.set_revision(in.revision);
}

}  // namespace

ApiResult<void> present_peers(Controller& controller, const v1::ListPeersRequest& request, v1::ListPeersResponse& out) {
  const Snapshot state = controller.desired();
  const auto swarm = swarm_handle(*state, request.swarm_id());
  if (!swarm) return tl::unexpected(swarm.error());
  const auto peers = peers_of(controller, *swarm);
  if (!peers) return tl::unexpected(peers.error());
  const auto before = [](const std::string& token, const OrderedPeer& peer) { return token < peer.order; };
  auto at = request.page_token().empty() ? peers->begin() : std::upper_bound(peers->begin(), peers->end(), request.page_token(), before);
  for (std::uint32_t left = page_limit(request.page_size()); at != peers->end() && left > 0; ++at, --left)
    fill(*state, at->info, *out.add_peers());
  if (at != peers->end()) out.set_next_page_token(std::prev(at)->order);
  return {};
}

ApiResult<void> present_peer(Controller& controller, const v1::GetPeerRequest& request, v1::PeerState& out) {
  const Snapshot state = controller.desired();
  const auto name = convert_peer_name(request.swarm_id(), request.address(), request.udp_port());
  if (!name) return tl::unexpected(name.error());
  const auto swarm = swarm_handle(*state, request.swarm_id());
  if (!swarm) return tl::unexpected(swarm.error());
  const auto peers = peers_of(controller, *swarm);
  if (!peers) return tl::unexpected(peers.error());
  std::vector<const abi::PeerInfo*> found;
  for (const auto& [order, info] : *peers)
    if (info.family == name->family && std::memcmp(info.peer.address, name->address.data(), name->address.size()) == 0 &&
        (name->udp_port == 0 || info.peer.udp_port == name->udp_port))
      found.push_back(&info);
  const ObjectName object{ObjectKind::kSwarm, request.swarm_id()};
  if (found.empty())
    return tl::unexpected(object_error(ErrorCode::kNotFound, object, "address",
                                       "has no peer " + endpoint_text(name->family, name->address.data(), name->udp_port)));
  if (found.size() > 1) {
    std::string ports;
    for (const auto* peer : found) ports += " " + std::to_string(peer->peer.udp_port);
    return tl::unexpected(object_error(ErrorCode::kInvalid, object, "udp_port", "must be given: there are peers with ports" + ports));
  }
  fill(*state, *found[0], out);
  return {};
}

ApiResult<void> present_evidence(Controller& controller, const v1::ListEvidenceRequest& request, v1::ListEvidenceResponse& out) {
  EvidenceFilter filter;
  filter.swarm_id = request.swarm_id();
  if (!request.address().empty()) {
    const auto name = convert_peer_name(request.swarm_id(), request.address(), 0);
    if (!name) return tl::unexpected(name.error());
    filter.has_address = true;
    filter.family = name->family;
    filter.address = name->address;
  }
  const auto page = controller.evidence().page(filter, request.from_sequence(), page_limit(request.page_size()));
  for (const auto& one : page.evidence) fill(one, *out.add_evidence());
  const auto counts = controller.evidence().counts();
  out.set_next_sequence(page.next);
  out.set_instance_id(controller.events().instance_id());
  out.set_lost(counts.lost);
  out.set_kept(counts.kept);
  return {};
}

ApiResult<void> acknowledge_evidence(Controller& controller, const v1::AcknowledgeEvidenceRequest& request,
                                     v1::AcknowledgeEvidenceResponse& out) {
  const auto refuse = [](const char* field, std::string message) {
    return tl::unexpected(ApiError{{ErrorCode::kInvalid, std::move(message)}, "", field});
  };
  if (!request.instance_id().empty() && request.instance_id() != controller.events().instance_id())
    return refuse("instance_id", "the daemon was restarted: its sequence numbers begin anew; list the evidence again");
  if (const auto last = controller.evidence().counts().last; request.up_to_sequence() > last)
    return refuse("up_to_sequence", std::to_string(request.up_to_sequence()) + " is not reached yet; the last is " + std::to_string(last));
  out.set_forgotten(controller.evidence().acknowledge(request.up_to_sequence()));
  out.set_kept(controller.evidence().counts().kept);
  return {};
}

void present_audit(Controller& controller, const v1::ListAuditRequest& request, v1::ListAuditResponse& out) {
  const auto page = controller.audit_list().page(request.from_sequence(), page_limit(request.page_size()));
  for (const auto& one : page.entries) fill(one, *out.add_entries());
  out.set_next_sequence(page.next);
  out.set_instance_id(controller.events().instance_id());
  out.set_lost(page.lost);
}

}  // namespace mediaward::control
