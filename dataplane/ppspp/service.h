// SPDX-License-Identifier: Apache-2.0
// The network peer on one worker (RFC 7574): takes PPSPP datagrams, verifies chunks before they count for anything, keeps them in the
// cache and serves them to those that are admitted. What is not admitted gets no answer and leaves no trace but a counter.
// A swarm belongs to one worker, with its tree, its chunks and all peers that provide; those that only receive are served by the worker that
// their address falls to (Peer::home), which has their channels and their conduct. Steps of a loop, each over all that came in: intake
// (messages), verify (hashes), commit (verdicts), serve (everything that goes out). Judging peers is the main thread's.
// One per worker, on its thread. Datagrams: intake.cc, handshake.cc; verdicts: commit.cc; sending: serve.cc; asking for chunks: fetch.cc; what
// workers of one swarm tell one another: elsewhere.cc.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "crypto/hash.h"
#include "crypto/merkle_verifier.h"
#include "dataplane/egress.h"
#include "dataplane/ppspp/channel.h"
#include "dataplane/ppspp/chunk_cache.h"
#include "dataplane/ppspp/fetch_state.h"
#include "dataplane/ppspp/mail.h"
#include "dataplane/ppspp/munro_log.h"
#include "dataplane/ppspp/peer_events.h"
#include "dataplane/ppspp/signature_checker.h"
#include "dataplane/ppspp/tables.h"
#include "dataplane/wire/ppspp_message.h"
#include "dataplane/wire/ppspp_writer.h"
#include "dataplane/worker_context.h"

namespace mediaward::dataplane::ppspp {

// Of all workers, fixed after start.
struct PeerShared {
  std::unique_ptr<CacheArena> arena;
  struct alignas(64) LoopWord {
    std::uint64_t loops = 0;
  };
  std::vector<LoopWord> loop_words;                     // of workers, for `quiescence`
  std::vector<std::uint64_t*> loops;
  std::unique_ptr<Quiescence> quiescence;
  std::vector<std::unique_ptr<CachePartition>> caches;  // by worker
  std::unique_ptr<SignatureChecker> signatures;
  std::unique_ptr<MailRoom> mail;                       // nullptr: one worker
  std::atomic<std::int64_t> realtime_offset_us{0};      // CLOCK_REALTIME less the workers' clock; set by the main thread
  [[nodiscard]] std::uint64_t realtime_us(std::uint64_t tsc, std::uint64_t tsc_hz) const noexcept {
    const auto us = static_cast<std::uint64_t>(static_cast<unsigned __int128>(tsc) * 1'000'000u / tsc_hz);
    return us + static_cast<std::uint64_t>(realtime_offset_us.load(std::memory_order_relaxed));
  }
};

// Where a datagram for the peer belongs.
struct Route {
  enum class To : std::uint8_t { kHere, kElsewhere, kNowhere };
  To to = To::kNowhere;
  std::uint8_t worker = 0;    // kElsewhere
  DropReason reason{};        // kNowhere
};

class PeerService {
 public:
  PeerService(WorkerContext& context, const CoreSettings& settings, Egress& egress, PeerShared& shared, crypto::HashProvider& hashes);
  PeerService(const PeerService&) = delete;
  PeerService& operator=(const PeerService&) = delete;
  ~PeerService();  // the worker's thread has ended

  void begin_loop() noexcept { Quiescence::next_loop(*loops_); }
  // handed_over: by another worker, which took us for the owner or the peer's home.
  [[nodiscard]] Route route(const Datagram& datagram, bool handed_over) const noexcept;
  // Of no channel yet (RFC 7574 §3.1.1).
  [[nodiscard]] static bool is_first(const Datagram& datagram) noexcept {
    return datagram.bytes > kChannelBytes && load_raw<std::uint32_t>(datagram.payload) == 0;
  }
  // The swarm that a first HANDSHAKE names, which is remembered until look_ahead(); without data: one that cannot be read.
  [[nodiscard]] SwarmKeyView note_first(const Packet& packet, const Datagram& datagram) noexcept;
  // All of a burst are known: lines of the tables that those which were noted will need are asked for. Then they are routed, and taken.
  void look_ahead() noexcept;
  [[nodiscard]] Route route_first(SwarmKeyView swarm, bool handed_over) const noexcept;
  // Intake of one datagram that belongs here.
  void take(Packet* packet, const Datagram& datagram) noexcept;
  [[nodiscard]] std::size_t checks() const noexcept { return check_count_; }
  // All chunks that were taken in: hashes and tree. Then what follows from the verdicts.
  void verify() noexcept;
  void commit() noexcept;
  // Everything that is due: acknowledgements, requests, chunks. Returns datagrams sent.
  std::size_t serve() noexcept;
  // A munro that the helper thread has verified, for this or for a guard.
  void signature_done(const SignatureRequest& result) noexcept;
  // About once a millisecond: what goes by time.
  void tick() noexcept;

