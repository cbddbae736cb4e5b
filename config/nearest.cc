// SPDX-License-Identifier: Apache-2.0
// The nearest valid name for a mistyped one: two rows of the Levenshtein table, words here are short.
// Any thread; control path.
#include "config/nearest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace mediaward::config {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::vector<std::string> nearest_names(std::string_view word, std::span<const std::string> candidates, std::size_t limit) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const auto& candidate : candidates) {
    // A prefix or a contained word counts as near whatever its length: `auth_failed` means `srtp.auth_failed`.
    const bool contained =
        word.size() >= 3 && (candidate.find(word) != std::string::npos || word.find(candidate) != std::string_view::npos);
    const std::size_t distance = contained ? 1 : edit_distance(word, candidate);
    if (contained || distance <= std::max<std::size_t>(2, std::max(word.size(), candidate.size()) / 3))
      ranked.emplace_back(distance, candidate);
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  std::vector<std::string> names;
  for (auto& [distance, name] : ranked)
    if (names.size() < limit) names.push_back(std::move(name));
  return names;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const auto names = nearest_names(word, candidates, 1);
  return names.empty() ? std::string() : " (did you mean `" + names.front() + "`?)";
}

}  // namespace mediaward::config
