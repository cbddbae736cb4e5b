// SPDX-License-Identifier: Apache-2.0
// Rules of swarms, admissions and content. Every message says what is wrong and what would be right. Any thread.
#include "control/validate_peer.h"

#include <algorithm>

#include "config/nearest.h"
#include "control/live_key.h"
#include "control/text.h"
#include "control/validate.h"

namespace mediaward::control {

namespace {

constexpr const char* kIdRule = "must be 1 to 128 printable ASCII characters without space";
constexpr std::size_t kMaxPortName = sizeof abi::Admission{}.port_name - 1;
constexpr std::uint8_t kSha1 = 0;                                   // RFC 7574 §7.6
constexpr std::uint8_t kBin32 = 0, kByte64 = 1;                     // RFC 7574 §7.8
constexpr std::uint64_t kMostBin32Chunks = std::uint64_t{1} << 31;  // the root of more has the bin of "everything" (RFC 7574 §4.2)
constexpr std::uint8_t kMostMunroLevel = 16, kMostStoredLevel = 5;

class Judge {
 public:
  Judge(ObjectKind kind, std::string id) : object_{kind, std::move(id)} {}
  [[nodiscard]] tl::unexpected<ApiError> refuse(std::string field, std::string message, ErrorCode code = ErrorCode::kInvalid) const {
    return tl::unexpected(object_error(code, object_, std::move(field), std::move(message)));
  }

