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

std::vector<std::string> state_cells(const v1::SrtpState& state) {
  if (!state.present()) return {"-", "-", "-", "-", "no slot"};
  const char* remark = state.rekey_required() ? "REKEY REQUIRED" : state.started() ? "" : "nothing yet";
  return {grouped(state.packets()), grouped(state.bytes()), std::to_string(state.roc()),
          state.started() ? std::to_string(state.sequence()) : "-", remark};
}

std::string legs_text(const v1::ConferenceState& conference) {
  Table table({"PARTICIPANT", "PORT", "LOCAL", "REMOTE", "DIRECTION", ">DSCP", "RECEIVE SUITE", "KEY", "SEND SUITE", "KEY"});
  for (const auto& leg : conference.legs())
    table.add({participant(conference.id(), leg.id()), leg.port(), endpoint_text(leg.local()), endpoint_text(leg.remote()),
               enum_word(v1::Direction_descriptor(), leg.direction()), std::to_string(leg.dscp()), leg.receive_key().suite(),
               leg.receive_key().fingerprint(), leg.send_key().suite(), leg.send_key().fingerprint()});
  return table.empty() ? "no participants\n" : table.text();
}

std::string streams_text(const v1::ConferenceState& conference) {
  Table table({"FROM", "SSRC", "TO", ">PACKETS", ">BYTES", ">ROC", ">SEQ", ""});
  const auto add = [&](std::string from, std::string ssrc, std::string to, const v1::SrtpState& state) {
    std::vector<std::string> cells{std::move(from), std::move(ssrc), std::move(to)};
    for (auto& cell : state_cells(state)) cells.push_back(std::move(cell));
    table.add(std::move(cells));
  };
  for (const auto& leg : conference.legs())
    for (const auto& stream : leg.streams()) {
      add(participant(conference.id(), leg.id()), fmt::format("{:#010x}", stream.ssrc()), "(received)", stream.received());
      for (const auto& receiver : stream.receivers()) add("", "", participant(conference.id(), receiver.leg_id()), receiver.sent());
    }
  return table.empty() ? "no streams\n" : table.text();
}

}  // namespace

CommandResult show_conferences(Client& client) {
  Table table({"CONFERENCE", ">LEGS", ">STREAMS", ">VERSION", "HANDLE"});
  v1::ListConferencesRequest in;
  v1::ListConferencesResponse all;
  do {
    v1::ListConferencesResponse page;
    if (auto good = client.call(in, page); !good) return tl::unexpected(good.error());
    for (const auto& one : page.conferences())
      table.add(
          {one.id(), std::to_string(one.leg_count()), std::to_string(one.stream_count()), std::to_string(one.version()), one.handle()});
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
  return Answer{
      fmt::format("conference {}: {} legs, {} streams, version {}\n\n", out.id(), out.leg_count(), out.stream_count(), out.version()) +
          legs_text(out) + "\n" + streams_text(out),
      to_json(out)};
}

}  // namespace mediaward::tools
