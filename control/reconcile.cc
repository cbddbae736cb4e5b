// SPDX-License-Identifier: Apache-2.0
// Differences and whole states as messages of dataplane/abi/protocol.h. Any thread.
#include "control/reconcile.h"

#include <algorithm>

namespace mediaward::control {

namespace {

template <typename Message>
Message make(abi::MessageType type) {
  Message message{};
  message.header.type = type;
  message.header.bytes = sizeof message;
  return message;
}

template <typename Message>
SecretBuffer to_buffer(Message& message) {
  SecretBuffer buffer(ConstBytes(reinterpret_cast<const std::byte*>(&message), sizeof message));
  OPENSSL_cleanse(&message, sizeof message);
  return buffer;
}

void fill(abi::Endpoint& out, const Endpoint& in) {
  std::copy(in.address.begin(), in.address.end(), out.address);
  out.udp_port = in.udp_port;
}

void fill(abi::Key& out, const KeySet& in) {
  out.suite = static_cast<std::uint8_t>(in.suite);
  out.key_bytes = static_cast<std::uint8_t>(in.key.size());
  out.salt_bytes = static_cast<std::uint8_t>(in.salt.size());
  out.mki_bytes = static_cast<std::uint8_t>(std::min(in.mki.size(), sizeof out.mki));
  std::copy_n(in.key.bytes().begin(), std::min(in.key.size(), sizeof out.key), out.key);
  std::copy_n(in.salt.bytes().begin(), std::min(in.salt.size(), sizeof out.salt), out.salt);
  std::copy_n(in.mki.begin(), out.mki_bytes, out.mki);
  out.lifetime_packets = in.lifetime_packets;
}

SecretBuffer message_of(const Conference& conference) {
  auto message = make<abi::Conference>(abi::MessageType::kConference);
  message.conference_id = conference.handle;
  message.mode = conference.mode;
  return to_buffer(message);
}

SecretBuffer message_of(const Leg& leg) {
  auto message = make<abi::Leg>(abi::MessageType::kLeg);
  message.leg_id = leg.handle;
  message.conference_id = object_handle(ObjectKind::kConference, leg.conference_id);
  std::copy_n(leg.port.begin(), std::min(leg.port.size(), sizeof message.port_name - 1), message.port_name);
  message.family = leg.local.family;
  message.dscp = leg.dscp;
  message.flags = (leg.may_send ? abi::kLegMayReceiveFrom : 0u) | (leg.may_receive ? abi::kLegMaySendTo : 0u);
  fill(message.local, leg.local);
  fill(message.remote, leg.remote);
  fill(message.receive_key, leg.receive_key);
  fill(message.send_key, leg.send_key);
  return to_buffer(message);
}

SecretBuffer message_of(const Stream& stream) {
  auto message = make<abi::Stream>(abi::MessageType::kStream);
  message.stream_id = stream.handle;
  message.leg_id = object_handle(ObjectKind::kLeg, stream.leg_id);
  message.ssrc = stream.ssrc;
  message.initial_roc = stream.initial_roc;
  return to_buffer(message);
}

SecretBuffer removal_of(ObjectKind kind, std::uint64_t handle) {
  constexpr abi::MessageType kTypes[] = {abi::MessageType::kConferenceRemove, abi::MessageType::kLegRemove,
                                         abi::MessageType::kStreamRemove};
  auto message = make<abi::ObjectRemove>(kTypes[static_cast<std::uint8_t>(kind)]);
  message.object_id = handle;
  return to_buffer(message);
}

void add(Plan& plan, SecretBuffer message, ObjectKind kind, const std::string& id) {
  plan.messages.push_back(std::move(message));
  plan.objects.push_back({kind, id});
}

bool must_replace(const Leg& old, const Leg& now) {
  return old.conference_id != now.conference_id || old.port != now.port || old.local != now.local ||
         old.receive_key.suite != now.receive_key.suite || old.send_key.suite != now.send_key.suite;
}
bool must_replace(const Stream& old, const Stream& now) {
  return old.leg_id != now.leg_id || old.ssrc != now.ssrc;
}

// The leg goes, or comes anew: with it go its streams.
bool leg_leaves(const DesiredState& carried, const DesiredState& desired, const std::string& id) {
  const auto old = carried.legs.find(id);
  const auto now = desired.legs.find(id);
  return old != carried.legs.end() && (now == desired.legs.end() || must_replace(*old->second, *now->second));
}

void add_removals(Plan& plan, const DesiredState& carried, const DesiredState& desired) {
  for (const auto& [id, stream] : carried.streams) {
    const auto now = desired.streams.find(id);
    if (leg_leaves(carried, desired, stream->leg_id)) continue;
    if (now == desired.streams.end() || must_replace(*stream, *now->second))
      add(plan, removal_of(ObjectKind::kStream, stream->handle), ObjectKind::kStream, id);
  }
  for (const auto& [id, leg] : carried.legs)
    if (leg_leaves(carried, desired, id)) add(plan, removal_of(ObjectKind::kLeg, leg->handle), ObjectKind::kLeg, id);
  for (const auto& [id, conference] : carried.conferences)
    if (!desired.conferences.contains(id)) add(plan, removal_of(ObjectKind::kConference, conference->handle), ObjectKind::kConference, id);
}

template <typename T>
bool is_new(const ObjectMap<T>& carried, const T& now) {
  const auto old = carried.find(now.id);
  return old == carried.end() || (old->second.get() != &now && !same_content(*old->second, now));
}

// Conference, its legs, each with its streams; `all` or only what differs from `carried`.
void add_objects(Plan& plan, const DesiredState& carried, const DesiredState& desired, bool all) {
  for (const auto& [conference_id, conference] : desired.conferences) {
    if (all || is_new(carried.conferences, *conference)) add(plan, message_of(*conference), ObjectKind::kConference, conference_id);
    for (auto [leg_at, legs_end] = desired.legs_of.equal_range(conference_id); leg_at != legs_end; ++leg_at) {
      const Leg& leg = *desired.legs.at(leg_at->second);
      if (all || is_new(carried.legs, leg)) add(plan, message_of(leg), ObjectKind::kLeg, leg.id);
      const bool replaced = leg_leaves(carried, desired, leg.id);
      for (auto [at, end] = desired.streams_of.equal_range(leg.id); at != end; ++at) {
        const Stream& stream = *desired.streams.at(at->second);
        if (all || replaced || is_new(carried.streams, stream)) add(plan, message_of(stream), ObjectKind::kStream, stream.id);
      }
    }
  }
}

}  // namespace

Plan plan_difference(const DesiredState& carried, const DesiredState& desired) {
  Plan plan;
  add_removals(plan, carried, desired);
  add_objects(plan, carried, desired, false);
  return plan;
}

Plan plan_everything(const DesiredState& carried, const DesiredState& desired, bool sweep) {
  Plan plan;
  add_removals(plan, carried, desired);
  add_objects(plan, carried, desired, true);
  plan.resync = sweep;
  return plan;
}

}  // namespace mediaward::control
