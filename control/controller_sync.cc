// SPDX-License-Identifier: Apache-2.0
// What the data plane's connection tells the controller: greeted, resynchronised, lost, events. The client's loop thread.
#include "control/controller.h"

#include <charconv>

namespace mediaward::control {

namespace {

// Ids of legs in hex as the data plane has them, put into the names that the application server gave.
std::string named_legs(const std::string& text, const DesiredState& state) {
  std::string out;
  std::size_t at = 0;
  while ((at = text.find_first_of("0123456789abcdefABCDEF", at)) != std::string::npos) {
    std::uint64_t handle = 0;
    const auto parsed = std::from_chars(text.data() + at, text.data() + text.size(), handle, 16);
    const auto known = state.names.find(handle);
    const std::string word(text.data() + at, parsed.ptr);
    out += (out.empty() ? "" : " ") + (known != state.names.end() ? known->second.id : word);
    at = static_cast<std::size_t>(parsed.ptr - text.data());
  }
  return text.ends_with("...") ? out + " ..." : out;
}

}  // namespace

// Either side may have been away. A fresh daemon knows nothing and must not wipe a running data plane: it sweeps only once the AS
// has declared its state complete.
Plan Controller::plan_sync(const DataplaneInfo& greeted) {
  const std::lock_guard lock(apply_mutex_);
  const bool same_life = greeted.boot_id == boot_id_;
  if (!same_life)
    carried_ = std::make_shared<DesiredState>();
  else if (unknown_.state != nullptr && greeted.applied_transaction >= unknown_.id)
    carried_ = unknown_.state;  // it was applied although nobody heard so; the plan below takes it back
  else if (sync_target_ != nullptr && greeted.sync_transaction != 0 && greeted.applied_transaction >= greeted.sync_transaction)
    carried_ = sync_target_;
  unknown_ = {};
  boot_id_ = greeted.boot_id;
  events_.publish({.type = EventType::kDataplaneConnected, .text = greeted.release});
  log_.write(LogLevel::kInfo, "dataplane-connected",
             {{"release", greeted.release},
              {"boot_id", handle_text(greeted.boot_id)},
              {"state_adopted", greeted.state_adopted ? "yes" : "no"},
              {"workers", std::uint64_t{greeted.workers}}});
  Snapshot wanted;
  bool sweep = false;
  {
    const std::lock_guard state_lock(state_mutex_);
    status_.synchronized = false;
    wanted = desired_;
    sweep = status_.state_complete;
  }
  Plan plan = plan_everything(*carried_, *wanted, sweep);
  sync_contents_ = {};
  leave_out_unreadable(plan, *wanted, sync_contents_);
  sync_target_ = without_contents(wanted, sync_contents_.lacking);
  sync_plan_.objects = plan.objects;
  return plan;
}

void Controller::on_synchronized(const TransactResult& result) {
  const std::lock_guard lock(apply_mutex_);
  if (result) {
    carried_ = sync_target_;
    take_over(sync_contents_);
    events_.publish({.type = EventType::kDataplaneSynchronized, .a = sync_plan_.objects.size()});
    log_.write(LogLevel::kInfo, "dataplane-synchronized", {{"objects", sync_plan_.objects.size()}});
  } else {
    const Nack& nack = result.error();
    const std::string object = nack.operation_index < sync_plan_.objects.size() ? sync_plan_.objects[nack.operation_index].text()
                                                                                : sync_target_->name_of(nack.object_id);
    events_.publish({.type = EventType::kDataplaneRefusedState, .object = object, .text = nack.field + ": " + nack.error.message});
    log_.write(LogLevel::kError, "dataplane-refused-state",
               {{"object", object}, {"field", nack.field}, {"code", to_string(nack.error.code)}, {"message", nack.error.message}});
  }
  sync_target_.reset();
  sync_plan_ = {};
  const std::lock_guard state_lock(state_mutex_);
  status_.synchronized = result.has_value();
}

void Controller::on_lost(const std::string& reason) {
  events_.publish({.type = EventType::kDataplaneLost, .text = reason});
  log_.write(LogLevel::kWarning, "dataplane-not-there", {{"reason", reason}});
}

void Controller::on_event(const abi::EventMessage& message) {
  constexpr EventType kTypes[] = {
      EventType::kDataplaneStarted, EventType::kPortLink,       EventType::kNeighbourResolved, EventType::kNeighbourFailed,
      EventType::kDropSample,       EventType::kRekeyRequired,  EventType::kEventsLost,        EventType::kWorkerStalled,
      EventType::kIndexReuse,       EventType::kAddressLatched, EventType::kSsrcBound,         EventType::kSsrcRefused,
      EventType::kKeyExpiring,      EventType::kKeyExpired,     EventType::kSpeakersChanged,   EventType::kBucketMoved,
      EventType::kPeerVerdict,      EventType::kPeerCleared,    EventType::kSwarmComplete,     EventType::kSwarmExpired};
  const auto kind = static_cast<std::uint32_t>(message.kind);
  if (kind < 1 || kind > std::size(kTypes)) {
    log_.write(LogLevel::kWarning, "dataplane-event-unknown", {{"kind", std::uint64_t{kind}}});
    return;
  }
  Event event;
  event.type = kTypes[kind - 1];
  event.time_unix_ns = message.time_ns;
  const Snapshot state = desired();
  event.object = state->name_of(message.object_id);
  event.a = message.a;
  event.b = message.b;
  event.text = field_text(message.text);
  if (event.type == EventType::kSsrcBound) event.text += " to " + state->name_of(message.b);
  if (event.type == EventType::kSpeakersChanged) event.text = named_legs(event.text, *state);
  event.worker = message.worker;
  if (event.type == EventType::kPeerVerdict) keep_verdict(message, event.text);
  events_.publish(std::move(event));
}

}  // namespace mediaward::control
