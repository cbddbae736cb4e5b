// SPDX-License-Identifier: Apache-2.0
// What goes by time on a worker: HANDSHAKEs that are repeated, requests that are overdue, keep-alives, peers that are gone, objects that
// expire. A part of the channels per tick, so that no loop is long. And making the service, and its commands. See service.h. The worker's
// own thread but for constructor and destructor.
#include <sys/random.h>

#include <algorithm>

#include "dataplane/ppspp/service.h"

namespace mediaward::dataplane::ppspp {
namespace {

constexpr unsigned kMaxHandshakes = 10;          // sent without an answer before the peer is left alone for a while
constexpr std::uint64_t kHandshakeSeconds = 1;   // until the first repetition; doubles
constexpr unsigned kMostDoublings = 3;           // of it: who was only unlucky is not to wait for half a minute
constexpr std::uint64_t kHandshakePauseSeconds = 60;
constexpr std::uint64_t kDeadSeconds = 180;      // RFC 7574 §3.12
constexpr unsigned kDeadDatagrams = 3;           // RFC 7574 §3.12
constexpr std::uint64_t kKeepAliveSeconds = 30;
constexpr std::uint64_t kAnsweredSeconds = 60;   // for the third datagram of a handshake (RFC 7574 §12.1)
constexpr unsigned kNudges = 3;                  // after 1, 2 and 4 s, in case that the answer or the third datagram was lost
constexpr std::size_t kChannelsPerTick = 64;
constexpr std::size_t kSwarmsPerTick = 64;
constexpr std::size_t kEvidence = 256;
constexpr std::uint32_t kExtentsPerTick = 64;  // given back of a swarm that was removed

// Whether there is anything but guard ports.
bool is_peer(const CoreSettings& settings) noexcept {
  return std::any_of(settings.ports.begin(), settings.ports.end(), [](const PortSettings& port) { return port.ppspp_port != 0; });
}

}  // namespace

PeerService::PeerService(WorkerContext& context, const CoreSettings& settings, Egress& egress, PeerShared& shared, crypto::HashProvider& hashes)
    : context_(context),
      egress_(egress),
      shared_(shared),
      cache_(shared.caches[context.index()].get()),
      loops_(shared.loops[context.index()]),
      tables_(settings.peer_limits.swarms, settings.peer_limits.admissions, settings.peer_limits.peers),
      channels_(is_peer(settings) ? settings.peer_limits.channels : 1),
      audiences_(settings.peer_limits.swarms, shared.mail != nullptr && is_peer(settings) ? settings.peer_limits.channels : 0),
      hasher_(hashes.make_hasher()),
      verifier_(*hasher_, kChecksTogether),
      evidence_(kEvidence) {
  releasing_.reserve(settings.peer_limits.swarms);
  queued_.reserve(settings.peer_limits.channels);
  serving_.reserve(settings.peer_limits.channels);
  waking_.reserve(settings.peer_limits.swarms);
  // Without the kernel's randomness ids could be guessed: refuse to run.
  if (getrandom(random_seed_.data(), 32, 0) != 32) std::abort();
}

PeerService::~PeerService() {
  for (std::size_t i = 0; i < waiting_count_; ++i) context_.drop(waiting_[i].packet, DropReason::kStale);
  take_leaving([this](Packet* packet, std::uint8_t) { context_.drop(packet, DropReason::kStale); });
}

void PeerService::set_swarm(std::uint32_t slot, const Swarm* swarm) noexcept {
  const Swarm* before = tables_.swarms[slot];
  if (before != nullptr) {
    if (swarm == nullptr || swarm->generation != before->generation) {
      for (Audience* a = audience_of(*before); a != nullptr && a->channels != nullptr; a = audience_of(*before)) close_channel(*a->channels, true);
      tables_.swarms_by_key.erase(before->key);
      if (is_owner(*before) && before->store != nullptr) releasing_.push_back({before->store, before->released});
    } else if (Audience* audience = audience_of(*before); audience != nullptr) {
      audience->swarm = swarm;
      for (Channel* c = audience->channels; c != nullptr; c = c->next_of_swarm) c->swarm = swarm;
    }
  }
  tables_.swarms[slot] = swarm;
  if (swarm == nullptr) return;
  tables_.swarms_by_key.set(swarm);
  if (!is_owner(*swarm) || swarm->fetch_state == nullptr) return;
  swarm->fetch_state->audience.swarm = swarm;
  if (swarm->preloaded != nullptr) (void)swarm->fetch_state->audience.had.insert({0, swarm->chunks - 1});
}

void PeerService::set_peer(std::uint32_t slot, const Peer* peer) noexcept {
  const Peer* before = tables_.peers[slot];
  if (before != nullptr) tables_.peers_by_key.erase(before->key);
  if (before != nullptr && before->home == context_.index()) {
    const bool goes_on = peer != nullptr && peer->generation == before->generation && peer->home == before->home && !peer->banned;
    Channel* next = nullptr;
    for (Channel* c = before->budget->channels; c != nullptr; c = next) {
      next = c->next_of_peer;
      if (!goes_on)
        close_channel(*c, true);
      else
        keep_channel(*c, *peer);
    }
  }
  tables_.peers[slot] = peer;
  if (peer == nullptr) return;
  tables_.peers_by_key.set(peer);
  if (peer->connects() && peer->home == context_.index()) connect(*peer, 0);
  retry_waiting();
}

void PeerService::tick() noexcept {
  if (waiting_count_ != 0) retry_waiting();
  if (!releasing_.empty() && cache_->release(*releasing_.back().store, kExtentsPerTick)) {
    releasing_.back().done->store(true, std::memory_order_release);
    releasing_.pop_back();
  }
  for (std::size_t n = std::min(kChannelsPerTick, channels_.capacity()); n != 0; --n) {
    Channel& channel = channels_.at(tick_at_++ % channels_.capacity());
    if (channel.in_use()) tick_channel(channel);
  }
  for (std::size_t n = std::min(kSwarmsPerTick, tables_.swarms.size()); n != 0; --n) {
    const Swarm* swarm = tables_.swarms[swarm_tick_at_++ % tables_.swarms.size()];
    if (swarm != nullptr) tick_audience(*swarm);
  }
  count_cache();
}

void PeerService::count_cache() noexcept {
  const CacheStats& stats = cache_->stats();
  context_.count(Counter::kPpsppEvicted, stats.evicted_chunks - evicted_counted_);
  context_.count(Counter::kPpsppRefetched, stats.refetched_chunks - refetched_counted_);
  evicted_counted_ = stats.evicted_chunks;
  refetched_counted_ = stats.refetched_chunks;
}

// True: there is nothing else to do for this channel, which is not open yet.
bool PeerService::repeat_handshake(Channel& channel) noexcept {
  const std::uint64_t now = context_.now(), hz = context_.tsc_hz();
  const bool due = now >= channel.handshake_due;
  if (channel.state != ChannelState::kOpening) {
    const bool answered = channel.state == ChannelState::kAnswered;
    if (answered && now - channel.last_heard > kAnsweredSeconds * hz) {
      close_channel(channel, false);
    } else if (due && channel.handshakes < kNudges) {
      channel.handshake_due = now + (hz << ++channel.handshakes);
      if (answered)
        send_handshake(channel);
      else
        channel.keep_alive_due = true;
    }
    return answered;
  }
  if (!due) return true;
  const bool pause = channel.handshakes >= kMaxHandshakes;
  channel.handshakes = static_cast<std::uint8_t>(pause ? 0 : channel.handshakes + 1);
  channel.handshake_due = now + hz * (pause ? kHandshakePauseSeconds : kHandshakeSeconds << std::min<unsigned>(channel.handshakes - 1u, kMostDoublings));
  if (!pause) send_handshake(channel);
  return true;
}

void PeerService::tick_channel(Channel& channel) noexcept {
  const std::uint64_t now = context_.now(), hz = context_.tsc_hz();
  const Peer& peer = *channel.peer;
  if (peer.expires_tsc <= now || channel.swarm->expires_tsc <= now) return close_channel(channel, true);
  if (repeat_handshake(channel)) return;
  // RFC 7574 §3.12: gone after three minutes of silence, when it had reason to speak.
  if (now - channel.last_heard > kDeadSeconds * hz && channel.sent_since_heard >= kDeadDatagrams) {
    close_channel(channel, false);
    if (peer.connects()) connect(peer, 0);
    return;
  }
  if (channel.state != ChannelState::kOpen) return;
  expire_requests(channel);
  if (channel.congestion.timed_out(now)) {
    channel.congestion.on_timeout(now);
    give_up_sent(channel, now, channel.sent.next_order());
  } else if (channel.congestion.probe_is_due(now)) {
    channel.congestion.allow_probe();
  }
  if (now - channel.last_sent > kKeepAliveSeconds * hz) channel.keep_alive_due = true;
  const bool tells = peer.receives() && now >= channel.announce_due;
  if (channel.keep_alive_due || !channel.wanted.empty() || tells || channel.may_ask()) queue(channel);
}

}  // namespace mediaward::dataplane::ppspp
