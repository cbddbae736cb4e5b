// SPDX-License-Identifier: Apache-2.0
// See udp_path.h. Main thread.
#include "dataplane/udp_path.h"

#include "dataplane/checksum.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/udp.h"

namespace mediaward::dataplane {

void write_template(UdpPath& path, const PortSettings& port, const UdpEndpoints& ends, std::uint8_t dscp) {
  const IpAddress &local = ends.local, &remote = ends.remote;
  const bool v4 = local.family == Family::kIpv4;
  const auto tos = static_cast<std::uint8_t>(dscp << 2);  // RFC 2474 §3
  std::byte* out = path.header;
  path.family = local.family;
  path.l2_bytes = static_cast<std::uint8_t>(wire::write_ethernet(out, {}, port.mac, v4 ? wire::kEtherIpv4 : wire::kEtherIpv6, port.vlan));
  std::byte* l3 = out + path.l2_bytes;
  std::uint64_t pseudo;
  if (v4) {
    path.l3_bytes = wire::kIpv4Bytes;
    wire::write_ipv4(l3, local.bytes.data(), remote.bytes.data(), wire::kProtocolUdp, 0, tos, wire::kDefaultTtl, false);
    store_be16(l3 + 2, 0);
    path.ip_sum = fold_checksum(add_checksum({l3, wire::kIpv4Bytes}));
    pseudo = pseudo_header_v4(local.bytes.data(), remote.bytes.data(), wire::kProtocolUdp, 0);
  } else {
    path.l3_bytes = wire::kIpv6Bytes;
    path.packet_flags = kTxIpv6;
    wire::write_ipv6(l3, local.bytes.data(), remote.bytes.data(), wire::kProtocolUdp, 0, tos, wire::kDefaultTtl);
    pseudo = pseudo_header_v6(local.bytes.data(), remote.bytes.data(), wire::kProtocolUdp, 0);
  }
  path.pseudo_sum = fold_checksum(pseudo);
  wire::write_udp(l3 + path.l3_bytes, ends.local_port, ends.remote_port, 0);
  path.header_bytes = static_cast<std::uint8_t>(path.l2_bytes + path.l3_bytes + wire::kUdpBytes);
  path.max_udp_payload = static_cast<std::uint16_t>(port.mtu - path.l3_bytes - wire::kUdpBytes);
}

}  // namespace mediaward::dataplane
