// SPDX-License-Identifier: Apache-2.0
// EAL's argument vector for every combination of memory and ports, without EAL.
#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/eal.h"

namespace mediaward::drivers {
namespace {

bool has(const std::vector<std::string>& arguments, const std::string& what) {
  return std::find(arguments.begin(), arguments.end(), what) != arguments.end();
}

// --no-huge and --in-memory exclude each other: see docs/ports.md.
TEST(EalArguments, OrdinaryPages) {
  EalSettings settings;
  settings.main_cpus = {0, 2};
  settings.worker_cpus = {1, 3};
  settings.megabytes = 48;
  settings.file_prefix = "mw-test";
  settings.virtio_user = true;
  EXPECT_EQ(eal_arguments(settings),
            (std::vector<std::string>{"mediaward", "--lcores=(0)@(0,2),(1)@(1),(2)@(3)", "--main-lcore=0", "--file-prefix=mw-test", "--no-telemetry",
                                      "--no-huge", "--no-shconf", "-m", "48", "--no-pci", "--log-level=error", "--log-level=pmd.net.tap:critical"}));
}

TEST(EalArguments, VirtioUserOnHugepagesNeedsSingleFileSegments) {
  EalSettings settings;
  settings.hugepages = true;
  EXPECT_FALSE(has(eal_arguments(settings), "--single-file-segments"));
  settings.virtio_user = true;
  const auto arguments = eal_arguments(settings);
  EXPECT_TRUE(has(arguments, "--single-file-segments"));
  EXPECT_FALSE(has(arguments, "--no-huge"));
  EXPECT_TRUE(has(arguments, "--in-memory"));
}

TEST(EalArguments, PciIsLookedAtOnlyWhenConfigured) {
  EalSettings settings;
  EXPECT_TRUE(has(eal_arguments(settings), "--no-pci"));
  settings.pci_addresses = {"0000:3b:00.0"};
  const auto arguments = eal_arguments(settings);
  EXPECT_FALSE(has(arguments, "--no-pci"));
  EXPECT_TRUE(has(arguments, "-a"));
  EXPECT_TRUE(has(arguments, "0000:3b:00.0"));
}

TEST(EalArguments, MemoryOnSeveralNodes) {
  EalSettings settings;
  settings.hugepages = true;
  settings.megabytes = 101;
  settings.memory_nodes = {0, 2};
  EXPECT_TRUE(has(eal_arguments(settings), "--socket-mem=51,0,51"));
}

TEST(EalArguments, FilePrefixDiffersPerSocket) {
  EXPECT_NE(make_file_prefix("/run/a.sock"), make_file_prefix("/run/b.sock"));
  EXPECT_EQ(make_file_prefix("/run/a.sock"), make_file_prefix("/run/a.sock"));
}

struct Settings : ::testing::Test {
  Settings() {
    PortConfig port;
    port.name = "m0";
    config.ports.push_back(port);
    plan.workers.push_back({1, 0, dataplane::IdlePolicy::kSpin, {{0, 0}}});
    plan.main_cpus = {0};
    plan.port_queues = {1};
  }
  DataplaneConfig config;
  WorkerPlan plan;
  std::vector<std::string> reasons;
};

TEST_F(Settings, AutomaticHugepagesFollowWhatIsFree) {
  auto without = make_eal_settings(config, plan, {0, 2048}, reasons);
  auto with = make_eal_settings(config, plan, {1024, 2048}, reasons);
  ASSERT_TRUE(without && with);
  EXPECT_FALSE(without->hugepages);
  EXPECT_TRUE(with->hugepages);
  EXPECT_TRUE(with->virtio_user);
  EXPECT_NE(reasons[0].find("memory: ordinary pages, 0 MB of hugepages free"), std::string::npos);
}

TEST_F(Settings, DemandedHugepagesThatAreMissingAreAnError) {
  config.memory.hugepages = HugepageUse::kYes;
  auto settings = make_eal_settings(config, plan, {0, 2048}, reasons);
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().message.find("sysctl vm.nr_hugepages="), std::string::npos);
}

TEST_F(Settings, MemoryDemandGrowsWithPools) {
  const auto small = memory_demand_megabytes(config.ports, {1});
  config.ports[0].pool_packets = 16384;
  EXPECT_GT(memory_demand_megabytes(config.ports, {1}), small + 30);
  EXPECT_LT(small, 64u);
}

}  // namespace
}  // namespace mediaward::drivers
