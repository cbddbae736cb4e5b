// SPDX-License-Identifier: Apache-2.0
// The network peer's main-thread half: swarms, admissions and content as the controller says, peers as they make contact, and judgement of
// what they do. A part of the core's transactions (core.h): staged, built, committed or forgotten with them, and like them a matter of
// commands only for workers. Swarms are given to the worker that has the fewest; they stay there.
// Staging: stage_swarm.cc; peers: swarm_peers.cc; judgement and reports: swarm_watch.cc. Main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dataplane/directory.h"
#include "dataplane/ppspp/peer_events.h"
#include "dataplane/ppspp/swarm_bundle.h"
#include "dataplane/refusal.h"
#include "dataplane/settings.h"
#include "dataplane/table_memory.h"
#include "dataplane/worker_context.h"

namespace mediaward::dataplane {
struct WorkerShared;
}

namespace mediaward::dataplane::ppspp {

// Content of a swarm with its memfd, already mapped.
struct ContentOperation {
  abi::SwarmContent message{};
  std::shared_ptr<const MappedContent> content;
};

class SwarmBook {
 public:
  using Check = tl::expected<void, Refusal>;
  using Retire = std::function<void(std::shared_ptr<const void>)>;
  // What it needs of the core: a reference to the next hop towards an address.
  using TakeHop = std::function<Result<std::shared_ptr<NextHop>>(std::uint16_t port, const IpAddress& destination)>;

  // clock: of the workers, in ticks.
  SwarmBook(const CoreSettings& settings, WorkerShared& shared, TableMemory& tables, std::uint64_t tsc_hz, TakeHop take_hop,
            std::function<std::uint64_t()> clock);
  SwarmBook(const SwarmBook&) = delete;
  SwarmBook& operator=(const SwarmBook&) = delete;

  [[nodiscard]] bool enabled() const noexcept { return enabled_; }  // a port has a part in it

  // Operations of a transaction (stage_swarm.cc). Names as in abi/peer.h.
  Check stage(const abi::Swarm& m, bool resync);
  Check stage(const abi::Admission& m);
  Check stage(const ContentOperation& m);
  Check remove_swarm(std::uint64_t id);
  Check remove_admission(std::uint64_t id);
  // What a resynchronisation did not name goes.
  void sweep(const std::unordered_set<std::uint64_t>& swarms, const std::unordered_set<std::uint64_t>& admissions);

  // A transaction's course.
  // plan: what unlinks; links: what comes after all of that.
  void build(CommandPlan& plan, CommandPlan& links) const;
  void commit(const Retire& retire);
  void discard();

  // An admitted address was heard for the first time: its peer, staged (swarm_peers.cc).
  Check stage_contact(const WorkerEvent& event);
  // A controller's word about a peer, staged.
  Check stage_command(const abi::PeerCommand& m);
  // Judges, ends bans, forgets who has been silent for long; true when something was staged by that (swarm_watch.cc).
  [[nodiscard]] bool watch(std::uint64_t now_tsc);
  // Memory of removed swarms whose chunks are back in the cache.
  void collect();

  [[nodiscard]] std::vector<abi::EventMessage> take_events() { return std::exchange(events_, {}); }
  [[nodiscard]] std::vector<abi::SwarmInfo> swarm_infos(std::uint64_t only) const;
  [[nodiscard]] std::vector<abi::PeerInfo> peer_infos(std::uint64_t swarm) const;
  [[nodiscard]] std::size_t swarms() const noexcept { return swarms_.size(); }
  [[nodiscard]] std::size_t admissions() const noexcept { return admissions_.size(); }
  [[nodiscard]] std::size_t peers() const noexcept { return peers_.size(); }
  [[nodiscard]] std::size_t releasing() const noexcept { return releasing_.size(); }

 private:
  // stage_swarm.cc
  [[nodiscard]] Check check_values(const abi::Swarm& m) const;
  [[nodiscard]] Check check_sizes(const abi::Swarm& m) const;
  Check take_place(SwarmObject& swarm);
  Check make_bundle(SwarmObject& swarm, std::shared_ptr<const MappedContent> content, bool is_leaves);
  void make_view(SwarmObject& swarm);
  [[nodiscard]] std::uint8_t least_loaded() const;
  Check restage_admissions(std::uint64_t swarm);
  Check stage_place(const abi::Admission& m, AdmissionObject& admission, const SwarmObject& swarm);
  // swarm_peers.cc
  Check make_peer(const AdmissionObject& admission, const SwarmObject& swarm, const PeerKey& key);
  [[nodiscard]] static PeerKey contact_key(const AdmissionObject& admission, const PortSettings& port);
  Check make_peer_view(PeerObject& peer);
  [[nodiscard]] std::uint8_t home_of(const SwarmObject& swarm, const Peer& peer) const;
  static void set_peer(CommandPlan& plan, std::uint8_t owner, const Peer& peer, const Peer* to);
  void drop_peers(std::uint64_t swarm, std::uint64_t admission);
  void drop_peer(std::uint64_t id);
  void unlink(CommandPlan& plan) const;
  void link(CommandPlan& plan) const;
  template <typename Object, typename F>
  void for_each(const Directory<Object>& directory, F&& f) const;
  // swarm_watch.cc
  [[nodiscard]] bool watch_peer(std::uint64_t id, std::uint64_t now_tsc);
  [[nodiscard]] bool act(std::uint64_t id, const Finding& finding, std::uint64_t now_tsc);
  void tell_swarm(const SwarmObject& swarm, std::uint64_t now_tsc);

  const CoreSettings& settings_;
  WorkerShared& shared_;
  TableMemory& tables_;
  const std::uint64_t tsc_hz_;
  const TakeHop take_hop_;
  const std::function<std::uint64_t()> clock_;
  const bool enabled_;

  std::vector<std::uint32_t> free_swarms_, free_peers_;   // before everything that gives its place back to them
  Directory<SwarmObject> swarms_;
  Directory<AdmissionObject> admissions_;
  Directory<PeerObject> peers_;
  Directory<std::uint64_t> keys_;                         // hash of a swarm's, admission's or peer's key → its id
  std::uint32_t next_generation_ = 1;
  std::uint64_t next_peer_ = 1;
  std::vector<std::uint32_t> swarms_of_worker_;
  struct Audit {
    std::uint64_t peer;
    std::uint32_t chunks;
  };
  std::vector<Audit> audits_;                             // to be told with the running transaction
  std::vector<std::shared_ptr<SwarmBundle>> releasing_;
  std::vector<abi::EventMessage> events_;
  std::uint64_t next_watch_ = 0;
};

// f(id, object) for everything as the staged changes leave it. f may stage changes of what is there, nothing new.
template <typename Object, typename F>
void SwarmBook::for_each(const Directory<Object>& directory, F&& f) const {
  for (const std::uint64_t id : directory.committed_ids())
    if (const Object* object = directory.find(id); object != nullptr) f(id, *object);
  std::vector<std::uint64_t> fresh;
  for (const auto& [id, object] : directory.staged())
    if (object != nullptr && directory.committed(id) == nullptr) fresh.push_back(id);
  for (const std::uint64_t id : fresh) f(id, *directory.find(id));
}

}  // namespace mediaward::dataplane::ppspp
