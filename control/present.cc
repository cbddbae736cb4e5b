// SPDX-License-Identifier: Apache-2.0
// Desired state, live SRTP state and the daemon's own state as messages. Any thread.
#include "control/present.h"

#include "control/drop_reasons.h"

namespace mediaward::control {

namespace {

// One consistent look: a snapshot and, when the data plane was ever there, the live slots.
class View {
 public:
  explicit View(Controller& controller, bool live = true) : state(controller.desired()) {
    if (live) region_ = controller.dataplane().state();
    if (region_ != nullptr) slots_ = region_->index();
  }

  void conference(const Conference& in, v1::ConferenceState& out) const {
    out.set_id(in.id);
    out.set_mode(v1::FORWARDING_MODE_PER_PARTICIPANT_KEYS);
    out.set_version(in.version);
    out.set_handle(handle_text(in.handle));
    std::size_t streams = 0;
    for (auto [at, end] = state->legs_of.equal_range(in.id); at != end; ++at) streams += state->streams_of.count(at->second);
    out.set_leg_count(static_cast<std::uint32_t>(state->legs_of.count(in.id)));
    out.set_stream_count(static_cast<std::uint32_t>(streams));
  }
  void leg(const Leg& in, v1::LegState& out) const;
  void leg_with_streams(const Leg& in, v1::LegState& out) const {
    leg(in, out);
    for (auto [at, end] = state->streams_of.equal_range(in.id); at != end; ++at) stream(*state->streams.at(at->second), *out.add_streams());
  }
  void stream(const Stream& in, v1::StreamState& out) const;

  Snapshot state;

 private:
  static void slot(const std::optional<SlotView>& in, v1::SrtpState& out);
  static void endpoint(const Endpoint& in, v1::Endpoint& out) {
    out.set_address(in.address_text());
    out.set_udp_port(in.udp_port);
  }
  static void key(const KeySet& in, v1::KeyInfo& out) {
    const auto* suite = crypto::find_suite(in.suite);
    out.set_suite(suite != nullptr ? std::string(suite->name) : "");
    out.set_fingerprint(in.fingerprint());
    out.set_mki(to_hex(in.mki));
    out.set_lifetime_packets(in.lifetime_packets);
  }

