// SPDX-License-Identifier: Apache-2.0
// What goes on between transactions, through the control socket: addresses and SSRCs that are learned, speakers that change, keys that
// end, buckets that move. The controller is the test's; participants are libsrtp.
#include "tests/unit/dataplane/control_fixture.h"

namespace mediaward::test {
namespace {

using abi::EventKind;
using dataplane::bucket_of;
using dataplane::Counter;
using dataplane::Operation;

Dataplane::Options two_workers() {
  Dataplane::Options options;
  options.workers = 2;
  return options;
}

class ControlPolicyTest : public ControlServerTest {
 protected:
  ControlPolicyTest() : ControlServerTest(two_workers()) { info_.worker_count = 2; }

  [[nodiscard]] Phone& alice() { return room_[0]; }
  [[nodiscard]] Phone& bob() { return room_[1]; }
  [[nodiscard]] Dataplane& plane() { return room_.plane(); }

  // Everything that was said since the last call.
  void listen(Client& client) {
    for (Message m = client.receive(); !m.empty(); m = client.receive()) {
      abi::MessageHeader header;
      std::memcpy(&header, m.data(), sizeof header);
      if (header.type == MessageType::kEvent) {
        abi::EventMessage event;
        std::memcpy(&event, m.data(), sizeof event);
        events_.push_back(event);
      } else if (header.type == MessageType::kTransactionReply) {
        abi::TransactionReply reply;
        std::memcpy(&reply, m.data(), sizeof reply);
        replies_.push_back(reply);
      }
    }
  }
  std::vector<abi::EventMessage> take(EventKind kind) {
    std::vector<abi::EventMessage> out;
    std::erase_if(events_, [&](const auto& e) { return e.kind == kind ? out.push_back(e), true : false; });
    return out;
  }
  std::vector<abi::TransactionReply> take_replies() { return std::exchange(replies_, {}); }

  void open(Client& client, const std::vector<Operation>& operations) {
    send_transaction(client, ++transaction_, operations);
    pump();
    listen(client);
    const auto replies = take_replies();
    ASSERT_EQ(replies.size(), 1u);
    ASSERT_EQ(replies[0].code, 0u) << replies[0].field << ": " << replies[0].message;
    plane().resolve_neighbours();
  }
  // The transaction is on its way, nothing has run yet.
  void send_move(Client& client, std::uint32_t bucket, std::uint32_t worker, abi::Begin begin = {},
                 const std::vector<Operation>& others = {}) {
    client.send(begin, MessageType::kBegin, ++transaction_);
    abi::BucketMove move{};
    move.bucket = bucket;
    move.worker = worker;
    client.send(move, MessageType::kBucketMove, transaction_);
    for (const auto& operation : others) send_operation(client, operation, transaction_);
    abi::End end;
    end.operation_count = static_cast<std::uint32_t>(1 + others.size());
    client.send(end, MessageType::kEnd, transaction_);
  }
  std::optional<abi::TransactionReply> refusal_of_move(Client& client, std::uint32_t bucket, std::uint32_t worker, abi::Begin begin = {},
                                                       const std::vector<Operation>& others = {}) {
    send_move(client, bucket, worker, begin, others);
    pump();
    listen(client);
    const auto replies = take_replies();
    if (replies.size() != 1) return std::nullopt;
    return replies[0];
  }
  void hears(Phone& listener, const Phone& speaker, const std::vector<std::uint16_t>& sequences) {
    listener.expect(plane().received_by(listener.p()), speaker, sequences);
  }

  // Alice's SSRC is the first that is authenticated; its slot waits.
  std::vector<Operation> with_a_place() {
    auto operations = room_.everything();
    auto leg = std::get<abi::Leg>(operations[1]);
    leg.ssrc_policy = abi::SsrcPolicy::kFirstAuthenticated;
    operations[1] = leg;
    operations[3] = Dataplane::stream(700 + alice().p().leg_id, alice().p().leg_id, 0);
    return operations;
  }

