// SPDX-License-Identifier: Apache-2.0
// What the parts of the self-test share: a key of their own, and jobs run to their end. Private to crypto/self_test*.cc. Main thread.
#pragma once

#include <cstdint>
#include <span>

#include "crypto/engine.h"
#include "crypto/secret.h"

namespace mediaward::crypto::self_test_run {

// One key context that is released however the test ends.
class OwnedKey {
 public:
  OwnedKey(CryptoProvider& provider, Suite suite)
      : provider_(provider), suite_(suite), bytes_(provider.key_context_bytes(suite)), memory_(bytes_ + 63) {}
  OwnedKey(const OwnedKey&) = delete;
  OwnedKey& operator=(const OwnedKey&) = delete;
  ~OwnedKey() {
    if (expanded_) provider_.wipe(suite_, get());
  }
  [[nodiscard]] Result<void> expand(const SessionKeys& keys) {
    auto result = provider_.expand(suite_, keys, get());
    expanded_ = result.has_value();
    return result;
  }
  [[nodiscard]] KeyContext* get() noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(memory_.data());
    return reinterpret_cast<KeyContext*>((at + 63) & ~std::uintptr_t{63});
  }

 private:
  CryptoProvider& provider_;
  const Suite suite_;
  const std::size_t bytes_;
  SecretBytes memory_;
  bool expanded_ = false;
};

// False when the engine does not give all of them back.
[[nodiscard]] bool run_jobs(Engine& engine, std::span<Job> jobs, JobOp op);

}  // namespace mediaward::crypto::self_test_run
