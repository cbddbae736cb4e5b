// SPDX-License-Identifier: Apache-2.0
// The files of a packet case. See packet_case.h.
#include <cstdlib>
#include <filesystem>

#include "tests/packet/packet_case.h"
#include "tools/conference_file.h"

namespace mediaward::test {
namespace {

using File = tools::ConferenceFile;

crypto::Suite suite_named(const std::string& name) { return name.empty() ? crypto::Suite::kNone : crypto::find_suite(name)->id; }
std::string name_of(crypto::Suite suite) { return suite == crypto::Suite::kNone ? "" : std::string(crypto::find_suite(suite)->name); }

std::vector<SrtpMasterKey> to_keys(const std::vector<File::Key>& from) {
  std::vector<SrtpMasterKey> keys;
  for (const auto& key : from) keys.push_back({key.bytes, key.mki});
  return keys;
}
std::vector<File::Key> from_keys(const std::vector<SrtpMasterKey>& from) {
  std::vector<File::Key> keys;
  for (const auto& key : from) keys.push_back({key.key, key.mki});
  return keys;
}

Participant to_participant(const File::Participant& from, std::uint64_t leg_id) {
  Participant p;
  p.id = from.id;
  p.local = from.local.address;
  p.remote = from.remote.address;
  p.local_port = from.local.udp_port;
  p.remote_port = from.remote.udp_port;
  p.receive_suite = from.end_to_end ? crypto::Suite::kNone : suite_named(from.receive_suite);
  p.send_suite = suite_named(from.send_suite);
  p.receive_key = from.receive_key;
  p.send_key = from.send_key;
  p.receive_mki = from.receive_mki;
  p.send_mki = from.send_mki;
  p.more_receive_keys = to_keys(from.more_receive_keys);
  p.more_send_keys = to_keys(from.more_send_keys);
  p.receive_lifetime = from.receive_lifetime;
  p.receive_srtcp_lifetime = from.receive_srtcp_lifetime;
  p.send_lifetime = from.send_lifetime;
  p.send_srtcp_lifetime = from.send_srtcp_lifetime;
  p.ssrcs = from.ssrcs;
  p.dscp = from.dscp;
  p.flags = (from.may_send ? abi::kLegMayReceiveFrom : 0u) | (from.may_receive ? abi::kLegMaySendTo : 0u) | (from.rtcp_mux ? abi::kLegRtcpMux : 0u) |
            (from.muted ? abi::kLegMuted : 0u) | (from.allow_unencrypted_srtcp ? abi::kLegSrtcpPlain : 0u);
  p.rtcp_policy = from.rtcp_drop ? abi::RtcpPolicy::kDrop : abi::RtcpPolicy::kForward;
  p.remote_rtcp_port = from.remote_rtcp_port;
  p.replay_window = from.replay_window;
  p.leg_id = leg_id;
  return p;
}

File::Participant from_participant(const Participant& p) {
  File::Participant to;
  to.id = p.id;
  to.port = "media0";
  to.local = {p.local, p.local_port};
  to.remote = {p.remote, p.remote_port};
  to.end_to_end = p.receive_suite == crypto::Suite::kNone;  // a relay that is not told the key: the file has one all the same
  to.receive_suite = name_of(to.end_to_end ? crypto::Suite::kAesCm128HmacSha1_80 : p.receive_suite);
  to.receive_key = to.end_to_end ? test_key(crypto::Suite::kAesCm128HmacSha1_80, 1) : p.receive_key;
  to.send_suite = name_of(p.send_suite);
  if (p.send_suite != crypto::Suite::kNone) to.send_key = p.send_key;
  to.receive_mki = p.receive_mki;
  to.send_mki = p.send_mki;
  to.more_receive_keys = from_keys(p.more_receive_keys);
  to.more_send_keys = from_keys(p.more_send_keys);
  to.receive_lifetime = p.receive_lifetime;
  to.receive_srtcp_lifetime = p.receive_srtcp_lifetime;
  to.send_lifetime = p.send_lifetime;
  to.send_srtcp_lifetime = p.send_srtcp_lifetime;
  to.ssrcs = p.ssrcs;
  to.dscp = p.dscp;
  to.may_send = (p.flags & abi::kLegMayReceiveFrom) != 0;
  to.may_receive = (p.flags & abi::kLegMaySendTo) != 0;
  to.rtcp_mux = (p.flags & abi::kLegRtcpMux) != 0;
  to.muted = (p.flags & abi::kLegMuted) != 0;
  to.allow_unencrypted_srtcp = (p.flags & abi::kLegSrtcpPlain) != 0;
  to.rtcp_drop = p.rtcp_policy == abi::RtcpPolicy::kDrop;
  to.remote_rtcp_port = p.remote_rtcp_port;
  to.replay_window = p.replay_window;
  return to;
}

std::size_t position_of(const File& conference, const std::string& id) {
  for (std::size_t i = 0; i < conference.participants.size(); ++i)
    if (conference.participants[i].id == id) return i;
  throw std::runtime_error("no participant " + id);
}

void to_conference(PacketCase& c, const File& from) {
  constexpr abi::ForwardingMode kModes[] = {abi::ForwardingMode::kPerParticipantKeys, abi::ForwardingMode::kGroupKey, abi::ForwardingMode::kRelay};
  c.conference.mode = kModes[static_cast<std::size_t>(from.mode)];
  c.conference.group_suite = suite_named(from.group_suite);
  c.conference.group_keys = to_keys(from.group_keys);
  for (const auto& p : from.participants) c.participants.push_back(to_participant(p, 1001 + c.participants.size()));
  for (const auto& t : from.topology)
    c.topology.push_back({position_of(from, t.from), position_of(from, t.to), static_cast<abi::TopologyRelation>(1 + static_cast<int>(t.relation))});
}

File from_conference(const PacketCase& c, const std::string& id) {
  File to;
  to.id = id;
  to.mode = static_cast<File::Mode>(static_cast<int>(c.conference.mode) - 1);
  to.group_suite = name_of(c.conference.group_suite);
  to.group_keys = from_keys(c.conference.group_keys);
  for (const auto& p : c.participants) to.participants.push_back(from_participant(p));
  for (const auto& t : c.topology)
    to.topology.push_back({c.participants[t.from].id, c.participants[t.to].id, static_cast<File::Relation>(static_cast<int>(t.relation) - 1)});
  return to;
}

std::uint64_t number(const std::string& path, const std::string& text) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (text.empty() || *end != 0) throw std::runtime_error(path + ": '" + text + "' is not a number");
  return value;
}

void set_option(PacketCase& c, const std::string& path, const std::string& key, const std::string& value) {
  if (key == "description") {
    c.description = value;
  } else if (key == "vlan") {
    c.vlan = static_cast<std::uint16_t>(number(path, value));
  } else if (key == "mtu") {
    c.mtu = static_cast<std::uint16_t>(number(path, value));
  } else if (key == "resolve") {
    c.resolve = value == "yes";
  } else if (key == "drain_ms") {
    c.drain_ms = number(path, value);
  } else if (key.starts_with("roc.")) {
    c.roc[static_cast<std::uint32_t>(number(path, key.substr(4)))] = static_cast<std::uint32_t>(number(path, value));
  } else {
    throw std::runtime_error(path + ": unknown key '" + key + "'");
  }
}

std::vector<std::string> read_lines(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

}  // namespace

PacketCase read_case(const std::string& folder) {
  PacketCase c;
  const std::string path = folder + "/case";
  for (const auto& line : read_lines(path)) {
    const auto at = line.find(" = ");
    if (at == std::string::npos) throw std::runtime_error(path + ": not `key = value`: " + line);
    set_option(c, path, line.substr(0, at), line.substr(at + 3));
  }
  if (c.description.empty()) throw std::runtime_error(path + ": a case needs a description");
  const auto conference = tools::read_conference(folder + "/conference.toml");
  if (!conference) throw std::runtime_error(conference.error().message);
  to_conference(c, *conference);
  c.in = read_pcap(folder + "/in.pcap");
  return c;
}

void write_case(const std::string& folder, const PacketCase& c) {
  std::filesystem::create_directories(folder);
  const PacketCase defaults;
  std::ofstream out(folder + "/case", std::ios::trunc);
  out << "description = " << c.description << '\n';
  if (c.vlan != defaults.vlan) out << "vlan = " << c.vlan << '\n';
  if (c.mtu != defaults.mtu) out << "mtu = " << c.mtu << '\n';
  if (!c.resolve) out << "resolve = no\n";
  if (c.drain_ms != 0) out << "drain_ms = " << c.drain_ms << '\n';
  for (const auto& [ssrc, roc] : c.roc) out << "roc." << ssrc << " = " << roc << '\n';
  std::ofstream toml(folder + "/conference.toml", std::ios::trunc);
  toml << tools::to_toml(from_conference(c, std::filesystem::path(folder).filename().string()));
  if (!out.flush() || !toml.flush()) throw std::runtime_error("cannot write " + folder);
  write_pcap(folder + "/in.pcap", c.in);
}

Counters read_counters(const std::string& path) {
  Counters counters;
  for (const auto& line : read_lines(path)) {
    const auto at = line.find(' ');
    if (at == std::string::npos) throw std::runtime_error(path + ": not `name value`: " + line);
    counters[line.substr(0, at)] = number(path, line.substr(at + 1));
  }
  return counters;
}

void write_counters(const std::string& path, const Counters& counters) {
  std::ofstream out(path, std::ios::trunc);
  for (const auto& [name, value] : counters) out << name << ' ' << value << '\n';
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace mediaward::test
