// SPDX-License-Identifier: Apache-2.0
// What the content peers of a run found, for the report: the faults that decide the verdict, lines for people, an object for scripts.
// Only reads what peers and player counted. After the run, main thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/traffic/content_player.h"

namespace mediaward::tools::traffic {

// Every leecher has the content byte by byte, nobody who is not admitted got an answer, and no peer found fault with the appliance.
[[nodiscard]] std::vector<std::string> content_faults(const ContentPlayer& player);
[[nodiscard]] std::string content_lines(const ContentPlayer& player);
[[nodiscard]] nlohmann::json content_json(const ContentPlayer& player);

}  // namespace mediaward::tools::traffic
