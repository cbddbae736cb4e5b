// SPDX-License-Identifier: Apache-2.0
// Writes the swarm file: what differs from the defaults, in the order that the header describes; and times as text, both ways.
// Any thread; control path.
#include <array>
#include <ctime>

#include "tools/conference_text.h"
#include "tools/swarm_file.h"
#include "tools/toml_lines.h"

namespace mediaward::tools {

namespace {

constexpr std::uint64_t kNsPerSecond = 1000000000;

template <typename Enum, std::size_t N>
void choice_if(TomlLines& lines, const char* key, Enum value, const char* const (&names)[N]) {
  if (value != Enum{}) lines.text(key, names[static_cast<std::uint8_t>(value)]);
}

void time_if(TomlLines& lines, const char* key, std::uint64_t unix_ns) {
  if (unix_ns != 0) lines.text(key, time_text(unix_ns));
}

void write_metadata(TomlLines& lines, const SwarmFile& in) {
  lines.text("id", in.id);
  choice_if(lines, "kind", in.kind, {"", "static", "live"});
  lines.text("key", encode_hex(in.key));
  choice_if(lines, "hash", in.hash, {"", "sha1", "sha224", "sha256", "sha384", "sha512"});
  choice_if(lines, "addressing", in.addressing, {"", "bin32", "byte64", "chunk32", "bin64", "chunk64"});
  lines.number_if("chunk_bytes", in.chunk_bytes);
  lines.number_if("content_bytes", in.content_bytes);
}

void write_policies(TomlLines& lines, const SwarmFile& in) {
  choice_if(lines, "source", in.source, {"", "peers", "preloaded"});
  choice_if(lines, "fetch", in.fetch, {"", "nothing", "on-demand", "everything"});
  time_if(lines, "expires", in.expires_unix_ns);
  lines.number_if("cache_quota_bytes", in.cache_quota_bytes);
  lines.number_if("send_bytes_per_s", in.send_bytes_per_s);
  lines.number_if("stored_level", in.stored_level);
  choice_if(lines, "guard", in.guard, {"", "pass", "drop"});
  lines.flag_if("guard_only", in.guard_only, false);
  lines.text_if("content_key_id", in.content_key_id);
  lines.number_if("content_key_version", in.content_key_version);
  lines.text_if("signature_key_id", in.signature_key_id);
  if (!in.signature.empty()) lines.text("signature", encode_base64(in.signature));
}

void write_live(TomlLines& lines, const SwarmFile::Live& in) {
  lines.out += "\n[swarm.live]\n";
  lines.number_if("munro_level", in.munro_level);
  lines.number_if("discard_window_chunks", in.discard_window_chunks);
  choice_if(lines, "signature_form", in.signature_form, {"", "rfc7574", "libswift"});
  lines.number_if("munro_max_age_ms", in.munro_max_age_ms);
}

void write_conduct(TomlLines& lines, const SwarmFile& in) {
  if (!in.conduct.empty()) lines.out += "\n[swarm.conduct]\n";
  for (const auto& [name, value] : in.conduct) lines.out += name + " = " + std::to_string(value) + "\n";
  TomlLines actions;
  for (std::size_t verdict = 1; verdict < std::size(kVerdictNames); ++verdict)
    choice_if(actions, std::string(kVerdictNames[verdict]).c_str(), in.actions[verdict], {"", "observe", "throttle", "ban"});
  if (!actions.out.empty()) lines.out += "\n[swarm.conduct.actions]\n" + actions.out;
}

void write(TomlLines& lines, const SwarmFile::Admission& in) {
  lines.out += "\n[[admission]]\n";
  lines.text("id", in.id);
  lines.text("port", in.port);
  lines.text("peers", in.peers);
  lines.number_if("udp_port", in.udp_port);
  lines.flag_if("provide", in.provide, false);
  lines.flag_if("receive", in.receive, false);
  lines.flag_if("connect", in.connect, false);
  lines.flag_if("libswift", in.libswift, false);
  lines.number_if("rank", in.rank);
  lines.text_if("local_address", in.local_address);
  lines.number_if("max_peers", in.max_peers);
  time_if(lines, "expires", in.expires_unix_ns);
  lines.number_if("send_bytes_per_s", in.send_bytes_per_s);
}

}  // namespace

std::string to_toml(const SwarmFile& in) {
  TomlLines lines;
  lines.out = "[swarm]\n";
  write_metadata(lines, in);
  write_policies(lines, in);
  if (in.live) write_live(lines, *in.live);
  write_conduct(lines, in);
  for (const auto& one : in.admissions) write(lines, one);
  if (!in.content) return lines.out;
  lines.out += "\n[content]\n";
  choice_if(lines, "kind", in.content->kind, {"", "leaf-hashes", "content"});
  lines.text_if("file", in.content->file);
  lines.text_if("inline_file", in.content->inline_file);
  return lines.out;
}

bool parse_time(std::string_view text, std::uint64_t& unix_ns) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0' || copy.size() != 20) return false;
  const std::tm asked = parts;
  const std::time_t seconds = ::timegm(&parts);
  if (seconds <= 0 || parts.tm_mday != asked.tm_mday || static_cast<std::uint64_t>(seconds) > ~std::uint64_t{0} / kNsPerSecond)
    return false;
  unix_ns = static_cast<std::uint64_t>(seconds) * kNsPerSecond;
  return true;
}

std::string time_text(std::uint64_t unix_ns) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ns / kNsPerSecond);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace mediaward::tools
