// SPDX-License-Identifier: Apache-2.0
// Validation of keys: suites, names on the wire, lifetimes, and who may seal with what. RFC 3711 §9.1: a keystream must never be used
// twice. Within a leg the send windows see to it; between legs and group keys, keys must differ; and over time, a seal key whose
// windows are gone must not come back. See core.h. Main thread.
#include <algorithm>

#include "dataplane/staging.h"

namespace mediaward::dataplane {
namespace {

constexpr std::size_t kMostUnnamedReceiveKeys = 2;  // without MKI every further key costs another attempt per packet

bool same_mki(const abi::Key& a, const abi::Key& b) { return std::memcmp(a.mki, b.mki, a.mki_bytes) == 0; }

std::string dotted(const char* field, const char* part) { return std::string(field) + "." + part; }

}  // namespace

Core::Check Core::check_key(const KeyRequest& request, const abi::Key& key) const {
  const auto refused = [&](ErrorCode code, const char* part, std::string message) {
    return refuse(code, request.object_id, dotted(request.field, part), std::move(message));
  };
  const auto* suite = crypto::find_suite(static_cast<crypto::Suite>(key.suite));
  if (suite == nullptr) return refused(ErrorCode::kUnsupported, "suite", "unknown crypto suite " + std::to_string(key.suite));
  if ((settings_.allowed_suites & suite_bit(suite->id)) == 0)
    return refused(ErrorCode::kUnsupported, "suite", std::string(suite->name) + " is not among the data plane's srtp.allowed_suites");
  if (key.suite != request.keys.front().suite) return refused(ErrorCode::kInvalid, "suite", "all keys of a direction have one suite");
  if (key.key_bytes != suite->key_bytes || key.salt_bytes != suite->salt_bytes)
    return refuse(ErrorCode::kInvalid, request.object_id, request.field,
                  std::string(suite->name) + " wants " + std::to_string(suite->key_bytes) + " bytes of key and " + std::to_string(suite->salt_bytes) + " of salt");
  if (key.mki_bytes > sizeof key.mki) return refused(ErrorCode::kInvalid, "mki", "an MKI has at most 128 bytes");
  if (key.mki_bytes != request.keys.front().mki_bytes)
    return refused(ErrorCode::kInvalid, "mki", "the MKIs of a direction have one length, or no key has any");
  if (key.lifetime_packets > kMaxSrtpLifetime) return refused(ErrorCode::kInvalid, "lifetime", "a key lasts for at most 2^48 packets (RFC 3711 §9.2)");
  if (key.lifetime_srtcp_packets > kMaxSrtcpLifetime)
    return refused(ErrorCode::kInvalid, "lifetime_srtcp", "a key lasts for at most 2^31 SRTCP packets (RFC 3711 §9.2)");
  return {};
}

Core::Check Core::stage_keys(const KeyRequest& request, KeyList& keys) {
  const auto refused = [&](ErrorCode code, const char* part, const char* message) {
    return refuse(code, request.object_id, dotted(request.field, part), message);
  };
  KeyList made;
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    const abi::Key& key = request.keys[i];
    if (auto ok = check_key(request, key); !ok) return ok;
    for (std::size_t j = 0; j < i && key.mki_bytes != 0; ++j)
      if (same_mki(key, request.keys[j])) return refused(ErrorCode::kInvalid, "mki", "two keys have the same MKI");
    const std::uint64_t fingerprint = fingerprint_of(key);
    if (find_key(made, fingerprint) != nullptr) return refuse(ErrorCode::kInvalid, request.object_id, request.field, "a key was given twice");
    auto present = find_key(keys, fingerprint);
    if (present != nullptr && present->suite().id == static_cast<crypto::Suite>(key.suite)) {
      if (!present->same_terms(key)) return refused(ErrorCode::kConflict, "mki", "MKI and lifetimes of a key cannot change: give another key");
    } else {
      auto fresh = KeyMaterial::make(key, {provider_, *arena_, settings_.workers.size()});
      if (!fresh) return refuse(fresh.error().code, request.object_id, request.field, fresh.error().message);
      present = std::move(*fresh);
    }
    made.push_back(std::move(present));
  }
  if (!request.seals && made.size() > kMostUnnamedReceiveKeys && made.front()->mki().empty())
    return refused(ErrorCode::kInvalid, "mki", "more than two receive keys cannot be told apart without MKI");
  if (!request.may_change_suite && !keys.empty() && !made.empty() && keys.front()->suite().id != made.front()->suite().id)
    return refused(ErrorCode::kConflict, "suite", "the suite cannot change: remove and add");
  keys = std::move(made);
  return {};
}

