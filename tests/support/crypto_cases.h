// SPDX-License-Identifier: Apache-2.0
// Jobs with memory of their own for engine tests: described once, built bit-identical for any number of engines, run, compared
// over the whole memory including guard bytes. Key rings hold the same keys for any provider.
// For tests; single thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/cpu_features.h"
#include "crypto/engine.h"
#include "crypto/secret.h"

namespace mediaward::test_support {

[[nodiscard]] std::vector<std::byte> from_hex(std::string_view hex);

// The provider of that name: "openssl", or ipsec-mb at the level "sse", "avx2" or "avx512", the last with HMAC from our own kernels, or
// from the library as "avx512-library". Null when this machine cannot run it.
[[nodiscard]] std::unique_ptr<crypto::CryptoProvider> make_provider(std::string_view name);
inline constexpr std::array<std::string_view, 5> kProviderNames{"openssl", "sse", "avx2", "avx512", "avx512-library"};
// How a test with that parameter may be called.
[[nodiscard]] std::string test_name(std::string_view provider);

// Session keys number 0..n-1 of every kind of key context, expanded by one provider. Key i is the same for every provider.
class KeyRing {
 public:
  KeyRing(crypto::CryptoProvider& provider, unsigned keys);
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;
  ~KeyRing();
  // `suite`: one of kRingSuites.
  [[nodiscard]] const crypto::KeyContext* key(crypto::Suite suite, unsigned i) const;

  static constexpr std::array kRingSuites{crypto::Suite::kAesCm128HmacSha1_80, crypto::Suite::kAesCm256HmacSha1_80,
                                          crypto::Suite::kAeadAes128Gcm, crypto::Suite::kAeadAes256Gcm, crypto::Suite::kNullHmacSha1_80};

 private:
  crypto::CryptoProvider& provider_;
  std::unique_ptr<crypto::SecretArena> arena_;
  std::array<std::vector<crypto::KeyContext*>, kRingSuites.size()> keys_;
};

// The row of the suites whose open, seal or check the operation is, with an 80-bit tag where there is a choice.
[[nodiscard]] const crypto::SuiteInfo& suite_of(crypto::JobOp op);

struct PacketSpec {
  crypto::JobOp op = crypto::JobOp::kCm128Seal;
  crypto::Suite key_suite = crypto::Suite::kNone;  // kNone: that of the operation; for NULL operations under a CM key
  unsigned key = 0;
  std::uint16_t aad_bytes = 12;
  std::vector<std::uint32_t> pieces{160};  // at least one; may be 0 bytes
  bool in_place = true;
  std::uint8_t tag_bytes = 10;
  bool detached_tag = false;  // 24 bytes behind the ciphertext instead of right behind it
  bool detached_aad = false;  // GCM only: not in front of the ciphertext but behind everything
  std::uint32_t roc = 0;
  std::uint64_t seed = 0;  // of everything random in it
  int tamper_byte = -1;    // opening: which byte of header, ciphertext, tag gets a flipped bit
  bool tamper_roc = false;
  bool tamper_iv = false;  // GCM only: AES-CM authenticates the index by its ROC alone
};

// One job and its memory. What is to be opened is sealed by `oracle` first.
class Packet {
 public:
  Packet(const PacketSpec& spec, const KeyRing& keys, crypto::Engine& oracle, const KeyRing& oracle_keys);
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;

  [[nodiscard]] crypto::Job& job() noexcept { return job_; }
  [[nodiscard]] const std::vector<std::byte>& memory() const noexcept { return memory_; }
  [[nodiscard]] std::uint32_t authenticated_bytes() const noexcept;  // header, ciphertext and tag: what tamper_byte counts through

 private:
  void lay_out(const PacketSpec& spec);
  void seal_first(const PacketSpec& spec, crypto::Engine& oracle, const KeyRing& oracle_keys);
  void tamper(const PacketSpec& spec);
  std::byte* authenticated_byte(std::uint32_t i);

  std::vector<std::byte> memory_;
  crypto::Job job_;
  std::vector<crypto::Segment> more_;
};

// Runs all jobs to completion, in submits as large as the engine takes.
void run_all(crypto::Engine& engine, const std::vector<crypto::Job*>& jobs);

inline constexpr std::array kAllOps = [] {
  std::array<crypto::JobOp, crypto::kJobOps> all{};
  for (unsigned i = 0; i < crypto::kJobOps; ++i) all[i] = static_cast<crypto::JobOp>(i);
  return all;
}();

[[nodiscard]] constexpr bool is_open(crypto::JobOp op) noexcept {
  return !crypto::is_seal(op);
}  // or checks
[[nodiscard]] constexpr bool is_check(crypto::JobOp op) noexcept {
  return op == crypto::JobOp::kGcm128Check || op == crypto::JobOp::kGcm256Check;
}

// A valid spec of that operation with its usual tag.
[[nodiscard]] PacketSpec spec_of(crypto::JobOp op, std::vector<std::uint32_t> pieces, std::uint64_t seed);

// A random valid spec: any operation, 0..max_bytes in one piece, headers with CSRCs and extension, tags of any length, in place or not.
[[nodiscard]] PacketSpec random_spec(std::mt19937_64& random, unsigned keys, std::uint32_t max_bytes);

}  // namespace mediaward::test_support
