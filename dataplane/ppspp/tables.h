// SPDX-License-Identifier: Apache-2.0
// What the network peer's workers look up: swarms, who is admitted to them, and the peers that made contact. As everywhere (tables.h):
// made whole by the main thread, immutable from then on, replaced by a command. Mutable behind these pointers are only what is named so
// below, each with one writer.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <span>

#include "crypto/hash.h"
#include "crypto/merkle_tree.h"
#include "dataplane/abi/peer.h"
#include "dataplane/ppspp/chunk_cache.h"
#include "dataplane/ppspp/conduct_counters.h"
#include "dataplane/ppspp/fixed_table.h"
#include "dataplane/tables.h"
#include "dataplane/wire/ppspp_types.h"

namespace mediaward::dataplane::ppspp {

// A swarm id: root hash, or DNSSEC algorithm and public key (RFC 7574 §7.4). Refers to bytes elsewhere.
struct SwarmKeyView {
  const std::byte* data = nullptr;
  std::uint16_t bytes = 0;

  [[nodiscard]] std::uint64_t hash() const noexcept {
    std::uint64_t h = bytes;
    for (std::uint16_t at = 0; at + 8u <= bytes && at < 64; at = static_cast<std::uint16_t>(at + 8)) h = mix_hash(h, load_raw<std::uint64_t>(data + at));
    return h;
  }
  [[nodiscard]] bool operator==(const SwarmKeyView& o) const noexcept { return bytes == o.bytes && std::memcmp(data, o.data, bytes) == 0; }
};

// What the owner of a swarm counts; read by the main thread (single words).
struct alignas(64) SwarmStats {
  std::uint64_t verified = 0, bad = 0, unverifiable = 0, duplicate = 0;  // chunks
  std::uint64_t received_bytes = 0;                                      // of verified chunks
  std::uint64_t hash_calls = 0;
  std::uint64_t top_chunk = 0;                                           // highest verified + 1
};

// What each worker that serves a swarm, or judges it in passing, says of it. One writer; read by the swarm's owner and by the main thread.
struct alignas(64) SwarmWords {
  std::uint64_t receivers = 0;     // channels that are served
  std::uint64_t served_top = 0;    // highest chunk served + 1
  std::uint64_t served_bytes = 0;
  std::uint64_t verified = 0, bad = 0, unverifiable = 0, duplicate = 0;  // chunks, by a guard
  std::uint64_t hash_calls = 0;                                          // by a guard
};

// A rate that several workers share, as the moment when what was sent would be through at that rate (GCRA, ITU-T I.371). Any worker.
class SharedMeter {
 public:
  // rate: per second; burst: most that may be ahead of it.
  [[nodiscard]] bool has(std::uint64_t rate, std::uint64_t burst, std::uint64_t now, std::uint64_t ticks_per_s) const noexcept {
    return through_.load(std::memory_order_relaxed) <= now + ticks(burst, rate, ticks_per_s);
  }
  void spend(std::uint64_t n, std::uint64_t rate, std::uint64_t now, std::uint64_t ticks_per_s) noexcept {
    std::uint64_t through = through_.load(std::memory_order_relaxed);
    while (!through_.compare_exchange_weak(through, std::max(through, now) + ticks(n, rate, ticks_per_s), std::memory_order_relaxed)) {}
  }

 private:
  [[nodiscard]] static std::uint64_t ticks(std::uint64_t n, std::uint64_t rate, std::uint64_t ticks_per_s) noexcept {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(n) * ticks_per_s / rate);
  }
  std::atomic<std::uint64_t> through_{0};
};

struct FetchState;
class MunroLog;

inline constexpr std::size_t kChecksTogether = 64;  // chunks whose paths climb side by side
inline constexpr std::uint64_t kAnyAge = ~std::uint64_t{0};

