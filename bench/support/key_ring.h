// SPDX-License-Identifier: Apache-2.0
// Expanded keys in one provider's layout, one after the other, with their session salts: what the participants of the benchmark seal
// with, and what the prepared jobs of the engine rows use. Wiped on destruction. The benchmark's thread.
#pragma once

#include <array>
#include <vector>

#include "bench/support/aligned_memory.h"
#include "crypto/engine.h"

namespace mediaward::bench {

class KeyRing {
 public:
  struct Key {
    crypto::KeyContext* context = nullptr;
    std::array<std::byte, 16> salt{};
  };

  // Room for `keys`; add expands one (key and salt in one, as libsrtp wants them).
  KeyRing(crypto::CryptoProvider& provider, crypto::Suite suite, std::size_t keys);
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;
  ~KeyRing();

  void add(const std::vector<std::uint8_t>& master);
  [[nodiscard]] const Key& operator[](std::size_t i) const noexcept { return keys_[i]; }

 private:
  crypto::CryptoProvider& provider_;
  const crypto::SuiteInfo& suite_;
  const std::size_t stride_;
  AlignedMemory memory_;
  std::vector<Key> keys_;
};

}  // namespace mediaward::bench
