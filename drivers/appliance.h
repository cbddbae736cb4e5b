// SPDX-License-Identifier: Apache-2.0
// The data plane put together: EAL, crypto provider, ports, core and the threads that run its workers, in the order in which they
// depend on each other and taken down in the reverse one. Also what the control server shows of ports, workers and memory.
// Knows no command line and no service manager (main.cc). Main thread; run_worker is what the worker lcores execute.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crypto/provider_select.h"
#include "dataplane/control_server.h"
#include "dataplane/core.h"
#include "drivers/eal.h"
#include "drivers/ports.h"
#include "drivers/topology.h"
#include "drivers/worker_loop.h"

namespace mediaward::drivers {

class Appliance final : public dataplane::InfoSource {
 public:
  // Everything is ready, nothing runs yet. Fails when any part fails; nothing is left behind then.
  [[nodiscard]] static Result<std::unique_ptr<Appliance>> create(const DataplaneConfig& config, WorkerPlan plan, bool verbose);
  Appliance(const Appliance&) = delete;
  Appliance& operator=(const Appliance&) = delete;
  ~Appliance() override;

  [[nodiscard]] Result<void> start();  // ports, then workers
  void stop() noexcept;                // workers joined, then ports; idempotent

  [[nodiscard]] dataplane::Core& core() noexcept { return *core_; }
  // Loop counters by worker, for the watchdog.
  [[nodiscard]] std::vector<std::uint64_t> loops() const;

  // dataplane::InfoSource
  std::vector<abi::PortInfo> ports() override;
  std::vector<abi::WorkerInfo> workers() override;
  std::vector<abi::EngineInfo> engines() override;
  std::vector<abi::MemoryInfo> memory() override;
  std::vector<abi::PlanLine> plan() override;

 private:
  Appliance(const DataplaneConfig& config, WorkerPlan plan, Eal eal, crypto::ProviderChoice crypto);
  Result<void> open_ports();
  Result<void> create_core();
  [[nodiscard]] LoopSettings loop_settings(const PlannedWorker& worker, std::size_t index);
  void lock_memory();
  void run_worker(std::size_t index) noexcept;

  const DataplaneConfig config_;
  WorkerPlan plan_;
  Eal eal_;
  crypto::ProviderChoice crypto_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::unique_ptr<dataplane::Core> core_;
  std::vector<std::unique_ptr<Idler>> idlers_;
  std::vector<std::function<void()>> bodies_;
  std::atomic<bool> stop_{false};
  bool running_ = false;
};

}  // namespace mediaward::drivers
