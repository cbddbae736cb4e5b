// SPDX-License-Identifier: Apache-2.0
// The command line of `mediaward-traffic plan`. Main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "crypto/error.h"
#include "tools/traffic/content_plan.h"
#include "tools/traffic/plan.h"

namespace mediaward::tools::traffic {

struct PlanOptions {
  PlanSettings settings;
  std::string out, family = "4", rtcp = "mux", relay_keys = "known";
  std::vector<std::string> modes{"per-participant"};
  ContentPlanSettings content;
  std::string content_out;
  std::uint32_t count = 1;
};

void add_plan_options(CLI::App& app, PlanOptions& options);

// Writes the file or files, of conferences, of a swarm, or of both.
[[nodiscard]] Result<void> run_plan(PlanOptions options);

}  // namespace mediaward::tools::traffic
