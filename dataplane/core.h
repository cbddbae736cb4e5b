// SPDX-License-Identifier: Apache-2.0
// The data plane's main-thread half: owns workers, tables' contents and shared regions, and turns transactions of the controller into
// table changes. A transaction is validated and everything it needs is taken before the first change is handed to a worker, so
// that applying cannot fail; one publication per worker makes it visible between two loops. The command ring is the only
// synchronisation: what was replaced is freed when every worker has drained past it.
// Main thread only; knows no sockets (control_server.h) and no ports' drivers.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include "crypto/engine.h"
#include "crypto/secret.h"
#include "dataplane/bucket_mover.h"
#include "dataplane/directory.h"
#include "dataplane/objects.h"
#include "dataplane/ppspp/swarm_book.h"
#include "dataplane/refusal.h"
#include "dataplane/slot_book.h"
#include "dataplane/speaker_election.h"
#include "dataplane/state_region.h"
#include "dataplane/stats_region.h"
#include "dataplane/worker.h"

namespace mediaward::dataplane {

// One message of a transaction.
using Operation = std::variant<abi::Conference, abi::Leg, abi::Stream, abi::Topology, abi::ObjectRemove, abi::Swarm, abi::Admission, ppspp::ContentOperation>;

struct TransactionOptions {
  bool resync = false;            // names everything: what is not named goes
  bool dry_run = false;
};

class Core {
 public:
  // Makes regions, workers and their engines. tsc_hz: of the time stamp counter.
  [[nodiscard]] static Result<std::unique_ptr<Core>> create(CoreSettings settings, crypto::CryptoProvider& provider);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;
  ~Core();                        // workers must have stopped; the state region's content is kept

  [[nodiscard]] std::size_t worker_count() const noexcept { return shared_.workers.size(); }
  [[nodiscard]] Worker& worker(std::size_t i) noexcept { return *shared_.workers[i]; }
  [[nodiscard]] const CoreSettings& settings() const noexcept { return settings_; }

  // Uses a state region that an earlier process left. Only before the first leg; kConflict afterwards.
  [[nodiscard]] Result<void> adopt_state(UniqueFd fd);

  // Hands a transaction to the workers, or refuses it whole. The caller answers the AS when applied() says so.
  [[nodiscard]] tl::expected<void, Refusal> submit(std::span<const Operation> operations, TransactionOptions options);
  // Every worker has applied everything submitted so far.
  [[nodiscard]] bool applied() const noexcept;

  // What authentic packets taught (learning.h). Both are transactions of their own, applied like any other; an error: nothing has
  // changed. The address is in force where the leg's policy has it so; kConflict when it is already, or must not move.
  [[nodiscard]] Result<void> set_latched(std::uint64_t leg_id, const IpAddress& address, std::uint16_t udp_port, bool rtcp);
  // Binds the SSRC to a free place of the leg. The stream it is now.
  [[nodiscard]] Result<std::uint64_t> bind_ssrc(std::uint64_t leg_id, std::uint32_t ssrc);

  // The network peer (ppspp/swarm_book.h). Both are transactions of their own: an admitted address that was heard for the first time, and a
  // controller's word about a peer.
  [[nodiscard]] Result<void> admit_contact(const WorkerEvent& event);
  [[nodiscard]] tl::expected<void, Refusal> command_peer(const abi::PeerCommand& command, TransactionOptions options);
  [[nodiscard]] const ppspp::SwarmBook& swarms() const noexcept { return *swarms_; }
  [[nodiscard]] const ppspp::PeerShared& peer() const noexcept { return shared_.peer; }              // without a network peer: no arena
  [[nodiscard]] const crypto::HashProvider* hashes() const noexcept { return shared_.hashes.get(); }  // nullptr: no network peer
  [[nodiscard]] const std::string& refused_hashes() const noexcept { return refused_hashes_; }        // which were not taken and why, one line each
  [[nodiscard]] std::vector<abi::EventMessage> take_peer_events() { return swarms_->take_events(); }
  // The thread that verifies signatures of live content; tests do without, and call run_signatures.
  void start_helpers() {
    if (shared_.peer.signatures != nullptr) shared_.peer.signatures->start();
  }
  bool run_signatures() { return shared_.peer.signatures != nullptr && shared_.peer.signatures->run_once(); }
  // Proof against peers, by worker.
  [[nodiscard]] SpscRing<ppspp::Evidence>* evidence(std::size_t worker) noexcept;

