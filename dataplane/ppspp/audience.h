// SPDX-License-Identifier: Apache-2.0
// The channels of one swarm on one worker, and what those behind them have been told. The owner of a swarm has one in its FetchState;
// any other worker takes one from its store when the first receiver comes to it, and gives it back after the last. What they serve is
// the same: verified chunks and hashes, which any worker may read. What is held they hear of by mail (mail.h).
// The worker it belongs to, but for SwarmWords.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/ppspp/range_set.h"
#include "dataplane/ppspp/tables.h"

namespace mediaward::dataplane::ppspp {

struct Channel;

struct Audience {
  const Swarm* swarm = nullptr;
  Channel* channels = nullptr;
  std::uint32_t channel_count = 0;
  std::uint32_t receivers = 0;         // of them: served
  bool waking = false;                 // those that provide are to be asked in this loop, those that wait to be served
  bool asked_all = false;              // elsewhere: the owner was asked for what is held
  RangeSet<64> missed;                 // receivers asked for them, and they are not held; elsewhere: the owner was told
  RangeSet<256> had;                   // verified at any time: what receivers are told of
  RangeSet<64> news;                   // verified since they were told last
  std::uint64_t next_news = 0;         // when they are told again
  std::uint64_t forget_missed = 0;     // elsewhere: when the owner is told again
};

// Of one worker, by swarm: of those that others own. Made at start; a worker alone needs none.
class AudienceTable {
 public:
  AudienceTable(std::size_t swarms, std::size_t most) : by_slot_(most != 0 ? swarms : 0, nullptr), all_(std::make_unique<Audience[]>(most)) {
    free_.reserve(most);
    for (std::size_t i = most; i-- > 0;) free_.push_back(&all_[i]);
  }
  // nullptr: nobody of this swarm is here.
  [[nodiscard]] Audience* find(std::uint32_t slot) const noexcept { return slot < by_slot_.size() ? by_slot_[slot] : nullptr; }
  // There is one for every channel that this worker can have.
  [[nodiscard]] Audience& take(const Swarm& swarm) noexcept {
    Audience& audience = *free_.back();
    free_.pop_back();
    audience = {};
    audience.swarm = &swarm;
    by_slot_[swarm.slot] = &audience;
    return audience;
  }
  void give_back(Audience& audience) noexcept {
    by_slot_[audience.swarm->slot] = nullptr;
    free_.push_back(&audience);
  }

 private:
  std::vector<Audience*> by_slot_;
  std::unique_ptr<Audience[]> all_;
  std::vector<Audience*> free_;
};

}  // namespace mediaward::dataplane::ppspp
