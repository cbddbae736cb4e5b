// SPDX-License-Identifier: Apache-2.0
// What a peer may do wrong on purpose, one well-defined attack each, and its name in options and reports. RFC 7574 §12.6 lists most of
// them. Data only; how each is done is in attack.cc and beside the honest way of the same thing. Any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "crypto/error.h"

namespace mediaward::tools::ppspp {

enum class Attack : std::uint8_t {
  kNone,
  // Seeders that are admitted.
  kTamper,           // one bit of every n-th chunk that is sent
  kTamperHash,       // one bit of every n-th hash that is sent
  kBlackHole,        // claims everything, answers REQUESTs with hashes, never with a chunk
  kSilentHole,       // claims everything, answers no REQUEST
  kHashFlood,        // random hashes of random nodes, n datagrams per second, no chunk
  kTruncation,       // left ‖ right of the root as the only chunk (RFC 7574 §5.6)
  kZeroHashes,       // every n-th hash is all zero
  kUnalignedHashes,  // every n-th hash is of a range that is no node
  kLongPaths,        // altered chunks, each with every hash of its path, altered as well
  kUnrequestedData,  // n true chunks per second that nobody asked for
  kWrongLength,      // every n-th chunk is one byte short
  kOverClaim,        // claims everything and has half
  kUnderClaim,       // announces half of what it has
  kStaleMunro,       // live: the first munro again and again, n per second
  kBadSignature,     // live: one bit of every n-th signature
  // Leechers that are admitted.
  kForgedDelay,  // ACKs tell of no delay, whatever it is (RFC 7574 §12.6.4)
  kFalseAck,     // ACKs chunks that it never got
  // Of either role.
  kChannelGuessing,  // n datagrams per second to channels that are not its own
  kKeepAliveStorm,   // n keep-alives per second
  kHaveStorm,        // n datagrams per second full of HAVEs of every other chunk
  kHandshakeFlood,   // n HANDSHAKEs per second for swarms that nobody has
  kSpoofedPorts,     // n HANDSHAKEs per second for the swarm from ports of its address that never answer
  kNoIntegrity,      // offers content integrity method 0
  kOtherHash,        // offers another Merkle hash function
  kUnknownMessage,   // every n-th datagram ends with an unassigned message type
  // Honest, and no pleasure to deal with.
  kSlow,     // waits before every chunk that it sends
  kChoking,  // chokes and unchokes by turns, and keeps to it
};
inline constexpr std::size_t kAttacks = static_cast<std::size_t>(Attack::kChoking) + 1;

struct Misbehaviour {
  Attack attack = Attack::kNone;
  std::uint32_t every = 1;           // every n-th
  std::uint32_t per_second = 1000;   // n per second
  std::uint64_t delay_us = 200'000;  // of kSlow; half a period of kChoking
};

struct AttackInfo {
  std::string_view name;  // "tamper", "black-hole", …
  bool seeder;            // may play one
  bool leecher;
  bool honest;  // must be served all the same, and never be blamed
  bool live;    // in a live swarm only
};
[[nodiscard]] const AttackInfo& info(Attack attack) noexcept;

// "tamper,black-hole"; "all". Hyphens may be left out.
[[nodiscard]] Result<std::vector<Attack>> parse_attacks(std::string_view list);

}  // namespace mediaward::tools::ppspp
