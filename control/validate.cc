// SPDX-License-Identifier: Apache-2.0
// Rules of single objects. Every message says what is wrong and what would be right. Any thread.
#include "control/validate.h"

#include <algorithm>

#include "crypto/srtp_index.h"

namespace mediaward::control {

namespace {

constexpr const char* kIdRule = "must be 1 to 128 printable ASCII characters without space";
constexpr std::size_t kMaxPortName = 31;  // abi::Leg::port_name with its NUL

ApiResult<void> refuse(ObjectKind kind, const std::string& id, std::string field, std::string message,
                       ErrorCode code = ErrorCode::kInvalid) {
  return tl::unexpected(ApiError{{code, std::move(message)}, ObjectName{kind, id}.text(), std::move(field)});
}

bool all_zero(const Endpoint& endpoint) {
  return std::all_of(endpoint.address.begin(), endpoint.address.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool is_multicast(const Endpoint& endpoint) {
  if (endpoint.family == abi::Family::kIpv6) return endpoint.address[0] == 0xff;  // RFC 4291 §2.7
  const bool broadcast =
      std::all_of(endpoint.address.begin(), endpoint.address.begin() + 4, [](std::uint8_t byte) { return byte == 0xff; });
  return broadcast || (endpoint.address[0] & 0xf0) == 0xe0;  // RFC 1112 §4
}

ApiResult<void> check_endpoint(const Leg& leg, const Endpoint& endpoint, const std::string& field) {
  if (endpoint.udp_port == 0) return refuse(ObjectKind::kLeg, leg.id, field + ".udp_port", "must be 1 to 65535");
  if (all_zero(endpoint)) return refuse(ObjectKind::kLeg, leg.id, field + ".address", "the unspecified address cannot be used");
  if (is_multicast(endpoint)) return refuse(ObjectKind::kLeg, leg.id, field + ".address", "must be a unicast address");
  return {};
}

ApiResult<void> check_key(const Leg& leg, const KeySet& key, const std::string& field) {
  const crypto::SuiteInfo* suite = crypto::find_suite(key.suite);
  if (suite == nullptr) return refuse(ObjectKind::kLeg, leg.id, field, "is missing; a new leg needs both keys");
  const auto wrong_length = [&](const char* part, std::size_t has, std::size_t wants) {
    return refuse(ObjectKind::kLeg, leg.id, field + "." + part,
                  "has " + std::to_string(has) + " bytes; " + std::string(suite->name) + " takes " + std::to_string(wants));
  };
  if (key.key.size() != suite->key_bytes) return wrong_length("master_key", key.key.size(), suite->key_bytes);
  if (key.salt.size() != suite->salt_bytes) return wrong_length("master_salt", key.salt.size(), suite->salt_bytes);
  if (!key.mki.empty())
    return refuse(ObjectKind::kLeg, leg.id, field + ".mki", "an MKI is not a service of this release; leave it empty",
                  ErrorCode::kUnsupported);
  if (key.lifetime_packets > crypto::kMaxSrtpIndex + 1)
    return refuse(ObjectKind::kLeg, leg.id, field + ".lifetime_packets", "must be at most 2^48 (RFC 3711 §9.2)");
  return {};
}

}  // namespace

bool is_good_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

ApiResult<void> validate(const Conference& conference) {
  if (!is_good_id(conference.id)) return refuse(ObjectKind::kConference, conference.id, "conference.id", kIdRule);
  return {};
}

ApiResult<void> validate(const Leg& leg) {
  if (!is_good_id(leg.id)) return refuse(ObjectKind::kLeg, leg.id, "leg.id", kIdRule);
  if (leg.port.empty() || leg.port.size() > kMaxPortName)
    return refuse(ObjectKind::kLeg, leg.id, "leg.port", "must name a port of the data plane's configuration (1 to 31 characters)");
  if (auto good = check_endpoint(leg, leg.local, "leg.local"); !good) return good;
  if (auto good = check_endpoint(leg, leg.remote, "leg.remote"); !good) return good;
  if (leg.local.family != leg.remote.family)
    return refuse(ObjectKind::kLeg, leg.id, "leg.remote.address", "must be of the same address family as leg.local.address");
  if (leg.local == leg.remote) return refuse(ObjectKind::kLeg, leg.id, "leg.remote", "is the same endpoint as leg.local");
  if (leg.dscp > 63) return refuse(ObjectKind::kLeg, leg.id, "leg.dscp", "must be 0 to 63 (RFC 2474 §3)");
  if (auto good = check_key(leg, leg.receive_key, "leg.receive_key"); !good) return good;
  return check_key(leg, leg.send_key, "leg.send_key");
}

ApiResult<void> validate(const Stream& stream) {
  if (!is_good_id(stream.id)) return refuse(ObjectKind::kStream, stream.id, "stream.id", kIdRule);
  return {};
}

}  // namespace mediaward::control
