// SPDX-License-Identifier: Apache-2.0
// Legs and keys of a request into values. Any thread.
#include <arpa/inet.h>

#include <charconv>

#include "config/nearest.h"
#include "control/convert_parts.h"

namespace mediaward::control {

namespace {

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

ApiResult<void> convert_endpoint(const ConvertContext& context, const v1::Endpoint& in, const std::string& field, Endpoint& out) {
  if (auto good = check_unknown(context, in, field); !good) return good;
  if (in.udp_port() == 0 || in.udp_port() > 65535)
    return context.refuse(field + ".udp_port", "must be 1 to 65535, not " + std::to_string(in.udp_port()));
  out.udp_port = static_cast<std::uint16_t>(in.udp_port());
  if (!parse_address(in.address(), out.family, out.address))
    return context.refuse(field + ".address", shown(in.address()) + " is not an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1");
  return {};
}

ApiResult<void> convert_source_filter(const ConvertContext& context, const std::string& text, Prefix& out) {
  if (text.empty()) return {};
  const std::size_t slash = text.find('/');
  unsigned bits = 0;
  const char* end = text.data() + text.size();
  const bool number =
      slash != std::string::npos && slash + 1 < text.size() && std::from_chars(text.data() + slash + 1, end, bits).ptr == end;
  if (!number || !parse_address(text.substr(0, slash), out.family, out.address) || bits < 1 ||
      bits > (out.family == abi::Family::kIpv4 ? 32u : 128u))
    return context.refuse("leg.source_filter", shown(text) + " is not a network such as 192.0.2.0/24 or 2001:db8::/32");
  out.bits = static_cast<std::uint8_t>(bits);
  if (bits_behind(out.family, out.address, out.bits))
    return context.refuse("leg.source_filter",
                          shown(text) + " has bits set behind its prefix: a shorter address or a longer prefix is meant");
  return {};
}

ApiResult<void> convert_direction(const ConvertContext& context, v1::Direction in, Leg& out) {
  switch (in) {
    case v1::DIRECTION_UNSPECIFIED:
    case v1::DIRECTION_BOTH:
      return {};
    case v1::DIRECTION_SEND_ONLY:
      out.may_receive = false;
      return {};
    case v1::DIRECTION_RECEIVE_ONLY:
      out.may_send = false;
      return {};
    case v1::DIRECTION_INACTIVE:
      out.may_send = out.may_receive = false;
      return {};
    default:
      return context.unknown_value("leg.direction", in);
  }
}

static_assert(static_cast<int>(abi::SourcePolicy::kRelatch) == v1::SOURCE_POLICY_LATEST_AUTHENTICATED &&
              static_cast<int>(abi::SsrcPolicy::kFirstAuthenticated) == v1::SSRC_POLICY_FIRST_AUTHENTICATED &&
              static_cast<int>(abi::RtcpPolicy::kDrop) == v1::SRTCP_POLICY_DROP &&
              static_cast<int>(abi::ForwardingMode::kRelay) == v1::FORWARDING_MODE_RELAY &&
              static_cast<int>(abi::TopologyRelation::kIsolate) == v1::TOPOLOGY_RELATION_ISOLATE);

ApiResult<void> convert_policies(const ConvertContext& context, const v1::Leg& in, Leg& out) {
  if (auto good = convert_direction(context, in.direction(), out); !good) return good;
  if (auto good = convert_enum(context, in.source_policy(), abi::SourcePolicy::kRelatch, "leg.source_policy", out.source_policy); !good)
    return good;
  if (auto good = convert_enum(context, in.ssrc_policy(), abi::SsrcPolicy::kFirstAuthenticated, "leg.ssrc_policy", out.ssrc_policy); !good)
    return good;
  if (auto good = convert_enum(context, in.srtcp_policy(), abi::RtcpPolicy::kDrop, "leg.srtcp_policy", out.rtcp_policy); !good) return good;
  if (in.rtcp_transport() < v1::RTCP_TRANSPORT_UNSPECIFIED || in.rtcp_transport() > v1::RTCP_TRANSPORT_SEPARATE)
    return context.unknown_value("leg.rtcp_transport", in.rtcp_transport());
  out.rtcp_mux = in.rtcp_transport() != v1::RTCP_TRANSPORT_SEPARATE;
  out.allow_unencrypted_srtcp = in.allow_unencrypted_srtcp();
  out.muted = in.muted();
  if (!in.realm().empty()) return context.unsupported("leg.realm", "this release has one realm, \"\"");
  return convert_source_filter(context, in.source_filter(), out.source_filter);
}

// What is narrower in the model than on the wire.
ApiResult<void> convert_numbers(const ConvertContext& context, const v1::Leg& in, Leg& out) {
  const auto outside = [&](const char* field, std::uint32_t value, const char* range) {
    return context.refuse(field, std::string("must be ") + range + ", not " + std::to_string(value));
  };
  if (in.dscp() > 63) return outside("leg.dscp", in.dscp(), "0 to 63 (RFC 2474 §3)");
  if (in.audio_level_id() > 255) return outside("leg.audio_level_id", in.audio_level_id(), "0 to 255 (RFC 8285 §4.3)");
  if (in.replay_window() > 8192) return outside("leg.replay_window", in.replay_window(), "64 to 8192 packets, or 0 for 128");
  if (in.remote_rtcp_port() > 65535) return outside("leg.remote_rtcp_port", in.remote_rtcp_port(), "0 to 65535");
  out.dscp = static_cast<std::uint8_t>(in.dscp());
  out.audio_level_id = static_cast<std::uint8_t>(in.audio_level_id());
  out.replay_window = static_cast<std::uint16_t>(in.replay_window());
  out.remote_rtcp_port = static_cast<std::uint16_t>(in.remote_rtcp_port());
  return {};
}

ApiResult<void> convert_addresses(const ConvertContext& context, const v1::Leg& in, Leg& out) {
  out.port = in.port();
  if (out.port.find('\0') != std::string::npos) return context.refuse("leg.port", "must not contain a NUL character");
  if (auto good = convert_endpoint(context, in.local(), "leg.local", out.local); !good) return good;
  out.remote.family = out.local.family;
  const bool learned = out.source_policy != abi::SourcePolicy::kExact;
  return !in.has_remote() && learned ? ApiResult<void>() : convert_endpoint(context, in.remote(), "leg.remote", out.remote);
}

}  // namespace

bool parse_address(const std::string& text, abi::Family& family, std::array<std::uint8_t, 16>& address) {
  if (text.find('\0') != std::string::npos) return false;
  family = text.find(':') == std::string::npos ? abi::Family::kIpv4 : abi::Family::kIpv6;
  return ::inet_pton(family == abi::Family::kIpv4 ? AF_INET : AF_INET6, text.c_str(), address.data()) == 1;
}

bool bits_behind(abi::Family family, const std::array<std::uint8_t, 16>& address, unsigned bits) {
  const unsigned width = family == abi::Family::kIpv4 ? 32 : 128;
  for (unsigned bit = bits; bit < width; ++bit)
    if ((address[bit / 8] >> (7 - bit % 8) & 1) != 0) return true;
  return false;
}

std::string shown(const std::string& text) {
  std::string out(1, '`');
  out.append(text, 0, 64);
  out += '`';
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > 0x7e) c = '?';
  return out;
}