 private:
  ObjectName object_;
};

ApiResult<void> check_sizes(const Judge& judge, const Swarm& swarm) {
  if (swarm.chunk_bytes < 1 || swarm.chunk_bytes > 65535)
    return judge.refuse("swarm.chunk_bytes", "must be 1 to 65535, not " + std::to_string(swarm.chunk_bytes) + "; 1024 is usual");
  if (swarm.addressing == kByte64)
    return judge.refuse("swarm.addressing", "64-bit byte ranges (1) are not offered; use CHUNK32 or CHUNK64", ErrorCode::kUnsupported);
  if (swarm.stored_level > kMostStoredLevel)
    return judge.refuse("swarm.stored_level", "must be 0 to 5, not " + std::to_string(swarm.stored_level));
  return {};
}

ApiResult<void> check_static(const Judge& judge, const Swarm& swarm) {
  if (swarm.key.size() != digest_bytes(swarm.hash))
    return judge.refuse("swarm.key", "has " + std::to_string(swarm.key.size()) + " bytes; a root hash of " +
                                         std::string(hash_name(swarm.hash)) + " has " + std::to_string(digest_bytes(swarm.hash)) +
                                         " (set hash to the one that the tree was made with)");
  if (swarm.content_bytes == 0)
    return judge.refuse("swarm.content_bytes",
                        "must be given: without the exact length a peer could cut the content off (RFC 7574 §3.1 (f))");
  const std::uint64_t most = swarm.addressing == kBin32 ? kMostBin32Chunks : kMostChunks;
  if (chunks_of(swarm) > most)
    return judge.refuse("swarm.content_bytes", "are " + std::to_string(chunks_of(swarm)) + " chunks; at most " + std::to_string(most) +
                                                   " can be addressed: use larger chunks" +
                                                   (swarm.addressing == kBin32 ? " or addressing CHUNK32" : ""));
  return {};
}

ApiResult<void> check_live(const Judge& judge, const Swarm& swarm) {
  if (auto good = check_live_key(swarm.key); !good) return judge.refuse("swarm.key", good.error().message);
  if (swarm.content_bytes != 0) return judge.refuse("swarm.content_bytes", "must be 0: a live stream has no length");
  if (swarm.munro_level < 1 || swarm.munro_level > kMostMunroLevel)
    return judge.refuse("swarm.live.munro_level", "must be 1 to 16: the binary logarithm of the chunks per signature");
  if (swarm.discard_window < std::uint64_t{1} << swarm.munro_level)
    return judge.refuse("swarm.live.discard_window_chunks",
                        "must be 0 (everything) or at least the " + std::to_string(1u << swarm.munro_level) + " chunks of one signature");
  if (swarm.source != abi::SwarmSource::kPeers)
    return judge.refuse("swarm.preloaded", "a live stream cannot be preloaded; its chunks come from peers");
  return {};
}

ApiResult<void> check_hash(const Judge& judge, const Swarm& swarm, const SwarmPolicy& policy) {
  if (swarm.hash != kSha1 || policy.allow_sha1) return {};
  return judge.refuse("swarm.hash", "SHA-1 is not allowed here; peer.allow_sha1 of the daemon's configuration says so");
}

ApiResult<void> check_fetch(const Judge& judge, const Swarm& swarm) {
  if (swarm.fetch == abi::FetchPolicy::kNothing) return {};
  if (swarm.guard_only) return judge.refuse("swarm.fetch", "guard_only: the appliance is no peer of this swarm; leave fetch out");
  if (swarm.source == abi::SwarmSource::kPreloaded)
    return judge.refuse("swarm.fetch", "nothing is fetched for a preloaded swarm; leave fetch out");
  return {};
}

ApiResult<void> check_conduct(const Judge& judge, const abi::ConductPolicy& conduct) {
  const auto over = [](std::uint32_t value) { return value > 1000; };
  for (const auto& [field, value] :
       {std::pair{"suspect_permille", conduct.suspect_permille}, std::pair{"over_claim_permille", conduct.over_claim_permille},
        std::pair{"under_claim_permille", conduct.under_claim_permille}, std::pair{"report_permille", conduct.report_permille}})
    if (over(value)) return judge.refuse(std::string("swarm.conduct.") + field, "must be 0 to 1000, not " + std::to_string(value));
  if (conduct.audit_interval_s == 0 && conduct.audit_chunks != 0)
    return judge.refuse("swarm.conduct.audit_interval_s", "must be given with audit_chunks: without an interval there are no audits");
  return {};
}

ApiResult<void> check_label(const Judge& judge, const Swarm& swarm) {
  if (swarm.content_key_id.empty() || is_good_id(swarm.content_key_id)) return {};
  return judge.refuse("swarm.content_key.key_id", kIdRule);
}

ApiResult<void> check_signature(const Judge& judge, const Swarm& swarm, const std::string& text, const SwarmPolicy& policy) {
  const std::string field = "swarm.metadata_signature";
  if (swarm.signature_key_id.empty()) {
    if (!policy.require_metadata_signature) return {};
    return judge.refuse(field, "must be given: peer.require_metadata_signature of the daemon's configuration says so");
  }
  if (!policy.provider_keys->knows(swarm.signature_key_id))
    return judge.refuse(field + ".key_id", "is not the id of a [[peer.provider_keys]] of the daemon's configuration" +
                                               config::did_you_mean(swarm.signature_key_id, policy.provider_keys->ids()));
  if (!policy.provider_keys->verify(swarm.signature_key_id, text, swarm.signature))
    return judge.refuse(field + ".signature", "does not verify with key `" + swarm.signature_key_id +
                                                  "`: other metadata were signed, or by another key (peer.proto has the text)");
  return {};
}

ApiResult<void> check_expiry(const Judge& judge, const char* field, std::uint64_t expires, std::uint64_t now) {
  if (expires == 0 || expires > now) return {};
  return judge.refuse(field, "is in the past: nobody would get an answer; leave it out for no end");
}

ApiResult<void> check_connect(const Judge& judge, const Admission& one) {
  if (!one.connect) {
    if (one.has_local)
      return judge.refuse("admission.local_address", "says where the appliance connects from; set connect or leave it out");
    return {};
  }
  if (!one.peers.is_one()) return judge.refuse("admission.peers", "connect needs one address, not a network");
  if (one.udp_port == 0) return judge.refuse("admission.udp_port", "connect needs the peer's UDP port");
  return {};
}

// Nobody sends from these (RFC 1112 §4, RFC 4291 §2.7); as a network they may lie within one that is wider.
bool is_multicast(const PeerPrefix& peers) {
  if (peers.family == abi::Family::kIpv6) return peers.bits >= 8 && peers.address[0] == 0xff;
  return peers.bits >= 4 && (peers.address[0] & 0xf0) == 0xe0;
}

}  // namespace

bool is_good_text(std::string_view text, std::size_t least, std::size_t most) {
  return text.size() >= least && text.size() <= most && clean_text(text) == text;
}

bool is_good_file(std::string_view path) noexcept {
  if (path.empty() || path.size() > 1024 || path.find('\0') != std::string_view::npos) return false;
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

ApiResult<void> validate(const Swarm& swarm, const std::string& metadata_text, const SwarmPolicy& policy, std::uint64_t now_unix_ns) {
  const Judge judge(ObjectKind::kSwarm, swarm.id);
  if (!is_good_id(swarm.id)) return judge.refuse("swarm.id", kIdRule);
  if (auto good = check_hash(judge, swarm, policy); !good) return good;
  if (auto good = check_sizes(judge, swarm); !good) return good;
  const bool live = swarm.kind == abi::SwarmKind::kLive;
  if (auto good = live ? check_live(judge, swarm) : check_static(judge, swarm); !good) return good;
  if (auto good = check_fetch(judge, swarm); !good) return good;
  if (auto good = check_conduct(judge, swarm.conduct); !good) return good;
  if (auto good = check_label(judge, swarm); !good) return good;
  if (auto good = check_expiry(judge, "swarm.expires_unix_ns", swarm.expires_unix_ns, now_unix_ns); !good) return good;
  return check_signature(judge, swarm, metadata_text, policy);
}

ApiResult<void> validate(const Admission& one, std::uint64_t now_unix_ns) {
  const Judge judge(ObjectKind::kAdmission, one.key);
  if (!is_good_id(one.id)) return judge.refuse("admission.id", kIdRule);
  if (one.port.empty() || one.port.size() > kMaxPortName)
    return judge.refuse("admission.port", "must name a port of the data plane's configuration (1 to 31 characters)");
  if (!one.provide && !one.receive)
    return judge.refuse("admission.provide", "or receive must be set: a peer that may do neither is not admitted");
  if (is_multicast(one.peers)) return judge.refuse("admission.peers", "must be unicast addresses");
  if (one.peers.is_one() && std::all_of(one.peers.address.begin(), one.peers.address.end(), [](std::uint8_t byte) { return byte == 0; }))
    return judge.refuse("admission.peers", "the unspecified address is nobody's");
  if (auto good = check_connect(judge, one); !good) return good;
  return check_expiry(judge, "admission.expires_unix_ns", one.expires_unix_ns, now_unix_ns);
}

ApiResult<void> validate(const SwarmContent& content, const Swarm& swarm) {
  const Judge judge(ObjectKind::kContent, content.swarm_id);
  if (swarm.kind == abi::SwarmKind::kLive) return judge.refuse("content.swarm_id", "is a live swarm; only static content can be put");
  if (content.inline_bytes == nullptr) {
    if (is_good_file(content.file)) return {};
    return judge.refuse("content.file", "must be a path below peer.content_directory: not absolute, no `.`, no `..`");
  }
  const std::size_t has = content.inline_bytes->size();
  if (has > kMostInlineBytes)
    return judge.refuse("content.inline_bytes", "are more than 1 MiB; put them into a file below peer.content_directory and name it");
  if (const std::uint64_t wants = bytes_of(swarm, content.kind); has != wants)
    return judge.refuse("content.inline_bytes", "are " + std::to_string(has) + "; swarm " + swarm.id + " takes " + std::to_string(wants));
  return {};
}

}  // namespace mediaward::control
