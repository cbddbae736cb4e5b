// SPDX-License-Identifier: Apache-2.0
// Validation of conferences and of who hears whom in them. See core.h. Main thread.
#include "dataplane/staging.h"

#include <algorithm>

namespace mediaward::dataplane {
namespace {

using abi::ForwardingMode;

tl::expected<void, Refusal> check_values(const abi::Conference& m) {
  const auto refused = [&](ErrorCode code, const char* field, std::string message) { return refuse(code, m.conference_id, field, std::move(message)); };
  if (m.conference_id == 0) return refused(ErrorCode::kInvalid, "conference.id", "0 is not an id");
  if (m.mode < ForwardingMode::kPerParticipantKeys || m.mode > ForwardingMode::kRelay)
    return refused(ErrorCode::kUnsupported, "conference.mode", "no such forwarding mode in this release");
  if ((m.flags & ~std::uint32_t{abi::kConferenceSpread}) != 0)
    return refused(ErrorCode::kUnsupported, "conference.flags", "flags that this release does not know");
  if ((m.flags & abi::kConferenceSpread) != 0 && m.mode != ForwardingMode::kPerParticipantKeys)
    return refused(ErrorCode::kInvalid, "conference.flags", "only sealing per participant can be spread over workers: nothing else is work");
  const bool group = m.mode == ForwardingMode::kGroupKey;
  if (group ? m.group_key_count < 1 || m.group_key_count > abi::kMaxGroupKeys : m.group_key_count != 0)
    return refused(ErrorCode::kInvalid, "conference.group_keys", group ? "one key, or two of which the second is staged" : "only with a group key");
  return {};
}

}  // namespace

Core::Check Core::stage(const abi::Conference& m) {
  if (auto ok = check_values(m); !ok) return ok;
  const ConferenceObject* existing = conferences_.find(m.conference_id);
  if (existing != nullptr && (existing->mode != m.mode || existing->flags != m.flags)) {
    if (!resync_)
      return refuse(ErrorCode::kConflict, m.conference_id, existing->mode != m.mode ? "conference.mode" : "conference.flags",
                    "fixed for the life of a conference: remove and add it");
    for (const std::uint64_t leg : IdSet(existing->legs)) remove_leg(*legs_.find(leg));
    if (auto ok = remove_conference(m.conference_id); !ok) return ok;
    existing = nullptr;
  }
  if (m.mode == ForwardingMode::kGroupKey && legs_.find(m.conference_id) != nullptr)
    return refuse(ErrorCode::kConflict, m.conference_id, "conference.id", "a leg has this id, and send state is filed by it");
  ConferenceObject& conference = conferences_.edit(m.conference_id);
  if (existing == nullptr) conference = ConferenceObject{};  // nothing of one of that name that this transaction removed
  conference.id = m.conference_id;
  conference.mode = m.mode;
  conference.flags = m.flags;
  if (resync_ && !conference.topology.empty()) {  // named anew behind the legs
    conference.topology.clear();
    touched_conferences_.insert(m.conference_id);
  }
  if (auto ok = stage_policy(m, conference); !ok) return ok;
  if (existing == nullptr && conference.group()) take_over_slots(m.conference_id, {}, conference.group_keys);
  return {};
}

Core::Check Core::stage_policy(const abi::Conference& m, ConferenceObject& conference) {
  const KeyRequest request{{m.group_keys, m.group_key_count}, m.conference_id, "conference.group_keys", true, false};
  const KeyList before = conference.group_keys;
  if (auto ok = stage_keys(request, conference.group_keys); !ok) return ok;
  if (auto ok = stage_seal_keys({true, m.conference_id}, request, before, conference.group_keys); !ok) return ok;
  const bool rekeyed = !before.empty() && before.front() != conference.group_keys.front();
  const bool elected = (conference.loudest != 0) != (m.loudest != 0);
  if (rekeyed || elected || conference.hysteresis_db != m.hysteresis_db || conference.hold_ms != m.hold_ms || conference.loudest != m.loudest)
    touched_conferences_.insert(m.conference_id);
  conference.loudest = m.loudest;
  conference.hysteresis_db = m.hysteresis_db;
  conference.hold_ms = m.hold_ms;
  return {};
}

Core::Check Core::stage(const abi::Topology& m) {
  using abi::TopologyRelation;
  const auto refused = [&](ErrorCode code, const char* field, const char* message) { return refuse(code, m.conference_id, field, message); };
  const ConferenceObject* found = conferences_.find(m.conference_id);
  if (found == nullptr) return refused(ErrorCode::kNotFound, "topology.conference", "no such conference");
  if (m.relation < TopologyRelation::kBoth || m.relation > TopologyRelation::kIsolate)
    return refused(ErrorCode::kUnsupported, "topology.relation", "no such relation in this release");
  if (m.leg_a == m.leg_b) return refused(ErrorCode::kInvalid, "topology.legs", "a relation is between two legs: nobody hears himself");
  if (!found->legs.contains(m.leg_a) || !found->legs.contains(m.leg_b))
    return refused(ErrorCode::kNotFound, "topology.legs", "both legs must belong to the conference");
  // Oneway: b hears a, a does not hear b.
  const bool a_deaf = m.relation != TopologyRelation::kBoth, b_deaf = m.relation == TopologyRelation::kIsolate;
  const Deafness wanted = m.leg_a < m.leg_b ? Deafness{a_deaf, b_deaf} : Deafness{b_deaf, a_deaf};
  const auto pair = std::pair<std::uint64_t, std::uint64_t>(std::minmax(m.leg_a, m.leg_b));
  const Deafness* before = found->topology.find(pair);
  if (before != nullptr ? *before == wanted : wanted == Deafness{}) return {};
  ConferenceObject& conference = conferences_.edit(m.conference_id);
  if (wanted == Deafness{})
    conference.topology.erase(pair);
  else
    conference.topology[pair] = wanted;
  touched_conferences_.insert(m.conference_id);
  return {};
}

}  // namespace mediaward::dataplane