  // Commands, between two loops.
  void set_swarm(std::uint32_t slot, const Swarm* swarm) noexcept;
  void set_peer(std::uint32_t slot, const Peer* peer) noexcept;
  // Asks this peer for so many chunks that it announced, chosen at random, whether they are held or not.
  void audit(std::uint32_t slot, std::uint32_t chunks) noexcept;
  void set_admission(const AdmissionView* admission) noexcept { tables_.set_admission(admission); }
  void erase_admission(const AdmissionView* admission) noexcept { tables_.erase_admission(admission); }

  // f(packet, worker): HANDSHAKEs whose peer has its channels there.
  template <typename F>
  void take_leaving(F&& f) noexcept {
    for (std::size_t i = 0; i < leaving_count_; ++i) f(leaving_[i].packet, leaving_[i].worker);
    leaving_count_ = 0;
  }

  [[nodiscard]] std::size_t held() const noexcept { return waiting_count_ + leaving_count_; }  // packets
  [[nodiscard]] PeerTables& tables() noexcept { return tables_; }
  [[nodiscard]] SpscRing<Evidence>& evidence() noexcept { return evidence_; }  // main thread consumes
  // Whether one more event against whose meter this is may be told in this second; counted when not. A guard asks as well.
  [[nodiscard]] bool may_prove(TokenMeter& meter) noexcept;
  [[nodiscard]] std::size_t channels() const noexcept { return channels_.in_use(); }
  // Tests and tools: every verdict as it falls; nullptr: none. Not while the worker runs.
  void set_trace(VerdictTrace* trace) noexcept { trace_ = trace; }

 private:
  // A datagram while its messages are read.
  struct Intake {
    Packet* packet = nullptr;
    Channel* channel = nullptr;
    DropReason refused = DropReason::kCount;  // why reading ended; kCount: it did not
    DropReason skipped = DropReason::kCount;  // why a chunk was passed over on the way
    bool content = false;                     // DATA, INTEGRITY or anything else that a peer does not repeat for ever
    std::uint32_t checks = 0;
    std::uint32_t id = 0;                     // of the channel when reading began
  };
  struct CheckOrigin {
    Packet* packet = nullptr;
    Channel* channel = nullptr;
    ChunkLog::Entry asked;
    std::uint64_t timestamp_us = 0;
  };
  struct Waiting {                            // a HANDSHAKE whose peer is being made
    Packet* packet = nullptr;
    Datagram datagram;
    std::uint64_t since = 0;
    bool told = false;                        // the main thread knows
  };
  struct Leaving {
    Packet* packet = nullptr;
    std::uint8_t worker = 0;
  };
  static constexpr std::size_t kMaxChecks = 512;
  static constexpr std::size_t kMaxChecksPerDatagram = 256;  // chunks of 20 bytes in a jumbo frame
  static constexpr std::size_t kMaxWaiting = 64;
  static constexpr std::size_t kMaxLeaving = 256;
  static constexpr std::size_t kMaxFirsts = 64;

  // intake.cc
  [[nodiscard]] Route route_to(std::size_t worker) const noexcept;
  void take_channel(Packet* packet, const Datagram& datagram, std::uint32_t id, ConstBytes messages) noexcept;
  void read_messages(Intake& in, MessageReader& reader) noexcept;
  void on_message(Intake& in, const Message& m, const MessageReader& reader) noexcept;
  void on_data(Intake& in, const Message& m) noexcept;
  void on_integrity(Intake& in, const Message& m) noexcept;
  void on_have(Intake& in, const Message& m) noexcept;
  void on_ack(Intake& in, const Message& m) noexcept;
  void on_newly_acked(Channel& channel, const ChunkLog::Entry& newest) noexcept;
  void note_lost(Channel& channel) noexcept;
  void give_up_sent(Channel& channel, std::uint64_t begun_before, std::uint32_t order_before) noexcept;
  void on_request(Intake& in, const Message& m) noexcept;
  void on_cancel(Intake& in, const Message& m) noexcept;
  void on_choke(Channel& channel, bool choked) noexcept;
  [[nodiscard]] bool make_room_for_hash(Intake& in) noexcept;
  void on_bad_hash(Channel& channel, crypto::MerkleNode node, ConstBytes hash) noexcept;
  [[nodiscard]] bool being_checked(const Channel& channel, std::uint64_t chunk) const noexcept;
  void finish(const Intake& in) noexcept;
  [[nodiscard]] bool may_idle(Channel& channel) noexcept;
  [[nodiscard]] static bool within(const Swarm& swarm, ChunkRange& range) noexcept;

