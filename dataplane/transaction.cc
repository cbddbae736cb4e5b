// SPDX-License-Identifier: Apache-2.0
// Validation of a transaction, operation by operation, against the directory with the earlier operations staged on top. Takes slots,
// keys and next hops as it goes; what it took is given back when the staged objects are forgotten. See core.h. Main thread.
#include <algorithm>
#include <cstring>

#include "dataplane/core.h"

namespace mediaward::dataplane {
namespace {

constexpr std::size_t kMaxStreamsPerLeg = 64;

tl::unexpected<Refusal> refuse(ErrorCode code, std::uint64_t object, std::string field, std::string message) {
  return tl::unexpected(Refusal{code, 0, object, std::move(field), std::move(message)});
}

IpAddress address_of(Family family, const abi::Endpoint& endpoint) {
  const auto* p = reinterpret_cast<const std::byte*>(endpoint.address);
  return family == Family::kIpv4 ? IpAddress::v4(p) : IpAddress::v6(p);
}

std::string name_of(const char* text, std::size_t size) { return {text, strnlen(text, size)}; }

std::uint64_t endpoint_id(std::uint16_t port, std::uint16_t address_index, std::uint16_t udp_port) {
  return std::uint64_t{1} << 48 | std::uint64_t{port} << 32 | std::uint64_t{address_index} << 16 | udp_port;
}

std::string hex(std::uint32_t ssrc) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", ssrc);
  return text;
}

bool valid_dscp(std::uint8_t dscp) { return dscp < 64; }  // RFC 2474 §3: six bits

}  // namespace

Core::Check Core::stage(const abi::Conference& m) {
  if (m.conference_id == 0) return refuse(ErrorCode::kInvalid, 0, "conference.id", "0 is not an id");
  if (m.mode != abi::ForwardingMode::kPerParticipantKeys)
    return refuse(ErrorCode::kUnsupported, m.conference_id, "conference.mode", "only per-participant keys are supported");
  conferences_.edit(m.conference_id).mode = m.mode;
  return {};
}

Core::Check Core::stage(const abi::Leg& m) {
  if (m.leg_id == 0) return refuse(ErrorCode::kInvalid, 0, "leg.id", "0 is not an id");
  if (m.family != Family::kIpv4 && m.family != Family::kIpv6) return refuse(ErrorCode::kInvalid, m.leg_id, "leg.family", "neither IPv4 nor IPv6");
  if (!valid_dscp(m.dscp)) return refuse(ErrorCode::kInvalid, m.leg_id, "leg.dscp", "DSCP is 0 to 63");
  if (m.remote.udp_port == 0) return refuse(ErrorCode::kInvalid, m.leg_id, "leg.remote.port", "UDP port 0 cannot be sent to");
  if (conferences_.find(m.conference_id) == nullptr)
    return refuse(ErrorCode::kNotFound, m.leg_id, "leg.conference", "no such conference");
  const bool is_new = legs_.find(m.leg_id) == nullptr;
  LegObject& leg = legs_.edit(m.leg_id);
  if (is_new) leg = LegObject{};  // nothing of a leg of that name that this transaction removed
  if (auto ok = is_new ? stage_new_leg(m, leg) : check_leg_unchanged(m, leg); !ok) return ok;
  leg.dscp = m.dscp;
  leg.flags = m.flags;
  if (auto ok = stage_route(m, leg); !ok) return ok;
  if (auto ok = stage_keys(m, leg); !ok) return ok;
  if (is_new) take_over_slots(leg);
  conferences_.edit(m.conference_id).legs.insert(m.leg_id);
  touched_conferences_.insert(m.conference_id);
  dirty_legs_.insert(m.leg_id);
  return {};
}

