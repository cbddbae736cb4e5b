// SPDX-License-Identifier: Apache-2.0
// Rules of keys. No message holds key material. Any thread.
#include "control/validate_keys.h"

#include <algorithm>
#include <span>

#include "crypto/srtp_index.h"

namespace mediaward::control {

namespace {

using Mode = abi::ForwardingMode;

constexpr std::size_t kMaxMkiBytes = sizeof abi::Key{}.mki;  // RFC 3711 §3.1
constexpr std::uint64_t kMaxLifetime = crypto::kMaxSrtpIndex + 1;
constexpr std::uint64_t kMaxSrtcpLifetime = std::uint64_t{1} << 31;

class KeyJudge {
 public:
  KeyJudge(ObjectKind kind, const std::string& id, const SuitePolicy& suites) : object_{kind, id}, suites_(suites) {}

  [[nodiscard]] tl::unexpected<ApiError> refuse(std::string field, std::string message) const {
    return tl::unexpected(object_error(ErrorCode::kInvalid, object_, std::move(field), std::move(message)));
  }
  [[nodiscard]] ApiResult<void> check(const KeySet& key, const std::string& field) const;
  // All keys of a direction, or of a group: each good, of one suite, told apart by MKI, none twice. fields: the name of each.
  [[nodiscard]] ApiResult<void> check_all(std::span<const KeySet* const> keys, const std::vector<std::string>& fields) const;
  [[nodiscard]] ApiResult<void> check_direction(const KeySet& first, const std::vector<KeySet>& more, const std::string& name) const;

 private:
  ObjectName object_;
  const SuitePolicy& suites_;
};

std::string numbered(const std::string& field, std::size_t index) {
  return field + "[" + std::to_string(index) + "]";
}

ApiResult<void> KeyJudge::check(const KeySet& key, const std::string& field) const {
  const crypto::SuiteInfo* suite = crypto::find_suite(key.suite);
  if (suite == nullptr) return refuse(field, "is missing");
  if (!suites_.allows(key.suite))
    return refuse(field + ".suite",
                  std::string(suite->name) + " is not allowed here: policy.allowed_suites of the daemon's configuration does not name it");
  const auto wrong_length = [&](const char* part, std::size_t has, std::size_t wants) {
    return refuse(field + "." + part,
                  "has " + std::to_string(has) + " bytes; " + std::string(suite->name) + " takes " + std::to_string(wants));
  };
  if (key.key.size() != suite->key_bytes) return wrong_length("master_key", key.key.size(), suite->key_bytes);
  if (key.salt.size() != suite->salt_bytes) return wrong_length("master_salt", key.salt.size(), suite->salt_bytes);
  if (key.mki.size() > kMaxMkiBytes) return refuse(field + ".mki", "must be at most 128 bytes (RFC 3711 §3.1)");
  if (key.lifetime_packets > kMaxLifetime) return refuse(field + ".lifetime_packets", "must be at most 2^48 (RFC 3711 §9.2)");
  if (key.lifetime_srtcp_packets > kMaxSrtcpLifetime)
    return refuse(field + ".lifetime_srtcp_packets", "must be at most 2^31 (RFC 3711 §9.2)");
  return {};
}

// The keys of a direction have MKIs of one length (RFC 3711 §3.1), each its own.
ApiResult<void> KeyJudge::check_all(std::span<const KeySet* const> keys, const std::vector<std::string>& fields) const {
  const KeySet& first = *keys.front();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const KeySet& key = *keys[i];
    if (auto good = check(key, fields[i]); !good) return good;
    if (key.suite != first.suite)
      return refuse(fields[i] + ".suite", "must be that of " + fields[0] + ": all keys of a direction have one suite");
    if (key.mki.size() != first.mki.size())
      return refuse(fields[i] + ".mki", "has " + std::to_string(key.mki.size()) + " bytes, that of " + fields[0] + " " +
                                            std::to_string(first.mki.size()) +
                                            ": the MKIs of a direction have one length, or no key has any");
    for (std::size_t other = 0; other < i; ++other) {
      if (key.key == keys[other]->key && key.salt == keys[other]->salt)
        return refuse(fields[i], "is the key of " + fields[other] + " again");
      if (!key.mki.empty() && key.mki == keys[other]->mki) return refuse(fields[i] + ".mki", "is also that of " + fields[other]);
    }
  }
  return {};
}

ApiResult<void> KeyJudge::check_direction(const KeySet& first, const std::vector<KeySet>& more, const std::string& name) const {
  const std::string field = "leg.more_" + name + "s";
  if (more.size() + 1 > abi::kMaxKeysPerDirection)
    return refuse(field, "has " + std::to_string(more.size()) + " keys; at most " + std::to_string(abi::kMaxKeysPerDirection - 1) +
                             " can be kept beside leg." + name);
  std::vector<const KeySet*> keys{&first};
  std::vector<std::string> fields{"leg." + name};
  for (std::size_t i = 0; i < more.size(); ++i) {
    keys.push_back(&more[i]);
    fields.push_back(numbered(field, i));
  }
  return check_all(keys, fields);
}

}  // namespace

