// SPDX-License-Identifier: Apache-2.0
// See swarm_book.h: making it, the end of a transaction, and memory that comes back. Main thread.
#include "dataplane/ppspp/swarm_book.h"

#include <algorithm>

#include "dataplane/ppspp/policy.h"
#include "dataplane/worker.h"

namespace mediaward::dataplane::ppspp {

SwarmBook::SwarmBook(const CoreSettings& settings, WorkerShared& shared, TableMemory& tables, std::uint64_t tsc_hz, TakeHop take_hop,
                     std::function<std::uint64_t()> clock)
    : settings_(settings),
      shared_(shared),
      tables_(tables),
      tsc_hz_(tsc_hz),
      take_hop_(std::move(take_hop)),
      clock_(std::move(clock)),
      enabled_(has_network_peer(settings)),
      free_swarms_(all_places(enabled_ ? settings.peer_limits.swarms : 0)),
      free_peers_(all_places(enabled_ ? settings.peer_limits.peers : 0)),
      swarms_of_worker_(settings.workers.size(), 0) {}

void SwarmBook::commit(const Retire& retire) {
  for (const auto& [id, staged] : swarms_.staged()) {
    const SwarmObject* before = swarms_.committed(id);
    if (before != nullptr) --swarms_of_worker_[before->owner];
    if (staged != nullptr) {
      ++swarms_of_worker_[staged->owner];
      staged->judge->set_policy(policy_of(staged->terms.conduct));
    }
    const bool gone = before != nullptr && (staged == nullptr || staged->bundle != before->bundle);
    if (gone && before->bundle->store) releasing_.push_back(before->bundle);
  }
  // What a peer does counts from its first datagram on, not from the first look at it.
  for (const auto& [id, staged] : peers_.staged()) {
    std::vector<Finding> none;
    if (staged != nullptr && peers_.committed(id) == nullptr) (void)swarms_.find(staged->swarm)->judge->assess(id, PeerConduct{}, clock_(), none);
  }
  peers_.commit(retire);
  admissions_.commit(retire);
  swarms_.commit(retire);
  keys_.commit([](const auto&) {});
  audits_.clear();
}

void SwarmBook::discard() {
  peers_.discard();
  admissions_.discard();
  swarms_.discard();
  keys_.discard();
  audits_.clear();
}

void SwarmBook::collect() {
  std::erase_if(releasing_, [](const auto& bundle) { return bundle->released.load(std::memory_order_acquire); });
}

}  // namespace mediaward::dataplane::ppspp
