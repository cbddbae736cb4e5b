// SPDX-License-Identifier: Apache-2.0
// Transactions of the API: admission, the next state, the data plane's answer, commit or roll back. What the data plane says by
// itself is in controller_sync.cc, content on its way to it in controller_content.cc, orders about peers and take-downs in
// controller_peer.cc. API threads, one transaction at a time.
#include "control/controller.h"

#include <chrono>
#include <random>

#include "control/validate.h"

namespace mediaward::control {

namespace {

std::string random_id() {
  std::random_device source;
  return handle_text(std::uint64_t{source()} << 32 | source());
}

// Of all keys of a direction, the one in force first.
std::string fingerprints(const KeySet& first, const std::vector<KeySet>& more) {
  std::string out = first.fingerprint();
  for (const auto& key : more) {
    if (!out.empty()) out += ' ';
    out += key.fingerprint();
  }
  return out;
}

ApiError request_error(ErrorCode code, std::string field, std::string message) {
  return {{code, std::move(message)}, "", std::move(field)};
}

}  // namespace

Controller::Controller(ControllerOptions options, const Log& log)
    : options_(std::move(options)),
      log_(log),
      events_(random_id(), options_.event_backlog),
      evidence_(options_.evidence_max),
      audit_list_(options_.audit_max),
      carried_(std::make_shared<DesiredState>()),
      desired_(carried_),
      client_(options_.dataplane, {.plan_sync = [this](const DataplaneInfo& greeted) { return plan_sync(greeted); },
                                   .synchronized = [this](const TransactResult& result) { on_synchronized(result); },
                                   .lost = [this](const std::string& reason) { on_lost(reason); },
                                   .event = [this](const abi::EventMessage& message) { on_event(message); },
                                   .evidence = [this](const abi::EvidenceMessage& message) { on_evidence(message); },
                                   .content_unreadable = [this](const std::string& swarm_id,
                                                                const std::string& why) { on_content_unreadable(swarm_id, why); }}) {}

Controller::~Controller() {
  stop();
}

Result<void> Controller::start() {
  return client_.start();
}

void Controller::stop() {
  client_.stop();
  events_.stop();
}

Snapshot Controller::desired() const {
  const std::lock_guard lock(state_mutex_);
  return desired_;
}

ControllerStatus Controller::status() const {
  ControllerStatus status;
  {
    const std::lock_guard lock(state_mutex_);
    status = status_;
  }
  status.synchronized = status.synchronized && client_.info().ready;
  return status;
}

ApiResult<Applied> Controller::apply(const Transaction& transaction) {
  const auto begin = std::chrono::steady_clock::now();
  const std::lock_guard lock(apply_mutex_);
  auto result = apply_locked(transaction);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin).count();
  audit(transaction, result, static_cast<std::uint64_t>(took));
  return result;
}

ApiResult<void> Controller::admit(const Transaction& transaction) {
  if (!is_good_id(transaction.request_id))
    return tl::unexpected(request_error(ErrorCode::kInvalid, "request_id", "must be 1 to 128 printable ASCII characters without space"));
  const std::lock_guard lock(state_mutex_);
  if (transaction.leadership_epoch != 0 && transaction.leadership_epoch < status_.leadership_epoch) {
    ApiError stale =
        request_error(ErrorCode::kConflict, "leadership_epoch",
                      std::to_string(transaction.leadership_epoch) + " is older than " + std::to_string(status_.leadership_epoch) +
                          ", which was seen already: another application server leads now");
    stale.stale_epoch = true;
    return tl::unexpected(stale);
  }
  // A new leader fences the old one with its first word, whatever becomes of the transaction.
  if (!transaction.dry_run && transaction.leadership_epoch > status_.leadership_epoch)
    status_.leadership_epoch = transaction.leadership_epoch;
  return {};
}

