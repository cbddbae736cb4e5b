// SPDX-License-Identifier: Apache-2.0
// See stats_region.h. Main thread.
#include "dataplane/stats_region.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <vector>

namespace mediaward::dataplane {
namespace {

using abi::RegionHeader;
using abi::StatEntry;
using abi::StatKind;

void add_entry(std::vector<StatEntry>& directory, std::string_view name, std::string_view unit, StatKind kind, std::size_t offset, std::size_t count = 1) {
  StatEntry entry{};
  std::memcpy(entry.name, name.data(), std::min(name.size(), sizeof entry.name - 1));
  std::memcpy(entry.unit, unit.data(), std::min(unit.size(), sizeof entry.unit - 1));
  entry.kind = kind;
  entry.offset = static_cast<std::uint32_t>(offset);
  entry.count = static_cast<std::uint32_t>(count);
  directory.push_back(entry);
}

void add_stages(std::vector<StatEntry>& directory) {
  for (std::size_t i = 0; i < kStageCount; ++i) {
    const std::size_t base = offsetof(WorkerBlock, stages) + i * sizeof(StageStats);
    const std::string prefix = "stage." + std::string(kStageNames[i]);
    add_entry(directory, prefix + ".calls", "bursts", StatKind::kStageCalls, base + offsetof(StageStats, calls));
    add_entry(directory, prefix + ".items", "packets", StatKind::kStageItems, base + offsetof(StageStats, items));
    add_entry(directory, prefix + ".cycles", "tsc", StatKind::kStageCycles, base + offsetof(StageStats, cycles));
    add_entry(directory, prefix + ".batch", "bursts", StatKind::kHistogram, base + offsetof(StageStats, batch_histogram), 8);
  }
}

std::vector<StatEntry> make_directory() {
  std::vector<StatEntry> directory;
  for (std::size_t i = 0; i < kCounterCount; ++i)
    add_entry(directory, kCounters[i].name, kCounters[i].unit, StatKind::kCounter, offsetof(WorkerBlock, counters) + 8 * i);
  for (std::size_t i = 0; i < kDropReasonCount; ++i)
    add_entry(directory, kDropReasons[i].name, "packets", StatKind::kDrop, offsetof(WorkerBlock, drops) + 8 * i);
  add_entry(directory, "worker.loops", "loops", StatKind::kCounter, offsetof(WorkerBlock, loops));
  add_entry(directory, "worker.busy_cycles", "tsc", StatKind::kCounter, offsetof(WorkerBlock, busy_cycles));
  add_entry(directory, "worker.total_cycles", "tsc", StatKind::kCounter, offsetof(WorkerBlock, total_cycles));
  add_entry(directory, "internal.held", "packets", StatKind::kGauge, offsetof(WorkerBlock, held));
  add_entry(directory, "internal.in_flight", "packets", StatKind::kGauge, offsetof(WorkerBlock, in_flight));
  add_entry(directory, "internal.leaked", "packets", StatKind::kGauge, offsetof(WorkerBlock, leaked));
  add_stages(directory);
  return directory;
}

constexpr std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

}  // namespace

Result<StatsRegion> StatsRegion::create(std::size_t workers) {
  const auto directory = make_directory();
  const std::size_t blocks = round_up(sizeof(RegionHeader) + directory.size() * sizeof(StatEntry), 64);
  const std::size_t bytes = round_up(blocks + workers * sizeof(WorkerBlock), 4096);
  auto region = SharedRegion::create("mediaward-stats", bytes);
  if (!region) return tl::unexpected(region.error());

  auto* header = new (region->data()) RegionHeader{};
  header->magic = abi::kStatsMagic;
  header->version = abi::kStatsVersion;
  header->region_bytes = bytes;
  header->directory_offset = sizeof(RegionHeader);
  header->directory_entries = static_cast<std::uint32_t>(directory.size());
  header->blocks_offset = static_cast<std::uint32_t>(blocks);
  header->block_bytes = sizeof(WorkerBlock);
  header->block_count = static_cast<std::uint32_t>(workers);
  std::memcpy(region->data() + sizeof(RegionHeader), directory.data(), directory.size() * sizeof(StatEntry));
  for (std::size_t i = 0; i < workers; ++i) new (region->data() + blocks + i * sizeof(WorkerBlock)) WorkerBlock{};
  return StatsRegion(std::move(*region));
}

WorkerBlock& StatsRegion::block(std::size_t worker) noexcept {
  const auto* header = reinterpret_cast<const RegionHeader*>(region_.data());
  return *reinterpret_cast<WorkerBlock*>(region_.data() + header->blocks_offset + worker * sizeof(WorkerBlock));
}

const WorkerBlock& StatsRegion::block(std::size_t worker) const noexcept {
  const auto* header = reinterpret_cast<const RegionHeader*>(region_.data());
  return *reinterpret_cast<const WorkerBlock*>(region_.data() + header->blocks_offset + worker * sizeof(WorkerBlock));
}

}  // namespace mediaward::dataplane
