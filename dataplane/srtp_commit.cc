// SPDX-License-Identifier: Apache-2.0
// What becomes of a packet once the crypto engine has judged it: second attempts, the binding replay test, what an authentic packet
// teaches, policy, and on to the receivers (RFC 3711 §3.3 steps 5-8). State changes here only, after authentication.
// See srtp_service.h. The worker's own thread.
#include <algorithm>
#include <cstring>

#include "dataplane/speaker_level.h"
#include "dataplane/srtp_receive.h"
#include "dataplane/srtp_service.h"
#include "dataplane/state_region.h"
#include "dataplane/wire/rtcp.h"
#include "dataplane/wire/rtp.h"

namespace mediaward::dataplane {
namespace {

using crypto::IndexWindow;
using crypto::JobStatus;

constexpr std::size_t kCommitBurst = 32;
constexpr std::size_t kAhead = 3;  // packets between asking for a line and needing it, for each link of a chain of pointers
constexpr std::uint8_t kMaxTries = 4;  // key and index as they seemed; the other key; once the first of the stream are open; another index
// The last sixteenth of the indexes: time to rekey, whatever lifetime the AS gave (RFC 3711 §9.2).
constexpr std::uint64_t kSrtpIndexSoft = crypto::kMaxSrtpIndex - (crypto::kMaxSrtpIndex >> 4);
constexpr std::uint32_t kSrtcpIndexSoft = wire::kSrtcpIndexMask - (wire::kSrtcpIndexMask >> 4);

// RFC 3550 §5.1: the last byte counts the padding, itself included. Only meaningful once decrypted.
bool padding_is_good(const SrtpOp& op) noexcept {
  if ((std::to_integer<unsigned>(op.aad[0]) & 0x20u) == 0) return true;
  if (op.bytes == 0) return false;
  const auto count = std::to_integer<std::uint32_t>(op.dst[op.bytes - 1]);
  return count != 0 && count <= op.bytes;
}

}  // namespace

// A burst at a time, one link of the chain after the other: streams were looked at in this loop or a few before, their receivers were not.
void SrtpService::prefetch_receivers(std::span<SrtpOp* const> ops) noexcept {
  const auto receivers_of = [](const SrtpOp* op) -> const Fanout* {
    return op->stream != nullptr && op->stream->fanout.rtp_count != 0 ? &op->stream->fanout : nullptr;
  };
  for (const SrtpOp* op : ops)
    if (const Fanout* to = receivers_of(op)) prefetch(to->rtp);
  for (const SrtpOp* op : ops)
    if (const Fanout* to = receivers_of(op)) prefetch_receiver(*to->rtp);
}

// Two links of that chain, between packets: where few streams stay in the second-level cache, asking for a whole burst at once costs what it
// saves. (Where they do not, both are worth it.)
inline void SrtpService::look_ahead(std::size_t i, std::size_t end) const noexcept {
  if (i + 2 * kAhead < end) {
    if (const StreamRx* stream = opened_[i + 2 * kAhead]->stream) {
      prefetch(stream->state);
      prefetch(stream->fanout.rtp);
    }
  }
  if (i + kAhead < end) {
    const StreamRx* stream = opened_[i + kAhead]->stream;
    if (stream != nullptr && stream->fanout.rtp_count != 0) prefetch_receiver(*stream->fanout.rtp);
  }
}

std::size_t SrtpService::commit() noexcept {
  const std::size_t n = opened_.size();
  // Sealing in between (a large fan-out) may complete further opens of an asynchronous engine: they wait for the next loop.
  for (std::size_t at = 0; at < n; at += kCommitBurst) {
    const std::size_t end = std::min(n, at + kCommitBurst);
    if (tables_.outgrow_cache()) prefetch_receivers(opened_.span().subspan(at, end - at));
    for (std::size_t i = at; i < end; ++i) {
      look_ahead(i, end);
      --in_flight_[opened_[i]->epoch];
      commit_one(*opened_[i]);
    }
  }
  opened_.erase_front(n);
  return n;
}

// Ends the operation, or queues it for a second attempt.
void SrtpService::commit_one(SrtpOp& op) noexcept {
  if (op.stream == nullptr) [[unlikely]] return commit_unbound(op);
  const StreamRx* stream = tables_.live_stream(*op.stream, op.changes);
  if (stream == nullptr) return drop_opened(op, DropReason::kStale, 0);
  if (op.status == JobStatus::kAuthFailed) [[unlikely]] return commit_failed(op, *stream);
  if (op.status != JobStatus::kOk) return drop_opened(op, DropReason::kEngineError, stream->leg_id);
  if (op.rtcp ? commit_rtcp(op, *stream) : commit_rtp(op, *stream)) [[likely]] hand_on(*stream, op);
}

// The tag was wrong for what was tried. What has become known since (a roll-over in the same burst) or was not tried yet (the other key
// of a rekey) gets its turn, a bounded number of times.
void SrtpService::commit_failed(SrtpOp& op, const StreamRx& stream) noexcept {
  const LegRx& leg = *op.leg;
  const bool other_key = ++op.tries == 1 && leg_tries_keys(leg);
  const std::uint64_t index = op.rtcp ? op.index : stream.state->srtp.estimate(load_be16(op.aad + 2));
  const bool other_index = index != op.index && IndexWindow::is_valid(index);
  if (op.tries >= kMaxTries || (!other_index && !other_key))
    return drop_opened(op, op.rtcp ? DropReason::kRtcpAuthFailed : DropReason::kSrtpAuthFailed, stream.leg_id);
  if (!other_index) op.key_index ^= 1;
  try_again(op, index);
}

void SrtpService::try_again(SrtpOp& op, std::uint64_t index) noexcept {
  const KeyView& key = op.leg->key_at(op.key_index);
  if (op.rtcp)
    set_rtcp_attempt(op, key, op.ssrc(), static_cast<std::uint32_t>(index));
  else
    set_attempt(op, key, op.ssrc(), index);
  if (op.stream == nullptr) op.op = key.check;
  op.status = JobStatus::kPending;
  context_.count(Counter::kSrtpRetried);
  retry_queue_.push_back(&op);
}

// An SSRC nobody has announced, on a leg that has places for such. Binding it is the main thread's: it sees collisions.
void SrtpService::commit_unbound(SrtpOp& op) noexcept {
  const LegRx& leg = *op.leg;
  if (op.status == JobStatus::kAuthFailed) {
    if (!leg_tries_keys(leg) || ++op.tries > 1)
      return drop_opened(op, op.rtcp ? DropReason::kRtcpAuthFailed : DropReason::kSrtpAuthFailed, leg.leg_id);
    op.key_index ^= 1;
    return try_again(op, op.index);
  }
  if (op.status != JobStatus::kOk) return drop_opened(op, DropReason::kEngineError, leg.leg_id);
  WorkerEvent event;
  event.kind = WorkerEvent::Kind::kSsrcSeen;
  event.leg_id = leg.leg_id;
  event.ssrc = op.ssrc();
  context_.report(event);
  if (op.learn) report_source(op);
  drop_opened(op, DropReason::kSrtpNotBound, leg.leg_id);
}

// Whether it is to be handed on to those that seal for receivers; otherwise it has ended: it was dropped, or relayed.
inline bool SrtpService::commit_rtp(SrtpOp& op, const StreamRx& stream) noexcept {
  abi::StateSlot& state = *stream.state;
  if (op.key != nullptr) [[likely]] {
    if (const auto verdict = test_index(stream, op.index); verdict != IndexWindow::Verdict::kFresh)
      return drop_opened(op, srtp_reason(verdict), stream.leg_id), false;
    if (op.counts_use && !count_use(op)) [[unlikely]] return drop_opened(op, DropReason::kSrtpKeyExpired, stream.leg_id), false;
    const std::uint64_t before = state.srtp.top;
    {
      const SlotWrite write(state);
      mark_index(stream, op.index);
      ++state.packets;
      state.bytes += op.bytes;
    }
    context_.count(Counter::kSrtpOpened);
    if (op.learn && op.index >= before) [[unlikely]] report_source(op);
    if (op.index >= kSrtpIndexSoft && before < kSrtpIndexSoft) [[unlikely]]
      report_key(WorkerEvent::Kind::kKeyExpiring, WorkerEvent::KeyRole::kReceiveSrtp, stream.leg_id, state.ssrc, op.index, crypto::kMaxSrtpIndex);
  } else {
    const SlotWrite write(state);
    ++state.packets;
    state.bytes += op.bytes;
  }
  if (stream.has_gate) [[unlikely]] {
    if (const auto level = parse_audio_level({op.aad, op.aad_bytes}, stream.audio_level_id)) update(*stream.details->gate, *level, context_.now());
    if (!stream.details->gate->open.load(std::memory_order_relaxed)) return drop_opened(op, DropReason::kPolicyNotSpeaking, stream.leg_id), false;
  }
  if (stream.hand_on == HandOn::kRelay) [[unlikely]] return hand_on_relayed(stream, op), false;
  if (!padding_is_good(op)) return drop_opened(op, DropReason::kRtpBadPadding, stream.leg_id), false;
  if (!stream.rtp_heard) return drop_opened(op, stream.silent, stream.leg_id), false;
  return true;
}

bool SrtpService::commit_rtcp(SrtpOp& op, const StreamRx& stream) noexcept {
  abi::StateSlot& state = *stream.state;
  if (op.key != nullptr) {
    auto window = srtcp_window(state);
    const auto index = static_cast<std::uint32_t>(op.index);
    if (const auto verdict = window.test(index); verdict != SrtcpVerdict::kFresh) return drop_opened(op, srtcp_reason(verdict), stream.leg_id), false;
    if (op.counts_use && !count_use(op)) [[unlikely]] return drop_opened(op, DropReason::kSrtpKeyExpired, stream.leg_id), false;
    const std::uint32_t before = window.top;
    {
      const SlotWrite write(state);
      window.mark(index);
      ++state.srtcp_packets;
    }
    context_.count(Counter::kSrtcpOpened);
    if (op.learn) report_source(op);
    if (index >= kSrtcpIndexSoft && before < kSrtcpIndexSoft) [[unlikely]]
      report_key(WorkerEvent::Kind::kKeyExpiring, WorkerEvent::KeyRole::kReceiveSrtcp, stream.leg_id, state.ssrc, index, wire::kSrtcpIndexMask);
  }
  if (stream.hand_on == HandOn::kRelay) {
    if (op.moved) {  // as it came: tag, then index word
      std::byte* word = op.src - wire::kSrtcpIndexBytes;
      const auto saved = load_raw<std::uint32_t>(word);
      std::memcpy(word, op.scratch.data(), op.tag_bytes);
      store_raw(word + op.tag_bytes, saved);
    }
    return hand_on_relayed(stream, op), false;
  }
  if (op.moved) {  // in the clear already: its payload ends where the tag stood
    op.src = op.dst = op.start() + wire::kRtcpBytes;
    op.bytes = op.aad_bytes - static_cast<std::uint32_t>(wire::kRtcpBytes + wire::kSrtcpIndexBytes);
    op.moved = false;
  }
  if (!wire::is_compound({op.start(), wire::kRtcpBytes + op.bytes})) return drop_opened(op, DropReason::kRtcpMalformed, stream.leg_id), false;
  if (stream.fanout.rtcp_count == 0 && !stream.has_shares) return drop_opened(op, DropReason::kRtcpNoReceiver, stream.leg_id), false;
  return true;
}

// Which of several keys it was; and a receive key with a lifetime of its own is told about in time, and refused at its end. True while it
// may be used.
bool SrtpService::count_use(const SrtpOp& op) noexcept {
  KeyUsage* usage = op.leg->key_at(op.key_index).usage;
  if (leg_tries_keys(*op.leg)) *op.leg->details->preferred = op.key_index;
  if (usage == nullptr) [[likely]] return true;
  std::uint64_t& packets = op.rtcp ? usage->srtcp_packets : usage->srtp_packets;
  const std::uint64_t soft = op.rtcp ? usage->srtcp_soft : usage->srtp_soft;
  const std::uint64_t hard = op.rtcp ? usage->srtcp_hard : usage->srtp_hard;
  const auto role = op.rtcp ? WorkerEvent::KeyRole::kReceiveSrtcp : WorkerEvent::KeyRole::kReceiveSrtp;
  if (packets >= hard) return false;
  ++packets;
  if (packets == soft) report_key(WorkerEvent::Kind::kKeyExpiring, role, op.leg->leg_id, op.ssrc(), packets, hard);
  if (packets == hard) report_key(WorkerEvent::Kind::kKeyExpired, role, op.leg->leg_id, op.ssrc(), packets, hard);
  return true;
}

void SrtpService::report_key(WorkerEvent::Kind kind, WorkerEvent::KeyRole role, std::uint64_t leg_id, std::uint32_t ssrc, std::uint64_t packets,
                             std::uint64_t limit) noexcept {
  WorkerEvent event;
  event.kind = kind;
  event.role = role;
  event.leg_id = leg_id;
  event.ssrc = ssrc;
  event.packets = packets;
  event.limit = limit;
  context_.report(event);
}

// An authentic packet came from an address that is not in force (RFC 7362 §4 latching, bound to authentication).
void SrtpService::report_source(const SrtpOp& op) noexcept {
  const std::byte* udp = op.start() - 8;
  const std::size_t bytes = op.leg->family == Family::kIpv4 ? 4 : 16;
  const std::byte* ip = op.packet->data + op.packet->l2_bytes;
  WorkerEvent event;
  event.kind = WorkerEvent::Kind::kSourceSeen;
  event.family = op.leg->family;
  event.leg_id = op.leg->leg_id;
  event.ssrc = op.ssrc();
  event.udp_port = load_be16(udp);
  event.rtcp = (op.leg->flags & kRxRtp) == 0;
  event.head_bytes = static_cast<std::uint16_t>(bytes);
  std::memcpy(event.head.data(), ip + (bytes == 4 ? 12 : 8), bytes);
  context_.report(event);
}

void SrtpService::drop_opened(SrtpOp& op, DropReason reason, std::uint64_t leg_id) noexcept {
  --packets_in_flight_;
  context_.drop(op.packet, reason, leg_id);
  ops_.give_back(&op);
}

}  // namespace mediaward::dataplane
