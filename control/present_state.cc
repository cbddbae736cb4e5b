// SPDX-License-Identifier: Apache-2.0
// Desired state with live SRTP state as messages. Any thread.
#include <algorithm>

#include "control/present.h"

namespace mediaward::control {

namespace {

// One consistent look: a snapshot and, when the data plane was ever there, the live slots.
class View {
 public:
  explicit View(Controller& controller, bool live = true) : state(controller.desired()) {
    if (live) region_ = controller.dataplane().state();
    if (region_ != nullptr) slots_ = region_->index();
  }

  void conference(const Conference& in, v1::ConferenceState& out) const;
  void topology(const Conference& in, v1::ConferenceState& out) const;
  void leg(const Leg& in, v1::LegState& out) const;
  void leg_with_streams(const Leg& in, v1::LegState& out) const {
    leg(in, out);
    for (auto [at, end] = state->streams_of.equal_range(in.id); at != end; ++at) stream(*state->streams.at(at->second), *out.add_streams());
  }
  void stream(const Stream& in, v1::StreamState& out) const;

  Snapshot state;

 private:
  static void slot(const std::optional<SlotView>& in, v1::SrtpState& out);
  void keys(const Leg& in, v1::LegState& out) const;
  void policies(const Leg& in, v1::LegState& out) const;
  void latch(const Leg& in, v1::LegState& out) const;

