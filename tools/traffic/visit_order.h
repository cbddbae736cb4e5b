// SPDX-License-Identifier: Apache-2.0
// In which order a round visits the streams: as they stand, or shuffled once, so that neither the appliance's nor this tool's caches and
// prefetchers profit from the order in which things were made. The same for every round and for every run with this seed.
// Fixed before the run; reading from any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

class VisitOrder {
 public:
  VisitOrder(std::size_t streams, bool random, std::uint64_t seed) : streams_(streams) {
    if (!random) return;
    shuffled_.resize(streams);
    std::iota(shuffled_.begin(), shuffled_.end(), 0u);
    for (std::size_t i = streams; i > 1; --i) std::swap(shuffled_[i - 1], shuffled_[mix(seed + i) % i]);  // Fisher and Yates
  }

  [[nodiscard]] std::size_t streams() const noexcept { return streams_; }
  [[nodiscard]] std::uint32_t stream_at(std::size_t slot) const noexcept {
    return shuffled_.empty() ? static_cast<std::uint32_t>(slot) : shuffled_[slot];
  }

 private:
  std::size_t streams_;
  std::vector<std::uint32_t> shuffled_;
};

}  // namespace mediaward::tools::traffic
