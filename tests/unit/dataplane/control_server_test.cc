// SPDX-License-Identifier: Apache-2.0
// The control socket as a controller sees it (control_fixture.h): conversation, transactions, queries, events, and what a peer gone
// wrong can do.
#include "tests/unit/dataplane/control_fixture.h"

namespace mediaward::test {
namespace {

using dataplane::Counter;
using dataplane::DropReason;

TEST_F(ControlServerTest, HelloTellsWhoServesAndHandsOutRegions) {
  struct stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0600u);
  auto client = greeted();
  EXPECT_EQ(reply_->magic, abi::kProtocolMagic);
  EXPECT_EQ(reply_->version, abi::kProtocolVersion);
  EXPECT_NE(reply_->boot_id, 0u);
  EXPECT_EQ(reply_->worker_count, 1u);
  EXPECT_EQ(reply_->state_adopted, 0u);
  EXPECT_EQ(reply_->applied_transaction, 0u);
  EXPECT_STREQ(reply_->release, "test");
  ASSERT_TRUE(client->stats);
  ASSERT_TRUE(client->state);
  void* writable = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, client->stats.get(), 0);
  EXPECT_EQ(writable, MAP_FAILED);  // counters are the data plane's
  void* readable = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, client->stats.get(), 0);
  ASSERT_NE(readable, MAP_FAILED);
  EXPECT_EQ(static_cast<const abi::RegionHeader*>(readable)->magic, abi::kStatsMagic);
  ::munmap(readable, 4096);
}

TEST_F(ControlServerTest, TransactionIsAnsweredOnceEveryWorkerAppliedIt) {
  auto client = greeted();
  send_transaction(*client, 5, room_.everything());
  for (int i = 0; i < 5; ++i) server_->run(0);  // no worker runs
  EXPECT_FALSE(expect<abi::TransactionReply>(*client, MessageType::kTransactionReply).has_value());
  pump();
  const auto reply = expect<abi::TransactionReply>(*client, MessageType::kTransactionReply);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->code, 0u) << reply->message;
  EXPECT_EQ(reply->header.transaction_id, 5u);
  room_.plane().resolve_neighbours();
  room_.talk(0, {1, 2});
  client.reset();
  pump();
  (void)greeted();
  EXPECT_EQ(reply_->applied_transaction, 5u);
}

TEST_F(ControlServerTest, RefusalCarriesCodeObjectFieldAndMessage) {
  auto client = greeted();
  auto operations = room_.everything();
  auto leg = std::get<abi::Leg>(Dataplane::leg(1, make_participant(9)));
  leg.local.udp_port = 1000;
  operations.push_back(leg);
  const auto reply = transact(*client, 6, operations);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->code, static_cast<std::uint32_t>(ErrorCode::kInvalid));
  EXPECT_EQ(reply->operation_index, operations.size() - 1);
  EXPECT_EQ(reply->object_id, leg.leg_id);
  EXPECT_STREQ(reply->field, "leg.local.port");
  EXPECT_NE(std::string(reply->message).find("1000"), std::string::npos);
  EXPECT_EQ(room_.plane().core().legs(), 0u);
}

TEST_F(ControlServerTest, DryRunAndLostMessagesChangeNothing) {
  auto client = greeted();
  const auto dry = transact(*client, 7, room_.everything(), {.header = {}, .resync = 0, .dry_run = 1});
  ASSERT_TRUE(dry.has_value());
  EXPECT_EQ(dry->code, 0u);
  EXPECT_EQ(room_.plane().core().legs(), 0u);
  for (const int error : {-1, 1}) {
    const auto lost = transact(*client, 8, room_.everything(), {}, error);
    ASSERT_TRUE(lost.has_value());
    EXPECT_EQ(lost->code, static_cast<std::uint32_t>(ErrorCode::kInvalid));
    EXPECT_STREQ(lost->field, "transaction");
  }
  EXPECT_EQ(room_.plane().core().legs(), 0u);
  EXPECT_EQ(transact(*client, 9, room_.everything(), {.header = {}, .resync = 1, .dry_run = 0})->code, 0u);
  EXPECT_EQ(room_.plane().core().legs(), 2u);
}

