// SPDX-License-Identifier: Apache-2.0
// The X-macro list as a table of texts. Any thread.
#include "control/drop_reasons.h"

namespace mediaward::control {

namespace {

constexpr DropReason kReasons[] = {
#define MEDIAWARD_DROP(identifier, name, source, meaning, what_to_do) {name, source, meaning, what_to_do},
#include "dataplane/abi/drop_reasons.def"
#undef MEDIAWARD_DROP
};

}  // namespace

std::span<const DropReason> drop_reasons() noexcept {
  return kReasons;
}

const DropReason* find_drop_reason(std::string_view name) noexcept {
  for (const auto& reason : kReasons)
    if (reason.name == name) return &reason;
  return nullptr;
}

std::vector<std::string> drop_reason_names() {
  std::vector<std::string> names;
  for (const auto& reason : kReasons) names.emplace_back(reason.name);
  return names;
}

}  // namespace mediaward::control
