// SPDX-License-Identifier: Apache-2.0
// See huge_pages.h.
#include "crypto/huge_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

namespace mediaward::crypto {
namespace {

void* map_anonymous(std::size_t bytes, int flags) noexcept {
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return at == MAP_FAILED ? nullptr : at;
}

// A mapping aligned to 2 MB, so that transparent huge pages can back all of it.
void* map_aligned(std::size_t bytes) noexcept {
  auto* at = static_cast<std::byte*>(map_anonymous(bytes + kHugePageBytes, 0));
  if (at == nullptr) return nullptr;
  const std::size_t skip = (kHugePageBytes - reinterpret_cast<std::uintptr_t>(at) % kHugePageBytes) % kHugePageBytes;
  if (skip != 0) ::munmap(at, skip);
  if (skip != kHugePageBytes) ::munmap(at + skip + bytes, kHugePageBytes - skip);
  return at + skip;
}

}  // namespace

HugeMapping map_huge_pages(std::size_t wanted, bool hugetlb) noexcept {
  const std::size_t bytes = (std::max<std::size_t>(wanted, 1) + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  if (void* at = hugetlb ? map_anonymous(bytes, MAP_HUGETLB | MAP_POPULATE) : nullptr; at != nullptr)
    return {Bytes(static_cast<std::byte*>(at), bytes), "hugetlb 2M"};
  void* at = map_aligned(bytes);
  if (at == nullptr) return {};
  const bool transparent = ::madvise(at, bytes, MADV_HUGEPAGE) == 0;
  return {Bytes(static_cast<std::byte*>(at), bytes), transparent ? "thp" : "4k"};
}

void unmap_huge_pages(Bytes memory) noexcept {
  if (!memory.empty()) ::munmap(memory.data(), memory.size());
}

}  // namespace mediaward::crypto