ApiResult<Applied> Controller::apply_locked(const Transaction& transaction) {
  if (auto good = admit(transaction); !good) return tl::unexpected(good.error());
  if (const auto known = answered_.find(transaction.request_id); known != answered_.end() && !transaction.dry_run) {
    if (known->second.content != transaction.content)
      return tl::unexpected(
          request_error(ErrorCode::kInvalid, "request_id",
                        "`" + transaction.request_id + "` was used for a transaction with other content; choose a new id"));
    Applied again = known->second.answer;
    again.replayed = true;
    return again;
  }
  const auto next = apply_operations(desired(), transaction.operations, options_.limits, options_.suites, options_.swarms);
  if (!next) return tl::unexpected(next.error());
  return send(transaction, *next);
}

ApiResult<Applied> Controller::send(const Transaction& transaction, const NextState& next) {
  const bool everything = transaction.state_complete || (status().state_complete && !status().synchronized);
  ContentCheck contents;
  if (auto good = check_named_contents(transaction, *next.state, contents); !good) return tl::unexpected(good.error());
  Plan plan = everything ? plan_everything(*carried_, *next.state, true) : plan_difference(*carried_, *next.state);
  leave_out_unreadable(plan, *next.state, contents);
  for (const auto& [swarm, why] : contents.lacking)
    if (carried_->contents.contains(swarm))
      return tl::unexpected(object_error(ErrorCode::kInvalid, {ObjectKind::kContent, swarm}, "content.file",
                                         why + "; this change makes the swarm anew, which takes it"));
  const bool nothing = plan.messages.empty() && !plan.resync;
  if (const auto info = client_.info(); nothing && !info.ready)
    return tl::unexpected(ApiError{{ErrorCode::kUnavailable, "the data plane is not there: " + info.last_error}});
  if (!nothing) {
    const auto result = client_.transact(plan, transaction.dry_run);
    if (!result) {
      if (result.error().outcome_unknown && !transaction.dry_run) {
        unknown_.id = result.error().transaction_id;
        unknown_.state = without_contents(next.state, contents.lacking);
      }
      return tl::unexpected(explain(result.error(), plan, transaction, *next.state));
    }
  }
  Applied answer;
  answer.dry_run = transaction.dry_run;
  for (const auto& change : next.changes)
    ++(change.what == Change::What::kCreated ? answer.created : change.what == Change::What::kChanged ? answer.changed : answer.removed);
  answer.revision = transaction.dry_run ? desired()->revision : next.state->revision;
  answer.warnings = next.warnings;
  if (transaction.dry_run) return answer;
  carried_ = without_contents(next.state, contents.lacking);
  take_over(contents);
  commit(transaction, next, answer);
  return answer;
}

ApiResult<void> Controller::move_bucket(std::uint32_t bucket, std::uint32_t worker) {
  constexpr std::uint32_t kBuckets = 256;
  const std::lock_guard lock(apply_mutex_);
  const auto info = client_.info();
  if (bucket >= kBuckets)
    return tl::unexpected(request_error(ErrorCode::kInvalid, "bucket", "must be 0 to 255, not " + std::to_string(bucket)));
  if (info.ready && worker >= info.workers)
    return tl::unexpected(
        request_error(ErrorCode::kInvalid, "worker",
                      "there is no worker " + std::to_string(worker) + "; the data plane has " + std::to_string(info.workers)));
  const auto result = client_.transact(plan_bucket_move(bucket, worker), false);
  log_.write(result ? LogLevel::kInfo : LogLevel::kWarning, "move-bucket",
             {{"bucket", std::uint64_t{bucket}},
              {"worker", std::uint64_t{worker}},
              {"result", result ? std::string("moved") : result.error().error.message}});
  if (!result) return tl::unexpected(ApiError{result.error().error, "", result.error().field});
  return {};
}

ApiError Controller::explain(const Nack& nack, const Plan& plan, const Transaction& transaction, const DesiredState& next) const {
  ApiError error{nack.error, "", nack.field};
  if (!nack.has_operation) return error;
  if (nack.operation_index < plan.objects.size()) {
    error.object = plan.objects[nack.operation_index].text();
    error.operation_index = operation_naming(transaction.operations, plan.objects[nack.operation_index]);
  } else if (nack.object_id != 0) {
    error.object = next.name_of(nack.object_id);
  }
  if (error.error.message.empty()) error.error.message = "the data plane refused it";
  return error;
}

