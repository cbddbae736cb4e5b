// SPDX-License-Identifier: Apache-2.0
// Drop reasons as an enum and as a table for people, both from drop_reasons.def.
// Any thread; constants only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mediaward::dataplane {

enum class DropReason : std::uint8_t {
#define MEDIAWARD_DROP(id, name, source, meaning, action) id,
#include "dataplane/abi/drop_reasons.def"
#undef MEDIAWARD_DROP
  kCount
};
inline constexpr std::size_t kDropReasonCount = static_cast<std::size_t>(DropReason::kCount);

struct DropReasonInfo {
  std::string_view name, source, meaning, action;
};

inline constexpr std::array<DropReasonInfo, kDropReasonCount> kDropReasons{{
#define MEDIAWARD_DROP(id, name, source, meaning, action) {name, source, meaning, action},
#include "dataplane/abi/drop_reasons.def"
#undef MEDIAWARD_DROP
}};

[[nodiscard]] constexpr std::string_view to_string(DropReason reason) noexcept {
  return kDropReasons[static_cast<std::size_t>(reason)].name;
}
[[nodiscard]] constexpr std::optional<DropReason> find_drop_reason(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kDropReasonCount; ++i)
    if (kDropReasons[i].name == name) return static_cast<DropReason>(i);
  return std::nullopt;
}

}  // namespace mediaward::dataplane
