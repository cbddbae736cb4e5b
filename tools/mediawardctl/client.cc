// SPDX-License-Identifier: Apache-2.0
// The only translation unit of the tool that includes gRPC. One thread.
#include "tools/mediawardctl/client.h"

#include <grpcpp/grpcpp.h>

#include <thread>

#include "mediaward/v1/mediaward.grpc.pb.h"

namespace mediaward::tools {

namespace {

const char* code_name(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "invalid";
    case grpc::StatusCode::NOT_FOUND:
      return "not-found";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "conflict";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "exhausted";
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "unavailable";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "unsupported";
    default:
      return "internal";
  }
}

}  // namespace

v1::ErrorDetail local_error(const std::string& code, const std::string& message, const std::string& object) {
  v1::ErrorDetail detail;
  detail.set_code(code);
  detail.set_message(message);
  detail.set_object(object);
  detail.set_operation_index(-1);
  return detail;
}

class Client::Impl {
 public:
  explicit Impl(ClientOptions from) : options(std::move(from)) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
    arguments.SetMaxReceiveMessageSize(-1);  // of our own daemon
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub = v1::Mediaward::NewStub(grpc::CreateCustomChannel("unix:" + options.socket, grpc::InsecureChannelCredentials(), arguments));
  }

  v1::ErrorDetail to_error(const grpc::Status& status) const {
    v1::ErrorDetail detail;
    if (!status.error_details().empty() && detail.ParseFromString(status.error_details()) && !detail.message().empty()) return detail;
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE)
      return local_error("unavailable", "mediaward-controld does not answer at " + options.socket + " (" + status.error_message() + ")");
    return local_error(code_name(status.error_code()), status.error_message());
  }

  template <typename In, typename Out>
  Outcome call(grpc::Status (v1::Mediaward::Stub::*method)(grpc::ClientContext*, const In&, Out*), const In& in, Out& out) {
    const auto give_up = std::chrono::steady_clock::now() + options.wait;
    for (;;) {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + options.timeout);
      const grpc::Status status = (stub.get()->*method)(&context, in, &out);
      if (status.ok()) return {};
      if (status.error_code() != grpc::StatusCode::UNAVAILABLE || std::chrono::steady_clock::now() >= give_up)
        return tl::unexpected(to_error(status));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  const ClientOptions options;
  std::unique_ptr<v1::Mediaward::Stub> stub;
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

using Stub = v1::Mediaward::Stub;
Outcome Client::call(const v1::ApplyTransactionRequest& in, v1::ApplyTransactionResponse& out) {
  return impl_->call(&Stub::ApplyTransaction, in, out);
}
Outcome Client::call(const v1::GetConferenceRequest& in, v1::ConferenceState& out) {
  return impl_->call(&Stub::GetConference, in, out);
}
Outcome Client::call(const v1::ListConferencesRequest& in, v1::ListConferencesResponse& out) {
  return impl_->call(&Stub::ListConferences, in, out);
}
Outcome Client::call(const v1::GetStatusRequest& in, v1::Status& out) {
  return impl_->call(&Stub::GetStatus, in, out);
}
Outcome Client::call(const v1::GetConfigRequest& in, v1::Config& out) {
  return impl_->call(&Stub::GetConfig, in, out);
}
Outcome Client::call(const v1::ListPortsRequest& in, v1::ListPortsResponse& out) {
  return impl_->call(&Stub::ListPorts, in, out);
}
Outcome Client::call(const v1::ListWorkersRequest& in, v1::ListWorkersResponse& out) {
  return impl_->call(&Stub::ListWorkers, in, out);
}
Outcome Client::call(const v1::GetPipelineRequest& in, v1::Pipeline& out) {
  return impl_->call(&Stub::GetPipeline, in, out);
}
Outcome Client::call(const v1::GetDropsRequest& in, v1::Drops& out) {
  return impl_->call(&Stub::GetDrops, in, out);
}
Outcome Client::call(const v1::GetCountersRequest& in, v1::Counters& out) {
  return impl_->call(&Stub::GetCounters, in, out);
}
Outcome Client::call(const v1::GetMemoryRequest& in, v1::Memory& out) {
  return impl_->call(&Stub::GetMemory, in, out);
}
Outcome Client::call(const v1::GetTopologyRequest& in, v1::Topology& out) {
  return impl_->call(&Stub::GetTopology, in, out);
}
Outcome Client::call(const v1::GetEngineRequest& in, v1::Engine& out) {
  return impl_->call(&Stub::GetEngine, in, out);
}
Outcome Client::call(const v1::ListNeighboursRequest& in, v1::ListNeighboursResponse& out) {
  return impl_->call(&Stub::ListNeighbours, in, out);
}
Outcome Client::call(const v1::MoveBucketRequest& in, v1::MoveBucketResponse& out) {
  return impl_->call(&Stub::MoveBucket, in, out);
}
Outcome Client::call(const v1::GetSwarmRequest& in, v1::SwarmState& out) {
  return impl_->call(&Stub::GetSwarm, in, out);
}
Outcome Client::call(const v1::ListSwarmsRequest& in, v1::ListSwarmsResponse& out) {
  return impl_->call(&Stub::ListSwarms, in, out);
}
Outcome Client::call(const v1::ListAdmissionsRequest& in, v1::ListAdmissionsResponse& out) {
  return impl_->call(&Stub::ListAdmissions, in, out);
}
Outcome Client::call(const v1::ListPeersRequest& in, v1::ListPeersResponse& out) {
  return impl_->call(&Stub::ListPeers, in, out);
}
Outcome Client::call(const v1::GetPeerRequest& in, v1::PeerState& out) {
  return impl_->call(&Stub::GetPeer, in, out);
}
Outcome Client::call(const v1::ListEvidenceRequest& in, v1::ListEvidenceResponse& out) {
  return impl_->call(&Stub::ListEvidence, in, out);
}
Outcome Client::call(const v1::AcknowledgeEvidenceRequest& in, v1::AcknowledgeEvidenceResponse& out) {
  return impl_->call(&Stub::AcknowledgeEvidence, in, out);
}
Outcome Client::call(const v1::ListAuditRequest& in, v1::ListAuditResponse& out) {
  return impl_->call(&Stub::ListAudit, in, out);
}
Outcome Client::call(const v1::PeerActionRequest& in, v1::PeerActionResponse& out) {
  return impl_->call(&Stub::PeerAction, in, out);
}

Outcome Client::watch(const v1::WatchRequest& in, const std::function<bool(const v1::Event&)>& on_event) {
  grpc::ClientContext context;
  const auto reader = impl_->stub->Watch(&context, in);
  v1::Event event;
  bool wanted = true;
  while (wanted && reader->Read(&event)) wanted = on_event(event);
  if (!wanted) context.TryCancel();
  const grpc::Status status = reader->Finish();
  if (status.ok() || !wanted) return {};
  return tl::unexpected(impl_->to_error(status));
}

}  // namespace mediaward::tools
