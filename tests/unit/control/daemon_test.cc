// SPDX-License-Identifier: Apache-2.0
// The whole daemon against a fake data plane, through its gRPC socket: transactions, resynchronisation, events, secrecy of keys.
#include <sys/stat.h>

#include "tests/unit/control/daemon_fixture.h"

namespace mediaward::control::test {
namespace {

TEST_F(DaemonTest, TransactionReachesTheDataPlaneAsOneUnit) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  EXPECT_EQ(answer.created(), 4u);
  EXPECT_EQ(answer.revision(), 1u);
  ASSERT_EQ(fake.transactions().size(), 1u);
  EXPECT_FALSE(fake.transactions()[0].resync);
  EXPECT_EQ(fake.legs().size(), 2u);
  EXPECT_EQ(fake.streams().size(), 1u);
  const auto leg = fake.legs().at(object_handle(ObjectKind::kLeg, "c/alice"));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(leg.send_keys[0].key), 16), kKey);
}

TEST_F(DaemonTest, SocketIsForOwnerAndGroup) {
  struct stat file {};
  ASSERT_EQ(::stat(settings.listen.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0660u);
}

TEST_F(DaemonTest, SecondDaemonOnTheSameSocketIsRefused) {
  Daemon second(settings, log);
  const auto good = second.start();
  ASSERT_FALSE(good.has_value());
  EXPECT_EQ(good.error().code, ErrorCode::kConflict);
}

TEST_F(DaemonTest, NackRollsBackAndNamesOperationObjectAndField) {
  fake.refuse_next({ErrorCode::kExhausted, 2, "leg.local.port", "no such port"});
  const auto refused = apply(two_participants("r1"));
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(detail.object(), "stream c/alice/00000001") << "the third message: streams follow their leg";
  EXPECT_EQ(detail.operation_index(), 3);
  EXPECT_EQ(detail.field(), "leg.local.port");
  EXPECT_EQ(detail.message(), "no such port");
  EXPECT_EQ(status().revision(), 0u);
  EXPECT_EQ(status().legs(), 0u);
  ASSERT_TRUE(apply(two_participants("r1")).ok()) << "a refused request id may be used again";
  EXPECT_FALSE(answer.replayed());
}

TEST_F(DaemonTest, BadOperationLeavesNoTrace) {
  auto bad = two_participants("r1");
  bad.mutable_operations(2)->mutable_put_leg()->mutable_local()->set_udp_port(20001);
  EXPECT_EQ(apply(bad).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(detail.object(), "leg c/bob");
  EXPECT_EQ(detail.operation_index(), 2);
  EXPECT_TRUE(fake.transactions().empty());
  EXPECT_EQ(status().conferences(), 0u);
}

TEST_F(DaemonTest, RepeatedRequestIdGivesTheFirstAnswer) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  EXPECT_TRUE(answer.replayed());
  EXPECT_EQ(answer.created(), 4u);
  EXPECT_EQ(fake.transactions().size(), 1u);
  auto other = two_participants("r1");
  other.mutable_operations(1)->mutable_put_leg()->set_dscp(46);
  EXPECT_EQ(apply(other).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(detail.field(), "request_id");
  EXPECT_EQ(apply(request("")).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DaemonTest, OlderLeadershipEpochIsFenced) {
  auto first = two_participants("r1");
  first.set_leadership_epoch(5);
  ASSERT_TRUE(apply(first).ok());
  auto old = request("r2");
  old.set_leadership_epoch(4);
  old.add_operations()->mutable_remove_conference()->set_id("c");
  EXPECT_EQ(apply(old).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(detail.code(), "stale-epoch");
  first.set_leadership_epoch(6);
  ASSERT_TRUE(apply(first).ok()) << "the new leader repeats what the old one sent";
  EXPECT_TRUE(answer.replayed());
  EXPECT_EQ(status().leadership_epoch(), 6u);
}

TEST_F(DaemonTest, DataPlaneDownMeansUnavailableAndUnchanged) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  fake.stop();
  ASSERT_TRUE(fake.wait_until([&] { return !daemon->controller().dataplane().info().ready; }));
  auto remove = request("r2");
  remove.add_operations()->mutable_remove_leg()->assign("c/bob");
  EXPECT_EQ(apply(remove).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(detail.code(), "unavailable");
  EXPECT_EQ(apply(request("empty")).error_code(), grpc::StatusCode::UNAVAILABLE) << "also when there is nothing to send";
  EXPECT_EQ(status().legs(), 2u);
  fake.start();
  ASSERT_TRUE(wait_synchronized());
  ASSERT_TRUE(apply(remove).ok()) << "the same id is tried again";
  EXPECT_EQ(fake.legs().size(), 1u);
}

TEST_F(DaemonTest, ResyncAfterARestartNamesEverythingAndGivesTheStateBack) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  const auto legs = fake.legs().size();
  const auto inode = fake.state_inode();
  EXPECT_FALSE(fake.last_hello_offered_state());
  restart_dataplane();
  EXPECT_TRUE(fake.last_hello_offered_state());
  EXPECT_EQ(fake.state_inode(), inode) << "the same memory";
  EXPECT_TRUE(status().dataplane().state_adopted());
  EXPECT_EQ(fake.legs().size(), legs);
  EXPECT_EQ(fake.streams().size(), 1u);
  EXPECT_FALSE(fake.transactions().back().resync) << "the AS has not declared its state complete";
}

TEST_F(DaemonTest, DeclaredCompleteStateSweeps) {
  auto complete = two_participants("r1");
  complete.set_state_complete(true);
  ASSERT_TRUE(apply(complete).ok());
  EXPECT_TRUE(fake.transactions().back().resync);
  EXPECT_EQ(fake.transactions().back().operations.size(), 4u);
  restart_dataplane();
  EXPECT_TRUE(fake.transactions().back().resync);
  EXPECT_EQ(fake.legs().size(), 2u);
}

TEST_F(DaemonTest, FreshDaemonDoesNotWipeARunningDataPlane) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  daemon.reset();
  start_daemon();
  EXPECT_EQ(fake.transactions().size(), 1u) << "nothing was sent";
  EXPECT_EQ(fake.legs().size(), 2u);
  auto other = request("r2");
  other.add_operations()->mutable_put_conference()->set_id("d");
  ASSERT_TRUE(apply(other).ok());
  EXPECT_FALSE(fake.transactions().back().resync);
  EXPECT_EQ(fake.conferences().size(), 2u);
  auto complete = request("r3");
  complete.set_state_complete(true);
  ASSERT_TRUE(apply(complete).ok());
  EXPECT_TRUE(fake.transactions().back().resync);
  EXPECT_EQ(fake.conferences().size(), 1u);
  EXPECT_TRUE(fake.legs().empty());
}

TEST_F(DaemonTest, UnansweredTransactionIsTakenBackAfterReconnect) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  fake.stay_silent(true);
  auto third = request("r2");
  fill_leg(*third.add_operations()->mutable_put_leg(), "carol", 3);
  EXPECT_EQ(apply(third).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status().legs(), 2u);
  ASSERT_GE(fake.transactions().size(), 2u);
  const auto carol = fake.transactions()[1].operations.at(0).as<abi::Leg>();
  ASSERT_TRUE(carol.has_value());
  EXPECT_EQ(carol->leg_id, object_handle(ObjectKind::kLeg, "c/carol")) << "the data plane had applied it";
  fake.stay_silent(false);
  ASSERT_TRUE(wait_synchronized());
  EXPECT_EQ(fake.legs().size(), 2u);
  EXPECT_FALSE(fake.legs().contains(carol->leg_id));
}

TEST_F(DaemonTest, StateThatARestartedDataPlaneRefusesCanBeRepaired) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  fake.stop();
  ASSERT_TRUE(fake.wait_until([&] { return !daemon->controller().dataplane().info().ready; }));
  fake.refuse_next({ErrorCode::kExhausted, 3, "leg", "all legs are in use"});
  fake.start();
  ASSERT_TRUE(fake.wait_until([&] { return daemon->controller().dataplane().info().ready; }));
  EXPECT_FALSE(status().dataplane().synchronized());
  EXPECT_TRUE(fake.legs().empty());
  auto smaller = request("r2");
  smaller.add_operations()->mutable_remove_leg()->assign("c/bob");
  ASSERT_TRUE(apply(smaller).ok());
  EXPECT_EQ(fake.legs().size(), 1u);
  EXPECT_TRUE(status().dataplane().synchronized());
}

