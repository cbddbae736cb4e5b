// SPDX-License-Identifier: Apache-2.0
// Handles, fingerprints, text forms and content comparison of the desired state's objects. Any thread.
#include "control/model.h"

#include <arpa/inet.h>

#include <algorithm>
#include <tuple>

#include "control/digest.h"

namespace mediaward::control {

std::string_view to_string(ObjectKind kind) noexcept {
  constexpr std::string_view kNames[] = {"conference", "leg", "stream", "topology", "swarm", "admission", "content"};
  return kNames[static_cast<std::uint8_t>(kind)];
}

std::uint64_t object_handle(ObjectKind kind, std::string_view id) {
  const Sha256Digest digest = sha256(std::string(to_string(kind)) + "/" + std::string(id));
  std::uint64_t handle = 0;
  for (unsigned i = 0; i < 8; ++i) handle = handle << 8 | digest[i];
  return handle != 0 ? handle : 1;
}

std::string handle_text(std::uint64_t handle) {
  std::array<std::uint8_t, 8> bytes{};
  for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(handle >> (56 - 8 * i));
  return to_hex(bytes);
}

std::string KeySet::fingerprint() const {
  if (key.size() == 0) return {};
  const Sha256Digest digest = sha256({key.bytes(), salt.bytes()});
  return to_hex(std::span(digest).first(8));
}

namespace {

std::string to_text(abi::Family family, const std::array<std::uint8_t, 16>& address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(family == abi::Family::kIpv4 ? AF_INET : AF_INET6, address.data(), text, sizeof text);
  return text;
}

// Everything of a leg that is compared as a value.
auto content(const Leg& leg) {
  return std::tie(leg.id, leg.conference_id, leg.port, leg.local, leg.remote, leg.receive_key, leg.send_key, leg.more_receive_keys,
                  leg.more_send_keys, leg.dscp, leg.may_send, leg.may_receive, leg.muted, leg.allow_unencrypted_srtcp, leg.rtcp_mux,
                  leg.remote_rtcp_port, leg.source_policy, leg.ssrc_policy, leg.rtcp_policy, leg.source_filter, leg.replay_window,
                  leg.audio_level_id);
}

}  // namespace

std::string Endpoint::address_text() const {
  return to_text(family, address);
}

std::string Prefix::text() const {
  return bits == 0 ? std::string() : to_text(family, address) + "/" + std::to_string(bits);
}

std::string topology_id(const std::string& leg_a, const std::string& leg_b) {
  return std::min(leg_a, leg_b) + " " + std::max(leg_a, leg_b);  // no id holds a space
}

ApiError object_error(ErrorCode code, const ObjectName& object, std::string field, std::string message) {
  ApiError out;
  out.error.code = code;
  out.error.message = std::move(message);
  out.object = object.text();
  out.field = std::move(field);
  return out;
}

bool same_content(const Conference& a, const Conference& b) noexcept {
  return a.id == b.id && a.mode == b.mode && a.group_keys == b.group_keys && a.speakers == b.speakers && a.spread == b.spread;
}

bool same_content(const Leg& a, const Leg& b) noexcept {
  return content(a) == content(b);
}

bool same_content(const Stream& a, const Stream& b) noexcept {
  return a.id == b.id && a.leg_id == b.leg_id && a.ssrc == b.ssrc && a.initial_roc == b.initial_roc;
}

bool same_content(const TopologyEntry& a, const TopologyEntry& b) noexcept {
  return std::tie(a.conference_id, a.leg_a, a.leg_b, a.relation) == std::tie(b.conference_id, b.leg_a, b.leg_b, b.relation);
}

bool DesiredState::lets_hear(const std::string& receiver_leg, const std::string& sender_leg) const {
  const auto found = topology.find(topology_id(receiver_leg, sender_leg));
  if (found == topology.end()) return true;
  return found->second->relation == abi::TopologyRelation::kOneway && found->second->leg_a == sender_leg;
}

std::string DesiredState::name_of(std::uint64_t handle) const {
  if (handle == 0) return {};
  if (const auto found = names.find(handle); found != names.end()) return found->second.text();
  if (const auto swarm = swarms_by_handle.find(handle)) return ObjectName{ObjectKind::kSwarm, swarm->id}.text();
  if (const auto admission = admissions_by_handle.find(handle)) return ObjectName{ObjectKind::kAdmission, admission->key}.text();
  return "object " + handle_text(handle);
}

Snapshot without_contents(const Snapshot& state, const std::map<std::string, std::string>& swarms) {
  if (swarms.empty()) return state;
  auto out = std::make_shared<DesiredState>(*state);
  for (const auto& [id, why] : swarms) out->contents.erase(id);
  return out;
}

std::size_t DesiredState::admission_count(const std::string& swarm_id) const {
  static_assert('!' == ' ' + 1);  // "<swarm>!" is the first key behind all "<swarm> <admission>"
  return admissions.count(admissions.lower_bound(swarm_id + " "), admissions.lower_bound(swarm_id + "!"));
}

}  // namespace mediaward::control
