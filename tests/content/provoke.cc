// SPDX-License-Identifier: Apache-2.0
// See provoke.h.
#include "tests/content/provoke.h"

#include <array>

#include "tests/content/live_case.h"
#include "tests/content/raw_peer.h"
#include "tools/replay/replay.h"

namespace mediaward::test {
namespace {

using pp::Attack;
using pp::wire::MessageWriter;

constexpr std::uint32_t kBothWays = abi::kAdmitProvide | abi::kAdmitReceive;

// An appliance with one raw peer, number 1, in a swarm of 20 chunks, and a receiver, so that something is fetched.
struct Scene {
  explicit Scene(std::uint32_t flags = kBothWays, const ContentStand::Adjust& adjust = {},
                 Dataplane::Options options = ContentStand::defaults())
      : content(chunks_of(20)), stand(std::move(options)), raw(stand, content, 1) {
    EXPECT_TRUE(stand.open(content->metadata(), {{1, flags}, {2, kReceiver}}, ContentStand::kSwarm, adjust));
    stand.run_ms(5);
  }
  [[nodiscard]] std::uint64_t drops(DropReason reason) {
    EXPECT_EQ(stand.dp.leaked(), 0u) << to_string(reason);
    return stand.dp.drops(reason);
  }
  // Opens a channel, claims everything, and waits until it is asked.
  std::vector<std::uint64_t> be_asked() {
    RawPeer receiver(stand, content, 2);
    EXPECT_TRUE(receiver.open(0x99));
    EXPECT_TRUE(raw.open());
    raw.say([](MessageWriter& w) { EXPECT_TRUE(w.have({0, 15}) && w.have({16, 19})); });
    stand.run_ms(5);
    return raw.requests();
  }
  void give(std::uint64_t chunk, bool with_hashes = true) {
    raw.say([&](MessageWriter& w) {
      if (with_hashes) raw.hashes_of(w, chunk);
      EXPECT_TRUE(w.data({chunk, chunk}, 1, content->chunk(chunk)));
    });
  }
  ContentPtr content;
  ContentStand stand;
  RawPeer raw;
};

std::uint64_t truncated() {
  Scene s;
  s.raw.send(pp::Blob(3));
  EXPECT_TRUE(s.raw.open());
  s.raw.say([](MessageWriter& w) { EXPECT_TRUE(w.have({0, 3})); });
  pp::Blob cut(4 + 5);
  store_be32(cut.data(), s.raw.remote());
  cut[4] = std::byte{3};  // HAVE, and half of its range
  s.raw.send(cut);
  return s.drops(DropReason::kPpsppTruncated);
}

std::uint64_t malformed() {
  Scene s;
  s.raw.say(0, [](MessageWriter& w) { EXPECT_TRUE(w.have({0, 3})); });  // channel 0 is for HANDSHAKEs
  return s.drops(DropReason::kPpsppMalformed);
}

std::uint64_t unknown_message() {
  Scene s;
  EXPECT_TRUE(s.raw.open());
  pp::Blob datagram(5);
  store_be32(datagram.data(), s.raw.remote());
  datagram[4] = std::byte{0x80};
  s.raw.send(datagram);
  EXPECT_EQ(s.stand.channels(), 1u);  // the peer stays
  return s.drops(DropReason::kPpsppUnknownMessage);
}

std::uint64_t unknown_channel() {
  Scene s;
  EXPECT_TRUE(s.raw.open());
  s.raw.say(s.raw.remote() ^ 1, [](MessageWriter& w) { EXPECT_TRUE(w.have({0, 3})); });
  EXPECT_TRUE(s.raw.answers().size() <= 2);
  return s.drops(DropReason::kPpsppUnknownChannel);
}

std::uint64_t source_mismatch() {
  Scene s;
  EXPECT_TRUE(s.raw.open());
  RawPeer elsewhere(s.stand, s.content, 1, 7777);
  elsewhere.say(s.raw.remote(), [](MessageWriter& w) { EXPECT_TRUE(w.request({0, 3})); });
  EXPECT_TRUE(elsewhere.answers().empty());
  return s.drops(DropReason::kPpsppSourceMismatch);
}

std::uint64_t unknown_swarm() {
  Scene s;
  auto options = s.raw.options();
  const pp::Blob other(options.swarm_id.size(), std::byte{7});
  options.set_swarm_id(other);
  s.raw.shake_hands(1, options);
  EXPECT_TRUE(s.raw.answers().empty());
  return s.drops(DropReason::kPpsppUnknownSwarm);
}

std::uint64_t not_admitted() {
  Scene s;
  RawPeer stranger(s.stand, s.content, 9);
  EXPECT_FALSE(stranger.open());
  return s.drops(DropReason::kPpsppNotAdmitted);
}

std::uint64_t banned() {
  Scene s;
  EXPECT_TRUE(s.raw.open());
  abi::PeerCommand m{};
  m.header = {abi::MessageType::kPeerCommand, 0, sizeof m, 0};
  m.swarm_id = ContentStand::kSwarm;
  m.kind = abi::PeerCommandKind::kBan;
  m.family = abi::Family::kIpv4;
  std::memcpy(m.peer.address, s.raw.self().address.data(), 16);
  m.a = 60;
  EXPECT_TRUE(s.stand.dp.core().command_peer(m, {}));
  s.stand.run_ms(5);
  EXPECT_EQ(s.stand.channels(), 0u);
  (void)s.raw.answers();
  s.raw.shake_hands(2, s.raw.options());
  EXPECT_TRUE(s.raw.answers().empty());
  return s.drops(DropReason::kPpsppBanned);
}

std::uint64_t mismatch() {
  Scene s;
  auto options = s.raw.options();
  options.set_chunk_bytes(512);
  s.raw.shake_hands(1, options);
  s.stand.run_ms(20);  // the main thread makes the peer first
  EXPECT_TRUE(s.raw.answers().empty());
  return s.drops(DropReason::kPpsppMismatch);
}

// The main thread refuses the third peer of the prefix; its HANDSHAKE waits for a quarter of a second.
std::uint64_t peer_pending() {
  Scene s;
  abi::Admission prefix = ContentStand::admission_of(0, abi::kAdmitReceive);
  prefix.admission_id = 77;
  prefix.prefix_bits = 27;
  std::memcpy(prefix.address, ContentStand::endpoint_of(54).address.data(), 4);  // 192.0.2.64/27
  prefix.max_peers = 2;
  EXPECT_TRUE(s.stand.dp.apply({dataplane::Operation(prefix)}));
  for (const unsigned number : {55u, 56u}) EXPECT_TRUE(RawPeer(s.stand, s.content, number).open());
  RawPeer third(s.stand, s.content, 57);
  EXPECT_FALSE(third.open());
  EXPECT_EQ(s.stand.dp.core().worker(0).peers()->held(), 1u);
  s.stand.run_ms(500);
  EXPECT_EQ(s.stand.dp.core().worker(0).peers()->held(), 0u);
  return s.drops(DropReason::kPpsppPeerPending);
}

std::uint64_t no_channel() {
  Scene s;
  for (std::uint32_t i = 1; i <= 4; ++i) EXPECT_TRUE(RawPeer(s.stand, s.content, 1).open(i));
  EXPECT_FALSE(s.raw.open(5));
  EXPECT_EQ(s.stand.channels(), 4u);
  return s.drops(DropReason::kPpsppNoChannel);
}

std::uint64_t rate_limited() {
  Scene s;
  EXPECT_TRUE(s.raw.open());
  for (int i = 0; i < 300; ++i) s.raw.say([](MessageWriter&) {});
  return s.drops(DropReason::kPpsppRateLimited);
}

std::uint64_t direction() {
  Scene s(kReceiver);
  EXPECT_TRUE(s.raw.open());
  s.give(0);
  EXPECT_EQ(s.stand.dp.count(Counter::kPpsppHashCalls), 0u);
  return s.drops(DropReason::kPpsppDirection);
}

std::uint64_t chunk_range() {
  Scene s;
  EXPECT_TRUE(s.raw.open());
  s.raw.say([&](MessageWriter& w) { EXPECT_TRUE(w.data({20, 20}, 1, s.content->chunk(0))); });
  return s.drops(DropReason::kPpsppChunkRange);
}

std::uint64_t chunk_length() {
  Scene s;
  EXPECT_FALSE(s.be_asked().empty());
  s.raw.say([&](MessageWriter& w) { EXPECT_TRUE(w.data({0, 0}, 1, s.content->chunk(0).first(1000))); });
  return s.drops(DropReason::kPpsppChunkLength);
}

std::uint64_t unrequested() {
  Scene s;
  EXPECT_TRUE(s.raw.open());
  s.give(0);
  EXPECT_EQ(s.stand.dp.count(Counter::kPpsppHashCalls), 0u);
  return s.drops(DropReason::kPpsppUnrequested);
}

std::uint64_t duplicate() {
  Scene s;
  EXPECT_FALSE(s.be_asked().empty());
  s.give(0);
  const auto hashes = s.stand.dp.count(Counter::kPpsppHashCalls);
  s.give(0);
  EXPECT_EQ(s.stand.dp.count(Counter::kPpsppHashCalls), hashes);
  EXPECT_EQ(s.stand.dp.count(Counter::kPpsppChunksVerified), 1u);
  return s.drops(DropReason::kPpsppDuplicate);
}

void give_wrong(Scene& s, std::uint64_t chunk) {
  pp::Blob wrong(s.content->chunk(chunk).begin(), s.content->chunk(chunk).end());
  wrong[5] ^= std::byte{1};
  s.raw.say([&](MessageWriter& w) {
    s.raw.hashes_of(w, chunk);
    EXPECT_TRUE(w.data({chunk, chunk}, 1, wrong));
  });
}

std::uint64_t bad_chunk() {
  Scene s;
  EXPECT_FALSE(s.be_asked().empty());
  give_wrong(s, 0);
  EXPECT_EQ(s.stand.evidence.size(), 1u);
  return s.drops(DropReason::kPpsppBadChunk);
}

std::uint64_t unverifiable() {
  Scene s;
  EXPECT_FALSE(s.be_asked().empty());
  s.give(0, false);
  EXPECT_EQ(s.stand.dp.count(Counter::kPpsppHashCalls), 0u);
  EXPECT_EQ(s.raw.requests().size(), 1u);  // it is asked for again
  return s.drops(DropReason::kPpsppUnverifiable);
}

std::uint64_t hash_budget() {
  Scene s;
  EXPECT_GE(s.be_asked().size(), 4u);
  for (std::uint64_t c = 0; c < 4; ++c) give_wrong(s, c);  // the fourth is not looked at
  EXPECT_EQ(s.drops(DropReason::kPpsppBadChunk), 3u);
  return s.drops(DropReason::kPpsppHashBudget);
}

std::uint64_t bad_hash() {
  Scene s;
  EXPECT_TRUE(s.raw.open());
  s.raw.say([](MessageWriter& w) { EXPECT_TRUE(w.integrity({0, 0}, pp::Blob(32))); });                 // all zero
  s.raw.say([](MessageWriter& w) { EXPECT_TRUE(w.integrity({0, 31}, pp::Blob(32, std::byte{1}))); });  // not the root
  EXPECT_EQ(s.stand.evidence.size(), 1u);
  s.stand.run_ms(5);
  return s.drops(DropReason::kPpsppBadHash);
}

std::uint64_t bad_signature() {
  Live live({"P256", crypto::SignatureAlgorithm::kEcdsaP256Sha256}, {.attack = Attack::kBadSignature, .every = 1});
  auto& leecher = live.stand.add_peer(2, live.leech("leecher"));
  EXPECT_TRUE(live.stand.open(live.metadata, {{1, kProvider}, {2, kReceiver}}, ContentStand::kSwarm, any_age));
  leecher.connect(live.stand.dp.now(), live.stand.appliance());
  live.inject(64);
  live.stand.run_ms(2000);
  EXPECT_EQ(leecher.chunks_held(), 0u);
  return live.stand.dp.drops(DropReason::kPpsppBadSignature);
}

// The munro comes with every chunk until one of its subtree was acknowledged, and the first is being verified.
std::uint64_t signature_busy() {
  Live live({"P256", crypto::SignatureAlgorithm::kEcdsaP256Sha256});
  auto& leecher = live.stand.add_peer(2, live.leech("leecher"));
  EXPECT_TRUE(live.stand.open(live.metadata, {{1, kProvider}, {2, kReceiver}}, ContentStand::kSwarm, any_age));
  leecher.connect(live.stand.dp.now(), live.stand.appliance());
  live.inject(128);
  live.stand.run_ms(2000);
  EXPECT_GT(leecher.chunks_held(), 0u);
  return live.stand.dp.drops(DropReason::kPpsppSignatureBusy);
}

// More chunks than extents that are free within a loop: eight of 64 KiB, each chunk in one of its own.
std::uint64_t cache_full() {
  Dataplane::Options options = ContentStand::defaults();
  options.peer_limits.cache_bytes = 1;
  options.burst = 64;
  const ContentPtr content = content_of(64 * 64 * 1024);
  ContentStand stand(options);
  stand.add_peer(1, seeder_of(content));
  pp::PeerSettings settings = leecher_of(content);
  settings.random_order = true;
  auto& leecher = stand.add_peer(2, settings);
  EXPECT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {2, kReceiver}}));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(60'000, [&] { return stand.dp.drops(DropReason::kPpsppCacheFull) != 0; }));
  return stand.dp.drops(DropReason::kPpsppCacheFull);
}

