// SPDX-License-Identifier: Apache-2.0
// Audio levels in RTP headers, and their smoothing. Headers are written out byte by byte after the figures of RFC 8285 and RFC 6464.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "dataplane/speaker_level.h"

namespace mediaward::test {
namespace {

using dataplane::kLevelUnitsPerDb;
using dataplane::parse_audio_level;
using dataplane::SpeakerGate;

using Octets = std::vector<unsigned char>;

// RFC 3550 §5.1 with X set, `csrcs` contributing sources, and an extension (RFC 3550 §5.3.1) that is padded to whole words.
Octets rtp(std::uint16_t profile, Octets elements, unsigned csrcs = 0) {
  Octets p{static_cast<unsigned char>(0x90 | csrcs), 0x60, 0x12, 0x34, 0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef};
  p.insert(p.end(), csrcs * 4, 0xbe);
  elements.resize((elements.size() + 3) / 4 * 4, 0);
  const auto words = static_cast<std::uint16_t>(elements.size() / 4);
  for (const std::uint16_t v : {profile, words}) {
    p.push_back(static_cast<unsigned char>(v >> 8));
    p.push_back(static_cast<unsigned char>(v));
  }
  p.insert(p.end(), elements.begin(), elements.end());
  return p;
}

// In a block of its own of exactly that size, so that a sanitizer sees a byte too far.
std::optional<std::uint8_t> level(const Octets& packet, std::uint8_t id) {
  const std::vector<std::byte> exact(reinterpret_cast<const std::byte*>(packet.data()),
                                     reinterpret_cast<const std::byte*>(packet.data()) + packet.size());
  return parse_audio_level(exact, id);
}

TEST(AudioLevel, Rfc6464_3_OneByteElement) {
  EXPECT_EQ(level(rtp(0xbede, {0x10, 0x2a}), 1), 42);
  EXPECT_EQ(level(rtp(0xbede, {0xe0, 0x00}), 14), 0);
  EXPECT_EQ(level(rtp(0xbede, {0x10, 0x7f}), 1), 127);
}

TEST(AudioLevel, Rfc6464_3_VoiceActivityBitIsNotPartOfTheLevel) {
  EXPECT_EQ(level(rtp(0xbede, {0x10, 0x80 | 42}), 1), 42);
  EXPECT_EQ(level(rtp(0x1000, {1, 1, 0x80 | 42, 0}), 1), 42);
}

TEST(AudioLevel, Rfc6464_3_TwoByteElementWithAnyApplicationBits) {
  for (unsigned bits = 0; bits < 16; ++bits) EXPECT_EQ(level(rtp(static_cast<std::uint16_t>(0x1000 | bits), {1, 1, 42}), 1), 42);
  EXPECT_EQ(level(rtp(0x1000, {200, 1, 9}), 200), 9);
}

TEST(AudioLevel, Rfc8285_4_2_BehindOtherElementsAndPadding) {
  EXPECT_EQ(level(rtp(0xbede, {0x22, 1, 2, 3, 0, 0, 0x10, 42}), 1), 42);
  EXPECT_EQ(level(rtp(0xbede, {0x2f, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x10, 42}), 1), 42);
  EXPECT_EQ(level(rtp(0xbede, {0x10, 42}, 15), 1), 42) << "behind fifteen contributing sources";
}

TEST(AudioLevel, Rfc8285_4_3_BehindOtherElementsOfAnyLength) {
  EXPECT_EQ(level(rtp(0x1000, {7, 0, 0, 8, 3, 1, 1, 1, 1, 1, 42}), 1), 42);
  Octets longest{9, 255};
  longest.insert(longest.end(), 255, 0x01);
  longest.insert(longest.end(), {1, 1, 42});
  EXPECT_EQ(level(rtp(0x1000, longest), 1), 42);
}

TEST(AudioLevel, Rfc8285_4_2_NothingBehindIdentifier15) {
  EXPECT_EQ(level(rtp(0xbede, {0xf0, 0, 0x10, 42}), 1), std::nullopt);
  EXPECT_EQ(level(rtp(0xbede, {0xf0, 42}), 15), std::nullopt);
  EXPECT_EQ(level(rtp(0x1000, {15, 1, 42}), 15), 42) << "an identifier like any other in the two-byte form";
}

TEST(AudioLevel, Rfc8285_4_2_PaddingWithALengthEndsTheList) {
  EXPECT_EQ(level(rtp(0xbede, {0x01, 0, 0, 0x10, 42}), 1), std::nullopt);
}

TEST(AudioLevel, AbsentOrOfAnotherForm) {
  EXPECT_EQ(level(rtp(0xbede, {0x20, 42}), 1), std::nullopt);
  EXPECT_EQ(level(rtp(0xbede, {0x10, 42}), 0), std::nullopt) << "0 means that the leg has none";
  EXPECT_EQ(level(rtp(0xbedf, {0x10, 42}), 1), std::nullopt);
  EXPECT_EQ(level(rtp(0x1100, {1, 1, 42}), 1), std::nullopt);
  EXPECT_EQ(level(rtp(0xbede, {0x11, 42, 42}), 1), std::nullopt) << "two bytes are no level";
  EXPECT_EQ(level(rtp(0x1000, {1, 0}), 1), std::nullopt) << "nor are none";
  EXPECT_EQ(level(rtp(0xbede, {}), 1), std::nullopt);
  Octets plain = rtp(0xbede, {0x10, 42});
  plain[0] = 0x80;
  EXPECT_EQ(level(plain, 1), std::nullopt) << "without X these bytes are payload";
}

TEST(AudioLevel, NothingIsReadBeyondTheHeader) {
  for (const Octets& whole : {rtp(0xbede, {0x22, 1, 2, 3, 0x10, 42}, 2), rtp(0x1000, {7, 3, 1, 1, 1, 1, 1, 42}, 2)}) {
    ASSERT_EQ(level(whole, 1), 42);
    for (std::size_t n = 0; n < whole.size(); ++n)
      EXPECT_EQ(level({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)}, 1), std::nullopt) << n;
  }
  EXPECT_EQ(level(rtp(0xbede, {0x20, 0, 0x2f, 42}), 1), std::nullopt) << "the last element reaches beyond the extension";
  EXPECT_EQ(level(rtp(0x1000, {7, 0, 0, 1}), 1), std::nullopt) << "an element without its length";
  EXPECT_EQ(level(rtp(0x1000, {0, 1, 2, 42}), 1), std::nullopt);
}

TEST(AudioLevel, AnyBytesAtAll) {
  std::mt19937 random(1);
  std::size_t found = 0;
  for (int i = 0; i < 200'000; ++i) {
    Octets packet = rtp((i & 1) != 0 ? 0xbede : 0x1000, {}, static_cast<unsigned>(random() % 3));
    packet.resize(packet.size() + random() % 24);
    for (std::size_t at = 16; at < packet.size(); ++at)
      packet[at] = static_cast<unsigned char>((i & 2) != 0 ? random() : (i & 1) != 0 ? random() % 3 * 16 : random() % 3);
    packet[15] = static_cast<unsigned char>(random() % 6);
    const auto heard = level(packet, static_cast<std::uint8_t>(1 + random() % 2));
    if (heard) ++found;
    ASSERT_LE(heard.value_or(0), 127);
  }
  EXPECT_GT(found, 1000u) << "the bytes never held an element: this tested nothing";
}

std::uint32_t dbov_above_silence(const SpeakerGate& gate) {
  return gate.level.load() / kLevelUnitsPerDb;
}

TEST(SpeakerGateUpdate, RisesWithinAWordAndFallsSlowly) {
  SpeakerGate gate;
  for (int packet = 0; packet < 3; ++packet) update(gate, 27, 1);
  EXPECT_GE(dbov_above_silence(gate), 85u) << "100 dB above silence: nearly there after 60 ms";
  for (int packet = 0; packet < 30; ++packet) update(gate, 27, 1);
  ASSERT_EQ(gate.level.load(), 100 * kLevelUnitsPerDb) << "arrives exactly";
  for (int packet = 0; packet < 5; ++packet) update(gate, 127, 1);
  EXPECT_GE(dbov_above_silence(gate), 70u) << "100 ms between two words do not count";
  for (int packet = 0; packet < 50; ++packet) update(gate, 127, 1);
  EXPECT_LT(dbov_above_silence(gate), 5u) << "a second does";
  for (int packet = 0; packet < 500; ++packet) update(gate, 127, 1);
  EXPECT_EQ(gate.level.load(), 0u);
}

TEST(SpeakerGateUpdate, NeverLeavesTheRangeOfWhatItHeard) {
  std::mt19937 random(2);
  SpeakerGate gate;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint32_t before = gate.level.load();
    const auto heard = static_cast<std::uint8_t>(random());
    const std::uint32_t above = heard >= 127 ? 0 : (127u - heard) * kLevelUnitsPerDb;
    update(gate, heard, static_cast<std::uint64_t>(i));
    ASSERT_GE(gate.level.load(), std::min(before, above));
    ASSERT_LE(gate.level.load(), std::max(before, above));
    ASSERT_EQ(gate.heard_tsc.load(), static_cast<std::uint64_t>(i));
  }
}

}  // namespace
}  // namespace mediaward::test
