// SPDX-License-Identifier: Apache-2.0
// Keys as a crypto device wants them: sessions, made when a key is set and wiped when it goes. A key context holds handles, and of an AEAD
// the key itself, because its sessions are made for one length of header each (a limit of cryptodev, see docs/hardware-crypto.md).
// Contexts are immutable once made; whether several queue pairs may use one at once depends on the driver. Main thread makes and wipes,
// workers read.
#pragma once

#include <array>
#include <cstdint>

#include "crypto/engine.h"
#include "drivers/cryptodev_devices.h"

struct rte_crypto_sym_xform;

namespace mediaward::drivers {

inline constexpr std::size_t kMaxGcmHeaderLengths = 8;

struct CryptodevKey {
  crypto::Transform transform;
  std::uint8_t key_bytes;
  void* open;  // AES-CM: HMAC over the ciphertext, then AES-CTR
  void* seal;  // AES-CM: AES-CTR, then HMAC over the ciphertext
  void* tag;   // HMAC alone: NULL cipher, packets without payload, checks
};

struct CryptodevGcmKey : CryptodevKey {
  std::array<std::byte, 32> key;
  std::array<void*, kMaxGcmHeaderLengths> opens, seals;  // in the order of CryptodevSettings::gcm_header_bytes
};

[[nodiscard]] inline const CryptodevKey& cryptodev_key(const crypto::KeyContext* context) noexcept {
  return *reinterpret_cast<const CryptodevKey*>(context);
}

[[nodiscard]] std::size_t cryptodev_key_bytes(const crypto::SuiteInfo& suite) noexcept;

// On error nothing is left behind. kUnsupported: the device cannot do the suite; kExhausted: raise crypto.sessions.
[[nodiscard]] Result<void> expand_cryptodev_key(const CryptodevDevices& devices, const crypto::SuiteInfo& suite,
                                                const crypto::SessionKeys& keys, crypto::KeyContext* context);
void wipe_cryptodev_key(const CryptodevDevices& devices, crypto::KeyContext* context) noexcept;

// AES-GCM for one length of header. `key` must outlive the use of the transform.
[[nodiscard]] rte_crypto_sym_xform gcm_transform(const std::byte* key, std::uint8_t key_bytes, bool seal, std::uint16_t aad_bytes) noexcept;

}  // namespace mediaward::drivers
