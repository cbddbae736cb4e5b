// SPDX-License-Identifier: Apache-2.0
// Reads the conference file (see the header; conference_write.cc writes it). What can be told from the file alone is refused here
// with its line and column: addresses, suites, key lengths, which keys a mode has, ids, ports and SSRCs named twice. What depends on
// the running appliance is the daemon's to judge. Error texts never contain key material. Any thread; control path.
#include "tools/conference_file.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "config/nearest.h"
#include "config/toml_reader.h"
#include "crypto/srtp_index.h"
#include "crypto/suite.h"
#include "tools/conference_text.h"

namespace mediaward::tools {

namespace {

using config::TomlTable;
using Participant = ConferenceFile::Participant;
using Endpoint = ConferenceFile::Endpoint;
using Key = ConferenceFile::Key;
using Mode = ConferenceFile::Mode;

constexpr std::size_t kMaxMoreKeys = 3, kMaxGroupKeys = 2;
constexpr std::int64_t kMaxLifetime = crypto::kMaxSrtpIndex + 1;  // RFC 3711 §9.2
constexpr std::int64_t kMaxSrtcpLifetime = std::int64_t{1} << 31;

enum class Direction : std::uint8_t { kBoth, kSendOnly, kReceiveOnly, kInactive };

// A key that is known, but has no place here.
void refuse(TomlTable& table, std::string_view key, std::string_view why) {
  if (!table.has(key)) return;
  table.require(key);
  table.fail(key, why);
}

bool read_endpoint(TomlTable& table, std::string_view key, Endpoint& out) {
  std::string text;
  if (!table.read(key, text)) return false;
  if (parse_endpoint(text, out)) return true;
  table.fail(key, "`" + text + "` is not an address and UDP port; write \"192.0.2.1:20000\" or \"[2001:db8::1]:20000\"");
  return false;
}

const crypto::SuiteInfo* read_suite(TomlTable& table, std::string_view key, std::string& out) {
  if (!table.read(key, out)) return nullptr;
  if (const auto* row = crypto::find_suite(out)) return row;
  std::vector<std::string> names;
  std::string text = "`" + out + "` is not a suite; there are:";
  for (const auto& row : crypto::kSuites) {
    names.emplace_back(row.name);
    text += " " + names.back();
  }
  table.fail(key, text + config::did_you_mean(out, names));
  return nullptr;
}

void read_key(TomlTable& table, std::string_view key, const crypto::SuiteInfo* suite, std::vector<std::uint8_t>& out) {
  std::string text;
  table.require(key);
  if (!table.read(key, text)) return;
  const bool decoded = decode_base64(text, out);
  OPENSSL_cleanse(text.data(), text.size());
  if (!decoded) return table.fail(key, "is not base64 of key and salt (RFC 4648 §4, with padding)");
  if (suite == nullptr) return;
  const std::size_t wanted = std::size_t{suite->key_bytes} + suite->salt_bytes;
  if (out.size() != wanted)
    table.fail(key, "key and salt are " + std::to_string(out.size()) + " bytes, but " + std::string(suite->name) + " takes " +
                        std::to_string(suite->key_bytes) + " + " + std::to_string(suite->salt_bytes));
}

void read_mki(TomlTable& table, std::string_view key, std::vector<std::uint8_t>& out) {
  std::string text;
  if (!table.read(key, text)) return;
  if (!decode_hex(text, out) || out.size() > 128) {
    out.clear();
    table.fail(key, "must be hex digits, two for each of 1 to 128 bytes (RFC 3711 §3.1)");
  }
}

// prefix: "" of a table of its own, "receive_" or "send_" of a participant.
void read_key_details(TomlTable& table, const std::string& prefix, Key& out) {
  read_mki(table, prefix + "mki", out.mki);
  table.read(prefix + "lifetime", out.lifetime, 0, kMaxLifetime);
  table.read(prefix + "srtcp_lifetime", out.srtcp_lifetime, 0, kMaxSrtcpLifetime);
}

std::vector<Key> read_keys(TomlTable& table, std::string_view name, const crypto::SuiteInfo* suite, std::size_t most) {
  std::vector<Key> out;
  for (TomlTable& one : table.tables(name)) {
    Key& key = out.emplace_back();
    read_key(one, "key", suite, key.bytes);
    read_key_details(one, "", key);
  }
  if (out.size() > most) table.fail(name, "has " + std::to_string(out.size()) + " keys; at most " + std::to_string(most) + " can be kept");
  return out;
}

// The keys of a direction have MKIs of one length (RFC 3711 §3.1), each its own, and no key comes twice. first: nullptr for a group.
void check_told_apart(TomlTable& table, std::string_view name, const Key* first, const std::vector<Key>& more) {
  std::vector<const Key*> all;
  if (first != nullptr) all.push_back(first);
  for (const auto& key : more) all.push_back(&key);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i]->mki.size() != all[0]->mki.size())
      return table.fail(name, "the MKIs of all keys of a direction must have one length (RFC 3711 §3.1), or none has one");
    for (std::size_t other = 0; other < i; ++other) {
      if (!all[i]->mki.empty() && all[i]->mki == all[other]->mki) return table.fail(name, "two keys have one MKI");
      if (!all[i]->bytes.empty() && all[i]->bytes == all[other]->bytes) return table.fail(name, "one key is given twice");
    }
  }
}

