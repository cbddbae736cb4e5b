// SPDX-License-Identifier: Apache-2.0
// Buckets that move back and forth between workers on threads of their own, as fast as they can, while everybody talks. Nothing may be
// lost, overtaken or sealed twice, and, built with a thread sanitizer, nobody may touch what is another's: ports here share no lock, no
// pool and no free list, so that only the data plane's own hand-over orders what workers do. Scheduling is the system's, the outcome is
// not.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/unit/dataplane/room.h"

namespace mediaward::test {
namespace {

using dataplane::Packet;

constexpr std::size_t kWorkers = 3;
constexpr std::size_t kPhones = 4;
constexpr std::uint16_t kPacketsEach = 1500;
constexpr std::size_t kUnderWay = 256;       // packets let in and not yet heard by everybody
constexpr std::size_t kPacketsPerMove = 60;  // so many are let in while a bucket moves, and no more

struct Sent {
  std::uint64_t order;
  Frame frame;
};

// Everything that will arrive is there from the beginning and let in bit by bit; buffers are used once.
class OnceIo final : public dataplane::PacketIo {
 public:
  OnceIo(std::atomic<std::uint64_t>& order, std::size_t buffers) : order_(order), packets_(buffers), bytes_(buffers * kBufferBytes) {}

  void inject(const Frame& frame) { arriving_.push_back(frame); }
  void let_in(std::size_t n) { allowed_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t arriving() const { return arriving_.size(); }
  [[nodiscard]] const std::vector<Sent>& sent() const { return sent_; }

  std::size_t receive(std::span<Packet*> out) noexcept override {
    std::size_t n = 0;
    for (const std::size_t allowed = allowed_.load(std::memory_order_relaxed); n < out.size() && next_ < allowed; ++n) {
      if (!allocate(out.subspan(n, 1))) break;
      std::memcpy(out[n]->data, arriving_[next_].data(), arriving_[next_].size());
      out[n]->bytes = static_cast<std::uint32_t>(arriving_[next_++].size());
    }
    return n;
  }
  std::size_t transmit(std::span<Packet* const> packets) noexcept override {
    for (const Packet* p : packets) {
      const bool ipv4 = load_be16(p->data + 12) == 0x0800;  // else an announcement of our addresses
      if (ipv4) sent_.push_back({order_.fetch_add(1, std::memory_order_relaxed), Frame(p->data, p->data + p->bytes)});
    }
    return packets.size();
  }
  bool allocate(std::span<Packet*> out) noexcept override {
    if (packets_.size() - used_ < out.size()) return false;
    for (auto& p : out) {
      p = &packets_[used_];
      p->data = bytes_.data() + used_++ * kBufferBytes + kHeadroom;
      p->room = kBufferBytes - kHeadroom;
    }
    return true;
  }
  void share(Packet&, std::uint32_t) noexcept override {}
  void release(std::span<Packet* const>) noexcept override {}
  [[nodiscard]] dataplane::PortCapabilities capabilities() const noexcept override { return {}; }

 private:
  static constexpr std::size_t kHeadroom = 64, kBufferBytes = 256;
  std::atomic<std::uint64_t>& order_;
  std::vector<Packet> packets_;
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0, next_ = 0;
  std::vector<Frame> arriving_;
  std::vector<Sent> sent_;
  std::atomic<std::size_t> allowed_{0};
};

class MovingRoom {
 public:
  explicit MovingRoom(bool spread)
      : inner_(crypto::make_openssl_provider()),
        provider_(test_support::make_delaying_provider(*inner_, {.polls = 200, .queue_jobs = 4096})) {
    dataplane::CoreSettings settings;
    dataplane::PortSettings port;
    port.name = "media0";
    std::memcpy(port.mac.data(), Dataplane::kApplianceMac.data(), 6);
    port.addresses = {*dataplane::IpPrefix::parse("192.0.2.1/24")};
    settings.ports.push_back(port);
    for (std::size_t w = 0; w < kWorkers; ++w) {
      auto io = std::make_unique<OnceIo>(order_, kPhones * kPacketsEach * (kPhones + 1));
      ios_.push_back(io.get());
      dataplane::WorkerSettings worker;
      worker.queues.push_back({0, static_cast<std::uint16_t>(w), std::move(io)});
      settings.workers.push_back(std::move(worker));
    }
    settings.limits = {.legs = 16, .slots = 256, .neighbours = 16, .jobs_per_worker = 4096, .handoff_ring = 4096};
    settings.tsc_hz = 1'000'000;
    core_ = std::move(*dataplane::Core::create(std::move(settings), *provider_));
    std::vector<Participant> all;
    for (unsigned i = 1; i <= kPhones; ++i) {
      phones_.emplace_back(make_participant(i, i % 2 == 0 ? crypto::Suite::kAeadAes128Gcm : crypto::Suite::kAesCm128HmacSha1_80));
      all.push_back(phones_.back().p());
    }
    ConferenceOptions conference;
    conference.spread = spread;
    const auto done = core_->submit(Dataplane::conference_of(1, all, conference), {});
    if (!done) throw std::runtime_error(done.error().message);
    for (const auto& hop : core_->neighbours(0).entries())
      if (hop != nullptr) dataplane::confirm_neighbour(*hop, {}, kNow);
    for (std::uint16_t s = 1; s <= kPacketsEach; ++s)
      for (std::size_t i = 0; i < kPhones; ++i)
        ios_[i % kWorkers]->inject(to_frame(udp_frame(flow_from(phones_[i].p()), phones_[i].seal(s))));
  }

