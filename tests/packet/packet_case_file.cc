// SPDX-License-Identifier: Apache-2.0
// The files of a packet case. See packet_case.h.
#include <cstdlib>
#include <filesystem>

#include "tests/packet/packet_case.h"
#include "tools/conference_file.h"

namespace mediaward::test {
namespace {

Participant to_participant(const tools::ConferenceFile::Participant& from, std::uint64_t leg_id) {
  Participant p;
  p.id = from.id;
  p.local = from.local.address;
  p.remote = from.remote.address;
  p.local_port = from.local.udp_port;
  p.remote_port = from.remote.udp_port;
  p.receive_suite = crypto::find_suite(from.receive_suite)->id;
  p.send_suite = crypto::find_suite(from.send_suite)->id;
  p.receive_key = from.receive_key;
  p.send_key = from.send_key;
  p.ssrcs = from.ssrcs;
  p.dscp = from.dscp;
  p.flags = (from.may_send ? abi::kLegMayReceiveFrom : 0u) | (from.may_receive ? abi::kLegMaySendTo : 0u);
  p.leg_id = leg_id;
  return p;
}

tools::ConferenceFile::Participant from_participant(const Participant& p) {
  tools::ConferenceFile::Participant to;
  to.id = p.id;
  to.port = "media0";
  to.local = {p.local, p.local_port};
  to.remote = {p.remote, p.remote_port};
  to.receive_suite = crypto::find_suite(p.receive_suite)->name;
  to.send_suite = crypto::find_suite(p.send_suite)->name;
  to.receive_key = p.receive_key;
  to.send_key = p.send_key;
  to.ssrcs = p.ssrcs;
  to.dscp = p.dscp;
  to.may_send = (p.flags & abi::kLegMayReceiveFrom) != 0;
  to.may_receive = (p.flags & abi::kLegMaySendTo) != 0;
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
  for (const auto& p : conference->participants) c.participants.push_back(to_participant(p, 1001 + c.participants.size()));
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
  tools::ConferenceFile conference;
  conference.id = std::filesystem::path(folder).filename().string();
  for (const auto& p : c.participants) conference.participants.push_back(from_participant(p));
  std::ofstream toml(folder + "/conference.toml", std::ios::trunc);
  toml << tools::to_toml(conference);
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