// One direction's suite, key in force and further ones. wanted: the mode has such a key; unknown_allowed: it may be missing.
struct KeyFields {
  std::string& suite;
  std::vector<std::uint8_t>& key;
  std::vector<std::uint8_t>& mki;
  std::uint64_t &lifetime, &srtcp_lifetime;
  std::vector<Key>& more;
};

void read_direction_keys(TomlTable& table, const std::string& prefix, const crypto::SuiteInfo* suite, KeyFields out) {
  read_key(table, prefix + "key", suite, out.key);
  Key details;
  read_key_details(table, prefix, details);
  out.mki = std::move(details.mki);
  out.lifetime = details.lifetime;
  out.srtcp_lifetime = details.srtcp_lifetime;
  out.more = read_keys(table, "more_" + prefix + "keys", suite, kMaxMoreKeys);
  details.bytes = out.key;
  details.mki = out.mki;
  check_told_apart(table, "more_" + prefix + "keys", &details, out.more);
  OPENSSL_cleanse(details.bytes.data(), details.bytes.size());
}

void refuse_send_keys(TomlTable& table, Mode mode) {
  const std::string why = mode == Mode::kGroup ? "with mode = \"group\" the group key seals; leave it out"
                                               : "with mode = \"relay\" nothing is sealed; leave it out";
  for (const char* key : {"send_suite", "send_key", "send_mki", "send_lifetime", "send_srtcp_lifetime", "more_send_keys"})
    refuse(table, key, why);
}

struct Suites {
  const crypto::SuiteInfo *receive = nullptr, *send = nullptr;
};

// `suite` for every direction that the mode has, or one for each.
Suites read_suites(TomlTable& table, Participant& p, bool sends) {
  Suites out;
  if (table.has("suite")) {
    out.receive = read_suite(table, "suite", p.receive_suite);
    for (const char* key : {"receive_suite", "send_suite"})
      if (table.has(key)) table.fail(key, "give either `suite` for both directions or `receive_suite` and `send_suite`");
    std::string ignored;  // asked for, so that they count as known keys
    table.read("receive_suite", ignored);
    table.read("send_suite", ignored);
    out.send = sends ? out.receive : nullptr;
    if (sends) p.send_suite = p.receive_suite;
    return out;
  }
  std::string ignored;
  table.read("suite", ignored);
  if (!table.has("receive_suite") && !table.has("send_suite"))
    table.require("suite");
  else
    table.require("receive_suite");
  out.receive = read_suite(table, "receive_suite", p.receive_suite);
  if (!sends) return out;
  if (table.has("receive_suite")) table.require("send_suite");
  out.send = read_suite(table, "send_suite", p.send_suite);
  return out;
}

