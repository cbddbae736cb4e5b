// SPDX-License-Identifier: Apache-2.0
// The daemon's own state, its answers and events as messages; desired state is in present_state.cc. Any thread.
#include "control/present.h"

#include "control/drop_reasons.h"

namespace mediaward::control {

void present_status(Controller& controller, std::uint64_t uptime_seconds, std::uint32_t watchers, v1::Status& out) {
  const auto status = controller.status();
  const auto state = controller.desired();
  const auto info = controller.dataplane().info();
  out.set_release(MEDIAWARD_RELEASE);
  out.set_instance_id(controller.events().instance_id());
  out.set_uptime_seconds(uptime_seconds);
  out.set_revision(state->revision);
  out.set_state_complete(status.state_complete);
  out.set_leadership_epoch(status.leadership_epoch);
  out.set_conferences(static_cast<std::uint32_t>(state->conferences.size()));
  out.set_legs(static_cast<std::uint32_t>(state->legs.size()));
  out.set_streams(static_cast<std::uint32_t>(state->streams.size()));
  out.set_swarms(static_cast<std::uint32_t>(state->swarms.size()));
  out.set_admissions(static_cast<std::uint32_t>(state->admissions.size()));
  const auto evidence = controller.evidence().counts();
  out.set_evidence_kept(evidence.kept);
  out.set_evidence_lost(evidence.lost);
  out.set_last_event_sequence(controller.events().last_sequence());
  out.set_watchers(watchers);
  auto& dataplane = *out.mutable_dataplane();
  dataplane.set_connected(info.ready);
  dataplane.set_synchronized(status.synchronized);
  dataplane.set_socket(controller.dataplane().options().socket_path);
  dataplane.set_last_error(info.last_error);
  dataplane.set_connections(info.connections);
  if (info.connections == 0) return;
  dataplane.set_boot_id(handle_text(info.boot_id));
  dataplane.set_release(info.release);
  dataplane.set_state_adopted(info.state_adopted);
  dataplane.set_workers(info.workers);
  dataplane.set_max_legs(info.max_legs);
  dataplane.set_max_streams(info.max_streams);
  dataplane.set_applied_transaction(info.applied_transaction);
}

void present_config(const Settings& settings, v1::Config& out) {
  out.set_path(settings.config_path);
  out.set_toml(to_toml(settings));
}

void present_applied(const Applied& applied, v1::ApplyTransactionResponse& out) {
  out.set_revision(applied.revision);
  out.set_replayed(applied.replayed);
  out.set_dry_run(applied.dry_run);
  out.set_created(applied.created);
  out.set_changed(applied.changed);
  out.set_removed(applied.removed);
  out.set_event_sequence(applied.event_sequence);
  for (const auto& warning : applied.warnings) {
    auto& one = *out.add_warnings();
    one.set_object(warning.object);
    one.set_field(warning.field);
    one.set_message(warning.message);
    one.set_operation_index(warning.operation_index);
  }
}

void present_event(const Event& event, const std::string& instance_id, v1::Event& out) {
  out.set_sequence(event.sequence);
  out.set_instance_id(instance_id);
  out.set_time_unix_ns(event.time_unix_ns);
  out.set_type(static_cast<v1::EventType>(event.type));
  out.set_object(event.object);
  out.set_a(event.a);
  out.set_b(event.b);
  out.set_text(event.text);
  out.set_worker(event.worker);
  out.set_revision(event.revision);
  if (event.type == EventType::kDropSample && event.a < drop_reasons().size())
    out.set_drop_reason(std::string(drop_reasons()[event.a].name));
}

void present_error(const ApiError& error, v1::ErrorDetail& out) {
  out.set_code(error.stale_epoch ? "stale-epoch" : to_string(error.error.code));
  out.set_message(clean_text(error.error.message));
  out.set_object(clean_text(error.object));
  out.set_field(error.field);
  out.set_operation_index(error.operation_index);
}

}  // namespace mediaward::control
