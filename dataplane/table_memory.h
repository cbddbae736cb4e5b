// SPDX-License-Identifier: Apache-2.0
// Where everything lives that workers look up: blocks of a size side by side, in pages of 2 MB where there are any, so that many streams
// cost few cache sets and TLB entries. What is given back is used again; the pages stay until the end. Main thread.
#pragma once

#include <memory>
#include <memory_resource>
#include <utility>
#include <vector>

#include "crypto/bytes.h"

namespace mediaward::dataplane {

class TableMemory final : public std::pmr::memory_resource {
 public:
  // hugetlb: take reserved pages (otherwise, and without any free, transparent ones).
  explicit TableMemory(bool hugetlb) : pages_(hugetlb) {}

  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_; }  // as asked for

  template <typename T, typename... Arguments>
  [[nodiscard]] std::shared_ptr<T> make(Arguments&&... arguments) {
    return std::allocate_shared<T>(std::pmr::polymorphic_allocator<T>(this), std::forward<Arguments>(arguments)...);
  }

 private:
  // Throws std::bad_alloc when the kernel has no memory.
  class Pages final : public std::pmr::memory_resource {
   public:
    explicit Pages(bool hugetlb) : hugetlb_(hugetlb) {}
    ~Pages() override;

   private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override;
    void do_deallocate(void*, std::size_t, std::size_t) override {}
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

    const bool hugetlb_;
    Bytes room_;  // of the newest mapping
    std::vector<Bytes> mappings_;
  };

  // The lists of very large conferences go elsewhere: they come in any size, and would not be used again.
  static constexpr std::size_t kLargestBlock = std::size_t{1} << 20;

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  std::size_t used_ = 0;
  Pages pages_;
  std::pmr::unsynchronized_pool_resource pools_{{0, kLargestBlock}, &pages_};
};

}  // namespace mediaward::dataplane
