// SPDX-License-Identifier: Apache-2.0
// The worker plan: a pure function of configuration and topology. Order of preference: the NUMA node of the ports, one worker per
// physical core, the core of CPU 0 last (the kernel and the main thread live there). Every decision leaves a sentence.
// Main thread.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "drivers/pool_size.h"
#include "drivers/topology.h"

namespace mediaward::drivers {
namespace {

using dataplane::IdlePolicy;

constexpr std::size_t kShownCpus = 60;             // characters of a list of CPUs: reasons are short
constexpr std::uint16_t kMaxAutomaticQueues = 8;  // of a pci port; every other kind gets one queue unless told otherwise

// One physical core as a candidate: its lowest allowed CPU polls, its siblings stay idle.
struct Core {
  Cpu cpu;
  bool holds_cpu0 = false;
  std::size_t allowed_siblings = 0;
};

std::vector<Core> list_cores(const CpuTopology& topology) {
  std::map<std::uint32_t, Core> cores;
  for (const auto& cpu : topology.cpus) {
    auto [place, fresh] = cores.try_emplace(cpu.core, Core{cpu, false, 0});
    Core& core = place->second;
    core.holds_cpu0 = core.holds_cpu0 || cpu.id == 0;
    if (!cpu.allowed) continue;
    if (!core.cpu.allowed) core.cpu = cpu;
    ++core.allowed_siblings;
  }
  std::vector<Core> usable;
  for (const auto& [number, core] : cores)
    if (core.allowed_siblings > 0) usable.push_back(core);
  return usable;
}

std::set<std::int32_t> nodes_of(const std::vector<std::int32_t>& port_numa) {
  std::set<std::int32_t> nodes(port_numa.begin(), port_numa.end());
  nodes.erase(-1);
  return nodes;
}

// Cores in the order in which workers take them. Ports on several nodes: the nodes take turns.
std::vector<Core> order_cores(std::vector<Core> cores, const std::set<std::int32_t>& nodes) {
  std::map<std::int32_t, std::size_t> taken;
  std::sort(cores.begin(), cores.end(), [](const Core& a, const Core& b) { return a.cpu.id < b.cpu.id; });
  std::vector<std::tuple<bool, bool, std::size_t, std::int32_t, std::uint32_t, std::size_t>> keys;
  for (std::size_t i = 0; i < cores.size(); ++i) {
    const Core& core = cores[i];
    const bool far = !nodes.empty() && !nodes.contains(core.cpu.numa);
    const std::size_t turn = nodes.size() > 1 && !core.holds_cpu0 ? taken[core.cpu.numa]++ : 0;
    keys.emplace_back(core.holds_cpu0, far, turn, nodes.size() > 1 ? core.cpu.numa : 0, core.cpu.id, i);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<Core> ordered;
  for (const auto& key : keys) ordered.push_back(cores[std::get<5>(key)]);
  return ordered;
}

std::uint16_t queue_ceiling(const PortConfig& port) {
  if (port.queues != 0) return port.queues;
  return port.kind == PortKind::kPci ? kMaxAutomaticQueues : std::uint16_t{1};
}

std::string plural(std::size_t n, const std::string& noun) { return std::to_string(n) + " " + noun + (n == 1 ? "" : "s"); }

std::size_t automatic_count(const DataplaneConfig& config, const std::vector<Core>& cores, const std::set<std::int32_t>& nodes,
                            std::vector<std::string>& reasons) {
  std::size_t spare = 0;
  for (const auto& core : cores)
    if (!core.holds_cpu0 && (nodes.empty() || nodes.contains(core.cpu.numa))) ++spare;
  if (spare == 0) spare = static_cast<std::size_t>(std::count_if(cores.begin(), cores.end(), [](const Core& c) { return !c.holds_cpu0; }));
  spare = std::max<std::size_t>(spare, 1);
  const PortConfig* narrowest = &config.ports.front();
  for (const auto& port : config.ports)
    if (queue_ceiling(port) < queue_ceiling(*narrowest)) narrowest = &port;
  const std::size_t count = std::min<std::size_t>(spare, queue_ceiling(*narrowest));
  std::string why = "workers.count is automatic: " + plural(count, "worker") + ", because ";
  why += count < spare || queue_ceiling(*narrowest) == spare
             ? "port " + narrowest->name + " has " + plural(queue_ceiling(*narrowest), "queue") + " (port.queues raises it)"
             : "that is how many cores are free beside CPU 0's";
  reasons.push_back(why);
  return count;
}

Result<std::vector<Cpu>> explicit_cpus(const DataplaneConfig& config, const CpuTopology& topology, const std::vector<Core>& ordered,
                                       std::vector<std::string>& reasons) {
  std::vector<Cpu> chosen;
  for (const std::uint32_t id : config.workers.cpus) {
    const Cpu* cpu = topology.find(id);
    const std::string nearest = "; nearest valid: " + std::to_string(ordered.front().cpu.id);
    if (cpu == nullptr) return fail(ErrorCode::kInvalid, config.file + ": workers.cpus: this machine has no CPU " + std::to_string(id) + nearest);
    if (!cpu->allowed)
      return fail(ErrorCode::kInvalid, config.file + ": workers.cpus: CPU " + std::to_string(id) +
                                           " is outside the affinity mask or cpuset of this process" + nearest);
    for (const auto& other : chosen)
      if (other.core == cpu->core)
        return fail(ErrorCode::kInvalid, config.file + ": workers.cpus: CPUs " + std::to_string(other.id) + " and " + std::to_string(id) +
                                             " are siblings of one physical core; leave one out");
    chosen.push_back(*cpu);
  }
  reasons.push_back("workers.cpus names the CPUs");
  return chosen;
}

Result<std::vector<Cpu>> choose_cpus(const DataplaneConfig& config, const CpuTopology& topology, const std::vector<std::int32_t>& port_numa,
                                     std::vector<std::string>& reasons) {
  const auto nodes = nodes_of(port_numa);
  const auto cores = order_cores(list_cores(topology), nodes);
  if (cores.empty()) return fail(ErrorCode::kUnavailable, "the affinity mask of this process allows no CPU");
  if (!config.workers.cpus.empty()) return explicit_cpus(config, topology, cores, reasons);
  const std::size_t count = config.workers.count != 0 ? config.workers.count : automatic_count(config, cores, nodes, reasons);
  std::vector<Cpu> chosen;
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(cores[i % cores.size()].cpu);
  if (count > cores.size())
    reasons.push_back(plural(count, "worker") + " on " + plural(cores.size(), "physical core") + ": some share a core");
  return chosen;
}

std::string describe(std::size_t index, const Cpu& cpu, const CpuTopology& topology, const std::set<std::int32_t>& nodes) {
  std::string text = "worker " + std::to_string(index) + " on CPU " + std::to_string(cpu.id) + ", NUMA node " + std::to_string(cpu.numa) + ": ";
  text += nodes.empty() ? "no port is bound to a node" : nodes.contains(cpu.numa) ? "a port's own node" : "no free core on a port's own node";
  std::string siblings;
  bool holds_cpu0 = false;
  for (const auto& other : topology.cpus) {
    if (other.core != cpu.core) continue;
    holds_cpu0 = holds_cpu0 || other.id == 0;
    if (other.id != cpu.id) siblings += (siblings.empty() ? "" : ", ") + std::to_string(other.id);
  }
  if (!siblings.empty()) text += "; SMT sibling " + siblings + " stays without a worker";
  if (holds_cpu0) text += "; the core of CPU 0, as no other was left or it was asked for";
  return text;
}

IdlePolicy choose_idle(const WorkersConfig& workers, std::size_t pollers, std::size_t cpus, bool shared, std::vector<std::string>& reasons) {
  const bool crowded = shared || pollers >= cpus;
  const std::string facts = plural(pollers, "worker") + " on " + plural(cpus, "CPU") + " of this process";
  switch (workers.idle) {
    case IdleChoice::kSleep: return IdlePolicy::kSleep;
    case IdleChoice::kInterrupt: return IdlePolicy::kInterrupt;
    case IdleChoice::kYield: return IdlePolicy::kYield;
    case IdleChoice::kSpin:
      if (!shared && pollers <= cpus) return IdlePolicy::kSpin;
      reasons.push_back("idle policy yield instead of spin: " + facts + ", pollers outnumber CPUs");
      return IdlePolicy::kYield;
    case IdleChoice::kAuto: break;
  }
  reasons.push_back(crowded ? "idle policy yield: " + facts + " leave no CPU to anything else" : "idle policy spin: every worker has a CPU to itself");
  return crowded ? IdlePolicy::kYield : IdlePolicy::kSpin;
}

Result<void> assign_queues(const DataplaneConfig& config, WorkerPlan& plan) {
  for (std::uint16_t p = 0; p < config.ports.size(); ++p) {
    const PortConfig& port = config.ports[p];
    const auto workers = static_cast<std::uint16_t>(plan.workers.size());
    const bool fixed = port.queues != 0 || port.kind == PortKind::kPcap;
    const std::uint16_t queues = fixed ? std::max<std::uint16_t>(port.queues, 1) : workers;
    const std::string where = config.file + ": port \"" + port.name + "\": ";
    if (queues < workers)
      return fail(ErrorCode::kInvalid, where + plural(queues, "queue") + " for " + plural(workers, "worker") +
                                           ": every worker sends on a queue of its own; nearest valid: workers.count = " + std::to_string(queues));
    const std::uint32_t least = minimum_pool_packets(port.kind, queues, port.queue_size);
    if (port.pool_packets != 0 && port.pool_packets < least)
      return fail(ErrorCode::kInvalid, where + "pool_packets = " + std::to_string(port.pool_packets) + " cannot fill " +
                                           plural(queues, "queue") + "; nearest valid: " + std::to_string(least));
    plan.port_queues.push_back(queues);
    for (std::uint16_t q = 0; q < queues; ++q) plan.workers[q % workers].queues.push_back({p, q});
    plan.reasons.push_back("port " + port.name + ": " + plural(queues, "queue pair") + (fixed ? " as configured" : ", one per worker"));
  }
  return {};
}

// What the network peer takes of the machine beside the workers' time.
Result<void> plan_peer(const DataplaneConfig& config, WorkerPlan& plan) {
  if (!has_network_peer(config)) return {};
  const std::uint64_t cache = config.peer_limits.cache_bytes, least = plan.workers.size() * kLeastCachePerWorker;
  if (cache < least)
    return fail(ErrorCode::kInvalid, config.file + ": peer.cache: " + size_text(cache) + " is too little for " +
                                         plural(plan.workers.size(), "worker") + "; nearest valid: \"" + size_text(least) + "\"");
  std::string cpus;
  bool shared = false;
  for (const std::uint32_t cpu : plan.main_cpus) {
    cpus += (cpus.empty() ? "" : ", ") + std::to_string(cpu);
    shared = shared || std::any_of(plan.workers.begin(), plan.workers.end(), [cpu](const auto& worker) { return worker.cpu == cpu; });
  }
  if (cpus.size() > kShownCpus) cpus.replace(kShownCpus, std::string::npos, " ...");
  plan.reasons.push_back("network peer: cache of " + size_text(cache) + ", an equal share for " + plural(plan.workers.size(), "worker"));
  plan.reasons.push_back("network peer: signatures of live content are verified by a thread on the main thread's CPUs (" + cpus + ")" +
                         (shared ? ", which are workers' as well: no other is left" : ""));
  return {};
}

std::vector<std::uint32_t> cpus_for_main(const CpuTopology& topology, const std::vector<PlannedWorker>& workers) {
  std::vector<std::uint32_t> free, all;
  for (const auto& cpu : topology.cpus) {
    if (!cpu.allowed) continue;
    all.push_back(cpu.id);
    if (std::none_of(workers.begin(), workers.end(), [&](const auto& worker) { return worker.cpu == cpu.id; })) free.push_back(cpu.id);
  }
  return free.empty() ? all : free;
}

}  // namespace

Result<WorkerPlan> make_plan(const DataplaneConfig& config, const CpuTopology& topology, const std::vector<std::int32_t>& port_numa) {
  WorkerPlan plan;
  plan.port_numa = port_numa;
  auto chosen = choose_cpus(config, topology, port_numa, plan.reasons);
  if (!chosen) return tl::unexpected<Error>(chosen.error());
  std::set<std::uint32_t> distinct;
  for (const auto& cpu : *chosen) distinct.insert(cpu.core);
  const bool shared = distinct.size() < chosen->size();
  const IdlePolicy idle = choose_idle(config.workers, chosen->size(), topology.allowed_count(), shared, plan.reasons);
  for (const auto& cpu : *chosen) {
    plan.reasons.push_back(describe(plan.workers.size(), cpu, topology, nodes_of(port_numa)));
    plan.workers.push_back({cpu.id, cpu.numa, idle, {}});
  }
  if (auto assigned = assign_queues(config, plan); !assigned) return tl::unexpected<Error>(assigned.error());
  plan.main_cpus = cpus_for_main(topology, plan.workers);
  if (auto peer = plan_peer(config, plan); !peer) return tl::unexpected<Error>(peer.error());
  return plan;
}

}  // namespace mediaward::drivers
