// SPDX-License-Identifier: Apache-2.0
// One master key as the controller gave it, expanded: session keys of SRTP and of SRTCP, as key contexts per worker in the secret
// arena, with its name on the wire (MKI) and its lifetime. Whether a key may be used at all is decided elsewhere (stage_keys.cc).
// Main thread; workers read the contexts.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "crypto/engine.h"
#include "crypto/secret.h"
#include "dataplane/tables.h"

namespace mediaward::dataplane {

inline constexpr std::uint64_t kMaxSrtpLifetime = std::uint64_t{1} << 48;   // packets of one SSRC (RFC 3711 §9.2)
inline constexpr std::uint64_t kMaxSrtcpLifetime = std::uint64_t{1} << 31;

// What a key is known by. Its lengths must be within its fields.
[[nodiscard]] std::uint64_t fingerprint_of(const abi::Key& key) noexcept;
// Limits and when to tell that they come near: with a sixteenth of the packets left, at least one.
[[nodiscard]] KeyLifetime lifetime_of(const abi::Key& key) noexcept;

class KeyMaterial {
 public:
  struct Place {
    crypto::CryptoProvider& provider;
    crypto::SecretArena& arena;
    std::size_t workers;
  };
  // kInvalid when lengths are not those of the suite, kExhausted when the arena is full.
  [[nodiscard]] static Result<std::shared_ptr<const KeyMaterial>> make(const abi::Key& key, const Place& place);
  KeyMaterial(const KeyMaterial&) = delete;
  KeyMaterial& operator=(const KeyMaterial&) = delete;
  ~KeyMaterial();

  [[nodiscard]] const crypto::SuiteInfo& suite() const noexcept { return suite_; }
  // A context per worker, or one for all when the provider's contexts may be shared.
  [[nodiscard]] const crypto::KeyContext* srtp(std::size_t worker) const noexcept { return contexts_[worker < contexts_.size() ? worker : 0].srtp; }
  [[nodiscard]] const crypto::KeyContext* srtcp(std::size_t worker) const noexcept { return contexts_[worker < contexts_.size() ? worker : 0].srtcp; }
  [[nodiscard]] const std::array<std::byte, 16>& srtp_salt() const noexcept { return srtp_salt_; }
  [[nodiscard]] const std::array<std::byte, 16>& srtcp_salt() const noexcept { return srtcp_salt_; }
  [[nodiscard]] std::uint64_t fingerprint() const noexcept { return fingerprint_; }
  [[nodiscard]] const std::vector<std::byte>& mki() const noexcept { return mki_; }
  [[nodiscard]] const KeyLifetime& lifetime() const noexcept { return lifetime_; }
  // Of a key whose lifetime the controller shortened; nullptr otherwise. It lives as long as the key does: whatever else of a leg is
  // replaced, the count goes on.
  [[nodiscard]] KeyUsage* usage() const noexcept { return usage_.get(); }
  // The same name and the same lifetime.
  [[nodiscard]] bool same_terms(const abi::Key& key) const noexcept;

 private:
  struct Contexts {
    crypto::KeyContext* srtp = nullptr;
    crypto::KeyContext* srtcp = nullptr;
  };
  KeyMaterial(const crypto::SuiteInfo& suite, const Place& place) : suite_(suite), provider_(place.provider), arena_(place.arena) {}
  [[nodiscard]] Result<crypto::KeyContext*> expand(const crypto::SessionKeys& session);
  void release(crypto::KeyContext* context) noexcept;

  const crypto::SuiteInfo& suite_;
  crypto::CryptoProvider& provider_;
  crypto::SecretArena& arena_;
  std::vector<Contexts> contexts_;
  std::array<std::byte, 16> srtp_salt_{}, srtcp_salt_{};
  std::uint64_t fingerprint_ = 0;
  std::vector<std::byte> mki_;
  KeyLifetime lifetime_;
  std::unique_ptr<KeyUsage> usage_;
};

using KeyList = std::vector<std::shared_ptr<const KeyMaterial>>;

// The key of this list with this fingerprint, or nullptr.
[[nodiscard]] std::shared_ptr<const KeyMaterial> find_key(const KeyList& keys, std::uint64_t fingerprint) noexcept;

}  // namespace mediaward::dataplane
