// SPDX-License-Identifier: Apache-2.0
// Device arguments per port kind.
#include <gtest/gtest.h>

#include "drivers/ports.h"

namespace mediaward::drivers {
namespace {

PortConfig port(PortKind kind) {
  PortConfig out;
  out.name = "m0";
  out.kind = kind;
  out.path = "/tmp/m0.sock";
  out.interface = "mw0";
  out.mac = parse_mac("02:00:00:00:00:01");
  return out;
}

TEST(VdevArguments, VirtioUserUsesAPackedRingInOrder) {
  auto config = port(PortKind::kVirtioUser);
  EXPECT_EQ(vdev_arguments(config, 0, 1).arguments,
            "path=/tmp/m0.sock,queues=1,queue_size=256,packed_vq=1,in_order=1,mrg_rxbuf=0,mac=02:00:00:00:00:01");
  config.server = true;
  config.packed_ring = false;
  EXPECT_EQ(vdev_arguments(config, 0, 2).arguments,
            "path=/tmp/m0.sock,queues=2,queue_size=256,packed_vq=0,in_order=1,mrg_rxbuf=0,cq=1,server=1,mac=02:00:00:00:00:01");
}

TEST(VdevArguments, VhostUser) {
  auto config = port(PortKind::kVhostUser);
  config.server = true;
  EXPECT_EQ(vdev_arguments(config, 3, 1).name, "net_vhost3");
  EXPECT_EQ(vdev_arguments(config, 3, 1).arguments, "iface=/tmp/m0.sock,queues=1");
  config.server = false;
  EXPECT_EQ(vdev_arguments(config, 3, 1).arguments, "iface=/tmp/m0.sock,queues=1,client=1");
}

TEST(VdevArguments, Interfaces) {
  EXPECT_EQ(vdev_arguments(port(PortKind::kTap), 0, 1).arguments, "iface=mw0");
  EXPECT_EQ(vdev_arguments(port(PortKind::kAfPacket), 0, 1).arguments, "iface=mw0,qpairs=1,blocksz=4096,framesz=2048,framecnt=1024");
  EXPECT_EQ(vdev_arguments(port(PortKind::kAfXdp), 0, 2).arguments, "iface=mw0,start_queue=0,queue_count=2");
}

TEST(VdevArguments, Pcap) {
  auto config = port(PortKind::kPcap);
  config.tx_pcap = "out.pcap";
  EXPECT_EQ(vdev_arguments(config, 0, 1).arguments, "tx_pcap=out.pcap");
  config.rx_pcap = "in.pcap";
  EXPECT_EQ(vdev_arguments(config, 0, 1).arguments, "rx_pcap=in.pcap,tx_pcap=out.pcap");
}

TEST(StableMac, IsLocalUnicastStableAndDiffersPerSide) {
  const auto virtio = stable_mac(port(PortKind::kVirtioUser));
  EXPECT_EQ(virtio[0], std::byte{0x02});
  EXPECT_EQ(virtio, stable_mac(port(PortKind::kVirtioUser)));
  EXPECT_NE(virtio, stable_mac(port(PortKind::kVhostUser)));
}

}  // namespace
}  // namespace mediaward::drivers
