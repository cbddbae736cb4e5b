// SPDX-License-Identifier: Apache-2.0
// The network peer as a bump in the wire between user peers: frames go from one port of a pair to the other, in order and untouched, and
// on the way every chunk of a known swarm is verified. What is proved wrong is dropped; what cannot be judged goes by the swarm's policy;
// everything else passes. Channels are learned from the HANDSHAKEs that pass (RFC 7574 §8.4): what was not seen is not judged.
// Never answers, never reassembles, never asks for anything. One per worker, on its thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "crypto/merkle_verifier.h"
#include "dataplane/egress.h"
#include "dataplane/ppspp/fixed_table.h"
#include "dataplane/ppspp/peer_events.h"
#include "dataplane/ppspp/service.h"
#include "dataplane/ppspp/tables.h"
#include "dataplane/worker_context.h"

namespace mediaward::dataplane::ppspp {

// One direction of a channel: who sends, to whom, under which id. Addresses as in the packet.
struct GuardKey {
  std::array<std::byte, 16> source{}, destination{};
  std::uint16_t source_port_raw = 0, destination_port_raw = 0;
  std::uint32_t channel = 0;             // as written in front of the datagram; 0: the first HANDSHAKE
  [[nodiscard]] std::uint64_t hash() const noexcept {
    std::uint64_t words[5];
    static_assert(sizeof words == sizeof(GuardKey));
    std::memcpy(words, this, sizeof words);
    std::uint64_t h = 4;
    for (const std::uint64_t w : words) h = mix_hash(h, w);
    return h;
  }
  [[nodiscard]] bool operator==(const GuardKey& o) const noexcept { return std::memcmp(this, &o, sizeof o) == 0; }
  [[nodiscard]] bool same_endpoints(const GuardKey& o) const noexcept { return std::memcmp(this, &o, offsetof(GuardKey, channel)) == 0; }
  [[nodiscard]] GuardKey reversed(std::uint32_t other_channel) const noexcept { return {destination, source, destination_port_raw, source_port_raw, other_channel}; }
};

struct alignas(64) GuardChannel {
  GuardKey key;
  std::uint32_t swarm_slot = 0, swarm_generation = 0;
  std::uint64_t last_seen = 0;
  std::uint64_t next_signature = 0;      // not given to be verified before
  TokenMeter failed_hashes;
  TokenMeter evidence;
  GuardChannel *newer = nullptr, *older = nullptr;  // by last_seen
  crypto::PendingHashes pending;
};

class GuardService {
 public:
  GuardService(WorkerContext& context, const CoreSettings& settings, Egress& egress, PeerService& peers, PeerShared& shared, crypto::HashProvider& hashes);
  GuardService(const GuardService&) = delete;
  GuardService& operator=(const GuardService&) = delete;
  ~GuardService();

  // Which worker has to judge this frame of a guard port; this one's index when nobody need.
  [[nodiscard]] std::uint8_t judge_of(const Packet& packet, bool handed_over) noexcept;
  // Takes a frame that goes to `to_port`; it leaves with flush, after all that came before it.
  void take(Packet* packet, std::uint16_t to_port) noexcept;
  // The helper thread has looked at a munro: what waited for it goes on.
  void signature_done(const SignatureRequest& result) noexcept;
  // Verdicts on what was taken in, then everything that may pass, in order. Returns frames.
  std::size_t verify() noexcept;
  std::size_t flush() noexcept;

  [[nodiscard]] std::size_t channels() const noexcept { return count_; }
  [[nodiscard]] std::size_t held() const noexcept { return held_count_; }  // packets
  void set_trace(VerdictTrace* trace) noexcept { trace_ = trace; }

 private:
  static constexpr std::size_t kMaxFrames = 512;
  static constexpr std::size_t kMaxChecks = 512;
  static constexpr std::size_t kMaxChecksPerDatagram = 256;
  static constexpr std::size_t kMaxHeld = 512;
  static constexpr std::size_t kMaxAwaited = 16;

