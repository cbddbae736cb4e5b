// SPDX-License-Identifier: Apache-2.0
// A hash table from a 64-bit key to a small number for the two look-ups per received packet: open addressing, one cache line per hit,
// which std::unordered_map does not give. Filled before the run; never shrinks, never removes. Reading from any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

class FlatIndex {
 public:
  static constexpr std::uint32_t kNone = ~0u;

  void reserve(std::size_t entries) { slots_.assign(std::bit_ceil(entries * 2 + 2), Slot{}); }  // load at most one half

  // Keys may repeat; `find` then tries one after the other.
  void insert(std::uint64_t key, std::uint32_t value) noexcept {
    std::size_t at = mix(key) & (slots_.size() - 1);
    while (slots_[at].value != kNone) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {key, value};
  }

  // The first value of this key that `accept` agrees to, or kNone.
  template <typename Accept>
  [[nodiscard]] std::uint32_t find(std::uint64_t key, Accept accept) const noexcept {
    if (slots_.empty()) return kNone;
    for (std::size_t at = mix(key) & (slots_.size() - 1); slots_[at].value != kNone; at = (at + 1) & (slots_.size() - 1))
      if (slots_[at].key == key && accept(slots_[at].value)) return slots_[at].value;
    return kNone;
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t value = kNone;
  };
  std::vector<Slot> slots_;
};

}  // namespace mediaward::tools::traffic
