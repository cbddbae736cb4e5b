// SPDX-License-Identifier: Apache-2.0
// Conference files with random keys (see the header). Main thread.
#include "tools/traffic/plan.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/traffic/frame.h"

namespace mediaward::tools::traffic {

namespace {

using crypto::Suite;
using Key = ConferenceFile::Key;
using FileMode = ConferenceFile::Mode;

struct ShortName {
  std::string_view name;
  Suite suite;
};
constexpr std::array kShortNames{
    ShortName{"cm128", Suite::kAesCm128HmacSha1_80},    ShortName{"cm128-32", Suite::kAesCm128HmacSha1_32},
    ShortName{"cm256", Suite::kAesCm256HmacSha1_80},    ShortName{"cm256-32", Suite::kAesCm256HmacSha1_32},
    ShortName{"gcm128", Suite::kAeadAes128Gcm},         ShortName{"gcm256", Suite::kAeadAes256Gcm},
    ShortName{"null", Suite::kNullHmacSha1_80},         ShortName{"null-32", Suite::kNullHmacSha1_32},
};

Result<Suite> parse_suite(std::string_view word) {
  const auto is = [&](const ShortName& row) { return row.name == word; };
  if (const auto row = std::find_if(kShortNames.begin(), kShortNames.end(), is); row != kShortNames.end()) return row->suite;
  if (const auto* row = crypto::find_suite(word)) return row->id;
  std::string names;
  for (const ShortName& row : kShortNames) names.append(" ").append(row.name);
  return fail(ErrorCode::kInvalid, "--suites: `" + std::string(word) + "` is unknown; there are mixed, all, encrypting," + names);
}

Result<Key> random_key(Suite suite, std::uint32_t mki_bytes, std::uint32_t number) {
  const auto* row = crypto::find_suite(suite);
  Key key;
  key.bytes.resize(std::size_t{row->key_bytes} + row->salt_bytes);
  if (RAND_bytes(key.bytes.data(), static_cast<int>(key.bytes.size())) != 1)
    return fail(ErrorCode::kInternal, "OpenSSL has no random bytes");
  for (std::uint32_t i = 0; i < mki_bytes; ++i) key.mki.push_back(static_cast<std::uint8_t>(i + 1 < mki_bytes ? 0xa0 + i : number + 1));
  return key;
}

// The first key of a direction, and the others.
struct Keys {
  Key first;
  std::vector<Key> more;
};
Result<Keys> random_keys(const PlanSettings& s, Suite suite) {
  Keys keys;
  for (std::uint32_t i = 0; i < s.keys; ++i) {
    auto key = random_key(suite, s.mki_bytes, i);
    if (!key) return tl::unexpected(key.error());
    (i == 0 ? keys.first : keys.more.emplace_back()) = std::move(*key);
  }
  return keys;
}

bool alternate(bool mixed, bool always, std::uint32_t number) {
  return always || (mixed && number % 2 == 1);
}

Result<void> add_keys(const PlanSettings& s, Suite receive, Suite send, ConferenceFile::Participant& p) {
  auto keys = random_keys(s, receive);
  if (!keys) return tl::unexpected(keys.error());
  p.receive_suite = crypto::find_suite(receive)->name;
  p.receive_key = std::move(keys->first.bytes);
  p.receive_mki = std::move(keys->first.mki);
  p.more_receive_keys = std::move(keys->more);
  if (s.mode != FileMode::kPerParticipant) return {};
  keys = random_keys(s, send);
  if (!keys) return tl::unexpected(keys.error());
  p.send_suite = crypto::find_suite(send)->name;
  p.send_key = std::move(keys->first.bytes);
  p.send_mki = std::move(keys->first.mki);
  p.more_send_keys = std::move(keys->more);
  return {};
}

void add_addresses(const PlanSettings& s, std::uint32_t number, bool v6, const Address& first_remote, ConferenceFile::Participant& p) {
  const std::uint32_t host = s.hosts == 0 ? number : number % s.hosts, at_host = s.hosts == 0 ? 0 : number / s.hosts;
  p.port = s.port;
  p.local = {v6 ? s.local_v6 : s.local_v4, static_cast<std::uint16_t>(s.local_port_first + 2 * number)};
  p.remote = {first_remote.plus(host).to_string(), static_cast<std::uint16_t>(s.remote_port + 2 * at_host)};
}

Result<ConferenceFile::Participant> make_participant(const PlanSettings& s, const std::vector<Suite>& suites, std::uint32_t number) {
  const bool v6 = alternate(s.family == PlanFamily::kMixed, s.family == PlanFamily::kIpv6, number);
  const auto first = Address::parse(v6 ? s.remote_v6 : s.remote_v4);
  if (!first || first->v6 != v6 || !Address::parse(v6 ? s.local_v6 : s.local_v4))
    return fail(ErrorCode::kInvalid, "the local or the remote address is not an address of its family");
  ConferenceFile::Participant p;
  p.id = std::string("p").append(std::to_string(number + 1));  // GCC 12 warns of operator+ here (PR 105651)
  add_addresses(s, number, v6, *first, p);
  // At first everybody has one suite for both directions; then every suite meets every other on the way in and out.
  const std::size_t n = suites.size();
  if (auto added = add_keys(s, suites[number % n], suites[(number + number / n) % n], p); !added) return tl::unexpected(added.error());
  for (std::uint32_t i = 0; i < s.streams; ++i) p.ssrcs.push_back(s.ssrc_first + number * s.streams + i);
  if (s.initial_roc != 0) p.initial_rocs.assign(s.streams, s.initial_roc);
  p.dscp = s.dscp;
  p.replay_window = s.replay_window;
  p.rtcp_mux = !alternate(s.rtcp == PlanRtcp::kMixed, s.rtcp == PlanRtcp::kPorts, number);
  p.rtcp_drop = s.rtcp == PlanRtcp::kDrop;
  p.allow_unencrypted_srtcp = s.plain_srtcp;
  if (s.mode == FileMode::kRelay) p.end_to_end = alternate(s.relay_keys == PlanRelayKeys::kMixed, s.relay_keys == PlanRelayKeys::kUnknown, number);
  if (s.one_way) (number == 0 ? p.may_receive : p.may_send) = false;
  return p;
}

Result<void> check(const PlanSettings& s) {
  if (s.participants < 2) return fail(ErrorCode::kInvalid, "--participants: a conference has at least two");
  if (std::uint32_t{s.local_port_first} + 2 * (s.participants - 1) > 65534)
    return fail(ErrorCode::kInvalid,
                "--local-port-first: " + std::to_string(s.participants) + " participants do not fit between it and 65535");
  if (s.mki_bytes > 128) return fail(ErrorCode::kInvalid, "--mki: an MKI has 128 bytes at most");
  if (s.keys < 1 || s.keys > 4) return fail(ErrorCode::kInvalid, "--keys: a direction has 1 to 4 keys");
  if (s.keys > 1 && s.mki_bytes == 0) return fail(ErrorCode::kInvalid, "--keys: several keys are told apart by their MKIs; give --mki");
  return {};
}

}  // namespace

Result<std::vector<Suite>> parse_suites(const std::string& text) {
  if (text == "mixed") return std::vector{Suite::kAesCm128HmacSha1_80, Suite::kAeadAes128Gcm};
  std::vector<Suite> suites;
  for (const auto& row : crypto::kSuites)
    if (text == "all" || (text == "encrypting" && row.transform != crypto::Transform::kNullHmacSha1)) suites.push_back(row.id);
  if (!suites.empty()) return suites;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    const auto suite = parse_suite(rest.substr(0, comma));
    if (!suite) return tl::unexpected(suite.error());
    suites.push_back(*suite);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  if (suites.empty()) return fail(ErrorCode::kInvalid, "--suites: no suite is named");
  return suites;
}

Result<FileMode> parse_mode(const std::string& text) {
  if (text == "per-participant") return FileMode::kPerParticipant;
  if (text == "group") return FileMode::kGroup;
  if (text == "relay") return FileMode::kRelay;
  return fail(ErrorCode::kInvalid, "--mode: `" + text + "` is unknown; there are per-participant, group and relay");
}

Result<ConferenceFile> make_plan(const PlanSettings& s) {
  if (auto good = check(s); !good) return tl::unexpected(good.error());
  const auto suites = parse_suites(s.suites);
  if (!suites) return tl::unexpected(suites.error());
  ConferenceFile file;
  file.id = s.id;
  file.mode = s.mode;
  if (s.mode == FileMode::kGroup) {
    auto key = random_key(suites->back(), s.mki_bytes, 0);
    if (!key) return tl::unexpected(key.error());
    file.group_suite = crypto::find_suite(suites->back())->name;
    file.group_keys.push_back(std::move(*key));
  }
  for (std::uint32_t i = 0; i < s.participants; ++i) {
    auto participant = make_participant(s, *suites, i);
    if (!participant) return tl::unexpected(participant.error());
    file.participants.push_back(std::move(*participant));
  }
  return file;
}

Result<PlanSettings> settings_of_conference(const PlanSettings& base, std::uint32_t number) {
  PlanSettings s = base;
  const std::uint32_t before = number * base.participants;  // participants of earlier conferences
  const std::uint32_t per_host = base.hosts == 0 ? 1 : (base.participants + base.hosts - 1) / base.hosts;
  const std::uint32_t local = std::uint32_t{base.local_port_first} + 2 * before, remote = base.remote_port + 2 * number * per_host;
  if (local + 2 * base.participants > 65535 || remote + 2 * per_host > 65535)
    return fail(ErrorCode::kInvalid, "--count: the UDP ports do not reach for conference " + std::to_string(number + 1));
  s.local_port_first = static_cast<std::uint16_t>(local);
  s.remote_port = static_cast<std::uint16_t>(remote);
  s.ssrc_first = base.ssrc_first + before * base.streams;
  return s;
}

Result<void> write_secret_file(const std::string& path, const std::string& text) {
  const auto failed = [&](const char* what) { return fail(ErrorCode::kInvalid, path + ": " + what + ": " + std::strerror(errno)); };
  std::string temporary = path + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);  // mode 0600
  if (fd < 0) return failed("cannot be created");
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  const bool written = done == text.size();
  if (close(fd) == 0 && written && std::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const auto error = failed("cannot be written");
  unlink(temporary.c_str());
  return error;
}

}  // namespace mediaward::tools::traffic
