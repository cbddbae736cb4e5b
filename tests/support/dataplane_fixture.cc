// SPDX-License-Identifier: Apache-2.0
// See dataplane_fixture.h.
#include "tests/support/dataplane_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace mediaward::test {
namespace {

using dataplane::Operation;

void put(char* to, std::size_t size, const std::string& text) { std::snprintf(to, size, "%s", text.c_str()); }

void put_endpoint(abi::Endpoint& to, const std::string& address, std::uint16_t port) {
  const auto bytes = address_bytes(address);
  std::copy(bytes.begin(), bytes.end(), to.address);
  to.udp_port = port;
}

abi::Key make_key(crypto::Suite suite, const SrtpMasterKey& master, std::uint64_t lifetime = 0, std::uint64_t srtcp_lifetime = 0) {
  const auto* info = crypto::find_suite(suite);
  abi::Key key{};
  key.suite = static_cast<std::uint8_t>(suite);
  key.key_bytes = info->key_bytes;
  key.salt_bytes = info->salt_bytes;
  key.mki_bytes = static_cast<std::uint8_t>(master.mki.size());
  std::copy_n(master.key.begin(), info->key_bytes, key.key);
  std::copy_n(master.key.begin() + info->key_bytes, info->salt_bytes, key.salt);
  std::copy(master.mki.begin(), master.mki.end(), key.mki);
  key.lifetime_packets = lifetime;
  key.lifetime_srtcp_packets = srtcp_lifetime;
  return key;
}

// Fills the keys of one direction and returns how many there are.
std::uint8_t put_keys(abi::Key* to, crypto::Suite suite, const SrtpMasterKey& first, const std::vector<SrtpMasterKey>& more, std::uint64_t lifetime,
                      std::uint64_t srtcp_lifetime) {
  if (suite == crypto::Suite::kNone) return 0;
  std::uint8_t n = 0;
  to[n++] = make_key(suite, first, lifetime, srtcp_lifetime);
  for (const auto& key : more) to[n++] = make_key(suite, key, lifetime, srtcp_lifetime);
  return n;
}

}  // namespace

Dataplane::Dataplane(std::unique_ptr<crypto::CryptoProvider> provider, Options options) : provider_(std::move(provider)) {
  dataplane::CoreSettings settings;
  dataplane::PortSettings port;
  port.name = "media0";
  std::memcpy(port.mac.data(), kApplianceMac.data(), 6);
  port.vlan = options.vlan;
  port.mtu = options.mtu;
  port.ppspp_port = options.ppspp_port;
  port.addresses = {*dataplane::IpPrefix::parse("192.0.2.1/24"), *dataplane::IpPrefix::parse("2001:db8::1/64"), *dataplane::IpPrefix::parse("198.51.100.1/24")};
  settings.ports.push_back(port);
  for (std::size_t w = 0; w < options.workers; ++w) {
    auto io = std::make_unique<MemoryIo>(options.io);
    ios_.push_back(io.get());
    dataplane::WorkerSettings worker;
    worker.burst = options.burst;
    worker.queues.push_back({0, static_cast<std::uint16_t>(w), std::move(io)});
    settings.workers.push_back(std::move(worker));
  }
  settings.limits = options.limits;
  settings.peer_limits = options.peer_limits;
  settings.allowed_suites = options.allowed_suites;
  settings.steer = options.steer;
  settings.release = "test";
  settings.tsc_hz = kTicksPerSecond;
  settings.clock = [this] { return now_; };
  auto core = dataplane::Core::create(std::move(settings), *provider_);
  if (!core) throw std::runtime_error(core.error().message);
  core_ = std::move(*core);
  run();
  (void)take_frames();  // announcements of our addresses
}

Operation Dataplane::conference(std::uint64_t id, const ConferenceOptions& options) {
  abi::Conference m{};
  m.header = {abi::MessageType::kConference, 0, sizeof m, 0};
  m.conference_id = id;
  m.mode = options.mode;
  m.loudest = options.loudest;
  m.hysteresis_db = options.hysteresis_db;
  m.hold_ms = options.hold_ms;
  m.flags = options.spread ? std::uint32_t{abi::kConferenceSpread} : 0;
  for (const auto& key : options.group_keys) m.group_keys[m.group_key_count++] = make_key(options.group_suite, key);
  return m;
}

