// SPDX-License-Identifier: Apache-2.0
// Sets of chunk numbers as few sorted ranges in fixed memory: what a peer claims to have (HAVE), what was asked of it, what is missing.
// A peer that announces in pieces without end is stopped by the bound, not served with memory: insert says no, and what happens to
// such a peer is the caller's business. No bitmap: a content may have 2^64 chunks. Knows no wire format beyond ChunkRange.
// The thread that owns it; no synchronisation.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/wire/ppspp_types.h"

namespace mediaward::dataplane::ppspp {

// kMost: ranges that do not touch; what is adjacent is one.
template <std::size_t kMost = 64>
class RangeSet {
 public:
  static constexpr std::uint64_t kLastChunk = ~std::uint64_t{0};

  // Adds range.first to range.last, both included. False, and the set as it was: there would be more than kMost ranges, or first > last.
  [[nodiscard]] bool insert(ChunkRange range) noexcept;
  // Takes them out. False, and the set as it was: a range would fall in two and there is no room for the second, or first > last.
  [[nodiscard]] bool erase(ChunkRange range) noexcept;
  void clear() noexcept {
    size_ = 0;
    count_ = 0;
  }

  [[nodiscard]] bool contains(std::uint64_t chunk) const noexcept;
  [[nodiscard]] bool covers(ChunkRange range) const noexcept;      // all of it
  [[nodiscard]] bool intersects(ChunkRange range) const noexcept;  // any of it
  [[nodiscard]] std::optional<std::uint64_t> first_present(std::uint64_t at_or_after) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> first_missing(std::uint64_t at_or_after) const noexcept;

  // f(ChunkRange) for each piece of `within` that is in the set, or is not, in ascending order. f returns false to stop.
  template <typename F>
  void for_each_present(ChunkRange within, F&& f) const noexcept;
  template <typename F>
  void for_each_missing(ChunkRange within, F&& f) const noexcept;
  // f(ChunkRange) for each piece that both sets have, in ascending order. f returns false to stop.
  template <std::size_t kOther, typename F>
  void for_each_common(const RangeSet<kOther>& other, F&& f) const noexcept;

  // The n-th chunk of the set, counted from 0 in ascending order: picks a random one for an audit. n < count().
  [[nodiscard]] std::uint64_t nth(std::uint64_t n) const noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept;  // chunks; of all 2^64 one less
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool full() const noexcept { return size_ == kMost; }
  [[nodiscard]] std::span<const ChunkRange> ranges() const noexcept { return {ranges_.data(), size_}; }

 private:
  // The first range that ends at `chunk` or behind it: the one that has it, or the next.
  [[nodiscard]] std::size_t place(std::uint64_t chunk) const noexcept;
  void replace(std::size_t from, std::size_t to, std::span<const ChunkRange> by) noexcept;

