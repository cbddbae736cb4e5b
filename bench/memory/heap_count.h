// SPDX-License-Identifier: Apache-2.0
// Bytes of the heap in use, as the allocator hands them out. Linked into a program, heap_count.cc replaces operator new and delete of
// it; what calls malloc by itself (libcrypto, libsrtp) is not counted, nor what is mapped (keys, state, tables). Any thread.
#pragma once

#include <cstddef>

namespace mediaward::bench {

[[nodiscard]] std::size_t heap_bytes() noexcept;

}  // namespace mediaward::bench
