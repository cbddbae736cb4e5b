// SPDX-License-Identifier: Apache-2.0
// Desired state and its way into the data plane: serialises transactions, remembers answered request ids, fences old leaders, rolls
// back what the data plane refuses, and resynchronises after either side was away. Everything the API shows is read from here.
// It knows no gRPC and no protobuf. apply: any API thread, one at a time; readers: any thread; the data-plane loop calls back.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/audit.h"
#include "control/dataplane_client.h"
#include "control/digest.h"
#include "control/event_hub.h"
#include "control/evidence_store.h"
#include "control/log.h"
#include "control/store.h"

namespace mediaward::control {

struct Transaction {
  std::string request_id;
  Sha256Digest content{};  // of everything but request_id and epoch
  std::vector<Operation> operations;
  bool dry_run = false, state_complete = false;
  std::uint64_t leadership_epoch = 0;
};

struct Applied {
  std::uint64_t revision = 0;
  bool replayed = false, dry_run = false;
  std::uint32_t created = 0, changed = 0, removed = 0;
  std::uint64_t event_sequence = 0;
  std::vector<Warning> warnings{};
};

struct ControllerOptions {
  StateLimits limits;
  SuitePolicy suites;
  SwarmPolicy swarms;
  DataplaneOptions dataplane;
  std::size_t event_backlog = 4096;
  std::size_t request_history = 4096;
  std::size_t evidence_max = 65536;
  std::size_t audit_max = 1024;
};

struct ControllerStatus {
  std::uint64_t leadership_epoch = 0;
  bool state_complete = false;
  bool synchronized = false;  // the data plane is there and carries the desired state
};

class Controller {
 public:
  Controller(ControllerOptions options, const Log& log);
  ~Controller();

  [[nodiscard]] Result<void> start();
  void stop();

  [[nodiscard]] ApiResult<Applied> apply(const Transaction& transaction);
  // Gives a bucket of media ports to another worker. No part of the desired state.
  [[nodiscard]] ApiResult<void> move_bucket(std::uint32_t bucket, std::uint32_t worker);
  // Bans a peer, ends a ban, or hands over a peer's own report. No part of the desired state.
  [[nodiscard]] ApiResult<void> order_peer(const PeerOrder& order);
  [[nodiscard]] Snapshot desired() const;
  [[nodiscard]] ControllerStatus status() const;
  [[nodiscard]] EventHub& events() noexcept { return events_; }
  [[nodiscard]] DataplaneClient& dataplane() noexcept { return client_; }
  [[nodiscard]] EvidenceStore& evidence() noexcept { return evidence_; }
  [[nodiscard]] const AuditList& audit_list() const noexcept { return audit_list_; }

 private:
  struct Remembered {
    Sha256Digest content;
    Applied answer;
  };
  [[nodiscard]] ApiResult<Applied> apply_locked(const Transaction& transaction);
  [[nodiscard]] ApiResult<void> admit(const Transaction& transaction);
  [[nodiscard]] ApiResult<Applied> send(const Transaction& transaction, const NextState& next);
  [[nodiscard]] ApiError explain(const Nack& nack, const Plan& plan, const Transaction& transaction, const DesiredState& next) const;
  void commit(const Transaction& transaction, const NextState& next, Applied& answer);
  void remember(const Transaction& transaction, const Applied& answer);
  void audit(const Transaction& transaction, const ApiResult<Applied>& result, std::uint64_t micros) const;
  void audit_objects(const std::vector<Change>& changes, const DesiredState& state) const;
  void audit_take_downs(const Transaction& transaction, std::uint64_t revision);

  // Content that cannot be handed over: a transaction that names it is refused, any other goes without it (controller_content.cc).
  struct ContentCheck {
    std::map<std::string, FileStamp> stamps;     // of the files that are good, by swarm
    std::map<std::string, std::string> lacking;  // swarm → why; left out of the plan
  };
  [[nodiscard]] ApiResult<void> check_named_contents(const Transaction& transaction, const DesiredState& next, ContentCheck& out) const;
  void leave_out_unreadable(Plan& plan, const DesiredState& next, ContentCheck& check) const;
  [[nodiscard]] std::string why_unreadable(const SwarmContent& content, const Swarm& swarm, FileStamp& stamp) const;
  void take_over(const ContentCheck& check);  // and tells what is newly lacking

  Plan plan_sync(const DataplaneInfo& greeted);
  void on_synchronized(const TransactResult& result);
  void on_lost(const std::string& reason);
  void on_event(const abi::EventMessage& message);
  void on_evidence(const abi::EvidenceMessage& message);
  void keep_verdict(const abi::EventMessage& message, const std::string& text);
  void on_content_unreadable(const std::string& swarm_id, const std::string& why);

  const ControllerOptions options_;
  const Log& log_;
  EventHub events_;
  EvidenceStore evidence_;
  AuditList audit_list_;

  std::mutex apply_mutex_;  // order: apply_mutex_, then state_mutex_; the client's own lock comes last
  std::unordered_map<std::string, Remembered> answered_;
  std::deque<std::string> answered_order_;
  Snapshot carried_;      // what the data plane is known to have
  Snapshot sync_target_;  // of a resynchronisation that is not answered yet
  Plan sync_plan_;        // its objects, for the error text; no messages
  ContentCheck sync_contents_;
  std::map<std::string, FileStamp> content_stamps_;  // of the files that were put, by swarm
  std::set<std::string> lacking_;                    // swarms whose content the data plane shall have and does not: told already
  struct {
    std::uint64_t id = 0;
    Snapshot state;
  } unknown_;  // a transaction whose outcome the next greeting tells
  std::uint64_t boot_id_ = 0;

  mutable std::mutex state_mutex_;
  Snapshot desired_;
  ControllerStatus status_;
  std::map<std::string, std::string> unreadable_;  // swarm → why its content broke off on the way; until it is put again

  DataplaneClient client_;  // last: its thread uses everything above
};

}  // namespace mediaward::control
