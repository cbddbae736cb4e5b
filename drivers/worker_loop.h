// SPDX-License-Identifier: Apache-2.0
// The loop around one worker and what it does when there is nothing to do: spin, yield, sleep or wait for a receive interrupt.
// The worker itself makes no system call; whatever rests does so here.
// Deliberately no batching timer: under load the loop never rests. Worker thread (an EAL lcore).
#pragma once

#include <emmintrin.h>

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/settings.h"

namespace mediaward::drivers {

inline constexpr std::uint32_t kEmptyLoopsBeforeRest = 512;   // a burst's gap is not yet idleness
inline constexpr std::uint32_t kInterruptWaitMs = 10;         // commands and the watchdog want a loop this often

struct EthQueue {
  std::uint16_t port_id = 0;  // ethdev's number
  std::uint16_t queue = 0;
};

struct LoopSettings {
  dataplane::IdlePolicy policy = dataplane::IdlePolicy::kSpin;
  std::uint32_t sleep_us = 100;            // longest rest of kSleep
  std::vector<EthQueue> interrupt_queues;  // of kInterrupt: every receive queue of the worker
};

// Rests according to the policy. One per worker, used on its thread only.
class Idler {
 public:
  explicit Idler(LoopSettings settings) : settings_(std::move(settings)), policy_(settings_.policy) {}

  // On the worker's thread, before the first loop: hooks the queues' interrupts into this thread's epoll set. When a PMD
  // refuses, the policy becomes kSleep.
  void begin() noexcept;
  void end() noexcept;

  void busy() noexcept { empty_loops_ = 0; }
  // After an empty loop. `run_once` is tried once more after interrupts are armed, so that no packet waits for the timeout.
  template <typename RunOnce>
  void idle(RunOnce&& run_once) noexcept {
    const dataplane::IdlePolicy now = policy();
    if (now == dataplane::IdlePolicy::kSpin) return _mm_pause();
    if (now == dataplane::IdlePolicy::kYield) return yield();
    if (++empty_loops_ < kEmptyLoopsBeforeRest) return _mm_pause();
    if (now == dataplane::IdlePolicy::kSleep) return sleep();
    arm();
    if (run_once())
      empty_loops_ = 0;
    else
      wait();
    disarm();
  }
  [[nodiscard]] dataplane::IdlePolicy policy() const noexcept { return policy_.load(std::memory_order_relaxed); }  // any thread

 private:
  static void yield() noexcept;
  void sleep() noexcept;
  void arm() noexcept;
  void disarm() noexcept;
  static void wait() noexcept;

  LoopSettings settings_;
  std::atomic<dataplane::IdlePolicy> policy_;  // what is done now: begin may have changed what was asked for
  std::uint32_t empty_loops_ = 0;
};

// Runs until `stop`. RunOnce: bool() noexcept, true when it did anything.
template <typename RunOnce>
void run_worker_loop(Idler& idler, const std::atomic<bool>& stop, RunOnce&& run_once) noexcept {
  idler.begin();
  while (!stop.load(std::memory_order_relaxed)) {
    if (run_once()) [[likely]]
      idler.busy();
    else
      idler.idle(run_once);
  }
  idler.end();
}

}  // namespace mediaward::drivers
