// SPDX-License-Identifier: Apache-2.0
// Makes the header template of datagrams between two endpoints: Ethernet, tag, IP and UDP with all that is known before there is a
// payload. The next hop and what the path is for are the caller's. Main thread.
#pragma once

#include <cstdint>

#include "dataplane/settings.h"
#include "dataplane/tables.h"

namespace mediaward::dataplane {

struct UdpEndpoints {
  IpAddress local, remote;       // of one family
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;  // 0: filled in later by set_remote_port
};

// Writes header, lengths, sums, family and largest payload of `path`; lengths, checksums and the destination MAC are 0 in the template.
void write_template(UdpPath& path, const PortSettings& port, const UdpEndpoints& ends, std::uint8_t dscp);

// Of a template that was made without one. Any thread that owns the path.
inline void set_remote_port(UdpPath& path, std::uint16_t port_raw) noexcept {
  store_raw(path.header + path.l2_bytes + path.l3_bytes + 2, port_raw);
}

}  // namespace mediaward::dataplane
