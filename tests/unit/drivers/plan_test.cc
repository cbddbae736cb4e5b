// SPDX-License-Identifier: Apache-2.0
// The worker plan on machines that are not this one: two sockets, SMT, tight cpusets.
#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/topology.h"

namespace mediaward::drivers {
namespace {

using dataplane::IdlePolicy;

constexpr const char* kTwoSockets = "pack:2 [numa] core:4 pu:2";  // CPUs 0,1 are siblings, 0-7 on node 0

DataplaneConfig config_with(PortKind kind, std::uint16_t queues = 0) {
  DataplaneConfig config;
  config.file = "dp.toml";
  PortConfig port;
  port.name = "m0";
  port.kind = kind;
  port.queues = queues;
  config.ports.push_back(port);
  return config;
}

CpuTopology machine(const char* text = kTwoSockets) {
  auto topology = read_synthetic_topology(text);
  EXPECT_TRUE(topology) << topology.error().message;
  return *topology;
}

std::vector<std::uint32_t> cpus_of(const WorkerPlan& plan) {
  std::vector<std::uint32_t> out;
  for (const auto& worker : plan.workers) out.push_back(worker.cpu);
  return out;
}

bool says(const WorkerPlan& plan, const std::string& part) {
  return std::any_of(plan.reasons.begin(), plan.reasons.end(), [&](const auto& line) { return line.find(part) != std::string::npos; });
}

using Cpus = std::vector<std::uint32_t>;

TEST(Topology, SyntheticMachineHasCoresSiblingsAndNodes) {
  const CpuTopology topology = machine();
  ASSERT_EQ(topology.cpus.size(), 16u);
  EXPECT_EQ(topology.numa_nodes(), 2);
  EXPECT_EQ(topology.find(0)->core, topology.find(1)->core);
  EXPECT_NE(topology.find(1)->core, topology.find(2)->core);
  EXPECT_EQ(topology.find(8)->numa, 1);
}

TEST(Topology, ThisMachineAllowsAtLeastOneCpu) {
  auto topology = read_machine_topology();
  ASSERT_TRUE(topology) << topology.error().message;
  EXPECT_GE(topology->allowed_count(), 1u);
}

TEST(Topology, BadDescriptionsAreErrors) {
  EXPECT_FALSE(read_synthetic_topology("pack:x"));
  EXPECT_FALSE(read_xml_topology("/nonexistent.xml"));
}

TEST(PlanOfThePeer, CacheHasAShareForEveryWorkerAndSignaturesTheMainThreadsCpus) {
  auto config = config_with(PortKind::kPci);
  config.workers.count = 4;
  auto without = make_plan(config, machine(), {0});
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_FALSE(says(*without, "network peer"));
  config.ports[0].ppspp_port = 6778;
  config.workers.cpus = {2, 4, 6, 8, 10, 12, 14};
  config.workers.count = 0;
  auto plan = make_plan(config, machine(), {0});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(says(*plan, "network peer: cache of 64 MiB, an equal share for 7 workers"));
  EXPECT_TRUE(says(*plan, "verified by a thread on the main thread's CPUs (0, 1, 3, 5, 7, 9, 11, 13, 15)"));
}

TEST(PlanOfThePeer, SaysWhenSignaturesShareAWorkersCpu) {
  auto config = config_with(PortKind::kTap);
  config.ports[0].guard = "m1";
  auto plan = make_plan(config, machine("core:1 pu:1"), {-1});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(says(*plan, "(0), which are workers' as well: no other is left"));
}

TEST(PlanOfThePeer, CacheTooSmallForTheWorkersThatThePlanChose) {
  auto config = config_with(PortKind::kPci);
  config.ports[0].ppspp_port = 6778;
  config.peer_limits.cache_bytes = 3 * kLeastCachePerWorker;  // automatic: 3 workers beside CPU 0's core
  EXPECT_TRUE(make_plan(config, machine(), {0}));
  config.workers.count = 4;
  auto plan = make_plan(config, machine(), {0});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message, "dp.toml: peer.cache: 1536 KiB is too little for 4 workers; nearest valid: \"2 MiB\"");
}

TEST(Plan, OneWorkerPerCoreOnThePortsNodeAndCpu0Last) {
  auto config = config_with(PortKind::kPci);
  config.workers.count = 4;
  auto plan = make_plan(config, machine(), {0});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(cpus_of(*plan), (Cpus{2, 4, 6, 8}));  // the other node before the core of CPU 0
  EXPECT_TRUE(says(*plan, "worker 0 on CPU 2, NUMA node 0: a port's own node; SMT sibling 3 stays without a worker"));
  EXPECT_TRUE(says(*plan, "worker 3 on CPU 8, NUMA node 1: no free core on a port's own node"));
  EXPECT_EQ(plan->workers[0].idle, IdlePolicy::kSpin);
}

TEST(Plan, AutomaticCountStaysOnThePortsNode) {
  auto plan = make_plan(config_with(PortKind::kPci), machine(), {1});
  ASSERT_TRUE(plan);
  EXPECT_EQ(cpus_of(*plan), (Cpus{8, 10, 12, 14}));
  EXPECT_EQ(plan->port_queues, std::vector<std::uint16_t>{4});
}

TEST(Plan, PortsOnBothNodesTakeTurns) {
  auto config = config_with(PortKind::kPci);
  config.ports.push_back(config.ports[0]);
  config.workers.count = 4;
  auto plan = make_plan(config, machine(), {0, 1});
  ASSERT_TRUE(plan);
  EXPECT_EQ(cpus_of(*plan), (Cpus{2, 8, 4, 10}));
}

TEST(Plan, VirtualPortGetsOneWorkerUnlessItHasMoreQueues) {
  auto one = make_plan(config_with(PortKind::kVhostUser), machine(), {-1});
  auto three = make_plan(config_with(PortKind::kVhostUser, 3), machine(), {-1});
  ASSERT_TRUE(one && three);
  EXPECT_EQ(cpus_of(*one), (Cpus{2}));
  EXPECT_TRUE(says(*one, "port m0 has 1 queue"));
  EXPECT_EQ(cpus_of(*three).size(), 3u);
}

TEST(Plan, MoreQueuesThanWorkersAreSharedOut) {
  auto config = config_with(PortKind::kPci, 5);
  config.workers.count = 2;
  auto plan = make_plan(config, machine(), {0});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->workers[0].queues.size(), 3u);
  EXPECT_EQ(plan->workers[1].queues.size(), 2u);
}

