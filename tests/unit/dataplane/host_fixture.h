// SPDX-License-Identifier: Apache-2.0
// What tests of the host side share: frames from hex in buffers of exactly their size (so that AddressSanitizer sees every byte too
// far), a PacketIo over the heap that counts, and a port with one address per family. Test threads only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/host.h"
#include "dataplane/neighbour.h"
#include "dataplane/packet_io.h"
#include "dataplane/settings.h"

namespace mediaward::dataplane::testing {

inline std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> out(hex.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::byte>(std::stoi(std::string(hex.substr(2 * i, 2)), nullptr, 16));
  }
  return out;
}

inline std::string to_hex(ConstBytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte b : bytes) {
    out += kDigits[std::to_integer<unsigned>(b) >> 4];
    out += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return out;
}

// A received frame. room_bytes = 0: the buffer ends with the frame.
class Frame {
 public:
  explicit Frame(ConstBytes bytes, std::size_t room_bytes = 0, std::uint16_t l2_bytes = 14) {
    const std::size_t room = std::max(room_bytes, bytes.size());
    buffer_ = std::make_unique<std::byte[]>(room);
    std::copy(bytes.begin(), bytes.end(), buffer_.get());
    packet.data = buffer_.get();
    packet.bytes = static_cast<std::uint32_t>(bytes.size());
    packet.room = static_cast<std::uint32_t>(room);
    packet.l2_bytes = l2_bytes;
  }
  [[nodiscard]] std::string hex() { return to_hex(packet.span()); }

  Packet packet;

 private:
  std::unique_ptr<std::byte[]> buffer_;
};

class HeapIo final : public PacketIo {
 public:
  std::size_t receive(std::span<Packet*>) noexcept override { return 0; }
  std::size_t transmit(std::span<Packet* const> packets) noexcept override { return packets.size(); }
  bool allocate(std::span<Packet*> out) noexcept override {
    if (available < out.size()) return false;
    available -= out.size();
    for (Packet*& p : out) {
      frames_.push_back(std::make_unique<Frame>(ConstBytes{}, 128, std::uint16_t{77}));  // what a recycled buffer may say
      p = &frames_.back()->packet;
      p->l3_bytes = 99;
    }
    return true;
  }
  void share(Packet&, std::uint32_t) noexcept override { std::abort(); }  // host functions share nothing
  void release(std::span<Packet* const> packets) noexcept override { released += packets.size(); }
  [[nodiscard]] PortCapabilities capabilities() const noexcept override { return {}; }

  std::size_t available = 1u << 20;
  std::size_t released = 0;

 private:
  std::vector<std::unique_ptr<Frame>> frames_;
};

inline MacAddress mac(unsigned last) {
  return {std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}, static_cast<std::byte>(last >> 8), static_cast<std::byte>(last)};
}

inline PortSettings make_port(std::uint16_t vlan = 0, bool tx_vlan_insert = false) {
  PortSettings port;
  port.name = "media0";
  port.mac = mac(1);
  port.vlan = vlan;
  port.capabilities.tx_vlan_insert = tx_vlan_insert;
  port.addresses = {*IpPrefix::parse("192.0.2.1/24"), *IpPrefix::parse("2001:db8::1/64")};
  port.gateway_v4 = IpAddress::parse("192.0.2.254");
  port.gateway_v6 = IpAddress::parse("fe80::ffff");
  return port;
}

inline constexpr std::uint64_t kHz = 1'000'000;  // the fake clock: microseconds
inline constexpr std::uint64_t kStart = 10 * kHz;

inline IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}

struct HostTest : ::testing::Test {
  explicit HostTest(const PortSettings& settings = make_port()) : port(settings) {}

  NextHop& add_hop(std::string_view text) {
    auto hop = table.acquire(address(text));
    EXPECT_TRUE(hop) << (hop ? "" : hop.error().message);
    return **hop;
  }

  PortSettings port;
  NeighbourBudget budget{1024};
  NeighbourTable table{port, 3, budget, kHz};
  TokenBucket bucket{kHz};
  Host host{port, table, bucket};
  HeapIo io;
};

}  // namespace mediaward::dataplane::testing
