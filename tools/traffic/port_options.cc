// SPDX-License-Identifier: Apache-2.0
// Reads port options (see the header). Main thread.
#include "tools/traffic/port_options.h"

#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <vector>

#include "config/nearest.h"

namespace mediaward::tools::traffic {

namespace {

using drivers::PortConfig;
using drivers::PortKind;

Error bad(std::string_view key, std::string_view value, std::string_view wanted) {
  return {ErrorCode::kInvalid, "--port: " + std::string(key) + "=" + std::string(value) + ": " + std::string(wanted)};
}

template <typename T>
bool to_number(std::string_view text, T& out) {
  unsigned long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > std::numeric_limits<T>::max()) return false;
  out = static_cast<T>(value);
  return true;
}

bool to_bool(std::string_view text, bool& out) {
  const bool yes = text == "yes" || text == "true" || text == "1";
  if (!yes && text != "no" && text != "false" && text != "0") return false;
  out = yes;
  return true;
}

bool to_kind(std::string_view text, PortKind& out) {
  for (std::size_t i = 0; i < drivers::kPortKindCount; ++i) {
    if (drivers::to_string(static_cast<PortKind>(i)) != text) continue;
    out = static_cast<PortKind>(i);
    return true;
  }
  return false;
}

struct Key {
  const char* name;
  const char* wanted;
  bool (*set)(PortConfig&, std::string_view);
};

bool is_queue_size(std::uint16_t size) {
  return size >= 64 && (size & (size - 1)) == 0;
}

bool set_text(std::string& out, std::string_view value) {
  return out = value, !value.empty();
}

static_assert(drivers::kLeastMtu == 576 && drivers::kMostMtu == 9216, "the text of mtu below");

constexpr std::array kKeys{
    Key{"kind", "one of pci, virtio-user, vhost-user, tap, af_packet, af_xdp, pcap",
        [](PortConfig& p, std::string_view v) { return to_kind(v, p.kind); }},
    Key{"path", "path of a unix socket", [](PortConfig& p, std::string_view v) { return set_text(p.path, v); }},
    Key{"server", "yes or no", [](PortConfig& p, std::string_view v) { return to_bool(v, p.server); }},
    Key{"interface", "name of a network interface", [](PortConfig& p, std::string_view v) { return set_text(p.interface, v); }},
    Key{"address", "a PCI address such as 0000:3b:00.0", [](PortConfig& p, std::string_view v) { return set_text(p.address, v); }},
    Key{"mac", "a MAC address", [](PortConfig& p, std::string_view v) { return (p.mac = drivers::parse_mac(v)).has_value(); }},
    Key{"queue-size", "a power of two from 64",
        [](PortConfig& p, std::string_view v) { return to_number(v, p.queue_size) && is_queue_size(p.queue_size); }},
    Key{"packed-ring", "yes or no", [](PortConfig& p, std::string_view v) { return to_bool(v, p.packed_ring); }},
    Key{"vlan", "0 to 4094", [](PortConfig& p, std::string_view v) { return to_number(v, p.vlan) && p.vlan < 4095; }},
    Key{"mtu", "576 to 9216", [](PortConfig& p, std::string_view v) { return to_number(v, p.mtu) && p.mtu >= drivers::kLeastMtu && p.mtu <= drivers::kMostMtu; }},
    Key{"pool-packets", "a number of packets", [](PortConfig& p, std::string_view v) { return to_number(v, p.pool_packets); }},
    Key{"offloads", "yes or no", [](PortConfig& p, std::string_view v) { return to_bool(v, p.offloads); }},
    Key{"rx-pcap", "a file", [](PortConfig& p, std::string_view v) { return set_text(p.rx_pcap, v); }},
    Key{"tx-pcap", "a file", [](PortConfig& p, std::string_view v) { return set_text(p.tx_pcap, v); }},
};

Result<void> set_key(PortConfig& port, std::string_view key, std::string_view value) {
  std::vector<std::string> names;
  for (const Key& row : kKeys) {
    if (row.name == key) {
      if (!row.set(port, value)) return tl::unexpected(bad(key, value, std::string("must be ") + row.wanted));
      return {};
    }
    names.emplace_back(row.name);
  }
  return tl::unexpected(bad(key, value, "unknown key" + config::did_you_mean(key, names)));
}

Result<void> check(const PortConfig& port, bool kind_given) {
  const auto missing = [](const char* key) { return fail(ErrorCode::kInvalid, std::string("--port: ") + key + "= is missing"); };
  if (!kind_given) return missing("kind");
  switch (port.kind) {
    case PortKind::kPci:
      if (port.address.empty()) return missing("address");
      break;
    case PortKind::kVirtioUser:
    case PortKind::kVhostUser:
      if (port.path.empty()) return missing("path");
      break;
    case PortKind::kPcap:
      if (port.rx_pcap.empty() && port.tx_pcap.empty()) return missing("rx-pcap");
      break;
    default:
      if (port.interface.empty()) return missing("interface");
  }
  return {};
}

}  // namespace

Result<PortConfig> parse_port(std::string_view options) {
  PortConfig port;
  port.name = "traffic";
  bool kind_given = false, server_given = false;
  while (!options.empty()) {
    const std::size_t comma = options.find(',');
    const std::string_view item = options.substr(0, comma);
    options = comma == std::string_view::npos ? std::string_view{} : options.substr(comma + 1);
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) return fail(ErrorCode::kInvalid, "--port: `" + std::string(item) + "` is not KEY=VALUE");
    const std::string_view key = item.substr(0, equals);
    if (auto set = set_key(port, key, item.substr(equals + 1)); !set) return tl::unexpected(set.error());
    kind_given = kind_given || key == "kind";
    server_given = server_given || key == "server";
  }
  if (auto good = check(port, kind_given); !good) return tl::unexpected(good.error());
  if (!server_given) port.server = port.kind == PortKind::kVhostUser;
  return port;
}

Result<PortConfig> read_port(const std::string& file, const std::string& name) {
  auto config = drivers::load_config(file);
  if (!config) return tl::unexpected(config.error());
  std::string names;
  for (const PortConfig& port : config->ports) {
    if (port.name == name || (name.empty() && config->ports.size() == 1)) return port;
    names += " " + port.name;
  }
  const std::string what = name.empty() ? "several ports; choose one with --port-name" : "no port `" + name + "`";
  return fail(ErrorCode::kNotFound, file + ": " + what + "; there are:" + names);
}

}  // namespace mediaward::tools::traffic
