// SPDX-License-Identifier: Apache-2.0
// Reads the TOML file of mediaward-dataplane into DataplaneConfig: one function per table, one row per port key.
// Findings are collected by the reader, so that one run shows all of them. What concerns several tables is in config_check.cc.
// Main thread.
#include "drivers/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "config/toml_reader.h"
#include "drivers/config_check.h"

namespace mediaward::drivers {
namespace {

using config::TomlTable;

constexpr std::array<std::string_view, kPortKindCount> kKindNames{"pci", "virtio-user", "vhost-user", "tap", "af_packet", "af_xdp", "pcap"};

constexpr unsigned bit(PortKind kind) { return 1u << static_cast<unsigned>(kind); }
constexpr unsigned kSocketKinds = bit(PortKind::kVirtioUser) | bit(PortKind::kVhostUser);
constexpr unsigned kInterfaceKinds = bit(PortKind::kTap) | bit(PortKind::kAfPacket) | bit(PortKind::kAfXdp);

// Keys that belong to some kinds only; every other key of [[port]] belongs to all.
struct KindKey {
  const char* key;
  unsigned kinds;
  bool required;
};
constexpr KindKey kKindKeys[] = {
    {"address", bit(PortKind::kPci), true},          {"path", kSocketKinds, true},
    {"server", kSocketKinds, false},                 {"interface", kInterfaceKinds, true},
    {"packed_ring", bit(PortKind::kVirtioUser), false}, {"rx_pcap", bit(PortKind::kPcap), false},
    {"tx_pcap", bit(PortKind::kPcap), false},
};

struct SizeUnit {
  const char* name;
  unsigned shift;
};
constexpr SizeUnit kSizeUnits[] = {{"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

std::string names_of(unsigned kinds) {
  std::string out;
  for (std::size_t i = 0; i < kPortKindCount; ++i)
    if ((kinds >> i) & 1) out += (out.empty() ? "" : ", ") + std::string(kKindNames[i]);
  return out;
}

void check_kind_keys(TomlTable& table, PortKind kind) {
  for (const auto& row : kKindKeys) {
    const bool applies = (row.kinds & bit(kind)) != 0;
    if (!applies && table.has(row.key))
      table.fail(row.key, "does not apply to kind \"" + std::string(to_string(kind)) + "\"; it belongs to " + names_of(row.kinds));
    if (applies && row.required) table.require(row.key);
  }
}

// Reads text and turns it into a value by `parse`; `expected` says what a good one looks like.
template <typename T, typename Parse>
void read_parsed(TomlTable& table, const char* key, T& out, Parse parse, const char* expected) {
  std::string text;
  if (!table.read(key, text)) return;
  if (auto value = parse(std::string_view(text)))
    out = *value;
  else
    table.fail(key, "`" + text + "` is not " + expected);
}

std::optional<std::uint32_t> parse_mode(std::string_view text) {
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || mode > 0777 || (mode & 0600) != 0600) return std::nullopt;
  return mode;
}

struct PortRange {
  std::uint16_t first, last;
};
std::optional<PortRange> parse_port_range(std::string_view text) {
  PortRange range{};
  const auto first = std::from_chars(text.data(), text.data() + text.size(), range.first);
  if (first.ec != std::errc() || first.ptr == text.data() + text.size() || *first.ptr != '-') return std::nullopt;
  const auto last = std::from_chars(first.ptr + 1, text.data() + text.size(), range.last);
  if (last.ec != std::errc() || last.ptr != text.data() + text.size()) return std::nullopt;
  if (range.first < 1024 || range.last < range.first) return std::nullopt;
  return range;
}

void read_addresses(TomlTable& table, PortConfig& port) {
  std::vector<std::string> texts;
  if (!table.read_list("addresses", texts)) return;
  if (texts.size() > 16) table.fail("addresses", std::to_string(texts.size()) + " addresses; nearest valid: the first 16");
  for (const auto& text : texts) {
    if (auto prefix = dataplane::IpPrefix::parse(text)) {
      port.addresses.push_back(*prefix);
    } else {
      const bool v6 = text.find(':') != std::string::npos;
      const bool bare = dataplane::IpAddress::parse(text).has_value();
      table.fail("addresses", "`" + text + "` is not an address with prefix length; nearest valid: \"" +
                                  (bare ? text + (v6 ? "/64" : "/24") : std::string(v6 ? "2001:db8::1/64" : "192.0.2.1/24")) + "\"");
    }
  }
}

void read_port_common(TomlTable& table, PortConfig& port) {
  table.read("vlan", port.vlan, 0, 4094);
  table.read("mtu", port.mtu, kLeastMtu, kMostMtu);
  table.read("ppspp_port", port.ppspp_port, 0, 65535);
  table.read("guard", port.guard);
  table.read("queues", port.queues, 0, 64);
  table.read("queue_size", port.queue_size, 64, 4096);
  table.read("pool_packets", port.pool_packets, 0, 4 * 1024 * 1024);
  table.read_choice("offloads", port.offloads, {{"auto", true}, {"off", false}});
  read_parsed(table, "mac", port.mac, [](auto text) { return parse_mac(text); }, "a MAC address like \"02:00:00:00:00:01\"");
  read_addresses(table, port);
  const auto address = [](std::string_view text) { return dataplane::IpAddress::parse(text); };
  read_parsed(table, "gateway_v4", port.gateway_v4, address, "an address like \"192.0.2.254\"");
  read_parsed(table, "gateway_v6", port.gateway_v6, address, "an address like \"2001:db8::fe\"");
  PortRange range{port.media_port_first, port.media_port_last};
  read_parsed(table, "media_ports", range, parse_port_range, "a range like \"20000-39999\" (first 1024 or above, last not below first)");
  port.media_port_first = range.first;
  port.media_port_last = range.last;
}

PortConfig read_port(TomlTable& table) {
  PortConfig port;
  table.require("name");
  table.read("name", port.name);
  table.require("kind");
  const bool kind_known = table.read_choice(
      "kind", port.kind,
      {{kKindNames[0], PortKind::kPci}, {kKindNames[1], PortKind::kVirtioUser}, {kKindNames[2], PortKind::kVhostUser},
       {kKindNames[3], PortKind::kTap}, {kKindNames[4], PortKind::kAfPacket}, {kKindNames[5], PortKind::kAfXdp}, {kKindNames[6], PortKind::kPcap}});
  port.server = port.kind == PortKind::kVhostUser;
  table.read("address", port.address);
  table.read("path", port.path);
  table.read("server", port.server);
  table.read("interface", port.interface);
  table.read("packed_ring", port.packed_ring);
  table.read("rx_pcap", port.rx_pcap);
  table.read("tx_pcap", port.tx_pcap);
  if (kind_known) check_kind_keys(table, port.kind);
  read_port_common(table, port);
  return port;
}

void read_control(TomlTable& table, ControlConfig& control) {
  table.read("socket", control.socket_path);
  read_parsed(table, "mode", control.mode, parse_mode, "an octal mode that lets the owner read and write, like \"0660\"");
  table.read("group", control.group);
}

void read_memory(TomlTable& table, MemoryConfig& memory) {
  table.read_choice("hugepages", memory.hugepages,
                    {{"auto", HugepageUse::kAuto}, {"yes", HugepageUse::kYes}, {"no", HugepageUse::kNo}});
  table.read("megabytes", memory.megabytes, 0, 1024 * 1024);
  table.read("lock", memory.lock);
}

void read_workers(TomlTable& table, WorkersConfig& workers) {
  table.read("count", workers.count, 0, 64);
  table.read_list("cpus", workers.cpus, 0, 4095);
  table.read_choice("idle", workers.idle,
                    {{"auto", IdleChoice::kAuto}, {"spin", IdleChoice::kSpin}, {"yield", IdleChoice::kYield},
                     {"sleep", IdleChoice::kSleep}, {"interrupt", IdleChoice::kInterrupt}});
  table.read("sleep_us", workers.sleep_us, 1, 100'000);
  table.read("burst", workers.burst, 4, 64);
}

void read_crypto(TomlTable& table, CryptoConfig& crypto) {
  table.read_choice("provider", crypto.provider,
                    {{"auto", std::string("auto")}, {"ipsec-mb", "ipsec-mb"}, {"openssl", "openssl"}, {"cryptodev", "cryptodev"}});
  table.read_choice("isa", crypto.isa, {{"auto", std::string("auto")}, {"avx512", "avx512"}, {"avx2", "avx2"}, {"sse", "sse"}});
  table.read("device", crypto.device);
  table.read_list("addresses", crypto.addresses);
  if (crypto.device.find(':') != std::string::npos) {  // the address alone says that it is QAT
    crypto.addresses.insert(crypto.addresses.begin(), crypto.device);
    crypto.device = "crypto_qat";
  }
  table.read("sessions", crypto.sessions, 16, 4 * 1024 * 1024);
  table.read_list("gcm_header_bytes", crypto.gcm_header_bytes, 8, 1024);
}

// Only what is named here is accepted in a key: NULL ciphers have to be asked for.
void read_srtp(TomlTable& table, std::uint32_t& allowed_suites) {
  std::vector<std::string> names;
  if (!table.read_list("allowed_suites", names)) return;
  std::uint32_t allowed = 0;
  for (const auto& name : names) {
    if (const auto* suite = crypto::find_suite(name)) {
      allowed |= dataplane::suite_bit(suite->id);
      continue;
    }
    std::string known;
    for (const auto& suite : crypto::kSuites) known += (known.empty() ? "" : ", ") + std::string(suite.name);
    table.fail("allowed_suites", "`" + name + "` is not a suite; valid: " + known);
  }
  if (names.empty()) table.fail("allowed_suites", "without a suite there is no conference; nearest valid: leave it out");
  allowed_suites = allowed;
}

void read_limits(TomlTable& table, dataplane::CoreLimits& limits) {
  table.read("legs", limits.legs, 2, 1'000'000);
  table.read("slots", limits.slots, 4, 16'000'000);
  table.read("neighbours", limits.neighbours, 8, 1'000'000);
  table.read("jobs_per_worker", limits.jobs_per_worker, 128, 1'000'000);
  table.read("handoff_ring", limits.handoff_ring, 64, 65536);
}

void read_peer(TomlTable& table, dataplane::PeerLimits& limits) {
  read_parsed(table, "cache", limits.cache_bytes, parse_size, "a size like \"64 MiB\" (KiB, MiB or GiB)");
  table.read("swarms", limits.swarms, 1, 1'000'000);
  table.read("admissions", limits.admissions, 1, 1'000'000);
  table.read("peers", limits.peers, 1, 1'000'000);
  table.read("channels", limits.channels, 1, 65'536);
  table.read("guard_flows", limits.guard_flows, 1, 1'000'000);
}

Result<DataplaneConfig> read_document(config::TomlDocument& document, const std::string& file) {
  DataplaneConfig out;
  out.file = file;
  TomlTable root = document.root();
  if (auto table = root.table("control")) read_control(*table, out.control);
  if (auto table = root.table("memory")) read_memory(*table, out.memory);
  if (auto table = root.table("workers")) read_workers(*table, out.workers);
  if (auto table = root.table("crypto")) read_crypto(*table, out.crypto);
  if (auto table = root.table("srtp")) read_srtp(*table, out.allowed_suites);
  if (auto table = root.table("limits")) read_limits(*table, out.limits);
  if (auto table = root.table("peer")) read_peer(*table, out.peer_limits);
  std::vector<TomlTable> port_tables = root.tables("port");
  for (TomlTable& table : port_tables) out.ports.push_back(read_port(table));
  check_config(root, port_tables, out);
  if (auto good = document.finish(); !good) return tl::unexpected<Error>(good.error());
  return out;
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view to_string(PortKind kind) noexcept { return kKindNames[static_cast<std::size_t>(kind)]; }

Result<DataplaneConfig> load_config(const std::string& file) {
  auto document = config::TomlDocument::read_file(file);
  if (!document) return tl::unexpected<Error>(document.error());
  return read_document(*document, file);
}

Result<DataplaneConfig> parse_config(std::string_view text, const std::string& file) {
  auto document = config::TomlDocument::parse(text, file);
  if (!document) return tl::unexpected<Error>(document.error());
  return read_document(*document, file);
}

std::optional<dataplane::MacAddress> parse_mac(std::string_view text) noexcept {
  dataplane::MacAddress mac{};
  if (text.size() != 17) return std::nullopt;
  for (std::size_t i = 0; i < 6; ++i) {
    const int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);
    if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':')) return std::nullopt;
    mac[i] = static_cast<std::byte>(high * 16 + low);
  }
  return mac;
}

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const auto& [name, shift] : kSizeUnits)
    if (unit == name) return number < std::uint64_t{1} << (63 - shift) ? std::optional(number << shift) : std::nullopt;
  return std::nullopt;
}

std::string size_text(std::uint64_t bytes) {
  for (const auto& [name, shift] : kSizeUnits)
    if (bytes >> shift != 0 && bytes % (std::uint64_t{1} << shift) == 0) return std::to_string(bytes >> shift) + " " + name;
  return std::to_string(bytes) + " bytes";
}

bool has_network_peer(const DataplaneConfig& config) noexcept {
  return std::any_of(config.ports.begin(), config.ports.end(), [](const PortConfig& port) { return port.ppspp_port != 0 || port.is_guard(); });
}

std::string to_string(const dataplane::MacAddress& mac) {
  char text[18];
  const auto b = [&](std::size_t i) { return std::to_integer<unsigned>(mac[i]); };
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", b(0), b(1), b(2), b(3), b(4), b(5));
  return text;
}

}  // namespace mediaward::drivers
