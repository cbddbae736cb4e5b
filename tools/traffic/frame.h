// SPDX-License-Identifier: Apache-2.0
// Ethernet, IP and UDP as the far end of the wire writes and reads them. Written apart from the data plane's own parsers on purpose:
// a checker that shares code with what it checks shares its mistakes. No IP options, no fragments: a media sender uses none.
// Any thread; no allocation except in to_string.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "crypto/bytes.h"

namespace mediaward::tools::traffic {

using Mac = std::array<std::byte, 6>;

inline constexpr std::size_t kEthernetBytes = 14, kVlanBytes = 4, kUdpBytes = 8, kIpv4Bytes = 20, kIpv6Bytes = 40;
inline constexpr std::uint16_t kEtherIpv4 = 0x0800, kEtherArp = 0x0806, kEtherVlan = 0x8100, kEtherIpv6 = 0x86dd;
inline constexpr std::size_t kMinimumFrameBytes = 60;  // IEEE 802.3 §4A.4.2, without FCS

struct Address {
  bool v6 = false;
  std::array<std::byte, 16> bytes{};  // network order; IPv4 in the first 4, zeros behind
  auto operator<=>(const Address&) const noexcept = default;

  [[nodiscard]] std::size_t size() const noexcept { return v6 ? 16 : 4; }
  [[nodiscard]] static std::optional<Address> parse(const std::string& text);
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static Address from(const std::byte* p, bool v6) noexcept;
  [[nodiscard]] Address plus(std::uint32_t offset) const noexcept;  // in the last 32 bits
};

struct UdpPath {
  Address source, destination;
  std::uint16_t source_port = 0, destination_port = 0;
};

[[nodiscard]] constexpr std::size_t ip_bytes(bool v6) noexcept {
  return v6 ? kIpv6Bytes : kIpv4Bytes;
}

// Ones' complement sum of RFC 1071, not yet folded; the pieces of one checksum may be added up if all but the last are even.
[[nodiscard]] std::uint64_t checksum_add(std::uint64_t sum, ConstBytes bytes) noexcept;
[[nodiscard]] std::uint16_t checksum_fold(std::uint64_t sum) noexcept;  // complemented, as it stands in a header (memory order)

// Checksum of an upper layer with its pseudo-header (RFC 768, RFC 8200 §8.1). `ip` is the IP header, `upper` what follows it.
[[nodiscard]] std::uint64_t pseudo_header_sum(const std::byte* ip, bool v6, std::uint8_t protocol, std::size_t upper_bytes) noexcept;

void write_ethernet(std::byte* at, const Mac& destination, const Mac& source, std::uint16_t ether_type) noexcept;

// Writes IP and UDP headers in front of `payload_bytes` that are already there (at + ip_bytes + 8) with both checksums.
void write_ip_udp(std::byte* at, const UdpPath& path, std::size_t payload_bytes, std::uint8_t dscp) noexcept;
void write_udp_checksum(std::byte* ip, bool v6) noexcept;  // again, after the payload or a port changed
void write_ipv4_checksum(std::byte* ip) noexcept;

// A received UDP packet, looked at where it lies.
struct UdpView {
  std::byte* ethernet = nullptr;
  std::byte* ip = nullptr;
  std::byte* udp = nullptr;
  std::byte* payload = nullptr;
  std::size_t payload_bytes = 0;
  bool v6 = false;

  [[nodiscard]] const std::byte* source() const noexcept { return ip + (v6 ? 8 : 12); }
  [[nodiscard]] const std::byte* destination() const noexcept { return ip + (v6 ? 24 : 16); }
  [[nodiscard]] std::uint16_t source_port() const noexcept { return load_be16(udp); }
  [[nodiscard]] std::uint16_t destination_port() const noexcept { return load_be16(udp + 2); }
  [[nodiscard]] std::uint8_t dscp() const noexcept;
  [[nodiscard]] bool ip_checksum_good() const noexcept;   // true for IPv6, which has none
  [[nodiscard]] bool udp_checksum_good() const noexcept;  // 0 ("none") counts as bad: the appliance promises one
};

// nullopt for everything that is not one whole UDP packet. `l2_bytes`: length of the Ethernet header including tags.
[[nodiscard]] std::optional<UdpView> parse_udp(Bytes frame, std::size_t l2_bytes) noexcept;

}  // namespace mediaward::tools::traffic
