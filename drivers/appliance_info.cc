// SPDX-License-Identifier: Apache-2.0
// What the control server shows of ports, workers, engines, memory and the plan. Values are read when asked for. Main thread.
#include <rte_malloc.h>

#include <cstring>
#include <string>

#include "drivers/appliance.h"

namespace mediaward::drivers {
namespace {

template <std::size_t N>
void copy_text(char (&out)[N], std::string_view text) {
  std::memset(out, 0, N);
  text.copy(out, N - 1);
}

template <typename T>
T make_message(abi::MessageType type) {
  T out{};
  out.header = {type, 0, sizeof out, 0};
  return out;
}

abi::MemoryInfo memory_row(const std::string& name, std::uint64_t capacity, std::uint64_t in_use, std::uint64_t unit, const char* pages) {
  auto row = make_message<abi::MemoryInfo>(abi::MessageType::kMemoryInfo);
  copy_text(row.name, name);
  row.capacity = capacity;
  row.in_use = in_use;
  row.unit_bytes = unit;
  copy_text(row.page_kind, pages);
  return row;
}

abi::EngineInfo hash_row(std::string_view provider, std::string_view isa, std::string_view reason, bool in_use) {
  auto row = make_message<abi::EngineInfo>(abi::MessageType::kEngineInfo);
  copy_text(row.provider, provider);
  copy_text(row.isa, isa);
  copy_text(row.version, "-");
  copy_text(row.reason, reason);
  row.self_test_passed = row.in_use = in_use ? 1 : 0;
  return row;
}

// Digests of content: what is used, and what was tried before it.
void append_hashes(const dataplane::Core& core, std::vector<abi::EngineInfo>& out) {
  const std::string& refused = core.refused_hashes();
  std::string reason = refused.empty() ? "digests of content: the widest" : "digests of content: the widest that runs here and passes";
  if (const std::string choice = core.hashes()->choice(); !choice.empty()) reason += "; as measured " + choice;
  out.push_back(hash_row("hash " + std::string(core.hashes()->name()), core.hashes()->isa(), reason, true));
  for (std::size_t at = 0, end; (end = refused.find('\n', at)) != std::string::npos; at = end + 1)
    out.push_back(hash_row("hash", "-", refused.substr(at, end - at), false));
}

}  // namespace

std::vector<abi::PortInfo> Appliance::ports() {
  std::vector<abi::PortInfo> out;
  for (const auto& port : ports_) out.push_back(port->info());
  return out;
}

std::vector<abi::WorkerInfo> Appliance::workers() {
  std::vector<abi::WorkerInfo> out;
  for (std::size_t i = 0; i < plan_.workers.size(); ++i) {
    auto row = make_message<abi::WorkerInfo>(abi::MessageType::kWorkerInfo);
    row.index = static_cast<std::uint32_t>(i);
    row.cpu = static_cast<std::int32_t>(plan_.workers[i].cpu);
    row.numa_node = plan_.workers[i].numa;
    copy_text(row.idle_policy, to_string(i < idlers_.size() ? idlers_[i]->policy() : plan_.workers[i].idle));
    std::string queues;
    for (const auto& [port, queue] : plan_.workers[i].queues)
      queues += (queues.empty() ? "" : " ") + ports_[port]->config().name + ":" + std::to_string(queue);
    copy_text(row.queues, queues);
    out.push_back(row);
  }
  return out;
}

std::vector<abi::EngineInfo> Appliance::engines() {
  std::vector<abi::EngineInfo> out;
  for (const auto& engine : crypto_.rows) {
    auto row = make_message<abi::EngineInfo>(abi::MessageType::kEngineInfo);
    copy_text(row.provider, engine.provider);
    copy_text(row.isa, engine.isa);
    copy_text(row.version, engine.version);
    copy_text(row.reason, engine.reason);
    row.self_test_passed = engine.self_test_passed ? 1 : 0;
    row.in_use = engine.in_use ? 1 : 0;
    out.push_back(row);
  }
  if (core_->hashes() != nullptr) append_hashes(*core_, out);
  return out;
}

std::vector<abi::MemoryInfo> Appliance::memory() {
  std::vector<abi::MemoryInfo> out;
  for (const auto& port : ports_) {
    const PacketPool& pool = port->pool();
    out.push_back(memory_row(pool.name(), pool.capacity(), pool.in_use(), pool.unit_bytes(), eal_.page_kind()));
  }
  for (int node = 0; node < RTE_MAX_NUMA_NODES; ++node) {
    rte_malloc_socket_stats stats{};
    if (rte_malloc_get_socket_stats(node, &stats) == 0 && stats.heap_totalsz_bytes != 0)
      out.push_back(memory_row("eal.heap" + std::to_string(node), stats.heap_totalsz_bytes, stats.heap_allocsz_bytes, 1, eal_.page_kind()));
  }
  return out;
}

std::vector<abi::PlanLine> Appliance::plan() {
  std::vector<abi::PlanLine> out;
  for (const auto& reason : plan_.reasons) {
    auto row = make_message<abi::PlanLine>(abi::MessageType::kPlanLine);
    copy_text(row.text, reason);
    out.push_back(row);
  }
  return out;
}

}  // namespace mediaward::drivers
