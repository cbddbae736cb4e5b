// SPDX-License-Identifier: Apache-2.0
// Reads and writes the conference file (see the header). What can be told from the file alone is refused here with its line and
// column: addresses, suites, key lengths, ids and SSRCs named twice. What depends on the running appliance is the daemon's to judge.
// Error texts never contain key material. Any thread; control path.
#include "tools/conference_file.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <charconv>
#include <cstdio>
#include <set>

#include "config/nearest.h"
#include "config/toml_reader.h"
#include "crypto/suite.h"

namespace mediaward::tools {

namespace {

using config::TomlTable;
using Participant = ConferenceFile::Participant;
using Endpoint = ConferenceFile::Endpoint;

enum class Direction : std::uint8_t { kBoth, kSendOnly, kReceiveOnly };

bool is_v6(std::string_view address) {
  return address.find(':') != std::string_view::npos;
}

bool is_address(const std::string& text) {
  std::uint8_t bytes[16];
  return inet_pton(is_v6(text) ? AF_INET6 : AF_INET, text.c_str(), bytes) == 1;
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0 || value > 65535) return false;
  port = static_cast<std::uint16_t>(value);
  return true;
}

// "192.0.2.1:20000" or "[2001:db8::1]:20000".
bool parse_endpoint(std::string_view text, Endpoint& out) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view address = text.substr(0, colon);
  const bool bracketed = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (bracketed) address = address.substr(1, address.size() - 2);
  if (bracketed != is_v6(address)) return false;
  Endpoint result{std::string(address), 0};
  if (!is_address(result.address) || !parse_port(text.substr(colon + 1), result.udp_port)) return false;
  out = std::move(result);
  return true;
}

void read_endpoint(TomlTable& table, std::string_view key, Endpoint& out) {
  std::string text;
  table.require(key);
  if (table.read(key, text) && !parse_endpoint(text, out))
    table.fail(key, "`" + text + "` is not an address and UDP port; write \"192.0.2.1:20000\" or \"[2001:db8::1]:20000\"");
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

// RFC 4648 §4, padding required; nothing else between the characters.
bool decode_base64(std::string_view text, std::vector<std::uint8_t>& out) {
  if (text.empty() || text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const int value = base64_value(c);
    if (value < 0) return false;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::uint8_t>(bits >> count));
    }
  }
  return (bits & ((1u << count) - 1)) == 0;
}

