// SPDX-License-Identifier: Apache-2.0
// Bytes of the heap in use, as the allocator hands them out. Linked into a program, heap_count.cc replaces operator new and delete of
// it; what calls malloc by itself (libcrypto, libsrtp) is not counted. Objects aligned to a cache line are counted apart: in the data
// plane these are the tables' objects that workers look up. Any thread.
#pragma once

#include <cstddef>

namespace mediaward::bench {

struct HeapUse {
  std::size_t aligned_bytes = 0;  // of objects with an alignment beyond what malloc gives
  std::size_t other_bytes = 0;
};

[[nodiscard]] HeapUse heap_use() noexcept;

}  // namespace mediaward::bench
