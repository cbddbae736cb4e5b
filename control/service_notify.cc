// SPDX-License-Identifier: Apache-2.0
// sd_notify by libsystemd. Main thread.
#include "control/service_notify.h"

#include <systemd/sd-daemon.h>

namespace mediaward::control {

void notify_ready(const std::string& status) {
  sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}
void notify_alive() {
  sd_notify(0, "WATCHDOG=1");
}
void notify_stopping() {
  sd_notify(0, "STOPPING=1");
}

std::optional<std::chrono::milliseconds> watchdog_interval() {
  std::uint64_t micros = 0;
  if (sd_watchdog_enabled(0, &micros) <= 0) return std::nullopt;
  return std::chrono::milliseconds(micros / 2000);
}

}  // namespace mediaward::control
