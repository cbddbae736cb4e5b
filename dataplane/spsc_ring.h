// SPDX-License-Identifier: Apache-2.0
// Bounded ring between exactly one producer thread and one consumer thread, with a batch that becomes visible at once.
// Carries table changes to workers, packets between workers and events to the main thread. Allocates only when made.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>

namespace mediaward::dataplane {

template <typename T>
class SpscRing {
 public:
  // Capacity is rounded up to a power of two.
  explicit SpscRing(std::size_t capacity) : mask_(std::bit_ceil(capacity) - 1), items_(std::make_unique<T[]>(mask_ + 1)) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

  // Producer.
  [[nodiscard]] std::size_t room() noexcept {
    cached_head_ = head_.load(std::memory_order_acquire);
    return capacity() - (staged_ - cached_head_);
  }
  // Stages one item behind those already there; false when full. Invisible to the consumer until publish.
  [[nodiscard]] bool stage(const T& item) noexcept {
    if (staged_ - cached_head_ > mask_ && room() == 0) return false;
    items_[staged_++ & mask_] = item;
    return true;
  }
  // Everything staged becomes visible in one step. Returns the sequence that consumed() reaches once all of it was taken.
  std::size_t publish() noexcept {
    tail_.store(staged_, std::memory_order_release);
    return staged_;
  }
  [[nodiscard]] bool push(const T& item) noexcept {
    if (!stage(item)) return false;
    publish();
    return true;
  }

  // Consumer: calls f(item) for what is visible, at most `most` items; returns how many.
  template <typename F>
  std::size_t consume(F&& f, std::size_t most = ~std::size_t{0}) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_acquire);
    std::size_t head = head_.load(std::memory_order_relaxed);
    std::size_t n = 0;
    for (; head != tail && n < most; ++head, ++n) f(items_[head & mask_]);
    if (n != 0) head_.store(head, std::memory_order_release);
    return n;
  }
  [[nodiscard]] bool empty() const noexcept { return tail_.load(std::memory_order_relaxed) == head_.load(std::memory_order_relaxed); }

  // Any thread: items published and items taken since the beginning.
  [[nodiscard]] std::size_t produced() const noexcept { return tail_.load(std::memory_order_acquire); }
  [[nodiscard]] std::size_t consumed() const noexcept { return head_.load(std::memory_order_acquire); }

 private:
  const std::size_t mask_;
  std::unique_ptr<T[]> items_;
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::size_t staged_ = 0;
  std::size_t cached_head_ = 0;
};

}  // namespace mediaward::dataplane
