// SPDX-License-Identifier: Apache-2.0
// Which chunk is asked of which peer, and for how long (RFC 7574 §3.7). A peer is asked for what it announced and nobody else was asked
// for; a chunk that does not come is asked for again, of it or of another. See service.h. The worker's own thread.
#include "dataplane/ppspp/service.h"

#include <algorithm>

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint64_t kNothing = ~std::uint64_t{0};
constexpr unsigned kLooksPerAsk = 512;      // chunks looked at for one that may be asked for
constexpr unsigned kMissedPerAsk = 8;       // of them, those that this peer did not deliver before
constexpr std::uint8_t kTriesPerPeer = 3;   // of one chunk, while the peer delivers others
constexpr std::uint32_t kLeastWindow = 4;   // chunks
// Of a chunk that is kept from others for so long. It does not double with each timeout, as RFC 6298 §5.5 has it for a sender: that what is asked
// for again was lost is what an honest sender in its own backing off waits to hear (seed 171 of content-seeds).
constexpr std::uint64_t kMostPatienceSeconds = 10;

// Somebody else who may be asked for it, and has not been in vain.
bool another_has(const Channel& channel, std::uint64_t chunk) noexcept {
  for (const Channel* c = channel.audience->channels; c != nullptr; c = c->next_of_swarm)
    if (c != &channel && c->may_ask() && c->claimed.contains(chunk) && !c->requested.look(chunk).missed) return true;
  return false;
}

}  // namespace

// Fetching runs ahead of what receivers took by half the cache at most: what nobody had yet is not to push out what nobody had yet.
bool PeerService::may_fetch(const Swarm& swarm, std::uint64_t chunk) const noexcept {
  const FetchState& fetch = *swarm.fetch_state;
  if (swarm.fetch == abi::FetchPolicy::kNothing) return false;
  if (swarm.fetch == abi::FetchPolicy::kOnDemand && fetch.receivers == 0) return false;
  if (swarm.live()) return chunk >= oldest_kept(swarm, swarm.stats->top_chunk);
  return chunk < fetch.capacity_chunks || chunk < fetch.served_top + fetch.capacity_chunks / 2;
}

// Where to begin at this peer. A live stream is joined at the newest subtree that it has (RFC 7574 §6.2); what lies further back than its
// window it has not any more.
std::uint64_t PeerService::first_to_ask(const Channel& channel, std::uint64_t from) noexcept {
  const Swarm& swarm = *channel.swarm;
  const FetchState& fetch = *swarm.fetch_state;
  if (!swarm.live()) return std::max(from, fetch.cursor);
  const std::uint64_t newest = channel.claimed.ranges().back().last;
  if (!fetch.joined) return std::max(from, newest >> swarm.munro_level << swarm.munro_level);
  return std::max({from, fetch.cursor, oldest_kept(swarm, newest + 1)});
}

// The next chunk for this peer, at or after `from`; kNothing when there is none to be found now.
std::uint64_t PeerService::next_to_ask(Channel& channel, std::uint64_t from) noexcept {
  const Swarm& swarm = *channel.swarm;
  FetchState& fetch = *swarm.fetch_state;
  unsigned looks = 0, missed = 0;
  const auto good = [&](std::uint64_t chunk) {
    ++looks;
    if (fetch.requested(chunk) || !channel.requested.has_room(chunk) || swarm.held(chunk)) return false;
    if (std::count(channel.bad.begin(), channel.bad.end(), chunk + 1) >= 2) return false;
    if (fetch.ranks_differ && better_has(channel, chunk)) return false;
    return !channel.requested.look(chunk).missed || (missed++ < kMissedPerAsk && !another_has(channel, chunk));
  };
  std::uint64_t found = kNothing;
  fetch.audience.missed.for_each_common(channel.claimed, [&](ChunkRange range) {
    for (std::uint64_t chunk = range.first; chunk <= range.last && looks < kLooksPerAsk && found == kNothing; ++chunk)
      if (good(chunk)) found = chunk;
    return found == kNothing && looks < kLooksPerAsk;
  });
  if (found != kNothing) return found;
  // What was here and was evicted is fetched again for who asks for it, not ahead of that.
  for (auto chunk = channel.claimed.first_present(first_to_ask(channel, from)); chunk && looks < kLooksPerAsk;
       chunk = channel.claimed.first_present(*chunk + 1)) {
    const std::uint64_t fresh = fetch.audience.had.first_missing(*chunk).value_or(kNothing);
    if (*chunk == fetch.cursor) fetch.cursor = fresh;
    if (*chunk != fresh) {
      ++looks;
      chunk = fresh - 1;
      continue;
    }
    if (!may_fetch(swarm, *chunk)) return kNothing;
    if (good(*chunk)) return *chunk;
    if (*chunk == fetch.cursor && fetch.requested(*chunk)) ++fetch.cursor;
  }
  return kNothing;
}