  // handshake.cc
  void take_first(const Waiting& first, ConstBytes messages) noexcept;
  [[nodiscard]] static PeerKey sender_of(const Packet& packet, const Datagram& datagram) noexcept;
  [[nodiscard]] DropReason answer_first(const Waiting& first, ConstBytes messages) noexcept;
  [[nodiscard]] DropReason send_home(Packet* packet, std::uint8_t home) noexcept;
  [[nodiscard]] DropReason wait_for_peer(const Waiting& first, const PeerKey& key, const Swarm& swarm) noexcept;
  [[nodiscard]] bool on_handshake(Intake& in, const Message& m, const MessageReader& reader) noexcept;
  [[nodiscard]] static bool options_match(const Swarm& swarm, const Peer& peer, const HandshakeOptions& options, Side side) noexcept;
  [[nodiscard]] HandshakeOptions options_of(const Swarm& swarm, const Peer& peer, Side side) const noexcept;
  [[nodiscard]] Channel* open_channel(const Peer& peer, std::uint16_t peer_port_raw) noexcept;
  [[nodiscard]] Channel* same_channel(const Peer& peer, std::uint16_t peer_port_raw, std::uint32_t remote_id) const noexcept;
  [[nodiscard]] bool room_for_channel(const Peer& peer) noexcept;
  void close_channel(Channel& channel, bool tell) noexcept;
  void keep_channel(Channel& channel, const Peer& peer) noexcept;
  void send_handshake(Channel& channel) noexcept;
  void connect(const Peer& peer, std::uint64_t in_ticks) noexcept;
  void reopen(Channel& channel) noexcept;
  [[nodiscard]] std::uint32_t random() noexcept;
  void retry_waiting() noexcept;

  // live.cc
  void on_signed_integrity(Intake& in, const Message& m) noexcept;
  void accept_munro(const Swarm& swarm, const SignatureRequest& r) noexcept;
  [[nodiscard]] bool send_munro(Channel& channel, std::uint64_t chunk) noexcept;
  [[nodiscard]] static std::uint64_t oldest_kept(const Swarm& swarm, std::uint64_t end) noexcept;
  void forget_old(Audience& audience) noexcept;

