// SPDX-License-Identifier: Apache-2.0
// See key_ring.h.
#include "bench/support/key_ring.h"

#include <stdexcept>

#include "crypto/srtp_kdf.h"

namespace mediaward::bench {

KeyRing::KeyRing(crypto::CryptoProvider& provider, crypto::Suite suite, std::size_t keys)
    : provider_(provider),
      suite_(*crypto::find_suite(suite)),
      stride_((provider.key_context_bytes(suite) + 63) / 64 * 64),
      memory_(keys * stride_) {
  keys_.reserve(keys);
}

KeyRing::~KeyRing() {
  for (const Key& key : keys_) provider_.wipe(suite_.id, key.context);
}

void KeyRing::add(const std::vector<std::uint8_t>& master) {
  const auto bytes = std::as_bytes(std::span(master));
  const auto session =
      crypto::derive_session_keys(suite_.id, bytes.first(suite_.key_bytes), bytes.subspan(suite_.key_bytes), crypto::KeyUse::kSrtp);
  if (!session) throw std::runtime_error(session.error().message);
  const Key key{reinterpret_cast<crypto::KeyContext*>(memory_.data() + keys_.size() * stride_), session->salt};
  if (auto expanded = provider_.expand(suite_.id, *session, key.context); !expanded) throw std::runtime_error(expanded.error().message);
  keys_.push_back(key);
}

}  // namespace mediaward::bench