std::vector<crypto::Suite> SuitePolicy::every_encrypting_suite() {
  std::vector<crypto::Suite> out;
  for (const auto& row : crypto::kSuites)
    if (row.transform != crypto::Transform::kNullHmacSha1) out.push_back(row.id);
  return out;
}

bool SuitePolicy::allows(crypto::Suite suite) const noexcept {
  return std::find(allowed.begin(), allowed.end(), suite) != allowed.end();
}

ApiResult<void> validate_keys(const Conference& conference, const SuitePolicy& suites) {
  const KeyJudge judge(ObjectKind::kConference, conference.id, suites);
  const auto& keys = conference.group_keys;
  if (conference.mode != Mode::kGroupKey) {
    if (keys.empty()) return {};
    return judge.refuse("conference.group_keys", "there is a group key with mode GROUP_KEY only; leave it out");
  }
  if (keys.empty() || keys.size() > abi::kMaxGroupKeys)
    return judge.refuse("conference.group_keys", "mode GROUP_KEY needs one or two keys, not " + std::to_string(keys.size()));
  std::vector<const KeySet*> all;
  std::vector<std::string> fields;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    all.push_back(&keys[i]);
    fields.push_back(numbered("conference.group_keys", i));
  }
  return judge.check_all(all, fields);
}

ApiResult<void> validate_keys(const Leg& leg, Mode mode, const SuitePolicy& suites) {
  const KeyJudge judge(ObjectKind::kLeg, leg.id, suites);
  const bool seals = mode == Mode::kPerParticipantKeys;
  if (!leg.receive_key.present() && mode != Mode::kRelay)
    return judge.refuse("leg.receive_key", seals ? "is missing; a new leg needs both keys" : "is missing; a new leg needs it");
  if (!seals && (leg.send_key.present() || !leg.more_send_keys.empty()))
    return judge.refuse("leg.send_key",
                        mode == Mode::kGroupKey ? "the conference's group key seals; leave it out" : "a relay seals nothing; leave it out");
  if (leg.receive_key.present()) {
    if (auto good = judge.check_direction(leg.receive_key, leg.more_receive_keys, "receive_key"); !good) return good;
    if (leg.receive_key.mki.empty() && leg.more_receive_keys.size() > 1)  // a receiver tries them (RFC 3711 §8.1)
      return judge.refuse("leg.more_receive_keys",
                          "without MKI at most two receive keys can be told apart, by their tags; give each an MKI");
  } else if (!leg.more_receive_keys.empty()) {
    return judge.refuse("leg.more_receive_keys", "leg.receive_key must be given with them");
  }
  if (!seals) return {};
  if (!leg.send_key.present()) return judge.refuse("leg.send_key", "is missing; a new leg needs both keys");
  return judge.check_direction(leg.send_key, leg.more_send_keys, "send_key");
}

}  // namespace mediaward::control
