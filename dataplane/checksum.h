// SPDX-License-Identifier: Apache-2.0
// The Internet checksum (RFC 1071): sums, pseudo headers of IPv4 and IPv6, incremental update, and the UDP rules on top.
// Sums are kept unfolded in 64 bits and in memory byte order (RFC 1071 §2(B)), so that parts can be prepared once and added
// per packet. Nothing here touches a packet; the caller stores the result. Per packet; any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"

namespace mediaward::dataplane {

// Adds `data` (up to 64 KiB) to an unfolded sum below 2^56. Data that follows a part of odd length must not be added: all parts but the
// last have even lengths.
[[nodiscard]] std::uint64_t add_checksum(ConstBytes data, std::uint64_t sum = 0) noexcept;

// 16-bit one's complement value of a sum, memory byte order, not complemented. 0xffff over data that includes a right checksum.
[[nodiscard]] inline std::uint16_t fold_checksum(std::uint64_t sum) noexcept {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  auto low = static_cast<std::uint32_t>(sum);
  low = (low & 0xffff) + (low >> 16);
  low = (low & 0xffff) + (low >> 16);
  return static_cast<std::uint16_t>(low);
}

// The same for two folded values: one carry at most.
[[nodiscard]] inline std::uint16_t add_folded(std::uint16_t a, std::uint16_t b) noexcept {
  const std::uint32_t sum = std::uint32_t{a} + b;
  return static_cast<std::uint16_t>(sum + (sum >> 16));
}

// What goes into a checksum field of IPv4, ICMP and ICMPv6.
[[nodiscard]] inline Be16 finish_checksum(std::uint64_t sum) noexcept {
  return std::bit_cast<Be16>(static_cast<std::uint16_t>(~fold_checksum(sum)));
}

// Pseudo headers (RFC 768; RFC 8200 §8.1). l4_bytes: length of the upper-layer header and data.
[[nodiscard]] inline std::uint64_t pseudo_header_v4(const std::byte* source, const std::byte* destination, std::uint8_t protocol,
                                                    std::uint16_t l4_bytes) noexcept {
  return std::uint64_t{load_raw<std::uint32_t>(source)} + load_raw<std::uint32_t>(destination) +
         byte_swap(static_cast<std::uint16_t>(protocol)) + byte_swap(l4_bytes);
}
[[nodiscard]] inline std::uint64_t pseudo_header_v6(const std::byte* source, const std::byte* destination, std::uint8_t next_header,
                                                    std::uint32_t l4_bytes) noexcept {
  std::uint64_t sum = byte_swap(std::uint32_t{next_header});
  sum += byte_swap(l4_bytes);
  for (std::size_t i = 0; i < 16; i += 4)
    sum += std::uint64_t{load_raw<std::uint32_t>(source + i)} + load_raw<std::uint32_t>(destination + i);
  return sum;
}

// UDP checksum of a whole datagram whose checksum field is 0. Never 0 on the wire: 0 is sent as all ones (RFC 768).
[[nodiscard]] inline Be16 udp_checksum(std::uint64_t pseudo_header, ConstBytes datagram) noexcept {
  const Be16 value = finish_checksum(add_checksum(datagram, pseudo_header));
  return value.raw() == 0 ? Be16(std::uint16_t{0xffff}) : value;
}

// True when the datagram, checksum included, sums up. A field of 0 means "none" over IPv4 and is for the caller to judge.
[[nodiscard]] inline bool udp_checksum_good(std::uint64_t pseudo_header, ConstBytes datagram) noexcept {
  return fold_checksum(add_checksum(datagram, pseudo_header)) == 0xffff;
}

// For a port that completes the checksum: the pseudo header alone, folded and not complemented.
[[nodiscard]] inline Be16 udp_partial_checksum(std::uint64_t pseudo_header) noexcept {
  return std::bit_cast<Be16>(fold_checksum(pseudo_header));
}

// The field after one aligned 16-bit word under it changed (RFC 1624 §3, equation 3). For UDP the caller keeps 0 and 0xffff apart.
[[nodiscard]] inline Be16 update_checksum(Be16 field, Be16 before, Be16 after) noexcept {
  const std::uint64_t sum =
      std::uint64_t{static_cast<std::uint16_t>(~field.raw())} + static_cast<std::uint16_t>(~before.raw()) + after.raw();
  return finish_checksum(sum);
}

}  // namespace mediaward::dataplane