  std::uint64_t transaction_ = 100;
  std::vector<abi::EventMessage> events_;
  std::vector<abi::TransactionReply> replies_;
};

TEST_F(ControlPolicyTest, AMoveIsAnsweredWhenItIsOver) {
  auto client = greeted();
  open(*client, room_.everything());
  const auto bucket = static_cast<std::uint32_t>(bucket_of(alice().p().local_port));
  const std::uint32_t worker = 1 - bucket % 2;
  send_move(*client, bucket, worker);
  for (int i = 0; i < 5; ++i) server_->run(0);  // no worker runs
  listen(*client);
  EXPECT_EQ(take_replies().size(), 0u);
  EXPECT_EQ(take(EventKind::kBucketMoved).size(), 0u);
  pump(room_, 20);
  listen(*client);
  const auto replies = take_replies();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].code, 0u) << replies[0].message;
  EXPECT_EQ(replies[0].header.transaction_id, transaction_);
  const auto moved = take(EventKind::kBucketMoved);
  ASSERT_EQ(moved.size(), 1u);
  EXPECT_EQ(moved[0].a, bucket);
  EXPECT_EQ(moved[0].b, worker);
  room_.talk(0, {1, 2});
}

TEST_F(ControlPolicyTest, ATransactionThatComesDuringAMoveWaits) {
  auto client = greeted();
  open(*client, room_.everything());
  const auto bucket = static_cast<std::uint32_t>(bucket_of(alice().p().local_port));
  send_move(*client, bucket, 1 - bucket % 2);
  send_transaction(*client, ++transaction_, {Dataplane::conference(9)});
  pump(room_, 20);
  listen(*client);
  const auto replies = take_replies();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].header.transaction_id, transaction_ - 1);
  EXPECT_EQ(replies[1].header.transaction_id, transaction_);
  for (const auto& reply : replies) EXPECT_EQ(reply.code, 0u) << reply.message;
}

TEST_F(ControlPolicyTest, MovesThatCannotBeAreRefused) {
  auto client = greeted();
  open(*client, room_.everything());
  const auto expect_refused = [&](const std::optional<abi::TransactionReply>& reply, std::uint32_t bucket) {
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->code, static_cast<std::uint32_t>(ErrorCode::kInvalid));
    EXPECT_STREQ(reply->field, "bucket_move");
    EXPECT_EQ(reply->object_id, bucket);
    EXPECT_STRNE(reply->message, "");
  };
  expect_refused(refusal_of_move(*client, 256, 0), 256);
  expect_refused(refusal_of_move(*client, 3, 2), 3);
  expect_refused(refusal_of_move(*client, 3, 0, {}, {Dataplane::conference(9)}), 3);
  expect_refused(refusal_of_move(*client, 3, 0, {.header = {}, .resync = 1, .dry_run = 0}), 3);
  const auto dry = refusal_of_move(*client, 3, 0, {.header = {}, .resync = 0, .dry_run = 1});
  ASSERT_TRUE(dry.has_value());
  EXPECT_EQ(dry->code, 0u);
  EXPECT_EQ(plane().core().buckets_of_worker(0), 128u);
  EXPECT_EQ(plane().core().legs(), 2u);
}

TEST_F(ControlPolicyTest, WorkersTellWhatTheyOwnAfterAMove) {
  auto client = greeted();
  open(*client, room_.everything());
  send_move(*client, 255, 0);
  pump(room_, 20);
  listen(*client);
  abi::Query q{};
  q.kind = abi::QueryKind::kWorkers;
  client->send(q, MessageType::kQuery, 7);
  pump();
  const auto first = expect<abi::WorkerInfo>(*client, MessageType::kWorkerInfo);
  const auto second = expect<abi::WorkerInfo>(*client, MessageType::kWorkerInfo);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->buckets, 129u);
  EXPECT_EQ(second->buckets, 127u);
}

TEST_F(ControlPolicyTest, ATopologyIsAnOperation) {
  auto client = greeted();
  auto operations = room_.everything();
  abi::Topology topology{};
  topology.header = {MessageType::kTopology, 0, sizeof topology, 0};
  topology.conference_id = 1;
  topology.leg_a = alice().p().leg_id;
  topology.leg_b = bob().p().leg_id;
  topology.relation = abi::TopologyRelation::kIsolate;
  operations.emplace_back(topology);
  open(*client, operations);
  plane().send_rtp(alice().p(), alice().seal(1));
  plane().run();
  EXPECT_EQ(plane().received_by(bob().p()).size(), 0u);
}

Operation latching(const Phone& phone, abi::SourcePolicy policy) {
  auto leg = std::get<abi::Leg>(Dataplane::leg(1, phone.p()));
  leg.source_policy = policy;
  leg.remote = {};
  return leg;
}

