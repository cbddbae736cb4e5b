// SPDX-License-Identifier: Apache-2.0
// Channels of a peer: how they come and go, and what is due when (RFC 7574 §3.11, §3.12, §8.4). One thread; allocates.
#include <algorithm>

#include "tools/ppspp/peer_state.h"

namespace mediaward::tools::ppspp {
namespace {

constexpr std::uint64_t kReconnectUs = 2'000'000;
constexpr std::uint64_t kAnsweredUs = 10'000'000;  // a third datagram comes until then, or it was a spoofed first one
constexpr unsigned kDeadDatagrams = 3;             // RFC 7574 §3.12
constexpr std::size_t kMaxChannels = 64;           // closed ones make room

// Those attacks have no use for a channel of their own.
bool connects(Attack attack) {
  return attack != Attack::kHandshakeFlood && attack != Attack::kSpoofedPorts && attack != Attack::kChannelGuessing;
}

}  // namespace

void PpsppPeer::State::connect(const Endpoint& remote) {
  targets_.push_back({remote, 0, now_});
}

// A target without a channel gets one; one that was closed is tried again some time later, a few times.
void PpsppPeer::State::reconnect() {
  for (Target& target : targets_) {
    if (!connects(attack()) || now_ < target.due || target.tries == 3) continue;
    const bool has = std::any_of(channels_.begin(), channels_.end(),
                                 [&](const auto& c) { return c->remote == target.remote && c->phase != Channel::Phase::kClosed; });
    if (has) continue;
    ++target.tries;
    Channel& channel = make_channel(target.remote, Channel::Phase::kOpening);
    channel.initiator = true;
  }
}

Channel& PpsppPeer::State::make_channel(const Endpoint& remote, Channel::Phase phase) {
  const auto over = [](const auto& c) { return c->phase == Channel::Phase::kClosed; };
  if (channels_.size() >= kMaxChannels) std::erase_if(channels_, over);
  auto channel = std::make_unique<Channel>();
  do channel->local_id = static_cast<std::uint32_t>(random());
  while (channel->local_id == 0 || find(channel->local_id) != nullptr);
  channel->remote = remote;
  channel->phase = phase;
  channel->last_heard = channel->last_sent = channel->handshake_due = now_;
  channel->choke_change = now_ + settings_.misbehaviour.delay_us;
  channels_.push_back(std::move(channel));
  return *channels_.back();
}

Channel* PpsppPeer::State::find(std::uint32_t local_id) {
  for (const auto& c : channels_)
    if (c->local_id == local_id) return c.get();
  return nullptr;
}

// What was asked of it is to be asked of others.
void PpsppPeer::State::end_channel(Channel& channel) {
  if (filling_ == &channel) filling_ = nullptr;
  channel.phase = Channel::Phase::kClosed;
  for (const auto& [chunk, when] : channel.asked)
    if (--asked_[chunk] == 0) asked_.erase(chunk);
  channel.asked.clear();
  channel.wanted.clear();
  channel.wanted_set.clear();
  channel.in_flight.clear();
  channel.answers = channel.poke = false;
  for (Target& target : targets_)
    if (target.remote == channel.remote) target.due = now_ + kReconnectUs;
}

void PpsppPeer::State::close_all() {
  for (const auto& c : channels_) {
    if (c->phase == Channel::Phase::kClosed) continue;
    if (c->remote_id != 0) {
      put(
          *c, [](wire::MessageWriter& w) { return w.close(); }, wire::MessageType::kHandshake);
      flush(*c);
    }
    end_channel(*c);
  }
  targets_.clear();
}

void PpsppPeer::State::run_timers(Channel& channel) {
  using Phase = Channel::Phase;
  if (channel.phase == Phase::kOpening && channel.handshakes >= settings_.max_handshakes && now_ >= channel.handshake_due)
    end_channel(channel);
  if (channel.phase == Phase::kAnswered && now_ - channel.last_heard > kAnsweredUs) end_channel(channel);
  if (!channel.open()) return;
  if (now_ - channel.last_heard > settings_.dead_us && channel.sent_since_heard >= kDeadDatagrams) return end_channel(channel);
  if (now_ - channel.last_sent >= settings_.keep_alive_us) channel.poke = true;
  expire_requests(channel);
  for (auto it = channel.in_flight.begin(); it != channel.in_flight.end();) {
    if (now_ - it->second < settings_.send_timeout_us) {
      ++it;
      continue;
    }
    ++counters_.sends_lost;
    it = channel.in_flight.erase(it);
  }
  if (attack() == Attack::kChoking && now_ >= channel.choke_change) toggle_choke(channel);
}

std::uint64_t PpsppPeer::State::due_of(const Channel& channel) const {
  using Phase = Channel::Phase;
  if (channel.phase == Phase::kClosed) return kNever;
  if (channel.phase == Phase::kOpening) return channel.handshake_due;
  if (channel.phase == Phase::kAnswered) return channel.last_heard + kAnsweredUs + 1;
  std::uint64_t due = channel.last_sent + settings_.keep_alive_us;
  if (channel.tell_again != 0) due = std::min(due, channel.tell_again);
  for (const auto& [chunk, when] : channel.asked) due = std::min(due, when + settings_.request_timeout_us);
  for (const auto& [chunk, when] : channel.in_flight) due = std::min(due, when + settings_.send_timeout_us);
  if (attack() == Attack::kSlow && !channel.wanted.empty()) due = std::min(due, channel.next_send_at);
  if (attack() == Attack::kChoking) due = std::min(due, channel.choke_change);
  return due;
}

std::uint64_t PpsppPeer::State::next_due() const {
  if (dirty_) return 0;
  std::uint64_t due = next_strike_ != 0 ? next_strike_ : kNever;
  for (const auto& c : channels_) due = std::min(due, due_of(*c));
  for (const Target& target : targets_) {
    const bool has = std::any_of(channels_.begin(), channels_.end(),
                                 [&](const auto& c) { return c->remote == target.remote && c->phase != Channel::Phase::kClosed; });
    if (!has && target.tries < 3 && connects(attack())) due = std::min(due, std::max(target.due, now_));
  }
  return due;
}

}  // namespace mediaward::tools::ppspp