// A staged key has not sealed yet and may be given up; the one in force is spent as soon as another takes its place.
Core::Check Core::stage_seal_keys(SealOwner owner, const KeyRequest& request, const KeyList& before, const KeyList& after) {
  for (std::size_t i = 0; i < after.size(); ++i) {
    const std::uint64_t fingerprint = after[i]->fingerprint();
    if (i != 0 && !before.empty() && before.front()->fingerprint() == fingerprint)
      return refuse(ErrorCode::kConflict, request.object_id, request.field, "the key in force cannot become a staged one: it has sealed already");
    if (find_key(before, fingerprint) != nullptr) continue;
    if (auto ok = claim_seal_key(owner, request, fingerprint); !ok) return ok;
  }
  for (const auto& key : before) {
    if (find_key(after, key->fingerprint()) != nullptr) continue;
    seal_keys_.erase(key->fingerprint());
    if (key == before.front()) spent_seal_keys_.push_back(key->fingerprint());
  }
  return {};
}

Core::Check Core::claim_seal_key(SealOwner owner, const KeyRequest& request, std::uint64_t fingerprint) {
  if (const SealOwner* other = seal_keys_.find(fingerprint); other != nullptr && !(*other == owner))
    return refuse(ErrorCode::kConflict, request.object_id, request.field, "something else is sealed with the same key: every participant and group needs its own");
  if (spent_keys_.contains(fingerprint) || std::find(spent_seal_keys_.begin(), spent_seal_keys_.end(), fingerprint) != spent_seal_keys_.end())
    return refuse(ErrorCode::kConflict, request.object_id, request.field, "this key has sealed before and its indexes are no longer known: use a new one");
  seal_keys_.edit(fingerprint) = owner;
  return {};
}

void Core::give_up_seal_keys(const KeyList& keys) {
  for (const auto& key : keys) seal_keys_.erase(key->fingerprint());
  if (!keys.empty()) spent_seal_keys_.push_back(keys.front()->fingerprint());
}

// What an earlier process left for a leg or a group key: slots, and what was opened under keys whose lifetime is counted.
void Core::take_over_slots(std::uint64_t owner, const KeyList& receive, const KeyList& send) {
  const auto in_use = [&](abi::SlotKind kind, std::uint64_t fingerprint) {
    if (kind == abi::SlotKind::kSend) return !send.empty() && send.front()->fingerprint() == fingerprint;
    return kind == abi::SlotKind::kLeg || find_key(receive, fingerprint) != nullptr || (receive.empty() && fingerprint == 0);
  };
  for (auto& slot : book_->take_over(owner, in_use)) {
    const abi::StateIdentity& identity = slot->identity();
    const auto key = identity.kind == abi::SlotKind::kReceive ? find_key(receive, identity.key_fingerprint) : nullptr;
    if (key != nullptr && key->usage() != nullptr) {
      key->usage()->srtp_packets += slot->state().packets - identity.packets_at_key;
      key->usage()->srtcp_packets += slot->state().srtcp_packets - identity.srtcp_at_key;
    }
    claims_.push_back(std::move(slot));
    rekeyed_.insert(owner);
  }
}

}  // namespace mediaward::dataplane
