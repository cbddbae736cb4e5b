// SPDX-License-Identifier: Apache-2.0
// Tags on a real wire: a packet socket sends, kernel and driver do with the tag what they do (leave it, or take it off and say so beside the
// frame), and what the classifier makes of it must be the same.
#include <unistd.h>

#include "dataplane/classify.h"
#include "packet_ports.h"

namespace mediaward::drivers {
namespace {

using namespace test;
using dataplane::Lane;

struct Tag {
  std::uint16_t type, tci;
};
using Tags = std::vector<Tag>;

// A datagram to us, with tags. `number` is its source port.
std::vector<std::byte> tagged_frame(const Tags& tags, std::uint16_t number) {
  alignas(64) std::array<std::byte, 256> buffer{};
  Packet packet;
  packet.data = buffer.data();
  write_headers(packet, number, 32);
  std::vector<std::byte> frame(buffer.begin(), buffer.begin() + kHeaderBytes + 32);
  auto at = frame.begin() + 12;
  for (const Tag& tag : tags) {
    std::byte bytes[4];
    store_be16(bytes, tag.type);
    store_be16(bytes + 2, tag.tci);
    at = frame.insert(at, bytes, bytes + 4) + 4;
  }
  return frame;
}

// A port as the packet path sees it, and who write_headers writes to.
class Eyes {
 public:
  explicit Eyes(std::uint16_t vlan) : settings_(make(vlan)) {}
  [[nodiscard]] bool takes(Packet& packet) const {
    dataplane::Datagram datagram;
    const auto seen = classifier_.classify(packet, datagram);
    if (seen.lane == Lane::kMedia) return true;
    EXPECT_TRUE(seen.reason == dataplane::DropReason::kVlanMismatch || seen.reason == dataplane::DropReason::kEthUnknownType);
    return false;
  }

 private:
  static constexpr std::uint64_t kHz = 1'000'000;
  static dataplane::PortSettings make(std::uint16_t vlan) {
    dataplane::PortSettings port;
    port.name = "media0";
    port.mac = {std::byte{2}, {}, {}, {}, {}, std::byte{2}};
    port.vlan = vlan;
    port.addresses.push_back(*dataplane::IpPrefix::parse("192.0.2.2/24"));
    return port;
  }
  dataplane::PortSettings settings_;
  dataplane::NeighbourBudget budget_{8};
  dataplane::NeighbourTable table_{settings_, 0, budget_, kHz};
  dataplane::TokenBucket bucket_{kHz, 1'000'000, 1'000'000};
  dataplane::Host host_{settings_, table_, bucket_};
  dataplane::Classifier classifier_{settings_, host_};
};

// Waits for the datagram with this source port, which says whether it was taken; nothing when it does not come.
std::optional<bool> judge(DpdkPacketIo& io, const Eyes& eyes, std::uint16_t number) {
  for (int tries = 0; tries < 10'000; ++tries) {
    std::array<Packet*, 1> burst{};
    if (io.receive(burst) == 0) {
      usleep(100);
      continue;
    }
    const auto bytes = bytes_of(*burst[0]);
    const std::size_t l2 = bytes.size() - (kHeaderBytes - 14 + 32);  // whatever tags are left
    const bool ours = bytes.size() >= kHeaderBytes + 32 && l2 <= 26 && load_be16(bytes.data() + l2 + 20) == number;
    const bool taken = ours && eyes.takes(*burst[0]);
    io.release(burst);
    if (ours) return taken;
  }
  return std::nullopt;
}

class VlanOnTheWire : public ::testing::TestWithParam<PortKind> {};

TEST_P(VlanOnTheWire, Ieee8021Q_TagsDecideAsTheyDoInAFrame) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "interfaces need root";
  struct Row {
    const char* what;
    Tags tags;
    bool untagged_port, port_100;
  };
  const std::vector<Row> rows{{"no tag", {}, true, false},
                              {"priority tag", {{0x8100, 0xe000}}, true, false},
                              {"VLAN 100", {{0x8100, 100}}, false, true},
                              {"VLAN 100, priority 5", {{0x8100, 0xa064}}, false, true},
                              {"VLAN 200", {{0x8100, 200}}, false, false},
                              {"QinQ: 100 around 5", {{0x8100, 100}, {0x8100, 5}}, false, false},
                              {"QinQ: priority tag around 100", {{0x8100, 0}, {0x8100, 100}}, false, false},
                              {"IEEE 802.1ad: 100 around 5", {{0x88a8, 100}, {0x8100, 5}}, false, false}};
  Veth veth("mwvlan", "mwpeer");
  PacketSocket wire("mwpeer");
  auto port = open_port(veth.port(GetParam()));
  ASSERT_NE(port, nullptr);
  auto io = port->make_io(0);
  const Eyes untagged(0), in_100(100);
  std::uint16_t number = 1000;
  for (const Row& row : rows) {
    for (const auto& [eyes, expected] : {std::pair{&untagged, row.untagged_port}, std::pair{&in_100, row.port_100}}) {
      ASSERT_TRUE(wire.send(tagged_frame(row.tags, ++number))) << row.what;
      const auto taken = judge(*io, *eyes, number);
      ASSERT_TRUE(taken.has_value()) << row.what << " did not arrive";
      EXPECT_EQ(*taken, expected) << row.what << (eyes == &in_100 ? " at a port in VLAN 100" : " at an untagged port");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, VlanOnTheWire, ::testing::Values(PortKind::kAfPacket, PortKind::kAfXdp),
                         [](const auto& test) { return test.param == PortKind::kAfXdp ? "AfXdp" : "AfPacket"; });

}  // namespace
}  // namespace mediaward::drivers
