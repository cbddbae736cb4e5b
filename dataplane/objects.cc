// SPDX-License-Identifier: Apache-2.0
// See objects.h. Main thread.
#include "dataplane/objects.h"

#include <cstring>

namespace mediaward::dataplane {

Result<std::shared_ptr<const KeyMaterial>> KeyMaterial::make(const abi::Key& key, crypto::CryptoProvider& provider, crypto::SecretArena& arena,
                                                             std::size_t workers) {
  const auto* suite = crypto::find_suite(static_cast<crypto::Suite>(key.suite));
  if (suite == nullptr) return fail(ErrorCode::kUnsupported, "unknown crypto suite " + std::to_string(key.suite));
  if (key.key_bytes > sizeof key.key || key.salt_bytes > sizeof key.salt)
    return fail(ErrorCode::kInvalid, "key or salt is longer than any suite's");
  const ConstBytes master(reinterpret_cast<const std::byte*>(key.key), key.key_bytes);
  const ConstBytes salt(reinterpret_cast<const std::byte*>(key.salt), key.salt_bytes);
  const auto session = crypto::derive_session_keys(suite->id, master, salt, crypto::KeyUse::kSrtp);
  if (!session) return tl::unexpected(session.error());

  std::shared_ptr<KeyMaterial> material(new KeyMaterial(*suite, provider, arena));
  material->fingerprint_ = crypto::key_fingerprint(master, salt);
  material->salt_ = session->salt;
  const std::size_t bytes = provider.key_context_bytes(suite->id);
  for (std::size_t n = provider.key_contexts_shared() ? 1 : workers; n != 0; --n) {
    crypto::KeyContext* context = arena.allocate_key(bytes);
    if (context == nullptr) return fail(ErrorCode::kExhausted, "key memory is exhausted: raise limits.legs");
    if (auto expanded = provider.expand(suite->id, *session, context); !expanded) {
      arena.release(context, bytes);
      return tl::unexpected(expanded.error());
    }
    material->contexts_.push_back(context);
  }
  return material;
}

KeyMaterial::~KeyMaterial() {
  for (crypto::KeyContext* context : contexts_) {
    provider_.wipe(suite_.id, context);
    arena_.release(context, provider_.key_context_bytes(suite_.id));
  }
  std::memset(salt_.data(), 0, salt_.size());
}

}  // namespace mediaward::dataplane
