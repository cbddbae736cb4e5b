// SPDX-License-Identifier: Apache-2.0
// The port that the traffic tool plays behind, from a command line ("kind=vhost-user,path=/run/x.sock") or from the data plane's own
// configuration format. Only reads text: nothing is opened here. Main thread.
#pragma once

#include <string>
#include <string_view>

#include "crypto/error.h"
#include "drivers/config.h"

namespace mediaward::tools::traffic {

// Keys: kind (required), path, server, interface, address, mac, queue-size, packed-ring, vlan, mtu, pool-packets, offloads, rx-pcap,
// tx-pcap. A vhost-user port listens unless server=no: the tool is started first, the appliance connects.
[[nodiscard]] Result<drivers::PortConfig> parse_port(std::string_view options);

// The only [[port]] of a data plane's configuration file, or the one of this name.
[[nodiscard]] Result<drivers::PortConfig> read_port(const std::string& file, const std::string& name);

}  // namespace mediaward::tools::traffic
