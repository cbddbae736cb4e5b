// SPDX-License-Identifier: Apache-2.0
// Whether a port can carry the MTU that it is configured with: what driver, kernel and packet buffers allow, and the error that says so.
// An MTU is never lowered in silence: the packet path sends packets of what is configured, and whoever drops them later tells nobody.
// The decision is values only; interface_mtu asks the kernel. Main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "crypto/error.h"
#include "drivers/config.h"

namespace mediaward::drivers {

// The largest IP packet that each of them takes; none where there is nothing to ask.
struct MtuLimits {
  std::optional<std::uint32_t> driver;     // of DPDK
  std::optional<std::uint32_t> interface;  // of the kernel, which is not ours to change
  std::optional<std::uint32_t> buffers;    // of the pool
};

// An error names port, MTU, the limit and what to do. Several limits: the smallest.
[[nodiscard]] Result<void> check_mtu(const PortConfig& port, const MtuLimits& limits);

// From rte_eth_dev_info, with the same arithmetic that ethdev refuses an MTU by: a driver may name a frame length, an MTU, or both.
[[nodiscard]] std::uint32_t driver_mtu(std::uint16_t max_mtu, std::uint32_t max_rx_pktlen) noexcept;

// Whether that is true for this kind: af_packet says 1518 bytes in DPDK 22.11 and 24.11, whatever its interface carries, and ethdev
// would refuse what goes through. It has an MTU to set, too, which is the interface's.
[[nodiscard]] constexpr bool driver_knows_mtu(PortKind kind) noexcept {
  return kind != PortKind::kAfPacket;
}

// Of a kernel interface in this network namespace.
[[nodiscard]] Result<std::uint32_t> interface_mtu(const std::string& interface);

}  // namespace mediaward::drivers
