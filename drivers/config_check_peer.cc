// SPDX-License-Identifier: Apache-2.0
// Checks of the network peer's configuration: its UDP ports, guard ports, which come in pairs and have no part in anything else, and
// the cache. Values only, as in config_check.cc. Main thread.
#include <algorithm>

#include "config/nearest.h"
#include "drivers/config_check.h"

namespace mediaward::drivers {
namespace {

using config::TomlTable;

constexpr std::uint64_t kMostCache = std::uint64_t{1} << 40;

void check_ppspp_port(TomlTable& table, const PortConfig& port) {
  if (port.ppspp_port == 0 || port.is_guard()) return;
  if (port.addresses.empty()) table.fail("ppspp_port", "the network peer answers on the addresses of its port, and this one has none");
  if (port.ppspp_port < port.media_port_first || port.ppspp_port > port.media_port_last) return;
  const int nearest = port.media_port_first > 1024 ? port.media_port_first - 1 : port.media_port_last + 1;
  table.fail("ppspp_port", std::to_string(port.ppspp_port) + " lies in media_ports " + std::to_string(port.media_port_first) + "-" +
                               std::to_string(port.media_port_last) +
                               (nearest <= 65535 ? "; nearest valid: " + std::to_string(nearest) : ""));
}

// What belongs to a port with addresses.
void check_guard_keys(TomlTable& table, const PortConfig& port) {
  const auto refuse = [&table](const char* key) {
    table.fail(key, "does not apply to a guard port: it passes frames unmodified and has no part in anything else; leave it out");
  };
  if (!port.addresses.empty()) refuse("addresses");
  if (port.ppspp_port != 0) refuse("ppspp_port");
  if (port.vlan != 0) refuse("vlan");
  for (const char* key : {"gateway_v4", "gateway_v6", "media_ports"})
    if (table.has(key)) refuse(key);
}

// Frames that one side takes must fit the other, or they would be lost where nobody looks.
void check_guard_pair(TomlTable& table, const PortConfig& port, const PortConfig& other) {
  if (other.guard != port.name)
    table.fail("guard", "port \"" + other.name +
                            "\" does not name this one: guard ports are two that name each other; nearest valid: guard = \"" + port.name +
                            "\" there");
  else if (port.mtu < other.mtu)
    table.fail("mtu", std::to_string(port.mtu) + ", and port \"" + other.name + "\", whose frames come here, has " +
                          std::to_string(other.mtu) + "; nearest valid: " + std::to_string(other.mtu));
}

void check_guard(TomlTable& table, const PortConfig& port, const DataplaneConfig& config) {
  if (!port.is_guard()) return;
  check_guard_keys(table, port);
  if (port.guard == port.name) return table.fail("guard", "`" + port.guard + "` is this port itself; name the other one of the pair");
  std::vector<std::string> names;
  for (const PortConfig& other : config.ports) {
    if (other.name == port.guard) return check_guard_pair(table, port, other);
    if (other.name != port.name) names.push_back(other.name);
  }
  table.fail("guard", "`" + port.guard + "` is not the name of a port" + config::did_you_mean(port.guard, names));
}

// As many workers as are known here; the plan asks again when it knows all of them.
void check_cache(TomlTable table, const DataplaneConfig& config) {
  const std::uint64_t workers = std::max<std::uint64_t>(config.workers.cpus.empty() ? config.workers.count : config.workers.cpus.size(), 1);
  const std::uint64_t cache = config.peer_limits.cache_bytes;
  if (cache < workers * kLeastCachePerWorker)
    table.fail("cache", size_text(cache) + " is too little for " + std::to_string(workers) + (workers == 1 ? " worker" : " workers") +
                            "; nearest valid: \"" + size_text(workers * kLeastCachePerWorker) + "\"");
  if (cache > kMostCache) table.fail("cache", size_text(cache) + " is too much; nearest valid: \"" + size_text(kMostCache) + "\"");
}

}  // namespace

void check_peer(TomlTable& root, std::vector<TomlTable>& port_tables, const DataplaneConfig& config) {
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    check_ppspp_port(port_tables[i], config.ports[i]);
    check_guard(port_tables[i], config.ports[i], config);
  }
  if (auto peer = root.table("peer")) check_cache(*peer, config);
}

}  // namespace mediaward::drivers