// Of several that provide, the lowest rank is asked, as long as it delivers what it is asked for.
bool PeerService::better_has(const Channel& channel, std::uint64_t chunk) const noexcept {
  const auto delivers = [this](const Channel& c) {
    return c.requested.waiting() == 0 || context_.now() - std::max(c.last_data, c.requested.oldest(0)) < context_.tsc_hz();
  };
  for (const Channel* c = channel.audience->channels; c != nullptr; c = c->next_of_swarm)
    if (c->peer->rank < channel.peer->rank && c->may_ask() && delivers(*c) && c->claimed.contains(chunk) && !c->requested.look(chunk).missed)
      return true;
  return false;
}

void PeerService::audit(std::uint32_t slot, std::uint32_t chunks) noexcept {
  const Peer* peer = tables_.peers[slot];
  Channel* channel = peer != nullptr && peer->home == context_.index() ? peer->budget->channels : nullptr;
  while (channel != nullptr && !channel->may_ask()) channel = channel->next_of_peer;
  if (channel == nullptr) return;
  const std::uint64_t claimed = channel->claimed.count();
  for (; chunks != 0 && channel->audit_count < channel->audits.size(); --chunks)
    channel->audits[channel->audit_count++] = channel->claimed.nth((std::uint64_t{random()} << 32 | random()) % claimed);
  queue(*channel);
}

// Ordinary REQUESTs: the peer cannot tell them from others.
void PeerService::ask_audits(Channel& channel, MessageWriter& out) noexcept {
  PeerConduct& conduct = *channel.peer->conduct;
  FetchState& fetch = *channel.swarm->fetch_state;
  while (channel.audit_count != 0) {
    const std::uint64_t chunk = channel.audits[--channel.audit_count];
    const bool held = channel.swarm->held(chunk);
    if ((!held && fetch.requested(chunk)) || !channel.requested.has_room(chunk) || channel.requested.look(chunk).state != ChunkLog::State::kNone) continue;
    if (!out.request({chunk, chunk})) return;
    channel.requested.begin(chunk, kAudit, context_.now());
    if (!held) fetch.set_requested(chunk);
    add_relaxed(conduct.requested);
    add_relaxed(conduct.outstanding);
    add_relaxed(conduct.audits_issued);
    context_.count(Counter::kPpsppRequested);
  }
}

// REQUESTs with whatever else goes to this peer: runs of neighbours in one message.
void PeerService::ask(Channel& channel, MessageWriter& out) noexcept {
  const Swarm& swarm = *channel.swarm;
  PeerConduct& conduct = *channel.peer->conduct;
  if (channel.audit_count != 0) ask_audits(channel, out);
  ChunkRange run;
  bool have_run = false;
  std::uint64_t from = 0;
  const std::size_t most_messages = out.room_left() / (1 + swarm.framing.range_bytes());
  std::size_t messages = 0;
  const auto flush = [&] {
    if (!have_run) return;
    if (is_bin(swarm.framing.addressing) || channel.peer->libswift()) {
      for (std::uint64_t c = run.first; c <= run.last; ++c) (void)out.request({c, c});
    } else {
      (void)out.request(run);
    }
    have_run = false;
  };
  while (channel.repeat_count != 0 && messages < most_messages) {
    const std::uint64_t chunk = channel.repeats[--channel.repeat_count];
    const ChunkLog::Entry asked = channel.requested.look(chunk);
    if (asked.state != ChunkLog::State::kLate) continue;  // it came after all
    if (!channel.requested.has_room(chunk) || (swarm.held(chunk) && asked.bytes != kAudit)) {
      give_up(channel, asked, false);
      continue;
    }
    (void)out.request({chunk, chunk});
    ++messages;
    channel.requested.begin(chunk, asked.bytes, context_.now());
    add_relaxed(conduct.repeated);
    context_.count(Counter::kPpsppRequested);
  }
  while (channel.requested.waiting() < channel.request_window && messages < most_messages) {
    const std::uint64_t chunk = next_to_ask(channel, from);
    if (chunk == kNothing) break;
    from = chunk + 1;
    const bool joins = have_run && chunk == run.last + 1;
    if (!joins) flush(), run = {chunk, chunk}, have_run = true;
    run.last = chunk;
    messages += !joins || is_bin(swarm.framing.addressing) || channel.peer->libswift() ? 1 : 0;
    const bool missed = channel.requested.look(chunk).missed;  // it was asked for it before, in vain: that is counted
    channel.requested.begin(chunk, 0, context_.now());
    swarm.fetch_state->set_requested(chunk);
    add_relaxed(missed ? conduct.repeated : conduct.requested);
    if (!missed) add_relaxed(conduct.outstanding);
    context_.count(Counter::kPpsppRequested);
  }
  flush();
  set_relaxed(conduct.oldest_outstanding_ticks, channel.requested.oldest(0));
}

