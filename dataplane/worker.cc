// SPDX-License-Identifier: Apache-2.0
// See worker.h: making a worker, its side of the host's protocols and timers, and its accounts. The packet path is pipeline.cc.
// Constructor on the main thread, everything else on the worker's own.
#include "dataplane/worker.h"

namespace mediaward::dataplane {
namespace {

constexpr std::uint64_t kTimersPerSecond = 1000;
constexpr std::size_t kEvents = 1024;
constexpr std::size_t kParkedPackets = 4096;  // of buckets that move: some milliseconds of a busy worker

std::vector<ShareRing*> rings_from(const WorkerShared& shared, std::size_t from) {
  std::vector<ShareRing*> rings;
  for (const auto& to : shared.shares) rings.push_back(to[from].get());
  return rings;
}

}  // namespace

Worker::Worker(std::uint32_t index, const CoreSettings& settings, WorkerSettings own, std::unique_ptr<crypto::Engine> engine, WorkerBlock& block,
               WorkerShared& shared, std::uint64_t tsc_hz, std::size_t command_ring)
    : shared_(shared),
      own_(std::move(own)),
      context_(index, block, tsc_hz, kEvents),
      tables_(settings),
      egress_(context_, settings, own_, shared.link_up),
      engine_(std::move(engine)),
      srtp_(context_, tables_, egress_, *engine_, settings.limits.jobs_per_worker, rings_from(shared, index)),
      commands_(command_ring),
      echo_bucket_(tsc_hz),
      by_port_(settings.ports.size(), nullptr),
      items_(kMaxBurst),
      peer_items_(kMaxBurst) {
  for (std::size_t b = 0; b < kBuckets; ++b) tables_.bucket_owner[b] = static_cast<std::uint8_t>(b % settings.workers.size());
  parked_.reserve(kParkedPackets);
  queues_.reserve(own_.queues.size());
  bool guards = false;
  for (auto& q : own_.queues) {
    const auto& port = settings.ports[q.port];
    auto host = std::make_unique<Host>(port, *shared_.neighbours[q.port], echo_bucket_);
    auto classifier = std::make_unique<Classifier>(port, *host);
    queues_.push_back({q.port, q.io.get(), q.queue == 0 && port.guard_port < 0, port.guard_port, 0, std::move(host), std::move(classifier)});
    guards = guards || port.guard_port >= 0;
    by_port_[q.port] = &queues_.back();
  }
  context_.set_release_io(*queues_.front().io);
  if (shared_.hashes != nullptr) peers_ = std::make_unique<ppspp::PeerService>(context_, settings, egress_, shared_.peer, *shared_.hashes);
  if (guards) guard_ = std::make_unique<ppspp::GuardService>(context_, settings, egress_, *peers_, shared_.peer, *shared_.hashes);
}

Worker::~Worker() {
  guard_ = nullptr;
  peers_ = nullptr;
  for (const Parked& p : parked_) context_.drop(p.packet, DropReason::kStale);
  context_.flush_releases();
}

std::uint64_t Worker::loops() const noexcept { return std::atomic_ref(context_.block().loops).load(std::memory_order_relaxed); }

void Worker::to_host(Packet* packet, Lane lane, PortQueue& queue) noexcept {
  HostVerdict verdict;
  switch (lane) {
    case Lane::kArp: verdict = queue.host->handle_arp(*packet, context_.now()); break;
    case Lane::kIcmp: verdict = queue.host->handle_icmp(*packet, context_.now()); break;
    default: verdict = queue.host->handle_icmpv6(*packet, context_.now()); break;
  }
  switch (verdict.action) {
    case HostAction::kDrop: return context_.drop(packet, verdict.reason);
    case HostAction::kConsumed: context_.count(Counter::kHostConsumed); return context_.release(packet);
    case HostAction::kArpReply: context_.count(Counter::kArpReplies); break;
    case HostAction::kEchoReply: context_.count(Counter::kEchoReplies); break;
    case HostAction::kNeighbourReply: context_.count(Counter::kNeighbourReplies); break;
  }
  egress_.send_frame(queue.port, packet);
}

void Worker::hand_over(Packet* packet, std::uint8_t owner) noexcept {
  if (!shared_.handoff[owner][context_.index()]->push(packet)) return context_.drop(packet, DropReason::kHandoffFull);
  --taken_in_;
  context_.count(Counter::kHandoffOut);
}

void Worker::to_peer(Packet* packet, const Datagram& datagram, bool handed_off) noexcept {
  PeerItem& item = peer_items_[peer_item_count_];
  item.first = {};
  if (ppspp::PeerService::is_first(datagram)) [[unlikely]] item.first = peers_->note_first(*packet, datagram);
  if (item.first.data == nullptr)
    if (const ppspp::Route route = peers_->route(datagram, handed_off); route.to != ppspp::Route::To::kHere) return pass_on(packet, route, handed_off);
  item.packet = packet;
  item.datagram = datagram;
  item.handed_off = handed_off;
  ++peer_item_count_;
}

// What does not belong here.
void Worker::pass_on(Packet* packet, const ppspp::Route& route, bool handed_off) noexcept {
  if (route.to == ppspp::Route::To::kNowhere) return context_.drop(packet, route.reason);
  if (handed_off) return context_.drop(packet, DropReason::kStale);  // the channel is none of ours
  hand_over(packet, route.worker);
}

// The bucket's legs are here: what waited for them goes on, in the order it came.
void Worker::unpark(std::uint32_t bucket) noexcept {
  parking_[bucket] = false;
  std::size_t kept = 0;
  for (const Parked& p : parked_) {
    if (p.bucket != bucket) {
      parked_[kept++] = p;
      continue;
    }
    reclassify(p.packet);
    if (item_count_ == kMaxBurst) find_legs(), prepare_items();
  }
  parked_.resize(kept);
  find_legs();
  prepare_items();
}

// Of each port one worker, the one with its first queue, tells the network who we are and looks for the neighbours that legs need.
void Worker::run_timers() noexcept {
  if (context_.now() < next_timer_) [[likely]] return;
  next_timer_ = context_.now() + context_.tsc_hz() / kTimersPerSecond;
  if (peers_ != nullptr) peers_->tick();
  std::array<Packet*, kNeighbourProbesPerTick> out;
  for (PortQueue& queue : queues_) {
    if (!queue.host_owner) continue;
    std::size_t n = queue.host->announce(queue.announced, *queue.io, out);
    queue.announced += n;
    send_own(queue, {out.data(), n});
    n = shared_.neighbours[queue.port]->tick(context_.now(), *queue.io, out);
    context_.count(Counter::kNeighbourProbes, n);
    send_own(queue, {out.data(), n});
    for (const auto& change : shared_.neighbours[queue.port]->changes()) report_neighbour(change);
  }
}

void Worker::send_own(PortQueue& queue, std::span<Packet* const> frames) noexcept {
  context_.count(Counter::kAllocated, frames.size());
  for (Packet* frame : frames) egress_.send_frame(queue.port, frame);
}

void Worker::report_neighbour(const NeighbourTable::Change& change) noexcept {
  WorkerEvent event;
  event.kind = change.state == NeighbourState::kFailed ? WorkerEvent::Kind::kNeighbourFailed : WorkerEvent::Kind::kNeighbourResolved;
  event.family = change.hop->address.family;
  event.head_bytes = static_cast<std::uint16_t>(change.hop->address.size());
  std::memcpy(event.head.data(), change.hop->address.bytes.data(), event.head_bytes);
  context_.report(event);
}

void Worker::account() noexcept {
  WorkerBlock& block = context_.block();
  block.held = egress_.held() + parked_.size() + (peers_ != nullptr ? peers_->held() : 0) + (guard_ != nullptr ? guard_->held() : 0);
  block.in_flight = srtp_.packets_in_flight();
  const std::uint64_t out = block[Counter::kTxPackets] + block[Counter::kReleased] + block.held + block.in_flight;
  block.leaked = taken_in_ + block[Counter::kAllocated] - out;

  // Memory that was unlinked may go once every job that began before has come back: two halves of the jobs in flight, closed in turn.
  const std::uint64_t applied = commands_.consumed();
  if (drained_.load(std::memory_order_relaxed) == applied || !srtp_.older_half_empty()) [[likely]] return;
  drained_.store(half_closed_at_, std::memory_order_release);
  half_closed_at_ = applied;
  srtp_.close_half();
}

}  // namespace mediaward::dataplane