  // Frees what no worker refers to any more. Call often (100 ms); cheap when there is nothing.
  void collect();

  // What goes on by itself (core_advance.cc): moves of buckets, elections of speakers. Call often; now_tsc: of the workers' clock.
  void advance(std::uint64_t now_tsc);
  // Gives a bucket's legs to another worker. Complete when take_moves says so; nothing else can be submitted until then.
  [[nodiscard]] Result<void> move_bucket(std::uint32_t bucket, std::uint32_t worker, bool dry_run = false) { return mover_.request(bucket, worker, dry_run); }
  [[nodiscard]] bool moving() const noexcept { return mover_.active(); }
  [[nodiscard]] std::vector<BucketMover::Finished> take_moves() { return mover_.take_finished(); }
  [[nodiscard]] std::vector<SpeakerElection::Change> take_speaker_changes() { return std::exchange(speaker_changes_, {}); }
  // Addresses, SSRCs or speakers may change at any time: look often.
  [[nodiscard]] bool restless() const noexcept { return learning_legs_ != 0 || election_.active(); }
  [[nodiscard]] std::size_t buckets_of_worker(std::size_t worker) const noexcept;

  // A port whose link is down transmits nothing: what is meant for it is dropped and counted as such.
  void set_link(std::size_t port, bool up) noexcept { shared_.link_up[port].store(up, std::memory_order_relaxed); }

  // What the data plane has to tell: key changes that a crash made necessary, collected by submit.
  struct RekeyNotice {
    std::uint64_t leg_id;
    std::uint32_t ssrc;
  };
  [[nodiscard]] std::vector<RekeyNotice> take_rekey_notices() { return std::exchange(rekey_notices_, {}); }

  [[nodiscard]] const StatsRegion& stats() const noexcept { return stats_; }
  [[nodiscard]] const StateRegion& state() const noexcept { return *state_; }
  [[nodiscard]] std::size_t legs() const noexcept { return legs_.size(); }
  [[nodiscard]] std::size_t legs_of_worker(std::size_t worker) const noexcept { return legs_per_worker_[worker]; }
  [[nodiscard]] const crypto::SecretArena& keys() const noexcept { return *arena_; }
  [[nodiscard]] std::size_t table_bytes() const noexcept { return tables_.used_bytes(); }  // of what workers look up
  [[nodiscard]] const NeighbourTable& neighbours(std::size_t port) const noexcept { return *shared_.neighbours[port]; }
  [[nodiscard]] const NeighbourBudget& neighbour_budget() const noexcept { return *budget_; }
  [[nodiscard]] std::size_t retired() const noexcept { return retired_.size(); }
  [[nodiscard]] std::uint64_t tsc_hz() const noexcept { return tsc_hz_; }

 private:
  friend class BucketMover;  // stages, builds and commits as submit does, but hands over step by step
  struct Retired {
    std::vector<std::uint64_t> sequence;                       // by worker: what its drained_sequence must reach
    std::vector<std::shared_ptr<const void>> objects;
  };
  using Plan = CommandPlan;
  using Check = tl::expected<void, Refusal>;
  // One direction's keys, as they are staged (stage_keys.cc).
  struct KeyRequest {
    std::span<const abi::Key> keys;
    std::uint64_t object_id;
    const char* field;                                         // "leg.send_keys"
    bool seals;
    bool may_change_suite;
  };
  // Who of two legs hears whom (build_stream.cc).
  struct Hearing {
    bool media = false, control = false;
    bool isolated = false;                                     // no media because of the topology
  };

  Core(CoreSettings settings, crypto::CryptoProvider& provider, StatsRegion stats, StateRegion state,
       std::unique_ptr<crypto::SecretArena> arena, std::uint64_t tsc_hz);
  Result<void> make_workers();
  void use_region(StateRegion region);

  // The course of a transaction (transaction.cc).
  Check finish(TransactionOptions options);
  Check check_room(const Plan& plan);
  void hand_over(const Plan& plan);
  void keep_slots();
  void commit(bool resync);
  void remember_spent_keys();
  void count_legs(const LegObject* before, const LegObject* after);
  void discard();

