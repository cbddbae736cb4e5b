// SPDX-License-Identifier: Apache-2.0
// See content_stand.h.
#include "bench/content/content_stand.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>

#include "bench/support/cpu_clock.h"
#include "dataplane/neighbour.h"

namespace mediaward::bench {
namespace {

constexpr std::uint64_t kSwarmId = 0x5000;
constexpr std::uint32_t kFirstPeer = 0xc612c801;  // 198.18.200.1
constexpr std::size_t kMaxIdleLoops = 100'000;    // some ten milliseconds
constexpr std::size_t kFrameHeader = kDatagramOffset;

std::uint16_t mtu_for(const Content& content) {
  return content.chunk_bytes() > 1300 ? 9000 : 1500;
}
std::uint32_t room_for(const Content& content) {
  return content.chunk_bytes() > 1300 ? 9280 : 2048;
}

// What the appliance unmaps in the end.
std::shared_ptr<const dataplane::ppspp::MappedContent> mapped_copy(ConstBytes head, std::size_t bytes) {
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  std::memcpy(p, head.data(), head.size());
  return std::make_shared<const dataplane::ppspp::MappedContent>(ConstBytes{static_cast<const std::byte*>(p), bytes});
}

}  // namespace

abi::Swarm swarm_message(const Content& content, std::uint64_t id) {
  abi::Swarm m{};
  m.header = {abi::MessageType::kSwarm, 0, sizeof m, 0};
  m.swarm_id = id;
  m.kind = abi::SwarmKind::kStatic;
  m.hash = static_cast<std::uint8_t>(content.hash());
  m.addressing = static_cast<std::uint8_t>(framing_of(content).addressing);
  m.source = abi::SwarmSource::kPeers;
  m.fetch = abi::FetchPolicy::kEverything;
  m.signature_form = abi::SignatureForm::kRfc7574;
  m.chunk_bytes = content.chunk_bytes();
  m.content_bytes = content.bytes();
  m.key_bytes = static_cast<std::uint16_t>(content.root().size());
  std::memcpy(m.key, content.root().data(), content.root().size());
  return m;
}

dataplane::ppspp::ContentOperation content_operation(const Content& content, std::uint64_t id, abi::ContentKind kind) {
  dataplane::ppspp::ContentOperation operation;
  operation.message.header = {abi::MessageType::kSwarmContent, 0, sizeof operation.message, 0};
  operation.message.swarm_id = id;
  operation.message.kind = kind;
  std::vector<std::byte> all;
  if (kind == abi::ContentKind::kContent)
    for (std::uint64_t c = 0; c < content.chunks(); ++c) all.insert(all.end(), content.chunk(c), content.chunk(c) + content.chunk_bytes());
  const ConstBytes bytes = kind == abi::ContentKind::kContent ? ConstBytes(all) : content.leaves();
  operation.message.bytes = bytes.size();
  operation.content = mapped_copy(bytes, bytes.size());
  return operation;
}

ContentStand::ContentStand(crypto::CryptoProvider& provider, const Content& content, const Options& options, const Conferences* conferences)
    : content_(content), options_(options) {
  dataplane::PortCapabilities capabilities;
  capabilities.tx_udp_checksum = capabilities.tx_chains = true;
  auto io = std::make_unique<RingIo>(2048, capabilities, room_for(content));
  io_ = io.get();
  const Conferences usual(calls(crypto::Suite::kAesCm128HmacSha1_80));
  auto settings = (conferences != nullptr ? *conferences : usual).settings(std::move(io));
  settings.ports[0].ppspp_port = kContentPort;
  settings.ports[0].mtu = mtu_for(content);
  settings.peer_limits = {
      .cache_bytes = 2 * content.bytes() + (1 << 20), .swarms = 16, .admissions = 64, .peers = 64, .channels = 32, .guard_flows = 64};
  auto core = dataplane::Core::create(std::move(settings), provider);
  if (!core) throw std::runtime_error(core.error().message);
  core_ = std::move(*core);
  if (conferences != nullptr) conferences->apply(*core_);
  for (std::size_t i = 0; i < options.peers; ++i) {
    const auto n = static_cast<std::uint32_t>(i);
    peers_.emplace_back(content, options.role, kFirstPeer + n, 0x1000 + n, kLocalAddress, mtu_for(content) - std::size_t{28});
  }
}

std::vector<dataplane::Operation> ContentStand::operations() const {
  abi::Swarm swarm = swarm_message(content_, kSwarmId);
  if (options_.preload == Preload::kContent) swarm.source = abi::SwarmSource::kPreloaded, swarm.fetch = abi::FetchPolicy::kNothing;
  std::vector<dataplane::Operation> out{swarm};
  if (options_.preload != Preload::kNothing)
    out.emplace_back(content_operation(content_, kSwarmId,
                                       options_.preload == Preload::kContent ? abi::ContentKind::kContent : abi::ContentKind::kLeafHashes));
  for (const RemotePeer& peer : peers_) {
    abi::Admission m{};
    m.header = {abi::MessageType::kAdmission, 0, sizeof m, 0};
    m.admission_id = 1 + peer.address() - kFirstPeer;
    m.swarm_id = kSwarmId;
    std::snprintf(m.port_name, sizeof m.port_name, "media0");
    m.family = abi::Family::kIpv4;
    m.prefix_bits = 32;
    store_be32(reinterpret_cast<std::byte*>(m.address), peer.address());
    m.udp_port = kContentPort;
    m.flags = abi::kAdmitConnect | (options_.role == RemotePeer::Role::kSeeder ? abi::kAdmitProvide : abi::kAdmitReceive);
    out.emplace_back(m);
  }
  return out;
}

void ContentStand::apply(const std::vector<dataplane::Operation>& operations) {
  if (auto taken = core_->submit(operations, {}); !taken)
    throw std::runtime_error("the core refuses the benchmark's swarm: " + taken.error().message);
  resolve_neighbours();
  while (!core_->applied()) core_->worker(0).run_once();
  core_->collect();
}

// Neighbours are confirmed as live ARP would keep them, so that no request or hold queue is part of a slice.
void ContentStand::resolve_neighbours() {
  for (const auto& hop : core_->neighbours(0).entries())
    if (hop != nullptr) dataplane::confirm_neighbour(*hop, kPeerMac, ticks());
}

void ContentStand::restart() {
  if (open_) {
    abi::ObjectRemove m{};
    m.header = {abi::MessageType::kSwarmRemove, 0, sizeof m, 0};
    m.object_id = kSwarmId;
    apply({m});
    while (core_->swarms().releasing() != 0) {
      core_->worker(0).run_once();
      core_->collect();
    }
    read_ = io_->transmitted();
  }
  for (RemotePeer& peer : peers_) peer.restart();
  apply(operations());
  open_ = true;
  for (std::size_t idle = 0; !std::all_of(peers_.begin(), peers_.end(), [](const RemotePeer& p) { return p.contacted(); }); ++idle) {
    if (idle == 100 * kMaxIdleLoops) throw std::runtime_error("the appliance does not contact the peers of the benchmark");
    core_->worker(0).run_once();
    read_sent();
  }
  verified_before_ = counted(dataplane::Counter::kPpsppChunksVerified);
}

void ContentStand::read_sent() {
  if (io_->transmitted() - read_ > RingIo::kTxRing)
    throw std::runtime_error("the appliance sent more in a loop than the benchmark's ring holds");
  for (; read_ < io_->transmitted(); ++read_) {
    const dataplane::Packet& packet = io_->transmitted(read_);
    if (packet.bytes < kFrameHeader || load_be16(packet.data + 12) != 0x0800 || load_be16(packet.data + 34) != kContentPort) continue;
    const std::uint32_t to = load_be32(packet.data + 30) - kFirstPeer;
    if (to < peers_.size()) peers_[to].read({packet.data + kFrameHeader, packet.bytes - kFrameHeader});
  }
}

std::uint64_t ContentStand::loop(PacketSource* media, std::size_t media_packets) {
  read_sent();
  std::size_t count = 0;
  for (const RemotePeer& peer : peers_) count += peer.pending();
  count = std::min(count, kBurst - media_packets);
  const auto packets = io_->load(media_packets + count);
  if (media_packets != 0) media->fill(packets.first(media_packets));
  std::size_t at = media_packets;
  for (RemotePeer& peer : peers_)
    while (at < packets.size() && peer.pending() != 0) peer.write(*packets[at++]);
  const std::uint64_t begin = ticks();
  core_->worker(0).run_once();
  return ticks() - begin;
}

bool ContentStand::done() const {
  if (options_.role == RemotePeer::Role::kSeeder &&
      counted(dataplane::Counter::kPpsppChunksVerified) - verified_before_ != content_.chunks())
    return false;
  return std::all_of(peers_.begin(), peers_.end(), [](const RemotePeer& p) { return p.done(); });
}

std::uint64_t ContentStand::run(PacketSource* media, std::size_t media_packets) {
  resolve_neighbours();
  std::uint64_t spent = 0;
  std::size_t loops = 0, media_done = 0;
  while (!done() || media_done < media_packets) {
    if (++loops == kMaxIdleLoops) throw std::runtime_error("the content of the benchmark does not get to its end");
    const std::size_t media_now = std::min(kBurst / 2, media_packets - media_done);
    spent += loop(media, media_now);
    media_done += media_now;
  }
  check();
  return spent;
}

std::uint64_t ContentStand::run_media(PacketSource& media, std::size_t packets) {
  resolve_neighbours();
  std::uint64_t spent = 0;
  for (std::size_t done = 0; done < packets; done += kBurst) spent += loop(&media, kBurst);
  check();
  return spent;
}

// Media and chunks alike: nothing may have been dropped, and nothing be lost.
void ContentStand::check() const {
  const dataplane::WorkerBlock& block = std::as_const(*core_).stats().block(0);
  for (std::size_t reason = 0; reason < dataplane::kDropReasonCount; ++reason)
    if (block.drops[reason] != 0)
      throw std::runtime_error("packets of the benchmark were dropped: " + std::string(dataplane::kDropReasons[reason].name));
  if (block.leaked != 0) throw std::runtime_error("packets of the benchmark leaked");
}

std::uint64_t ContentStand::counted(dataplane::Counter counter) const {
  return std::as_const(*core_).stats().block(0).counters[static_cast<std::size_t>(counter)];
}

StageTicks ContentStand::stages() const {
  const dataplane::WorkerBlock& block = std::as_const(*core_).stats().block(0);
  StageTicks out;
  for (std::size_t i = 0; i < dataplane::kStageCount; ++i) out.ticks[i] = block.stages[i].cycles;
  return out;
}

}  // namespace mediaward::bench
