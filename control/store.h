// SPDX-License-Identifier: Apache-2.0
// Works a transaction into a copy of the desired state. All or nothing comes from the copy: on any error it is thrown away.
// It checks each object and every rule between objects; what only the data plane can know (ports, pools) is left to it.
// No lock, no I/O; the caller (controller.h) serialises transactions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/model.h"
#include "control/validate.h"
#include "control/validate_peer.h"

namespace mediaward::control {

struct StateLimits {
  std::uint32_t conferences = 4096;
  std::uint32_t legs = 4096;
  std::uint32_t legs_per_conference = 512;
  std::uint32_t streams = 65536;
  std::uint32_t streams_per_leg = 64;
  std::uint32_t topology = 65536;
  std::uint32_t swarms = 10000;
  std::uint32_t admissions = 100000;
  std::uint32_t admissions_per_swarm = 100000;
};

// A leg as it is asked for: the keys of a direction may be absent, an existing leg keeps its own.
struct LegRequest {
  Leg leg;
  bool has_receive_key = false, has_send_key = false;
};
struct RemoveConference {
  std::string id;
  bool cascade = false;
};
struct RemoveLeg {
  std::string id;
};
struct RemoveStream {
  std::string id;
};
struct ReplaceConference {
  Conference conference;
  std::vector<LegRequest> legs;
  std::vector<Stream> streams;
  std::vector<TopologyEntry> topology{};
};
// New keys and nothing else. The leg carries the id and the keys; the flags say which direction is meant.
struct RekeyLeg {
  LegRequest request;
};
struct RekeyConference {
  std::string id;
  std::vector<KeySet> group_keys;
};
struct MuteLeg {
  std::string id;
  bool muted = false;
};
// A swarm as it is asked for, with the text that its metadata signature is over.
struct SwarmRequest {
  Swarm swarm;
  std::string metadata_text;
};
struct RemoveSwarm {
  std::string id, author, reason;
};
struct RemoveAdmission {
  std::string swarm_id, id;
};
struct ReplaceSwarm {
  SwarmRequest swarm;
  std::vector<Admission> admissions;
  std::optional<SwarmContent> content;
};
using Operation =
    std::variant<Conference, LegRequest, Stream, RemoveConference, RemoveLeg, RemoveStream, ReplaceConference, TopologyEntry, RekeyLeg,
                 RekeyConference, MuteLeg, SwarmRequest, RemoveSwarm, Admission, RemoveAdmission, SwarmContent, ReplaceSwarm>;

struct Change {
  enum class What : std::uint8_t { kCreated, kChanged, kRemoved } what;
  ObjectName object;
};
// What is allowed and not advisable.
struct Warning {
  std::string object, field, message;
  int operation_index = -1;
};
struct NextState {
  Snapshot state;               // the one given when nothing changed
  std::vector<Change> changes;  // net ones, removals first
  std::vector<Warning> warnings{};
};

// The state after `operations`, at revision + 1 when anything differs.
[[nodiscard]] ApiResult<NextState> apply_operations(const Snapshot& current, const std::vector<Operation>& operations,
                                                    const StateLimits& limits, const SuitePolicy& suites = {},
                                                    const SwarmPolicy& swarms = {});

// The last operation that names the object, -1 when none does.
[[nodiscard]] int operation_naming(const std::vector<Operation>& operations, const ObjectName& object);

}  // namespace mediaward::control
