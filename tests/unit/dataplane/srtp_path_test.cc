// SPDX-License-Identifier: Apache-2.0
// The conference path end to end without ports: libsrtp seals, the data plane re-encrypts, libsrtp opens.
#include <gtest/gtest.h>

#include "tests/support/dataplane_fixture.h"
#include "tests/support/delaying_engine.h"

namespace mediaward::test {
namespace {

using crypto::Suite;
using dataplane::DropReason;
using Direction = SrtpPeer::Direction;

TEST(SrtpPath, EverySuitePairArrivesAsSent) {
  std::vector<Participant> all{make_participant(1, Suite::kAesCm128HmacSha1_80), make_participant(2, Suite::kAeadAes128Gcm),
                               make_participant(3, Suite::kAesCm128HmacSha1_80, true), make_participant(4, Suite::kAeadAes128Gcm, true)};
  Dataplane plane(crypto::make_openssl_provider());
  ASSERT_TRUE(plane.apply(Dataplane::conference_of(1, all)));
  plane.resolve_neighbours();
  for (auto& from : all) {
    SrtpPeer sender(from.receive_suite, from.receive_key, Direction::kSend);
    std::vector<std::vector<std::uint8_t>> plain;
    for (unsigned i = 0; i < 50; ++i) {
      RtpPacket rtp{.payload_type = 96, .sequence = static_cast<std::uint16_t>(65500 + i), .timestamp = 160 * i, .ssrc = from.ssrcs[0]};
      rtp.payload.assign(i * 7, static_cast<std::uint8_t>(i));
      plain.push_back(rtp.bytes());
      plane.send_rtp(from, sender.protect(plain.back()));
    }
    plane.run();
    for (auto& to : all) {
      const auto got = plane.received_by(to);
      if (&to == &from) {
        EXPECT_TRUE(got.empty());
        continue;
      }
      SrtpPeer receiver(to.send_suite, to.send_key, Direction::kReceive);
      ASSERT_EQ(got.size(), plain.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        const auto opened = receiver.unprotect(got[i]);
        ASSERT_TRUE(opened.has_value()) << from.id << " to " << to.id << " packet " << i;
        EXPECT_EQ(*opened, plain[i]);
      }
    }
  }
  EXPECT_EQ(plane.leaked(), 0u);
}

}  // namespace
}  // namespace mediaward::test
