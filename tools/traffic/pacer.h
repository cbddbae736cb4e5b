// SPDX-License-Identifier: Apache-2.0
// When packets are due at an offered rate, in bursts of a given size. A schedule that fell behind is caught up with as long as that is
// a matter of half a millisecond, or of 64 packets; beyond it begins anew, because whoever took our CPU is not answered with a flood.
// Such slips are counted: a run with many of them has not offered what was asked. The port's thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mediaward::tools::traffic {

class Pacer {
 public:
  // packets_per_second 0: whatever the port takes. burst: packets that leave together.
  Pacer(double packets_per_second, std::uint32_t burst, double ticks_per_second) noexcept
      : rate_(packets_per_second / ticks_per_second),
        burst_(std::max(burst, 1u)),
        patience_(std::max(kPatiencePackets, packets_per_second * kPatienceSeconds)) {}

  void start(std::uint64_t now, std::uint64_t position) noexcept {
    start_ = now;
    position_ = position;
  }

  // How many packets from `position` on are due, at most `most`.
  [[nodiscard]] std::uint64_t due(std::uint64_t now, std::uint64_t position, std::uint64_t most) noexcept {
    if (rate_ <= 0) return most;
    const auto scheduled = position_ + static_cast<std::uint64_t>(static_cast<double>(now - start_) * rate_);
    const std::uint64_t late = scheduled > position ? scheduled - position : 0;
    if (static_cast<double>(late) > patience_) {
      ++slips_;
      start(now, position);
      return std::min<std::uint64_t>(most, burst_);
    }
    return late < burst_ ? 0 : std::min(most, late / burst_ * burst_);
  }

  [[nodiscard]] std::uint64_t slips() const noexcept { return slips_; }

 private:
  static constexpr double kPatienceSeconds = 0.0005, kPatiencePackets = 64;
  double rate_;  // packets per tick
  std::uint32_t burst_;
  double patience_;  // packets
  std::uint64_t start_ = 0, position_ = 0;
  std::uint64_t slips_ = 0;
};

}  // namespace mediaward::tools::traffic
