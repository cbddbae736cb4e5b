// SPDX-License-Identifier: Apache-2.0
// The service of mediaward.v1 over gRPC's synchronous server. The only translation unit of the daemon that includes gRPC.
// gRPC's threads; each watcher holds one, so their number is limited.
#include "control/north_grpc.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <atomic>
#include <chrono>

#include "control/convert.h"
#include "control/convert_peer.h"
#include "control/listen_socket.h"
#include "control/present.h"
#include "control/proto/wipe_keys.h"
#include "mediaward/v1/mediaward.grpc.pb.h"

namespace mediaward::control {

namespace {

constexpr int kMaxRequestBytes = 16 << 20;  // a state of 4096 legs is about 2 MB
constexpr std::chrono::milliseconds kWatchPoll{200};

grpc::StatusCode to_status_code(const ApiError& error) {
  if (error.stale_epoch) return grpc::StatusCode::FAILED_PRECONDITION;
  switch (error.error.code) {
    case ErrorCode::kOk:
      return grpc::StatusCode::OK;
    case ErrorCode::kInvalid:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorCode::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case ErrorCode::kConflict:
      return grpc::StatusCode::ALREADY_EXISTS;
    case ErrorCode::kExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case ErrorCode::kUnsupported:
      return grpc::StatusCode::UNIMPLEMENTED;
    case ErrorCode::kInternal:
      break;
  }
  return grpc::StatusCode::INTERNAL;
}

grpc::Status to_status(const ApiError& error) {
  v1::ErrorDetail detail;
  present_error(error, detail);
  std::string sentence = detail.object();
  for (const std::string& part : {detail.field(), detail.message()})
    if (!part.empty()) sentence += (sentence.empty() ? "" : ": ") + part;
  return {to_status_code(error), sentence, detail.SerializeAsString()};
}

grpc::Status to_status(const ApiResult<void>& result) {
  return result ? grpc::Status::OK : to_status(result.error());
}

class Service final : public v1::Mediaward::Service {
 public:
  using Context = grpc::ServerContext;
  Service(const Settings& settings, Controller& controller, const Log& log) : settings_(settings), controller_(controller), log_(log) {}

  grpc::Status ApplyTransaction(Context*, const v1::ApplyTransactionRequest* request, v1::ApplyTransactionResponse* out) override {
    const auto transaction = to_transaction(*request);
    wipe_keys(*const_cast<v1::ApplyTransactionRequest*>(request));  // gRPC made it for this call and destroys it afterwards
    if (!transaction) {
      const ApiError& error = transaction.error();
      log_.write(LogLevel::kWarning, "transaction",
                 {{"request_id", request->request_id().substr(0, 128)},
                  {"result", to_string(error.error.code)},
                  {"object", error.object},
                  {"field", error.field},
                  {"message", error.error.message}});
      return to_status(error);
    }
    const auto applied = controller_.apply(*transaction);
    if (!applied) return to_status(applied.error());
    present_applied(*applied, *out);
    return grpc::Status::OK;
  }

  grpc::Status Watch(Context* context, const v1::WatchRequest* request, grpc::ServerWriter<v1::Event>* writer) override {
    if (watchers_.fetch_add(1) >= settings_.max_watchers) {
      watchers_.fetch_sub(1);
      return to_status(
          ApiError{{ErrorCode::kExhausted, "api.max_watchers = " + std::to_string(settings_.max_watchers) + " watchers are here already"}});
    }
    EventHub& hub = controller_.events();
    auto position = hub.begin(request->from_sequence(), request->instance_id());
    writer->SendInitialMetadata();  // tells the client that from here on nothing is missed
    Event event;
    auto what = EventHub::Next::kTimeout;
    bool open = true;
    while (open && !context->IsCancelled() && (what = hub.next(position, event, kWatchPoll)) != EventHub::Next::kStopped) {
      if (what == EventHub::Next::kTimeout) continue;
      v1::Event message;
      present_event(event, hub.instance_id(), message);
      open = writer->Write(message);
    }
    watchers_.fetch_sub(1);
    if (what == EventHub::Next::kStopped) return {grpc::StatusCode::UNAVAILABLE, "the daemon is stopping"};
    return grpc::Status::OK;
  }

