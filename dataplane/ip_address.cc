// SPDX-License-Identifier: Apache-2.0
// Text forms and classification of IP addresses, see ip_address.h. Parsing and printing belong to the control path; the
// predicates may be used anywhere.
#include "dataplane/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace mediaward::dataplane {

namespace {

constexpr std::uint8_t at(const IpAddress& a, std::size_t i) noexcept {
  return std::to_integer<std::uint8_t>(a.bytes[i]);
}

}  // namespace

IpAddress IpAddress::v4(const std::byte* p) noexcept {
  IpAddress a;
  a.family = Family::kIpv4;
  std::memcpy(a.bytes.data(), p, 4);
  return a;
}

IpAddress IpAddress::v6(const std::byte* p) noexcept {
  IpAddress a;
  a.family = Family::kIpv6;
  std::memcpy(a.bytes.data(), p, 16);
  return a;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string copy(text);
  IpAddress a;
  a.family = text.find(':') == std::string_view::npos ? Family::kIpv4 : Family::kIpv6;
  if (inet_pton(a.family == Family::kIpv4 ? AF_INET : AF_INET6, copy.c_str(), a.bytes.data()) != 1) return std::nullopt;
  return a;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(family == Family::kIpv4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

bool IpAddress::is_multicast() const noexcept {
  return family == Family::kIpv4 ? (at(*this, 0) & 0xf0) == 0xe0 : at(*this, 0) == 0xff;  // RFC 1112 §4, RFC 4291 §2.7
}

bool IpAddress::is_loopback() const noexcept {
  if (family == Family::kIpv4) return at(*this, 0) == 127;  // RFC 1122 §3.2.1.3 (g)
  const auto zeros = std::all_of(bytes.begin(), bytes.end() - 1, [](std::byte b) { return b == std::byte{0}; });
  return zeros && at(*this, 15) == 1;
}

bool IpAddress::is_unspecified() const noexcept {
  return std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size()), [](std::byte b) { return b == std::byte{0}; });
}

bool IpAddress::is_link_local() const noexcept {
  if (family == Family::kIpv4) return at(*this, 0) == 169 && at(*this, 1) == 254;  // RFC 3927 §2.1
  return at(*this, 0) == 0xfe && (at(*this, 1) & 0xc0) == 0x80;                    // RFC 4291 §2.5.6
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  if (!address || digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc{} || end != digits.data() + digits.size() || bits > address->size() * 8) return std::nullopt;
  return IpPrefix{*address, static_cast<std::uint8_t>(bits)};
}

std::string IpPrefix::to_string() const {
  return address.to_string() + "/" + std::to_string(bits);
}

bool IpPrefix::contains(const IpAddress& other) const noexcept {
  if (other.family != address.family) return false;
  const std::size_t whole = bits / 8;
  if (std::memcmp(address.bytes.data(), other.bytes.data(), whole) != 0) return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00u >> rest);
  return ((at(address, whole) ^ at(other, whole)) & mask) == 0;
}

}  // namespace mediaward::dataplane