  // Until everything was let in, heard, and the last move is over. Returns how many moves there were.
  std::size_t run() {
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (std::size_t w = 0; w < kWorkers; ++w)
      threads.emplace_back([&, w] {
        while (!stop.load(std::memory_order_relaxed))
          if (!core_->worker(w).run_once(kNow)) std::this_thread::yield();
      });
    constexpr std::uint64_t kWanted = std::uint64_t{kPhones} * kPacketsEach * (kPhones - 1);
    std::size_t moves = 0, let_in = 0, turn = 0;
    const auto lost = [&] { return drops() != 0; };
    while ((order_.load(std::memory_order_relaxed) < kWanted || core_->moving()) && !lost()) {
      const std::size_t heard = order_.load(std::memory_order_relaxed) / (kPhones - 1);
      if (let_in < std::min(kPhones * kPacketsEach, (moves + 1) * kPacketsPerMove) && let_in < heard + kUnderWay) {
        let_in += 4;
        for (auto* io : ios_) io->let_in(let_in * io->arriving() / (kPhones * kPacketsEach));
      }
      core_->advance(kNow);
      for (const auto& moved : core_->take_moves()) moves += moved.done ? 1 : 0;
      core_->collect();
      if (!core_->moving() && order_.load(std::memory_order_relaxed) < kWanted) {
        const auto bucket = static_cast<std::uint32_t>(dataplane::bucket_of(phones_[turn % kPhones].p().local_port));
        EXPECT_TRUE(core_->move_bucket(bucket, static_cast<std::uint32_t>(turn / kPhones % kWorkers)));
        ++turn;
      }
      std::this_thread::yield();
    }
    stop = true;
    for (auto& t : threads) t.join();
    return moves;
  }

  void expect_everything_heard() {
    std::vector<const Sent*> all;
    for (const auto* io : ios_)
      for (const Sent& sent : io->sent()) all.push_back(&sent);
    std::sort(all.begin(), all.end(), [](const Sent* a, const Sent* b) { return a->order < b->order; });
    std::vector<std::uint16_t> sequences;
    for (std::uint16_t s = 1; s <= kPacketsEach; ++s) sequences.push_back(s);
    std::map<std::pair<std::string, std::uint32_t>, std::vector<std::vector<std::uint8_t>>> heard;  // by listener and SSRC
    for (const Sent* sent : all)
      if (auto d = parse_udp_frame(to_bytes(sent->frame)))
        heard[{d->destination, load_be32(reinterpret_cast<const std::byte*>(d->payload.data()) + 8)}].push_back(d->payload);
    for (auto& to : phones_)
      for (const auto& from : phones_)
        if (to.p().id != from.p().id) to.expect(heard[{to.p().remote, from.p().ssrcs[0]}], from, sequences);
    EXPECT_EQ(drops(), 0u);
  }

 private:
  static constexpr std::uint64_t kNow = 100'000'000;
  static UdpFlow flow_from(const Participant& p) {
    UdpFlow flow;
    flow.source_mac = Dataplane::kPeerMac;
    flow.destination_mac = Dataplane::kApplianceMac;
    flow.source = p.remote;
    flow.destination = p.local;
    flow.source_port = p.remote_port;
    flow.destination_port = p.local_port;
    return flow;
  }
  [[nodiscard]] std::uint64_t drops() const {
    std::uint64_t n = 0;
    for (std::size_t w = 0; w < kWorkers; ++w)
      for (const auto& count : core_->stats().block(w).drops)
        n += std::atomic_ref(const_cast<std::uint64_t&>(count)).load(std::memory_order_relaxed);
    return n;
  }

  std::unique_ptr<crypto::CryptoProvider> inner_, provider_;  // crypto comes back loops later, as from a device
  std::atomic<std::uint64_t> order_{0};
  std::vector<OnceIo*> ios_;
  std::unique_ptr<dataplane::Core> core_;
  std::vector<Phone> phones_;
};

TEST(BucketMoverThreads, NothingIsLostOrOvertakes) {
  MovingRoom room(false);
  const std::size_t moves = room.run();
  room.expect_everything_heard();
  EXPECT_GE(moves, kPhones * kPacketsEach / kPacketsPerMove - 1);
}

TEST(BucketMoverThreads, NorInAConferenceThatIsSpreadOverAllWorkers) {
  MovingRoom room(true);
  const std::size_t moves = room.run();
  room.expect_everything_heard();
  EXPECT_GE(moves, kPhones * kPacketsEach / kPacketsPerMove - 1);
}

}  // namespace
}  // namespace mediaward::test
