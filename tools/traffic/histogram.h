// SPDX-License-Identifier: Apache-2.0
// A histogram of fixed size for latencies: 32 linear steps per power of two, so that a percentile is at most 1/32 too high.
// Here because a sorted list of every latency does not fit a run at line rate. No allocation after construction, no lock.
// The receiving thread records; reading comes after the run.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace mediaward::tools::traffic {

class Histogram {
 public:
  void record(std::uint64_t value) noexcept {
    ++buckets_[bucket_of(value)];
    ++count_;
    maximum_ = std::max(maximum_, value);
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t maximum() const noexcept { return maximum_; }

  // The smallest recorded value's bucket limit that at least `percent` of all values do not exceed; 0 when nothing was recorded.
  [[nodiscard]] std::uint64_t percentile(double percent) const noexcept {
    if (count_ == 0) return 0;
    const double exact = std::ceil(static_cast<double>(count_) * percent / 100.0);
    const std::uint64_t wanted = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(exact), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      if ((seen += buckets_[i]) >= wanted) return std::min(upper_limit(i), maximum_);
    return maximum_;
  }

  // f(upper limit, values) for every bucket that holds any, in ascending order.
  template <typename F>
  void each(F f) const {
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      if (buckets_[i] != 0) f(std::min(upper_limit(i), maximum_), buckets_[i]);
  }

 private:
  static constexpr unsigned kStepBits = 5;
  static constexpr std::uint64_t kSteps = std::uint64_t{1} << kStepBits;
  static constexpr std::size_t kBuckets = (64 - kStepBits + 1) * kSteps;

  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    if (value < kSteps) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - kStepBits - 1;
    return (std::uint64_t{shift} + 1) * kSteps + ((value >> shift) - kSteps);
  }
  [[nodiscard]] static constexpr std::uint64_t upper_limit(std::size_t bucket) noexcept {
    if (bucket < kSteps) return bucket;
    const unsigned shift = static_cast<unsigned>(bucket / kSteps - 1);
    return ((kSteps + bucket % kSteps + 1) << shift) - 1;
  }

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t maximum_ = 0;
};

}  // namespace mediaward::tools::traffic