// Lost, but the peer is there: it is asked again, a few times.
void PeerService::repeat(Channel& channel, const ChunkLog::Entry& asked) noexcept {
  context_.count(Counter::kPpsppTimedOut);
  if (asked.tries >= kTriesPerPeer || channel.repeat_count == channel.repeats.size() || channel.last_data < asked.begun) {
    return give_up(channel, asked, true);
  }
  channel.repeats[channel.repeat_count++] = asked.chunk;
  queue(channel);
}

// Not expected of this peer any more: anybody may be asked for it.
// fault: it counts as a miss; otherwise nobody is to blame.
void PeerService::give_up(Channel& channel, const ChunkLog::Entry& asked, bool fault) noexcept {
  count_end(channel, asked, fault);
  swarm_release(channel, asked.chunk);
}

// Every chunk that is asked for ends once, whatever comes behind (conduct_counters.h).
void PeerService::count_end(Channel& channel, const ChunkLog::Entry& asked, bool fault) noexcept {
  if (asked.ended() || asked.state == ChunkLog::State::kNone) return;
  PeerConduct& conduct = *channel.peer->conduct;
  channel.requested.set_ended(asked.chunk, fault);
  add_relaxed(fault ? conduct.timed_out : conduct.cancelled);
  if (fault && asked.bytes == kAudit) add_relaxed(conduct.audits_missed);
  add_relaxed(conduct.outstanding, ~std::uint64_t{0});
}

void PeerService::swarm_release(const Channel& channel, std::uint64_t chunk) noexcept {
  channel.swarm->fetch_state->clear_requested(chunk);
  wake(*channel.audience);
}

void PeerService::expire_requests(Channel& channel) noexcept {
  if (channel.requested.waiting() == 0) return;
  const std::uint64_t now = context_.now();
  const std::uint64_t patience = std::clamp(4 * channel.request_rtt, context_.tsc_hz(), kMostPatienceSeconds * context_.tsc_hz());
  // As long as something comes, what was asked for later has its turn yet (a miss is measured from the last chunk).
  const std::uint64_t silent_since = std::max(channel.requested.oldest(now), channel.last_data);
  if (now - silent_since < patience) return;
  bool any = false;
  channel.requested.give_up(now - patience, channel.requested.next_order() - ChunkLog::kCapacity, [&](const ChunkLog::Entry& e) {
    any = true;
    repeat(channel, e);
  });
  if (any) channel.request_window = std::max(kLeastWindow, channel.request_window / 2);
}

// The peer goes, or will not answer: what it was asked for is everybody's again, and nobody's fault. What is on its way may still come.
void PeerService::drop_requests(Channel& channel) noexcept {
  for (std::size_t i = 0; i < channel.repeat_count; ++i) {
    count_end(channel, channel.requested.look(channel.repeats[i]), false);
    swarm_release(channel, channel.repeats[i]);
  }
  channel.repeat_count = 0;
  channel.requested.give_up(~std::uint64_t{0}, 0, [&](const ChunkLog::Entry& e) { give_up(channel, e, false); });
}

// Once per loop, however many chunks are to be asked for. Whoever waits for chunks has a look as well.
void PeerService::wake(Audience& audience) noexcept {
  if (audience.waking || waking_.size() == waking_.capacity()) return;
  audience.waking = true;
  waking_.push_back(audience.swarm->slot);
}

void PeerService::queue_woken() noexcept {
  for (const std::uint32_t slot : waking_) {
    const Swarm* swarm = tables_.swarms[slot];  // may be another one by now
    Audience* audience = swarm != nullptr ? audience_of(*swarm) : nullptr;
    if (audience == nullptr) continue;
    audience->waking = false;
    for (Channel* c = audience->channels; c != nullptr; c = c->next_of_swarm)
      if (c->may_ask() || !c->wanted.empty()) queue(*c);
  }
  waking_.clear();
}

}  // namespace mediaward::dataplane::ppspp
