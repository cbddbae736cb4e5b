// SPDX-License-Identifier: Apache-2.0
// The parts of the traffic tool by themselves: pools, hostile counts, percentiles, checksums, neighbour discovery, plans.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "tools/traffic/endpoint_host.h"
#include "tools/traffic/histogram.h"
#include "tools/traffic/hostile.h"
#include "tools/traffic/payload.h"
#include "tools/traffic/plan.h"
#include "tools/traffic/sealed_pool.h"
#include "tools/traffic/srtp_context.h"
#include "tools/traffic/stage.h"

namespace mediaward::tools::traffic {
namespace {

class Traffic : public testing::Test {
 protected:
  static void SetUpTestSuite() { static const auto library = SrtpLibrary::start(); }
  static Model model(std::uint32_t participants = 2, PlanFamily family = PlanFamily::kIpv4) {
    PlanSettings plan;
    plan.participants = participants;
    plan.family = family;
    return *Model::build(std::vector<ConferenceFile>{*make_plan(plan)}, {});
  }
};

TEST_F(Traffic, PoolThatDoesNotFitIsRefusedWithItsSize) {
  const Model m = model();
  const auto pool = SealedPool::seal(m, {std::uint64_t{1} << 40, 160, 1, 1, false});
  ASSERT_FALSE(pool);
  EXPECT_NE(pool.error().message.find("MB of memory are available"), std::string::npos) << pool.error().message;
}

TEST_F(Traffic, PoolRoundsUpToWholeRounds) {
  const Model m = model(3);
  const auto pool = *SealedPool::seal(m, {10, 160, 1, 2, false});
  EXPECT_EQ(pool.packets(), 12u);
  EXPECT_EQ(pool.rounds(), 4u);
}

TEST_F(Traffic, HostileKindsComeInTurnAndAreCounted) {
  StageSettings settings;
  settings.pool = {4000, 160, 1, 2, false};
  settings.verify_every = 1;
  settings.hostile = *parse_hostile("tamper,unknown-ssrc");
  settings.hostile_every = 3;
  PlanSettings plan;
  plan.participants = 2;
  const auto stage = *Stage::build(std::vector<ConferenceFile>{*make_plan(plan)}, settings);
  Hostile& hostile = stage->parts().hostile;
  std::uint64_t packets = 0;
  for (std::uint64_t p = 0; p < 4000; ++p) {
    const auto stream = static_cast<std::uint32_t>(p % 2);
    hostile.choose(p, stream, p / 2);
    for (const bool before : {true, false}) {
      const auto packet = hostile.make(before);
      if (packet) {
        ++packets;
        hostile.sent();
        const ConstBytes genuine = stage->pool().record(p / 2, stream);
        ASSERT_EQ(packet->packet.size(), genuine.size());
        EXPECT_NE(std::memcmp(packet->packet.data(), genuine.data(), genuine.size()), 0);
      }
      if (before) stage->parts().ledger.offer(stream, p / 2);
    }
  }
  EXPECT_EQ(hostile.total(), packets);
  EXPECT_GE(packets, 1330u);
  const auto drops = hostile.expected_drops();
  EXPECT_EQ(drops.size(), 2u);
  EXPECT_EQ(drops.at("srtp.auth_failed") + drops.at("srtp.unknown_ssrc"), packets);
}

TEST_F(Traffic, UnknownHostileActorIsNamed) {
  const auto kinds = parse_hostile("tamper,martian");
  ASSERT_FALSE(kinds);
  EXPECT_NE(kinds.error().message.find("`martian`"), std::string::npos);
  EXPECT_EQ(parse_hostile("all")->size(), kHostileKinds);
  EXPECT_TRUE(parse_hostile("")->empty());
}

TEST(TrafficHistogram, PercentilesAreAtMostOneThirtySecondTooHigh) {
  Histogram h;
  std::vector<std::uint64_t> values;
  std::mt19937_64 random(3);
  for (int i = 0; i < 100'000; ++i) {
    values.push_back(random() >> (random() % 60));
    h.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {0.1, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const std::uint64_t exact = values[static_cast<std::size_t>(std::ceil(percent / 100 * 100'000)) - 1];
    EXPECT_GE(h.percentile(percent), exact) << percent;
    EXPECT_LE(static_cast<double>(h.percentile(percent)), static_cast<double>(exact) * 33 / 32 + 1) << percent;
  }
  EXPECT_EQ(h.maximum(), values.back());
  EXPECT_EQ(h.percentile(100), values.back());
  EXPECT_EQ(Histogram().percentile(50), 0u);
}

TEST(TrafficFrame, Rfc1071_3_ChecksumOfItsExample) {
  const std::uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  const auto sum = checksum_fold(checksum_add(0, {reinterpret_cast<const std::byte*>(bytes), sizeof bytes}));
  EXPECT_EQ(byte_swap(sum), static_cast<std::uint16_t>(~0xddf2));
}

TEST(TrafficFrame, WrittenPacketsParseAndAnyFlippedByteSpoilsAChecksum) {
  for (const bool v6 : {false, true}) {
    std::byte frame[120]{};
    const Address a = *Address::parse(v6 ? "2001:db8::1" : "192.0.2.1");
    write_ethernet(frame, {}, {}, v6 ? kEtherIpv6 : kEtherIpv4);
    const std::size_t payload = 33, total = kEthernetBytes + ip_bytes(v6) + kUdpBytes + payload;
    write_ip_udp(frame + kEthernetBytes, {a, a.plus(9), 5004, 20000}, payload, 46);
    const auto view = parse_udp({frame, total + 7}, kEthernetBytes);  // with Ethernet padding
    ASSERT_TRUE(view);
    EXPECT_EQ(view->payload_bytes, payload);
    EXPECT_EQ(view->dscp(), 46);
    EXPECT_EQ(Address::from(view->destination(), v6), a.plus(9));
    EXPECT_TRUE(view->ip_checksum_good());
    EXPECT_TRUE(view->udp_checksum_good());
    for (std::size_t at = kEthernetBytes + ip_bytes(v6); at < total; ++at) {
      frame[at] ^= std::byte{0x20};
      const auto broken = parse_udp({frame, total}, kEthernetBytes);
      EXPECT_FALSE(broken && broken->udp_checksum_good()) << at;
      frame[at] ^= std::byte{0x20};
    }
    for (std::size_t cut = kEthernetBytes; cut < total; ++cut) EXPECT_FALSE(parse_udp({frame, cut}, kEthernetBytes)) << cut;
  }
}

TEST_F(Traffic, Rfc4861_7_2_4_SolicitationForAPlayedHostIsAnswered) {
  const Model m = model(2, PlanFamily::kIpv6);
  EndpointHost host(m, std::nullopt, std::nullopt);
  std::byte request[EndpointHost::kMaxFrameBytes], answer[EndpointHost::kMaxFrameBytes];
  const std::size_t asked = host.make_request(0, request);
  EXPECT_EQ(request[0], std::byte{0x33});
  EXPECT_EQ(host.handle({request, asked}, answer), 0u);  // the appliance's address is nobody's here
  // The same question, for the second participant's address.
  std::byte* icmp = request + kEthernetBytes + kIpv6Bytes;
  std::memcpy(icmp + 8, m.participants()[1].remote.bytes.data(), 16);
  store_be16(icmp + 2, 0);
  store_raw(icmp + 2, checksum_fold(checksum_add(pseudo_header_sum(request + kEthernetBytes, true, 58, 32), {icmp, 32})));
  ASSERT_EQ(host.handle({request, asked}, answer), kEthernetBytes + kIpv6Bytes + 32);
  EXPECT_EQ(answer[kEthernetBytes + kIpv6Bytes], std::byte{136});
  EXPECT_EQ(std::memcmp(answer + kEthernetBytes + kIpv6Bytes + 26, m.participants()[1].mac.data(), 6), 0);
  EXPECT_FALSE(host.resolved(0));
  icmp[2] ^= std::byte{1};  // RFC 4861 §7.1.1: a wrong checksum is ignored
  EXPECT_EQ(host.handle({request, asked}, answer), 0u);
}

TEST_F(Traffic, Rfc826_RequestForAPlayedHostIsAnswered) {
  const Model m = model(2);
  EndpointHost host(m, std::nullopt, std::nullopt);
  std::byte request[EndpointHost::kMaxFrameBytes], answer[EndpointHost::kMaxFrameBytes];
  const std::size_t asked = host.make_request(0, request);
  std::memcpy(request + kEthernetBytes + 24, m.participants()[1].remote.bytes.data(), 4);
  ASSERT_EQ(host.handle({request, asked}, answer), kMinimumFrameBytes);
  EXPECT_EQ(load_be16(answer + kEthernetBytes + 6), 2);
  EXPECT_EQ(std::memcmp(answer + kEthernetBytes + 8, m.participants()[1].mac.data(), 6), 0);
  for (std::size_t cut = 0; cut < 42; ++cut) EXPECT_EQ(host.handle({request, cut}, answer), 0u);
}

TEST_F(Traffic, ModelFindsFlowsAndRefusesSharedEndpoints) {
  PlanSettings plan;
  plan.participants = 3;
  auto file = *make_plan(plan);
  const Model m = *Model::build(std::vector<ConferenceFile>{file}, {});
  EXPECT_EQ(m.flows().size(), 6u);
  for (std::uint32_t f = 0; f < m.flows().size(); ++f)
    EXPECT_EQ(m.find_flow(m.flows()[f].receiver, m.streams()[m.flows()[f].stream].ssrc), f);
  EXPECT_EQ(m.find_flow(0, m.streams()[0].ssrc), Model::kNone);  // not to oneself
  file.participants[2].remote = file.participants[0].remote;
  const auto refused = Model::build(std::vector<ConferenceFile>{file}, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("p1 and p3 share"), std::string::npos) << refused.error().message;
}

TEST_F(Traffic, PlansAreReadableByTheOwnerOnlyAndHaveTheirOwnKeys) {
  PlanSettings plan;
  plan.family = PlanFamily::kMixed;
  const auto file = *make_plan(plan);
  EXPECT_EQ(file.participants.size(), 8u);
  EXPECT_NE(file.participants[0].send_key, file.participants[0].receive_key);
  EXPECT_NE(file.participants[0].send_key, file.participants[4].send_key);
  EXPECT_NE(file.participants[2].receive_suite, file.participants[2].send_suite);
  const std::string path = testing::TempDir() + "traffic_plan_" + std::to_string(getpid()) + ".toml";
  ASSERT_TRUE(write_secret_file(path, to_toml(file)));
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto again = read_conference(path);
  unlink(path.c_str());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(to_toml(*again), to_toml(file));
  EXPECT_FALSE(write_secret_file("/nonexistent/x.toml", ""));
}

}  // namespace
}  // namespace mediaward::tools::traffic
