// SPDX-License-Identifier: Apache-2.0
// What follows from the verdict on a chunk: it is stored, acknowledged and announced, or counted against who sent it, with proof. See
// service.h. The worker's own thread.
#include "dataplane/ppspp/service.h"

#include <algorithm>
#include <utility>

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint32_t kBadUntilDistrusted = 3;     // chunks of one channel; what it sends is not hashed any more
constexpr std::uint32_t kMaxRequestWindow = 200;     // chunks asked for at once of one peer
constexpr std::uint32_t kLeastRequestWindow = 4;
constexpr std::uint32_t kLostAfter = 32;             // later requests answered, or twice the window: an earlier one is lost
constexpr std::uint32_t kLeastLostAfter = 8;
constexpr std::uint64_t kEvidencePerSecond = 16;     // of one peer: what is more proves nothing more
constexpr std::uint64_t kEvidenceBurst = 32;
constexpr std::uint32_t kReopenAfter = 32;           // chunks running that could not be verified, one of them twice

}  // namespace

void PeerService::verify() noexcept {
  if (check_count_ != 0) (void)verifier_.verify({checks_.data(), check_count_});  // without a hasher everything is unverifiable
}

void PeerService::commit() noexcept {
  for (std::size_t i = 0; i < check_count_; ++i) {
    if (const std::size_t next = i + 1; next < check_count_ && checks_[next].verdict == crypto::ChunkCheck::kOk && origins_[next].channel != nullptr)
      cache_->prefetch_place(*origins_[next].channel->swarm->store, checks_[next].chunk);
    const CheckOrigin origin = std::exchange(origins_[i], {});  // no business of a channel any more that is closed by this
    commit_one(checks_[i], origin);
  }
  check_count_ = 0;
}

