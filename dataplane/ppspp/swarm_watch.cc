// SPDX-License-Identifier: Apache-2.0
// Judgement of peers by what workers counted, what follows from it, and what controllers are told. See swarm_book.h, conduct.h. Main thread.
#include <algorithm>
#include <cstdio>

#include "dataplane/event_text.h"
#include "dataplane/ppspp/policy.h"
#include "dataplane/ppspp/swarm_book.h"
#include "dataplane/worker.h"

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint64_t kForgetSeconds = 600;  // a peer that was silent for so long, and has nothing against it

std::string name_of(const PeerKey& key) {
  const IpAddress address = key.family == Family::kIpv4 ? IpAddress::v4(key.address) : IpAddress::v6(key.address);
  const std::string text = address.to_string();
  if (key.peer_port_raw == 0) return text;
  const std::string port = std::to_string(byte_swap(key.peer_port_raw));
  return key.family == Family::kIpv4 ? text + ":" + port : "[" + text + "]:" + port;
}

}  // namespace

bool SwarmBook::watch(std::uint64_t now_tsc) {
  if (!enabled_ || now_tsc < next_watch_) return false;
  next_watch_ = now_tsc + tsc_hz_;
  bool staged = false;
  for (const std::uint64_t id : peers_.committed_ids()) staged = watch_peer(id, now_tsc) || staged;
  for (const std::uint64_t id : swarms_.committed_ids()) tell_swarm(*swarms_.committed(id), now_tsc);
  return staged;
}

bool SwarmBook::watch_peer(std::uint64_t id, std::uint64_t now_tsc) {
  const PeerObject& peer = *peers_.committed(id);
  ConductJudge& judge = *swarms_.committed(peer.swarm)->judge;
  const PeerConduct counts = peer.bundle->conduct.snapshot();
  std::vector<Finding> findings;
  peer.bundle->assessment = judge.assess(id, counts, now_tsc, findings);
  bool staged = false;
  if (peer.bundle->assessment.ban_ended || (peer.bundle->banned_until_tsc != 0 && now_tsc >= peer.bundle->banned_until_tsc)) {
    peer.bundle->banned_until_tsc = 0;
    peer.bundle->verdicts = 0;
    events_.push_back(make_event(abi::EventKind::kPeerCleared, peer.swarm, 0, 0, name_of(peer.key)));
    PeerObject& changed = peers_.edit(id);
    changed.banned = false;
    changed.throttle_bytes_per_s = 0;
    (void)make_peer_view(changed);
    staged = true;
  }
  for (const Finding& finding : findings) staged = act(id, finding, now_tsc) || staged;
  // A throttle ends when nothing that led to it holds any more.
  if (findings.empty() && peer.throttle_bytes_per_s != 0 && !peer.banned && peer.bundle->assessment.action == Action::kObserve) {
    peer.bundle->verdicts = 0;
    events_.push_back(make_event(abi::EventKind::kPeerCleared, peer.swarm, 0, 0, name_of(peer.key)));
    PeerObject& changed = peers_.edit(id);
    changed.throttle_bytes_per_s = 0;
    (void)make_peer_view(changed);
    staged = true;
  }
  if (peer.view->provides() && !peer.banned && judge.policy().audit_interval_s != 0) {
    if (const std::uint32_t chunks = judge.audits_due(id, counts, now_tsc); chunks != 0) {
      audits_.push_back({id, chunks});
      staged = true;
    }
  }
  const bool connects = (peer.view->flags & abi::kAdmitConnect) != 0;
  const bool silent = now_tsc - std::max(counts.last_heard_ticks, peer.bundle->made_tsc) > kForgetSeconds * tsc_hz_;
  if (!staged && silent && !connects && peer.bundle->verdicts == 0 && !peer.banned) {
    drop_peer(id);
    return true;
  }
  return staged;
}

