// SPDX-License-Identifier: Apache-2.0
// A received frame in a heap block of exactly its size, so that the sanitizer sees the first byte too far.
// Fuzz targets only; single thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "dataplane/packet.h"

#define FUZZ_REQUIRE(condition) ::mediaward::test::fuzz_require((condition), #condition, __FILE__, __LINE__)

namespace mediaward::test {

inline void fuzz_require(bool good, const char* what, const char* file, int line) {
  if (good) return;
  std::fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
  std::abort();
}


class ExactPacket {
 public:
  // room_bytes beyond the frame: what an answer may need.
  ExactPacket(const std::uint8_t* data, std::size_t size, std::size_t room_bytes = 0) : bytes_(new std::byte[size + room_bytes]) {
    if (size != 0) std::memcpy(bytes_.get(), data, size);
    packet.data = bytes_.get();
    packet.bytes = static_cast<std::uint32_t>(size);
    packet.room = static_cast<std::uint32_t>(size + room_bytes);
  }
  dataplane::Packet packet;

 private:
  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace mediaward::test