TEST_F(DaemonTest, DryRunChangesNothing) {
  auto dry = two_participants("r1");
  dry.set_dry_run(true);
  ASSERT_TRUE(apply(dry).ok());
  EXPECT_TRUE(answer.dry_run());
  EXPECT_EQ(answer.created(), 4u);
  EXPECT_TRUE(fake.transactions().back().dry_run);
  EXPECT_TRUE(fake.legs().empty());
  EXPECT_EQ(status().conferences(), 0u);
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  EXPECT_FALSE(answer.replayed());
}

TEST_F(DaemonTest, WhatThisReleaseCannotDoIsRefused) {
  const auto expect_unsupported = [&](const char* field, const std::function<void(v1::ApplyTransactionRequest&, v1::Leg&)>& change) {
    auto in = two_participants("r1");
    change(in, *in.mutable_operations(1)->mutable_put_leg());
    EXPECT_EQ(apply(in).error_code(), grpc::StatusCode::UNIMPLEMENTED) << field;
    EXPECT_EQ(detail.field(), field);
  };
  expect_unsupported("leg.realm", [](auto&, auto& leg) { leg.set_realm("core"); });
  expect_unsupported("leg.source_policy", [](auto&, auto& leg) { leg.set_source_policy(static_cast<v1::SourcePolicy>(9)); });
  expect_unsupported("leg.ssrc_policy", [](auto&, auto& leg) { leg.set_ssrc_policy(static_cast<v1::SsrcPolicy>(9)); });
  expect_unsupported("leg.srtcp_policy", [](auto&, auto& leg) { leg.set_srtcp_policy(static_cast<v1::SrtcpPolicy>(9)); });
  expect_unsupported("leg.rtcp_transport", [](auto&, auto& leg) { leg.set_rtcp_transport(static_cast<v1::RtcpTransport>(9)); });
  expect_unsupported("leg.direction", [](auto&, auto& leg) { leg.set_direction(static_cast<v1::Direction>(9)); });
  expect_unsupported("leg.receive_key.suite", [](auto&, auto& leg) { leg.mutable_receive_key()->set_suite("F8_128_HMAC_SHA1_80"); });
  expect_unsupported("bulk_objects", [](auto& in, auto&) { in.add_bulk_objects(); });
  expect_unsupported("conference.mode", [](auto& in, auto&) {
    in.mutable_operations(0)->mutable_put_conference()->set_mode(static_cast<v1::ForwardingMode>(77));
  });
}