bool SwarmBook::act(std::uint64_t id, const Finding& finding, std::uint64_t now_tsc) {
  const PeerObject& peer = *peers_.find(id);
  const ConductPolicy& policy = swarms_.committed(peer.swarm)->judge->policy();
  peer.bundle->verdicts = static_cast<std::uint8_t>(peer.bundle->verdicts | 1u << static_cast<unsigned>(to_abi(finding.verdict)));
  events_.push_back(make_event(abi::EventKind::kPeerVerdict, peer.swarm, static_cast<std::uint64_t>(to_abi(finding.verdict)),
                               static_cast<std::uint64_t>(to_abi(finding.action)), name_of(peer.key) + ": " + describe(finding)));
  if (finding.action == Action::kObserve) return false;
  PeerObject& changed = peers_.edit(id);
  if (finding.action == Action::kBan) {
    changed.banned = true;
    changed.bundle->banned_until_tsc = now_tsc + std::uint64_t{policy.ban_s} * tsc_hz_;
  } else {
    changed.throttle_bytes_per_s = policy.throttle_bytes_per_s;
  }
  (void)make_peer_view(changed);
  return true;
}

void SwarmBook::tell_swarm(const SwarmObject& swarm, std::uint64_t now_tsc) {
  const Swarm& view = *swarm.view;
  if (!swarm.notices->expired && view.expires_tsc <= now_tsc) {
    swarm.notices->expired = true;
    events_.push_back(make_event(abi::EventKind::kSwarmExpired, view.id, 0, 0, ""));
  }
  if (swarm.notices->complete || view.store == nullptr || view.live() || view.preloaded != nullptr) return;
  if (view.store->count() + view.store->evicted_chunks() < view.chunks) return;
  if (read_relaxed(view.stats->top_chunk) < view.chunks) return;
  swarm.notices->complete = view.store->count() - view.store->refetched_chunks() + view.store->evicted_chunks() >= view.chunks;
  if (swarm.notices->complete) events_.push_back(make_event(abi::EventKind::kSwarmComplete, view.id, view.chunks, 0, ""));
}

SwarmBook::Check SwarmBook::stage_command(const abi::PeerCommand& m) {
  const auto refused = [&](ErrorCode code, const char* field, std::string message) { return refuse(code, m.swarm_id, field, std::move(message)); };
  const SwarmObject* swarm = swarms_.find(m.swarm_id);
  if (swarm == nullptr) return refused(ErrorCode::kNotFound, "peer.swarm", "no such swarm");
  if (m.kind < abi::PeerCommandKind::kUnban || m.kind > abi::PeerCommandKind::kReport)
    return refused(ErrorCode::kUnsupported, "peer.command", "no such command in this release");
  const std::uint64_t now = clock_();
  std::vector<std::uint64_t> meant;
  for (const std::uint64_t id : peers_.committed_ids()) {
    const PeerObject& peer = *peers_.committed(id);
    const std::size_t bytes = m.family == Family::kIpv4 ? 4 : 16;
    if (peer.swarm != m.swarm_id || peer.key.family != m.family || std::memcmp(peer.key.address, m.peer.address, bytes) != 0) continue;
    if (m.peer.udp_port != 0 && peer.key.peer_port_raw != 0 && peer.key.peer_port_raw != Be16(m.peer.udp_port).raw()) continue;
    meant.push_back(id);
  }
  if (meant.empty()) return refused(ErrorCode::kNotFound, "peer.address", "no such peer has made contact with this swarm");
  if (m.complete != 0 && meant.size() > 1)  // one's figures are too little or too much for each
    return refused(ErrorCode::kInvalid, "peer.udp_port", "several peers have this address: a complete report is of one");
  for (const std::uint64_t id : meant) {
    const PeerObject& peer = *peers_.committed(id);
    if (m.kind == abi::PeerCommandKind::kReport) {
      PeerReport report;
      report.uploaded_bytes = m.a;
      report.downloaded_bytes = m.b;
      report.complete = m.complete != 0;
      std::vector<Finding> findings;
      swarm->judge->report_check(id, report, peer.bundle->conduct.snapshot(), now, findings);
      for (const Finding& finding : findings) (void)act(id, finding, now);
      continue;
    }
    PeerObject& changed = peers_.edit(id);
    changed.banned = m.kind == abi::PeerCommandKind::kBan;
    changed.bundle->banned_until_tsc = changed.banned ? now + m.a * tsc_hz_ : 0;
    if (!changed.banned) {
      changed.throttle_bytes_per_s = 0;
      changed.bundle->verdicts = 0;
      swarm->judge->unban(id);
    }
    (void)make_peer_view(changed);
  }
  return {};
}