  // commit.cc
  void commit_one(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept;
  void count_delivered(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept;
  void commit_ok(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept;
  [[nodiscard]] DropReason commit_bad(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept;
  void commit_unverifiable(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept;
  void acknowledge(Channel& channel, std::uint64_t chunk, std::uint64_t timestamp_us) noexcept;
  void note_bad(Channel& channel) noexcept;
  [[nodiscard]] static Evidence evidence_against(const Channel& channel) noexcept;
  void done_with(Packet* packet, DropReason reason) noexcept;

  // fetch.cc
  void ask(Channel& channel, MessageWriter& out) noexcept;
  void ask_audits(Channel& channel, MessageWriter& out) noexcept;
  [[nodiscard]] bool better_has(const Channel& channel, std::uint64_t chunk) const noexcept;
  [[nodiscard]] std::uint64_t next_to_ask(Channel& channel, std::uint64_t from) noexcept;
  [[nodiscard]] bool may_fetch(const Swarm& swarm, std::uint64_t chunk) const noexcept;
  void expire_requests(Channel& channel) noexcept;
  void repeat(Channel& channel, const ChunkLog::Entry& asked) noexcept;
  void give_up(Channel& channel, const ChunkLog::Entry& asked, bool fault) noexcept;
  static void count_end(Channel& channel, const ChunkLog::Entry& asked, bool fault) noexcept;
  void swarm_release(const Channel& channel, std::uint64_t chunk) noexcept;
  void drop_requests(Channel& channel) noexcept;
  [[nodiscard]] static std::uint64_t first_to_ask(const Channel& channel, std::uint64_t from) noexcept;
  void wake(Audience& audience) noexcept;
  void queue_woken() noexcept;

  // timers.cc
  void tick_channel(Channel& channel) noexcept;
  [[nodiscard]] bool repeat_handshake(Channel& channel) noexcept;
  void count_cache() noexcept;

  // elsewhere.cc
  [[nodiscard]] bool is_owner(const Swarm& swarm) const noexcept { return swarm.owner == context_.index(); }
  [[nodiscard]] Audience* audience_of(const Swarm& swarm) noexcept;
  [[nodiscard]] Audience& audience_for(const Swarm& swarm) noexcept;
  void count_receivers(Audience& audience, int more) noexcept;
  void ask_all(Audience& audience) noexcept;
  void miss(Audience& audience, ChunkRange range) noexcept;
  void read_mail() noexcept;
  void answer(const Swarm& swarm, std::size_t from, const Mail& mail) noexcept;
  void tell_all(const Swarm& swarm, std::size_t to) noexcept;
  void tell_worker(const Swarm& swarm, std::size_t to, ChunkRange range) noexcept;
  void tell_workers(const Swarm& swarm, ChunkRange range) noexcept;
  void gather(const Swarm& swarm) noexcept;
  void hear(Audience& audience, ChunkRange range) noexcept;
  void tick_audience(const Swarm& swarm) noexcept;

  // serve.cc
  void queue(Channel& channel) noexcept;
  [[nodiscard]] std::size_t serve_channel(Channel& channel) noexcept;
  [[nodiscard]] bool serve_chunk(Channel& channel) noexcept;
  [[nodiscard]] bool next_held(Channel& channel, std::uint64_t& chunk, ConstBytes& content) noexcept;
  [[nodiscard]] bool send_chunk(Channel& channel, std::uint64_t chunk, ConstBytes content) noexcept;
  [[nodiscard]] crypto::MerkleNodeList hashes_for(const Channel& channel, std::uint64_t chunk, bool in_doubt) const noexcept;
  void write_acks(Channel& channel, MessageWriter& out) noexcept;
  [[nodiscard]] bool fetch_beside(Audience& audience, crypto::MerkleNode node) noexcept;
  void announce(Channel& channel, MessageWriter& out) noexcept;
  void tell_news(Audience& audience) noexcept;
  void add_news(Audience& audience, ChunkRange range) noexcept;
  [[nodiscard]] static ChunkRange complete_around(const Swarm& swarm, std::uint64_t chunk) noexcept;
  bool tell(Channel& channel, std::span<const ChunkRange> ranges, MessageWriter& out) noexcept;
  [[nodiscard]] bool tell_one(Channel& channel, ChunkRange node, MessageWriter& out) noexcept;
  // Where a datagram is put together that is not mostly content.
  [[nodiscard]] Bytes scratch_room(const Channel& channel) noexcept;
  bool send(Channel& channel, ConstBytes head, ConstBytes content) noexcept;
  [[nodiscard]] std::uint64_t clock_us() noexcept;

  WorkerContext& context_;
  Egress& egress_;
  PeerShared& shared_;
  CachePartition* cache_;
  std::uint64_t* loops_;                      // for Quiescence
  PeerTables tables_;
  ChannelTable channels_;
  AudienceTable audiences_;                   // of swarms that others own
  std::unique_ptr<crypto::Hasher> hasher_;
  crypto::MerkleVerifier verifier_;
  std::size_t check_count_ = 0;
  std::array<crypto::ChunkCheck, kMaxChecks> checks_{};
  std::array<CheckOrigin, kMaxChecks> origins_{};
  struct Releasing {                          // chunks of a swarm that was removed go back to the cache
    ChunkStore* store;
    std::atomic<bool>* done;
  };
  std::vector<Releasing> releasing_;
  std::vector<Channel*> queued_, serving_;    // have something to send
  std::vector<std::uint32_t> waking_;         // slots of swarms whose Audience::waking is set
  std::uint64_t evicted_counted_ = 0, refetched_counted_ = 0;
  std::uint64_t clock_at_ = 0, clock_us_ = 0;  // context_.now() in ticks and in microseconds
  std::array<FirstLookup, kMaxFirsts> firsts_{};
  std::size_t first_count_ = 0;
  std::array<Waiting, kMaxWaiting> waiting_{};
  std::size_t waiting_count_ = 0;
  std::array<Leaving, kMaxLeaving> leaving_{};
  std::size_t leaving_count_ = 0;
  std::array<std::byte, 40> random_seed_{};   // secret ‖ counter
  std::array<std::byte, 32> random_block_{};
  std::size_t random_left_ = 0;
  std::array<std::byte, 9216> scratch_;
  std::size_t tick_at_ = 0, swarm_tick_at_ = 0;
  SpscRing<Evidence> evidence_;
  VerdictTrace* trace_ = nullptr;
};

}  // namespace mediaward::dataplane::ppspp