TEST_F(ControlServerTest, EveryQueryIsAnsweredAndEnds) {
  auto client = greeted();
  ASSERT_EQ(transact(*client, 10, room_.everything())->code, 0u);
  EXPECT_EQ(query<abi::PortInfo>(*client, abi::QueryKind::kPorts, MessageType::kPortInfo), 1u);
  EXPECT_EQ(query<abi::WorkerInfo>(*client, abi::QueryKind::kWorkers, MessageType::kWorkerInfo), 1u);
  EXPECT_EQ(query<abi::EngineInfo>(*client, abi::QueryKind::kEngine, MessageType::kEngineInfo), 2u);
  EXPECT_GT(query<abi::MemoryInfo>(*client, abi::QueryKind::kMemory, MessageType::kMemoryInfo), 4u);
  EXPECT_EQ(query<abi::StageInfo>(*client, abi::QueryKind::kPipeline, MessageType::kStageInfo), dataplane::kStageCount);
  EXPECT_EQ(query<abi::PlanLine>(*client, abi::QueryKind::kPlan, MessageType::kPlanLine), 1u);
  EXPECT_EQ(query<abi::NeighbourInfo>(*client, abi::QueryKind::kNeighbours, MessageType::kNeighbourInfo), 2u);
  abi::Query unknown{};
  unknown.kind = static_cast<abi::QueryKind>(99);
  client->send(unknown, MessageType::kQuery, 3);
  pump();
  const auto end = expect<abi::QueryEnd>(*client, MessageType::kQueryEnd);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->code, static_cast<std::uint32_t>(ErrorCode::kUnsupported));
}

TEST_F(ControlServerTest, DropsAreSampledAsEvents) {
  auto client = greeted();
  ASSERT_EQ(transact(*client, 10, room_.everything())->code, 0u);
  Participant stranger = room_[0].p();
  stranger.remote_port = 9;
  room_.plane().send_rtp(stranger, room_[0].seal(1));
  room_.plane().send_rtp(stranger, room_[0].seal(2));
  pump();
  auto event = expect<abi::EventMessage>(*client, MessageType::kEvent);
  while (event && event->kind != abi::EventKind::kDropSample) event = expect<abi::EventMessage>(*client, MessageType::kEvent);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->a, static_cast<std::uint64_t>(DropReason::kSourceMismatch));
  EXPECT_EQ(event->b, 1u);
  EXPECT_EQ(event->object_id, room_[0].p().leg_id);
  EXPECT_STREQ(event->text, "srtp.source_mismatch 192.0.2.11:9 > 192.0.2.1:20002 udp");
  room_.plane().advance_ms(1001);
  room_.plane().send_rtp(stranger, room_[0].seal(3));
  pump();
  event = expect<abi::EventMessage>(*client, MessageType::kEvent);
  while (event && event->kind != abi::EventKind::kDropSample) event = expect<abi::EventMessage>(*client, MessageType::kEvent);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->b, 2u);  // the one that was not sampled, and this one
}

TEST_F(ControlServerTest, EventsThatDidNotFitAreTold) {
  auto client = greeted();
  ASSERT_EQ(transact(*client, 10, room_.everything())->code, 0u);
  pump();
  dataplane::WorkerEvent filler;
  filler.kind = dataplane::WorkerEvent::Kind::kSsrcSeen;  // of no leg: nobody is told
  auto& core = room_.plane().core();
  while (core.worker(0).events().push(filler)) continue;  // in place of a worker that has much to tell
  Participant stranger = room_[0].p();
  stranger.remote_port = 9;
  room_.plane().send_rtp(stranger, room_[0].seal(1));
  room_.plane().run();
  pump();
  auto event = expect<abi::EventMessage>(*client, MessageType::kEvent);
  while (event && event->kind != abi::EventKind::kEventsLost) event = expect<abi::EventMessage>(*client, MessageType::kEvent);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->a, room_.plane().count(Counter::kEventsLost));
  EXPECT_EQ(event->a, 1u);
}

TEST_F(ControlServerTest, NeighbourEventsNameTheAddress) {
  auto client = greeted();
  ASSERT_EQ(transact(*client, 10, room_.everything())->code, 0u);
  room_.plane().resolve_neighbours();
  room_.plane().advance_ms(2);
  pump();
  const auto event = expect<abi::EventMessage>(*client, MessageType::kEvent);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->kind, abi::EventKind::kNeighbourResolved);
  EXPECT_EQ(std::string(event->text).substr(0, 8), "192.0.2.");
}

