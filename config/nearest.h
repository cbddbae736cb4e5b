// SPDX-License-Identifier: Apache-2.0
// The nearest valid name for a mistyped one, so that an error can say "did you mean".
// Used by configuration readers and by `mediawardctl explain`. Any thread; control path.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mediaward::config {

// Levenshtein distance: insertions, deletions and replacements of one byte.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// Candidates by growing distance, those too far away to be meant left out; at most `limit`.
[[nodiscard]] std::vector<std::string> nearest_names(std::string_view word, std::span<const std::string> candidates, std::size_t limit = 1);

// " (did you mean `x`?)", or an empty text when nothing is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace mediaward::config
