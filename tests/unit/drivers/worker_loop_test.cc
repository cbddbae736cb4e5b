// SPDX-License-Identifier: Apache-2.0
// The worker loop ends when told, runs the worker under every policy and rests where it should.
#include <gtest/gtest.h>

#include <chrono>

#include "drivers/worker_loop.h"

namespace mediaward::drivers {
namespace {

using dataplane::IdlePolicy;

// Runs `loops` empty loops under a policy; returns the nanoseconds they took.
std::int64_t run_empty(IdlePolicy policy, std::uint32_t loops, std::uint32_t sleep_us) {
  Idler idler({policy, sleep_us, {}});
  std::atomic<bool> stop{false};
  std::uint32_t count = 0;
  const auto begin = std::chrono::steady_clock::now();
  run_worker_loop(idler, stop, [&]() noexcept {
    if (++count >= loops) stop = true;
    return false;
  });
  EXPECT_GE(count, loops);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin).count();
}

TEST(WorkerLoop, RunsUnderEveryPolicy) {
  for (const auto policy : {IdlePolicy::kSpin, IdlePolicy::kYield, IdlePolicy::kSleep}) run_empty(policy, 2000, 1);
}

TEST(WorkerLoop, SleepsOnlyAfterAWhile) {
  constexpr std::uint32_t kSleepUs = 20'000;
  EXPECT_LT(run_empty(IdlePolicy::kSleep, kEmptyLoopsBeforeRest - 1, kSleepUs), 20'000'000);
  EXPECT_GE(run_empty(IdlePolicy::kSleep, kEmptyLoopsBeforeRest + 9, kSleepUs), 8 * 2'500'000);
}

TEST(WorkerLoop, WorkResetsTheCountOfEmptyLoops) {
  Idler idler({IdlePolicy::kSleep, 50'000, {}});
  std::atomic<bool> stop{false};
  std::uint32_t count = 0;
  const auto begin = std::chrono::steady_clock::now();
  run_worker_loop(idler, stop, [&]() noexcept {
    if (++count >= 50 * kEmptyLoopsBeforeRest) stop = true;
    return count % (kEmptyLoopsBeforeRest / 2) == 0;
  });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

TEST(WorkerLoop, InterruptPolicyFallsBackToSleepWhenThePortRefuses) {
  Idler idler({IdlePolicy::kInterrupt, 10, {{0xfffe, 0}}});
  idler.begin();
  EXPECT_EQ(idler.policy(), IdlePolicy::kSleep);
  idler.end();
}

}  // namespace
}  // namespace mediaward::drivers