Core::Check Core::stage_new_leg(const abi::Leg& m, LegObject& leg) {
  const std::string port_name = name_of(m.port_name, sizeof m.port_name);
  const auto port = std::find_if(settings_.ports.begin(), settings_.ports.end(), [&](const auto& p) { return p.name == port_name; });
  if (port == settings_.ports.end())
    return refuse(ErrorCode::kNotFound, m.leg_id, "leg.port", "no port is called '" + port_name + "' in the data plane's configuration");
  const IpAddress local = address_of(m.family, m.local);
  const auto address = std::find_if(port->addresses.begin(), port->addresses.end(), [&](const auto& a) { return a.address == local; });
  if (address == port->addresses.end())
    return refuse(ErrorCode::kInvalid, m.leg_id, "leg.local.address", local.to_string() + " is not an address of port '" + port_name + "'");
  if (m.local.udp_port < port->media_port_first || m.local.udp_port > port->media_port_last)
    return refuse(ErrorCode::kInvalid, m.leg_id, "leg.local.port",
                  "UDP port " + std::to_string(m.local.udp_port) + " lies outside the port's media_ports " + std::to_string(port->media_port_first) +
                      "-" + std::to_string(port->media_port_last));
  leg.id = m.leg_id;
  leg.conference = m.conference_id;
  leg.port = static_cast<std::uint16_t>(port - settings_.ports.begin());
  leg.address_index = static_cast<std::uint16_t>(address - port->addresses.begin());
  leg.local_port = m.local.udp_port;
  const std::uint64_t endpoint = endpoint_id(leg.port, leg.address_index, leg.local_port);
  if (endpoints_.find(endpoint) != nullptr)
    return refuse(ErrorCode::kConflict, m.leg_id, "leg.local", "another leg already uses " + local.to_string() + " port " + std::to_string(leg.local_port));
  if (free_legs_.empty())
    return refuse(ErrorCode::kExhausted, m.leg_id, "leg", "all " + std::to_string(settings_.limits.legs) + " legs are in use: raise limits.legs");
  endpoints_.edit(endpoint) = m.leg_id;
  leg.number = std::make_shared<LegNumber>(free_legs_, next_generation_++);
  return {};
}

// What an earlier process left for this leg; where there are two of a kind, the one under the present key.
void Core::take_over_slots(LegObject& leg) {
  for (const std::uint32_t index : state_->left_behind_of(leg.id)) {
    const abi::StateIdentity& id = state_->identity(index);
    const bool receive = id.kind == abi::SlotKind::kReceive;
    auto& slot = (receive ? leg.receive_slots : leg.send_slots)[id.ssrc];
    if (slot != nullptr && id.key_fingerprint != (receive ? leg.receive_key : leg.send_key)->fingerprint()) continue;
    slot = std::make_shared<SlotHandle>(*state_, state_->take_over(index), keep_state_);
  }
}

Core::Check Core::check_leg_unchanged(const abi::Leg& m, const LegObject& leg) const {
  const auto& port = settings_.ports[leg.port];
  if (m.conference_id != leg.conference) return refuse(ErrorCode::kConflict, m.leg_id, "leg.conference", "a leg cannot change its conference: remove and add it");
  if (name_of(m.port_name, sizeof m.port_name) != port.name || address_of(m.family, m.local) != port.addresses[leg.address_index].address ||
      m.local.udp_port != leg.local_port)
    return refuse(ErrorCode::kConflict, m.leg_id, "leg.local", "a leg cannot change its local endpoint: remove and add it");
  return {};
}

Core::Check Core::stage_route(const abi::Leg& m, LegObject& leg) {
  const IpAddress remote = address_of(m.family, m.remote);
  leg.remote_port = m.remote.udp_port;
  if (leg.hop != nullptr && remote == leg.remote) return {};
  const auto wanted = route(settings_.ports[leg.port], remote);
  if (!wanted) return refuse(wanted.error().code, m.leg_id, "leg.remote.address", wanted.error().message);
  auto hop = shared_.neighbours[leg.port]->acquire(wanted->address);
  if (!hop) return refuse(hop.error().code, m.leg_id, "leg.remote.address", hop.error().message);
  leg.remote = remote;
  leg.hop = take_hop(leg.port, *hop);
  return {};
}

Core::Check Core::stage_keys(const abi::Leg& m, LegObject& leg) {
  const struct {
    const abi::Key& key;
    std::shared_ptr<const KeyMaterial>& material;
    const char* field;
  } directions[] = {{m.receive_key, leg.receive_key, "leg.receive_key"}, {m.send_key, leg.send_key, "leg.send_key"}};
  const std::uint64_t send_before = leg.send_key != nullptr ? leg.send_key->fingerprint() : 0;
  for (const auto& d : directions) {
    if (d.key.mki_bytes != 0) return refuse(ErrorCode::kUnsupported, m.leg_id, std::string(d.field) + ".mki", "MKI is not supported yet");
    if (d.key.lifetime_packets != 0)
      return refuse(ErrorCode::kUnsupported, m.leg_id, std::string(d.field) + ".lifetime", "key lifetimes below the transform's own are not supported yet");
    if (d.material != nullptr && d.key.suite != static_cast<std::uint8_t>(d.material->suite().id))
      return refuse(ErrorCode::kConflict, m.leg_id, std::string(d.field) + ".suite", "a leg cannot change its suite: remove and add it");
    auto made = KeyMaterial::make(d.key, provider_, *arena_, settings_.workers.size());
    if (!made) return refuse(made.error().code, m.leg_id, d.field, made.error().message);
    if (d.material == nullptr || d.material->fingerprint() != (*made)->fingerprint()) d.material = std::move(*made);
  }
  return stage_send_key(m, leg, send_before);
}

