// SPDX-License-Identifier: Apache-2.0
// The send side: one seal job per receiver straight into its outgoing packet, one for a whole group, or none (relay); packets that go to
// many are sent by reference, with headers of their own only. Every index is spent before it is used (RFC 3711 §9.1), whatever the
// receive side does. See srtp_service.h. The worker's own thread.
#include <bit>
#include <cstring>

#include "crypto/srtp_index.h"
#include "dataplane/srtp_service.h"
#include "dataplane/state_region.h"
#include "dataplane/wire/rtcp.h"
#include "dataplane/wire/rtp.h"

namespace mediaward::dataplane {
namespace {

using crypto::IndexWindow;
using crypto::JobStatus;

// A source that was not forwarded for so long comes back where its receivers' indexes stand: across 2^15 packets, less what they may have
// lost before, they could not tell the roll-over counter (RFC 3711 §3.3.1).
constexpr std::uint64_t kMaxSilentPackets = (std::uint64_t{1} << 15) - 256;
constexpr std::size_t kCopyBurst = 32;
constexpr std::size_t kSealBatch = 256;
constexpr std::uint32_t kReceiversAhead = 3;  // between touching a receiver's lines and sealing for it

// What was used for this receiver and source: the newest in the state, which outlives this process; what is older only where the source's
// replay window reaches so far back, too.
inline IndexWindow::Verdict test_unused(const IndexWindow& window, const crypto::WideWindow* wide, std::uint64_t index) noexcept {
  if (wide == nullptr || index + crypto::kReplayWindowPackets > window.top) [[likely]] return window.test(index);
  return wide->test(window, index, crypto::kMaxWindowPackets);
}

// The RTP header as this receiver gets it. In place, where a group is served.
inline void write_header(std::byte* out, const Plaintext& plain, std::uint16_t sequence, const FanoutEntry& to) noexcept {
  const auto first = load_raw<std::uint16_t>(plain.data);
  const std::uint32_t timestamp = load_be32(plain.data + 4) + to.timestamp_offset;
  if (plain.header_bytes != wire::kRtpBytes && out != plain.data) [[unlikely]]
    std::memcpy(out + wire::kRtpBytes, plain.data + wire::kRtpBytes, plain.header_bytes - wire::kRtpBytes);
  store_raw(out, first);
  store_be16(out + 2, sequence);
  store_be32(out + 4, timestamp);
  store_be32(out + 8, to.ssrc_out);
}

}  // namespace

// The send key's lifetime. True while it may seal.
bool SrtpService::may_seal(const FanoutEntry& to, std::uint64_t packets, bool rtcp) noexcept {
  const KeyLifetime& life = to.leg->details->lifetime;
  const std::uint64_t soft = rtcp ? life.srtcp_soft : life.srtp_soft, hard = rtcp ? life.srtcp_hard : life.srtp_hard;
  const std::uint64_t end = to.alert_at + (hard - soft);
  const auto role = rtcp ? WorkerEvent::KeyRole::kSendSrtcp : WorkerEvent::KeyRole::kSendSrtp;
  if (packets == to.alert_at) report_key(WorkerEvent::Kind::kKeyExpiring, role, to.leg->object_id, to.ssrc_out, soft, hard);
  if (packets + 1 == end) report_key(WorkerEvent::Kind::kKeyExpired, role, to.leg->object_id, to.ssrc_out, hard, hard);
  return packets < end;
}

// Nobody but the group needs the plaintext: what was received is sealed where it lies, if the buffer has room for what sealing adds.
Packet* SrtpService::take_group_packet(const LegTx& leg, const Plaintext& plain, std::uint32_t bytes) noexcept {
  Packet* out = plain.source->packet;
  const auto skipped = static_cast<std::uint32_t>(plain.data - out->data);
  if (skipped + bytes <= out->room) [[likely]] {
    out->data = plain.data;
    out->room -= skipped;
    plain.source->packet = nullptr;
    --packets_in_flight_;  // it counts as the sealed one's from here on
  } else {
    out = egress_.take(leg.port);
    if (out == nullptr) return nullptr;
    out->port = leg.port;
  }
  out->bytes = bytes;
  return out;
}

// Operation and buffer of a packet to be sealed; `payload` is where its RTP or RTCP header goes. nullptr: counted as dropped.
inline SrtpOp* SrtpService::begin_seal(const FanoutEntry& to, const Plaintext& plain, const StreamRx* group, std::uint32_t bytes,
                                std::byte*& payload) noexcept {
  SrtpOp* seal = ops_.take();
  if (seal == nullptr) return context_.count_drop(DropReason::kEngineFull), nullptr;
  Packet* out = group == nullptr ? egress_.take(to.leg->port) : take_group_packet(*to.leg, plain, bytes);
  if (out == nullptr) {
    ops_.give_back(seal);
    return context_.count_drop(DropReason::kPoolExhausted), nullptr;
  }
  if (group == nullptr) [[likely]] {
    const LegTx& leg = plain.rtcp ? *to.leg->rtcp : *to.leg;
    payload = egress_.begin_datagram(leg, *out, bytes);
    seal->to = &leg;
  } else {
    payload = out->data;  // headers are each receiver's own
    seal->stream = group;
  }
  seal->key = to.key;
  seal->src = plain.data + plain.header_bytes;
  seal->packet = out;
  seal->source = plain.source;
  seal->changes = tables_.changes;
  seal->marks = 0;
  seal->epoch = epoch_;
  if (plain.rtcp) [[unlikely]] seal->rtcp = true;
  if (group != nullptr) [[unlikely]] seal->group = true;
  ++plain.source->refs;
  ++packets_in_flight_;
  return seal;
}

// Where the index is not simply the next one: which it is, and what it lies below the sender's. False: none, counted.
bool SrtpService::choose_index(const FanoutEntry& to, std::uint64_t received, const crypto::WideWindow* wide, SealIndex& out) noexcept {
  auto& [index, offset] = out;
  const abi::StateSlot& state = *to.state;
  // The first packet of a send context fixes how its indexes relate to the sender's, so that a receiver that joins late starts at the
  // ROC its key says, not where the sender happens to be.
  if (!state.srtp.started()) offset = (received & ~std::uint64_t{0xffff}) - (state.srtp.top & ~std::uint64_t{0xffff});
  index = received - offset;
  if (!IndexWindow::is_valid(index)) return context_.count_drop(DropReason::kSrtpIndexRange), false;
  if (state.srtp.started() && index > state.srtp.top + kMaxSilentPackets) [[unlikely]] {
    index = state.srtp.top + crypto::kReplayWindowPackets;  // room for those before it that come out of order
    offset = received - index;
  }
  if (test_unused(state.srtp, wide, index) == IndexWindow::Verdict::kFresh) return true;
  context_.count_drop(DropReason::kSealIndexReuse);
  egress_.report_index_reuse(to.leg->object_id, to.ssrc_out);
  return false;
}

inline void SrtpService::seal_rtp(const FanoutEntry& to, const Plaintext& plain, const StreamRx* group) noexcept {
  abi::StateSlot& state = *to.state;
  const LegTx& leg = *to.leg;
  const std::uint32_t rtp_bytes = plain.header_bytes + plain.bytes;
  const std::uint32_t sealed_bytes = rtp_bytes + to.tag_bytes + to.mki_bytes;
  if (sealed_bytes > leg.max_udp_payload) return context_.count_drop(DropReason::kSealOversize);
  crypto::WideWindow* wide = to.window != 0 ? plain.windows[to.window - 1] : nullptr;
  std::uint64_t offset = state.index_offset;
  std::uint64_t index = plain.index - offset;
  if (!state.srtp.is_next(index) || !IndexWindow::is_valid(index)) [[unlikely]] {
    SealIndex chosen{index, offset};
    if (!choose_index(to, plain.index, wide, chosen)) return;
    index = chosen.index;
    offset = chosen.offset;
  }
  if (state.packets >= to.alert_at && !may_seal(to, state.packets, false)) [[unlikely]]
    return context_.count_drop(DropReason::kSealKeyExpired);
  std::byte* rtp = nullptr;
  SrtpOp* seal = begin_seal(to, plain, group, sealed_bytes, rtp);
  if (seal == nullptr) return;
  {
    const SlotWrite write(state);  // before transmission: an index that was handed to the engine is spent, whatever happens next
    if (wide == nullptr) [[likely]]
      state.srtp.mark(index);
    else
      wide->mark(state.srtp, index);
    if (offset != state.index_offset) [[unlikely]] state.index_offset = offset;
    ++state.packets;
    state.bytes += plain.bytes;
  }
  write_header(rtp, plain, static_cast<std::uint16_t>(index), to);

  const bool gcm = crypto::is_gcm(to.seal_op);
  std::byte* end = rtp + rtp_bytes;
  seal->begin(to.seal_op, to.tag_bytes, plain.bytes, plain.header_bytes, static_cast<std::uint32_t>(index >> 16));
  seal->dst = rtp + plain.header_bytes;
  seal->aad = rtp;
  seal->tag = end + (gcm ? 0 : to.mki_bytes);
  if (to.mki_bytes != 0) [[unlikely]]
    std::memcpy(end + (gcm ? to.tag_bytes : 0), leg.details->mki, to.mki_bytes);
  if (gcm)
    crypto::make_gcm_iv(seal->iv, to.salt, to.ssrc_out, index);
  else
    crypto::make_cm_iv(seal->iv, to.salt, to.ssrc_out, index);
  seal_queue_.push_back(seal);
}

// RFC 3711 §3.4, RFC 7714 §9: layouts in srtcp_prepare.cc.
void SrtpService::seal_rtcp(const FanoutEntry& to, Plaintext plain, const StreamRx* group) noexcept {
  abi::StateSlot& state = *to.state;
  const LegTx& leg = *to.leg;
  const std::uint32_t rtcp_bytes = plain.header_bytes + plain.bytes;
  const auto sealed_bytes = static_cast<std::uint32_t>(rtcp_bytes + wire::kSrtcpIndexBytes + to.tag_bytes + to.mki_bytes);
  if (sealed_bytes > leg.max_udp_payload) return context_.count_drop(DropReason::kSealOversize);
  const std::uint32_t index = state.srtcp_top;
  if (index > wire::kSrtcpIndexMask || (state.srtcp_packets >= to.alert_at && !may_seal(to, state.srtcp_packets, true)))
    return context_.count_drop(DropReason::kSealKeyExpired);
  std::byte* rtcp = nullptr;
  SrtpOp* seal = begin_seal(to, plain, group, sealed_bytes, rtcp);
  if (seal == nullptr) return;
  {
    const SlotWrite write(state);
    state.srtcp_top = index + 1;
    ++state.srtcp_packets;
  }
  if (rtcp != plain.data) std::memcpy(rtcp, plain.data, wire::kRtcpBytes);
  store_be32(rtcp + 4, to.ssrc_out);
  const std::uint32_t word = index | (to.null_cipher != 0 ? 0 : wire::kSrtcpEncrypted);
  const bool gcm = crypto::is_gcm(to.seal_op);
  std::byte* end = rtcp + rtcp_bytes;
  seal->begin(to.seal_op, to.tag_bytes, plain.bytes, gcm ? wire::kRtcpBytes + wire::kSrtcpIndexBytes : wire::kRtcpBytes, word);
  seal->dst = rtcp + wire::kRtcpBytes;
  seal->tag = gcm ? end : end + wire::kSrtcpIndexBytes + to.mki_bytes;
  std::byte* at = gcm ? end + to.tag_bytes : end;
  store_be32(at, word);
  if (to.mki_bytes != 0) std::memcpy(at + wire::kSrtcpIndexBytes, leg.details->mki, to.mki_bytes);
  if (gcm) {
    std::memcpy(seal->scratch.data(), rtcp, wire::kRtcpBytes);
    store_be32(seal->scratch.data() + wire::kRtcpBytes, word);
    seal->aad = seal->scratch.data();
    crypto::make_gcm_iv(seal->iv, to.salt, to.ssrc_out, index);
  } else {
    seal->aad = rtcp;
    crypto::make_cm_iv(seal->iv, to.salt, to.ssrc_out, index);
  }
  seal_queue_.push_back(seal);
}

inline void SrtpService::fan_out(const Fanout& to, const Plaintext& plain) noexcept {
  const FanoutEntry* entries = plain.rtcp ? to.rtcp : to.rtp;
  const std::uint32_t count = plain.rtcp ? to.rtcp_count : to.rtp_count;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i + kReceiversAhead < count) prefetch_receiver(entries[i + kReceiversAhead]);
    // A large fan-out: what is ready is sealed and sent while it is in cache, then on.
    if (seal_queue_.size() >= kSealBatch || ops_.empty()) [[unlikely]] seal_barrier();
    if (plain.rtcp) [[unlikely]]
      seal_rtcp(entries[i], plain, nullptr);
    else
      seal_rtp(entries[i], plain, nullptr);
  }
}

