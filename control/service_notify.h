// SPDX-License-Identifier: Apache-2.0
// What the service manager is told (sd_notify): ready, alive, stopping. Without NOTIFY_SOCKET every call does nothing.
// Main thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace mediaward::control {

void notify_ready(const std::string& status);
void notify_alive();
void notify_stopping();

// How often notify_alive must come: half of what the manager allows; none when it does not watch.
[[nodiscard]] std::optional<std::chrono::milliseconds> watchdog_interval();

}  // namespace mediaward::control
