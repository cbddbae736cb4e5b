// SPDX-License-Identifier: Apache-2.0
// One PPSPP channel (RFC 7574 §3.11) as its worker keeps it, and the table that finds it by the id we gave it. Everything has fixed size
// and is made at start: an admitted peer takes a place, nobody else takes anything.
// The peer's home worker.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "crypto/merkle_pending.h"
#include "dataplane/ppspp/audience.h"
#include "dataplane/ppspp/chunk_log.h"
#include "dataplane/ppspp/fixed_table.h"
#include "dataplane/ppspp/ledbat.h"
#include "dataplane/ppspp/range_set.h"
#include "dataplane/ppspp/tables.h"

namespace mediaward::dataplane::ppspp {

// Ids carry their worker, so that any worker knows where a datagram belongs; the rest is random (RFC 7574 §12.1.1, RFC 4960 §5.1.3).
inline constexpr unsigned kChannelWorkerBits = 6;
[[nodiscard]] constexpr std::uint32_t worker_of_channel(std::uint32_t id) noexcept { return id >> (32 - kChannelWorkerBits); }
[[nodiscard]] constexpr std::uint32_t channel_id(std::uint32_t worker, std::uint32_t random) noexcept {
  return worker << (32 - kChannelWorkerBits) | (random & (~std::uint32_t{0} >> kChannelWorkerBits));
}

struct ChannelKey {
  std::uint32_t id = 0;
  [[nodiscard]] std::uint64_t hash() const noexcept { return mix_hash(3, id); }
  bool operator==(const ChannelKey&) const noexcept = default;
};

enum class ChannelState : std::uint8_t {
  kFree,
  kOpening,   // our HANDSHAKE went out first
  kAnswered,  // theirs was answered: nothing heavy goes out before they prove that they got the answer (RFC 7574 §12.1)
  kOpen,
};

// ChunkLog::Entry::bytes of a request: what was asked for to see whether the peer has it.
inline constexpr std::uint32_t kAudit = 1;

struct AckItem {
  std::uint64_t chunk = 0;
  std::uint64_t delay_us = 0;
};

struct alignas(64) Channel {
  ChannelKey key;                       // what the peer writes in front of its datagrams
  std::uint32_t remote_id = 0;          // what we write in front of ours; 0: not known yet
  ChannelState state = ChannelState::kFree;
  bool choked = false;                  // by the peer: it will not answer REQUESTs
  bool queued = false;                  // in the list of channels with something to send
  bool receiving = false;               // counted among the audience's receivers
  bool distrusted = false;              // too many bad chunks: nothing is asked of it or taken from it
  bool signature_pending = false;       // a munro of it is being verified
  std::uint8_t handshakes = 0;          // sent by us, unanswered
  std::uint16_t checking = 0;           // chunks of it that wait for their verdict in this loop
  std::uint16_t peer_port_raw = 0;
  std::uint16_t max_payload = 0;        // of a datagram, by the path's MTU
  std::uint32_t bad_chunks = 0;
  const Swarm* swarm = nullptr;
  const Peer* peer = nullptr;
  Audience* audience = nullptr;         // of the swarm on this worker
  Channel* next_of_swarm = nullptr;     // Audience::channels
  Channel* previous_of_swarm = nullptr;
  Channel* next_of_peer = nullptr;      // PeerBudget::channels

  std::uint64_t last_heard = 0, last_sent = 0;
  std::uint64_t handshake_due = 0;      // kOpening: when to repeat it
  std::uint32_t sent_since_heard = 0;   // datagrams
  std::uint32_t request_window = 0;     // chunks that may be waited for at once
  std::uint64_t last_data = 0;          // when it delivered last
  std::uint64_t request_rtt = 0;        // smoothed, ticks from REQUEST to DATA
  std::array<std::uint64_t, 4> bad{};   // chunks + 1 that were; one that is here twice is not asked of it again
  std::array<std::uint64_t, 4> unverified{};  // the first chunks + 1 since the last good one that could not be verified
  std::uint32_t unverified_count = 0;   // all of them
  bool unverified_again = false;        // one of them came twice
  std::uint64_t announce_due = 0;       // when it is told what we hold and it does not
  std::uint64_t announce_wait = 0;      // until the next time, which doubles: HAVE is not acknowledged
  std::uint64_t look_from = 0;          // of `wanted`: where to look for what is held
  std::uint8_t ack_count = 0;
  bool keep_alive_due = false;
  std::uint8_t repeat_count = 0;
  std::uint64_t munro_sent = 0;         // live: the last one + 1
  std::array<std::uint64_t, 64> repeats{};  // chunks to be asked for again
  std::uint8_t audit_count = 0;
  std::array<std::uint64_t, 16> audits{};   // chunks to be asked for whether they are held or not
  std::array<AckItem, 64> acks{};       // to be sent with the next datagram

  UdpPath path;                         // to this channel's endpoint
  Ledbat congestion{1200, 1};
  crypto::PendingHashes pending;        // hashes it sent that are not verified
  ChunkLog requested;                   // of it
  ChunkLog sent;                        // to it
  RangeSet<256> claimed;                // it says it has (HAVE, ACK)
  RangeSet<64> acked;                   // by it
  RangeSet<64> known;                   // the same with what is on the way: whose hashes need not be repeated
  RangeSet<64> wanted;                  // it asked for, and we have not sent
  RangeSet<64> hidden;                  // it acknowledged, has not from us, and never announced

  [[nodiscard]] bool in_use() const noexcept { return state != ChannelState::kFree; }
  [[nodiscard]] bool may_ask() const noexcept {
    return state == ChannelState::kOpen && !choked && !distrusted && peer->provides() && !claimed.empty();
  }
};

class ChannelTable {
 public:
  explicit ChannelTable(std::size_t most) : channels_(std::make_unique<Channel[]>(most)), most_(most), by_id_(most) {
    free_.reserve(most);
    for (std::size_t i = most; i-- > 0;) free_.push_back(&channels_[i]);
  }

  [[nodiscard]] Channel* find(std::uint32_t id) const noexcept { return by_id_.find({id}); }
  // nullptr: all are in use. The id is not in use.
  [[nodiscard]] Channel* take(std::uint32_t id) noexcept {
    if (free_.empty()) return nullptr;
    Channel* channel = free_.back();
    free_.pop_back();
    channel->key.id = id;
    by_id_.set(channel);
    return channel;
  }
  void give_back(Channel& channel) noexcept {
    by_id_.erase(channel.key);
    channel.state = ChannelState::kFree;
    free_.push_back(&channel);
  }
  [[nodiscard]] std::size_t in_use() const noexcept { return most_ - free_.size(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return most_; }
  [[nodiscard]] Channel& at(std::size_t i) noexcept { return channels_[i]; }

 private:
  std::unique_ptr<Channel[]> channels_;
  std::size_t most_;
  std::vector<Channel*> free_;
  FixedTable<Channel> by_id_;
};

}  // namespace mediaward::dataplane::ppspp