// The operation ends before its packet is served: the same memory, still in cache, becomes the first receiver's.
void SrtpService::hand_on(const StreamRx& stream, SrtpOp& op) noexcept {
  SealSource* source = sources_.take();  // never short: each other one has a seal job, and this operation is a job still
  *source = {op.packet, 1};  // ours, until every receiver has been served
  Plaintext plain;
  plain.source = source;
  plain.rtcp = op.rtcp;
  plain.header_bytes = static_cast<std::uint16_t>(op.rtcp ? wire::kRtcpBytes : op.aad_bytes);
  plain.data = op.src - plain.header_bytes;
  plain.bytes = op.bytes;
  plain.index = op.index;
  if (stream.replay_window > crypto::kReplayWindowPackets) [[unlikely]] plain.windows = stream.details->windows;
  ops_.give_back(&op);
  if (stream.has_shares) [[unlikely]] share_out(stream, plain);
  if (stream.hand_on == HandOn::kGroup)
    seal_group(stream, plain);
  else
    fan_out(stream.fanout, plain);
  release_source(source);
}

void SrtpService::seal_group(const StreamRx& stream, Plaintext plain) noexcept {
  const FanoutEntry* entry = plain.rtcp ? stream.fanout.rtcp : stream.fanout.rtp;
  if ((plain.rtcp ? stream.fanout.rtcp_count : stream.fanout.rtp_count) == 0) return;
  if (ops_.empty()) [[unlikely]] seal_barrier();
  if (plain.rtcp) [[unlikely]]
    seal_rtcp(*entry, plain, &stream);
  else
    seal_rtp(*entry, plain, &stream);
}

