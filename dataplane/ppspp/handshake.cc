// SPDX-License-Identifier: Apache-2.0
// The way into a swarm (RFC 7574 §3.1.1, §7, §12.1): who may open a channel, what both must agree on, and how one is closed. Silence is the
// only refusal. A peer's place is made by the main thread when an admitted address is heard for the first time; its HANDSHAKE waits for
// that. See service.h. The worker's own thread.
#include "dataplane/ppspp/service.h"

#include <algorithm>
#include <utility>

#include "dataplane/udp_path.h"

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint64_t kWaitsPerSecond = 4;     // a HANDSHAKE waits for the main thread that part of a second
constexpr std::uint32_t kFirstRequests = 8;      // chunks asked for at once of a peer that has not delivered yet
constexpr std::uint64_t kReconnectSeconds = 10;  // after a peer closed that we are to contact
constexpr std::size_t kFirstRuns = 8;            // announced to an address that is not proved yet (RFC 7574 §12.1)

std::uint16_t source_port_raw(const Datagram& datagram) noexcept { return load_raw<std::uint16_t>(datagram.payload - wire::kUdpBytes); }

IntegrityMethod method_of(const Swarm& swarm) noexcept { return swarm.live() ? IntegrityMethod::kUnifiedMerkleTree : IntegrityMethod::kMerkleTree; }

}  // namespace

PeerKey PeerService::sender_of(const Packet& packet, const Datagram& datagram) noexcept {
  PeerKey key;
  key.port = packet.port;
  key.peer_port_raw = source_port_raw(datagram);
  key.family = packet.l3_bytes == wire::kIpv6Bytes ? Family::kIpv6 : Family::kIpv4;
  key.address_index = static_cast<std::uint8_t>(datagram.address_index);
  std::memcpy(key.address, datagram.source, key.family == Family::kIpv4 ? 4 : 16);
  return key;
}

SwarmKeyView PeerService::note_first(const Packet& packet, const Datagram& datagram) noexcept {
  std::uint32_t id = 0;
  ConstBytes messages;
  if (!split_channel({datagram.payload, datagram.bytes}, id, messages) || first_count_ == firsts_.size()) return {};
  Handshake first;
  if (parse_handshake(messages, Profile::kLibswift, first).error != ParseError::kNone || first.options.swarm_id.size() > abi::kMaxSwarmKeyBytes)
    return {};
  const SwarmKeyView swarm{first.options.swarm_id.data(), static_cast<std::uint16_t>(first.options.swarm_id.size())};
  if (swarm.data != nullptr) firsts_[first_count_++] = {swarm, sender_of(packet, datagram)};
  return swarm;
}

// A flood of strangers' HANDSHAKEs costs the more the larger the tables are: what it costs is memory that is waited for.
void PeerService::look_ahead() noexcept {
  tables_.look_ahead({firsts_.data(), first_count_});
  first_count_ = 0;
}

void PeerService::take_first(const Waiting& first, ConstBytes messages) noexcept {
  const DropReason refused = answer_first(first, messages);
  if (refused == DropReason::kCount) return;
  context_.drop(first.packet, refused);
}

// kCount: the packet is taken care of.
DropReason PeerService::answer_first(const Waiting& waiting, ConstBytes messages) noexcept {
  Packet* const packet = waiting.packet;
  const Datagram& datagram = waiting.datagram;
  Handshake first;
  if (parse_handshake(messages, Profile::kLibswift, first).error != ParseError::kNone || first.options.swarm_id.size() > abi::kMaxSwarmKeyBytes)
    return DropReason::kPpsppMalformed;
  const Swarm* swarm = tables_.swarms_by_key.find({first.options.swarm_id.data(), static_cast<std::uint16_t>(first.options.swarm_id.size())});
  if (swarm == nullptr || swarm->guard_only || swarm->expires_tsc <= context_.now()) return DropReason::kPpsppUnknownSwarm;

  PeerKey key = sender_of(*packet, datagram);
  key.swarm_slot = swarm->slot;
  const Peer* peer = tables_.peer(key);
  if (peer == nullptr || peer->expires_tsc <= context_.now()) return wait_for_peer(waiting, key, *swarm);
  if (peer->home != context_.index()) return send_home(packet, peer->home);
  if (peer->banned) return DropReason::kPpsppBanned;
  if (!peer->libswift() && parse_handshake(messages, Profile::kRfc, first).error != ParseError::kNone) return DropReason::kPpsppMalformed;
  if (first.closes()) return DropReason::kPpsppMalformed;  // of no channel
  if (!options_match(*swarm, *peer, first.options, Side::kInitiator)) return DropReason::kPpsppMismatch;

  Channel* channel = same_channel(*peer, key.peer_port_raw, first.source_channel);  // our answer was lost
  if (channel == nullptr) {
    if (!room_for_channel(*peer)) return DropReason::kPpsppNoChannel;
    channel = open_channel(*peer, key.peer_port_raw);
    if (channel == nullptr) return DropReason::kPpsppNoChannel;
    channel->remote_id = first.source_channel;
    channel->state = ChannelState::kAnswered;
    channel->handshake_due += context_.tsc_hz();
    context_.count(Counter::kPpsppHandshakes);
  }
  channel->last_heard = context_.now();
  send_handshake(*channel);
  context_.count(Counter::kPpsppDatagrams);
  context_.release(packet);
  return DropReason::kCount;
}

