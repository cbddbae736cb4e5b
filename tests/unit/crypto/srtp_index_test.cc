// SPDX-License-Identifier: Apache-2.0
// Packet index estimate, replay window and initialisation vectors against the RFC's own words and against simple oracles.
#include "crypto/srtp_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <vector>

#include "tests/support/crypto_cases.h"

namespace mediaward::crypto {
namespace {

using test_support::from_hex;
using Verdict = IndexWindow::Verdict;

IndexWindow window_at(std::uint64_t top) {
  IndexWindow w;
  w.mark(top);
  return w;
}

// RFC 3711 appendix A, word by word.
std::uint32_t appendix_a(std::uint32_t roc, std::int64_t s_l, std::int64_t seq) {
  if (s_l < 32768) {
    if (seq - s_l > 32768) return roc - 1;
    return roc;
  }
  if (s_l - 32768 > seq) return roc + 1;
  return roc;
}

TEST(SrtpIndex, Rfc3711_AppendixA_EverySequenceNumber) {
  for (const std::uint32_t roc : {0U, 1U, 7U, 0x80000000U, 0xffffffffU}) {
    for (const std::uint32_t s_l : {0U, 1U, 2U, 32766U, 32767U, 32768U, 32769U, 40000U, 65534U, 65535U}) {
      const IndexWindow w = window_at(std::uint64_t{roc} << 16 | s_l);
      for (std::uint32_t seq = 0; seq < 65536; ++seq) {
        const std::uint32_t v = appendix_a(roc, s_l, seq);
        const std::uint64_t estimate = w.estimate(static_cast<std::uint16_t>(seq));
        const bool wraps = (roc == 0 && v == 0xffffffff) || (roc == 0xffffffff && v == 0);
        if (wraps) {
          ASSERT_FALSE(IndexWindow::is_valid(estimate)) << roc << " " << s_l << " " << seq;
        } else {
          ASSERT_EQ(estimate, std::uint64_t{v} << 16 | seq) << roc << " " << s_l << " " << seq;
        }
      }
    }
  }
}

TEST(SrtpIndex, Rfc3711_3_3_1_FirstPacketTakesTheGivenRoc) {
  const IndexWindow w = IndexWindow::starting_at_roc(0x12345);
  EXPECT_FALSE(w.started());
  EXPECT_EQ(w.estimate(0), 0x123450000u);
  EXPECT_EQ(w.estimate(65535), 0x12345ffffu);
  EXPECT_EQ(w.test(w.estimate(65535)), Verdict::kFresh);
}

// A sender that counts in 64 bits, a network that loses and reorders, a receiver that sees 16 bits.
TEST(SrtpIndex, Rfc3711_3_3_1_EstimateFollowsA64BitCounter) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    std::uint64_t sent = (seed % 2 == 0 ? 0 : 0xfffe) + (random() % 3) * 65536;
    IndexWindow w = IndexWindow::starting_at_roc(static_cast<std::uint32_t>(sent >> 16));
    w.mark(w.estimate(static_cast<std::uint16_t>(sent)));
    for (int step = 0; step < 20000; ++step) {
      const std::uint64_t loss = random() % 50 == 0 ? random() % 30000 : random() % 4;
      sent += 1 + loss;
      const std::uint64_t late = std::min<std::uint64_t>(random() % 3 == 0 ? random() % 2000 : 0, sent);
      const std::uint64_t arriving = sent - late;
      ASSERT_EQ(w.estimate(static_cast<std::uint16_t>(arriving)), arriving) << "seed " << seed << " step " << step;
      if (w.test(arriving) == Verdict::kFresh) w.mark(arriving);
    }
  }
}

TEST(SrtpIndex, Rfc3711_3_3_1_BothHalvesAroundAWrap) {
  EXPECT_EQ(window_at(0x1fff0).estimate(5), 0x20005u);
  EXPECT_EQ(window_at(0x20005).estimate(0xfff0), 0x1fff0u);
  EXPECT_EQ(window_at(0x20005).estimate(0x7000), 0x27000u);
  EXPECT_EQ(window_at(0x2f000).estimate(0x9000), 0x29000u);
  EXPECT_FALSE(IndexWindow::is_valid(window_at(3).estimate(0xfffe))) << "older than the first packet there can be";
  EXPECT_FALSE(IndexWindow::is_valid(window_at(kMaxSrtpIndex).estimate(0))) << "the index must not wrap under one key";
}