void SrtpService::share_out(const StreamRx& stream, Plaintext plain) noexcept {
  std::uint64_t ready = 0;
  for (std::uint64_t left = stream.details->shares; left != 0; left &= left - 1) {
    const auto worker = static_cast<unsigned>(std::countr_zero(left));
    if (shares_[worker]->room() == 0)
      context_.count_drop(DropReason::kShareFull);
    else
      ready |= std::uint64_t{1} << worker;
  }
  if (ready == 0) return;
  Packet& packet = *plain.source->packet;
  egress_.io(packet.port).share(packet, static_cast<std::uint32_t>(std::popcount(ready)));
  context_.count(Counter::kSharesOut, static_cast<std::uint64_t>(std::popcount(ready)));
  const SharedPlaintext item{&packet, plain.data, plain.index, {stream.slot, stream.generation}, plain.bytes, plain.header_bytes, plain.rtcp};
  for (; ready != 0; ready &= ready - 1) (void)shares_[static_cast<unsigned>(std::countr_zero(ready))]->push(item);
}

void SrtpService::serve_share(const SharedPlaintext& item) noexcept {
  context_.count(Counter::kSharesIn);
  const StreamShare* share = tables_.live_share(item.stream);
  SealSource* source = sources_.take();
  if (share == nullptr || source == nullptr) {
    if (source != nullptr) sources_.give_back(source);
    return context_.drop(item.packet, share == nullptr ? DropReason::kStale : DropReason::kEngineFull);
  }
  ++packets_in_flight_;
  *source = {item.packet, 1};
  fan_out(share->fanout, {source, item.data, item.bytes, item.header_bytes, item.rtcp, item.index, share->windows});
  release_source(source);
}

