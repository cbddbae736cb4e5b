// SPDX-License-Identifier: Apache-2.0
// Bytes that end where the readable memory ends: reading one too far kills the test in every build, not only in those with sanitizers.
// One region, used again for every call. Tests only; single thread.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include "crypto/bytes.h"

namespace mediaward::test {

class GuardedBytes {
 public:
  // Room for up to max_bytes.
  explicit GuardedBytes(std::size_t max_bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    room_bytes_ = (max_bytes + page - 1) / page * page;
    mapped_bytes_ = room_bytes_ + page;
    void* at = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::runtime_error("mmap");
    base_ = static_cast<std::byte*>(at);
    if (mprotect(base_ + room_bytes_, page, PROT_NONE) != 0) throw std::runtime_error("mprotect");
  }
  ~GuardedBytes() { munmap(base_, mapped_bytes_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  // A copy whose last byte is the last readable one; valid until the next call.
  ConstBytes hold(ConstBytes bytes) {
    if (bytes.size() > room_bytes_) throw std::runtime_error("more than the guarded room");
    std::byte* at = base_ + room_bytes_ - bytes.size();
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return {at, bytes.size()};
  }

 private:
  std::byte* base_ = nullptr;
  std::size_t room_bytes_ = 0, mapped_bytes_ = 0;
};

}  // namespace mediaward::test