void read_suites_and_keys(TomlTable& table, Participant& p, Mode mode) {
  const bool sends = mode == Mode::kPerParticipant;
  table.read("end_to_end", p.end_to_end);
  if (p.end_to_end && mode != Mode::kRelay) table.fail("end_to_end", "only a relay does without the key; use mode = \"relay\"");
  if (!sends) refuse_send_keys(table, mode);
  if (mode == Mode::kRelay && !table.has("suite") && !table.has("receive_suite") && !table.has("receive_key")) return;
  const Suites suites = read_suites(table, p, sends);
  read_direction_keys(table, "receive_", suites.receive,
                      {p.receive_suite, p.receive_key, p.receive_mki, p.receive_lifetime, p.receive_srtcp_lifetime, p.more_receive_keys});
  if (p.receive_mki.empty() && p.more_receive_keys.size() > 1)
    table.fail("more_receive_keys", "without MKI at most two receive keys can be told apart, by their tags; give each an MKI");
  if (sends)
    read_direction_keys(table, "send_", suites.send,
                        {p.send_suite, p.send_key, p.send_mki, p.send_lifetime, p.send_srtcp_lifetime, p.more_send_keys});
}

void read_direction(TomlTable& table, Participant& p) {
  Direction direction = Direction::kBoth;
  table.read_choice("direction", direction,
                    {{"both", Direction::kBoth},
                     {"send-only", Direction::kSendOnly},
                     {"receive-only", Direction::kReceiveOnly},
                     {"inactive", Direction::kInactive}});
  p.may_send = direction == Direction::kBoth || direction == Direction::kSendOnly;
  p.may_receive = direction == Direction::kBoth || direction == Direction::kReceiveOnly;
}

void read_source_filter(TomlTable& table, Participant& p) {
  std::string text;
  if (!table.read("source_filter", text)) return;
  ConferenceFile::Prefix prefix;
  if (!parse_prefix(text, prefix))
    return table.fail("source_filter",
                      "`" + text + "` is not a network such as \"192.0.2.0/24\" or \"2001:db8::/32\" (no bit behind the length)");
  if (p.source == ConferenceFile::SourcePolicy::kExact)
    return table.fail("source_filter", "says where a latched address may lie; set source = \"latch\" or \"relatch\"");
  if (!p.local.address.empty() && is_v6(p.local.address) != is_v6(prefix.address))
    return table.fail("source_filter", "must be of the address family of local");
  p.source_filter = std::move(prefix);
}

void read_addresses(TomlTable& table, Participant& p) {
  table.require("local");
  read_endpoint(table, "local", p.local);
  table.read_choice("source", p.source,
                    {{"exact", ConferenceFile::SourcePolicy::kExact},
                     {"latch", ConferenceFile::SourcePolicy::kLatch},
                     {"relatch", ConferenceFile::SourcePolicy::kRelatch}});
  if (p.source == ConferenceFile::SourcePolicy::kExact) table.require("remote");
  for (auto [key, out] : {std::pair{"remote", &p.remote}, std::pair{"actual_remote", &p.actual_remote}})
    if (read_endpoint(table, key, *out) && !p.local.address.empty() && is_v6(p.local.address) != is_v6(out->address))
      table.fail(key, "local and " + std::string(key) + " must both be IPv4 or both IPv6");
  if (p.source == ConferenceFile::SourcePolicy::kExact && table.has("actual_remote"))
    table.fail("actual_remote", "is where a latched participant sends from; set source = \"latch\" or \"relatch\"");
  read_source_filter(table, p);
}

