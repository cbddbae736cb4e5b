// SPDX-License-Identifier: Apache-2.0
// EAL as a resource: built from typed settings, ended by the destructor, once per process (EAL is process-global).
// The argument vector is a pure function of the settings, so that tests see it without starting anything.
// Takes no device of the machine: the PCI bus is only looked at when a pci port is configured, and then only that device.
// Main thread. EAL's worker lcores are 1..n in the order of `worker_cpus`; lcore 0 is the main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "crypto/error.h"
#include "drivers/config.h"
#include "drivers/topology.h"

namespace mediaward::drivers {

struct EalSettings {
  std::vector<std::uint32_t> main_cpus;      // empty: CPU of the caller's affinity mask
  std::vector<std::uint32_t> worker_cpus;    // one lcore each; a CPU may repeat
  bool hugepages = false;
  bool virtio_user = false;                  // some port is virtio-user: memory must be one file per segment list
  std::uint32_t megabytes = 64;              // reserved at start
  std::vector<std::int32_t> memory_nodes;    // NUMA nodes that need memory; empty: no preference
  std::vector<std::string> pci_addresses;
  std::string file_prefix;                   // unique per process
  bool verbose = false;                      // EAL's and the PMDs' own log on stderr
};

[[nodiscard]] std::vector<std::string> eal_arguments(const EalSettings& settings);

// "mediaward-1f2e3d4c-4711": hash of the socket path and the process id.
[[nodiscard]] std::string make_file_prefix(const std::string& socket_path);

struct HugepageStatus {
  std::uint64_t free_megabytes = 0;  // of the default size
  std::uint32_t page_kilobytes = 0;  // 0: the kernel has none
};
[[nodiscard]] HugepageStatus read_hugepage_status();

// Settings from configuration and plan. The answer to hugepages = "auto" is appended to `reasons`.
[[nodiscard]] Result<EalSettings> make_eal_settings(const DataplaneConfig& config, const WorkerPlan& plan,
                                                    const HugepageStatus& status, std::vector<std::string>& reasons);

// Megabytes that pools, rings and PMDs of these ports need.
[[nodiscard]] std::uint32_t memory_demand_megabytes(const std::vector<PortConfig>& ports, const std::vector<std::uint16_t>& port_queues);

class Eal {
 public:
  // Errors: EAL was started before in this process, or refused its arguments (the message carries its reason).
  [[nodiscard]] static Result<Eal> start(const EalSettings& settings);
  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&&) = delete;
  ~Eal();  // all ports and pools are gone, all lcores are joined

  // Runs `body` on worker lcore `index` (0-based, the order of worker_cpus). The caller keeps `body` alive until join_workers.
  [[nodiscard]] Result<void> launch(std::size_t index, std::function<void()>& body);
  void join_workers() noexcept;
  [[nodiscard]] bool hugepages() const noexcept { return hugepages_; }
  [[nodiscard]] const char* page_kind() const noexcept { return hugepages_ ? "hugetlb" : "4k"; }

 private:
  Eal() = default;
  bool active_ = false;
  bool hugepages_ = false;
  std::string file_prefix_;
};

}  // namespace mediaward::drivers
