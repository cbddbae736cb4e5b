// SPDX-License-Identifier: Apache-2.0
// See srtp_service.h. The worker's own thread; nothing here allocates, locks or waits.
#include "dataplane/srtp_service.h"

#include <algorithm>
#include <cstring>

#include "crypto/srtp_index.h"
#include "dataplane/state_region.h"
#include "dataplane/wire/rtp.h"

namespace mediaward::dataplane {
namespace {

using crypto::IndexWindow;
using crypto::JobOp;
using crypto::JobStatus;

constexpr std::size_t kAhead = 2;  // packets between touching a line and needing it, for each link of a chain of pointers

bool is_open(JobOp op) noexcept { return op == JobOp::kCmOpen || op == JobOp::kGcmOpen; }
bool is_gcm(JobOp op) noexcept { return op == JobOp::kGcmOpen || op == JobOp::kGcmSeal; }

DropReason reason_of(wire::RtpError error) noexcept {
  switch (error) {
    case wire::RtpError::kBadVersion: return DropReason::kRtpBadVersion;
    case wire::RtpError::kBadCsrc: return DropReason::kRtpBadCsrc;
    case wire::RtpError::kBadExtension: return DropReason::kRtpBadExtension;
    default: return DropReason::kRtpTruncated;
  }
}
DropReason reason_of(IndexWindow::Verdict verdict) noexcept {
  return verdict == IndexWindow::Verdict::kReplayed ? DropReason::kSrtpReplayed : DropReason::kSrtpTooOld;
}

bool from_remote(const LegRx& leg, const std::byte* source, const std::byte* udp) noexcept {
  if (load_raw<std::uint16_t>(udp) != leg.remote_port_raw) return false;
  if (leg.family == Family::kIpv4) return load_raw<std::uint32_t>(source) == load_raw<std::uint32_t>(leg.remote_address);
  return std::memcmp(source, leg.remote_address, 16) == 0;
}

const SsrcEntry* find_ssrc(const LegRx& leg, std::uint32_t ssrc) noexcept {
  if (leg.ssrc_count == 0) return nullptr;
  if (leg.first.ssrc == ssrc) [[likely]] return &leg.first;
  for (const auto* e = leg.ssrcs + 1; e < leg.ssrcs + leg.ssrc_count; ++e)
    if (e->ssrc == ssrc) return e;
  return nullptr;
}

void make_iv(JobOp op, std::byte* iv, const std::byte* salt, std::uint32_t ssrc, std::uint64_t index) noexcept {
  if (is_gcm(op))
    crypto::make_gcm_iv(iv, salt, ssrc, index);
  else
    crypto::make_cm_iv(iv, salt, ssrc, index);
}

inline void prefetch_receiver(const FanoutEntry& to) noexcept {
  prefetch(to.state);
  prefetch(to.leg);
  prefetch(to.leg->header + 32);  // the second line
}

// RFC 3550 §5.1: the last byte counts the padding, itself included. Only meaningful once decrypted.
bool padding_is_good(const SrtpOp& op) noexcept {
  if ((std::to_integer<unsigned>(op.aad[0]) & 0x20u) == 0) return true;
  if (op.bytes == 0) return false;
  const auto count = std::to_integer<std::uint32_t>(op.dst[op.bytes - 1]);
  return count != 0 && count <= op.bytes;
}

}  // namespace

SrtpService::SrtpService(WorkerContext& context, WorkerTables& tables, Egress& egress, crypto::Engine& engine, std::size_t jobs)
    : context_(context), tables_(tables), egress_(egress), engine_(engine), ops_(jobs), free_(jobs), free_count_(jobs), done_(jobs) {
  // Last element first: the stack then hands out the same few operations while they are in cache.
  for (std::size_t i = 0; i < jobs; ++i) free_[i] = &ops_[jobs - 1 - i];
  open_queue_.reserve(jobs);
  opened_.reserve(jobs);
  seal_queue_.reserve(jobs);
}

SrtpOp* SrtpService::take_op() noexcept {
  if (free_count_ == 0) [[unlikely]] return nullptr;
  return free_[--free_count_];
}

void SrtpService::prepare(std::span<const SrtpItem> items) noexcept {
  for (std::size_t i = 0; i < items.size(); ++i) {
    // The legs' lines were asked for when they were found; what hangs on them follows, a few packets ahead of its use.
    if (i + 2 * kAhead < items.size()) prefetch(tables_.streams[items[i + 2 * kAhead].leg->first.stream_slot]);
    if (i + kAhead < items.size())
      if (const StreamRx* stream = tables_.streams[items[i + kAhead].leg->first.stream_slot]) prefetch(stream->state);
    prepare_one(items[i]);
  }
}

void SrtpService::prepare_one(const SrtpItem& item) noexcept {
  const LegRx& leg = *item.leg;
  if (!from_remote(leg, item.source, item.payload - 8)) return context_.drop(item.packet, DropReason::kSourceMismatch, leg.leg_id);
  if (!leg.may_receive_from) return context_.drop(item.packet, DropReason::kLegSendOnly, leg.leg_id);
  if (item.bytes < wire::kRtpBytes + leg.tag_bytes) return context_.drop(item.packet, DropReason::kRtpTruncated, leg.leg_id);
  const std::uint32_t rtp_bytes = item.bytes - leg.tag_bytes;
  wire::RtpHeaderInfo rtp;
  if (const auto error = wire::parse_rtp({item.payload, rtp_bytes}, rtp); error != wire::RtpError::kNone)
    return context_.drop(item.packet, reason_of(error), leg.leg_id);
  const SsrcEntry* entry = find_ssrc(leg, rtp.ssrc);
  if (entry == nullptr) return context_.drop(item.packet, DropReason::kSrtpUnknownSsrc, leg.leg_id);

  const StreamRx& stream = *tables_.streams[entry->stream_slot];
  const IndexWindow& window = stream.state->srtp;
  const std::uint64_t index = window.estimate(rtp.sequence);
  if (!IndexWindow::is_valid(index)) return context_.drop(item.packet, DropReason::kSrtpIndexRange, leg.leg_id);
  // Cheap test before any cryptography; the binding one is at commit, after authentication (RFC 3711 §3.3 step 5).
  if (const auto verdict = window.test(index); verdict != IndexWindow::Verdict::kFresh)
    return context_.drop(item.packet, reason_of(verdict), leg.leg_id);
  SrtpOp* op = take_op();
  if (op == nullptr) return context_.drop(item.packet, DropReason::kEngineFull, leg.leg_id);

  op->op = leg.open_op;
  op->status = JobStatus::kPending;
  op->tag_bytes = leg.tag_bytes;
  op->roc = static_cast<std::uint32_t>(index >> 16);
  op->key = leg.key;
  op->src = op->dst = item.payload + rtp.header_bytes;
  op->bytes = rtp_bytes - rtp.header_bytes;
  op->aad_bytes = rtp.header_bytes;
  op->more_count = 0;
  op->aad = item.payload;
  op->tag = item.payload + rtp_bytes;
  op->handle = {entry->stream_slot, stream.generation};
  op->packet = item.packet;
  op->source = nullptr;
  op->index = index;
  op->epoch = epoch_;  // submitted within this loop
  make_iv(leg.open_op, op->iv, leg.salt, rtp.ssrc, index);
  ++packets_in_flight_;
  open_queue_.push_back(op);
}

std::size_t SrtpService::open_barrier() noexcept {
  const std::size_t n = open_queue_.size();
  submit(open_queue_);
  poll();
  return n;
}

std::size_t SrtpService::seal_barrier() noexcept {
  const std::size_t n = seal_queue_.size();
  submit(seal_queue_);
  poll();
  return n;
}

void SrtpService::submit(std::vector<crypto::Job*>& queue) noexcept {
  if (queue.empty()) return;
  const std::size_t taken = engine_.submit(queue);
  in_flight_[epoch_] += taken;
  for (std::size_t i = taken; i < queue.size(); ++i) {  // the device's queue is full
    auto* op = static_cast<SrtpOp*>(queue[i]);
    --packets_in_flight_;
    context_.drop(op->packet, DropReason::kEngineFull);
    if (op->source != nullptr) release_source(op->source);
    give_back(op);
  }
  queue.clear();
}

void SrtpService::poll() noexcept {
  const std::size_t n = engine_.poll(done_);
  for (std::size_t i = 0; i < n; ++i) {
    auto& op = static_cast<SrtpOp&>(*done_[i]);
    --in_flight_[op.epoch];
    if (is_open(op.op))
      opened_.push_back(&op);
    else
      finish_seal(op);
  }
}

// What commit follows is a chain: stream, its receivers, their state and leg. Each link is touched some packets ahead of the next one.
inline void SrtpService::prefetch_for_commit(std::size_t i, std::size_t n) const noexcept {
  if (i + 3 * kAhead < n) prefetch(tables_.streams[opened_[i + 3 * kAhead]->handle.slot]);
  if (i + 2 * kAhead < n) {
    if (const StreamRx* stream = tables_.streams[opened_[i + 2 * kAhead]->handle.slot]) {
      prefetch(stream->state);
      prefetch(stream->fanout);
    }
  }
  if (i + kAhead < n) {
    const StreamRx* stream = tables_.streams[opened_[i + kAhead]->handle.slot];
    if (stream != nullptr && stream->fanout_count != 0) prefetch_receiver(*stream->fanout);
  }
}

std::size_t SrtpService::commit() noexcept {
  const std::size_t n = opened_.size();
  // Sealing in between (a large fan-out) may complete further opens of an asynchronous engine: they wait for the next loop.
  for (std::size_t i = 0; i < n; ++i) {
    prefetch_for_commit(i, n);
    commit_one(*opened_[i]);
    give_back(opened_[i]);
  }
  opened_.erase(opened_.begin(), opened_.begin() + static_cast<std::ptrdiff_t>(n));
  return n;
}

void SrtpService::commit_one(SrtpOp& op) noexcept {
  const StreamRx* stream = tables_.live_stream(op.handle);
  if (stream == nullptr) return drop_opened(op, DropReason::kStale, 0);
  if (op.status == JobStatus::kAuthFailed) return drop_opened(op, DropReason::kSrtpAuthFailed, stream->leg_id);
  if (op.status != JobStatus::kOk) return drop_opened(op, DropReason::kEngineError, stream->leg_id);
  abi::StateSlot& state = *stream->state;
  if (const auto verdict = state.srtp.test(op.index); verdict != IndexWindow::Verdict::kFresh)
    return drop_opened(op, reason_of(verdict), stream->leg_id);
  {
    const SlotWrite write(state);
    state.srtp.mark(op.index);
    ++state.packets;
    state.bytes += op.bytes;
  }
  context_.count(Counter::kSrtpOpened);
  if (!padding_is_good(op)) return drop_opened(op, DropReason::kRtpBadPadding, stream->leg_id);
  if (stream->fanout_count == 0) return drop_opened(op, DropReason::kSrtpNoReceiver, stream->leg_id);
  fan_out(*stream, op);
}

void SrtpService::drop_opened(SrtpOp& op, DropReason reason, std::uint64_t leg_id) noexcept {
  --packets_in_flight_;
  context_.drop(op.packet, reason, leg_id);
}

void SrtpService::fan_out(const StreamRx& stream, SrtpOp& op) noexcept {
  op.packet->refs = 1;  // ours, until every receiver has been served
  for (std::uint32_t i = 0; i < stream.fanout_count; ++i) {
    if (i + 1 < stream.fanout_count) {
      prefetch_receiver(stream.fanout[i + 1]);
    }
    if (free_count_ == 0) seal_barrier();  // a large fan-out: send what is ready, then go on
    seal_for(stream.fanout[i], op);
  }
  release_source(op.packet);
}

void SrtpService::seal_for(const FanoutEntry& to, const SrtpOp& op) noexcept {
  abi::StateSlot& state = *to.state;
  const LegTx& leg = *to.leg;
  const std::uint32_t rtp_bytes = op.aad_bytes + op.bytes;
  if (rtp_bytes + to.tag_bytes > leg.max_udp_payload) return context_.count_drop(DropReason::kSealOversize);
  // The first packet of a send context fixes how its ROC relates to the sender's, so that a receiver that joins late starts where
  // its key says, not where the sender happens to be.
  const std::uint32_t roc_in = static_cast<std::uint32_t>(op.index >> 16);
  const std::uint32_t roc_offset = state.srtp.started() ? state.roc_offset : roc_in - static_cast<std::uint32_t>(state.srtp.top >> 16);
  const std::uint64_t index = op.index - (std::uint64_t{roc_offset} << 16);
  if (!IndexWindow::is_valid(index)) return context_.count_drop(DropReason::kSrtpIndexRange);
  if (state.srtp.test(index) != IndexWindow::Verdict::kFresh) {
    context_.count_drop(DropReason::kSealIndexReuse);
    return egress_.report_index_reuse(leg.leg_id, to.ssrc_out);
  }
  SrtpOp* seal = take_op();
  if (seal == nullptr) return context_.count_drop(DropReason::kEngineFull);
  Packet* out = egress_.take(leg.port);
  if (out == nullptr) {
    give_back(seal);
    return context_.count_drop(DropReason::kPoolExhausted);
  }
  {
    const SlotWrite write(state);  // before transmission: an index that was handed to the engine is spent, whatever happens next
    state.srtp.mark(index);
    state.roc_offset = roc_offset;
    ++state.packets;
    state.bytes += op.bytes;
  }

  std::byte* rtp = egress_.begin_datagram(leg, *out, rtp_bytes + to.tag_bytes);
  if (op.aad_bytes == wire::kRtpBytes) [[likely]]
    std::memcpy(rtp, op.aad, wire::kRtpBytes);
  else
    std::memcpy(rtp, op.aad, op.aad_bytes);
  store_be32(rtp + 4, load_be32(rtp + 4) + to.timestamp_offset);
  store_be32(rtp + 8, to.ssrc_out);

  seal->op = to.seal_op;
  seal->status = JobStatus::kPending;
  seal->tag_bytes = to.tag_bytes;
  seal->roc = static_cast<std::uint32_t>(index >> 16);
  seal->key = to.key;
  seal->src = op.dst;
  seal->dst = rtp + op.aad_bytes;
  seal->bytes = op.bytes;
  seal->aad_bytes = op.aad_bytes;
  seal->more_count = 0;
  seal->aad = rtp;
  seal->tag = rtp + rtp_bytes;
  seal->handle = to.leg_handle;
  seal->packet = out;
  seal->source = op.packet;
  seal->epoch = epoch_;
  make_iv(to.seal_op, seal->iv, to.salt, to.ssrc_out, index);
  ++op.packet->refs;
  ++packets_in_flight_;
  seal_queue_.push_back(seal);
}

void SrtpService::finish_seal(SrtpOp& op) noexcept {
  release_source(op.source);
  --packets_in_flight_;
  const LegTx* leg = tables_.live_leg_tx(op.handle);
  if (leg == nullptr) {
    context_.drop(op.packet, DropReason::kStale);
  } else if (op.status != JobStatus::kOk) {
    context_.drop(op.packet, DropReason::kEngineError, leg->leg_id);
  } else {
    context_.count(Counter::kSrtpSealed);
    egress_.send(*leg, op.packet);
  }
  give_back(&op);
}

void SrtpService::release_source(Packet* packet) noexcept {
  if (--packet->refs != 0) return;
  --packets_in_flight_;
  context_.release(packet);
}

}  // namespace mediaward::dataplane