Operation Dataplane::leg(std::uint64_t conference, const Participant& p) {
  abi::Leg m{};
  m.header = {abi::MessageType::kLeg, 0, sizeof m, 0};
  m.leg_id = p.leg_id;
  m.conference_id = conference;
  put(m.port_name, sizeof m.port_name, "media0");
  m.family = p.local.find(':') != std::string::npos ? abi::Family::kIpv6 : abi::Family::kIpv4;
  m.dscp = p.dscp;
  m.source_policy = p.source_policy;
  m.ssrc_policy = p.ssrc_policy;
  m.rtcp_policy = p.rtcp_policy;
  m.audio_level_id = p.audio_level_id;
  m.flags = p.flags;
  m.replay_window = p.replay_window;
  if (!p.source_filter.empty()) {
    const auto prefix = *dataplane::IpPrefix::parse(p.source_filter);
    m.source_filter_bits = static_cast<std::uint8_t>(prefix.bits);
    std::memcpy(m.source_filter, prefix.address.bytes.data(), sizeof m.source_filter);
  }
  put_endpoint(m.local, p.local, p.local_port);
  if (!p.remote.empty()) put_endpoint(m.remote, p.remote, p.remote_port);
  m.remote_rtcp_port = p.remote_rtcp_port;
  m.receive_key_count = put_keys(m.receive_keys, p.receive_suite, {p.receive_key, p.receive_mki}, p.more_receive_keys, p.receive_lifetime, p.receive_srtcp_lifetime);
  m.send_key_count = put_keys(m.send_keys, p.send_suite, {p.send_key, p.send_mki}, p.more_send_keys, p.send_lifetime, p.send_srtcp_lifetime);
  return m;
}

Operation Dataplane::topology(std::uint64_t conference, const Participant& from, const Participant& to, abi::TopologyRelation relation) {
  abi::Topology m{};
  m.header = {abi::MessageType::kTopology, 0, sizeof m, 0};
  m.conference_id = conference;
  m.leg_a = from.leg_id;
  m.leg_b = to.leg_id;
  m.relation = relation;
  return m;
}

Operation Dataplane::stream(std::uint64_t id, std::uint64_t leg, std::uint32_t ssrc, std::uint32_t roc) {
  abi::Stream m{};
  m.header = {abi::MessageType::kStream, 0, sizeof m, 0};
  m.stream_id = id;
  m.leg_id = leg;
  m.ssrc = ssrc;
  m.initial_roc = roc;
  return m;
}

Operation Dataplane::remove(abi::MessageType type, std::uint64_t id) {
  abi::ObjectRemove m{};
  m.header = {type, 0, sizeof m, 0};
  m.object_id = id;
  return m;
}

std::vector<Operation> Dataplane::conference_of(std::uint64_t id, std::vector<Participant>& participants, const ConferenceOptions& options) {
  std::vector<Operation> operations{conference(id, options)};
  for (auto& p : participants) operations.push_back(leg(id, p));
  for (auto& p : participants) {
    for (const std::uint32_t ssrc : p.ssrcs) operations.push_back(stream(stream_id(p.leg_id, ssrc), p.leg_id, ssrc));
    for (unsigned i = 0; i < p.places; ++i) operations.push_back(stream(place_id(p.leg_id, i), p.leg_id, 0));
  }
  return operations;
}

tl::expected<void, dataplane::Refusal> Dataplane::apply(const std::vector<Operation>& operations, dataplane::TransactionOptions options) {
  auto done = core_->submit(operations, options);
  if (!done) return done;
  for (int i = 0; i < 1000 && !core_->applied(); ++i) run_once();
  EXPECT_TRUE(core_->applied());
  core_->collect();
  return {};
}

void Dataplane::resolve_neighbours() {
  dataplane::MacAddress mac;
  std::memcpy(mac.data(), kPeerMac.data(), 6);
  for (const auto& hop : core_->neighbours(0).entries())
    if (hop != nullptr) dataplane::confirm_neighbour(*hop, mac, now_);
}

void Dataplane::run(std::size_t most) {
  std::size_t idle = 0;
  for (std::size_t i = 0; i < most && idle < 8; ++i) {
    idle = run_once() ? 0 : idle + 1;
  }
  core_->collect();
}

bool Dataplane::run_once() {
  bool busy = false;
  for (std::size_t w = 0; w < core_->worker_count(); ++w) busy |= core_->worker(w).run_once(now_);
  return busy;
}

std::vector<Frame> Dataplane::take_frames() {
  std::vector<Frame> frames;
  for (auto* io : ios_) {
    for (auto& frame : io->sent()) frames.push_back(std::move(frame));
    io->sent().clear();
  }
  return frames;
}

UdpFlow Dataplane::flow_from(const Participant& p) const {
  UdpFlow flow;
  flow.source_mac = kPeerMac;
  flow.destination_mac = kApplianceMac;
  flow.source = p.remote;
  flow.destination = p.local;
  flow.source_port = p.remote_port;
  flow.destination_port = p.local_port;
  return flow;
}

