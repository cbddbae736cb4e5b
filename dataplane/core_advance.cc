// SPDX-License-Identifier: Apache-2.0
// What of the core goes on between transactions: moves of buckets, elections of speakers and who may be elected, peers that make contact and
// what they are judged to be. See core.h.
// Main thread.
#include <algorithm>
#include <chrono>

#include "dataplane/core.h"

namespace mediaward::dataplane {

void Core::advance(std::uint64_t now_tsc) {
  mover_.advance();
  set_realtime(now_tsc);
  if (!mover_.staging() && swarms_->watch(now_tsc)) {
    if (!finish({})) discard();  // no room in a command ring: judged again in a second
  }
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

// Signed times are compared with the time of day, which workers do not ask for.
void Core::set_realtime(std::uint64_t now_tsc) {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const auto own = static_cast<std::int64_t>(static_cast<unsigned __int128>(now_tsc) * 1'000'000u / tsc_hz_);
  shared_.peer.realtime_offset_us.store(now - own, std::memory_order_relaxed);
}

Result<void> Core::admit_contact(const WorkerEvent& event) {
  if (mover_.staging()) return fail(ErrorCode::kUnavailable, "a bucket is being moved: try again");
  Check done = swarms_->stage_contact(event);
  if (done) done = finish({});
  if (done) return {};
  discard();
  return fail(done.error().code, done.error().message);
}

tl::expected<void, Refusal> Core::command_peer(const abi::PeerCommand& command, TransactionOptions options) {
  if (mover_.staging()) return refuse(ErrorCode::kUnavailable, command.swarm_id, "peer", "a bucket is being moved: try again");
  Check done = swarms_->stage_command(command);
  if (done) done = finish(options);
  if (!done) discard();
  return done;
}

SpscRing<ppspp::Evidence>* Core::evidence(std::size_t worker) noexcept {
  ppspp::PeerService* peers = shared_.workers[worker]->peers();
  return peers == nullptr ? nullptr : &peers->evidence();
}

std::size_t Core::buckets_of_worker(std::size_t worker) const noexcept {
  return static_cast<std::size_t>(std::count(bucket_owner_.begin(), bucket_owner_.end(), worker));
}

}  // namespace mediaward::dataplane
