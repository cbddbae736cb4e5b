// SPDX-License-Identifier: Apache-2.0
// Medians: of the short slices of a round, then of the rounds. A slice that a neighbour disturbed then moves no figure.
// Any thread.
#pragma once

#include <algorithm>
#include <vector>

namespace mediaward::bench {

// values: not empty.
template <typename T>
[[nodiscard]] T median(std::vector<T> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Spread {
  double min = 0, median = 0, max = 0;
};
[[nodiscard]] inline Spread spread(const std::vector<double>& values) {
  return {*std::min_element(values.begin(), values.end()), median(values), *std::max_element(values.begin(), values.end())};
}

}  // namespace mediaward::bench
