// SPDX-License-Identifier: Apache-2.0
// Swarms and admissions as messages, with what the data plane counts of them. Any thread.
#include <algorithm>
#include <unordered_map>

#include "control/present_parts.h"

namespace mediaward::control {

namespace {

void fill(const abi::ConductPolicy& in, v1::ConductPolicy& out) {
  out.set_tamper_chunks(in.tamper_chunks);
  out.set_black_hole_requests(in.black_hole_requests);
  out.set_black_hole_ms(in.black_hole_ms);
  out.set_black_hole_known_ms(in.black_hole_known_ms);
  out.set_suspect_requests(in.suspect_requests);
  out.set_suspect_ms(in.suspect_ms);
  out.set_suspect_permille(in.suspect_permille);
  out.set_over_claim_permille(in.over_claim_permille);
  out.set_under_claim_permille(in.under_claim_permille);
  out.set_report_permille(in.report_permille);
  out.set_report_bytes(in.report_bytes);
  out.set_hash_flood_ratio(in.hash_flood_ratio);
  out.set_half_life_s(in.half_life_s);
  out.set_audit_interval_s(in.audit_interval_s);
  out.set_audit_chunks(in.audit_chunks);
  out.set_throttle_bytes_per_s(in.throttle_bytes_per_s);
  out.set_ban_s(in.ban_s);
  for (std::size_t verdict = 1; verdict <= abi::kConductVerdicts; ++verdict) {
    if (in.actions[verdict] == abi::ConductAction{}) continue;
    auto& rule = *out.add_rules();
    rule.set_verdict(static_cast<v1::PeerVerdict>(verdict));
    rule.set_action(static_cast<v1::ConductAction>(in.actions[verdict]));
  }
}

void fill_live(const Swarm& in, v1::LiveParameters& out) {
  out.set_munro_level(in.munro_level);
  out.set_discard_window_chunks(in.discard_window == kWholeWindow ? 0 : in.discard_window);
  out.set_signature_form(static_cast<v1::SignatureForm>(in.signature_form));
  out.set_munro_max_age_ms(in.munro_max_age_ms);
}

// The enums have the numbers of the ABI, those of RFC 7574 are plus 1 (convert_peer.cc holds them to it).
void fill(const Swarm& in, v1::Swarm& out) {
  out.set_id(in.id);
  out.set_kind(static_cast<v1::SwarmKind>(in.kind));
  out.set_key(in.key.data(), in.key.size());
  out.set_hash(static_cast<v1::MerkleHash>(in.hash + 1));
  out.set_addressing(static_cast<v1::ChunkAddressing>(in.addressing + 1));
  out.set_chunk_bytes(in.chunk_bytes);
  out.set_content_bytes(in.content_bytes);
  if (in.kind == abi::SwarmKind::kLive) fill_live(in, *out.mutable_live());
  if (in.source == abi::SwarmSource::kPreloaded)
    out.mutable_preloaded();
  else if (!in.guard_only)
    out.mutable_peers();
  out.set_fetch(static_cast<v1::FetchPolicy>(in.fetch));
  out.set_expires_unix_ns(in.expires_unix_ns);
  out.set_cache_quota_bytes(in.cache_quota_bytes);
  out.set_send_bytes_per_s(in.send_bytes_per_s);
  out.set_stored_level(in.stored_level);
  out.set_guard(in.guard_drops ? v1::GUARD_POLICY_DROP : v1::GUARD_POLICY_PASS);
  out.set_guard_only(in.guard_only);
  fill(in.conduct, *out.mutable_conduct());
  if (!in.content_key_id.empty()) {
    out.mutable_content_key()->set_key_id(in.content_key_id);
    out.mutable_content_key()->set_version(in.content_key_version);
  }
  if (in.signature_key_id.empty()) return;
  out.mutable_metadata_signature()->set_key_id(in.signature_key_id);
  out.mutable_metadata_signature()->set_signature(in.signature);
}

void fill(const Admission& in, v1::Admission& out) {
  out.set_id(in.id);
  out.set_swarm_id(in.swarm_id);
  out.set_port(in.port);
  out.set_peers(in.peers.text());
  out.set_udp_port(in.udp_port);
  out.set_provide(in.provide);
  out.set_receive(in.receive);
  out.set_connect(in.connect);
  out.set_libswift(in.libswift);
  out.set_rank(in.rank);
  if (in.has_local) out.set_local_address(endpoint_text(in.peers.family, in.local_address.data(), 0));
  out.set_max_peers(in.max_peers);
  out.set_expires_unix_ns(in.expires_unix_ns);
  out.set_send_bytes_per_s(in.send_bytes_per_s);
}

void fill(const abi::SwarmInfo& in, v1::SwarmCounts& out) {
  out.set_worker(in.worker);
  out.set_peers(in.peers);
  out.set_chunks(in.chunks);
  out.set_chunks_held(in.chunks_held);
  out.set_chunks_verified(in.chunks_verified);
  out.set_chunks_bad(in.chunks_bad);
  out.set_chunks_unverifiable(in.chunks_unverifiable);
  out.set_chunks_duplicate(in.chunks_duplicate);
  out.set_chunks_evicted(in.chunks_evicted);
  out.set_chunks_refetched(in.chunks_refetched);
  out.set_cached_bytes(in.cached_bytes);
  out.set_received_bytes(in.received_bytes);
  out.set_served_bytes(in.served_bytes);
  out.set_hash_calls(in.hash_calls);
  out.set_leaves_preloaded(in.leaves_preloaded != 0);
  out.set_complete(in.complete != 0);
  out.set_expired(in.expired != 0);
}

using Infos = std::unordered_map<std::uint64_t, abi::SwarmInfo>;

// What the data plane counts; nothing while it is down. handle 0: of all.
Infos swarm_infos(Controller& controller, std::uint64_t handle) {
  Infos out;
  const auto keep = [&](const abi::SwarmInfo& info) { out[info.swarm_id] = info; };
  static_cast<void>(collect<abi::SwarmInfo>(controller, abi::QueryKind::kSwarms, abi::MessageType::kSwarmInfo, keep, handle));
  return out;
}

void fill(const DesiredState& state, const Infos& infos, const Swarm& in, v1::SwarmState& out) {
  fill(in, *out.mutable_swarm());
  out.set_version(in.version);
  out.set_handle(handle_text(in.handle));
  out.set_admission_count(static_cast<std::uint32_t>(state.admission_count(in.id)));
  out.set_metadata_signed(!in.signature.empty());
  if (const auto content = state.contents.find(in.id)) {
    out.set_content(static_cast<v1::ContentKind>(content->kind));
    out.set_content_file(content->file);
  }
  const auto found = infos.find(in.handle);
  out.set_counted(found != infos.end());
  if (found != infos.end()) fill(found->second, *out.mutable_counts());
}

// Calls add for the objects behind the token and returns the next one.
template <typename Iterator, typename End, typename Add>
std::string page(Iterator at, std::uint32_t size, End is_end, Add add) {
  std::string last;
  for (std::uint32_t left = page_limit(size); !is_end(at); ++at, --left) {
    if (left == 0) return last;
    last = add(**at);
  }
  return {};
}

// The place behind `token` in a map, or its begin.
template <typename Map>
auto behind(const Map& map, const std::string& begin, const std::string& token) {
  auto at = map.lower_bound(std::max(begin, token));
  if (!token.empty() && at != map.end() && token == Map::key_of(**at)) ++at;
  return at;
}

}  // namespace

ApiResult<void> present_swarm(Controller& controller, const std::string& id, v1::SwarmState& out) {
  const Snapshot state = controller.desired();
  const auto swarm = state->swarms.find(id);
  if (swarm == nullptr) {
    const ObjectName object{ObjectKind::kSwarm, id.substr(0, 128)};
    return tl::unexpected(object_error(ErrorCode::kNotFound, object, "swarm.id", "there is no swarm `" + object.id + "`"));
  }
  fill(*state, swarm_infos(controller, swarm->handle), *swarm, out);
  return {};
}

void present_swarms(Controller& controller, const v1::ListSwarmsRequest& request, v1::ListSwarmsResponse& out) {
  const Snapshot state = controller.desired();
  const Infos infos = swarm_infos(controller, 0);
  out.set_next_page_token(page(
      behind(state->swarms, "", request.page_token()), request.page_size(), [&](const auto& at) { return at == state->swarms.end(); },
      [&](const Swarm& one) { return fill(*state, infos, one, *out.add_swarms()), one.id; }));
}

void present_admissions(Controller& controller, const v1::ListAdmissionsRequest& request, v1::ListAdmissionsResponse& out) {
  const Snapshot state = controller.desired();
  const std::string& swarm = request.swarm_id();
  const std::string begin = swarm.empty() ? "" : admission_key(swarm, "");
  out.set_next_page_token(page(
      behind(state->admissions, begin, request.page_token()), request.page_size(),
      [&](const auto& at) { return at == state->admissions.end() || (!swarm.empty() && at->swarm_id != swarm); },
      [&](const Admission& one) { return fill(one, *out.add_admissions()), one.key; }));
}

}  // namespace mediaward::control
