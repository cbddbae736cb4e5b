// SPDX-License-Identifier: Apache-2.0
// A peer as people write it: 192.0.2.7, 192.0.2.7:6778, 2001:db8::7, [2001:db8::7]:6778. Whether the address is one is the daemon's to
// say. One thread.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

namespace mediaward::tools {

struct PeerAddress {
  std::string address;
  std::uint32_t udp_port = 0;  // 0: not said
};

[[nodiscard]] inline PeerAddress parse_peer(std::string_view text) {
  const bool bracketed = text.starts_with('[');
  const std::size_t end = bracketed ? text.find(']') : std::string_view::npos;
  const std::size_t colon = bracketed ? text.find(':', end) : text.find(':');
  const bool has_port = colon != std::string_view::npos && (bracketed || text.find(':', colon + 1) == std::string_view::npos);
  if (!has_port) return {std::string(bracketed && end == text.size() - 1 ? text.substr(1, end - 1) : text), 0};
  PeerAddress out{std::string(bracketed ? text.substr(1, end - 1) : text.substr(0, colon)), 0};
  const std::string_view port = text.substr(colon + 1);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), out.udp_port);
  if (parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size() || out.udp_port == 0) return {std::string(text), 0};
  return out;
}

[[nodiscard]] inline std::string peer_text(const std::string& address, std::uint32_t udp_port) {
  if (udp_port == 0) return address;
  return (address.find(':') != std::string::npos ? "[" + address + "]" : address) + ":" + std::to_string(udp_port);
}

}  // namespace mediaward::tools
