// SPDX-License-Identifier: Apache-2.0
// The texts and numbers of events, as a controller and an operator get them.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "dataplane/event_text.h"

namespace mediaward::test {
namespace {

using abi::EventKind;
using dataplane::Family;
using dataplane::IpAddress;
using dataplane::WorkerEvent;

TEST(EventText, Rfc3711_9_2_KeysThatEndSayWhichAndHowFar) {
  WorkerEvent e;
  e.kind = WorkerEvent::Kind::kKeyExpiring;
  e.leg_id = 7;
  e.ssrc = 0xabc;
  e.packets = 900;
  e.limit = 1000;
  const std::pair<WorkerEvent::KeyRole, const char*> roles[] = {{WorkerEvent::KeyRole::kReceiveSrtp, "receive srtp ssrc 0x00000abc"},
                                                                {WorkerEvent::KeyRole::kReceiveSrtcp, "receive srtcp ssrc 0x00000abc"},
                                                                {WorkerEvent::KeyRole::kSendSrtp, "send srtp ssrc 0x00000abc"},
                                                                {WorkerEvent::KeyRole::kSendSrtcp, "send srtcp ssrc 0x00000abc"}};
  for (const auto& [role, text] : roles) {
    e.role = role;
    const auto m = event_of(e, 3);
    EXPECT_EQ(m.kind, EventKind::kKeyExpiring);
    EXPECT_EQ(m.object_id, 7u);
    EXPECT_EQ(m.a, 900u);
    EXPECT_EQ(m.b, 1000u);
    EXPECT_EQ(m.worker, 3u);
    EXPECT_STREQ(m.text, text);
  }
  e.kind = WorkerEvent::Kind::kKeyExpired;
  EXPECT_EQ(event_of(e, 0).kind, EventKind::kKeyExpired);
}

TEST(EventText, NeighboursAreNamedByAddress) {
  WorkerEvent e;
  e.kind = WorkerEvent::Kind::kNeighbourFailed;
  e.family = Family::kIpv6;
  const IpAddress address = *IpAddress::parse("2001:db8::9");
  std::memcpy(e.head.data(), address.bytes.data(), 16);
  EXPECT_STREQ(event_of(e, 0).text, "2001:db8::9");
  EXPECT_EQ(event_of(e, 0).kind, EventKind::kNeighbourFailed);
}

TEST(EventText, WhatIsLearnedIsNoEventByItself) {
  EXPECT_FALSE(dataplane::is_told(WorkerEvent::Kind::kSourceSeen));
  EXPECT_FALSE(dataplane::is_told(WorkerEvent::Kind::kSsrcSeen));
  EXPECT_TRUE(dataplane::is_told(WorkerEvent::Kind::kKeyExpired));
  EXPECT_TRUE(dataplane::is_told(WorkerEvent::Kind::kDropSample));
}

TEST(EventText, SpeakersAreCountedAndNamedAsFarAsThereIsRoom) {
  EXPECT_STREQ(dataplane::speakers_changed(5, {}).text, "");
  const std::uint64_t two[] = {0x1f, 0xabcdef0123456789};
  const auto m = dataplane::speakers_changed(5, two);
  EXPECT_EQ(m.kind, EventKind::kSpeakersChanged);
  EXPECT_EQ(m.object_id, 5u);
  EXPECT_EQ(m.a, 2u);
  EXPECT_STREQ(m.text, "1f abcdef0123456789");
  const std::vector<std::uint64_t> long_ids(7, ~std::uint64_t{0});
  const std::string seven = dataplane::speakers_changed(5, long_ids).text;
  EXPECT_EQ(seven.size(), 7 * 17 - 1u) << "seven of the longest fit";
  const std::vector<std::uint64_t> many(40, ~std::uint64_t{0});
  const auto cut = dataplane::speakers_changed(5, many);
  EXPECT_EQ(cut.a, 40u);
  EXPECT_EQ(std::string(cut.text).substr(0, seven.size()), seven);
  EXPECT_EQ(std::string(cut.text).substr(std::strlen(cut.text) - 4), " ...");
}

TEST(EventText, LongTextsAreCutAndEnd) {
  const auto m = dataplane::ssrc_refused(1, 2, std::string(500, 'x'));
  EXPECT_EQ(std::strlen(m.text), sizeof m.text - 1);
  EXPECT_EQ(m.kind, EventKind::kSsrcRefused);
  EXPECT_EQ(m.a, 2u);
}

TEST(EventText, MovesNameBucketAndWorker) {
  const auto m = dataplane::bucket_moved(200, 3);
  EXPECT_EQ(m.kind, EventKind::kBucketMoved);
  EXPECT_EQ(m.a, 200u);
  EXPECT_EQ(m.b, 3u);
  EXPECT_STREQ(m.text, "bucket 200 now belongs to worker 3");
}

}  // namespace
}  // namespace mediaward::test
