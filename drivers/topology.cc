// SPDX-License-Identifier: Apache-2.0
// hwloc → CpuTopology. Only processing units, their core and their NUMA node are taken; what this process may not use is marked.
// Main thread.
#include "drivers/topology.h"

#include <hwloc.h>
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <memory>

namespace mediaward::drivers {
namespace {

struct TopologyDeleter {
  void operator()(hwloc_topology* topology) const noexcept { hwloc_topology_destroy(topology); }
};
using TopologyHandle = std::unique_ptr<hwloc_topology, TopologyDeleter>;

TopologyHandle make_handle() {
  hwloc_topology_t raw = nullptr;
  return TopologyHandle(hwloc_topology_init(&raw) == 0 ? raw : nullptr);
}

std::int32_t numa_of(hwloc_topology_t topology, hwloc_obj_t pu) {
  const int node = hwloc_bitmap_first(pu->nodeset);
  if (node < 0) return -1;
  return hwloc_get_numanode_obj_by_os_index(topology, static_cast<unsigned>(node)) != nullptr ? node : -1;
}

Cpu cpu_of(hwloc_topology_t topology, hwloc_obj_t pu) {
  hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, pu);
  Cpu cpu;
  cpu.id = pu->os_index;
  cpu.core = core != nullptr ? core->logical_index : pu->logical_index;
  cpu.numa = numa_of(topology, pu);
  cpu.allowed = hwloc_bitmap_isset(hwloc_topology_get_allowed_cpuset(topology), pu->os_index) != 0;
  return cpu;
}

Result<CpuTopology> load(const TopologyHandle& handle, const char* source) {
  if (!handle || hwloc_topology_load(handle.get()) != 0)
    return fail(ErrorCode::kInternal, std::string("cannot read the CPU topology from ") + source);
  CpuTopology out;
  for (hwloc_obj_t pu = hwloc_get_next_obj_by_type(handle.get(), HWLOC_OBJ_PU, nullptr); pu != nullptr;
       pu = hwloc_get_next_obj_by_type(handle.get(), HWLOC_OBJ_PU, pu))
    out.cpus.push_back(cpu_of(handle.get(), pu));
  std::sort(out.cpus.begin(), out.cpus.end(), [](const Cpu& a, const Cpu& b) { return a.id < b.id; });
  return out;
}

void restrict_to_affinity(CpuTopology& topology) {
  cpu_set_t* set = CPU_ALLOC(4096);
  const std::size_t bytes = CPU_ALLOC_SIZE(4096);
  if (set != nullptr && sched_getaffinity(0, bytes, set) == 0)
    for (auto& cpu : topology.cpus) cpu.allowed = cpu.allowed && CPU_ISSET_S(cpu.id, bytes, set) != 0;
  CPU_FREE(set);
}

std::int32_t read_numa_file(const std::string& path) {
  std::ifstream file(path);
  std::int32_t node = -1;
  return file >> node ? node : -1;
}

}  // namespace

const Cpu* CpuTopology::find(std::uint32_t id) const noexcept {
  for (const auto& cpu : cpus)
    if (cpu.id == id) return &cpu;
  return nullptr;
}

std::size_t CpuTopology::allowed_count() const noexcept {
  return static_cast<std::size_t>(std::count_if(cpus.begin(), cpus.end(), [](const Cpu& cpu) { return cpu.allowed; }));
}

std::int32_t CpuTopology::numa_nodes() const noexcept {
  std::int32_t highest = 0;
  for (const auto& cpu : cpus) highest = std::max(highest, cpu.numa);
  return highest + 1;
}

Result<CpuTopology> read_machine_topology() {
  auto handle = make_handle();
  auto topology = load(handle, "this machine");
  if (topology) restrict_to_affinity(*topology);
  if (topology && topology->allowed_count() == 0) return fail(ErrorCode::kInternal, "the affinity mask of this process allows no CPU");
  return topology;
}

Result<CpuTopology> read_synthetic_topology(const std::string& hwloc) {
  auto handle = make_handle();
  if (!handle || hwloc_topology_set_synthetic(handle.get(), hwloc.c_str()) != 0)
    return fail(ErrorCode::kInvalid, "`" + hwloc + "` is not an hwloc synthetic topology");
  return load(handle, "a synthetic description");
}

Result<CpuTopology> read_xml_topology(const std::string& file) {
  auto handle = make_handle();
  if (!handle || hwloc_topology_set_xml(handle.get(), file.c_str()) != 0)
    return fail(ErrorCode::kInvalid, file + ": not an hwloc XML topology");
  return load(handle, file.c_str());
}

std::vector<std::int32_t> read_port_numa(const DataplaneConfig& config) {
  std::vector<std::int32_t> nodes;
  for (const auto& port : config.ports) {
    if (port.kind == PortKind::kPci)
      nodes.push_back(read_numa_file("/sys/bus/pci/devices/" + port.address + "/numa_node"));
    else if (port.kind == PortKind::kAfPacket || port.kind == PortKind::kAfXdp)
      nodes.push_back(read_numa_file("/sys/class/net/" + port.interface + "/device/numa_node"));
    else
      nodes.push_back(-1);
  }
  return nodes;
}

std::string_view to_string(dataplane::IdlePolicy policy) noexcept {
  constexpr std::string_view kNames[] = {"spin", "yield", "sleep", "interrupt"};
  return kNames[static_cast<std::size_t>(policy)];
}

}  // namespace mediaward::drivers
