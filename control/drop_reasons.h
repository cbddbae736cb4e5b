// SPDX-License-Identifier: Apache-2.0
// The list of drop reasons (dataplane/abi/drop_reasons.def) with its texts, for `explain`, GetDrops and events. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mediaward::control {

struct DropReason {
  std::string_view name, source, meaning, what_to_do;
};

[[nodiscard]] std::span<const DropReason> drop_reasons() noexcept;  // the position is the reason's number in events
[[nodiscard]] const DropReason* find_drop_reason(std::string_view name) noexcept;
[[nodiscard]] std::vector<std::string> drop_reason_names();

}  // namespace mediaward::control
