// SPDX-License-Identifier: Apache-2.0
// Everything that goes out to a channel: acknowledgements, announcements, requests, and chunks with the hashes that their receiver lacks
// (RFC 7574 §3.2, §5.3, §5.6), as fast as congestion control and policy let it. See service.h. The worker's own thread.
#include "dataplane/ppspp/service.h"

#include <algorithm>

#include "crypto/merkle_uncles.h"

namespace mediaward::dataplane::ppspp {
namespace {

constexpr unsigned kChunksPerTurn = 16;             // of one channel, before the next has its turn
constexpr unsigned kLooksPerTurn = 256;             // wanted chunks looked at for one that is held
constexpr unsigned kAheadOfReceiver = 128;          // chunks that are fetched for one receiver because it asked for them
constexpr unsigned kNewsPerSecond = 100;
constexpr std::uint64_t kTellSeconds = 1;           // until a receiver is told once more what it does not have; doubles
constexpr std::uint64_t kMostTellSeconds = 32;
constexpr std::uint64_t kBurstBytes = 64 * 1024;    // of a rate limit

}  // namespace

// Receivers' and senders' clocks need not agree (RFC 6817 §2.3): any that counts microseconds will do.
std::uint64_t PeerService::clock_us() noexcept {
  if (clock_at_ != context_.now()) {  // once per loop: it is a division
    clock_at_ = context_.now();
    clock_us_ = static_cast<std::uint64_t>(static_cast<unsigned __int128>(clock_at_) * 1'000'000u / context_.tsc_hz());
  }
  return clock_us_;
}

void PeerService::queue(Channel& channel) noexcept {
  if (channel.queued || channel.state == ChannelState::kOpening) return;
  channel.queued = true;
  queued_.push_back(&channel);
}

std::size_t PeerService::serve() noexcept {
  cache_->advance();
  read_mail();
  queue_woken();
  std::swap(queued_, serving_);
  for (Channel* channel : serving_) channel->queued = false;
  std::size_t sent = 0;
  for (Channel* channel : serving_)
    if (channel->in_use()) sent += serve_channel(*channel);
  serving_.clear();
  return sent;
}

// Control messages first, in one datagram; then chunks.
std::size_t PeerService::serve_channel(Channel& channel) noexcept {
  std::size_t sent = 0;
  const bool open = channel.state == ChannelState::kOpen;
  const bool tells = open && channel.peer->receives() && context_.now() >= channel.announce_due;
  // Whoever joins a live stream gets the newest signed munro first (RFC 7574 §6.1.2.3).
  const std::uint64_t munros = tells && channel.swarm->live() ? channel.swarm->tree->munros() : 0;
  if (munros != 0 && channel.munro_sent == 0) (void)send_munro(channel, (munros - 1) << channel.swarm->munro_level);
  MessageWriter out(scratch_room(channel), channel.remote_id, channel.swarm->framing);
  write_acks(channel, out);
  if (tells) announce(channel, out);
  const std::uint32_t asked = channel.requested.next_order();
  if (open && channel.may_ask()) ask(channel, out);
  if (!out.is_keep_alive() || channel.keep_alive_due) {
    channel.keep_alive_due = false;
    if (send(channel, out.bytes(), {}))
      ++sent;
    else if (channel.requested.next_order() != asked)
      drop_requests(channel);  // for which nobody else is to blame
  }
  for (unsigned n = 0; n < kChunksPerTurn && channel.state == ChannelState::kOpen && !channel.wanted.empty(); ++n) {
    if (!serve_chunk(channel)) return sent;  // nothing held, or not now: an ACK, a chunk or time will bring it back
    ++sent;
  }
  if (channel.state == ChannelState::kOpen && (!channel.wanted.empty() || channel.ack_count != 0)) queue(channel);
  return sent;
}

bool PeerService::serve_chunk(Channel& channel) noexcept {
  const Peer& peer = *channel.peer;
  const std::uint64_t now = context_.now(), hz = context_.tsc_hz();
  const std::uint32_t bytes = channel.swarm->chunk_bytes;
  if (!channel.congestion.may_send(bytes) || !egress_.takes_bulk(channel.path.port)) return false;
  if (peer.send_bytes_per_s != 0 && !peer.budget->send.has(bytes, peer.send_bytes_per_s, kBurstBytes + bytes, now, hz)) return false;
  const Swarm& swarm = *channel.swarm;
  if (swarm.send_bytes_per_s != 0 && !swarm.send->has(swarm.send_bytes_per_s, kBurstBytes, now, hz)) return false;
  std::uint64_t chunk = 0;
  ConstBytes content;
  return next_held(channel, chunk, content) && send_chunk(channel, chunk, content);
}

// The next chunk that is wanted and held. What is wanted and not held is fetched, as far as one receiver may run ahead.
bool PeerService::next_held(Channel& channel, std::uint64_t& chunk, ConstBytes& content) noexcept {
  const Swarm& swarm = *channel.swarm;
  Audience& audience = *channel.audience;
  unsigned looks = 0, missing = 0;
  bool found = false, lacks = false;
  ChunkRange lacking;  // told in one piece
  if (swarm.live())
    if (const std::uint64_t oldest = oldest_kept(swarm, read_relaxed(swarm.stats->top_chunk)); oldest != 0) (void)channel.wanted.erase({0, oldest - 1});
  std::uint64_t at = channel.wanted.first_present(channel.look_from).value_or(0);
  for (; looks < kLooksPerTurn; ++looks, ++at) {
    const auto next = channel.wanted.first_present(at);
    at = next.value_or(0);
    if (!next) break;
    if (!channel.sent.has_room(at)) continue;
    content = swarm.find(at);
    found = !content.empty();
    if (found) break;
    if (missing++ >= kAheadOfReceiver || audience.missed.contains(at)) continue;
    if (lacks && at != lacking.last + 1) miss(audience, lacking), lacks = false;
    lacking = {lacks ? lacking.first : at, at};
    lacks = true;
  }
  if (lacks) miss(audience, lacking);
  chunk = channel.look_from = at;  // goes on there, so that what nobody has does not keep back what is here
  return found;
}

// Peaks and uncles that this receiver has not shown to have, then the chunk; hashes that do not fit beside it go ahead of it.
bool PeerService::send_chunk(Channel& channel, std::uint64_t chunk, ConstBytes content) noexcept {
  const Swarm& swarm = *channel.swarm;
  const bool in_doubt = channel.sent.was_begun(chunk) || channel.congestion.probes();
  if (in_doubt) channel.munro_sent = 0;
  if (swarm.live() && !send_munro(channel, chunk)) {
    (void)channel.wanted.erase({chunk, chunk});  // too old to be proved any more
    return false;
  }
  const crypto::MerkleNodeList nodes = hashes_for(channel, chunk, in_doubt);
  const std::size_t fit = room_for_hashes(swarm.framing, channel.max_payload, content.size());
  MessageWriter out(scratch_room(channel), channel.remote_id, swarm.framing);
  std::size_t ahead = nodes.size() > fit ? nodes.size() - fit : 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::array<std::byte, crypto::kMaxDigestBytes> made;
    const auto read = [&](std::uint64_t c) { return swarm.find(c); };
    const std::byte* digest = is_owner(swarm) ? swarm.tree->verified(nodes[i]) : nullptr;  // who may ask for what is not kept for good as well
    if (digest == nullptr && crypto::node_digest(*swarm.tree, nodes[i], *hasher_, read, made.data())) digest = made.data();
    if (digest == nullptr) {
      if (!fetch_beside(*channel.audience, nodes[i])) (void)channel.wanted.erase({chunk, chunk});
      channel.look_from = chunk + 1;  // it has its turn again when they are here
      return false;
    }
    const ChunkRange range{crypto::first_chunk(nodes[i]), crypto::last_chunk(nodes[i])};
    const ConstBytes hash{digest, swarm.framing.hash_bytes};
    const bool full = i < ahead ? out.room_left() < integrity_bytes(swarm.framing) : i == ahead && !out.is_keep_alive();
    if (full) {
      if (!send(channel, out.bytes(), {})) return false;
      out = MessageWriter(scratch_room(channel), channel.remote_id, swarm.framing);
    }
    if (!out.integrity(range, hash)) return false;
  }
  if (ahead != 0 && ahead == nodes.size()) {
    if (!send(channel, out.bytes(), {})) return false;
    out = MessageWriter(scratch_room(channel), channel.remote_id, swarm.framing);
  }
  if (!out.data_header({chunk, chunk}, clock_us()) || !send(channel, out.bytes(), content)) return false;
  (void)channel.wanted.erase({chunk, chunk});
  (void)channel.known.insert({chunk, chunk});
  const std::uint32_t bytes = static_cast<std::uint32_t>(content.size());
  channel.sent.begin(chunk, bytes, context_.now());
  channel.congestion.sent(bytes, context_.now());
  channel.peer->budget->send.spend(bytes, context_.tsc_hz());
  if (swarm.send_bytes_per_s != 0) swarm.send->spend(bytes, swarm.send_bytes_per_s, context_.now(), context_.tsc_hz());
  if (is_owner(swarm)) swarm.fetch_state->served_top = std::max(swarm.fetch_state->served_top, chunk + 1);
  SwarmWords& words = swarm.words[context_.index()];
  set_relaxed(words.served_top, std::max(words.served_top, chunk + 1));
  add_relaxed(words.served_bytes, bytes);
  add_relaxed(channel.peer->conduct->bytes_out, bytes);
  context_.count(Counter::kPpsppChunksServed);
  context_.count(Counter::kPpsppBytesServed, bytes);
  return true;
}

