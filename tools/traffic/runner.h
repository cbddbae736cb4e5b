// SPDX-License-Identifier: Apache-2.0
// The run itself: finds the appliance, sends one packet of each stream and waits for it (so that both sides know each other), then
// sends at the asked rate, through the bad network if there is one, with reports and hostile packets between, answers ARP and NDP all
// the while, hands what arrives to the checkers and waits at the end until everything is back or nothing comes any more.
// Over PacketIo alone, so that it runs on every port kind and, in tests, on memory. One thread: the port's. RTP is sent and received
// without allocating, unlike content; phases before and after are in runner_phases.cc.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/traffic/checker.h"
#include "tools/traffic/content_player.h"
#include "tools/traffic/endpoint_host.h"
#include "tools/traffic/hostile.h"
#include "tools/traffic/impairment.h"
#include "tools/traffic/introduction.h"
#include "tools/traffic/ledger.h"
#include "tools/traffic/outbox.h"
#include "tools/traffic/pacer.h"
#include "tools/traffic/rtcp_checker.h"
#include "tools/traffic/rtcp_sender.h"
#include "tools/traffic/sealed_pool.h"
#include "tools/traffic/visit_order.h"

namespace mediaward::tools::traffic {

struct RunSettings {
  std::uint64_t packets = 0;      // genuine ones, at most what the pool holds
  double packets_per_second = 0;  // 0: as fast as the port takes them
  std::uint32_t pace_burst = 1;   // packets that leave together at that rate
  double seconds = 0;             // 0: until all packets are sent
  std::uint32_t window = 0;       // packets not yet back, at most; 0: no limit
  double stall_seconds = 0.05;    // with a window: silence after which what is out counts as lost
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
  std::uint64_t visited = 0;                            // genuine packets that had their turn, lost ones included
  std::uint64_t lost = 0, duplicated = 0, delayed = 0;  // by the bad network, SRTP
  std::uint64_t rtcp_lost = 0, rtcp_duplicated = 0;     // and SRTCP
  std::uint64_t echoed = 0;                             // with echo only
  std::uint64_t other_frames = 0;                       // neither media nor ARP/NDP that concerns these hosts
  std::uint64_t unexpected_receiver = 0;                // to an address or UDP port that no participant has
  std::uint64_t wrong_vlan = 0;
  std::uint64_t answers = 0;           // ARP replies and neighbour advertisements
  std::uint64_t transmit_refused = 0;  // packets that the port did not take at the first attempt
  std::uint64_t pace_slips = 0;        // times that the schedule was given up
};

// What a run is made of. Everything outlives the Runner.
struct RunParts {
  const Model& model;
  const SealedPool& pool;
  const VisitOrder& order;
  const Impairment& impairment;
  Ledger& ledger;
  Checker& checker;
  RtcpLedger& rtcp_ledger;
  RtcpSender& rtcp_sender;
  RtcpChecker& rtcp_checker;
  Hostile& hostile;
  EndpointHost& host;
  Introduction& introduction;
  ContentPlayer* content = nullptr;  // content peers beside the participants, or without them
};

class Runner {
 public:
  Runner(dataplane::PacketIo& io, const RunParts& parts, const RunSettings& settings);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  [[nodiscard]] RunResult run(const std::atomic<bool>& stop);

 private:
  using Header = std::array<std::byte, kEthernetBytes + kVlanBytes>;

  // runner_phases.cc
  [[nodiscard]] bool resolve();
  [[nodiscard]] bool await_go();
  [[nodiscard]] bool introduce();
  void send_introductions();
  [[nodiscard]] bool prime();
  void await(std::uint64_t packets, std::uint64_t give_up) noexcept;
  void stream_packets();
  void play_content();
  void drain();
  void make_headers();

  void poll() noexcept;
  void on_frame(dataplane::Packet& packet, std::uint64_t now) noexcept;
  void on_udp(const UdpView& view, bool l4_known_good, std::uint64_t now) noexcept;
  void on_echo(const UdpView& view, std::uint64_t now) noexcept;
  void on_other(dataplane::Packet& packet, std::size_t l2_bytes) noexcept;
  void poll_content(std::uint64_t now) noexcept;
  [[nodiscard]] std::uint64_t clock_us(std::uint64_t now) const noexcept;
  [[nodiscard]] std::uint64_t allowed(std::uint64_t now) noexcept;
  [[nodiscard]] std::uint64_t in_flight() noexcept;
  [[nodiscard]] bool send_step(std::uint64_t now);
  void send_genuine(std::uint32_t stream, std::uint64_t round, bool twice, std::uint64_t now) noexcept;
  void send_released(std::uint32_t stream, std::uint64_t round, bool last, std::uint64_t now) noexcept;
  void send_hostile(bool before_genuine);
  [[nodiscard]] bool send_reports();
  void send_report();
  void advance() noexcept;
  [[nodiscard]] bool push_control(ConstBytes frame) noexcept;
  [[nodiscard]] bool push(ConstBytes header, ConstBytes body) noexcept;
  void flush() noexcept;

  [[nodiscard]] std::uint64_t received() const noexcept {
    return settings_.echo ? result_.echoed : parts_.checker.received_packets() + parts_.rtcp_checker.received_packets();
  }
  [[nodiscard]] std::uint64_t expected() const noexcept {
    return settings_.echo ? position_ : parts_.ledger.expected_deliveries() + parts_.rtcp_ledger.expected_deliveries();
  }
  [[nodiscard]] std::uint64_t ticks(double seconds) const noexcept { return static_cast<std::uint64_t>(seconds * ticks_per_second_); }
  [[nodiscard]] ConstBytes header_of(std::uint32_t participant) const noexcept { return {headers_[participant].data(), header_bytes_}; }

  dataplane::PacketIo& io_;
  RunParts parts_;
  RunSettings settings_;
  RunResult result_;
  Outbox outbox_;
  const std::atomic<bool>* stop_ = nullptr;
  double ticks_per_second_ = 1;
  Pacer pacer_{0, 1, 1};
  std::size_t header_bytes_ = kEthernetBytes;
  std::vector<Header> headers_, stranger_headers_;  // per participant
  std::uint64_t position_ = 0;                      // next genuine packet: round · streams + slot
  std::uint64_t round_ = 0;
  std::size_t slot_ = 0;
  std::uint64_t echo_next_ = 0;  // with echo: position of the packet that is to come back next
  std::uint64_t last_poll_ = 0, last_transmit_ = 0;
  std::uint64_t longest_step_ = 0;  // of it from one poll to the next
  std::uint64_t silence_ = 0;       // ticks of polling since something came; time in which this thread slept does not count
  std::uint64_t written_off_ = 0;   // packets that no longer count as in flight
};

}  // namespace mediaward::tools::traffic
