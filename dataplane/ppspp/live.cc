// SPDX-License-Identifier: Apache-2.0
// Live content (RFC 7574 §6): munros come with a signature that a helper thread verifies; what is verified becomes the root of its subtree
// and is handed on with the chunks below it. See service.h. The worker's own thread.
#include "dataplane/ppspp/munro.h"
#include "dataplane/ppspp/service.h"

#include <algorithm>

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint32_t kExtentsDiscarded = 16;  // of a live content, at a time

}  // namespace

void PeerService::on_signed_integrity(Intake& in, const Message& m) noexcept {
  Channel& channel = *in.channel;
  const Swarm& swarm = *channel.swarm;
  in.content = true;
  if (!swarm.live() || !channel.peer->provides()) {
    in.refused = DropReason::kPpsppBadSignature;
    return;
  }
  SignatureRequest request;
  switch (judge_munro(swarm, m, channel.pending, shared_.realtime_us(context_.now(), context_.tsc_hz()), request)) {
    case MunroVerdict::kKnown: return;
    case MunroVerdict::kRefused:
      in.refused = DropReason::kPpsppBadSignature;
      return;
    case MunroVerdict::kAsk: break;
  }
  request.channel = channel.key.id;
  PeerBudget& budget = *channel.peer->budget;
  if (budget.signature_pending || !shared_.signatures->request(context_.index(), request)) {
    in.refused = DropReason::kPpsppSignatureBusy;
    return;
  }
  budget.signature_pending = channel.signature_pending = true;
  context_.count(Counter::kPpsppSignatures);
}

// A result of the helper thread, for a channel that may be gone by now. A good munro is good whoever brought it, a guard included.
void PeerService::signature_done(const SignatureRequest& r) noexcept {
  Channel* channel = r.guarded ? nullptr : channels_.find(r.channel);
  const Swarm* swarm = tables_.swarms[r.swarm_slot];
  const bool same = channel != nullptr && swarm != nullptr && swarm->generation == r.swarm_generation && channel->swarm == swarm;
  if (same && channel->signature_pending) channel->peer->budget->signature_pending = channel->signature_pending = false;
  if (swarm == nullptr || swarm->generation != r.swarm_generation) return;
  if (r.good) return accept_munro(*swarm, r);
  context_.count_drop(DropReason::kPpsppBadSignature);
  if (!same) return;
  add_relaxed(channel->peer->conduct->bad);
  if (!may_prove(channel->peer->budget->evidence)) return;
  Evidence e = evidence_against(*channel);
  e.kind = abi::EvidenceKind::kBadSignature;
  e.node_level = swarm->munro_level;
  e.node_index = r.munro;
  e.chunk = r.munro << swarm->munro_level;
  std::memcpy(e.digest.data(), r.digest.data(), e.digest.size());
  if (!evidence_.push(e)) context_.count(Counter::kEventsLost);
}

void PeerService::accept_munro(const Swarm& swarm, const SignatureRequest& r) noexcept {
  if (!swarm.tree->set_munro(r.munro, r.digest.data())) return;
  swarm.munros->put(r.munro, r.ntp_time, {r.signature.data(), r.signature_bytes});
  if (swarm.fetch_state == nullptr) return;
  FetchState& fetch = *swarm.fetch_state;
  if (!fetch.joined) {
    fetch.joined = true;
    fetch.cursor = r.munro << swarm.munro_level;
  }
  wake(fetch.audience);
}

// The first chunk within the window that ends before `end` (RFC 7574 §7.9), or within what the cache can hold of it.
std::uint64_t PeerService::oldest_kept(const Swarm& swarm, std::uint64_t end) noexcept {
  const std::uint64_t window = std::min(swarm.discard_window, swarm.store->shape().window_chunks);
  return end > window ? end - window : 0;
}

void PeerService::forget_old(Audience& audience) noexcept {
  const Swarm& swarm = *audience.swarm;
  const std::uint64_t oldest = oldest_kept(swarm, read_relaxed(swarm.stats->top_chunk));
  if (oldest == 0) return;
  (void)audience.had.erase({0, oldest - 1});
  (void)audience.missed.erase({0, oldest - 1});
  if (!is_owner(swarm)) return;
  swarm.fetch_state->cursor = std::max(swarm.fetch_state->cursor, oldest);
  cache_->discard_before(*swarm.store, oldest, kExtentsDiscarded);
}

// In front of a chunk whose munro the receiver has not shown to have: its hash and signature, in one datagram (RFC 7574 §6.1.2.2).
bool PeerService::send_munro(Channel& channel, std::uint64_t chunk) noexcept {
  const Swarm& swarm = *channel.swarm;
  const crypto::MerkleNode munro = swarm.tree->top_of(chunk);
  const ChunkRange range{crypto::first_chunk(munro), crypto::last_chunk(munro)};
  if (channel.acked.intersects(range) || channel.munro_sent == munro.index + 1) return true;
  MunroLog::Entry entry;
  std::array<std::byte, crypto::kMaxDigestBytes> digest;
  if (!swarm.munros->find(munro.index, entry) || !swarm.tree->copy(munro, digest.data())) return false;
  MessageWriter out(scratch_room(channel), channel.remote_id, swarm.framing);
  if (!out.integrity(range, {digest.data(), swarm.framing.hash_bytes}) || !out.signed_integrity(range, entry.ntp_time, entry.signature())) return false;
  if (!send(channel, out.bytes(), {})) return false;
  channel.munro_sent = munro.index + 1;
  return true;
}

}  // namespace mediaward::dataplane::ppspp
