// SPDX-License-Identifier: Apache-2.0
// See content_subjects.h: a content that passes between two guard ports.
#include <algorithm>
#include <stdexcept>

#include "bench/content/content_subjects.h"
#include "bench/support/cpu_clock.h"
#include "dataplane/wire/ppspp_writer.h"

namespace mediaward::bench {
namespace {

namespace pp = dataplane::ppspp;

constexpr std::uint64_t kSwarmId = 0x6000;
constexpr std::uint32_t kLeecher = 0xc6120101, kSeeder = 0xc6120102;  // 198.18.1.1, 198.18.1.2
constexpr std::uint32_t kLeecherChannel = 0x2001, kSeederChannel = 0x2002;
constexpr std::size_t kMaxDatagram = 1472;

dataplane::PortSettings guard_port(const char* name, std::uint8_t number, int other) {
  dataplane::PortSettings port;
  port.name = name;
  port.mac = {std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{number}};
  port.guard_port = other;
  return port;
}

void must(bool fits) {
  if (!fits) throw std::runtime_error("a message of the benchmark does not fit into its datagram");
}

Bytes room_of(dataplane::Packet& packet) {
  return {packet.data + kDatagramOffset, kMaxDatagram};
}

void write_handshake(dataplane::Packet& packet, const Content& content, bool answer) {
  pp::HandshakeOptions o;
  o.set_version(pp::kPpsppVersion, pp::kPpsppVersion);
  if (!answer) o.set_swarm_id(content.root());
  o.set_integrity(pp::IntegrityMethod::kMerkleTree).set_merkle(static_cast<pp::MerkleFunction>(content.hash()));
  o.set_addressing(pp::Addressing::kChunk32).set_chunk_bytes(content.chunk_bytes());
  pp::MessageWriter out(room_of(packet), answer ? kLeecherChannel : 0, framing_of(content));
  must(out.handshake(answer ? kSeederChannel : kLeecherChannel, o));
  finish_frame(packet, answer ? FrameEnds{kSeeder, kLeecher} : FrameEnds{kLeecher, kSeeder}, out.bytes().size());
}

}  // namespace

GuardSubject::GuardSubject(crypto::CryptoProvider& provider, const Content& content) : content_(content) {
  dataplane::CoreSettings settings;
  settings.ports = {guard_port("near", 1, 1), guard_port("far", 2, 0)};
  settings.peer_limits = {.cache_bytes = 1 << 20, .swarms = 16, .admissions = 1, .peers = 1, .channels = 1, .guard_flows = 64};
  settings.release = "bench";
  auto near = std::make_unique<RingIo>(1024, dataplane::PortCapabilities{}),
       far = std::make_unique<RingIo>(1024, dataplane::PortCapabilities{});
  near_ = near.get();
  far_ = far.get();
  dataplane::WorkerSettings worker;
  worker.queues.push_back({0, 0, std::move(near)});
  worker.queues.push_back({1, 0, std::move(far)});
  settings.workers.push_back(std::move(worker));
  auto core = dataplane::Core::create(std::move(settings), provider);
  if (!core) throw std::runtime_error(core.error().message);
  core_ = std::move(*core);
  // Two HANDSHAKEs, the hashes before the first chunk, DATA and ACK of each, a REQUEST per burst.
  frames_ = 3 + 2 * content.chunks() + content.chunks() / kBurst;
}

// A new swarm with the same key: an empty tree, no channel known.
void GuardSubject::renew() {
  abi::Swarm swarm = swarm_message(content_, kSwarmId);
  swarm.flags = abi::kSwarmGuardDrops;
  swarm.fetch = abi::FetchPolicy::kNothing;
  abi::ObjectRemove remove{};
  remove.header = {abi::MessageType::kSwarmRemove, 0, sizeof remove, 0};
  remove.object_id = kSwarmId;
  for (const dataplane::Operation& operation : {dataplane::Operation{remove}, dataplane::Operation{swarm}}) {
    if (!known_ && std::holds_alternative<abi::ObjectRemove>(operation)) continue;
    if (auto taken = core_->submit({&operation, 1}, {}); !taken)
      throw std::runtime_error("the core refuses the benchmark's swarm: " + taken.error().message);
    while (!core_->applied() || core_->swarms().releasing() != 0) {
      core_->worker(0).run_once();
      core_->collect();
    }
  }
  known_ = true;
}

void GuardSubject::write_hashes(dataplane::Packet& packet) const {
  pp::MessageWriter out(room_of(packet), kLeecherChannel, framing_of(content_));
  for (const crypto::MerkleNode node : content_.hashes_before(0))
    must(out.integrity({crypto::first_chunk(node), crypto::last_chunk(node)}, content_.digest(node)));
  finish_frame(packet, {kSeeder, kLeecher}, out.bytes().size());
}

void GuardSubject::write_chunk(dataplane::Packet& packet, std::uint64_t chunk) const {
  pp::MessageWriter out(room_of(packet), kLeecherChannel, framing_of(content_));
  const auto nodes = content_.hashes_before(chunk);
  for (std::size_t i = 0; chunk != 0 && i < nodes.size(); ++i)
    must(out.integrity({crypto::first_chunk(nodes[i]), crypto::last_chunk(nodes[i])}, content_.digest(nodes[i])));
  must(out.data({chunk, chunk}, 1, {content_.chunk(chunk), content_.chunk_bytes()}));
  finish_frame(packet, {kSeeder, kLeecher}, out.bytes().size());
}

std::uint64_t GuardSubject::open_channel() {
  std::uint64_t spent = 0;
  write_handshake(*near_->load(1)[0], content_, false);
  (void)far_->load(0);
  for (const int step : {0, 1, 2}) {
    if (step == 1) write_handshake(*far_->load(1)[0], content_, true);
    if (step == 2) write_hashes(*far_->load(1)[0]);
    const std::uint64_t begin = ticks();
    core_->worker(0).run_once();
    spent += ticks() - begin;
  }
  return spent;
}

// ACKs of the burst before and a REQUEST one way, a burst of chunks the other.
std::uint64_t GuardSubject::loop(std::size_t requests, std::uint64_t first_chunk, std::size_t chunks) {
  const std::size_t acks = first_chunk == 0 ? 0 : kBurst;
  const auto small = near_->load(acks + requests);
  for (std::size_t i = 0; i < small.size(); ++i) {
    pp::MessageWriter out(room_of(*small[i]), kSeederChannel, framing_of(content_));
    const std::uint64_t chunk = i < acks ? first_chunk - kBurst + i : first_chunk;
    must(i < acks ? out.ack({chunk, chunk}, 500) : out.request({chunk, chunk + kBurst - 1}));
    finish_frame(*small[i], {kLeecher, kSeeder}, out.bytes().size());
  }
  const auto large = far_->load(chunks);
  for (std::size_t i = 0; i < chunks; ++i) write_chunk(*large[i], first_chunk + i);
  std::uint64_t spent = 0;
  while (near_->pending() + far_->pending() != 0) {
    const std::uint64_t begin = ticks();
    core_->worker(0).run_once();
    spent += ticks() - begin;
  }
  return spent;
}

SliceTicks GuardSubject::run_slice(bool) {
  renew();
  near_->share_out(*far_);
  const dataplane::WorkerBlock& block = std::as_const(*core_).stats().block(0);
  const auto counted = [&](dataplane::Counter c) { return block.counters[static_cast<std::size_t>(c)]; };
  const std::uint64_t passed = counted(dataplane::Counter::kGuardPassed), verified = counted(dataplane::Counter::kPpsppChunksVerified);
  std::uint64_t spent = open_channel();
  for (std::uint64_t first = 0; first < content_.chunks(); first += kBurst) spent += loop(1, first, kBurst);
  spent += loop(0, content_.chunks(), 0);
  if (counted(dataplane::Counter::kGuardPassed) - passed != frames_)
    throw std::runtime_error("a guard did not pass all frames of the benchmark");
  if (counted(dataplane::Counter::kPpsppChunksVerified) - verified != content_.chunks())
    throw std::runtime_error("a guard did not verify all chunks");
  return {spent, 0};
}

StageTicks GuardSubject::stages() const {
  const dataplane::WorkerBlock& block = std::as_const(*core_).stats().block(0);
  StageTicks out;
  for (std::size_t i = 0; i < dataplane::kStageCount; ++i) out.ticks[i] = block.stages[i].cycles;
  return out;
}

}  // namespace mediaward::bench
