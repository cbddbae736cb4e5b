// SPDX-License-Identifier: Apache-2.0
// A provider whose engines behave like a device: a job that was taken is not touched until the k-th poll after its
// submission, and is computed only then. A pipeline that reuses a buffer or a key too early fails visibly.
// The queue is bounded: submit takes fewer jobs when it is full. For tests; same threads as the engine it wraps.
#pragma once

#include <memory>

#include "crypto/engine.h"

namespace mediaward::test_support {

struct DelayingOptions {
  unsigned polls = 1;            // completes in the k-th poll after submission, k >= 1
  std::size_t queue_jobs = 256;  // most jobs in flight
};

// `inner` must outlive the result and its engines; its engines must be synchronous.
[[nodiscard]] std::unique_ptr<crypto::CryptoProvider> make_delaying_provider(crypto::CryptoProvider& inner, const DelayingOptions& options);

}  // namespace mediaward::test_support
