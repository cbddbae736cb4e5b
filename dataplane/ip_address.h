// SPDX-License-Identifier: Apache-2.0
// An IPv4 or IPv6 address as a value, and a prefix of one. Text forms only on the control path.
// Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/bytes.h"
#include "dataplane/abi/protocol.h"

namespace mediaward::dataplane {

using abi::Family;

struct IpAddress {
  Family family = Family::kIpv4;
  std::array<std::byte, 16> bytes{};  // network order; IPv4 in the first 4, zeros behind
  bool operator==(const IpAddress&) const noexcept = default;

  [[nodiscard]] static IpAddress v4(const std::byte* p) noexcept;   // 4 bytes
  [[nodiscard]] static IpAddress v6(const std::byte* p) noexcept;   // 16 bytes
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);  // "192.0.2.1", "2001:db8::1"
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] std::size_t size() const noexcept { return family == Family::kIpv4 ? 4 : 16; }
  [[nodiscard]] bool is_multicast() const noexcept;
  [[nodiscard]] bool is_loopback() const noexcept;
  [[nodiscard]] bool is_unspecified() const noexcept;
  [[nodiscard]] bool is_link_local() const noexcept;
};

struct IpPrefix {
  IpAddress address;          // host bits kept: "192.0.2.1/24" is our address in its network
  std::uint8_t bits = 0;
  [[nodiscard]] static std::optional<IpPrefix> parse(std::string_view text);  // "192.0.2.1/24"
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool contains(const IpAddress& other) const noexcept;
  bool operator==(const IpPrefix&) const noexcept = default;
};

}  // namespace mediaward::dataplane
