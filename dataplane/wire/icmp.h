// SPDX-License-Identifier: Apache-2.0
// ICMP (RFC 792) and ICMPv6 (RFC 4443) headers as far as a host that answers echo needs them. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/wire/ip.h"

namespace mediaward::dataplane::wire {

inline constexpr std::size_t kIcmpEchoBytes = 8;                                 // header with identifier and sequence number
inline constexpr std::size_t kIcmpv6Bytes = 4;                                   // type, code, checksum
inline constexpr std::uint8_t kIcmpEchoReply = 0, kIcmpEchoRequest = 8;          // RFC 792
inline constexpr std::uint8_t kIcmpv6EchoRequest = 128, kIcmpv6EchoReply = 129;  // RFC 4443 §4.1, §4.2

struct IcmpHeader {
  std::uint8_t type;
  std::uint8_t code;
  Be16 checksum;
};
static_assert(sizeof(IcmpHeader) == 4 && alignof(IcmpHeader) == 1);

// message: from the ICMP type to the end of the IP payload.
[[nodiscard]] inline bool icmp_checksum_good(ConstBytes message) noexcept {
  return fold_checksum(add_checksum(message)) == 0xffff;
}

[[nodiscard]] inline bool icmpv6_checksum_good(const std::byte* source, const std::byte* destination, ConstBytes message) noexcept {
  const std::uint64_t pseudo = pseudo_header_v6(source, destination, kProtocolIcmpv6, static_cast<std::uint32_t>(message.size()));
  return fold_checksum(add_checksum(message, pseudo)) == 0xffff;
}

// Both fill the checksum field of a message of at least 4 bytes, whatever stood there.
inline void set_icmp_checksum(Bytes message) noexcept {
  store_raw<std::uint16_t>(message.data() + 2, 0);
  store_raw(message.data() + 2, finish_checksum(add_checksum(message)).raw());
}
inline void set_icmpv6_checksum(const std::byte* source, const std::byte* destination, Bytes message) noexcept {
  store_raw<std::uint16_t>(message.data() + 2, 0);
  const std::uint64_t pseudo = pseudo_header_v6(source, destination, kProtocolIcmpv6, static_cast<std::uint32_t>(message.size()));
  store_raw(message.data() + 2, finish_checksum(add_checksum(message, pseudo)).raw());
}

}  // namespace mediaward::dataplane::wire
