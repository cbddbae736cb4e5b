// SPDX-License-Identifier: Apache-2.0
// Removal of conferences, legs and streams, named or not named any more; of swarms and admissions, too, which do it themselves. See core.h. Main thread.
#include "dataplane/staging.h"

namespace mediaward::dataplane {

Core::Check Core::stage(const abi::ObjectRemove& m) {
  switch (m.header.type) {
    case abi::MessageType::kConferenceRemove: return remove_conference(m.object_id);
    case abi::MessageType::kLegRemove: {
      const LegObject* leg = legs_.find(m.object_id);
      if (leg == nullptr) return refuse(ErrorCode::kNotFound, m.object_id, "leg", "no such leg");
      remove_leg(*leg);
      return {};
    }
    case abi::MessageType::kStreamRemove: {
      const StreamObject* stream = streams_.find(m.object_id);
      if (stream == nullptr) return refuse(ErrorCode::kNotFound, m.object_id, "stream", "no such stream");
      remove_stream(*stream);
      return {};
    }
    case abi::MessageType::kSwarmRemove: return swarms_->remove_swarm(m.object_id);
    case abi::MessageType::kAdmissionRemove: return swarms_->remove_admission(m.object_id);
    default: return refuse(ErrorCode::kUnsupported, m.object_id, "operation", "unknown operation");
  }
}

Core::Check Core::remove_conference(std::uint64_t id) {
  const ConferenceObject* conference = conferences_.find(id);
  if (conference == nullptr) return refuse(ErrorCode::kNotFound, id, "conference", "no such conference");
  if (!conference->legs.empty()) return refuse(ErrorCode::kConflict, id, "conference", "the conference still has legs");
  if (conference->group()) {
    give_up_seal_keys(conference->group_keys);
    book_->drop_owner(id);
  }
  touched_conferences_.erase(id);
  rekeyed_.erase(id);
  electing_changed_.insert(id);
  conferences_.erase(id);
  return {};
}

// Leaves nothing of it but spent keys. Of its streams the receivers keep the indexes that they were sealed under.
void Core::remove_leg(const LegObject& removed) {
  const std::uint64_t id = removed.id, conference = removed.conference;
  LegObject& leg = legs_.edit(id);
  vacate(leg);
  give_up_seal_keys(leg.send_keys);
  book_->drop_owner(id);
  ConferenceObject& left = conferences_.edit(conference);
  left.legs.erase(id);
  left.topology.erase_if([id](const auto& item) { return item.first.first == id || item.first.second == id; });
  touched_conferences_.insert(conference);
  dirty_legs_.erase(id);
  dirty_receivers_.erase(id);
  rekeyed_.erase(id);
  legs_.erase(id);
}

// A leg's place and its streams; what it has of keys and indexes stays.
void Core::vacate(LegObject& leg) {
  for (const std::uint64_t id : leg.streams) {
    forget_stream(*streams_.find(id));
    dirty_streams_.erase(id);
    streams_.erase(id);
  }
  leg.streams = {};
  endpoints_.erase(endpoint_id(leg, leg.local_port));
  if (leg.own_rtcp_port()) endpoints_.erase(endpoint_id(leg, static_cast<std::uint16_t>(leg.local_port + 1)));
}

void Core::remove_stream(const StreamObject& stream) {
  const std::uint64_t id = stream.id, leg = stream.leg;
  forget_stream(stream);
  legs_.edit(leg).streams.erase(id);
  dirty_receivers_.insert(leg);
  dirty_streams_.erase(id);
  streams_.erase(id);
}

// Its slot stays with the leg, but stands for no stream any more.
void Core::forget_stream(const StreamObject& stream) {
  if (stream.ssrc == 0) return;
  conferences_.edit(legs_.find(stream.leg)->conference).ssrcs.erase(stream.ssrc);
  if (auto slot = book_->find({abi::SlotKind::kReceive, stream.leg, stream.ssrc})) unnamed_.push_back(std::move(slot));
}

// A resynchronisation: everything that was not named goes. Streams and legs before anything is staged; conferences at its end, when
// their legs may have gone elsewhere.
void Core::sweep(std::span<const Operation> operations) {
  std::unordered_set<std::uint64_t> legs, streams;
  for (const auto& operation : operations) {
    if (const auto* l = std::get_if<abi::Leg>(&operation)) legs.insert(l->leg_id);
    if (const auto* s = std::get_if<abi::Stream>(&operation)) streams.insert(s->stream_id);
  }
  for (const std::uint64_t id : streams_.committed_ids())
    if (const auto* stream = streams_.find(id); stream != nullptr && !streams.contains(id)) remove_stream(*stream);
  for (const std::uint64_t id : legs_.committed_ids())
    if (const auto* leg = legs_.find(id); leg != nullptr && !legs.contains(id)) remove_leg(*leg);
}

void Core::sweep_swarms(std::span<const Operation> operations) {
  std::unordered_set<std::uint64_t> swarms, admissions;
  for (const auto& operation : operations) {
    if (const auto* s = std::get_if<abi::Swarm>(&operation)) swarms.insert(s->swarm_id);
    if (const auto* a = std::get_if<abi::Admission>(&operation)) admissions.insert(a->admission_id);
  }
  swarms_->sweep(swarms, admissions);
}

void Core::sweep_conferences(std::span<const Operation> operations) {
  std::unordered_set<std::uint64_t> conferences;
  for (const auto& operation : operations)
    if (const auto* c = std::get_if<abi::Conference>(&operation)) conferences.insert(c->conference_id);
  for (const std::uint64_t id : conferences_.committed_ids())
    if (conferences_.find(id) != nullptr && !conferences.contains(id)) (void)remove_conference(id);
}

}  // namespace mediaward::dataplane
