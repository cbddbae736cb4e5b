// SPDX-License-Identifier: Apache-2.0
// From a datagram to what it means (RFC 7574 §8): which channel, which messages in which order, and for DATA a check that is made together
// with all others of the loop. Nothing is hashed here. See service.h. The worker's own thread.
#include "dataplane/ppspp/service.h"

#include <algorithm>

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint64_t kIdleDatagramsPerSecond = 50;   // without content: keep-alives and the like (segments of a storm come thousandfold)
constexpr std::uint64_t kIdleDatagramsBurst = 200;
constexpr std::uint32_t kReorderedChunks = 3;    // RFC 9002 §6.1.1: what was sent so many before one that is acknowledged is lost
constexpr std::uint64_t kRepeatsPerSecond = 50;  // of one REQUEST: a sooner one is a double, not a sign of loss
constexpr std::uint64_t kFailedBytesPerSecond = 64 * 1024;  // hashed for nothing, per peer
constexpr std::uint64_t kFailedBytesBurst = 512 * 1024;

DropReason reason_of(ParseError error) noexcept {
  switch (error) {
    case ParseError::kTruncated: return DropReason::kPpsppTruncated;
    case ParseError::kUnknownType:
    case ParseError::kReservedType: return DropReason::kPpsppUnknownMessage;
    default: return DropReason::kPpsppMalformed;
  }
}

std::uint16_t source_port_raw(const Datagram& datagram) noexcept { return load_raw<std::uint16_t>(datagram.payload - wire::kUdpBytes); }

bool is_zero(ConstBytes bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// A peer that may provide, and acknowledges what was never here: it has it from others, and has not announced it to who would ask for it
// (RFC 7574 §3.2). Chunks; the ACK itself tells of them from now on.
std::uint64_t note_hidden(Channel& channel, ChunkRange range) noexcept {
  const Swarm& swarm = *channel.swarm;
  const auto& had = channel.audience->had;
  if (!channel.peer->provides() || channel.claimed.covers(range) || channel.claimed.full() || had.full()) return 0;
  if (swarm.live()) {
    if (range.first >= swarm.stats->top_chunk) return 0;
    range.last = std::min(range.last, swarm.stats->top_chunk - 1);
  }
  const std::uint64_t before = channel.hidden.count();
  had.for_each_missing(range, [&](ChunkRange never_here) {
    channel.claimed.for_each_missing(never_here, [&](ChunkRange unannounced) { return channel.hidden.insert(unannounced); });
    return true;
  });
  return channel.hidden.count() - before;
}

// Announced at last. With no room for what would be left, nothing is held against it.
void forget_hidden(Channel& channel, ChunkRange range) noexcept {
  const std::uint64_t before = channel.hidden.count();
  if (!channel.hidden.erase(range)) channel.hidden.clear();
  add_relaxed(channel.peer->conduct->acked_unclaimed, channel.hidden.count() - before);
}

bool is_audited(const Channel& channel, std::uint64_t chunk) noexcept {
  const ChunkLog::Entry asked = channel.requested.look(chunk);
  return asked.bytes == kAudit && asked.state == ChunkLog::State::kWaiting;
}

std::uint64_t chunks_in_both(const RangeSet<256>& set, ChunkRange range) noexcept {
  std::uint64_t n = 0;
  set.for_each_present(range, [&](ChunkRange both) {
    n += both.count();
    return true;
  });
  return n;
}

}  // namespace

// A HANDSHAKE goes to the swarm's owner, who may pass it on; all else to who gave the channel its id.
Route PeerService::route(const Datagram& datagram, bool handed_over) const noexcept {
  std::uint32_t id = 0;
  ConstBytes messages;
  if (!split_channel({datagram.payload, datagram.bytes}, id, messages)) return {Route::To::kNowhere, 0, DropReason::kPpsppTruncated};
  if (id == 0) {
    Handshake first;
    if (parse_handshake(messages, Profile::kLibswift, first).error != ParseError::kNone || !first.options.has(OptionCode::kSwarmId) ||
        first.options.swarm_id.size() > abi::kMaxSwarmKeyBytes)
      return {Route::To::kNowhere, 0, DropReason::kPpsppMalformed};
    return route_first({first.options.swarm_id.data(), static_cast<std::uint16_t>(first.options.swarm_id.size())}, handed_over);
  }
  return route_to(worker_of_channel(id));
}

Route PeerService::route_first(SwarmKeyView key, bool handed_over) const noexcept {
  const Swarm* swarm = tables_.swarms_by_key.find(key);
  if (swarm == nullptr || swarm->guard_only) return {Route::To::kNowhere, 0, DropReason::kPpsppUnknownSwarm};
  return route_to(handed_over ? context_.index() : swarm->owner);
}

