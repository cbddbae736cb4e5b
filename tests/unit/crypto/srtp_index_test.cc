// SPDX-License-Identifier: Apache-2.0
// Packet index estimate, replay window and initialisation vectors against the RFC's own words and against simple oracles.
#include "crypto/srtp_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>

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

TEST(SrtpReplay, Rfc3711_3_3_2_WindowAgainstASet) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    std::mt19937_64 random(seed);
    IndexWindow w;
    std::set<std::uint64_t> marked;
    std::uint64_t around = 0xfff0 + seed * 70000;
    for (int step = 0; step < 20000; ++step) {
      const std::uint64_t jump = random() % 40;
      around += jump == 0 ? random() % 400 : (jump < 30 ? 1 : 0);
      const std::uint64_t index = around - std::min<std::uint64_t>(around, random() % (1 + random() % 200));
      Verdict expected = Verdict::kFresh;
      if (!marked.empty() && index <= *marked.rbegin()) {
        if (*marked.rbegin() - index >= kReplayWindowPackets)
          expected = Verdict::kTooOld;
        else if (marked.contains(index))
          expected = Verdict::kReplayed;
      }
      ASSERT_EQ(w.test(index), expected) << "seed " << seed << " step " << step << " index " << index << " top " << w.top;
      if (expected == Verdict::kFresh && random() % 5 != 0) {
        w.mark(index);
        marked.insert(index);
        ASSERT_EQ(w.top, *marked.rbegin());
      }
    }
  }
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

TEST(SrtpIv, Rfc7714_8_1_RocAndSequenceNumber) {
  std::array<std::byte, 16> salt{}, iv{};
  make_gcm_iv(iv.data(), salt.data(), 0x01020304, std::uint64_t{0x05060708} << 16 | 0x090a);
  EXPECT_EQ(std::vector<std::byte>(iv.begin(), iv.begin() + 12), from_hex("0000 01020304 05060708 090a"));
}

}  // namespace
}  // namespace mediaward::crypto