// The swarm's owner found its peer, which is served by another worker.
DropReason PeerService::send_home(Packet* packet, std::uint8_t home) noexcept {
  if (leaving_count_ == leaving_.size()) return DropReason::kHandoffFull;
  leaving_[leaving_count_++] = {packet, home};
  return DropReason::kCount;
}

// At the swarm's owner, who knows the admissions; at the peer's home, where the command that brings the peer may come a little later.
DropReason PeerService::wait_for_peer(const Waiting& first, const PeerKey& key, const Swarm& swarm) noexcept {
  const AdmissionView* admission = tables_.admission(key);
  if (is_owner(swarm) && (admission == nullptr || admission->expires_tsc <= context_.now())) return DropReason::kPpsppNotAdmitted;
  const bool too_long = context_.now() - first.since > context_.tsc_hz() / kWaitsPerSecond;
  if (waiting_count_ == kMaxWaiting || too_long) return DropReason::kPpsppPeerPending;
  waiting_[waiting_count_++] = {first.packet, first.datagram, first.since, true};
  if (first.told || !is_owner(swarm)) return DropReason::kCount;
  WorkerEvent event;
  event.kind = WorkerEvent::Kind::kPeerSeen;
  event.family = key.family;
  event.leg_id = swarm.id;
  event.packets = admission->id;
  event.udp_port = byte_swap(key.peer_port_raw);
  event.port = key.port;
  event.address_index = key.address_index;
  event.head_bytes = key.family == Family::kIpv4 ? 4 : 16;
  std::memcpy(event.head.data(), key.address, event.head_bytes);
  context_.report(event);
  return DropReason::kCount;
}

// Peers were made, or it took too long.
void PeerService::retry_waiting() noexcept {
  const std::size_t n = std::exchange(waiting_count_, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const Waiting w = waiting_[i];
    take_first(w, ConstBytes{w.datagram.payload, w.datagram.bytes}.subspan(kChannelBytes));
  }
}

// Everything must be as the AS said; a peer that offers less is not negotiated with (RFC 7574 §3.1.1, §12.2).
bool PeerService::options_match(const Swarm& swarm, const Peer& peer, const HandshakeOptions& o, Side side) noexcept {
  OptionCode missing;
  if (find_missing(o, side, peer.libswift() ? Profile::kLibswift : Profile::kRfc, missing)) return false;
  if (o.version != kPpsppVersion && !(side == Side::kInitiator && o.version > kPpsppVersion && o.minimum_version <= kPpsppVersion)) return false;
  if (o.has(OptionCode::kMinimumVersion) && o.minimum_version > kPpsppVersion) return false;
  if (o.integrity != method_of(swarm) || o.addressing != swarm.framing.addressing) return false;
  if (o.has(OptionCode::kMerkleFunction) && static_cast<std::uint8_t>(o.merkle) != static_cast<std::uint8_t>(swarm.hash)) return false;
  if (o.has(OptionCode::kChunkSize) && o.chunk_bytes != swarm.chunk_bytes) return false;
  if (swarm.live() && o.live_signature != swarm.live_signature) return false;
  if (!o.has(OptionCode::kSwarmId)) return side == Side::kResponder;
  return SwarmKeyView{o.swarm_id.data(), static_cast<std::uint16_t>(o.swarm_id.size())} == swarm.key;
}

HandshakeOptions PeerService::options_of(const Swarm& swarm, const Peer& peer, Side side) const noexcept {
  HandshakeOptions o;
  o.set_version(kPpsppVersion, kPpsppVersion);
  if (side == Side::kResponder) o.present &= static_cast<std::uint16_t>(~(1u << static_cast<unsigned>(OptionCode::kMinimumVersion)));
  if (side == Side::kInitiator) o.set_swarm_id({swarm.key.data, swarm.key.bytes});
  o.set_integrity(method_of(swarm));
  if (!swarm.live() || !peer.libswift()) o.set_merkle(static_cast<MerkleFunction>(swarm.hash));
  if (swarm.live()) o.set_live_signature(swarm.live_signature);
  o.set_addressing(swarm.framing.addressing);
  if (swarm.live()) o.set_discard_window(swarm.discard_window);
  if (peer.libswift()) return o;  // it drops what has a chunk size, and misreads the bitmap
  o.set_supported(kAllButPex);
  o.set_chunk_bytes(swarm.chunk_bytes);
  return o;
}

