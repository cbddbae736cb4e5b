// SPDX-License-Identifier: Apache-2.0
// The packet path, whole, on one page: a staged run-to-completion loop.
//   commands → receive → classify into lanes → prepare → OPEN barrier → commit and fan-out → SEAL barrier → transmit
// and for the network peer, between receiving and opening, intake → verify (hashes) → commit, and before transmitting, serve.
// Packets of legs that another worker owns are handed over to it; plaintexts of conferences larger than a core come from their
// source's worker to those that seal for a share of the receivers.
// Tables change at one point only, between two loops. No timer waits to fill a batch: under load batches grow by themselves, at rest
// the latency is one loop. Engines may be asynchronous: what has not come back is taken up by the same steps in a later loop.
// The worker's own thread; no system call, no lock, no allocation.
#include <x86gprintrin.h>

#include "dataplane/worker.h"

namespace mediaward::dataplane {
namespace {

constexpr std::size_t kPeerPrefetchDistance = 2;
constexpr std::size_t kPrefetchDistance = 3;  // packets between touching a frame's first line and parsing it

}  // namespace

bool Worker::run_once(std::uint64_t now, std::uint64_t begin_tsc) noexcept {
  StageClock clock(begin_tsc);
  context_.set_now(now);
  if (peers_ != nullptr) peers_->begin_loop();
  std::size_t work = apply_commands(clock);
  work += receive(clock);
  if (peers_ != nullptr) work += judge_content(clock);
  work += srtp_.packets_in_flight();
  if (work != 0 || shares_waiting()) {
    do {  // again, a bounded number of times, for packets that get a second attempt
      clock.lap(context_.block()[Stage::kOpen], srtp_.open_barrier());
      clock.lap(context_.block()[Stage::kCommit], srtp_.commit());
    } while (srtp_.wants_retry());
    work += receive_shares();
    clock.lap(context_.block()[Stage::kSeal], srtp_.seal_barrier());
  }
  if (peers_ != nullptr) work += serve_content(clock);
  run_timers();
  const std::size_t sent = egress_.flush();
  account();
  WorkerBlock& block = context_.block();
  clock.lap(block[Stage::kTransmit], sent);

  const std::uint64_t spent = clock.read() - begin_tsc;
  block.total_cycles += spent;
  if (work + sent != 0) block.busy_cycles += spent;
  std::atomic_ref(block.loops).store(block.loops + 1, std::memory_order_relaxed);
  return work + sent != 0;
}

std::size_t Worker::apply_commands(StageClock& clock) noexcept {
  if (commands_.empty()) [[likely]] return 0;
  const std::size_t n = commands_.consume([this](const Command& c) { apply(c); });
  tables_.changes += static_cast<std::uint32_t>(n);
  context_.count(Counter::kCommands, n);
  clock.lap(context_.block()[Stage::kCommands], n);
  return n;
}

void Worker::apply(const Command& command) noexcept {
  switch (command.op) {
    case Command::Op::kSetFlow:
      tables_.flows[command.port].set(command.address_index, command.udp_port, static_cast<const LegRx*>(command.object));
      break;
    case Command::Op::kSetStream: tables_.set_stream(command.slot, static_cast<const StreamRx*>(command.object)); break;
    case Command::Op::kSetShare: tables_.shares[command.slot] = static_cast<const StreamShare*>(command.object); break;
    case Command::Op::kSetLegTx: tables_.legs_tx[command.slot] = static_cast<const LegTx*>(command.object); break;
    case Command::Op::kSetBucketOwner:
      tables_.bucket_owner[command.slot] = static_cast<std::uint8_t>(command.address_index);
      parking_[command.slot] = command.udp_port != 0;
      break;
    case Command::Op::kUnparkBucket: unpark(command.slot); break;
    case Command::Op::kSetSwarm: peers_->set_swarm(command.slot, static_cast<const ppspp::Swarm*>(command.object)); break;
    case Command::Op::kSetPeer: peers_->set_peer(command.slot, static_cast<const ppspp::Peer*>(command.object)); break;
    case Command::Op::kSetAdmission: peers_->set_admission(static_cast<const ppspp::AdmissionView*>(command.object)); break;
    case Command::Op::kEraseAdmission: peers_->erase_admission(static_cast<const ppspp::AdmissionView*>(command.object)); break;
    case Command::Op::kAuditPeer: peers_->audit(command.slot, command.udp_port); break;
    case Command::Op::kPurgeNextHop: egress_.purge(static_cast<NextHop*>(const_cast<void*>(command.object))); break;
  }
}

std::size_t Worker::receive(StageClock& clock) noexcept {
  std::array<Packet*, kMaxBurst> burst;
  std::size_t total = receive_handoff();
  for (PortQueue& queue : queues_) {
    const std::size_t n = queue.io->receive({burst.data(), own_.burst});
    clock.lap(context_.block()[Stage::kReceive], n);
    if (n == 0) continue;
    total += n;
    taken_in_ += n;
    context_.count(Counter::kRxPackets, n);
    if (queue.guard_port >= 0) {
      for (std::size_t i = 0; i < n; ++i) guard(burst[i], queue, false);
      clock.lap(context_.block()[Stage::kIntake], n);
      continue;
    }
    classify({burst.data(), n}, queue);
    find_legs();
    clock.lap(context_.block()[Stage::kClassify], n);
    const std::size_t prepared = item_count_;
    prepare_items();
    clock.lap(context_.block()[Stage::kPrepare], prepared);
    if (peer_item_count_ == 0) [[likely]] continue;
    const std::size_t taken = peer_item_count_;
    take_peer_items();
    clock.lap(context_.block()[Stage::kIntake], taken);
  }
  return total;
}

// A frame of a guard port: to the worker that judges it, or into the line of those that go on.
void Worker::guard(Packet* packet, const PortQueue& queue, bool handed_over) noexcept {
  const std::uint8_t judge = guard_->judge_of(*packet, handed_over);
  if (judge != context_.index()) return hand_over(packet, judge);
  guard_->take(packet, static_cast<std::uint16_t>(queue.guard_port));
}

// Messages reach into the lines behind that of the headers, which is all that was read of a packet until now.
void Worker::take_peer_items() noexcept {
  if (peer_item_count_ == 0) return;
  peers_->look_ahead();
  for (std::size_t i = 0; i < peer_item_count_; ++i) {
    const std::byte* const ahead = peer_items_[std::min(i + kPeerPrefetchDistance, peer_item_count_ - 1)].datagram.payload;
    prefetch(ahead + 64);
    prefetch(ahead + 128);
    const PeerItem& item = peer_items_[i];
    if (item.first.data != nullptr) [[unlikely]]
      if (const ppspp::Route route = peers_->route_first(item.first, item.handed_off); route.to != ppspp::Route::To::kHere) {
        pass_on(item.packet, route, item.handed_off);
        continue;
      }
    peers_->take(item.packet, item.datagram);
  }
  peer_item_count_ = 0;
}

// The network peer's part of the loop: hashes of all chunks that came in, verdicts; then, behind all media, whatever goes out.
std::size_t Worker::judge_content(StageClock& clock) noexcept {
  peers_->take_leaving([this](Packet* packet, std::uint8_t worker) { hand_over(packet, worker); });
  shared_.peer.signatures->results(context_.index(), [this](const ppspp::SignatureRequest& result) {
    peers_->signature_done(result);
    if (result.guarded) guard_->signature_done(result);
  });
  const std::size_t checks = peers_->checks();
  if (checks != 0) {
    peers_->verify();
    clock.lap(context_.block()[Stage::kVerify], checks);
    peers_->commit();
    clock.lap(context_.block()[Stage::kCommit], checks);
  }
  if (guard_ != nullptr) clock.lap(context_.block()[Stage::kVerify], guard_->verify());
  return checks;
}

std::size_t Worker::serve_content(StageClock& clock) noexcept {
  const std::size_t sent = peers_->serve() + (guard_ != nullptr ? guard_->flush() : 0);
  clock.lap(context_.block()[Stage::kServe], sent);
  return sent;
}

// The flow table's lines were asked for when the packets were classified; the legs' lines are asked for here.
void Worker::find_legs() noexcept {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < item_count_; ++i) {
    const SrtpItem& item = items_[i];
    const LegRx* leg = *item.place;
    if (leg == nullptr) {
      context_.drop(item.packet, DropReason::kUdpNoLeg);
      continue;
    }
    prefetch(leg);
    prefetch(&leg->key);
    SrtpItem& found = items_[kept];
    if (kept++ != i) [[unlikely]] found = item;
    found.leg = leg;
  }
  item_count_ = kept;
}

