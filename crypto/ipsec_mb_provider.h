// SPDX-License-Identifier: Apache-2.0
// The provider over Intel's multi-buffer library: the fast path of the product.
// One provider per instruction set level, so that levels can be measured against each other; a key context made by one level
// must not be used by another (the layout of GCM's hash-key powers differs). Key contexts hold no pointers.
// Made by the main thread; call make_engine on the worker's NUMA node: it first touches the manager's 200 kB there.
#pragma once

#include <memory>

#include "crypto/cpu_features.h"
#include "crypto/engine.h"

namespace mediaward::crypto {

// Where HMAC-SHA1 comes from at the level avx512: our own kernels, which take a burst in lockstep, or the library's job manager. The other
// levels have the library's.
enum class HmacKernels : std::uint8_t { kOwn, kLibrary };

// Fails with kUnsupported when CPU, kernel or the installed library cannot run that level.
[[nodiscard]] Result<std::unique_ptr<CryptoProvider>> make_ipsec_mb_provider(IsaLevel level, HmacKernels kernels = HmacKernels::kOwn);

}  // namespace mediaward::crypto
