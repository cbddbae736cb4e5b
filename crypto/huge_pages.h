// SPDX-License-Identifier: Apache-2.0
// Anonymous memory in pages of 2 MB where the kernel has any. Any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "crypto/bytes.h"

namespace mediaward::crypto {

inline constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

struct HugeMapping {
  Bytes memory;                // aligned to 2 MB, whole pages, zero; empty when the kernel has no memory
  std::string_view page_kind;  // "hugetlb 2M", "thp" (as far as the kernel finds some), "4k"
};

// bytes: rounded up to whole pages. hugetlb: from the reserved pool, populated at once; without enough of them as without it.
[[nodiscard]] HugeMapping map_huge_pages(std::size_t bytes, bool hugetlb) noexcept;
void unmap_huge_pages(Bytes memory) noexcept;

}  // namespace mediaward::crypto
