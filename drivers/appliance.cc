// SPDX-License-Identifier: Apache-2.0
// Composition of the data plane: see appliance.h. Main thread.
#include "drivers/appliance.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "drivers/cryptodev_provider.h"

namespace mediaward::drivers {

using dataplane::IdlePolicy;

namespace {

// Crypto devices are DPDK's, so they are chosen here; everything else is crypto/'s own matter.
Result<crypto::ProviderChoice> choose_crypto(const CryptoConfig& config, const WorkerPlan& plan, const Eal& eal) {
  if (config.provider != "cryptodev") return crypto::choose_provider({config.provider, config.isa});
  const std::int32_t numa = eal.hugepages() ? plan.workers.front().numa : -1;  // without hugepages all memory is node 0's
  return choose_cryptodev_provider(cryptodev_settings(config, plan.workers.size(), numa));
}

// -1: no such port.
int index_of_port(const DataplaneConfig& config, const std::string& name) {
  for (std::size_t i = 0; i < config.ports.size(); ++i)
    if (config.ports[i].name == name) return static_cast<int>(i);
  return -1;
}

static_assert(kLeastCachePerWorker == 8 * dataplane::ppspp::kExtentBytes);

}  // namespace

Appliance::Appliance(const DataplaneConfig& config, WorkerPlan plan, Eal eal, crypto::ProviderChoice crypto)
    : config_(config), plan_(std::move(plan)), eal_(std::move(eal)), crypto_(std::move(crypto)) {}

Appliance::~Appliance() {
  stop();
  for (auto& port : ports_) port->close();  // a transmit ring may hold shared packets of another port's pool
}

Result<std::unique_ptr<Appliance>> Appliance::create(const DataplaneConfig& config, WorkerPlan plan, bool verbose) {
  auto settings = make_eal_settings(config, plan, read_hugepage_status(), plan.reasons);
  if (!settings) return tl::unexpected<Error>(settings.error());
  settings->verbose = verbose;
  auto eal = Eal::start(*settings);
  if (!eal) return tl::unexpected<Error>(eal.error());
  auto crypto = choose_crypto(config.crypto, plan, *eal);
  if (!crypto) return tl::unexpected<Error>(crypto.error());
  // make_unique cannot reach the private constructor
  std::unique_ptr<Appliance> appliance(new Appliance(config, std::move(plan), std::move(*eal), std::move(*crypto)));
  if (auto opened = appliance->open_ports(); !opened) return tl::unexpected<Error>(opened.error());
  if (auto made = appliance->create_core(); !made) return tl::unexpected<Error>(made.error());
  return appliance;
}

Result<void> Appliance::open_ports() {
  bool interrupts = false;
  for (const auto& worker : plan_.workers) interrupts = interrupts || worker.idle == IdlePolicy::kInterrupt;
  for (std::uint16_t i = 0; i < config_.ports.size(); ++i) {
    const auto workers = static_cast<std::uint16_t>(plan_.workers.size());
    auto port = Port::open(config_.ports[i], {i, plan_.port_queues[i], plan_.port_numa[i], interrupts, workers});
    if (!port) return tl::unexpected<Error>(port.error());
    ports_.push_back(std::move(*port));
  }
  return {};
}

Result<void> Appliance::create_core() {
  dataplane::CoreSettings settings;
  settings.limits = config_.limits;
  settings.allowed_suites = config_.allowed_suites;
  settings.huge_pages = eal_.hugepages();  // as far as there are more of them than DPDK has taken
  settings.release = MEDIAWARD_RELEASE;
  settings.peer_limits = config_.peer_limits;
  for (const auto& port : ports_) {
    settings.ports.push_back(port->settings());
    settings.ports.back().guard_port = index_of_port(config_, port->config().guard);
  }
  for (const auto& planned : plan_.workers) {
    dataplane::WorkerSettings worker;
    worker.burst = config_.workers.burst;
    for (const auto& [port, queue] : planned.queues) worker.queues.push_back({port, queue, ports_[port]->make_io(queue)});
    settings.workers.push_back(std::move(worker));
  }
  settings.steer = [this](std::uint32_t bucket, std::uint32_t worker) {
    for (auto& port : ports_) port->steer(bucket, static_cast<std::uint16_t>(worker));  // a worker's first queue has its number
  };
  auto core = dataplane::Core::create(std::move(settings), *crypto_.provider);
  if (!core) return tl::unexpected<Error>(core.error());
  core_ = std::move(*core);
  return {};
}

Result<void> Appliance::start() {
  for (auto& port : ports_) {
    if (auto started = port->start(); !started) return started;
    plan_.reasons.push_back("port " + port->config().name + ": " + std::string(describe(port->steering())));
  }
  for (std::size_t i = 0; i < plan_.workers.size(); ++i) {
    idlers_.push_back(std::make_unique<Idler>(loop_settings(plan_.workers[i], i)));
    bodies_.emplace_back([this, i] { run_worker(i); });
  }
  core_->start_helpers();  // inherits this thread's CPUs: not a worker's while there are others
  if (config_.memory.lock) lock_memory();
  running_ = true;
  for (std::size_t i = 0; i < bodies_.size(); ++i)
    if (auto launched = eal_.launch(i, bodies_[i]); !launched) return launched;
  return {};
}

void Appliance::stop() noexcept {
  stop_.store(true, std::memory_order_relaxed);
  if (std::exchange(running_, false)) eal_.join_workers();
  core_.reset();  // gives the packets it holds back to the pools, and ends its helper thread
  for (auto& port : ports_) port->stop();
}

void Appliance::run_worker(std::size_t index) noexcept {
  dataplane::Worker& worker = core_->worker(index);
  run_worker_loop(*idlers_[index], stop_, [&worker]() noexcept { return worker.run_once(); });
}

// Interrupts need every port of the worker to have them: one that must be polled decides for all.
LoopSettings Appliance::loop_settings(const PlannedWorker& worker, std::size_t index) {
  LoopSettings out{worker.idle, config_.workers.sleep_us, {}};
  if (worker.idle != IdlePolicy::kInterrupt) return out;
  for (const auto& [port, queue] : worker.queues) {
    out.interrupt_queues.push_back({ports_[port]->port_id(), queue});
    if (ports_[port]->rx_interrupts() || out.policy == IdlePolicy::kSleep) continue;
    out.policy = IdlePolicy::kSleep;
    plan_.reasons.push_back("worker " + std::to_string(index) + ": idle policy sleep instead of interrupt: port " + ports_[port]->config().name +
                            " has no receive interrupts");
  }
  return out;
}

// Later mappings are locked too; a refusal costs a page fault now and then, not correctness.
void Appliance::lock_memory() {
  const bool locked = mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
  plan_.reasons.push_back(locked ? "memory: locked"
                                 : std::string("memory: not locked (") + std::strerror(errno) + "); raise LimitMEMLOCK or set memory.lock = false");
}

std::vector<std::uint64_t> Appliance::loops() const {
  std::vector<std::uint64_t> out;
  for (std::size_t i = 0; i < core_->worker_count(); ++i) out.push_back(core_->worker(i).loops());
  return out;
}

}  // namespace mediaward::drivers
