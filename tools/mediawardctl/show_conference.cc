// SPDX-License-Identifier: Apache-2.0
// `show conferences` and `show conference ID`: participants, suites, key fingerprints and the live SRTP state. One thread.
#include <fmt/format.h>

#include "tools/mediawardctl/commands.h"
#include "tools/mediawardctl/json.h"
#include "tools/mediawardctl/table.h"

namespace mediaward::tools {

namespace {

std::string endpoint_text(const v1::Endpoint& endpoint) {
  const bool v6 = endpoint.address().find(':') != std::string::npos;
  return fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), endpoint.address(), endpoint.udp_port());
}

// "alice" of leg "standup/alice" in conference "standup".
std::string participant(const std::string& conference, const std::string& leg) {
  return leg.starts_with(conference + "/") ? leg.substr(conference.size() + 1) : leg;
}

// "1234567890abcdef mki 01", of all keys of a direction: the one in force, then "+" those that are staged or retiring.
std::string keys_text(const v1::KeyInfo& first, const google::protobuf::RepeatedPtrField<v1::KeyInfo>& more) {
  const auto one = [](const v1::KeyInfo& key) { return key.fingerprint() + (key.mki().empty() ? "" : " mki " + key.mki()); };
  std::string out = first.suite().empty() ? std::string("-") : one(first);
  for (const auto& key : more) {
    out += " + ";
    out += one(key);
  }
  return out;
}

std::string remote_text(const v1::LegState& leg) {
  if (leg.has_latched()) return endpoint_text(leg.latched()) + " (learned)";
  return leg.has_remote() ? endpoint_text(leg.remote()) : std::string("not known");
}

// What of a leg is not as usual.
std::string notes_text(const v1::LegState& leg) {
  std::string out;
  const auto note = [&](bool holds, const std::string& text) {
    if (!holds) return;
    if (!out.empty()) out += ", ";
    out += text;
  };
  note(leg.muted(), "MUTED");
  note(leg.source_policy() == v1::SOURCE_POLICY_FIRST_AUTHENTICATED, "latches");
  note(leg.source_policy() == v1::SOURCE_POLICY_LATEST_AUTHENTICATED, "re-latches");
  note(!leg.source_filter().empty(), "within " + leg.source_filter());
  note(leg.ssrc_policy() == v1::SSRC_POLICY_FIRST_AUTHENTICATED, "learns SSRCs");
  note(leg.srtcp_policy() == v1::SRTCP_POLICY_DROP, "no SRTCP");
  note(leg.rtcp_transport() == v1::RTCP_TRANSPORT_SEPARATE, "RTCP on its own port");
  note(leg.allow_unencrypted_srtcp(), "unencrypted SRTCP allowed");
  note(leg.audio_level_id() != 0, fmt::format("audio level id {}", leg.audio_level_id()));
  note(leg.replay_window() != 0, fmt::format("replay window {}", leg.replay_window()));
  return out;
}

std::string head_text(const v1::ConferenceState& conference) {
  std::string out =
      fmt::format("conference {}: {}{}, {} legs, {} streams, version {}\n", conference.id(),
                  enum_word(v1::ForwardingMode_descriptor(), conference.mode()), conference.spread() ? ", spread over all workers" : "",
                  conference.leg_count(), conference.stream_count(), conference.version());
  if (conference.group_keys_size() != 0) {
    auto more = conference.group_keys();
    more.DeleteSubrange(0, 1);
    out += fmt::format("group key: {} {}\n", conference.group_keys(0).suite(), keys_text(conference.group_keys(0), more));
  }
  const auto& speakers = conference.speakers();
  if (speakers.loudest() != 0)
    out += fmt::format("speakers: the {} loudest, a newcomer must be {} dB louder, each stays {} ms\n", speakers.loudest(),
                       speakers.hysteresis_db(), speakers.hold_ms());
  return out;
}

std::string legs_text(const v1::ConferenceState& conference) {
  Table table({"PARTICIPANT", "PORT", "LOCAL", "REMOTE", "DIRECTION", ">DSCP", "RECEIVE SUITE", "KEY", "SEND SUITE", "KEY", "NOTES"});
  for (const auto& leg : conference.legs())
    table.add({participant(conference.id(), leg.id()), leg.port(), endpoint_text(leg.local()), remote_text(leg),
               enum_word(v1::Direction_descriptor(), leg.direction()), std::to_string(leg.dscp()), leg.receive_key().suite(),
               keys_text(leg.receive_key(), leg.more_receive_keys()), leg.send_key().suite(),
               keys_text(leg.send_key(), leg.more_send_keys()), notes_text(leg)});
  return table.empty() ? "no participants\n" : table.text();
}