TEST_F(ControlPolicyTest, AnAddressIsLatchedWhetherOrNotAnybodyListens) {
  auto client = greeted();
  auto operations = room_.everything();
  operations[1] = latching(alice(), abi::SourcePolicy::kLatch);
  open(*client, operations);
  EXPECT_TRUE(plane().core().restless());
  client.reset();
  pump();
  plane().send_rtp(alice().p(), alice().seal(1));
  pump();
  plane().resolve_neighbours();
  (void)plane().received_by(bob().p());
  plane().send_rtp(bob().p(), bob().seal(1));
  pump();
  hears(alice(), bob(), {1});
}

TEST_F(ControlPolicyTest, LatchingIsToldOnce) {
  auto client = greeted();
  auto operations = room_.everything();
  operations[1] = latching(alice(), abi::SourcePolicy::kRelatch);
  open(*client, operations);
  for (std::uint16_t s = 1; s <= 5; ++s) plane().send_rtp(alice().p(), alice().seal(s));
  plane().run();
  pump();
  listen(*client);
  auto events = take(EventKind::kAddressLatched);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].object_id, alice().p().leg_id);
  EXPECT_STREQ(events[0].text, "192.0.2.11:5002");
  alice().p().remote_port = 6000;
  plane().advance_ms(200);
  plane().send_rtp(alice().p(), alice().seal(6));
  pump();
  listen(*client);
  events = take(EventKind::kAddressLatched);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_STREQ(events[0].text, "192.0.2.11:6000");
}

TEST_F(ControlPolicyTest, AnSsrcIsBoundAndHeard) {
  auto client = greeted();
  open(*client, with_a_place());
  EXPECT_TRUE(plane().core().restless());
  for (std::uint16_t s = 1; s <= 3; ++s) plane().send_rtp(alice().p(), alice().seal(s));
  pump();
  listen(*client);
  const auto bound = take(EventKind::kSsrcBound);
  ASSERT_EQ(bound.size(), 1u);
  EXPECT_EQ(bound[0].object_id, alice().p().leg_id);
  EXPECT_EQ(bound[0].a, alice().p().ssrcs[0]);
  EXPECT_EQ(bound[0].b, 700 + alice().p().leg_id);
  (void)plane().received_by(bob().p());
  plane().send_rtp(alice().p(), alice().seal(4));
  pump();
  hears(bob(), alice(), {4});
}

TEST_F(ControlPolicyTest, AnSsrcThatSomebodyElseHasIsRefused) {
  auto client = greeted();
  open(*client, with_a_place());
  for (std::uint16_t s = 1; s <= 3; ++s) plane().send_rtp(alice().p(), alice().seal(s, bob().p().ssrcs[0]));
  pump();
  listen(*client);
  EXPECT_EQ(take(EventKind::kSsrcBound).size(), 0u);
  const auto refused = take(EventKind::kSsrcRefused);
  ASSERT_EQ(refused.size(), 1u) << "once, whatever he sends";
  EXPECT_EQ(refused[0].object_id, alice().p().leg_id);
  EXPECT_EQ(refused[0].a, bob().p().ssrcs[0]);
  EXPECT_STRNE(refused[0].text, "");
}

class SpeakersTest : public ControlPolicyTest {
 protected:
  std::vector<Operation> switched() {
    auto operations = room_.everything();
    auto conference = std::get<abi::Conference>(operations[0]);
    conference.loudest = 1;
    conference.hysteresis_db = 3;
    operations[0] = conference;
    for (const std::size_t i : {1, 2}) {
      auto leg = std::get<abi::Leg>(operations[i]);
      leg.audio_level_id = 1;
      operations[i] = leg;
    }
    return operations;
  }
  // A second of packets of 20 ms from both.
  void speak_for_a_second(int alice_dbov, int bob_dbov) {
    for (int i = 0; i < 50; ++i) {
      ++sequence_;
      send(alice(), alice_dbov);
      send(bob(), bob_dbov);
      plane().advance_ms(20);
      pump(room_, 1);
    }
  }
  void send(Phone& phone, int dbov) {
    auto& peer = senders_[phone.p().leg_id];
    if (peer == nullptr) peer = std::make_unique<SrtpPeer>(phone.p().receive_suite, phone.p().receive_key, SrtpPeer::Direction::kSend);
    RtpPacket rtp = phone.rtp(sequence_);
    rtp.extension = {{0x10, static_cast<std::uint8_t>(-dbov), 0, 0}};
    plane().send_rtp(phone.p(), peer->protect(rtp.bytes()));
  }
  std::uint16_t sequence_ = 0;
  std::map<std::uint64_t, std::unique_ptr<SrtpPeer>> senders_;
};