  std::shared_ptr<const StateRegion> region_;
  StateRegion::Index slots_;
};

void View::slot(const std::optional<SlotView>& in, v1::SrtpState& out) {
  if (!in) return;
  out.set_present(true);
  out.set_started(in->started);
  out.set_rekey_required(in->torn);
  out.set_roc(static_cast<std::uint32_t>(in->highest_index >> 16));
  out.set_sequence(static_cast<std::uint32_t>(in->highest_index & 0xffff));
  out.set_highest_index(in->highest_index);
  out.set_packets(in->packets);
  out.set_bytes(in->bytes);
}

v1::Direction direction_of(const Leg& leg) {
  if (leg.may_send) return leg.may_receive ? v1::DIRECTION_BOTH : v1::DIRECTION_SEND_ONLY;
  return leg.may_receive ? v1::DIRECTION_RECEIVE_ONLY : v1::DIRECTION_INACTIVE;
}

void View::leg(const Leg& in, v1::LegState& out) const {
  out.set_id(in.id);
  out.set_conference_id(in.conference_id);
  out.set_port(in.port);
  out.set_family(in.local.family == abi::Family::kIpv4 ? v1::ADDRESS_FAMILY_IPV4 : v1::ADDRESS_FAMILY_IPV6);
  endpoint(in.local, *out.mutable_local());
  endpoint(in.remote, *out.mutable_remote());
  key(in.receive_key, *out.mutable_receive_key());
  key(in.send_key, *out.mutable_send_key());
  out.set_dscp(in.dscp);
  out.set_direction(direction_of(in));
  out.set_source_policy(v1::SOURCE_POLICY_EXACT);
  out.set_version(in.version);
  out.set_handle(handle_text(in.handle));
}

void View::stream(const Stream& in, v1::StreamState& out) const {
  out.set_id(in.id);
  out.set_leg_id(in.leg_id);
  out.set_ssrc(in.ssrc);
  out.set_initial_roc(in.initial_roc);
  out.set_version(in.version);
  out.set_handle(handle_text(in.handle));
  slot(slots_.received(in.handle), *out.mutable_received());
  const auto& conference = state->legs.at(in.leg_id)->conference_id;
  for (auto [at, end] = state->legs_of.equal_range(conference); at != end; ++at) {
    if (at->second == in.leg_id) continue;
    auto& receiver = *out.add_receivers();
    receiver.set_leg_id(at->second);
    slot(slots_.sent(in.handle, state->legs.at(at->second)->handle), *receiver.mutable_sent());
  }
}

tl::unexpected<ApiError> not_found(ObjectKind kind, const std::string& id) {
  const ObjectName object{kind, id.substr(0, 128)};
  const std::string name(to_string(kind));
  ApiError error;
  error.error = {ErrorCode::kNotFound, "there is no " + name + " `" + object.id + "`"};
  error.object = object.text();
  error.field = name + ".id";
  return tl::unexpected(std::move(error));
}

// Calls add for the objects behind the token that `wanted` accepts, and returns the next token.
template <typename T, typename Wanted, typename Add>
std::string page(const ObjectMap<T>& objects, std::uint32_t size, const std::string& token, Wanted wanted, Add add) {
  const std::uint32_t limit = size == 0 || size > kMaxPage ? kMaxPage : size;
  std::uint32_t count = 0;
  std::string last;
  for (auto at = token.empty() ? objects.begin() : objects.upper_bound(token); at != objects.end(); ++at) {
    if (!wanted(*at->second)) continue;
    if (count++ == limit) return last;
    add(*at->second);
    last = at->first;
  }
  return {};
}

}  // namespace

ApiResult<void> present_conference(Controller& controller, const std::string& id, v1::ConferenceState& out) {
  const View view(controller);
  const auto found = view.state->conferences.find(id);
  if (found == view.state->conferences.end()) return not_found(ObjectKind::kConference, id);
  view.conference(*found->second, out);
  for (auto [at, end] = view.state->legs_of.equal_range(id); at != end; ++at)
    view.leg_with_streams(*view.state->legs.at(at->second), *out.add_legs());
  return {};
}

ApiResult<void> present_leg(Controller& controller, const std::string& id, v1::LegState& out) {
  const View view(controller);
  const auto found = view.state->legs.find(id);
  if (found == view.state->legs.end()) return not_found(ObjectKind::kLeg, id);
  view.leg_with_streams(*found->second, out);
  return {};
}

ApiResult<void> present_stream(Controller& controller, const std::string& id, v1::StreamState& out) {
  const View view(controller);
  const auto found = view.state->streams.find(id);
  if (found == view.state->streams.end()) return not_found(ObjectKind::kStream, id);
  view.stream(*found->second, out);
  return {};
}

void present_conferences(Controller& controller, const v1::ListConferencesRequest& request, v1::ListConferencesResponse& out) {
  const View view(controller, false);
  out.set_next_page_token(page(
      view.state->conferences, request.page_size(), request.page_token(), [](const Conference&) { return true; },
      [&](const Conference& one) { view.conference(one, *out.add_conferences()); }));
}

void present_legs(Controller& controller, const v1::ListLegsRequest& request, v1::ListLegsResponse& out) {
  const View view(controller, false);
  out.set_next_page_token(page(
      view.state->legs, request.page_size(), request.page_token(),
      [&](const Leg& one) { return request.conference_id().empty() || one.conference_id == request.conference_id(); },
      [&](const Leg& one) { view.leg(one, *out.add_legs()); }));
}

void present_streams(Controller& controller, const v1::ListStreamsRequest& request, v1::ListStreamsResponse& out) {
  const View view(controller);
  out.set_next_page_token(page(
      view.state->streams, request.page_size(), request.page_token(),
      [&](const Stream& one) { return request.leg_id().empty() || one.leg_id == request.leg_id(); },
      [&](const Stream& one) { view.stream(one, *out.add_streams()); }));
}

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
