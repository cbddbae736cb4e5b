// SPDX-License-Identifier: Apache-2.0
// Real ports and their MTU: what the interface or the device does not carry ends the start, what is configured is set, and a packet of
// that size goes through in both directions.
#include <unistd.h>

#include <algorithm>

#include "drivers/port_mtu.h"
#include "packet_ports.h"

namespace mediaward::drivers {
namespace {

using namespace test;

std::string opening_error(const PortConfig& config) {
  auto port = Port::open(config, {50, 1, -1, false});
  return port ? "" : port.error().message;
}

// A frame whose IP packet is as long as the MTU; every byte of it counts.
void write_full(Packet& packet, std::uint16_t mtu) {
  write_headers(packet, 7, mtu - 28u);
  for (std::uint32_t at = kHeaderBytes; at < 14u + mtu; ++at) packet.data[at] = static_cast<std::byte>(at * 7 + at / 256);
  packet.bytes = 14u + mtu;
}

Packet* full_packet(DpdkPacketIo& io, std::uint16_t mtu) {
  std::array<Packet*, 1> packet{};
  if (!io.allocate(packet)) return nullptr;
  EXPECT_GE(packet[0]->room, 14u + mtu);
  write_full(*packet[0], mtu);
  return packet[0];
}

// The next IPv4 frame, or nothing after a while. The kernel sends frames of its own on a new interface.
std::vector<std::byte> receive_frame(DpdkPacketIo& io) {
  for (int tries = 0; tries < 10'000; ++tries) {
    std::array<Packet*, 1> burst{};
    if (io.receive(burst) == 0) {
      usleep(100);
      continue;
    }
    auto frame = bytes_of(*burst[0]);
    io.release(burst);
    if (frame.size() > kHeaderBytes && load_be16(frame.data() + 12) == 0x0800) return frame;
  }
  return {};
}

struct InterfaceCase {
  PortKind kind;
  std::uint16_t full;  // an MTU beyond an ordinary buffer that the kind still carries
};

class MtuOfInterface : public ::testing::TestWithParam<InterfaceCase> {
 protected:
  void SetUp() override {
    if (!PortEnvironment::available()) GTEST_SKIP() << "interfaces need root";
  }
};

TEST_P(MtuOfInterface, InterfaceThatCarriesLessIsRefused) {
  Veth veth("mwsmall", "mwpeer", 1280);
  PortConfig config = veth.port(GetParam().kind);
  const std::string error = opening_error(config);
  for (const char* part : {"port \"mwsmall\"", "mtu 1500", "at most 1280", "ip link set dev mwsmall mtu 1500"})
    EXPECT_NE(error.find(part), std::string::npos) << error;
  EXPECT_EQ(interface_mtu("mwsmall").value_or(0), 1280u) << "not ours to change";
  config.mtu = 1280;
  EXPECT_NE(open_port(config), nullptr);
}

TEST_P(MtuOfInterface, FullPacketGoesThroughBothWays) {
  const std::uint16_t mtu = GetParam().full;
  Veth veth("mwfull", "mwpeer", mtu);
  PacketSocket wire("mwpeer");
  PortConfig config = veth.port(GetParam().kind);
  config.mtu = mtu;
  auto port = open_port(config);
  ASSERT_NE(port, nullptr);
  auto io = port->make_io(0);
  Packet* packet = full_packet(*io, mtu);
  ASSERT_NE(packet, nullptr);
  const auto frame = bytes_of(*packet);
  ASSERT_EQ(io->transmit({&packet, 1}), 1u);
  EXPECT_EQ(wire.receive(1), Frames{frame});
  ASSERT_TRUE(wire.send(frame));
  EXPECT_EQ(receive_frame(*io), frame);
}

INSTANTIATE_TEST_SUITE_P(Kinds, MtuOfInterface,
                         ::testing::Values(InterfaceCase{PortKind::kAfPacket, kMostMtu}, InterfaceCase{PortKind::kAfXdp, 3354}),
                         [](const auto& test) { return test.param.kind == PortKind::kAfXdp ? "AfXdp" : "AfPacket"; });

TEST(MtuOfPort, AfXdpIsBoundToAPage) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "interfaces need root";
  Veth veth("mwpage", "mwpeer", kMostMtu);
  PortConfig config = veth.port(PortKind::kAfXdp);
  config.mtu = kMostMtu;
  EXPECT_NE(opening_error(config).find("a packet buffer of kind \"af_xdp\" carries at most"), std::string::npos);
}

TEST(MtuOfPort, TapSetsItOrSaysWhatItCarries) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "interfaces need root";
  PortConfig config = port_config("tapmtu", PortKind::kTap);
  config.interface = "mwtapmtu";
  config.mtu = 1400;
  {
    auto port = open_port(config);
    ASSERT_NE(port, nullptr);
    EXPECT_EQ(interface_mtu("mwtapmtu").value_or(0), 1400u);
  }
  config.mtu = kMostMtu;
  auto port = Port::open(config, {51, 1, -1, false});
  if (port)  // a driver without the limit of DPDK 22.11, which is 1504
    EXPECT_EQ(interface_mtu("mwtapmtu").value_or(0), kMostMtu);
  else
    EXPECT_TRUE(port.error().message.starts_with("port \"tapmtu\": mtu 9216: its device (kind \"tap\") carries at most "))
        << port.error().message;
}

TEST(MtuOfPort, FullPacketGoesThroughAPair) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "EAL's runtime directory needs root";
  PortPair pair = open_pair(true, kMostMtu);
  ASSERT_NE(pair.near, nullptr);
  auto near = pair.near->make_io(0), far = pair.far->make_io(0);
  for (auto [from, to] : {std::pair{near.get(), far.get()}, std::pair{far.get(), near.get()}}) {
    Packet* packet = full_packet(*from, kMostMtu);
    ASSERT_NE(packet, nullptr);
    const auto frame = bytes_of(*packet);
    ASSERT_EQ(from->transmit({&packet, 1}), 1u);
    EXPECT_EQ(receive_frame(*to), frame);
  }
}

}  // namespace
}  // namespace mediaward::drivers
