// SPDX-License-Identifier: Apache-2.0
// See key_material.h. Main thread.
#include "dataplane/key_material.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

namespace mediaward::dataplane {
namespace {

ConstBytes master_of(const abi::Key& key) { return {reinterpret_cast<const std::byte*>(key.key), key.key_bytes}; }
ConstBytes salt_of(const abi::Key& key) { return {reinterpret_cast<const std::byte*>(key.salt), key.salt_bytes}; }
ConstBytes mki_of(const abi::Key& key) { return {reinterpret_cast<const std::byte*>(key.mki), key.mki_bytes}; }

std::uint64_t warn_at(std::uint64_t limit) noexcept { return limit - std::max<std::uint64_t>(limit / 16, 1); }

}  // namespace

std::uint64_t fingerprint_of(const abi::Key& key) noexcept { return crypto::key_fingerprint(master_of(key), salt_of(key)); }

KeyLifetime lifetime_of(const abi::Key& key) noexcept {
  KeyLifetime life;
  life.srtp_hard = key.lifetime_packets != 0 ? key.lifetime_packets : kMaxSrtpLifetime;
  life.srtcp_hard = key.lifetime_srtcp_packets != 0 ? key.lifetime_srtcp_packets : kMaxSrtcpLifetime;
  life.srtp_soft = warn_at(life.srtp_hard);
  life.srtcp_soft = warn_at(life.srtcp_hard);
  return life;
}

Result<std::shared_ptr<const KeyMaterial>> KeyMaterial::make(const abi::Key& key, const Place& place) {
  const auto* suite = crypto::find_suite(static_cast<crypto::Suite>(key.suite));
  if (suite == nullptr) return fail(ErrorCode::kUnsupported, "unknown crypto suite " + std::to_string(key.suite));
  if (key.key_bytes > sizeof key.key || key.salt_bytes > sizeof key.salt)
    return fail(ErrorCode::kInvalid, "key or salt is longer than any suite's");
  const auto srtp = crypto::derive_session_keys(suite->id, master_of(key), salt_of(key), crypto::KeyUse::kSrtp);
  if (!srtp) return tl::unexpected(srtp.error());
  const auto srtcp = crypto::derive_session_keys(suite->id, master_of(key), salt_of(key), crypto::KeyUse::kSrtcp);
  if (!srtcp) return tl::unexpected(srtcp.error());

  std::shared_ptr<KeyMaterial> material(new KeyMaterial(*suite, place));
  material->fingerprint_ = fingerprint_of(key);
  material->srtp_salt_ = srtp->salt;
  material->srtcp_salt_ = srtcp->salt;
  const ConstBytes mki = mki_of(key);
  material->mki_.assign(mki.begin(), mki.end());
  material->lifetime_ = lifetime_of(key);
  const KeyLifetime& life = material->lifetime_;
  if (key.lifetime_packets != 0 || key.lifetime_srtcp_packets != 0)
    material->usage_.reset(new KeyUsage{0, 0, life.srtp_soft, life.srtp_hard, life.srtcp_soft, life.srtcp_hard});
  for (std::size_t n = place.provider.key_contexts_shared() ? 1 : place.workers; n != 0; --n) {
    auto& contexts = material->contexts_.emplace_back();
    auto made = material->expand(*srtp);
    if (!made) return tl::unexpected(made.error());
    contexts.srtp = *made;
    made = material->expand(*srtcp);
    if (!made) return tl::unexpected(made.error());
    contexts.srtcp = *made;
  }
  return material;
}

Result<crypto::KeyContext*> KeyMaterial::expand(const crypto::SessionKeys& session) {
  const std::size_t bytes = provider_.key_context_bytes(suite_.id);
  crypto::KeyContext* context = arena_.allocate_key(bytes);
  if (context == nullptr) return fail(ErrorCode::kExhausted, "key memory is exhausted: raise limits.legs");
  if (auto expanded = provider_.expand(suite_.id, session, context); !expanded) {
    arena_.release(context, bytes);
    return tl::unexpected(expanded.error());
  }
  return context;
}

void KeyMaterial::release(crypto::KeyContext* context) noexcept {
  if (context == nullptr) return;
  provider_.wipe(suite_.id, context);
  arena_.release(context, provider_.key_context_bytes(suite_.id));
}

KeyMaterial::~KeyMaterial() {
  for (const Contexts& contexts : contexts_) {
    release(contexts.srtp);
    release(contexts.srtcp);
  }
  OPENSSL_cleanse(srtp_salt_.data(), srtp_salt_.size());
  OPENSSL_cleanse(srtcp_salt_.data(), srtcp_salt_.size());
}

bool KeyMaterial::same_terms(const abi::Key& key) const noexcept {
  const KeyLifetime other = lifetime_of(key);
  return std::ranges::equal(mki_, mki_of(key)) && lifetime_.srtp_hard == other.srtp_hard && lifetime_.srtcp_hard == other.srtcp_hard;
}

std::shared_ptr<const KeyMaterial> find_key(const KeyList& keys, std::uint64_t fingerprint) noexcept {
  for (const auto& key : keys)
    if (key->fingerprint() == fingerprint) return key;
  return nullptr;
}

}  // namespace mediaward::dataplane