  grpc::Status GetConference(Context*, const v1::GetConferenceRequest* in, v1::ConferenceState* out) override {
    return to_status(present_conference(controller_, in->id(), *out));
  }
  grpc::Status ListConferences(Context*, const v1::ListConferencesRequest* in, v1::ListConferencesResponse* out) override {
    present_conferences(controller_, *in, *out);
    return grpc::Status::OK;
  }
  grpc::Status GetLeg(Context*, const v1::GetLegRequest* in, v1::LegState* out) override {
    return to_status(present_leg(controller_, in->id(), *out));
  }
  grpc::Status ListLegs(Context*, const v1::ListLegsRequest* in, v1::ListLegsResponse* out) override {
    present_legs(controller_, *in, *out);
    return grpc::Status::OK;
  }
  grpc::Status GetStream(Context*, const v1::GetStreamRequest* in, v1::StreamState* out) override {
    return to_status(present_stream(controller_, in->id(), *out));
  }
  grpc::Status ListStreams(Context*, const v1::ListStreamsRequest* in, v1::ListStreamsResponse* out) override {
    present_streams(controller_, *in, *out);
    return grpc::Status::OK;
  }
  grpc::Status GetStatus(Context*, const v1::GetStatusRequest*, v1::Status* out) override {
    const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_).count();
    present_status(controller_, static_cast<std::uint64_t>(uptime), watchers_.load(), *out);
    return grpc::Status::OK;
  }
  grpc::Status GetConfig(Context*, const v1::GetConfigRequest*, v1::Config* out) override {
    present_config(settings_, *out);
    return grpc::Status::OK;
  }
  grpc::Status ListPorts(Context*, const v1::ListPortsRequest*, v1::ListPortsResponse* out) override {
    return to_status(present_ports(controller_, *out));
  }
  grpc::Status ListWorkers(Context*, const v1::ListWorkersRequest*, v1::ListWorkersResponse* out) override {
    return to_status(present_workers(controller_, *out));
  }
  grpc::Status GetPipeline(Context*, const v1::GetPipelineRequest*, v1::Pipeline* out) override {
    return to_status(present_pipeline(controller_, *out));
  }
  grpc::Status GetDrops(Context*, const v1::GetDropsRequest* in, v1::Drops* out) override {
    return to_status(present_drops(controller_, in->include_zero(), *out));
  }
  grpc::Status GetCounters(Context*, const v1::GetCountersRequest*, v1::Counters* out) override {
    return to_status(present_counters(controller_, *out));
  }
  grpc::Status GetMemory(Context*, const v1::GetMemoryRequest*, v1::Memory* out) override {
    return to_status(present_memory(controller_, *out));
  }
  grpc::Status GetTopology(Context*, const v1::GetTopologyRequest*, v1::Topology* out) override {
    return to_status(present_topology(controller_, *out));
  }
  grpc::Status GetEngine(Context*, const v1::GetEngineRequest*, v1::Engine* out) override {
    return to_status(present_engine(controller_, *out));
  }
  grpc::Status ListNeighbours(Context*, const v1::ListNeighboursRequest*, v1::ListNeighboursResponse* out) override {
    return to_status(present_neighbours(controller_, *out));
  }
  grpc::Status GetSwarm(Context*, const v1::GetSwarmRequest* in, v1::SwarmState* out) override {
    return to_status(present_swarm(controller_, in->id(), *out));
  }
  grpc::Status ListSwarms(Context*, const v1::ListSwarmsRequest* in, v1::ListSwarmsResponse* out) override {
    present_swarms(controller_, *in, *out);
    return grpc::Status::OK;
  }
  grpc::Status ListAdmissions(Context*, const v1::ListAdmissionsRequest* in, v1::ListAdmissionsResponse* out) override {
    present_admissions(controller_, *in, *out);
    return grpc::Status::OK;
  }
  grpc::Status ListPeers(Context*, const v1::ListPeersRequest* in, v1::ListPeersResponse* out) override {
    return to_status(present_peers(controller_, *in, *out));
  }
  grpc::Status GetPeer(Context*, const v1::GetPeerRequest* in, v1::PeerState* out) override {
    return to_status(present_peer(controller_, *in, *out));
  }
  grpc::Status ListEvidence(Context*, const v1::ListEvidenceRequest* in, v1::ListEvidenceResponse* out) override {
    return to_status(present_evidence(controller_, *in, *out));
  }
  grpc::Status AcknowledgeEvidence(Context*, const v1::AcknowledgeEvidenceRequest* in, v1::AcknowledgeEvidenceResponse* out) override {
    return to_status(acknowledge_evidence(controller_, *in, *out));
  }
  grpc::Status ListAudit(Context*, const v1::ListAuditRequest* in, v1::ListAuditResponse* out) override {
    present_audit(controller_, *in, *out);
    return grpc::Status::OK;
  }
  grpc::Status PeerAction(Context*, const v1::PeerActionRequest* in, v1::PeerActionResponse*) override {
    const auto order = convert_peer_action(*in);
    return to_status(order ? controller_.order_peer(*order) : tl::unexpected(order.error()));
  }
  grpc::Status MoveBucket(Context*, const v1::MoveBucketRequest* in, v1::MoveBucketResponse*) override {
    return to_status(controller_.move_bucket(in->bucket(), in->worker()));
  }

 private:
  const Settings& settings_;
  Controller& controller_;
  const Log& log_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::atomic<std::uint32_t> watchers_{0};
};

}  // namespace

class NorthGrpc::Impl {
 public:
  Impl(const Settings& from, Controller& controller, const Log& log) : settings(from), service(settings, controller, log) {}
  const Settings settings;
  Service service;
  std::unique_ptr<grpc::Server> server;
};

NorthGrpc::NorthGrpc(const Settings& settings, Controller& controller, const Log& log)
    : impl_(std::make_unique<Impl>(settings, controller, log)) {}

NorthGrpc::~NorthGrpc() {
  stop();
}

Result<void> NorthGrpc::start() {
  const std::string& path = impl_->settings.listen;
  if (auto good = clear_stale_socket(path); !good) return good;
  grpc::ServerBuilder builder;
  grpc::ResourceQuota quota("mediaward-controld");
  quota.SetMaxThreads(static_cast<int>(impl_->settings.max_threads) + 4);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
  builder.RegisterService(&impl_->service);
  {
    const PrivateUmask only_us;
    impl_->server = builder.BuildAndStart();
  }
  if (impl_->server == nullptr)
    return fail(ErrorCode::kInternal, path + ": cannot listen there; does its directory exist and may this user write to it?");
  return set_socket_owner(path, impl_->settings.mode, impl_->settings.group);
}

void NorthGrpc::stop() {
  if (impl_->server == nullptr) return;
  impl_->server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  impl_->server->Wait();
  impl_->server.reset();
  ::unlink(impl_->settings.listen.c_str());
}

}  // namespace mediaward::control
