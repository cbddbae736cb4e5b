// SPDX-License-Identifier: Apache-2.0
// The control server's answers to queries and what it tells by itself: what the workers' blocks, rings and tables say, as protocol
// structs. See control_server.h; texts are event_text.h. Main thread.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "dataplane/control_send.h"
#include "dataplane/event_text.h"

namespace mediaward::dataplane {
namespace {

using abi::MessageType;
using abi::QueryKind;

constexpr std::uint64_t kLinkCheckNs = 200'000'000;
constexpr std::uint64_t kStallNs = 2'000'000'000;  // a worker that does not finish a loop for this long is reported

std::uint64_t now_ns(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

template <std::size_t N>
void put(char (&to)[N], std::string_view text) {
  const std::size_t n = std::min(text.size(), N - 1);
  std::memcpy(to, text.data(), n);
  to[n] = 0;
}

// Of all workers: single words, each as of its own moment.
ppspp::CacheStats cache_of(const ppspp::PeerShared& peer) {
  ppspp::CacheStats sum;
  for (const auto& partition : peer.caches) {
    const ppspp::CacheStats one = partition->stats().load();
    sum.linked_extents += one.linked_extents;
    sum.waiting_extents += one.waiting_extents;
    sum.pinned_extents += one.pinned_extents;
  }
  return sum;
}

}  // namespace

void ControlServer::query(const abi::Query& m) {
  const std::uint64_t id = m.header.transaction_id;
  abi::QueryEnd end{};
  switch (m.kind) {
    case QueryKind::kPorts: send_all(info_.ports(), MessageType::kPortInfo, id); break;
    case QueryKind::kWorkers: send_all(worker_infos(), MessageType::kWorkerInfo, id); break;
    case QueryKind::kEngine: send_all(info_.engines(), MessageType::kEngineInfo, id); break;
    case QueryKind::kMemory: send_all(memory_infos(), MessageType::kMemoryInfo, id); break;
    case QueryKind::kPipeline: send_all(stage_infos(), MessageType::kStageInfo, id); break;
    case QueryKind::kPlan: send_all(info_.plan(), MessageType::kPlanLine, id); break;
    case QueryKind::kNeighbours: send_all(neighbour_infos(), MessageType::kNeighbourInfo, id); break;
    case QueryKind::kSwarms: send_all(core_.swarms().swarm_infos(m.object_id), MessageType::kSwarmInfo, id); break;
    case QueryKind::kPeers: send_all(core_.swarms().peer_infos(m.object_id), MessageType::kPeerInfo, id); break;
    default: end.code = static_cast<std::uint32_t>(ErrorCode::kUnsupported);
  }
  send(end, MessageType::kQueryEnd, id);
}

std::vector<abi::WorkerInfo> ControlServer::worker_infos() {
  auto infos = info_.workers();
  for (std::size_t i = 0; i < infos.size() && i < core_.worker_count(); ++i) {
    const WorkerBlock& block = core_.stats().block(i);
    infos[i].index = static_cast<std::uint32_t>(i);
    infos[i].loops = block.loops;
    infos[i].busy_cycles = block.busy_cycles;
    infos[i].total_cycles = block.total_cycles;
    infos[i].applied_sequence = core_.worker(i).applied_sequence();
    infos[i].buckets = static_cast<std::uint32_t>(core_.buckets_of_worker(i));
    infos[i].legs = static_cast<std::uint32_t>(core_.legs_of_worker(i));
  }
  return infos;
}

std::vector<abi::MemoryInfo> ControlServer::memory_infos() {
  auto infos = info_.memory();
  const auto add = [&infos](std::string_view name, std::uint64_t capacity, std::uint64_t in_use, std::uint64_t unit, std::string_view pages) {
    abi::MemoryInfo m{};
    put(m.name, name);
    m.capacity = capacity;
    m.in_use = in_use;
    m.unit_bytes = unit;
    put(m.page_kind, pages);
    infos.push_back(m);
  };
  add("arena.keys", core_.keys().capacity_bytes(), core_.keys().used_bytes(), 1, core_.keys().page_kind());
  add("state.region", core_.state().capacity(), core_.state().in_use(), sizeof(abi::StateSlot) + sizeof(abi::StateIdentity), "4k");
  add("legs", core_.settings().limits.legs, core_.legs(), sizeof(LegRx) + sizeof(LegTx), "4k");
  add("neighbours", core_.neighbour_budget().limit(), core_.neighbour_budget().in_use(), sizeof(NextHop), "4k");
  add("retired", 0, core_.retired(), 0, "-");
  if (core_.peer().arena == nullptr) return infos;
  const PeerLimits& most = core_.settings().peer_limits;
  const ppspp::CacheArena& arena = *core_.peer().arena;
  const std::uint64_t extents = std::uint64_t{arena.share()} * arena.partitions();
  const ppspp::CacheStats cache = cache_of(core_.peer());
  const ppspp::SwarmBook& swarms = core_.swarms();
  add("peer.cache", extents, cache.linked_extents + cache.waiting_extents, ppspp::kExtentBytes, "-");
  add("peer.cache.pinned", extents, cache.pinned_extents, ppspp::kExtentBytes, "-");
  add("peer.swarms", most.swarms, swarms.swarms(), sizeof(ppspp::SwarmBundle) + sizeof(ppspp::Swarm), "4k");
  add("peer.admissions", most.admissions, swarms.admissions(), sizeof(ppspp::AdmissionView), "4k");
  add("peer.peers", most.peers, swarms.peers(), sizeof(ppspp::PeerBundle) + sizeof(ppspp::Peer), "4k");
  return infos;
}

std::vector<abi::StageInfo> ControlServer::stage_infos() {
  std::vector<abi::StageInfo> infos;
  for (std::size_t w = 0; w < core_.worker_count(); ++w) {
    const WorkerBlock& block = core_.stats().block(w);
    for (std::size_t s = 0; s < kStageCount; ++s) {
      abi::StageInfo m{};
      m.worker = static_cast<std::uint32_t>(w);
      put(m.stage, kStageNames[s]);
      m.calls = block.stages[s].calls;
      m.items = block.stages[s].items;
      m.cycles = block.stages[s].cycles;
      std::copy(block.stages[s].batch_histogram.begin(), block.stages[s].batch_histogram.end(), m.batch_histogram);
      infos.push_back(m);
    }
  }
  return infos;
}

std::vector<abi::NeighbourInfo> ControlServer::neighbour_infos() {
  std::vector<abi::NeighbourInfo> infos;
  const auto& ports = core_.settings().ports;
  for (std::size_t p = 0; p < ports.size(); ++p) {
    for (const auto& hop : core_.neighbours(p).entries()) {
      if (hop == nullptr) continue;
      abi::NeighbourInfo m{};
      put(m.port_name, ports[p].name);
      m.family = hop->address.family;
      const std::uint64_t link = hop->link.load(std::memory_order_relaxed);
      std::memcpy(m.mac, &link, sizeof m.mac);
      m.state = static_cast<std::uint8_t>(hop->state.load(std::memory_order_relaxed));
      std::memcpy(m.address, hop->address.bytes.data(), sizeof m.address);
      infos.push_back(m);
    }
  }
  return infos;
}

void ControlServer::send_event(abi::EventMessage message) {
  if (!greeted_) return;
  message.time_ns = now_ns(CLOCK_REALTIME);
  send(message, MessageType::kEvent, 0);
}

// The rings are emptied whether or not anybody listens: what workers saw of addresses and SSRCs matters all the same.
void ControlServer::take_events() {
  const std::uint64_t now = clock_ns();
  for (std::size_t w = 0; w < core_.worker_count(); ++w) {
    core_.worker(w).events().consume([&](const WorkerEvent& e) {
      if (e.kind == WorkerEvent::Kind::kPeerSeen)
        contacts_.push_back(e);
      else if (is_told(e.kind))
        send_event(event_of(e, static_cast<std::uint32_t>(w)));
      else
        learning_.see(e, now);
    });
  }
}

std::uint64_t ControlServer::clock_ns() const {
  constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
  const std::uint64_t ticks = settings_.clock(), hz = core_.tsc_hz();
  return ticks / hz * kNsPerSecond + ticks % hz * kNsPerSecond / hz;
}

void ControlServer::learn() {
  if (core_.moving()) return;
  for (const WorkerEvent& contact : std::exchange(contacts_, {})) (void)core_.admit_contact(contact);  // refused: a limit, or gone meanwhile
  learning_.act(clock_ns());
  for (const auto& event : learning_.take_events()) send_event(event);
}

void ControlServer::take_evidence() {
  for (std::size_t w = 0; w < core_.worker_count(); ++w) {
    auto* ring = core_.evidence(w);
    if (ring == nullptr) continue;
    ring->consume([&](const ppspp::Evidence& e) {
      if (greeted_) send(evidence_of(e, static_cast<std::uint32_t>(w), now_ns(CLOCK_REALTIME)), MessageType::kEvidence, 0);
    });
  }
}

void ControlServer::send_events() {
  for (const auto& event : core_.take_peer_events()) send_event(event);
  for (const auto& change : core_.take_speaker_changes()) send_event(speakers_changed(change.conference, change.speakers));
  for (const auto& notice : core_.take_rekey_notices())
    send_event(make_event(abi::EventKind::kRekeyRequired, notice.leg_id, notice.ssrc, 0,
                          "SRTP state was lost in a crash: silent until this leg gets a new key"));
}

void ControlServer::watch_workers() {
  const std::uint64_t now = now_ns(CLOCK_MONOTONIC);
  for (std::size_t w = 0; w < watched_.size(); ++w) {
    Watched& seen = watched_[w];
    const std::uint64_t loops = core_.worker(w).loops();
    if (const std::uint64_t lost = core_.stats().block(w).counters[static_cast<std::size_t>(Counter::kEventsLost)]; lost != seen.events_lost) {
      abi::EventMessage m = make_event(abi::EventKind::kEventsLost, 0, lost - seen.events_lost, 0, "a worker's event ring was full");
      m.worker = static_cast<std::uint32_t>(w);
      seen.events_lost = lost;
      send_event(m);
    }
    if (loops != seen.loops || seen.since_ns == 0) {
      seen.loops = loops;
      seen.since_ns = now;
      seen.stalled = false;
    } else if (!seen.stalled && now - seen.since_ns > kStallNs) {
      seen.stalled = true;
      abi::EventMessage m = make_event(abi::EventKind::kWorkerStalled, 0, w, 0, "no loop finished for two seconds");
      m.worker = static_cast<std::uint32_t>(w);
      send_event(m);
    }
  }
}

// Ports cannot be relied on to report link changes by themselves (TAP), and virtio-user in server mode takes a new peer only when asked
// for its link: so all are asked.
void ControlServer::watch_links() {
  const std::uint64_t now = now_ns(CLOCK_MONOTONIC);
  if (now < next_link_check_ns_) return;
  next_link_check_ns_ = now + kLinkCheckNs;
  const auto ports = info_.ports();
  for (std::size_t p = 0; p < ports.size() && p < link_up_.size(); ++p) {
    const bool up = ports[p].link_up != 0;
    core_.set_link(p, up);
    if (up == link_up_[p]) continue;
    link_up_[p] = up;
    std::fprintf(stderr, "mediaward-dataplane: port %s: link is %s\n", core_.settings().ports[p].name.c_str(), up ? "up" : "down");
    send_event(make_event(abi::EventKind::kPortLink, 0, p, up ? 1 : 0, core_.settings().ports[p].name));
  }
}

}  // namespace mediaward::dataplane