std::vector<abi::SwarmInfo> SwarmBook::swarm_infos(std::uint64_t only) const {
  std::vector<abi::SwarmInfo> out;
  const std::uint64_t now = clock_();
  for (const std::uint64_t id : swarms_.committed_ids()) {
    if (only != 0 && id != only) continue;
    const SwarmObject& swarm = *swarms_.committed(id);
    const Swarm& view = *swarm.view;
    abi::SwarmInfo info{};
    info.swarm_id = id;
    info.worker = swarm.owner;
    for (const std::uint64_t p : peers_.committed_ids()) info.peers += peers_.committed(p)->swarm == id ? 1 : 0;
    info.chunks = view.live() ? read_relaxed(view.stats->top_chunk) : view.chunks;
    info.chunks_verified = read_relaxed(view.stats->verified);
    info.chunks_bad = read_relaxed(view.stats->bad);
    info.chunks_unverifiable = read_relaxed(view.stats->unverifiable);
    info.chunks_duplicate = read_relaxed(view.stats->duplicate);
    info.received_bytes = read_relaxed(view.stats->received_bytes);
    info.hash_calls = read_relaxed(view.stats->hash_calls);
    for (const SwarmWords& words : swarm.bundle->words) {
      info.served_bytes += read_relaxed(words.served_bytes);
      info.chunks_verified += read_relaxed(words.verified);
      info.chunks_bad += read_relaxed(words.bad);
      info.chunks_unverifiable += read_relaxed(words.unverifiable);
      info.chunks_duplicate += read_relaxed(words.duplicate);
      info.hash_calls += read_relaxed(words.hash_calls);
    }
    if (view.preloaded != nullptr) {
      info.chunks_held = view.chunks;
      info.cached_bytes = view.content_bytes;
    } else if (view.store != nullptr) {
      info.chunks_held = view.store->count();
      info.cached_bytes = info.chunks_held * view.chunk_bytes;
      info.chunks_evicted = view.store->evicted_chunks();
      info.chunks_refetched = view.store->refetched_chunks();
    }
    info.leaves_preloaded = swarm.leaves_preloaded ? 1 : 0;
    info.complete = swarm.notices->complete || view.preloaded != nullptr ? 1 : 0;
    info.expired = view.expires_tsc <= now ? 1 : 0;
    out.push_back(info);
  }
  return out;
}

std::vector<abi::PeerInfo> SwarmBook::peer_infos(std::uint64_t swarm) const {
  std::vector<abi::PeerInfo> out;
  const std::uint64_t now = clock_();
  for (const std::uint64_t id : peers_.committed_ids()) {
    const PeerObject& peer = *peers_.committed(id);
    if (swarm != 0 && peer.swarm != swarm) continue;
    const PeerConduct c = peer.bundle->conduct.snapshot();
    abi::PeerInfo info{};
    info.swarm_id = peer.swarm;
    info.admission_id = peer.admission;
    info.family = peer.key.family;
    info.score = peer.bundle->assessment.score;
    info.verdicts = peer.bundle->verdicts;
    info.action = peer.banned ? static_cast<std::uint8_t>(abi::ConductAction::kBan)
                              : peer.throttle_bytes_per_s != 0 ? static_cast<std::uint8_t>(abi::ConductAction::kThrottle) : std::uint8_t{0};
    std::memcpy(info.peer.address, peer.key.address, sizeof info.peer.address);
    info.peer.udp_port = byte_swap(peer.key.peer_port_raw);
    info.ban_ends_ns = peer.banned ? realtime_of(peer.bundle->banned_until_tsc, tsc_hz_, now) : 0;
    info.claimed = c.claimed_chunks;
    info.requested = c.requested;
    info.delivered = c.delivered_ok;
    info.bad = c.bad;
    info.unverifiable = c.unverifiable;
    info.late = c.late;
    info.timed_out = c.timed_out;
    info.unrequested = c.unrequested;
    info.duplicate = c.duplicate;
    info.integrity_messages = c.integrity_messages;
    info.data_messages = c.data_messages;
    info.audits = c.audits_issued;
    info.audits_answered = c.audits_answered;
    info.received_bytes = c.bytes_in_ok;
    info.sent_bytes = c.bytes_out;
    info.acknowledged_bytes = c.acked_to_us_bytes;
    info.channels = static_cast<std::uint32_t>(read_relaxed(peer.bundle->budget.channel_count));
    info.congestion_window_bytes = read_relaxed(peer.bundle->budget.window_bytes);
    info.rtt_us = c.rtt_ticks * 1'000'000u / tsc_hz_;
    out.push_back(info);
  }
  return out;
}

}  // namespace mediaward::dataplane::ppspp
