// SPDX-License-Identifier: Apache-2.0
// See heap_count.h. A block counts with what the allocator rounds it up to and its header.
#include "bench/memory/heap_count.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

constexpr std::size_t kChunkHeaderBytes = sizeof(std::size_t);  // of glibc

std::atomic<std::size_t> bytes_in_use{0};

void* counted(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  bytes_in_use.fetch_add(::malloc_usable_size(block) + kChunkHeaderBytes, std::memory_order_relaxed);
  return block;
}

void give_back(void* block) noexcept {
  if (block == nullptr) return;
  bytes_in_use.fetch_sub(::malloc_usable_size(block) + kChunkHeaderBytes, std::memory_order_relaxed);
  std::free(block);
}

std::size_t rounded_up(std::size_t bytes, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  return (bytes + a - 1) / a * a;
}

}  // namespace

namespace mediaward::bench {

std::size_t heap_bytes() noexcept {
  return bytes_in_use.load(std::memory_order_relaxed);
}

}  // namespace mediaward::bench

void* operator new(std::size_t bytes) {
  return counted(std::malloc(bytes != 0 ? bytes : 1));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(std::aligned_alloc(static_cast<std::size_t>(alignment), rounded_up(bytes, alignment)));
}
void operator delete(void* block) noexcept {
  give_back(block);
}
void operator delete(void* block, std::size_t) noexcept {
  give_back(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  give_back(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  give_back(block);
}
