// SPDX-License-Identifier: Apache-2.0
// Which MTU a port takes: the decision, ethdev's arithmetic, and the size of buffers.
#include "drivers/port_mtu.h"

#include <gtest/gtest.h>

#include "drivers/pool_size.h"

namespace mediaward::drivers {
namespace {

PortConfig port(PortKind kind, std::uint16_t mtu) {
  PortConfig out;
  out.name = "m0";
  out.kind = kind;
  out.interface = "mw0";
  out.mtu = mtu;
  return out;
}

std::string refusal(const PortConfig& config, const MtuLimits& limits) {
  auto done = check_mtu(config, limits);
  if (done) return "";
  EXPECT_EQ(done.error().code, ErrorCode::kUnsupported);
  return done.error().message;
}

TEST(PortMtu, FitsUpToEveryLimit) {
  EXPECT_EQ(refusal(port(PortKind::kPci, 1500), {1500, 1500, 1500}), "");
  EXPECT_EQ(refusal(port(PortKind::kPci, 1500), {}), "");
}

TEST(PortMtu, RefusalNamesPortMtuLimitAndWhatToDo) {
  EXPECT_EQ(refusal(port(PortKind::kPci, 9000), {.driver = 1500, .interface = {}, .buffers = 9050}),
            "port \"m0\": mtu 9000: its device (kind \"pci\") carries at most 1500 bytes of IP packet; nearest valid: mtu = 1500");
  EXPECT_EQ(refusal(port(PortKind::kAfPacket, 1500), {.driver = {}, .interface = 1280, .buffers = 2010}),
            "port \"m0\": mtu 1500: interface mw0 carries at most 1280 bytes of IP packet; nearest valid: mtu = 1280, or raise the "
            "interface's: ip link set dev mw0 mtu 1500");
  EXPECT_EQ(
      refusal(port(PortKind::kVhostUser, 9000), {.driver = {}, .interface = {}, .buffers = 2010}),
      "port \"m0\": mtu 9000: a packet buffer of kind \"vhost-user\" carries at most 2010 bytes of IP packet; nearest valid: mtu = 2010");
}

TEST(PortMtu, AGuardMustTakeWhatItsInterfaceTakes) {
  PortConfig guard = port(PortKind::kAfPacket, 1500);
  guard.guard = "m1";
  EXPECT_EQ(refusal(guard, {.driver = {}, .interface = 1500, .buffers = 2010}), "");
  EXPECT_EQ(refusal(guard, {.driver = {}, .interface = 9000, .buffers = 2010}),
            "port \"m0\": mtu 1500: a guard port must take every frame that interface mw0 takes; nearest valid: mtu = 9000, or lower the "
            "interface's: ip link set dev mw0 mtu 1500");
  EXPECT_EQ(refusal(port(PortKind::kAfPacket, 1500), {.driver = {}, .interface = 9000, .buffers = 2010}), "");
}

TEST(PortMtu, SmallestLimitIsTheOneToKeep) {
  EXPECT_NE(refusal(port(PortKind::kAfXdp, 9000), {3000, 2000, 4000}).find("nearest valid: mtu = 2000"), std::string::npos);
  EXPECT_NE(refusal(port(PortKind::kAfXdp, 9000), {2000, 3000, 4000}).find("nearest valid: mtu = 2000"), std::string::npos);
  EXPECT_NE(refusal(port(PortKind::kAfXdp, 9000), {4000, 3000, 2000}).find("nearest valid: mtu = 2000"), std::string::npos);
}

TEST(DriverMtu, AsEthdevCounts) {
  EXPECT_EQ(driver_mtu(9000, 9018), 9000u);
  EXPECT_EQ(driver_mtu(9000, 9022), 9000u) << "the driver's own overhead, with a tag";
  EXPECT_EQ(driver_mtu(0xffff, 1522), 1504u) << "a frame length only";
  EXPECT_EQ(driver_mtu(0xffff, 0xffffffff), 0xffffu);
  EXPECT_EQ(driver_mtu(9000, 1518), 1500u);
  EXPECT_EQ(driver_mtu(0xffff, 0), 0u);
}

TEST(BufferMtu, EveryKindHoldsWhatMayBeConfigured) {
  for (std::size_t kind = 0; kind < kPortKindCount; ++kind) {
    for (const std::uint16_t mtu : {kLeastMtu, std::uint16_t{1500}, std::uint16_t{2010}, std::uint16_t{2011}, kMostMtu}) {
      const PortConfig config = port(static_cast<PortKind>(kind), mtu);
      if (config.kind == PortKind::kAfXdp && mtu == kMostMtu) continue;  // below
      EXPECT_GE(mtu_of_room(config.kind, data_room_bytes(config)), mtu) << to_string(config.kind);
    }
  }
}

TEST(BufferMtu, OrdinaryFramesLieInOrdinaryBuffers) {
  for (std::size_t kind = 0; kind < kPortKindCount; ++kind)
    EXPECT_EQ(data_room_bytes(port(static_cast<PortKind>(kind), 1500)), 2048u + kHeadroomBytes);
}

// Its driver refuses buffers that are smaller than the data part of a frame of its ring: the frame without 32 bytes.
TEST(BufferMtu, AfPacketHasRoomForAFrameOfItsRing) {
  for (const std::uint16_t mtu : {std::uint16_t{1500}, std::uint16_t{1899}, std::uint16_t{4000}, kMostMtu})
    EXPECT_GE(data_room_bytes(port(PortKind::kAfPacket, mtu)) - kHeadroomBytes, af_packet_frame_bytes(mtu) - 32);
}

TEST(BufferMtu, AfXdpIsBoundToAPage) {
  const std::uint16_t room = data_room_bytes(port(PortKind::kAfXdp, kMostMtu));
  EXPECT_LE(room + 64 + 128 + 64, 4096);
  EXPECT_LT(mtu_of_room(PortKind::kAfXdp, room), kMostMtu);
  EXPECT_GT(mtu_of_room(PortKind::kAfXdp, room), 3000u);
}

// What only a tool can ask for: an mbuf has 16 bits for its size.
TEST(BufferMtu, LimitOfMbufs) {
  const PortConfig config = port(PortKind::kVhostUser, 65500);
  EXPECT_LT(mtu_of_room(config.kind, data_room_bytes(config)), config.mtu);
}

TEST(InterfaceMtu, UnknownInterfaceIsAnError) {
  auto mtu = interface_mtu("mw-no-such-if");
  ASSERT_FALSE(mtu);
  EXPECT_NE(mtu.error().message.find("mw-no-such-if"), std::string::npos);
  EXPECT_TRUE(interface_mtu("lo"));
}

}  // namespace
}  // namespace mediaward::drivers
