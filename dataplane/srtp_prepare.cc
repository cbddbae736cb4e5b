// SPDX-License-Identifier: Apache-2.0
// The receive side up to the crypto engine: whose packet it is, under which key and index, and whether it can be fresh at all
// (RFC 3711 §3.3 steps 1-3). Nothing is changed here that an attacker without the key could reach. See srtp_service.h.
#include <cstring>

#include "crypto/srtp_index.h"
#include "dataplane/classify.h"
#include "dataplane/srtp_receive.h"
#include "dataplane/srtp_service.h"
#include "dataplane/wire/rtcp.h"
#include "dataplane/wire/rtp.h"

namespace mediaward::dataplane {
namespace {

using crypto::IndexWindow;
using crypto::JobStatus;

DropReason reason_of(wire::RtpError error) noexcept {
  switch (error) {
    case wire::RtpError::kBadVersion: return DropReason::kRtpBadVersion;
    case wire::RtpError::kBadCsrc: return DropReason::kRtpBadCsrc;
    case wire::RtpError::kBadExtension: return DropReason::kRtpBadExtension;
    default: return DropReason::kRtpTruncated;
  }
}

bool from_remote(const LegRx& leg, const std::byte* source, const std::byte* udp) noexcept {
  if (load_raw<std::uint16_t>(udp) != leg.remote_port_raw) return false;
  if (leg.family == Family::kIpv4) return load_raw<std::uint32_t>(source) == load_raw<std::uint32_t>(leg.remote_address);
  return std::memcmp(source, leg.remote_address, 16) == 0;
}

bool within_filter(const LegRxDetails& details, const std::byte* source) noexcept {
  if (details.filter_bytes != 0 && std::memcmp(source, details.filter, details.filter_bytes) != 0) return false;
  if (details.filter_mask == std::byte{0}) return true;
  return ((source[details.filter_bytes] ^ details.filter[details.filter_bytes]) & details.filter_mask) == std::byte{0};
}

// A latching leg takes packets from elsewhere as far as the crypto engine; what they teach is decided after their tag.
enum class Source : std::uint8_t { kKnown, kToLearn, kWrong };
Source judge_source(const LegRx& leg, const std::byte* source, const std::byte* udp) noexcept {
  if ((leg.flags & kRxLatching) == 0) [[likely]] return from_remote(leg, source, udp) ? Source::kKnown : Source::kWrong;
  if (leg.details->bound && from_remote(leg, source, udp)) return Source::kKnown;
  if (leg.details->bound && !leg.details->relatch) return Source::kWrong;
  return within_filter(*leg.details, source) ? Source::kToLearn : Source::kWrong;
}

}  // namespace

// A burst at a time, one link of the chain of pointers after the other: what is asked for in one pass has come when the next one needs
// it, however many streams there are. The legs' lines were asked for when they were found.
void SrtpService::prefetch_streams(std::span<const SrtpItem> items) const noexcept {
  for (const SrtpItem& item : items) prefetch(&tables_.streams[item.leg->first.stream_slot]);
  for (const SrtpItem& item : items)
    if (const StreamRx* stream = tables_.streams[item.leg->first.stream_slot]) prefetch(stream);
  for (const SrtpItem& item : items)
    if (const StreamRx* stream = tables_.streams[item.leg->first.stream_slot]) prefetch(stream->state);
}

void SrtpService::prepare(std::span<const SrtpItem> items) noexcept {
  if (tables_.outgrow_cache()) prefetch_streams(items);
  for (const SrtpItem& item : items) prepare_one(item);
}

void SrtpService::prepare_one(const SrtpItem& item) noexcept {
  const LegRx& leg = *item.leg;
  if (!is_media(item.payload, item.bytes)) [[unlikely]]
    return context_.drop(item.packet, not_media(item.payload, item.bytes), leg.leg_id);
  const bool rtcp = wire::is_rtcp(item.payload[1]);
  if ((leg.flags & (rtcp ? kRxRtcp : kRxRtp)) == 0) return context_.drop(item.packet, DropReason::kRtcpWrongPort, leg.leg_id);
  const Source source = judge_source(leg, item.source, item.payload - 8);
  if (source == Source::kWrong) return context_.drop(item.packet, DropReason::kSourceMismatch, leg.leg_id);
  if (rtcp) [[unlikely]] return prepare_rtcp(item, source == Source::kToLearn);
  prepare_rtp(item, source == Source::kToLearn);
}

void SrtpService::prepare_rtp(const SrtpItem& item, bool learn) noexcept {
  const LegRx& leg = *item.leg;
  if ((leg.flags & kRxMayReceive) == 0) return context_.drop(item.packet, DropReason::kLegSendOnly, leg.leg_id);
  const std::uint32_t trailer = std::uint32_t{leg.key.tag_bytes} + leg.key.mki_bytes;
  if (item.bytes < wire::kRtpBytes + trailer) return context_.drop(item.packet, DropReason::kRtpTruncated, leg.leg_id);
  const std::uint32_t rtp_bytes = item.bytes - trailer;
  wire::RtpHeaderInfo rtp;
  if (const auto error = wire::parse_rtp({item.payload, rtp_bytes}, rtp); error != wire::RtpError::kNone)
    return context_.drop(item.packet, reason_of(error), leg.leg_id);
  // The MKI stands in front of an HMAC tag (RFC 3711 §3.1) and behind the tag of an AEAD (RFC 7714 §8.1).
  const bool gcm = crypto::is_gcm(leg.key.op);
  const int key = find_key(leg, item.payload + rtp_bytes + (gcm ? leg.key.tag_bytes : 0));
  if (key < 0) return context_.drop(item.packet, DropReason::kSrtpUnknownMki, leg.leg_id);
  const SsrcEntry* entry = find_ssrc(leg, rtp.ssrc);
  if (entry == nullptr && (leg.flags & kRxBindsSsrc) == 0) return context_.drop(item.packet, DropReason::kSrtpUnknownSsrc, leg.leg_id);

  std::uint64_t index = 0;
  const StreamRx* stream = nullptr;
  if (entry != nullptr) [[likely]] {
    stream = tables_.streams[entry->stream_slot];
    index = stream->state->srtp.estimate(rtp.sequence);
    if (!IndexWindow::is_valid(index)) return context_.drop(item.packet, DropReason::kSrtpIndexRange, leg.leg_id);
    // Cheap test before any cryptography; the binding one is at commit, after authentication (RFC 3711 §3.3 step 5).
    if (const auto verdict = test_index(*stream, index); verdict != IndexWindow::Verdict::kFresh)
      return context_.drop(item.packet, srtp_reason(verdict), leg.leg_id);
  } else {
    index = (std::uint64_t{leg.details->bind_roc} << 16) | rtp.sequence;
  }
  SrtpOp* op = ops_.take();
  if (op == nullptr) return context_.drop(item.packet, DropReason::kEngineFull, leg.leg_id);

  const KeyView& with = leg.key_at(static_cast<std::size_t>(key));
  op->begin(stream != nullptr ? with.op : with.check, leg.key.tag_bytes, rtp_bytes - rtp.header_bytes, rtp.header_bytes,
            static_cast<std::uint32_t>(index >> 16));
  op->src = op->dst = item.payload + rtp.header_bytes;
  op->aad = item.payload;
  op->tag = item.payload + rtp_bytes + (gcm ? 0 : leg.key.mki_bytes);
  op->packet = item.packet;
  op->leg = &leg;
  op->marks = 0;
  op->epoch = epoch_;  // submitted within this loop
  if (key != 0) [[unlikely]] op->key_index = static_cast<std::uint8_t>(key);
  if (learn) [[unlikely]] op->learn = true;
  if (leg.counts_use) [[unlikely]] op->counts_use = true;
  op->datagram_bytes = item.bytes;
  op->stream = stream;
  op->changes = tables_.changes;
  op->key = with.srtp;
  op->index = index;
  make_iv(gcm, op->iv, with.srtp_salt, rtp.ssrc, index);
  queue_open(op);
}

void SrtpService::queue_open(SrtpOp* op) noexcept {
  ++packets_in_flight_;
  if (op->key != nullptr) [[likely]]
    return open_queue_.push_back(op);
  op->status = JobStatus::kOk;  // a relay that has no key: there is nothing to verify
  opened_.push_back(op);
}

}  // namespace mediaward::dataplane
