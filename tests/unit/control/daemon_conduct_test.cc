// SPDX-License-Identifier: Apache-2.0
// What peers do and what is done to them, through the whole daemon: peers, bans and reports, take-downs, verdicts and evidence.
#include "tests/unit/control/daemon_peer_fixture.h"

namespace mediaward::control::test {
namespace {

using DaemonConductTest = DaemonPeerTest;
using Stub = v1::Mediaward::Stub;

abi::PeerInfo peer_info(std::uint64_t swarm, std::uint8_t last, std::uint16_t udp_port) {
  abi::PeerInfo info{};
  info.swarm_id = swarm;
  info.family = abi::Family::kIpv4;
  info.peer.address[0] = 192;
  info.peer.address[2] = 2;
  info.peer.address[3] = last;
  info.peer.udp_port = udp_port;
  info.score = 100;
  return info;
}

TEST_F(DaemonConductTest, PeersComeFromTheDataPlane) {
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  auto bad = peer_info(swarm_handle(), 7, 6778);
  bad.admission_id = admission_handle("alice");
  bad.score = 12;
  bad.verdicts = 1u << static_cast<unsigned>(abi::ConductVerdict::kBlackHole);
  bad.action = static_cast<std::uint8_t>(abi::ConductAction::kBan);
  bad.bad = 3;
  fake.set_peers({peer_info(swarm_handle(), 8, 6779), peer_info(swarm_handle(), 8, 6778), bad});
  std::string seen;
  v1::ListPeersRequest list;
  list.set_swarm_id("movie");
  list.set_page_size(2);
  do {
    v1::ListPeersResponse page;
    ASSERT_TRUE(call(&Stub::ListPeers, list, page).ok()) << detail.message();
    for (const auto& one : page.peers()) seen += one.address() + ":" + std::to_string(one.udp_port()) + " ";
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(seen, "192.0.2.7:6778 192.0.2.8:6778 192.0.2.8:6779 ");
  v1::GetPeerRequest get;
  get.set_swarm_id("movie");
  get.set_address("192.0.2.7");
  v1::PeerState peer;
  ASSERT_TRUE(call(&Stub::GetPeer, get, peer).ok()) << detail.message();
  EXPECT_EQ(peer.admission_id(), "alice");
  EXPECT_EQ(peer.score(), 12u);
  EXPECT_EQ(peer.bad(), 3u);
  EXPECT_EQ(peer.action(), v1::CONDUCT_ACTION_BAN);
  ASSERT_EQ(peer.verdicts_size(), 1);
  EXPECT_EQ(peer.verdicts(0).verdict(), v1::PEER_VERDICT_BLACK_HOLE);
  get.set_address("192.0.2.8");
  EXPECT_EQ(call(&Stub::GetPeer, get, peer).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(detail.message(), "must be given: there are peers with ports 6778 6779");
  get.set_udp_port(6779);
  EXPECT_TRUE(call(&Stub::GetPeer, get, peer).ok());
  get.set_address("192.0.2.9");
  EXPECT_EQ(call(&Stub::GetPeer, get, peer).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(DaemonConductTest, Rfc7846_4_1_3_ReportsAndBansReachTheDataPlane) {
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  v1::PeerActionRequest in;
  in.set_swarm_id("movie");
  in.set_address("192.0.2.7");
  in.set_udp_port(6778);
  in.mutable_report()->set_uploaded_bytes(1000);
  in.mutable_report()->set_downloaded_bytes(2000);
  ASSERT_TRUE(act(in).ok()) << detail.message();
  in.mutable_report()->set_complete(true);
  ASSERT_TRUE(act(in).ok()) << detail.message();
  EXPECT_NE(log_text.find("report of 1000 bytes uploaded and 2000 downloaded, complete"), std::string::npos) << log_text;
  in.mutable_ban()->set_seconds(60);
  in.set_author("ops");
  in.set_reason("tampering");
  ASSERT_TRUE(act(in).ok());
  in.mutable_unban();
  in.set_udp_port(0);
  ASSERT_TRUE(act(in).ok());
  const auto commands = fake.peers().commands;
  ASSERT_EQ(commands.size(), 4u);
  EXPECT_EQ(commands[0].kind, abi::PeerCommandKind::kReport);
  EXPECT_EQ(commands[0].complete, 0);
  EXPECT_EQ(commands[0].a, 1000u);
  EXPECT_EQ(commands[0].b, 2000u);
  EXPECT_EQ(commands[0].peer.udp_port, 6778);
  EXPECT_EQ(commands[1].kind, abi::PeerCommandKind::kReport);
  EXPECT_EQ(commands[1].complete, 1);
  EXPECT_EQ(commands[2].kind, abi::PeerCommandKind::kBan);
  EXPECT_EQ(commands[2].a, 60u);
  EXPECT_EQ(commands[2].complete, 0);
  EXPECT_EQ(commands[3].kind, abi::PeerCommandKind::kUnban);
  EXPECT_EQ(commands[3].peer.udp_port, 0);
  const auto entries = audit();
  ASSERT_EQ(entries.entries_size(), 2) << "a report changes nothing that anybody must answer for";
  EXPECT_EQ(entries.entries(0).action(), v1::AUDIT_ACTION_BAN_PEER);
  EXPECT_EQ(entries.entries(0).text(), "192.0.2.7:6778: ban for 60 s");
  EXPECT_EQ(entries.entries(0).author(), "ops");
  in.set_swarm_id("nothing");
  EXPECT_EQ(act(in).error_code(), grpc::StatusCode::NOT_FOUND);
  in.set_swarm_id("movie");
  in.mutable_ban()->set_seconds(0);
  EXPECT_EQ(act(in).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(detail.field(), "ban.seconds");
  fake.refuse_next({ErrorCode::kNotFound, 0, "peer", "no such peer"});
  in.mutable_unban();
  EXPECT_EQ(act(in).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(detail.object(), "swarm movie peer 192.0.2.7");
}

TEST_F(DaemonConductTest, TakeDownIsLoggedToldAndKept) {
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  auto dry = take_down("r2");
  dry.set_dry_run(true);
  ASSERT_TRUE(apply(dry).ok());
  EXPECT_EQ(audit().entries_size(), 0);
  fake.refuse_next({ErrorCode::kExhausted, 0, "", "not now"});
  EXPECT_FALSE(apply(take_down("r2")).ok());
  EXPECT_EQ(audit().entries_size(), 0) << "nothing was taken down";
  ASSERT_TRUE(apply(take_down("r2")).ok()) << detail.message();
  EXPECT_TRUE(fake.peers().swarms.empty());
  EXPECT_TRUE(fake.peers().admissions.empty());
  const auto entries = audit();
  ASSERT_EQ(entries.entries_size(), 1);
  EXPECT_EQ(entries.entries(0).action(), v1::AUDIT_ACTION_REMOVE_SWARM);
  EXPECT_EQ(entries.entries(0).object(), "swarm movie");
  EXPECT_EQ(entries.entries(0).author(), "ops");
  EXPECT_EQ(entries.entries(0).reason(), "court order 17");
  EXPECT_EQ(entries.entries(0).request_id(), "r2");
  EXPECT_EQ(entries.entries(0).revision(), 2u);
  EXPECT_NE(log_text.find("take-down object=\"swarm movie\" author=ops reason=\"court order 17\" request_id=r2 revision=2"),
            std::string::npos)
      << log_text;
  EXPECT_EQ(events_until(v1::EVENT_TYPE_SWARM_TAKEN_DOWN).back(), "SWARM_TAKEN_DOWN swarm movie: ops: court order 17");
  EXPECT_EQ(event.a(), 1u);
}

abi::EvidenceMessage bad_chunk(std::uint64_t swarm, std::uint8_t last) {
  abi::EvidenceMessage out{};
  out.swarm_id = swarm;
  out.time_ns = 5;
  out.kind = abi::EvidenceKind::kBadChunk;
  out.family = abi::Family::kIpv4;
  out.channel = 0x01020304;
  out.node_level = 2;
  out.node_index = 1;
  out.chunk = 4;
  out.peer = peer_info(0, last, 6778).peer;
  out.local = peer_info(0, 1, 7777).peer;
  out.bytes = 1024;
  out.digest[0] = 0xab;
  out.digest[63] = 0xcd;
  return out;
}

TEST_F(DaemonConductTest, EvidenceIsKeptUntilItIsAcknowledged) {
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  fake.send_evidence(bad_chunk(swarm_handle(), 7));
  fake.send_event(abi::EventKind::kPeerVerdict, swarm_handle(), static_cast<std::uint64_t>(abi::ConductVerdict::kTampering),
                  static_cast<std::uint64_t>(abi::ConductAction::kBan), "192.0.2.7:6778: 3 of 9 chunks bad");
  fake.send_event(abi::EventKind::kSwarmComplete, swarm_handle(), 7, 0, "");
  const auto told = events_until(v1::EVENT_TYPE_SWARM_COMPLETE);
  EXPECT_EQ(event.a(), 7u);
  ASSERT_GE(told.size(), 3u);
  EXPECT_EQ(told[told.size() - 3], "EVIDENCE swarm movie: 192.0.2.7:6778 bad chunk, chunk 4, node 2/1");
  EXPECT_EQ(told[told.size() - 2], "PEER_VERDICT swarm movie: 192.0.2.7:6778: 3 of 9 chunks bad");
  const auto kept = evidence();
  ASSERT_EQ(kept.evidence_size(), 2);
  const auto& chunk = kept.evidence(0);
  EXPECT_EQ(chunk.sequence(), 1u);
  EXPECT_EQ(chunk.kind(), v1::EVIDENCE_KIND_BAD_CHUNK);
  EXPECT_EQ(chunk.swarm_id(), "movie");
  EXPECT_EQ(chunk.address(), "192.0.2.7");
  EXPECT_EQ(chunk.udp_port(), 6778u);
  EXPECT_EQ(chunk.local_address(), "192.0.2.1");
  EXPECT_EQ(chunk.local_udp_port(), 7777u);
  EXPECT_EQ(chunk.channel(), 0x01020304u);
  EXPECT_EQ(chunk.chunk(), 4u);
  EXPECT_EQ(chunk.chunk_bytes(), 1024u);
  EXPECT_EQ(chunk.node_level(), 2u);
  EXPECT_EQ(chunk.node_index(), 1u);
  EXPECT_EQ(chunk.digest().size(), 32u) << "of the swarm's hash";
  EXPECT_EQ(static_cast<std::uint8_t>(chunk.digest()[0]), 0xab);
  const auto& verdict = kept.evidence(1);
  EXPECT_EQ(verdict.kind(), v1::EVIDENCE_KIND_VERDICT);
  EXPECT_EQ(verdict.verdict(), v1::PEER_VERDICT_TAMPERING);
  EXPECT_EQ(verdict.action(), v1::CONDUCT_ACTION_BAN);
  EXPECT_EQ(verdict.address(), "192.0.2.7") << "from its text";
  EXPECT_EQ(verdict.udp_port(), 6778u);
  EXPECT_EQ(evidence("192.0.2.8").evidence_size(), 0);
  EXPECT_EQ(evidence("192.0.2.7").evidence_size(), 2);
  EXPECT_EQ(status().evidence_kept(), 2u);
  v1::AcknowledgeEvidenceRequest ack;
  v1::AcknowledgeEvidenceResponse out;
  ack.set_up_to_sequence(9);
  EXPECT_EQ(call(&Stub::AcknowledgeEvidence, ack, out).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "not reached yet";
  ack.set_up_to_sequence(1);
  ack.set_instance_id("another life");
  EXPECT_EQ(call(&Stub::AcknowledgeEvidence, ack, out).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ack.set_instance_id(kept.instance_id());
  ASSERT_TRUE(call(&Stub::AcknowledgeEvidence, ack, out).ok());
  EXPECT_EQ(out.forgotten(), 1u);
  EXPECT_EQ(out.kept(), 1u);
  EXPECT_EQ(evidence().evidence(0).sequence(), 2u);
}

TEST_F(DaemonConductTest, VerdictsAreOfThePeerThatTheirTextBeginsWith) {
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  const std::pair<const char*, const char*> texts[] = {{"192.0.2.7:6778: why", "192.0.2.7 6778"},
                                                       {"192.0.2.7: why", "192.0.2.7 0"},
                                                       {"[2001:db8::7]:6778: why", "2001:db8::7 6778"},
                                                       {"2001:db8::7: why", "2001:db8::7 0"},
                                                       {"somebody: why", " 0"}};
  for (const auto& [text, peer] : texts) fake.send_event(abi::EventKind::kPeerVerdict, swarm_handle(), 1, 1, text);
  ASSERT_TRUE(fake.wait_until([&] { return daemon->controller().evidence().counts().last == std::size(texts); }));
  const auto kept = evidence();
  for (int i = 0; i < kept.evidence_size(); ++i)
    EXPECT_EQ(kept.evidence(i).address() + " " + std::to_string(kept.evidence(i).udp_port()), texts[i].second);
}

TEST_F(DaemonConductTest, EvidenceBeyondTheLimitIsCountedAsLost) {
  settings.controller.evidence_max = 16;
  restart_daemon();
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  fake.send_evidence(bad_chunk(swarm_handle(), 8));
  for (int i = 0; i < 100; ++i) fake.send_evidence(bad_chunk(swarm_handle(), 7));
  ASSERT_TRUE(fake.wait_until([&] { return daemon->controller().evidence().counts().last == 101; }));
  const auto kept = evidence();
  EXPECT_EQ(kept.kept(), 16u);
  EXPECT_EQ(kept.lost(), 85u);
  EXPECT_EQ(kept.evidence(0).address(), "192.0.2.8") << "of the other peer is still there";
  EXPECT_EQ(evidence("192.0.2.7").evidence_size(), 15);
}

TEST_F(DaemonConductTest, EventsOfSwarmsHaveTheirNames) {
  ASSERT_TRUE(apply(movie_of_two("r1")).ok());
  fake.send_event(abi::EventKind::kPeerCleared, swarm_handle(), 1, 0, "192.0.2.7:6778");
  fake.send_event(abi::EventKind::kSwarmExpired, swarm_handle(), 0, 0, "");
  const auto told = events_until(v1::EVENT_TYPE_SWARM_EXPIRED);
  EXPECT_EQ(told.back(), "SWARM_EXPIRED swarm movie: ");
  EXPECT_EQ(told[told.size() - 2], "PEER_CLEARED swarm movie: 192.0.2.7:6778");
}

}  // namespace
}  // namespace mediaward::control::test
