// SPDX-License-Identifier: Apache-2.0
// Swarms, admissions, content and orders about peers into values; peer.proto says what each field means. Any thread.
#include "control/convert_peer.h"

#include <charconv>

#include "control/convert_parts.h"
#include "control/proto/swarm_text.h"

namespace mediaward::control {

namespace {

static_assert(static_cast<int>(abi::SwarmKind::kLive) == v1::SWARM_KIND_LIVE &&
              static_cast<int>(abi::FetchPolicy::kEverything) == v1::FETCH_POLICY_EVERYTHING &&
              static_cast<int>(abi::SignatureForm::kLibswift) == v1::SIGNATURE_FORM_LIBSWIFT &&
              static_cast<int>(abi::ContentKind::kContent) == v1::CONTENT_KIND_CONTENT &&
              static_cast<int>(abi::ConductAction::kBan) == v1::CONDUCT_ACTION_BAN &&
              static_cast<int>(abi::ConductVerdict::kHashFlood) == v1::PEER_VERDICT_HASH_FLOOD &&
              static_cast<int>(abi::EvidenceKind::kBadSignature) == v1::EVIDENCE_KIND_BAD_SIGNATURE);

// A number of RFC 7574 that the API has plus 1; 0 is the default.
ApiResult<void> convert_registered(const ConvertContext& context, int in, int most, std::uint8_t standard, const char* field,
                                   std::uint8_t& out) {
  if (in < 0 || in > most) return context.unknown_value(field, in);
  out = in == 0 ? standard : static_cast<std::uint8_t>(in - 1);
  return {};
}

ApiResult<void> convert_live(const ConvertContext& context, const v1::Swarm& in, Swarm& out) {
  const std::string field = "swarm.live";
  if (out.kind == abi::SwarmKind::kStatic) {
    if (!in.has_live()) return {};
    return context.refuse(field, "is of a live swarm; set kind = LIVE or leave it out");
  }
  if (!in.has_live()) return context.refuse(field, "must be given: a live swarm is told at least munro_level");
  if (auto good = check_unknown(context, in.live(), field); !good) return good;
  if (in.live().munro_level() > 255) return context.refuse(field + ".munro_level", "must be 1 to 16");
  out.munro_level = static_cast<std::uint8_t>(in.live().munro_level());
  out.discard_window = in.live().discard_window_chunks() == 0 ? kWholeWindow : in.live().discard_window_chunks();
  out.munro_max_age_ms = in.live().munro_max_age_ms();
  return convert_enum(context, in.live().signature_form(), abi::SignatureForm::kLibswift, "swarm.live.signature_form", out.signature_form);
}

ApiResult<void> convert_source(const ConvertContext& context, const v1::Swarm& in, Swarm& out) {
  switch (in.source_case()) {
    case v1::Swarm::kPeers:
      if (auto good = check_unknown(context, in.peers(), "swarm.peers"); !good) return good;
      break;
    case v1::Swarm::kPreloaded:
      if (auto good = check_unknown(context, in.preloaded(), "swarm.preloaded"); !good) return good;
      out.source = abi::SwarmSource::kPreloaded;
      break;
    case v1::Swarm::kOrigin:
      return context.unsupported("swarm.origin", "filling from an origin server is not offered by this release; use peers or preloaded");
    case v1::Swarm::SOURCE_NOT_SET:
      break;
  }
  out.guard_only = in.guard_only();
  if (out.guard_only && in.source_case() != v1::Swarm::SOURCE_NOT_SET)
    return context.refuse("swarm.source", "guard_only: the appliance is no peer of this swarm; leave the source out");
  if (in.fetch() == v1::FETCH_POLICY_UNSPECIFIED) {
    const bool fetches = out.source == abi::SwarmSource::kPeers && !out.guard_only;
    out.fetch = fetches ? abi::FetchPolicy::kOnDemand : abi::FetchPolicy::kNothing;
    return {};
  }
  return convert_enum(context, in.fetch(), abi::FetchPolicy::kEverything, "swarm.fetch", out.fetch);
}

ApiResult<void> convert_rules(const ConvertContext& context, const v1::ConductPolicy& in, abi::ConductPolicy& out) {
  for (int i = 0; i < in.rules_size(); ++i) {
    const v1::ConductRule& rule = in.rules(i);
    const std::string field = "swarm.conduct.rules[" + std::to_string(i) + "]";
    if (auto good = check_unknown(context, rule, field); !good) return good;
    if (rule.verdict() == v1::PEER_VERDICT_UNSPECIFIED) return context.refuse(field + ".verdict", "must be given");
    if (rule.verdict() < 0 || rule.verdict() > v1::PEER_VERDICT_HASH_FLOOD)
      return context.unknown_value(field + ".verdict", rule.verdict());
    if (rule.action() < 0 || rule.action() > v1::CONDUCT_ACTION_BAN) return context.unknown_value(field + ".action", rule.action());
    for (int other = 0; other < i; ++other)
      if (in.rules(other).verdict() == rule.verdict()) return context.refuse(field + ".verdict", "has a rule already");
    out.actions[rule.verdict()] = static_cast<abi::ConductAction>(rule.action());
  }
  return {};
}

ApiResult<void> convert_conduct(const ConvertContext& context, const v1::ConductPolicy& in, abi::ConductPolicy& out) {
  if (auto good = check_unknown(context, in, "swarm.conduct"); !good) return good;
  out.tamper_chunks = in.tamper_chunks();
  out.black_hole_requests = in.black_hole_requests();
  out.black_hole_ms = in.black_hole_ms();
  out.black_hole_known_ms = in.black_hole_known_ms();
  out.suspect_requests = in.suspect_requests();
  out.suspect_ms = in.suspect_ms();
  out.suspect_permille = in.suspect_permille();
  out.over_claim_permille = in.over_claim_permille();
  out.under_claim_permille = in.under_claim_permille();
  out.report_permille = in.report_permille();
  out.report_bytes = in.report_bytes();
  out.hash_flood_ratio = in.hash_flood_ratio();
  out.half_life_s = in.half_life_s();
  out.audit_interval_s = in.audit_interval_s();
  out.audit_chunks = in.audit_chunks();
  out.throttle_bytes_per_s = in.throttle_bytes_per_s();
  out.ban_s = in.ban_s();
  return convert_rules(context, in, out);
}

ApiResult<void> convert_labels(const ConvertContext& context, const v1::Swarm& in, Swarm& out) {
  if (in.has_content_key()) {
    if (auto good = check_unknown(context, in.content_key(), "swarm.content_key"); !good) return good;
    if (in.content_key().key_id().empty()) return context.refuse("swarm.content_key.key_id", "must be given, or content_key left out");
    out.content_key_id = in.content_key().key_id();
    out.content_key_version = in.content_key().version();
  }
  if (!in.has_metadata_signature()) return {};
  const std::string field = "swarm.metadata_signature";
  if (auto good = check_unknown(context, in.metadata_signature(), field); !good) return good;
  if (in.metadata_signature().key_id().empty()) return context.refuse(field + ".key_id", "must be given");
  if (in.metadata_signature().signature().empty() || in.metadata_signature().signature().size() > 2048)
    return context.refuse(field + ".signature", "must be 1 to 2048 bytes");
  out.signature_key_id = in.metadata_signature().key_id();
  out.signature = in.metadata_signature().signature();
  return {};
}

ApiResult<void> convert_metadata(const ConvertContext& context, const v1::Swarm& in, Swarm& out) {
  if (auto good = convert_enum(context, in.kind(), abi::SwarmKind::kLive, "swarm.kind", out.kind); !good) return good;
  if (auto good = convert_registered(context, in.hash(), v1::MERKLE_HASH_SHA512, 2, "swarm.hash", out.hash); !good) return good;
  if (auto good = convert_registered(context, in.addressing(), v1::CHUNK_ADDRESSING_CHUNK64, 2, "swarm.addressing", out.addressing); !good)
    return good;
  if (in.key().size() > abi::kMaxSwarmKeyBytes)
    return context.refuse("swarm.key", "has " + std::to_string(in.key().size()) + " bytes; no key has that many");
  out.key.assign(in.key().begin(), in.key().end());
  out.chunk_bytes = in.chunk_bytes();
  out.content_bytes = in.content_bytes();
  return convert_live(context, in, out);
}

ApiResult<void> convert_peers(const ConvertContext& context, const std::string& text, PeerPrefix& out) {
  const auto wrong = [&] {
    return context.refuse("admission.peers", shown(text) + " is neither an address nor a network such as 192.0.2.0/24 or 2001:db8::/32");
  };
  const std::size_t slash = text.find('/');
  if (!parse_address(text.substr(0, slash), out.family, out.address)) return wrong();
  const unsigned width = out.family == abi::Family::kIpv4 ? 32 : 128;
  unsigned bits = width;
  if (slash != std::string::npos) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + slash + 1, end, bits);
    if (parsed.ec != std::errc{} || parsed.ptr != end || bits > width) return wrong();
  }
  out.bits = static_cast<std::uint8_t>(bits);
  if (!bits_behind(out.family, out.address, bits)) return {};
  return context.refuse("admission.peers", shown(text) + " has bits set behind its prefix: a shorter address or a longer prefix is meant");
}

