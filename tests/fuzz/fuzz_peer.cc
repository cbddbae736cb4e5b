// SPDX-License-Identifier: Apache-2.0
// Any conversation of three admitted peers with the network peer of a running data plane: one provides, one receives, one does both.
// Whatever they say, no packet is lost uncounted, every request ends once, nothing that was not verified is served, and nobody has more
// channels than he may. The appliance lives on from input to input, as a real one does; peers begin anew. Input: peer_script.h.
#include "tests/content/raw_peer.h"
#include "tests/fuzz/exact_buffer.h"
#include "tests/fuzz/peer_script.h"

namespace mediaward::test {
namespace {

using pp::wire::MessageWriter;

constexpr std::size_t kMaxInput = 4096, kMaxPayload = 1400;
constexpr unsigned kMostSteps = 64;
constexpr std::uint64_t kMostWaitMs = 60'000;  // of one input
constexpr std::size_t kMostChannels = 4 * kScriptPeers;

class World {
 public:
  World() : content_(chunks_of(20)), stand_() {
    FUZZ_REQUIRE(stand_.open(content_->metadata(),
                             {{1, abi::kAdmitProvide}, {2, abi::kAdmitReceive}, {3, abi::kAdmitProvide | abi::kAdmitReceive}},
                             ContentStand::kSwarm, [](abi::Swarm& m) {
                               for (auto& action : m.conduct.actions) action = abi::ConductAction::kObserve;  // they are to go on
                               m.conduct.audit_interval_s = 1;
                             }));
    stand_.run_ms(5);
  }
  void play(const std::uint8_t* data, std::size_t size) {
    peers_.clear();
    for (unsigned n = 1; n <= kScriptPeers; ++n) peers_.emplace_back(stand_, content_, n);
    opened_ = {};
    waited_ms_ = 0;
    for (unsigned steps = 0; size >= kStepHeadBytes && steps < kMostSteps; ++steps) {
      const std::size_t bytes = std::min<std::size_t>({data[2] + 256u * data[3], size - kStepHeadBytes, kMaxPayload});
      step(static_cast<PeerStep>(data[0] % kPeerSteps), data[1] % kScriptPeers, {data + kStepHeadBytes, bytes});
      data += kStepHeadBytes + bytes;
      size -= kStepHeadBytes + bytes;
    }
    leave();
    stand_.run_ms(5);
    stand_.evidence.clear();
    stand_.events.clear();
    stand_.strays.clear();
    FUZZ_REQUIRE(stand_.unsound().empty());
    FUZZ_REQUIRE(stand_.channels() <= kMostChannels);
  }

 private:
  void step(PeerStep what, unsigned peer, std::span<const std::uint8_t> bytes) {
    RawPeer& raw = peers_[peer];
    const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
    switch (what) {
      case PeerStep::kOpen:
        if (!opened_[peer]) opened_[peer] = raw.open(++next_channel_);
        break;
      case PeerStep::kMessages:
        send(raw, raw.remote(), bytes);
        break;
      case PeerStep::kFirst:
        send(raw, 0, bytes);
        break;
      case PeerStep::kAnywhere:
        raw.send(pp::Blob(first, first + bytes.size()));
        break;
      case PeerStep::kChunk:
        give(raw, bytes);
        break;
      case PeerStep::kWait:
        wait(bytes);
        break;
    }
    look_at_chunks();
  }
  static void send(RawPeer& raw, std::uint32_t channel, std::span<const std::uint8_t> messages) {
    pp::Blob payload(4 + messages.size());
    store_be32(payload.data(), channel);
    if (!messages.empty()) std::memcpy(payload.data() + 4, messages.data(), messages.size());
    raw.send(std::move(payload));
  }
  void give(RawPeer& raw, std::span<const std::uint8_t> bytes) {
    if (bytes.size() < 2) return;
    const std::uint64_t chunk = bytes[0] % content_->metadata().chunks();
    const ConstBytes right = content_->chunk(chunk);
    pp::Blob data(right.begin(), right.end());
    if (bytes[1] != 0) data[bytes[1] % data.size()] ^= std::byte{1};
    raw.say([&](MessageWriter& w) {
      raw.hashes_of(w, chunk);
      (void)w.data({chunk, chunk}, 1, data);
    });
  }
  void wait(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < 2) return;
    const std::uint64_t ms = std::min<std::uint64_t>(bytes[0] + 256u * bytes[1], kMostWaitMs - waited_ms_);
    waited_ms_ += ms;
    stand_.run_ms(ms);
  }
  // Whatever is served is the content.
  void look_at_chunks() {
    for (const pp::Datagram& d : std::exchange(stand_.strays, {})) {
      std::uint32_t id = 0;
      ConstBytes messages;
      if (!pp::wire::split_channel(d.payload, id, messages) || messages.empty()) continue;
      pp::wire::MessageReader reader(messages, content_->metadata().framing(), pp::wire::Profile::kRfc);
      for (pp::wire::Message m; reader.next(m);) {
        if (m.type != pp::wire::MessageType::kData) continue;
        const ConstBytes right = content_->chunk(m.range.first);
        FUZZ_REQUIRE(d.to != peers_[0].self());  // it may not receive
        FUZZ_REQUIRE(std::equal(m.body.begin(), m.body.end(), right.begin(), right.end()));
      }
    }
  }
  void leave() {
    for (RawPeer& raw : peers_)
      if (raw.remote() != 0) raw.say([](MessageWriter& w) { (void)w.close(); });
  }

  ContentPtr content_;
  ContentStand stand_;
  std::vector<RawPeer> peers_;
  std::array<bool, kScriptPeers> opened_{};
  std::uint64_t waited_ms_ = 0;
  std::uint32_t next_channel_ = 0x1000;
};

}  // namespace
}  // namespace mediaward::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static mediaward::test::World world;
  if (size <= mediaward::test::kMaxInput) world.play(data, size);
  return 0;
}
