// SPDX-License-Identifier: Apache-2.0
// Frames for tests, written byte by byte from the RFCs and not with the product's serialisers, and their way back.
#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/memory_io.h"

namespace mediaward::test {

using Mac = std::array<std::uint8_t, 6>;

struct UdpFlow {
  Mac source_mac{0x02, 0, 0, 0, 0, 0x10}, destination_mac{0x02, 0, 0, 0, 0, 0x01};
  std::string source, destination;  // both IPv4 or both IPv6
  std::uint16_t source_port = 0, destination_port = 0;
  std::optional<std::uint16_t> vlan;
  std::uint8_t tos = 0;
};

struct UdpDatagram {
  Mac source_mac{}, destination_mac{};
  std::optional<std::uint16_t> vlan;
  bool v6 = false;
  std::string source, destination;
  std::uint16_t source_port = 0, destination_port = 0;
  std::uint8_t tos = 0, ttl = 0;
  bool ip_checksum_good = true, udp_checksum_good = false;
  std::vector<std::uint8_t> payload;
};

inline std::uint16_t inet_sum(const std::vector<std::uint8_t>& data) {  // RFC 1071 §4.1, the plain loop
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < data.size(); i += 2) sum += static_cast<std::uint32_t>(data[i] << 8) + (i + 1 < data.size() ? data[i + 1] : 0u);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

inline void put16(std::vector<std::uint8_t>& out, unsigned v) {
  out.push_back(static_cast<std::uint8_t>(v >> 8));
  out.push_back(static_cast<std::uint8_t>(v));
}
inline void set16(std::vector<std::uint8_t>& out, std::size_t at, unsigned v) {
  out[at] = static_cast<std::uint8_t>(v >> 8);
  out[at + 1] = static_cast<std::uint8_t>(v);
}

inline std::vector<std::uint8_t> address_bytes(const std::string& text) {
  const bool v6 = text.find(':') != std::string::npos;
  std::vector<std::uint8_t> bytes(v6 ? 16 : 4);
  ::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data());
  return bytes;
}

inline Frame to_frame(const std::vector<std::uint8_t>& bytes) {
  Frame frame(bytes.size());
  std::memcpy(frame.data(), bytes.data(), bytes.size());
  return frame;
}
inline std::vector<std::uint8_t> to_bytes(const Frame& frame) {
  std::vector<std::uint8_t> bytes(frame.size());
  std::memcpy(bytes.data(), frame.data(), frame.size());
  return bytes;
}

inline std::vector<std::uint8_t> pseudo_header(const std::vector<std::uint8_t>& src, const std::vector<std::uint8_t>& dst, std::size_t l4) {
  std::vector<std::uint8_t> p(src);
  p.insert(p.end(), dst.begin(), dst.end());
  if (src.size() == 16) put16(p, 0);
  if (src.size() == 16) {
    put16(p, static_cast<unsigned>(l4));
    put16(p, 0);
    put16(p, 17);
  } else {
    put16(p, 17);
    put16(p, static_cast<unsigned>(l4));
  }
  return p;
}

inline std::vector<std::uint8_t> udp_frame(const UdpFlow& flow, const std::vector<std::uint8_t>& payload) {
  const auto src = address_bytes(flow.source), dst = address_bytes(flow.destination);
  const bool v6 = src.size() == 16;
  std::vector<std::uint8_t> f(flow.destination_mac.begin(), flow.destination_mac.end());
  f.insert(f.end(), flow.source_mac.begin(), flow.source_mac.end());
  if (flow.vlan) {
    put16(f, 0x8100);
    put16(f, *flow.vlan);
  }
  put16(f, v6 ? 0x86dd : 0x0800);
  const std::size_t ip = f.size(), l4 = 8 + payload.size();
  if (v6) {
    put16(f, 0x6000u | static_cast<unsigned>(flow.tos >> 4));
    put16(f, static_cast<unsigned>((flow.tos & 15) << 12));
    put16(f, static_cast<unsigned>(l4));
    put16(f, 0x1140);
  } else {
    put16(f, 0x4500u | flow.tos);
    put16(f, static_cast<unsigned>(20 + l4));
    put16(f, 0);
    put16(f, 0x4000);
    put16(f, 0x4011);
    put16(f, 0);
  }
  f.insert(f.end(), src.begin(), src.end());
  f.insert(f.end(), dst.begin(), dst.end());
  if (!v6) set16(f, ip + 10, inet_sum({f.begin() + static_cast<std::ptrdiff_t>(ip), f.end()}));
  const std::size_t udp = f.size();
  put16(f, flow.source_port);
  put16(f, flow.destination_port);
  put16(f, static_cast<unsigned>(l4));
  put16(f, 0);
  f.insert(f.end(), payload.begin(), payload.end());
  auto sum = pseudo_header(src, dst, l4);
  sum.insert(sum.end(), f.begin() + static_cast<std::ptrdiff_t>(udp), f.end());
  const std::uint16_t checksum = inet_sum(sum);
  set16(f, udp + 6, checksum == 0 ? 0xffff : checksum);
  return f;
}

