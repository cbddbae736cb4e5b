// SPDX-License-Identifier: Apache-2.0
// The daemon fixture with swarms in requests, a content directory, and the calls that concern peers. Test thread.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/control/daemon_fixture.h"
#include "tests/unit/control/peer_fixture.h"

namespace mediaward::control::test {

class DaemonPeerTest : public DaemonTest {
 protected:
  DaemonPeerTest() {
    std::filesystem::create_directories(dir.path("content"));
    settings.controller.dataplane.content_directory = dir.path("content");
    restart_daemon();
  }
  void restart_daemon() {
    daemon.reset();
    start_daemon();
  }
  void write_content(const std::string& name, const std::string& bytes) {
    std::ofstream(dir.path("content/" + name), std::ios::binary) << bytes;
  }

  static void fill_swarm(v1::Swarm& swarm, const std::string& id = "movie") {
    swarm.set_id(id);
    swarm.set_key(from_hex(kCaptureRoot));
    swarm.set_chunk_bytes(1024);
    swarm.set_content_bytes(kCaptureBytes);
  }
  static void fill_admission(v1::Admission& one, const std::string& id, int last, const std::string& swarm = "movie") {
    one.set_id(id);
    one.set_swarm_id(swarm);
    one.set_port("media0");
    one.set_peers("192.0.2." + std::to_string(last));
    one.set_udp_port(6778);
    one.set_provide(true);
    one.set_receive(true);
  }
  // "movie" with alice (.7) and bob (.8), and no content.
  static v1::ApplyTransactionRequest movie_of_two(const std::string& id) {
    auto out = request(id);
    fill_swarm(*out.add_operations()->mutable_put_swarm());
    fill_admission(*out.add_operations()->mutable_put_admission(), "alice", 7);
    fill_admission(*out.add_operations()->mutable_put_admission(), "bob", 8);
    return out;
  }
  static v1::ApplyTransactionRequest put_file(const std::string& id, const std::string& file,
                                              v1::ContentKind kind = v1::CONTENT_KIND_CONTENT) {
    auto out = request(id);
    auto& content = *out.add_operations()->mutable_put_content();
    content.set_swarm_id("movie");
    content.set_kind(kind);
    content.set_file(file);
    return out;
  }
  static v1::ApplyTransactionRequest take_down(const std::string& id) {
    auto out = request(id);
    auto& gone = *out.add_operations()->mutable_remove_swarm();
    gone.set_id("movie");
    gone.set_author("ops");
    gone.set_reason("court order 17");
    return out;
  }
  static std::uint64_t swarm_handle(const std::string& id = "movie") { return object_handle(ObjectKind::kSwarm, id); }
  static std::uint64_t admission_handle(const std::string& id) { return object_handle(ObjectKind::kAdmission, "movie " + id); }

  // Any call with one request and one answer; what it was refused for is in `detail`.
  template <typename In, typename Out>
  grpc::Status call(grpc::Status (v1::Mediaward::Stub::*method)(grpc::ClientContext*, const In&, Out*), const In& in, Out& out) {
    grpc::ClientContext context;
    const auto status = (stub.get()->*method)(&context, in, &out);
    detail.Clear();
    EXPECT_TRUE(status.ok() || detail.ParseFromString(status.error_details())) << status.error_message();
    return status;
  }
  v1::SwarmState swarm(const std::string& id = "movie") {
    v1::GetSwarmRequest in;
    in.set_id(id);
    v1::SwarmState out;
    EXPECT_TRUE(call(&v1::Mediaward::Stub::GetSwarm, in, out).ok()) << detail.message();
    return out;
  }
  v1::ListEvidenceResponse evidence(const std::string& address = "") {
    v1::ListEvidenceRequest in;
    in.set_address(address);
    v1::ListEvidenceResponse out;
    EXPECT_TRUE(call(&v1::Mediaward::Stub::ListEvidence, in, out).ok()) << detail.message();
    return out;
  }
  v1::ListAuditResponse audit() {
    v1::ListAuditResponse out;
    EXPECT_TRUE(call(&v1::Mediaward::Stub::ListAudit, v1::ListAuditRequest(), out).ok());
    return out;
  }
  grpc::Status act(v1::PeerActionRequest in) {
    v1::PeerActionResponse out;
    return call(&v1::Mediaward::Stub::PeerAction, in, out);
  }
  // Every event so far, "TYPE object: text".
  std::vector<std::string> events_until(v1::EventType last) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    v1::WatchRequest in;
    in.set_from_sequence(1);
    const auto reader = stub->Watch(&context, in);
    std::vector<std::string> out;
    while (reader->Read(&event)) {
      out.push_back(v1::EventType_Name(event.type()).substr(11) + " " + event.object() + ": " + event.text());
      if (event.type() == last) break;
    }
    context.TryCancel();
    EXPECT_EQ(event.type(), last);
    return out;
  }

  v1::Event event;  // the last that events_until saw
};

}  // namespace mediaward::control::test