// A receiver that proved a chunk has all hashes on its path and beside it. What is on the way counts as well, but not when that may have
// been lost.
crypto::MerkleNodeList PeerService::hashes_for(const Channel& channel, std::uint64_t chunk, bool in_doubt) const noexcept {
  const Swarm& swarm = *channel.swarm;
  const auto& with = in_doubt ? channel.acked : channel.known;
  const crypto::MerkleNode peak = swarm.live() ? swarm.tree->top_of(chunk) : crypto::peak_above(chunk, swarm.chunks);
  const auto has = [&](crypto::MerkleNode node) {
    if (node == peak && !swarm.live()) return !with.empty();  // all peaks go with the first chunk
    const crypto::MerkleNode around = node.level < swarm.tree->top_level() ? crypto::parent(node) : node;
    return with.intersects({crypto::first_chunk(around), crypto::last_chunk(around)});
  };
  if (swarm.live()) return crypto::uncles_below(peak, chunk, 0, has);
  return crypto::uncles(chunk, swarm.chunks, has);
}

// A hash that is not kept has to be made from chunks that are not here, or not any more. False: nothing can be done.
bool PeerService::fetch_beside(Audience& audience, crypto::MerkleNode node) noexcept {
  const Swarm& swarm = *audience.swarm;
  if (swarm.live() || swarm.fetch == abi::FetchPolicy::kNothing) return false;
  const std::uint64_t last = std::min(crypto::last_chunk(node), swarm.chunks - 1);
  for (std::uint64_t c = crypto::first_chunk(node); c <= last; ++c)
    if (!swarm.held(c) && !audience.missed.contains(c)) miss(audience, {c, c});
  return true;
}

