// SPDX-License-Identifier: Apache-2.0
// Validation of streams: named with their SSRC, or as places for SSRCs that authentic packets bring. One SSRC has one source in a
// conference, and what receivers were already sealed under it binds whoever comes next (RFC 3711 §9.1). See core.h. Main thread.
#include "dataplane/staging.h"

namespace mediaward::dataplane {
namespace {

using abi::SlotKind;

constexpr std::size_t kMaxStreamsPerLeg = 64;

}  // namespace

Core::Check Core::stage(const abi::Stream& m) {
  if (m.stream_id == 0) return refuse(ErrorCode::kInvalid, 0, "stream.id", "0 is not an id");
  const LegObject* leg = legs_.find(m.leg_id);
  if (leg == nullptr) return refuse(ErrorCode::kNotFound, m.stream_id, "stream.leg", "no such leg");
  if (const StreamObject* existing = streams_.find(m.stream_id)) return stage_again(m, *existing);
  if (m.ssrc == 0 && leg->ssrc_policy == abi::SsrcPolicy::kFixed)
    return refuse(ErrorCode::kInvalid, m.stream_id, "stream.ssrc", "a place without SSRC is for legs that bind SSRCs by themselves");
  if (leg->streams.size() == kMaxStreamsPerLeg)
    return refuse(ErrorCode::kExhausted, m.stream_id, "stream", "a leg has at most " + std::to_string(kMaxStreamsPerLeg) + " streams");
  legs_.edit(m.leg_id).streams.insert(m.stream_id);
  dirty_receivers_.insert(m.leg_id);
  StreamObject& stream = streams_.edit(m.stream_id);
  stream = StreamObject{};
  stream.id = m.stream_id;
  stream.leg = m.leg_id;
  stream.declared_ssrc = m.ssrc;
  stream.initial_roc = m.initial_roc;
  stream.generation = next_generation_++;
  const std::uint32_t ssrc = m.ssrc != 0 ? m.ssrc : bound_before(stream);
  return ssrc != 0 ? bind(stream, ssrc) : Check{};
}

// Of a stream that exists only this may change: a place may be named by the SSRC that it is bound to, and is then a place no more.
Core::Check Core::stage_again(const abi::Stream& m, const StreamObject& stream) {
  if (stream.leg == m.leg_id && stream.declared_ssrc == m.ssrc) return {};
  if (stream.leg != m.leg_id || stream.declared_ssrc != 0 || stream.ssrc != m.ssrc)
    return refuse(ErrorCode::kConflict, m.stream_id, "stream.ssrc", "a stream cannot change its leg or SSRC: remove and add it");
  streams_.edit(m.stream_id).declared_ssrc = m.ssrc;
  return {};
}

// The SSRC that a place was bound to, in an earlier process or before this resynchronisation; 0: none.
std::uint32_t Core::bound_before(const StreamObject& stream) const {
  std::uint32_t bound = 0;
  book_->for_each(stream.leg, SlotKind::kReceive, [&](std::uint32_t ssrc, const SlotPtr& slot) {
    if (slot->identity().stream_id == stream.id && (slot->left_behind() || resync_)) bound = ssrc;
  });
  const auto& taken = conferences_.find(legs_.find(stream.leg)->conference)->ssrcs;
  return taken.contains(bound) ? 0 : bound;
}

Core::Check Core::bind(StreamObject& stream, std::uint32_t ssrc) {
  const LegObject& leg = *legs_.find(stream.leg);
  ConferenceObject& conference = conferences_.edit(leg.conference);
  if (conference.ssrcs.contains(ssrc))  // two senders with one SSRC would share keystream at the receivers
    return refuse(ErrorCode::kConflict, stream.id, "stream.ssrc", "SSRC " + hex(ssrc) + " is already taken in this conference");
  conference.ssrcs[ssrc] = stream.id;
  stream.ssrc = ssrc;
  dirty_streams_.insert(stream.id);
  return take_receive_slot(stream, leg);
}

// The slot of this SSRC goes on as it is, whatever became of the stream that had it; under other keys nothing is owed to it.
Core::Check Core::take_receive_slot(StreamObject& stream, const LegObject& leg) {
  const SlotKey key{SlotKind::kReceive, leg.id, stream.ssrc};
  const auto refused = [&](const Error& error) { return refuse(error.code, stream.id, "stream", error.message); };
  if (book_->doubtful(key))
    return refuse(ErrorCode::kConflict, stream.id, "stream.ssrc",
                  "what was received from this leg before a crash is no longer known by SSRC: rekey the leg before it sends from a new one");
  SlotPtr slot = book_->find(key);
  const std::uint64_t filed = slot != nullptr ? slot->identity().key_fingerprint : 0;
  const bool other_key = slot != nullptr && filed != leg.receive_fingerprint() && !leg.receives_under(filed);
  if (slot == nullptr || (other_key && !slot->left_behind())) {
    auto taken = book_->take(key, leg.receive_fingerprint());
    if (!taken) return refused(taken.error());
    slot = std::move(*taken);
    if (!slot->existed()) {
      stream.begins = true;
      if (auto ok = check_continuity(stream, *conferences_.find(leg.conference)); !ok) return ok;
      slot->state().srtp = crypto::IndexWindow::starting_at_roc(stream.initial_roc);
    }
  }
  auto own = writable(key, std::move(slot), owner_of(leg));
  if (!own) return refused(own.error());
  if (leg.replay_window > crypto::kReplayWindowPackets) {
    stream.wide = std::make_shared<WideReplay>(leg.replay_window);
    stream.wide->window.resume((*own)->state().srtp);
  }
  return {};
}

// A new source with an SSRC that receivers were already sent under their present keys must begin above every index used.
Core::Check Core::check_continuity(const StreamObject& stream, const ConferenceObject& conference) const {
  const auto above = [&](std::uint64_t owner, const KeyList& keys) {
    if (keys.empty()) return true;
    const auto used = book_->used({SlotKind::kSend, owner, stream.ssrc}, keys.front()->fingerprint());
    const auto start = static_cast<std::int64_t>(std::uint64_t{stream.initial_roc} << 16);
    return !used || start - static_cast<std::int64_t>(used->index_offset) > static_cast<std::int64_t>(used->top);
  };
  bool good = above(conference.id, conference.group_keys);
  for (const std::uint64_t receiver : conference.legs) good = good && (receiver == stream.leg || above(receiver, legs_.find(receiver)->send_keys));
  if (good) return {};
  return refuse(ErrorCode::kConflict, stream.id, "stream.ssrc",
                "SSRC " + hex(stream.ssrc) + " was sealed before under the receivers' present keys: rekey them, or begin at a higher ROC");
}

Result<std::uint64_t> Core::bind_ssrc(std::uint64_t leg_id, std::uint32_t ssrc) {
  if (mover_.staging()) return fail(ErrorCode::kUnavailable, "a bucket is being moved: try again");
  const LegObject* leg = legs_.committed(leg_id);
  if (leg == nullptr) return fail(ErrorCode::kNotFound, "no such leg");
  if (leg->ssrc_policy == abi::SsrcPolicy::kFixed) return fail(ErrorCode::kConflict, "the leg's SSRCs are fixed");
  if (ssrc == 0) return fail(ErrorCode::kInvalid, "SSRC 0 stands for a free place");
  std::uint64_t place = 0;
  for (const std::uint64_t id : leg->streams) {
    const StreamObject& stream = *streams_.committed(id);
    if (stream.ssrc == ssrc) return id;
    if (stream.ssrc == 0 && place == 0) place = id;
  }
  if (place == 0) return fail(ErrorCode::kExhausted, "no place is left on the leg for another SSRC");
  dirty_receivers_.insert(leg_id);
  StreamObject& stream = streams_.edit(place);
  stream.generation = next_generation_++;
  Check done = bind(stream, ssrc);
  if (done) done = finish({});
  if (done) return place;
  discard();
  return fail(done.error().code, done.error().message);
}

}  // namespace mediaward::dataplane