TEST(Plan, TwoCpusGiveOneSpinningWorkerOnCpu1) {
  auto plan = make_plan(config_with(PortKind::kVirtioUser), machine("pack:1 [numa] core:2 pu:1"), {-1});
  ASSERT_TRUE(plan);
  EXPECT_EQ(cpus_of(*plan), (Cpus{1}));
  EXPECT_EQ(plan->workers[0].idle, IdlePolicy::kSpin);
  EXPECT_EQ(plan->main_cpus, (Cpus{0}));
}

TEST(Plan, OneCpuYieldsAndSaysSo) {
  auto plan = make_plan(config_with(PortKind::kVirtioUser), machine("pack:1 [numa] core:1 pu:1"), {-1});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->workers[0].idle, IdlePolicy::kYield);
  EXPECT_TRUE(says(*plan, "idle policy yield: 1 worker on 1 CPU"));
}

TEST(Plan, PollersBeyondTheCpusYieldEvenWhenSpinWasAskedFor) {
  auto config = config_with(PortKind::kVhostUser, 4);
  config.workers.count = 4;
  config.workers.idle = IdleChoice::kSpin;
  auto plan = make_plan(config, machine("pack:1 [numa] core:2 pu:1"), {-1});
  ASSERT_TRUE(plan);
  EXPECT_EQ(cpus_of(*plan), (Cpus{1, 0, 1, 0}));
  EXPECT_EQ(plan->workers[3].idle, IdlePolicy::kYield);
  EXPECT_TRUE(says(*plan, "pollers outnumber CPUs"));
}

TEST(Plan, RespectsWhatTheProcessMayUse) {
  CpuTopology topology = machine();
  for (auto& cpu : topology.cpus) cpu.allowed = cpu.id == 3 || cpu.id == 12 || cpu.id == 13;
  auto config = config_with(PortKind::kPci);
  config.workers.count = 2;
  auto plan = make_plan(config, topology, {0});
  ASSERT_TRUE(plan);
  EXPECT_EQ(cpus_of(*plan), (Cpus{3, 12}));
  EXPECT_EQ(plan->main_cpus, (Cpus{13}));
}

TEST(PlanErrors, ExplicitCpus) {
  auto config = config_with(PortKind::kPci);
  CpuTopology topology = machine();
  topology.cpus[5].allowed = false;
  config.workers.cpus = {99};
  EXPECT_NE(make_plan(config, topology, {0}).error().message.find("no CPU 99; nearest valid: 2"), std::string::npos);
  config.workers.cpus = {5};
  EXPECT_NE(make_plan(config, topology, {0}).error().message.find("outside the affinity mask"), std::string::npos);
  config.workers.cpus = {2, 3};
  EXPECT_NE(make_plan(config, topology, {0}).error().message.find("CPUs 2 and 3 are siblings of one physical core"), std::string::npos);
}

TEST(PlanErrors, PcapHasOneQueue) {
  auto config = config_with(PortKind::kPcap);
  config.workers.cpus = {2, 4};
  auto plan = make_plan(config, machine(), {-1});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message,
            "dp.toml: port \"m0\": 1 queue for 2 workers: every worker sends on a queue of its own; nearest valid: workers.count = 1");
}

}  // namespace
}  // namespace mediaward::drivers
