// SPDX-License-Identifier: Apache-2.0
// A place in the workers' tables, taken for as long as something may stand there or be remembered there. Main thread.
#pragma once

#include <cstdint>
#include <vector>

#include "crypto/job.h"

namespace mediaward::dataplane {

// With a generation that is never used twice. `free` has a place left, and outlives this.
class TableNumber {
 public:
  TableNumber(std::vector<std::uint32_t>& free, std::uint32_t generation) : free_(free), handle_{free.back(), generation} { free_.pop_back(); }
  TableNumber(const TableNumber&) = delete;
  TableNumber& operator=(const TableNumber&) = delete;
  ~TableNumber() { free_.push_back(handle_.slot); }
  [[nodiscard]] crypto::Handle handle() const noexcept { return handle_; }

 private:
  std::vector<std::uint32_t>& free_;
  crypto::Handle handle_;
};

// All places, the lowest to be taken first.
[[nodiscard]] inline std::vector<std::uint32_t> all_places(std::uint32_t count) {
  std::vector<std::uint32_t> free;
  free.reserve(count);
  for (std::uint32_t i = count; i-- > 0;) free.push_back(i);
  return free;
}

}  // namespace mediaward::dataplane
