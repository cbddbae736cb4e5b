// SPDX-License-Identifier: Apache-2.0
// A map of immutable objects with one set of changes staged on top: looked up as if they were made, then committed or forgotten in one
// step. This is what makes a transaction all or nothing on the main thread. Main thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mediaward::dataplane {

template <typename Object>
class Directory {
 public:
  using Ptr = std::shared_ptr<const Object>;

  // The object as the staged changes leave it, or nullptr.
  [[nodiscard]] const Object* find(std::uint64_t id) const {
    if (const auto it = staged_.find(id); it != staged_.end()) return it->second.get();
    return committed(id);
  }
  [[nodiscard]] const Object* committed(std::uint64_t id) const {
    const auto it = committed_.find(id);
    return it == committed_.end() ? nullptr : it->second.get();
  }

  // A copy to change, staged; an empty object when there is none.
  [[nodiscard]] Object& edit(std::uint64_t id) {
    auto& staged = staged_[id];
    if (staged == nullptr) {
      const Object* before = committed(id);
      staged = before != nullptr ? std::make_shared<Object>(*before) : std::make_shared<Object>();
    }
    return *staged;
  }
  void erase(std::uint64_t id) { staged_[id] = nullptr; }

  // The staged changes: id and the new object (nullptr: removed).
  [[nodiscard]] const std::unordered_map<std::uint64_t, std::shared_ptr<Object>>& staged() const noexcept { return staged_; }

  void discard() noexcept { staged_.clear(); }
  // Makes the changes; hands the objects they replace to `retire`.
  template <typename Retire>
  void commit(Retire&& retire) {
    for (auto& [id, object] : staged_) {
      const auto it = committed_.find(id);
      if (it != committed_.end()) {
        retire(std::move(it->second));
        if (object == nullptr)
          committed_.erase(it);
        else
          it->second = std::move(object);
      } else if (object != nullptr) {
        committed_.emplace(id, std::move(object));
      }
    }
    staged_.clear();
  }

  [[nodiscard]] std::vector<std::uint64_t> committed_ids() const {
    std::vector<std::uint64_t> ids;
    ids.reserve(committed_.size());
    for (const auto& [id, object] : committed_) ids.push_back(id);
    return ids;
  }
  [[nodiscard]] std::size_t size() const noexcept { return committed_.size(); }

 private:
  std::unordered_map<std::uint64_t, Ptr> committed_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Object>> staged_;
};

}  // namespace mediaward::dataplane
