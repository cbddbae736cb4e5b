// SPDX-License-Identifier: Apache-2.0
// What of the core goes on between transactions: moves of buckets and elections of speakers, and who may be elected. See core.h.
// Main thread.
#include <algorithm>

#include "dataplane/core.h"

namespace mediaward::dataplane {

void Core::advance(std::uint64_t now_tsc) {
  mover_.advance();
  if (!election_.active() || now_tsc < next_election_) return;
  next_election_ = now_tsc + tsc_hz_ * SpeakerElection::kTickMs / 1000;
  for (auto& change : election_.tick(now_tsc)) speaker_changes_.push_back(std::move(change));
}

// Of conferences whose policy or candidates are others now. Whoever is muted, may not be received from or tells no level is no candidate.
void Core::refresh_speakers() {
  for (const std::uint64_t id : electing_changed_) {
    const ConferenceObject* conference = conferences_.find(id);
    const bool elects = conference != nullptr && conference->loudest != 0;
    if (!elects && electing_.erase(id) == 0) continue;
    if (conference == nullptr) {
      election_.remove_conference(id);
      continue;
    }
    if (elects) electing_.insert(id);
    std::vector<SpeakerElection::Member> members;
    for (const std::uint64_t leg_id : conference->legs) {
      const LegObject& leg = *legs_.find(leg_id);
      if (leg.audio_level_id != 0 && leg.has(abi::kLegMayReceiveFrom) && !leg.has(abi::kLegMuted)) members.push_back({leg_id, leg.gate});
    }
    election_.set_conference(id, {conference->loudest, conference->hysteresis_db, conference->hold_ms}, std::move(members));
  }
}

std::size_t Core::buckets_of_worker(std::size_t worker) const noexcept {
  return static_cast<std::size_t>(std::count(bucket_owner_.begin(), bucket_owner_.end(), worker));
}

}  // namespace mediaward::dataplane
