// SPDX-License-Identifier: Apache-2.0
// The rules that one object keeps by itself: id, addresses, ports, suite and key lengths. Rules between objects are in store.cc.
// No lock, no I/O; any thread.
#pragma once

#include "control/model.h"

namespace mediaward::control {

[[nodiscard]] ApiResult<void> validate(const Conference& conference);
[[nodiscard]] ApiResult<void> validate(const Leg& leg);
[[nodiscard]] ApiResult<void> validate(const Stream& stream);

// 1-128 printable ASCII characters without space: also of request ids.
[[nodiscard]] bool is_good_id(std::string_view id) noexcept;

}  // namespace mediaward::control
