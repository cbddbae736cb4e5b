// SPDX-License-Identifier: Apache-2.0
// What drivers tell the data plane about the ports and workers they made. Values only; fixed for the life of the process.
// Main thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/suite.h"
#include "dataplane/ip_address.h"
#include "dataplane/packet_io.h"

namespace mediaward::dataplane {

using MacAddress = std::array<std::byte, 6>;

struct PortSettings {
  std::string name;                    // of the configuration; at most 31 characters
  MacAddress mac{};
  std::uint16_t vlan = 0;              // 0: untagged; otherwise every frame carries this tag
  std::uint16_t mtu = 1500;            // bytes of IP packet
  std::vector<IpPrefix> addresses;     // both families, at most 16
  std::optional<IpAddress> gateway_v4, gateway_v6;
  std::uint16_t media_port_first = 20000, media_port_last = 39999;  // UDP ports that legs may use
  std::uint16_t ppspp_port = 0;        // UDP port of the network peer on each of the addresses, outside the media ports; 0: none
  int guard_port = -1;                 // index of the other side of a bump in the wire; -1: an ordinary port. Both name each other
  PortCapabilities capabilities;
};

enum class IdlePolicy : std::uint8_t { kSpin, kYield, kSleep, kInterrupt };

struct QueueSettings {
  std::uint16_t port = 0;              // index into CoreSettings::ports
  std::uint16_t queue = 0;
  std::unique_ptr<PacketIo> io;
};

struct WorkerSettings {
  std::vector<QueueSettings> queues;   // at least one per port that this worker sends to: every worker has a queue on every port
  std::uint16_t burst = 32;            // packets per receive call, at most 64
};

struct CoreLimits {
  std::uint32_t legs = 4096;
  std::uint32_t slots = 65536;         // of the state region: one per receive stream and one per (stream, receiver)
  std::uint32_t neighbours = 1024;     // next hops, all ports
  std::uint32_t jobs_per_worker = 4096;
  std::uint32_t handoff_ring = 1024;   // packets, per pair of workers
};

// Of the network peer; all of it is taken at start, and nothing when no port has a part in it.
struct PeerLimits {
  std::uint64_t cache_bytes = std::uint64_t{64} << 20;  // of chunks, shared out evenly to the workers
  std::uint32_t swarms = 10'000;
  std::uint32_t admissions = 100'000;
  std::uint32_t peers = 4096;          // that made contact, all swarms
  std::uint32_t channels = 1024;       // per worker
  std::uint32_t guard_flows = 4096;    // PPSPP channels seen in passing, per worker
};

[[nodiscard]] constexpr std::uint32_t suite_bit(crypto::Suite suite) noexcept { return 1u << static_cast<unsigned>(suite); }
// Every suite that encrypts. The others have to be asked for.
inline constexpr std::uint32_t kEncryptingSuites = [] {
  std::uint32_t bits = 0;
  for (const auto& suite : crypto::kSuites)
    if (suite.transform != crypto::Transform::kNullHmacSha1) bits |= suite_bit(suite.id);
  return bits;
}();

struct CoreSettings {
  std::vector<PortSettings> ports;
  std::vector<WorkerSettings> workers;
  CoreLimits limits;
  PeerLimits peer_limits;
  std::uint32_t allowed_suites = kEncryptingSuites;  // suite_bit of each
  bool huge_pages = false;             // take keys, tables, cache and trees from hugetlbfs while it has pages
  std::string release;
  // Asked to make the ports deliver a bucket's packets (BucketMover) to this worker's queues; empty: they are handed over in software.
  std::function<void(std::uint32_t bucket, std::uint32_t worker)> steer = {};
  std::uint64_t tsc_hz = 0;            // of the clock given to Worker::run_once; 0: the time stamp counter, measured at start
  std::function<std::uint64_t()> clock = {};  // that clock; empty: the time stamp counter
};

// Whether a port has a part in content distribution.
[[nodiscard]] inline bool has_network_peer(const CoreSettings& settings) noexcept {
  for (const auto& port : settings.ports)
    if (port.ppspp_port != 0 || port.guard_port >= 0) return true;
  return false;
}

}  // namespace mediaward::dataplane