std::string topology_text(const v1::ConferenceState& conference) {
  Table table({"FROM", "TO", "TOPOLOGY"});
  for (const auto& entry : conference.topology())
    table.add({participant(conference.id(), entry.leg_a()), participant(conference.id(), entry.leg_b()),
               enum_word(v1::TopologyRelation_descriptor(), entry.relation())});
  return table.empty() ? std::string() : "\n" + table.text();
}

std::string ssrc_text(const v1::StreamState& stream) {
  if (stream.ssrc() != 0) return fmt::format("{:#010x}", stream.ssrc());
  return stream.bound_ssrc() != 0 ? fmt::format("{:#010x} (learned)", stream.bound_ssrc()) : "a place";
}

class StreamTable {
 public:
  explicit StreamTable(const v1::ConferenceState& conference) : conference_(conference) {}
  void add(const v1::LegState& leg, const v1::StreamState& stream);
  [[nodiscard]] std::string text() const { return table_.empty() ? "no streams\n" : table_.text(); }

 private:
  void row(std::string from, std::string ssrc, std::string to, const v1::SrtpState& state, bool blocked);
  const v1::ConferenceState& conference_;
  Table table_{{"FROM", "SSRC", "TO", ">PACKETS", ">BYTES", ">ROC", ">SEQ", ">SRTCP", ""}};
};

void StreamTable::row(std::string from, std::string ssrc, std::string to, const v1::SrtpState& state, bool blocked) {
  std::string remark = !state.present() ? "no slot" : state.rekey_required() ? "REKEY REQUIRED" : state.started() ? "" : "nothing yet";
  if (blocked) remark = "blocked by topology";
  if (state.present())
    table_.add({std::move(from), std::move(ssrc), std::move(to), grouped(state.packets()), grouped(state.bytes()),
                std::to_string(state.roc()), state.started() ? std::to_string(state.sequence()) : "-", grouped(state.srtcp_packets()),
                std::move(remark)});
  else
    table_.add({std::move(from), std::move(ssrc), std::move(to), "-", "-", "-", "-", "-", std::move(remark)});
}

void StreamTable::add(const v1::LegState& leg, const v1::StreamState& stream) {
  row(participant(conference_.id(), leg.id()), ssrc_text(stream), "(received)", stream.received(), false);
  if (conference_.mode() == v1::FORWARDING_MODE_GROUP_KEY) row("", "", "(group)", stream.group_sent(), false);
  for (const auto& receiver : stream.receivers())
    if (conference_.mode() == v1::FORWARDING_MODE_PER_PARTICIPANT_KEYS || receiver.blocked())
      row("", "", participant(conference_.id(), receiver.leg_id()), receiver.sent(), receiver.blocked());
}

std::string streams_text(const v1::ConferenceState& conference) {
  StreamTable table(conference);
  for (const auto& leg : conference.legs())
    for (const auto& stream : leg.streams()) table.add(leg, stream);
  return table.text();
}

}  // namespace

CommandResult show_conferences(Client& client) {
  Table table({"CONFERENCE", "MODE", ">LEGS", ">STREAMS", ">VERSION", "HANDLE"});
  v1::ListConferencesRequest in;
  v1::ListConferencesResponse all;
  do {
    v1::ListConferencesResponse page;
    if (auto good = client.call(in, page); !good) return tl::unexpected(good.error());
    for (const auto& one : page.conferences())
      table.add({one.id(), enum_word(v1::ForwardingMode_descriptor(), one.mode()), std::to_string(one.leg_count()),
                 std::to_string(one.stream_count()), std::to_string(one.version()), one.handle()});
    in.set_page_token(page.next_page_token());
    all.MergeFrom(page);
  } while (!in.page_token().empty());
  all.clear_next_page_token();
  return Answer{table.empty() ? "no conferences\n" : table.text(), to_json(all)};
}

CommandResult show_conference(Client& client, const std::string& id) {
  v1::GetConferenceRequest in;
  in.set_id(id);
  v1::ConferenceState out;
  if (auto good = client.call(in, out); !good) return tl::unexpected(good.error());
  return Answer{head_text(out) + "\n" + legs_text(out) + topology_text(out) + "\n" + streams_text(out), to_json(out)};
}

}  // namespace mediaward::tools