// RFC 3711 §9.1: a keystream must never be used twice. Within a leg the send windows see to it; between legs, keys must differ; and
// over time, a seal key whose windows are gone must not come back.
Core::Check Core::stage_send_key(const abi::Leg& m, const LegObject& leg, std::uint64_t before) {
  const std::uint64_t fingerprint = leg.send_key->fingerprint();
  if (fingerprint == before) return {};
  if (const auto* owner = send_keys_.find(fingerprint); owner != nullptr && *owner != m.leg_id)
    return refuse(ErrorCode::kConflict, m.leg_id, "leg.send_key", "another leg is sealed for with the same key: every participant needs its own");
  const bool spent_now = std::find(spent_send_keys_.begin(), spent_send_keys_.end(), fingerprint) != spent_send_keys_.end();
  if (spent_now || spent_keys_.contains(fingerprint))
    return refuse(ErrorCode::kConflict, m.leg_id, "leg.send_key", "this key has sealed before and its indexes are no longer known: use a new one");
  if (before != 0) {
    send_keys_.erase(before);
    spent_send_keys_.push_back(before);
  }
  send_keys_.edit(fingerprint) = m.leg_id;
  return {};
}

Core::Check Core::stage(const abi::Stream& m) {
  if (m.stream_id == 0) return refuse(ErrorCode::kInvalid, 0, "stream.id", "0 is not an id");
  const LegObject* leg = legs_.find(m.leg_id);
  if (leg == nullptr) return refuse(ErrorCode::kNotFound, m.stream_id, "stream.leg", "no such leg");
  if (const StreamObject* existing = streams_.find(m.stream_id)) {
    if (existing->leg == m.leg_id && existing->ssrc == m.ssrc) return {};
    return refuse(ErrorCode::kConflict, m.stream_id, "stream.ssrc", "a stream cannot change its leg or SSRC: remove and add it");
  }
  if (leg->streams.size() == kMaxStreamsPerLeg)
    return refuse(ErrorCode::kExhausted, m.stream_id, "stream", "a leg has at most " + std::to_string(kMaxStreamsPerLeg) + " streams");
  if (auto ok = check_ssrc(m, *leg); !ok) return ok;

  LegObject& edited = legs_.edit(m.leg_id);
  auto& slot = edited.receive_slots[m.ssrc];
  bool begins = false;
  const bool other_key = slot != nullptr && slot->identity().key_fingerprint != edited.receive_key->fingerprint();
  if (slot == nullptr || (other_key && !slot->left_behind())) {
    auto taken = take_slot(abi::SlotKind::kReceive, m.leg_id, m.stream_id, m.ssrc, *edited.receive_key);
    if (!taken) return refuse(taken.error().code, m.stream_id, "stream", taken.error().message);
    slot = std::move(*taken);
    if (!slot->existed()) {
      if (auto ok = check_continuity(m, edited); !ok) return ok;
      slot->state().srtp = crypto::IndexWindow::starting_at_roc(m.initial_roc);
      begins = true;
    }
  }
  StreamObject& stream = streams_.edit(m.stream_id);
  stream = StreamObject{m.stream_id, m.leg_id, m.ssrc, m.initial_roc, next_generation_++, begins, nullptr};
  edited.streams.insert(m.stream_id);
  touched_conferences_.insert(edited.conference);
  dirty_legs_.insert(m.leg_id);
  return {};
}

// RFC 3711 §9.1: two senders with one SSRC would share keystream at the receivers.
Core::Check Core::check_ssrc(const abi::Stream& m, const LegObject& leg) const {
  const ConferenceObject* conference = conferences_.find(leg.conference);
  for (const std::uint64_t other : conference->legs) {
    for (const std::uint64_t id : legs_.find(other)->streams) {
      if (streams_.find(id)->ssrc == m.ssrc)
        return refuse(ErrorCode::kConflict, m.stream_id, "stream.ssrc", "SSRC " + hex(m.ssrc) + " is already taken in this conference");
    }
  }
  return {};
}