// The oracle of every window: all indexes that were marked.
class SeenSet {
 public:
  explicit SeenSet(std::uint64_t packets) : packets_(packets) {}
  [[nodiscard]] Verdict test(std::uint64_t index) const {
    if (marked_.empty() || index > top()) return Verdict::kFresh;
    if (top() - index >= packets_) return Verdict::kTooOld;
    return marked_.contains(index) ? Verdict::kReplayed : Verdict::kFresh;
  }
  void mark(std::uint64_t index) { marked_.insert(index); }
  [[nodiscard]] std::uint64_t top() const { return *marked_.rbegin(); }

 private:
  std::uint64_t packets_;
  std::set<std::uint64_t> marked_;
};

// Indexes as a bad network delivers them: mostly the next one, some late by up to `late`, rare jumps by up to `jump`.
class Arrivals {
 public:
  Arrivals(std::uint64_t seed, std::uint64_t start, std::uint64_t late, std::uint64_t jump)
      : random_(seed), around_(start), late_(late), jump_(jump) {}
  std::uint64_t next() {
    const std::uint64_t kind = random_() % 40;
    around_ += kind == 0 ? random_() % jump_ : (kind < 30 ? 1 : 0);
    return around_ - std::min<std::uint64_t>(around_, random_() % (1 + random_() % late_));
  }
  bool accepted() { return random_() % 5 != 0; }  // now and then a packet does not verify

 private:
  std::mt19937_64 random_;
  std::uint64_t around_;
  const std::uint64_t late_, jump_;
};

TEST(SrtpReplay, Rfc3711_3_3_2_WindowAgainstASet) {
  for (const unsigned packets : {64U, 65U, 100U, 127U, 128U}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Arrivals arrivals(seed, 0xfff0 + seed * 70000, 200, 400);
      IndexWindow w;
      SeenSet seen(packets);
      for (int step = 0; step < 20000; ++step) {
        const std::uint64_t index = arrivals.next();
        const Verdict expected = seen.test(index);
        ASSERT_EQ(w.test(index, packets), expected) << "seed " << seed << " step " << step << " index " << index << " top " << w.top;
        if (packets == kReplayWindowPackets) {
          ASSERT_EQ(w.test(index), expected);
        }
        if (expected == Verdict::kFresh && arrivals.accepted()) {
          w.mark(index);
          seen.mark(index);
          ASSERT_EQ(w.top, seen.top());
        }
      }
    }
  }
}

TEST(SrtpReplay, Rfc3711_3_3_2_WideWindowAgainstASet) {
  for (const unsigned packets : {64U, 128U, 129U, 200U, 256U, 1000U, 1024U, 4096U, 8191U, 8192U}) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      Arrivals arrivals(seed, seed % 2 == 0 ? 0 : 0xffff0 + seed, packets + packets / 4, 3 * packets);
      std::vector<std::uint64_t> words(wide_window_words(packets), 0x5555555555555555);  // what lay there before
      WideWindow wide(words);
      IndexWindow w;
      wide.resume(w);
      SeenSet seen(packets), newest(std::min(packets, kReplayWindowPackets));
      for (int step = 0; step < 20000; ++step) {
        const std::uint64_t index = arrivals.next();
        const Verdict expected = seen.test(index);
        ASSERT_EQ(wide.test(w, index, packets), expected) << packets << " seed " << seed << " step " << step << " index " << index;
        ASSERT_EQ(w.test(index, packets), newest.test(index)) << "the IndexWindow goes with it";
        if (expected == Verdict::kFresh && arrivals.accepted()) {
          wide.mark(w, index);
          seen.mark(index);
          newest.mark(index);
          ASSERT_EQ(w.top, seen.top());
        }
      }
    }
  }
}

