// SPDX-License-Identifier: Apache-2.0
// A daemon in this process, a fake data plane behind it and a gRPC client before it. Test thread.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "control/daemon.h"
#include "mediaward/v1/mediaward.grpc.pb.h"
#include "tests/unit/control/fake_dataplane.h"

namespace mediaward::control::test {

inline const std::string kKey = "MASTER-KEY-BYTES";  // 16
inline const std::string kSalt = "MASTER-SALT-14";   // 14

class DaemonTest : public testing::Test {
 protected:
  DaemonTest() {
    settings.listen = dir.path("api.sock");
    settings.controller.dataplane.socket_path = dir.path("dp.sock");
    settings.controller.dataplane.transaction_timeout = std::chrono::milliseconds(1000);
    settings.controller.dataplane.reconnect_min = settings.controller.dataplane.reconnect_max = std::chrono::milliseconds(5);
    fake.start();
    start_daemon();
  }
  void start_daemon() {
    daemon = std::make_unique<Daemon>(settings, log);
    const auto good = daemon->start();
    ASSERT_TRUE(good.has_value()) << good.error().message;
    stub = v1::Mediaward::NewStub(grpc::CreateChannel("unix:" + settings.listen, grpc::InsecureChannelCredentials()));
    ASSERT_TRUE(fake.wait_until([&] { return daemon->controller().dataplane().info().ready; }));
  }
  void TearDown() override {
    daemon.reset();
    for (const auto& text : {kKey, kSalt}) EXPECT_EQ(log_text.find(text), std::string::npos) << "a key in the log";
  }

  static void fill_leg(v1::Leg& leg, const std::string& name, std::uint32_t number) {
    leg.set_id("c/" + name);
    leg.set_conference_id("c");
    leg.set_port("media0");
    leg.mutable_local()->set_address("192.0.2.1");
    leg.mutable_local()->set_udp_port(20000 + number);
    leg.mutable_remote()->set_address("192.0.2." + std::to_string(10 + number));
    leg.mutable_remote()->set_udp_port(5004);
    for (auto* key : {leg.mutable_receive_key(), leg.mutable_send_key()}) {
      key->set_suite("AES_CM_128_HMAC_SHA1_80");
      key->set_master_key(kKey);
      key->set_master_salt(kSalt);
    }
  }
  static v1::ApplyTransactionRequest request(const std::string& id) {
    v1::ApplyTransactionRequest out;
    out.set_request_id(id);
    return out;
  }
  static v1::ApplyTransactionRequest two_participants(const std::string& id) {
    auto out = request(id);
    out.add_operations()->mutable_put_conference()->set_id("c");
    fill_leg(*out.add_operations()->mutable_put_leg(), "alice", 1);
    fill_leg(*out.add_operations()->mutable_put_leg(), "bob", 2);
    auto& stream = *out.add_operations()->mutable_put_stream();
    stream.set_id("c/alice/00000001");
    stream.set_leg_id("c/alice");
    stream.set_ssrc(1);
    return out;
  }
  grpc::Status apply(const v1::ApplyTransactionRequest& in) {
    grpc::ClientContext context;
    answer.Clear();
    const auto status = stub->ApplyTransaction(&context, in, &answer);
    detail.Clear();
    EXPECT_TRUE(status.ok() || detail.ParseFromString(status.error_details())) << status.error_message();
    return status;
  }
  v1::Status status() {
    grpc::ClientContext context;
    v1::Status out;
    EXPECT_TRUE(stub->GetStatus(&context, {}, &out).ok());
    return out;
  }
  v1::ConferenceState conference() {
    grpc::ClientContext context;
    v1::GetConferenceRequest in;
    in.set_id("c");
    v1::ConferenceState out;
    EXPECT_TRUE(stub->GetConference(&context, in, &out).ok());
    return out;
  }
  [[nodiscard]] bool wait_synchronized() {
    return fake.wait_until([&] { return daemon->controller().status().synchronized && daemon->controller().dataplane().info().ready; });
  }
  void restart_dataplane() {
    fake.stop();
    ASSERT_TRUE(fake.wait_until([&] { return !daemon->controller().dataplane().info().ready; }));
    fake.start();
    ASSERT_TRUE(wait_synchronized());
  }

  TempDir dir;
  FakeDataplane fake{dir.path("dp.sock")};
  Settings settings;
  std::string log_text;
  Log log{[this](std::string_view line) { log_text += line; }};
  std::unique_ptr<Daemon> daemon;
  std::unique_ptr<v1::Mediaward::Stub> stub;
  v1::ApplyTransactionResponse answer;
  v1::ErrorDetail detail;
};

}  // namespace mediaward::control::test
