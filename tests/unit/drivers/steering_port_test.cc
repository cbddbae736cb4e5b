// SPDX-License-Identifier: Apache-2.0
// How real ports with several queues are fed, as far as ports without hardware can tell: no virtual kind takes a rule for a bucket, and
// they must say so instead of claiming what does not happen.
#include "packet_ports.h"

namespace mediaward::drivers {
namespace {

using test::PortEnvironment;

TEST(PortSteering, DeviceThatTakesNoBucketRuleSaysSo) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "a tap interface needs root";
  PortConfig config = test::port_config("steer", PortKind::kTap);
  config.interface = "mwsteer";
  config.addresses = {*dataplane::IpPrefix::parse("192.0.2.1/24")};
  auto port = Port::open(config, {40, 2, -1, false, 2});
  ASSERT_TRUE(port) << port.error().message;
  ASSERT_TRUE((*port)->start());
  // tap has rte_flow over the kernel's classifier, which knows whole ports only.
  BucketSteering rules(make_flow_rules((*port)->port_id()), {dataplane::Family::kIpv4}, 0);
  EXPECT_FALSE(rules.install(2));
  EXPECT_EQ(rules.rules(), 0u);
  EXPECT_EQ((*port)->steering(), Steering::kDevice);
  (*port)->steer(3, 1);  // nothing to do, nothing to fail
  EXPECT_TRUE(std::string_view((*port)->info().offloads).starts_with("device-queues"));
}

TEST(PortSteering, SingleQueueNeedsNone) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "a tap interface needs root";
  PortConfig config = test::port_config("single", PortKind::kTap);
  config.interface = "mwsingle";
  auto port = test::open_port(config);
  ASSERT_NE(port, nullptr);
  EXPECT_EQ(port->steering(), Steering::kSingleQueue);
  EXPECT_TRUE(std::string_view(port->info().offloads).starts_with("tx-multi-segs"));
}

}  // namespace
}  // namespace mediaward::drivers
