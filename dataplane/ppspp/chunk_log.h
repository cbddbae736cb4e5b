// SPDX-License-Identifier: Apache-2.0
// Chunks that are under way on one channel, in one direction: asked for and not yet here, or sent and not yet acknowledged. By number and
// by age, in fixed memory; what does not fit is not begun. A chunk that was given up stays known for a while, so that it is not taken for
// one that nobody asked for when it comes late.
// Reads no clock and sends nothing. The worker that owns the channel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mediaward::dataplane::ppspp {

class ChunkLog {
 public:
  static constexpr std::uint32_t kCapacity = 256;  // under way at once; chunks that fall on one place exclude each other

  enum class State : std::uint8_t { kNone, kWaiting, kLate };
  struct Entry {
    std::uint64_t chunk = 0;
    std::uint64_t begun = 0;   // ticks
    std::uint32_t bytes = 0;   // sent with it
    std::uint32_t order = 0;   // counts up with every begin
    State state = State::kNone;
    std::uint8_t tries = 0;    // how often it was begun, since it was last done
    bool missed = false;       // given up for good, and counted so
    bool excused = false;      // the same, and nobody's fault
    [[nodiscard]] bool ended() const noexcept { return missed || excused; }
  };

  [[nodiscard]] bool has_room(std::uint64_t chunk) const noexcept {
    return next_ - first_ < kCapacity && entries_[chunk % kCapacity].state != State::kWaiting;
  }
  // has_room(chunk) is true.
  void begin(std::uint64_t chunk, std::uint32_t bytes, std::uint64_t now) noexcept {
    Entry& e = entries_[chunk % kCapacity];
    const bool again = e.state == State::kLate && e.chunk == chunk;
    const std::uint8_t before = again ? e.tries : std::uint8_t{0};
    e = {chunk, now, bytes, next_, State::kWaiting, static_cast<std::uint8_t>(before + (before < 255 ? 1 : 0)), again && e.missed};
    by_age_[next_++ % kCapacity] = static_cast<std::uint16_t>(chunk % kCapacity);
    ++waiting_;
  }
  // What became of it: kNone when nobody began it, or too long ago.
  [[nodiscard]] Entry end(std::uint64_t chunk) noexcept {
    Entry& e = entries_[chunk % kCapacity];
    if (e.chunk != chunk || e.state == State::kNone) return {};
    const Entry was = e;
    e.state = State::kNone;
    if (was.state == State::kWaiting) --waiting_, settle();
    return was;
  }
  [[nodiscard]] bool is_waiting(std::uint64_t chunk) const noexcept {
    const Entry& e = entries_[chunk % kCapacity];
    return e.chunk == chunk && e.state == State::kWaiting;
  }

  // What is known of it; kNone: nothing.
  [[nodiscard]] Entry look(std::uint64_t chunk) const noexcept {
    const Entry& e = entries_[chunk % kCapacity];
    return e.chunk == chunk && e.state != State::kNone ? e : Entry{};
  }
  // It ended without an answer; one may still come.
  void set_ended(std::uint64_t chunk, bool missed) noexcept {
    Entry& e = entries_[chunk % kCapacity];
    if (e.chunk == chunk && e.state != State::kNone) (missed ? e.missed : e.excused) = true;
  }
  // It was begun at some time, and nothing else has taken its place since.
  [[nodiscard]] bool was_begun(std::uint64_t chunk) const noexcept {
    const Entry& e = entries_[chunk % kCapacity];
    return e.chunk == chunk && e.tries != 0;
  }

  // Gives up what waits and is older, by time or by order; f(const Entry&) hears of each.
  template <typename F>
  void give_up(std::uint64_t begun_before, std::uint32_t order_before, F&& f) noexcept {
    while (first_ != next_) {
      Entry& e = entries_[by_age_[first_ % kCapacity]];
      if (e.state == State::kWaiting && e.order == first_) {
        if (e.begun >= begun_before && static_cast<std::int32_t>(e.order - order_before) >= 0) return;
        e.state = State::kLate;
        --waiting_;
        f(static_cast<const Entry&>(e));
      }
      ++first_;
    }
  }
  // f(const Entry&) for what waits of `first` to `last`, oldest first or by number; true ends it there (it counts as done).
  template <typename F>
  void end_between(std::uint64_t first, std::uint64_t last, F&& f) noexcept {
    if (last - first >= kCapacity) {
      end_if([&](const Entry& e) { return e.chunk >= first && e.chunk <= last && f(e); });
      return;
    }
    for (std::uint64_t chunk = first;; ++chunk) {
      Entry& e = entries_[chunk % kCapacity];
      if (e.chunk == chunk && e.state == State::kWaiting && f(static_cast<const Entry&>(e))) {
        e.state = State::kNone;
        --waiting_;
      }
      if (chunk == last) break;
    }
    settle();
  }
  // f(const Entry&) for what waits, oldest first; true ends it there (it counts as done).
  template <typename F>
  void end_if(F&& f) noexcept {
    for (std::uint32_t at = first_; at != next_; ++at) {
      Entry& e = entries_[by_age_[at % kCapacity]];
      if (e.state != State::kWaiting || e.order != at || !f(static_cast<const Entry&>(e))) continue;
      e.state = State::kNone;
      --waiting_;
    }
    settle();
  }

  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::uint32_t next_order() const noexcept { return next_; }
  // When the oldest that waits was begun; `otherwise` when none does.
  [[nodiscard]] std::uint64_t oldest(std::uint64_t otherwise) const noexcept {
    return waiting_ == 0 ? otherwise : entries_[by_age_[first_ % kCapacity]].begun;
  }
  void clear() noexcept {
    entries_ = {};
    first_ = next_ = 0;
    waiting_ = 0;
  }

 private:
  // The oldest is one that waits, or there is none.
  void settle() noexcept {
    for (; first_ != next_; ++first_) {
      const Entry& e = entries_[by_age_[first_ % kCapacity]];
      if (e.state == State::kWaiting && e.order == first_) return;
    }
  }

  std::array<Entry, kCapacity> entries_{};
  std::array<std::uint16_t, kCapacity> by_age_{};
  std::uint32_t first_ = 0, next_ = 0;  // orders: [first_, next_) may wait
  std::uint32_t waiting_ = 0;
};

}  // namespace mediaward::dataplane::ppspp