Route PeerService::route_to(std::size_t worker) const noexcept {
  if (worker >= shared_.caches.size()) return {Route::To::kNowhere, 0, DropReason::kPpsppUnknownChannel};
  return {worker == context_.index() ? Route::To::kHere : Route::To::kElsewhere, static_cast<std::uint8_t>(worker)};
}

void PeerService::take(Packet* packet, const Datagram& datagram) noexcept {
  if (check_count_ + kMaxChecksPerDatagram > kMaxChecks) [[unlikely]] {
    verify();
    commit();
  }
  std::uint32_t id = 0;
  ConstBytes messages;
  if (!split_channel({datagram.payload, datagram.bytes}, id, messages)) return context_.drop(packet, DropReason::kPpsppTruncated);
  if (id == 0) return take_first({packet, datagram, context_.now()}, messages);
  take_channel(packet, datagram, id, messages);
}

void PeerService::take_channel(Packet* packet, const Datagram& datagram, std::uint32_t id, ConstBytes messages) noexcept {
  Channel* channel = channels_.find(id);
  if (channel == nullptr) return context_.drop(packet, DropReason::kPpsppUnknownChannel);
  const Peer& peer = *channel->peer;
  const bool v6 = peer.key.family == Family::kIpv6;
  const bool same = source_port_raw(datagram) == channel->peer_port_raw && datagram.address_index == peer.key.address_index &&
                    packet->port == peer.key.port && (packet->l3_bytes == wire::kIpv6Bytes) == v6 &&
                    (v6 ? std::memcmp(datagram.source, peer.key.address, 16) == 0 : std::memcmp(datagram.source, peer.key.address, 4) == 0);
  if (!same) return context_.drop(packet, DropReason::kPpsppSourceMismatch, peer.swarm_id);
  if (peer.expires_tsc <= context_.now() || channel->swarm->expires_tsc <= context_.now()) {
    close_channel(*channel, true);
    return context_.drop(packet, DropReason::kPpsppUnknownChannel, peer.swarm_id);
  }

  channel->last_heard = context_.now();
  channel->sent_since_heard = 0;
  set_relaxed(peer.conduct->last_heard_ticks, context_.now());
  set_relaxed(peer.conduct->datagrams_unanswered, 0);
  if (messages.empty()) {
    if (!may_idle(*channel)) return context_.drop(packet, DropReason::kPpsppRateLimited, peer.swarm_id);
    add_relaxed(peer.conduct->keep_alives);
    context_.count(Counter::kPpsppKeepAlives);
    if (channel->state == ChannelState::kAnswered) channel->state = ChannelState::kOpen, queue(*channel);
    return context_.release(packet);
  }
  Intake in{.packet = packet, .channel = channel, .id = id};
  MessageReader reader(messages, channel->swarm->framing, peer.libswift() ? Profile::kLibswift : Profile::kRfc);
  read_messages(in, reader);
  finish(in);
}

void PeerService::read_messages(Intake& in, MessageReader& reader) noexcept {
  Message m;
  const bool by_handshake = in.channel->state == ChannelState::kOpening;
  bool first = true;
  while (in.refused == DropReason::kCount && reader.next(m)) {
    if (m.type == MessageType::kHandshake) {
      if (!on_handshake(in, m, reader)) return;  // closed, or refused
    } else if (by_handshake && first) {
      in.refused = DropReason::kPpsppMalformed;  // it has to answer our HANDSHAKE first (RFC 7574 §3.1.1)
      return;
    } else {
      if (in.channel->state == ChannelState::kAnswered) in.channel->state = ChannelState::kOpen, queue(*in.channel);
      on_message(in, m, reader);
    }
    first = false;
  }
  if (in.refused == DropReason::kCount && reader.error() != ParseError::kNone) in.refused = reason_of(reader.error());
}

void PeerService::on_message(Intake& in, const Message& m, const MessageReader&) noexcept {
  switch (m.type) {
    case MessageType::kData: return on_data(in, m);
    case MessageType::kIntegrity: return on_integrity(in, m);
    case MessageType::kSignedIntegrity: return on_signed_integrity(in, m);
    case MessageType::kHave: return on_have(in, m);
    case MessageType::kAck: return on_ack(in, m);
    case MessageType::kRequest: return on_request(in, m);
    case MessageType::kCancel: return on_cancel(in, m);
    case MessageType::kChoke: return on_choke(*in.channel, true);
    case MessageType::kUnchoke: return on_choke(*in.channel, false);
    default: return;  // peer exchange is not offered (RFC 7574 §12.2): harmless, and ignored
  }
}

