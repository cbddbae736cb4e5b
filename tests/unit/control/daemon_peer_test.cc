// SPDX-License-Identifier: Apache-2.0
// Swarms through the whole daemon: transactions, content by descriptor, resynchronisation, what is refused, signatures, lists.
#include "tests/unit/control/daemon_peer_fixture.h"
#include "tests/unit/control/provider_vectors.h"

namespace mediaward::control::test {
namespace {

using Stub = v1::Mediaward::Stub;

TEST_F(DaemonPeerTest, SwarmAndAdmissionsReachTheDataPlane) {
  ASSERT_TRUE(apply(movie_of_two("r1")).ok()) << detail.message();
  EXPECT_EQ(answer.created(), 3u);
  const auto peers = fake.peers();
  EXPECT_EQ(peers.swarms.at(swarm_handle()).chunk_bytes, 1024u);
  EXPECT_EQ(peers.admissions.at(admission_handle("alice")).address[3], 7);
  EXPECT_EQ(status().swarms(), 1u);
  EXPECT_EQ(status().admissions(), 2u);
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  EXPECT_TRUE(answer.replayed());
  auto remove = request("r2");
  remove.add_operations()->mutable_remove_admission()->set_swarm_id("movie");
  remove.mutable_operations(0)->mutable_remove_admission()->set_id("bob");
  ASSERT_TRUE(apply(remove).ok()) << detail.message();
  EXPECT_EQ(fake.peers().admissions.size(), 1u);
}

TEST_F(DaemonPeerTest, ContentComesAsASealedDescriptor) {
  write_content("movie.bin", capture_content(kCaptureBytes));
  auto in = movie_of_two("r1");
  *in.add_operations() = put_file("", "movie.bin").operations(0);
  ASSERT_TRUE(apply(in).ok()) << detail.message();
  const auto held = fake.peers().contents.at(swarm_handle());
  ASSERT_EQ(held.size(), 1u) << "the fake has checked seals, size and root";
  EXPECT_EQ(*held[0].bytes, capture_content(kCaptureBytes));
  const auto state = swarm();
  EXPECT_EQ(state.content(), v1::CONTENT_KIND_CONTENT);
  EXPECT_EQ(state.content_file(), "movie.bin");
}

TEST_F(DaemonPeerTest, InlineLeafHashesNeedNoFile) {
  auto in = movie_of_two("r1");
  auto& content = *in.add_operations()->mutable_put_content();
  content.set_swarm_id("movie");
  content.set_kind(v1::CONTENT_KIND_LEAF_HASHES);
  content.set_inline_bytes(naive_leaves(capture_content(kCaptureBytes), 1024, 2));
  ASSERT_TRUE(apply(in).ok()) << detail.message();
  EXPECT_EQ(fake.peers().contents.at(swarm_handle())[0].kind, abi::ContentKind::kLeafHashes);
  content.mutable_inline_bytes()->front() ^= 1;
  in.set_request_id("r2");
  in.mutable_operations(0)->mutable_put_swarm()->set_id("again");
  in.mutable_operations(0)->mutable_put_swarm()->mutable_key()->front() ^= 1;
  for (int i : {1, 2}) in.mutable_operations(i)->mutable_put_admission()->set_swarm_id("again");
  content.set_swarm_id("again");
  EXPECT_EQ(apply(in).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(detail.object(), "content again");
  EXPECT_EQ(detail.message(), "does not hash to the root");
  EXPECT_EQ(detail.operation_index(), 3);
}

TEST_F(DaemonPeerTest, LargeContentIsCopiedInPieces) {
  const std::string large(40u << 20, 'L');  // more than two pieces
  write_content("large.bin", large);
  auto in = request("r1");
  auto& swarm = *in.add_operations()->mutable_put_swarm();
  fill_swarm(swarm);
  swarm.set_chunk_bytes(65535);
  swarm.set_content_bytes(large.size());
  swarm.set_key(naive_root(naive_leaves(large, 65535, 2), 2));
  *in.add_operations() = put_file("", "large.bin").operations(0);
  ASSERT_TRUE(apply(in).ok()) << detail.message();
  EXPECT_EQ(*fake.peers().contents.at(swarm_handle())[0].bytes, large);
}

TEST_F(DaemonPeerTest, FilesThatDoNotFitAreRefusedBeforeAnythingIsSent) {
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  const auto sent = fake.transactions().size();
  const auto refused = [&](const std::string& file, const std::string& words) {
    EXPECT_EQ(apply(put_file("r2", file)).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << file;
    EXPECT_EQ(detail.object(), "content movie");
    EXPECT_EQ(detail.field(), "content.file");
    EXPECT_EQ(detail.operation_index(), 0);
    EXPECT_NE(detail.message().find(words), std::string::npos) << detail.message();
  };
  refused("absent.bin", "No such file");
  refused("../api.sock", "below peer.content_directory");
  write_content("short.bin", "short");
  refused("short.bin", "has 5 bytes; the content of swarm movie has 7162");
  settings.controller.dataplane.content_directory.clear();
  EXPECT_EQ(fake.transactions().size(), sent);
  EXPECT_EQ(swarm().content(), v1::CONTENT_KIND_UNSPECIFIED);
}

TEST_F(DaemonPeerTest, DryRunOfContentChecksItAndChangesNothing) {
  write_content("movie.bin", capture_content(kCaptureBytes));
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  auto dry = put_file("r2", "movie.bin");
  dry.set_dry_run(true);
  ASSERT_TRUE(apply(dry).ok()) << detail.message();
  EXPECT_TRUE(fake.peers().contents.empty());
  write_content("movie.bin", std::string(kCaptureBytes, 'x'));
  dry.set_request_id("r3");
  EXPECT_EQ(apply(dry).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "the data plane has seen the bytes";
}

TEST_F(DaemonPeerTest, ResyncNamesEverythingAndHandsContentOverAgain) {
  write_content("movie.bin", capture_content(kCaptureBytes));
  auto in = movie_of_two("r1");
  *in.add_operations() = put_file("", "movie.bin").operations(0);
  in.set_state_complete(true);
  ASSERT_TRUE(apply(in).ok());
  restart_dataplane();
  EXPECT_TRUE(fake.transactions().back().resync);
  EXPECT_EQ(fake.transactions().back().operations.size(), 4u);
  EXPECT_EQ(fake.peers().contents.at(swarm_handle()).size(), 1u);
  EXPECT_EQ(fake.peers().admissions.size(), 2u);
  fake.drop_connection();
  ASSERT_TRUE(fake.wait_until([&] { return fake.transactions().size() == 3 && wait_synchronized(); }));
  EXPECT_EQ(fake.transactions().back().operations.size(), 3u) << "the same life still has the content";
  EXPECT_EQ(fake.peers().contents.at(swarm_handle()).size(), 1u);
}

TEST_F(DaemonPeerTest, ContentThatWentBadKeepsNobodyFromTheRest) {
  write_content("movie.bin", capture_content(kCaptureBytes));
  auto in = movie_of_two("r1");
  *in.add_operations() = put_file("", "movie.bin").operations(0);
  ASSERT_TRUE(apply(in).ok());
  std::filesystem::remove(dir.path("content/movie.bin"));
  restart_dataplane();
  EXPECT_EQ(fake.peers().admissions.size(), 2u);
  EXPECT_TRUE(fake.peers().contents.empty());
  EXPECT_NE(events_until(v1::EVENT_TYPE_CONTENT_UNREADABLE).back().find("content movie: `movie.bin` cannot be opened"), std::string::npos);
  EXPECT_EQ(apply(put_file("r2", "movie.bin")).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "whoever names it is told";
  auto other = request("r3");
  fill_admission(*other.add_operations()->mutable_put_admission(), "carol", 9);
  ASSERT_TRUE(apply(other).ok()) << "others are not held up";
  write_content("movie.bin", std::string(kCaptureBytes, 'x'));
  other.set_request_id("r4");
  other.mutable_operations(0)->mutable_put_admission()->set_rank(1);
  ASSERT_TRUE(apply(other).ok()) << "a file of another time is not handed over";
  EXPECT_TRUE(fake.peers().contents.empty());
  write_content("movie.bin", capture_content(kCaptureBytes));
  ASSERT_TRUE(apply(put_file("r5", "movie.bin")).ok()) << detail.message();
  EXPECT_EQ(fake.peers().contents.at(swarm_handle()).size(), 1u) << "put again, although the state has not changed";
}

TEST_F(DaemonPeerTest, ASwarmIsNotMadeAnewWithoutItsContent) {
  write_content("movie.bin", capture_content(kCaptureBytes));
  auto in = movie_of_two("r1");
  *in.add_operations() = put_file("", "movie.bin").operations(0);
  ASSERT_TRUE(apply(in).ok());
  std::filesystem::remove(dir.path("content/movie.bin"));
  auto change = request("r2");
  fill_swarm(*change.add_operations()->mutable_put_swarm());
  change.mutable_operations(0)->mutable_put_swarm()->set_send_bytes_per_s(5);
  ASSERT_TRUE(apply(change).ok()) << "an upsert takes nothing from it: " << detail.message();
  change.set_request_id("r3");
  change.mutable_operations(0)->mutable_put_swarm()->set_cache_quota_bytes(5);
  EXPECT_EQ(apply(change).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(detail.object(), "content movie");
  EXPECT_NE(detail.message().find("makes the swarm anew"), std::string::npos);
  write_content("movie.bin", capture_content(kCaptureBytes));
  change.set_request_id("r4");
  EXPECT_FALSE(apply(change).ok()) << "of another time";
  *change.add_operations() = put_file("", "movie.bin").operations(0);
  ASSERT_TRUE(apply(change).ok()) << detail.message();
  EXPECT_EQ(fake.peers().swarms.at(swarm_handle()).cache_quota_bytes, 5u);
  EXPECT_EQ(fake.peers().contents.at(swarm_handle()).size(), 1u);
}

TEST_F(DaemonPeerTest, ReplaceSwarmMakesItWhatIsNamed) {
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  auto in = request("r2");
  auto& whole = *in.add_operations()->mutable_replace_swarm();
  fill_swarm(*whole.mutable_swarm());
  fill_admission(*whole.add_admissions(), "alice", 7, "");
  fill_admission(*whole.add_admissions(), "carol", 8, "");
  whole.mutable_content()->set_kind(v1::CONTENT_KIND_CONTENT);
  whole.mutable_content()->set_inline_bytes(capture_content(kCaptureBytes));
  ASSERT_TRUE(apply(in).ok()) << detail.message();
  EXPECT_EQ(answer.created(), 2u);
  EXPECT_EQ(answer.removed(), 1u);
  EXPECT_EQ(fake.peers().admissions.size(), 2u);
  EXPECT_TRUE(fake.peers().admissions.contains(admission_handle("carol")));
  EXPECT_EQ(fake.peers().contents.size(), 1u);
}

TEST_F(DaemonPeerTest, WhatThisReleaseCannotDoIsRefused) {
  const auto expect = [&](grpc::StatusCode code, const char* field, const std::function<void(v1::Swarm&, v1::Admission&)>& change) {
    auto in = movie_of_two("r1");
    change(*in.mutable_operations(0)->mutable_put_swarm(), *in.mutable_operations(1)->mutable_put_admission());
    EXPECT_EQ(apply(in).error_code(), code) << field << " " << detail.message();
    EXPECT_EQ(detail.field(), field);
  };
  const auto kUnsupported = grpc::StatusCode::UNIMPLEMENTED;
  const auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
  expect(kUnsupported, "swarm.origin", [](auto& swarm, auto&) { swarm.mutable_origin()->set_url("https://cdn.example/movie"); });
  expect(kUnsupported, "swarm.addressing", [](auto& swarm, auto&) { swarm.set_addressing(v1::CHUNK_ADDRESSING_BYTE64); });
  expect(kUnsupported, "swarm.hash", [](auto& swarm, auto&) { swarm.set_hash(static_cast<v1::MerkleHash>(9)); });
  expect(kUnsupported, "swarm.kind", [](auto& swarm, auto&) { swarm.set_kind(static_cast<v1::SwarmKind>(9)); });
  expect(kUnsupported, "swarm.fetch", [](auto& swarm, auto&) { swarm.set_fetch(static_cast<v1::FetchPolicy>(9)); });
  expect(kUnsupported, "swarm.guard", [](auto& swarm, auto&) { swarm.set_guard(static_cast<v1::GuardPolicy>(9)); });
  expect(kUnsupported, "swarm.conduct.rules[0].action", [](auto& swarm, auto&) {
    auto& rule = *swarm.mutable_conduct()->add_rules();
    rule.set_verdict(v1::PEER_VERDICT_TAMPERING);
    rule.set_action(static_cast<v1::ConductAction>(9));
  });
  expect(kInvalid, "swarm.conduct.rules[1].verdict", [](auto& swarm, auto&) {
    for (int i = 0; i < 2; ++i) swarm.mutable_conduct()->add_rules()->set_verdict(v1::PEER_VERDICT_TAMPERING);
  });
  expect(kInvalid, "swarm.live", [](auto& swarm, auto&) { swarm.mutable_live()->set_munro_level(5); });
  expect(kInvalid, "swarm.live", [](auto& swarm, auto&) { swarm.set_kind(v1::SWARM_KIND_LIVE); });
  expect(kInvalid, "swarm.source", [](auto& swarm, auto&) {
    swarm.set_guard_only(true);
    swarm.mutable_peers();
  });
  expect(kInvalid, "admission.peers", [](auto&, auto& one) { one.set_peers("192.0.2.7/24"); });
  expect(kInvalid, "admission.peers", [](auto&, auto& one) { one.set_peers("192.0.2.0/33"); });
  expect(kInvalid, "admission.peers", [](auto&, auto& one) { one.set_peers("192.0.2.0/"); });
  expect(kInvalid, "admission.peers", [](auto&, auto& one) { one.set_peers("everybody"); });
  expect(kInvalid, "admission.udp_port", [](auto&, auto& one) { one.set_udp_port(65536); });
  expect(kInvalid, "admission.rank", [](auto&, auto& one) { one.set_rank(256); });
  expect(kInvalid, "admission.local_address", [](auto&, auto& one) { one.set_local_address("2001:db8::1"); });
  EXPECT_TRUE(fake.transactions().empty());
}

TEST_F(DaemonPeerTest, FieldsOfALaterReleaseAreRefused) {
  auto in = movie_of_two("r1");
  auto& one = *in.mutable_operations(1)->mutable_put_admission();
  one.GetReflection()->MutableUnknownFields(&one)->AddVarint(900, 1);  // a flag that is not known here
  EXPECT_EQ(apply(in).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(detail.object(), "admission movie alice");
}

TEST_F(DaemonPeerTest, Rfc7574_7_11_SmallChunksAreWarnedOf) {
  auto in = movie_of_two("r1");
  in.mutable_operations(0)->mutable_put_swarm()->set_chunk_bytes(256);
  ASSERT_TRUE(apply(in).ok()) << detail.message();
  ASSERT_EQ(answer.warnings_size(), 1);
  EXPECT_EQ(answer.warnings(0).object(), "swarm movie");
  EXPECT_EQ(answer.warnings(0).field(), "swarm.chunk_bytes");
  ASSERT_TRUE(apply(in).ok());
  EXPECT_EQ(answer.warnings_size(), 1) << "replayed with the first answer";
}

TEST_F(DaemonPeerTest, MetadataSignatureOfTheOpensslCommandLineVerifies) {
  auto keys = std::make_shared<ProviderKeys>();
  ASSERT_TRUE(keys->add("studio", kEcP256Key));
  settings.controller.swarms.provider_keys = keys;
  settings.controller.swarms.require_metadata_signature = true;
  restart_daemon();
  EXPECT_EQ(apply(movie_of_two("r1")).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(detail.field(), "swarm.metadata_signature");
  auto in = movie_of_two("r1");
  auto& swarm_in = *in.mutable_operations(0)->mutable_put_swarm();
  swarm_in.mutable_metadata_signature()->set_key_id("studio");
  swarm_in.mutable_metadata_signature()->set_signature(from_hex(kEcP256Signature));
  ASSERT_TRUE(apply(in).ok()) << "the text is the one that was signed: " << detail.message();
  EXPECT_TRUE(swarm().metadata_signed());
  EXPECT_EQ(fake.peers().swarms.at(swarm_handle()).flags, std::uint32_t{abi::kSwarmMetadataSigned});
  for (const auto& change : std::vector<std::function<void(v1::Swarm&)>>{
           [](v1::Swarm& one) { one.set_content_bytes(kCaptureBytes - 1); }, [](v1::Swarm& one) { one.set_chunk_bytes(2048); },
           [](v1::Swarm& one) { one.set_addressing(v1::CHUNK_ADDRESSING_CHUNK64); },
           [](v1::Swarm& one) { one.mutable_content_key()->set_key_id("k"); }}) {
    auto other = in;
    other.set_request_id("r2");
    change(*other.mutable_operations(0)->mutable_put_swarm());
    EXPECT_EQ(apply(other).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(detail.field(), "swarm.metadata_signature.signature");
  }
  swarm_in.set_send_bytes_per_s(1000);
  in.set_request_id("r3");
  EXPECT_TRUE(apply(in).ok()) << "the application server's own choices are not signed";
}

TEST_F(DaemonPeerTest, SwarmsAreShownAsTheyWerePutWithWhatIsCounted) {
  auto in = movie_of_two("r1");
  auto& put = *in.mutable_operations(0)->mutable_put_swarm();
  put.set_kind(v1::SWARM_KIND_STATIC);
  put.set_hash(v1::MERKLE_HASH_SHA256);
  put.set_addressing(v1::CHUNK_ADDRESSING_CHUNK64);
  put.mutable_peers();
  put.set_fetch(v1::FETCH_POLICY_EVERYTHING);
  put.set_cache_quota_bytes(1 << 30);
  put.set_send_bytes_per_s(5000000);
  put.set_stored_level(4);
  put.set_guard(v1::GUARD_POLICY_DROP);
  put.mutable_conduct()->set_ban_s(600);
  auto& rule = *put.mutable_conduct()->add_rules();
  rule.set_verdict(v1::PEER_VERDICT_BLACK_HOLE);
  rule.set_action(v1::CONDUCT_ACTION_BAN);
  put.mutable_content_key()->set_key_id("movie-key");
  put.mutable_content_key()->set_version(3);
  ASSERT_TRUE(apply(in).ok()) << detail.message();
  abi::SwarmInfo info{};
  info.swarm_id = swarm_handle();
  info.chunks = 7;
  info.chunks_held = 5;
  info.complete = 1;
  fake.set_swarm_info(info);
  const auto state = swarm();
  EXPECT_EQ(state.swarm().DebugString(), put.DebugString());
  EXPECT_EQ(state.admission_count(), 2u);
  EXPECT_EQ(state.version(), 1u);
  EXPECT_EQ(state.handle(), handle_text(swarm_handle()));
  EXPECT_EQ(state.counts().chunks_held(), 5u);
  EXPECT_TRUE(state.counts().complete());
  EXPECT_TRUE(state.counted());
  fake.stop();
  ASSERT_TRUE(fake.wait_until([&] { return !daemon->controller().dataplane().info().ready; }));
  EXPECT_FALSE(swarm().counted()) << "answered with the data plane down";
  v1::SwarmState none;
  v1::GetSwarmRequest unknown;
  unknown.set_id("nothing");
  EXPECT_EQ(call(&Stub::GetSwarm, unknown, none).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(DaemonPeerTest, LiveSwarmIsShownAsItWasPut) {
  auto in = request("r1");
  auto& put = *in.add_operations()->mutable_put_swarm();
  put.set_id("news");
  put.set_kind(v1::SWARM_KIND_LIVE);
  put.set_key(std::string(1, 13) + std::string(64, 'k'));
  put.set_hash(v1::MERKLE_HASH_SHA1);
  put.set_addressing(v1::CHUNK_ADDRESSING_CHUNK32);
  put.set_chunk_bytes(1024);
  put.mutable_live()->set_munro_level(5);
  put.mutable_live()->set_signature_form(v1::SIGNATURE_FORM_LIBSWIFT);
  put.set_guard_only(true);
  put.set_fetch(v1::FETCH_POLICY_NOTHING);
  put.set_guard(v1::GUARD_POLICY_PASS);
  put.mutable_conduct();
  ASSERT_TRUE(apply(in).ok()) << detail.message();
  EXPECT_EQ(swarm("news").swarm().DebugString(), put.DebugString());
  EXPECT_EQ(fake.peers().swarms.at(swarm_handle("news")).discard_window, ~std::uint64_t{0});
}

TEST_F(DaemonPeerTest, ListsArePaged) {
  auto in = request("r1");
  for (int i = 0; i < 5; ++i) {
    auto& one = *in.add_operations()->mutable_put_swarm();
    fill_swarm(one, "s" + std::to_string(i));
    one.mutable_key()->front() = static_cast<char>(i);
    for (int k = 0; k < 3; ++k) fill_admission(*in.add_operations()->mutable_put_admission(), "p" + std::to_string(k), 10 + k, one.id());
  }
  ASSERT_TRUE(apply(in).ok()) << detail.message();
  std::string swarms, admissions;
  v1::ListSwarmsRequest list;
  list.set_page_size(2);
  do {
    v1::ListSwarmsResponse page;
    ASSERT_TRUE(call(&Stub::ListSwarms, list, page).ok());
    for (const auto& one : page.swarms()) swarms += one.swarm().id() + " ";
    swarms += "| ";
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(swarms, "s0 s1 | s2 s3 | s4 | ");
  v1::ListAdmissionsRequest of;
  of.set_page_size(2);
  of.set_swarm_id("s1");
  do {
    v1::ListAdmissionsResponse page;
    ASSERT_TRUE(call(&Stub::ListAdmissions, of, page).ok());
    for (const auto& one : page.admissions()) admissions += one.swarm_id() + "/" + one.id() + " ";
    of.set_page_token(page.next_page_token());
  } while (!of.page_token().empty());
  EXPECT_EQ(admissions, "s1/p0 s1/p1 s1/p2 ");
  v1::ListAdmissionsResponse all;
  ASSERT_TRUE(call(&Stub::ListAdmissions, v1::ListAdmissionsRequest(), all).ok());
  EXPECT_EQ(all.admissions_size(), 15);
}

TEST_F(DaemonPeerTest, TenThousandSwarmsAndAHundredThousandAdmissionsGoThrough) {
  settings.controller.limits.admissions = 200000;
  restart_daemon();
  auto in = request("r1");
  for (int i = 0; i < 10000; ++i) {
    auto& one = *in.add_operations()->mutable_put_swarm();
    fill_swarm(one, "s" + std::to_string(i));
    one.mutable_key()->at(0) = static_cast<char>(i);
    one.mutable_key()->at(1) = static_cast<char>(i >> 8);
    for (int k = 0; k < 10; ++k) fill_admission(*in.add_operations()->mutable_put_admission(), std::to_string(k), k + 1, one.id());
  }
  ASSERT_TRUE(apply(in).ok()) << detail.message();
  EXPECT_EQ(answer.created(), 110000u);
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    auto one = request("one" + std::to_string(round));
    fill_admission(*one.add_operations()->mutable_put_admission(), "new", 100, "s" + std::to_string(500 * round));
    ASSERT_TRUE(apply(one).ok()) << detail.message();
  }
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin) / kRounds;
  RecordProperty("put_admission_us", static_cast<int>(took.count()));
  EXPECT_EQ(fake.peers().admissions.size(), 100000u + kRounds);
}

}  // namespace
}  // namespace mediaward::control::test