void Worker::prepare_items() noexcept {
  srtp_.prepare({items_.data(), item_count_});
  item_count_ = 0;
}

bool Worker::shares_waiting() const noexcept {
  for (const auto& ring : shared_.shares[context_.index()])
    if (ring != nullptr && !ring->empty()) return true;
  return false;
}

std::size_t Worker::receive_shares() noexcept {
  std::size_t total = 0;
  for (auto& ring : shared_.shares[context_.index()]) {
    if (ring == nullptr || ring->empty()) continue;
    total += ring->consume(
        [this](const SharedPlaintext& item) {
          ++taken_in_;
          srtp_.serve_share(item);
        },
        kMaxBurst);
  }
  return total;
}

std::size_t Worker::receive_handoff() noexcept {
  std::size_t total = 0;
  for (auto& ring : shared_.handoff[context_.index()]) {
    if (ring == nullptr || ring->empty()) continue;
    total += ring->consume(
        [this](Packet* packet) {
          context_.count(Counter::kHandoffIn);
          ++taken_in_;
          reclassify(packet);
        },
        kMaxBurst);
    find_legs();
    prepare_items();
    take_peer_items();
  }
  return total;
}

inline void Worker::to_leg(Packet* packet, SrtpItem& item, std::uint16_t port, bool handed_off) noexcept {
  const std::size_t bucket = bucket_of(item.udp_port);
  const std::uint8_t owner = tables_.bucket_owner[bucket];
  if (owner != context_.index() && !handed_off) return hand_over(packet, owner);
  if (parking_[bucket]) [[unlikely]] {
    if (parked_.size() == parked_.capacity()) return context_.drop(packet, DropReason::kHandoffFull);
    context_.count(Counter::kParked);
    return parked_.push_back({packet, static_cast<std::uint32_t>(bucket)});
  }
  item.packet = packet;
  item.place = tables_.flows[port].place(item.address_index, item.udp_port);
  prefetch(item.place);
  ++item_count_;
}

inline void Worker::classify_one(Packet* packet, PortQueue& queue, bool handed_off) noexcept {
  SrtpItem& item = items_[item_count_];
  const Classified c = queue.classifier->classify(*packet, item);
  if (c.lane == Lane::kMedia) [[likely]] return to_leg(packet, item, queue.port, handed_off);
  if (c.lane == Lane::kDrop) return context_.drop(packet, c.reason);
  if (c.lane == Lane::kPeer) return to_peer(packet, item, handed_off);
  to_host(packet, c.lane, queue);
}

void Worker::classify(std::span<Packet* const> packets, PortQueue& queue) noexcept {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i + kPrefetchDistance < packets.size()) prefetch(packets[i + kPrefetchDistance]->data);
    bytes += packets[i]->bytes;
    classify_one(packets[i], queue, false);
  }
  context_.count(Counter::kRxBytes, bytes);
}

// A packet from another worker, or one that was parked: it is ours.
void Worker::reclassify(Packet* packet) noexcept {
  PortQueue& queue = *by_port_[packet->port];
  if (queue.guard_port >= 0) return guard(packet, queue, true);
  classify_one(packet, queue, true);
}

}  // namespace mediaward::dataplane
