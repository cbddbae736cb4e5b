// SPDX-License-Identifier: Apache-2.0
// Expanded keys of all flows in one provider's layout, both directions, with their session salts: what a participant of the
// benchmark seals with, and what the prepared jobs of the engine rows use. Wiped on destruction. The benchmark's thread.
#pragma once

#include <array>
#include <vector>

#include "bench/support/aligned_memory.h"
#include "bench/support/conferences.h"
#include "crypto/engine.h"

namespace mediaward::bench {

class KeyRing {
 public:
  struct Key {
    crypto::KeyContext* context = nullptr;
    std::array<std::byte, 16> salt{};
  };

  KeyRing(crypto::CryptoProvider& provider, crypto::Suite suite, const std::vector<Flow>& flows);
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;
  ~KeyRing();

  // Under which the participant seals, and under which the appliance seals towards it.
  [[nodiscard]] const Key& receive_key(std::size_t flow) const noexcept { return receive_[flow]; }
  [[nodiscard]] const Key& send_key(std::size_t flow) const noexcept { return send_[flow]; }

 private:
  Key expand(std::byte* at, const std::vector<std::uint8_t>& master);

  crypto::CryptoProvider& provider_;
  const crypto::SuiteInfo& suite_;
  const std::size_t stride_;
  AlignedMemory memory_;
  std::vector<Key> receive_, send_;
};

}  // namespace mediaward::bench
