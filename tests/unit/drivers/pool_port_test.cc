// SPDX-License-Identifier: Apache-2.0
// Every buffer of a port's pool must be good for its device: all that the rings do not hold are sent, one after the other, and arrive.
// A device that knows only part of the pool's memory (af_xdp and gaps between elements) fails here.
#include "packet_ports.h"

namespace mediaward::drivers {
namespace {

using namespace test;

constexpr std::size_t kBurst = 16;

// A burst is received before the next one is sent: no ring overflows.
bool send_burst(DpdkPacketIo& io, PacketSocket& wire, std::span<Packet* const> packets, std::size_t first) {
  Frames expected;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    write_headers(*packets[i], static_cast<std::uint16_t>(first + i), 32);
    std::memset(packets[i]->data + packets[i]->bytes, static_cast<int>(i + 1), 32);
    packets[i]->bytes += 32;
    expected.push_back(bytes_of(*packets[i]));
  }
  return io.transmit(packets) == packets.size() && wire.receive(packets.size()) == expected;
}

class PoolOfPort : public ::testing::TestWithParam<PortKind> {};

TEST_P(PoolOfPort, EveryBufferCanBeSent) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "interfaces need root";
  Veth veth("mwpool", "mwpeer");
  PacketSocket wire("mwpeer");
  auto port = open_port(veth.port(GetParam()));
  ASSERT_NE(port, nullptr);
  auto io = port->make_io(0);
  std::vector<Packet*> packets;
  for (std::array<Packet*, kBurst> burst{}; io->allocate(burst);) packets.insert(packets.end(), burst.begin(), burst.end());
  ASSERT_GT(packets.size(), port->pool().capacity() / 4);
  for (std::size_t first = 0; first < packets.size(); first += kBurst)
    ASSERT_TRUE(send_burst(*io, wire, std::span<Packet* const>(packets).subspan(first, kBurst), first))
        << first << " of " << packets.size();
}

INSTANTIATE_TEST_SUITE_P(Kinds, PoolOfPort, ::testing::Values(PortKind::kAfPacket, PortKind::kAfXdp),
                         [](const auto& test) { return test.param == PortKind::kAfXdp ? "AfXdp" : "AfPacket"; });

}  // namespace
}  // namespace mediaward::drivers