// What a range names of the content; false: nothing.
bool PeerService::within(const Swarm& swarm, ChunkRange& range) noexcept {
  if (!swarm.has_chunk(range.first)) return false;
  if (!swarm.live()) range.last = std::min(range.last, swarm.chunks - 1);
  return true;
}

// The checks that cost nothing come before the hash: whose, wanted, which, how long.
void PeerService::on_data(Intake& in, const Message& m) noexcept {
  Channel& channel = *in.channel;
  const Swarm& swarm = *channel.swarm;
  PeerConduct& conduct = *channel.peer->conduct;
  in.content = true;
  add_relaxed(conduct.data_messages);
  const auto refuse = [&](DropReason reason) {
    in.refused = reason;
    add_relaxed(conduct.bytes_in_other, m.body.size());
  };
  const auto skip = [&](DropReason reason) {
    add_relaxed(conduct.duplicate);
    add_relaxed(swarm.stats->duplicate);
    add_relaxed(conduct.bytes_in_other, m.body.size());
    if (in.skipped != DropReason::kCount) return context_.count_drop(reason);
    in.skipped = reason;
  };
  if (!channel.peer->provides()) return refuse(DropReason::kPpsppDirection);
  const std::uint64_t chunk = m.range.first;
  if (!m.range.is_one() || !swarm.has_chunk(chunk)) return refuse(DropReason::kPpsppChunkRange);
  if (m.body.size() != swarm.length_of(chunk)) return refuse(DropReason::kPpsppChunkLength);
  if (swarm.held(chunk) && !is_audited(channel, chunk)) {  // who repeats what we have waits for an ACK (RFC 7574 §8.7), if we ever asked for it
    const bool was_asked = channel.requested.was_begun(chunk);
    const ChunkLog::Entry over = channel.requested.end(chunk);
    count_end(channel, over, false);
    if (was_asked) acknowledge(channel, chunk, m.timestamp);
    return skip(DropReason::kPpsppDuplicate);
  }
  const ChunkLog::Entry asked = channel.requested.end(chunk);
  if (asked.state == ChunkLog::State::kWaiting && asked.tries == 1) {
    const std::uint64_t rtt = context_.now() - asked.begun;
    channel.request_rtt = channel.request_rtt == 0 ? rtt : channel.request_rtt - channel.request_rtt / 8 + rtt / 8;
    set_relaxed(conduct.rtt_ticks, channel.request_rtt);
  }
  if (asked.state == ChunkLog::State::kNone) {
    if (channel.requested.was_begun(chunk) && being_checked(channel, chunk)) return skip(DropReason::kPpsppDuplicate);
    add_relaxed(conduct.unrequested);
    return refuse(DropReason::kPpsppUnrequested);
  }
  channel.last_data = context_.now();
  const bool in_budget =
      channel.peer->budget->failed_hashes.has(m.body.size(), kFailedBytesPerSecond, kFailedBytesBurst, context_.now(), context_.tsc_hz());
  if (channel.distrusted || !in_budget) {
    give_up(channel, asked, true);
    return refuse(DropReason::kPpsppHashBudget);
  }
  if (in.checks == kMaxChecksPerDatagram) {
    give_up(channel, asked, true);
    return refuse(DropReason::kPpsppMalformed);
  }
  crypto::ChunkCheck& check = checks_[check_count_];
  check.tree = swarm.tree;
  check.pending = &channel.pending;
  check.chunk = chunk;
  check.data = m.body.data();
  check.bytes = static_cast<std::uint32_t>(m.body.size());
  origins_[check_count_++] = {in.packet, &channel, asked, m.timestamp};
  ++channel.checking;
  ++in.checks;
}

// Kept for the channel that sent it, and not hashed: what it is good for shows when a chunk needs it (RFC 7574 §5.3).
void PeerService::on_integrity(Intake& in, const Message& m) noexcept {
  Channel& channel = *in.channel;
  const Swarm& swarm = *channel.swarm;
  PeerConduct& conduct = *channel.peer->conduct;
  in.content = true;
  add_relaxed(conduct.integrity_messages);
  const auto node = crypto::from_range(m.range.first, m.range.last);
  if (!node || node->level > swarm.tree->top_level() || swarm.tree->beyond(*node) || is_zero(m.body)) {
    in.refused = DropReason::kPpsppBadHash;
    return;
  }
  if (!channel.peer->provides()) {  // it may be at a worker that has no tree of its own, and nothing follows from it
    std::array<std::byte, crypto::kMaxDigestBytes> known;
    if (swarm.tree->copy(*node, known.data()) && std::memcmp(known.data(), m.body.data(), m.body.size()) != 0) in.refused = DropReason::kPpsppBadHash;
    return;
  }
  if (const std::byte* known = swarm.tree->verified(*node); known != nullptr) {
    if (std::memcmp(known, m.body.data(), m.body.size()) == 0) return;
    in.refused = DropReason::kPpsppBadHash;
    return on_bad_hash(channel, *node, m.body);
  }
  if (make_room_for_hash(in)) channel.pending.put(*node, m.body.data());
}

