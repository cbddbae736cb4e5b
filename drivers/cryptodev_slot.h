// SPDX-License-Identifier: Apache-2.0
// One crypto operation with all that belongs to it, kept together for good: rte_crypto_op | rte_crypto_sym_op | CryptodevSlot in one
// element of DPDK's pool, and a buffer of its own that the device works on. Nothing is allocated per packet, and the device reaches no
// memory but this. Here so that sessions (where the IV lies) and the engine (what it fills in) agree on one layout. Worker thread.
#pragma once

#include <rte_crypto.h>
#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>

#include "crypto/job_check.h"

namespace mediaward::drivers {

inline constexpr std::uint16_t kCryptodevDigestBytes = 20;  // of HMAC-SHA1, whole: the engine cuts and compares tags itself
inline constexpr std::uint16_t kCryptodevAeadTagBytes = 16;

struct CryptodevSlot {
  std::byte iv[16];
  std::byte digest[32];  // what the device writes, or for an AEAD open compares with
  rte_crypto_op* op;
  rte_mbuf* mbuf;
  std::byte* data;        // of mbuf
  std::uint64_t entry;    // which job of the engine this is
  std::uint32_t payload;  // where the payload begins in `data`
  std::uint32_t bytes;    // of the payload
  bool large;
  rte_crypto_sym_xform xform;  // of an operation without a session
};

// From the start of rte_crypto_op. DPDK's inline functions count from there.
inline constexpr std::uint16_t kCryptodevSlotOffset = (sizeof(rte_crypto_op) + sizeof(rte_crypto_sym_op) + 15) / 16 * 16;
inline constexpr std::uint16_t kCryptodevIvOffset = kCryptodevSlotOffset + offsetof(CryptodevSlot, iv);
inline constexpr std::uint16_t kCryptodevPrivateBytes =
    kCryptodevSlotOffset - sizeof(rte_crypto_op) - sizeof(rte_crypto_sym_op) + sizeof(CryptodevSlot);

[[nodiscard]] inline CryptodevSlot& slot_of(rte_crypto_op* op) noexcept {
  return *reinterpret_cast<CryptodevSlot*>(reinterpret_cast<std::byte*>(op) + kCryptodevSlotOffset);
}

// DPDK declares it as an array of no elements behind the operation, and compilers warn of using one.
static_assert(offsetof(rte_crypto_op, sym) == sizeof(rte_crypto_op));
[[nodiscard]] inline rte_crypto_sym_op& symmetric(rte_crypto_op* op) noexcept {
  return *reinterpret_cast<rte_crypto_sym_op*>(op + 1);
}

// Room for a packet of an ordinary MTU, and for the longest job there may be: header rounded up, payload, ROC.
inline constexpr std::uint16_t kCryptodevSmallBytes = 2048;
inline constexpr std::uint16_t kCryptodevLargeBytes = crypto::kMaxAadBytes + crypto::kMaxJobBytes + 64;

}  // namespace mediaward::drivers