void read_streams(TomlTable& table, Participant& p) {
  table.read_list("ssrc", p.ssrcs, 1);
  table.read("ssrc_places", p.ssrc_places, 0, 64);
  if (table.read_list("initial_roc", p.initial_rocs) && p.initial_rocs.size() != p.ssrcs.size())
    table.fail("initial_roc", "must have one number for each of the " + std::to_string(p.ssrcs.size()) + " SSRCs of ssrc");
}

void read_rtcp(TomlTable& table, Participant& p) {
  table.read_choice("rtcp", p.rtcp_drop, {{"forward", false}, {"drop", true}});
  table.read("rtcp_mux", p.rtcp_mux);
  table.read("allow_unencrypted_srtcp", p.allow_unencrypted_srtcp);
  if (table.read("remote_rtcp_port", p.remote_rtcp_port, 1, 65535) && p.rtcp_mux)
    table.fail("remote_rtcp_port", "RTCP shares the RTP port (RFC 5761); set rtcp_mux = false");
  if (!p.rtcp_mux && p.local.udp_port % 2 != 0)
    table.fail("local", "without rtcp_mux the UDP port must be even: RTCP has the next one (RFC 3550 §11)");
}

void check_nothing_is_learned(TomlTable& table, const Participant& p) {
  constexpr const char* kWhy = "is learned from authentic packets, and without the key the appliance cannot tell them";
  if (p.source != ConferenceFile::SourcePolicy::kExact) table.fail("source", kWhy);
  if (p.ssrc_places != 0) table.fail("ssrc_places", kWhy);
}

Participant read_participant(TomlTable& table, Mode mode) {
  Participant p;
  for (const char* key : {"id", "port"}) table.require(key);
  if (table.read("id", p.id) && p.id.empty()) table.fail("id", "must not be empty");
  if (table.read("port", p.port) && (p.port.empty() || p.port.size() > 31))
    table.fail("port", "must be 1 to 31 characters: the name of a port in the data plane's configuration");
  read_addresses(table, p);
  read_suites_and_keys(table, p, mode);
  read_streams(table, p);
  table.read("dscp", p.dscp, 0, 63);  // RFC 2474 §3
  read_direction(table, p);
  table.read("muted", p.muted);
  table.read("audio_level_id", p.audio_level_id, 1, 255);  // RFC 8285 §4.2, §4.3
  table.read("replay_window", p.replay_window, 64, 8192);  // RFC 3711 §3.3.2: at least 64
  read_rtcp(table, p);
  if (mode == Mode::kRelay && (p.receive_key.empty() || p.end_to_end)) check_nothing_is_learned(table, p);
  return p;
}

struct Seen {
  std::set<std::string> ids, locals;
  std::set<std::uint32_t> ssrcs;
};

void check_unique(TomlTable& table, const Participant& p, Seen& seen) {
  if (!p.id.empty() && !seen.ids.insert(p.id).second) table.fail("id", "`" + p.id + "` is named twice");
  const auto claim = [&](unsigned port) { return seen.locals.insert(p.port + "/" + p.local.address + "/" + std::to_string(port)).second; };
  if (p.local.udp_port != 0 && (!claim(p.local.udp_port) || (!p.rtcp_mux && !claim(p.local.udp_port + 1u))))
    table.fail("local", "another participant uses this address and UDP port, or the next for RTCP: every participant needs its own");
  for (const std::uint32_t ssrc : p.ssrcs) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", ssrc);
    // Two senders with one SSRC would share an index space under the receivers' keys (RFC 3711 §9.1).
    if (!seen.ssrcs.insert(ssrc).second)
      table.fail("ssrc", std::string(text) + " is already used in this conference: an SSRC belongs to one stream");
  }
}

