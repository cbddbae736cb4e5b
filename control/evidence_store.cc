// SPDX-License-Identifier: Apache-2.0
// See evidence_store.h. Everything under one lock: evidence is rare beside packets.
#include "control/evidence_store.h"

#include <algorithm>
#include <cstring>

namespace mediaward::control {

EvidenceStore::Peer EvidenceStore::peer_of(const Evidence& evidence) {
  Peer peer{evidence.family, {}};
  std::copy_n(evidence.peer.address, evidence.family == abi::Family::kIpv4 ? 4 : 8, peer.address.begin());
  return peer;
}

EvidenceStore::Rank EvidenceStore::rank_of(const Peer& peer, const std::deque<std::uint64_t>& sequences) {
  return {sequences.size(), ~sequences.front(), peer};
}

void EvidenceStore::forget_oldest_of(Peer peer) {
  const auto found = of_peer_.find(peer);
  auto& sequences = found->second;
  ranks_.erase(rank_of(peer, sequences));
  evidence_.erase(sequences.front());
  sequences.pop_front();
  if (sequences.empty())
    of_peer_.erase(found);
  else
    ranks_.insert(rank_of(peer, sequences));
}

std::uint64_t EvidenceStore::add(Evidence evidence) {
  const std::lock_guard lock(mutex_);
  if (evidence_.size() >= most_) {
    forget_oldest_of(std::get<Peer>(*ranks_.rbegin()));
    ++lost_;
  }
  const Peer peer = peer_of(evidence);
  auto& sequences = of_peer_[peer];
  if (!sequences.empty()) ranks_.erase(rank_of(peer, sequences));
  sequences.push_back(++last_);
  ranks_.insert(rank_of(peer, sequences));
  evidence.sequence = last_;
  evidence_.emplace(last_, std::move(evidence));
  return last_;
}

std::uint64_t EvidenceStore::acknowledge(std::uint64_t up_to) {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  for (; !evidence_.empty() && evidence_.begin()->first <= up_to; ++count) forget_oldest_of(peer_of(evidence_.begin()->second));
  return count;
}

EvidenceStore::Page EvidenceStore::page(const EvidenceFilter& filter, std::uint64_t from, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  const auto wanted = [&](const Evidence& one) {
    if (!filter.swarm_id.empty() && one.swarm_id != filter.swarm_id) return false;
    return !filter.has_address ||
           (one.family == filter.family && std::memcmp(one.peer.address, filter.address.data(), filter.address.size()) == 0);
  };
  Page out;
  for (auto at = evidence_.lower_bound(from); at != evidence_.end(); ++at) {
    if (!wanted(at->second)) continue;
    if (out.evidence.size() == most) {
      out.next = at->first;
      break;
    }
    out.evidence.push_back(at->second);
  }
  return out;
}

EvidenceStore::Counts EvidenceStore::counts() const {
  const std::lock_guard lock(mutex_);
  return {evidence_.size(), lost_, last_};
}

}  // namespace mediaward::control
