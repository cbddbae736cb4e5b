// SPDX-License-Identifier: Apache-2.0
// From configuration and plan to EAL's argument vector: pure text, so that tests see every combination without starting EAL.
// The rules about memory flags are the transport's traps (docs/ports.md). Main thread.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>

#include "drivers/cryptodev_devices.h"
#include "drivers/dpdk_compat.h"
#include "drivers/eal.h"
#include "drivers/pool_size.h"

namespace mediaward::drivers {
namespace {

constexpr std::uint32_t kBaseMegabytes = 24;          // EAL, ethdev and event structures
constexpr std::uint32_t kPerPortKilobytes = 1024;     // PMD private data, rings of the control queue
constexpr std::uint32_t kDescriptorBytes = 256;       // ring entry plus the PMD's software ring, both directions
constexpr std::uint32_t kElementOverhead = 64 + 128 + 64 + 128;  // mempool header, mbuf, Packet, channel padding

std::string join(const std::vector<std::uint32_t>& values) {
  std::string out;
  for (const auto value : values) out += (out.empty() ? "" : ",") + std::to_string(value);
  return out;
}

// "(0)@(0,1),(1)@(1)": lcore 0 is the main thread, lcore i+1 is worker i.
std::string lcores(const EalSettings& settings) {
  std::string out = "(0)@(" + (settings.main_cpus.empty() ? std::string("0") : join(settings.main_cpus)) + ")";
  for (std::size_t i = 0; i < settings.worker_cpus.size(); ++i)
    out += ",(" + std::to_string(i + 1) + ")@(" + std::to_string(settings.worker_cpus[i]) + ")";
  return out;
}

std::string socket_memory(const EalSettings& settings) {
  const auto highest = *std::max_element(settings.memory_nodes.begin(), settings.memory_nodes.end());
  const auto share = (settings.megabytes + settings.memory_nodes.size() - 1) / settings.memory_nodes.size();
  std::string out;
  for (std::int32_t node = 0; node <= highest; ++node) {
    const bool wanted = std::find(settings.memory_nodes.begin(), settings.memory_nodes.end(), node) != settings.memory_nodes.end();
    out += (node == 0 ? "" : ",") + std::to_string(wanted ? share : 0);
  }
  return out;
}

void append_memory(const EalSettings& settings, std::vector<std::string>& out) {
  if (!settings.hugepages) {
    // No shared configuration: nobody attaches to us, and a crash leaves no files behind.
    out.insert(out.end(), {"--no-huge", "--no-shconf", "-m", std::to_string(settings.megabytes)});
    return;
  }
  out.push_back("--in-memory");  // anonymous hugepages: no hugetlbfs mount, nothing left behind by a crash
  if (settings.virtio_user) out.push_back("--single-file-segments");
  if (settings.memory_nodes.size() > 1)
    out.push_back("--socket-mem=" + socket_memory(settings));
  else
    out.insert(out.end(), {"-m", std::to_string(settings.megabytes)});
}

std::uint32_t round_up(std::uint64_t kilobytes, std::uint32_t megabytes) {
  return static_cast<std::uint32_t>((kilobytes / 1024 + megabytes) / megabytes * megabytes);
}

}  // namespace

std::vector<std::string> eal_arguments(const EalSettings& settings) {
  std::vector<std::string> out{"mediaward", "--lcores=" + lcores(settings), "--main-lcore=0", "--file-prefix=" + settings.file_prefix, "--no-telemetry"};
  append_memory(settings, out);
  if (settings.pci_addresses.empty()) out.push_back("--no-pci");
  for (const auto& address : settings.pci_addresses) out.insert(out.end(), {"-a", address});
  out.push_back(settings.verbose ? "--log-level=info" : "--log-level=error");
  // The tap PMD calls a kernel without the multiq qdisc an error, and goes on without the rte_flow rules that nobody asked for.
  if (!settings.verbose) out.push_back("--log-level=pmd.net.tap:critical");
  return out;
}

std::string make_file_prefix(const std::string& socket_path) {
  std::uint32_t hash = 2166136261u;  // FNV-1a: only to tell two paths apart
  for (const char c : socket_path) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  char text[48];
  std::snprintf(text, sizeof text, "mediaward-%08x-%d", hash, getpid());
  return text;
}

HugepageStatus read_hugepage_status() {
  HugepageStatus status;
  std::uint64_t free_pages = 0;
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string key;
    std::uint64_t value = 0;
    fields >> key >> value;
    if (key == "HugePages_Free:") free_pages = value;
    if (key == "Hugepagesize:") status.page_kilobytes = static_cast<std::uint32_t>(value);
  }
  status.free_megabytes = free_pages * status.page_kilobytes / 1024;
  return status;
}

