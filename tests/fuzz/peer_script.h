// SPDX-License-Identifier: Apache-2.0
// The input of fuzz_peer.cc: what the peers around an appliance do, step by step, so that mutations change one step and not the framing of
// all that follows. Each step is four octets, and as many as they say. Used by the target and by what writes its corpus; knows no PPSPP.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mediaward::test {

enum class PeerStep : std::uint8_t {
  kOpen,      // the whole handshake, if there is no channel yet
  kMessages,  // to the channel that the appliance gave: messages without the channel id
  kFirst,     // to channel 0: where HANDSHAKEs go
  kAnywhere,  // a datagram as it is
  kChunk,     // DATA as it should be, with all hashes: chunk, and the octet of it that is altered (0: none)
  kWait,      // two octets: milliseconds
};
inline constexpr unsigned kPeerSteps = 6, kScriptPeers = 3;
inline constexpr std::size_t kStepHeadBytes = 4;  // step, peer, length (little-endian)

inline void append_step(std::vector<std::uint8_t>& script, PeerStep step, std::uint8_t peer, std::span<const std::uint8_t> bytes = {}) {
  script.insert(script.end(), {static_cast<std::uint8_t>(step), peer, static_cast<std::uint8_t>(bytes.size()),
                               static_cast<std::uint8_t>(bytes.size() >> 8)});
  script.insert(script.end(), bytes.begin(), bytes.end());
}

}  // namespace mediaward::test