std::string encode_base64(const std::vector<std::uint8_t>& bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
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

void read_suites_and_keys(TomlTable& table, Participant& p) {
  const crypto::SuiteInfo* receive = nullptr;
  const crypto::SuiteInfo* send = nullptr;
  if (table.has("suite")) {
    receive = send = read_suite(table, "suite", p.receive_suite);
    p.send_suite = p.receive_suite;
    for (const char* key : {"receive_suite", "send_suite"})
      if (table.has(key)) table.fail(key, "give either `suite` for both directions or `receive_suite` and `send_suite`");
  } else if (!table.has("receive_suite") && !table.has("send_suite")) {
    table.require("suite");
  } else {
    table.require("receive_suite");
    table.require("send_suite");
  }
  std::string ignored;  // asked for in every case, so that they count as known keys
  table.read("suite", ignored);
  if (!table.has("suite")) {
    receive = read_suite(table, "receive_suite", p.receive_suite);
    send = read_suite(table, "send_suite", p.send_suite);
  } else {
    table.read("receive_suite", ignored);
    table.read("send_suite", ignored);
  }
  read_key(table, "receive_key", receive, p.receive_key);
  read_key(table, "send_key", send, p.send_key);
}

void read_direction(TomlTable& table, Participant& p) {
  Direction direction = Direction::kBoth;
  table.read_choice("direction", direction,
                    {{"both", Direction::kBoth}, {"send-only", Direction::kSendOnly}, {"receive-only", Direction::kReceiveOnly}});
  p.may_send = direction != Direction::kReceiveOnly;
  p.may_receive = direction != Direction::kSendOnly;
}

Participant read_participant(TomlTable& table) {
  Participant p;
  for (const char* key : {"id", "port"}) table.require(key);
  if (table.read("id", p.id) && p.id.empty()) table.fail("id", "must not be empty");
  if (table.read("port", p.port) && (p.port.empty() || p.port.size() > 31))
    table.fail("port", "must be 1 to 31 characters: the name of a port in the data plane's configuration");
  read_endpoint(table, "local", p.local);
  read_endpoint(table, "remote", p.remote);
  if (!p.local.address.empty() && !p.remote.address.empty() && is_v6(p.local.address) != is_v6(p.remote.address))
    table.fail("remote", "local and remote must both be IPv4 or both IPv6");
  read_suites_and_keys(table, p);
  table.read_list("ssrc", p.ssrcs);
  table.read("dscp", p.dscp, 0, 63);  // RFC 2474 §3
  read_direction(table, p);
  return p;
}

struct Seen {
  std::set<std::string> ids, locals;
  std::set<std::uint32_t> ssrcs;
};

void check_unique(TomlTable& table, const Participant& p, Seen& seen) {
  if (!p.id.empty() && !seen.ids.insert(p.id).second) table.fail("id", "`" + p.id + "` is named twice");
  if (p.local.udp_port != 0 && !seen.locals.insert(p.port + "/" + p.local.address + "/" + std::to_string(p.local.udp_port)).second)
    table.fail("local", "another participant uses this address and UDP port: every participant needs its own");
  for (const std::uint32_t ssrc : p.ssrcs) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", ssrc);
    // Two senders with one SSRC would share an index space under the receivers' keys (RFC 3711 §9.1).
    if (!seen.ssrcs.insert(ssrc).second)
      table.fail("ssrc", std::string(text) + " is already used in this conference: an SSRC belongs to one stream");
  }
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    char escape[8];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string endpoint_text(const Endpoint& e) {
  const std::string address = is_v6(e.address) ? "[" + e.address + "]" : e.address;
  return quoted(address + ":" + std::to_string(e.udp_port));
}

std::string participant_text(const Participant& p) {
  std::string out = "\n[[participant]]\nid = " + quoted(p.id) + "\nport = " + quoted(p.port);
  out += "\nlocal = " + endpoint_text(p.local) + "\nremote = " + endpoint_text(p.remote) + "\n";
  if (p.receive_suite == p.send_suite)
    out += "suite = " + quoted(p.receive_suite) + "\n";
  else
    out += "receive_suite = " + quoted(p.receive_suite) + "\nsend_suite = " + quoted(p.send_suite) + "\n";
  out += "receive_key = " + quoted(encode_base64(p.receive_key)) + "\nsend_key = " + quoted(encode_base64(p.send_key)) + "\nssrc = [";
  for (std::size_t i = 0; i < p.ssrcs.size(); ++i) {
    char text[16];
    std::snprintf(text, sizeof text, "%s0x%08x", i == 0 ? "" : ", ", p.ssrcs[i]);
    out += text;
  }
  out += "]\n";
  if (p.dscp != 0) out += "dscp = " + std::to_string(p.dscp) + "\n";
  if (!p.may_send) out += "direction = \"receive-only\"\n";
  if (!p.may_receive) out += "direction = \"send-only\"\n";
  return out;
}

Result<ConferenceFile> read_document(const config::TomlDocument& document) {
  ConferenceFile conference;
  TomlTable root = document.root();
  root.require("id");
  root.require("participant");
  if (root.read("id", conference.id) && conference.id.empty()) root.fail("id", "must not be empty");
  Seen seen;
  for (TomlTable& table : root.tables("participant")) {
    conference.participants.push_back(read_participant(table));
    check_unique(table, conference.participants.back(), seen);
  }
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

std::string to_toml(const ConferenceFile& conference) {
  std::string out = "# Keys in this file are secrets: keep it readable by its owner only.\nid = " + quoted(conference.id) + "\n";
  for (const auto& p : conference.participants) out += participant_text(p);
  return out;
}

}  // namespace mediaward::tools
