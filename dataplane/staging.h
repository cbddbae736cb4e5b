// SPDX-License-Identifier: Apache-2.0
// What the files share that validate a transaction (stage_*.cc): how a refusal is said, and a few conversions from messages.
// Private to them. Main thread.
#pragma once

#include <cstdio>
#include <cstring>
#include <string>

#include "dataplane/core.h"

namespace mediaward::dataplane {

[[nodiscard]] inline IpAddress address_of(Family family, const std::uint8_t* bytes) {
  const auto* p = reinterpret_cast<const std::byte*>(bytes);
  return family == Family::kIpv4 ? IpAddress::v4(p) : IpAddress::v6(p);
}

[[nodiscard]] inline std::string hex(std::uint32_t ssrc) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", ssrc);
  return text;
}

[[nodiscard]] inline std::uint64_t endpoint_id(const LegObject& leg, std::uint16_t udp_port) {
  return std::uint64_t{1} << 48 | std::uint64_t{leg.port} << 32 | std::uint64_t{leg.address_index} << 16 | udp_port;
}

}  // namespace mediaward::dataplane
