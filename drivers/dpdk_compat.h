// SPDX-License-Identifier: Apache-2.0
// The only place that asks for DPDK's version: 22.11 (Debian 12) and 24.11 (Debian 13) must both build.
// Wraps what was renamed or changed its meaning between the two; nothing else belongs here. Any thread.
#pragma once

#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0)
#error "mediaward needs DPDK 22.11 or later"
#endif

#include <rte_ethdev.h>

#include <string>

namespace mediaward::drivers::compat {

// struct rte_device became opaque to applications; the driver's name is in the device information of both.
[[nodiscard]] inline std::string driver_name(const rte_eth_dev_info& info) { return info.driver_name != nullptr ? info.driver_name : ""; }

// rte_eth_link's bit fields moved into a union with 24.11; this reads them either way.
struct Link {
  bool up;
  std::uint32_t speed_mbps;
};
[[nodiscard]] inline Link read_link(std::uint16_t port_id) noexcept {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(port_id, &link) != 0) return {false, 0};
  const bool known = link.link_speed != RTE_ETH_SPEED_NUM_NONE && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
  return {link.link_status == RTE_ETH_LINK_UP, known ? link.link_speed : 0};
}

// Since 23.11 the QAT driver hides what it calls legacy, HMAC-SHA1 of SRTP among it, unless the device is given with this argument.
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
inline constexpr const char* kQatDeviceArguments = ",qat_legacy_capa=1";
#else
inline constexpr const char* kQatDeviceArguments = "";
#endif

}  // namespace mediaward::drivers::compat