struct alignas(64) Swarm {
  SwarmKeyView key;
  std::uint32_t slot = 0;          // in PeerTables::swarms
  std::uint32_t generation = 0;    // never used twice
  std::uint64_t id = 0;            // of the controller
  std::uint64_t chunks = 0;        // static; live: 0
  std::uint64_t content_bytes = 0;
  std::uint64_t expires_tsc = ~std::uint64_t{0};
  Framing framing;
  crypto::HashId hash = crypto::HashId::kSha256;
  abi::SwarmKind kind = abi::SwarmKind::kStatic;
  abi::FetchPolicy fetch = abi::FetchPolicy::kOnDemand;
  abi::SignatureForm signature_form = abi::SignatureForm::kRfc7574;
  SignatureAlgorithm live_signature = SignatureAlgorithm::kEcdsaP256Sha256;
  std::uint8_t munro_level = 0;
  std::uint8_t owner = 0;          // worker that writes tree, store, fetch and stats
  bool guard_drops = false;        // of chunks seen in passing that cannot be judged
  bool guard_only = false;
  bool all_leaves = false;         // verified and kept from the beginning: any worker may judge a chunk
  std::uint32_t chunk_bytes = 0;
  std::uint64_t discard_window = kDiscardNothing;
  std::uint64_t send_bytes_per_s = 0;
  std::uint64_t munro_max_age_us = 0;  // kAnyAge: not looked at
  crypto::MerkleTree* tree = nullptr;
  ChunkStore* store = nullptr;     // nullptr: guard_only
  FetchState* fetch_state = nullptr;  // of the owner alone
  SwarmStats* stats = nullptr;
  SwarmWords* words = nullptr;  // by worker
  SharedMeter* send = nullptr;     // bytes to all receivers
  MunroLog* munros = nullptr;      // live
  const std::byte* preloaded = nullptr;  // all of the content, in memory that does not change; then `store` stays empty
  std::atomic<bool>* released = nullptr;  // set by the owner when a removed swarm's chunks are back in the cache

  [[nodiscard]] bool live() const noexcept { return kind == abi::SwarmKind::kLive; }
  // Of chunk c, which is below `chunks` in a static swarm.
  [[nodiscard]] std::uint32_t length_of(std::uint64_t c) const noexcept {
    return !live() && c + 1 == chunks ? static_cast<std::uint32_t>(content_bytes - c * chunk_bytes) : chunk_bytes;
  }
  // A chunk that is held; empty: it is not. Good until the loop ends.
  [[nodiscard]] ConstBytes find(std::uint64_t c) const noexcept { return preloaded != nullptr ? ConstBytes{preloaded + c * chunk_bytes, length_of(c)} : store->find(c); }
  [[nodiscard]] bool held(std::uint64_t c) const noexcept { return preloaded != nullptr || store->held(c); }
  [[nodiscard]] bool has_chunk(std::uint64_t c) const noexcept { return live() || c < chunks; }
};

// An address, or all those behind a prefix: bits beyond it are 0.
struct AdmissionKey {
  std::uint32_t swarm_slot = 0;
  std::uint16_t port = 0;          // index of the appliance's port
  std::uint16_t peer_port_raw = 0; // 0: any
  Family family = Family::kIpv4;
  std::uint8_t bits = 0;
  std::uint8_t reserved[6] = {};
  std::byte address[16]{};

  [[nodiscard]] std::uint64_t hash() const noexcept {
    std::uint64_t words[4];
    static_assert(sizeof words == sizeof(AdmissionKey));
    std::memcpy(words, this, sizeof words);
    return mix_hash(mix_hash(mix_hash(mix_hash(1, words[0]), words[1]), words[2]), words[3]);
  }
  [[nodiscard]] bool operator==(const AdmissionKey& o) const noexcept { return std::memcmp(this, &o, sizeof o) == 0; }
};
static_assert(sizeof(AdmissionKey) == 32);

struct alignas(64) AdmissionView {
  AdmissionKey key;
  std::uint64_t id = 0;
  std::uint64_t expires_tsc = ~std::uint64_t{0};
  std::uint32_t flags = 0;         // abi::AdmissionFlags
};
static_assert(sizeof(AdmissionView) == 64);

// Who talks to whom: one address (or endpoint) of a peer and one of ours.
struct PeerKey {
  std::uint32_t swarm_slot = 0;
  std::uint16_t port = 0;
  std::uint16_t peer_port_raw = 0; // 0: any
  Family family = Family::kIpv4;
  std::uint8_t address_index = 0;  // of ours
  std::uint8_t reserved[6] = {};
  std::byte address[16]{};

  [[nodiscard]] std::uint64_t hash() const noexcept {
    std::uint64_t words[4];
    static_assert(sizeof words == sizeof(PeerKey));
    std::memcpy(words, this, sizeof words);
    return mix_hash(mix_hash(mix_hash(mix_hash(2, words[0]), words[1]), words[2]), words[3]);
  }
  [[nodiscard]] bool operator==(const PeerKey& o) const noexcept { return std::memcmp(this, &o, sizeof o) == 0; }
};
static_assert(sizeof(PeerKey) == 32);

