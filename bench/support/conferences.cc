// SPDX-License-Identifier: Apache-2.0
// See conferences.h.
#include "bench/support/conferences.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "bench/support/cpu_clock.h"
#include "crypto/bytes.h"

namespace mediaward::bench {
namespace {

constexpr const char* kPortName = "media0";
constexpr std::uint32_t kOnLink = kLocalAddress + 0x00ff;  // 198.18.1.0: participants that are next hops
constexpr std::uint32_t kBehind = 0xc6130000;              // 198.19.0.0: participants behind the gateway
constexpr std::uint16_t kFirstPort = 20000;
constexpr std::size_t kPortsPerAddress = 16384;  // even ones
constexpr std::size_t kLocalAddresses = Conferences::kMaxParticipants / kPortsPerAddress;
constexpr std::size_t kLegsPerTransaction = 256;

using Master = Conferences::Master;

Master make_key(const crypto::SuiteInfo& suite, std::uint32_t number) {
  Master key(std::size_t{suite.key_bytes} + suite.salt_bytes);
  std::uint32_t state = number * 2654435761u + 99991u;
  for (auto& byte : key) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return key;
}

abi::Key to_abi(const crypto::SuiteInfo& suite, const Master& bytes) {
  abi::Key key{};
  key.suite = static_cast<std::uint8_t>(suite.id);
  key.key_bytes = suite.key_bytes;
  key.salt_bytes = suite.salt_bytes;
  std::copy_n(bytes.begin(), suite.key_bytes, key.key);
  std::copy_n(bytes.begin() + suite.key_bytes, suite.salt_bytes, key.salt);
  return key;
}

abi::Endpoint to_abi(std::uint32_t address, std::uint16_t port) {
  abi::Endpoint to;
  store_be32(reinterpret_cast<std::byte*>(to.address), address);
  to.udp_port = port;
  return to;
}

abi::Leg to_leg(const Conferences& all, std::size_t participant) {
  const Endpoint at = all.endpoint(participant);
  abi::Leg m{};
  m.header = {abi::MessageType::kLeg, 0, sizeof m, 0};
  m.leg_id = 1000 + participant;
  m.conference_id = 1 + all.conference(participant);
  std::snprintf(m.port_name, sizeof m.port_name, "%s", kPortName);
  m.family = abi::Family::kIpv4;
  m.source_policy = abi::SourcePolicy::kExact;
  m.ssrc_policy = abi::SsrcPolicy::kFixed;
  m.rtcp_policy = abi::RtcpPolicy::kForward;
  m.flags = abi::kLegMayReceiveFrom | abi::kLegMaySendTo | abi::kLegRtcpMux;
  m.local = to_abi(at.local_address, at.local_port);
  m.remote = to_abi(at.remote_address, at.remote_port);
  m.receive_key_count = 1;
  m.receive_keys[0] = to_abi(all.suite(), all.receive_key(participant));
  if (all.group()) return m;
  m.send_key_count = 1;
  m.send_keys[0] = to_abi(all.suite(), all.send_key(participant));
  return m;
}

abi::Stream to_stream(const Conferences& all, std::size_t stream) {
  abi::Stream m{};
  m.header = {abi::MessageType::kStream, 0, sizeof m, 0};
  m.stream_id = 1 + stream;
  m.leg_id = 1000 + all.sender(stream);
  m.ssrc = Conferences::ssrc(stream);
  return m;
}

}  // namespace

Shape calls(crypto::Suite suite) {
  return {.suite = suite};
}

Shape many_calls(crypto::Suite suite, std::size_t streams) {
  return {.suite = suite, .conferences = streams / 2, .gateway = true, .huge_pages = true};
}

Shape fan_out(crypto::Suite suite, std::size_t receivers, abi::ForwardingMode mode) {
  return {.suite = suite, .conferences = 2, .participants = receivers + 1, .senders = 1, .mode = mode};
}

Conferences::Conferences(const Shape& shape) : shape_(shape) {
  if (shape.conferences == 0 || shape.senders == 0 || shape.participants < std::max<std::size_t>(2, shape.senders) ||
      participants() > kMaxParticipants)
    throw std::runtime_error("the benchmark cannot play conferences of this shape");
}

std::size_t Conferences::listener(std::size_t stream) const noexcept {
  const std::size_t from = sender(stream), first = conference(from) * shape_.participants;
  return from == first ? first + 1 : first;
}

Endpoint Conferences::endpoint(std::size_t participant) const noexcept {
  const auto p = static_cast<std::uint32_t>(participant);
  Endpoint at;
  at.local_address = kLocalAddress + p / static_cast<std::uint32_t>(kPortsPerAddress);
  at.local_port = static_cast<std::uint16_t>(kFirstPort + 2 * (p % kPortsPerAddress));
  at.remote_address = (shape_.gateway ? kBehind : kOnLink) + p;
  at.remote_port = static_cast<std::uint16_t>(5004 + 2 * (p % 1024));
  return at;
}

std::size_t Conferences::participant_at(std::uint32_t local_address, std::uint16_t local_port) noexcept {
  return std::size_t{local_address - kLocalAddress} * kPortsPerAddress + static_cast<std::uint16_t>(local_port - kFirstPort) / 2u;
}

Master Conferences::receive_key(std::size_t participant) const {
  return make_key(suite(), static_cast<std::uint32_t>(2 * participant));
}

Master Conferences::send_key(std::size_t participant) const {
  if (group()) return make_key(suite(), static_cast<std::uint32_t>(2 * (kMaxParticipants + conference(participant))));
  return make_key(suite(), static_cast<std::uint32_t>(2 * participant + 1));
}

void Conferences::add_conference(std::size_t number, std::vector<dataplane::Operation>& to) const {
  const std::size_t first = number * shape_.participants;
  abi::Conference m{};
  m.header = {abi::MessageType::kConference, 0, sizeof m, 0};
  m.conference_id = 1 + number;
  m.mode = shape_.mode;
  if (group()) {
    m.group_key_count = 1;
    m.group_keys[0] = to_abi(suite(), send_key(first));
  }
  to.emplace_back(m);
  for (std::size_t p = first; p < first + shape_.participants; ++p) to.emplace_back(to_leg(*this, p));
  for (std::size_t s = number * shape_.senders; s < (number + 1) * shape_.senders; ++s) to.emplace_back(to_stream(*this, s));
}

ApplyTicks Conferences::apply(dataplane::Core& core) const {
  ApplyTicks spent;
  std::vector<dataplane::Operation> operations;
  for (std::size_t number = 0; number < shape_.conferences; ++number) {
    add_conference(number, operations);
    if (operations.size() < kLegsPerTransaction && number + 1 != shape_.conferences) continue;
    const std::uint64_t begin = ticks();
    if (auto taken = core.submit(operations, {}); !taken)
      throw std::runtime_error("the core refuses the benchmark's conferences: " + taken.error().message);
    while (!core.applied()) {
      const std::uint64_t loop = ticks();
      core.worker(0).run_once();
      spent.longest_loop = std::max(spent.longest_loop, ticks() - loop);
    }
    core.collect();
    spent.all += ticks() - begin;
    operations.clear();
  }
  return spent;
}

dataplane::CoreSettings Conferences::settings(std::unique_ptr<dataplane::PacketIo> io) const {
  dataplane::CoreSettings settings;
  dataplane::PortSettings port;
  port.name = kPortName;
  port.mac = kApplianceMac;
  for (std::uint32_t i = 0; i < kLocalAddresses; ++i) {
    std::byte bytes[4];
    store_be32(bytes, kLocalAddress + i);
    port.addresses.push_back({dataplane::IpAddress::v4(bytes), 16});
  }
  std::byte gateway[4];
  store_be32(gateway, kLocalAddress + 0xfd);
  port.gateway_v4 = dataplane::IpAddress::v4(gateway);
  port.media_port_first = kFirstPort;
  port.media_port_last = kFirstPort + 2 * kPortsPerAddress - 1;
  settings.ports.push_back(port);
  dataplane::WorkerSettings worker;
  worker.queues.push_back({0, 0, std::move(io)});
  settings.workers.push_back(std::move(worker));
  auto& limits = settings.limits;
  limits.legs = std::max(limits.legs, static_cast<std::uint32_t>(participants()));
  limits.slots = std::max(limits.slots, static_cast<std::uint32_t>(participants() + streams() * (1 + receivers())));
  limits.neighbours = std::max(limits.neighbours, shape_.gateway ? 1u : static_cast<std::uint32_t>(participants()));
  settings.allowed_suites = dataplane::suite_bit(shape_.suite);
  settings.huge_pages = shape_.huge_pages;
  settings.release = "bench";
  return settings;
}

}  // namespace mediaward::bench
