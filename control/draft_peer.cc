// SPDX-License-Identifier: Apache-2.0
// The operations on swarms, admissions and content, worked into the draft. Rules between them wait for the end (draft_peer_rules.cc).
// No lock, no I/O; any one thread.
#include "control/draft.h"
#include "control/event_hub.h"

namespace mediaward::control {

namespace {

constexpr std::uint32_t kAdvisedChunkBytes = 512;  // RFC 7574 §7.11

tl::unexpected<ApiError> refuse(ErrorCode code, ObjectKind kind, const std::string& id, std::string field, std::string message) {
  return tl::unexpected(object_error(code, {kind, id}, std::move(field), std::move(message)));
}

tl::unexpected<ApiError> no_swarm(ObjectKind kind, const std::string& id, const char* field, const std::string& swarm) {
  return refuse(ErrorCode::kNotFound, kind, id, field, "there is no swarm `" + swarm + "`; put it first");
}

// The field that may not change in the life of a swarm, nullptr when none did.
const char* changed_identity(const Swarm& old, const Swarm& now) {
  if (old.kind != now.kind) return "swarm.kind";
  if (old.hash != now.hash) return "swarm.hash";
  if (old.key != now.key) return "swarm.key";
  if (old.addressing != now.addressing) return "swarm.addressing";
  if (old.chunk_bytes != now.chunk_bytes) return "swarm.chunk_bytes";
  if (old.content_bytes != now.content_bytes) return "swarm.content_bytes";
  return old.munro_level != now.munro_level ? "swarm.live.munro_level" : nullptr;
}

}  // namespace

ApiResult<void> Draft::run(const SwarmRequest& request) {
  auto fresh = std::make_shared<Swarm>(request.swarm);
  if (auto good = validate(*fresh, request.metadata_text, swarm_policy_, now_unix_ns()); !good) return good;
  const auto old = next_.swarms.find(fresh->id);
  if (const char* field = old != nullptr ? changed_identity(*old, *fresh) : nullptr; field != nullptr)
    return refuse(ErrorCode::kInvalid, ObjectKind::kSwarm, fresh->id, field,
                  "is fixed for the life of a swarm; remove the swarm first, in the same transaction at will");
  fresh->handle = object_handle(ObjectKind::kSwarm, fresh->id);
  fresh->version = next_.revision;
  if (const auto other = next_.swarms_by_handle.find(fresh->handle); other != nullptr && other->id != fresh->id)
    return refuse(ErrorCode::kConflict, ObjectKind::kSwarm, fresh->id, "swarm.id",
                  "has the same 64-bit handle as swarm " + other->id + "; choose another id");
  touch(ObjectKind::kSwarm, fresh->id);
  if (fresh->chunk_bytes < kAdvisedChunkBytes)
    warnings_.push_back({ObjectName{ObjectKind::kSwarm, fresh->id}.text(), "swarm.chunk_bytes",
                         std::to_string(fresh->chunk_bytes) + " is below 512: hashes and headers outweigh the content (RFC 7574 §7.11)",
                         index_});
  if (old == nullptr || !same_content(*old, *fresh)) put_swarm(std::move(fresh));
  return {};
}

void Draft::put_swarm(std::shared_ptr<const Swarm> fresh) {
  swarms_.insert(fresh->id);
  next_.swarms.put(fresh);
  next_.swarms_by_handle.put(fresh);
  const auto holder = next_.swarms_by_key.find(fresh->key);
  if (holder == nullptr || holder->id == fresh->id)
    next_.swarms_by_key.put(std::move(fresh));
  else
    unplaced_swarms_.push_back(fresh->id);
}

ApiResult<void> Draft::run(const Admission& request) {
  auto fresh = std::make_shared<Admission>(request);
  if (!next_.swarms.contains(fresh->swarm_id)) return no_swarm(ObjectKind::kAdmission, fresh->key, "admission.swarm_id", fresh->swarm_id);
  if (auto good = validate(*fresh, now_unix_ns()); !good) return good;
  fresh->handle = object_handle(ObjectKind::kAdmission, fresh->key);
  fresh->version = next_.revision;
  fresh->place = admission_place(*fresh);
  if (const auto other = next_.admissions_by_handle.find(fresh->handle); other != nullptr && other->key != fresh->key)
    return refuse(ErrorCode::kConflict, ObjectKind::kAdmission, fresh->key, "admission.id",
                  "has the same 64-bit handle as admission " + other->key + "; choose another id");
  touch(ObjectKind::kAdmission, fresh->key);
  const auto old = next_.admissions.find(fresh->key);
  if (old == nullptr || !same_content(*old, *fresh)) put_admission(std::move(fresh));
  return {};
}

void Draft::put_admission(std::shared_ptr<const Admission> fresh) {
  swarms_.insert(fresh->swarm_id);
  if (const auto old = next_.admissions.find(fresh->key); old != nullptr && old->place != fresh->place) erase_admission(fresh->key);
  next_.admissions.put(fresh);
  next_.admissions_by_handle.put(fresh);
  const auto holder = next_.admission_places.find(fresh->place);
  if (holder == nullptr || holder->key == fresh->key)
    next_.admission_places.put(std::move(fresh));
  else
    unplaced_admissions_.push_back(fresh->key);
}

ApiResult<void> Draft::run(const SwarmContent& request) {
  const auto swarm = next_.swarms.find(request.swarm_id);
  if (swarm == nullptr) return no_swarm(ObjectKind::kContent, request.swarm_id, "content.swarm_id", request.swarm_id);
  if (auto good = validate(request, *swarm); !good) return good;
  touch(ObjectKind::kContent, request.swarm_id);
  swarms_.insert(request.swarm_id);
  if (const auto old = next_.contents.find(request.swarm_id); old != nullptr && same_content(*old, request)) return {};
  auto fresh = std::make_shared<SwarmContent>(request);
  fresh->version = next_.revision;
  next_.contents.put(std::move(fresh));
  return {};
}

void Draft::erase_admission(const std::string& key) {
  const auto gone = next_.admissions.find(key);
  if (const auto holder = next_.admission_places.find(gone->place); holder != nullptr && holder->key == key)
    next_.admission_places.erase(gone->place);
  next_.admissions_by_handle.erase(gone->handle);
  next_.admissions.erase(key);
}

void Draft::erase_swarm(const std::string& id) {
  std::vector<std::string> admissions;
  next_.for_each_admission(id, [&](const Admission& one) { return admissions.push_back(one.key), true; });
  for (const auto& key : admissions) erase_admission(key);
  const auto gone = next_.swarms.find(id);
  if (const auto holder = next_.swarms_by_key.find(gone->key); holder != nullptr && holder->id == id) next_.swarms_by_key.erase(gone->key);
  next_.contents.erase(id);
  next_.swarms_by_handle.erase(gone->handle);
  next_.swarms.erase(id);
}

ApiResult<void> Draft::run(const RemoveSwarm& request) {
  if (!next_.swarms.contains(request.id))
    return refuse(ErrorCode::kNotFound, ObjectKind::kSwarm, request.id, "remove_swarm.id", "there is no such swarm");
  if (!is_good_text(request.author, 1, 128))
    return refuse(ErrorCode::kInvalid, ObjectKind::kSwarm, request.id, "remove_swarm.author",
                  "must say who takes the swarm down: 1 to 128 characters, no control characters");
  if (!is_good_text(request.reason, 1, 1024))
    return refuse(ErrorCode::kInvalid, ObjectKind::kSwarm, request.id, "remove_swarm.reason",
                  "must say why the swarm is taken down: 1 to 1024 characters, no control characters");
  erase_swarm(request.id);
  return {};
}

ApiResult<void> Draft::run(const RemoveAdmission& request) {
  const std::string key = admission_key(request.swarm_id, request.id);
  if (!next_.admissions.contains(key))
    return refuse(ErrorCode::kNotFound, ObjectKind::kAdmission, key, "remove_admission", "there is no such admission");
  erase_admission(key);
  return {};
}

ApiResult<void> Draft::run(const ReplaceSwarm& request) {
  const std::string& id = request.swarm.swarm.id;
  std::set<std::string> named;
  for (const auto& one : request.admissions) {
    if (one.swarm_id != id)
      return refuse(ErrorCode::kInvalid, ObjectKind::kAdmission, one.key, "admission.swarm_id",
                    "must be `" + id + "` or empty in this replace_swarm");
    if (!named.insert(one.key).second)
      return refuse(ErrorCode::kInvalid, ObjectKind::kAdmission, one.key, "admission.id", "is named twice in this replace_swarm");
  }
  if (request.content && request.content->swarm_id != id)
    return refuse(ErrorCode::kInvalid, ObjectKind::kContent, request.content->swarm_id, "content.swarm_id",
                  "must be `" + id + "` or empty in this replace_swarm");
  if (auto good = run(request.swarm); !good) return good;
  std::vector<std::string> gone;
  next_.for_each_admission(id, [&](const Admission& one) { return named.contains(one.key) || (gone.push_back(one.key), true); });
  for (const auto& key : gone) erase_admission(key);
  for (const auto& one : request.admissions)
    if (auto good = run(one); !good) return good;
  swarms_.insert(id);
  if (request.content) return run(*request.content);
  next_.contents.erase(id);
  return {};
}

}  // namespace mediaward::control
