// SPDX-License-Identifier: Apache-2.0
// What a misbehaving peer does at times of its own (misbehaviour.h). What it does instead of something honest is beside that.
// One thread; allocates.
#include <algorithm>

#include "tools/ppspp/peer_state.h"

namespace mediaward::tools::ppspp {
namespace {

constexpr unsigned kMostAtOnce = 256;  // after the caller was away for long
constexpr std::uint16_t kFirstSpoofedPort = 20000;
constexpr std::uint16_t kSpoofedPorts = 40000;

bool has_a_clock(Attack attack) {
  switch (attack) {
    case Attack::kHashFlood:
    case Attack::kUnrequestedData:
    case Attack::kStaleMunro:
    case Attack::kChannelGuessing:
    case Attack::kKeepAliveStorm:
    case Attack::kHaveStorm:
    case Attack::kHandshakeFlood:
    case Attack::kSpoofedPorts:
      return true;
    default:
      return false;
  }
}

}  // namespace

// Attacks of so many per second; those that need a channel strike in each that is open.
void PpsppPeer::State::attack_now() {
  if (!has_a_clock(attack())) return;
  const std::uint64_t period = 1'000'000 / std::max(settings_.misbehaviour.per_second, 1u);
  if (next_strike_ == 0) next_strike_ = now_ + period;
  for (unsigned n = 0; now_ >= next_strike_ && n < kMostAtOnce; ++n, next_strike_ += std::max<std::uint64_t>(period, 1)) {
    bool any = false;
    for (const auto& c : channels_) {
      if (!c->open()) continue;
      strike(c.get());
      any = true;
    }
    if (!any) strike(nullptr);
  }
  next_strike_ = std::max(next_strike_, now_ + 1);
}

// Without a channel only what needs none.
void PpsppPeer::State::strike(Channel* channel) {
  switch (attack()) {
    case Attack::kChannelGuessing:
      return guess_channel();
    case Attack::kHandshakeFlood:
      return flood_handshakes(false);
    case Attack::kSpoofedPorts:
      return flood_handshakes(true);
    default:
      break;
  }
  if (channel == nullptr) return;
  ++counters_.misdeeds;
  switch (attack()) {
    case Attack::kHashFlood:
      return flood_hashes(*channel);
    case Attack::kUnrequestedData:
      return push_chunk(*channel);
    case Attack::kHaveStorm:
      return storm_have(*channel);
    case Attack::kStaleMunro:
      if (!munros_.empty()) write_munro(*channel, {munro_level_, munros_.begin()->first});
      return flush(*channel);
    case Attack::kKeepAliveStorm: {
      Blob keep_alive(wire::kChannelBytes);
      store_be32(keep_alive.data(), channel->remote_id);
      return send(channel, settings_.local, channel->remote, keep_alive);
    }
    default:
      return;
  }
}

// One datagram full of random digests of random nodes.
void PpsppPeer::State::flood_hashes(Channel& channel) {
  flush(channel);
  const std::uint64_t chunks = settings_.metadata.live ? std::max<std::uint64_t>(injected_, 1) : settings_.metadata.chunks();
  const unsigned levels = settings_.metadata.live ? munro_level_ + 1 : top_level_of(chunks) + 1;
  while (out(channel).room_left() >= wire::integrity_bytes(framing_)) {
    const auto level = static_cast<unsigned>(random() % levels);
    const Node node{level, random() % (((chunks - 1) >> level) + 1)};
    const Blob hash = random_bytes(framing_.hash_bytes, random());
    put(
        channel, [&](wire::MessageWriter& w) { return w.integrity(node.range(), hash); }, wire::MessageType::kIntegrity);
  }
  flush(channel);
}

void PpsppPeer::State::push_chunk(Channel& channel) {
  const auto next = held_.next_present(pushed_);
  const auto chunk = next ? next : held_.next_present(0);
  if (!chunk) return;
  pushed_ = *chunk + 1;
  send_chunk(channel, *chunk, this->chunk(*chunk));
}

// Every other chunk from a random one on: nothing that could be joined.
void PpsppPeer::State::storm_have(Channel& channel) {
  flush(channel);
  const std::uint64_t chunks = settings_.metadata.live ? 1u << 20 : settings_.metadata.chunks();
  std::uint64_t c = random() % chunks & ~std::uint64_t{1};
  while (out(channel).room_left() > framing_.range_bytes()) {
    put(
        channel,
        [&](wire::MessageWriter& w) {
          return w.have({c, c});
        },
        wire::MessageType::kHave);
    c = c + 2 < chunks ? c + 2 : 0;
  }
  flush(channel);
}

void PpsppPeer::State::guess_channel() {
  if (targets_.empty()) return;
  Channel guess;
  guess.remote = targets_[random() % targets_.size()].remote;
  guess.phase = Channel::Phase::kOpen;
  guess.remote_id = static_cast<std::uint32_t>(random() | 1);
  ++counters_.misdeeds;
  put(
      guess,
      [](wire::MessageWriter& w) {
        return w.have({0, 0});
      },
      wire::MessageType::kHave);
  put(
      guess,
      [](wire::MessageWriter& w) {
        return w.request({0, 0});
      },
      wire::MessageType::kRequest);
  flush(guess);
}

// For swarms of random ids; or for the swarm, from ports that never speak again.
void PpsppPeer::State::flood_handshakes(bool same_swarm) {
  if (targets_.empty()) return;
  ++counters_.misdeeds;
  const Endpoint to = targets_[random() % targets_.size()].remote;
  Endpoint from = settings_.local;
  wire::HandshakeOptions offered = options(wire::Side::kInitiator);
  const Blob other = random_bytes(settings_.metadata.swarm_id.size(), random());
  if (same_swarm)
    from.port = static_cast<std::uint16_t>(kFirstSpoofedPort + random() % kSpoofedPorts);
  else
    offered.set_swarm_id(other);
  Blob room(settings_.max_payload);
  wire::MessageWriter w(room, 0, framing_);
  if (!w.handshake(static_cast<std::uint32_t>(random() | 1), offered)) return;
  ++counters_.sent[0];
  send(nullptr, from, to, w.bytes());
}

// A chunk that is wrong, with a whole path of hashes that are wrong as well: as much to be hashed for nothing as can be.
void PpsppPeer::State::send_long_path(Channel& channel, std::uint64_t chunk) {
  ++counters_.misdeeds;
  flush(channel);
  const unsigned top = settings_.metadata.live ? munro_level_ : top_level_of(settings_.metadata.chunks());
  std::vector<Node> path;
  for (Node n{0, chunk}; n.level < top; n = n.parent())
    if (tree_->in_tree(n.sibling())) path.push_back(n.sibling());
  for (auto it = path.rbegin(); it != path.rend(); ++it) {
    const Blob hash = random_bytes(framing_.hash_bytes, random());
    put(
        channel, [&](wire::MessageWriter& w) { return w.integrity(it->range(), hash); }, wire::MessageType::kIntegrity);
  }
  const Blob wrong = altered(this->chunk(chunk));
  put(
      channel,
      [&](wire::MessageWriter& w) {
        return w.data({chunk, chunk}, now_, wrong);
      },
      wire::MessageType::kData);
  flush(channel);
}

void PpsppPeer::State::toggle_choke(Channel& channel) {
  channel.choking = !channel.choking;
  channel.choke_change = now_ + settings_.misbehaviour.delay_us;
  const auto type = channel.choking ? wire::MessageType::kChoke : wire::MessageType::kUnchoke;
  if (channel.choking) {
    channel.wanted.clear();  // who was choked asks again
    channel.wanted_set.clear();
  }
  put(
      channel, [&](wire::MessageWriter& w) { return channel.choking ? w.choke() : w.unchoke(); }, type);
  flush(channel);
}

// One bit is different.
Blob PpsppPeer::State::altered(ConstBytes bytes) {
  Blob out(bytes.begin(), bytes.end());
  if (!out.empty()) out[random() % out.size()] ^= static_cast<std::byte>(1u << random() % 8);
  return out;
}

}  // namespace mediaward::tools::ppspp