void PeerService::commit_one(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept {
  context_.count(Counter::kPpsppHashCalls, check.hash_calls);
  if (origin.channel == nullptr) return done_with(origin.packet, DropReason::kStale);  // closed meanwhile
  Channel& channel = *origin.channel;
  --channel.checking;
  const Swarm& swarm = *channel.swarm;
  PeerConduct& conduct = *channel.peer->conduct;
  add_relaxed(swarm.stats->hash_calls, check.hash_calls);
  DropReason reason = DropReason::kCount;
  switch (check.verdict) {
    case crypto::ChunkCheck::kOk:
      if (swarm.held(check.chunk) && origin.asked.bytes == kAudit) {
        count_delivered(check, origin);
        acknowledge(channel, check.chunk, origin.timestamp_us);
      } else if (swarm.held(check.chunk)) {  // twice in one burst
        add_relaxed(conduct.duplicate);
        add_relaxed(conduct.bytes_in_other, check.bytes);
        count_end(channel, origin.asked, false);
        acknowledge(channel, check.chunk, origin.timestamp_us);
        reason = DropReason::kPpsppDuplicate;
      } else if (cache_->store(*swarm.store, check.chunk, {check.data, check.bytes})) {
        commit_ok(check, origin);
      } else {
        give_up(channel, origin.asked, false);
        reason = DropReason::kPpsppCacheFull;
      }
      break;
    case crypto::ChunkCheck::kBad: reason = commit_bad(check, origin); break;
    case crypto::ChunkCheck::kUnverifiable:
      reason = DropReason::kPpsppUnverifiable;
      break;
  }
  if (trace_ != nullptr) [[unlikely]]
    trace_->verdict({origin.packet, swarm.id, channel.key.id, check.chunk, check.verdict, true, reason == DropReason::kPpsppDuplicate, reason, check.node});
  Packet* const packet = origin.packet;
  if (check.verdict == crypto::ChunkCheck::kUnverifiable) commit_unverifiable(check, origin);  // may be the channel's end
  done_with(packet, reason);
}

// A hash is missing: lost, or never sent because the peer believes that we have it. Then it sends no chunk that is of use to us.
void PeerService::commit_unverifiable(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept {
  Channel& channel = *origin.channel;
  const Swarm& swarm = *channel.swarm;
  PeerConduct& conduct = *channel.peer->conduct;
  add_relaxed(conduct.unverifiable);
  add_relaxed(conduct.bytes_in_other, check.bytes);
  add_relaxed(swarm.stats->unverifiable);
  give_up(channel, origin.asked, false);
  if (swarm.live() && swarm.tree->verified(swarm.tree->top_of(check.chunk)) == nullptr) return;  // its munro is on the way, or being verified
  const auto known = std::find(channel.unverified.begin(), channel.unverified.end(), check.chunk + 1);
  if (known != channel.unverified.end())
    channel.unverified_again = true;
  else if (channel.unverified_count < channel.unverified.size())
    channel.unverified[channel.unverified_count] = check.chunk + 1;
  if (++channel.unverified_count >= kReopenAfter && channel.unverified_again) reopen(channel);
}

void PeerService::acknowledge(Channel& channel, std::uint64_t chunk, std::uint64_t timestamp_us) noexcept {
  if (channel.ack_count < channel.acks.size()) channel.acks[channel.ack_count++] = {chunk, clock_us() - timestamp_us};
  queue(channel);
}

void PeerService::count_delivered(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept {
  PeerConduct& conduct = *origin.channel->peer->conduct;
  add_relaxed(conduct.delivered_ok);
  add_relaxed(conduct.bytes_in_ok, check.bytes);
  if (origin.asked.bytes == kAudit) add_relaxed(conduct.audits_answered);
  if (origin.asked.ended())
    add_relaxed(conduct.late);
  else
    add_relaxed(conduct.outstanding, ~std::uint64_t{0});
}

void PeerService::commit_ok(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept {
  Channel& channel = *origin.channel;
  const Swarm& swarm = *channel.swarm;
  FetchState& fetch = *swarm.fetch_state;
  context_.count(Counter::kPpsppChunksVerified);
  context_.count(Counter::kPpsppBytesVerified, check.bytes);
  add_relaxed(swarm.stats->verified);
  add_relaxed(swarm.stats->received_bytes, check.bytes);
  if (check.chunk >= swarm.stats->top_chunk) add_relaxed(swarm.stats->top_chunk, check.chunk + 1 - swarm.stats->top_chunk);
  count_delivered(check, origin);
  channel.unverified = {};
  channel.unverified_count = 0;
  channel.unverified_again = false;
  fetch.set_done(check.chunk);
  if (fetch.receivers != 0) swarm.store->expect(check.chunk);  // or it would have to go before what everybody has by now
  if (fetch.audience.missed.contains(check.chunk)) {  // somebody waits for it
    (void)fetch.audience.missed.erase({check.chunk, check.chunk});
    wake(fetch.audience);
    tell_workers(swarm, {check.chunk, check.chunk});
  }
  (void)fetch.audience.had.insert({check.chunk, check.chunk});
  add_news(fetch.audience, {check.chunk, check.chunk});
  // As many as it answers within two seconds or so: what waits longer at a slow peer could come from another.
  if (channel.request_rtt > 4 * context_.tsc_hz())
    channel.request_window = std::max(kLeastRequestWindow, channel.request_window - 1);
  else if (channel.request_rtt < 2 * context_.tsc_hz() && channel.request_window < kMaxRequestWindow)
    ++channel.request_window;
  acknowledge(channel, check.chunk, origin.timestamp_us);
  // Requests that many later ones overtook are lost: a timeout would come much later.
  const std::uint32_t overtaken = std::clamp(2 * channel.request_window, kLeastLostAfter, kLostAfter);
  channel.requested.give_up(0, origin.asked.order - overtaken, [&](const ChunkLog::Entry& e) { repeat(channel, e); });
}

// Whoever sends a few of those is not asked any more; what else follows is for the main thread to judge.
void PeerService::note_bad(Channel& channel) noexcept {
  if (++channel.bad_chunks < kBadUntilDistrusted || channel.distrusted) return;
  channel.distrusted = true;
  drop_requests(channel);
}

// Its bytes or its hashes are not those of the content, and both came from this channel alone.
DropReason PeerService::commit_bad(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept {
  Channel& channel = *origin.channel;
  const Swarm& swarm = *channel.swarm;
  PeerConduct& conduct = *channel.peer->conduct;
  add_relaxed(conduct.bad);
  add_relaxed(conduct.bytes_in_other, check.bytes);
  add_relaxed(swarm.stats->bad);
  channel.peer->budget->failed_hashes.spend(check.hashed_bytes, context_.tsc_hz());
  give_up(channel, origin.asked, true);
  channel.bad[channel.bad_chunks % channel.bad.size()] = check.chunk + 1;
  note_bad(channel);
  channel.pending.reset(swarm.hash);  // one of them is wrong, and it is not known which
  wake(*channel.audience);
  if (!may_prove(channel.peer->budget->evidence)) return DropReason::kPpsppBadChunk;
  Evidence e = evidence_against(channel);
  e.node_level = static_cast<std::uint8_t>(check.node.level);
  e.node_index = check.node.index;
  e.chunk = check.chunk;
  e.bytes = check.bytes;
  const crypto::HashMessage message{check.data, check.bytes, e.digest.data()};
  (void)hasher_->hash(swarm.hash, {&message, 1});
  if (!evidence_.push(e)) context_.count(Counter::kEventsLost);
  return DropReason::kPpsppBadChunk;
}

bool PeerService::may_prove(TokenMeter& meter) noexcept {
  if (!meter.has(1, kEvidencePerSecond, kEvidenceBurst, context_.now(), context_.tsc_hz())) {
    context_.count(Counter::kEvidenceSpared);
    return false;
  }
  meter.spend(1, context_.tsc_hz());
  return true;
}

Evidence PeerService::evidence_against(const Channel& channel) noexcept {
  const Peer& peer = *channel.peer;
  const std::byte* l3 = channel.path.header + channel.path.l2_bytes;
  Evidence e;
  e.swarm_id = channel.swarm->id;
  e.channel = channel.key.id;
  e.family = peer.key.family;
  e.peer_port = byte_swap(channel.peer_port_raw);
  e.local_port = load_be16(l3 + channel.path.l3_bytes);
  std::memcpy(e.peer.data(), peer.key.address, e.peer.size());
  if (e.family == Family::kIpv4)
    std::memcpy(e.local.data(), l3 + 12, 4);
  else
    std::memcpy(e.local.data(), l3 + 8, 16);
  return e;
}

// A packet ends with the last of its chunks. Several chunks may have several reasons: the packet's is the first, the others are counted.
void PeerService::done_with(Packet* packet, DropReason reason) noexcept {
  if (--packet->refs != 0) {
    if (reason != DropReason::kCount) context_.count_drop(reason);
    return;
  }
  if (reason != DropReason::kCount) return context_.drop(packet, reason);
  context_.count(Counter::kPpsppDatagrams);
  context_.release(packet);
}

}  // namespace mediaward::dataplane::ppspp
