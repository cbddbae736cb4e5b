// SPDX-License-Identifier: Apache-2.0
// The run itself: finds the appliance, sends one packet of each stream and waits for it (so that both sides know each other), then
// sends at the asked rate with the hostile packets between, answers ARP and NDP all the while, hands what arrives to the checker and
// waits at the end until everything is back or nothing comes any more.
// Over PacketIo alone, so that it runs on every port kind and, in tests, on memory. One thread: the port's. No allocation in the loop.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/packet_io.h"
#include "tools/traffic/checker.h"
#include "tools/traffic/endpoint_host.h"
#include "tools/traffic/hostile.h"
#include "tools/traffic/sealed_pool.h"

namespace mediaward::tools::traffic {

struct RunSettings {
  std::uint64_t packets = 0;      // genuine ones, at most what the pool holds
  double packets_per_second = 0;  // 0: as fast as the port takes them
  double seconds = 0;             // 0: until all packets are sent
  std::uint32_t window = 0;       // packets not yet back, at most; 0: no limit
  double warm_up_seconds = 0;     // at the beginning, not part of the steady rates
  double wait_seconds = 10;       // for the appliance's address and for the first packets
  double drain_seconds = 1;       // silence after which the rest counts as lost
  std::uint16_t vlan = 0;
  std::uint16_t burst = 32;
  bool yield = true;                      // give the CPU away when there is nothing to do
  const std::atomic<bool>* go = nullptr;  // media waits for it, for at most wait_seconds; nullptr: begins at once
  bool echo = false;                      // the peer only swaps MACs (a reference for benchmarks): count frames, check nothing
};

struct RunResult {
  std::string problem;  // the run ended early; empty when it did not
  double send_seconds = 0;
  double steady_seconds = 0;
  std::uint64_t steady_sent = 0, steady_received = 0;
  std::uint64_t echoed = 0;        // with echo only
  std::uint64_t other_frames = 0;  // neither media nor ARP/NDP that concerns these hosts
  std::uint64_t wrong_vlan = 0;
  std::uint64_t answers = 0;           // ARP replies and neighbour advertisements
  std::uint64_t transmit_refused = 0;  // packets that the port did not take at the first attempt
};

class Runner {
 public:
  Runner(dataplane::PacketIo& io, const Model& model, const SealedPool& pool, Checker& checker, Hostile& hostile, EndpointHost& host,
         const RunSettings& settings);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  [[nodiscard]] RunResult run(const std::atomic<bool>& stop);

 private:
  using Header = std::array<std::byte, kEthernetBytes + kVlanBytes>;
  static constexpr std::size_t kBatch = 64;

  [[nodiscard]] bool resolve();
  [[nodiscard]] bool await_go();
  [[nodiscard]] bool prime();
  void stream_packets();
  void drain();
  void make_headers();

  void poll() noexcept;
  void on_frame(dataplane::Packet& packet, std::uint64_t now) noexcept;
  void on_other(dataplane::Packet& packet, std::size_t l2_bytes) noexcept;
  [[nodiscard]] std::uint64_t due(std::uint64_t now) noexcept;
  [[nodiscard]] std::uint64_t in_flight(std::uint64_t now) noexcept;
  [[nodiscard]] bool send_next(std::uint64_t now) noexcept;
  void send_hostile(bool before_genuine) noexcept;
  [[nodiscard]] bool push_control(ConstBytes frame) noexcept;
  [[nodiscard]] bool push(ConstBytes header, ConstBytes body) noexcept;
  void flush() noexcept;
  [[nodiscard]] bool room() noexcept;
  [[nodiscard]] std::uint64_t received() const noexcept { return settings_.echo ? result_.echoed : checker_.received_packets(); }
  [[nodiscard]] std::uint64_t expected() const noexcept { return settings_.echo ? position_ : checker_.expected_packets(); }
  [[nodiscard]] std::uint64_t ticks(double seconds) const noexcept { return static_cast<std::uint64_t>(seconds * ticks_per_second_); }
  [[nodiscard]] ConstBytes header_of(std::uint32_t stream) const noexcept { return {headers_[stream].data(), header_bytes_}; }

  dataplane::PacketIo& io_;
  const Model& model_;
  const SealedPool& pool_;
  Checker& checker_;
  Hostile& hostile_;
  EndpointHost& host_;
  RunSettings settings_;
  RunResult result_;
  const std::atomic<bool>* stop_ = nullptr;
  double ticks_per_second_ = 1;
  std::size_t header_bytes_ = kEthernetBytes;
  std::vector<Header> headers_, stranger_headers_;  // per stream
  std::uint64_t position_ = 0;                      // next genuine packet
  std::uint32_t stream_ = 0;                        // position_ % streams
  std::uint64_t pace_start_ = 0, pace_position_ = 0;
  std::uint64_t last_receive_ = 0, last_transmit_ = 0;
  std::uint64_t written_off_ = 0;  // packets that no longer count as in flight
  std::array<dataplane::Packet*, kBatch> stash_{}, batch_{};
  std::size_t stashed_ = 0, batched_ = 0;
};

}  // namespace mediaward::tools::traffic
