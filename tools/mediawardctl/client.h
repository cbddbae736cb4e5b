// SPDX-License-Identifier: Apache-2.0
// Calls of the control API over the daemon's unix socket. gRPC stays behind this header.
// One thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "mediaward/v1/mediaward.pb.h"

namespace mediaward::tools {

using Outcome = tl::expected<void, v1::ErrorDetail>;

// An error of this program itself, in the form that the daemon's errors have.
[[nodiscard]] v1::ErrorDetail local_error(const std::string& code, const std::string& message, const std::string& object = "");

struct ClientOptions {
  std::string socket;                        // path
  std::chrono::milliseconds timeout{15000};  // of one call
  std::chrono::milliseconds wait{0};         // how long to repeat a call that is answered "unavailable"
};

class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();

  Outcome call(const v1::ApplyTransactionRequest& in, v1::ApplyTransactionResponse& out);
  Outcome call(const v1::GetConferenceRequest& in, v1::ConferenceState& out);
  Outcome call(const v1::ListConferencesRequest& in, v1::ListConferencesResponse& out);
  Outcome call(const v1::GetStatusRequest& in, v1::Status& out);
  Outcome call(const v1::GetConfigRequest& in, v1::Config& out);
  Outcome call(const v1::ListPortsRequest& in, v1::ListPortsResponse& out);
  Outcome call(const v1::ListWorkersRequest& in, v1::ListWorkersResponse& out);
  Outcome call(const v1::GetPipelineRequest& in, v1::Pipeline& out);
  Outcome call(const v1::GetDropsRequest& in, v1::Drops& out);
  Outcome call(const v1::GetCountersRequest& in, v1::Counters& out);
  Outcome call(const v1::GetMemoryRequest& in, v1::Memory& out);
  Outcome call(const v1::GetTopologyRequest& in, v1::Topology& out);
  Outcome call(const v1::GetEngineRequest& in, v1::Engine& out);
  Outcome call(const v1::ListNeighboursRequest& in, v1::ListNeighboursResponse& out);
  Outcome call(const v1::MoveBucketRequest& in, v1::MoveBucketResponse& out);
  Outcome call(const v1::GetSwarmRequest& in, v1::SwarmState& out);
  Outcome call(const v1::ListSwarmsRequest& in, v1::ListSwarmsResponse& out);
  Outcome call(const v1::ListAdmissionsRequest& in, v1::ListAdmissionsResponse& out);
  Outcome call(const v1::ListPeersRequest& in, v1::ListPeersResponse& out);
  Outcome call(const v1::GetPeerRequest& in, v1::PeerState& out);
  Outcome call(const v1::ListEvidenceRequest& in, v1::ListEvidenceResponse& out);
  Outcome call(const v1::AcknowledgeEvidenceRequest& in, v1::AcknowledgeEvidenceResponse& out);
  Outcome call(const v1::ListAuditRequest& in, v1::ListAuditResponse& out);
  Outcome call(const v1::PeerActionRequest& in, v1::PeerActionResponse& out);

  // Until `on_event` returns false or the daemon ends the stream.
  Outcome watch(const v1::WatchRequest& in, const std::function<bool(const v1::Event&)>& on_event);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mediaward::tools