// Within a channel: the answer to ours, a repetition, or the end (RFC 7574 §8.4). False: nothing more is read of the datagram.
bool PeerService::on_handshake(Intake& in, const Message& m, const MessageReader& reader) noexcept {
  Channel& channel = *in.channel;
  in.content = true;
  if (m.channel == 0) {
    const Peer& peer = *channel.peer;
    close_channel(channel, false);
    if (peer.connects()) connect(peer, kReconnectSeconds * context_.tsc_hz());
    return false;
  }
  if (!options_match(*channel.swarm, *channel.peer, reader.options(), Side::kResponder)) {
    in.refused = DropReason::kPpsppMismatch;
    return false;
  }
  if (channel.state == ChannelState::kOpening) {
    channel.remote_id = m.channel;
    channel.state = ChannelState::kOpen;
    channel.handshakes = 0;
    channel.handshake_due = context_.now() + context_.tsc_hz();
    context_.count(Counter::kPpsppHandshakes);
    channel.keep_alive_due = true;  // the third datagram proves to the peer that we are where we say
    queue(channel);
    return true;
  }
  if (m.channel == channel.remote_id) return true;
  in.refused = DropReason::kPpsppMalformed;
  return false;
}

Channel* PeerService::same_channel(const Peer& peer, std::uint16_t peer_port_raw, std::uint32_t remote_id) const noexcept {
  for (Channel* c = peer.budget->channels; c != nullptr; c = c->next_of_peer)
    if (c->peer_port_raw == peer_port_raw && c->remote_id == remote_id) return c;
  return nullptr;
}

// A peer has a few channels at most. One that was answered and never heard again makes room: spoofed HANDSHAKEs cost what they replace.
bool PeerService::room_for_channel(const Peer& peer) noexcept {
  Channel* oldest = nullptr;
  for (Channel* c = peer.budget->channels; c != nullptr; c = c->next_of_peer)
    if (c->state == ChannelState::kAnswered && (oldest == nullptr || c->last_heard < oldest->last_heard)) oldest = c;
  if (peer.budget->channel_count < peer.max_channels) return true;
  if (oldest == nullptr) return false;
  close_channel(*oldest, false);
  return true;
}

Channel* PeerService::open_channel(const Peer& peer, std::uint16_t peer_port_raw) noexcept {
  std::uint32_t id;
  do id = channel_id(context_.index(), random());
  while (id == 0 || channels_.find(id) != nullptr);
  Channel* channel = channels_.take(id);
  if (channel == nullptr) return nullptr;
  const Swarm& swarm = *peer.swarm;
  Audience& audience = audience_for(swarm);
  Channel* const next = audience.channels;
  channel->remote_id = 0;
  channel->choked = channel->distrusted = channel->signature_pending = channel->keep_alive_due = false;
  channel->handshakes = 0;
  channel->checking = 0;
  channel->peer_port_raw = peer_port_raw;
  channel->bad_chunks = 0;
  channel->swarm = &swarm;
  channel->peer = &peer;
  channel->audience = &audience;
  channel->next_of_swarm = next;
  channel->previous_of_swarm = nullptr;
  if (next != nullptr) next->previous_of_swarm = channel;
  audience.channels = channel;
  ++audience.channel_count;
  if (peer.provides()) {
    FetchState& fetch = *swarm.fetch_state;
    fetch.ranks_differ = fetch.ranks_differ || (fetch.rank_seen && fetch.rank != peer.rank);
    fetch.rank_seen = true;
    fetch.rank = peer.rank;
  }
  channel->next_of_peer = std::exchange(peer.budget->channels, channel);
  add_relaxed(peer.budget->channel_count);
  channel->receiving = peer.receives();
  if (channel->receiving) count_receivers(audience, 1);
  channel->last_heard = channel->last_sent = channel->last_data = context_.now();
  channel->handshake_due = context_.now();
  channel->sent_since_heard = 0;
  channel->request_window = kFirstRequests;
  channel->request_rtt = 0;
  channel->bad = {};
  channel->unverified = {};
  channel->unverified_count = 0;
  channel->unverified_again = false;
  channel->announce_due = channel->announce_wait = channel->look_from = 0;
  channel->munro_sent = 0;
  channel->ack_count = channel->repeat_count = channel->audit_count = 0;
  channel->path = peer.path;
  set_remote_port(channel->path, peer_port_raw);
  channel->max_payload = channel->path.max_udp_payload;
  channel->congestion = Ledbat(swarm.chunk_bytes, context_.tsc_hz());
  channel->pending.reset(swarm.hash);
  channel->requested.clear();
  channel->sent.clear();
  channel->claimed.clear();
  channel->acked.clear();
  channel->known.clear();
  channel->wanted.clear();
  channel->hidden.clear();
  return channel;
}