void SrtpService::finish_seal(SrtpOp& op) noexcept {
  release_source(op.source);
  --packets_in_flight_;
  if (op.group) [[unlikely]]
    finish_group(op);
  else if (const LegTx* leg = tables_.live_leg_tx(*op.to, op.changes, op.rtcp); leg == nullptr)
    context_.drop(op.packet, DropReason::kStale);
  else if (op.status != JobStatus::kOk)
    context_.drop(op.packet, DropReason::kEngineError, leg->object_id);
  else {
    context_.count(op.rtcp ? Counter::kSrtcpSealed : Counter::kSrtpSealed);
    egress_.send(*leg, op.packet);
  }
  ops_.give_back(&op);
}

void SrtpService::finish_group(SrtpOp& op) noexcept {
  const StreamRx* stream = tables_.live_stream(*op.stream, op.changes);
  if (stream == nullptr) return context_.drop(op.packet, DropReason::kStale);
  if (op.status != JobStatus::kOk) return context_.drop(op.packet, DropReason::kEngineError, stream->leg_id);
  context_.count(op.rtcp ? Counter::kSrtcpSealed : Counter::kSrtpSealed);
  const StreamDetails& details = *stream->details;
  send_copies(*op.packet, op.rtcp ? details.rtcp_copies : details.copies, op.rtcp ? details.rtcp_copy_count : details.copy_count);
  context_.release(op.packet);
}

