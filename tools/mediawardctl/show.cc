// SPDX-License-Identifier: Apache-2.0
// `show` of what the daemon and the data plane report about themselves. One thread.
#include <fmt/format.h>

#include "tools/mediawardctl/commands.h"
#include "tools/mediawardctl/json.h"
#include "tools/mediawardctl/table.h"

namespace mediaward::tools {

namespace {

// Calls, and gives `text` the answer to put into words.
template <typename In, typename Out, typename Text>
CommandResult ask(Client& client, const In& in, Out& out, Text text) {
  if (auto good = client.call(in, out); !good) return tl::unexpected(good.error());
  return Answer{text(), to_json(out)};
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : fmt::format("{:.1f}", static_cast<double>(part) / static_cast<double>(whole));
}

const char* yes_no(bool value) {
  return value ? "yes" : "no";
}

std::string or_nothing(const Table& table, const char* nothing) {
  return table.empty() ? std::string(nothing) + "\n" : table.text();
}

std::string status_text(const v1::Status& status) {
  const auto& dataplane = status.dataplane();
  std::string text =
      fmt::format("controld     {}, up {} s, instance {}\n", status.release(), status.uptime_seconds(), status.instance_id());
  text += fmt::format("state        revision {}: {} conferences, {} legs, {} streams; {}\n", status.revision(), status.conferences(),
                      status.legs(), status.streams(), status.state_complete() ? "declared complete" : "not declared complete");
  if (status.swarms() != 0 || status.evidence_kept() != 0 || status.evidence_lost() != 0)
    text += fmt::format("swarms       {} with {} admissions; evidence: {} kept, {} lost\n", status.swarms(), status.admissions(),
                        status.evidence_kept(), status.evidence_lost());
  text += fmt::format("events       {} so far, {} watchers\n", status.last_event_sequence(), status.watchers());
  text += fmt::format("dataplane    {} at {}\n",
                      !dataplane.connected()     ? "not connected"
                      : dataplane.synchronized() ? "connected, carries the desired state"
                                                 : "connected, does NOT carry the desired state",
                      dataplane.socket());
  if (dataplane.connections() > 0)
    text += fmt::format("             {}, boot {}, {} workers, room for {} legs; SRTP state {}; connected {} times\n", dataplane.release(),
                        dataplane.boot_id(), dataplane.workers(), dataplane.max_legs(), dataplane.state_adopted() ? "adopted" : "new",
                        dataplane.connections());
  if (!dataplane.last_error().empty()) text += "             " + dataplane.last_error() + "\n";
  return text;
}

std::string ports_text(const v1::ListPortsResponse& out) {
  Table table({"PORT", "KIND", "LINK", "MAC", "VLAN", ">MTU", "ADDRESSES", "MEDIA PORTS", ">RX PACKETS", ">RX MISSED", ">RX ERRORS",
               ">TX PACKETS", ">TX ERRORS"});
  for (const auto& port : out.ports())
    table.add({port.name(), port.kind(), port.link_up() ? "up" : "DOWN", port.mac(), port.vlan() == 0 ? "-" : std::to_string(port.vlan()),
               std::to_string(port.mtu()), port.addresses(), fmt::format("{}-{}", port.media_port_first(), port.media_port_last()),
               grouped(port.rx_packets()), grouped(port.rx_missed() + port.rx_no_buffer()), grouped(port.rx_errors()),
               grouped(port.tx_packets()), grouped(port.tx_errors())});
  return or_nothing(table, "no ports");
}

std::string workers_text(const v1::ListWorkersResponse& out) {
  Table table({">WORKER", ">CPU", ">NUMA", "IDLE", ">BUSY", ">LOOPS", ">BUCKETS", ">LEGS", "QUEUES"});
  for (const auto& worker : out.workers())
    table.add({std::to_string(worker.index()), std::to_string(worker.cpu()),
               worker.numa_node() < 0 ? "-" : std::to_string(worker.numa_node()), worker.idle_policy(),
               percent(worker.busy_cycles(), worker.total_cycles()), grouped(worker.loops()), std::to_string(worker.buckets()),
               std::to_string(worker.legs()), worker.queues()});
  return or_nothing(table, "no workers");
}

std::string pipeline_text(const v1::Pipeline& out) {
  Table table({">WORKER", "STAGE", ">CALLS", ">ITEMS", ">ITEMS/CALL", ">CYCLES/ITEM", "BATCHES 1 / 2- / 4- / 8- / 16- / 32- / 64- / 128-"});
  for (const auto& stage : out.stages()) {
    std::string histogram;
    for (const std::uint64_t count : stage.batch_histogram()) {
      if (!histogram.empty()) histogram += " / ";
      histogram += grouped(count);
    }
    table.add({std::to_string(stage.worker()), stage.stage(), grouped(stage.calls()), grouped(stage.items()),
               ratio(stage.items(), stage.calls()), ratio(stage.cycles(), stage.items()), histogram});
  }
  return or_nothing(table, "no stages");
}

std::string drops_text(const v1::Drops& out) {
  Table table({"REASON", ">PACKETS", "MEANING"});
  for (const auto& drop : out.drops()) table.add({drop.reason(), grouped(drop.packets()), drop.meaning()});
  if (table.empty()) return "nothing dropped\n";
  return table.text() + "total " + grouped(out.total_packets()) + "; `mediawardctl explain REASON` says what to do\n";
}

std::string counters_text(const v1::Counters& out, bool all) {
  Table table({"COUNTER", ">VALUE", "UNIT", "KIND"});
  for (const auto& counter : out.counters()) {
    std::string value;
    std::uint64_t sum = 0;
    for (const std::uint64_t one : counter.values()) {
      if (!value.empty()) value += ' ';
      value += grouped(one);
      sum += one;
    }
    if (sum != 0 || all) table.add({counter.name(), value, counter.unit(), counter.kind()});
  }
  return or_nothing(table, "every counter is 0");
}

std::string memory_text(const v1::Memory& out) {
  Table table({"AREA", ">IN USE", ">CAPACITY", ">USED", ">UNIT BYTES", ">MIB", "PAGES"});
  for (const auto& area : out.areas())
    table.add({area.name(), grouped(area.in_use()), grouped(area.capacity()), percent(area.in_use(), area.capacity()),
               grouped(area.unit_bytes()),
               fmt::format("{:.1f}", static_cast<double>(area.capacity()) * static_cast<double>(area.unit_bytes()) / 1048576.0),
               area.page_kind()});
  return or_nothing(table, "no memory areas");
}

std::string engine_text(const v1::Engine& out) {
  Table table({"ENGINE", "ISA", "VERSION", "SELF-TEST", "IN USE", "WHY"});
  for (const auto& one : out.providers())
    table.add({one.provider(), one.isa(), one.version(), one.self_test_passed() ? "passed" : "FAILED", yes_no(one.in_use()), one.reason()});
  return or_nothing(table, "no engine");
}

std::string neighbours_text(const v1::ListNeighboursResponse& out) {
  Table table({"PORT", "ADDRESS", "MAC", "STATE"});
  for (const auto& one : out.neighbours()) table.add({one.port(), one.address(), one.mac(), one.state()});
  return or_nothing(table, "no neighbours");
}

}  // namespace

CommandResult show_status(Client& client) {
  v1::Status out;
  return ask(client, v1::GetStatusRequest(), out, [&] { return status_text(out); });
}
CommandResult show_topology(Client& client) {
  v1::Topology out;
  return ask(client, v1::GetTopologyRequest(), out, [&] {
    std::string text;
    for (const auto& line : out.lines()) text += line + "\n";
    return text.empty() ? std::string("the data plane reports no plan\n") : text;
  });
}
CommandResult show_ports(Client& client) {
  v1::ListPortsResponse out;
  return ask(client, v1::ListPortsRequest(), out, [&] { return ports_text(out); });
}
CommandResult show_workers(Client& client) {
  v1::ListWorkersResponse out;
  return ask(client, v1::ListWorkersRequest(), out, [&] { return workers_text(out); });
}
CommandResult show_pipeline(Client& client) {
  v1::Pipeline out;
  return ask(client, v1::GetPipelineRequest(), out, [&] { return pipeline_text(out); });
}
CommandResult show_drops(Client& client, bool all) {
  v1::GetDropsRequest in;
  in.set_include_zero(all);
  v1::Drops out;
  return ask(client, in, out, [&] { return drops_text(out); });
}
CommandResult show_counters(Client& client, bool all) {
  v1::Counters out;
  return ask(client, v1::GetCountersRequest(), out, [&] { return counters_text(out, all); });
}
CommandResult show_neighbours(Client& client) {
  v1::ListNeighboursResponse out;
  return ask(client, v1::ListNeighboursRequest(), out, [&] { return neighbours_text(out); });
}
CommandResult show_memory(Client& client) {
  v1::Memory out;
  return ask(client, v1::GetMemoryRequest(), out, [&] { return memory_text(out); });
}
CommandResult show_engine(Client& client) {
  v1::Engine out;
  return ask(client, v1::GetEngineRequest(), out, [&] { return engine_text(out); });
}
CommandResult show_config(Client& client) {
  v1::Config out;
  return ask(client, v1::GetConfigRequest(), out,
             [&] { return "# from " + (out.path().empty() ? std::string("built-in values") : out.path()) + "\n" + out.toml(); });
}

}  // namespace mediaward::tools
