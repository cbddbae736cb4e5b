// SPDX-License-Identifier: Apache-2.0
// The peer of tools/ppspp against itself over good and bad networks, and against what the protocol's reference implementation sent
// (tests/captures/README.md): its verdicts and its hashes must be that one's. Attacks are in ppspp_attack_test.cc, live content is in
// ppspp_live_peer_test.cc.
#include "tools/ppspp/peer.h"

#include <gtest/gtest.h>

#include <map>

#include "dataplane/wire/ppspp_message.h"
#include "tests/support/capture_file.h"
#include "tests/support/ppspp_link.h"
#include "tests/support/ppspp_text.h"
#include "tools/ppspp/hash_tree.h"

namespace mediaward::tools::ppspp {
namespace {

using test::PpsppLink;
using wire::Addressing;
using wire::MerkleFunction;
using wire::MessageType;

const Endpoint kSeeder = endpoint_v4(0x0a000001, 6778), kLeecher = endpoint_v4(0x0a000002, 6778), kOther = endpoint_v4(0x0a000003, 6778);

PeerSettings seeder_of(std::shared_ptr<const Content> content) {
  return {.name = "seeder", .role = Role::kSeeder, .metadata = content->metadata(), .content = content, .local = kSeeder, .seed = 11};
}
PeerSettings leecher_of(const Content& content) {
  return {.name = "leecher", .role = Role::kLeecher, .metadata = content.metadata(), .local = kLeecher, .seed = 22};
}

std::string peaks_text(std::uint64_t chunks) {
  std::string text;
  for (const Node& n : peaks_of(chunks)) text += std::to_string(n.range().first) + "-" + std::to_string(n.range().last) + " ";
  return text;
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// README.md has the roots, made by two other implementations.
TEST(PpsppContent, Rfc7574_5_1_RootsOfTheReferenceImplementation) {
  const auto root = [](Blob bytes, std::uint32_t chunk, MerkleFunction hash) {
    return test::hex_of(Content(bytes, chunk, hash).metadata().swarm_id);
  };
  EXPECT_EQ(root(numbered_lines(7162), 1024, MerkleFunction::kSha1), "73395d57bb5d1e93d2580972a670d0e0e7d7b49d");
  EXPECT_EQ(root(numbered_lines(8192), 1024, MerkleFunction::kSha256), "c98fdf1a29c713705dc777a07ff17d31991ad2bc05b03b43abf5dc904b4c0850");
  EXPECT_EQ(root(numbered_lines(102395), 1024, MerkleFunction::kSha256),
            "2b9507620b50ac22c4b59d09f96fbc5459947114247d57fcf8d08929cbd425f9");
  EXPECT_EQ(root(numbered_lines(127983), 128, MerkleFunction::kSha1), "9987ef505e00a7645532c2470a049f624a1e1629");
  EXPECT_EQ(root(numbered_lines(1023983), 1024, MerkleFunction::kSha256),
            "6e64af6a010bcc41a82e71f7e551970bda71f6ea8799e9767d34bd4624b76502");
}

TEST(PpsppContent, Rfc7574_5_6_PeaksOfSevenChunks) {
  EXPECT_EQ(peaks_text(7), "0-3 4-5 6-6 ");
  EXPECT_EQ(peaks_text(8), "0-7 ");
  EXPECT_EQ(peaks_text(1), "0-0 ");
}

struct Size {
  std::size_t bytes;
  std::uint32_t chunk;
};
constexpr Size kSizes[] = {{1, 1024}, {1024, 1024}, {7162, 1024}, {127983, 128}};

class PpsppTransfer : public testing::TestWithParam<std::tuple<Size, test::Impairment>> {
 protected:
  void transfer(MerkleFunction hash, Addressing addressing, wire::Profile profile) {
    const auto [size, impairment] = GetParam();
    SCOPED_TRACE(std::string(hash_name(hash)) + ", addressing " + std::to_string(static_cast<int>(addressing)) +
                 (profile == wire::Profile::kLibswift ? ", libswift" : ""));
    const auto content = std::make_shared<const Content>(random_bytes(size.bytes, 7), size.chunk, hash, addressing);
    PpsppLink link(impairment, static_cast<std::uint64_t>(hash) * 8 + static_cast<std::uint64_t>(addressing));
    PeerSettings seeds = seeder_of(content), leeches = leecher_of(*content);
    seeds.profile = leeches.profile = profile;
    PpsppPeer& seeder = link.add(seeds);
    PpsppPeer& leecher = link.add(leeches);
    leecher.connect(link.now(), kSeeder);
    ASSERT_TRUE(link.run_until([&] { return leecher.complete(); })) << leecher.chunks_held();
    EXPECT_TRUE(leecher.identical_to(content->bytes()));
    EXPECT_EQ(text_of(leecher.findings()), "");
    EXPECT_EQ(text_of(seeder.findings()), "");
    EXPECT_EQ(leecher.counters().chunks_bad, 0u);
    EXPECT_EQ(leecher.counters().chunks_good, content->metadata().chunks());
    const bool good_network = impairment.loss == 0 && impairment.reorder == 0;
    if (!good_network) return;
    EXPECT_EQ(leecher.counters().chunks_unverifiable + leecher.counters().requests_repeated, 0u);
    EXPECT_TRUE(impairment.duplicate != 0 || seeder.counters().content_bytes_sent == size.bytes);
  }
};

TEST_P(PpsppTransfer, Rfc7574_3_5_AllHashesAndAddressings) {
  for (const auto hash :
       {MerkleFunction::kSha1, MerkleFunction::kSha224, MerkleFunction::kSha256, MerkleFunction::kSha384, MerkleFunction::kSha512})
    for (const auto addressing : {Addressing::kBin32, Addressing::kChunk32, Addressing::kBin64, Addressing::kChunk64})
      transfer(hash, addressing, wire::Profile::kRfc);
}
TEST_P(PpsppTransfer, LibswiftProfile) {
  for (const auto addressing : {Addressing::kBin32, Addressing::kChunk32})
    transfer(MerkleFunction::kSha1, addressing, wire::Profile::kLibswift);
}

const test::Impairment kNetworks[] = {
    {}, {.duplicate = 0.05}, {.loss = 0.01, .duplicate = 0.01, .reorder = 0.05}, {.loss = 0.1, .duplicate = 0.05, .reorder = 0.1}};
std::string name_of(const testing::TestParamInfo<PpsppTransfer::ParamType>& of) {
  const auto& size = std::get<0>(of.param);
  const auto& network = std::get<1>(of.param);
  return std::to_string(size.bytes) + "Bytes" + std::to_string(static_cast<int>(network.loss * 100)) + "PercentLoss" +
         (network.duplicate > 0 ? "Duplicates" : "");
}
INSTANTIATE_TEST_SUITE_P(All, PpsppTransfer, testing::Combine(testing::ValuesIn(kSizes), testing::ValuesIn(kNetworks)), name_of);

TEST(PpsppPeer, Rfc7574_5_3_HashesThatDoNotFitGoAhead) {
  const auto content = std::make_shared<const Content>(numbered_lines(1023983), 1024, MerkleFunction::kSha512);
  PpsppLink link;
  std::size_t longest = 0;
  link.on_send = [&](const Datagram& d) { longest = std::max(longest, d.payload.size()); };
  PpsppPeer& seeder = link.add(seeder_of(content));
  PpsppPeer& leecher = link.add(leecher_of(*content));
  leecher.connect(link.now(), kSeeder);
  ASSERT_TRUE(link.run_until([&] { return leecher.complete(); }));
  EXPECT_TRUE(leecher.identical_to(content->bytes()));
  EXPECT_LE(longest, seeder.settings().max_payload);
  EXPECT_GT(seeder.counters().datagrams_sent, content->metadata().chunks() + 10);
  EXPECT_EQ(text_of(leecher.findings()), "");
}

TEST(PpsppPeer, Rfc7574_3_2_ThroughAPeerThatGetsAndServes) {
  const auto content = std::make_shared<const Content>(random_bytes(300'000, 3), 1024, MerkleFunction::kSha256);
  PpsppLink link({.loss = 0.02, .reorder = 0.05});
  link.add(seeder_of(content));
  PeerSettings middle_settings = leecher_of(*content);
  middle_settings.role = Role::kBoth;
  middle_settings.local = kOther;
  PpsppPeer& middle = link.add(middle_settings);
  PeerSettings last_settings = leecher_of(*content);
  last_settings.random_order = true;
  PpsppPeer& last = link.add(last_settings);
  middle.connect(link.now(), kSeeder);
  last.connect(link.now(), kOther);
  ASSERT_TRUE(link.run_until([&] { return last.complete(); }));
  EXPECT_TRUE(last.identical_to(content->bytes()));
  EXPECT_TRUE(middle.identical_to(content->bytes()));
  EXPECT_EQ(text_of(last.findings()) + text_of(middle.findings()), "");
}

TEST(PpsppPeer, Rfc7574_3_7_TwoSeedersShareTheRequests) {
  const auto content = std::make_shared<const Content>(random_bytes(2'000'000, 3), 1024, MerkleFunction::kSha256);
  PpsppLink link({.loss = 0.05});
  PeerSettings second = seeder_of(content);
  second.local = kOther;
  PpsppPeer& a = link.add(seeder_of(content));
  PpsppPeer& b = link.add(second);
  PpsppPeer& leecher = link.add(leecher_of(*content));
  leecher.connect(link.now(), kSeeder);
  leecher.connect(link.now(), kOther);
  ASSERT_TRUE(link.run_until([&] { return leecher.complete(); }));
  EXPECT_TRUE(leecher.identical_to(content->bytes()));
  EXPECT_GT(a.counters().content_bytes_sent, 50'000u);
  EXPECT_GT(b.counters().content_bytes_sent, 50'000u);
}

TEST(PpsppPeer, Rfc7574_8_4_CloseEndsTheChannel) {
  const auto content = std::make_shared<const Content>(numbered_lines(7162), 1024, MerkleFunction::kSha256);
  PpsppLink link;
  PpsppPeer& seeder = link.add(seeder_of(content));
  PpsppPeer& leecher = link.add(leecher_of(*content));
  leecher.connect(link.now(), kSeeder);
  ASSERT_TRUE(link.run_until([&] { return leecher.complete(); }));
  leecher.close(link.now());
  link.run_for(100'000);
  ASSERT_EQ(seeder.channels().size(), 1u);
  EXPECT_TRUE(seeder.channels()[0].closed_by_remote);
  EXPECT_FALSE(seeder.channels()[0].open);
}

TEST(PpsppPeer, Rfc7574_3_1_1_AnotherSwarmMeetsSilence) {
  const auto content = std::make_shared<const Content>(numbered_lines(7162), 1024, MerkleFunction::kSha256);
  const Content other(numbered_lines(8192), 1024, MerkleFunction::kSha256);
  PpsppLink link;
  PpsppPeer& seeder = link.add(seeder_of(content));
  PeerSettings settings = leecher_of(other);
  settings.expects_silence = true;
  PpsppPeer& leecher = link.add(settings);
  leecher.connect(link.now(), kSeeder);
  link.run_for(5'000'000);
  EXPECT_EQ(seeder.counters().datagrams_sent, 0u);
  EXPECT_EQ(leecher.counters().datagrams_received, 0u);
  EXPECT_GT(leecher.counters().datagrams_sent, 2u);
  EXPECT_NE(text_of(seeder.findings()).find("another swarm"), std::string::npos);
}

TEST(PpsppPeer, Rfc7574_3_12_KeepsAQuietChannelAlive) {
  const auto content = std::make_shared<const Content>(numbered_lines(7162), 1024, MerkleFunction::kSha256);
  PpsppLink link;
  PpsppPeer& seeder = link.add(seeder_of(content));
  PpsppPeer& leecher = link.add(leecher_of(*content));
  leecher.connect(link.now(), kSeeder);
  link.run_for(1'000'000'000);
  EXPECT_TRUE(seeder.channels()[0].open);
  EXPECT_TRUE(leecher.channels()[0].open);
  EXPECT_NEAR(static_cast<double>(seeder.counters().keep_alives_sent), 50, 5);
}

// The seeder forgets everything, as after a restart: who waits as long as the RFC allows has to wait, who is told to be quicker is done
// soon.
TEST(PpsppPeer, Rfc7574_3_12_OpensADeadChannelAnew) {
  const auto content = std::make_shared<const Content>(numbered_lines(300'000), 1024, MerkleFunction::kSha256);
  for (const bool quick : {true, false}) {
    PpsppLink link;
    PpsppPeer& seeder = link.add(seeder_of(content));
    PeerSettings settings = leecher_of(*content);
    if (quick) settings.dead_us = 2'000'000;
    PpsppPeer& leecher = link.add(settings);
    leecher.connect(link.now(), kSeeder);
    ASSERT_TRUE(link.run_until([&] { return leecher.chunks_held() >= 50; }));
    ASSERT_FALSE(leecher.complete());
    seeder = PpsppPeer(seeder_of(content));
    EXPECT_EQ(link.run_until([&] { return leecher.complete(); }, 60'000'000), quick);
    EXPECT_TRUE(link.run_until([&] { return leecher.complete(); }, 180'000'000));
    EXPECT_TRUE(leecher.identical_to(content->bytes()));
    EXPECT_TRUE(leecher.findings().empty()) << text_of(leecher.findings());
  }
}

// UDP's checksum lets little of that through; but whatever comes, what is held is right. (It may stall: an altered ACK tells the sender
// that hashes are there which are not.)
TEST(PpsppPeer, Rfc7574_5_CorruptedDatagramsLeaveNothingWrong) {
  std::uint64_t held = 0, unreadable = 0, refused = 0;
  for (const auto addressing : {Addressing::kBin32, Addressing::kChunk32, Addressing::kBin64, Addressing::kChunk64})
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const auto content = std::make_shared<const Content>(random_bytes(100'000, seed), 1024, MerkleFunction::kSha256, addressing);
      PpsppLink link({.loss = 0.02, .reorder = 0.05, .corrupt = 0.2}, seed);
      link.add(seeder_of(content));
      PpsppPeer& leecher = link.add(leecher_of(*content));
      leecher.connect(link.now(), kSeeder);
      (void)link.run_until([&] { return leecher.complete(); }, 20'000'000);
      for (std::uint64_t n = 0; n < content->metadata().chunks(); ++n)
        EXPECT_TRUE(!leecher.has(n) || std::ranges::equal(leecher.chunk(n), content->chunk(n))) << n;
      held += leecher.chunks_held();
      unreadable += leecher.counters().unreadable;
      refused += leecher.counters().chunks_bad;
    }
  EXPECT_GT(held, 30 * 98u);
  EXPECT_GT(unreadable, 50u);
  EXPECT_GT(refused, 300u);
}

// The same calls, the same datagrams.
TEST(PpsppPeer, IsAFunctionOfItsSeed) {
  const auto run = [](std::uint64_t seed) {
    const auto content = std::make_shared<const Content>(random_bytes(100'000, 3), 1024, MerkleFunction::kSha1);
    PpsppLink link({.loss = 0.05, .reorder = 0.1});
    Blob all;
    link.on_send = [&](const Datagram& d) { all.insert(all.end(), d.payload.begin(), d.payload.end()); };
    PeerSettings settings = leecher_of(*content);
    settings.seed = seed;
    settings.random_order = true;
    link.add(seeder_of(content));
    PpsppPeer& leecher = link.add(settings);
    leecher.connect(link.now(), kSeeder);
    EXPECT_TRUE(link.run_until([&] { return leecher.complete(); }));
    return digest(MerkleFunction::kSha256, all);
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

// One side of a capture is played to our peer, which takes the place of the other.
class Replay {
 public:
  Replay(const std::string& name, PeerSettings settings)
      : all_(test::read_capture(std::string(PPSPP_CAPTURES) + "/" + name)), peer_(std::move(settings)) {
    for (const auto& d : all_) low_port_ = std::min({low_port_, d.source_port, d.destination_port});
  }
  // The seeder of the captures has the lower port.
  void play(bool the_seeder) {
    if (the_seeder) peer_.connect(0, kSeeder);
    poll(0);
    for (const auto& d : all_) {
      if ((d.source_port == low_port_) != the_seeder) continue;
      const std::uint64_t now = d.time_us - all_[0].time_us;
      Blob payload = d.payload;
      if (load_be32(payload.data()) != 0) store_be32(payload.data(), peer_.channels().at(0).local_id);
      peer_.handle(now, the_seeder ? kSeeder : kLeecher, payload);
      poll(now);
    }
  }
  [[nodiscard]] PpsppPeer& peer() { return peer_; }
  // "0-3 4-5 | 0": the hashes ahead of each chunk, chunk by chunk as they were sent.
  [[nodiscard]] std::string sent() const { return hashes_; }
  [[nodiscard]] std::string captured() const {
    std::string text;
    for (const auto& d : all_)
      if (d.source_port == low_port_) append(text, d.payload);
    return text;
  }

 private:
  void poll(std::uint64_t now) {
    for (const Datagram& d : peer_.poll(now)) append(hashes_, d.payload);
  }
  void append(std::string& text, ConstBytes payload) const {
    wire::MessageReader reader(payload.subspan(wire::kChannelBytes), peer_.settings().metadata.framing(), wire::Profile::kLibswift);
    wire::Message m;
    while (reader.next(m)) {
      if (m.type == MessageType::kIntegrity) text += std::to_string(m.range.first) + "-" + std::to_string(m.range.last) + " ";
      if (m.type == MessageType::kData) text += "| " + std::to_string(m.range.first) + "\n";
    }
  }

  std::vector<test::CapturedDatagram> all_;
  PpsppPeer peer_;
  std::uint16_t low_port_ = 0xffff;
  std::string hashes_;
};

TEST(PpsppCapture, Rfc7574_5_6_PeaksAndUnclesAsTheReferenceSends) {
  const auto content = std::make_shared<const Content>(numbered_lines(7162), 1024, MerkleFunction::kSha256);
  PeerSettings settings = seeder_of(content);
  settings.optimistic_hashes = true;
  Replay replay("05-sha256-7chunks.pcap", settings);
  replay.play(false);
  EXPECT_EQ(replay.captured(), "0-3 4-5 6-6 2-3 1-1 | 0\n| 6\n5-5 | 4\n| 5\n3-3 | 2\n| 3\n| 1\n");
  EXPECT_EQ(replay.sent(), replay.captured());
}

// Here the reference sent one hash more than it needed to: (2,2), of a chunk that was on its way.
TEST(PpsppCapture, Rfc7574_5_6_PeaksAndUnclesAsTheReferenceSendsWithSha1) {
  const auto content = std::make_shared<const Content>(numbered_lines(7162), 1024, MerkleFunction::kSha1);
  PeerSettings settings = seeder_of(content);
  settings.profile = wire::Profile::kLibswift;
  Replay replay("02-sha1-7chunks.pcap", settings);
  replay.play(false);
  EXPECT_EQ(replay.captured(), "0-3 4-5 6-6 2-3 1-1 | 0\n| 6\n5-5 | 4\n| 5\n3-3 | 2\n2-2 | 3\n| 1\n");
  EXPECT_EQ(replay.sent(), "0-3 4-5 6-6 2-3 1-1 | 0\n| 6\n5-5 | 4\n| 5\n3-3 | 2\n| 3\n| 1\n");
  EXPECT_EQ(text_of(replay.peer().findings()), "");
  EXPECT_TRUE(replay.peer().channels().at(0).closed_by_remote);
}

struct Verdicts {
  const char* capture;
  std::size_t content_bytes;
  MerkleFunction hash;
  std::uint64_t good, bad, unverifiable;
};

// What the real receiver acknowledged (README.md) is what ours takes.
class PpsppReceiverOfCapture : public testing::TestWithParam<Verdicts> {};
TEST_P(PpsppReceiverOfCapture, Rfc7574_5_VerdictsOfTheRealReceiver) {
  const Verdicts& v = GetParam();
  const Content content(v.content_bytes == 13 ? Blob(test::bytes_of("48656c6c6f20776f726c64210a")) : numbered_lines(v.content_bytes), 1024,
                        v.hash);
  PeerSettings settings = leecher_of(content);
  settings.profile = v.hash == MerkleFunction::kSha1 ? wire::Profile::kLibswift : wire::Profile::kRfc;
  settings.request_window = 4096;
  settings.max_payload = 65507;
  Replay replay(v.capture, settings);
  replay.play(true);
  const PeerCounters& c = replay.peer().counters();
  EXPECT_EQ(c.chunks_good, v.good);
  EXPECT_EQ(c.chunks_bad, v.bad);
  EXPECT_EQ(c.chunks_unverifiable, v.unverifiable);
  EXPECT_EQ(c.unreadable, 0u);
  for (std::uint64_t n = 0; n < content.metadata().chunks(); ++n)
    EXPECT_TRUE(!replay.peer().has(n) || std::ranges::equal(replay.peer().chunk(n), content.chunk(n))) << n;
}
INSTANTIATE_TEST_SUITE_P(All, PpsppReceiverOfCapture,
                         testing::Values(Verdicts{"01-sha1-1chunk.pcap", 13, MerkleFunction::kSha1, 1, 0, 0},
                                         Verdicts{"02-sha1-7chunks.pcap", 7162, MerkleFunction::kSha1, 7, 0, 0},
                                         Verdicts{"04-sha256-1chunk.pcap", 13, MerkleFunction::kSha256, 1, 0, 0},
                                         Verdicts{"05-sha256-7chunks.pcap", 7162, MerkleFunction::kSha256, 7, 0, 0},
                                         Verdicts{"08-sha256-100chunks-10pct-loss.pcap.gz", 102395, MerkleFunction::kSha256, 100, 0, 7},
                                         Verdicts{"09-sha256-7chunks-tampered-4.pcap.gz", 7162, MerkleFunction::kSha256, 6, 5, 2},
                                         Verdicts{"11-sha256-7chunks-blackhole.pcap.gz", 7162, MerkleFunction::kSha256, 0, 0, 0},
                                         Verdicts{"17-sha1-truncation-attack.pcap", 7162, MerkleFunction::kSha1, 0, 0, 0},
                                         Verdicts{"19-sha256-integrity-in-separate-datagram.pcap", 1023983, MerkleFunction::kSha256, 7, 0,
                                                  0}),
                         [](const auto& of) { return "Capture" + std::string(of.param.capture).substr(0, 2); });

}  // namespace
}  // namespace mediaward::tools::ppspp
