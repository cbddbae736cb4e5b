// SPDX-License-Identifier: Apache-2.0
// Rules between swarms, admissions and content, checked once all operations of a transaction were worked in: one swarm per key, one
// admission per place, content for what is served from it.
// No lock, no I/O; any one thread.
#include "control/draft.h"

#include <algorithm>

namespace mediaward::control {

ApiResult<void> Draft::claim_swarm_keys() {
  for (const auto& id : unplaced_swarms_) {
    const auto swarm = next_.swarms.find(id);
    if (swarm == nullptr) continue;
    const auto holder = next_.swarms_by_key.find(swarm->key);
    if (holder != nullptr && holder->id != id)
      return tl::unexpected(conflict(ObjectKind::kSwarm, holder->id, id, "swarm.key",
                                     "a peer names the swarm by its key alone, and this one is already that of"));
    next_.swarms_by_key.put(swarm);
  }
  return {};
}

ApiResult<void> Draft::claim_admission_places() {
  for (const auto& key : unplaced_admissions_) {
    const auto admission = next_.admissions.find(key);
    if (admission == nullptr) continue;
    const auto holder = next_.admission_places.find(admission->place);
    if (holder != nullptr && holder->key != key) {
      const std::string port = admission->udp_port == 0 ? "any UDP port" : "UDP port " + std::to_string(admission->udp_port);
      return tl::unexpected(conflict(ObjectKind::kAdmission, holder->key, key, "admission.peers",
                                     admission->peers.text() + ", " + port + ", on " + admission->port + " is already admitted by"));
    }
    next_.admission_places.put(admission);
  }
  return {};
}

ApiResult<void> Draft::check_swarm(const std::string& id) {
  const auto swarm = next_.swarms.find(id);
  if (swarm == nullptr) return {};
  const auto refuse = [&](const char* field, std::string message, int index) -> ApiResult<void> {
    ApiError error = object_error(ErrorCode::kInvalid, {ObjectKind::kSwarm, id}, field, std::move(message));
    error.operation_index = std::max(operation_of(ObjectKind::kSwarm, id), index);
    return tl::unexpected(std::move(error));
  };
  if (swarm->guard_only && next_.admission_count(id) != 0) {
    int last = -1;
    next_.for_each_admission(
        id, [&](const Admission& one) { return last = std::max(last, operation_of(ObjectKind::kAdmission, one.key)), true; });
    return refuse("swarm.guard_only", "the appliance is no peer of this swarm: nobody can be admitted to it", last);
  }
  if (swarm->source != abi::SwarmSource::kPreloaded) return {};
  const auto content = next_.contents.find(id);
  if (content != nullptr && content->kind == abi::ContentKind::kContent) return {};
  return refuse("swarm.preloaded", "needs the content itself: put_content with kind CONTENT in the same transaction",
                operation_of(ObjectKind::kContent, id));
}

ApiResult<void> Draft::check_peer_rules() {
  if (auto good = claim_swarm_keys(); !good) return good;
  if (auto good = claim_admission_places(); !good) return good;
  for (const auto& id : swarms_)
    if (auto good = check_swarm(id); !good) return good;
  return {};
}

}  // namespace mediaward::control
