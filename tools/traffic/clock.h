// SPDX-License-Identifier: Apache-2.0
// Time for a loop that cannot afford a system call per packet: the time stamp counter, calibrated once against CLOCK_MONOTONIC.
// Needs an invariant TSC, as the data plane does. Any thread.
#pragma once

#include <time.h>
#include <x86gprintrin.h>

#include <cstdint>

namespace mediaward::tools::traffic {

[[nodiscard]] inline std::uint64_t now_ticks() noexcept {
  return __rdtsc();
}

// Busy for 20 ms; the result is good to about 1e-5.
[[nodiscard]] inline double measure_ticks_per_second() noexcept {
  const auto nanoseconds = [] {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
  };
  const std::uint64_t start_ns = nanoseconds(), start = now_ticks();
  std::uint64_t end_ns = start_ns;
  while (end_ns - start_ns < 20'000'000) end_ns = nanoseconds();
  return static_cast<double>(now_ticks() - start) * 1e9 / static_cast<double>(end_ns - start_ns);
}

}  // namespace mediaward::tools::traffic