// Switched without being opened: the bytes behind the UDP header go on as they came.
void SrtpService::hand_on_relayed(const StreamRx& stream, SrtpOp& op) noexcept {
  const StreamDetails& details = *stream.details;
  const std::uint32_t count = op.rtcp ? details.rtcp_copy_count : details.copy_count;
  if (count == 0) return drop_opened(op, op.rtcp ? DropReason::kRtcpNoReceiver : stream.silent, stream.leg_id);
  Packet& packet = *op.packet;
  std::byte* data = op.start();
  const auto skipped = static_cast<std::uint32_t>(data - packet.data);
  packet.data = data;
  packet.room -= skipped;
  packet.bytes = op.datagram_bytes;
  context_.count(Counter::kSrtpRelayed);
  send_copies(packet, op.rtcp ? details.rtcp_copies : details.copies, count);
  --packets_in_flight_;
  context_.release(&packet);
  ops_.give_back(&op);
}

// One packet to many: a small packet with headers of its own per receiver, which names the common one as what follows it. A port that
// cannot send packets of two pieces gets a copy.
void SrtpService::send_copies(Packet& tail, const LegTx* const* to, std::uint32_t count) noexcept {
  Packet* heads[kCopyBurst];
  const LegTx* legs[kCopyBurst];
  const std::uint16_t tail_sum = egress_.sum_payload(tail);
  for (std::uint32_t at = 0; at < count;) {
    std::uint32_t n = 0, linked = 0;
    for (; at < count && n < kCopyBurst; ++at) {
      const LegTx& leg = *to[at];
      if (at + 1 < count) prefetch(to[at + 1]), prefetch(to[at + 1]->header + 32);
      if (tail.bytes > leg.max_udp_payload) {
        context_.count_drop(DropReason::kSealOversize);
        continue;
      }
      Packet* head = egress_.take(leg.port);
      if (head == nullptr) {
        context_.count_drop(DropReason::kPoolExhausted);
        continue;
      }
      linked += egress_.begin_copy(leg, *head, tail, tail_sum) ? 1 : 0;
      heads[n] = head;
      legs[n++] = &leg;
    }
    if (linked != 0) egress_.io(tail.port).share(tail, linked);
    for (std::uint32_t i = 0; i < n; ++i) egress_.send(*legs[i], heads[i]);
    context_.count(Counter::kSrtpCopied, n);
  }
}

void SrtpService::release_source(SealSource* source) noexcept {
  if (--source->refs != 0) return;
  if (source->packet != nullptr) [[likely]] {
    --packets_in_flight_;
    context_.release(source->packet);
  }
  sources_.give_back(source);
}

}  // namespace mediaward::dataplane
