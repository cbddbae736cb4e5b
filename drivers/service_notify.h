// SPDX-License-Identifier: Apache-2.0
// What a service manager is told: ready, stopping, and the watchdog, which is fed only while every worker loops.
// Without a service manager (no NOTIFY_SOCKET) all of it does nothing. Main thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace mediaward::drivers {

void notify_ready(const char* status);
void notify_stopping();

// Feeds at half the period that the service manager asks for.
class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;
  Watchdog();                                             // period from WATCHDOG_USEC
  explicit Watchdog(std::chrono::microseconds period);    // 0: not asked for

  // `loops` by worker. True when it is time and all moved since the last feeding; the caller notifies then.
  [[nodiscard]] bool due(const std::vector<std::uint64_t>& loops, Clock::time_point now);
  // due() and the notification.
  void feed(const std::vector<std::uint64_t>& loops);

 private:
  std::chrono::microseconds period_;
  Clock::time_point next_{};
  std::vector<std::uint64_t> last_;
};

}  // namespace mediaward::drivers
