// SPDX-License-Identifier: Apache-2.0
// A provider whose engines behave like a device: a job that was taken is not touched until the k-th poll after its
// submission, and is computed only then. A pipeline that reuses a buffer or a key too early fails visibly. On request jobs of different
// keys overtake each other, and some fail.
// The queue is bounded: submit takes fewer jobs when it is full. For tests; same threads as the engine it wraps.
#pragma once

#include <cstdint>
#include <memory>

#include "crypto/engine.h"

namespace mediaward::test_support {

struct DelayingOptions {
  unsigned polls = 1;            // completes in the k-th poll after submission, k >= 1
  std::size_t queue_jobs = 256;  // most jobs in flight
  unsigned spread = 0;           // each job takes up to so many polls more, drawn by `seed`: keys overtake each other, jobs of one key do not
  unsigned fail_every = 0;       // every n-th job comes back as kEngineError, untouched; 0: none
  std::uint32_t seed = 1;
};

// `inner` must outlive the result and its engines; its engines must be synchronous.
[[nodiscard]] std::unique_ptr<crypto::CryptoProvider> make_delaying_provider(crypto::CryptoProvider& inner, const DelayingOptions& options);

}  // namespace mediaward::test_support
