// SPDX-License-Identifier: Apache-2.0
// The oracle itself: that libsrtp, as SrtpPeer sets it up, has every suite with MKIs, new keys in mid-stream and roll-over counters.
#include "tests/support/srtp_peer.h"

#include <gtest/gtest.h>

namespace mediaward::test {
namespace {

using Octets = SrtpPeer::Octets;
using Direction = SrtpPeer::Direction;
constexpr std::uint32_t kSsrc = 0x11223344;

Octets rtp(std::uint16_t sequence) {
  Octets packet{0x80, 0, static_cast<std::uint8_t>(sequence >> 8), static_cast<std::uint8_t>(sequence), 0, 0, 0, 1, 0x11, 0x22, 0x33, 0x44};
  for (unsigned i = 0; i < 40; ++i) packet.push_back(static_cast<std::uint8_t>(i));
  return packet;
}
const Octets kRtcp{0x80, 201, 0, 2, 0x11, 0x22, 0x33, 0x44, 1, 2, 3, 4};

SrtpMasterKey master(const crypto::SuiteInfo& suite, std::uint8_t seed, std::size_t mki_bytes) {
  return {Octets(std::size_t{suite.key_bytes} + suite.salt_bytes, seed), Octets(mki_bytes, seed)};
}

TEST(SrtpPeer, EverySuiteWithTwoKeysToldApartByMki) {
  for (const crypto::SuiteInfo& suite : crypto::kSuites) {
    for (const std::size_t mki : {1U, 4U}) {
      const std::vector<SrtpMasterKey> keys{master(suite, 1, mki), master(suite, 2, mki)};
      SrtpPeer sender(suite.id, keys, Direction::kSend);
      SrtpPeer receiver(suite.id, keys, Direction::kReceive);
      SrtpPeer only_first(suite.id, {keys[0]}, Direction::kReceive);
      for (const unsigned key : {0U, 1U}) {
        const Octets srtp = sender.protect(rtp(static_cast<std::uint16_t>(100 + key)), key);
        EXPECT_EQ(srtp.size(), rtp(0).size() + suite.tag_bytes + mki) << suite.name;
        EXPECT_EQ(receiver.unprotect(srtp), rtp(static_cast<std::uint16_t>(100 + key))) << suite.name;
        EXPECT_EQ(only_first.unprotect(srtp).has_value(), key == 0) << suite.name;
        const Octets srtcp = sender.protect_rtcp(kRtcp, key);
        EXPECT_EQ(srtcp.size(), kRtcp.size() + 4 + suite.srtcp_tag_bytes + mki) << suite.name;
        EXPECT_EQ(receiver.unprotect_rtcp(srtcp), kRtcp) << suite.name;
        EXPECT_EQ(only_first.unprotect_rtcp(srtcp).has_value(), key == 0) << suite.name;
      }
    }
  }
}

TEST(SrtpPeer, Rfc3711_3_3_1_RekeyKeepsRocAndSrtcpIndex) {
  for (const crypto::SuiteInfo& suite : crypto::kSuites) {
    for (const std::size_t mki : {0U, 4U}) {
      SrtpPeer sender(suite.id, {master(suite, 1, mki)}, Direction::kSend);
      SrtpPeer receiver(suite.id, {master(suite, 1, mki)}, Direction::kReceive);
      for (const std::uint16_t sequence : std::array<std::uint16_t, 3>{65535, 0, 1})
        ASSERT_EQ(receiver.unprotect(sender.protect(rtp(sequence))), rtp(sequence));
      ASSERT_EQ(receiver.unprotect_rtcp(sender.protect_rtcp(kRtcp)), kRtcp);
      EXPECT_EQ(sender.roc(kSsrc), 1u);
      EXPECT_EQ(receiver.roc(kSsrc), 1u);
      sender.rekey({master(suite, 2, mki)});
      EXPECT_FALSE(receiver.unprotect(sender.protect(rtp(2)))) << "still under the old key";
      receiver.rekey({master(suite, 2, mki)});
      EXPECT_EQ(receiver.unprotect(sender.protect(rtp(3))), rtp(3)) << suite.name;
      EXPECT_EQ(sender.roc(kSsrc), 1u);
      EXPECT_EQ(receiver.roc(kSsrc), 1u);
      const Octets srtcp = sender.protect_rtcp(kRtcp);
      const std::size_t index_at = kRtcp.size() + (suite.transform == crypto::Transform::kAesGcm ? suite.srtcp_tag_bytes : 0);
      EXPECT_EQ(srtcp[index_at + 3], 2) << suite.name << ": the second SRTCP packet of the stream";
      EXPECT_EQ(receiver.unprotect_rtcp(srtcp), kRtcp) << suite.name;
    }
  }
}

TEST(SrtpPeer, RocIsSetBeforeTheFirstPacket) {
  const crypto::SuiteInfo& suite = crypto::kSuites[0];
  SrtpPeer sender(suite.id, master(suite, 1, 0).key, Direction::kSend, kSsrc);
  SrtpPeer receiver(suite.id, master(suite, 1, 0).key, Direction::kReceive, kSsrc);
  SrtpPeer unaware(suite.id, master(suite, 1, 0).key, Direction::kReceive);
  EXPECT_EQ(unaware.roc(kSsrc), std::nullopt);
  sender.set_roc(kSsrc, 7);
  receiver.set_roc(kSsrc, 7);
  const Octets srtp = sender.protect(rtp(5));
  EXPECT_FALSE(unaware.unprotect(srtp));
  EXPECT_EQ(unaware.last_error(), srtp_err_status_auth_fail);
  EXPECT_EQ(receiver.unprotect(srtp), rtp(5));
  EXPECT_EQ(receiver.roc(kSsrc), 7u);
  EXPECT_FALSE(receiver.unprotect(srtp));
  EXPECT_EQ(receiver.last_error(), srtp_err_status_replay_fail);
}

}  // namespace
}  // namespace mediaward::test
