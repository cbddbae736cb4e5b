// SPDX-License-Identifier: Apache-2.0
// The rules of keys: lengths, MKIs, lifetimes, which suites are allowed, and which keys each mode has. Part of validate.h.
// No lock, no I/O; any thread.
#pragma once

#include "control/validate.h"

namespace mediaward::control {

[[nodiscard]] ApiResult<void> validate_keys(const Conference& conference, const SuitePolicy& suites);
[[nodiscard]] ApiResult<void> validate_keys(const Leg& leg, abi::ForwardingMode mode, const SuitePolicy& suites);

}  // namespace mediaward::control
