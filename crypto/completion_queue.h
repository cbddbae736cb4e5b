// SPDX-License-Identifier: Apache-2.0
// The jobs a synchronous engine has done and not yet handed out, in order of submission.
// Bounded: submit takes no more than there is room for, so nothing is lost however rarely somebody polls.
// It starts over at slot 0 whenever it runs empty, so that a steady submit/poll pair stays in the same cache lines.
// Worker thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "crypto/job.h"

namespace mediaward::crypto {

class CompletionQueue {
 public:
  static constexpr std::size_t kCapacity = 4096;

  [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }
  [[nodiscard]] std::size_t room() const noexcept { return kCapacity - size(); }

  // At most room() jobs.
  void push(std::span<Job* const> jobs) noexcept {
    if (jobs.empty()) return;
    if (head_ == tail_) head_ = tail_ = 0;
    const std::size_t at = tail_ % kCapacity;
    const std::size_t first = std::min(jobs.size(), kCapacity - at);
    std::memcpy(&slots_[at], jobs.data(), first * sizeof(Job*));
    if (first < jobs.size()) [[unlikely]]
      std::memcpy(&slots_[0], jobs.data() + first, (jobs.size() - first) * sizeof(Job*));
    tail_ += jobs.size();
  }

  [[nodiscard]] std::size_t pop(std::span<Job*> out) noexcept {
    const std::size_t n = std::min(out.size(), size());
    if (n == 0) return 0;
    const std::size_t at = head_ % kCapacity;
    const std::size_t first = std::min(n, kCapacity - at);
    std::memcpy(out.data(), &slots_[at], first * sizeof(Job*));
    if (first < n) [[unlikely]]
      std::memcpy(out.data() + first, &slots_[0], (n - first) * sizeof(Job*));
    head_ += n;
    return n;
  }

 private:
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
  std::array<Job*, kCapacity> slots_;
};

}  // namespace mediaward::crypto