  std::size_t size_ = 0;
  std::uint64_t count_ = 0;  // mod 2^64
  std::array<ChunkRange, kMost> ranges_{};
};

template <std::size_t kMost>
std::size_t RangeSet<kMost>::place(std::uint64_t chunk) const noexcept {
  const auto* const begin = ranges_.data();
  const auto* const at = std::partition_point(begin, begin + size_, [chunk](const ChunkRange& r) { return r.last < chunk; });
  return static_cast<std::size_t>(at - begin);
}

// Ranges from `from` up to but not including `to` give way to at most two others; the caller knows that there is room.
template <std::size_t kMost>
void RangeSet<kMost>::replace(std::size_t from, std::size_t to, std::span<const ChunkRange> by) noexcept {
  for (std::size_t i = from; i < to; ++i) count_ -= ranges_[i].count();
  for (const ChunkRange& range : by) count_ += range.count();
  ChunkRange* const begin = ranges_.data();
  const std::size_t end = from + by.size();
  if (end > to) {
    std::move_backward(begin + to, begin + size_, begin + size_ + (end - to));
  } else {
    std::move(begin + to, begin + size_, begin + end);
  }
  std::copy(by.begin(), by.end(), begin + from);
  size_ = size_ - to + end;
}

template <std::size_t kMost>
bool RangeSet<kMost>::insert(ChunkRange range) noexcept {
  if (range.first > range.last) return false;
  if (size_ != 0 && range.first != 0 && ranges_[size_ - 1].last == range.first - 1) {  // a transfer in order
    ranges_[size_ - 1].last = range.last;
    count_ += range.count();
    return true;
  }
  // Everything that overlaps or touches becomes one with it.
  const std::size_t from = range.first == 0 ? 0 : place(range.first - 1);
  std::size_t to = from;
  while (to < size_ && (range.last == kLastChunk || ranges_[to].first <= range.last + 1)) ++to;
  if (to == from && size_ == kMost) return false;
  if (to != from) range = {std::min(range.first, ranges_[from].first), std::max(range.last, ranges_[to - 1].last)};
  replace(from, to, {&range, 1});
  return true;
}

template <std::size_t kMost>
bool RangeSet<kMost>::erase(ChunkRange range) noexcept {
  if (range.first > range.last) return false;
  if (size_ != 0 && ranges_[0].first == range.first && range.last < ranges_[0].last) {  // a transfer in order
    ranges_[0].first = range.last + 1;
    count_ -= range.count();
    return true;
  }
  const std::size_t from = place(range.first);
  std::size_t to = from;
  while (to < size_ && ranges_[to].first <= range.last) ++to;
  if (to == from) return true;
  std::array<ChunkRange, 2> left;
  std::size_t n = 0;
  if (ranges_[from].first < range.first) left[n++] = {ranges_[from].first, range.first - 1};
  if (ranges_[to - 1].last > range.last) left[n++] = {range.last + 1, ranges_[to - 1].last};
  if (size_ - (to - from) + n > kMost) return false;
  replace(from, to, {left.data(), n});
  return true;
}

template <std::size_t kMost>
bool RangeSet<kMost>::contains(std::uint64_t chunk) const noexcept {
  const std::size_t at = place(chunk);
  return at < size_ && ranges_[at].first <= chunk;
}

template <std::size_t kMost>
bool RangeSet<kMost>::covers(ChunkRange range) const noexcept {
  const std::size_t at = place(range.first);
  return range.first <= range.last && at < size_ && ranges_[at].first <= range.first && range.last <= ranges_[at].last;
}

template <std::size_t kMost>
bool RangeSet<kMost>::intersects(ChunkRange range) const noexcept {
  const std::size_t at = place(range.first);
  return range.first <= range.last && at < size_ && ranges_[at].first <= range.last;
}

template <std::size_t kMost>
std::optional<std::uint64_t> RangeSet<kMost>::first_present(std::uint64_t at_or_after) const noexcept {
  const std::size_t at = place(at_or_after);
  if (at == size_) return std::nullopt;
  return std::max(ranges_[at].first, at_or_after);
}

template <std::size_t kMost>
std::optional<std::uint64_t> RangeSet<kMost>::first_missing(std::uint64_t at_or_after) const noexcept {
  const std::size_t at = place(at_or_after);
  if (at == size_ || ranges_[at].first > at_or_after) return at_or_after;
  if (ranges_[at].last == kLastChunk) return std::nullopt;
  return ranges_[at].last + 1;  // ranges do not touch
}

template <std::size_t kMost>
template <typename F>
void RangeSet<kMost>::for_each_present(ChunkRange within, F&& f) const noexcept {
  if (within.first > within.last) return;
  for (std::size_t i = place(within.first); i < size_ && ranges_[i].first <= within.last; ++i)
    if (!f(ChunkRange{std::max(ranges_[i].first, within.first), std::min(ranges_[i].last, within.last)})) return;
}

template <std::size_t kMost>
template <typename F>
void RangeSet<kMost>::for_each_missing(ChunkRange within, F&& f) const noexcept {
  if (within.first > within.last) return;
  std::uint64_t next = within.first;
  for (std::size_t i = place(within.first); i < size_ && ranges_[i].first <= within.last; ++i) {
    if (ranges_[i].first > next && !f(ChunkRange{next, ranges_[i].first - 1})) return;
    if (ranges_[i].last >= within.last) return;
    next = ranges_[i].last + 1;
  }
  f(ChunkRange{next, within.last});
}

template <std::size_t kMost>
template <std::size_t kOther, typename F>
void RangeSet<kMost>::for_each_common(const RangeSet<kOther>& other, F&& f) const noexcept {
  const std::span<const ChunkRange> theirs = other.ranges();
  for (std::size_t i = 0, j = 0; i < size_ && j < theirs.size();) {
    const ChunkRange both{std::max(ranges_[i].first, theirs[j].first), std::min(ranges_[i].last, theirs[j].last)};
    if (both.first <= both.last && !f(both)) return;
    ranges_[i].last < theirs[j].last ? ++i : ++j;
  }
}

template <std::size_t kMost>
std::uint64_t RangeSet<kMost>::nth(std::uint64_t n) const noexcept {
  std::size_t i = 0;
  for (; i + 1 < size_ && n >= ranges_[i].count(); ++i) n -= ranges_[i].count();
  return ranges_[i].first + n;
}

template <std::size_t kMost>
std::uint64_t RangeSet<kMost>::count() const noexcept {
  return count_ == 0 && size_ != 0 ? kLastChunk : count_;
}

}  // namespace mediaward::dataplane::ppspp
