// SPDX-License-Identifier: Apache-2.0
// From staged objects to what workers look up: which objects are built anew, and the commands that put them into the tables, unlinking
// first. Everything is made whole here, before the first worker hears of it. Legs are built in build_leg.cc, streams with their
// receivers in build_stream.cc. See core.h. Main thread.
#include "dataplane/core.h"

namespace mediaward::dataplane {

Core::Check Core::build(Plan& plan) {
  drop_gone_slots();
  Plan links(plan.size());
  if (auto ok = build_objects(links); !ok) return ok;
  unlink_legs(plan);
  unlink_streams(plan);
  swarms_->build(plan, links);
  for (std::size_t w = 0; w < plan.size(); ++w) plan[w].insert(plan[w].end(), links[w].begin(), links[w].end());
  return {};
}

Core::Check Core::build_objects(Plan& plan) {
  for (const std::uint64_t id : dirty_legs_) build_leg(legs_.edit(id), true, plan);
  for (const std::uint64_t id : dirty_receivers_)
    if (!dirty_legs_.contains(id)) build_leg(legs_.edit(id), false, plan);
  for (const std::uint64_t id : touched_conferences_) {
    if (conferences_.find(id)->group()) build_group(conferences_.edit(id));
    for (const std::uint64_t leg : conferences_.find(id)->legs)
      for (const std::uint64_t stream : legs_.find(leg)->streams)
        if (auto ok = build_stream(streams_.edit(stream), plan); !ok) return ok;
  }
  for (const std::uint64_t id : dirty_streams_) {
    if (touched_conferences_.contains(legs_.find(streams_.find(id)->leg)->conference)) continue;
    if (auto ok = build_stream(streams_.edit(id), plan); !ok) return ok;
  }
  return {};
}

// What was used under a key that is gone binds nobody: of streams that are gone, too, nothing need be remembered.
void Core::drop_gone_slots() {
  using abi::SlotKind;
  for (const std::uint64_t owner : rekeyed_) {
    const LegObject* leg = legs_.find(owner);
    const ConferenceObject* conference = conferences_.find(leg != nullptr ? leg->conference : owner);
    const auto drop = [&](SlotKind kind, auto&& in_use, auto&& alive) {
      std::vector<std::uint32_t> gone;
      book_->for_each(owner, kind, [&](std::uint32_t ssrc, const SlotPtr& slot) {
        if (!in_use(slot->identity().key_fingerprint) && !alive(ssrc)) gone.push_back(ssrc);
      });
      for (const std::uint32_t ssrc : gone) book_->drop({kind, owner, ssrc});
    };
    const KeyList& sealing = leg != nullptr ? leg->send_keys : conference->group_keys;
    drop(
        SlotKind::kSend, [&](std::uint64_t fp) { return !sealing.empty() && sealing.front()->fingerprint() == fp; },
        [&](std::uint32_t ssrc) { return conference->ssrcs.contains(ssrc); });
    if (leg == nullptr) continue;
    drop(
        SlotKind::kReceive, [&](std::uint64_t fp) { return fp == leg->receive_fingerprint() || leg->receives_under(fp); },
        [&](std::uint32_t ssrc) {
          const std::uint64_t* stream = conference->ssrcs.find(ssrc);
          return stream != nullptr && leg->streams.contains(*stream);
        });
  }
}

void Core::unlink_legs(Plan& plan) const {
  for (const auto& [id, staged] : legs_.staged()) {
    const LegObject* before = legs_.committed(id);
    if (before == nullptr) continue;
    const bool replaced = staged == nullptr || staged->number != before->number;
    const bool moved = replaced || staged->worker != before->worker;
    const auto unlink_port = [&](std::uint16_t udp_port) {
      plan[before->worker].push_back({Command::Op::kSetFlow, before->port, udp_port, before->address_index, 0, nullptr});
    };
    if (moved) unlink_port(before->local_port);
    if (before->own_rtcp_port() && (moved || !staged->own_rtcp_port())) unlink_port(static_cast<std::uint16_t>(before->local_port + 1));
    if (before->tx == nullptr || (!replaced && staged->tx != nullptr)) continue;
    for (auto& commands : plan) commands.push_back({Command::Op::kSetLegTx, 0, 0, 0, before->number->handle().slot, nullptr});
  }
}

void Core::unlink_streams(Plan& plan) const {
  for (const auto& [id, staged] : streams_.staged()) {
    const StreamObject* before = streams_.committed(id);
    if (before == nullptr || before->rx == nullptr) continue;
    const bool gone = staged == nullptr || staged->rx == nullptr || staged->generation != before->generation || staged->slot != before->slot;
    if (gone || staged->worker != before->worker) plan[before->worker].push_back({Command::Op::kSetStream, 0, 0, 0, before->slot, nullptr});
    for (std::size_t w = 0; w < before->shares.size(); ++w) {
      const bool has_one = !gone && w < staged->shares.size() && staged->shares[w] != nullptr;
      if (before->shares[w] != nullptr && !has_one) plan[w].push_back({Command::Op::kSetShare, 0, 0, 0, before->slot, nullptr});
    }
  }
}

// What the transaction makes of a slot. Told to the region when nothing can be refused any more.
StateRegion::Use Core::note_use(const SlotPtr& slot, std::uint64_t key_fingerprint, std::uint64_t stream, std::size_t worker, bool torn) {
  const abi::StateIdentity& identity = slot->identity();
  const bool same_key = identity.key_fingerprint == key_fingerprint;
  StateRegion::Use use;
  use.key_fingerprint = key_fingerprint;
  use.stream_id = stream;
  use.packets_at_key = same_key ? identity.packets_at_key : slot->state().packets;
  use.srtcp_at_key = same_key ? identity.srtcp_at_key : slot->state().srtcp_packets;
  use.worker = static_cast<int>(worker);
  use.mend = slot->torn() && !torn;
  if (!same_key || identity.stream_id != stream || slot->writer() != use.worker || slot->left_behind() || use.mend) uses_.emplace_back(slot, use);
  return use;
}

// A slot that another worker may still write is not shared with it: its successor begins above.
Result<SlotPtr> Core::writable(const SlotKey& key, SlotPtr slot, std::size_t worker) {
  if (quiesced_ || slot->writer() == StateRegion::kNoWriter || slot->writer() == static_cast<int>(worker)) return slot;
  auto forked = slot->fork();
  if (!forked) return forked;
  book_->put(key, *forked);
  return forked;
}

bool Core::torn(const SlotHandle& slot, const LegObject& leg) const noexcept {
  for (const auto& key : leg.receive_keys)
    if (slot.torn(key->fingerprint())) return true;
  return false;
}

// For the book: nothing may be condensed that is in use or was asked for, nor anything that a worker has not been told to leave. What is
// remembered is remembered under the keys in force, which are not yet those of the running transaction.
bool Core::may_condense(const SlotKey& key, std::uint64_t key_fingerprint) const {
  const LegObject* leg = legs_.committed(key.owner);
  const ConferenceObject* group = leg == nullptr ? conferences_.committed(key.owner) : nullptr;
  if ((leg == nullptr && group == nullptr) || !applied()) return false;
  const KeyList& sealing = leg != nullptr ? leg->send_keys : group->group_keys;
  const bool in_force = key.kind == abi::SlotKind::kSend ? !sealing.empty() && sealing.front()->fingerprint() == key_fingerprint
                                                         : leg != nullptr && leg->receives_under(key_fingerprint);
  const LegObject* now = legs_.find(key.owner);
  const auto in = [&](const ConferenceObject* c) { return c != nullptr && c->ssrcs.contains(key.ssrc); };
  return in_force && !in(conferences_.committed(leg != nullptr ? leg->conference : key.owner)) &&
         !in(conferences_.find(now != nullptr ? now->conference : key.owner));
}

}  // namespace mediaward::dataplane
