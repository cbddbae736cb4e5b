// SPDX-License-Identifier: Apache-2.0
// What no single key can tell: names, devices and addresses that collide, and combinations that cannot work.
// Findings go to the reader with the key they concern. Internal to drivers/config.cc. Main thread.
#pragma once

#include <vector>

#include "config/toml_reader.h"
#include "drivers/config.h"

namespace mediaward::drivers {

// `port_tables` are the tables that config.ports were read from, in the same order.
void check_config(config::TomlTable& root, std::vector<config::TomlTable>& port_tables, const DataplaneConfig& config);

// The network peer's part: UDP ports, pairs of guard ports, the cache (config_check_peer.cc).
void check_peer(config::TomlTable& root, std::vector<config::TomlTable>& port_tables, const DataplaneConfig& config);

}  // namespace mediaward::drivers
