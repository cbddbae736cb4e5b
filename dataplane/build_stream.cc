// SPDX-License-Identifier: Apache-2.0
// Streams as workers see them: who hears them, the send contexts of whom they are sealed for, in whose worker's part. See core.h.
// Main thread.
#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/core.h"

namespace mediaward::dataplane {
namespace {

HandOn hand_on(const ConferenceObject& conference) noexcept {
  if (conference.group()) return HandOn::kGroup;
  return conference.relay() ? HandOn::kRelay : HandOn::kSeal;
}

// used_before: packets in the slot's state when this key came into force.
FanoutEntry entry_of(const KeyMaterial& key, const SlotPtr& slot, const LegTx* tx, std::uint32_t ssrc, std::size_t worker, bool rtcp,
                     std::uint64_t used_before) {
  const crypto::SuiteInfo& suite = key.suite();
  const auto& salt = rtcp ? key.srtcp_salt() : key.srtp_salt();
  FanoutEntry entry;
  entry.state = &slot->state();
  entry.key = rtcp ? key.srtcp(worker) : key.srtp(worker);
  entry.leg = tx;
  std::memcpy(entry.salt, salt.data(), sizeof entry.salt);
  entry.alert_at = used_before + (rtcp ? key.lifetime().srtcp_soft : key.lifetime().srtp_soft);
  entry.ssrc_out = ssrc;
  entry.seal_op = suite.seal;
  entry.tag_bytes = rtcp ? suite.srtcp_tag_bytes : suite.tag_bytes;
  entry.mki_bytes = static_cast<std::uint8_t>(key.mki().size());
  entry.null_cipher = suite.transform == crypto::Transform::kNullHmacSha1 ? 1 : 0;
  return entry;
}

StreamExtras& extras_of(StreamBundle& bundle, TableMemory& memory) {
  if (bundle.extras == nullptr) bundle.extras = memory.make<StreamExtras>(memory);
  bundle.rx.details = &bundle.extras->details;
  return *bundle.extras;
}

// Silenced for good until the controller says otherwise: not by the election.
std::optional<DropReason> silenced(const ConferenceObject& conference, const LegObject& leg) noexcept {
  if (leg.has(abi::kLegMuted)) return DropReason::kPolicyMuted;
  if (conference.loudest != 0 && leg.audio_level_id == 0) return DropReason::kPolicyNotSpeaking;  // whose level nobody knows is never loud
  return std::nullopt;
}

// What is late by more than a state slot remembers can be sealed only where what was used is remembered as far back.
void add_window(FanoutLists& to, FanoutEntry& entry, StreamObject& stream, std::uint32_t slot, unsigned packets) {
  auto& window = stream.send_windows[slot];
  if (window == nullptr) window = std::make_shared<WideReplay>(packets, true);
  to.windows.push_back(&window->window);
  entry.window = static_cast<std::uint32_t>(to.windows.size());
}

// A slot that is not sealed with any more may stand for somebody else one day.
void forget_windows(StreamObject& stream, const std::vector<FanoutLists>& parts) {
  stream.send_windows.erase_if([&](const auto& item) {
    return std::none_of(parts.begin(), parts.end(), [&](const FanoutLists& part) {
      return std::find(part.windows.begin(), part.windows.end(), &item.second->window) != part.windows.end();
    });
  });
}

}  // namespace

Core::Check Core::build_stream(StreamObject& stream, Plan& plan) {
  stream.rx = nullptr;
  stream.shares.clear();
  if (stream.ssrc == 0) return {};
  const LegObject& leg = *legs_.find(stream.leg);
  const ConferenceObject& conference = *conferences_.find(leg.conference);
  const SlotPtr slot = book_->find({abi::SlotKind::kReceive, leg.id, stream.ssrc});
  const std::size_t worker = owner_of(leg);
  auto bundle = tables_.make<StreamBundle>(tables_);
  std::vector<FanoutLists> parts(settings_.workers.size());
  if (auto ok = fan_out(stream, leg, conference, *bundle, parts); !ok) return ok;
  if (stream.wide != nullptr) forget_windows(stream, parts);
  const bool half_written = torn(*slot, leg);
  (void)note_use(slot, leg.receive_fingerprint(), stream.id, worker, half_written);
  if (half_written) return {};  // the receivers' slots are taken all the same: their indexes are not lost

  bundle->fanout.take(std::exchange(parts[worker], {}));
  StreamRx& rx = bundle->rx;
  rx.state = &slot->state();
  rx.leg_id = leg.id;
  rx.slot = slot->index();
  rx.generation = stream.generation;
  rx.replay_window = leg.replay_window;
  rx.hand_on = hand_on(conference);
  rx.audio_level_id = leg.audio_level_id;
  rx.fanout = bundle->fanout.view();
  rx.has_gate = conference.loudest != 0 && leg.audio_level_id != 0;
  if (stream.wide != nullptr || rx.has_gate || conference.spread() || rx.hand_on != HandOn::kSeal) {
    StreamExtras& extras = extras_of(*bundle, tables_);
    StreamDetails& details = extras.details;
    details.copies = extras.copies.data();
    details.rtcp_copies = extras.rtcp_copies.data();
    details.copy_count = static_cast<std::uint32_t>(extras.copies.size());
    details.rtcp_copy_count = static_cast<std::uint32_t>(extras.rtcp_copies.size());
    details.wide = stream.wide != nullptr ? &stream.wide->window : nullptr;
    details.windows = bundle->fanout.windows();
    if (rx.has_gate) details.gate = leg.gate.get();
  }
  stream.worker = static_cast<std::uint8_t>(worker);
  stream.slot = slot->index();
  stream.rx = bundle;
  if (conference.spread()) build_shares(stream, parts, *bundle, plan);
  rx.rtp_heard = rx.rtp_heard || rx.fanout.rtp_count != 0 || (conference.relay() && rx.details->copy_count != 0);
  plan[worker].push_back({Command::Op::kSetStream, 0, 0, 0, stream.slot, &rx});
  return {};
}

// Send contexts of everyone who hears the stream, by the worker that seals for them.
Core::Check Core::fan_out(StreamObject& stream, const LegObject& leg, const ConferenceObject& conference, StreamBundle& bundle,
                          std::vector<FanoutLists>& parts) {
  const std::size_t worker = owner_of(leg);
  bool isolated = false;
  for (const std::uint64_t id : conference.legs) {
    if (id == leg.id) continue;
    const LegObject& receiver = *legs_.find(id);
    const Hearing h = hearing(conference, leg, receiver);
    isolated = isolated || h.isolated;
    if (!h.media && !h.control) continue;
    if (conference.mode != abi::ForwardingMode::kPerParticipantKeys) {
      if (h.media) extras_of(bundle, tables_).copies.push_back(&receiver.tx->rtp);
      if (h.control) extras_of(bundle, tables_).rtcp_copies.push_back(receiver.tx->rtp.rtcp);
      continue;
    }
    const std::size_t sealer = conference.spread() ? receiver.number->handle().slot % parts.size() : worker;
    const SlotKey key{abi::SlotKind::kSend, id, stream.ssrc};
    if (auto ok = add_context(parts[sealer], stream, h, key, *receiver.send_keys.front(), &receiver.tx->rtp, sealer); !ok) return ok;
  }
  bundle.rx.silent = silenced(conference, leg).value_or(isolated ? DropReason::kPolicyIsolated : DropReason::kSrtpNoReceiver);
  if (!conference.group() || bundle.extras == nullptr) return {};
  const Hearing all{!bundle.extras->copies.empty(), !bundle.extras->rtcp_copies.empty(), false};
  const SlotKey key{abi::SlotKind::kSend, conference.id, stream.ssrc};
  return add_context(parts[worker], stream, all, key, *conference.group_keys.front(), &conference.group_tx->rtp, worker);
}

// SRTCP goes between two legs as soon as media may flow one way: reports about what is heard, and about what is sent.
Core::Hearing Core::hearing(const ConferenceObject& conference, const LegObject& from, const LegObject& to) const {
  if (to.tx == nullptr) return {};
  const auto may_flow = [](const LegObject& a, const LegObject& b) { return a.has(abi::kLegMayReceiveFrom) && b.has(abi::kLegMaySendTo); };
  const bool forth = may_flow(from, to), back = may_flow(to, from);
  const bool hears = conference.hears(to.id, from.id), heard = conference.hears(from.id, to.id);
  Hearing h;
  h.media = forth && hears && !silenced(conference, from);
  h.control = from.forwards_rtcp() && to.forwards_rtcp() && to.tx->sends_rtcp && ((forth && hears) || (back && heard));
  h.isolated = forth && !hears;
  return h;
}

Core::Check Core::add_context(FanoutLists& to, StreamObject& stream, const Hearing& hearing, const SlotKey& key, const KeyMaterial& material,
                              const LegTx* tx, std::size_t worker) {
  const auto silence = [&] {  // until the key changes
    staged_notices_.push_back({key.owner, stream.ssrc});
    return Check{};
  };
  const auto slot = send_slot(stream, key, material, worker);
  if (!slot) return tl::unexpected(Refusal{slot.error().code, 0, stream.id, "stream", slot.error().message});
  if (*slot == nullptr) return silence();
  const bool half_written = (*slot)->torn(material.fingerprint());
  const StateRegion::Use use = note_use(*slot, material.fingerprint(), stream.id, worker, half_written);
  if (half_written) return silence();
  if (hearing.media) {
    FanoutEntry& entry = to.rtp.emplace_back(entry_of(material, *slot, tx, stream.ssrc, worker, false, use.packets_at_key));
    if (stream.wide != nullptr) add_window(to, entry, stream, (*slot)->index(), legs_.find(stream.leg)->replay_window);
  }
  if (hearing.control) to.rtcp.push_back(entry_of(material, *slot, tx, stream.ssrc, worker, true, use.srtcp_at_key));
  return {};
}

// nullptr: what was used of it before a crash is not known.
Result<SlotPtr> Core::send_slot(const StreamObject& stream, const SlotKey& key, const KeyMaterial& material, std::size_t worker) {
  // A source that begins anew under a key that never sealed for its SSRC owes nothing to the indexes of an earlier one.
  const StreamObject* before = streams_.committed(stream.id);
  const bool begins = stream.begins && (before == nullptr || before->generation != stream.generation);
  SlotPtr slot = book_->find(key);
  if (slot == nullptr && book_->doubtful(key)) return slot;
  if (slot == nullptr || (begins && slot->identity().key_fingerprint != material.fingerprint())) {
    auto taken = book_->take(key, material.fingerprint());
    if (!taken) return taken;
    slot = std::move(*taken);
  }
  return writable(key, std::move(slot), worker);
}

// What other workers seal of the stream.
void Core::build_shares(StreamObject& stream, std::vector<FanoutLists>& parts, StreamBundle& bundle, Plan& plan) {
  stream.shares.resize(parts.size());
  for (std::size_t w = 0; w < parts.size(); ++w) {
    if (parts[w].rtp.empty() && parts[w].rtcp.empty()) continue;
    auto share = tables_.make<ShareBundle>(tables_);
    share->fanout.take(std::move(parts[w]));
    share->share.generation = stream.generation;
    share->share.leg_id = stream.leg;
    share->share.fanout = share->fanout.view();
    share->share.windows = share->fanout.windows();
    bundle.extras->details.shares |= std::uint64_t{1} << w;
    bundle.rx.has_shares = true;
    bundle.rx.rtp_heard = bundle.rx.rtp_heard || share->share.fanout.rtp_count != 0;
    plan[w].push_back({Command::Op::kSetShare, 0, 0, 0, stream.slot, &share->share});
    stream.shares[w] = std::move(share);
  }
}

}  // namespace mediaward::dataplane
