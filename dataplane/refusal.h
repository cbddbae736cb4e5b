// SPDX-License-Identifier: Apache-2.0
// How the main thread says no to a part of a transaction, and what it will tell the workers when it says yes. Main thread.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "crypto/error.h"
#include "dataplane/tables.h"

namespace mediaward::dataplane {

struct Refusal {
  ErrorCode code = ErrorCode::kInvalid;
  std::uint32_t operation = 0;    // index of the refused operation
  std::uint64_t object_id = 0;
  std::string field;              // "leg.local.port"
  std::string message;
};

[[nodiscard]] inline tl::unexpected<Refusal> refuse(ErrorCode code, std::uint64_t object, std::string field, std::string message) {
  return tl::unexpected(Refusal{code, 0, object, std::move(field), std::move(message)});
}

// What a transaction will tell the workers, by worker.
using CommandPlan = std::vector<std::vector<Command>>;

}  // namespace mediaward::dataplane
