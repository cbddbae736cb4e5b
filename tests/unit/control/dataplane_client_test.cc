// SPDX-License-Identifier: Apache-2.0
// The client against a data plane that sends nonsense: it drops the connection, comes back, and never believes an offset.
#include "control/dataplane_client.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <random>

#include "tests/unit/control/fake_dataplane.h"

namespace mediaward::control::test {
namespace {

using namespace std::chrono_literals;

class Client : public testing::Test {
 protected:
  Client() {
    options.socket_path = dir.path("dp.sock");
    options.transaction_timeout = 300ms;
    options.hello_timeout = 200ms;
    options.reconnect_min = options.reconnect_max = 2ms;
    fake.start();
  }
  void start() {
    client = std::make_unique<DataplaneClient>(
        options, DataplaneClient::Handlers{.plan_sync = {}, .synchronized = {}, .lost = {}, .event = [this](const auto&) { ++events; }});
    ASSERT_TRUE(client->start().has_value());
  }
  [[nodiscard]] bool ready() {
    return fake.wait_until([&] { return client->info().ready; });
  }

  TempDir dir;
  FakeDataplane fake{dir.path("dp.sock")};
  DataplaneOptions options;
  std::atomic<int> events{0};
  std::unique_ptr<DataplaneClient> client;
};

TEST_F(Client, OtherProtocolVersionIsRefusedWithAWord) {
  fake.answer_hello_with([](abi::HelloReply& reply) { reply.version = 99; });
  start();
  ASSERT_TRUE(fake.wait_until([&] { return client->info().last_error.find("version 99") != std::string::npos; }))
      << client->info().last_error;
  EXPECT_FALSE(client->info().ready);
  fake.answer_hello_with({});
  EXPECT_TRUE(ready());
}

TEST_F(Client, MalformedMessagesEndTheConnectionAndNothingElse) {
  start();
  std::mt19937 random(1);
  for (int round = 0; round < 150; ++round) {
    ASSERT_TRUE(ready());
    const std::uint64_t connections = client->info().connections;
    std::vector<std::byte> junk(16 + random() % 600);
    for (auto& byte : junk) byte = static_cast<std::byte>(random());
    abi::MessageHeader header{static_cast<abi::MessageType>(random() % 34), 0, static_cast<std::uint32_t>(junk.size()), random() % 4};
    if (round % 5 == 0) header.bytes = static_cast<std::uint32_t>(random());
    if (round % 7 == 0) junk.resize(random() % 20 + 1);
    std::memcpy(junk.data(), &header, std::min(junk.size(), sizeof header));
    fake.send_raw(junk);
    // An answer to a query that nobody asked is no reason to hang up; everything else is.
    (void)client->query(abi::QueryKind::kPlan);
    ASSERT_TRUE(ready()) << client->info().last_error;
    EXPECT_GE(client->info().connections, connections);
  }
}

TEST_F(Client, UnexpectedReplyAndWrongSizesHangUp) {
  start();
  const auto hangs_up = [&](auto message, abi::MessageType type) {
    ASSERT_TRUE(ready());
    const auto connections = client->info().connections;
    message.header = {type, 0, sizeof message, 12345};
    fake.send_raw({reinterpret_cast<const std::byte*>(&message), sizeof message});
    EXPECT_TRUE(fake.wait_until([&] { return client->info().connections > connections; }));
  };
  hangs_up(abi::TransactionReply{}, abi::MessageType::kTransactionReply);
  hangs_up(abi::QueryEnd{}, abi::MessageType::kEvent);
  hangs_up(abi::QueryEnd{}, abi::MessageType::kEvidence);
  hangs_up(abi::HelloReply{}, abi::MessageType::kHelloReply);
  hangs_up(abi::Leg{}, abi::MessageType::kLeg);
}

TEST_F(Client, QueriesRunBesideEachOther) {
  start();
  ASSERT_TRUE(ready());
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 20; ++k)
        if (const auto answer = client->query(abi::QueryKind::kWorkers); answer && answer->size() == 2) ++good;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 160);
}

TEST_F(Client, LongTransactionsAreSentInPieces) {
  start();
  ASSERT_TRUE(ready());
  Plan plan;
  abi::Conference conference{};
  conference.header = {abi::MessageType::kConference, 0, sizeof conference, 0};
  plan.messages.emplace_back(ConstBytes(reinterpret_cast<const std::byte*>(&conference), sizeof conference));
  plan.objects.push_back({ObjectKind::kConference, "0"});
  for (std::uint64_t i = 1; i <= 5000; ++i) {
    abi::Leg leg{};
    leg.header = {abi::MessageType::kLeg, 0, sizeof leg, 0};
    leg.leg_id = i;
    plan.messages.emplace_back(ConstBytes(reinterpret_cast<const std::byte*>(&leg), sizeof leg));
    plan.objects.push_back({ObjectKind::kLeg, std::to_string(i)});
  }
  ASSERT_TRUE(client->transact(plan, false).has_value());
  EXPECT_EQ(fake.legs().size(), 5000u);
}

