// SPDX-License-Identifier: Apache-2.0
// Requests into values. Any thread.
#include "control/convert.h"

#include <arpa/inet.h>

#include "config/nearest.h"

namespace mediaward::control {

namespace {

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// One object of a request, with its name for errors.
struct Context {
  ObjectKind kind;
  std::string id;
  [[nodiscard]] tl::unexpected<ApiError> refuse(std::string field, std::string message, ErrorCode code = ErrorCode::kInvalid) const {
    return tl::unexpected(ApiError{{code, std::move(message)}, ObjectName{kind, id}.text(), std::move(field)});
  }
  [[nodiscard]] tl::unexpected<ApiError> unsupported(std::string field, std::string message) const {
    return refuse(std::move(field), std::move(message), ErrorCode::kUnsupported);
  }
};

// A text that a person may have sent by mistake instead of an address: cut before it is quoted.
std::string shown(const std::string& text) {
  std::string out(1, '`');
  out.append(text, 0, 64);
  out += '`';
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > 0x7e) c = '?';
  return out;
}

ApiResult<void> check_unknown(const Context& context, const google::protobuf::Message& message, const std::string& field) {
  if (message.GetReflection()->GetUnknownFields(message).empty()) return {};
  return context.unsupported(field, "has a field that this release does not know");
}

ApiResult<void> convert(const Context& context, const v1::Endpoint& in, const std::string& field, Endpoint& out) {
  if (in.udp_port() == 0 || in.udp_port() > 65535)
    return context.refuse(field + ".udp_port", "must be 1 to 65535, not " + std::to_string(in.udp_port()));
  out.udp_port = static_cast<std::uint16_t>(in.udp_port());
  const bool has_nul = in.address().find('\0') != std::string::npos;
  if (!has_nul && ::inet_pton(AF_INET, in.address().c_str(), out.address.data()) == 1) {
    out.family = abi::Family::kIpv4;
  } else if (!has_nul && ::inet_pton(AF_INET6, in.address().c_str(), out.address.data()) == 1) {
    out.family = abi::Family::kIpv6;
  } else {
    return context.refuse(field + ".address", shown(in.address()) + " is not an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1");
  }
  return {};
}

ApiResult<void> convert(const Context& context, const v1::KeySet& in, const std::string& field, KeySet& out) {
  if (auto good = check_unknown(context, in, field); !good) return good;
  const crypto::SuiteInfo* suite = crypto::find_suite(std::string_view(in.suite()));
  if (suite == nullptr) {
    std::vector<std::string> names;
    for (const auto& row : crypto::kSuites) names.emplace_back(row.name);
    return context.unsupported(field + ".suite",
                               shown(in.suite()) + " is not a suite of this release" + config::did_you_mean(in.suite(), names));
  }
  out.suite = suite->id;
  const auto wrong_length = [&](const char* part, std::size_t has, std::size_t wants) {
    return context.refuse(field + "." + part,
                          "has " + std::to_string(has) + " bytes; " + std::string(suite->name) + " takes " + std::to_string(wants));
  };
  if (in.master_key().size() != suite->key_bytes || !out.key.assign(as_bytes(in.master_key())))
    return wrong_length("master_key", in.master_key().size(), suite->key_bytes);
  if (in.master_salt().size() != suite->salt_bytes || !out.salt.assign(as_bytes(in.master_salt())))
    return wrong_length("master_salt", in.master_salt().size(), suite->salt_bytes);
  if (in.mki().size() > sizeof abi::Key{}.mki) return context.refuse(field + ".mki", "must be at most 128 bytes (RFC 3711 §3.1)");
  out.mki.assign(in.mki().begin(), in.mki().end());
  out.lifetime_packets = in.lifetime_packets();
  if (in.lifetime_srtcp_packets() != 0)
    return context.unsupported(field + ".lifetime_srtcp_packets", "SRTCP is not a service of this release");
  return {};
}

ApiResult<Operation> convert(const v1::Conference& in) {
  const Context context{ObjectKind::kConference, in.id()};
  if (auto good = check_unknown(context, in, "conference"); !good) return tl::unexpected(good.error());
  if (in.mode() != v1::FORWARDING_MODE_UNSPECIFIED && in.mode() != v1::FORWARDING_MODE_PER_PARTICIPANT_KEYS)
    return context.unsupported("conference.mode", std::to_string(in.mode()) + " is not a forwarding mode of this release");
  Conference out;
  out.id = in.id();
  return out;
}

ApiResult<void> convert_policies(const Context& context, const v1::Leg& in, Leg& out) {
  if (in.dscp() > 63) return context.refuse("leg.dscp", "must be 0 to 63, not " + std::to_string(in.dscp()) + " (RFC 2474 §3)");
  out.dscp = static_cast<std::uint8_t>(in.dscp());
  switch (in.direction()) {
    case v1::DIRECTION_UNSPECIFIED:
    case v1::DIRECTION_BOTH:
      break;
    case v1::DIRECTION_SEND_ONLY:
      out.may_receive = false;
      break;
    case v1::DIRECTION_RECEIVE_ONLY:
      out.may_send = false;
      break;
    case v1::DIRECTION_INACTIVE:
      out.may_send = out.may_receive = false;
      break;
    default:
      return context.unsupported("leg.direction", std::to_string(in.direction()) + " is not a direction of this release");
  }
  if (in.source_policy() != v1::SOURCE_POLICY_UNSPECIFIED && in.source_policy() != v1::SOURCE_POLICY_EXACT)
    return context.unsupported("leg.source_policy", "this release accepts packets from the leg's remote endpoint only (EXACT)");
  if (!in.realm().empty()) return context.unsupported("leg.realm", "this release has one realm, \"\"");
  return {};
}

ApiResult<LegRequest> convert(const v1::Leg& in) {
  const Context context{ObjectKind::kLeg, in.id()};
  LegRequest out;
  out.leg.id = in.id();
  out.leg.conference_id = in.conference_id();
  out.leg.port = in.port();
  if (out.leg.port.find('\0') != std::string::npos) return context.refuse("leg.port", "must not contain a NUL character");
  if (auto good = check_unknown(context, in, "leg"); !good) return tl::unexpected(good.error());
  if (auto good = convert(context, in.local(), "leg.local", out.leg.local); !good) return tl::unexpected(good.error());
  if (auto good = convert(context, in.remote(), "leg.remote", out.leg.remote); !good) return tl::unexpected(good.error());
  if (auto good = convert_policies(context, in, out.leg); !good) return tl::unexpected(good.error());
  out.has_receive_key = in.has_receive_key();
  out.has_send_key = in.has_send_key();
  if (out.has_receive_key)
    if (auto good = convert(context, in.receive_key(), "leg.receive_key", out.leg.receive_key); !good) return tl::unexpected(good.error());
  if (out.has_send_key)
    if (auto good = convert(context, in.send_key(), "leg.send_key", out.leg.send_key); !good) return tl::unexpected(good.error());
  return out;
}

ApiResult<Stream> convert(const v1::Stream& in) {
  if (auto good = check_unknown({ObjectKind::kStream, in.id()}, in, "stream"); !good) return tl::unexpected(good.error());
  Stream out;
  out.id = in.id();
  out.leg_id = in.leg_id();
  out.ssrc = in.ssrc();
  out.initial_roc = in.initial_roc();
  return out;
}

ApiResult<Operation> convert(const v1::ReplaceConference& in) {
  ReplaceConference out;
  auto conference = convert(in.conference());
  if (!conference) return tl::unexpected(conference.error());
  out.conference = std::get<Conference>(*conference);
  for (const auto& leg : in.legs()) {
    auto one = convert(leg);
    if (!one) return tl::unexpected(one.error());
    if (one->leg.conference_id.empty()) one->leg.conference_id = out.conference.id;
    out.legs.push_back(std::move(*one));
  }
  for (const auto& stream : in.streams()) {
    auto one = convert(stream);
    if (!one) return tl::unexpected(one.error());
    out.streams.push_back(std::move(*one));
  }
  return out;
}

template <typename T>
ApiResult<Operation> widen(ApiResult<T> result) {
  if (!result) return tl::unexpected(std::move(result.error()));
  return Operation(std::move(*result));
}

ApiResult<Operation> convert(const v1::Operation& in) {
  switch (in.operation_case()) {
    case v1::Operation::kPutConference:
      return convert(in.put_conference());
    case v1::Operation::kPutLeg:
      return widen(convert(in.put_leg()));
    case v1::Operation::kPutStream:
      return widen(convert(in.put_stream()));
    case v1::Operation::kRemoveConference:
      return Operation(RemoveConference{in.remove_conference().id(), in.remove_conference().cascade()});
    case v1::Operation::kRemoveLeg:
      return Operation(RemoveLeg{in.remove_leg()});
    case v1::Operation::kRemoveStream:
      return Operation(RemoveStream{in.remove_stream()});
    case v1::Operation::kReplaceConference:
      return convert(in.replace_conference());
    case v1::Operation::OPERATION_NOT_SET:
      break;
  }
  return tl::unexpected(ApiError{{ErrorCode::kUnsupported, "is empty, or an operation that this release does not know"}, "", "operations"});
}

// Equal requests have equal digests; the id itself and the epoch do not count, so that a new leader can repeat what the old one sent.
Sha256Digest content_of(const v1::ApplyTransactionRequest& request) {
  std::string bytes;
  const auto add = [&](const google::protobuf::MessageLite& part) {
    std::string one = part.SerializeAsString();
    bytes += std::to_string(one.size()) + ":";
    bytes += one;
    OPENSSL_cleanse(one.data(), one.size());
  };
  std::size_t room = 16;
  for (const auto& operation : request.operations()) room += operation.ByteSizeLong() + 24;
  bytes.reserve(room);  // never moved: no copy with keys stays behind
  for (const auto& operation : request.operations()) add(operation);
  bytes += request.state_complete() ? "c" : "-";
  const Sha256Digest digest = sha256(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return digest;
}

void wipe(v1::Leg& leg) {
  for (v1::KeySet* key :
       {leg.has_receive_key() ? leg.mutable_receive_key() : nullptr, leg.has_send_key() ? leg.mutable_send_key() : nullptr}) {
    if (key == nullptr) continue;
    OPENSSL_cleanse(key->mutable_master_key()->data(), key->master_key().size());
    OPENSSL_cleanse(key->mutable_master_salt()->data(), key->master_salt().size());
  }
}

}  // namespace

ApiResult<Transaction> to_transaction(const v1::ApplyTransactionRequest& request) {
  Transaction out;
  if (!request.GetReflection()->GetUnknownFields(request).empty())
    return tl::unexpected(ApiError{{ErrorCode::kUnsupported, "the request has a field that this release does not know"}, "", ""});
  if (request.bulk_objects_size() != 0)
    return tl::unexpected(ApiError{{ErrorCode::kUnsupported, "no operation of this release takes a bulk object"}, "", "bulk_objects"});
  out.request_id = request.request_id();
  out.content = content_of(request);
  out.dry_run = request.dry_run();
  out.state_complete = request.state_complete();
  out.leadership_epoch = request.leadership_epoch();
  for (int i = 0; i < request.operations_size(); ++i) {
    auto operation = convert(request.operations(i));
    if (!operation) {
      operation.error().operation_index = i;
      return tl::unexpected(std::move(operation.error()));
    }
    out.operations.push_back(std::move(*operation));
  }
  return out;
}

void wipe_keys(v1::ApplyTransactionRequest& request) {
  for (auto& operation : *request.mutable_operations()) {
    if (operation.has_put_leg()) wipe(*operation.mutable_put_leg());
    if (operation.has_replace_conference())
      for (auto& leg : *operation.mutable_replace_conference()->mutable_legs()) wipe(leg);
  }
}

}  // namespace mediaward::control
