// SPDX-License-Identifier: Apache-2.0
// HANDSHAKEs of a peer (RFC 7574 §3.1, §7, §8.4): what it offers, what it takes, and what it finds wrong. One thread; allocates.
#include <algorithm>

#include "tools/ppspp/peer_state.h"

namespace mediaward::tools::ppspp {
namespace {

constexpr unsigned kMaxHandshakeShift = 4;
constexpr std::size_t kMaxFirstRuns = 8;  // few: to an address that is not proved yet (RFC 7574 §3.1.1)

wire::IntegrityMethod method_of(const Metadata& m) {
  return m.live ? wire::IntegrityMethod::kUnifiedMerkleTree : wire::IntegrityMethod::kMerkleTree;
}

}  // namespace

wire::HandshakeOptions PpsppPeer::State::options(wire::Side side) const {
  const Metadata& m = settings_.metadata;
  wire::HandshakeOptions o;
  o.set_version(wire::kPpsppVersion, wire::kPpsppVersion);
  if (side == wire::Side::kResponder)
    o.present &= static_cast<std::uint16_t>(~(1u << static_cast<unsigned>(wire::OptionCode::kMinimumVersion)));
  if (side == wire::Side::kInitiator) o.set_swarm_id(m.swarm_id);
  o.set_integrity(attack() == Attack::kNoIntegrity ? wire::IntegrityMethod::kNone : method_of(m));
  if (!m.live || !libswift()) o.set_merkle(m.hash);
  if (attack() == Attack::kOtherHash)
    o.set_merkle(m.hash == wire::MerkleFunction::kSha1 ? wire::MerkleFunction::kSha256 : wire::MerkleFunction::kSha1);
  if (m.live && !m.swarm_id.empty()) o.set_live_signature(static_cast<wire::SignatureAlgorithm>(m.swarm_id[0]));
  o.set_addressing(m.addressing);
  if (m.live) o.set_discard_window(m.discard_window);
  if (libswift()) return o;  // neither bitmap nor chunk size
  o.set_supported(wire::kAllButPex);
  o.set_chunk_bytes(m.chunk_bytes);
  return o;
}

// Empty: they are the swarm's. Everything must be as the AS said (RFC 7574 §3.1.1).
std::string PpsppPeer::State::mismatch(const wire::HandshakeOptions& offered, wire::Side side) const {
  const Metadata& m = settings_.metadata;
  wire::OptionCode missing;
  if (find_missing(offered, side, settings_.profile, missing))
    return "option " + std::to_string(static_cast<unsigned>(missing)) + " is missing";
  if (offered.version != wire::kPpsppVersion) return "version " + std::to_string(offered.version);
  if (offered.integrity != method_of(m)) return "content integrity method " + std::to_string(static_cast<unsigned>(offered.integrity));
  if (offered.has(wire::OptionCode::kMerkleFunction) && offered.merkle != m.hash) return "another Merkle hash function";
  if (offered.addressing != m.addressing) return "another chunk addressing method";
  if (offered.has(wire::OptionCode::kChunkSize) && offered.chunk_bytes != m.chunk_bytes) return "another chunk size";
  if (m.live && static_cast<std::byte>(offered.live_signature) != m.swarm_id.at(0)) return "another live signature algorithm";
  if (libswift() && offered.has(wire::OptionCode::kChunkSize)) return "a chunk size, which libswift does not understand";
  if (offered.has(wire::OptionCode::kSwarmId) && !std::ranges::equal(offered.swarm_id, m.swarm_id)) return "another swarm";
  return {};
}

// To channel 0: somebody wants to open one. Whatever is wrong with it is met with silence (RFC 7574 §3.1.1).
void PpsppPeer::State::take_first(const Endpoint& from, ConstBytes messages) {
  wire::Handshake first;
  const wire::OptionsResult parsed = parse_handshake(messages, settings_.profile, first);
  if (parsed.error != wire::ParseError::kNone) {
    ++counters_.unreadable;
    return finding("sent a datagram to channel 0 that is no HANDSHAKE", std::string(to_string(parsed.error)));
  }
  ++counters_.received[0];
  if (first.closes()) return;  // libswift's way to say no
  if (!std::ranges::equal(first.options.swarm_id, settings_.metadata.swarm_id)) return finding("sent a HANDSHAKE for another swarm");
  if (const std::string wrong = mismatch(first.options, wire::Side::kInitiator); !wrong.empty())
    return finding("sent a HANDSHAKE with wrong options", wrong);
  Channel* channel = nullptr;
  for (const auto& c : channels_)
    if (c->phase != Channel::Phase::kClosed && c->remote == from && c->remote_id == first.source_channel) channel = c.get();
  if (channel == nullptr) {
    channel = &make_channel(from, Channel::Phase::kAnswered);
    channel->remote_id = first.source_channel;
  }
  channel->answers = true;
  channel->last_heard = now_;
  channel->sent_since_heard = 0;
  wire::MessageReader rest = wire::MessageReader::after_handshake(messages.subspan(parsed.bytes), framing_);
  take_messages(*channel, rest);
}

// In a channel: the answer to ours, a repetition, or the end. False: the rest of the datagram is not read.
bool PpsppPeer::State::take_handshake(Channel& channel, const wire::Message& message, const wire::HandshakeOptions& offered) {
  if (message.channel == 0) {
    channel.closed_by_remote = true;
    end_channel(channel);
    return false;
  }
  if (const std::string wrong = mismatch(offered, wire::Side::kResponder); !wrong.empty()) {
    finding("answered with a HANDSHAKE with wrong options", wrong);
    return false;
  }
  if (attack() == Attack::kNoIntegrity || attack() == Attack::kOtherHash) finding("answered a HANDSHAKE that does not match the swarm");
  if (channel.phase == Channel::Phase::kOpening) {
    channel.phase = Channel::Phase::kOpen;
    channel.remote_id = message.channel;
    for (Target& target : targets_)
      if (target.remote == channel.remote) target.tries = 0;
  } else if (channel.remote_id != message.channel) {
    finding("sent a second HANDSHAKE with another channel");
    return false;
  }
  channel.poke = true;  // shows that we are where we say
  return true;
}

void PpsppPeer::State::send_handshake(Channel& channel) {
  const bool opening = channel.phase == Channel::Phase::kOpening;
  if (opening && (now_ < channel.handshake_due || channel.handshakes >= settings_.max_handshakes)) return;
  channel.answers = false;
  counters_.misdeeds += attack() == Attack::kNoIntegrity || attack() == Attack::kOtherHash ? 1 : 0;
  const wire::Side side = opening ? wire::Side::kInitiator : wire::Side::kResponder;
  put(
      channel, [&](wire::MessageWriter& w) { return w.handshake(channel.local_id, options(side)); }, wire::MessageType::kHandshake);
  if (!opening && !settings_.metadata.live && held_.runs().size() < kMaxFirstRuns) {
    channel.announced = false;  // its HAVEs go with every answer: the one before was lost
    announce(channel);
  }
  flush(channel);
  if (!opening) return;
  channel.handshake_due = now_ + (settings_.handshake_timeout_us << std::min(channel.handshakes, kMaxHandshakeShift));
  ++channel.handshakes;
}

}  // namespace mediaward::tools::ppspp