ApiResult<void> check_unknown(const ConvertContext& context, const google::protobuf::Message& message, const std::string& field) {
  if (message.GetReflection()->GetUnknownFields(message).empty()) return {};
  return context.unsupported(field, "has a field that this release does not know");
}

ApiResult<void> convert_key(const ConvertContext& context, const v1::KeySet& in, const std::string& field, KeySet& out) {
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
  out.mki.assign(in.mki().begin(), in.mki().end());
  out.lifetime_packets = in.lifetime_packets();
  out.lifetime_srtcp_packets = in.lifetime_srtcp_packets();
  return {};
}

ApiResult<void> convert_key_list(const ConvertContext& context, const KeySets& in, const std::string& field, std::vector<KeySet>& out) {
  constexpr int kMost = 64;  // far above what validation accepts: no request makes many
  if (in.size() > kMost) return context.refuse(field, "has " + std::to_string(in.size()) + " keys");
  out.resize(static_cast<std::size_t>(in.size()));
  for (int i = 0; i < in.size(); ++i)
    if (auto good = convert_key(context, in.Get(i), field + "[" + std::to_string(i) + "]", out[static_cast<std::size_t>(i)]); !good)
      return good;
  return {};
}

ApiResult<LegRequest> convert_leg(const v1::Leg& in) {
  const ConvertContext context{ObjectKind::kLeg, in.id()};
  LegRequest out;
  out.leg.id = in.id();
  out.leg.conference_id = in.conference_id();
  if (auto good = check_unknown(context, in, "leg"); !good) return tl::unexpected(good.error());
  if (auto good = convert_policies(context, in, out.leg); !good) return tl::unexpected(good.error());
  if (auto good = convert_addresses(context, in, out.leg); !good) return tl::unexpected(good.error());
  if (auto good = convert_numbers(context, in, out.leg); !good) return tl::unexpected(good.error());
  if (auto good = convert_keys(context, in, out); !good) return tl::unexpected(good.error());
  return out;
}

}  // namespace mediaward::control