  std::shared_ptr<const StateRegion> region_;
  StateRegion::Index slots_;
};

void fill(const Endpoint& in, v1::Endpoint& out) {
  out.set_address(in.address_text());
  out.set_udp_port(in.udp_port);
}

void fill(const KeySet& in, v1::KeyInfo& out) {
  const auto* suite = crypto::find_suite(in.suite);
  out.set_suite(suite != nullptr ? std::string(suite->name) : "");
  out.set_fingerprint(in.fingerprint());
  out.set_mki(to_hex(in.mki));
  out.set_lifetime_packets(in.lifetime_packets);
  out.set_lifetime_srtcp_packets(in.lifetime_srtcp_packets);
}

void View::conference(const Conference& in, v1::ConferenceState& out) const {
  out.set_id(in.id);
  out.set_mode(static_cast<v1::ForwardingMode>(in.mode));
  out.set_version(in.version);
  out.set_handle(handle_text(in.handle));
  std::size_t streams = 0;
  for (auto [at, end] = state->legs_of.equal_range(in.id); at != end; ++at) streams += state->streams_of.count(at->second);
  out.set_leg_count(static_cast<std::uint32_t>(state->legs_of.count(in.id)));
  out.set_stream_count(static_cast<std::uint32_t>(streams));
  for (const auto& key : in.group_keys) fill(key, *out.add_group_keys());
  out.mutable_speakers()->set_loudest(in.speakers.loudest);
  out.mutable_speakers()->set_hysteresis_db(in.speakers.hysteresis_db);
  out.mutable_speakers()->set_hold_ms(in.speakers.hold_ms);
  out.set_spread(in.spread);
}

void View::topology(const Conference& in, v1::ConferenceState& out) const {
  for (auto [leg, legs_end] = state->legs_of.equal_range(in.id); leg != legs_end; ++leg)
    for (auto [at, end] = state->topology_of.equal_range(leg->second); at != end; ++at) {
      const TopologyEntry& entry = *state->topology.at(at->second);
      if (entry.leg_a != leg->second) continue;  // told at its first leg
      auto& one = *out.add_topology();
      one.set_conference_id(entry.conference_id);
      one.set_leg_a(entry.leg_a);
      one.set_leg_b(entry.leg_b);
      one.set_relation(static_cast<v1::TopologyRelation>(entry.relation));
    }
}

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
  out.set_srtcp_index(in->srtcp_index);
  out.set_srtcp_packets(in->srtcp_packets);
  out.set_key_packets(in->packets - std::min(in->packets, in->packets_at_key));
  out.set_key_srtcp_packets(in->srtcp_packets - std::min<std::uint64_t>(in->srtcp_packets, in->srtcp_packets_at_key));
}

v1::Direction direction_of(const Leg& leg) {
  if (leg.may_send) return leg.may_receive ? v1::DIRECTION_BOTH : v1::DIRECTION_SEND_ONLY;
  return leg.may_receive ? v1::DIRECTION_RECEIVE_ONLY : v1::DIRECTION_INACTIVE;
}

void View::keys(const Leg& in, v1::LegState& out) const {
  if (in.receive_key.present()) fill(in.receive_key, *out.mutable_receive_key());
  if (in.send_key.present()) fill(in.send_key, *out.mutable_send_key());
  for (const auto& key : in.more_receive_keys) fill(key, *out.add_more_receive_keys());
  for (const auto& key : in.more_send_keys) fill(key, *out.add_more_send_keys());
}

// The enums have the numbers of the ABI (convert_leg.cc holds them to it).
void View::policies(const Leg& in, v1::LegState& out) const {
  out.set_dscp(in.dscp);
  out.set_direction(direction_of(in));
  out.set_source_policy(static_cast<v1::SourcePolicy>(in.source_policy));
  out.set_ssrc_policy(static_cast<v1::SsrcPolicy>(in.ssrc_policy));
  out.set_srtcp_policy(static_cast<v1::SrtcpPolicy>(in.rtcp_policy));
  out.set_allow_unencrypted_srtcp(in.allow_unencrypted_srtcp);
  out.set_muted(in.muted);
  out.set_audio_level_id(in.audio_level_id);
  out.set_replay_window(in.replay_window);
  out.set_source_filter(in.source_filter.text());
  out.set_rtcp_transport(in.rtcp_mux ? v1::RTCP_TRANSPORT_MULTIPLEXED : v1::RTCP_TRANSPORT_SEPARATE);
  out.set_remote_rtcp_port(in.remote_rtcp_port);
}

void View::latch(const Leg& in, v1::LegState& out) const {
  const auto latched = slots_.latched(in.handle);
  if (!latched || in.source_policy == abi::SourcePolicy::kExact) return;
  if (latched->udp_port != 0) fill(Endpoint{latched->family, latched->address, latched->udp_port}, *out.mutable_latched());
  out.set_latched_rtcp_port(latched->rtcp_port);
}

void View::leg(const Leg& in, v1::LegState& out) const {
  out.set_id(in.id);
  out.set_conference_id(in.conference_id);
  out.set_port(in.port);
  out.set_family(in.local.family == abi::Family::kIpv4 ? v1::ADDRESS_FAMILY_IPV4 : v1::ADDRESS_FAMILY_IPV6);
  fill(in.local, *out.mutable_local());
  if (in.remote.known()) fill(in.remote, *out.mutable_remote());
  keys(in, out);
  policies(in, out);
  latch(in, out);
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
  const auto received = slots_.received(in.handle);
  slot(received, *out.mutable_received());
  if (in.ssrc == 0 && received) out.set_bound_ssrc(received->ssrc);
  const std::string& conference = state->legs.at(in.leg_id)->conference_id;
  if (const Conference& of = *state->conferences.at(conference); of.mode == abi::ForwardingMode::kGroupKey)
    slot(slots_.sent(in.handle, of.handle), *out.mutable_group_sent());
  for (auto [at, end] = state->legs_of.equal_range(conference); at != end; ++at) {
    if (at->second == in.leg_id) continue;
    auto& receiver = *out.add_receivers();
    receiver.set_leg_id(at->second);
    receiver.set_blocked(!state->lets_hear(at->second, in.leg_id));
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
  const std::uint32_t limit = page_limit(size);
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
  view.topology(*found->second, out);
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
  const View view(controller);
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

}  // namespace mediaward::control
