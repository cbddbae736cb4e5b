// SPDX-License-Identifier: Apache-2.0
// Objects by key, for lookups that cost the same however many there are: open addressing in one block that is sized at start, so that a
// change is a few stores and cannot fail. Objects carry their own key (`object->key`, with hash() and ==); the table keeps pointers.
// One writer and reader: the worker whose table it is.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "crypto/bytes.h"

namespace mediaward::dataplane::ppspp {

template <typename Object>
class FixedTable {
 public:
  using Key = std::remove_const_t<decltype(Object::key)>;

  // The caller sees to it that there are never more than `most`.
  explicit FixedTable(std::size_t most)
      : lines_(std::bit_ceil(std::max(most * 2 + 1, kEntriesPerLine)) / kEntriesPerLine), mask_(lines_.size() * kEntriesPerLine - 1) {}

  [[nodiscard]] Object* find(const Key& key) const noexcept {
    const std::uint64_t hash = key.hash();
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Entry& e = entry(at);
      if (e.object == nullptr) return nullptr;
      if (e.hash == hash && e.object->key == key) return e.object;
    }
  }
  // For who looks many up together: where a lookup begins, asked for; then what it probably finds, as far as one line of the table shows it
  // (another key may have the same hash).
  void prefetch_entry(std::uint64_t hash) const noexcept { prefetch(&entry(hash & mask_)); }
  [[nodiscard]] Object* probable(std::uint64_t hash) const noexcept {
    for (std::size_t at = hash & mask_;; ++at) {
      const Entry& e = entry(at);
      if (e.object == nullptr || e.hash == hash) return e.object;
      if ((at + 1) % kEntriesPerLine == 0) return nullptr;
    }
  }
  // Takes the place of one with an equal key.
  void set(Object* object) noexcept {
    const std::uint64_t hash = object->key.hash();
    std::size_t at = hash & mask_;
    while (entry(at).object != nullptr && !(entry(at).hash == hash && entry(at).object->key == object->key)) at = (at + 1) & mask_;
    count_ += entry(at).object == nullptr ? 1u : 0u;
    entry(at) = {hash, object};
  }
  void erase(const Key& key) noexcept {
    const std::uint64_t hash = key.hash();
    std::size_t at = hash & mask_;
    while (entry(at).object != nullptr && !(entry(at).hash == hash && entry(at).object->key == key)) at = (at + 1) & mask_;
    if (entry(at).object == nullptr) return;
    --count_;
    // What stands behind the gap and belongs at or before it moves up, so that no lookup stops too early.
    for (std::size_t next = (at + 1) & mask_; entry(next).object != nullptr; next = (next + 1) & mask_) {
      const std::size_t home = entry(next).hash & mask_;
      if (((next - home) & mask_) < ((next - at) & mask_)) continue;
      entry(at) = entry(next);
      at = next;
    }
    entry(at) = {};
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return lines_.size() * sizeof(Line); }

  template <typename F>
  void for_each(F&& f) const noexcept {
    for (const Line& line : lines_)
      for (const Entry& e : line.entries)
        if (e.object != nullptr) f(*e.object);
  }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    Object* object = nullptr;
  };
  static constexpr std::size_t kEntriesPerLine = 64 / sizeof(Entry);
  struct alignas(64) Line {
    Entry entries[kEntriesPerLine];
  };
  [[nodiscard]] const Entry& entry(std::size_t at) const noexcept { return lines_[at / kEntriesPerLine].entries[at % kEntriesPerLine]; }
  [[nodiscard]] Entry& entry(std::size_t at) noexcept { return lines_[at / kEntriesPerLine].entries[at % kEntriesPerLine]; }

  std::vector<Line> lines_;
  std::size_t mask_;
  std::size_t count_ = 0;
};

// Mixes words of a key. Keys come from the controller, or are looked up only: nobody gains by collisions.
[[nodiscard]] constexpr std::uint64_t mix_hash(std::uint64_t hash, std::uint64_t word) noexcept {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

}  // namespace mediaward::dataplane::ppspp
