// SPDX-License-Identifier: Apache-2.0
// Words that one thread writes and others read at any time: counters and clocks of a chunk cache or a peer. The writer adds without a
// locked instruction; a reader sees every word whole, and several words as of slightly different moments. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace mediaward::dataplane::ppspp {

inline void add_relaxed(std::uint64_t& word, std::uint64_t n = 1) noexcept {
  std::atomic_ref(word).store(word + n, std::memory_order_relaxed);
}
inline void set_relaxed(std::uint64_t& word, std::uint64_t value) noexcept {
  std::atomic_ref(word).store(value, std::memory_order_relaxed);
}
[[nodiscard]] inline std::uint64_t read_relaxed(const std::uint64_t& word) noexcept {
  return std::atomic_ref(const_cast<std::uint64_t&>(word)).load(std::memory_order_relaxed);
}

}  // namespace mediaward::dataplane::ppspp
