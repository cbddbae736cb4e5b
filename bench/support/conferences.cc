// SPDX-License-Identifier: Apache-2.0
// See conferences.h.
#include "bench/support/conferences.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace mediaward::bench {
namespace {

constexpr const char* kPortName = "media0";

std::vector<std::uint8_t> make_key(const crypto::SuiteInfo& suite, std::uint32_t number) {
  std::vector<std::uint8_t> key(std::size_t{suite.key_bytes} + suite.salt_bytes);
  std::uint32_t state = number * 2654435761u + 99991u;
  for (auto& byte : key) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return key;
}

abi::Key to_abi(const crypto::SuiteInfo& suite, const std::vector<std::uint8_t>& bytes) {
  abi::Key key{};
  key.suite = static_cast<std::uint8_t>(suite.id);
  key.key_bytes = suite.key_bytes;
  key.salt_bytes = suite.salt_bytes;
  std::copy_n(bytes.begin(), suite.key_bytes, key.key);
  std::copy_n(bytes.begin() + suite.key_bytes, suite.salt_bytes, key.salt);
  return key;
}

void put_endpoint(abi::Endpoint& to, std::uint32_t address, std::uint16_t port) {
  for (unsigned i = 0; i < 4; ++i) to.address[i] = static_cast<std::uint8_t>(address >> (24 - 8 * i));
  to.udp_port = port;
}

abi::Leg to_leg(const crypto::SuiteInfo& suite, const Flow& flow, std::uint64_t conference) {
  abi::Leg m{};
  m.header = {abi::MessageType::kLeg, 0, sizeof m, 0};
  m.leg_id = flow.leg_id;
  m.conference_id = conference;
  std::snprintf(m.port_name, sizeof m.port_name, "%s", kPortName);
  m.family = abi::Family::kIpv4;
  m.flags = abi::kLegMayReceiveFrom | abi::kLegMaySendTo;
  put_endpoint(m.local, kLocalAddress, flow.local_port);
  put_endpoint(m.remote, flow.remote_address, flow.remote_port);
  m.receive_key = to_abi(suite, flow.receive_key);
  m.send_key = to_abi(suite, flow.send_key);
  return m;
}

abi::Stream to_stream(const Flow& flow) {
  abi::Stream m{};
  m.header = {abi::MessageType::kStream, 0, sizeof m, 0};
  m.stream_id = flow.leg_id << 32 | flow.ssrc;
  m.leg_id = flow.leg_id;
  m.ssrc = flow.ssrc;
  return m;
}

}  // namespace

std::vector<Flow> make_flows(crypto::Suite suite) {
  const crypto::SuiteInfo& info = *crypto::find_suite(suite);
  std::vector<Flow> flows(kFlows);
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    flows[i].leg_id = 1000 + i;
    flows[i].remote_address = kLocalAddress + 10 + i;
    flows[i].local_port = static_cast<std::uint16_t>(20000 + 2 * i);
    flows[i].remote_port = static_cast<std::uint16_t>(5004 + 2 * i);
    flows[i].ssrc = 0x10000001u + i;
    flows[i].partner = i ^ 1u;
    flows[i].receive_key = make_key(info, 2 * i);
    flows[i].send_key = make_key(info, 2 * i + 1);
  }
  return flows;
}

std::vector<dataplane::Operation> make_operations(crypto::Suite suite, const std::vector<Flow>& flows) {
  const crypto::SuiteInfo& info = *crypto::find_suite(suite);
  std::vector<dataplane::Operation> operations;
  for (std::uint64_t id = 1; id <= kFlows / 2; ++id) {
    abi::Conference m{};
    m.header = {abi::MessageType::kConference, 0, sizeof m, 0};
    m.conference_id = id;
    m.mode = abi::ForwardingMode::kPerParticipantKeys;
    operations.emplace_back(m);
  }
  for (std::size_t i = 0; i < flows.size(); ++i) operations.emplace_back(to_leg(info, flows[i], 1 + i / 2));
  for (const Flow& flow : flows) operations.emplace_back(to_stream(flow));
  return operations;
}

dataplane::CoreSettings make_settings(std::unique_ptr<dataplane::PacketIo> io) {
  dataplane::CoreSettings settings;
  dataplane::PortSettings port;
  port.name = kPortName;
  port.mac = kApplianceMac;
  port.addresses = {*dataplane::IpPrefix::parse("192.0.2.1/24")};
  settings.ports.push_back(port);
  dataplane::WorkerSettings worker;
  worker.queues.push_back({0, 0, std::move(io)});
  settings.workers.push_back(std::move(worker));
  settings.release = "bench";
  return settings;
}

}  // namespace mediaward::bench
