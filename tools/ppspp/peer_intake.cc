// SPDX-License-Identifier: Apache-2.0
// What arrives at a peer, message by message (RFC 7574 §3, §8), and what would be wrong about each. One thread; allocates.
#include <algorithm>

#include "tools/ppspp/peer_state.h"

namespace mediaward::tools::ppspp {
namespace {

constexpr unsigned kMaxKeepAlivesPerSecond = 20;
// A REQUEST for what was just sent is the same REQUEST once more.
constexpr std::uint64_t kRepeatedRequestUs = 50'000;

std::string text_of(const wire::ChunkRange& r) {
  return "chunk " + std::to_string(r.first) + (r.is_one() ? "" : " to " + std::to_string(r.last));
}

bool is_zero(ConstBytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

void PpsppPeer::State::take(const Endpoint& from, const Endpoint& to, ConstBytes payload) {
  ++counters_.datagrams_received;
  counters_.bytes_received += payload.size();
  const std::string size = std::to_string(payload.size()) + " bytes";
  if (payload.size() > settings_.max_payload) finding("sent a datagram above the path MTU", size);
  if (settings_.expects_silence) return finding("answered somebody who is not admitted", size);
  if (attack() == Attack::kHandshakeFlood) return finding("answered a HANDSHAKE for a swarm that nobody has", size);
  std::uint32_t id = 0;
  ConstBytes messages;
  if (!wire::split_channel(payload, id, messages)) {
    ++counters_.unreadable;
    return finding("sent a datagram without a channel", size);
  }
  if (to != settings_.local) {
    if (!wire::begins_with_handshake(messages)) finding("sent more than a HANDSHAKE to a port that never answered", size);
    return;
  }
  if (id == 0) return take_first(from, messages);
  Channel* channel = find(id);
  if (channel == nullptr || channel->phase == Channel::Phase::kClosed) {
    ++counters_.channels_unknown;
    if (attack() == Attack::kChannelGuessing) finding("answered a datagram to a channel that was guessed", size);
    return;
  }
  if (channel->remote != from) return finding("sent from another endpoint than the channel's", from.to_string());
  channel->last_heard = now_;
  channel->sent_since_heard = 0;
  if (messages.empty()) return take_keep_alive(*channel);
  if (channel->phase == Channel::Phase::kOpening && !wire::begins_with_handshake(messages))
    return;  // reordered: its HANDSHAKE is on the way
  wire::MessageReader reader(messages, framing_, settings_.profile);
  take_messages(*channel, reader);
}

void PpsppPeer::State::take_keep_alive(Channel& channel) {
  ++counters_.keep_alives_received;
  if (channel.phase == Channel::Phase::kAnswered) channel.phase = Channel::Phase::kOpen;
  if (now_ - channel.idle_since >= 1'000'000) {
    channel.idle_since = now_;
    channel.idle_count = 0;
  }
  if (++channel.idle_count > kMaxKeepAlivesPerSecond)
    finding("sent more than " + std::to_string(kMaxKeepAlivesPerSecond) + " keep-alives in a second");
}

void PpsppPeer::State::take_messages(Channel& channel, wire::MessageReader& reader) {
  const bool first_datagram = channel.answers && channel.handshakes == 0 && channel.phase == Channel::Phase::kAnswered;
  bool data = false;
  wire::Message message;
  while (reader.next(message)) {
    const auto type = message.type;
    ++counters_.received[static_cast<std::size_t>(type)];
    const bool heavy = type == wire::MessageType::kData || type == wire::MessageType::kSignedIntegrity;
    if (heavy && (first_datagram || (channel.initiator && !channel.third_sent)))
      finding("sent " + std::string(to_string(type)) + " before the handshake was complete");
    if (data && type != wire::MessageType::kData) finding("sent messages behind DATA", std::string(to_string(type)));
    data = data || type == wire::MessageType::kData;
    if (type == wire::MessageType::kHandshake) {
      if (!take_handshake(channel, message, reader.options())) return;
    } else {
      if (channel.phase == Channel::Phase::kAnswered && !first_datagram) channel.phase = Channel::Phase::kOpen;
      if (!take_message(channel, message)) return;
    }
  }
  if (reader.error() == wire::ParseError::kNone) return;
  ++counters_.unreadable;
  finding("sent a datagram that cannot be read", std::string(to_string(reader.error())));
}

// False: the rest of the datagram is not read.
bool PpsppPeer::State::take_message(Channel& channel, const wire::Message& m) {
  switch (m.type) {
    case wire::MessageType::kData:
      return take_data(channel, m), true;
    case wire::MessageType::kIntegrity:
      return take_integrity(channel, m), true;
    case wire::MessageType::kSignedIntegrity:
      return take_munro(channel, m), true;
    case wire::MessageType::kHave:
      return take_have(channel, m), true;
    case wire::MessageType::kAck:
      return take_ack(channel, m), true;
    case wire::MessageType::kRequest:
      return take_request(channel, m), true;
    case wire::MessageType::kCancel:
      std::erase_if(channel.wanted, [&](std::uint64_t c) { return c >= m.range.first && c <= m.range.last; });
      std::erase_if(channel.wanted_set, [&](std::uint64_t c) { return c >= m.range.first && c <= m.range.last; });
      return true;
    case wire::MessageType::kChoke:
    case wire::MessageType::kUnchoke:
      channel.choked = m.type == wire::MessageType::kChoke;
      return true;
    default:
      if (!libswift()) finding("sent a message that was not among the supported ones", std::string(to_string(m.type)));
      return true;
  }
}

// What a range names of the content. False: nothing.
bool PpsppPeer::State::clip(wire::ChunkRange& range, wire::MessageType type) {
  const Metadata& m = settings_.metadata;
  if (libswift() && !node_of(range))
    finding("sent libswift a range that is no node", std::string(to_string(type)) + " of " + text_of(range));
  if (m.live) return true;
  if (range.first >= m.chunks()) {
    finding("sent a range beyond the content", std::string(to_string(type)) + " of " + text_of(range));
    return false;
  }
  range.last = std::min(range.last, m.chunks() - 1);
  return true;
}

void PpsppPeer::State::take_integrity(Channel& channel, const wire::Message& m) {
  const auto node = node_of(m.range);
  if (!node || !tree_->in_tree(*node)) return finding("sent a hash of what is no node of the tree", text_of(m.range));
  if (is_zero(m.body)) return finding("sent an all-zero hash of a node with content", text_of(m.range));
  if (const Blob* known = tree_->verified(*node)) {
    if (!std::ranges::equal(*known, m.body)) finding("sent a hash that differs from the verified one", text_of(m.range));
    return;
  }
  if (const Blob* told = channel.pending.find(*node); told != nullptr && !std::ranges::equal(*told, m.body))
    finding("sent two hashes of one node", text_of(m.range));
  channel.pending.put(*node, m.body);
}

void PpsppPeer::State::take_have(Channel& channel, const wire::Message& m) {
  wire::ChunkRange range = m.range;
  if (!clip(range, m.type)) return;
  channel.claimed.insert(range);
  channel.acked.insert(range);
}

void PpsppPeer::State::take_ack(Channel& channel, const wire::Message& m) {
  wire::ChunkRange range = m.range;
  if (!clip(range, m.type)) return;
  if (!channel.sent.intersects(range)) finding("acknowledged a range of which nothing was sent", text_of(range));
  channel.claimed.insert(range);
  channel.acked.insert(range);
  channel.in_flight.erase(channel.in_flight.lower_bound(range.first), channel.in_flight.upper_bound(range.last));
}

void PpsppPeer::State::take_request(Channel& channel, const wire::Message& m) {
  wire::ChunkRange range = m.range;
  if (!clip(range, m.type)) return;
  if (!serves()) return finding("requested something of a peer that offers nothing", text_of(range));
  range.last = std::min(range.last, range.first + 0xffff);  // nobody asks for that much at once
  for (std::uint64_t c = range.first; c <= range.last; ++c) {
    if (!channel.told.empty() && !channel.told.contains(c)) finding("requested what was not announced to be there", text_of({c, c}));
    const auto flying = channel.in_flight.find(c);
    if (flying != channel.in_flight.end() && now_ - flying->second < kRepeatedRequestUs) continue;
    channel.in_flight.erase(c);
    if (channel.wanted_set.insert(c).second) channel.wanted.push_back(c);
  }
}

}  // namespace mediaward::tools::ppspp
