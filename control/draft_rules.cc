// SPDX-License-Identifier: Apache-2.0
// Rules between objects, checked once all operations of a transaction were worked in: limits, local endpoints, SSRCs.
// No lock, no I/O; any one thread.
#include <algorithm>
#include <tuple>

#include "control/draft.h"

namespace mediaward::control {

int Draft::operation_of(ObjectKind kind, const std::string& id) const {
  const auto found = touched_.find(ObjectName{kind, id}.text());
  return found != touched_.end() ? found->second : -1;
}

ApiError Draft::conflict(ObjectKind kind, const std::string& a, const std::string& b, std::string field, std::string message) {
  const bool blame_a = operation_of(kind, a) > operation_of(kind, b);
  ApiError out = object_error(ErrorCode::kConflict, {kind, blame_a ? a : b}, std::move(field),
                              message + " " + ObjectName{kind, blame_a ? b : a}.text());
  out.operation_index = operation_of(kind, blame_a ? a : b);
  return out;
}

ApiResult<void> Draft::check_limits() {
  const auto over = [](std::size_t count, std::uint32_t limit, const char* name) -> ApiResult<void> {
    if (count <= limit) return {};
    ApiError error;
    error.error = {ErrorCode::kExhausted, std::to_string(count) + " are more than limits." + name + " = " + std::to_string(limit) +
                                              " of the daemon's configuration"};
    error.field = name;
    return tl::unexpected(std::move(error));
  };
  if (auto good = over(next_.conferences.size(), limits_.conferences, "conferences"); !good) return good;
  if (auto good = over(next_.legs.size(), limits_.legs, "legs"); !good) return good;
  if (auto good = over(next_.streams.size(), limits_.streams, "streams"); !good) return good;
  if (auto good = over(next_.topology.size(), limits_.topology, "topology"); !good) return good;
  if (auto good = over(next_.swarms.size(), limits_.swarms, "swarms"); !good) return good;
  if (auto good = over(next_.admissions.size(), limits_.admissions, "admissions"); !good) return good;
  for (const auto& id : swarms_)
    if (auto good = over(next_.admission_count(id), limits_.admissions_per_swarm, "admissions_per_swarm"); !good) return good;
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
    Endpoint local = leg->local;
    for (int ports = leg->rtcp_mux ? 1 : 2; ports > 0; --ports, ++local.udp_port) {  // RTCP of its own has the next port
      const auto [at, fresh] = used.try_emplace({leg->port, local}, leg.get());
      if (!fresh)
        return tl::unexpected(conflict(
            ObjectKind::kLeg, at->second->id, id, "leg.local",
            local.address_text() + " port " + std::to_string(local.udp_port) + " on " + leg->port + " is already a local endpoint of"));
    }
  }
  return {};
}

ApiResult<void> Draft::check_streams(const std::string& conference_id) {
  std::map<std::uint32_t, const Stream*> used;
  for (auto [leg_at, legs_end] = next_.legs_of.equal_range(conference_id); leg_at != legs_end; ++leg_at) {
    const Leg& leg = *next_.legs.at(leg_at->second);
    for (auto [at, end] = next_.streams_of.equal_range(leg.id); at != end; ++at) {
      const Stream& stream = *next_.streams.at(at->second);
      if (stream.ssrc == 0 && leg.ssrc_policy != abi::SsrcPolicy::kFirstAuthenticated) {
        ApiError error =
            object_error(ErrorCode::kInvalid, {ObjectKind::kStream, stream.id}, "stream.ssrc",
                         "0 is a place for an SSRC that is learned; leg.ssrc_policy of " + leg.id + " must be FIRST_AUTHENTICATED");
        error.operation_index = std::max(operation_of(ObjectKind::kStream, stream.id), operation_of(ObjectKind::kLeg, leg.id));
        return tl::unexpected(std::move(error));
      }
      const auto [place, fresh] = used.try_emplace(stream.ssrc, &stream);
      if (!fresh && stream.ssrc != 0)
        return tl::unexpected(conflict(ObjectKind::kStream, place->second->id, stream.id, "stream.ssrc",
                                       "SSRC " + std::to_string(stream.ssrc) + " is used in conference `" + conference_id + "` by"));
    }
  }
  return {};
}

ApiResult<void> Draft::check_rules() {
  if (auto good = check_limits(); !good) return good;
  if (auto good = check_local_endpoints(); !good) return good;
  for (const auto& id : conferences_)
    if (auto good = check_streams(id); !good) return good;
  return check_peer_rules();
}

}  // namespace mediaward::control
