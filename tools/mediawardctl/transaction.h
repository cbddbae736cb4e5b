// SPDX-License-Identifier: Apache-2.0
// What all commands that are one transaction share: the request with its options, and its answer in words. Keys in the request are wiped
// once it is sent. One thread.
#pragma once

#include <string>

#include "tools/mediawardctl/commands.h"

namespace mediaward::tools {

[[nodiscard]] v1::ApplyTransactionRequest new_request(const ApplyOptions& options);

// `what` is a sentence without its verb: "conference standup".
[[nodiscard]] CommandResult apply(Client& client, v1::ApplyTransactionRequest& request, const std::string& what);

}  // namespace mediaward::tools
