// SPDX-License-Identifier: Apache-2.0
// Small sorted maps and sets in one block of memory. The main thread's objects hold them because such an object is copied for every
// transaction that changes it: a copy is one allocation and one memcpy, however many members there are.
// Main thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace mediaward::dataplane {

template <typename Key, typename Value>
class FlatMap {
 public:
  using Item = std::pair<Key, Value>;

  [[nodiscard]] const Value* find(const Key& key) const noexcept {
    const auto at = place(key);
    return at != items_.end() && at->first == key ? &at->second : nullptr;
  }
  [[nodiscard]] Value* find(const Key& key) noexcept { return const_cast<Value*>(std::as_const(*this).find(key)); }
  [[nodiscard]] bool contains(const Key& key) const noexcept { return find(key) != nullptr; }
  // The value of this key, made when there is none.
  [[nodiscard]] Value& operator[](const Key& key) {
    const auto at = place(key);
    if (at != items_.end() && at->first == key) return items_[static_cast<std::size_t>(at - items_.begin())].second;
    return items_.emplace(at, key, Value{})->second;
  }
  bool erase(const Key& key) {
    const auto at = place(key);
    if (at == items_.end() || at->first != key) return false;
    items_.erase(at);
    return true;
  }
  template <typename Predicate>
  std::size_t erase_if(Predicate&& predicate) {
    return std::erase_if(items_, predicate);
  }

  [[nodiscard]] auto begin() const noexcept { return items_.begin(); }
  [[nodiscard]] auto end() const noexcept { return items_.end(); }
  [[nodiscard]] auto begin() noexcept { return items_.begin(); }
  [[nodiscard]] auto end() noexcept { return items_.end(); }
  [[nodiscard]] auto lower_bound(const Key& key) const noexcept { return place(key); }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  void clear() noexcept { items_.clear(); }

 private:
  [[nodiscard]] auto place(const Key& key) const noexcept {
    return std::lower_bound(items_.begin(), items_.end(), key, [](const Item& item, const Key& k) { return item.first < k; });
  }
  std::vector<Item> items_;
};

class IdSet {
 public:
  [[nodiscard]] bool contains(std::uint64_t id) const noexcept { return std::binary_search(ids_.begin(), ids_.end(), id); }
  void insert(std::uint64_t id) {
    const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
    if (at == ids_.end() || *at != id) ids_.insert(at, id);
  }
  void erase(std::uint64_t id) { std::erase(ids_, id); }

  [[nodiscard]] auto begin() const noexcept { return ids_.begin(); }
  [[nodiscard]] auto end() const noexcept { return ids_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }
  [[nodiscard]] bool empty() const noexcept { return ids_.empty(); }

 private:
  std::vector<std::uint64_t> ids_;
};

}  // namespace mediaward::dataplane
