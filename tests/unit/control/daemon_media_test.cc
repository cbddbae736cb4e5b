// SPDX-License-Identifier: Apache-2.0
// What the API says of media, through the whole daemon: group keys, relay, rekeying, muting, topology, learning, SRTCP, buckets.
#include "tests/unit/control/daemon_fixture.h"

namespace mediaward::control::test {
namespace {

using DaemonMediaTest = DaemonTest;

void fill_key(v1::KeySet& key, char first) {
  key.set_suite("AES_CM_128_HMAC_SHA1_80");
  key.set_master_key(first + kKey.substr(1));
  key.set_master_salt(kSalt);
}

std::uint64_t leg_handle(const std::string& id) {
  return object_handle(ObjectKind::kLeg, id);
}

// "c" with a group key: alice and bob, no send keys; alice's stream.
v1::ApplyTransactionRequest group_of_two(v1::ApplyTransactionRequest in) {
  auto& conference = *in.mutable_operations(0)->mutable_put_conference();
  conference.set_mode(v1::FORWARDING_MODE_GROUP_KEY);
  conference.mutable_speakers()->set_loudest(3);
  conference.mutable_speakers()->set_hysteresis_db(6);
  conference.mutable_speakers()->set_hold_ms(1500);
  fill_key(*conference.add_group_keys(), 'G');
  fill_key(*conference.add_group_keys(), 'H');
  conference.mutable_group_keys(0)->set_mki("m0");
  conference.mutable_group_keys(1)->set_mki("m1");
  for (int leg : {1, 2}) in.mutable_operations(leg)->mutable_put_leg()->clear_send_key();
  return in;
}

void add_topology(v1::ApplyTransactionRequest& in, const std::string& a, const std::string& b, v1::TopologyRelation relation) {
  auto& entry = *in.add_operations()->mutable_put_topology();
  entry.set_conference_id("c");
  entry.set_leg_a(a);
  entry.set_leg_b(b);
  entry.set_relation(relation);
}

TEST_F(DaemonMediaTest, LegOfEveryFieldIsToldAndShown) {
  auto in = two_participants("r1");
  auto& leg = *in.mutable_operations(1)->mutable_put_leg();
  leg.mutable_local()->set_udp_port(20010);
  leg.clear_remote();
  leg.set_source_policy(v1::SOURCE_POLICY_LATEST_AUTHENTICATED);
  leg.set_ssrc_policy(v1::SSRC_POLICY_FIRST_AUTHENTICATED);
  leg.set_srtcp_policy(v1::SRTCP_POLICY_DROP);
  leg.set_rtcp_transport(v1::RTCP_TRANSPORT_SEPARATE);
  leg.set_remote_rtcp_port(5009);
  leg.set_allow_unencrypted_srtcp(true);
  leg.set_muted(true);
  leg.set_audio_level_id(3);
  leg.set_replay_window(1024);
  leg.set_source_filter("192.0.2.0/24");
  leg.mutable_receive_key()->set_mki("aa");
  leg.mutable_receive_key()->set_lifetime_packets(1000);
  leg.mutable_receive_key()->set_lifetime_srtcp_packets(100);
  fill_key(*leg.add_more_receive_keys(), 'N');
  leg.mutable_more_receive_keys(0)->set_mki("ab");
  fill_key(*leg.add_more_send_keys(), 'S');
  ASSERT_TRUE(apply(in).ok()) << detail.DebugString();
  const auto carried = fake.legs().at(leg_handle("c/alice"));
  EXPECT_EQ(carried.remote.udp_port, 0);
  EXPECT_EQ(carried.receive_key_count, 2);
  EXPECT_EQ(carried.send_key_count, 2);
  EXPECT_EQ(carried.source_filter_bits, 24);
  EXPECT_EQ(carried.flags & abi::kLegRtcpMux, 0u);
  EXPECT_EQ(carried.replay_window, 1024);
  const auto shown = conference().legs(0);
  EXPECT_FALSE(shown.has_remote());
  EXPECT_FALSE(shown.has_latched());
  EXPECT_EQ(shown.source_policy(), leg.source_policy());
  EXPECT_EQ(shown.ssrc_policy(), leg.ssrc_policy());
  EXPECT_EQ(shown.srtcp_policy(), leg.srtcp_policy());
  EXPECT_EQ(shown.rtcp_transport(), leg.rtcp_transport());
  EXPECT_EQ(shown.remote_rtcp_port(), 5009u);
  EXPECT_TRUE(shown.allow_unencrypted_srtcp());
  EXPECT_TRUE(shown.muted());
  EXPECT_EQ(shown.audio_level_id(), 3u);
  EXPECT_EQ(shown.replay_window(), 1024u);
  EXPECT_EQ(shown.source_filter(), "192.0.2.0/24");
  EXPECT_EQ(shown.receive_key().mki(), "6161");
  EXPECT_EQ(shown.receive_key().lifetime_packets(), 1000u);
  EXPECT_EQ(shown.receive_key().lifetime_srtcp_packets(), 100u);
  ASSERT_EQ(shown.more_receive_keys_size(), 1);
  EXPECT_EQ(shown.more_receive_keys(0).mki(), "6162");
  EXPECT_NE(shown.more_receive_keys(0).fingerprint(), shown.receive_key().fingerprint());
  ASSERT_EQ(shown.more_send_keys_size(), 1);
  EXPECT_EQ(shown.more_send_keys(0).fingerprint().size(), 16u);
}

TEST_F(DaemonMediaTest, EachRefusalNamesItsField) {
  const auto expect_refused = [&](const std::string& field, const std::string& words,
                                  const std::function<void(v1::ApplyTransactionRequest&, v1::Leg&)>& change) {
    auto in = two_participants("r1");
    change(in, *in.mutable_operations(1)->mutable_put_leg());
    EXPECT_EQ(apply(in).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << field << ": " << detail.message();
    EXPECT_EQ(detail.field(), field) << detail.message();
    EXPECT_NE(detail.message().find(words), std::string::npos) << detail.message();
  };
  const auto leg_refused = [&](const std::string& field, const std::string& words, const std::function<void(v1::Leg&)>& change) {
    expect_refused(field, words, [&](auto&, auto& leg) { change(leg); });
  };
  const auto conference_refused = [&](const std::string& field, const std::string& words,
                                      const std::function<void(v1::Conference&)>& change) {
    expect_refused(field, words, [&](auto& in, auto&) { change(*in.mutable_operations(0)->mutable_put_conference()); });
  };
  leg_refused("leg.dscp", "0 to 63", [](auto& leg) { leg.set_dscp(64); });
  leg_refused("leg.audio_level_id", "0 to 255", [](auto& leg) { leg.set_audio_level_id(256); });
  leg_refused("leg.replay_window", "64 to 8192", [](auto& leg) { leg.set_replay_window(8193); });
  leg_refused("leg.remote_rtcp_port", "0 to 65535", [](auto& leg) { leg.set_remote_rtcp_port(65536); });
  leg_refused("leg.remote.udp_port", "1 to 65535", [](auto& leg) { leg.clear_remote(); });
  leg_refused("leg.source_filter", "is not a network", [](auto& leg) { leg.set_source_filter("192.0.2.0"); });
  leg_refused("leg.source_filter", "is not a network", [](auto& leg) { leg.set_source_filter("192.0.2.0/"); });
  leg_refused("leg.source_filter", "is not a network", [](auto& leg) { leg.set_source_filter("192.0.2.0/33"); });
  leg_refused("leg.source_filter", "is not a network", [](auto& leg) { leg.set_source_filter("192.0.2.0/0"); });
  leg_refused("leg.source_filter", "behind its prefix", [](auto& leg) { leg.set_source_filter("192.0.2.1/24"); });
  leg_refused("leg.more_receive_keys", "leg.receive_key must be given", [](auto& leg) {
    leg.clear_receive_key();
    fill_key(*leg.add_more_receive_keys(), 'N');
  });
  leg_refused("leg.more_send_keys", "leg.send_key must be given", [](auto& leg) {
    leg.clear_send_key();
    fill_key(*leg.add_more_send_keys(), 'N');
  });
  leg_refused("leg.more_send_keys[1].master_salt", "has 0 bytes", [](auto& leg) {
    fill_key(*leg.add_more_send_keys(), 'N');
    fill_key(*leg.add_more_send_keys(), 'O');
    leg.mutable_more_send_keys(1)->clear_master_salt();
  });
  leg_refused("leg.more_send_keys", "has 65 keys", [](auto& leg) {
    for (int i = 0; i < 65; ++i) leg.add_more_send_keys();
  });
  conference_refused("conference.speakers.loudest", "0 to 255", [](auto& one) { one.mutable_speakers()->set_loudest(256); });
  conference_refused("conference.speakers.hysteresis_db", "0 to 127", [](auto& one) { one.mutable_speakers()->set_hysteresis_db(128); });
  conference_refused("conference.speakers.hold_ms", "0 to 65535", [](auto& one) { one.mutable_speakers()->set_hold_ms(65536); });
  conference_refused("conference.group_keys", "GROUP_KEY only", [](auto& one) { fill_key(*one.add_group_keys(), 'G'); });
  expect_refused("topology.relation", "BOTH, ONEWAY or ISOLATE",
                 [](auto& in, auto&) { add_topology(in, "c/alice", "c/bob", v1::TOPOLOGY_RELATION_UNSPECIFIED); });
  auto unknown = two_participants("r1");
  add_topology(unknown, "c/alice", "c/bob", static_cast<v1::TopologyRelation>(9));
  EXPECT_EQ(apply(unknown).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(detail.object(), "topology c/alice c/bob");
}

TEST_F(DaemonMediaTest, NullCipherNeedsTheOperatorsConsent) {
  auto in = two_participants("r1");
  in.mutable_operations(1)->mutable_put_leg()->mutable_send_key()->set_suite("NULL_HMAC_SHA1_80");
  EXPECT_EQ(apply(in).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(detail.field(), "leg.send_key.suite");
  EXPECT_NE(detail.message().find("policy.allowed_suites"), std::string::npos) << detail.message();
  daemon.reset();
  settings.controller.suites.allowed.push_back(crypto::Suite::kNullHmacSha1_80);
  start_daemon();
  EXPECT_TRUE(apply(in).ok()) << detail.message();
}

TEST_F(DaemonMediaTest, GroupWithTopologySurvivesARestartOfTheDataPlane) {
  auto in = group_of_two(two_participants("r1"));
  in.set_state_complete(true);
  add_topology(in, "c/bob", "c/alice", v1::TOPOLOGY_RELATION_ONEWAY);
  ASSERT_TRUE(apply(in).ok()) << detail.DebugString();
  EXPECT_EQ(answer.created(), 5u);
  restart_dataplane();
  EXPECT_TRUE(fake.transactions().back().resync);
  ASSERT_EQ(fake.transactions().back().operations.size(), 5u);
  EXPECT_EQ(fake.transactions().back().operations.back().header().type, abi::MessageType::kTopology) << "after the streams";
  const auto carried = fake.conferences().at(object_handle(ObjectKind::kConference, "c"));
  EXPECT_EQ(carried.mode, abi::ForwardingMode::kGroupKey);
  EXPECT_EQ(carried.group_key_count, 2);
  EXPECT_EQ(carried.group_keys[1].mki_bytes, 2);
  EXPECT_EQ(carried.hold_ms, 1500);
  ASSERT_EQ(fake.topology().size(), 1u);
  EXPECT_EQ(fake.topology().begin()->second.leg_a, leg_handle("c/bob"));
  const auto shown = conference();
  EXPECT_EQ(shown.mode(), v1::FORWARDING_MODE_GROUP_KEY);
  EXPECT_EQ(shown.speakers().loudest(), 3u);
  ASSERT_EQ(shown.group_keys_size(), 2);
  EXPECT_EQ(shown.group_keys(1).mki(), "6d31");
  ASSERT_EQ(shown.topology_size(), 1);
  EXPECT_EQ(shown.topology(0).leg_a(), "c/bob");
  EXPECT_EQ(shown.topology(0).relation(), v1::TOPOLOGY_RELATION_ONEWAY);
  EXPECT_FALSE(shown.legs(0).has_send_key());
  ASSERT_EQ(shown.legs(0).streams(0).receivers_size(), 1);
  EXPECT_TRUE(shown.legs(0).streams(0).receivers(0).blocked()) << "bob does not hear alice";
  auto back = request("r2");
  add_topology(back, "c/alice", "c/bob", v1::TOPOLOGY_RELATION_BOTH);
  ASSERT_TRUE(apply(back).ok());
  EXPECT_EQ(answer.removed(), 1u);
  EXPECT_TRUE(fake.topology().empty());
}

TEST_F(DaemonMediaTest, DeclaredCompleteTwiceLeavesOutWhoWent) {
  auto first = two_participants("r1");
  first.mutable_operations(0)->mutable_put_conference()->set_spread(true);
  first.set_state_complete(true);
  ASSERT_TRUE(apply(first).ok());
  EXPECT_TRUE(conference().spread());
  auto second = request("r2");
  second.add_operations()->mutable_remove_leg()->assign("c/bob");
  second.set_state_complete(true);
  ASSERT_TRUE(apply(second).ok()) << detail.DebugString();
  EXPECT_TRUE(fake.transactions().back().resync);
  EXPECT_EQ(fake.legs().size(), 1u);
}

TEST_F(DaemonMediaTest, DataPlaneThatIsBusyIsResynchronisedLater) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  fake.stop();
  ASSERT_TRUE(fake.wait_until([&] { return !daemon->controller().dataplane().info().ready; }));
  fake.refuse_next({ErrorCode::kUnavailable, 0, "transaction", "a bucket is being moved"});
  const auto hellos = fake.hellos();
  fake.start();
  ASSERT_TRUE(wait_synchronized());
  EXPECT_EQ(fake.hellos(), hellos + 2);
  EXPECT_EQ(fake.legs().size(), 2u);
}

TEST_F(DaemonMediaTest, RelayDoesWithoutKeys) {
  auto in = two_participants("r1");
  in.mutable_operations(0)->mutable_put_conference()->set_mode(v1::FORWARDING_MODE_RELAY);
  for (int leg : {1, 2}) in.mutable_operations(leg)->mutable_put_leg()->clear_send_key();
  in.mutable_operations(2)->mutable_put_leg()->clear_receive_key();
  ASSERT_TRUE(apply(in).ok()) << detail.DebugString();
  EXPECT_EQ(fake.legs().at(leg_handle("c/alice")).receive_key_count, 1);
  EXPECT_EQ(fake.legs().at(leg_handle("c/bob")).receive_key_count, 0);
  EXPECT_FALSE(conference().legs(1).has_receive_key());
}

TEST_F(DaemonMediaTest, ReplaceConferenceWithTopology) {
  auto in = request("r1");
  auto& whole = *in.add_operations()->mutable_replace_conference();
  whole.mutable_conference()->set_id("c");
  fill_leg(*whole.add_legs(), "alice", 1);
  fill_leg(*whole.add_legs(), "bob", 2);
  auto& entry = *whole.add_topology();
  entry.set_leg_a("c/alice");
  entry.set_leg_b("c/bob");
  entry.set_relation(v1::TOPOLOGY_RELATION_ISOLATE);
  ASSERT_TRUE(apply(in).ok()) << detail.DebugString();
  EXPECT_EQ(fake.topology().size(), 1u);
  in.set_request_id("r2");
  in.mutable_operations(0)->mutable_replace_conference()->clear_topology();
  ASSERT_TRUE(apply(in).ok());
  EXPECT_TRUE(fake.topology().empty());
}

TEST_F(DaemonMediaTest, RekeyAndMuteTouchNothingElse) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  const auto before = fake.legs().at(leg_handle("c/alice"));
  auto in = request("r2");
  auto& rekey = *in.add_operations()->mutable_rekey_leg();
  rekey.set_leg_id("c/alice");
  fill_key(*rekey.mutable_send_key(), 'Z');
  fill_key(*rekey.add_more_send_keys(), 'Y');
  auto& mute = *in.add_operations()->mutable_mute_leg();
  mute.set_leg_id("c/alice");
  mute.set_muted(true);
  ASSERT_TRUE(apply(in).ok()) << detail.DebugString();
  const auto after = fake.legs().at(leg_handle("c/alice"));
  EXPECT_EQ(after.send_keys[0].key[0], 'Z');
  EXPECT_EQ(after.send_key_count, 2);
  EXPECT_EQ(std::memcmp(&after.receive_keys, &before.receive_keys, sizeof before.receive_keys), 0);
  EXPECT_EQ(after.flags, before.flags | abi::kLegMuted);
  EXPECT_EQ(after.local.udp_port, before.local.udp_port);
  mute.set_muted(false);
  in.set_request_id("r3");
  ASSERT_TRUE(apply(in).ok());
  EXPECT_EQ(fake.legs().at(leg_handle("c/alice")).flags, before.flags);
}

TEST_F(DaemonMediaTest, NoKindOfKeyComesBack) {
  auto in = group_of_two(two_participants("r1"));
  fill_key(*in.mutable_operations(1)->mutable_put_leg()->add_more_receive_keys(), 'N');
  ASSERT_TRUE(apply(in).ok()) << detail.DebugString();
  auto rekey = request("r2");
  auto& keys = *rekey.add_operations()->mutable_rekey_conference();
  keys.set_conference_id("c");
  fill_key(*keys.add_group_keys(), 'K');
  keys.mutable_group_keys(0)->set_mki("m2");
  ASSERT_TRUE(apply(rekey).ok());
  EXPECT_EQ(fake.conferences().begin()->second.group_keys[0].key[0], 'K');
  const auto state = conference();
  const std::string secret = kKey.substr(1);
  for (const std::string& text : {state.SerializeAsString(), state.DebugString(), answer.SerializeAsString(), log_text}) {
    EXPECT_EQ(text.find(secret), std::string::npos);
    EXPECT_EQ(text.find(kSalt), std::string::npos);
  }
  EXPECT_NE(log_text.find(state.group_keys(0).fingerprint()), std::string::npos) << "the audit line has the fingerprint";
}

TEST_F(DaemonMediaTest, SrtcpLatchAndLearnedSsrcAreShown) {
  auto in = two_participants("r1");
  auto& leg = *in.mutable_operations(1)->mutable_put_leg();
  leg.set_source_policy(v1::SOURCE_POLICY_FIRST_AUTHENTICATED);
  leg.set_ssrc_policy(v1::SSRC_POLICY_FIRST_AUTHENTICATED);
  in.mutable_operations(3)->mutable_put_stream()->set_ssrc(0);
  ASSERT_TRUE(apply(in).ok()) << detail.DebugString();
  abi::StateIdentity received;
  received.kind = abi::SlotKind::kReceive;
  received.ssrc = 0x1234;
  received.leg_id = leg_handle("c/alice");
  received.stream_id = object_handle(ObjectKind::kStream, "c/alice/00000001");
  received.packets_at_key = 60;
  received.srtcp_at_key = 4;
  fake.write_slot(3, received, 9, 100, 16000);
  fake.write_srtcp(3, 0x7fffffff, 5);
  abi::LegSlot latch;
  latch.udp_port = 6000;
  latch.rtcp_port = 6001;
  latch.family = 4;
  latch.address[0] = 198;
  latch.address[3] = 7;
  fake.write_latch(5, leg_handle("c/alice"), latch);
  const auto state = conference();
  EXPECT_EQ(state.legs(0).latched().address(), "198.0.0.7");
  EXPECT_EQ(state.legs(0).latched().udp_port(), 6000u);
  EXPECT_EQ(state.legs(0).latched_rtcp_port(), 6001u);
  EXPECT_FALSE(state.legs(1).has_latched());
  const auto& stream = state.legs(0).streams(0);
  EXPECT_EQ(stream.ssrc(), 0u);
  EXPECT_EQ(stream.bound_ssrc(), 0x1234u);
  EXPECT_EQ(stream.received().srtcp_index(), 0x7fffffffu);
  EXPECT_EQ(stream.received().srtcp_packets(), 5u);
  EXPECT_EQ(stream.received().key_packets(), 40u);
  EXPECT_EQ(stream.received().key_srtcp_packets(), 1u);
}

TEST_F(DaemonMediaTest, WhatIsSealedForAGroupIsShownOnce) {
  ASSERT_TRUE(apply(group_of_two(two_participants("r1"))).ok());
  abi::StateIdentity sent;
  sent.kind = abi::SlotKind::kSend;
  sent.leg_id = object_handle(ObjectKind::kConference, "c");
  sent.stream_id = object_handle(ObjectKind::kStream, "c/alice/00000001");
  fake.write_slot(4, sent, 9, 50, 8000);
  const auto stream = conference().legs(0).streams(0);
  EXPECT_EQ(stream.group_sent().packets(), 50u);
  EXPECT_FALSE(stream.receivers(0).sent().present());
}

TEST_F(DaemonMediaTest, EventsOfMediaNameTheirObjects) {
  ASSERT_TRUE(apply(two_participants("r1")).ok());
  const auto alice = leg_handle("c/alice"), bob = leg_handle("c/bob"), c = object_handle(ObjectKind::kConference, "c");
  const std::uint64_t first = daemon->controller().events().last_sequence() + 1;
  fake.send_event(abi::EventKind::kAddressLatched, alice, 0, 0, "198.51.100.7:6000");
  fake.send_event(abi::EventKind::kSsrcBound, alice, 0x1234, object_handle(ObjectKind::kStream, "c/alice/00000001"), "ssrc 0x00001234");
  fake.send_event(abi::EventKind::kSsrcRefused, alice, 0x1234, 0, "no place left");
  fake.send_event(abi::EventKind::kKeyExpiring, bob, 90, 100, "send srtp");
  fake.send_event(abi::EventKind::kKeyExpired, c, 100, 100, "send srtp");
  fake.send_event(abi::EventKind::kSpeakersChanged, c, 2, 0, handle_text(bob) + " " + handle_text(alice) + " ...");
  fake.send_event(abi::EventKind::kBucketMoved, 0, 17, 1, "");
  grpc::ClientContext context;
  v1::WatchRequest in;
  in.set_from_sequence(first);
  const auto reader = stub->Watch(&context, in);
  v1::Event event;
  std::vector<std::string> seen;
  do {
    ASSERT_TRUE(reader->Read(&event));
    seen.push_back(v1::EventType_Name(event.type()).substr(11) + "|" + event.object() + "|" + event.text());
  } while (event.type() != v1::EVENT_TYPE_BUCKET_MOVED);
  EXPECT_EQ(event.a(), 17u);
  EXPECT_EQ(event.b(), 1u);
  context.TryCancel();
  EXPECT_EQ(seen, (std::vector<std::string>{
                      "ADDRESS_LATCHED|leg c/alice|198.51.100.7:6000", "SSRC_BOUND|leg c/alice|ssrc 0x00001234 to stream c/alice/00000001",
                      "SSRC_REFUSED|leg c/alice|no place left", "KEY_EXPIRING|leg c/bob|send srtp", "KEY_EXPIRED|conference c|send srtp",
                      "SPEAKERS_CHANGED|conference c|c/bob c/alice ...", "BUCKET_MOVED||"}));
}

TEST_F(DaemonMediaTest, BucketMovesAloneAndOnlyWhereThereIsAWorker) {
  const auto move = [&](std::uint32_t bucket, std::uint32_t worker) {
    grpc::ClientContext context;
    v1::MoveBucketRequest in;
    in.set_bucket(bucket);
    in.set_worker(worker);
    v1::MoveBucketResponse out;
    const auto status = stub->MoveBucket(&context, in, &out);
    detail.Clear();
    EXPECT_TRUE(status.ok() || detail.ParseFromString(status.error_details()));
    return status.error_code();
  };
  EXPECT_EQ(move(17, 1), grpc::StatusCode::OK);
  ASSERT_EQ(fake.bucket_moves().size(), 1u);
  EXPECT_EQ(fake.bucket_moves()[0].bucket, 17u);
  EXPECT_EQ(fake.transactions().back().operations.size(), 1u);
  EXPECT_EQ(move(256, 1), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(detail.field(), "bucket");
  EXPECT_EQ(move(17, 2), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(detail.message(), "there is no worker 2; the data plane has 2");
  fake.refuse_next({ErrorCode::kConflict, 0, "worker", "it is leaving"});
  EXPECT_EQ(move(17, 0), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(detail.field(), "worker");
  fake.stop();
  ASSERT_TRUE(fake.wait_until([&] { return !daemon->controller().dataplane().info().ready; }));
  EXPECT_EQ(move(17, 1), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(fake.bucket_moves().size(), 1u);
}

}  // namespace
}  // namespace mediaward::control::test