// Hashes that chunks of this loop wait for are not to be pushed out by others: the chunks come first. False: that was the channel's end.
bool PeerService::make_room_for_hash(Intake& in) noexcept {
  Channel& channel = *in.channel;
  if (channel.pending.room() != 0 || channel.checking == 0 || in.checks != 0) return true;
  verify();
  commit();
  if (channel.in_use() && channel.key.id == in.id) return true;
  in.refused = DropReason::kStale;
  return false;
}

// It contradicts what was proved: as good as a bad chunk.
void PeerService::on_bad_hash(Channel& channel, crypto::MerkleNode node, ConstBytes hash) noexcept {
  add_relaxed(channel.peer->conduct->bad);
  note_bad(channel);
  if (!may_prove(channel.peer->budget->evidence)) return;
  Evidence e = evidence_against(channel);
  e.kind = abi::EvidenceKind::kBadHash;
  e.node_level = static_cast<std::uint8_t>(node.level);
  e.node_index = node.index;
  e.chunk = crypto::first_chunk(node);
  std::memcpy(e.digest.data(), hash.data(), hash.size());
  if (!evidence_.push(e)) context_.count(Counter::kEventsLost);
}

// The network may double a datagram within one burst.
bool PeerService::being_checked(const Channel& channel, std::uint64_t chunk) const noexcept {
  for (std::size_t i = 0; i < check_count_ && channel.checking != 0; ++i)
    if (origins_[i].channel == &channel && checks_[i].chunk == chunk) return true;
  return false;
}

void PeerService::on_have(Intake& in, const Message& m) noexcept {
  Channel& channel = *in.channel;
  ChunkRange range = m.range;
  if (!within(*channel.swarm, range)) return;
  (void)channel.wanted.erase(range);  // an implicit CANCEL (RFC 7574 §3.8)
  if (!channel.hidden.empty()) forget_hidden(channel, range);
  const std::uint64_t before = channel.claimed.count();
  if (!channel.claimed.insert(range)) return;  // announced in too many pieces: what does not fit is not asked of it
  in.content = in.content || channel.claimed.count() != before;
  add_relaxed(channel.peer->conduct->claimed_chunks, channel.claimed.count() - before);
  queue(channel);
}

void PeerService::on_ack(Intake& in, const Message& m) noexcept {
  Channel& channel = *in.channel;
  ChunkRange range = m.range;
  if (!within(*channel.swarm, range)) return;
  std::uint64_t bytes = 0, chunks = 0;
  ChunkLog::Entry newest;
  channel.sent.end_between(range.first, range.last, [&](const ChunkLog::Entry& e) {
    if (chunks == 0 || static_cast<std::int32_t>(e.order - newest.order) > 0) newest = e;
    bytes += e.bytes;
    ++chunks;
    return true;
  });
  if (chunks != 0) on_newly_acked(channel, newest);
  in.content = in.content || chunks != 0;
  channel.congestion.acked(m.timestamp, bytes, context_.now());
  set_relaxed(channel.peer->budget->window_bytes, channel.congestion.cwnd_bytes());
  (void)channel.acked.insert(range);
  (void)channel.known.insert(range);
  (void)channel.wanted.erase(range);
  const std::uint64_t hidden = note_hidden(channel, range), before = channel.claimed.count();
  if (channel.claimed.insert(range)) add_relaxed(channel.peer->conduct->claimed_chunks, channel.claimed.count() - before);
  add_relaxed(channel.peer->conduct->acked_unclaimed, hidden);
  add_relaxed(channel.peer->conduct->acked_to_us_chunks, chunks + hidden);
  add_relaxed(channel.peer->conduct->acked_to_us_bytes, bytes);
  if (!channel.wanted.empty()) queue(channel);
}

