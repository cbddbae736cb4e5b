// SPDX-License-Identifier: Apache-2.0
// Sets of chunks as runs in a std::map: as plain as can be, and without a limit. Not the appliance's range sets on purpose.
// One thread; allocates.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>

#include "dataplane/wire/ppspp_types.h"

namespace mediaward::tools::ppspp {

class Ranges {
 public:
  using Range = dataplane::ppspp::ChunkRange;

  void insert(Range r) {
    auto it = runs_.upper_bound(r.first);
    if (it != runs_.begin() && reaches(std::prev(it)->second, r.first)) --it;
    while (it != runs_.end() && (it->first <= r.last || it->first == r.last + 1)) {
      r.first = std::min(r.first, it->first);
      r.last = std::max(r.last, it->second);
      count_ -= it->second - it->first + 1;
      it = runs_.erase(it);
    }
    runs_.emplace(r.first, r.last);
    count_ += r.count();
  }

  void erase(Range r) {
    auto it = runs_.upper_bound(r.first);
    if (it != runs_.begin()) --it;
    while (it != runs_.end() && it->first <= r.last) {
      const Range run{it->first, it->second};
      if (run.last < r.first) {
        ++it;
        continue;
      }
      it = runs_.erase(it);
      count_ -= run.count();
      if (run.first < r.first) keep({run.first, r.first - 1});
      if (run.last > r.last) keep({r.last + 1, run.last});
    }
  }

  void clear() {
    runs_.clear();
    count_ = 0;
  }

  // The whole run around a chunk.
  [[nodiscard]] std::optional<Range> run_of(std::uint64_t chunk) const {
    auto it = runs_.upper_bound(chunk);
    if (it == runs_.begin() || std::prev(it)->second < chunk) return std::nullopt;
    --it;
    return Range{it->first, it->second};
  }
  [[nodiscard]] bool contains(std::uint64_t chunk) const { return run_of(chunk).has_value(); }
  [[nodiscard]] bool contains(Range r) const {
    const auto run = run_of(r.first);
    return run && run->last >= r.last;
  }
  [[nodiscard]] bool intersects(Range r) const {
    const auto next = next_present(r.first);
    return next && *next <= r.last;
  }
  [[nodiscard]] std::optional<std::uint64_t> next_present(std::uint64_t from) const {
    if (contains(from)) return from;
    const auto it = runs_.lower_bound(from);
    return it == runs_.end() ? std::nullopt : std::optional(it->first);
  }
  [[nodiscard]] std::uint64_t next_missing(std::uint64_t from) const {
    const auto run = run_of(from);
    return run ? run->last + 1 : from;
  }
  [[nodiscard]] bool empty() const { return runs_.empty(); }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& runs() const { return runs_; }  // first → last

 private:
  static bool reaches(std::uint64_t last, std::uint64_t first) { return last >= first || last + 1 == first; }
  void keep(Range r) {
    runs_.emplace(r.first, r.last);
    count_ += r.count();
  }

  std::map<std::uint64_t, std::uint64_t> runs_;
  std::uint64_t count_ = 0;
};

}  // namespace mediaward::tools::ppspp
