// SPDX-License-Identifier: Apache-2.0
// The operations of a transaction on the draft. What an operation can be told wrong for by itself or by what it refers to is refused
// here; rules between objects wait for the end (draft_rules.cc).
// No lock, no I/O; any one thread.
#include "control/draft.h"

#include <utility>

namespace mediaward::control {

namespace {

using Mode = abi::ForwardingMode;

template <typename Index>
void unlink(Index& index, const std::string& parent, const std::string& child) {
  for (auto [at, end] = index.equal_range(parent); at != end; ++at)
    if (at->second == child) return void(index.erase(at));
}

template <typename Index>
std::vector<std::string> children(const Index& index, const std::string& parent) {
  std::vector<std::string> out;
  for (auto [at, end] = index.equal_range(parent); at != end; ++at) out.push_back(at->second);
  return out;
}

tl::unexpected<ApiError> refuse(ErrorCode code, ObjectKind kind, const std::string& id, std::string field, std::string message) {
  return tl::unexpected(object_error(code, {kind, id}, std::move(field), std::move(message)));
}

// Keys that the request does not name are those of the leg, as far as its conference's mode has such keys.
void keep_keys(const LegRequest& request, const Leg* old, Mode mode, Leg& leg) {
  if (old == nullptr) return;
  if (!request.has_receive_key) {
    leg.receive_key = old->receive_key;
    leg.more_receive_keys = old->more_receive_keys;
  }
  if (!request.has_send_key && mode == Mode::kPerParticipantKeys) {
    leg.send_key = old->send_key;
    leg.more_send_keys = old->more_send_keys;
  }
}

}  // namespace

ApiResult<void> Draft::apply(const Operation& operation, int index) {
  index_ = index;
  auto done = std::visit([this](const auto& one) { return run(one); }, operation);
  if (!done && done.error().operation_index < 0) done.error().operation_index = index;
  return done;
}

ApiResult<void> Draft::claim_name(ObjectKind kind, const std::string& id, std::uint64_t handle) {
  const auto [at, fresh] = next_.names.try_emplace(handle, ObjectName{kind, id});
  if (fresh || at->second == ObjectName{kind, id}) return {};
  return refuse(ErrorCode::kConflict, kind, id, std::string(to_string(kind)) + ".id",
                "has the same 64-bit handle as " + at->second.text() + "; choose another id");
}

ApiResult<void> Draft::run(const Conference& request) {
  auto fresh = std::make_shared<Conference>(request);
  const auto found = next_.conferences.find(request.id);
  const Conference* old = found != next_.conferences.end() ? found->second.get() : nullptr;
  if (old != nullptr && fresh->group_keys.empty() && fresh->mode == Mode::kGroupKey) fresh->group_keys = old->group_keys;
  if (auto good = validate(*fresh, suites_); !good) return good;
  const auto fixed = [&](const char* field) {
    return refuse(ErrorCode::kInvalid, ObjectKind::kConference, request.id, field,
                  "is fixed for the life of a conference; remove the conference first, in the same transaction at will");
  };
  if (old != nullptr && old->mode != fresh->mode) return fixed("conference.mode");
  if (old != nullptr && old->spread != fresh->spread) return fixed("conference.spread");
  if (old != nullptr && !old->group_keys.empty() && old->group_keys[0].suite != fresh->group_keys[0].suite)
    return fixed("conference.group_keys[0].suite");
  fresh->handle = object_handle(ObjectKind::kConference, request.id);
  fresh->version = next_.revision;
  if (auto good = claim_name(ObjectKind::kConference, request.id, fresh->handle); !good) return good;
  touch(ObjectKind::kConference, request.id);
  if (old == nullptr || !same_content(*old, *fresh)) next_.conferences[request.id] = std::move(fresh);
  return {};
}

ApiResult<void> Draft::run(const LegRequest& request) {
  const auto found = next_.legs.find(request.leg.id);
  const Leg* old = found != next_.legs.end() ? found->second.get() : nullptr;
  const auto conference = next_.conferences.find(request.leg.conference_id);
  if (conference == next_.conferences.end())
    return refuse(ErrorCode::kNotFound, ObjectKind::kLeg, request.leg.id, "leg.conference_id",
                  "there is no conference `" + request.leg.conference_id + "`; put it first");
  auto fresh = std::make_shared<Leg>(request.leg);
  keep_keys(request, old, conference->second->mode, *fresh);
  if (auto good = validate(*fresh, conference->second->mode, suites_); !good) return good;
  fresh->handle = object_handle(ObjectKind::kLeg, fresh->id);
  fresh->version = next_.revision;
  if (auto good = claim_name(ObjectKind::kLeg, fresh->id, fresh->handle); !good) return good;
  touch(ObjectKind::kLeg, fresh->id);
  if (old == nullptr || !same_content(*old, *fresh)) put_leg(old, std::move(fresh));
  return {};
}

void Draft::put_leg(const Leg* old, std::shared_ptr<const Leg> fresh) {
  conferences_.insert(fresh->conference_id);
  if (old == nullptr || old->conference_id != fresh->conference_id) {
    if (old != nullptr) {
      erase_topology_of(old->id);
      unlink(next_.legs_of, old->conference_id, old->id);
    }
    next_.legs_of.emplace(fresh->conference_id, fresh->id);
  }
  auto& place = next_.legs[fresh->id];
  place = std::move(fresh);
}

ApiResult<void> Draft::run(const Stream& request) {
  if (auto good = validate(request); !good) return good;
  const auto leg = next_.legs.find(request.leg_id);
  if (leg == next_.legs.end())
    return refuse(ErrorCode::kNotFound, ObjectKind::kStream, request.id, "stream.leg_id",
                  "there is no leg `" + request.leg_id + "`; put it first");
  auto fresh = std::make_shared<Stream>(request);
  fresh->handle = object_handle(ObjectKind::kStream, request.id);
  fresh->version = next_.revision;
  if (auto good = claim_name(ObjectKind::kStream, request.id, fresh->handle); !good) return good;
  touch(ObjectKind::kStream, request.id);
  auto& place = next_.streams[request.id];
  if (place != nullptr && same_content(*place, *fresh)) return {};
  if (place != nullptr) unlink(next_.streams_of, place->leg_id, request.id);
  next_.streams_of.emplace(request.leg_id, request.id);
  conferences_.insert(leg->second->conference_id);
  place = std::move(fresh);
  return {};
}

ApiResult<void> Draft::run(const TopologyEntry& request) {
  auto fresh = std::make_shared<TopologyEntry>(request);
  fresh->id = topology_id(request.leg_a, request.leg_b);
  if (auto good = validate(*fresh); !good) return good;
  for (const auto& [field, leg] : {std::pair{"topology.leg_a", &request.leg_a}, std::pair{"topology.leg_b", &request.leg_b}}) {
    const auto found = next_.legs.find(*leg);
    if (found == next_.legs.end())
      return refuse(ErrorCode::kNotFound, ObjectKind::kTopology, fresh->id, field, "there is no leg `" + *leg + "`; put it first");
    if (found->second->conference_id != request.conference_id)
      return refuse(ErrorCode::kInvalid, ObjectKind::kTopology, fresh->id, field,
                    "is not a leg of conference `" + request.conference_id + "`");
  }
  touch(ObjectKind::kTopology, fresh->id);
  if (request.relation == abi::TopologyRelation::kBoth) return erase_topology(fresh->id), ApiResult<void>();
  if (request.relation == abi::TopologyRelation::kIsolate && fresh->leg_b < fresh->leg_a) std::swap(fresh->leg_a, fresh->leg_b);
  fresh->version = next_.revision;
  auto& place = next_.topology[fresh->id];
  if (place != nullptr && same_content(*place, *fresh)) return {};
  if (place == nullptr)
    for (const auto* leg : {&fresh->leg_a, &fresh->leg_b}) next_.topology_of.emplace(*leg, fresh->id);
  place = std::move(fresh);
  return {};
}

void Draft::erase_topology(const std::string& id) {
  const auto found = next_.topology.find(id);
  if (found == next_.topology.end()) return;
  for (const auto* leg : {&found->second->leg_a, &found->second->leg_b}) unlink(next_.topology_of, *leg, id);
  next_.topology.erase(found);
}

void Draft::erase_topology_of(const std::string& leg) {
  for (const auto& id : children(next_.topology_of, leg)) erase_topology(id);
}

void Draft::erase_stream(const std::string& id) {
  const auto found = next_.streams.find(id);
  unlink(next_.streams_of, found->second->leg_id, id);
  next_.names.erase(found->second->handle);
  next_.streams.erase(found);
}

void Draft::erase_leg(const std::string& id) {
  const auto found = next_.legs.find(id);
  erase_topology_of(id);
  for (const auto& stream : children(next_.streams_of, id)) erase_stream(stream);
  unlink(next_.legs_of, found->second->conference_id, id);
  next_.names.erase(found->second->handle);
  next_.legs.erase(found);
}

ApiResult<void> Draft::run(const RemoveStream& request) {
  if (!next_.streams.contains(request.id))
    return refuse(ErrorCode::kNotFound, ObjectKind::kStream, request.id, "remove_stream", "there is no such stream");
  erase_stream(request.id);
  return {};
}

ApiResult<void> Draft::run(const RemoveLeg& request) {
  if (!next_.legs.contains(request.id))
    return refuse(ErrorCode::kNotFound, ObjectKind::kLeg, request.id, "remove_leg", "there is no such leg");
  erase_leg(request.id);
  return {};
}

ApiResult<void> Draft::run(const RemoveConference& request) {
  const auto found = next_.conferences.find(request.id);
  if (found == next_.conferences.end())
    return refuse(ErrorCode::kNotFound, ObjectKind::kConference, request.id, "remove_conference.id", "there is no such conference");
  if (const auto legs = next_.legs_of.count(request.id); legs != 0 && !request.cascade)
    return refuse(ErrorCode::kConflict, ObjectKind::kConference, request.id, "remove_conference.cascade",
                  "still has " + std::to_string(legs) + " legs; remove them first or set cascade");
  for (const auto& leg : children(next_.legs_of, request.id)) erase_leg(leg);
  next_.names.erase(found->second->handle);
  next_.conferences.erase(found);
  return {};
}

ApiResult<void> Draft::check_members(const ReplaceConference& request) {
  const std::string& conference = request.conference.id;
  std::set<std::string> legs;
  for (const auto& one : request.legs) {
    legs.insert(one.leg.id);
    const auto old = next_.legs.find(one.leg.id);
    if (one.leg.conference_id != conference || (old != next_.legs.end() && old->second->conference_id != conference))
      return refuse(ErrorCode::kConflict, ObjectKind::kLeg, one.leg.id, "leg.conference_id",
                    "belongs to another conference than `" + conference + "`");
  }
  for (const auto& one : request.streams)
    if (!legs.contains(one.leg_id))
      return refuse(ErrorCode::kInvalid, ObjectKind::kStream, one.id, "stream.leg_id",
                    "`" + one.leg_id + "` is not among the legs of this replace_conference");
  for (const auto& one : request.topology)
    if (one.conference_id != conference)
      return refuse(ErrorCode::kInvalid, ObjectKind::kTopology, topology_id(one.leg_a, one.leg_b), "topology.conference_id",
                    "must be `" + conference + "` or empty in this replace_conference");
  return {};
}

void Draft::drop_what_is_not_in(const ReplaceConference& request) {
  std::set<std::string> legs, streams, topology;
  for (const auto& one : request.legs) legs.insert(one.leg.id);
  for (const auto& one : request.streams) streams.insert(one.id);
  for (const auto& one : request.topology) topology.insert(topology_id(one.leg_a, one.leg_b));
  for (const auto& leg : children(next_.legs_of, request.conference.id)) {
    if (!legs.contains(leg)) {
      erase_leg(leg);
      continue;
    }
    for (const auto& stream : children(next_.streams_of, leg))
      if (!streams.contains(stream)) erase_stream(stream);
    for (const auto& entry : children(next_.topology_of, leg))
      if (!topology.contains(entry)) erase_topology(entry);
  }
}

ApiResult<void> Draft::run(const ReplaceConference& request) {
  if (auto good = run(request.conference); !good) return good;
  if (auto good = check_members(request); !good) return good;
  drop_what_is_not_in(request);
  for (const auto& leg : request.legs)
    if (auto good = run(leg); !good) return good;
  for (const auto& stream : request.streams)
    if (auto good = run(stream); !good) return good;
  for (const auto& entry : request.topology)
    if (auto good = run(entry); !good) return good;
  return {};
}

ApiResult<void> Draft::run(const RekeyLeg& request) {
  const Leg& asked = request.request.leg;
  const auto found = next_.legs.find(asked.id);
  if (found == next_.legs.end())
    return refuse(ErrorCode::kNotFound, ObjectKind::kLeg, asked.id, "rekey_leg.leg_id", "there is no such leg");
  const Leg& old = *found->second;
  if (!request.request.has_receive_key && !request.request.has_send_key)
    return refuse(ErrorCode::kInvalid, ObjectKind::kLeg, asked.id, "rekey_leg", "names no key");
  LegRequest change{old, request.request.has_receive_key, request.request.has_send_key};
  const auto other_suite = [&](const char* field) {
    return refuse(ErrorCode::kInvalid, ObjectKind::kLeg, asked.id, field,
                  "is not the leg's suite; another suite takes a put_leg, which replaces the leg");
  };
  if (change.has_receive_key) {
    if (old.receive_key.present() && asked.receive_key.suite != old.receive_key.suite) return other_suite("leg.receive_key.suite");
    change.leg.receive_key = asked.receive_key;
    change.leg.more_receive_keys = asked.more_receive_keys;
  }
  if (change.has_send_key) {
    if (old.send_key.present() && asked.send_key.suite != old.send_key.suite) return other_suite("leg.send_key.suite");
    change.leg.send_key = asked.send_key;
    change.leg.more_send_keys = asked.more_send_keys;
  }
  return run(change);
}

ApiResult<void> Draft::run(const RekeyConference& request) {
  const auto found = next_.conferences.find(request.id);
  if (found == next_.conferences.end())
    return refuse(ErrorCode::kNotFound, ObjectKind::kConference, request.id, "rekey_conference.conference_id",
                  "there is no such conference");
  if (request.group_keys.empty())
    return refuse(ErrorCode::kInvalid, ObjectKind::kConference, request.id, "rekey_conference.group_keys", "names no key");
  Conference change = *found->second;
  change.group_keys = request.group_keys;
  return run(change);
}

ApiResult<void> Draft::run(const MuteLeg& request) {
  const auto found = next_.legs.find(request.id);
  if (found == next_.legs.end())
    return refuse(ErrorCode::kNotFound, ObjectKind::kLeg, request.id, "mute_leg.leg_id", "there is no such leg");
  LegRequest change{*found->second, false, false};
  change.leg.muted = request.muted;
  return run(change);
}

}  // namespace mediaward::control