// A new source with an SSRC that receivers were already sent under their present keys must begin above every index used.
Core::Check Core::check_continuity(const abi::Stream& m, const LegObject& leg) const {
  for (const std::uint64_t other : conferences_.find(leg.conference)->legs) {
    const LegObject* receiver = legs_.find(other);
    const auto sent = receiver->send_slots.find(m.ssrc);
    if (other == leg.id || sent == receiver->send_slots.end()) continue;
    const auto& state = sent->second->state();
    if (sent->second->identity().key_fingerprint != receiver->send_key->fingerprint() || !state.srtp.started()) continue;
    if (std::int64_t{m.initial_roc} - state.roc_offset > static_cast<std::int64_t>(state.srtp.top >> 16)) continue;
    return refuse(ErrorCode::kConflict, m.stream_id, "stream.ssrc",
                  "SSRC " + hex(m.ssrc) + " was sealed before under the receivers' present keys: rekey them, or begin at a higher ROC");
  }
  return {};
}

Core::Check Core::stage(const abi::ObjectRemove& m) {
  switch (m.header.type) {
    case abi::MessageType::kConferenceRemove: {
      const ConferenceObject* conference = conferences_.find(m.object_id);
      if (conference == nullptr) return refuse(ErrorCode::kNotFound, m.object_id, "conference", "no such conference");
      if (!conference->legs.empty()) return refuse(ErrorCode::kConflict, m.object_id, "conference", "the conference still has legs");
      conferences_.erase(m.object_id);
      touched_conferences_.erase(m.object_id);
      return {};
    }
    case abi::MessageType::kLegRemove: {
      const LegObject* leg = legs_.find(m.object_id);
      if (leg == nullptr) return refuse(ErrorCode::kNotFound, m.object_id, "leg", "no such leg");
      remove_leg(*leg);
      return {};
    }
    case abi::MessageType::kStreamRemove: {
      const StreamObject* stream = streams_.find(m.object_id);
      if (stream == nullptr) return refuse(ErrorCode::kNotFound, m.object_id, "stream", "no such stream");
      remove_stream(*stream);
      return {};
    }
    default: return refuse(ErrorCode::kUnsupported, m.object_id, "operation", "unknown operation");
  }
}

void Core::remove_leg(const LegObject& leg) {
  const std::uint64_t id = leg.id;
  for (const std::uint64_t stream : leg.streams) streams_.erase(stream);
  endpoints_.erase(endpoint_id(leg.port, leg.address_index, leg.local_port));
  send_keys_.erase(leg.send_key->fingerprint());
  spent_send_keys_.push_back(leg.send_key->fingerprint());
  conferences_.edit(leg.conference).legs.erase(id);
  touched_conferences_.insert(leg.conference);
  dirty_legs_.erase(id);
  legs_.erase(id);
}

void Core::remove_stream(const StreamObject& stream) {
  const std::uint64_t id = stream.id;
  LegObject& leg = legs_.edit(stream.leg);
  leg.streams.erase(id);
  touched_conferences_.insert(leg.conference);
  dirty_legs_.insert(stream.leg);
  streams_.erase(id);
}

// The end of a resynchronisation: everything that was not named goes.
void Core::sweep(const std::unordered_set<std::uint64_t>& named) {
  for (const std::uint64_t id : streams_.committed_ids())
    if (const auto* stream = streams_.find(id); stream != nullptr && !named.contains(id)) remove_stream(*stream);
  for (const std::uint64_t id : legs_.committed_ids())
    if (const auto* leg = legs_.find(id); leg != nullptr && !named.contains(id)) remove_leg(*leg);
  for (const std::uint64_t id : conferences_.committed_ids())
    if (conferences_.find(id) != nullptr && !named.contains(id)) {
      conferences_.erase(id);
      touched_conferences_.erase(id);
    }
}

Result<std::shared_ptr<SlotHandle>> Core::take_slot(abi::SlotKind kind, std::uint64_t leg, std::uint64_t stream, std::uint32_t ssrc,
                                                    const KeyMaterial& key) {
  auto slot = state_->acquire(SlotKey{kind, leg, ssrc}, key.fingerprint());
  if (!slot) return tl::unexpected(slot.error());
  auto handle = std::make_shared<SlotHandle>(*state_, *slot, keep_state_);
  handle->identity().stream_id = stream;
  return handle;
}

}  // namespace mediaward::dataplane