inline std::string address_text(const std::uint8_t* p, bool v6) {
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, p, text, sizeof text);
  return text;
}

// Nothing when it is not a UDP datagram with consistent lengths.
inline std::optional<UdpDatagram> parse_udp_frame(const std::vector<std::uint8_t>& f) {
  const auto get16 = [&f](std::size_t at) { return static_cast<unsigned>(f[at] << 8 | f[at + 1]); };
  if (f.size() < 42) return std::nullopt;
  UdpDatagram d;
  std::copy_n(f.begin(), 6, d.destination_mac.begin());
  std::copy_n(f.begin() + 6, 6, d.source_mac.begin());
  std::size_t ip = 14;
  if (get16(12) == 0x8100) {
    d.vlan = static_cast<std::uint16_t>(get16(14));
    ip = 18;
  }
  d.v6 = get16(ip - 2) == 0x86dd;
  if (!d.v6 && get16(ip - 2) != 0x0800) return std::nullopt;
  const std::size_t header = d.v6 ? 40 : 20, l4 = ip + header, alen = d.v6 ? 16 : 4, src = ip + (d.v6 ? 8 : 12);
  if (f.size() < l4 + 8 || f[ip + (d.v6 ? 6 : 9)] != 17) return std::nullopt;
  const std::size_t l4_bytes = get16(l4 + 4);
  if (l4_bytes < 8 || l4 + l4_bytes != f.size() || (d.v6 ? get16(ip + 4) : get16(ip + 2) - 20) != l4_bytes) return std::nullopt;
  d.tos = d.v6 ? static_cast<std::uint8_t>((get16(ip) >> 4) & 0xff) : f[ip + 1];
  d.ttl = f[ip + (d.v6 ? 7 : 8)];
  d.source = address_text(&f[src], d.v6);
  d.destination = address_text(&f[src + alen], d.v6);
  d.source_port = static_cast<std::uint16_t>(get16(l4));
  d.destination_port = static_cast<std::uint16_t>(get16(l4 + 2));
  if (!d.v6) d.ip_checksum_good = inet_sum({f.begin() + static_cast<std::ptrdiff_t>(ip), f.begin() + static_cast<std::ptrdiff_t>(l4)}) == 0;
  auto sum = pseudo_header({f.begin() + static_cast<std::ptrdiff_t>(src), f.begin() + static_cast<std::ptrdiff_t>(src + alen)},
                           {f.begin() + static_cast<std::ptrdiff_t>(src + alen), f.begin() + static_cast<std::ptrdiff_t>(src + 2 * alen)}, l4_bytes);
  sum.insert(sum.end(), f.begin() + static_cast<std::ptrdiff_t>(l4), f.end());
  d.udp_checksum_good = get16(l4 + 6) != 0 && inet_sum(sum) == 0;
  d.payload.assign(f.begin() + static_cast<std::ptrdiff_t>(l4 + 8), f.end());
  return d;
}

// Ethernet header with an optional tag in front of what `l3` holds.
inline std::vector<std::uint8_t> ethernet_frame(const UdpFlow& flow, unsigned type, const std::vector<std::uint8_t>& l3) {
  std::vector<std::uint8_t> f(flow.destination_mac.begin(), flow.destination_mac.end());
  f.insert(f.end(), flow.source_mac.begin(), flow.source_mac.end());
  if (flow.vlan) {
    put16(f, 0x8100);
    put16(f, *flow.vlan);
  }
  put16(f, type);
  f.insert(f.end(), l3.begin(), l3.end());
  return f;
}

// IPv4 packet of any protocol, right in every field; `at + 10` of the IP header is its checksum.
inline std::vector<std::uint8_t> ipv4_packet(const std::string& source, const std::string& destination, std::uint8_t protocol,
                                             const std::vector<std::uint8_t>& body, unsigned fragment = 0x4000) {
  std::vector<std::uint8_t> p;
  put16(p, 0x4500);
  put16(p, static_cast<unsigned>(20 + body.size()));
  put16(p, 0x1234);
  put16(p, fragment);
  put16(p, 0x4000u | protocol);
  put16(p, 0);
  for (const auto& address : {source, destination})
    for (const std::uint8_t b : address_bytes(address)) p.push_back(b);
  set16(p, 10, inet_sum(p));
  p.insert(p.end(), body.begin(), body.end());
  return p;
}
inline void fix_ipv4_checksum(std::vector<std::uint8_t>& frame, std::size_t ip = 14) {
  const std::size_t header = (frame[ip] & 15u) * 4u;
  set16(frame, ip + 10, 0);
  const auto begin = frame.begin() + static_cast<std::ptrdiff_t>(ip);
  set16(frame, ip + 10, inet_sum({begin, begin + static_cast<std::ptrdiff_t>(header)}));
}