TEST_F(SpeakersTest, Rfc6464_TheLoudestIsForwardedAndTold) {
  auto client = greeted();
  open(*client, switched());
  EXPECT_TRUE(plane().core().restless());
  speak_for_a_second(-20, -50);
  EXPECT_GT(plane().received_by(bob().p()).size(), 40u);
  EXPECT_EQ(plane().received_by(alice().p()).size(), 0u);
  listen(*client);
  auto changes = take(EventKind::kSpeakersChanged);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].object_id, 1u);
  EXPECT_EQ(changes[0].a, 1u);
  EXPECT_STREQ(changes[0].text, "3e9");  // leg 1001
  speak_for_a_second(-60, -20);
  listen(*client);
  changes = take(EventKind::kSpeakersChanged);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_STREQ(changes[0].text, "3ea");
  EXPECT_GT(plane().received_by(alice().p()).size(), 20u);
  EXPECT_GT(plane().drops(dataplane::DropReason::kPolicyNotSpeaking), 50u);
}

TEST_F(SpeakersTest, WhoeverIsMutedTakesNobodysPlace) {
  auto client = greeted();
  auto operations = switched();
  auto leg = std::get<abi::Leg>(operations[1]);
  leg.flags |= abi::kLegMuted;
  operations[1] = leg;
  open(*client, operations);
  speak_for_a_second(-10, -50);
  EXPECT_EQ(plane().received_by(bob().p()).size(), 0u);
  EXPECT_GT(plane().received_by(alice().p()).size(), 40u);
  leg.flags &= ~std::uint32_t{abi::kLegMuted};
  open(*client, {leg});
  (void)plane().received_by(bob().p());
  speak_for_a_second(-10, -50);
  EXPECT_GT(plane().received_by(bob().p()).size(), 20u);
}

TEST_F(SpeakersTest, WhoeverLeavesMakesRoom) {
  auto client = greeted();
  auto operations = switched();
  auto conference = std::get<abi::Conference>(operations[0]);
  conference.hold_ms = 60'000;
  operations[0] = conference;
  open(*client, operations);
  speak_for_a_second(-10, -50);
  (void)plane().received_by(bob().p());
  open(*client, {Dataplane::remove(MessageType::kStreamRemove, Dataplane::stream_id(alice().p().leg_id, alice().p().ssrcs[0])),
                 Dataplane::remove(MessageType::kLegRemove, alice().p().leg_id)});
  for (int i = 0; i < 5; ++i) {
    ++sequence_;
    send(bob(), -50);
    plane().advance_ms(20);
    pump(room_, 1);
  }
  listen(*client);
  const auto changes = take(EventKind::kSpeakersChanged);
  ASSERT_FALSE(changes.empty());
  EXPECT_STREQ(changes.back().text, "3ea");
}

TEST_F(SpeakersTest, WithoutThePolicyNobodyIsSwitched) {
  auto client = greeted();
  open(*client, switched());
  auto conference = std::get<abi::Conference>(switched()[0]);
  conference.loudest = 0;
  open(*client, {conference});
  EXPECT_FALSE(plane().core().restless());
  speak_for_a_second(-10, -100);
  EXPECT_EQ(plane().received_by(bob().p()).size(), 50u);
  EXPECT_EQ(plane().received_by(alice().p()).size(), 50u);
}

TEST_F(ControlPolicyTest, Rfc3711_9_2_AKeyIsToldBeforeItEndsAndWhenItHas) {
  auto client = greeted();
  auto operations = room_.everything();
  auto leg = std::get<abi::Leg>(operations[1]);
  leg.receive_keys[0].lifetime_packets = 32;
  operations[1] = leg;
  open(*client, operations);
  for (std::uint16_t s = 1; s <= 40; ++s) {
    plane().send_rtp(alice().p(), alice().seal(s));
    pump(room_, 1);
  }
  pump();
  listen(*client);
  const auto expiring = take(EventKind::kKeyExpiring), expired = take(EventKind::kKeyExpired);
  ASSERT_EQ(expiring.size(), 1u);
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expiring[0].object_id, alice().p().leg_id);
  EXPECT_LT(expiring[0].a, 32u);
  EXPECT_EQ(expiring[0].b, 32u);
  EXPECT_EQ(expired[0].a, 32u);
  EXPECT_EQ(std::string(expired[0].text).substr(0, 12), "receive srtp");
  EXPECT_EQ(plane().received_by(bob().p()).size(), 32u);
}

}  // namespace
}  // namespace mediaward::test
