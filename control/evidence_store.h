// SPDX-License-Identifier: Apache-2.0
// Evidence against peers and verdicts about them, kept until the application server acknowledges them. Bounded: when there is too much, the
// oldest of the peer that has the most goes first, so that one noisy peer cannot push out what is known of the others; what went is
// counted. A peer is its address, in IPv6 its /64, because ports and interface identifiers cost nothing. In memory only: a restart forgets.
// Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "dataplane/abi/peer.h"

namespace mediaward::control {

// Values are those of EvidenceKind in peer.proto; the first three are abi::EvidenceKind.
enum class EvidenceType : std::uint8_t { kBadChunk = 1, kBadHash, kBadSignature, kVerdict };

struct Evidence {
  std::uint64_t sequence = 0;  // set by add
  std::uint64_t time_unix_ns = 0;
  EvidenceType type = EvidenceType::kBadChunk;
  std::string swarm_id{};
  bool has_peer = true;
  abi::Family family = abi::Family::kIpv4;
  abi::Endpoint peer{}, local{};
  bool from_guard = false;
  std::uint32_t channel = 0, chunk_bytes = 0, worker = 0;
  std::uint64_t chunk = 0, node_index = 0;
  std::uint8_t node_level = 0;
  std::vector<std::uint8_t> digest{};
  std::uint8_t verdict = 0, action = 0;  // of a verdict: abi::ConductVerdict, abi::ConductAction
  std::string text{};
};

struct EvidenceFilter {
  std::string swarm_id{};  // empty: all
  bool has_address = false;
  abi::Family family = abi::Family::kIpv4;
  std::array<std::uint8_t, 16> address{};
};

class EvidenceStore {
 public:
  explicit EvidenceStore(std::size_t most) : most_(most) {}

  std::uint64_t add(Evidence evidence);            // its sequence number
  std::uint64_t acknowledge(std::uint64_t up_to);  // how many were forgotten

  struct Page {
    std::vector<Evidence> evidence;
    std::uint64_t next = 0;  // sequence number to go on from, 0: that was all
  };
  [[nodiscard]] Page page(const EvidenceFilter& filter, std::uint64_t from, std::size_t most) const;

  struct Counts {
    std::uint64_t kept = 0, lost = 0, last = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  struct Peer {
    abi::Family family;
    std::array<std::uint8_t, 16> address;
    auto operator<=>(const Peer&) const = default;
  };
  using Rank = std::tuple<std::size_t, std::uint64_t, Peer>;  // how many, ~oldest: the last is the first to lose one
  [[nodiscard]] static Peer peer_of(const Evidence& evidence);
  [[nodiscard]] static Rank rank_of(const Peer& peer, const std::deque<std::uint64_t>& sequences);
  void forget_oldest_of(Peer peer);  // lock held; by value: it may be a place in ranks_

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Evidence> evidence_;         // by sequence number
  std::map<Peer, std::deque<std::uint64_t>> of_peer_;  // oldest first, never empty
  std::set<Rank> ranks_;                               // one for each of these
  std::uint64_t last_ = 0, lost_ = 0;
};

}  // namespace mediaward::control