inline std::vector<std::uint8_t> ipv6_packet(const std::string& source, const std::string& destination, std::uint8_t next_header,
                                             const std::vector<std::uint8_t>& body, std::uint8_t hop_limit = 64) {
  std::vector<std::uint8_t> p;
  put16(p, 0x6000);
  put16(p, 0);
  put16(p, static_cast<unsigned>(body.size()));
  put16(p, static_cast<unsigned>(next_header << 8 | hop_limit));
  for (const auto& address : {source, destination})
    for (const std::uint8_t b : address_bytes(address)) p.push_back(b);
  p.insert(p.end(), body.begin(), body.end());
  return p;
}

// ICMP (RFC 792) or ICMPv6 (RFC 4443 §2.1) message: type, code, checksum, then `rest`.
inline std::vector<std::uint8_t> icmp_message(std::uint8_t type, std::uint8_t code, const std::vector<std::uint8_t>& rest) {
  std::vector<std::uint8_t> m(4 + rest.size());
  m[0] = type;
  m[1] = code;
  std::copy(rest.begin(), rest.end(), m.begin() + 4);
  set16(m, 2, inet_sum(m));
  return m;
}
inline std::vector<std::uint8_t> icmpv6_message(const std::string& source, const std::string& destination, std::uint8_t type, std::uint8_t code,
                                                const std::vector<std::uint8_t>& rest) {
  std::vector<std::uint8_t> m(4 + rest.size());
  m[0] = type;
  m[1] = code;
  std::copy(rest.begin(), rest.end(), m.begin() + 4);
  std::vector<std::uint8_t> sum;
  for (const auto& address : {source, destination})
    for (const std::uint8_t b : address_bytes(address)) sum.push_back(b);
  put16(sum, 0);
  put16(sum, static_cast<unsigned>(m.size()));
  put16(sum, 0);
  put16(sum, 58);
  sum.insert(sum.end(), m.begin(), m.end());
  set16(m, 2, inet_sum(sum));
  return m;
}

// RFC 826; 1 asks, 2 answers.
inline std::vector<std::uint8_t> arp_packet(unsigned operation, const Mac& sender_mac, const std::string& sender, const Mac& target_mac,
                                            const std::string& target) {
  std::vector<std::uint8_t> p;
  put16(p, 1);
  put16(p, 0x0800);
  put16(p, 0x0604);
  put16(p, operation);
  p.insert(p.end(), sender_mac.begin(), sender_mac.end());
  for (const std::uint8_t b : address_bytes(sender)) p.push_back(b);
  p.insert(p.end(), target_mac.begin(), target_mac.end());
  for (const std::uint8_t b : address_bytes(target)) p.push_back(b);
  return p;
}

// Header of 12 bytes, CSRCs, extension as given, then the payload.
struct RtpPacket {
  std::uint8_t payload_type = 0;
  bool marker = false;
  bool padding = false;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0, ssrc = 0;
  std::vector<std::uint32_t> csrcs{};
  std::optional<std::vector<std::uint8_t>> extension{};  // profile and data, multiple of 4 bytes without the length word
  std::vector<std::uint8_t> payload{};

  [[nodiscard]] std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> p;
    p.push_back(static_cast<std::uint8_t>(0x80 | (padding ? 0x20 : 0) | (extension ? 0x10 : 0) | csrcs.size()));
    p.push_back(static_cast<std::uint8_t>((marker ? 0x80 : 0) | payload_type));
    put16(p, sequence);
    put16(p, timestamp >> 16);
    put16(p, timestamp & 0xffff);
    put16(p, ssrc >> 16);
    put16(p, ssrc & 0xffff);
    for (const std::uint32_t c : csrcs) {
      put16(p, c >> 16);
      put16(p, c & 0xffff);
    }
    if (extension) {
      put16(p, 0xbede);
      put16(p, static_cast<unsigned>(extension->size() / 4));
      p.insert(p.end(), extension->begin(), extension->end());
    }
    p.insert(p.end(), payload.begin(), payload.end());
    return p;
  }
};

}  // namespace mediaward::test
