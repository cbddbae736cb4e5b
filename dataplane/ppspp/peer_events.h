// SPDX-License-Identifier: Apache-2.0
// What the network peer on a worker tells the main thread beside counters: proof against a peer, as raw values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/hash.h"
#include "crypto/merkle_verifier.h"
#include "dataplane/abi/peer.h"
#include "dataplane/drop_reason.h"
#include "dataplane/ip_address.h"
#include "dataplane/packet.h"

namespace mediaward::dataplane::ppspp {

struct Evidence {
  abi::EvidenceKind kind = abi::EvidenceKind::kBadChunk;
  Family family = Family::kIpv4;
  std::uint8_t node_level = 0;
  bool from_guard = false;
  std::uint32_t channel = 0;                 // destination channel of the datagram
  std::uint64_t swarm_id = 0;
  std::uint64_t node_index = 0;
  std::uint64_t chunk = 0;
  std::uint32_t bytes = 0;
  std::uint16_t peer_port = 0, local_port = 0;
  std::array<std::byte, 16> peer{}, local{};
  std::array<std::byte, crypto::kMaxDigestBytes> digest{};  // of what was received
};

// For tools and tests: every verdict in the order it falls.
class VerdictTrace {
 public:
  struct Item {
    const Packet* packet = nullptr;          // not given back yet
    std::uint64_t swarm_id = 0;
    std::uint32_t channel = 0;               // destination channel of the datagram
    std::uint64_t chunk = 0;
    crypto::ChunkCheck::Verdict verdict{};   // with `hashed`
    bool hashed = false;                     // false: refused for `reason` before
    bool duplicate = false;                  // it had been verified before
    DropReason reason = DropReason::kCount;  // why it went no further; kCount: it did
    crypto::MerkleNode node;                 // of a verdict other than kOk
  };
  VerdictTrace() = default;
  VerdictTrace(const VerdictTrace&) = delete;
  VerdictTrace& operator=(const VerdictTrace&) = delete;
  virtual ~VerdictTrace() = default;
  virtual void verdict(const Item& item) noexcept = 0;
};

}  // namespace mediaward::dataplane::ppspp
