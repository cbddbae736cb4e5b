// SPDX-License-Identifier: Apache-2.0
// Neighbour solicitation and advertisement (RFC 4861 §4.3, §4.4) with the link-layer address option: parse and serialise.
// Validation that needs the IPv6 header or our addresses is the host's. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"
#include "dataplane/wire/ethernet.h"

namespace mediaward::dataplane::wire {

inline constexpr std::uint8_t kNdpRouterSolicitation = 133, kNdpRouterAdvertisement = 134, kNdpNeighbourSolicitation = 135,
                              kNdpNeighbourAdvertisement = 136, kNdpRedirect = 137;
inline constexpr std::uint8_t kNdpHopLimit = 255;                                        // RFC 4861 §7.1
inline constexpr std::size_t kNdpNeighbourBytes = 24;                                    // without options
inline constexpr std::size_t kNdpWithAddressBytes = 32;                                  // with one link-layer address option
inline constexpr std::uint8_t kNdpOptionSourceAddress = 1, kNdpOptionTargetAddress = 2;  // RFC 4861 §4.6.1
inline constexpr std::uint32_t kNdpRouter = 1u << 31, kNdpSolicited = 1u << 30, kNdpOverride = 1u << 29;

using Ipv6Bytes = std::array<std::byte, 16>;

// ff02::1 (RFC 4291 §2.7.1) and its Ethernet group (RFC 2464 §7).
inline constexpr Ipv6Bytes kAllNodes = {std::byte{0xff}, std::byte{0x02}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, std::byte{1}};

struct NeighbourInfo {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t flags = 0;  // kNdpRouter | kNdpSolicited | kNdpOverride; advertisement only
  Ipv6Bytes target{};
  bool has_link_address = false;  // source option of a solicitation, target option of an advertisement
  Mac link_address{};
};

// message: from the ICMPv6 type, at least as long as it says; type must be one of the two. False: shorter than 24 bytes, an
// option of length 0 or beyond the message, or a link-layer address option that is not 8 bytes.
[[nodiscard]] bool parse_neighbour(ConstBytes message, NeighbourInfo& out) noexcept;

// IPv6 header plus message with its link-layer address option, checksum filled: writes kNdpPacketBytes.
inline constexpr std::size_t kNdpPacketBytes = 40 + kNdpWithAddressBytes;
void write_neighbour(std::byte* out, std::uint8_t type, std::uint32_t flags, const Ipv6Bytes& source, const Ipv6Bytes& destination,
                     const Ipv6Bytes& target, const Mac& link_address) noexcept;

// ff02::1:ffXX:XXXX (RFC 4291 §2.7.1).
[[nodiscard]] Ipv6Bytes solicited_node_group(const Ipv6Bytes& address) noexcept;

// 33:33 and the last four bytes of the group (RFC 2464 §7).
[[nodiscard]] Mac multicast_mac(const Ipv6Bytes& group) noexcept;

// fe80::/64 with the modified EUI-64 of the MAC (RFC 4291 appendix A, RFC 2464 §5).
[[nodiscard]] Ipv6Bytes link_local_from_mac(const Mac& mac) noexcept;

}  // namespace mediaward::dataplane::wire