ApiResult<void> convert_local_address(const ConvertContext& context, const std::string& text, Admission& out) {
  if (text.empty()) return {};
  abi::Family family{};
  if (!parse_address(text, family, out.local_address))
    return context.refuse("admission.local_address", shown(text) + " is not an IPv4 or IPv6 address");
  if (family != out.peers.family) return context.refuse("admission.local_address", "must be of the same address family as admission.peers");
  out.has_local = true;
  return {};
}

}  // namespace

ApiResult<SwarmRequest> convert_swarm(const v1::Swarm& in) {
  const ConvertContext context{ObjectKind::kSwarm, in.id()};
  SwarmRequest out;
  out.swarm.id = in.id();
  if (auto good = check_unknown(context, in, "swarm"); !good) return tl::unexpected(good.error());
  if (auto good = convert_metadata(context, in, out.swarm); !good) return tl::unexpected(good.error());
  if (auto good = convert_source(context, in, out.swarm); !good) return tl::unexpected(good.error());
  if (auto good = convert_conduct(context, in.conduct(), out.swarm.conduct); !good) return tl::unexpected(good.error());
  if (auto good = convert_labels(context, in, out.swarm); !good) return tl::unexpected(good.error());
  if (in.guard() < 0 || in.guard() > v1::GUARD_POLICY_DROP) return context.unknown_value("swarm.guard", in.guard());
  if (in.stored_level() > 255) return context.refuse("swarm.stored_level", "must be 0 to 5");
  out.swarm.stored_level = static_cast<std::uint8_t>(in.stored_level());
  out.swarm.guard_drops = in.guard() == v1::GUARD_POLICY_DROP;
  out.swarm.expires_unix_ns = in.expires_unix_ns();
  out.swarm.cache_quota_bytes = in.cache_quota_bytes();
  out.swarm.send_bytes_per_s = in.send_bytes_per_s();
  out.metadata_text = metadata_text(in);
  return out;
}

