// SPDX-License-Identifier: Apache-2.0
// See guard.h. The worker's own thread.
#include "dataplane/ppspp/guard.h"

#include <algorithm>

#include "dataplane/ppspp/munro.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/udp.h"

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint64_t kFailedBytesPerSecond = 256 * 1024;  // hashed for nothing, per channel
constexpr std::uint64_t kFailedBytesBurst = 1024 * 1024;
constexpr unsigned kSignaturesPerSecond = 500;               // per channel
constexpr std::uint64_t kMostWaitMs = 20;                    // of a datagram for the munro before it

bool is_zero(ConstBytes bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

GuardService::GuardService(WorkerContext& context, const CoreSettings& settings, Egress& egress, PeerService& peers, PeerShared& shared,
                           crypto::HashProvider& hashes)
    : context_(context),
      egress_(egress),
      peers_(peers),
      shared_(shared),
      hasher_(hashes.make_hasher()),
      workers_(settings.workers.size()),
      verifier_(*hasher_, kChecksTogether),
      channels_(std::make_unique<GuardChannel[]>(settings.peer_limits.guard_flows)),
      by_key_(settings.peer_limits.guard_flows) {
  for (std::size_t i = settings.peer_limits.guard_flows; i-- > 0;) free_.push_back(&channels_[i]);
}

GuardService::~GuardService() {
  for (std::size_t i = 0; i < held_count_; ++i) context_.drop(held_[i].packet, DropReason::kStale);
  for (std::size_t i = 0; i < frame_count_; ++i) context_.drop(frames_[i].packet, DropReason::kStale);
}

// A whole datagram that might be PPSPP; anything else is none of our business. Lengths beyond the frame are the receiver's to refuse.
bool GuardService::look(const Packet& packet, View& out) noexcept {
  const ConstBytes frame{packet.data, packet.bytes};
  wire::EthernetInfo ethernet;
  if (packet.next != nullptr || !wire::parse_ethernet(frame, ethernet)) return false;
  const ConstBytes l3 = frame.subspan(ethernet.header_bytes);
  wire::IpInfo ip;
  const bool v4 = ethernet.type == wire::kEtherIpv4;
  if (!v4 && ethernet.type != wire::kEtherIpv6) return false;
  if ((v4 ? wire::parse_ipv4(l3, ip) : wire::parse_ipv6(l3, ip)) != wire::IpError::kNone || ip.fragment || ip.protocol != wire::kProtocolUdp) return false;
  const ConstBytes l4 = l3.subspan(ip.header_bytes, ip.payload_bytes);
  wire::UdpInfo udp;
  if (!wire::parse_udp(l4, udp) || !split_channel(l4.subspan(wire::kUdpBytes, udp.payload_bytes), out.key.channel, out.messages)) return false;
  const std::size_t bytes = v4 ? 4 : 16;
  std::memcpy(out.key.source.data(), l3.data() + (v4 ? 12 : 8), bytes);
  std::memcpy(out.key.destination.data(), l3.data() + (v4 ? 16 : 24), bytes);
  out.key.source_port_raw = Be16(udp.source_port).raw();
  out.key.destination_port_raw = Be16(udp.destination_port).raw();
  out.family = v4 ? Family::kIpv4 : Family::kIpv6;
  return true;
}

// Both directions of a pair of endpoints meet at one worker, which learns channels. It judges datagrams of a channel whose swarm has all its
// leaf hashes; of any other, hashes have to be remembered, and its owner does. With one worker there is nothing to decide.
std::uint8_t GuardService::judge_of(const Packet& packet, bool handed_over) noexcept {
  const auto here = static_cast<std::uint8_t>(context_.index());
  View view;
  if (workers_ == 1 || !look(packet, view)) return here;
  const auto end = [](const std::array<std::byte, 16>& address, std::uint16_t port) {
    return mix_hash(mix_hash(mix_hash(5, load_raw<std::uint64_t>(address.data())), load_raw<std::uint64_t>(address.data() + 8)), port);
  };
  const std::uint64_t both = end(view.key.source, view.key.source_port_raw) ^ end(view.key.destination, view.key.destination_port_raw);
  const auto meeting = static_cast<std::uint8_t>(mix_hash(6, both) % workers_);
  if (meeting != here) return handed_over ? here : meeting;
  // The owner has to learn from HANDSHAKEs as well: they go where the channel's chunks will go.
  const Swarm* swarm = learn_first(view);
  if (swarm == nullptr)
    if (const GuardChannel* channel = find(view.key); channel != nullptr) swarm = swarm_of(*channel);
  return swarm != nullptr ? judge_of(*swarm) : here;
}

void GuardService::take(Packet* packet, std::uint16_t to_port) noexcept {
  if (awaited_count_ != 0 && hold(packet, to_port)) return;
  admit(packet, to_port);
}

void GuardService::admit(Packet* packet, std::uint16_t to_port) noexcept {
  if (frame_count_ == kMaxFrames || check_count_ + kMaxChecksPerDatagram > kMaxChecks) [[unlikely]] {
    (void)verify_checks();
    (void)flush();
  }
  const auto frame = static_cast<std::uint32_t>(frame_count_);
  frames_[frame_count_++] = {packet, to_port};
  View view;
  if (look(*packet, view)) judge(view, frame);
}

bool GuardService::hold(Packet* packet, std::uint16_t to_port) noexcept {
  View view;
  if (!look(*packet, view)) return false;
  for (std::size_t i = 0; i < kMaxAwaited; ++i) {
    if (awaited_[i].until == 0 || !awaited_[i].key.same_endpoints(view.key)) continue;
    if (held_count_ == kMaxHeld || context_.now() >= awaited_[i].until) {  // no longer: what is left is judged as it stands
      let_go(i);
      return false;
    }
    held_[held_count_++] = {packet, to_port, static_cast<std::uint8_t>(i)};
    return true;
  }
  return false;
}

// In the order in which they came. One of them may have to wait for the next munro, and with it those behind it.
void GuardService::let_go(std::size_t awaited) noexcept {
  awaited_[awaited].until = 0;
  --awaited_count_;
  const std::size_t n = held_count_;
  std::array<Held, kMaxHeld> going;
  std::size_t going_count = 0, kept = 0;
  for (std::size_t i = 0; i < n; ++i) (held_[i].awaited == awaited ? going[going_count++] : held_[kept++]) = held_[i];
  held_count_ = kept;
  for (std::size_t i = 0; i < going_count; ++i) take(going[i].packet, going[i].to_port);
}

void GuardService::signature_done(const SignatureRequest& r) noexcept {
  if (r.channel < kMaxAwaited && awaited_[r.channel].until != 0) let_go(r.channel);
}

const Swarm* GuardService::swarm_of(const GuardChannel& channel) const noexcept {
  const Swarm* swarm = peers_.tables().swarms[channel.swarm_slot];
  return swarm != nullptr && swarm->generation == channel.swarm_generation && swarm->expires_tsc > context_.now() ? swarm : nullptr;
}

GuardChannel* GuardService::find(const GuardKey& key) noexcept { return by_key_.find(key); }

// The first HANDSHAKE of a channel names the swarm, and the id under which the other side will answer.
const Swarm* GuardService::learn_first(const View& view) noexcept {
  if (view.key.channel == 0) {
    Handshake first;
    if (!begins_with_handshake(view.messages) || parse_handshake(view.messages, Profile::kLibswift, first).error != ParseError::kNone || first.closes() ||
        first.options.swarm_id.size() > abi::kMaxSwarmKeyBytes || first.options.swarm_id.empty())
      return nullptr;
    const SwarmKeyView key{first.options.swarm_id.data(), static_cast<std::uint16_t>(first.options.swarm_id.size())};
    const Swarm* swarm = peers_.tables().swarms_by_key.find(key);
    if (swarm != nullptr) learn(view.key.reversed(first.source_channel), *swarm);
    return swarm;
  }
  GuardChannel* channel = begins_with_handshake(view.messages) ? find(view.key) : nullptr;
  const Swarm* swarm = channel != nullptr ? swarm_of(*channel) : nullptr;
  Handshake answer;
  if (swarm == nullptr || parse_handshake(view.messages, Profile::kLibswift, answer).error != ParseError::kNone || answer.closes()) return nullptr;
  learn(view.key.reversed(answer.source_channel), *swarm);
  return swarm;
}

void GuardService::learn(const GuardKey& key, const Swarm& swarm) noexcept {
  GuardChannel* channel = find(key);
  if (channel != nullptr && swarm_of(*channel) == &swarm) return to_newest(*channel);
  if (channel != nullptr) forget(*channel);
  if (free_.empty()) forget(*oldest_);
  channel = free_.back();
  free_.pop_back();
  channel->key = key;
  channel->swarm_slot = swarm.slot;
  channel->swarm_generation = swarm.generation;
  channel->next_signature = 0;
  channel->failed_hashes = {};
  channel->evidence = {};
  channel->pending.reset(swarm.hash);
  channel->newer = channel->older = nullptr;
  by_key_.set(channel);
  ++count_;
  to_newest(*channel);
}

void GuardService::forget(GuardChannel& channel) noexcept {
  for (std::size_t i = 0; i < check_count_; ++i)
    if (origins_[i].channel == &channel) checks_[i].pending = nullptr, origins_[i].channel = nullptr;
  by_key_.erase(channel.key);
  unlink(channel);
  --count_;
  free_.push_back(&channel);
}

void GuardService::unlink(GuardChannel& channel) noexcept {
  (channel.newer != nullptr ? channel.newer->older : newest_) = channel.older;
  (channel.older != nullptr ? channel.older->newer : oldest_) = channel.newer;
  channel.newer = channel.older = nullptr;
}

void GuardService::to_newest(GuardChannel& channel) noexcept {
  channel.last_seen = context_.now();
  if (newest_ == &channel) return;
  if (channel.newer != nullptr || channel.older != nullptr || oldest_ == &channel) unlink(channel);
  channel.older = newest_;
  if (newest_ != nullptr) newest_->newer = &channel;
  newest_ = &channel;
  if (oldest_ == nullptr) oldest_ = &channel;
}

void GuardService::judge(const View& view, std::uint32_t frame) noexcept {
  (void)learn_first(view);
  GuardChannel* channel = view.key.channel == 0 ? nullptr : find(view.key);
  const Swarm* swarm = channel != nullptr ? swarm_of(*channel) : nullptr;
  if (swarm == nullptr || judge_of(*swarm) != context_.index()) return;  // another protocol, or a swarm that nobody told of
  to_newest(*channel);
  MessageReader reader(view.messages, swarm->framing, Profile::kLibswift);
  Message m;
  std::size_t checks = check_count_;
  while (frames_[frame].reason == DropReason::kCount && reader.next(m)) {
    if (m.type == MessageType::kIntegrity) on_integrity(*channel, *swarm, m, frame);
    if (m.type == MessageType::kSignedIntegrity) on_signed_integrity(*channel, *swarm, m, frame);
    if (m.type == MessageType::kData) {
      if (check_count_ - checks == kMaxChecksPerDatagram) return unjudged(*swarm, frame);
      on_data(*channel, *swarm, m, frame, view.family);
    }
  }
  // What follows a message that cannot be read might be content.
  if (reader.error() != ParseError::kNone) unjudged(*swarm, frame);
}

// The datagram is not proved wrong; whether it passes is policy.
void GuardService::unjudged(const Swarm& swarm, std::uint32_t frame) noexcept {
  if (swarm.guard_drops) return refuse(frame, DropReason::kGuardUnverifiable, swarm);
  context_.count(Counter::kGuardUnjudged);
}

void GuardService::refuse(std::uint32_t frame, DropReason reason, const Swarm& swarm) noexcept {
  Frame& f = frames_[frame];
  if (f.reason == DropReason::kCount) f.reason = reason;
  f.swarm_id = swarm.id;
}

void GuardService::on_integrity(GuardChannel& channel, const Swarm& swarm, const Message& m, std::uint32_t frame) noexcept {
  const auto node = crypto::from_range(m.range.first, m.range.last);
  if (!node || node->level > swarm.tree->top_level() || swarm.tree->beyond(*node) || is_zero(m.body)) return refuse(frame, DropReason::kPpsppBadHash, swarm);
  if (const std::byte* known = swarm.tree->verified(*node); known != nullptr) {
    if (std::memcmp(known, m.body.data(), m.body.size()) != 0) refuse(frame, DropReason::kPpsppBadHash, swarm);
    return;
  }
  if (channel.pending.room() == 0) (void)verify_checks();  // what is gathered makes room
  channel.pending.put(*node, m.body.data());
}

void GuardService::on_signed_integrity(GuardChannel& channel, const Swarm& swarm, const Message& m, std::uint32_t frame) noexcept {
  SignatureRequest request;
  if (!swarm.live()) return refuse(frame, DropReason::kPpsppBadSignature, swarm);
  switch (judge_munro(swarm, m, channel.pending, shared_.realtime_us(context_.now(), context_.tsc_hz()), request)) {
    case MunroVerdict::kKnown: return;
    case MunroVerdict::kRefused: return refuse(frame, DropReason::kPpsppBadSignature, swarm);
    case MunroVerdict::kAsk: break;
  }
  const auto free = std::find_if(awaited_.begin(), awaited_.end(), [](const Awaited& w) { return w.until == 0; });
  request.guarded = true;
  request.channel = static_cast<std::uint32_t>(free - awaited_.begin());
  const bool asked = free != awaited_.end() && context_.now() >= channel.next_signature && shared_.signatures->request(context_.index(), request);
  if (!asked) return unjudged(swarm, frame);
  *free = {channel.key, context_.now() + context_.tsc_hz() / 1000 * kMostWaitMs};
  ++awaited_count_;
  channel.next_signature = context_.now() + context_.tsc_hz() / kSignaturesPerSecond;
  context_.count(Counter::kPpsppSignatures);
}

void GuardService::on_data(GuardChannel& channel, const Swarm& swarm, const Message& m, std::uint32_t frame, Family family) noexcept {
  const std::uint64_t chunk = m.range.first;
  const DropReason reason = !m.range.is_one() || !swarm.has_chunk(chunk)      ? DropReason::kPpsppChunkRange
                            : m.body.size() != swarm.length_of(chunk) ? DropReason::kPpsppChunkLength
                            : !channel.failed_hashes.has(m.body.size(), kFailedBytesPerSecond, kFailedBytesBurst, context_.now(), context_.tsc_hz())
                                ? DropReason::kPpsppHashBudget
                                : DropReason::kCount;
  if (reason != DropReason::kCount) {
    if (trace_ != nullptr) [[unlikely]]
      trace_->verdict({frames_[frame].packet, swarm.id, channel.key.channel, chunk, crypto::ChunkCheck::kUnverifiable, false, false, reason, {}});
    return refuse(frame, reason, swarm);
  }
  crypto::ChunkCheck& check = checks_[check_count_];
  check.tree = swarm.tree;
  check.pending = &channel.pending;
  check.chunk = chunk;
  check.data = m.body.data();
  check.bytes = static_cast<std::uint32_t>(m.body.size());
  origins_[check_count_++] = {frame, &channel, &swarm, swarm.tree->verified(crypto::MerkleNode{0, chunk}) != nullptr, family};
}

std::size_t GuardService::verify() noexcept {
  if (awaited_count_ != 0)
    for (std::size_t i = 0; i < kMaxAwaited; ++i)
      if (awaited_[i].until != 0 && context_.now() >= awaited_[i].until) let_go(i);
  return verify_checks();
}

std::size_t GuardService::verify_checks() noexcept {
  const std::size_t n = check_count_;
  if (n == 0) return 0;
  (void)verifier_.verify({checks_.data(), n});
  for (std::size_t i = 0; i < n; ++i) commit_one(checks_[i], origins_[i]);
  check_count_ = 0;
  return n;
}

void GuardService::commit_one(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept {
  const Swarm& swarm = *origin.swarm;
  context_.count(Counter::kPpsppHashCalls, check.hash_calls);
  SwarmWords& words = swarm.words[context_.index()];
  add_relaxed(words.hash_calls, check.hash_calls);
  Frame& frame = frames_[origin.frame];
  switch (check.verdict) {
    case crypto::ChunkCheck::kOk:
      context_.count(Counter::kPpsppChunksVerified);
      context_.count(Counter::kPpsppBytesVerified, check.bytes);
      add_relaxed(origin.duplicate ? words.duplicate : words.verified);
      break;
    case crypto::ChunkCheck::kBad:
      add_relaxed(words.bad);
      if (origin.channel != nullptr) {
        origin.channel->failed_hashes.spend(check.hashed_bytes, context_.tsc_hz());
        report(check, origin);
      }
      refuse(origin.frame, DropReason::kGuardBad, swarm);
      break;
    case crypto::ChunkCheck::kUnverifiable:
      add_relaxed(words.unverifiable);
      unjudged(swarm, origin.frame);
      break;
  }
  if (trace_ != nullptr && origin.channel != nullptr) [[unlikely]]
    trace_->verdict({frame.packet, swarm.id, origin.channel->key.channel, check.chunk, check.verdict, true, origin.duplicate, frame.reason, check.node});
}

void GuardService::report(const crypto::ChunkCheck& check, const CheckOrigin& origin) noexcept {
  const GuardKey& key = origin.channel->key;
  if (!peers_.may_prove(origin.channel->evidence)) return;
  Evidence e;
  e.swarm_id = origin.swarm->id;
  e.from_guard = true;
  e.family = origin.family;
  e.channel = key.channel;
  e.node_level = static_cast<std::uint8_t>(check.node.level);
  e.node_index = check.node.index;
  e.chunk = check.chunk;
  e.bytes = check.bytes;
  e.peer = key.source;
  e.local = key.destination;
  e.peer_port = byte_swap(key.source_port_raw);
  e.local_port = byte_swap(key.destination_port_raw);
  const crypto::HashMessage message{check.data, check.bytes, e.digest.data()};
  (void)hasher_->hash(origin.swarm->hash, {&message, 1});
  if (!peers_.evidence().push(e)) context_.count(Counter::kEventsLost);
}

std::size_t GuardService::flush() noexcept {
  const std::size_t n = frame_count_;
  for (std::size_t i = 0; i < n; ++i) {
    const Frame& f = frames_[i];
    if (f.reason != DropReason::kCount) {
      context_.drop(f.packet, f.reason, f.swarm_id);
      continue;
    }
    context_.count(Counter::kGuardPassed);
    f.packet->port = f.to_port;
    f.packet->flags = (f.packet->flags & kRxVlanStripped) != 0 ? std::uint16_t{kTxVlanInsert} : std::uint16_t{0};
    egress_.send_frame(f.to_port, f.packet);
  }
  frame_count_ = 0;
  return n;
}

}  // namespace mediaward::dataplane::ppspp
