// SPDX-License-Identifier: Apache-2.0
// A sorted map of immutable objects whose copy costs next to nothing: copies share blocks of up to 256 objects, and a change copies only
// the block that it falls into. For what there can be a hundred thousand of (admissions) in a state that every transaction copies.
// The key is a member of the object. Two copies are compared block by block: what they share is skipped.
// Copies may be read by different threads; one copy is changed by one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

namespace mediaward::control {

template <typename T, auto kKey>
class SharedMap {
 public:
  using Key = std::remove_cvref_t<decltype(std::declval<const T&>().*kKey)>;
  using Pointer = std::shared_ptr<const T>;

  class Iterator {
   public:
    using value_type = Pointer;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    [[nodiscard]] const Pointer& operator*() const { return (*map_->blocks_[block_])[at_]; }
    [[nodiscard]] const T* operator->() const { return (**this).get(); }
    Iterator& operator++() {
      if (++at_ == map_->blocks_[block_]->size()) next_block();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    friend class SharedMap;
    Iterator(const SharedMap* map, std::size_t block, std::size_t at) : map_(map), block_(block), at_(at) {}
    void next_block() { ++block_, at_ = 0; }
    const SharedMap* map_ = nullptr;
    std::size_t block_ = 0, at_ = 0;
  };

  [[nodiscard]] static const Key& key_of(const T& object) { return object.*kKey; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] Iterator begin() const { return {this, 0, 0}; }
  [[nodiscard]] Iterator end() const { return {this, blocks_.size(), 0}; }

  [[nodiscard]] Iterator lower_bound(const Key& key) const {
    const std::size_t block = block_of(key);
    return block == blocks_.size() ? end() : Iterator{this, block, place_of(*blocks_[block], key)};
  }
  // How many there are from `from` up to, but without, `to`.
  [[nodiscard]] std::size_t count(const Iterator& from, const Iterator& to) const {
    std::size_t out = to.at_;
    for (std::size_t block = from.block_; block < to.block_; ++block) out += blocks_[block]->size();
    return out - from.at_;
  }
  // nullptr when there is none.
  [[nodiscard]] Pointer find(const Key& key) const {
    const Iterator at = lower_bound(key);
    return at != end() && !(key < (*at).get()->*kKey) ? *at : nullptr;
  }
  [[nodiscard]] bool contains(const Key& key) const { return find(key) != nullptr; }

  // Takes the place of an object of the same key.
  void put(Pointer object) {
    const Key& key = (*object).*kKey;
    if (blocks_.empty()) {
      blocks_.push_back(std::make_shared<Block>(1, std::move(object)));
      size_ = 1;
      return;
    }
    const std::size_t index = std::min(block_of(key), blocks_.size() - 1);
    Block& block = own(index);
    const std::size_t at = place_of(block, key);
    if (at < block.size() && !(key < (*block[at]).*kKey)) {
      block[at] = std::move(object);
      return;
    }
    block.insert(block.begin() + static_cast<std::ptrdiff_t>(at), std::move(object));
    ++size_;
    if (block.size() > kMost) split(index);
  }

  // False: there is none.
  bool erase(const Key& key) {
    const std::size_t index = block_of(key);
    if (index == blocks_.size()) return false;
    const std::size_t at = place_of(*blocks_[index], key);
    if (key < (*(*blocks_[index])[at]).*kKey) return false;
    Block& block = own(index);
    block.erase(block.begin() + static_cast<std::ptrdiff_t>(at));
    --size_;
    if (block.empty()) blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(index));
    return true;
  }

  // Calls visit(before, after) by key for what is not the same object in both; nullptr where there is none.
  template <typename Visit>
  static void for_each_difference(const SharedMap& before, const SharedMap& after, Visit visit) {
    Iterator a = before.begin(), b = after.begin();
    while (a != before.end() || b != after.end()) {
      if (a != before.end() && b != after.end() && a.at_ == 0 && b.at_ == 0 && before.blocks_[a.block_] == after.blocks_[b.block_]) {
        a.next_block();
        b.next_block();
      } else if (b == after.end() || (a != before.end() && (*a).get()->*kKey < (*b).get()->*kKey)) {
        visit(*a++, Pointer());
      } else if (a == before.end() || (*b).get()->*kKey < (*a).get()->*kKey) {
        visit(Pointer(), *b++);
      } else {
        if (*a != *b) visit(*a, *b);
        ++a, ++b;
      }
    }
  }

 private:
  using Block = std::vector<Pointer>;  // by key, never empty
  static constexpr std::size_t kMost = 256;

  // The first block whose last key is not below `key`.
  [[nodiscard]] std::size_t block_of(const Key& key) const {
    const auto below = [](const std::shared_ptr<Block>& block, const Key& wanted) { return (*block->back()).*kKey < wanted; };
    return static_cast<std::size_t>(std::lower_bound(blocks_.begin(), blocks_.end(), key, below) - blocks_.begin());
  }
  [[nodiscard]] static std::size_t place_of(const Block& block, const Key& key) {
    const auto below = [](const Pointer& object, const Key& wanted) { return (*object).*kKey < wanted; };
    return static_cast<std::size_t>(std::lower_bound(block.begin(), block.end(), key, below) - block.begin());
  }
  // Nobody else has a block of which this is the only owner: it is changed where it is.
  Block& own(std::size_t index) {
    auto& block = blocks_[index];
    if (block.use_count() != 1) block = std::make_shared<Block>(*block);
    return *block;
  }
  void split(std::size_t index) {
    const Block& block = *blocks_[index];
    const auto middle = block.begin() + static_cast<std::ptrdiff_t>(block.size() / 2);
    auto upper = std::make_shared<Block>(middle, block.end());
    blocks_[index]->erase(middle, block.end());
    blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(index) + 1, std::move(upper));
  }

  std::vector<std::shared_ptr<Block>> blocks_;
  std::size_t size_ = 0;
};

}  // namespace mediaward::control
