// SPDX-License-Identifier: Apache-2.0
// What single steps of the packet path cost, hot and alone: for finding regressions, not for promises. Google Benchmark.
// No engine here (engines.cc). One thread.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>

#include "bench/support/conferences.h"
#include "crypto/srtp_index.h"
#include "crypto/srtp_kdf.h"
#include "dataplane/checksum.h"
#include "dataplane/classify.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/rtp.h"
#include "dataplane/wire/udp.h"

namespace {

using namespace mediaward;

void key_derivation(benchmark::State& state) {
  const auto suite = static_cast<crypto::Suite>(state.range(0));
  const auto& info = *crypto::find_suite(suite);
  const std::array<std::byte, crypto::kMaxKeyBytes> key{};
  const std::array<std::byte, crypto::kMaxSaltBytes> salt{};
  for (auto _ : state)
    benchmark::DoNotOptimize(crypto::derive_session_keys(suite, ConstBytes(key).first(info.key_bytes),
                                                         ConstBytes(salt).first(info.salt_bytes), crypto::KeyUse::kSrtp));
}
BENCHMARK(key_derivation)
    ->Arg(static_cast<int>(crypto::Suite::kAesCm128HmacSha1_80))
    ->Arg(static_cast<int>(crypto::Suite::kAesCm256HmacSha1_80))
    ->Arg(static_cast<int>(crypto::Suite::kAeadAes128Gcm));

void index_window(benchmark::State& state) {
  auto window = crypto::IndexWindow::starting_at_roc(0);
  std::uint16_t sequence = 0;
  for (auto _ : state) {
    const std::uint64_t index = window.estimate(++sequence);
    if (window.test(index) == crypto::IndexWindow::Verdict::kFresh) window.mark(index);
    benchmark::DoNotOptimize(window);
  }
}
BENCHMARK(index_window);

void rtp_parse(benchmark::State& state) {
  std::array<std::byte, 172> packet{};
  packet[0] = std::byte{0x80};
  for (auto _ : state) {
    dataplane::wire::RtpHeaderInfo info;
    benchmark::DoNotOptimize(packet.data());
    benchmark::DoNotOptimize(dataplane::wire::parse_rtp(packet, info));
    benchmark::DoNotOptimize(info);
  }
}
BENCHMARK(rtp_parse);

void checksum(benchmark::State& state) {
  std::vector<std::byte> data(static_cast<std::size_t>(state.range(0)), std::byte{0x5a});
  for (auto _ : state) benchmark::DoNotOptimize(dataplane::finish_checksum(dataplane::add_checksum(data)));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum)->Arg(20)->Arg(190)->Arg(1230);

class ClassifyFixture {
 public:
  ClassifyFixture()
      : settings_(bench::Conferences(bench::calls(crypto::Suite::kAesCm128HmacSha1_80)).settings(nullptr)),
        frame_(14 + 20 + 8 + 12 + 160 + 10) {
    namespace wire = dataplane::wire;
    const std::array<std::byte, 4> from{std::byte{198}, std::byte{18}, std::byte{1}, std::byte{0}},
        to{std::byte{198}, std::byte{18}, std::byte{0}, std::byte{1}};
    wire::write_ethernet(frame_.data(), bench::kApplianceMac, bench::kPeerMac, wire::kEtherIpv4, 0);
    wire::write_ipv4(frame_.data() + 14, from.data(), to.data(), wire::kProtocolUdp, static_cast<std::uint16_t>(frame_.size() - 34), 0, 64,
                     true);
    wire::write_udp(frame_.data() + 34, 5004, 20000, static_cast<std::uint16_t>(frame_.size() - 42));
    packet_.data = frame_.data();
    packet_.bytes = static_cast<std::uint32_t>(frame_.size());
    packet_.flags = dataplane::kRxL4ChecksumGood;
  }
  dataplane::Packet& packet() { return packet_; }
  const dataplane::PortSettings& port() const { return settings_.ports[0]; }

 private:
  dataplane::CoreSettings settings_;
  std::vector<std::byte> frame_;
  dataplane::Packet packet_;
};

void classify(benchmark::State& state) {
  ClassifyFixture fixture;
  dataplane::NeighbourBudget budget(16);
  dataplane::NeighbourTable neighbours(fixture.port(), 0, budget, 1'000'000'000);
  dataplane::TokenBucket echo(1'000'000'000);
  const dataplane::Host host(fixture.port(), neighbours, echo);
  const dataplane::Classifier classifier(fixture.port(), host);
  for (auto _ : state) {
    dataplane::Datagram datagram;
    const auto c = classifier.classify(fixture.packet(), datagram);
    if (c.lane != dataplane::Lane::kMedia) state.SkipWithError("the frame was not classified as media");
    benchmark::DoNotOptimize(datagram);
  }
}
BENCHMARK(classify);

}  // namespace