ApiResult<Admission> convert_admission(const v1::Admission& in, const std::string& swarm_id) {
  Admission out;
  out.id = in.id();
  out.swarm_id = in.swarm_id().empty() ? swarm_id : in.swarm_id();
  out.key = admission_key(out.swarm_id, out.id);
  const ConvertContext context{ObjectKind::kAdmission, out.key};
  if (auto good = check_unknown(context, in, "admission"); !good) return tl::unexpected(good.error());
  out.port = in.port();
  if (out.port.find('\0') != std::string::npos) return context.refuse("admission.port", "must not contain a NUL character");
  if (auto good = convert_peers(context, in.peers(), out.peers); !good) return tl::unexpected(good.error());
  if (auto good = convert_local_address(context, in.local_address(), out); !good) return tl::unexpected(good.error());
  if (in.udp_port() > 65535) return context.refuse("admission.udp_port", "must be 0 (any) to 65535, not " + std::to_string(in.udp_port()));
  if (in.rank() > 255) return context.refuse("admission.rank", "must be 0 to 255, not " + std::to_string(in.rank()));
  out.udp_port = static_cast<std::uint16_t>(in.udp_port());
  out.rank = static_cast<std::uint8_t>(in.rank());
  out.provide = in.provide();
  out.receive = in.receive();
  out.connect = in.connect();
  out.libswift = in.libswift();
  out.max_peers = in.max_peers();
  out.expires_unix_ns = in.expires_unix_ns();
  out.send_bytes_per_s = in.send_bytes_per_s();
  return out;
}

ApiResult<SwarmContent> convert_content(const v1::SwarmContent& in, const std::string& swarm_id) {
  SwarmContent out;
  out.swarm_id = in.swarm_id().empty() ? swarm_id : in.swarm_id();
  const ConvertContext context{ObjectKind::kContent, out.swarm_id};
  if (auto good = check_unknown(context, in, "content"); !good) return tl::unexpected(good.error());
  if (in.kind() == v1::CONTENT_KIND_UNSPECIFIED) return context.refuse("content.kind", "must be LEAF_HASHES or CONTENT");
  if (auto good = convert_enum(context, in.kind(), abi::ContentKind::kContent, "content.kind", out.kind); !good)
    return tl::unexpected(good.error());
  if (in.from_case() == v1::SwarmContent::FROM_NOT_SET) return context.refuse("content", "must name a file or have inline_bytes");
  if (in.from_case() == v1::SwarmContent::kFile)
    out.file = in.file();
  else
    out.inline_bytes = std::make_shared<const std::string>(in.inline_bytes());
  return out;
}