  // Validation: one function per operation.
  Check stage(const abi::Conference& m);                                                        // stage_conference.cc
  Check stage(const abi::Topology& m);
  Check stage_policy(const abi::Conference& m, ConferenceObject& conference);
  Check stage(const abi::ObjectRemove& m);                                                      // stage_remove.cc
  Check remove_conference(std::uint64_t id);
  void remove_leg(const LegObject& removed);
  void vacate(LegObject& leg);
  void remove_stream(const StreamObject& stream);
  void forget_stream(const StreamObject& stream);
  void sweep(std::span<const Operation> operations);
  void sweep_conferences(std::span<const Operation> operations);
  Check stage(const abi::Leg& m);                                                               // stage_leg.cc
  Check stage_settings(const abi::Leg& m, LegObject& leg, const LegObject& before, bool is_new, bool replaced);
  Check stage_place(const abi::Leg& m, LegObject& leg);
  Check stage_rtcp_port(const abi::Leg& m, LegObject& leg, bool had_one);
  Check stage_leg_keys(const abi::Leg& m, LegObject& leg, bool replaced);
  Check check_leg_unchanged(const abi::Leg& m, const LegObject& leg) const;
  void leave(LegObject& leg);
  void mark_dirty(const LegObject& before, const LegObject& leg, bool is_new);
  Check stage_remote(const abi::Leg& m, LegObject& leg);                                        // stage_remote.cc
  Check stage_route(LegObject& leg);
  Check learn_remote(LegObject& leg, const IpAddress& address, std::uint16_t udp_port, bool rtcp);
  Check remember_remote(const LegObject& leg);
  void recall_remote(LegObject& leg);
  Check stage_keys(const KeyRequest& request, KeyList& keys);                                   // stage_keys.cc
  Check check_key(const KeyRequest& request, const abi::Key& key) const;
  Check stage_seal_keys(SealOwner owner, const KeyRequest& request, const KeyList& before, const KeyList& after);
  Check claim_seal_key(SealOwner owner, const KeyRequest& request, std::uint64_t fingerprint);
  void give_up_seal_keys(const KeyList& keys);
  void take_over_slots(std::uint64_t owner, const KeyList& receive, const KeyList& send);
  Check stage(const abi::Stream& m);                                                            // stage_stream.cc
  Check stage(const abi::Swarm& m) { return swarms_->stage(m, resync_); }                       // ppspp/stage_swarm.cc
  Check stage(const abi::Admission& m) { return swarms_->stage(m); }
  Check stage(const ppspp::ContentOperation& m) { return swarms_->stage(m); }
  Check stage_again(const abi::Stream& m, const StreamObject& stream);
  Check bind(StreamObject& stream, std::uint32_t ssrc);
  Check take_receive_slot(StreamObject& stream, const LegObject& leg);
  Check check_continuity(const StreamObject& stream, const ConferenceObject& conference) const;
  [[nodiscard]] std::uint32_t bound_before(const StreamObject& stream) const;

  // Building what workers see (build.cc, build_leg.cc, build_stream.cc).
  Check build(Plan& plan);
  Check build_objects(Plan& plan);
  void drop_gone_slots();
  void unlink_legs(Plan& plan) const;
  void unlink_streams(Plan& plan) const;
  void build_leg(LegObject& leg, bool send_side, Plan& plan);
  void build_group(ConferenceObject& conference);
  Check build_stream(StreamObject& stream, Plan& plan);
  Check fan_out(StreamObject& stream, const LegObject& leg, const ConferenceObject& conference, StreamBundle& bundle, std::vector<FanoutLists>& parts);
  Check add_context(FanoutLists& to, StreamObject& stream, const Hearing& hearing, const SlotKey& key, const KeyMaterial& material, const LegTx* tx,
                    std::size_t worker);
  void build_shares(StreamObject& stream, std::vector<FanoutLists>& parts, StreamBundle& bundle, Plan& plan);
  [[nodiscard]] Hearing hearing(const ConferenceObject& conference, const LegObject& from, const LegObject& to) const;
  [[nodiscard]] Result<SlotPtr> send_slot(const StreamObject& stream, const SlotKey& key, const KeyMaterial& material, std::size_t worker);
  [[nodiscard]] Result<SlotPtr> writable(const SlotKey& key, SlotPtr slot, std::size_t worker);
  StateRegion::Use note_use(const SlotPtr& slot, std::uint64_t key_fingerprint, std::uint64_t stream, std::size_t worker, bool torn);
  [[nodiscard]] bool torn(const SlotHandle& slot, const LegObject& leg) const noexcept;
  [[nodiscard]] bool may_condense(const SlotKey& key, std::uint64_t key_fingerprint) const;

