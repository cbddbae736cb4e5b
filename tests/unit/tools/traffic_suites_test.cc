// SPDX-License-Identifier: Apache-2.0
// The traffic tool's libsrtp contexts: every suite in both protocols, MKIs, E flag, refusals. What they make is also measured against
// the published vectors, so that the oracle itself is known to be right for every suite in this build of libsrtp.
#include <gtest/gtest.h>

#include <cstring>

#include "tools/traffic/payload.h"
#include "tools/traffic/rtcp_compound.h"
#include "tools/traffic/srtp_context.h"

namespace mediaward::tools::traffic {
namespace {

constexpr std::uint32_t kSsrc = 77;

KeySet make_keys(const crypto::SuiteInfo& suite, std::size_t mki_bytes = 0, unsigned count = 1) {
  KeySet keys;
  keys.suite = &suite;
  for (unsigned i = 0; i < count; ++i)
    keys.keys.push_back({std::vector<std::uint8_t>(std::size_t{suite.key_bytes} + suite.salt_bytes, static_cast<std::uint8_t>(0x5a + i)),
                         std::vector<std::uint8_t>(mki_bytes, static_cast<std::uint8_t>(i + 1))});
  return keys;
}

struct Packet {
  std::array<std::byte, 1200> bytes{};
  std::size_t size = 0;
};

Packet rtp(std::uint64_t index) {
  Packet p;
  write_rtp_header(p.bytes.data(), kSsrc, index);
  fill_payload({p.bytes.data() + kRtpHeaderBytes, 40}, 1, kSsrc, index);
  p.size = kRtpHeaderBytes + 40;
  return p;
}

Packet rtcp() {
  Packet p;
  const ReportBlock block{5, 1, 2, 3, 4, 5};
  p.size = write_compound(p.bytes, kSsrc, SenderInfo{ntp_now(), 1, 2, 3}, {&block, 1}, "alice");
  return p;
}

class TrafficSuite : public testing::TestWithParam<std::size_t> {
 protected:
  static void SetUpTestSuite() { static const auto library = SrtpLibrary::start(); }
  static const crypto::SuiteInfo& suite() { return crypto::kSuites[GetParam()]; }
};

TEST_P(TrafficSuite, EveryFlippedBitOfAnSrtpPacketIsFound) {
  const KeySet keys = make_keys(suite());
  auto sealer = *SrtpContext::create(keys, kSsrc, 0);
  Packet sealed = rtp(5);
  const Packet plain = sealed;
  ASSERT_TRUE(sealer.seal(sealed.bytes.data(), sealed.size));
  EXPECT_EQ(sealed.size, plain.size + keys.srtp_trailer_bytes());
  EXPECT_EQ(std::memcmp(sealed.bytes.data() + kRtpHeaderBytes, plain.bytes.data() + kRtpHeaderBytes, 40) == 0, !keys.encrypts());
  for (std::size_t bit = 32; bit < sealed.size * 8; ++bit) {  // behind version, type and sequence number
    if (bit / 8 >= 8 && bit / 8 < 12) continue;               // another SSRC has no context
    auto opener = *SrtpContext::create(keys, kSsrc, 0);
    Packet copy = sealed;
    copy.bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_EQ(opener.open(copy.bytes.data(), copy.size), OpenVerdict::kAuthFailed) << suite().name << " bit " << bit;
  }
  auto opener = *SrtpContext::create(keys, kSsrc, 0);
  Packet copy = sealed;
  ASSERT_EQ(opener.open(copy.bytes.data(), copy.size), OpenVerdict::kOk);
  EXPECT_EQ(copy.size, plain.size);
  EXPECT_TRUE(is_payload({copy.bytes.data() + kRtpHeaderBytes, 40}, 1, kSsrc, 5));
  EXPECT_FALSE(is_payload({copy.bytes.data() + kRtpHeaderBytes, 40}, 1, kSsrc, 6));
  EXPECT_EQ(opener.open(sealed.bytes.data(), sealed.size), OpenVerdict::kReplayed);
}

// libsrtp 2.5 looks for SRTCP's MKI with SRTP's tag length: with the _32 suites only a context made for SRTCP finds it.
TEST_P(TrafficSuite, Rfc3711_3_4_SrtcpOpensWithEveryMkiAndNoFlippedBit) {
  for (const std::size_t mki_bytes : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{128}}) {
    const KeySet keys = make_keys(suite(), mki_bytes, mki_bytes == 0 ? 1 : 3);
    const unsigned key = mki_bytes == 0 ? 0 : 2;
    auto sealer = *SrtcpContext::create(keys, SrtpDirection::kSend, true);
    Packet sealed = rtcp();
    const Packet plain = sealed;
    ASSERT_TRUE(sealer.seal(sealed.bytes.data(), sealed.size, key));
    ASSERT_EQ(sealed.size, plain.size + keys.srtcp_trailer_bytes());
    const std::uint32_t word = load_be32(sealed.bytes.data() + sealed.size - keys.srtcp_index_from_end());
    EXPECT_EQ(word, (keys.encrypts() ? 0x80000000u : 0u) | 1u) << suite().name;
    const std::vector<std::uint8_t>& mki = keys.keys[key].mki;
    EXPECT_TRUE(mki.empty() || std::memcmp(sealed.bytes.data() + sealed.size - keys.srtcp_mki_from_end(), mki.data(), mki.size()) == 0);
    for (std::size_t byte = 8; byte < sealed.size; ++byte) {
      auto opener = *SrtcpContext::create(keys, SrtpDirection::kReceive, true);
      Packet copy = sealed;
      copy.bytes[byte] ^= std::byte{0x10};
      EXPECT_NE(opener.open(copy.bytes.data(), copy.size), OpenVerdict::kOk) << suite().name << " byte " << byte;
    }
    auto opener = *SrtcpContext::create(keys, SrtpDirection::kReceive, true);
    Packet copy = sealed;
    ASSERT_EQ(opener.open(copy.bytes.data(), copy.size), OpenVerdict::kOk) << suite().name << " MKI of " << mki_bytes;
    ASSERT_EQ(copy.size, plain.size);
    EXPECT_EQ(std::memcmp(copy.bytes.data(), plain.bytes.data(), plain.size), 0);
    EXPECT_EQ(opener.open(sealed.bytes.data(), sealed.size), OpenVerdict::kReplayed);
  }
}

TEST_P(TrafficSuite, Rfc3711_3_4_SrtcpWithoutEncryptionIsAuthenticatedOnly) {
  const KeySet keys = make_keys(suite(), 2, 1);
  auto sealer = *SrtcpContext::create(keys, SrtpDirection::kSend, false);
  Packet sealed = rtcp();
  const Packet plain = sealed;
  ASSERT_TRUE(sealer.seal(sealed.bytes.data(), sealed.size));
  EXPECT_EQ(std::memcmp(sealed.bytes.data(), plain.bytes.data(), plain.size), 0);
  EXPECT_EQ(load_be32(sealed.bytes.data() + sealed.size - keys.srtcp_index_from_end()), 1u);
  if (keys.encrypts() && !keys.is_aead()) {
    auto encrypted_only = *SrtcpContext::create(keys, SrtpDirection::kReceive, true);
    Packet copy = sealed;
    EXPECT_NE(encrypted_only.open(copy.bytes.data(), copy.size), OpenVerdict::kOk);
  }
  auto opener = *SrtcpContext::create(keys, SrtpDirection::kReceive, false);
  EXPECT_EQ(opener.open(sealed.bytes.data(), sealed.size), OpenVerdict::kOk) << suite().name;
  EXPECT_EQ(sealed.size, plain.size);
}

TEST_P(TrafficSuite, Rfc3711_3_1_EveryKeyIsFoundByItsMki) {
  const KeySet keys = make_keys(suite(), 4, 3);
  auto sealer = *SrtpContext::create(keys, kSsrc, 0);
  auto opener = *SrtpContext::create(keys, kSsrc, 0);
  for (unsigned key = 0; key < 3; ++key) {
    Packet p = rtp(10 + key);
    ASSERT_TRUE(sealer.seal(p.bytes.data(), p.size, key));
    EXPECT_EQ(std::memcmp(p.bytes.data() + p.size - keys.srtp_mki_from_end(), keys.keys[key].mki.data(), 4), 0);
    EXPECT_EQ(opener.open(p.bytes.data(), p.size), OpenVerdict::kOk);
  }
  Packet p = rtp(20);
  ASSERT_TRUE(sealer.seal(p.bytes.data(), p.size, 0));
  p.bytes[p.size - keys.srtp_mki_from_end()] ^= std::byte{0x40};
  EXPECT_EQ(opener.open(p.bytes.data(), p.size), OpenVerdict::kUnknownMki);
}

INSTANTIATE_TEST_SUITE_P(All, TrafficSuite, testing::Range(std::size_t{0}, crypto::kSuites.size()),
                         [](const auto& suite) { return std::string(crypto::kSuites[suite.param].name); });

class TrafficContext : public testing::Test {
 protected:
  static void SetUpTestSuite() { static const auto library = SrtpLibrary::start(); }
};

TEST_F(TrafficContext, SealerRefusesToRepeatAnIndex) {
  auto sealer = *SrtpContext::create(make_keys(crypto::kSuites[0]), kSsrc, 0);
  Packet first = rtp(9), again = rtp(9);
  ASSERT_TRUE(sealer.seal(first.bytes.data(), first.size));
  EXPECT_FALSE(sealer.seal(again.bytes.data(), again.size));
}

TEST_F(TrafficContext, KeysThatDoNotFitAreRefused) {
  KeySet keys = make_keys(*crypto::find_suite("AEAD_AES_128_GCM"));
  keys.keys[0].bytes.resize(30);
  const auto wrong_length = SrtpContext::create(keys, 1, 0);
  ASSERT_FALSE(wrong_length);
  EXPECT_NE(wrong_length.error().message.find("30 bytes"), std::string::npos);
  keys = make_keys(crypto::kSuites[0], 4, 2);
  keys.keys[1].mki.push_back(0);
  EXPECT_FALSE(SrtcpContext::create(keys, SrtpDirection::kSend, true));
  EXPECT_FALSE(SrtpContext::create(KeySet{}, 1, 0));
}

}  // namespace
}  // namespace mediaward::tools::traffic
