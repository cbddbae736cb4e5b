// SPDX-License-Identifier: Apache-2.0
// Reads the swarm file (see the header). What can be told from the file alone is refused here with its line and column; what depends on the
// daemon's policy or on other swarms is the daemon's to judge. Any thread; control path.
#include "tools/swarm_file.h"

#include <arpa/inet.h>

#include <charconv>
#include <set>

#include "config/toml_reader.h"
#include "tools/conference_text.h"

namespace mediaward::tools {

namespace {

using config::TomlTable;
using Admission = SwarmFile::Admission;

constexpr std::int64_t kMostInteger = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kDigestBytes[] = {32, 20, 28, 32, 48, 64};  // by SwarmFile::Hash

void read_size(TomlTable& table, std::string_view key, std::uint64_t& out) {
  std::int64_t value = 0;
  if (table.read(key, value, 0, kMostInteger)) out = static_cast<std::uint64_t>(value);
}

void read_time(TomlTable& table, std::string_view key, std::uint64_t& out) {
  std::string text;
  if (table.read(key, text) && !parse_time(text, out))
    table.fail(key, "`" + text + "` is not a time such as \"2027-01-31T12:00:00Z\" (UTC)");
}

void read_key(TomlTable& table, SwarmFile& out) {
  std::string text;
  table.require("key");
  if (!table.read("key", text)) return;
  if (!decode_hex(text, out.key)) return table.fail("key", "must be hex digits, two for each byte");
  const std::size_t wanted = kDigestBytes[static_cast<std::uint8_t>(out.hash)];
  if (out.kind == SwarmFile::Kind::kLive || out.key.size() == wanted) return;
  table.fail("key", "has " + std::to_string(out.key.size()) + " bytes; the root hash of this `hash` has " + std::to_string(wanted));
}

void read_signature(TomlTable& table, SwarmFile& out) {
  std::string text;
  table.read("signature_key_id", out.signature_key_id);
  if (table.read("signature", text) && !decode_base64(text, out.signature))
    table.fail("signature", "is not base64 (RFC 4648 §4, with padding)");
  if (table.has("signature") != table.has("signature_key_id"))
    table.fail("signature", "goes together with signature_key_id, which says whose it is");
}

void read_choices(TomlTable& table, SwarmFile& out) {
  table.read_choice("kind", out.kind, {{"static", SwarmFile::Kind::kStatic}, {"live", SwarmFile::Kind::kLive}});
  table.read_choice("hash", out.hash,
                    {{"sha1", SwarmFile::Hash::kSha1},
                     {"sha224", SwarmFile::Hash::kSha224},
                     {"sha256", SwarmFile::Hash::kSha256},
                     {"sha384", SwarmFile::Hash::kSha384},
                     {"sha512", SwarmFile::Hash::kSha512}});
  table.read_choice("addressing", out.addressing,
                    {{"bin32", SwarmFile::Addressing::kBin32},
                     {"chunk32", SwarmFile::Addressing::kChunk32},
                     {"bin64", SwarmFile::Addressing::kBin64},
                     {"chunk64", SwarmFile::Addressing::kChunk64}});
  table.read_choice("source", out.source, {{"peers", SwarmFile::Source::kPeers}, {"preloaded", SwarmFile::Source::kPreloaded}});
  table.read_choice(
      "fetch", out.fetch,
      {{"nothing", SwarmFile::Fetch::kNothing}, {"on-demand", SwarmFile::Fetch::kOnDemand}, {"everything", SwarmFile::Fetch::kEverything}});
  table.read_choice("guard", out.guard, {{"pass", SwarmFile::Guard::kPass}, {"drop", SwarmFile::Guard::kDrop}});
  table.read("guard_only", out.guard_only);
}

void read_live(TomlTable& swarm, SwarmFile& out) {
  const bool live = out.kind == SwarmFile::Kind::kLive;
  auto table = swarm.table("live");
  if (live && !table) return swarm.fail("live", "a live swarm needs [swarm.live] with munro_level");
  if (!table) return;
  auto& values = out.live.emplace();
  table->require("munro_level");
  table->read("munro_level", values.munro_level, 1, 16);
  read_size(*table, "discard_window_chunks", values.discard_window_chunks);
  table->read_choice("signature_form", values.signature_form,
                     {{"rfc7574", SwarmFile::SignatureForm::kRfc7574}, {"libswift", SwarmFile::SignatureForm::kLibswift}});
  table->read("munro_max_age_ms", values.munro_max_age_ms);
  if (!live) swarm.fail("live", "belongs to a live swarm; set kind = \"live\" or leave it out");
}

void read_conduct(TomlTable& swarm, SwarmFile& out) {
  auto table = swarm.table("conduct");
  if (!table) return;
  for (const std::string_view name : kConductThresholds) {
    const bool wide = name == "report_bytes";
    std::int64_t value = 0;
    const std::int64_t most = wide ? kMostInteger : name.ends_with("permille") ? 1000 : std::numeric_limits<std::uint32_t>::max();
    if (table->read(name, value, 0, most)) out.conduct[std::string(name)] = static_cast<std::uint64_t>(value);
  }
  auto actions = table->table("actions");
  if (!actions) return;
  for (std::size_t verdict = 1; verdict < std::size(kVerdictNames); ++verdict)
    actions->read_choice(
        kVerdictNames[verdict], out.actions[verdict],
        {{"observe", SwarmFile::Action::kObserve}, {"throttle", SwarmFile::Action::kThrottle}, {"ban", SwarmFile::Action::kBan}});
}

void read_sizes(TomlTable& table, SwarmFile& out) {
  table.require("chunk_bytes");
  table.read("chunk_bytes", out.chunk_bytes, 1, 65535);
  read_size(table, "content_bytes", out.content_bytes);
  const bool live = out.kind == SwarmFile::Kind::kLive;
  if (!live && out.content_bytes == 0)
    table.fail("content_bytes", "must be the exact length: without it a peer could cut the content off (RFC 7574 §3.1 (f))");
  if (live && out.content_bytes != 0) table.fail("content_bytes", "a live stream has no length; leave it out");
  read_size(table, "cache_quota_bytes", out.cache_quota_bytes);
  read_size(table, "send_bytes_per_s", out.send_bytes_per_s);
  table.read("stored_level", out.stored_level, 0, 5);
}

void read_swarm_table(TomlTable table, SwarmFile& out) {
  table.require("id");
  if (table.read("id", out.id) && out.id.empty()) table.fail("id", "must not be empty");
  read_choices(table, out);
  read_key(table, out);
  read_sizes(table, out);
  read_time(table, "expires", out.expires_unix_ns);
  table.read("content_key_id", out.content_key_id);
  table.read("content_key_version", out.content_key_version);
  read_signature(table, out);
  read_live(table, out);
  read_conduct(table, out);
}

bool is_address(const std::string& text) {
  std::uint8_t bytes[16];
  return inet_pton(is_v6(text) ? AF_INET6 : AF_INET, text.c_str(), bytes) == 1;
}

void read_peers(TomlTable& table, Admission& out) {
  table.require("peers");
  if (!table.read("peers", out.peers)) return;
  ConferenceFile::Prefix prefix;
  const bool everybody = out.peers == "0.0.0.0/0" || out.peers == "::/0";
  if (is_address(out.peers) || everybody || parse_prefix(out.peers, prefix)) return;
  table.fail("peers", "`" + out.peers + "` is neither an address nor a network such as \"192.0.2.0/24\" (no bit behind the length)");
}

void check_connect(TomlTable& table, const Admission& one) {
  if (!one.connect) {
    if (!one.local_address.empty()) table.fail("local_address", "says where the appliance connects from; set connect = true");
    return;
  }
  if (one.peers.find('/') != std::string::npos) table.fail("connect", "needs one address in peers, not a network");
  if (one.udp_port == 0) table.fail("connect", "needs the peer's udp_port");
}

Admission read_admission(TomlTable& table) {
  Admission out;
  for (const char* key : {"id", "port"}) table.require(key);
  table.read("id", out.id);
  table.read("port", out.port);
  read_peers(table, out);
  table.read("udp_port", out.udp_port, 1, 65535);
  table.read("provide", out.provide);
  table.read("receive", out.receive);
  table.read("connect", out.connect);
  table.read("libswift", out.libswift);
  table.read("rank", out.rank);
  if (table.read("local_address", out.local_address) && !is_address(out.local_address))
    table.fail("local_address", "`" + out.local_address + "` is not an address");
  table.read("max_peers", out.max_peers);
  read_time(table, "expires", out.expires_unix_ns);
  read_size(table, "send_bytes_per_s", out.send_bytes_per_s);
  if (!out.provide && !out.receive) table.fail("provide", "or receive must be true: a peer that may do neither is not admitted");
  check_connect(table, out);
  return out;
}

void read_content(TomlTable& root, SwarmFile& out) {
  auto table = root.table("content");
  if (!table) {
    if (out.source == SwarmFile::Source::kPreloaded) root.fail("swarm", "source = \"preloaded\" needs [content] with kind = \"content\"");
    return;
  }
  auto& content = out.content.emplace();
  table->require("kind");
  table->read_choice("kind", content.kind,
                     {{"leaf-hashes", SwarmFile::ContentKind::kLeafHashes}, {"content", SwarmFile::ContentKind::kContent}});
  table->read("file", content.file);
  table->read("inline_file", content.inline_file);
  if (content.file.empty() == content.inline_file.empty())
    table->fail("file", "give either `file`, on the appliance, or `inline_file`, sent along");
  if (out.source == SwarmFile::Source::kPreloaded && content.kind == SwarmFile::ContentKind::kLeafHashes)
    table->fail("kind", "source = \"preloaded\" needs the content itself");
  if (out.kind == SwarmFile::Kind::kLive) table->fail("kind", "a live stream cannot be preloaded");
}

Result<SwarmFile> read_document(const config::TomlDocument& document) {
  SwarmFile out;
  TomlTable root = document.root();
  root.require("swarm");
  if (auto table = root.table("swarm")) read_swarm_table(*table, out);
  std::set<std::string> ids;
  for (TomlTable& table : root.tables("admission")) {
    out.admissions.push_back(read_admission(table));
    if (const auto& id = out.admissions.back().id; !id.empty() && !ids.insert(id).second) table.fail("id", "`" + id + "` is named twice");
  }
  read_content(root, out);
  if (out.guard_only && !out.admissions.empty()) root.fail("admission", "guard_only: the appliance is no peer of this swarm");
  if (auto good = document.finish(); !good) return tl::unexpected(good.error());
  return out;
}

}  // namespace

Result<SwarmFile> parse_swarm(std::string_view text, std::string_view file_name) {
  auto document = config::TomlDocument::parse(text, file_name);
  if (!document) return tl::unexpected(document.error());
  return read_document(*document);
}

Result<SwarmFile> read_swarm(const std::string& path) {
  auto document = config::TomlDocument::read_file(path);
  if (!document) return tl::unexpected(document.error());
  return read_document(*document);
}

}  // namespace mediaward::tools