void Dataplane::send_rtp(const Participant& from, const std::vector<std::uint8_t>& srtp, std::size_t worker) {
  io(worker).inject(to_frame(udp_frame(flow_from(from), srtp)));
}

void Dataplane::send_rtcp(const Participant& from, const std::vector<std::uint8_t>& srtcp, std::size_t worker) {
  UdpFlow flow = flow_from(from);
  if ((from.flags & abi::kLegRtcpMux) == 0) {
    flow.source_port = from.remote_rtcp();
    flow.destination_port = static_cast<std::uint16_t>(from.local_port + 1);
  }
  io(worker).inject(to_frame(udp_frame(flow, srtcp)));
}

void Dataplane::send_from(const std::string& address, std::uint16_t port, const Participant& to, const std::vector<std::uint8_t>& payload) {
  UdpFlow flow = flow_from(to);
  flow.source = address;
  flow.source_port = port;
  io().inject(to_frame(udp_frame(flow, payload)));
}

std::vector<std::vector<std::uint8_t>> Dataplane::received_at(const Participant& p, std::uint16_t local_port, std::uint16_t remote_port) {
  for (const Frame& frame : take_frames())
    if (auto d = parse_udp_frame(to_bytes(frame))) inbox_.push_back(std::move(*d));
  std::vector<std::vector<std::uint8_t>> payloads;
  std::erase_if(inbox_, [&](UdpDatagram& d) {
    if (d.destination != p.remote || d.destination_port != remote_port) return false;
    EXPECT_EQ(d.source, p.local);
    EXPECT_EQ(d.source_port, local_port);
    EXPECT_EQ(d.destination_mac, kPeerMac);
    EXPECT_EQ(d.source_mac, kApplianceMac);
    EXPECT_EQ(d.tos, p.dscp << 2);
    EXPECT_TRUE(d.ip_checksum_good);
    EXPECT_TRUE(d.udp_checksum_good);
    payloads.push_back(std::move(d.payload));
    return true;
  });
  return payloads;
}

std::uint64_t Dataplane::drops(dataplane::DropReason reason) const {
  std::uint64_t n = 0;
  for (std::size_t w = 0; w < core_->worker_count(); ++w) n += core_->stats().block(w).drops[static_cast<std::size_t>(reason)];
  return n;
}

std::uint64_t Dataplane::count(dataplane::Counter counter) const {
  std::uint64_t n = 0;
  for (std::size_t w = 0; w < core_->worker_count(); ++w) n += core_->stats().block(w).counters[static_cast<std::size_t>(counter)];
  return n;
}

std::map<std::string, std::uint64_t> Dataplane::counters() const {
  std::map<std::string, std::uint64_t> all;
  for (std::size_t i = 0; i < dataplane::kCounterCount; ++i)
    if (const auto n = count(static_cast<dataplane::Counter>(i))) all[std::string(dataplane::kCounters[i].name)] = n;
  for (std::size_t i = 0; i < dataplane::kDropReasonCount; ++i)
    if (const auto n = drops(static_cast<dataplane::DropReason>(i))) all[std::string(dataplane::kDropReasons[i].name)] = n;
  return all;
}

std::uint64_t Dataplane::leaked() const {
  std::uint64_t n = 0;
  for (std::size_t w = 0; w < core_->worker_count(); ++w) n += core_->stats().block(w).leaked;
  return n;
}

std::vector<std::uint8_t> test_key(crypto::Suite suite, unsigned number) {
  const auto* info = crypto::find_suite(suite);
  std::vector<std::uint8_t> key(std::size_t{info->key_bytes} + info->salt_bytes);
  std::uint32_t state = number * 2654435761u + 12345u;
  for (auto& b : key) {
    state = state * 1664525u + 1013904223u;
    b = static_cast<std::uint8_t>(state >> 24);
  }
  return key;
}

Participant make_participant(unsigned number, crypto::Suite suite, bool v6) {
  Participant p;
  p.id = std::string("p").append(std::to_string(number));
  if (v6) p.local = "2001:db8::1";
  p.remote = std::string(v6 ? "2001:db8::" : "192.0.2.").append(std::to_string(10 + number));
  p.local_port = static_cast<std::uint16_t>(20000 + 2 * number);
  p.remote_port = static_cast<std::uint16_t>(5000 + 2 * number);
  p.receive_suite = p.send_suite = suite;
  p.receive_key = test_key(suite, 2 * number);
  p.send_key = test_key(suite, 2 * number + 1);
  p.ssrcs = {0x10000000u + number};
  p.leg_id = 1000 + number;
  return p;
}

}  // namespace mediaward::test
