// SPDX-License-Identifier: Apache-2.0
// Header writing, parsing and checksums of the traffic tool's side of the wire (see the header for why it is its own).
// Any thread.
#include "tools/traffic/frame.h"

#include <arpa/inet.h>

#include <algorithm>

namespace mediaward::tools::traffic {

namespace {

constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kHopLimit = 64;  // RFC 1700

}  // namespace

std::optional<Address> Address::parse(const std::string& text) {
  Address a;
  a.v6 = text.find(':') != std::string::npos;
  if (inet_pton(a.v6 ? AF_INET6 : AF_INET, text.c_str(), a.bytes.data()) != 1) return std::nullopt;
  return a;
}

std::string Address::to_string() const {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
}

Address Address::from(const std::byte* p, bool v6) noexcept {
  Address a;
  a.v6 = v6;
  std::memcpy(a.bytes.data(), p, v6 ? 16 : 4);
  return a;
}

Address Address::plus(std::uint32_t offset) const noexcept {
  Address a = *this;
  std::byte* last = a.bytes.data() + size() - 4;
  store_be32(last, load_be32(last) + offset);
  return a;
}

std::uint64_t checksum_add(std::uint64_t sum, ConstBytes bytes) noexcept {
  const std::byte* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 4; p += 4, left -= 4) sum += load_raw<std::uint32_t>(p);  // 2^32 additions fit before 64 bits overflow
  if (left >= 2) {
    sum += load_raw<std::uint16_t>(p);
    p += 2;
    left -= 2;
  }
  if (left != 0) sum += static_cast<std::uint8_t>(*p);
  return sum;
}

std::uint16_t checksum_fold(std::uint64_t sum) noexcept {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::uint64_t pseudo_header_sum(const std::byte* ip, bool v6, std::uint8_t protocol, std::size_t upper_bytes) noexcept {
  std::uint64_t sum = checksum_add(0, {ip + (v6 ? 8 : 12), v6 ? std::size_t{32} : std::size_t{8}});
  sum += byte_swap(std::uint16_t{protocol});
  return sum + byte_swap(static_cast<std::uint16_t>(upper_bytes));
}

void write_ethernet(std::byte* at, const Mac& destination, const Mac& source, std::uint16_t ether_type) noexcept {
  std::copy(destination.begin(), destination.end(), at);
  std::copy(source.begin(), source.end(), at + 6);
  store_be16(at + 12, ether_type);
}

void write_ipv4_checksum(std::byte* ip) noexcept {
  store_raw<std::uint16_t>(ip + 10, 0);
  store_raw(ip + 10, checksum_fold(checksum_add(0, {ip, kIpv4Bytes})));
}

void write_udp_checksum(std::byte* ip, bool v6) noexcept {
  std::byte* udp = ip + ip_bytes(v6);
  const std::size_t bytes = load_be16(udp + 4);
  store_raw<std::uint16_t>(udp + 6, 0);
  const std::uint16_t sum = checksum_fold(checksum_add(pseudo_header_sum(ip, v6, kUdp, bytes), {udp, bytes}));
  store_raw(udp + 6, sum == 0 ? std::uint16_t{0xffff} : sum);  // RFC 768: 0 would mean "none"
}

void write_ip_udp(std::byte* at, const UdpPath& path, std::size_t payload_bytes, std::uint8_t dscp) noexcept {
  const bool v6 = path.source.v6;
  const auto udp_bytes = static_cast<std::uint16_t>(kUdpBytes + payload_bytes);
  std::memset(at, 0, ip_bytes(v6));
  if (v6) {  // RFC 8200 §3
    store_be32(at, (6u << 28) | (std::uint32_t{dscp} << 22));
    store_be16(at + 4, udp_bytes);
    at[6] = std::byte{kUdp};
    at[7] = std::byte{kHopLimit};
  } else {  // RFC 791 §3.1
    at[0] = std::byte{0x45};
    at[1] = static_cast<std::byte>(dscp << 2);
    store_be16(at + 2, static_cast<std::uint16_t>(kIpv4Bytes + udp_bytes));
    store_be16(at + 6, 0x4000);  // don't fragment
    at[8] = std::byte{kHopLimit};
    at[9] = std::byte{kUdp};
  }
  std::memcpy(at + (v6 ? 8 : 12), path.source.bytes.data(), path.source.size());
  std::memcpy(at + (v6 ? 24 : 16), path.destination.bytes.data(), path.destination.size());
  if (!v6) write_ipv4_checksum(at);
  std::byte* udp = at + ip_bytes(v6);
  store_be16(udp, path.source_port);
  store_be16(udp + 2, path.destination_port);
  store_be16(udp + 4, udp_bytes);
  write_udp_checksum(at, v6);
}

std::uint8_t UdpView::dscp() const noexcept {
  if (v6) return static_cast<std::uint8_t>((load_be16(ip) >> 6) & 0x3f);
  return static_cast<std::uint8_t>(static_cast<std::uint8_t>(ip[1]) >> 2);
}

bool UdpView::ip_checksum_good() const noexcept {
  return v6 || checksum_fold(checksum_add(0, {ip, kIpv4Bytes})) == 0;
}

bool UdpView::udp_checksum_good() const noexcept {
  if (load_raw<std::uint16_t>(udp + 6) == 0) return false;
  const std::size_t bytes = kUdpBytes + payload_bytes;
  return checksum_fold(checksum_add(pseudo_header_sum(ip, v6, kUdp, bytes), {udp, bytes})) == 0;
}

std::optional<UdpView> parse_udp(Bytes frame, std::size_t l2_bytes) noexcept {
  if (frame.size() < l2_bytes + kIpv4Bytes + kUdpBytes) return std::nullopt;
  UdpView view;
  view.ethernet = frame.data();
  view.ip = frame.data() + l2_bytes;
  const std::uint16_t type = load_be16(view.ip - 2);
  const std::size_t room = frame.size() - l2_bytes;
  std::size_t upper_bytes = 0;
  if (type == kEtherIpv4) {
    const std::size_t total = load_be16(view.ip + 2);
    if (view.ip[0] != std::byte{0x45} || view.ip[9] != std::byte{kUdp} || total > room || total < kIpv4Bytes) return std::nullopt;
    upper_bytes = total - kIpv4Bytes;
  } else if (type == kEtherIpv6) {
    view.v6 = true;
    upper_bytes = load_be16(view.ip + 4);
    if (room < kIpv6Bytes || view.ip[6] != std::byte{kUdp} || upper_bytes > room - kIpv6Bytes) return std::nullopt;
  } else {
    return std::nullopt;
  }
  view.udp = view.ip + ip_bytes(view.v6);
  if (upper_bytes < kUdpBytes || load_be16(view.udp + 4) != upper_bytes) return std::nullopt;
  view.payload = view.udp + kUdpBytes;
  view.payload_bytes = upper_bytes - kUdpBytes;
  return view;
}

}  // namespace mediaward::tools::traffic