  struct View {                          // a UDP datagram within a frame
    GuardKey key;                        // channel included
    ConstBytes messages;
    Family family = Family::kIpv4;
  };
  struct Frame {
    Packet* packet = nullptr;
    std::uint16_t to_port = 0;
    DropReason reason = DropReason::kCount;  // why it does not pass
    std::uint64_t swarm_id = 0;
  };
  // A munro is being verified: datagrams from the same endpoint to the same endpoint wait for it, in order, some milliseconds at most.
  struct Awaited {
    GuardKey key;
    std::uint64_t until = 0;             // 0: not in use
  };
  struct Held {
    Packet* packet = nullptr;
    std::uint16_t to_port = 0;
    std::uint8_t awaited = 0;
  };
  struct CheckOrigin {
    std::uint32_t frame = 0;
    GuardChannel* channel = nullptr;
    const Swarm* swarm = nullptr;
    bool duplicate = false;              // its leaf was verified before
    Family family = Family::kIpv4;
  };

  [[nodiscard]] static bool look(const Packet& packet, View& out) noexcept;
  [[nodiscard]] std::uint8_t judge_of(const Swarm& swarm) const noexcept {
    return swarm.all_leaves ? static_cast<std::uint8_t>(context_.index()) : swarm.owner;
  }
  [[nodiscard]] const Swarm* swarm_of(const GuardChannel& channel) const noexcept;
  [[nodiscard]] GuardChannel* find(const GuardKey& key) noexcept;
  std::size_t verify_checks() noexcept;
  void admit(Packet* packet, std::uint16_t to_port) noexcept;
  [[nodiscard]] bool hold(Packet* packet, std::uint16_t to_port) noexcept;
  void let_go(std::size_t awaited) noexcept;
  void judge(const View& view, std::uint32_t frame) noexcept;
  const Swarm* learn_first(const View& view) noexcept;  // the swarm that it names, if it is known
  void learn(const GuardKey& key, const Swarm& swarm) noexcept;
  void forget(GuardChannel& channel) noexcept;
  void on_data(GuardChannel& channel, const Swarm& swarm, const Message& m, std::uint32_t frame, Family family) noexcept;
  void on_integrity(GuardChannel& channel, const Swarm& swarm, const Message& m, std::uint32_t frame) noexcept;
  void on_signed_integrity(GuardChannel& channel, const Swarm& swarm, const Message& m, std::uint32_t frame) noexcept;
  void unjudged(const Swarm& swarm, std::uint32_t frame) noexcept;
  void refuse(std::uint32_t frame, DropReason reason, const Swarm& swarm) noexcept;
  void commit_one(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept;
  void report(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept;
  void to_newest(GuardChannel& channel) noexcept;
  void unlink(GuardChannel& channel) noexcept;

  WorkerContext& context_;
  Egress& egress_;
  PeerService& peers_;
  PeerShared& shared_;
  const std::unique_ptr<crypto::Hasher> hasher_;
  const std::size_t workers_;
  crypto::MerkleVerifier verifier_;
  std::unique_ptr<GuardChannel[]> channels_;
  std::vector<GuardChannel*> free_;
  FixedTable<GuardChannel> by_key_;
  GuardChannel *newest_ = nullptr, *oldest_ = nullptr;
  std::size_t count_ = 0;
  std::size_t frame_count_ = 0, check_count_ = 0, held_count_ = 0, awaited_count_ = 0;
  std::array<Awaited, kMaxAwaited> awaited_{};
  std::array<Held, kMaxHeld> held_{};
  std::array<Frame, kMaxFrames> frames_{};
  std::array<crypto::ChunkCheck, kMaxChecks> checks_{};
  std::array<CheckOrigin, kMaxChecks> origins_{};
  VerdictTrace* trace_ = nullptr;
};

}  // namespace mediaward::dataplane::ppspp