TEST_F(ControlServerTest, MalformedMessagesDropTheirClientOnly) {
  const auto begun = [&] {
    auto client = greeted();
    client->send(abi::Begin{}, MessageType::kBegin, 1);
    return client;
  };
  {
    Client silent(path());
    silent.send(abi::Begin{}, MessageType::kBegin, 1);
    expect_dropped(silent, "no Hello");
  }
  {
    Client other(path());
    abi::Hello hello{};
    hello.version = abi::kProtocolVersion + 1;
    other.send(hello, MessageType::kHello);
    expect_dropped(other, "another version");
  }
  {
    Client other(path());
    abi::Hello hello{};
    hello.magic = 7;
    other.send(hello, MessageType::kHello);
    expect_dropped(other, "another protocol");
  }
  {
    auto client = greeted();
    client->send_raw("abc", 3);
    expect_dropped(*client, "shorter than a header");
  }
  {
    auto client = greeted();
    abi::Begin begin{};
    begin.header = {MessageType::kBegin, 0, sizeof begin + 8, 1};
    client->send_raw(&begin, sizeof begin);
    expect_dropped(*client, "length in the header");
  }
  {
    auto client = greeted();
    abi::MessageHeader header{MessageType::kBegin, 0, sizeof header, 1};
    client->send_raw(&header, sizeof header);
    expect_dropped(*client, "Begin cut short");
  }
  {
    auto client = greeted();
    std::vector<std::byte> large(abi::kMaxMessageBytes + 100);
    abi::MessageHeader header{MessageType::kBegin, 0, static_cast<std::uint32_t>(large.size()), 1};
    std::memcpy(large.data(), &header, sizeof header);
    client->send_raw(large.data(), large.size());
    expect_dropped(*client, "oversized");
  }
  {
    auto client = greeted();
    client->send(abi::Begin{}, static_cast<MessageType>(200), 1);
    expect_dropped(*client, "unknown type");
  }
  {
    auto client = greeted();
    client->send(abi::HelloReply{}, MessageType::kHelloReply, 1);
    expect_dropped(*client, "a message of the data plane");
  }
  {
    auto client = greeted();
    client->send(std::get<abi::Conference>(Dataplane::conference(1)), MessageType::kConference, 1);
    expect_dropped(*client, "object outside a transaction");
  }
  {
    auto client = greeted();
    client->send(abi::End{}, MessageType::kEnd, 1);
    expect_dropped(*client, "End without Begin");
  }
  {
    auto client = begun();
    client->send(abi::Begin{}, MessageType::kBegin, 2);
    expect_dropped(*client, "Begin within a transaction");
  }
  {
    auto client = begun();
    client->send(abi::End{}, MessageType::kEnd, 2);
    expect_dropped(*client, "End of another transaction");
  }
  {
    auto client = begun();
    client->send(abi::End{}, MessageType::kLeg, 1);
    expect_dropped(*client, "leg of the wrong size");
  }
  {
    auto client = begun();
    client->send(std::get<abi::Leg>(Dataplane::leg(1, make_participant(1))), MessageType::kLeg, 1);
    client.reset();  // gone in the middle
    pump();
    EXPECT_FALSE(server_->connected());
  }
  const auto last = greeted();
  EXPECT_EQ(transact(*last, 901, room_.everything())->code, 0u);
}

TEST_F(ControlServerTest, OneControllerAtATime) {
  auto first = greeted();
  Client second(path());
  second.send(abi::Hello{}, MessageType::kHello);
  pump();
  EXPECT_TRUE(second.receive().empty());
  EXPECT_FALSE(second.closed());
  first.reset();
  pump();
  EXPECT_TRUE(expect<abi::HelloReply>(second, MessageType::kHelloReply).has_value());
}

