// SPDX-License-Identifier: Apache-2.0
// Real ports for tests of packets, all in one process: one EAL, a network namespace of the process's own, and a pair of ports over a
// vhost-user socket in a temporary directory. Nothing outside the process sees any of it. Needs root, no hugepages.
// Main thread.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "drivers/eal.h"
#include "drivers/ports.h"

namespace mediaward::drivers::test {

using dataplane::Packet;

inline constexpr std::size_t kHeaderBytes = 14 + 20 + 8;  // Ethernet, IPv4, UDP

// Once per process: EAL cannot be started twice. worker_cpus: lcores beside the main thread's.
class PortEnvironment final : public ::testing::Environment {
 public:
  void SetUp() override;
  void TearDown() override;
  [[nodiscard]] static Eal& eal();
  [[nodiscard]] static const std::string& folder();
  [[nodiscard]] static bool available();  // false: not root
};

[[nodiscard]] PortConfig port_config(std::string name, PortKind kind);
// Opened and started, or a failure of the test.
[[nodiscard]] std::unique_ptr<Port> open_port(const PortConfig& config);

// The two ends of a socket, both with their link up; near is null after a failure. The guest goes first at the end, as it should.
// guard: which of them is a guard port, "far" or "near"; empty: neither.
struct PortPair {
  std::unique_ptr<Port> far, near;  // vhost-user, virtio-user
};
[[nodiscard]] PortPair open_pair(bool guest_offloads = true, std::uint16_t mtu = 1500, std::string_view guard = {});

// A pair of connected kernel interfaces, gone at the end.
class Veth {
 public:
  Veth(std::string name, std::string peer, std::uint16_t mtu = 1500);
  Veth(const Veth&) = delete;
  Veth& operator=(const Veth&) = delete;
  ~Veth();
  [[nodiscard]] PortConfig port(PortKind kind) const;  // on the first

 private:
  std::string name_;
};

using Frames = std::vector<std::vector<std::byte>>;

// A packet socket on an interface: what the kernel says was on the wire.
class PacketSocket {
 public:
  explicit PacketSocket(const std::string& interface);
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;
  ~PacketSocket();
  [[nodiscard]] bool send(std::span<const std::byte> frame) const;
  // IPv4 frames until `count` are there or nothing more comes.
  [[nodiscard]] Frames receive(std::size_t count);

 private:
  int fd_;
};

// The bytes of a packet and of all that follow it.
[[nodiscard]] std::vector<std::byte> bytes_of(const Packet& head);
// Headers of a frame whose UDP payload will have payload_bytes; `number` is its source port. With `checksum` the port is asked for the
// UDP checksum, and the field holds the pseudo-header sum.
void write_headers(Packet& packet, std::uint16_t number, std::size_t payload_bytes, bool checksum = false);
// Whether the UDP checksum of an Ethernet/IPv4/UDP frame is present and right, summed up here.
[[nodiscard]] bool udp_checksum_good(const std::vector<std::byte>& frame);

}  // namespace mediaward::drivers::test
