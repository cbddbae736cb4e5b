// SPDX-License-Identifier: Apache-2.0
// Known-answer test of a provider, run at start: a provider that fails is not used.
// Published vectors of every suite through the same submit/poll the workers use: sealed, opened and checked, alone and in a burst
// that does not fill its last lane group; and every packet once tampered with, which must fail. Then tags of HMAC-SHA1 over bursts of every
// size against libcrypto. Takes about ten milliseconds. Main thread.
#pragma once

#include "crypto/engine.h"

namespace mediaward::crypto {

// The error names the vector or the burst and what went wrong.
[[nodiscard]] Result<void> self_test(CryptoProvider& provider);

}  // namespace mediaward::crypto
