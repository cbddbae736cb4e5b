// SPDX-License-Identifier: Apache-2.0
// See learning.h. Main thread.
#include "dataplane/learning.h"

#include "dataplane/event_text.h"

namespace mediaward::dataplane {

void Learning::see(const WorkerEvent& event, std::uint64_t now_ns) {
  if (event.leg_id == 0) return;
  if (event.kind == WorkerEvent::Kind::kSourceSeen) {
    const bool v4 = event.family == Family::kIpv4;
    see_source({event.leg_id, event.rtcp}, {v4 ? IpAddress::v4(event.head.data()) : IpAddress::v6(event.head.data()), event.udp_port});
  } else if (event.kind == WorkerEvent::Kind::kSsrcSeen) {
    see_ssrc({event.leg_id, event.ssrc}, now_ns);
  }
}

void Learning::see_source(const SourceKey& key, const Source& source) {
  if (sources_.size() == kMaxEntries && !sources_.contains(key)) return;
  SourceEntry& entry = sources_[key];
  if (entry.first) {
    entry.last = source;
  } else if (entry.in_force != source) {
    entry.first = source;
  }
}

void Learning::see_ssrc(const SsrcKey& key, std::uint64_t now_ns) {
  const auto known = ssrcs_.find(key);
  if (known == ssrcs_.end() ? ssrcs_.size() == kMaxEntries : now_ns - known->second.seen_ns < kForgetNs) return;
  ssrcs_.insert_or_assign(key, SsrcEntry{true, now_ns});
}

void Learning::act(std::uint64_t now_ns) {
  for (auto& [key, entry] : sources_) latch(key, entry, now_ns);
  for (auto& [key, entry] : ssrcs_)
    if (entry.waiting) bind(key, entry, now_ns);
  forget(now_ns);
}

void Learning::latch(const SourceKey& key, SourceEntry& entry, std::uint64_t now_ns) {
  if (!entry.first || (entry.tried_ns && now_ns - *entry.tried_ns < kMoveNs)) return;
  // The very first report, then the latest: what was heard in between is over.
  const Source source = entry.tried_ns && entry.last ? *entry.last : *entry.first;
  entry.first = entry.tried_ns || entry.last == source ? std::nullopt : entry.last;
  entry.last.reset();
  if (entry.in_force == source) return;
  entry.tried_ns = now_ns;
  if (!actions_.latch(key.first, source, key.second)) return;
  entry.in_force = source;
  events_.push_back(address_latched(key.first, source.address, source.udp_port, key.second));
}

void Learning::bind(const SsrcKey& key, SsrcEntry& entry, std::uint64_t now_ns) {
  if (legs_.size() == kMaxEntries && !legs_.contains(key.first)) return;
  LegEntry& leg = legs_[key.first];
  if (now_ns - leg.window_ns >= kForgetNs) leg = {now_ns, 0, leg.refused_ns};
  if (leg.attempts == kBindsPerSecond) return;
  ++leg.attempts;
  entry = {false, now_ns};
  if (const auto stream = actions_.bind(key.first, key.second)) {
    events_.push_back(ssrc_bound(key.first, key.second, *stream));
  } else {
    refuse(key, leg, stream.error(), now_ns);
  }
}

void Learning::refuse(const SsrcKey& key, LegEntry& leg, const Error& error, std::uint64_t now_ns) {
  if (leg.refused_ns && now_ns - *leg.refused_ns < kRefusalNs) return;
  leg.refused_ns = now_ns;
  events_.push_back(ssrc_refused(key.first, key.second, error.message));
}

void Learning::forget(std::uint64_t now_ns) {
  const auto old = [now_ns](std::uint64_t since_ns) { return now_ns - since_ns >= kForgetNs; };
  std::erase_if(sources_, [&](const auto& e) { return !e.second.first && (!e.second.tried_ns || old(*e.second.tried_ns)); });
  std::erase_if(ssrcs_, [&](const auto& e) { return old(e.second.seen_ns); });
  std::erase_if(legs_, [&](const auto& e) { return old(e.second.window_ns) && (!e.second.refused_ns || old(*e.second.refused_ns)); });
}

}  // namespace mediaward::dataplane
