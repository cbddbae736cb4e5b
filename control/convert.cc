// SPDX-License-Identifier: Apache-2.0
// Requests into values; legs and keys are in convert_leg.cc, swarms in convert_peer.cc. Any thread.
#include "control/convert.h"

#include "control/convert_parts.h"
#include "control/convert_peer.h"

namespace mediaward::control {

namespace {

ApiResult<void> convert(const ConvertContext& context, const v1::SpeakerPolicy& in, SpeakerPolicy& out) {
  const std::string field = "conference.speakers";
  if (auto good = check_unknown(context, in, field); !good) return good;
  const auto outside = [&](const char* part, std::uint32_t value, const char* range) {
    return context.refuse(field + part, std::string("must be ") + range + ", not " + std::to_string(value));
  };
  if (in.loudest() > 255) return outside(".loudest", in.loudest(), "0 to 255");
  if (in.hysteresis_db() > 127) return outside(".hysteresis_db", in.hysteresis_db(), "0 to 127");
  if (in.hold_ms() > 65535) return outside(".hold_ms", in.hold_ms(), "0 to 65535");
  out = {static_cast<std::uint8_t>(in.loudest()), static_cast<std::uint8_t>(in.hysteresis_db()), static_cast<std::uint16_t>(in.hold_ms())};
  return {};
}

ApiResult<Conference> convert(const v1::Conference& in) {
  const ConvertContext context{ObjectKind::kConference, in.id()};
  if (auto good = check_unknown(context, in, "conference"); !good) return tl::unexpected(good.error());
  if (in.mode() < v1::FORWARDING_MODE_UNSPECIFIED || in.mode() > v1::FORWARDING_MODE_RELAY)
    return context.unsupported("conference.mode", std::to_string(in.mode()) + " is not a forwarding mode of this release");
  Conference out;
  out.id = in.id();
  if (in.mode() != v1::FORWARDING_MODE_UNSPECIFIED) out.mode = static_cast<abi::ForwardingMode>(in.mode());
  out.spread = in.spread();
  if (auto good = convert(context, in.speakers(), out.speakers); !good) return tl::unexpected(good.error());
  if (auto good = convert_key_list(context, in.group_keys(), "conference.group_keys", out.group_keys); !good)
    return tl::unexpected(good.error());
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

ApiResult<TopologyEntry> convert(const v1::TopologyEntry& in) {
  const ConvertContext context{ObjectKind::kTopology, topology_id(in.leg_a(), in.leg_b())};
  if (auto good = check_unknown(context, in, "topology"); !good) return tl::unexpected(good.error());
  if (in.relation() == v1::TOPOLOGY_RELATION_UNSPECIFIED) return context.refuse("topology.relation", "must be BOTH, ONEWAY or ISOLATE");
  if (in.relation() < 0 || in.relation() > v1::TOPOLOGY_RELATION_ISOLATE) return context.unknown_value("topology.relation", in.relation());
  TopologyEntry out;
  out.id = context.id;
  out.conference_id = in.conference_id();
  out.leg_a = in.leg_a();
  out.leg_b = in.leg_b();
  out.relation = static_cast<abi::TopologyRelation>(in.relation());
  return out;
}

ApiResult<RekeyLeg> convert(const v1::RekeyLeg& in) {
  const ConvertContext context{ObjectKind::kLeg, in.leg_id()};
  if (auto good = check_unknown(context, in, "rekey_leg"); !good) return tl::unexpected(good.error());
  RekeyLeg out;
  out.request.leg.id = in.leg_id();
  if (auto good = convert_keys(context, in, out.request); !good) return tl::unexpected(good.error());
  return out;
}

ApiResult<RekeyConference> convert(const v1::RekeyConference& in) {
  const ConvertContext context{ObjectKind::kConference, in.conference_id()};
  if (auto good = check_unknown(context, in, "rekey_conference"); !good) return tl::unexpected(good.error());
  RekeyConference out;
  out.id = in.conference_id();
  if (auto good = convert_key_list(context, in.group_keys(), "conference.group_keys", out.group_keys); !good)
    return tl::unexpected(good.error());
  return out;
}

ApiResult<MuteLeg> convert(const v1::MuteLeg& in) {
  if (auto good = check_unknown({ObjectKind::kLeg, in.leg_id()}, in, "mute_leg"); !good) return tl::unexpected(good.error());
  return MuteLeg{in.leg_id(), in.muted()};
}

ApiResult<ReplaceConference> convert(const v1::ReplaceConference& in) {
  if (auto good = check_unknown({ObjectKind::kConference, in.conference().id()}, in, "replace_conference"); !good)
    return tl::unexpected(good.error());
  ReplaceConference out;
  auto conference = convert(in.conference());
  if (!conference) return tl::unexpected(conference.error());
  out.conference = std::move(*conference);
  for (const auto& leg : in.legs()) {
    auto one = convert_leg(leg);
    if (!one) return tl::unexpected(one.error());
    if (one->leg.conference_id.empty()) one->leg.conference_id = out.conference.id;
    out.legs.push_back(std::move(*one));
  }
  for (const auto& stream : in.streams()) {
    auto one = convert(stream);
    if (!one) return tl::unexpected(one.error());
    out.streams.push_back(std::move(*one));
  }
  for (const auto& entry : in.topology()) {
    auto one = convert(entry);
    if (!one) return tl::unexpected(one.error());
    if (one->conference_id.empty()) one->conference_id = out.conference.id;
    out.topology.push_back(std::move(*one));
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
      return widen(convert(in.put_conference()));
    case v1::Operation::kPutLeg:
      return widen(convert_leg(in.put_leg()));
    case v1::Operation::kPutStream:
      return widen(convert(in.put_stream()));
    case v1::Operation::kRemoveConference:
      return Operation(RemoveConference{in.remove_conference().id(), in.remove_conference().cascade()});
    case v1::Operation::kRemoveLeg:
      return Operation(RemoveLeg{in.remove_leg()});
    case v1::Operation::kRemoveStream:
      return Operation(RemoveStream{in.remove_stream()});
    case v1::Operation::kReplaceConference:
      return widen(convert(in.replace_conference()));
    case v1::Operation::kPutTopology:
      return widen(convert(in.put_topology()));
    case v1::Operation::kRekeyLeg:
      return widen(convert(in.rekey_leg()));
    case v1::Operation::kRekeyConference:
      return widen(convert(in.rekey_conference()));
    case v1::Operation::kMuteLeg:
      return widen(convert(in.mute_leg()));
    case v1::Operation::kPutSwarm:
      return widen(convert_swarm(in.put_swarm()));
    case v1::Operation::kRemoveSwarm:
      return widen(convert_remove_swarm(in.remove_swarm()));
    case v1::Operation::kPutAdmission:
      return widen(convert_admission(in.put_admission()));
    case v1::Operation::kRemoveAdmission:
      return widen(convert_remove_admission(in.remove_admission()));
    case v1::Operation::kPutContent:
      return widen(convert_content(in.put_content()));
    case v1::Operation::kReplaceSwarm:
      return widen(convert_replace_swarm(in.replace_swarm()));
    case v1::Operation::OPERATION_NOT_SET:
      break;
  }
  ApiError unknown;
  unknown.error = {ErrorCode::kUnsupported, "is empty, or an operation that this release does not know"};
  unknown.field = "operations";
  return tl::unexpected(std::move(unknown));
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

}  // namespace mediaward::control
