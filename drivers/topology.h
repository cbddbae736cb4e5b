// SPDX-License-Identifier: Apache-2.0
// Which CPU polls: hwloc's view of the machine as plain values, and the worker plan made from it.
// The plan is a pure function, so that tests give it two-socket SMT machines, and it carries its reasons as text, because
// "why is this worker there" is the first question on every latency problem.
// Does not start threads and does not know EAL. Main thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crypto/error.h"
#include "dataplane/settings.h"
#include "drivers/config.h"

namespace mediaward::drivers {

struct Cpu {
  std::uint32_t id = 0;    // of the operating system
  std::uint32_t core = 0;  // logical number of the physical core: equal for SMT siblings
  std::int32_t numa = 0;   // NUMA node, operating system's number; -1 unknown
  bool allowed = true;     // by the affinity mask and the cpuset of this process
};

struct CpuTopology {
  std::vector<Cpu> cpus;  // ascending id
  [[nodiscard]] const Cpu* find(std::uint32_t id) const noexcept;
  [[nodiscard]] std::size_t allowed_count() const noexcept;
  [[nodiscard]] std::int32_t numa_nodes() const noexcept;  // highest node number + 1, at least 1
};

[[nodiscard]] Result<CpuTopology> read_machine_topology();                             // with affinity and cpuset
[[nodiscard]] Result<CpuTopology> read_synthetic_topology(const std::string& hwloc);   // "pack:2 [numa] core:4 pu:2"
[[nodiscard]] Result<CpuTopology> read_xml_topology(const std::string& file);

struct PortQueue {
  std::uint16_t port = 0;   // index into DataplaneConfig::ports
  std::uint16_t queue = 0;
};

struct PlannedWorker {
  std::uint32_t cpu = 0;
  std::int32_t numa = -1;
  dataplane::IdlePolicy idle = dataplane::IdlePolicy::kSpin;
  std::vector<PortQueue> queues;
};

struct WorkerPlan {
  std::vector<PlannedWorker> workers;
  std::vector<std::uint32_t> main_cpus;       // where the main thread may run: allowed CPUs without a worker, or all allowed
  std::vector<std::uint16_t> port_queues;     // per port: queue pairs to set up
  std::vector<std::int32_t> port_numa;        // per port, -1 unknown or virtual
  std::vector<std::string> reasons;           // one sentence each, at most 255 bytes
};

// port_numa: one entry per port of the configuration (see read_port_numa).
[[nodiscard]] Result<WorkerPlan> make_plan(const DataplaneConfig& config, const CpuTopology& topology,
                                           const std::vector<std::int32_t>& port_numa);

// From sysfs for pci ports and for af_packet/af_xdp over a device; -1 for everything virtual.
[[nodiscard]] std::vector<std::int32_t> read_port_numa(const DataplaneConfig& config);

[[nodiscard]] std::string_view to_string(dataplane::IdlePolicy policy) noexcept;

}  // namespace mediaward::drivers
