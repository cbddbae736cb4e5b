// SPDX-License-Identifier: Apache-2.0
// A port of any kind as a resource: device, pool, queues, offloads, link and statistics. EAL must be running.
// Also what tools use: fill a PortConfig, start Eal, Port::open, make_io per queue, start.
// Deliberately no packets here: those move through DpdkPacketIo. Main thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crypto/error.h"
#include "dataplane/abi/protocol.h"
#include "dataplane/settings.h"
#include "drivers/config.h"
#include "drivers/dpdk_packet_io.h"
#include "drivers/pools.h"
#include "drivers/steering.h"

namespace mediaward::drivers {

struct LinkState {
  bool up = false;
  std::uint32_t speed_mbps = 0;  // 0: unknown
};

struct PortStatistics {
  std::uint64_t rx_packets = 0, rx_bytes = 0, rx_missed = 0, rx_errors = 0, rx_no_buffer = 0;
  std::uint64_t tx_packets = 0, tx_bytes = 0, tx_errors = 0;
};

struct PortOpenSettings {
  std::uint16_t index = 0;        // what Packet::port gets
  std::uint16_t queues = 1;       // queue pairs
  std::int32_t numa = -1;         // of pool and rings; -1: the device's own, or any
  bool rx_interrupts = false;     // ask the PMD for receive interrupts (see Port::rx_interrupts)
  std::uint16_t workers = 1;      // that share the queues: queue q is polled by worker q % workers
};

class Port {
 public:
  // Makes the device (vdev) or finds it (pci), configures queues and offloads, makes the pool. Not started yet.
  [[nodiscard]] static Result<std::unique_ptr<Port>> open(const PortConfig& config, const PortOpenSettings& settings);
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port();  // closes and frees the pool; no worker uses it any more

  [[nodiscard]] Result<void> start();  // link may come up later
  void stop() noexcept;                // idempotent
  // Stops and gives the device up with all packets it still holds, also those of other ports' pools: close every port before the
  // first one is destroyed. Idempotent; only pool() and config() are of use afterwards.
  void close() noexcept;

  [[nodiscard]] std::unique_ptr<DpdkPacketIo> make_io(std::uint16_t queue) const;

  // A bucket of UDP ports belongs to the worker of this queue from now on. Where the port has rules for buckets, its rule follows;
  // elsewhere packets reach the worker by the hand-off ring, as before.
  void steer(std::uint32_t bucket, std::uint16_t queue);
  [[nodiscard]] Steering steering() const noexcept { return bucket_rules_ != nullptr ? Steering::kBucketRules : spread_; }

  [[nodiscard]] const PortConfig& config() const noexcept { return config_; }
  [[nodiscard]] std::uint16_t port_id() const noexcept { return port_id_; }  // ethdev's number
  [[nodiscard]] const dataplane::MacAddress& mac() const noexcept { return mac_; }
  [[nodiscard]] dataplane::PortCapabilities capabilities() const noexcept { return capabilities_; }
  [[nodiscard]] const PacketPool& pool() const noexcept { return *pool_; }
  [[nodiscard]] bool rx_interrupts() const noexcept { return rx_interrupts_; }  // granted by the PMD

  [[nodiscard]] dataplane::PortSettings settings() const;        // without guard_port, which is another port's index
  [[nodiscard]] LinkState link() const noexcept;                 // polled, does not wait
  [[nodiscard]] PortStatistics statistics() const noexcept;
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> extended_statistics() const;
  [[nodiscard]] abi::PortInfo info() const;                      // header.type is set, the rest of the header is not

 private:
  Port() = default;
  Result<void> attach();
  [[nodiscard]] Result<void> check_mtu() const;
  Result<void> configure();
  Result<void> set_up_queues();
  [[nodiscard]] Result<void> adopt_mtu() const;
  void choose_mac();
  void install_bucket_rules();
  [[nodiscard]] Error error(const std::string& what, int code) const;

  PortConfig config_;
  std::uint16_t index_ = 0;
  std::uint16_t port_id_ = 0xffff;
  std::uint16_t queues_ = 0;
  std::uint16_t workers_ = 1;
  std::int32_t numa_ = -1;
  std::string device_name_;  // of the vdev, empty for pci
  std::string driver_;
  std::string offload_text_;
  dataplane::MacAddress mac_{};
  dataplane::PortCapabilities capabilities_;
  bool rx_interrupts_ = false;
  bool started_ = false;
  bool attached_ = false;
  Steering spread_ = Steering::kSingleQueue;         // what happens without rules
  std::unique_ptr<BucketSteering> bucket_rules_;     // while started, on a device that takes them
  std::unique_ptr<PacketPool> pool_;
  struct alignas(64) ChainCount {
    std::atomic<std::uint64_t> frames{0};
  };
  std::unique_ptr<ChainCount[]> refused_chains_;     // by queue, of a guard port
};

// The vdev arguments of a port: {"net_virtio_user0", "path=...,packed_vq=1,..."}. pci: {BDF, ""}. Pure.
struct VdevArguments {
  std::string name;
  std::string arguments;
};
[[nodiscard]] VdevArguments vdev_arguments(const PortConfig& config, std::uint16_t index, std::uint16_t queues);

// The MAC of a virtual port without a configured one: locally administered, the same at every start on this host, different per
// port and per side of a socket.
[[nodiscard]] dataplane::MacAddress stable_mac(const PortConfig& config);

}  // namespace mediaward::drivers