// The range of an ACK reaches back to chunks whose own ACK was lost: the newest alone tells the round trip, unless it was sent twice
// (RFC 6298 §3). What went well before it and is still under way is lost (RFC 9002 §6.1); sending it again is up to its receiver.
void PeerService::on_newly_acked(Channel& channel, const ChunkLog::Entry& newest) noexcept {
  const std::uint64_t now = context_.now();
  if (newest.tries == 1) channel.congestion.rtt_sample(now - newest.begun);
  const std::uint64_t reordering = channel.congestion.reordering_ticks();
  give_up_sent(channel, std::min(newest.begun, now - std::min(reordering, now)), newest.order - (kReorderedChunks - 1));
}

// Hashes were lost as well, and who lacks one acknowledges nothing that needs it: all that was not acknowledged is taken for lost with them.
void PeerService::note_lost(Channel& channel) noexcept {
  channel.known = channel.acked;
  channel.munro_sent = 0;
}

void PeerService::give_up_sent(Channel& channel, std::uint64_t begun_before, std::uint32_t order_before) noexcept {
  bool any = false;
  channel.sent.give_up(begun_before, order_before, [&](const ChunkLog::Entry& e) {
    channel.congestion.lost(e.bytes, context_.now());
    any = true;
  });
  if (any) note_lost(channel);
}

void PeerService::on_request(Intake& in, const Message& m) noexcept {
  Channel& channel = *in.channel;
  ChunkRange range = m.range;
  if (!channel.peer->receives() || !within(*channel.swarm, range)) return;
  PeerConduct& conduct = *channel.peer->conduct;
  // What was sent and is asked for again is lost.
  const std::uint64_t lately = std::max(channel.congestion.rtt_ticks(), context_.tsc_hz() / kRepeatsPerSecond);
  bool lost = false;
  channel.sent.end_between(range.first, range.last, [&](const ChunkLog::Entry& e) {
    if (context_.now() - e.begun < lately) return false;
    channel.congestion.lost(e.bytes, context_.now());
    return lost = true;
  });
  if (lost) note_lost(channel);
  const std::uint64_t before = channel.wanted.count();
  std::uint64_t owned = 0;
  channel.wanted.for_each_missing(range, [&](ChunkRange fresh) {
    owned += chunks_in_both(channel.claimed, fresh);
    return true;
  });
  if (!channel.wanted.insert(range)) return;  // more pieces than we remember: it will ask again
  const std::uint64_t added = channel.wanted.count() - before;
  add_relaxed(conduct.requested_of_us, added);
  add_relaxed(conduct.requested_though_claimed, owned);
  in.content = in.content || added != 0;
  queue(channel);
}

void PeerService::on_cancel(Intake& in, const Message& m) noexcept {
  ChunkRange range = m.range;
  if (within(*in.channel->swarm, range)) (void)in.channel->wanted.erase(range);
}

// Informational in the RFC (§3.9); we ask nothing of who says that he will not answer, and hold it against nobody.
void PeerService::on_choke(Channel& channel, bool choked) noexcept {
  PeerConduct& conduct = *channel.peer->conduct;
  if (choked && !channel.choked) {
    add_relaxed(conduct.chokes);
    drop_requests(channel);
  }
  channel.choked = choked;
  set_relaxed(conduct.choked, choked ? 1 : 0);
  if (!choked) queue(channel);
}

bool PeerService::may_idle(Channel& channel) noexcept {
  TokenMeter& meter = channel.peer->budget->idle;
  if (!meter.has(1, kIdleDatagramsPerSecond, kIdleDatagramsBurst, context_.now(), context_.tsc_hz())) return false;
  meter.spend(1, context_.tsc_hz());
  return true;
}

// A packet with chunks to be verified ends with their verdicts. What stood before a message that was refused counts.
void PeerService::finish(const Intake& in) noexcept {
  Packet* packet = in.packet;
  const DropReason reason = in.refused != DropReason::kCount ? in.refused : in.skipped;
  if (in.refused != DropReason::kCount && in.skipped != DropReason::kCount) context_.count_drop(in.skipped);
  if (in.checks != 0) {
    packet->refs = in.checks;
    if (reason != DropReason::kCount) context_.count_drop(reason);
    return;
  }
  if (reason == DropReason::kStale) return context_.drop(packet, reason);  // the channel is another's by now
  if (reason != DropReason::kCount) return context_.drop(packet, reason, in.channel->peer->swarm_id);
  if (!in.content && in.channel->in_use() && !may_idle(*in.channel)) return context_.drop(packet, DropReason::kPpsppRateLimited, in.channel->peer->swarm_id);
  context_.count(Counter::kPpsppDatagrams);
  context_.release(packet);
}

}  // namespace mediaward::dataplane::ppspp
