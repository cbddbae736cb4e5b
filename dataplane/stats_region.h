// SPDX-License-Identifier: Apache-2.0
// The memfd with every worker's counters and a directory that says what they are (abi/regions.h).
// Made once at start by the main thread; each block is then written by its worker alone.
#pragma once

#include <cstddef>

#include "dataplane/abi/regions.h"
#include "dataplane/counters.h"
#include "dataplane/memfd.h"

namespace mediaward::dataplane {

class StatsRegion {
 public:
  [[nodiscard]] static Result<StatsRegion> create(std::size_t workers);

  [[nodiscard]] WorkerBlock& block(std::size_t worker) noexcept;
  [[nodiscard]] const WorkerBlock& block(std::size_t worker) const noexcept;
  [[nodiscard]] const SharedRegion& region() const noexcept { return region_; }

 private:
  explicit StatsRegion(SharedRegion region) noexcept : region_(std::move(region)) {}
  SharedRegion region_;
};

}  // namespace mediaward::dataplane
