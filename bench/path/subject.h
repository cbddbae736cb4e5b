// SPDX-License-Identifier: Apache-2.0
// What the path benchmarks take turns with: something that moves one slice of packets and says how long it took.
// A slice is short (0.3 to 7 ms), so that all subjects of a round see the same clock and the same neighbours. One thread.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/counters.h"

namespace mediaward::bench {

inline constexpr std::size_t kSlicePackets = 1024;  // 32 bursts of 32: the buffers are as many as a small port pool has
inline constexpr std::size_t kBurst = 32;

struct SliceTicks {
  std::uint64_t all = 0;
  std::uint64_t seal = 0;  // the part of sealing, where it can be told (engine alone)
};

struct StageTicks {
  std::array<std::uint64_t, dataplane::kStageCount> ticks{};
};

class Subject {
 public:
  Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  virtual ~Subject() = default;

  // Prepares (not timed), moves slice_packets() received packets (timed), verifies a sample where `verify` (not timed). Ticks of the
  // time stamp counter. Throws when a packet is missing or wrong.
  virtual SliceTicks run_slice(bool verify) = 0;
  [[nodiscard]] virtual std::size_t slice_packets() const { return kSlicePackets; }

  // Ticks by stage of everything timed so far; zeros where there are no stages.
  [[nodiscard]] virtual StageTicks stages() const { return {}; }
  [[nodiscard]] virtual std::uint64_t verified_packets() const { return 0; }
  [[nodiscard]] virtual std::uint64_t proved_packets() const { return 0; }
};

}  // namespace mediaward::bench
