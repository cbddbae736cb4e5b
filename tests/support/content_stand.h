// SPDX-License-Identifier: Apache-2.0
// An appliance as network peer with peers of the tools around it, over a wire in memory that can lose, double and delay. Time is the
// test's; what the appliance's main program would do (contacts, judgement) is done here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/dataplane_fixture.h"
#include "tools/ppspp/peer.h"

namespace mediaward::test {

struct WireFaults {
  double loss = 0, duplicate = 0, delay = 0;  // of each datagram, either way; delayed ones come up to 5 ms late
};

class ContentStand {
 public:
  static constexpr std::uint16_t kPort = 6778;  // RFC 7574's example
  static constexpr std::uint64_t kSwarm = 0x5000;

  explicit ContentStand(Dataplane::Options options = defaults(), std::uint32_t seed = 1);
  [[nodiscard]] static Dataplane::Options defaults();

  // A peer at 192.0.2.<10 + number>, or 2001:db8::<10 + number>.
  tools::ppspp::PpsppPeer& add_peer(unsigned number, tools::ppspp::PeerSettings settings, bool v6 = false);
  [[nodiscard]] tools::ppspp::Endpoint appliance(bool v6 = false) const;
  [[nodiscard]] static tools::ppspp::Endpoint endpoint_of(unsigned number, bool v6 = false);

  // Objects of the controller.
  [[nodiscard]] static abi::Swarm swarm_of(const tools::ppspp::Metadata& metadata, std::uint64_t id = kSwarm);
  [[nodiscard]] static abi::Admission admission_of(unsigned number, std::uint32_t flags, std::uint64_t swarm = kSwarm, bool v6 = false);

  // All of a swarm in one transaction. adjust: what differs from swarm_of.
  struct Guest {
    unsigned number = 0;
    std::uint32_t flags = 0;
    bool v6 = false;
  };
  using Adjust = std::function<void(abi::Swarm&)>;
  [[nodiscard]] bool open(const tools::ppspp::Metadata& metadata, const std::vector<Guest>& guests, std::uint64_t swarm = kSwarm,
                          const Adjust& adjust = {});
  // CLOCK_REALTIME so much from now, for what expires.
  [[nodiscard]] static std::uint64_t realtime_ns(double seconds_from_now);

  // Nothing reaches this peer or comes from it any more; it stands still.
  void take_away(unsigned number) { seat_of(number).away = true; }
  // A datagram of nobody's making, and those that went to nobody.
  void inject(const tools::ppspp::Datagram& datagram) { to_appliance(datagram); }
  std::vector<tools::ppspp::Datagram> strays;

  // What the appliance says about a peer; a peer that never made contact has nothing.
  [[nodiscard]] abi::PeerInfo info_of(unsigned number, std::uint64_t swarm = kSwarm);
  [[nodiscard]] abi::SwarmInfo swarm_info(std::uint64_t swarm = kSwarm);
  // Verdicts (or ends of them) that were told of a peer; 0: of any.
  [[nodiscard]] unsigned verdicts(abi::ConductVerdict verdict, unsigned number) const;
  [[nodiscard]] unsigned told(abi::EventKind kind, unsigned number = 0) const;
  [[nodiscard]] std::size_t channels();  // of all workers
  // What holds whatever happened: no packet lost, and every request of every peer ended once.
  [[nodiscard]] std::string unsound();

  // Runs everything for so long, or until `done` is true; returns whether it was (true without one).
  bool run_ms(std::uint64_t ms, const std::function<bool()>& done = {});

  Dataplane dp;
  WireFaults faults;
  std::vector<abi::EventMessage> events;  // of conduct
  std::vector<dataplane::ppspp::Evidence> evidence;

 private:
  struct Seat {
    unsigned number;
    bool away;
    std::string address;
    std::unique_ptr<tools::ppspp::PpsppPeer> peer;
  };
  struct Late {
    std::uint64_t due;
    Frame frame;
  };
  void to_appliance(const tools::ppspp::Datagram& datagram);
  void from_appliance(const Frame& frame);
  void deliver(const Frame& frame);
  void main_thread();
  [[nodiscard]] Seat& seat_of(unsigned number);
  [[nodiscard]] bool happens(double p) { return p > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  template <typename F>
  void impair(const Frame& frame, std::vector<Late>& late, F&& forward);

  std::vector<Seat> seats_;
  std::vector<Late> inward_, outward_;
  std::size_t moved_ = 0;  // datagrams, in this step
  std::mt19937 random_;
};

}  // namespace mediaward::test
