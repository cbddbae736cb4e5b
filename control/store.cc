// SPDX-License-Identifier: Apache-2.0
// Operations on a copy of the desired state, the rules between objects, and the net list of changes.
// No lock, no I/O; any one thread.
#include "control/store.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "control/validate.h"

namespace mediaward::control {

namespace {

ApiError error(ErrorCode code, ObjectKind kind, const std::string& id, std::string field, std::string message) {
  return {{code, std::move(message)}, ObjectName{kind, id}.text(), std::move(field)};
}

// The copy that is worked on, with the memory of which operation touched what.
class Draft {
 public:
  Draft(const DesiredState& current, const StateLimits& limits) : next_(current), limits_(limits) { next_.revision = current.revision + 1; }

  ApiResult<void> apply(const Operation& operation, int index) {
    index_ = index;
    auto done = std::visit([this](const auto& one) { return run(one); }, operation);
    if (!done && done.error().operation_index < 0) done.error().operation_index = index;
    return done;
  }
  ApiResult<void> check_rules();
  DesiredState take() && { return std::move(next_); }

 private:
  ApiResult<void> run(const Conference& conference);
  ApiResult<void> run(const LegRequest& request);
  ApiResult<void> run(const Stream& stream);
  ApiResult<void> run(const RemoveConference& request);
  ApiResult<void> run(const RemoveLeg& request);
  ApiResult<void> run(const RemoveStream& request);
  ApiResult<void> run(const ReplaceConference& request);
  ApiResult<void> drop_what_is_not_in(const ReplaceConference& request);

  ApiResult<void> claim_name(ObjectKind kind, const std::string& id, std::uint64_t handle);
  ApiResult<void> check_limits();
  ApiResult<void> check_local_endpoints();
  ApiResult<void> check_ssrcs(const std::string& conference_id);
  void erase_leg(const std::string& id);
  void erase_stream(const std::string& id);
  void touch(ObjectKind kind, const std::string& id) { touched_[ObjectName{kind, id}.text()] = index_; }
  // An error between two objects is told at the one that this transaction touched last.
  ApiError conflict(ObjectKind kind, const std::string& a, const std::string& b, std::string field, std::string message);