// The words are lost, the IndexWindow is kept: nothing that was accepted before is accepted again.
TEST(SrtpReplay, Rfc3711_3_3_2_WideWindowAfterARestart) {
  constexpr unsigned kPackets = 1024;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Arrivals arrivals(seed, seed, 300, 500);
    std::vector<std::uint64_t> words(wide_window_words(kPackets));
    IndexWindow w;
    SeenSet seen(kPackets);
    for (std::uint64_t step = 0; step < 50 + seed * 100; ++step) {
      const std::uint64_t index = arrivals.next();
      if (WideWindow(words).test(w, index, kPackets) != Verdict::kFresh) continue;
      WideWindow(words).mark(w, index);
      seen.mark(index);
    }
    std::vector<std::uint64_t> anew(words.size());
    WideWindow wide(anew);
    wide.resume(w);
    for (std::uint64_t back = 0; back < 2 * kPackets && back <= w.top; ++back) {
      const Verdict got = wide.test(w, w.top - back, kPackets);
      if (back < kReplayWindowPackets)
        EXPECT_EQ(got, seen.test(w.top - back));
      else
        EXPECT_NE(got, Verdict::kFresh) << back;
    }
  }
}

TEST(SrtpReplay, WideWindowWords) {
  EXPECT_EQ(wide_window_words(64), 0u);
  EXPECT_EQ(wide_window_words(128), 0u);
  EXPECT_EQ(wide_window_words(129), 4u);
  EXPECT_EQ(wide_window_words(256), 4u);
  EXPECT_EQ(wide_window_words(257), 8u);
  EXPECT_EQ(wide_window_words(kMaxWindowPackets), 128u);
}

// A window that is asked for more than it has room for is narrower, never open.
TEST(SrtpReplay, TooFewWordsNarrowTheWindow) {
  std::vector<std::uint64_t> words(4);
  WideWindow wide(words);
  IndexWindow w;
  for (std::uint64_t i = 0; i < 1000; ++i) wide.mark(w, i);
  EXPECT_EQ(wide.test(w, 999 - 255, 8192), Verdict::kReplayed);
  EXPECT_EQ(wide.test(w, 999 - 256, 8192), Verdict::kTooOld);
  EXPECT_EQ(w.test(999 - 128, 8192), Verdict::kTooOld);
  EXPECT_EQ(WideWindow({}).test(w, 999 - 128, 8192), Verdict::kTooOld);
}

TEST(SrtpReplay, Rfc3711_3_4_SrtcpWindowAgainstASet) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Arrivals arrivals(seed, seed % 3 == 0 ? 0 : seed % 3 == 1 ? 70000 : kMaxSrtcpIndex - 400000, 100, 200);
    std::uint32_t top = 0;
    std::uint64_t bits = 0;
    SrtcpWindow w{top, bits};
    SeenSet seen(64);
    for (int step = 0; step < 20000; ++step) {
      const auto index = static_cast<std::uint32_t>(arrivals.next());
      ASSERT_TRUE(SrtcpWindow::is_valid(index));
      const Verdict expected = seen.test(index);
      ASSERT_EQ(w.test(index), expected) << "seed " << seed << " step " << step << " index " << index << " top " << top;
      if (expected == Verdict::kFresh && arrivals.accepted()) {
        ASSERT_EQ(w.started(), step != 0 && bits != 0);
        w.mark(index);
        seen.mark(index);
        ASSERT_EQ(top, seen.top());
        ASSERT_TRUE(w.started());
      }
    }
  }
}

TEST(SrtpReplay, Rfc3711_3_4_SrtcpWindowEdges) {
  std::uint32_t top = 5;  // nothing marked: what top says does not count
  std::uint64_t bits = 0;
  SrtcpWindow w{top, bits};
  EXPECT_FALSE(w.started());
  EXPECT_EQ(w.test(0), Verdict::kFresh);
  w.mark(0);
  EXPECT_EQ(top, 0u);
  EXPECT_EQ(w.test(0), Verdict::kReplayed);
  w.mark(63);
  EXPECT_EQ(w.test(0), Verdict::kReplayed);
  EXPECT_EQ(w.test(1), Verdict::kFresh);
  w.mark(64);
  EXPECT_EQ(w.test(0), Verdict::kTooOld);
  EXPECT_EQ(w.test(1), Verdict::kFresh);
  w.mark(kMaxSrtcpIndex);
  EXPECT_EQ(w.test(64), Verdict::kTooOld);
  EXPECT_EQ(w.test(kMaxSrtcpIndex), Verdict::kReplayed);
  EXPECT_FALSE(SrtcpWindow::is_valid(0x80000000)) << "the E flag is no part of the index";
}

