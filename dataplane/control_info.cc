// SPDX-License-Identifier: Apache-2.0
// The control server's answers to queries and its events: what the workers' blocks, rings and tables say, as protocol structs.
// See control_server.h. Main thread.
#include <arpa/inet.h>

#include <cstdio>
#include <ctime>

#include "dataplane/control_send.h"
#include "dataplane/wire/ethernet.h"

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

// "192.0.2.9:4000 > 192.0.2.1:20000 udp" of a frame's first bytes, as far as they can be read.
std::string describe_frame(ConstBytes head) {
  wire::EthernetInfo ethernet;
  if (!wire::parse_ethernet(head, ethernet)) return "short frame";
  const std::byte* l3 = head.data() + ethernet.header_bytes;
  const std::size_t left = head.size() - ethernet.header_bytes;
  char text[128];
  const bool v4 = ethernet.type == wire::kEtherIpv4 && left >= 20;
  const bool v6 = ethernet.type == wire::kEtherIpv6 && left >= 40;
  if (!v4 && !v6) {
    std::snprintf(text, sizeof text, "ethertype 0x%04x", ethernet.type);
    return text;
  }
  char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
  ::inet_ntop(v4 ? AF_INET : AF_INET6, l3 + (v4 ? 12 : 8), source, sizeof source);
  ::inet_ntop(v4 ? AF_INET : AF_INET6, l3 + (v4 ? 16 : 24), destination, sizeof destination);
  const std::size_t l4 = v4 ? (std::to_integer<std::size_t>(l3[0]) & 15) * 4 : 40;
  const auto protocol = std::to_integer<unsigned>(l3[v4 ? 9 : 6]);
  if (protocol == 17 && left >= l4 + 4)
    std::snprintf(text, sizeof text, "%s:%u > %s:%u udp", source, load_be16(l3 + l4), destination, load_be16(l3 + l4 + 2));
  else
    std::snprintf(text, sizeof text, "%s > %s protocol %u", source, destination, protocol);
  return text;
}

std::string describe_address(Family family, const std::byte* bytes) {
  return (family == Family::kIpv4 ? IpAddress::v4(bytes) : IpAddress::v6(bytes)).to_string();
}

abi::EventMessage event_of(const WorkerEvent& e, std::uint32_t worker) {
  abi::EventMessage m{};
  m.worker = worker;
  m.time_ns = now_ns(CLOCK_REALTIME);
  m.object_id = e.leg_id;
  switch (e.kind) {
    case WorkerEvent::Kind::kDropSample:
      m.kind = abi::EventKind::kDropSample;
      m.a = static_cast<std::uint64_t>(e.reason);
      m.b = e.packets;
      put(m.text, std::string(to_string(e.reason)) + " " + describe_frame({e.head.data(), e.head_bytes}));
      break;
    case WorkerEvent::Kind::kIndexReuse:
      m.kind = abi::EventKind::kIndexReuse;
      m.a = e.ssrc;
      put(m.text, "sealing refused: index was used before");
      break;
    case WorkerEvent::Kind::kNeighbourResolved:
    case WorkerEvent::Kind::kNeighbourFailed:
      m.kind = e.kind == WorkerEvent::Kind::kNeighbourFailed ? abi::EventKind::kNeighbourFailed : abi::EventKind::kNeighbourResolved;
      put(m.text, describe_address(e.family, e.head.data()));
      break;
  }
  return m;
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
    infos[i].buckets = static_cast<std::uint32_t>(kBuckets / core_.worker_count() + (i < kBuckets % core_.worker_count() ? 1 : 0));
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

void ControlServer::send_events() {
  for (std::size_t w = 0; w < core_.worker_count(); ++w) {
    core_.worker(w).events().consume([&](const WorkerEvent& e) {
      if (greeted_) send(event_of(e, static_cast<std::uint32_t>(w)), MessageType::kEvent, 0);
    });
  }
  for (const auto& notice : core_.take_rekey_notices()) {
    abi::EventMessage m{};
    m.kind = abi::EventKind::kRekeyRequired;
    m.time_ns = now_ns(CLOCK_REALTIME);
    m.object_id = notice.leg_id;
    m.a = notice.ssrc;
    put(m.text, "SRTP state was lost in a crash: silent until this leg gets a new key");
    send(m, MessageType::kEvent, 0);
  }
}

void ControlServer::watch_workers() {
  const std::uint64_t now = now_ns(CLOCK_MONOTONIC);
  for (std::size_t w = 0; w < watched_.size(); ++w) {
    Watched& seen = watched_[w];
    const std::uint64_t loops = core_.worker(w).loops();
    if (loops != seen.loops || seen.since_ns == 0) {
      seen = {loops, now, false};
    } else if (!seen.stalled && now - seen.since_ns > kStallNs) {
      seen.stalled = true;
      abi::EventMessage m{};
      m.kind = abi::EventKind::kWorkerStalled;
      m.worker = static_cast<std::uint32_t>(w);
      m.a = w;
      m.time_ns = now_ns(CLOCK_REALTIME);
      put(m.text, "no loop finished for two seconds");
      send(m, MessageType::kEvent, 0);
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
    abi::EventMessage m{};
    m.kind = abi::EventKind::kPortLink;
    m.a = p;
    m.b = up ? 1 : 0;
    m.time_ns = now_ns(CLOCK_REALTIME);
    put(m.text, core_.settings().ports[p].name);
    if (greeted_) send(m, MessageType::kEvent, 0);
  }
}

}  // namespace mediaward::dataplane