// Bytes that may be spent, refilled with time. Of the peer's home.
struct TokenMeter {
  std::uint64_t tokens = 0;        // scaled by ticks per second
  std::uint64_t at = 0;
  // rate: per second; burst: most that is saved up.
  [[nodiscard]] bool has(std::uint64_t n, std::uint64_t rate, std::uint64_t burst, std::uint64_t now, std::uint64_t ticks_per_s) noexcept {
    const std::uint64_t most = burst * ticks_per_s;
    const unsigned __int128 filled = tokens + static_cast<unsigned __int128>(rate) * (now - at);
    at = now;
    tokens = filled > most ? most : static_cast<std::uint64_t>(filled);
    return tokens >= n * ticks_per_s;
  }
  void spend(std::uint64_t n, std::uint64_t ticks_per_s) noexcept { tokens -= tokens < n * ticks_per_s ? tokens : n * ticks_per_s; }
};

// What a worker keeps per peer beside its conduct: budgets. Of its home.
struct alignas(64) PeerBudget {
  TokenMeter send;                 // bytes of what is sent to it
  TokenMeter idle;                 // datagrams without content
  TokenMeter failed_hashes;        // bytes that were hashed for nothing
  TokenMeter evidence;             // told of it
  struct Channel* channels = nullptr;  // of this peer
  std::uint64_t channel_count = 0;     // of them; these two are read by the main thread
  std::uint64_t window_bytes = 0;      // congestion window of the one heard last
  bool signature_pending = false;  // one at a time
};

struct alignas(64) Peer {
  PeerKey key;
  std::uint32_t slot = 0;          // in PeerTables::peers
  std::uint32_t generation = 0;
  std::uint64_t swarm_id = 0;
  const Swarm* swarm = nullptr;
  std::uint32_t flags = 0;         // abi::AdmissionFlags
  std::uint8_t rank = 0;
  std::uint8_t home = 0;           // worker that has its channels, conduct and budget: who provides is at the swarm's owner
  std::uint8_t max_channels = 4;
  bool banned = false;             // no answer; main thread replaces the peer to change it
  std::uint64_t send_bytes_per_s = 0;  // 0: no limit
  std::uint64_t expires_tsc = ~std::uint64_t{0};
  PeerConduct* conduct = nullptr;
  PeerBudget* budget = nullptr;
  UdpPath path;                    // to it; remote port 0 when the key has none

  [[nodiscard]] bool provides() const noexcept { return (flags & abi::kAdmitProvide) != 0; }
  [[nodiscard]] bool receives() const noexcept { return (flags & abi::kAdmitReceive) != 0; }
  [[nodiscard]] bool connects() const noexcept { return (flags & abi::kAdmitConnect) != 0; }
  [[nodiscard]] bool libswift() const noexcept { return (flags & abi::kAdmitLibswift) != 0; }
};

// A first HANDSHAKE that is about to be looked up: whose swarm, and who sent it (the slot is not known yet).
struct FirstLookup {
  SwarmKeyView swarm;
  PeerKey sender;
  std::uint64_t hash = 0;          // of the swarm's key, then of the admission of this very address
  const Swarm* probable = nullptr;
};

// A worker's own lookups of the network peer. Every worker knows all swarms, to find their owner; admissions are known to the swarm's owner,
// a peer to him, who decides where a HANDSHAKE goes, and to its home.
struct PeerTables {
  PeerTables(std::size_t swarm_limit, std::size_t admission_limit, std::size_t peer_limit)
      : swarms(swarm_limit, nullptr), peers(peer_limit, nullptr), swarms_by_key(swarm_limit), admissions(admission_limit), peers_by_key(peer_limit) {}

  // The admission that covers an address: the longest prefix, then the one that names the port.
  [[nodiscard]] const AdmissionView* admission(const PeerKey& peer) const noexcept;
  void set_admission(const AdmissionView* admission) noexcept;
  void erase_admission(const AdmissionView* admission) noexcept;
  // Asks for every line that finding swarm, peer and admission of these will read: for all of them side by side, instead of one after the
  // other and each waiting for the one before. Finds nothing itself: what is looked up afterwards is looked up as ever.
  void look_ahead(std::span<FirstLookup> burst) const noexcept;
  // The peer that made contact from here.
  [[nodiscard]] const Peer* peer(PeerKey key) const noexcept {
    if (const Peer* exact = peers_by_key.find(key); exact != nullptr) return exact;
    key.peer_port_raw = 0;
    return peers_by_key.find(key);
  }

  std::vector<const Swarm*> swarms;  // by slot
  std::vector<const Peer*> peers;    // by slot
  FixedTable<const Swarm> swarms_by_key;
  FixedTable<const AdmissionView> admissions;
  FixedTable<const Peer> peers_by_key;

 private:
  struct Lengths {                   // of the prefixes there are: with a port, without
    std::uint32_t with_port = 0, any_port = 0;
  };
  Lengths lengths_[2][129]{};
};

}  // namespace mediaward::dataplane::ppspp
