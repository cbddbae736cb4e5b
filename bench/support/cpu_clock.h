// SPDX-License-Identifier: Apache-2.0
// Time as the benchmarks take it: the time stamp counter, how fast it ticks, and how many core cycles pass per tick right now.
// The counter runs at a fixed rate while the core's clock moves; figures in core cycles are therefore calibrated in the run itself.
// No performance counters are needed (virtual machines often have none). The benchmark's thread.
#pragma once

#include <x86intrin.h>

#include <cstdint>
#include <optional>

namespace mediaward::bench {

[[nodiscard]] inline std::uint64_t ticks() noexcept {
  unsigned aux;
  return __rdtscp(&aux);  // waits for what stands before it
}

// Of the time stamp counter, measured against CLOCK_MONOTONIC_RAW over 50 ms.
[[nodiscard]] double measure_ticks_per_ns();

// Core cycles per tick: a chain of dependent 64-bit multiplications, 3 cycles each on every core of the last ten years, is timed.
// The best of a few short attempts; takes about 0.2 ms.
[[nodiscard]] double measure_cycles_per_tick() noexcept;

// Pins the calling thread to this CPU, or to the last one it may use. Returns the CPU; nothing when the kernel refuses.
[[nodiscard]] std::optional<unsigned> pin_to_cpu(std::optional<unsigned> cpu);

}  // namespace mediaward::bench
