// SPDX-License-Identifier: Apache-2.0
// What makes the participants hosts on a segment: answers ARP (RFC 826) and neighbour solicitations (RFC 4861) for each of their
// addresses with that host's MAC, and finds the appliance's MAC the same way. No ping, no cache expiry: a run is short.
// Frames here carry no VLAN tag; who sends adds it. The thread of the port.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "crypto/bytes.h"
#include "tools/traffic/frame.h"
#include "tools/traffic/participant.h"

namespace mediaward::tools::traffic {

class EndpointHost {
 public:
  static constexpr std::size_t kMaxFrameBytes = 96;

  // Who has an address here: a participant, or a content peer.
  struct Entry {
    Address local, remote;  // the appliance's, and its own
    Mac mac{};
  };
  // gateway_*: next hop instead of the appliance's own address, per family.
  EndpointHost(std::vector<Entry> entries, const std::optional<Address>& gateway_v4, const std::optional<Address>& gateway_v6);
  EndpointHost(const Model& model, const std::optional<Address>& gateway_v4, const std::optional<Address>& gateway_v6);

  // Learns from a frame that is not UDP and writes the answer it calls for. Returns the answer's length, 0 for none.
  [[nodiscard]] std::size_t handle(ConstBytes frame, Bytes answer) noexcept;

  // Every host asks, also where several ask for one next hop: this is how the appliance comes to know them all.
  [[nodiscard]] std::uint32_t hosts() const noexcept { return static_cast<std::uint32_t>(askers_.size()); }
  // The ARP request or neighbour solicitation by which this host asks for its next hop. Returns its length.
  [[nodiscard]] std::size_t make_request(std::uint32_t host, Bytes out) const noexcept;

  [[nodiscard]] bool resolved(std::uint32_t participant) const noexcept { return hop(participant).known; }
  [[nodiscard]] bool all_resolved() const noexcept;
  [[nodiscard]] const Mac& next_hop_mac(std::uint32_t participant) const noexcept { return hop(participant).mac; }
  [[nodiscard]] const Address& next_hop(std::uint32_t participant) const noexcept { return hop(participant).address; }

 private:
  struct NextHop {
    Address address;
    Mac mac{};
    bool known = false;
  };
  [[nodiscard]] std::size_t handle_arp(ConstBytes frame, Bytes answer) noexcept;
  [[nodiscard]] std::size_t handle_icmp6(ConstBytes frame, Bytes answer) noexcept;
  [[nodiscard]] const NextHop& hop(std::uint32_t participant) const noexcept { return next_hops_[hop_of_participant_[participant]]; }
  void learn(const Address& address, const std::byte* mac) noexcept;
  [[nodiscard]] const Entry* owner(const Address& address) const noexcept;

  std::vector<Entry> entries_;
  std::vector<NextHop> next_hops_;
  std::map<Address, std::uint32_t> hop_of_address_;
  std::vector<std::uint32_t> hop_of_participant_;
  std::vector<std::uint32_t> askers_;               // a participant of each host
  std::map<Address, std::uint32_t> participant_of_;  // who answers for an address
};

}  // namespace mediaward::tools::traffic
