// SPDX-License-Identifier: Apache-2.0
// The part of the self-test that is about bursts. Private to crypto/self_test*.cc. Main thread.
#pragma once

#include <string>

#include "crypto/engine.h"

namespace mediaward::crypto {

// Tags of HMAC-SHA1 over bursts of 1 to 40 packets against libcrypto's. What is wrong, or nothing.
[[nodiscard]] std::string test_tags(CryptoProvider& provider, Engine& engine);

}  // namespace mediaward::crypto
