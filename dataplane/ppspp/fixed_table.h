// SPDX-License-Identifier: Apache-2.0
// Objects by key, for lookups that cost the same however many there are: open addressing in one block that is sized at start, so that a
// change is a few stores and cannot fail. Objects carry their own key (`object->key`, with hash() and ==); the table keeps pointers.
// One writer and reader: the worker whose table it is.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace mediaward::dataplane::ppspp {

template <typename Object>
class FixedTable {
 public:
  using Key = std::remove_const_t<decltype(Object::key)>;

  // The caller sees to it that there are never more than `most`.
  explicit FixedTable(std::size_t most) : entries_(std::bit_ceil(most * 2 + 1)), mask_(entries_.size() - 1) {}

  [[nodiscard]] Object* find(const Key& key) const noexcept {
    const std::uint64_t hash = key.hash();
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Entry& e = entries_[at];
      if (e.object == nullptr) return nullptr;
      if (e.hash == hash && e.object->key == key) return e.object;
    }
  }
  // Takes the place of one with an equal key.
  void set(Object* object) noexcept {
    const std::uint64_t hash = object->key.hash();
    std::size_t at = hash & mask_;
    while (entries_[at].object != nullptr && !(entries_[at].hash == hash && entries_[at].object->key == object->key)) at = (at + 1) & mask_;
    count_ += entries_[at].object == nullptr ? 1u : 0u;
    entries_[at] = {hash, object};
  }
  void erase(const Key& key) noexcept {
    const std::uint64_t hash = key.hash();
    std::size_t at = hash & mask_;
    while (entries_[at].object != nullptr && !(entries_[at].hash == hash && entries_[at].object->key == key)) at = (at + 1) & mask_;
    if (entries_[at].object == nullptr) return;
    --count_;
    // What stands behind the gap and belongs at or before it moves up, so that no lookup stops too early.
    for (std::size_t next = (at + 1) & mask_; entries_[next].object != nullptr; next = (next + 1) & mask_) {
      const std::size_t home = entries_[next].hash & mask_;
      if (((next - home) & mask_) < ((next - at) & mask_)) continue;
      entries_[at] = entries_[next];
      at = next;
    }
    entries_[at] = {};
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return entries_.size() * sizeof(Entry); }

  template <typename F>
  void for_each(F&& f) const noexcept {
    for (const Entry& e : entries_)
      if (e.object != nullptr) f(*e.object);
  }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    Object* object = nullptr;
  };
  std::vector<Entry> entries_;
  std::size_t mask_;
  std::size_t count_ = 0;
};

// Mixes words of a key. Keys come from the controller, or are looked up only: nobody gains by collisions.
[[nodiscard]] constexpr std::uint64_t mix_hash(std::uint64_t hash, std::uint64_t word) noexcept {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

}  // namespace mediaward::dataplane::ppspp
