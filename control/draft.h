// SPDX-License-Identifier: Apache-2.0
// The copy of the desired state that a transaction is worked into, operation by operation (draft.cc, draft_peer.cc), and the rules between
// objects that must hold at its end (draft_rules.cc, draft_peer_rules.cc). Only store.cc uses it.
// No lock, no I/O; any one thread.
#pragma once

#include <map>
#include <set>
#include <string>

#include "control/store.h"

namespace mediaward::control {

class Draft {
 public:
  Draft(const DesiredState& current, const StateLimits& limits, const SuitePolicy& suites, const SwarmPolicy& swarm_policy)
      : next_(current), limits_(limits), suites_(suites), swarm_policy_(swarm_policy) {
    next_.revision = current.revision + 1;
  }

  ApiResult<void> apply(const Operation& operation, int index);
  ApiResult<void> check_rules();
  DesiredState take() && { return std::move(next_); }
  std::vector<Warning> take_warnings() && { return std::move(warnings_); }

 private:
  ApiResult<void> run(const Conference& conference);
  ApiResult<void> run(const LegRequest& request);
  ApiResult<void> run(const Stream& stream);
  ApiResult<void> run(const RemoveConference& request);
  ApiResult<void> run(const RemoveLeg& request);
  ApiResult<void> run(const RemoveStream& request);
  ApiResult<void> run(const ReplaceConference& request);
  ApiResult<void> run(const TopologyEntry& entry);
  ApiResult<void> run(const RekeyLeg& request);
  ApiResult<void> run(const RekeyConference& request);
  ApiResult<void> run(const MuteLeg& request);
  ApiResult<void> check_members(const ReplaceConference& request);
  void drop_what_is_not_in(const ReplaceConference& request);

  ApiResult<void> run(const SwarmRequest& request);
  ApiResult<void> run(const RemoveSwarm& request);
  ApiResult<void> run(const Admission& request);
  ApiResult<void> run(const RemoveAdmission& request);
  ApiResult<void> run(const SwarmContent& request);
  ApiResult<void> run(const ReplaceSwarm& request);
  void put_swarm(std::shared_ptr<const Swarm> fresh);
  void put_admission(std::shared_ptr<const Admission> fresh);
  void erase_swarm(const std::string& id);
  void erase_admission(const std::string& key);

  ApiResult<void> claim_name(ObjectKind kind, const std::string& id, std::uint64_t handle);
  void put_leg(const Leg* old, std::shared_ptr<const Leg> fresh);
  void erase_leg(const std::string& id);
  void erase_stream(const std::string& id);
  void erase_topology(const std::string& id);
  void erase_topology_of(const std::string& leg);
  void touch(ObjectKind kind, const std::string& id) { touched_[ObjectName{kind, id}.text()] = index_; }

  ApiResult<void> check_peer_rules();
  ApiResult<void> check_swarm(const std::string& id);
  ApiResult<void> claim_swarm_keys();
  ApiResult<void> claim_admission_places();
  ApiResult<void> check_limits();
  ApiResult<void> check_local_endpoints();
  ApiResult<void> check_streams(const std::string& conference_id);
  [[nodiscard]] int operation_of(ObjectKind kind, const std::string& id) const;
  // An error between two objects is told at the one that this transaction touched last.
  ApiError conflict(ObjectKind kind, const std::string& a, const std::string& b, std::string field, std::string message);

  DesiredState next_;
  const StateLimits& limits_;
  const SuitePolicy& suites_;
  const SwarmPolicy& swarm_policy_;
  int index_ = -1;
  std::map<std::string, int> touched_;  // object → operation
  std::set<std::string> conferences_;   // whose legs and streams must be looked at again
  std::set<std::string> swarms_;        // whose admissions and content must be looked at again
  // Ids and keys of what found its swarm key or its place taken: whether it is free at the end counts.
  std::vector<std::string> unplaced_swarms_, unplaced_admissions_;
  std::vector<Warning> warnings_;
};

}  // namespace mediaward::control
