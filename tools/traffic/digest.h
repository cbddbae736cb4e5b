// SPDX-License-Identifier: Apache-2.0
// A 64-bit digest of a packet's bytes, to compare copies without keeping them. Not cryptographic: nobody here chooses bytes in order to
// collide, and what must hold against an attacker is judged by libsrtp. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/bytes.h"
#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

// Four lanes, so that a multiplication need not wait for the one before.
[[nodiscard]] inline std::uint64_t digest(ConstBytes bytes) noexcept {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15u;
  std::uint64_t lane[4] = {bytes.size(), 1, 2, 3};
  const std::byte* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 32; p += 32, left -= 32)
    for (std::size_t i = 0; i < 4; ++i) {
      lane[i] = (lane[i] ^ load_raw<std::uint64_t>(p + 8 * i)) * kOdd;
      lane[i] ^= lane[i] >> 29;
    }
  std::byte rest[32]{};
  if (left != 0) std::memcpy(rest, p, left);
  for (std::size_t i = 0; i < 4; ++i) lane[i] ^= load_raw<std::uint64_t>(rest + 8 * i);
  return mix(mix(mix(mix(lane[0]) ^ lane[1]) ^ lane[2]) ^ lane[3]);
}

}  // namespace mediaward::tools::traffic