void PeerService::close_channel(Channel& channel, bool tell) noexcept {
  if (tell && channel.remote_id != 0) {
    MessageWriter out(scratch_room(channel), channel.remote_id, channel.swarm->framing);
    if (out.close()) (void)send(channel, out.bytes(), {});
  }
  drop_requests(channel);
  Audience& audience = *channel.audience;
  (channel.previous_of_swarm != nullptr ? channel.previous_of_swarm->next_of_swarm : audience.channels) = channel.next_of_swarm;
  if (channel.next_of_swarm != nullptr) channel.next_of_swarm->previous_of_swarm = channel.previous_of_swarm;
  PeerBudget& budget = *channel.peer->budget;
  Channel** link = &budget.channels;
  while (*link != &channel) link = &(*link)->next_of_peer;
  *link = channel.next_of_peer;
  add_relaxed(budget.channel_count, ~std::uint64_t{0});
  if (channel.receiving) count_receivers(audience, -1);
  if (channel.signature_pending) budget.signature_pending = false;
  add_relaxed(channel.peer->conduct->acked_unclaimed, 0 - channel.hidden.count());
  for (std::size_t i = 0; i < check_count_; ++i) {
    if (origins_[i].channel != &channel) continue;
    give_up(channel, origins_[i].asked, false);
    origins_[i].channel = nullptr;
    checks_[i].pending = nullptr;
  }
  std::erase(queued_, &channel);
  channel.queued = false;
  if (--audience.channel_count == 0 && !is_owner(*channel.swarm)) audiences_.give_back(audience);
  channels_.give_back(channel);
}

// The same peer, with other terms.
void PeerService::keep_channel(Channel& channel, const Peer& peer) noexcept {
  channel.peer = &peer;
  if (channel.receiving == peer.receives()) return;
  channel.receiving = peer.receives();
  count_receivers(*channel.audience, channel.receiving ? 1 : -1);
}

void PeerService::send_handshake(Channel& channel) noexcept {
  const Side side = channel.state == ChannelState::kOpening ? Side::kInitiator : Side::kResponder;
  MessageWriter out(scratch_room(channel), channel.remote_id, channel.swarm->framing);
  if (!out.handshake(channel.key.id, options_of(*channel.swarm, *channel.peer, side))) return;
  if (side == Side::kResponder && channel.peer->receives() && !channel.swarm->live()) {
    const auto runs = channel.audience->had.ranges();
    (void)tell(channel, runs.first(std::min(runs.size(), kFirstRuns)), out);
  }
  (void)send(channel, out.bytes(), {});
}

// A peer that the AS told us to contact.
void PeerService::connect(const Peer& peer, std::uint64_t in_ticks) noexcept {
  if (peer.banned || peer.swarm->expires_tsc <= context_.now()) return;
  if (peer.budget->channels != nullptr) return;
  Channel* channel = open_channel(peer, peer.key.peer_port_raw);
  if (channel == nullptr) return;
  channel->state = ChannelState::kOpening;
  channel->handshake_due += in_ticks;
}

// The peer believes that we have hashes which are not here any more: a new channel begins with none.
void PeerService::reopen(Channel& channel) noexcept {
  const Peer& peer = *channel.peer;
  close_channel(channel, true);
  if (peer.connects()) connect(peer, 0);
}

std::uint32_t PeerService::random() noexcept {
  if (random_left_ == 0) {
    store_raw(random_seed_.data() + 32, load_raw<std::uint64_t>(random_seed_.data() + 32) + 1);
    const crypto::HashMessage message{random_seed_.data(), static_cast<std::uint32_t>(random_seed_.size()), random_block_.data()};
    (void)hasher_->hash(crypto::HashId::kSha256, {&message, 1});
    random_left_ = random_block_.size() / sizeof(std::uint32_t);
  }
  return load_raw<std::uint32_t>(random_block_.data() + sizeof(std::uint32_t) * --random_left_);
}

}  // namespace mediaward::dataplane::ppspp
