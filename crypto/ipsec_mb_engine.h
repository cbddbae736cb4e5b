// SPDX-License-Identifier: Apache-2.0
// What the ipsec-mb provider and its engine share: manager ownership and the layout of key contexts. Private to crypto/ipsec_mb_*.cc.
// Includes the library's header; nothing outside does. No pointers in a key context: it may lie in shared memory.
#pragma once

#include <intel-ipsec-mb.h>

#include <cstddef>
#include <memory>

#include "crypto/cpu_features.h"
#include "crypto/engine.h"
#include "crypto/ipsec_mb_provider.h"

namespace mediaward::crypto::ipsec_mb {

struct ManagerDeleter {
  void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, ManagerDeleter>;

// A manager of that level, or null when the library refuses it.
[[nodiscard]] Manager make_manager(IsaLevel level) noexcept;

inline constexpr std::size_t kAes128RoundKeyBytes = 11 * 16;
inline constexpr std::size_t kAes256RoundKeyBytes = 15 * 16;
inline constexpr std::size_t kSha1StateBytes = 20;

// HMAC-SHA1: first in every context that has one, so that kNullOpen verifies under any of them. All of a NULL suite's context.
struct alignas(64) HmacKey {
  std::byte inner[kSha1StateBytes];  // SHA-1 state after key ^ ipad, native words, as IMB_SHA1_ONE_BLOCK leaves it
  std::byte outer[kSha1StateBytes];  // ... after key ^ opad
  std::byte reserved[24];
};
static_assert(sizeof(HmacKey) == 64);

// AES-CM with HMAC-SHA1: four cache lines with 128-bit keys, five with 256-bit keys.
template <std::size_t kRoundKeyBytes>
struct alignas(64) CmKeyOf {
  HmacKey hmac;
  std::byte round_keys[kRoundKeyBytes];
  std::byte reserved[16];
};
using CmKey = CmKeyOf<kAes128RoundKeyBytes>;
using CmKey256 = CmKeyOf<kAes256RoundKeyBytes>;
static_assert(sizeof(CmKey) == 256 && sizeof(CmKey256) == 320);
static_assert(offsetof(CmKey, round_keys) == offsetof(CmKey256, round_keys));

// AES-GCM, both key sizes. The library aligns gcm_key_data only when its own build macro is set, hence the alignment here.
struct alignas(64) GcmKey {
  gcm_key_data data;
};

// Null when the library refuses the level.
[[nodiscard]] std::unique_ptr<Engine> make_engine(IsaLevel level, HmacKernels kernels);

}  // namespace mediaward::crypto::ipsec_mb