  DesiredState next_;
  StateLimits limits_;
  int index_ = -1;
  std::map<std::string, int> touched_;  // object → operation
  std::set<std::string> conferences_;   // whose streams must be looked at again
};

template <typename Index>
void unlink(Index& index, const std::string& parent, const std::string& child) {
  for (auto [at, end] = index.equal_range(parent); at != end; ++at)
    if (at->second == child) return void(index.erase(at));
}

ApiResult<void> Draft::claim_name(ObjectKind kind, const std::string& id, std::uint64_t handle) {
  const auto [at, fresh] = next_.names.try_emplace(handle, ObjectName{kind, id});
  if (fresh || at->second == ObjectName{kind, id}) return {};
  return tl::unexpected(error(ErrorCode::kConflict, kind, id, std::string(to_string(kind)) + ".id",
                              "has the same 64-bit handle as " + at->second.text() + "; choose another id"));
}

ApiResult<void> Draft::run(const Conference& request) {
  if (auto good = validate(request); !good) return good;
  auto fresh = std::make_shared<Conference>(request);
  fresh->handle = object_handle(ObjectKind::kConference, request.id);
  fresh->version = next_.revision;
  if (auto good = claim_name(ObjectKind::kConference, request.id, fresh->handle); !good) return good;
  touch(ObjectKind::kConference, request.id);
  auto& place = next_.conferences[request.id];
  if (place == nullptr || !same_content(*place, *fresh)) place = std::move(fresh);
  return {};
}

ApiResult<void> Draft::run(const LegRequest& request) {
  const auto found = next_.legs.find(request.leg.id);
  const Leg* old = found != next_.legs.end() ? found->second.get() : nullptr;
  auto fresh = std::make_shared<Leg>(request.leg);
  if (!request.has_receive_key && old != nullptr) fresh->receive_key = old->receive_key;
  if (!request.has_send_key && old != nullptr) fresh->send_key = old->send_key;
  if (auto good = validate(*fresh); !good) return good;
  if (!next_.conferences.contains(fresh->conference_id))
    return tl::unexpected(error(ErrorCode::kNotFound, ObjectKind::kLeg, fresh->id, "leg.conference_id",
                                "there is no conference `" + fresh->conference_id + "`; put it first"));
  fresh->handle = object_handle(ObjectKind::kLeg, fresh->id);
  fresh->version = next_.revision;
  if (auto good = claim_name(ObjectKind::kLeg, fresh->id, fresh->handle); !good) return good;
  touch(ObjectKind::kLeg, fresh->id);
  if (old != nullptr && same_content(*old, *fresh)) return {};
  if (old == nullptr || old->conference_id != fresh->conference_id) {
    if (old != nullptr) unlink(next_.legs_of, old->conference_id, old->id);
    next_.legs_of.emplace(fresh->conference_id, fresh->id);
    conferences_.insert(fresh->conference_id);
  }
  next_.legs[fresh->id] = std::move(fresh);
  return {};
}

ApiResult<void> Draft::run(const Stream& request) {
  if (auto good = validate(request); !good) return good;
  const auto leg = next_.legs.find(request.leg_id);
  if (leg == next_.legs.end())
    return tl::unexpected(error(ErrorCode::kNotFound, ObjectKind::kStream, request.id, "stream.leg_id",
                                "there is no leg `" + request.leg_id + "`; put it first"));
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

void Draft::erase_stream(const std::string& id) {
  const auto found = next_.streams.find(id);
  unlink(next_.streams_of, found->second->leg_id, id);
  next_.names.erase(found->second->handle);
  next_.streams.erase(found);
}

void Draft::erase_leg(const std::string& id) {
  const auto found = next_.legs.find(id);
  for (auto at = next_.streams_of.find(id); at != next_.streams_of.end(); at = next_.streams_of.find(id))
    erase_stream(std::string(at->second));
  unlink(next_.legs_of, found->second->conference_id, id);
  next_.names.erase(found->second->handle);
  next_.legs.erase(found);
}

ApiResult<void> Draft::run(const RemoveStream& request) {
  if (!next_.streams.contains(request.id))
    return tl::unexpected(error(ErrorCode::kNotFound, ObjectKind::kStream, request.id, "remove_stream", "there is no such stream"));
  erase_stream(request.id);
  return {};
}

ApiResult<void> Draft::run(const RemoveLeg& request) {
  if (!next_.legs.contains(request.id))
    return tl::unexpected(error(ErrorCode::kNotFound, ObjectKind::kLeg, request.id, "remove_leg", "there is no such leg"));
  erase_leg(request.id);
  return {};
}

ApiResult<void> Draft::run(const RemoveConference& request) {
  const auto found = next_.conferences.find(request.id);
  if (found == next_.conferences.end())
    return tl::unexpected(
        error(ErrorCode::kNotFound, ObjectKind::kConference, request.id, "remove_conference.id", "there is no such conference"));
  if (const auto legs = next_.legs_of.count(request.id); legs != 0 && !request.cascade)
    return tl::unexpected(error(ErrorCode::kConflict, ObjectKind::kConference, request.id, "remove_conference.cascade",
                                "still has " + std::to_string(legs) + " legs; remove them first or set cascade"));
  for (auto at = next_.legs_of.find(request.id); at != next_.legs_of.end(); at = next_.legs_of.find(request.id))
    erase_leg(std::string(at->second));
  next_.names.erase(found->second->handle);
  next_.conferences.erase(found);
  return {};
}

ApiResult<void> Draft::drop_what_is_not_in(const ReplaceConference& request) {
  std::set<std::string> legs, streams;
  for (const auto& one : request.legs) {
    legs.insert(one.leg.id);
    const auto old = next_.legs.find(one.leg.id);
    if (one.leg.conference_id != request.conference.id || (old != next_.legs.end() && old->second->conference_id != request.conference.id))
      return tl::unexpected(error(ErrorCode::kConflict, ObjectKind::kLeg, one.leg.id, "leg.conference_id",
                                  "belongs to another conference than `" + request.conference.id + "`"));
  }
  for (const auto& one : request.streams) {
    streams.insert(one.id);
    if (!legs.contains(one.leg_id))
      return tl::unexpected(error(ErrorCode::kInvalid, ObjectKind::kStream, one.id, "stream.leg_id",
                                  "`" + one.leg_id + "` is not among the legs of this replace_conference"));
  }
  std::vector<std::string> old_legs;
  for (auto [at, end] = next_.legs_of.equal_range(request.conference.id); at != end; ++at) old_legs.push_back(at->second);
  for (const auto& leg : old_legs) {
    if (!legs.contains(leg)) {
      erase_leg(leg);
      continue;
    }
    std::vector<std::string> old_streams;
    for (auto [at, end] = next_.streams_of.equal_range(leg); at != end; ++at)
      if (!streams.contains(at->second)) old_streams.push_back(at->second);
    for (const auto& stream : old_streams) erase_stream(stream);
  }
  return {};
}

ApiResult<void> Draft::run(const ReplaceConference& request) {
  if (auto good = run(request.conference); !good) return good;
  if (auto good = drop_what_is_not_in(request); !good) return good;
  for (const auto& leg : request.legs)
    if (auto good = run(leg); !good) return good;
  for (const auto& stream : request.streams)
    if (auto good = run(stream); !good) return good;
  return {};
}

ApiError Draft::conflict(ObjectKind kind, const std::string& a, const std::string& b, std::string field, std::string message) {
  const auto operation_of = [&](const std::string& id) {
    const auto found = touched_.find(ObjectName{kind, id}.text());
    return found != touched_.end() ? found->second : -1;
  };
  const bool blame_a = operation_of(a) > operation_of(b);
  ApiError out =
      error(ErrorCode::kConflict, kind, blame_a ? a : b, std::move(field), message + " " + ObjectName{kind, blame_a ? b : a}.text());
  out.operation_index = operation_of(blame_a ? a : b);
  return out;
}

ApiResult<void> Draft::check_limits() {
  const auto over = [](std::size_t count, std::uint32_t limit, const char* name) -> ApiResult<void> {
    if (count <= limit) return {};
    ApiError error;
    error.error = {ErrorCode::kExhausted,
                   std::to_string(count) + " are more than limits." + name + " = " + std::to_string(limit) + " of the daemon's configuration"};
    error.field = name;
    return tl::unexpected(std::move(error));
  };
  if (auto good = over(next_.conferences.size(), limits_.conferences, "conferences"); !good) return good;
  if (auto good = over(next_.legs.size(), limits_.legs, "legs"); !good) return good;
  if (auto good = over(next_.streams.size(), limits_.streams, "streams"); !good) return good;
  for (const auto& id : conferences_) {
    if (auto good = over(next_.legs_of.count(id), limits_.legs_per_conference, "legs_per_conference"); !good) return good;
    for (auto [at, end] = next_.legs_of.equal_range(id); at != end; ++at)
      if (auto good = over(next_.streams_of.count(at->second), limits_.streams_per_leg, "streams_per_leg"); !good) return good;
  }
  return {};
}

ApiResult<void> Draft::check_local_endpoints() {
  std::map<std::tuple<std::string_view, Endpoint>, const Leg*> used;
  for (const auto& [id, leg] : next_.legs) {
    const auto [at, fresh] = used.try_emplace({leg->port, leg->local}, leg.get());
    if (!fresh)
      return tl::unexpected(conflict(ObjectKind::kLeg, at->second->id, id, "leg.local",
                                     leg->local.address_text() + " port " + std::to_string(leg->local.udp_port) + " on " + leg->port +
                                         " is already the local endpoint of"));
  }
  return {};
}

ApiResult<void> Draft::check_ssrcs(const std::string& conference_id) {
  std::map<std::uint32_t, const Stream*> used;
  for (auto [leg, legs_end] = next_.legs_of.equal_range(conference_id); leg != legs_end; ++leg)
    for (auto [at, end] = next_.streams_of.equal_range(leg->second); at != end; ++at) {
      const Stream& stream = *next_.streams.at(at->second);
      const auto [place, fresh] = used.try_emplace(stream.ssrc, &stream);
      if (!fresh)
        return tl::unexpected(conflict(ObjectKind::kStream, place->second->id, stream.id, "stream.ssrc",
                                       "SSRC " + std::to_string(stream.ssrc) + " is used in conference `" + conference_id + "` by"));
    }
  return {};
}

ApiResult<void> Draft::check_rules() {
  if (auto good = check_limits(); !good) return good;
  if (auto good = check_local_endpoints(); !good) return good;
  for (const auto& id : conferences_)
    if (auto good = check_ssrcs(id); !good) return good;
  return {};
}

template <typename T>
void list_changes(ObjectKind kind, const ObjectMap<T>& before, const ObjectMap<T>& after, std::vector<Change>& removed,
                  std::vector<Change>& put) {
  for (const auto& [id, object] : before)
    if (!after.contains(id)) removed.push_back({Change::What::kRemoved, {kind, id}});
  for (const auto& [id, object] : after) {
    const auto old = before.find(id);
    if (old == before.end())
      put.push_back({Change::What::kCreated, {kind, id}});
    else if (old->second != object && !same_content(*old->second, *object))
      put.push_back({Change::What::kChanged, {kind, id}});
  }
}

bool names(const Operation& operation, const ObjectName& object) {
  const auto is = [&](ObjectKind kind, const std::string& id) { return object == ObjectName{kind, id}; };
  if (const auto* put = std::get_if<Conference>(&operation)) return is(ObjectKind::kConference, put->id);
  if (const auto* put = std::get_if<LegRequest>(&operation)) return is(ObjectKind::kLeg, put->leg.id);
  if (const auto* put = std::get_if<Stream>(&operation)) return is(ObjectKind::kStream, put->id);
  if (const auto* gone = std::get_if<RemoveConference>(&operation)) return is(ObjectKind::kConference, gone->id);
  if (const auto* gone = std::get_if<RemoveLeg>(&operation)) return is(ObjectKind::kLeg, gone->id);
  if (const auto* gone = std::get_if<RemoveStream>(&operation)) return is(ObjectKind::kStream, gone->id);
  const auto& whole = std::get<ReplaceConference>(operation);
  return is(ObjectKind::kConference, whole.conference.id) ||
         std::any_of(whole.legs.begin(), whole.legs.end(), [&](const auto& one) { return is(ObjectKind::kLeg, one.leg.id); }) ||
         std::any_of(whole.streams.begin(), whole.streams.end(), [&](const auto& one) { return is(ObjectKind::kStream, one.id); });
}

}  // namespace

int operation_naming(const std::vector<Operation>& operations, const ObjectName& object) {
  for (std::size_t i = operations.size(); i-- > 0;)
    if (names(operations[i], object)) return static_cast<int>(i);
  return -1;
}

ApiResult<NextState> apply_operations(const Snapshot& current, const std::vector<Operation>& operations, const StateLimits& limits) {
  Draft draft(*current, limits);
  for (std::size_t i = 0; i < operations.size(); ++i)
    if (auto done = draft.apply(operations[i], static_cast<int>(i)); !done) return tl::unexpected(done.error());
  if (auto good = draft.check_rules(); !good) return tl::unexpected(good.error());
  auto next = std::make_shared<DesiredState>(std::move(draft).take());
  NextState out;
  std::vector<Change> conferences, legs, streams;  // put: what holds others comes before what it holds
  list_changes(ObjectKind::kStream, current->streams, next->streams, out.changes, streams);
  list_changes(ObjectKind::kLeg, current->legs, next->legs, out.changes, legs);
  list_changes(ObjectKind::kConference, current->conferences, next->conferences, out.changes, conferences);
  for (const auto* put : {&conferences, &legs, &streams}) out.changes.insert(out.changes.end(), put->begin(), put->end());
  out.state = out.changes.empty() ? current : Snapshot(std::move(next));
  return out;
}

}  // namespace mediaward::control