void PeerService::write_acks(Channel& channel, MessageWriter& out) noexcept {
  ChunkRange last{1, 0};
  std::uint8_t i = 0;
  for (; i < channel.ack_count; ++i) {
    const std::uint64_t chunk = channel.acks[i].chunk;
    if (chunk >= last.first && chunk <= last.last) continue;
    const ChunkRange range = complete_around(*channel.swarm, chunk);
    if (!out.ack(range, channel.acks[i].delay_us)) break;
    last = range;
  }
  std::copy(channel.acks.begin() + i, channel.acks.begin() + channel.ack_count, channel.acks.begin());
  channel.ack_count = static_cast<std::uint8_t>(channel.ack_count - i);
}

// The largest node around a chunk of which every chunk is held, within what one extent holds (RFC 7574 §4.3).
ChunkRange PeerService::complete_around(const Swarm& swarm, std::uint64_t chunk) noexcept {
  if (swarm.preloaded != nullptr) return {chunk, chunk};
  const ChunkStore::Run run = swarm.store->run_around(chunk);
  std::uint32_t width = 1;
  for (std::uint32_t wider = 2; wider <= run.count; wider *= 2) {
    const std::uint64_t all = wider == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << wider) - 1;
    const std::uint64_t node = all << ((chunk - run.first) & ~std::uint64_t{wider - 1});
    if ((run.have & node) != node) break;
    width = wider;
  }
  const std::uint64_t first = chunk & ~std::uint64_t{width - 1};
  return {first, first + width - 1};
}

