// SPDX-License-Identifier: Apache-2.0
// One content peer on a UDP socket: seeder, leecher, injector or follower of the swarm that a swarm file names, played to its end. The peer
// itself is tools/ppspp's, which shares nothing with the appliance but the codec; here are files, time and the socket, and a bad network
// when one is wanted. Asks no tracker: who is contacted is said. Blocks until the part is over; one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/error.h"
#include "tools/ppspp/peer.h"
#include "tools/swarm_file.h"

namespace mediaward::tools::peer {

enum class Kind : std::uint8_t {
  kSeed,    // serves a file
  kLeech,   // gets a content into a file
  kInject,  // makes a live stream of a file
  kFollow,  // writes a live stream into a file
};

struct PartSettings {
  Kind kind = Kind::kLeech;
  std::string file, swarm, key;      // paths; key: PEM, of an injector
  std::string listen;                // its own ADDRESS:PORT
  std::vector<std::string> connect;  // whom it contacts; without any it waits to be contacted
  double seconds = 60;               // leech, follow: must be done by then; seed, inject: end then; 0: when told to
  double loss = 0;                   // of what it sends, and of what comes
  double dead_after = 180;           // seconds of silence after which a channel is opened anew
  double patience = 0.5;             // seconds after which a chunk is asked for again, or taken as lost
  std::uint32_t window = 32;
  double rate = 200;        // inject: chunks per second
  std::uint64_t until = 0;  // follow: ends once it has this chunk and all from its first one on
  std::uint64_t seed = 1;
  bool libswift = false;
  ppspp::Misbehaviour misbehaviour{};
};

struct Outcome {
  bool done = false;              // leech, follow: has all that it wanted
  double seconds = 0;             // from the start to that, or to the end
  std::uint64_t first_chunk = 0;  // of what was written
  std::uint64_t chunks_written = 0;
  std::uint64_t datagrams_lost = 0;  // by `loss`
  ppspp::PeerCounters counters;
  std::vector<std::string> findings;  // what the other side did against the protocol
};

// What the application server says of the swarm, for a peer. kInvalid: something is missing.
[[nodiscard]] Result<ppspp::Metadata> metadata_of(const SwarmFile& file);
// The injector's key; its swarm id is what the swarm file's `key` must be.
[[nodiscard]] Result<std::shared_ptr<const crypto::SigningKey>> read_key(const std::string& path);

[[nodiscard]] Result<Outcome> play(const PartSettings& settings, const std::atomic<bool>& stop);

}  // namespace mediaward::tools::peer