TEST_F(DaemonTest, WatchTellsObjectsDataPlaneEventsAndGaps) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  fake.send_event(abi::EventKind::kDropSample, object_handle(ObjectKind::kLeg, "c/alice"), 0, 7, "192.0.2.9:1 > 192.0.2.1:20001");
  grpc::ClientContext context;
  v1::WatchRequest in;
  in.set_from_sequence(1);
  const auto reader = stub->Watch(&context, in);
  v1::Event event;
  std::vector<std::string> seen;
  std::uint64_t sequence = 0;
  do {
    ASSERT_TRUE(reader->Read(&event));
    EXPECT_EQ(event.sequence(), ++sequence);
    seen.push_back(v1::EventType_Name(event.type()).substr(11) + " " + event.object());
  } while (event.type() != v1::EVENT_TYPE_DROP_SAMPLE);
  EXPECT_EQ(event.b(), 7u);
  EXPECT_FALSE(event.drop_reason().empty());
  EXPECT_EQ(seen, (std::vector<std::string>{"DATAPLANE_CONNECTED ", "DATAPLANE_SYNCHRONIZED ", "OBJECT_CREATED conference c",
                                            "OBJECT_CREATED leg c/alice", "OBJECT_CREATED leg c/bob",
                                            "OBJECT_CREATED stream c/alice/00000001", "DROP_SAMPLE leg c/alice"}));
  context.TryCancel();
  grpc::ClientContext old_context;
  in.set_instance_id("another life");
  const auto old = stub->Watch(&old_context, in);
  ASSERT_TRUE(old->Read(&event));
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_GAP);
  old_context.TryCancel();
}

