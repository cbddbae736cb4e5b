// SPDX-License-Identifier: Apache-2.0
// See replay.h.
#include "tools/replay/replay.h"

#include <algorithm>

#include "crypto/openssl_provider.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "tools/replay/replay_io.h"

namespace mediaward::tools::replay {
namespace {

using dataplane::DropReason;

constexpr std::uint64_t kTicksPerSecond = 1'000'000;
constexpr unsigned kMostLoops = 1000;

std::string source_of(ConstBytes frame) {
  dataplane::wire::EthernetInfo ethernet;
  if (!dataplane::wire::parse_ethernet(frame, ethernet)) return "";
  const ConstBytes l3 = frame.subspan(ethernet.header_bytes);
  const bool v4 = ethernet.type == dataplane::wire::kEtherIpv4;
  dataplane::wire::IpInfo ip;
  if (!v4 && ethernet.type != dataplane::wire::kEtherIpv6) return "";
  if ((v4 ? dataplane::wire::parse_ipv4(l3, ip) : dataplane::wire::parse_ipv6(l3, ip)) != dataplane::wire::IpError::kNone || ip.payload_bytes < 8) return "";
  const auto address = v4 ? dataplane::IpAddress::v4(l3.data() + 12) : dataplane::IpAddress::v6(l3.data() + 8);
  const std::string port = std::to_string(load_be16(l3.data() + ip.header_bytes));
  return v4 ? address.to_string() + ":" + port : "[" + address.to_string() + "]:" + port;
}

dataplane::PortSettings guard_port(const char* name, std::uint8_t number, int other) {
  dataplane::PortSettings port;
  port.name = name;
  port.mac = {std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{number}};
  port.guard_port = other;
  return port;
}

}  // namespace

std::string_view to_string(Outcome outcome) noexcept {
  constexpr std::string_view kNames[] = {"accepted", "duplicate", "bad", "unverifiable", "refused"};
  return kNames[static_cast<std::size_t>(outcome)];
}

Result<std::unique_ptr<Replay>> Replay::create(const Options& options) {
  std::unique_ptr<Replay> replay(new Replay());
  replay->burst_ = options.burst;
  replay->now_us_ = std::max<std::uint64_t>(options.start_us, kTicksPerSecond);
  replay->provider_ = crypto::make_openssl_provider();
  dataplane::CoreSettings settings;
  settings.ports = {guard_port("near", 1, 1), guard_port("far", 2, 0)};
  settings.limits = {.legs = 1, .slots = 16, .neighbours = 1, .jobs_per_worker = 16, .handoff_ring = 16};
  settings.peer_limits = {.cache_bytes = 0, .swarms = 64, .admissions = 1, .peers = 1, .channels = 1, .guard_flows = options.flows};
  settings.release = "replay";
  settings.tsc_hz = kTicksPerSecond;
  settings.clock = [r = replay.get()] { return r->now_us_; };
  dataplane::WorkerSettings worker;
  worker.burst = options.burst;
  auto near = std::make_unique<ReplayIo>(), far = std::make_unique<ReplayIo>();
  replay->near_ = near.get();
  replay->far_ = far.get();
  worker.queues.push_back({0, 0, std::move(near)});
  worker.queues.push_back({1, 0, std::move(far)});
  settings.workers.push_back(std::move(worker));
  auto core = dataplane::Core::create(std::move(settings), *replay->provider_);
  if (!core) return tl::unexpected(core.error());
  replay->core_ = std::move(*core);
  replay->core_->worker(0).guard()->set_trace(replay.get());
  return replay;
}

Replay::~Replay() = default;

Result<void> Replay::add_swarm(abi::Swarm swarm, std::shared_ptr<const dataplane::ppspp::MappedContent> leaves) {
  swarm.flags |= abi::kSwarmGuardOnly;
  swarm.munro_max_age_ms = ~std::uint32_t{0};  // captures are old
  std::vector<dataplane::Operation> operations{swarm};
  if (leaves != nullptr) {
    dataplane::ppspp::ContentOperation content;
    content.message.swarm_id = swarm.swarm_id;
    content.message.kind = abi::ContentKind::kLeafHashes;
    content.message.bytes = leaves->bytes().size();
    content.content = std::move(leaves);
    operations.emplace_back(std::move(content));
  }
  if (auto done = core_->submit(operations, {}); !done) return fail(done.error().code, done.error().field + ": " + done.error().message);
  while (!core_->applied()) (void)core_->worker(0).run_once(now_us_);
  return {};
}

void Replay::feed(const CapturedFrame& frame) {
  ++frames_;
  cut_off_ += frame.wire_bytes > frame.bytes.size() ? 1 : 0;
  now_us_ = std::max(now_us_, frame.time_us);
  const dataplane::Packet* packet = near_->inject(frame.bytes, 0);
  in_work_[packet] = {frames_, frame.time_us, source_of(frame.bytes)};
  if (near_->waiting() >= burst_) run_burst();
}

void Replay::finish() {
  if (near_->waiting() != 0) run_burst();
}

// One loop per burst; then whatever waits for a signature gets it before the next frames come.
void Replay::run_burst() {
  dataplane::Worker& worker = core_->worker(0);
  for (unsigned i = 0; near_->waiting() != 0 && i < kMostLoops; ++i) (void)worker.run_once(now_us_);
  while (core_->run_signatures()) (void)worker.run_once(now_us_);
  passed_ += far_->take_sent().size();
  worker.events().consume([](const dataplane::WorkerEvent&) {});
  core_->evidence(0)->consume([](const dataplane::ppspp::Evidence&) {});
  in_work_.clear();
}

void Replay::verdict(const Item& item) noexcept {
  const auto at = in_work_.find(item.packet);
  if (at == in_work_.end()) return;
  const Frame& frame = at->second;
  ChunkRecord record;
  record.frame = frame.number;
  record.time_us = frame.time_us;
  record.source = frame.source;
  record.channel = item.channel;
  record.chunk = item.chunk;
  record.node = item.node;
  PeerTotals& totals = peers_[frame.source];
  if (!item.hashed) {
    record.outcome = Outcome::kRefused;
    record.reason = dataplane::to_string(item.reason);
    ++totals.refused;
  } else if (item.verdict == crypto::ChunkCheck::kOk) {
    const bool first = accepted_.emplace(item.swarm_id, item.chunk).second;  // a burst may hold one twice
    record.outcome = first ? Outcome::kAccepted : Outcome::kDuplicate;
    ++(first ? totals.accepted : totals.duplicate);
  } else {
    record.outcome = item.verdict == crypto::ChunkCheck::kBad ? Outcome::kBad : Outcome::kUnverifiable;
    ++(record.outcome == Outcome::kBad ? totals.bad : totals.unverifiable);
  }
  chunks_.push_back(std::move(record));
}

PeerTotals Replay::totals() const noexcept {
  PeerTotals sum;
  for (const auto& [name, t] : peers_) {
    sum.accepted += t.accepted;
    sum.duplicate += t.duplicate;
    sum.bad += t.bad;
    sum.unverifiable += t.unverifiable;
    sum.refused += t.refused;
  }
  return sum;
}

std::map<std::string, std::uint64_t> Replay::drops() const {
  std::map<std::string, std::uint64_t> out;
  const dataplane::WorkerBlock& block = core_->stats().block(0);
  for (std::size_t i = 0; i < dataplane::kDropReasonCount; ++i)
    if (block.drops[i] != 0) out[std::string(dataplane::kDropReasons[i].name)] = block.drops[i];
  return out;
}

std::uint64_t Replay::count(dataplane::Counter counter) const { return core_->stats().block(0).counters[static_cast<std::size_t>(counter)]; }

}  // namespace mediaward::tools::replay
