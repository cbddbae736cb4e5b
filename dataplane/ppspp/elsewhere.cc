// SPDX-License-Identifier: Apache-2.0
// A swarm on several workers: the owner fetches, verifies and keeps; receivers are served by the worker that their address falls to, from
// what is verified. This is what the two sides say to one another. See service.h, mail.h, audience.h. The worker's own thread.
#include <algorithm>
#include <bit>

#include "dataplane/ppspp/service.h"

namespace mediaward::dataplane::ppspp {

Audience* PeerService::audience_of(const Swarm& swarm) noexcept {
  if (swarm.fetch_state == nullptr) return nullptr;
  return is_owner(swarm) ? &swarm.fetch_state->audience : audiences_.find(swarm.slot);
}

// Somebody of this swarm is here now.
Audience& PeerService::audience_for(const Swarm& swarm) noexcept {
  Audience* audience = audience_of(swarm);
  if (audience == nullptr) audience = &audiences_.take(swarm);
  audience->swarm = &swarm;
  return *audience;
}

// The number of receivers is what the owner goes by; it is there before the mail that makes him look.
void PeerService::count_receivers(Audience& audience, int more) noexcept {
  const Swarm& swarm = *audience.swarm;
  audience.receivers = static_cast<std::uint32_t>(static_cast<int>(audience.receivers) + more);
  set_relaxed(swarm.words[context_.index()].receivers, audience.receivers);
  if (is_owner(swarm)) return gather(swarm);
  audience.asked_all = audience.asked_all && audience.receivers != 0;  // without any, the owner stops telling us
  if (!audience.asked_all && audience.receivers != 0) ask_all(audience);
}

void PeerService::ask_all(Audience& audience) noexcept {
  const Swarm& swarm = *audience.swarm;
  audience.asked_all = shared_.mail->post(context_.index(), swarm.owner, {Mail::Kind::kAll, swarm.slot, swarm.generation, {}});
}

// These are not held, and receivers of this worker wait for them. The hashes of a group of chunks that the tree does not keep only its owner
// has for a while: another worker makes them from the chunks, and needs them all.
void PeerService::miss(Audience& audience, ChunkRange range) noexcept {
  const Swarm& swarm = *audience.swarm;
  if (!is_owner(swarm) && !swarm.live()) {
    const std::uint64_t group = (std::uint64_t{1} << swarm.tree->stored_level()) - 1;
    range = {range.first & ~group, std::min(range.last | group, swarm.chunks - 1)};
  }
  if (swarm.fetch == abi::FetchPolicy::kNothing || !audience.missed.insert(range)) return;
  if (is_owner(swarm)) return wake(audience);
  (void)shared_.mail->post(context_.index(), swarm.owner, {Mail::Kind::kMissed, swarm.slot, swarm.generation, range});  // tick says it again
}

void PeerService::read_mail() noexcept {
  if (shared_.mail == nullptr) return;
  shared_.mail->take(context_.index(), [this](std::size_t from, const Mail& mail) {
    const Swarm* swarm = mail.slot < tables_.swarms.size() ? tables_.swarms[mail.slot] : nullptr;
    if (swarm == nullptr || swarm->generation != mail.generation || swarm->fetch_state == nullptr) return;  // written before it went
    if (mail.kind == Mail::Kind::kNews) {
      if (Audience* audience = audience_of(*swarm); audience != nullptr && !is_owner(*swarm)) hear(*audience, mail.range);
    } else if (is_owner(*swarm)) {
      answer(*swarm, from, mail);
    }
  });
}

// Owner.
void PeerService::answer(const Swarm& swarm, std::size_t from, const Mail& mail) noexcept {
  FetchState& fetch = *swarm.fetch_state;
  fetch.elsewhere |= std::uint64_t{1} << from;
  gather(swarm);
  if (mail.kind == Mail::Kind::kAll) return tell_all(swarm, from);
  for (std::uint64_t chunk = mail.range.first; chunk <= mail.range.last; ++chunk) {
    if (swarm.held(chunk))
      tell_worker(swarm, from, {chunk, chunk});  // it came meanwhile
    else
      (void)fetch.audience.missed.insert({chunk, chunk});
  }
  wake(fetch.audience);
}

// Owner.
void PeerService::tell_all(const Swarm& swarm, std::size_t to) noexcept {
  FetchState& fetch = *swarm.fetch_state;
  fetch.stale &= ~(std::uint64_t{1} << to);
  for (const ChunkRange& range : fetch.audience.had.ranges()) tell_worker(swarm, to, range);
}

// Owner. Who cannot be told now is told everything once more.
void PeerService::tell_worker(const Swarm& swarm, std::size_t to, ChunkRange range) noexcept {
  if (!shared_.mail->post(context_.index(), to, {Mail::Kind::kNews, swarm.slot, swarm.generation, range})) swarm.fetch_state->stale |= std::uint64_t{1} << to;
}

// Owner.
void PeerService::tell_workers(const Swarm& swarm, ChunkRange range) noexcept {
  for (std::uint64_t left = swarm.fetch_state->elsewhere; left != 0; left &= left - 1)
    tell_worker(swarm, static_cast<std::size_t>(std::countr_zero(left)), range);
}

// Owner: how many are served by others, and how far.
void PeerService::gather(const Swarm& swarm) noexcept {
  FetchState& fetch = *swarm.fetch_state;
  std::uint64_t receivers = fetch.audience.receivers;
  for (std::uint64_t left = fetch.elsewhere; left != 0; left &= left - 1) {
    const auto worker = static_cast<std::size_t>(std::countr_zero(left));
    const std::uint64_t there = read_relaxed(swarm.words[worker].receivers);
    receivers += there;
    fetch.served_top = std::max(fetch.served_top, read_relaxed(swarm.words[worker].served_top));
    if (there == 0) fetch.elsewhere &= ~(std::uint64_t{1} << worker);
  }
  fetch.receivers = receivers;
  if (receivers == 0) fetch.joined = false;
}

// Not the owner: chunks were verified.
void PeerService::hear(Audience& audience, ChunkRange range) noexcept {
  (void)audience.had.insert(range);
  (void)audience.missed.erase(range);
  add_news(audience, range);
  wake(audience);
}

// About once in kSwarmsPerTick swarms' time: what goes by time, and what was not said for want of room.
void PeerService::tick_audience(const Swarm& swarm) noexcept {
  Audience* audience = audience_of(swarm);
  if (audience == nullptr) return;
  if (swarm.live()) forget_old(*audience);
  if (is_owner(swarm)) {
    FetchState& fetch = *swarm.fetch_state;
    if (fetch.elsewhere != 0) gather(swarm);
    if (fetch.stale != 0) tell_all(swarm, static_cast<std::size_t>(std::countr_zero(fetch.stale)));
  } else {
    if (!audience->asked_all && audience->receivers != 0) ask_all(*audience);
    if (context_.now() >= audience->forget_missed) {
      audience->missed.clear();
      audience->forget_missed = context_.now() + context_.tsc_hz();
    }
  }
  tell_news(*audience);
}

}  // namespace mediaward::dataplane::ppspp
