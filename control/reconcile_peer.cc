// SPDX-License-Identifier: Apache-2.0
// Swarms, admissions and content as messages of dataplane/abi/peer.h, and which of them a difference of states takes. Any thread.
#include <tuple>

#include "control/reconcile_parts.h"

namespace mediaward::control {

namespace {

std::uint32_t flags_of(const Swarm& swarm) {
  return (swarm.guard_drops ? abi::kSwarmGuardDrops : 0u) | (swarm.guard_only ? abi::kSwarmGuardOnly : 0u) |
         (swarm.signature.empty() ? 0u : abi::kSwarmMetadataSigned);
}

std::uint32_t flags_of(const Admission& one) {
  return (one.provide ? abi::kAdmitProvide : 0u) | (one.receive ? abi::kAdmitReceive : 0u) | (one.connect ? abi::kAdmitConnect : 0u) |
         (one.libswift ? abi::kAdmitLibswift : 0u);
}

SecretBuffer message_of(const Swarm& swarm) {
  auto message = make<abi::Swarm>(abi::MessageType::kSwarm);
  message.swarm_id = swarm.handle;
  message.kind = swarm.kind;
  message.hash = swarm.hash;
  message.addressing = swarm.addressing;
  message.source = swarm.source;
  message.fetch = swarm.fetch;
  message.signature_form = swarm.signature_form;
  message.munro_level = swarm.munro_level;
  message.stored_level = swarm.stored_level;
  message.chunk_bytes = swarm.chunk_bytes;
  message.flags = flags_of(swarm);
  message.content_bytes = swarm.content_bytes;
  message.discard_window = swarm.discard_window;
  message.expires_ns = swarm.expires_unix_ns;
  message.cache_quota_bytes = swarm.cache_quota_bytes;
  message.send_bytes_per_s = swarm.send_bytes_per_s;
  message.munro_max_age_ms = swarm.munro_max_age_ms;
  message.key_bytes = static_cast<std::uint16_t>(std::min(swarm.key.size(), sizeof message.key));
  message.conduct = swarm.conduct;
  std::copy_n(swarm.key.begin(), message.key_bytes, message.key);
  return to_buffer(message);
}

SecretBuffer message_of(const Admission& one) {
  auto message = make<abi::Admission>(abi::MessageType::kAdmission);
  message.admission_id = one.handle;
  message.swarm_id = object_handle(ObjectKind::kSwarm, one.swarm_id);
  fill_name(message.port_name, one.port);
  message.family = one.peers.family;
  message.prefix_bits = one.peers.bits;
  message.rank = one.rank;
  message.udp_port = one.udp_port;
  std::copy(one.peers.address.begin(), one.peers.address.end(), message.address);
  std::copy(one.local_address.begin(), one.local_address.end(), message.local_address);
  message.flags = flags_of(one);
  message.max_peers = one.max_peers;
  message.expires_ns = one.expires_unix_ns;
  message.send_bytes_per_s = one.send_bytes_per_s;
  return to_buffer(message);
}

SecretBuffer message_of(const SwarmContent& content, const Swarm& swarm) {
  auto message = make<abi::SwarmContent>(abi::MessageType::kSwarmContent);
  message.swarm_id = swarm.handle;
  message.kind = content.kind;
  message.bytes = bytes_of(swarm, content.kind);
  return to_buffer(message);
}

SecretBuffer removal_of(abi::MessageType type, std::uint64_t handle) {
  auto message = make<abi::ObjectRemove>(type);
  message.object_id = handle;
  return to_buffer(message);
}

// The identity of a swarm, and what sizes its memory: the data plane takes neither from a swarm that it has.
auto fixed_part(const Swarm& swarm) {
  return std::tie(swarm.kind, swarm.key, swarm.hash, swarm.addressing, swarm.chunk_bytes, swarm.content_bytes, swarm.munro_level,
                  swarm.signature_form, swarm.discard_window, swarm.stored_level, swarm.cache_quota_bytes);
}

bool must_replace(const Swarm& old, const Swarm& now) {
  return fixed_part(old) != fixed_part(now) || flags_of(old) != flags_of(now);
}

// Content can be given, but not taken back: the bytes themselves serve where leaf hashes are wanted, not the other way round.
bool is_taken_back(const SwarmContent* old, const SwarmContent* now) {
  if (old == nullptr) return false;
  return now == nullptr || (old->kind == abi::ContentKind::kContent && now->kind == abi::ContentKind::kLeafHashes);
}

}  // namespace

PeerDifference::PeerDifference(const DesiredState& carried, const DesiredState& desired) : carried_(carried), desired_(desired) {
  using Swarms = decltype(carried.swarms);
  using Contents = decltype(carried.contents);
  Swarms::for_each_difference(carried.swarms, desired.swarms, [&](const auto& old, const auto& now) {
    if (old != nullptr && (now == nullptr || must_replace(*old, *now))) leaving_.insert(old->id);
  });
  Contents::for_each_difference(carried.contents, desired.contents, [&](const auto& old, const auto& now) {
    if (is_taken_back(old.get(), now.get())) leaving_.insert(old->swarm_id);
  });
}

void PeerDifference::add_removals(Plan& plan) const {
  using Admissions = decltype(carried_.admissions);
  Admissions::for_each_difference(carried_.admissions, desired_.admissions, [&](const auto& old, const auto& now) {
    if (now == nullptr && !leaving_.contains(old->swarm_id))
      add(plan, removal_of(abi::MessageType::kAdmissionRemove, old->handle), ObjectKind::kAdmission, old->key);
  });
  for (const auto& id : leaving_)
    add(plan, removal_of(abi::MessageType::kSwarmRemove, carried_.swarms.find(id)->handle), ObjectKind::kSwarm, id);
}

void PeerDifference::add_sweep_removals(Plan& plan) const {
  for (const auto& id : leaving_)
    if (comes_anew(id)) add(plan, removal_of(abi::MessageType::kSwarmRemove, carried_.swarms.find(id)->handle), ObjectKind::kSwarm, id);
}

void PeerDifference::add_objects(Plan& plan, bool all) const {
  add_swarms(plan, all);
  add_admissions(plan, all);
  add_contents(plan);
}

void PeerDifference::add_swarms(Plan& plan, bool all) const {
  const auto name = [&](const Swarm& one) { add(plan, message_of(one), ObjectKind::kSwarm, one.id); };
  if (all) {
    for (const auto& one : desired_.swarms) name(*one);
    return;
  }
  for (const auto& id : leaving_)
    if (comes_anew(id)) name(*desired_.swarms.find(id));
  using Swarms = decltype(carried_.swarms);
  Swarms::for_each_difference(carried_.swarms, desired_.swarms, [&](const auto& old, const auto& now) {
    if (now != nullptr && !leaving_.contains(now->id) && (old == nullptr || !same_content(*old, *now))) name(*now);
  });
}

void PeerDifference::add_admissions(Plan& plan, bool all) const {
  const auto name = [&](const Admission& one) { return add(plan, message_of(one), ObjectKind::kAdmission, one.key), true; };
  if (all) {
    for (const auto& one : desired_.admissions) name(*one);
    return;
  }
  for (const auto& id : leaving_)
    if (comes_anew(id)) desired_.for_each_admission(id, name);
  using Admissions = decltype(carried_.admissions);
  Admissions::for_each_difference(carried_.admissions, desired_.admissions, [&](const auto& old, const auto& now) {
    if (now != nullptr && !leaving_.contains(now->swarm_id) && (old == nullptr || !same_content(*old, *now))) name(*now);
  });
}

void PeerDifference::add_contents(Plan& plan) const {
  const auto name = [&](const std::shared_ptr<const SwarmContent>& one) {
    add(plan, message_of(*one, *desired_.swarms.find(one->swarm_id)), ObjectKind::kContent, one->swarm_id);
    plan.contents.push_back(one);
  };
  for (const auto& id : leaving_)
    if (const auto one = comes_anew(id) ? desired_.contents.find(id) : nullptr; one != nullptr) name(one);
  using Contents = decltype(carried_.contents);
  Contents::for_each_difference(carried_.contents, desired_.contents, [&](const auto& old, const auto& now) {
    if (now == nullptr || leaving_.contains(now->swarm_id)) return;
    if (old == nullptr || old->kind != now->kind) name(now);
  });
}

Plan plan_peer_command(abi::PeerCommand command) {
  Plan plan;
  command.header = {abi::MessageType::kPeerCommand, 0, sizeof command, 0};
  plan.messages.push_back(to_buffer(command));
  return plan;
}

}  // namespace mediaward::control
