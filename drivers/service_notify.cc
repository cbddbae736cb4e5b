// SPDX-License-Identifier: Apache-2.0
// sd_notify and the condition under which the watchdog is fed. Main thread.
#include "drivers/service_notify.h"

#include <systemd/sd-daemon.h>

#include <string>

namespace mediaward::drivers {
namespace {

std::chrono::microseconds asked_period() {
  std::uint64_t microseconds = 0;
  return std::chrono::microseconds(sd_watchdog_enabled(0, &microseconds) > 0 ? microseconds : 0);
}

bool all_moved(const std::vector<std::uint64_t>& before, const std::vector<std::uint64_t>& now) {
  for (std::size_t i = 0; i < now.size() && i < before.size(); ++i)
    if (now[i] == before[i]) return false;
  return true;
}

}  // namespace

void notify_ready(const char* status) { sd_notify(0, (std::string("READY=1\nSTATUS=") + status).c_str()); }

void notify_stopping() { sd_notify(0, "STOPPING=1"); }

Watchdog::Watchdog() : Watchdog(asked_period()) {}

Watchdog::Watchdog(std::chrono::microseconds period) : period_(period) {}

bool Watchdog::due(const std::vector<std::uint64_t>& loops, Clock::time_point now) {
  if (period_.count() == 0 || now < next_ || !all_moved(last_, loops)) return false;
  next_ = now + period_ / 2;
  last_ = loops;
  return true;
}

void Watchdog::feed(const std::vector<std::uint64_t>& loops) {
  if (due(loops, Clock::now())) sd_notify(0, "WATCHDOG=1");
}

}  // namespace mediaward::drivers
