// SPDX-License-Identifier: Apache-2.0
// See make_peer_corpus.h. Peer 0 provides, peer 1 receives, peer 2 does both; the content has 20 chunks, addressed by 32-bit chunk ranges,
// with SHA-256 (fuzz_peer.cc).
#include "tests/fuzz/make_peer_corpus.h"

#include <array>
#include <functional>

#include "dataplane/wire/ppspp_writer.h"
#include "tests/fuzz/peer_script.h"

namespace mediaward::test {
namespace {

namespace wire = dataplane::ppspp;
using Bytes8 = std::vector<std::uint8_t>;
using Write = std::function<void(wire::MessageWriter&)>;

constexpr wire::Framing kFraming{wire::Addressing::kChunk32, 32, 0, 1024};

Bytes8 messages(const Write& write) {
  std::array<std::byte, 1400> room{};
  wire::MessageWriter w(room, 0, kFraming);
  write(w);
  Bytes8 out;
  for (const std::byte b : w.bytes().subspan(wire::kChannelBytes)) out.push_back(std::to_integer<std::uint8_t>(b));
  return out;
}

class Script {
 public:
  Script& open(std::uint8_t peer) { return step(PeerStep::kOpen, peer); }
  Script& say(std::uint8_t peer, const Write& write) { return step(PeerStep::kMessages, peer, messages(write)); }
  Script& chunk(std::uint8_t peer, std::uint8_t number, std::uint8_t altered = 0) {
    return step(PeerStep::kChunk, peer, {number, altered});
  }
  Script& wait(std::uint16_t ms) { return step(PeerStep::kWait, 0, {static_cast<std::uint8_t>(ms), static_cast<std::uint8_t>(ms >> 8)}); }
  Script& step(PeerStep what, std::uint8_t peer, const Bytes8& bytes = {}) {
    append_step(bytes_, what, peer, bytes);
    return *this;
  }
  [[nodiscard]] const Bytes8& bytes() const { return bytes_; }

 private:
  Bytes8 bytes_;
};

void have_all(wire::MessageWriter& w) {
  (void)(w.have({0, 15}) && w.have({16, 19}));
}

Bytes8 download() {
  Script s;
  s.open(0).open(1).say(0, have_all).say(1, [](wire::MessageWriter& w) { (void)w.request({0, 19}); });
  for (std::uint8_t c = 0; c < 6; ++c) s.chunk(0, c).say(1, [c](wire::MessageWriter& w) { (void)(w.have({c, c}) && w.ack({c, c}, 1000)); });
  return s.wait(2000).bytes();
}

Bytes8 tampering() {
  Script s;
  s.open(0).open(1).say(0, have_all).say(1, [](wire::MessageWriter& w) { (void)w.request({0, 19}); });
  for (std::uint8_t c = 0; c < 4; ++c) s.chunk(0, c, static_cast<std::uint8_t>(40 + c));
  return s.say(0, [](wire::MessageWriter& w) { (void)w.integrity({0, 0}, std::array<std::byte, 32>{std::byte{7}}); }).wait(1500).bytes();
}

Bytes8 choking() {
  Script s;
  s.open(2).say(2, have_all).say(2, [](wire::MessageWriter& w) { (void)w.choke(); }).wait(100);
  return s.chunk(2, 3).say(2, [](wire::MessageWriter& w) { (void)w.unchoke(); }).wait(3000).chunk(2, 4).bytes();
}

Bytes8 second_thoughts() {
  Script s;
  s.open(2).open(1).say(1, [](wire::MessageWriter& w) { (void)(w.request({0, 3}) && w.request({8, 19}) && w.cancel({10, 12})); });
  s.say(2, [](wire::MessageWriter& w) { (void)(w.have({0, 7}) && w.ack({8, 19}, 5) && w.request({0, 19}) && w.pex_req()); });
  return s.say(1, [](wire::MessageWriter& w) { (void)(w.have({8, 11}) && w.cancel({0, 19})); }).wait(500).bytes();
}

Bytes8 coming_and_going() {
  Script s;
  for (const auto peer : std::initializer_list<std::uint8_t>{0, 1, 2}) s.open(peer).say(peer, [](wire::MessageWriter&) {});
  for (const auto peer : std::initializer_list<std::uint8_t>{2, 1, 0}) s.say(peer, [](wire::MessageWriter& w) { (void)w.close(); });
  return s.open(1).say(1, have_all).wait(40'000).open(0).bytes();
}

Bytes8 strangers() {
  Script s;
  s.step(PeerStep::kFirst, 0, messages([](wire::MessageWriter& w) { (void)w.close(); }));
  s.step(PeerStep::kFirst, 1, messages(have_all)).step(PeerStep::kAnywhere, 2, {0, 0, 0, 1, 3}).step(PeerStep::kAnywhere, 0, {0, 0, 0});
  wire::HandshakeOptions options;
  options.set_version(wire::kPpsppVersion, wire::kPpsppVersion);
  return s.step(PeerStep::kFirst, 2, messages([&](wire::MessageWriter& w) { (void)w.handshake(0x01020304, options); })).bytes();
}

}  // namespace

std::map<std::string, Bytes8> peer_corpus() {
  return {{"download", download()},   {"tampering", tampering()},         {"choking", choking()}, {"second_thoughts", second_thoughts()},
          {"strangers", strangers()}, {"come_and_go", coming_and_going()}};
}

}  // namespace mediaward::test
