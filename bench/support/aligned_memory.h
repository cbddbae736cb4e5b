// SPDX-License-Identifier: Apache-2.0
// A zero-filled block that begins at a cache line: packet buffers and key contexts of the benchmarks.
// Ordinary pages, advised to become large ones where the kernel has them, as the product's arenas do. Any thread.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace mediaward::bench {

class AlignedMemory {
 public:
  explicit AlignedMemory(std::size_t bytes) : bytes_(bytes) {
    void* p = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(p);
    ::madvise(p, bytes_, MADV_HUGEPAGE);
  }
  AlignedMemory(const AlignedMemory&) = delete;
  AlignedMemory& operator=(const AlignedMemory&) = delete;
  ~AlignedMemory() { ::munmap(data_, bytes_); }

  [[nodiscard]] std::byte* data() noexcept { return data_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_;
};

}  // namespace mediaward::bench