TEST(SrtpReplay, Rfc3711_3_3_2_WindowEdges) {
  IndexWindow w = window_at(1000);
  EXPECT_EQ(w.test(1000), Verdict::kReplayed);
  EXPECT_EQ(w.test(1000 - kReplayWindowPackets + 1), Verdict::kFresh);
  EXPECT_EQ(w.test(1000 - kReplayWindowPackets), Verdict::kTooOld);
  w.mark(1000 + kReplayWindowPackets);  // everything before falls out
  EXPECT_EQ(w.test(1000), Verdict::kTooOld);
  EXPECT_EQ(w.test(1001), Verdict::kFresh);
}

TEST(SrtpIv, Rfc3711_4_1_1_CounterBlock) {
  // IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16), added up byte by byte.
  std::mt19937_64 random(1);
  for (int round = 0; round < 1000; ++round) {
    alignas(16) std::array<std::byte, 16> salt{}, iv{};
    for (std::size_t i = 0; i < 14; ++i) salt[i] = static_cast<std::byte>(random());
    const auto ssrc = static_cast<std::uint32_t>(random());
    const std::uint64_t index = random() & kMaxSrtpIndex;
    auto expected = salt;
    for (std::size_t i = 0; i < 4; ++i) expected[4 + i] ^= static_cast<std::byte>(ssrc >> (24 - 8 * i));
    for (std::size_t i = 0; i < 6; ++i) expected[8 + i] ^= static_cast<std::byte>(index >> (40 - 8 * i));
    make_cm_iv(iv.data(), salt.data(), ssrc, index);
    ASSERT_EQ(iv, expected);
  }
}

TEST(SrtpIv, Rfc7714_16_1_1_InitialisationVector) {
  const auto given = from_hex("517569642070726f2071756f");
  std::array<std::byte, 16> salt{}, iv{};
  std::copy(given.begin(), given.end(), salt.begin());
  make_gcm_iv(iv.data(), salt.data(), 0x5501a0b2, 0xf17b);
  EXPECT_EQ(std::vector<std::byte>(iv.begin(), iv.begin() + 12), from_hex("51753c6580c2726f20718414"));
}

TEST(SrtpIv, Rfc7714_17_SrtcpInitialisationVector) {
  const auto given = from_hex("517569642070726f2071756f");
  std::array<std::byte, 16> salt{}, iv{};
  std::copy(given.begin(), given.end(), salt.begin());
  make_gcm_iv(iv.data(), salt.data(), 0x4d617273, 0x5d4);
  EXPECT_EQ(std::vector<std::byte>(iv.begin(), iv.begin() + 12), from_hex("517524055203726f207170bb"));
}

TEST(SrtpIv, Rfc7714_9_1_SrtcpIndexIsRightAligned) {
  std::array<std::byte, 16> salt{}, iv{};
  make_gcm_iv(iv.data(), salt.data(), 0x01020304, kMaxSrtcpIndex);
  EXPECT_EQ(std::vector<std::byte>(iv.begin(), iv.begin() + 12), from_hex("0000 01020304 0000 7fffffff"));
}

TEST(SrtpIv, Rfc7714_8_1_RocAndSequenceNumber) {
  std::array<std::byte, 16> salt{}, iv{};
  make_gcm_iv(iv.data(), salt.data(), 0x01020304, std::uint64_t{0x05060708} << 16 | 0x090a);
  EXPECT_EQ(std::vector<std::byte>(iv.begin(), iv.begin() + 12), from_hex("0000 01020304 05060708 090a"));
}

}  // namespace
}  // namespace mediaward::crypto
