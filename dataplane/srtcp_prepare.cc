// SPDX-License-Identifier: Apache-2.0
// SRTCP on its way in, up to the crypto engine (RFC 3711 §3.4, RFC 7714 §9): explicit index, E flag, its own replay window. Two layouts:
//   AES-CM, NULL  header(8) ‖ ciphertext ‖ E+index ‖ MKI ‖ tag         the tag covers everything up to the index
//   AEAD          header(8) ‖ ciphertext ‖ tag ‖ E+index ‖ MKI         associated data: header ‖ E+index
// See srtp_service.h. The worker's own thread.
#include <cstring>

#include "crypto/srtp_index.h"
#include "dataplane/srtp_receive.h"
#include "dataplane/srtp_service.h"
#include "dataplane/wire/rtcp.h"

namespace mediaward::dataplane {
namespace {

constexpr auto kWordBytes = static_cast<std::uint32_t>(wire::kSrtcpIndexBytes);

// Where the parts of an SRTCP packet lie, from its end.
struct Layout {
  std::uint32_t word;    // E flag and index
  std::uint32_t mki;
  std::uint32_t tag;
  std::uint32_t cipher_end;
};
Layout layout_of(const KeyView& key, std::uint32_t bytes, bool gcm) noexcept {
  if (gcm) {
    const std::uint32_t mki = bytes - key.mki_bytes, word = mki - kWordBytes, tag = word - key.srtcp_tag_bytes;
    return {word, mki, tag, tag};
  }
  const std::uint32_t tag = bytes - key.srtcp_tag_bytes, mki = tag - key.mki_bytes, word = mki - kWordBytes;
  return {word, mki, tag, word};
}

// Associated data of an AEAD: header ‖ index word, which do not lie together; without encryption all that was authenticated, which is
// made to lie together by moving the word in front of the tag.
void set_aead(SrtpOp& op, std::byte* packet, const Layout& at, bool encrypted) noexcept {
  if (encrypted) {
    std::memcpy(op.scratch.data(), packet, wire::kRtcpBytes);
    std::memcpy(op.scratch.data() + wire::kRtcpBytes, packet + at.word, wire::kSrtcpIndexBytes);
    op.aad = op.scratch.data();
    op.aad_bytes = wire::kRtcpBytes + wire::kSrtcpIndexBytes;
    op.tag = packet + at.tag;
    return;
  }
  const auto word = load_raw<std::uint32_t>(packet + at.word);
  std::memcpy(op.scratch.data(), packet + at.tag, op.tag_bytes);
  store_raw(packet + at.tag, word);
  op.moved = true;
  op.aad = packet;
  op.aad_bytes = static_cast<std::uint16_t>(at.tag + wire::kSrtcpIndexBytes);
  op.src = op.dst = packet + op.aad_bytes;
  op.bytes = 0;
  op.tag = op.scratch.data();
}

}  // namespace

void SrtpService::prepare_rtcp(const SrtpItem& item, bool learn) noexcept {
  const LegRx& leg = *item.leg;
  if ((leg.flags & kRxDropRtcp) != 0) return context_.drop(item.packet, DropReason::kRtcpPolicy, leg.leg_id);
  const bool keyed = leg.key.srtcp != nullptr;
  const std::uint32_t trailer = keyed ? std::uint32_t{leg.key.srtcp_tag_bytes} + leg.key.mki_bytes + kWordBytes : 0;
  if (item.bytes < wire::kRtcpBytes + trailer) return context_.drop(item.packet, DropReason::kRtcpTruncated, leg.leg_id);
  if ((std::to_integer<unsigned>(item.payload[0]) >> 6) != 2) return context_.drop(item.packet, DropReason::kRtpBadVersion, leg.leg_id);
  const std::uint32_t ssrc = load_be32(item.payload + 4);
  const SsrcEntry* entry = find_ssrc(leg, ssrc);
  if (entry == nullptr && ((leg.flags & kRxBindsSsrc) == 0 || !keyed))
    return context_.drop(item.packet, DropReason::kSrtpUnknownSsrc, leg.leg_id);
  const StreamRx* stream = entry != nullptr ? tables_.streams[entry->stream_slot] : nullptr;

  const bool gcm = crypto::is_gcm(leg.key.op);
  const Layout at = keyed ? layout_of(leg.key, item.bytes, gcm) : Layout{item.bytes, item.bytes, item.bytes, item.bytes};
  const int key = keyed ? find_key(leg, item.payload + at.mki) : 0;
  if (key < 0) return context_.drop(item.packet, DropReason::kSrtpUnknownMki, leg.leg_id);
  const std::uint32_t word = keyed ? load_be32(item.payload + at.word) : 0;
  const bool encrypted = (word & wire::kSrtcpEncrypted) != 0;
  if (keyed && !encrypted && (leg.flags & kRxPlainRtcp) == 0 && leg.key.null_cipher == 0)
    return context_.drop(item.packet, DropReason::kRtcpUnencrypted, leg.leg_id);
  if (keyed && stream != nullptr)
    if (const auto verdict = srtcp_window(*stream->state).test(word & wire::kSrtcpIndexMask); verdict != SrtcpVerdict::kFresh)
      return context_.drop(item.packet, srtcp_reason(verdict), leg.leg_id);

  SrtpOp* op = ops_.take();
  if (op == nullptr) return context_.drop(item.packet, DropReason::kEngineFull, leg.leg_id);
  op->begin(leg.key.op, leg.key.srtcp_tag_bytes, at.cipher_end - static_cast<std::uint32_t>(wire::kRtcpBytes), wire::kRtcpBytes,
            word);  // what the tag covers behind the ciphertext is there already
  op->src = op->dst = item.payload + wire::kRtcpBytes;
  op->aad = item.payload;
  op->tag = item.payload + at.tag;
  op->packet = item.packet;
  op->leg = &leg;
  op->marks = 0;
  op->epoch = epoch_;
  op->key_index = static_cast<std::uint8_t>(key);
  op->rtcp = true;
  op->encrypted = encrypted;
  op->learn = learn;
  op->counts_use = leg.counts_use;
  op->datagram_bytes = item.bytes;
  op->stream = stream;
  op->changes = tables_.changes;
  if (gcm) set_aead(*op, item.payload, at, encrypted);
  set_rtcp_attempt(*op, leg.key_at(op->key_index), ssrc, word & wire::kSrtcpIndexMask);
  if (stream == nullptr) op->op = leg.key_at(op->key_index).check;
  queue_open(op);
}

}  // namespace mediaward::dataplane