TEST_F(DaemonTest, KeysNeverComeBack) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  const auto state = conference();
  ASSERT_EQ(state.legs_size(), 2);
  EXPECT_EQ(state.legs(0).send_key().fingerprint().size(), 16u);
  EXPECT_EQ(state.legs(0).send_key().suite(), "AES_CM_128_HMAC_SHA1_80");
  grpc::ClientContext context;
  v1::ListLegsResponse legs;
  ASSERT_TRUE(stub->ListLegs(&context, {}, &legs).ok());
  auto bad = two_participants("r2");
  bad.mutable_operations(1)->mutable_put_leg()->mutable_send_key()->set_master_key(kKey + "too long");
  const auto refused = apply(bad);
  for (const std::string& text : {state.DebugString(), state.SerializeAsString(), legs.SerializeAsString(), answer.SerializeAsString(),
                                  refused.error_message(), refused.error_details(), log_text}) {
    EXPECT_EQ(text.find(kKey), std::string::npos);
    EXPECT_EQ(text.find(kSalt), std::string::npos);
  }
  EXPECT_NE(log_text.find(state.legs(0).send_key().fingerprint()), std::string::npos) << "the fingerprint is in the audit line";
}

TEST_F(DaemonTest, ConferenceShowsLiveSrtpState) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  abi::StateIdentity received{abi::SlotKind::kReceive, 1, object_handle(ObjectKind::kLeg, "c/alice"),
                              object_handle(ObjectKind::kStream, "c/alice/00000001"), 0};
  fake.write_slot(3, received, (std::uint64_t{2} << 16) + 7, 100, 16000);
  abi::StateIdentity sent = received;
  sent.kind = abi::SlotKind::kSend;
  sent.leg_id = object_handle(ObjectKind::kLeg, "c/bob");
  fake.write_slot(4, sent, 9, 50, 8000, true);
  const auto state = conference();
  ASSERT_EQ(state.legs(0).streams_size(), 1);
  const auto& stream = state.legs(0).streams(0);
  EXPECT_EQ(stream.received().roc(), 2u);
  EXPECT_EQ(stream.received().sequence(), 7u);
  EXPECT_EQ(stream.received().packets(), 100u);
  EXPECT_EQ(stream.received().bytes(), 16000u);
  ASSERT_EQ(stream.receivers_size(), 1);
  EXPECT_EQ(stream.receivers(0).leg_id(), "c/bob");
  EXPECT_TRUE(stream.receivers(0).sent().rekey_required());
}

TEST_F(DaemonTest, DiagnosisComesFromTheDataPlane) {
  grpc::ClientContext one, two, three;
  v1::ListPortsResponse ports;
  ASSERT_TRUE(stub->ListPorts(&one, {}, &ports).ok());
  ASSERT_EQ(ports.ports_size(), 1);
  EXPECT_EQ(ports.ports(0).name(), "media0");
  v1::Engine engine;
  ASSERT_TRUE(stub->GetEngine(&two, {}, &engine).ok());
  EXPECT_EQ(engine.providers(0).reason(), "measured ??");
  fake.write_drop(0, 5);
  v1::Drops drops;
  ASSERT_TRUE(stub->GetDrops(&three, {}, &drops).ok());
  ASSERT_EQ(drops.drops_size(), 1);
  EXPECT_EQ(drops.drops(0).packets(), 9u);
  EXPECT_EQ(drops.drops(0).per_worker_size(), 2);
  EXPECT_FALSE(drops.drops(0).meaning().empty());
}

}  // namespace
}  // namespace mediaward::control::test
