// SPDX-License-Identifier: Apache-2.0
// Mail between workers: nothing that was accepted is lost or out of order, and who cannot be told is known.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "dataplane/ppspp/mail.h"

namespace mediaward::dataplane::ppspp {
namespace {

TEST(MailRoom, ComesInTheOrderOfEachSender) {
  MailRoom room(3);
  for (std::uint32_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(room.post(0, 2, {Mail::Kind::kNews, i, 0, {}}));
    ASSERT_TRUE(room.post(1, 2, {Mail::Kind::kMissed, i, 0, {i, i + 3}}));
  }
  std::uint32_t next[2] = {0, 0};
  room.take(2, [&](std::size_t from, const Mail& mail) {
    ASSERT_LT(from, 2u);
    EXPECT_EQ(mail.slot, next[from]++);
    EXPECT_EQ(mail.kind, from == 0 ? Mail::Kind::kNews : Mail::Kind::kMissed);
  });
  EXPECT_EQ(next[0], 10u);
  EXPECT_EQ(next[1], 10u);
  room.take(2, [](std::size_t, const Mail&) { ADD_FAILURE() << "it was taken"; });
  room.take(0, [](std::size_t, const Mail&) { ADD_FAILURE() << "it was not for this one"; });
}

TEST(MailRoom, AFullRingSaysNo) {
  MailRoom room(2);
  std::size_t posted = 0;
  while (posted < 100'000 && room.post(0, 1, {})) ++posted;
  EXPECT_LT(posted, 100'000u);
  EXPECT_TRUE(room.post(1, 0, {})) << "the other way is free";
  std::size_t taken = 0;
  room.take(1, [&](std::size_t, const Mail&) { ++taken; });
  EXPECT_EQ(taken, posted);
  EXPECT_TRUE(room.post(0, 1, {}));
}

TEST(MailRoom, TwoSendersAndAReaderAtOnce) {
  constexpr std::uint32_t kEach = 200'000;
  MailRoom room(3);
  const auto send = [&](std::size_t from) {
    for (std::uint32_t i = 0; i < kEach; ++i)
      while (!room.post(from, 2, {Mail::Kind::kNews, i, 0, {i, i}})) std::this_thread::yield();
  };
  std::thread one(send, 0), two(send, 1);
  std::uint32_t next[2] = {0, 0};
  bool in_order = true;
  while (next[0] != kEach || next[1] != kEach) {
    room.take(2, [&](std::size_t from, const Mail& mail) { in_order = in_order && mail.slot == next[from]++ && mail.range.first == mail.slot; });
    std::this_thread::yield();
  }
  one.join();
  two.join();
  EXPECT_TRUE(in_order);
}

}  // namespace
}  // namespace mediaward::dataplane::ppspp
