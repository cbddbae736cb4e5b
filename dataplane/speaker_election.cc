// SPDX-License-Identifier: Apache-2.0
// See speaker_election.h. Main thread.
#include "dataplane/speaker_election.h"

#include <algorithm>

#include "dataplane/speaker_level.h"

namespace mediaward::dataplane {
namespace {

constexpr std::uint32_t kFloor = (kSilenceDbov - SpeakerElection::kFloorDbov) * kLevelUnitsPerDb;

// Louder first; of equals the leg with the smaller id, so that ties do not wander.
template <typename Candidate>
bool louder(const Candidate* a, const Candidate* b) noexcept {
  return a->level != b->level ? a->level > b->level : a->leg_id < b->leg_id;
}

}  // namespace

void SpeakerElection::set_conference(std::uint64_t id, SpeakerPolicy policy, std::vector<Member> members) {
  if (policy.loudest == 0) {
    conferences_.erase(id);
    for (const Member& m : members) m.gate->open.store(true, std::memory_order_relaxed);
    return;
  }
  Conference& conference = conferences_[id];
  std::vector<Candidate> candidates;
  candidates.reserve(members.size());
  for (Member& m : members) {
    const auto& before = conference.candidates;
    const auto same = std::find_if(before.begin(), before.end(), [&](const Candidate& c) { return c.leg_id == m.leg_id; });
    const bool known = same != before.end();
    candidates.push_back({m.leg_id, std::move(m.gate), known && same->speaks, known ? same->since_tsc : 0, known ? same->level : 0});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.leg_id < b.leg_id; });
  conference.policy = policy;
  conference.candidates = std::move(candidates);
  give_up_places(conference);
  for (const Candidate& c : conference.candidates) c.gate->open.store(c.speaks, std::memory_order_relaxed);
}

// A policy that has become smaller: the quietest speakers go.
void SpeakerElection::give_up_places(Conference& conference) {
  std::vector<Candidate*> speakers;
  for (Candidate& c : conference.candidates)
    if (c.speaks) speakers.push_back(&c);
  std::sort(speakers.begin(), speakers.end(), louder<Candidate>);
  for (std::size_t i = conference.policy.loudest; i < speakers.size(); ++i) speakers[i]->speaks = false;
}

std::vector<SpeakerElection::Change> SpeakerElection::tick(std::uint64_t now_tsc) {
  std::vector<Change> changes;
  for (auto& [id, conference] : conferences_) {
    elect(conference, now_tsc);
    std::vector<std::uint64_t> speakers;
    for (const Candidate& c : conference.candidates) {
      c.gate->open.store(c.speaks, std::memory_order_relaxed);
      if (c.speaks) speakers.push_back(c.leg_id);
    }
    if (speakers == conference.told) continue;
    conference.told = speakers;
    changes.push_back({id, std::move(speakers)});
  }
  return changes;
}

std::uint32_t SpeakerElection::level_now(const SpeakerGate& gate, std::uint64_t now_tsc) const noexcept {
  const std::uint64_t heard = gate.heard_tsc.load(std::memory_order_relaxed);
  // A worker may have read its clock after our caller did.
  const bool lately = heard != 0 && static_cast<std::int64_t>(now_tsc - heard) <= static_cast<std::int64_t>(tsc_hz_ * kUnheardMs / 1000);
  return lately ? gate.level.load(std::memory_order_relaxed) : 0;
}

void SpeakerElection::elect(Conference& conference, std::uint64_t now_tsc) const {
  std::vector<Candidate*> speakers, others;
  for (Candidate& c : conference.candidates) {
    c.level = level_now(*c.gate, now_tsc);
    if (c.speaks)
      speakers.push_back(&c);
    else if (c.level > kFloor)
      others.push_back(&c);
  }
  std::sort(others.begin(), others.end(), louder<Candidate>);
  const std::uint64_t hold = tsc_hz_ * conference.policy.hold_ms / 1000;
  const std::uint32_t margin = conference.policy.hysteresis_db * kLevelUnitsPerDb;
  const auto quietest_past_hold = [&] {
    Candidate* quietest = nullptr;
    for (Candidate* s : speakers)
      if (now_tsc - s->since_tsc >= hold && (quietest == nullptr || louder(quietest, s))) quietest = s;
    return quietest;
  };
  for (Candidate* newcomer : others) {
    if (speakers.size() >= conference.policy.loudest) {
      Candidate* leaves = quietest_past_hold();
      if (leaves == nullptr || newcomer->level <= leaves->level + margin) return;  // the next are no louder
      leaves->speaks = false;
      std::erase(speakers, leaves);
    }
    newcomer->speaks = true;
    newcomer->since_tsc = now_tsc;
    speakers.push_back(newcomer);
  }
}

}  // namespace mediaward::dataplane
