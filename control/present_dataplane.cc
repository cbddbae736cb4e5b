// SPDX-License-Identifier: Apache-2.0
// Answers of the data plane to queries, and its counters, as messages. Any thread.
#include <arpa/inet.h>

#include <algorithm>

#include "control/drop_reasons.h"
#include "control/present_parts.h"

namespace mediaward::control {

namespace {

std::string mac_text(const std::uint8_t (&mac)[6]) {
  std::string text;
  for (const std::uint8_t byte : mac) {
    if (!text.empty()) text += ':';
    text += to_hex(std::span(&byte, 1));
  }
  return text;
}

ApiResult<std::vector<StatValue>> read_stats(Controller& controller) {
  const auto region = controller.dataplane().stats();
  if (region == nullptr || !controller.dataplane().info().ready)
    return tl::unexpected(ApiError{{ErrorCode::kUnavailable, "the data plane is not there: " + controller.dataplane().info().last_error}});
  return region->read();
}

const char* kind_name(abi::StatKind kind) {
  constexpr const char* kNames[] = {"counter", "gauge", "drop", "stage-cycles", "stage-items", "stage-calls", "histogram"};
  const auto index = static_cast<std::uint32_t>(kind);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

}  // namespace

ApiResult<void> present_ports(Controller& controller, v1::ListPortsResponse& out) {
  return collect<abi::PortInfo>(controller, abi::QueryKind::kPorts, abi::MessageType::kPortInfo, [&](const abi::PortInfo& in) {
    auto& port = *out.add_ports();
    port.set_name(field_text(in.name));
    port.set_kind(field_text(in.kind));
    port.set_driver(field_text(in.driver));
    port.set_addresses(field_text(in.addresses));
    port.set_mac(mac_text(in.mac));
    port.set_link_up(in.link_up != 0);
    port.set_speed_mbps(in.speed_mbps);
    port.set_vlan(in.vlan);
    port.set_mtu(in.mtu);
    port.set_media_port_first(in.media_port_first);
    port.set_media_port_last(in.media_port_last);
    port.set_rx_queues(in.rx_queues);
    port.set_tx_queues(in.tx_queues);
    port.set_numa_node(in.numa_node);
    port.set_offloads(field_text(in.offloads));
    port.set_rx_packets(in.rx_packets);
    port.set_rx_bytes(in.rx_bytes);
    port.set_rx_missed(in.rx_missed);
    port.set_rx_errors(in.rx_errors);
    port.set_rx_no_buffer(in.rx_no_buffer);
    port.set_tx_packets(in.tx_packets);
    port.set_tx_bytes(in.tx_bytes);
    port.set_tx_errors(in.tx_errors);
  });
}

ApiResult<void> present_workers(Controller& controller, v1::ListWorkersResponse& out) {
  return collect<abi::WorkerInfo>(controller, abi::QueryKind::kWorkers, abi::MessageType::kWorkerInfo, [&](const abi::WorkerInfo& in) {
    auto& worker = *out.add_workers();
    worker.set_index(in.index);
    worker.set_cpu(in.cpu);
    worker.set_numa_node(in.numa_node);
    worker.set_idle_policy(field_text(in.idle_policy));
    worker.set_queues(field_text(in.queues));
    worker.set_loops(in.loops);
    worker.set_busy_cycles(in.busy_cycles);
    worker.set_total_cycles(in.total_cycles);
    worker.set_applied_sequence(in.applied_sequence);
    worker.set_buckets(in.buckets);
    worker.set_legs(in.legs);
  });
}

ApiResult<void> present_pipeline(Controller& controller, v1::Pipeline& out) {
  return collect<abi::StageInfo>(controller, abi::QueryKind::kPipeline, abi::MessageType::kStageInfo, [&](const abi::StageInfo& in) {
    auto& stage = *out.add_stages();
    stage.set_worker(in.worker);
    stage.set_stage(field_text(in.stage));
    stage.set_calls(in.calls);
    stage.set_items(in.items);
    stage.set_cycles(in.cycles);
    for (const std::uint64_t count : in.batch_histogram) stage.add_batch_histogram(count);
  });
}

ApiResult<void> present_memory(Controller& controller, v1::Memory& out) {
  return collect<abi::MemoryInfo>(controller, abi::QueryKind::kMemory, abi::MessageType::kMemoryInfo, [&](const abi::MemoryInfo& in) {
    auto& area = *out.add_areas();
    area.set_name(field_text(in.name));
    area.set_capacity(in.capacity);
    area.set_in_use(in.in_use);
    area.set_unit_bytes(in.unit_bytes);
    area.set_page_kind(field_text(in.page_kind));
  });
}

ApiResult<void> present_topology(Controller& controller, v1::Topology& out) {
  return collect<abi::PlanLine>(controller, abi::QueryKind::kPlan, abi::MessageType::kPlanLine,
                                [&](const abi::PlanLine& in) { out.add_lines(field_text(in.text)); });
}

ApiResult<void> present_engine(Controller& controller, v1::Engine& out) {
  return collect<abi::EngineInfo>(controller, abi::QueryKind::kEngine, abi::MessageType::kEngineInfo, [&](const abi::EngineInfo& in) {
    auto& provider = *out.add_providers();
    provider.set_provider(field_text(in.provider));
    provider.set_isa(field_text(in.isa));
    provider.set_version(field_text(in.version));
    provider.set_reason(field_text(in.reason));
    provider.set_self_test_passed(in.self_test_passed != 0);
    provider.set_in_use(in.in_use != 0);
  });
}

ApiResult<void> present_neighbours(Controller& controller, v1::ListNeighboursResponse& out) {
  constexpr const char* kStates[] = {"incomplete", "reachable", "stale", "probing", "failed"};
  return collect<abi::NeighbourInfo>(controller, abi::QueryKind::kNeighbours, abi::MessageType::kNeighbourInfo,
                                     [&](const abi::NeighbourInfo& in) {
                                       char address[INET6_ADDRSTRLEN] = {};
                                       inet_ntop(in.family == abi::Family::kIpv4 ? AF_INET : AF_INET6, in.address, address, sizeof address);
                                       auto& neighbour = *out.add_neighbours();
                                       neighbour.set_port(field_text(in.port_name));
                                       neighbour.set_address(address);
                                       neighbour.set_mac(mac_text(in.mac));
                                       neighbour.set_state(in.state < std::size(kStates) ? kStates[in.state] : "unknown");
                                     });
}

ApiResult<void> present_drops(Controller& controller, bool include_zero, v1::Drops& out) {
  auto values = read_stats(controller);
  if (!values) return tl::unexpected(values.error());
  std::erase_if(*values,
                [&](const StatValue& value) { return value.kind != abi::StatKind::kDrop || (value.values[0] == 0 && !include_zero); });
  std::stable_sort(values->begin(), values->end(), [](const StatValue& a, const StatValue& b) { return a.values[0] > b.values[0]; });
  std::uint64_t total = 0;
  for (const auto& value : *values) {
    auto& drop = *out.add_drops();
    drop.set_reason(value.name);
    drop.set_packets(value.values[0]);
    for (const std::uint64_t count : value.per_worker) drop.add_per_worker(count);
    total += value.values[0];
    const DropReason* reason = find_drop_reason(value.name);
    if (reason == nullptr) continue;
    drop.set_source(std::string(reason->source));
    drop.set_meaning(std::string(reason->meaning));
    drop.set_what_to_do(std::string(reason->what_to_do));
  }
  out.set_total_packets(total);
  return {};
}

ApiResult<void> present_counters(Controller& controller, v1::Counters& out) {
  const auto values = read_stats(controller);
  if (!values) return tl::unexpected(values.error());
  for (const auto& value : *values) {
    auto& counter = *out.add_counters();
    counter.set_name(value.name);
    counter.set_unit(value.unit);
    counter.set_kind(kind_name(value.kind));
    for (const std::uint64_t one : value.values) counter.add_values(one);
    for (const std::uint64_t one : value.per_worker) counter.add_per_worker(one);
  }
  return {};
}

}  // namespace mediaward::control
