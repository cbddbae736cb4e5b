// SPDX-License-Identifier: Apache-2.0
// Two guard ports with two workers: whichever of them a flow comes to, it is judged by the worker that owns its swarm, and leaves in order
// and untouched, less what was proved wrong. Two captures of one swarm side by side, one of them with a chunk that was altered
// (tests/captures/README.md). Single thread: workers run in turn.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "crypto/openssl_provider.h"
#include "dataplane/core.h"
#include "tests/support/capture_file.h"
#include "tests/support/memory_io.h"
#include "tools/ppspp/metadata.h"
#include "tools/replay/capture.h"

namespace mediaward::test {
namespace {

namespace pp = tools::ppspp;
using dataplane::Counter;
using dataplane::DropReason;

constexpr std::size_t kWorkers = 2, kPorts = 2;

std::vector<Frame> frames_of(const std::string& file) {
  auto capture = tools::replay::Capture::open(std::string(PPSPP_CAPTURES) + "/" + file);
  if (!capture) throw std::runtime_error(capture.error().message);
  std::vector<Frame> out;
  for (tools::replay::CapturedFrame frame; *capture->next(frame);) out.emplace_back(frame.bytes.begin(), frame.bytes.end());
  return out;
}

abi::Swarm seven_chunks() {
  const pp::Content content(pp::numbered_lines(7162), 1024, pp::wire::MerkleFunction::kSha256);
  abi::Swarm m{};
  m.header = {abi::MessageType::kSwarm, 0, sizeof m, 0};
  m.swarm_id = 1;
  m.kind = abi::SwarmKind::kStatic;
  m.hash = 2;
  m.addressing = 2;
  m.source = abi::SwarmSource::kPeers;
  m.fetch = abi::FetchPolicy::kNothing;
  m.flags = abi::kSwarmGuardOnly;
  m.chunk_bytes = 1024;
  m.content_bytes = 7162;
  m.key_bytes = static_cast<std::uint16_t>(content.metadata().swarm_id.size());
  std::memcpy(m.key, content.metadata().swarm_id.data(), m.key_bytes);
  return m;
}

class Wire {
 public:
  // owner: swarms are shared out in turn, so that another one goes first where it is to be the second worker.
  explicit Wire(std::size_t owner) : provider_(crypto::make_openssl_provider()) {
    dataplane::CoreSettings settings;
    settings.limits = {.legs = 1, .slots = 16, .neighbours = 1, .jobs_per_worker = 16, .handoff_ring = 256};
    settings.peer_limits = {.cache_bytes = 0, .swarms = 4, .admissions = 1, .peers = 1, .channels = 1, .guard_flows = 16};
    settings.tsc_hz = 1'000'000;
    settings.clock = [this] { return now_; };
    for (int p = 0; p < static_cast<int>(kPorts); ++p) {
      dataplane::PortSettings port;
      port.name = p == 0 ? "near" : "far";
      port.guard_port = 1 - p;
      settings.ports.push_back(port);
    }
    for (std::size_t w = 0; w < kWorkers; ++w) {
      dataplane::WorkerSettings worker;
      for (std::size_t p = 0; p < kPorts; ++p) {
        auto io = std::make_unique<MemoryIo>(MemoryIo::Options{.buffers = 512});
        ios_[p][w] = io.get();
        worker.queues.push_back({static_cast<std::uint16_t>(p), static_cast<std::uint16_t>(w), std::move(io)});
      }
      settings.workers.push_back(std::move(worker));
    }
    auto core = dataplane::Core::create(std::move(settings), *provider_);
    if (!core) throw std::runtime_error(core.error().message);
    core_ = std::move(*core);
    abi::Swarm other = seven_chunks();
    other.swarm_id = 2;
    other.key[0] ^= 1;
    if (owner == 0) add(other);
    add(seven_chunks());
    EXPECT_EQ(swarm().worker, owner);
  }
  void add(const abi::Swarm& swarm) {
    const std::vector<dataplane::Operation> operations{swarm};
    if (!core_->submit(operations, {})) throw std::runtime_error("the swarm was refused");
    while (!core_->applied()) run();
  }
  void run() {
    for (unsigned i = 0; i < 4; ++i)
      for (std::size_t w = 0; w < kWorkers; ++w) (void)core_->worker(w).run_once(now_);
    now_ += 100;
    for (std::size_t w = 0; w < kWorkers; ++w)
      core_->evidence(w)->consume([this](const dataplane::ppspp::Evidence& e) { evidence.push_back(e); });
  }
  [[nodiscard]] MemoryIo& io(std::size_t port, std::size_t worker) { return *ios_[port][worker]; }
  [[nodiscard]] std::uint64_t count(Counter c) const {
    std::uint64_t sum = 0;
    for (std::size_t w = 0; w < kWorkers; ++w) sum += core_->stats().block(w).counters[static_cast<std::size_t>(c)];
    return sum;
  }
  [[nodiscard]] std::uint64_t drops(DropReason r) const {
    std::uint64_t sum = 0;
    for (std::size_t w = 0; w < kWorkers; ++w) sum += core_->stats().block(w).drops[static_cast<std::size_t>(r)];
    return sum;
  }
  [[nodiscard]] std::uint64_t buffers_out() const {
    std::uint64_t sum = 0;
    for (const auto& of_port : ios_)
      for (const MemoryIo* io : of_port) sum += io->buffers_out();
    return sum;
  }
  [[nodiscard]] abi::SwarmInfo swarm() const { return core_->swarms().swarm_infos(1).at(0); }
  std::vector<dataplane::ppspp::Evidence> evidence;

