// SPDX-License-Identifier: Apache-2.0
// The watchdog is fed in time, and only while every worker loops.
#include <gtest/gtest.h>

#include "drivers/service_notify.h"

namespace mediaward::drivers {
namespace {

using std::chrono::seconds;

TEST(Watchdog, IsSilentWhenNotAskedFor) {
  Watchdog watchdog(std::chrono::microseconds(0));
  EXPECT_FALSE(watchdog.due({1}, Watchdog::Clock::now()));
}

TEST(Watchdog, IsFedAtHalfThePeriodWhileAllLoopsMove) {
  Watchdog watchdog(seconds(10));
  const auto begin = Watchdog::Clock::now();
  EXPECT_TRUE(watchdog.due({1, 1}, begin));
  EXPECT_FALSE(watchdog.due({2, 2}, begin + seconds(4)));
  EXPECT_TRUE(watchdog.due({3, 3}, begin + seconds(6)));
}

TEST(Watchdog, OneStuckWorkerStarvesIt) {
  Watchdog watchdog(seconds(10));
  const auto begin = Watchdog::Clock::now();
  EXPECT_TRUE(watchdog.due({1, 1}, begin));
  EXPECT_FALSE(watchdog.due({9, 1}, begin + seconds(6)));
  EXPECT_FALSE(watchdog.due({99, 1}, begin + seconds(60)));
  EXPECT_TRUE(watchdog.due({100, 2}, begin + seconds(61)));
}

}  // namespace
}  // namespace mediaward::drivers