// What we hold and this receiver has not shown to have. HAVE is not acknowledged: it is said again as long as that is so.
void PeerService::announce(Channel& channel, MessageWriter& out) noexcept {
  const std::uint64_t hz = context_.tsc_hz();
  channel.announce_wait = std::clamp(2 * channel.announce_wait, kTellSeconds * hz, kMostTellSeconds * hz);
  channel.announce_due = context_.now() + channel.announce_wait;
  (void)tell(channel, channel.audience->had.ranges(), out);
}

// In node-sized pieces: bins know no others, and libswift understands no others. A datagram that is full goes out; the last is the
// caller's to send. False: not all of it could be told.
bool PeerService::tell(Channel& channel, std::span<const ChunkRange> ranges, MessageWriter& out) noexcept {
  for (const ChunkRange& range : ranges) {
    if (channel.claimed.covers(range)) continue;
    for (std::uint64_t at = range.first; at <= range.last;) {
      unsigned level = at == 0 ? 63 : static_cast<unsigned>(std::countr_zero(at));
      while (level != 0 && (std::uint64_t{1} << level) - 1 > range.last - at) --level;
      const std::uint64_t last = at + ((std::uint64_t{1} << level) - 1);
      if (!tell_one(channel, {at, last}, out)) return false;
      if (last == ~std::uint64_t{0}) break;
      at = last + 1;
    }
  }
  return true;
}

bool PeerService::tell_one(Channel& channel, ChunkRange node, MessageWriter& out) noexcept {
  if (out.have(node)) return true;
  if (channel.state != ChannelState::kOpen || out.is_keep_alive() || !send(channel, out.bytes(), {})) return false;
  out = MessageWriter(scratch_room(channel), channel.remote_id, channel.swarm->framing);
  return out.have(node);
}

// Receivers hear of new chunks a hundred times a second at most, in as few pieces as there are.
void PeerService::tell_news(Audience& audience) noexcept {
  if (audience.news.empty() || context_.now() < audience.next_news) return;
  audience.next_news = context_.now() + context_.tsc_hz() / kNewsPerSecond;
  const Swarm& swarm = *audience.swarm;
  if (is_owner(swarm))
    for (const ChunkRange& range : audience.news.ranges()) tell_workers(swarm, range);
  for (Channel* c = audience.channels; c != nullptr; c = c->next_of_swarm) {
    if (c->state != ChannelState::kOpen || !c->peer->receives()) continue;
    MessageWriter out(scratch_room(*c), c->remote_id, swarm.framing);
    (void)tell(*c, audience.news.ranges(), out);
    if (!out.is_keep_alive()) (void)send(*c, out.bytes(), {});
    c->announce_wait = 0;
    c->announce_due = std::min(c->announce_due, context_.now() + kTellSeconds * context_.tsc_hz());
    if (!c->wanted.empty()) queue(*c);
  }
  audience.news.clear();
}

// In more pieces than are remembered: they are told now.
void PeerService::add_news(Audience& audience, ChunkRange range) noexcept {
  if (audience.news.insert(range)) return;
  audience.next_news = 0;
  tell_news(audience);
  (void)audience.news.insert(range);
}

Bytes PeerService::scratch_room(const Channel& channel) noexcept {
  return {scratch_.data(), std::min<std::size_t>(scratch_.size(), channel.max_payload)};
}

// False: no buffer, or too long for it; nothing was sent.
bool PeerService::send(Channel& channel, ConstBytes head, ConstBytes content) noexcept {
  Packet* packet = egress_.take(channel.path.port);
  if (packet == nullptr) {
    context_.count_drop(DropReason::kPoolExhausted);
    return false;
  }
  const auto bytes = static_cast<std::uint32_t>(head.size() + content.size());
  if (channel.path.header_bytes + bytes > packet->room || bytes > channel.max_payload) {
    context_.count_drop(DropReason::kPpsppOversize);
    context_.release(packet);
    return false;
  }
  std::byte* payload = egress_.begin_datagram(channel.path, *packet, bytes);
  std::memcpy(payload, head.data(), head.size());
  if (!content.empty()) std::memcpy(payload + head.size(), content.data(), content.size());
  egress_.send_bulk(channel.path, packet);
  channel.last_sent = context_.now();
  ++channel.sent_since_heard;
  PeerConduct& conduct = *channel.peer->conduct;
  set_relaxed(conduct.datagrams_unanswered, channel.sent_since_heard);
  context_.count(Counter::kPpsppSent);
  return true;
}

}  // namespace mediaward::dataplane::ppspp
