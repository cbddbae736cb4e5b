// SPDX-License-Identifier: Apache-2.0
// Transactions on desired state: works the operations into a draft (draft.h) and lists the net changes.
// No lock, no I/O; any one thread.
#include "control/store.h"

#include <algorithm>

#include "control/draft.h"

namespace mediaward::control {

namespace {

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

template <typename T, auto kKey>
void list_changes(ObjectKind kind, const SharedMap<T, kKey>& before, const SharedMap<T, kKey>& after, std::vector<Change>& removed,
                  std::vector<Change>& put) {
  SharedMap<T, kKey>::for_each_difference(before, after, [&](const auto& old, const auto& now) {
    if (now == nullptr)
      removed.push_back({Change::What::kRemoved, {kind, (*old).*kKey}});
    else if (old == nullptr)
      put.push_back({Change::What::kCreated, {kind, (*now).*kKey}});
    else if (!same_content(*old, *now))
      put.push_back({Change::What::kChanged, {kind, (*now).*kKey}});
  });
}

// Which objects an operation names.
class Names {
 public:
  explicit Names(const ObjectName& object) : object_(object) {}
  bool operator()(const Conference& put) const { return is(ObjectKind::kConference, put.id); }
  bool operator()(const LegRequest& put) const { return is(ObjectKind::kLeg, put.leg.id); }
  bool operator()(const Stream& put) const { return is(ObjectKind::kStream, put.id); }
  bool operator()(const TopologyEntry& put) const { return is(ObjectKind::kTopology, topology_id(put.leg_a, put.leg_b)); }
  bool operator()(const RemoveConference& gone) const { return is(ObjectKind::kConference, gone.id); }
  bool operator()(const RemoveLeg& gone) const { return is(ObjectKind::kLeg, gone.id); }
  bool operator()(const RemoveStream& gone) const { return is(ObjectKind::kStream, gone.id); }
  bool operator()(const RekeyLeg& change) const { return is(ObjectKind::kLeg, change.request.leg.id); }
  bool operator()(const RekeyConference& change) const { return is(ObjectKind::kConference, change.id); }
  bool operator()(const MuteLeg& change) const { return is(ObjectKind::kLeg, change.id); }
  bool operator()(const ReplaceConference& whole) const {
    return (*this)(whole.conference) || std::any_of(whole.legs.begin(), whole.legs.end(), *this) ||
           std::any_of(whole.streams.begin(), whole.streams.end(), *this) ||
           std::any_of(whole.topology.begin(), whole.topology.end(), *this);
  }
  bool operator()(const SwarmRequest& put) const { return is(ObjectKind::kSwarm, put.swarm.id); }
  bool operator()(const RemoveSwarm& gone) const { return is(ObjectKind::kSwarm, gone.id); }
  bool operator()(const Admission& put) const { return is(ObjectKind::kAdmission, put.key); }
  bool operator()(const RemoveAdmission& gone) const { return is(ObjectKind::kAdmission, admission_key(gone.swarm_id, gone.id)); }
  bool operator()(const SwarmContent& put) const { return is(ObjectKind::kContent, put.swarm_id); }
  bool operator()(const ReplaceSwarm& whole) const {
    return (*this)(whole.swarm) || std::any_of(whole.admissions.begin(), whole.admissions.end(), *this) ||
           (whole.content && (*this)(*whole.content));
  }

 private:
  [[nodiscard]] bool is(ObjectKind kind, const std::string& id) const { return object_.kind == kind && object_.id == id; }
  const ObjectName& object_;
};

}  // namespace

int operation_naming(const std::vector<Operation>& operations, const ObjectName& object) {
  for (std::size_t i = operations.size(); i-- > 0;)
    if (std::visit(Names(object), operations[i])) return static_cast<int>(i);
  return -1;
}

ApiResult<NextState> apply_operations(const Snapshot& current, const std::vector<Operation>& operations, const StateLimits& limits,
                                      const SuitePolicy& suites, const SwarmPolicy& swarm_policy) {
  Draft draft(*current, limits, suites, swarm_policy);
  for (std::size_t i = 0; i < operations.size(); ++i)
    if (auto done = draft.apply(operations[i], static_cast<int>(i)); !done) return tl::unexpected(done.error());
  if (auto good = draft.check_rules(); !good) return tl::unexpected(good.error());
  NextState out;
  out.warnings = std::move(draft).take_warnings();
  auto next = std::make_shared<DesiredState>(std::move(draft).take());
  std::vector<Change> conferences, legs, streams, topology, swarms, admissions, contents;  // put: what holds others before what it holds
  list_changes(ObjectKind::kTopology, current->topology, next->topology, out.changes, topology);
  list_changes(ObjectKind::kStream, current->streams, next->streams, out.changes, streams);
  list_changes(ObjectKind::kLeg, current->legs, next->legs, out.changes, legs);
  list_changes(ObjectKind::kConference, current->conferences, next->conferences, out.changes, conferences);
  list_changes(ObjectKind::kContent, current->contents, next->contents, out.changes, contents);
  list_changes(ObjectKind::kAdmission, current->admissions, next->admissions, out.changes, admissions);
  list_changes(ObjectKind::kSwarm, current->swarms, next->swarms, out.changes, swarms);
  for (const auto* put : {&conferences, &legs, &streams, &topology, &swarms, &admissions, &contents})
    out.changes.insert(out.changes.end(), put->begin(), put->end());
  out.state = out.changes.empty() ? current : Snapshot(std::move(next));
  return out;
}

}  // namespace mediaward::control
