// SPDX-License-Identifier: Apache-2.0
// Runs captured frames through the real packet path, as a guard between two user peers would see them, and keeps the verdict on every
// chunk. The capture's own clock is the data plane's, so that a replay takes no longer than the work and comes out the same every time.
// One thread, no port but memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "crypto/engine.h"
#include "dataplane/core.h"
#include "dataplane/ppspp/peer_events.h"
#include "tools/replay/capture.h"

namespace mediaward::tools::replay {

class ReplayIo;

enum class Outcome : std::uint8_t { kAccepted, kDuplicate, kBad, kUnverifiable, kRefused };
[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;

struct ChunkRecord {
  std::uint64_t frame = 0;      // counted from 1, as other tools count them
  std::uint64_t time_us = 0;
  std::string source;           // "192.0.2.1:6778"
  std::uint32_t channel = 0;    // destination channel
  std::uint64_t chunk = 0;
  Outcome outcome{};
  std::string reason;           // kRefused: name of the drop reason
  crypto::MerkleNode node;      // kBad: where it went wrong; kUnverifiable: what was missing
};

struct PeerTotals {
  std::uint64_t accepted = 0, duplicate = 0, bad = 0, unverifiable = 0, refused = 0;
};

class Replay final : private dataplane::ppspp::VerdictTrace {
 public:
  struct Options {
    std::uint16_t burst = 32;   // frames per loop, at most 64
    std::uint64_t start_us = 0; // capture's clock at its beginning
    std::uint32_t flows = 4096;  // channels that are remembered at once
  };
  [[nodiscard]] static Result<std::unique_ptr<Replay>> create(const Options& options);
  ~Replay() override;

  // The swarm as the controller would name it, with kSwarmGuardOnly; leaves: digests of all chunks, or empty.
  [[nodiscard]] Result<void> add_swarm(abi::Swarm swarm, std::shared_ptr<const dataplane::ppspp::MappedContent> leaves);

  void feed(const CapturedFrame& frame);
  void finish();                // what has been fed and not looked at yet

  [[nodiscard]] const std::vector<ChunkRecord>& chunks() const noexcept { return chunks_; }
  [[nodiscard]] const std::map<std::string, PeerTotals>& peers() const noexcept { return peers_; }
  [[nodiscard]] PeerTotals totals() const noexcept;
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  [[nodiscard]] std::uint64_t passed() const noexcept { return passed_; }
  [[nodiscard]] std::uint64_t cut_off() const noexcept { return cut_off_; }
  // Drop reasons with their numbers, those that are not 0.
  [[nodiscard]] std::map<std::string, std::uint64_t> drops() const;
  [[nodiscard]] std::uint64_t count(dataplane::Counter counter) const;

 private:
  struct Frame {
    std::uint64_t number = 0, time_us = 0;
    std::string source;
  };
  Replay() = default;
  void verdict(const Item& item) noexcept override;
  void run_burst();

  std::uint16_t burst_ = 32;
  std::uint64_t now_us_ = 1;
  std::unique_ptr<crypto::CryptoProvider> provider_;
  std::unique_ptr<dataplane::Core> core_;
  ReplayIo* near_ = nullptr;    // frames come in here
  ReplayIo* far_ = nullptr;
  std::unordered_map<const dataplane::Packet*, Frame> in_work_;
  std::vector<ChunkRecord> chunks_;
  std::map<std::string, PeerTotals> peers_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> accepted_;  // swarm and chunk
  std::uint64_t frames_ = 0, passed_ = 0, cut_off_ = 0;
};

}  // namespace mediaward::tools::replay