// The port's buffers are smaller than its MTU says.
std::uint64_t oversize() {
  Dataplane::Options options = ContentStand::defaults();
  options.io.buffer_bytes = 1000;
  const ContentPtr content = content_of(1000, pp::wire::MerkleFunction::kSha256, pp::wire::Addressing::kChunk32, 1000);
  ContentStand stand(options);
  auto& leecher = stand.add_peer(2, leecher_of(content));
  EXPECT_TRUE(stand.open(content->metadata(), {{2, kReceiver}}));
  EXPECT_TRUE(stand.dp.apply({preload(abi::ContentKind::kContent, content->bytes())}));
  leecher.connect(stand.dp.now(), stand.appliance());
  EXPECT_TRUE(stand.run_ms(5'000, [&] { return stand.dp.drops(DropReason::kPpsppOversize) != 0; }));
  EXPECT_EQ(stand.dp.leaked(), 0u);
  return stand.dp.drops(DropReason::kPpsppOversize);
}

// What passes a guard: a chunk that was altered five times, and two that it kept from being judged (tests/captures/README.md).
std::uint64_t guarded(DropReason reason, std::uint32_t flags) {
  auto capture = tools::replay::Capture::open(std::string(PPSPP_CAPTURES) + "/09-sha256-7chunks-tampered-4.pcap.gz");
  auto replay = tools::replay::Replay::create({.burst = 1});
  const ContentPtr content = std::make_shared<const pp::Content>(pp::numbered_lines(7162), 1024, pp::wire::MerkleFunction::kSha256);
  abi::Swarm m = ContentStand::swarm_of(content->metadata());
  m.fetch = abi::FetchPolicy::kNothing;
  m.flags = flags;
  EXPECT_TRUE(capture && replay && (*replay)->add_swarm(m, nullptr));
  for (tools::replay::CapturedFrame frame; *capture->next(frame);) (*replay)->feed(frame);
  (*replay)->finish();
  const auto drops = (*replay)->drops();
  const auto found = drops.find(std::string(to_string(reason)));
  return found == drops.end() ? 0 : found->second;
}
std::uint64_t guard_bad() {
  return guarded(DropReason::kGuardBad, 0);
}
std::uint64_t guard_unverifiable() {
  return guarded(DropReason::kGuardUnverifiable, abi::kSwarmGuardDrops);
}

constexpr std::array kDrops{
    ContentDrop{DropReason::kGuardBad, guard_bad},
    ContentDrop{DropReason::kGuardUnverifiable, guard_unverifiable},
    ContentDrop{DropReason::kPpsppTruncated, truncated},
    ContentDrop{DropReason::kPpsppMalformed, malformed},
    ContentDrop{DropReason::kPpsppUnknownMessage, unknown_message},
    ContentDrop{DropReason::kPpsppUnknownChannel, unknown_channel},
    ContentDrop{DropReason::kPpsppSourceMismatch, source_mismatch},
    ContentDrop{DropReason::kPpsppUnknownSwarm, unknown_swarm},
    ContentDrop{DropReason::kPpsppNotAdmitted, not_admitted},
    ContentDrop{DropReason::kPpsppBanned, banned},
    ContentDrop{DropReason::kPpsppMismatch, mismatch},
    ContentDrop{DropReason::kPpsppPeerPending, peer_pending},
    ContentDrop{DropReason::kPpsppNoChannel, no_channel},
    ContentDrop{DropReason::kPpsppRateLimited, rate_limited},
    ContentDrop{DropReason::kPpsppDirection, direction},
    ContentDrop{DropReason::kPpsppChunkRange, chunk_range},
    ContentDrop{DropReason::kPpsppChunkLength, chunk_length},
    ContentDrop{DropReason::kPpsppUnrequested, unrequested},
    ContentDrop{DropReason::kPpsppDuplicate, duplicate},
    ContentDrop{DropReason::kPpsppBadChunk, bad_chunk},
    ContentDrop{DropReason::kPpsppUnverifiable, unverifiable},
    ContentDrop{DropReason::kPpsppHashBudget, hash_budget},
    ContentDrop{DropReason::kPpsppBadHash, bad_hash},
    ContentDrop{DropReason::kPpsppBadSignature, bad_signature},
    ContentDrop{DropReason::kPpsppSignatureBusy, signature_busy},
    ContentDrop{DropReason::kPpsppCacheFull, cache_full},
    ContentDrop{DropReason::kPpsppOversize, oversize},
};

}  // namespace

std::span<const ContentDrop> content_drops() noexcept {
  return kDrops;
}

}  // namespace mediaward::test
