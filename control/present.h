// SPDX-License-Identifier: Apache-2.0
// The controller's values and the data plane's answers as messages of mediaward.proto. The messages have no field for a key.
// No gRPC, only protobuf. Any thread.
#pragma once

#include "control/config.h"
#include "control/controller.h"
#include "mediaward/v1/mediaward.pb.h"

namespace mediaward::control {

inline constexpr std::uint32_t kMaxPage = 1000;
[[nodiscard]] constexpr std::uint32_t page_limit(std::uint32_t asked) noexcept {
  return asked == 0 || asked > kMaxPage ? kMaxPage : asked;
}

// Desired state with live SRTP state.
[[nodiscard]] ApiResult<void> present_conference(Controller& controller, const std::string& id, v1::ConferenceState& out);
[[nodiscard]] ApiResult<void> present_leg(Controller& controller, const std::string& id, v1::LegState& out);
[[nodiscard]] ApiResult<void> present_stream(Controller& controller, const std::string& id, v1::StreamState& out);
void present_conferences(Controller& controller, const v1::ListConferencesRequest& request, v1::ListConferencesResponse& out);
void present_legs(Controller& controller, const v1::ListLegsRequest& request, v1::ListLegsResponse& out);
void present_streams(Controller& controller, const v1::ListStreamsRequest& request, v1::ListStreamsResponse& out);

// Swarms and their peers, with what the data plane counts.
[[nodiscard]] ApiResult<void> present_swarm(Controller& controller, const std::string& id, v1::SwarmState& out);
void present_swarms(Controller& controller, const v1::ListSwarmsRequest& request, v1::ListSwarmsResponse& out);
void present_admissions(Controller& controller, const v1::ListAdmissionsRequest& request, v1::ListAdmissionsResponse& out);
[[nodiscard]] ApiResult<void> present_peers(Controller& controller, const v1::ListPeersRequest& request, v1::ListPeersResponse& out);
[[nodiscard]] ApiResult<void> present_peer(Controller& controller, const v1::GetPeerRequest& request, v1::PeerState& out);
[[nodiscard]] ApiResult<void> present_evidence(Controller& controller, const v1::ListEvidenceRequest& request,
                                               v1::ListEvidenceResponse& out);
[[nodiscard]] ApiResult<void> acknowledge_evidence(Controller& controller, const v1::AcknowledgeEvidenceRequest& request,
                                                   v1::AcknowledgeEvidenceResponse& out);
void present_audit(Controller& controller, const v1::ListAuditRequest& request, v1::ListAuditResponse& out);

// The daemon.
void present_status(Controller& controller, std::uint64_t uptime_seconds, std::uint32_t watchers, v1::Status& out);
void present_config(const Settings& settings, v1::Config& out);
void present_applied(const Applied& applied, v1::ApplyTransactionResponse& out);
void present_event(const Event& event, const std::string& instance_id, v1::Event& out);
void present_error(const ApiError& error, v1::ErrorDetail& out);

// The data plane.
[[nodiscard]] ApiResult<void> present_ports(Controller& controller, v1::ListPortsResponse& out);
[[nodiscard]] ApiResult<void> present_workers(Controller& controller, v1::ListWorkersResponse& out);
[[nodiscard]] ApiResult<void> present_pipeline(Controller& controller, v1::Pipeline& out);
[[nodiscard]] ApiResult<void> present_memory(Controller& controller, v1::Memory& out);
[[nodiscard]] ApiResult<void> present_topology(Controller& controller, v1::Topology& out);
[[nodiscard]] ApiResult<void> present_engine(Controller& controller, v1::Engine& out);
[[nodiscard]] ApiResult<void> present_neighbours(Controller& controller, v1::ListNeighboursResponse& out);
[[nodiscard]] ApiResult<void> present_drops(Controller& controller, bool include_zero, v1::Drops& out);
[[nodiscard]] ApiResult<void> present_counters(Controller& controller, v1::Counters& out);

}  // namespace mediaward::control
