// SPDX-License-Identifier: Apache-2.0
// The provider over OpenSSL's libcrypto: works on every CPU, and is the oracle the others are compared with.
// One packet at a time, with contexts that are reused and MACs that are keyed once per key. Does no multi-buffer work.
// Made by the main thread; its engines run on one worker each, and a key context belongs to one worker only.
#pragma once

#include <memory>

#include "crypto/engine.h"

namespace mediaward::crypto {

[[nodiscard]] std::unique_ptr<CryptoProvider> make_openssl_provider();

}  // namespace mediaward::crypto
