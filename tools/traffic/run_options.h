// SPDX-License-Identifier: Apache-2.0
// The command line of `mediaward-traffic run`, as text until finish_options has checked it. Main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "crypto/error.h"
#include "tools/traffic/session.h"

namespace mediaward::tools::traffic {

struct RunOptions {
  SessionSettings session;
  std::string port, port_file, port_name, rate = "1000", verify, hugepages = "auto", idle = "yield", peer = "appliance", rest = "tags";
  std::string loss, duplicate, reorder, order = "in-turn";
};

void add_run_options(CLI::App& app, RunOptions& options);

// Turns the texts into options.session.
[[nodiscard]] Result<void> finish_options(RunOptions& options);

}  // namespace mediaward::tools::traffic