void read_group_keys(TomlTable& root, ConferenceFile& out) {
  if (out.mode != Mode::kGroup) {
    for (const char* key : {"group_suite", "group_keys"}) refuse(root, key, "there is a group key with mode = \"group\" only");
    return;
  }
  root.require("group_suite");
  root.require("group_keys");
  const auto* suite = read_suite(root, "group_suite", out.group_suite);
  out.group_keys = read_keys(root, "group_keys", suite, kMaxGroupKeys);
  if (root.has("group_keys") && out.group_keys.empty()) root.fail("group_keys", "must have one or two keys");
  check_told_apart(root, "group_keys", nullptr, out.group_keys);
}

void read_member(TomlTable& table, const char* key, const ConferenceFile& file, std::string& id) {
  table.require(key);
  const auto is = [&](const Participant& p) { return p.id == id; };
  if (table.read(key, id) && std::none_of(file.participants.begin(), file.participants.end(), is))
    table.fail(key, "`" + id + "` is not a participant of this file");
}

void read_topology(TomlTable& root, ConferenceFile& out) {
  std::set<std::set<std::string>> pairs;
  for (TomlTable& table : root.tables("topology")) {
    auto& one = out.topology.emplace_back();
    read_member(table, "from", out, one.from);
    read_member(table, "to", out, one.to);
    table.require("relation");
    table.read_choice("relation", one.relation,
                      {{"both", ConferenceFile::Relation::kBoth},
                       {"oneway", ConferenceFile::Relation::kOneway},
                       {"isolate", ConferenceFile::Relation::kIsolate}});
    if (one.from == one.to) table.fail("to", "must be another participant than from");
    if (!pairs.insert({one.from, one.to}).second) table.fail("to", "this pair has an entry already");
  }
}

void read_speakers(TomlTable& root, ConferenceFile& out) {
  auto table = root.table("speakers");
  if (!table) return;
  table->require("loudest");
  table->read("loudest", out.speakers.loudest, 1, 255);
  table->read("hysteresis_db", out.speakers.hysteresis_db, 0, 127);  // levels are 0 to 127 -dBov (RFC 6464 §3)
  table->read("hold_ms", out.speakers.hold_ms);
}

Result<ConferenceFile> read_document(const config::TomlDocument& document) {
  ConferenceFile conference;
  TomlTable root = document.root();
  root.require("id");
  root.require("participant");
  if (root.read("id", conference.id) && conference.id.empty()) root.fail("id", "must not be empty");
  root.read_choice("mode", conference.mode, {{"per-participant", Mode::kPerParticipant}, {"group", Mode::kGroup}, {"relay", Mode::kRelay}});
  root.read("spread", conference.spread);
  if (conference.spread && conference.mode != Mode::kPerParticipant)
    root.fail("spread", "only sealing per participant is worth spreading; leave it out");
  read_group_keys(root, conference);
  read_speakers(root, conference);
  Seen seen;
  for (TomlTable& table : root.tables("participant")) {
    conference.participants.push_back(read_participant(table, conference.mode));
    check_unique(table, conference.participants.back(), seen);
  }
  read_topology(root, conference);
  if (auto good = document.finish(); !good) return tl::unexpected(good.error());
  return conference;
}

}  // namespace

Result<ConferenceFile> parse_conference(std::string_view text, std::string_view file_name) {
  auto document = config::TomlDocument::parse(text, file_name);
  if (!document) return tl::unexpected(document.error());
  return read_document(*document);
}

Result<ConferenceFile> read_conference(const std::string& path) {
  auto document = config::TomlDocument::read_file(path);
  if (!document) return tl::unexpected(document.error());
  return read_document(*document);
}

bool topology_lets_hear(const ConferenceFile& conference, const std::string& receiver, const std::string& sender) {
  for (const auto& one : conference.topology) {
    if (one.from == sender && one.to == receiver) return one.relation != ConferenceFile::Relation::kIsolate;
    if (one.from == receiver && one.to == sender) return one.relation == ConferenceFile::Relation::kBoth;
  }
  return true;
}

}  // namespace mediaward::tools
