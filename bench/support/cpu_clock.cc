// SPDX-License-Identifier: Apache-2.0
// See cpu_clock.h. The benchmark's thread.
#include "bench/support/cpu_clock.h"

#include <sched.h>
#include <time.h>

#include <algorithm>

namespace mediaward::bench {
namespace {

constexpr double kMultiplyCycles = 3;  // latency of imul r64, r64
constexpr unsigned kChain = 64;
constexpr unsigned kRepeats = 1000;
constexpr unsigned kAttempts = 5;

double now_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

std::uint64_t time_chain() noexcept {
  std::uint64_t x = 3;
  const std::uint64_t begin = ticks();
  for (unsigned i = 0; i < kRepeats; ++i)
    asm volatile(
        ".rept 64\n\t"
        "imul %0, %0\n\t"
        ".endr"
        : "+r"(x));
  return ticks() - begin;
}

}  // namespace

double measure_ticks_per_ns() {
  const double ns = now_ns();
  const std::uint64_t begin = ticks();
  while (now_ns() - ns < 50e6) continue;
  return static_cast<double>(ticks() - begin) / (now_ns() - ns);
}

double measure_cycles_per_tick() noexcept {
  std::uint64_t best = ~std::uint64_t{0};
  for (unsigned i = 0; i < kAttempts; ++i) best = std::min(best, time_chain());
  return kMultiplyCycles * kChain * kRepeats / static_cast<double>(best);
}

std::optional<unsigned> pin_to_cpu(std::optional<unsigned> cpu) {
  cpu_set_t set;
  if (!cpu) {
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return std::nullopt;
    for (unsigned i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &set)) cpu = i;
  }
  if (!cpu) return std::nullopt;
  CPU_ZERO(&set);
  CPU_SET(*cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) return std::nullopt;
  return cpu;
}

}  // namespace mediaward::bench
