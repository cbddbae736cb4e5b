// SPDX-License-Identifier: Apache-2.0
// See key_ring.h.
#include "bench/support/key_ring.h"

#include <stdexcept>

#include "crypto/srtp_kdf.h"

namespace mediaward::bench {

KeyRing::KeyRing(crypto::CryptoProvider& provider, crypto::Suite suite, const std::vector<Flow>& flows)
    : provider_(provider),
      suite_(*crypto::find_suite(suite)),
      stride_((provider.key_context_bytes(suite) + 63) / 64 * 64),
      memory_(2 * flows.size() * stride_) {
  std::byte* at = memory_.data();
  for (const Flow& flow : flows) {
    receive_.push_back(expand(at, flow.receive_key));
    send_.push_back(expand(at + stride_, flow.send_key));
    at += 2 * stride_;
  }
}

KeyRing::~KeyRing() {
  for (const auto* keys : {&receive_, &send_})
    for (const Key& key : *keys) provider_.wipe(suite_.id, key.context);
}

KeyRing::Key KeyRing::expand(std::byte* at, const std::vector<std::uint8_t>& master) {
  const auto bytes = std::as_bytes(std::span(master));
  const auto keys = crypto::derive_session_keys(suite_.id, bytes.first(suite_.key_bytes), bytes.subspan(suite_.key_bytes), crypto::KeyUse::kSrtp);
  if (!keys) throw std::runtime_error(keys.error().message);
  Key key{reinterpret_cast<crypto::KeyContext*>(at), keys->salt};
  if (auto expanded = provider_.expand(suite_.id, *keys, key.context); !expanded) throw std::runtime_error(expanded.error().message);
  return key;
}

}  // namespace mediaward::bench
