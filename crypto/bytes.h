// SPDX-License-Identifier: Apache-2.0
// Byte-order types and span aliases used by every layer.
// Be16/Be32/Be64 hold network order and convert only when asked, so that a forgotten swap does not compile.
// Deliberately no streams, no strings, no allocation. Any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace mediaward {

static_assert(std::endian::native == std::endian::little, "mediaward targets x86-64");

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

constexpr std::uint16_t byte_swap(std::uint16_t v) noexcept { return __builtin_bswap16(v); }
constexpr std::uint32_t byte_swap(std::uint32_t v) noexcept { return __builtin_bswap32(v); }
constexpr std::uint64_t byte_swap(std::uint64_t v) noexcept { return __builtin_bswap64(v); }

// An unsigned integer stored in network order. Trivial: may sit in a packed wire struct or a memfd.
template <typename T>
class BigEndian {
 public:
  constexpr BigEndian() noexcept = default;
  explicit constexpr BigEndian(T host) noexcept : raw_(byte_swap(host)) {}
  [[nodiscard]] constexpr T host() const noexcept { return byte_swap(raw_); }
  [[nodiscard]] constexpr T raw() const noexcept { return raw_; }
  constexpr bool operator==(const BigEndian&) const noexcept = default;

 private:
  T raw_ = 0;
} __attribute__((packed));

using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;
using Be64 = BigEndian<std::uint64_t>;

// Unaligned loads and stores; the caller has checked the bounds.
template <typename T>
[[nodiscard]] inline T load_raw(const std::byte* p) noexcept {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <typename T>
inline void store_raw(std::byte* p, T v) noexcept {
  std::memcpy(p, &v, sizeof v);
}
[[nodiscard]] inline std::uint16_t load_be16(const std::byte* p) noexcept { return byte_swap(load_raw<std::uint16_t>(p)); }
[[nodiscard]] inline std::uint32_t load_be32(const std::byte* p) noexcept { return byte_swap(load_raw<std::uint32_t>(p)); }
[[nodiscard]] inline std::uint64_t load_be64(const std::byte* p) noexcept { return byte_swap(load_raw<std::uint64_t>(p)); }
inline void store_be16(std::byte* p, std::uint16_t v) noexcept { store_raw(p, byte_swap(v)); }
inline void store_be32(std::byte* p, std::uint32_t v) noexcept { store_raw(p, byte_swap(v)); }
inline void store_be64(std::byte* p, std::uint64_t v) noexcept { store_raw(p, byte_swap(v)); }

// GCC 12 drops calls of functions that contain nothing but __builtin_prefetch, hence the asm.
inline void prefetch(const void* p) noexcept { asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(p))); }

// Asks for the line with the right to write it: what another core read last would else cost a second round trip.
inline void prefetch_for_write(const void* p) noexcept { asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(p))); }

}  // namespace mediaward
