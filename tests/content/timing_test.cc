// SPDX-License-Identifier: Apache-2.0
// What goes by time between two peers: keep-alives, peers that are gone, what is no longer wanted, and how long is waited for an answer
// (RFC 7574 §3.8, §3.12, §8.14). The other side says what the test wants said, and nothing else.
#include <algorithm>
#include <bit>
#include <cmath>

#include "tests/content/raw_peer.h"

namespace mediaward::test {
namespace {

using pp::wire::MessageType;
using pp::wire::MessageWriter;

constexpr std::uint32_t kBothWays = abi::kAdmitProvide | abi::kAdmitReceive;

void keep_alive(MessageWriter&) {}

// Chunks of the DATA in these datagrams, in the order they came.
std::vector<std::uint64_t> chunks_in(const std::vector<pp::Datagram>& datagrams, const ContentPtr& content) {
  std::vector<std::uint64_t> chunks;
  for (const pp::Datagram& d : datagrams) {
    std::uint32_t id = 0;
    ConstBytes messages;
    if (!pp::wire::split_channel(d.payload, id, messages) || messages.empty()) continue;
    pp::wire::MessageReader reader(messages, content->metadata().framing(), pp::wire::Profile::kRfc);
    for (pp::wire::Message m; reader.next(m);)
      if (m.type == MessageType::kData) chunks.push_back(m.range.first);
  }
  return chunks;
}

// All of the content is preloaded, and this peer may have it: it has opened its channel and asked for nothing yet.
bool open_to_receiver(ContentStand& stand, RawPeer& raw, const ContentPtr& content) {
  const bool opened = stand.open(content->metadata(), {{1, kReceiver}}, ContentStand::kSwarm,
                                 [](abi::Swarm& m) { m.source = abi::SwarmSource::kPreloaded; }) &&
                      stand.dp.apply({preload(abi::ContentKind::kContent, content->bytes())}) && raw.open();
  (void)raw.answers();
  return opened;
}

// Nothing is to be said, and it is said every half minute that somebody is there: before the two minutes are over that RFC 7574 §3.12
// names.
TEST(Timing, Rfc7574_8_14_KeepAlivesGoOutWhenNothingElseDoes) {
  const ContentPtr content = chunks_of(20);
  ContentStand stand;
  RawPeer raw(stand, content, 1);
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kBothWays}}));
  ASSERT_TRUE(raw.open());
  stand.run_ms(5'000);  // what is said at the beginning: HANDSHAKE, and a nudge or two
  (void)raw.answers();
  std::vector<std::uint64_t> said_s;
  for (std::uint64_t s = 0; s < 130; ++s) {
    if (s % 20 == 0) raw.say(keep_alive);
    stand.run_ms(1'000);
    for (const pp::Datagram& d : raw.answers()) {
      EXPECT_EQ(d.payload.size(), 4u) << "a channel id and nothing else";
      said_s.push_back(s);
    }
  }
  ASSERT_GE(said_s.size(), 4u);
  for (std::size_t i = 1; i < said_s.size(); ++i) {
    EXPECT_GE(said_s[i] - said_s[i - 1], 29u);
    EXPECT_LE(said_s[i] - said_s[i - 1], 32u);
  }
  EXPECT_GE(stand.dp.count(Counter::kPpsppKeepAlives), 6u) << "ours, which keep the channel";
  EXPECT_EQ(stand.channels(), 1u);
  expect_all_honest(stand);
}

TEST(Timing, Rfc7574_3_12_WhoIsSilentForThreeMinutesIsGoneAndNotBlamed) {
  const ContentPtr content = chunks_of(20);
  ContentStand stand;
  RawPeer gone(stand, content, 1), there(stand, content, 2);
  ASSERT_TRUE(stand.open(content->metadata(), {{1, kBothWays}, {2, kBothWays}}, ContentStand::kSwarm,
                         [](abi::Swarm& m) { m.fetch = abi::FetchPolicy::kEverything; }));
  ASSERT_TRUE(gone.open(0x11));
  ASSERT_TRUE(there.open(0x22));
  gone.say([](MessageWriter& w) { EXPECT_TRUE(w.have({0, 15}) && w.have({16, 19})); });  // and answers nothing: it has crashed
  const std::uint64_t silent_since = stand.dp.now();
  std::uint64_t closed_us = 0;
  for (std::uint64_t s = 0; s < 300; ++s) {
    if (s % 50 == 0) there.say(keep_alive);
    stand.run_ms(1'000);
    if (closed_us == 0 && stand.channels() == 1) closed_us = stand.dp.now() - silent_since;
  }
  EXPECT_GE(closed_us, 180'000'000u);
  EXPECT_LE(closed_us, 183'000'000u);
  EXPECT_EQ(stand.channels(), 1u) << "who says now and then that he is there stays";
  EXPECT_GE(stand.info_of(1).requested, 8u);
  EXPECT_EQ(stand.info_of(1).score, 100u);
  expect_all_honest(stand);
  gone.say([](MessageWriter& w) { EXPECT_TRUE(w.have({0, 15})); });
  EXPECT_GE(stand.dp.drops(DropReason::kPpsppUnknownChannel), 1u);
}

// Of ten chunks that were asked for, two fit into the first window (RFC 6817 §2.5). Then the receiver has the others from somebody else.
TEST(Timing, Rfc7574_3_8_HaveIsACancel) {
  const ContentPtr content = chunks_of(20);
  for (const bool has_them : {false, true}) {
    ContentStand stand;
    RawPeer raw(stand, content, 1);
    ASSERT_TRUE(open_to_receiver(stand, raw, content));
    raw.say([](MessageWriter& w) { EXPECT_TRUE(w.request({0, 9})); });
    stand.run_ms(50);
    EXPECT_EQ(chunks_in(raw.answers(), content), (std::vector<std::uint64_t>{0, 1}));
    if (has_them) raw.say([](MessageWriter& w) { EXPECT_TRUE(w.have({2, 3}) && w.have({4, 7}) && w.have({8, 9})); });
    std::vector<std::uint64_t> more;
    for (std::uint64_t c = 0; c < 10; ++c) {
      raw.say([&](MessageWriter& w) { EXPECT_TRUE(w.ack({c, c}, 1000)); });
      stand.run_ms(50);
      for (const std::uint64_t chunk : chunks_in(raw.answers(), content)) more.push_back(chunk);
    }
    if (has_them) {
      EXPECT_TRUE(more.empty());
    } else {
      EXPECT_EQ(more, (std::vector<std::uint64_t>{2, 3, 4, 5, 6, 7, 8, 9}));
    }
    expect_all_honest(stand);
  }
}

// All ACKs of a flight are lost, or the hashes that its chunks needed, so that there was nothing to acknowledge: one chunk more, with all
// that proves it, shows what became of the others, long before the timeout of a second (RFC 6298 §2.4).
TEST(Timing, Rfc9002_6_2_AFlightWithoutAcksIsProbed) {
  const ContentPtr content = chunks_of(64);
  ContentStand stand;
  RawPeer raw(stand, content, 1);
  ASSERT_TRUE(open_to_receiver(stand, raw, content));
  raw.say([](MessageWriter& w) { EXPECT_TRUE(w.request({32, 63})); });
  ASSERT_EQ(chunks_in(raw.answers(), content), (std::vector<std::uint64_t>{32, 33}));
  raw.say([](MessageWriter& w) { EXPECT_TRUE(w.ack({32, 33}, 1000)); });
  const std::vector<std::uint64_t> flight = chunks_in(raw.answers(), content);
  ASSERT_GE(flight.size(), 2u);
  stand.run_ms(25);  // what a receiver may take for an ACK (RFC 9002 §6.2.1)
  EXPECT_EQ(raw.answers().size(), 0u);
  stand.run_ms(50);
  const std::vector<pp::Datagram> probe = raw.answers();
  ASSERT_EQ(chunks_in(probe, content), std::vector<std::uint64_t>{flight.back() + 1});
  // From a leaf to what is known from 32 and 33: 34 (or 35), 36 to 39 and so on up to the peak's half, as far as it is not theirs.
  const std::size_t chunk = flight.back() + 1;
  std::size_t hashes = 0;
  pp::wire::MessageReader reader(ConstBytes(probe[0].payload).subspan(pp::wire::kChannelBytes), content->metadata().framing(), pp::wire::Profile::kRfc);
  for (pp::wire::Message m; reader.next(m);) hashes += m.type == MessageType::kIntegrity;
  EXPECT_EQ(hashes, static_cast<std::size_t>(std::bit_width(chunk ^ 33) - 1)) << chunk;
  raw.say([&](MessageWriter& w) { EXPECT_TRUE(w.ack({chunk, chunk}, 1000)); });
  EXPECT_GE(chunks_in(raw.answers(), content).size(), 1u) << "the window is free again";
  expect_all_honest(stand);
}

// Of forty transfers at a loss of 10 % either way, in virtual time. Half of them took ten seconds and more when only timeouts told that a
// flight was lost.
TEST(Timing, HeavyLossCostsProbesAndNotTimeouts) {
  const ContentPtr content = chunks_of(100);
  std::vector<std::uint64_t> took;
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    ContentStand stand(ContentStand::defaults(), seed);
    stand.faults.loss = 0.1;
    stand.add_peer(1, seeder_of(content));
    auto& leecher = stand.add_peer(3, leecher_of(content));
    ASSERT_TRUE(stand.open(content->metadata(), {{1, kProvider}, {3, kReceiver}}));
    const std::uint64_t begin = stand.dp.now();
    leecher.connect(begin, stand.appliance());
    ASSERT_TRUE(stand.run_ms(60'000, [&] { return leecher.complete(); })) << "seed " << seed;
    took.push_back(stand.dp.now() - begin);
    expect_all_honest(stand);
  }
  std::sort(took.begin(), took.end());
  EXPECT_LE(took[took.size() / 2], 5'000'000u);
}

}  // namespace
}  // namespace mediaward::test