// Whoever plans looks at the file first; this one goes away in between.
TEST_F(Client, ContentThatBreaksOffEndsTheConnectionAndIsTold) {
  options.content_directory = dir.path("");
  std::string told;
  client = std::make_unique<DataplaneClient>(
      options, DataplaneClient::Handlers{
                   .plan_sync = {},
                   .synchronized = {},
                   .lost = {},
                   .event = {},
                   .evidence = {},
                   .content_unreadable = [&](const std::string& swarm, const std::string& why) { told = swarm + ": " + why; }});
  ASSERT_TRUE(client->start().has_value());
  ASSERT_TRUE(ready());
  abi::SwarmContent message{};
  message.header = {abi::MessageType::kSwarmContent, 0, sizeof message, 0};
  message.bytes = 10;
  auto content = std::make_shared<SwarmContent>();
  content->swarm_id = "movie";
  content->file = "gone.bin";
  Plan plan;
  plan.messages.emplace_back(ConstBytes(reinterpret_cast<const std::byte*>(&message), sizeof message));
  plan.objects.push_back({ObjectKind::kContent, "movie"});
  plan.contents.push_back(content);
  const auto result = client->transact(plan, false);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().error.code, ErrorCode::kUnavailable);
  EXPECT_NE(result.error().error.message.find("content of swarm movie could not be handed over"), std::string::npos);
  ASSERT_TRUE(ready()) << "and then goes on";
  EXPECT_EQ(told.find("movie: `gone.bin` cannot be opened"), 0u) << told;
  EXPECT_TRUE(fake.transactions().empty());
}

UniqueFd memfd_with(const abi::RegionHeader& header, std::size_t bytes, bool sealed = true) {
  UniqueFd fd(::memfd_create("region", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  EXPECT_GT(::pwrite(fd.get(), &header, std::min(bytes, sizeof header), 0), 0);
  if (sealed) ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK);
  return fd;
}

TEST(Regions, ImpossibleLayoutsAreRefused) {
  const abi::RegionHeader good{abi::kStatsMagic, abi::kStatsVersion, 4096, 64, 2, 256, 64, 2, {}};
  EXPECT_TRUE(StatsRegion::open(memfd_with(good, 4096)));
  EXPECT_FALSE(StatsRegion::open(memfd_with(good, 4096, false))) << "could shrink under our feet";
  EXPECT_FALSE(StatsRegion::open(memfd_with(good, 2048))) << "smaller than it says";
  EXPECT_FALSE(StatsRegion::open(memfd_with(good, 32)));
  const auto bad = [&](auto change) {
    abi::RegionHeader header = good;
    change(header);
    return !StatsRegion::open(memfd_with(header, 4096)).has_value();
  };
  EXPECT_TRUE(bad([](auto& h) { h.magic = 0; }));
  EXPECT_TRUE(bad([](auto& h) { h.version = 9; }));
  EXPECT_TRUE(bad([](auto& h) { h.directory_entries = 0xffffffff; }));
  EXPECT_TRUE(bad([](auto& h) { h.block_bytes = 0xfffffff8; }));
  EXPECT_TRUE(bad([](auto& h) { h.blocks_offset = 0xfffffff8; }));
  EXPECT_TRUE(bad([](auto& h) { h.directory_offset = 3; }));
}

TEST(Regions, EntriesOutsideTheirBlockAreSkipped) {
  const abi::RegionHeader header{abi::kStatsMagic, abi::kStatsVersion, 4096, 64, 2, 256, 64, 2, {}};
  const UniqueFd fd = memfd_with(header, 4096);
  abi::StatEntry entries[2] = {};
  entries[0].offset = 64;
  entries[0].count = 1;
  entries[1].offset = 56;
  entries[1].count = 1;
  ASSERT_GT(::pwrite(fd.get(), entries, sizeof entries, 64), 0);
  const auto region = StatsRegion::open(fd);
  ASSERT_TRUE(region.has_value());
  EXPECT_EQ((*region)->read().size(), 1u);
}

}  // namespace
}  // namespace mediaward::control::test
