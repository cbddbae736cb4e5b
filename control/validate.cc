// SPDX-License-Identifier: Apache-2.0
// Rules of single objects. Every message says what is wrong and what would be right. Rules of keys are in validate_keys.cc.
// Any thread.
#include "control/validate.h"

#include <algorithm>

#include "control/validate_keys.h"

namespace mediaward::control {

namespace {

constexpr const char* kIdRule = "must be 1 to 128 printable ASCII characters without space";
constexpr std::size_t kMaxPortName = sizeof abi::Leg{}.port_name - 1;

// One object's refusals.
class Judge {
 public:
  Judge(ObjectKind kind, const std::string& id) : object_{kind, id} {}
  [[nodiscard]] tl::unexpected<ApiError> refuse(std::string field, std::string message) const {
    return tl::unexpected(object_error(ErrorCode::kInvalid, object_, std::move(field), std::move(message)));
  }

 private:
  ObjectName object_;
};

bool all_zero(const Endpoint& endpoint) {
  return std::all_of(endpoint.address.begin(), endpoint.address.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool is_multicast(const Endpoint& endpoint) {
  if (endpoint.family == abi::Family::kIpv6) return endpoint.address[0] == 0xff;  // RFC 4291 §2.7
  const bool broadcast =
      std::all_of(endpoint.address.begin(), endpoint.address.begin() + 4, [](std::uint8_t byte) { return byte == 0xff; });
  return broadcast || (endpoint.address[0] & 0xf0) == 0xe0;  // RFC 1112 §4
}

ApiResult<void> check_endpoint(const Judge& judge, const Endpoint& endpoint, const std::string& field) {
  if (!endpoint.known()) return judge.refuse(field + ".udp_port", "must be 1 to 65535");
  if (all_zero(endpoint)) return judge.refuse(field + ".address", "the unspecified address cannot be used");
  if (is_multicast(endpoint)) return judge.refuse(field + ".address", "must be a unicast address");
  return {};
}

ApiResult<void> check_addresses(const Judge& judge, const Leg& leg) {
  if (leg.port.empty() || leg.port.size() > kMaxPortName)
    return judge.refuse("leg.port", "must name a port of the data plane's configuration (1 to 31 characters)");
  if (auto good = check_endpoint(judge, leg.local, "leg.local"); !good) return good;
  if (!leg.remote.known() && leg.source_policy != abi::SourcePolicy::kExact) return {};
  if (auto good = check_endpoint(judge, leg.remote, "leg.remote"); !good) return good;
  if (leg.local.family != leg.remote.family)
    return judge.refuse("leg.remote.address", "must be of the same address family as leg.local.address");
  if (leg.local == leg.remote) return judge.refuse("leg.remote", "is the same endpoint as leg.local");
  return {};
}

// What is learned is learned from packets that passed their tag: without a key there are none.
ApiResult<void> check_learning(const Judge& judge, const Leg& leg) {
  const bool latches = leg.source_policy != abi::SourcePolicy::kExact;
  if (!leg.receive_key.present() && latches)
    return judge.refuse("leg.source_policy", "an address is learned from authentic packets: give leg.receive_key, or EXACT");
  if (!leg.receive_key.present() && leg.ssrc_policy != abi::SsrcPolicy::kFixed)
    return judge.refuse("leg.ssrc_policy", "an SSRC is learned from authentic packets: give leg.receive_key, or FIXED");
  if (leg.source_filter.bits == 0) return {};
  if (!latches) return judge.refuse("leg.source_filter", "says where a learned address may lie; with source_policy EXACT leave it out");
  if (leg.source_filter.family != leg.local.family)
    return judge.refuse("leg.source_filter", "must be of the same address family as leg.local.address");
  return {};
}

ApiResult<void> check_rtcp(const Judge& judge, const Leg& leg) {
  if (leg.rtcp_mux && leg.remote_rtcp_port != 0)
    return judge.refuse("leg.remote_rtcp_port",
                        "multiplexed RTCP shares leg.remote.udp_port; set leg.rtcp_transport = SEPARATE or leave it out");
  if (!leg.rtcp_mux && leg.local.udp_port % 2 != 0)  // RFC 3550 §11
    return judge.refuse("leg.local.udp_port", "must be even with leg.rtcp_transport = SEPARATE: RTCP has the next port");
  if (!leg.rtcp_mux && leg.remote.udp_port == 65535 && leg.remote_rtcp_port == 0)
    return judge.refuse("leg.remote_rtcp_port", "must be given: there is no port behind leg.remote.udp_port = 65535");
  return {};
}

}  // namespace

bool is_good_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

ApiResult<void> validate(const Conference& conference, const SuitePolicy& suites) {
  const Judge judge(ObjectKind::kConference, conference.id);
  if (!is_good_id(conference.id)) return judge.refuse("conference.id", kIdRule);
  if (conference.speakers.hysteresis_db > 127)  // RFC 6464 §3: 0 to 127 -dBov
    return judge.refuse("conference.speakers.hysteresis_db", "must be 0 to 127");
  if (conference.spread && conference.mode != abi::ForwardingMode::kPerParticipantKeys)
    return judge.refuse("conference.spread",
                        "only sealing per participant is worth spreading: use mode PER_PARTICIPANT_KEYS or leave it out");
  return validate_keys(conference, suites);
}

ApiResult<void> validate(const Leg& leg, abi::ForwardingMode mode, const SuitePolicy& suites) {
  const Judge judge(ObjectKind::kLeg, leg.id);
  if (!is_good_id(leg.id)) return judge.refuse("leg.id", kIdRule);
  if (auto good = check_addresses(judge, leg); !good) return good;
  if (leg.dscp > 63) return judge.refuse("leg.dscp", "must be 0 to 63 (RFC 2474 §3)");
  if (leg.replay_window != 0 && (leg.replay_window < 64 || leg.replay_window > 8192))
    return judge.refuse("leg.replay_window", "must be 64 to 8192 packets (RFC 3711 §3.3.2), or 0 for 128");
  if (auto good = check_rtcp(judge, leg); !good) return good;
  if (auto good = validate_keys(leg, mode, suites); !good) return good;
  return check_learning(judge, leg);
}

ApiResult<void> validate(const Stream& stream) {
  if (!is_good_id(stream.id)) return Judge(ObjectKind::kStream, stream.id).refuse("stream.id", kIdRule);
  return {};
}

ApiResult<void> validate(const TopologyEntry& entry) {
  if (entry.leg_a != entry.leg_b) return {};
  return Judge(ObjectKind::kTopology, entry.id).refuse("topology.leg_b", "must be another leg than leg_a");
}

}  // namespace mediaward::control