  void refresh_speakers();                                                                      // core_advance.cc

  [[nodiscard]] std::uint8_t owner_of(const LegObject& leg) const noexcept { return bucket_owner_[bucket_of(leg.local_port)]; }
  Result<void> make_peer_parts();
  void set_realtime(std::uint64_t now_tsc);
  void sweep_swarms(std::span<const Operation> operations);
  [[nodiscard]] Result<std::shared_ptr<NextHop>> hop_towards(std::uint16_t port, const IpAddress& destination);
  [[nodiscard]] std::shared_ptr<NextHop> take_hop(std::uint16_t port, NextHop* hop);
  void retire_hop(std::unique_ptr<NextHop> hop);

  CoreSettings settings_;
  crypto::CryptoProvider& provider_;
  const std::uint64_t tsc_hz_;
  StatsRegion stats_;
  std::unique_ptr<StateRegion> state_;
  std::unique_ptr<SlotBook> book_;                                       // who holds which of its slots
  std::unique_ptr<crypto::SecretArena> arena_;
  TableMemory tables_{settings_.huge_pages};                             // before everything that lives in it
  std::unique_ptr<NeighbourBudget> budget_;
  WorkerShared shared_;
  std::array<std::uint8_t, kBuckets> bucket_owner_{};                    // worker index
  std::vector<std::uint32_t> free_legs_;
  std::uint32_t next_generation_ = 1;

  ppspp::MappedMemory cache_memory_;
  std::string refused_hashes_;
  std::unique_ptr<ppspp::SwarmBook> swarms_;                             // after what next hops go back to
  Directory<ConferenceObject> conferences_;
  Directory<LegObject> legs_;
  Directory<StreamObject> streams_;
  Directory<std::uint64_t> endpoints_;                                   // port, local address and UDP port → leg
  Directory<SealOwner> seal_keys_;                                       // fingerprint of a seal key, in force or staged → whose
  // Of the running transaction:
  bool resync_ = false;
  bool quiesced_ = false;                                                // workers let go of what is rebuilt before others get it
  std::unordered_set<std::uint64_t> touched_conferences_;                // all of their streams are built anew
  std::unordered_set<std::uint64_t> dirty_legs_, dirty_receivers_;       // both sides; the receive side only
  std::unordered_set<std::uint64_t> dirty_streams_;
  std::unordered_set<std::uint64_t> electing_changed_;                          // conferences with other candidates or another policy
  std::unordered_set<std::uint64_t> rekeyed_;                            // legs and group-key conferences: slots of gone streams may go
  std::vector<std::uint64_t> spent_seal_keys_;
  std::vector<std::pair<SlotPtr, StateRegion::Use>> uses_;               // in force with the transaction
  std::vector<SlotPtr> claims_, unnamed_;                                // taken over; of streams that are removed
  std::vector<std::pair<SlotPtr, Remote>> learned_;
  // Seal keys that were in use and must never be sealed with again; the oldest are forgotten beyond kSpentKeys.
  std::unordered_set<std::uint64_t> spent_keys_;
  std::deque<std::uint64_t> spent_order_;
  std::vector<std::size_t> legs_per_worker_;
  std::vector<RekeyNotice> rekey_notices_, staged_notices_;
  std::vector<std::uint64_t> published_;                                 // by worker
  std::vector<Retired> retired_;
  std::vector<std::unique_ptr<NextHop>> unlinked_hops_;                  // wait for room in a command ring
  BucketMover mover_{*this};
  SpeakerElection election_{tsc_hz_};
  std::uint64_t next_election_ = 0;
  std::vector<SpeakerElection::Change> speaker_changes_;
  std::size_t learning_legs_ = 0;                                        // that latch or bind
  std::unordered_set<std::uint64_t> electing_;                           // conferences known to election_
};

}  // namespace mediaward::dataplane