void Controller::commit(const Transaction& transaction, const NextState& next, Applied& answer) {
  {
    const std::lock_guard lock(state_mutex_);
    desired_ = next.state;
    status_.synchronized = true;
    status_.state_complete = status_.state_complete || transaction.state_complete;
  }
  for (const auto& change : next.changes) {
    Event event;
    event.type = change.what == Change::What::kCreated   ? EventType::kObjectCreated
                 : change.what == Change::What::kChanged ? EventType::kObjectChanged
                                                         : EventType::kObjectRemoved;
    event.object = change.object.text();
    event.revision = next.state->revision;
    answer.event_sequence = events_.publish(std::move(event));
    if (change.object.kind == ObjectKind::kContent && change.what == Change::What::kRemoved) content_stamps_.erase(change.object.id);
  }
  audit_take_downs(transaction, next.state->revision);
  remember(transaction, answer);
  audit_objects(next.changes, *next.state);
}

void Controller::remember(const Transaction& transaction, const Applied& answer) {
  answered_[transaction.request_id] = {transaction.content, answer};
  answered_order_.push_back(transaction.request_id);
  while (answered_order_.size() > options_.request_history) {
    answered_.erase(answered_order_.front());
    answered_order_.pop_front();
  }
}

void Controller::audit(const Transaction& transaction, const ApiResult<Applied>& result, std::uint64_t micros) const {
  if (result) {
    log_.write(LogLevel::kInfo, "transaction",
               {{"request_id", transaction.request_id},
                {"result", result->replayed  ? "replayed"
                           : result->dry_run ? "would-apply"
                                             : "applied"},
                {"revision", result->revision},
                {"operations", transaction.operations.size()},
                {"created", std::uint64_t{result->created}},
                {"changed", std::uint64_t{result->changed}},
                {"removed", std::uint64_t{result->removed}},
                {"epoch", transaction.leadership_epoch},
                {"duration_us", micros}});
    return;
  }
  const ApiError& error = result.error();
  log_.write(LogLevel::kWarning, "transaction",
             {{"request_id", transaction.request_id.substr(0, 128)},
              {"result", error.stale_epoch ? "stale-epoch" : to_string(error.error.code)},
              {"object", error.object},
              {"field", error.field},
              {"message", error.error.message},
              {"operations", transaction.operations.size()},
              {"epoch", transaction.leadership_epoch},
              {"duration_us", micros}});
}

void Controller::audit_objects(const std::vector<Change>& changes, const DesiredState& state) const {
  constexpr std::string_view kWhat[] = {"created", "changed", "removed"};
  for (const auto& change : changes) {
    const auto what = kWhat[static_cast<std::uint8_t>(change.what)];
    const auto leg = change.object.kind == ObjectKind::kLeg ? state.legs.find(change.object.id) : state.legs.end();
    const auto conference =
        change.object.kind == ObjectKind::kConference ? state.conferences.find(change.object.id) : state.conferences.end();
    if (leg != state.legs.end())
      log_.write(LogLevel::kInfo, "object",
                 {{"what", what},
                  {"object", change.object.text()},
                  {"receive_key", fingerprints(leg->second->receive_key, leg->second->more_receive_keys)},
                  {"send_key", fingerprints(leg->second->send_key, leg->second->more_send_keys)}});
    else if (conference != state.conferences.end() && !conference->second->group_keys.empty())
      log_.write(LogLevel::kInfo, "object",
                 {{"what", what}, {"object", change.object.text()}, {"group_key", fingerprints({}, conference->second->group_keys)}});
    else
      log_.write(LogLevel::kInfo, "object", {{"what", what}, {"object", change.object.text()}});
  }
}

}  // namespace mediaward::control
