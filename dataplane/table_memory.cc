// SPDX-License-Identifier: Apache-2.0
// See table_memory.h. Main thread.
#include "dataplane/table_memory.h"

#include <algorithm>
#include <memory>
#include <new>

#include "crypto/huge_pages.h"

namespace mediaward::dataplane {

TableMemory::Pages::~Pages() {
  for (const Bytes mapping : mappings_) crypto::unmap_huge_pages(mapping);
}

// The pools above ask for chunks, more with every one, and give none back.
void* TableMemory::Pages::do_allocate(std::size_t bytes, std::size_t alignment) {
  void* at = room_.data();
  std::size_t room = room_.size();
  if (room_.empty() || std::align(alignment, bytes, at, room) == nullptr) {
    const crypto::HugeMapping mapping = crypto::map_huge_pages(bytes, hugetlb_);
    if (mapping.memory.empty()) throw std::bad_alloc();
    mappings_.push_back(mapping.memory);
    room_ = mapping.memory;
    at = room_.data();
    room = room_.size();
  }
  room_ = room_.last(room - bytes);
  return at;
}

void* TableMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  std::pmr::memory_resource& from = bytes > kLargestBlock ? *std::pmr::new_delete_resource() : pools_;
  void* block = from.allocate(bytes, alignment);
  used_ += bytes;
  return block;
}

void TableMemory::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  std::pmr::memory_resource& from = bytes > kLargestBlock ? *std::pmr::new_delete_resource() : pools_;
  from.deallocate(block, bytes, alignment);
  used_ -= bytes;
}

}  // namespace mediaward::dataplane