 private:
  std::uint64_t now_ = 1'000'000;
  std::unique_ptr<crypto::CryptoProvider> provider_;
  std::array<std::array<MemoryIo*, kWorkers>, kPorts> ios_{};
  std::unique_ptr<dataplane::Core> core_;
};

// The seeder is beside the near port, whoever asks it beside the far one.
std::size_t side_of(const Frame& frame) {
  const std::uint16_t source = load_be16(frame.data() + 34), destination = load_be16(frame.data() + 36);
  return source < destination ? 0 : 1;
}

struct Spread {
  std::size_t owner;             // of the swarm
  std::size_t honest, tampered;  // worker that each flow comes to
  bool bursts;                   // workers run when the direction changes, not after every frame
};
class TwoWorkers : public testing::TestWithParam<Spread> {};

TEST_P(TwoWorkers, JudgeOneSwarmAndKeepEveryFlowInOrder) {
  const std::array flows{frames_of("05-sha256-7chunks.pcap"), frames_of("09-sha256-7chunks-tampered-4.pcap.gz")};
  const std::array workers{GetParam().honest, GetParam().tampered};
  const std::size_t owner = GetParam().owner;
  Wire wire(owner);
  std::size_t fed = 0;
  for (std::size_t i = 0; i < std::max(flows[0].size(), flows[1].size()); ++i)
    for (std::size_t f = 0; f < flows.size(); ++f) {
      if (i >= flows[f].size()) continue;
      const std::size_t side = side_of(flows[f][i]);
      wire.io(side, workers[f]).inject(flows[f][i], static_cast<std::uint16_t>(side));
      ++fed;
      const bool turns = i + 1 == flows[f].size() || side_of(flows[f][i + 1]) != side;  // nobody answers what has not passed yet
      if (turns || !GetParam().bursts) wire.run();
    }
  for (unsigned i = 0; i < 4; ++i) wire.run();
  EXPECT_EQ(wire.drops(DropReason::kGuardBad), 5u) << "chunk 4 came altered five times";
  EXPECT_EQ(wire.swarm().chunks_bad, 5u);
  // 7 of the one and 6 of the other, and two more that the other's hashes may prove or not.
  EXPECT_GE(wire.count(Counter::kPpsppChunksVerified), 13u);
  EXPECT_LE(wire.count(Counter::kPpsppChunksVerified), 15u);
  EXPECT_EQ(wire.count(Counter::kGuardPassed), fed - 5);
  if (workers[0] != owner || workers[1] != owner) {
    EXPECT_GT(wire.count(Counter::kHandoffOut), 0u);
  }
  ASSERT_EQ(wire.evidence.size(), 5u);
  for (const auto& e : wire.evidence) {
    EXPECT_TRUE(e.from_guard);
    EXPECT_EQ(e.chunk, 4u);
    EXPECT_EQ(e.peer_port, load_be16(flows[1][2].data() + (side_of(flows[1][2]) == 0 ? 34 : 36))) << "the seeder's";
  }
  // What came out on one side is what went in on the other, flow by flow, less the five.
  std::size_t missing = 0;
  for (std::size_t f = 0; f < flows.size(); ++f)
    for (std::size_t side = 0; side < kPorts; ++side) {
      std::vector<Frame> in, out;
      for (const Frame& frame : flows[f])
        if (side_of(frame) == side) in.push_back(frame);
      for (std::size_t w = 0; w < kWorkers; ++w)
        for (const Frame& frame : wire.io(1 - side, w).sent())
          if (std::find(in.begin(), in.end(), frame) != in.end()) out.push_back(frame);
      missing += in.size() - out.size();
      std::size_t at = 0;
      for (const Frame& frame : out) {
        while (at < in.size() && in[at] != frame) ++at;
        ASSERT_LT(at, in.size()) << "flow " << f << ", side " << side << ": out of order";
        ++at;
      }
    }
  EXPECT_EQ(missing, 5u);
  EXPECT_EQ(wire.buffers_out(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Spread, TwoWorkers,
                         testing::Values(Spread{0, 0, 0, false}, Spread{0, 0, 1, false}, Spread{0, 1, 0, true}, Spread{1, 1, 1, false},
                                         Spread{1, 0, 1, false}, Spread{1, 1, 0, true}),
                         [](const auto& p) {
                           return "Owner" + std::to_string(p.param.owner) + "Workers" + std::to_string(p.param.honest) +
                                  std::to_string(p.param.tampered) + (p.param.bursts ? "Bursts" : "");
                         });

}  // namespace
}  // namespace mediaward::test
