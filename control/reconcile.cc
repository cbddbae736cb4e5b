// SPDX-License-Identifier: Apache-2.0
// Differences and whole states as messages of dataplane/abi/protocol.h; those of abi/peer.h are in reconcile_peer.cc. Any thread.
#include "control/reconcile.h"

#include <algorithm>

#include "control/reconcile_parts.h"
#include "crypto/srtp_index.h"

namespace mediaward::control {

namespace {

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
  out.lifetime_srtcp_packets = in.lifetime_srtcp_packets;
}

// The key in force and those behind it; how many. Validation has seen to it that they fit.
template <std::size_t N>
std::uint8_t fill(abi::Key (&out)[N], const KeySet& first, const std::vector<KeySet>& more) {
  if (!first.present()) return 0;
  std::uint8_t count = 0;
  fill(out[count++], first);
  for (std::size_t i = 0; i < more.size() && count < N; ++i) fill(out[count++], more[i]);
  return count;
}

std::uint32_t flags_of(const Leg& leg) {
  return (leg.may_send ? abi::kLegMayReceiveFrom : 0u) | (leg.may_receive ? abi::kLegMaySendTo : 0u) | (leg.muted ? abi::kLegMuted : 0u) |
         (leg.rtcp_mux ? abi::kLegRtcpMux : 0u) | (leg.allow_unencrypted_srtcp ? abi::kLegSrtcpPlain : 0u);
}

SecretBuffer message_of(const Conference& conference) {
  auto message = make<abi::Conference>(abi::MessageType::kConference);
  message.conference_id = conference.handle;
  message.mode = conference.mode;
  for (const auto& key : conference.group_keys)
    if (message.group_key_count < abi::kMaxGroupKeys) fill(message.group_keys[message.group_key_count++], key);
  message.loudest = conference.speakers.loudest;
  message.hysteresis_db = conference.speakers.hysteresis_db;
  message.hold_ms = conference.speakers.hold_ms;
  message.flags = conference.spread ? abi::kConferenceSpread : 0u;
  return to_buffer(message);
}

SecretBuffer message_of(const Leg& leg) {
  auto message = make<abi::Leg>(abi::MessageType::kLeg);
  message.leg_id = leg.handle;
  message.conference_id = object_handle(ObjectKind::kConference, leg.conference_id);
  std::copy_n(leg.port.begin(), std::min(leg.port.size(), sizeof message.port_name - 1), message.port_name);
  message.family = leg.local.family;
  message.dscp = leg.dscp;
  message.source_policy = leg.source_policy;
  message.ssrc_policy = leg.ssrc_policy;
  message.rtcp_policy = leg.rtcp_policy;
  message.audio_level_id = leg.audio_level_id;
  message.flags = flags_of(leg);
  message.replay_window = leg.replay_window;
  message.source_filter_bits = leg.source_filter.bits;
  std::copy(leg.source_filter.address.begin(), leg.source_filter.address.end(), message.source_filter);
  fill(message.local, leg.local);
  fill(message.remote, leg.remote);
  message.remote_rtcp_port = leg.remote_rtcp_port;
  message.receive_key_count = fill(message.receive_keys, leg.receive_key, leg.more_receive_keys);
  message.send_key_count = fill(message.send_keys, leg.send_key, leg.more_send_keys);
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

SecretBuffer message_of(const TopologyEntry& entry, abi::TopologyRelation relation) {
  auto message = make<abi::Topology>(abi::MessageType::kTopology);
  message.conference_id = object_handle(ObjectKind::kConference, entry.conference_id);
  message.leg_a = object_handle(ObjectKind::kLeg, entry.leg_a);
  message.leg_b = object_handle(ObjectKind::kLeg, entry.leg_b);
  message.relation = relation;
  return to_buffer(message);
}

SecretBuffer removal_of(ObjectKind kind, std::uint64_t handle) {
  constexpr abi::MessageType kTypes[] = {abi::MessageType::kConferenceRemove, abi::MessageType::kLegRemove,
                                         abi::MessageType::kStreamRemove};
  auto message = make<abi::ObjectRemove>(kTypes[static_cast<std::uint8_t>(kind)]);
  message.object_id = handle;
  return to_buffer(message);
}

bool suite_changes(const KeySet& old, const KeySet& now) {
  return old.present() && old.suite != now.suite;
}
bool must_replace(const Conference& old, const Conference& now) {
  return old.mode != now.mode || old.spread != now.spread ||
         (!old.group_keys.empty() && !now.group_keys.empty() && suite_changes(old.group_keys[0], now.group_keys[0]));
}
unsigned replay_window_of(const Leg& leg) {
  return leg.replay_window != 0 ? leg.replay_window : crypto::kReplayWindowPackets;
}
bool must_replace(const Leg& old, const Leg& now) {
  return old.conference_id != now.conference_id || old.port != now.port || old.local != now.local ||
         replay_window_of(old) != replay_window_of(now) || suite_changes(old.receive_key, now.receive_key) ||
         suite_changes(old.send_key, now.send_key);
}
bool must_replace(const Stream& old, const Stream& now) {
  return old.leg_id != now.leg_id || old.ssrc != now.ssrc;
}

template <typename T>
const T* find(const ObjectMap<T>& objects, const std::string& id) {
  const auto found = objects.find(id);
  return found != objects.end() ? found->second.get() : nullptr;
}

// What lies between two states, asked object by object.
class Difference {
 public:
  Difference(const DesiredState& carried, const DesiredState& desired) : carried_(carried), desired_(desired) {}

  // The object goes, or comes anew: with it goes what it holds.
  [[nodiscard]] bool conference_leaves(const std::string& id) const {
    const Conference* old = find(carried_.conferences, id);
    const Conference* now = find(desired_.conferences, id);
    return old != nullptr && (now == nullptr || must_replace(*old, *now));
  }
  [[nodiscard]] bool leg_leaves(const std::string& id) const {
    const Leg* old = find(carried_.legs, id);
    const Leg* now = find(desired_.legs, id);
    return old != nullptr && (now == nullptr || must_replace(*old, *now) || conference_leaves(old->conference_id));
  }
  [[nodiscard]] bool stream_leaves(const Stream& old) const {
    const Stream* now = find(desired_.streams, old.id);
    return now == nullptr || must_replace(old, *now) || leg_leaves(old.leg_id);
  }
  [[nodiscard]] bool must_be_named(const Conference& now) const { return is_new(carried_.conferences, now) || conference_leaves(now.id); }
  [[nodiscard]] bool must_be_named(const Leg& now) const { return is_new(carried_.legs, now) || leg_leaves(now.id); }
  [[nodiscard]] bool must_be_named(const Stream& now) const { return is_new(carried_.streams, now) || leg_leaves(now.leg_id); }
  [[nodiscard]] bool must_be_named(const TopologyEntry& now) const {
    return is_new(carried_.topology, now) || leg_leaves(now.leg_a) || leg_leaves(now.leg_b);
  }

  void add_removals(Plan& plan) const;
  void add_sweep_removals(Plan& plan) const;
  void add_objects(Plan& plan, bool all) const;

 private:
  void add_topology(Plan& plan, bool all) const;
  template <typename T>
  static bool is_new(const ObjectMap<T>& carried, const T& now) {
    const T* old = find(carried, now.id);
    return old == nullptr || (old != &now && !same_content(*old, now));
  }
  const DesiredState& carried_;
  const DesiredState& desired_;
};

void Difference::add_removals(Plan& plan) const {
  for (const auto& [id, stream] : carried_.streams)
    if (stream_leaves(*stream) && !leg_leaves(stream->leg_id))
      add(plan, removal_of(ObjectKind::kStream, stream->handle), ObjectKind::kStream, id);
  for (const auto& [id, leg] : carried_.legs)
    if (leg_leaves(id)) add(plan, removal_of(ObjectKind::kLeg, leg->handle), ObjectKind::kLeg, id);
  for (const auto& [id, conference] : carried_.conferences)
    if (conference_leaves(id)) add(plan, removal_of(ObjectKind::kConference, conference->handle), ObjectKind::kConference, id);
}

// What a sweep does not see to: it removes what is not named, and makes anew what is named otherwise, save for streams.
void Difference::add_sweep_removals(Plan& plan) const {
  for (const auto& [id, old] : carried_.streams) {
    const Stream* now = find(desired_.streams, id);
    if (now != nullptr && must_replace(*old, *now) && desired_.legs.contains(old->leg_id))
      add(plan, removal_of(ObjectKind::kStream, old->handle), ObjectKind::kStream, id);
  }
}

// Conference, its legs, each with its streams, and then the topology; `all` or only what differs from what is carried.
void Difference::add_objects(Plan& plan, bool all) const {
  for (const auto& [conference_id, conference] : desired_.conferences) {
    if (all || must_be_named(*conference)) add(plan, message_of(*conference), ObjectKind::kConference, conference_id);
    for (auto [leg_at, legs_end] = desired_.legs_of.equal_range(conference_id); leg_at != legs_end; ++leg_at) {
      const Leg& leg = *desired_.legs.at(leg_at->second);
      if (all || must_be_named(leg)) add(plan, message_of(leg), ObjectKind::kLeg, leg.id);
      for (auto [at, end] = desired_.streams_of.equal_range(leg.id); at != end; ++at) {
        const Stream& stream = *desired_.streams.at(at->second);
        if (all || must_be_named(stream)) add(plan, message_of(stream), ObjectKind::kStream, stream.id);
      }
    }
  }
  add_topology(plan, all);
}

void Difference::add_topology(Plan& plan, bool all) const {
  for (const auto& [id, entry] : carried_.topology)  // where both legs stay, nothing else takes the exception away
    if (!desired_.topology.contains(id) && !leg_leaves(entry->leg_a) && !leg_leaves(entry->leg_b))
      add(plan, message_of(*entry, abi::TopologyRelation::kBoth), ObjectKind::kTopology, id);
  for (const auto& [id, entry] : desired_.topology)
    if (all || must_be_named(*entry)) add(plan, message_of(*entry, entry->relation), ObjectKind::kTopology, id);
}

}  // namespace

Plan plan_bucket_move(std::uint32_t bucket, std::uint32_t worker) {
  Plan plan;
  auto message = make<abi::BucketMove>(abi::MessageType::kBucketMove);
  message.bucket = bucket;
  message.worker = worker;
  plan.messages.push_back(to_buffer(message));
  return plan;
}

void Plan::leave_out_content(std::size_t index) {
  const auto at = static_cast<std::ptrdiff_t>(messages.size() - contents.size() + index);
  messages.erase(messages.begin() + at);
  objects.erase(objects.begin() + at);
  contents.erase(contents.begin() + static_cast<std::ptrdiff_t>(index));
}

Plan plan_difference(const DesiredState& carried, const DesiredState& desired) {
  Plan plan;
  const Difference difference(carried, desired);
  const PeerDifference peers(carried, desired);
  difference.add_removals(plan);
  peers.add_removals(plan);
  difference.add_objects(plan, false);
  peers.add_objects(plan, false);
  return plan;
}

Plan plan_everything(const DesiredState& carried, const DesiredState& desired, bool sweep) {
  Plan plan;
  const Difference difference(carried, desired);
  const PeerDifference peers(carried, desired);
  if (sweep) {
    difference.add_sweep_removals(plan);
    peers.add_sweep_removals(plan);
  } else {
    difference.add_removals(plan);
    peers.add_removals(plan);
  }
  difference.add_objects(plan, true);
  peers.add_objects(plan, true);
  plan.resync = sweep;
  return plan;
}

}  // namespace mediaward::control
