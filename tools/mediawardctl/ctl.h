// SPDX-License-Identifier: Apache-2.0
// mediawardctl as a function: command line in, text out, exit status back. Tests call it in their own process.
// One thread.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace mediaward::tools {

// 0 done; 1 refused or failed (with --json the error is an object on `out`); 2 wrong usage.
[[nodiscard]] int run_ctl(std::vector<std::string> arguments, std::ostream& out, std::ostream& err);

}  // namespace mediaward::tools
