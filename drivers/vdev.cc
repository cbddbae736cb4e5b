// SPDX-License-Identifier: Apache-2.0
// Device arguments per port kind, and the MAC of ports that have none of their own. Text only. Main thread.
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "drivers/pool_size.h"
#include "drivers/ports.h"

namespace mediaward::drivers {
namespace {

std::string number(std::size_t value) { return std::to_string(value); }

std::string virtio_user_arguments(const PortConfig& port, std::uint16_t queues) {
  std::string out = "path=" + port.path + ",queues=" + number(queues) + ",queue_size=" + number(port.queue_size);
  // A packed ring used in order with single buffers is the fastest the two sides can agree on (docs/ports.md).
  out += std::string(",packed_vq=") + (port.packed_ring ? "1" : "0") + ",in_order=1,mrg_rxbuf=0";
  if (queues > 1) out += ",cq=1";  // several queue pairs are switched on through the control queue
  if (port.server) out += ",server=1";
  return out + ",mac=" + to_string(port.mac ? *port.mac : stable_mac(port));
}

std::string af_packet_arguments(const PortConfig& port, std::uint16_t queues) {
  const std::size_t frame = af_packet_frame_bytes(port.mtu);
  const std::size_t block = std::max<std::size_t>(frame, 4096);
  return "iface=" + port.interface + ",qpairs=" + number(queues) + ",blocksz=" + number(block) + ",framesz=" + number(frame) +
         ",framecnt=" + number(std::size_t{port.queue_size} * 4);
}

std::string pcap_arguments(const PortConfig& port) {
  std::string out;
  if (!port.rx_pcap.empty()) out += "rx_pcap=" + port.rx_pcap;
  if (!port.tx_pcap.empty()) out += (out.empty() ? "tx_pcap=" : ",tx_pcap=") + port.tx_pcap;
  return out;
}

}  // namespace

VdevArguments vdev_arguments(const PortConfig& config, std::uint16_t index, std::uint16_t queues) {
  const std::string n = number(index);
  switch (config.kind) {
    case PortKind::kPci: return {config.address, ""};
    case PortKind::kVirtioUser: return {"net_virtio_user" + n, virtio_user_arguments(config, queues)};
    case PortKind::kVhostUser:
      return {"net_vhost" + n, "iface=" + config.path + ",queues=" + number(queues) + (config.server ? "" : ",client=1")};
    case PortKind::kTap: return {"net_tap" + n, "iface=" + config.interface};
    case PortKind::kAfPacket: return {"net_af_packet" + n, af_packet_arguments(config, queues)};
    case PortKind::kAfXdp: return {"net_af_xdp" + n, "iface=" + config.interface + ",start_queue=0,queue_count=" + number(queues)};
    case PortKind::kPcap: return {"net_pcap" + n, pcap_arguments(config)};
  }
  return {};
}

dataplane::MacAddress stable_mac(const PortConfig& config) {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  const std::string key = std::string(host) + '/' + std::string(to_string(config.kind)) + '/' + config.name + '/' + config.path + config.interface;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  dataplane::MacAddress mac{std::byte{0x02}};  // locally administered, unicast (IEEE 802)
  for (std::size_t i = 1; i < 6; ++i) mac[i] = static_cast<std::byte>(hash >> (8 * i));
  return mac;
}

}  // namespace mediaward::drivers
