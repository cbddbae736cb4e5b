// SPDX-License-Identifier: Apache-2.0
// What the receive side's files share: choosing keys, indexes and windows of a packet. Private to srtp_prepare.cc, srtcp_prepare.cc and
// srtp_commit.cc; inline because it runs per packet. The worker's own thread.
#pragma once

#include <cstring>

#include "crypto/srtp_index.h"
#include "dataplane/srtp_op.h"

namespace mediaward::dataplane {

[[nodiscard]] inline DropReason srtp_reason(crypto::IndexWindow::Verdict verdict) noexcept {
  return verdict == crypto::IndexWindow::Verdict::kReplayed ? DropReason::kSrtpReplayed : DropReason::kSrtpTooOld;
}

[[nodiscard]] inline crypto::IndexWindow::Verdict test_index(const StreamRx& stream, std::uint64_t index) noexcept {
  const crypto::IndexWindow& window = stream.state->srtp;
  if (stream.replay_window <= crypto::kReplayWindowPackets) [[likely]] return window.test(index, stream.replay_window);
  return stream.details->wide->test(window, index, stream.replay_window);
}

inline void mark_index(const StreamRx& stream, std::uint64_t index) noexcept {
  if (stream.replay_window > crypto::kReplayWindowPackets) [[unlikely]]
    return stream.details->wide->mark(stream.state->srtp, index);
  stream.state->srtp.mark(index);
}

using SrtcpVerdict = crypto::IndexWindow::Verdict;
[[nodiscard]] inline crypto::SrtcpWindow srtcp_window(abi::StateSlot& state) noexcept { return {state.srtcp_top, state.srtcp_bits}; }
[[nodiscard]] inline DropReason srtcp_reason(SrtcpVerdict verdict) noexcept {
  return verdict == SrtcpVerdict::kReplayed ? DropReason::kRtcpReplayed : DropReason::kRtcpTooOld;
}

// Two keys without MKI: which one it was shows only by the tag.
[[nodiscard]] inline bool leg_tries_keys(const LegRx& leg) noexcept { return leg.key_count > 1 && leg.key.mki_bytes == 0; }

[[nodiscard]] inline const SsrcEntry* find_ssrc(const LegRx& leg, std::uint32_t ssrc) noexcept {
  if (leg.ssrc_count == 0) return nullptr;
  if (leg.first.ssrc == ssrc) [[likely]] return &leg.first;
  for (const auto* e = leg.ssrcs + 1; e < leg.ssrcs + leg.ssrc_count; ++e)
    if (e->ssrc == ssrc) return e;
  return nullptr;
}

// Which of the leg's keys a packet names, or should be tried first; -1 for an MKI that none has.
[[nodiscard]] inline int find_key(const LegRx& leg, const std::byte* mki) noexcept {
  if (leg.key.mki_bytes == 0) [[likely]] return leg.key_count > 1 ? *leg.details->preferred : 0;
  for (int i = 0; i < leg.key_count; ++i)
    if (std::memcmp(leg.details->mkis[i], mki, leg.key.mki_bytes) == 0) return i;
  return -1;
}

inline void make_iv(bool gcm, std::byte* iv, const std::byte* salt, std::uint32_t ssrc, std::uint64_t index) noexcept {
  if (gcm)
    crypto::make_gcm_iv(iv, salt, ssrc, index);
  else
    crypto::make_cm_iv(iv, salt, ssrc, index);
}

// Everything of an SRTP open job that depends on key and index.
inline void set_attempt(SrtpOp& op, const KeyView& key, std::uint32_t ssrc, std::uint64_t index) noexcept {
  op.op = key.op;
  op.key = key.srtp;
  op.index = index;
  op.roc = static_cast<std::uint32_t>(index >> 16);
  make_iv(crypto::is_gcm(key.op), op.iv, key.srtp_salt, ssrc, index);
}

// The same for SRTCP, whose index is explicit. Without encryption under AES-CM only the tag is looked at.
inline void set_rtcp_attempt(SrtpOp& op, const KeyView& key, std::uint32_t ssrc, std::uint32_t index) noexcept {
  const bool gcm = crypto::is_gcm(key.op);
  op.op = op.encrypted || gcm ? key.op : key.check;
  op.key = key.srtcp;
  op.index = index;
  make_iv(gcm, op.iv, key.srtcp_salt, ssrc, index);
}

}  // namespace mediaward::dataplane