TEST_F(ControlServerTest, LiveSocketIsRefusedAndAStaleOneTakenOver) {
  Room other(1);
  const auto taken = ControlServer::create(other.plane().core(), {.socket_path = path(), .mode = 0600, .group = {}}, info_);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::kConflict);
  EXPECT_NE(taken.error().message.find(path()), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(path()));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path()));
  {
    UniqueFd crashed(::socket(AF_UNIX, SOCK_SEQPACKET, 0));
    const auto address = address_of(path());
    ASSERT_EQ(::bind(crashed.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_TRUE(std::filesystem::exists(path()));
  server_ = make(room_);
  EXPECT_NE(greeted(), nullptr);
}

TEST_F(ControlServerTest, BadSettingsNameThePath) {
  for (const std::string& wrong : {std::string(), std::string(200, 'a'), (directory_ / "missing" / "x.sock").string()}) {
    const auto made = ControlServer::create(room_.plane().core(), {.socket_path = wrong, .mode = 0600, .group = {}}, info_);
    ASSERT_FALSE(made) << wrong;
    EXPECT_FALSE(made.error().message.empty());
  }
  server_.reset();
  const auto group = ControlServer::create(room_.plane().core(), {.socket_path = path(), .mode = 0600, .group = "no-such-group-here"}, info_);
  ASSERT_FALSE(group);
  EXPECT_NE(group.error().message.find("no-such-group-here"), std::string::npos);
}

// The data plane crashes; its controller kept the state region and offers it to the next one.
TEST_F(ControlServerTest, KeptStateIsOfferedAndTakenOver) {
  auto client = greeted();
  ASSERT_EQ(transact(*client, 20, room_.everything())->code, 0u);
  room_.plane().resolve_neighbours();
  room_.talk(0, {65534, 65535, 0, 1});
  UniqueFd kept = std::move(client->state);
  client.reset();
  server_.reset();
  Room next(2);
  server_ = make(next);
  Client again(path());
  abi::Hello hello{};
  hello.header = {MessageType::kHello, 0, sizeof hello, 0};
  hello.has_state_fd = 1;
  again.send_raw(&hello, sizeof hello, kept.get());
  pump(next);
  const auto reply = expect<abi::HelloReply>(again, MessageType::kHelloReply);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->state_adopted, 1u);
  send_transaction(again, 21, room_.everything(), {.header = {}, .resync = 1, .dry_run = 0});
  pump(next);
  EXPECT_EQ(expect<abi::TransactionReply>(again, MessageType::kTransactionReply)->code, 0u);
  next.plane().resolve_neighbours();
  next.plane().send_rtp(room_[0].p(), room_[0].seal(2));
  next.plane().run();
  room_[1].expect(next.plane().received_by(room_[1].p()), room_[0], {2});

  // Something else in its place is not taken, and does no harm.
  Room third(2);
  server_.reset();
  server_ = make(third);
  Client wrong(path());
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  wrong.send_raw(&hello, sizeof hello, null);
  ::close(null);
  pump(third);
  const auto refused = expect<abi::HelloReply>(wrong, MessageType::kHelloReply);
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->state_adopted, 0u);
}

TEST_F(ControlServerTest, TornStateIsReportedAsRekeyRequired) {
  auto client = greeted();
  ASSERT_EQ(transact(*client, 20, room_.everything())->code, 0u);
  room_.plane().resolve_neighbours();
  room_.talk(0, {1});
  auto& state = const_cast<dataplane::StateRegion&>(room_.plane().core().state());
  for (std::uint32_t i = 0; i < state.capacity(); ++i)
    if (state.identity(i).kind == abi::SlotKind::kSend && state.identity(i).leg_id == room_[1].p().leg_id) state.slot(i).version.fetch_or(1);
  UniqueFd kept = std::move(client->state);
  client.reset();
  server_.reset();
  Room next(2);
  ASSERT_TRUE(next.plane().core().adopt_state(std::move(kept)));
  server_ = make(next);
  Client again(path());
  again.send(abi::Hello{}, MessageType::kHello);
  pump(next);
  send_transaction(again, 21, room_.everything(), {.header = {}, .resync = 1, .dry_run = 0});
  pump(next);
  const auto event = expect<abi::EventMessage>(again, MessageType::kEvent);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->kind, abi::EventKind::kRekeyRequired);
  EXPECT_EQ(event->object_id, room_[1].p().leg_id);
  EXPECT_EQ(event->a, room_[0].p().ssrcs[0]);
}

}  // namespace
}  // namespace mediaward::test