ApiResult<ReplaceSwarm> convert_replace_swarm(const v1::ReplaceSwarm& in) {
  const std::string& id = in.swarm().id();
  if (auto good = check_unknown({ObjectKind::kSwarm, id}, in, "replace_swarm"); !good) return tl::unexpected(good.error());
  ReplaceSwarm out;
  auto swarm = convert_swarm(in.swarm());
  if (!swarm) return tl::unexpected(swarm.error());
  out.swarm = std::move(*swarm);
  out.admissions.reserve(static_cast<std::size_t>(in.admissions_size()));
  for (const auto& admission : in.admissions()) {
    auto one = convert_admission(admission, id);
    if (!one) return tl::unexpected(one.error());
    out.admissions.push_back(std::move(*one));
  }
  if (!in.has_content()) return out;
  auto content = convert_content(in.content(), id);
  if (!content) return tl::unexpected(content.error());
  out.content = std::move(*content);
  return out;
}

ApiResult<RemoveSwarm> convert_remove_swarm(const v1::RemoveSwarm& in) {
  if (auto good = check_unknown({ObjectKind::kSwarm, in.id()}, in, "remove_swarm"); !good) return tl::unexpected(good.error());
  return RemoveSwarm{in.id(), in.author(), in.reason()};
}

ApiResult<RemoveAdmission> convert_remove_admission(const v1::RemoveAdmission& in) {
  const ConvertContext context{ObjectKind::kAdmission, admission_key(in.swarm_id(), in.id())};
  if (auto good = check_unknown(context, in, "remove_admission"); !good) return tl::unexpected(good.error());
  return RemoveAdmission{in.swarm_id(), in.id()};
}

ApiResult<PeerName> convert_peer_name(const std::string& swarm_id, const std::string& address, std::uint32_t udp_port) {
  const ConvertContext context{ObjectKind::kSwarm, swarm_id};
  PeerName out;
  out.swarm_id = swarm_id;
  if (!parse_address(address, out.family, out.address))
    return context.refuse("address", shown(address) + " is not an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1");
  if (udp_port > 65535) return context.refuse("udp_port", "must be 0 (any) to 65535, not " + std::to_string(udp_port));
  out.udp_port = static_cast<std::uint16_t>(udp_port);
  return out;
}

ApiResult<PeerOrder> convert_peer_action(const v1::PeerActionRequest& in) {
  constexpr std::uint32_t kMostSeconds = 31536000;
  const ConvertContext context{ObjectKind::kSwarm, in.swarm_id()};
  if (auto good = check_unknown(context, in, "peer_action"); !good) return tl::unexpected(good.error());
  auto peer = convert_peer_name(in.swarm_id(), in.address(), in.udp_port());
  if (!peer) return tl::unexpected(peer.error());
  PeerOrder out{std::move(*peer)};
  switch (in.action_case()) {
    case v1::PeerActionRequest::kUnban:
      out.kind = abi::PeerCommandKind::kUnban;
      break;
    case v1::PeerActionRequest::kBan:
      out.kind = abi::PeerCommandKind::kBan;
      out.a = in.ban().seconds();
      if (out.a < 1 || out.a > kMostSeconds) return context.refuse("ban.seconds", "must be 1 to 31536000, not " + std::to_string(out.a));
      break;
    case v1::PeerActionRequest::kReport:
      out.kind = abi::PeerCommandKind::kReport;
      out.a = in.report().uploaded_bytes();
      out.b = in.report().downloaded_bytes();
      out.complete = in.report().complete();
      break;
    case v1::PeerActionRequest::ACTION_NOT_SET:
      return context.unsupported("action", "must be unban, ban or report; others are not known to this release");
  }
  if (!is_good_text(in.author(), 0, 128)) return context.refuse("author", "must be at most 128 characters, no control characters");
  if (!is_good_text(in.reason(), 0, 1024)) return context.refuse("reason", "must be at most 1024 characters, no control characters");
  out.author = in.author();
  out.reason = in.reason();
  return out;
}

}  // namespace mediaward::control