std::uint32_t memory_demand_megabytes(const std::vector<PortConfig>& ports, const std::vector<std::uint16_t>& port_queues) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::uint16_t queues = i < port_queues.size() ? port_queues[i] : std::uint16_t{1};
    const std::uint64_t packets = pool_packets_for(ports[i], queues);
    bytes += packets * (data_room_bytes(ports[i]) + kElementOverhead + 16) + kPerPortKilobytes * 1024u +
             std::uint64_t{queues} * ports[i].queue_size * kDescriptorBytes;
  }
  return kBaseMegabytes + round_up(bytes * 5 / 4 / 1024, 8);
}

Result<EalSettings> make_eal_settings(const DataplaneConfig& config, const WorkerPlan& plan, const HugepageStatus& status,
                                      std::vector<std::string>& reasons) {
  EalSettings out;
  out.main_cpus = plan.main_cpus;
  for (const auto& worker : plan.workers) out.worker_cpus.push_back(worker.cpu);
  for (const auto& port : config.ports) {
    out.virtio_user = out.virtio_user || port.kind == PortKind::kVirtioUser;
    if (port.kind == PortKind::kPci) out.pci_addresses.push_back(port.address);
  }
  for (const auto& address : config.crypto.addresses) out.pci_addresses.push_back(address + compat::kQatDeviceArguments);
  for (const auto& worker : plan.workers)
    if (worker.numa >= 0 && std::find(out.memory_nodes.begin(), out.memory_nodes.end(), worker.numa) == out.memory_nodes.end())
      out.memory_nodes.push_back(worker.numa);
  const std::uint32_t demand =
      memory_demand_megabytes(config.ports, plan.port_queues) + cryptodev_memory_megabytes(config.crypto, plan.workers.size());
  out.megabytes = std::max(config.memory.megabytes, config.memory.megabytes == 0 ? demand : 0u);
  if (out.megabytes < demand)
    reasons.push_back("memory.megabytes = " + std::to_string(out.megabytes) + " is less than the estimate of " + std::to_string(demand));
  const bool enough = status.free_megabytes >= out.megabytes;
  out.hugepages = config.memory.hugepages == HugepageUse::kYes || (config.memory.hugepages == HugepageUse::kAuto && enough);
  const std::string facts = std::to_string(status.free_megabytes) + " MB of hugepages free, " + std::to_string(out.megabytes) + " MB needed";
  if (out.hugepages && !enough)
    return fail(ErrorCode::kUnavailable, "memory.hugepages = \"yes\", but " + facts + "; reserve more: sysctl vm.nr_hugepages=" +
                                             std::to_string(out.megabytes * 1024 / std::max(status.page_kilobytes, 2048u) + 8));
  if (!out.hugepages && !out.pci_addresses.empty())
    return fail(ErrorCode::kUnavailable, "a PCI device needs hugepages, but " + facts + "; reserve some as docs/install.md describes");
  reasons.push_back((out.hugepages ? "memory: hugepages, " : "memory: ordinary pages, ") + facts);
  out.file_prefix = make_file_prefix(config.control.socket_path);
  return out;
}

}  // namespace mediaward::drivers
