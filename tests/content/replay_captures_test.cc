// SPDX-License-Identifier: Apache-2.0
// Traffic of an implementation that is not ours (tests/captures/README.md) through the real packet path as a guard sees it: verdicts are
// those that its receiver came to, whatever the size of bursts, and loss, doubling and reordering never make an honest peer a bad one.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "crypto/merkle_shape.h"
#include "dataplane/wire/ppspp_message.h"
#include "tests/support/capture_file.h"
#include "tools/ppspp/metadata.h"
#include "tools/replay/replay.h"

namespace mediaward::test {
namespace {

namespace pp = tools::ppspp;
using tools::replay::Capture;
using tools::replay::CapturedFrame;
using tools::replay::Outcome;
using tools::replay::Replay;

constexpr const char* kLiveKey =
    "0dc03814d83597c2a73103b03bda72b5225fc1d04170dcff925d708b438d8dd36f23cb98976a99c0b276a2a9bc3c6ef3dc3bddc76546c9b880eadc587a35a504f1";

struct Known {
  const char* file;
  const char* key;           // swarm id, hex
  pp::wire::MerkleFunction hash;
  std::uint32_t chunk_bytes;
  std::uint64_t content_bytes;
  std::set<std::uint64_t> accepted;
  std::uint64_t bad, unverifiable;
  std::string refused;       // reason of every chunk that was refused unhashed
};

std::set<std::uint64_t> up_to(std::uint64_t n, std::set<std::uint64_t> without = {}) {
  std::set<std::uint64_t> out;
  for (std::uint64_t i = 0; i < n; ++i)
    if (!without.contains(i)) out.insert(i);
  return out;
}
std::set<std::uint64_t> between(std::uint64_t first, std::uint64_t last) {
  std::set<std::uint64_t> out;
  for (std::uint64_t i = first; i <= last; ++i) out.insert(i);
  return out;
}

constexpr auto kSha1 = pp::wire::MerkleFunction::kSha1, kSha256 = pp::wire::MerkleFunction::kSha256;

const std::vector<Known>& known() {
  static const std::vector<Known> all{
      {"01-sha1-1chunk.pcap", "47a013e660d408619d894b20806b1d5086aab03b", kSha1, 1024, 13, up_to(1), 0, 0, ""},
      {"02-sha1-7chunks.pcap", "73395d57bb5d1e93d2580972a670d0e0e7d7b49d", kSha1, 1024, 7162, up_to(7), 0, 0, ""},
      {"04-sha256-1chunk.pcap", "0ba904eae8773b70c75333db4de2f3ac45a8ad4ddba1b242f0b3cfc199391dd8", kSha256, 1024, 13, up_to(1), 0, 0, ""},
      {"05-sha256-7chunks.pcap", "03edf9f3c6fbb9b141ac8efbcf6ff0ace556c70f317ad092b4d1d9f003b307ec", kSha256, 1024, 7162, up_to(7), 0, 0, ""},
      {"08-sha256-100chunks-10pct-loss.pcap.gz", "2b9507620b50ac22c4b59d09f96fbc5459947114247d57fcf8d08929cbd425f9", kSha256, 1024, 102395, up_to(100), 0, 7, ""},
      {"09-sha256-7chunks-tampered-4.pcap.gz", "03edf9f3c6fbb9b141ac8efbcf6ff0ace556c70f317ad092b4d1d9f003b307ec", kSha256, 1024, 7162, up_to(7, {4}), 5, 2, ""},
      {"11-sha256-7chunks-blackhole.pcap.gz", "03edf9f3c6fbb9b141ac8efbcf6ff0ace556c70f317ad092b4d1d9f003b307ec", kSha256, 1024, 7162, {}, 0, 0, ""},
      {"17-sha1-truncation-attack.pcap", "73395d57bb5d1e93d2580972a670d0e0e7d7b49d", kSha1, 1024, 7162, {}, 0, 0, "ppspp.chunk_length"},
      {"19-sha256-integrity-in-separate-datagram.pcap", "6e64af6a010bcc41a82e71f7e551970bda71f6ea8799e9767d34bd4624b76502", kSha256, 1024, 1023983, up_to(7), 0, 0, ""},
      {"12-live-umt-ecdsap256-sha1.pcap.gz", kLiveKey, kSha1, 256, 0, between(32, 54), 0, 0, ""},
  };
  return all;
}

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out.push_back(static_cast<std::byte>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

abi::Swarm swarm_of(const Known& k) {
  abi::Swarm m{};
  m.swarm_id = 1;
  m.kind = k.content_bytes == 0 ? abi::SwarmKind::kLive : abi::SwarmKind::kStatic;
  m.hash = static_cast<std::uint8_t>(k.hash);
  m.addressing = 2;
  m.source = abi::SwarmSource::kPeers;
  m.fetch = abi::FetchPolicy::kNothing;
  m.chunk_bytes = k.chunk_bytes;
  m.content_bytes = k.content_bytes;
  if (k.content_bytes == 0) {
    m.munro_level = 5;
    m.signature_form = abi::SignatureForm::kLibswift;
    m.discard_window = ~std::uint64_t{0};
  }
  const auto key = from_hex(k.key);
  m.key_bytes = static_cast<std::uint16_t>(key.size());
  std::memcpy(m.key, key.data(), key.size());
  return m;
}

struct OwnedFrame {
  std::uint64_t time_us;
  std::vector<std::byte> bytes;
};
std::vector<OwnedFrame> frames_of(const std::string& file) {
  auto capture = Capture::open(std::string(PPSPP_CAPTURES) + "/" + file);
  if (!capture) throw std::runtime_error(capture.error().message);
  std::vector<OwnedFrame> out;
  CapturedFrame frame;
  while (*capture->next(frame)) out.push_back({frame.time_us, {frame.bytes.begin(), frame.bytes.end()}});
  return out;
}

std::unique_ptr<Replay> replay(const Known& k, const std::vector<OwnedFrame>& frames, std::uint16_t burst) {
  auto made = Replay::create({.burst = burst, .start_us = frames.front().time_us, .flows = 64});
  if (!made) throw std::runtime_error(made.error().message);
  if (auto added = (*made)->add_swarm(swarm_of(k), nullptr); !added) throw std::runtime_error(added.error().message);
  for (const auto& f : frames) (*made)->feed({f.time_us, static_cast<std::uint32_t>(f.bytes.size()), f.bytes});
  (*made)->finish();
  return std::move(*made);
}

std::set<std::uint64_t> chunks_with(const Replay& r, Outcome outcome) {
  std::set<std::uint64_t> out;
  for (const auto& c : r.chunks())
    if (c.outcome == outcome) out.insert(c.chunk);
  return out;
}

class Captures : public testing::TestWithParam<std::size_t> {
 protected:
  const Known& capture() const { return known()[GetParam()]; }
};

TEST_P(Captures, VerdictsAreThoseOfTheRealReceiverWhateverTheBurst) {
  const Known& k = capture();
  const auto frames = frames_of(k.file);
  for (const std::uint16_t burst : std::initializer_list<std::uint16_t>{1, 2, 7, 32, 64}) {
    SCOPED_TRACE(std::string(k.file) + " in bursts of " + std::to_string(burst));
    const auto r = replay(k, frames, burst);
    const std::set<std::uint64_t> wanted = k.accepted;
    EXPECT_EQ(chunks_with(*r, Outcome::kAccepted), wanted);
    EXPECT_EQ(r->totals().bad, k.bad);
    if (burst == 1) {
      EXPECT_EQ(r->totals().unverifiable, k.unverifiable);
    } else {
      EXPECT_LE(r->totals().unverifiable, k.unverifiable);  // a hash may come later in the same burst
    }
    for (const auto& c : r->chunks())
      if (c.outcome == Outcome::kRefused) {
        EXPECT_EQ(c.reason, k.refused);
      }
    EXPECT_EQ(r->totals().refused != 0, !k.refused.empty());
    EXPECT_EQ(r->frames(), frames.size());
    EXPECT_EQ(r->passed(), frames.size() - k.bad - r->totals().refused);
  }
}

// What the receiver acknowledged is what it had verified (RFC 7574 §3.8).
TEST_P(Captures, AcceptedAreAtLeastThoseTheReceiverAcknowledged) {
  const Known& k = capture();
  if (std::string(k.file).starts_with("17")) return;  // that receiver was deceived, which is what the capture shows
  const auto r = replay(k, frames_of(k.file), 32);
  const auto accepted = chunks_with(*r, Outcome::kAccepted);
  const pp::wire::Framing framing{pp::wire::Addressing::kChunk32, static_cast<std::uint8_t>(pp::wire::digest_bytes(k.hash)), 64, k.chunk_bytes};
  std::set<std::uint64_t> acknowledged;
  for (const auto& d : read_capture(std::string(PPSPP_CAPTURES) + "/" + k.file)) {
    std::uint32_t channel;
    ConstBytes messages;
    if (!pp::wire::split_channel(d.payload, channel, messages) || channel == 0) continue;
    pp::wire::MessageReader reader(messages, framing, pp::wire::Profile::kLibswift);
    for (pp::wire::Message m; reader.next(m);)
      if (m.type == pp::wire::MessageType::kAck)
        for (std::uint64_t c = m.range.first; c <= m.range.last; ++c) acknowledged.insert(c);
  }
  EXPECT_TRUE(std::includes(accepted.begin(), accepted.end(), acknowledged.begin(), acknowledged.end()));
}

// Everything behind the two HANDSHAKEs is shuffled, doubled or lost.
TEST_P(Captures, NeverBadOnHonestTrafficHoweverItArrives) {
  const Known& k = capture();
  if (k.bad != 0) return;  // that one is not honest
  const auto frames = frames_of(k.file);
  for (unsigned seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(std::string(k.file) + " seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::vector<OwnedFrame> mixed(frames.begin(), frames.begin() + std::min<std::ptrdiff_t>(2, std::ssize(frames)));
    std::vector<std::size_t> order;
    for (std::size_t i = 2; i < frames.size(); ++i)
      for (unsigned copies = seed % 3 == 1 ? 1 + random() % 2 : seed % 3 == 2 ? random() % 5 != 0 : 1; copies != 0; --copies) order.push_back(i);
    if (seed % 2 == 0) std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t i : order) mixed.push_back(frames[i]);
    const auto r = replay(k, mixed, static_cast<std::uint16_t>(1 + random() % 64));
    EXPECT_EQ(r->totals().bad, 0u);
    EXPECT_EQ(r->drops().count("guard.chunk_bad"), 0u);
    const auto accepted = chunks_with(*r, Outcome::kAccepted), all = k.accepted;
    EXPECT_TRUE(std::includes(all.begin(), all.end(), accepted.begin(), accepted.end()));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Captures, testing::Range<std::size_t>(0, 10), [](const auto& of) { return std::string(known()[of.param].file).substr(0, 2); });

}  // namespace
}  // namespace mediaward::test
