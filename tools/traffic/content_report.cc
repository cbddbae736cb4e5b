// SPDX-License-Identifier: Apache-2.0
// The content part of a run's report (see the header). Main thread.
#include "tools/traffic/content_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace mediaward::tools::traffic {

namespace {

using ppspp::Attack;
using ppspp::wire::MessageType;
using Peer = ContentPlayer::Peer;

constexpr std::size_t kPeersListed = 64;  // in the table; JSON has all of them

bool identical(const ContentPlayer& player, const Peer& p) {
  return p.settings.role != ppspp::Role::kSeeder && p.peer->identical_to(player.content().bytes());
}

std::string_view role_of(const Peer& p) {
  if (!p.admitted) return "stranger";
  switch (p.settings.role) {
    case ppspp::Role::kSeeder:
      return "seeder";
    case ppspp::Role::kLeecher:
      return "leecher";
    case ppspp::Role::kBoth:
      return "peer";
  }
  return "";
}

std::string line_of(const ContentPlayer& player, const Peer& p) {
  const auto& c = p.peer->counters();
  std::string out = fmt::format("  {:<22}{:>12} B in {:>12} B out  chunks {:>8} good {:>6} bad {:>6} repeated", p.name,
                                c.content_bytes_received, c.content_bytes_sent, c.chunks_good, c.chunks_bad, c.requests_repeated);
  if (p.must_finish) out += fmt::format("  {:.3f} s, {}", player.seconds_of(p), identical(player, p) ? "identical" : "NOT IDENTICAL");
  if (p.attack() != Attack::kNone) out += fmt::format("  {} misdeeds", c.misdeeds);
  if (!p.admitted) out += fmt::format("  {} datagrams sent, {} came", c.datagrams_sent, c.datagrams_received);
  return out + "\n";
}

nlohmann::json messages_json(const std::array<std::uint64_t, ppspp::wire::kMessageTypes>& counts) {
  nlohmann::json j = nlohmann::json::object();
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] != 0) j[std::string(to_string(static_cast<MessageType>(i)))] = counts[i];
  return j;
}

nlohmann::json peer_json(const ContentPlayer& player, const Peer& p) {
  const auto& c = p.peer->counters();
  return {{"name", p.name},
          {"role", role_of(p)},
          {"attack", info(p.attack()).name},
          {"address", p.settings.local.to_string()},
          {"libswift", p.settings.profile == ppspp::wire::Profile::kLibswift},
          {"must_finish", p.must_finish},
          {"complete", p.peer->completed_us().has_value()},
          {"identical", identical(player, p)},
          {"seconds", player.seconds_of(p)},
          {"content_bytes_received", c.content_bytes_received},
          {"content_bytes_sent", c.content_bytes_sent},
          {"chunks_good", c.chunks_good},
          {"chunks_bad", c.chunks_bad},
          {"chunks_unverifiable", c.chunks_unverifiable},
          {"chunks_duplicate", c.chunks_duplicate},
          {"chunks_unrequested", c.chunks_unrequested},
          {"requests_repeated", c.requests_repeated},
          {"sends_lost", c.sends_lost},
          {"misdeeds", c.misdeeds},
          {"datagrams_sent", c.datagrams_sent},
          {"datagrams_received", c.datagrams_received},
          {"bytes_sent", c.bytes_sent},
          {"bytes_received", c.bytes_received},
          {"keep_alives_sent", c.keep_alives_sent},
          {"keep_alives_received", c.keep_alives_received},
          {"sent", messages_json(c.sent)},
          {"received", messages_json(c.received)},
          {"findings", p.peer->findings()}};
}

}  // namespace

std::vector<std::string> content_faults(const ContentPlayer& player) {
  std::vector<std::string> faults;
  for (const Peer& p : player.peers()) {
    if (p.must_finish && !p.peer->completed_us())
      faults.push_back(fmt::format("content: {} has {} of {} chunks after {} s", p.name, p.peer->chunks_held(),
                                   player.content().metadata().chunks(), player.settings().seconds));
    else if (p.must_finish && !identical(player, p))
      faults.push_back(fmt::format("content: what {} received differs from what was seeded", p.name));
    for (const std::string& finding : p.peer->findings()) faults.push_back("content: by " + finding);
    const auto count = [&](std::uint64_t number, std::string_view what) {
      if (number != 0) faults.push_back(fmt::format("content: {} datagrams to {} {}", number, p.name, what));
    };
    count(p.other_ports, "went to a UDP port that is not the admitted one");
    count(p.wrong_source, "came from another address or UDP port than the appliance's");
    count(p.wrong_mac, "had another host's MAC");
    count(p.bad_checksums, "had a wrong checksum");
  }
  return faults;
}

std::string content_lines(const ContentPlayer& player) {
  const auto& m = player.content().metadata();
  std::string out = fmt::format("content        {}: {} bytes in {} chunks of {}, {}, {} peers\n", player.swarm(), m.content_bytes,
                                m.chunks(), m.chunk_bytes, ppspp::hash_name(m.hash), player.peers().size());
  const auto& network = player.network();
  if (network.lost + network.duplicated + network.delayed != 0)
    out += fmt::format("bad network    content: lost {}, twice {}, late {}\n", network.lost, network.duplicated, network.delayed);
  std::size_t listed = 0;
  for (const Peer& p : player.peers())
    if (listed++ < kPeersListed) out += line_of(player, p);
  if (listed > kPeersListed) out += fmt::format("  ({} more peers: see the JSON report)\n", listed - kPeersListed);
  return out;
}

nlohmann::json content_json(const ContentPlayer& player) {
  const auto& m = player.content().metadata();
  nlohmann::json peers = nlohmann::json::array();
  std::uint64_t must = 0, identical_ones = 0, answers = 0;
  for (const Peer& p : player.peers()) {
    peers.push_back(peer_json(player, p));
    must += p.must_finish ? 1 : 0;
    identical_ones += p.must_finish && identical(player, p) ? 1 : 0;
    answers += p.admitted ? 0 : p.peer->counters().datagrams_received;
  }
  const auto& network = player.network();
  return {{"swarm", player.swarm()},
          {"bytes", m.content_bytes},
          {"chunk_bytes", m.chunk_bytes},
          {"chunks", m.chunks()},
          {"hash", ppspp::hash_name(m.hash)},
          {"addressing", static_cast<int>(m.addressing)},
          {"must_finish", must},
          {"identical", identical_ones},
          {"answers_to_strangers", answers},
          {"network", {{"lost", network.lost}, {"duplicated", network.duplicated}, {"delayed", network.delayed}}},
          {"peers", std::move(peers)}};
}

}  // namespace mediaward::tools::traffic
