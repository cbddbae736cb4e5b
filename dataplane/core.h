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
#include "dataplane/directory.h"
#include "dataplane/objects.h"
#include "dataplane/state_region.h"
#include "dataplane/stats_region.h"
#include "dataplane/worker.h"

namespace mediaward::dataplane {

// One message of a transaction.
using Operation = std::variant<abi::Conference, abi::Leg, abi::Stream, abi::ObjectRemove>;

struct Refusal {
  ErrorCode code = ErrorCode::kInvalid;
  std::uint32_t operation = 0;    // index of the refused operation
  std::uint64_t object_id = 0;
  std::string field;              // "leg.local.port"
  std::string message;
};

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

  // Frees what no worker refers to any more. Call often (100 ms); cheap when there is nothing.
  void collect();

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
  [[nodiscard]] const NeighbourTable& neighbours(std::size_t port) const noexcept { return *shared_.neighbours[port]; }
  [[nodiscard]] const NeighbourBudget& neighbour_budget() const noexcept { return *budget_; }
  [[nodiscard]] std::size_t retired() const noexcept { return retired_.size(); }
  [[nodiscard]] std::uint64_t tsc_hz() const noexcept { return tsc_hz_; }

 private:
  struct Retired {
    std::vector<std::uint64_t> sequence;                       // by worker: what its drained_sequence must reach
    std::vector<std::shared_ptr<const void>> objects;
  };
  using Plan = std::vector<std::vector<Command>>;              // what a transaction will tell the workers, by worker
  using Check = tl::expected<void, Refusal>;

  Core(CoreSettings settings, crypto::CryptoProvider& provider, StatsRegion stats, StateRegion state,
       std::unique_ptr<crypto::SecretArena> arena, std::uint64_t tsc_hz);
  Result<void> make_workers();

  // Validation: one function per operation (transaction.cc).
  Check stage(const abi::Conference& m);
  Check stage(const abi::Leg& m);
  Check stage(const abi::Stream& m);
  Check stage(const abi::ObjectRemove& m);
  Check stage_new_leg(const abi::Leg& m, LegObject& leg);
  Check stage_keys(const abi::Leg& m, LegObject& leg);
  void take_over_slots(LegObject& leg);
  Check stage_route(const abi::Leg& m, LegObject& leg);
  Check stage_send_key(const abi::Leg& m, const LegObject& leg, std::uint64_t before);
  Check check_leg_unchanged(const abi::Leg& m, const LegObject& leg) const;
  Check check_ssrc(const abi::Stream& m, const LegObject& leg) const;
  Check check_continuity(const abi::Stream& m, const LegObject& leg) const;
  void remove_leg(const LegObject& leg);
  void remove_stream(const StreamObject& stream);
  void sweep(const std::unordered_set<std::uint64_t>& named);
  Result<std::shared_ptr<SlotHandle>> take_slot(abi::SlotKind kind, std::uint64_t leg, std::uint64_t stream, std::uint32_t ssrc, const KeyMaterial& key);

  // Building what workers see (build.cc).
  Check build(Plan& plan);
  void build_leg(LegObject& leg, Plan& plan);
  Check build_stream(StreamObject& stream, Plan& plan);
  Result<void> add_receiver(StreamRx& rx, const StreamObject& stream, std::uint64_t receiver, std::size_t worker);
  void unlink_removed(Plan& plan);
  Check check_room(const Plan& plan);
  void hand_over(const Plan& plan);
  void commit(bool resync);
  void keep_slots();

  [[nodiscard]] std::uint8_t owner_of(const LegObject& leg) const noexcept { return shared_.bucket_owner[bucket_of(leg.local_port)]; }
  [[nodiscard]] std::shared_ptr<NextHop> take_hop(std::uint16_t port, NextHop* hop);
  void retire_hop(std::unique_ptr<NextHop> hop);
  void discard();

  CoreSettings settings_;
  crypto::CryptoProvider& provider_;
  const std::uint64_t tsc_hz_;
  StatsRegion stats_;
  std::unique_ptr<StateRegion> state_;
  std::unique_ptr<crypto::SecretArena> arena_;
  bool keep_state_ = false;
  std::unique_ptr<NeighbourBudget> budget_;
  WorkerShared shared_;
  std::vector<std::uint32_t> free_legs_;
  std::uint32_t next_generation_ = 1;

  Directory<ConferenceObject> conferences_;
  Directory<LegObject> legs_;
  Directory<StreamObject> streams_;
  Directory<std::uint64_t> endpoints_;                                   // port, local address and UDP port → leg
  Directory<std::uint64_t> send_keys_;                                   // fingerprint of a live seal key → leg
  // Of the running transaction:
  std::unordered_set<std::uint64_t> touched_conferences_, dirty_legs_;
  std::vector<std::uint64_t> spent_send_keys_;
  // Seal keys that were in use and must never be sealed with again; the oldest are forgotten beyond kSpentKeys.
  std::unordered_set<std::uint64_t> spent_keys_;
  std::deque<std::uint64_t> spent_order_;
  std::vector<std::size_t> legs_per_worker_;
  std::vector<RekeyNotice> rekey_notices_, staged_notices_;
  std::vector<std::uint64_t> published_;                                 // by worker
  std::vector<Retired> retired_;
  std::vector<std::unique_ptr<NextHop>> unlinked_hops_;                  // wait for room in a command ring
};

}  // namespace mediaward::dataplane
