// SPDX-License-Identifier: Apache-2.0
// The rules that one object keeps by itself: id, addresses, ports, suites, keys, and which keys a leg of a mode has. Rules between
// objects are in draft_rules.cc.
// No lock, no I/O; any thread.
#pragma once

#include <vector>

#include "control/model.h"

namespace mediaward::control {

// What the operator allows: [policy] allowed_suites of the daemon's configuration.
struct SuitePolicy {
  std::vector<crypto::Suite> allowed = every_encrypting_suite();
  [[nodiscard]] bool allows(crypto::Suite suite) const noexcept;
  [[nodiscard]] static std::vector<crypto::Suite> every_encrypting_suite();  // all but the NULL ones
  bool operator==(const SuitePolicy&) const = default;
};

[[nodiscard]] ApiResult<void> validate(const Conference& conference, const SuitePolicy& suites);
[[nodiscard]] ApiResult<void> validate(const Leg& leg, abi::ForwardingMode mode, const SuitePolicy& suites);
[[nodiscard]] ApiResult<void> validate(const Stream& stream);
[[nodiscard]] ApiResult<void> validate(const TopologyEntry& entry);

// 1-128 printable ASCII characters without space: also of request ids.
[[nodiscard]] bool is_good_id(std::string_view id) noexcept;

}  // namespace mediaward::control
