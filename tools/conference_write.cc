// SPDX-License-Identifier: Apache-2.0
// Writes the conference file: what differs from the defaults, in the order that the header describes. What is read from its output
// is what was written. Any thread; control path.
#include <cstdio>

#include "tools/conference_file.h"
#include "tools/conference_text.h"
#include "tools/toml_lines.h"

namespace mediaward::tools {

namespace {

using Key = ConferenceFile::Key;
using Participant = ConferenceFile::Participant;

constexpr const char* kModes[] = {"per-participant", "group", "relay"};
constexpr const char* kSources[] = {"exact", "latch", "relatch"};
constexpr const char* kRelations[] = {"both", "oneway", "isolate"};

using Lines = TomlLines;

std::string key_text(const Key& key) {
  std::string out = "{ key = " + quoted(encode_base64(key.bytes));
  if (!key.mki.empty()) out += ", mki = " + quoted(encode_hex(key.mki));
  if (key.lifetime != 0) out += ", lifetime = " + std::to_string(key.lifetime);
  if (key.srtcp_lifetime != 0) out += ", srtcp_lifetime = " + std::to_string(key.srtcp_lifetime);
  return out + " }";
}

void write_keys(Lines& lines, const char* name, const std::vector<Key>& keys) {
  if (keys.empty()) return;
  lines.out += std::string(name) + " = [";
  for (std::size_t i = 0; i < keys.size(); ++i) lines.out += (i == 0 ? "" : ", ") + key_text(keys[i]);
  lines.out += "]\n";
}

template <typename T, typename Form>
void write_list(Lines& lines, const char* name, const std::vector<T>& values, Form form) {
  lines.out += std::string(name) + " = [";
  for (std::size_t i = 0; i < values.size(); ++i) lines.out += (i == 0 ? "" : ", ") + form(values[i]);
  lines.out += "]\n";
}

std::string hex32(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

const char* direction_of(const Participant& p) {
  if (p.may_send) return p.may_receive ? "" : "send-only";
  return p.may_receive ? "receive-only" : "inactive";
}

void write_key_of(Lines& lines, const std::string& direction, const std::vector<std::uint8_t>& key, const std::vector<std::uint8_t>& mki,
                  std::uint64_t lifetime, std::uint64_t srtcp_lifetime) {
  if (key.empty()) return;
  lines.text((direction + "_key").c_str(), encode_base64(key));
  lines.text_if((direction + "_mki").c_str(), encode_hex(mki));
  lines.number_if((direction + "_lifetime").c_str(), lifetime);
  lines.number_if((direction + "_srtcp_lifetime").c_str(), srtcp_lifetime);
}

void write_suites_and_keys(Lines& lines, const Participant& p) {
  if (p.receive_suite == p.send_suite) {
    lines.text_if("suite", p.receive_suite);
  } else {
    lines.text_if("receive_suite", p.receive_suite);
    lines.text_if("send_suite", p.send_suite);
  }
  write_key_of(lines, "receive", p.receive_key, p.receive_mki, p.receive_lifetime, p.receive_srtcp_lifetime);
  write_keys(lines, "more_receive_keys", p.more_receive_keys);
  write_key_of(lines, "send", p.send_key, p.send_mki, p.send_lifetime, p.send_srtcp_lifetime);
  write_keys(lines, "more_send_keys", p.more_send_keys);
  lines.flag_if("end_to_end", p.end_to_end, false);
}

void write_policies(Lines& lines, const Participant& p) {
  lines.number_if("dscp", p.dscp);
  lines.text_if("direction", direction_of(p));
  lines.flag_if("muted", p.muted, false);
  if (p.source != ConferenceFile::SourcePolicy::kExact) lines.text("source", kSources[static_cast<std::uint8_t>(p.source)]);
  if (p.source_filter) lines.text("source_filter", to_text(*p.source_filter));
  if (p.actual_remote.udp_port != 0) lines.text("actual_remote", to_text(p.actual_remote));
  lines.number_if("audio_level_id", p.audio_level_id);
  lines.number_if("replay_window", p.replay_window);
  if (p.rtcp_drop) lines.text("rtcp", "drop");
  lines.flag_if("rtcp_mux", p.rtcp_mux, true);
  lines.number_if("remote_rtcp_port", p.remote_rtcp_port);
  lines.flag_if("allow_unencrypted_srtcp", p.allow_unencrypted_srtcp, false);
}

void write(Lines& lines, const Participant& p) {
  lines.out += "\n[[participant]]\n";
  lines.text("id", p.id);
  lines.text("port", p.port);
  lines.text("local", to_text(p.local));
  if (p.remote.udp_port != 0) lines.text("remote", to_text(p.remote));
  write_suites_and_keys(lines, p);
  write_list(lines, "ssrc", p.ssrcs, hex32);
  if (!p.initial_rocs.empty()) write_list(lines, "initial_roc", p.initial_rocs, [](std::uint32_t roc) { return std::to_string(roc); });
  lines.number_if("ssrc_places", p.ssrc_places);
  write_policies(lines, p);
}

}  // namespace

std::string to_toml(const ConferenceFile& conference) {
  Lines lines;
  lines.out = "# Keys in this file are secrets: keep it readable by its owner only.\n";
  lines.text("id", conference.id);
  if (conference.mode != ConferenceFile::Mode::kPerParticipant) lines.text("mode", kModes[static_cast<std::uint8_t>(conference.mode)]);
  lines.flag_if("spread", conference.spread, false);
  lines.text_if("group_suite", conference.group_suite);
  write_keys(lines, "group_keys", conference.group_keys);
  if (conference.speakers.loudest != 0) {
    lines.out += "\n[speakers]\n";
    lines.number_if("loudest", conference.speakers.loudest);
    lines.number_if("hysteresis_db", conference.speakers.hysteresis_db);
    lines.number_if("hold_ms", conference.speakers.hold_ms);
  }
  for (const auto& one : conference.topology) {
    lines.out += "\n[[topology]]\n";
    lines.text("from", one.from);
    lines.text("to", one.to);
    lines.text("relation", kRelations[static_cast<std::uint8_t>(one.relation)]);
  }
  for (const auto& p : conference.participants) write(lines, p);
  return lines.out;
}

}  // namespace mediaward::tools
