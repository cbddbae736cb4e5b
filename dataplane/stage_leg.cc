// SPDX-License-Identifier: Apache-2.0
// Validation of legs: values, place (port, local address, UDP ports), keys as the conference's mode wants them, and what of the tables
// a change concerns. See core.h. Main thread.
#include <algorithm>

#include "dataplane/staging.h"

namespace mediaward::dataplane {
namespace {

using abi::ForwardingMode;

constexpr std::uint32_t kKnownFlags = abi::kLegMayReceiveFrom | abi::kLegMaySendTo | abi::kLegMuted | abi::kLegRtcpMux | abi::kLegSrtcpPlain;

std::string name_of(const char* text, std::size_t size) { return {text, strnlen(text, size)}; }

template <typename Enum>
bool within(Enum value, Enum first, Enum last) {
  return value >= first && value <= last;
}

tl::expected<void, Refusal> check_values(const abi::Leg& m) {
  const auto refused = [&](ErrorCode code, const char* field, const char* message) { return refuse(code, m.leg_id, field, message); };
  if (m.leg_id == 0) return refused(ErrorCode::kInvalid, "leg.id", "0 is not an id");
  if (m.family != Family::kIpv4 && m.family != Family::kIpv6) return refused(ErrorCode::kInvalid, "leg.family", "neither IPv4 nor IPv6");
  if (m.dscp > 63) return refused(ErrorCode::kInvalid, "leg.dscp", "DSCP is 0 to 63");  // RFC 2474 §3: six bits
  if ((m.flags & ~kKnownFlags) != 0) return refused(ErrorCode::kUnsupported, "leg.flags", "flags that this release does not know");
  if (!within(m.source_policy, abi::SourcePolicy::kExact, abi::SourcePolicy::kRelatch))
    return refused(ErrorCode::kUnsupported, "leg.source_policy", "no such policy in this release");
  if (!within(m.ssrc_policy, abi::SsrcPolicy::kFixed, abi::SsrcPolicy::kFirstAuthenticated))
    return refused(ErrorCode::kUnsupported, "leg.ssrc_policy", "no such policy in this release");
  if (!within(m.rtcp_policy, abi::RtcpPolicy::kForward, abi::RtcpPolicy::kDrop))
    return refused(ErrorCode::kUnsupported, "leg.rtcp_policy", "no such policy in this release");
  if (m.replay_window != 0 && !within<unsigned>(m.replay_window, crypto::kMinWindowPackets, crypto::kMaxWindowPackets))
    return refused(ErrorCode::kInvalid, "leg.replay_window", "64 to 8192 packets, or 0 for 128 (RFC 3711 §3.3.2)");
  if (m.receive_key_count > abi::kMaxKeysPerDirection) return refused(ErrorCode::kInvalid, "leg.receive_keys", "at most 4 keys per direction");
  if (m.send_key_count > abi::kMaxKeysPerDirection) return refused(ErrorCode::kInvalid, "leg.send_keys", "at most 4 keys per direction");
  const bool learns = m.source_policy != abi::SourcePolicy::kExact;
  if (m.receive_key_count == 0 && learns)
    return refused(ErrorCode::kInvalid, "leg.source_policy", "an address is learned from authentic packets: that takes a receive key");
  if (m.receive_key_count == 0 && m.ssrc_policy != abi::SsrcPolicy::kFixed)
    return refused(ErrorCode::kInvalid, "leg.ssrc_policy", "an SSRC is learned from authentic packets: that takes a receive key");
  return {};
}

tl::expected<void, Refusal> check_key_counts(const abi::Leg& m, const ConferenceObject& conference) {
  const auto refused = [&](const char* field, const char* message) { return refuse(ErrorCode::kInvalid, m.leg_id, field, message); };
  if (m.receive_key_count == 0 && !conference.relay()) return refused("leg.receive_keys", "packets cannot be opened without a key");
  if (m.send_key_count == 0 && conference.mode == ForwardingMode::kPerParticipantKeys)
    return refused("leg.send_keys", "packets cannot be sealed without a key");
  if (m.send_key_count != 0 && conference.mode != ForwardingMode::kPerParticipantKeys)
    return refused("leg.send_keys", conference.group() ? "the conference seals with its group key" : "a relay seals nothing");
  return {};
}

}  // namespace

Core::Check Core::stage(const abi::Leg& m) {
  if (auto ok = check_values(m); !ok) return ok;
  const ConferenceObject* conference = conferences_.find(m.conference_id);
  if (conference == nullptr) return refuse(ErrorCode::kNotFound, m.leg_id, "leg.conference", "no such conference");
  if (auto ok = check_key_counts(m, *conference); !ok) return ok;
  if (const auto* other = conferences_.find(m.leg_id); other != nullptr && other->group())
    return refuse(ErrorCode::kConflict, m.leg_id, "leg.id", "a conference with a group key has this id, and send state is filed by it");
  const LegObject* existing = legs_.find(m.leg_id);
  const bool is_new = existing == nullptr;
  bool replaced = false;
  if (!is_new) {
    const Check same = check_leg_unchanged(m, *existing);
    if (!same && !resync_) return same;
    replaced = !same;
  }
  LegObject& leg = legs_.edit(m.leg_id);
  if (is_new) leg = LegObject{};  // nothing of a leg of that name that this transaction removed
  const LegObject before = leg;
  if (replaced) leave(leg);
  if (is_new || replaced) {
    if (auto ok = stage_place(m, leg); !ok) return ok;
  }
  return stage_settings(m, leg, before, is_new, replaced);
}

Core::Check Core::stage_settings(const abi::Leg& m, LegObject& leg, const LegObject& before, bool is_new, bool replaced) {
  const bool had_rtcp_port = !is_new && !replaced && leg.own_rtcp_port();
  if (auto ok = stage_remote(m, leg); !ok) return ok;
  leg.dscp = m.dscp;
  leg.flags = m.flags;
  leg.ssrc_policy = m.ssrc_policy;
  leg.rtcp_policy = m.rtcp_policy;
  leg.audio_level_id = m.audio_level_id;
  if (auto ok = stage_rtcp_port(m, leg, had_rtcp_port); !ok) return ok;
  if (auto ok = stage_leg_keys(m, leg, replaced); !ok) return ok;
  if (is_new) {
    take_over_slots(leg.id, leg.receive_keys, leg.send_keys);
    recall_remote(leg);
  }
  if (auto ok = stage_route(leg); !ok) return ok;
  mark_dirty(before, leg, is_new || replaced);
  return {};
}

Core::Check Core::check_leg_unchanged(const abi::Leg& m, const LegObject& leg) const {
  const auto refused = [&](const char* field, const char* what) {
    return refuse(ErrorCode::kConflict, m.leg_id, field, std::string("a leg cannot change its ") + what + ": remove and add it");
  };
  const auto& port = settings_.ports[leg.port];
  if (m.conference_id != leg.conference) return refused("leg.conference", "conference");
  if (name_of(m.port_name, sizeof m.port_name) != port.name || address_of(m.family, m.local.address) != port.addresses[leg.address_index].address ||
      m.local.udp_port != leg.local_port)
    return refused("leg.local", "local endpoint");
  if ((m.replay_window != 0 ? m.replay_window : crypto::kReplayWindowPackets) != leg.replay_window) return refused("leg.replay_window", "replay window");
  const auto other_suite = [](const abi::Key& key, std::size_t count, const KeyList& keys) {
    return count != 0 && !keys.empty() && static_cast<crypto::Suite>(key.suite) != keys.front()->suite().id;
  };
  if (other_suite(m.receive_keys[0], m.receive_key_count, leg.receive_keys)) return refused("leg.receive_keys.suite", "suite");
  if (other_suite(m.send_keys[0], m.send_key_count, leg.send_keys)) return refused("leg.send_keys.suite", "suite");
  return {};
}

// A leg that a resynchronisation names with another place or suite: what it has of keys and indexes goes on, everything else is new.
void Core::leave(LegObject& leg) {
  vacate(leg);
  ConferenceObject& left = conferences_.edit(leg.conference);
  left.legs.erase(leg.id);
  left.topology.erase_if([&](const auto& item) { return item.first.first == leg.id || item.first.second == leg.id; });
  touched_conferences_.insert(leg.conference);
  leg.hop = nullptr;
}

Core::Check Core::stage_place(const abi::Leg& m, LegObject& leg) {
  const std::string port_name = name_of(m.port_name, sizeof m.port_name);
  const auto port = std::find_if(settings_.ports.begin(), settings_.ports.end(), [&](const auto& p) { return p.name == port_name; });
  if (port == settings_.ports.end())
    return refuse(ErrorCode::kNotFound, m.leg_id, "leg.port", "no port is called '" + port_name + "' in the data plane's configuration");
  const IpAddress local = address_of(m.family, m.local.address);
  const auto address = std::find_if(port->addresses.begin(), port->addresses.end(), [&](const auto& a) { return a.address == local; });
  if (address == port->addresses.end())
    return refuse(ErrorCode::kInvalid, m.leg_id, "leg.local.address", local.to_string() + " is not an address of port '" + port_name + "'");
  if (m.local.udp_port < port->media_port_first || m.local.udp_port > port->media_port_last)
    return refuse(ErrorCode::kInvalid, m.leg_id, "leg.local.port",
                  "UDP port " + std::to_string(m.local.udp_port) + " lies outside the port's media_ports " + std::to_string(port->media_port_first) + "-" +
                      std::to_string(port->media_port_last));
  leg.id = m.leg_id;
  leg.conference = m.conference_id;
  leg.port = static_cast<std::uint16_t>(port - settings_.ports.begin());
  leg.address_index = static_cast<std::uint16_t>(address - port->addresses.begin());
  leg.local_port = m.local.udp_port;
  leg.replay_window = m.replay_window != 0 ? m.replay_window : static_cast<std::uint16_t>(crypto::kReplayWindowPackets);
  const std::uint64_t endpoint = endpoint_id(leg, leg.local_port);
  if (endpoints_.find(endpoint) != nullptr)
    return refuse(ErrorCode::kConflict, m.leg_id, "leg.local", "another leg already uses " + local.to_string() + " port " + std::to_string(leg.local_port));
  if (free_legs_.empty())
    return refuse(ErrorCode::kExhausted, m.leg_id, "leg", "all " + std::to_string(settings_.limits.legs) + " legs are in use: raise limits.legs");
  endpoints_.edit(endpoint) = m.leg_id;
  leg.number = std::make_shared<TableNumber>(free_legs_, next_generation_++);
  if (leg.gate == nullptr) leg.gate = std::make_shared<SpeakerGate>();
  conferences_.edit(m.conference_id).legs.insert(m.leg_id);
  return {};
}

// Without multiplexing RTCP has the port behind the one of RTP (RFC 3550 §11).
Core::Check Core::stage_rtcp_port(const abi::Leg& m, LegObject& leg, bool had_one) {
  if (leg.own_rtcp_port() == had_one) return {};
  const std::uint64_t endpoint = endpoint_id(leg, static_cast<std::uint16_t>(leg.local_port + 1));
  if (had_one) {
    endpoints_.erase(endpoint);
    return {};
  }
  if (leg.local_port % 2 != 0)
    return refuse(ErrorCode::kInvalid, m.leg_id, "leg.local.port", "must be even when RTCP has a port of its own: that is the next one");
  if (leg.local_port == settings_.ports[leg.port].media_port_last)
    return refuse(ErrorCode::kInvalid, m.leg_id, "leg.local.port", "the next port, for RTCP, lies outside the port's media_ports");
  if (endpoints_.find(endpoint) != nullptr)
    return refuse(ErrorCode::kConflict, m.leg_id, "leg.local", "another leg already uses UDP port " + std::to_string(leg.local_port + 1) + ", which RTCP would have");
  endpoints_.edit(endpoint) = m.leg_id;
  return {};
}

Core::Check Core::stage_leg_keys(const abi::Leg& m, LegObject& leg, bool replaced) {
  const KeyList received = leg.receive_keys, sent = leg.send_keys;
  const KeyRequest receive{{m.receive_keys, m.receive_key_count}, m.leg_id, "leg.receive_keys", false, replaced};
  if (auto ok = stage_keys(receive, leg.receive_keys); !ok) return ok;
  const KeyRequest send{{m.send_keys, m.send_key_count}, m.leg_id, "leg.send_keys", true, replaced};
  if (auto ok = stage_keys(send, leg.send_keys); !ok) return ok;
  if (auto ok = stage_seal_keys({false, m.leg_id}, send, sent, leg.send_keys); !ok) return ok;
  if (!sent.empty() && (leg.send_keys.empty() || sent.front()->fingerprint() != leg.send_keys.front()->fingerprint())) {
    book_->forget(m.leg_id, abi::SlotKind::kSend);
    rekeyed_.insert(m.leg_id);
  }
  const auto kept = [&](const auto& key) { return leg.receives_under(key->fingerprint()); };
  if (!received.empty() && std::none_of(received.begin(), received.end(), kept)) {
    book_->forget(m.leg_id, abi::SlotKind::kReceive);
    rekeyed_.insert(m.leg_id);
  }
  const bool tried = leg.receive_keys.size() > 1 && leg.receive_keys.front()->mki().empty();
  if (!tried)
    leg.preferred = nullptr;
  else if (leg.preferred == nullptr || received != leg.receive_keys)
    leg.preferred = std::make_shared<std::uint8_t>(std::uint8_t{0});
  return {};
}

// What workers must be told of a change. The receivers' side of streams is built with the conference.
void Core::mark_dirty(const LegObject& before, const LegObject& leg, bool is_new) {
  const auto flags_differ = [&](std::uint32_t mask) { return ((before.flags ^ leg.flags) & mask) != 0; };
  const auto sealing = [](const LegObject& l) { return l.send_keys.empty() ? nullptr : l.send_keys.front(); };
  const bool send_side = is_new || before.dscp != leg.dscp || !(before.remote() == leg.remote()) || before.hop != leg.hop ||
                         sealing(before) != sealing(leg) || flags_differ(abi::kLegRtcpMux);
  const bool receive_side = before.flags != leg.flags || before.ssrc_policy != leg.ssrc_policy || before.rtcp_policy != leg.rtcp_policy ||
                            before.source_policy != leg.source_policy || !(before.filter == leg.filter) || !(before.learned == leg.learned) ||
                            before.receive_keys != leg.receive_keys;
  const bool audience = send_side || flags_differ(abi::kLegMayReceiveFrom | abi::kLegMaySendTo) || before.rtcp_policy != leg.rtcp_policy;
  if (send_side) dirty_legs_.insert(leg.id);
  if (receive_side) dirty_receivers_.insert(leg.id);
  if (audience) touched_conferences_.insert(leg.conference);
  if (flags_differ(abi::kLegMuted) || before.audio_level_id != leg.audio_level_id) {
    for (const std::uint64_t stream : leg.streams) dirty_streams_.insert(stream);
    electing_changed_.insert(leg.conference);
  }
}

}  // namespace mediaward::dataplane
