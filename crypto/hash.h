// SPDX-License-Identifier: Apache-2.0
// The seam to everything that computes message digests (FIPS 180-4): many messages per call, as bursts of content bring them.
// A HashProvider is made once per process (main thread) and makes one Hasher per worker. Calls through these vtables happen per burst.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "crypto/cpu_features.h"
#include "crypto/error.h"

namespace mediaward::crypto {

// Numeric values are those of the "Merkle hash function" option (RFC 7574 §7.6).
enum class HashId : std::uint8_t { kSha1 = 0, kSha224 = 1, kSha256 = 2, kSha384 = 3, kSha512 = 4 };

inline constexpr std::size_t kHashIds = 5;
inline constexpr std::size_t kMaxDigestBytes = 64;

[[nodiscard]] constexpr std::size_t digest_bytes(HashId id) noexcept {
  constexpr std::uint8_t kBytes[kHashIds] = {20, 28, 32, 48, 64};
  return kBytes[static_cast<std::size_t>(id)];
}

// The message stays readable and the digest writable during the call; digests overlap no message of it.
struct HashMessage {
  const std::byte* data;
  std::uint32_t bytes;
  std::byte* digest;  // digest_bytes of the hash are written
};

// Used by exactly one worker thread.
class Hasher {
 public:
  Hasher() = default;
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  virtual ~Hasher() = default;

  // Any number of messages of any lengths, in any order. All digests are there when it returns. False: the library underneath failed, and no
  // digest of this call may be used.
  [[nodiscard]] virtual bool hash(HashId id, std::span<const HashMessage> messages) noexcept = 0;
};

// Main thread.
class HashProvider {
 public:
  HashProvider() = default;
  HashProvider(const HashProvider&) = delete;
  HashProvider& operator=(const HashProvider&) = delete;
  virtual ~HashProvider() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;  // "native", "ipsec-mb", "openssl"
  [[nodiscard]] virtual std::string_view isa() const noexcept = 0;   // "avx512+sha", "avx512", "avx2", "sse", "sha", "-"
  [[nodiscard]] virtual std::string choice() const { return {}; }    // which of its kernels does what, for people; empty: it has one way
  [[nodiscard]] virtual std::unique_ptr<Hasher> make_hasher() = 0;
};

// One message after the other through libcrypto: the oracle, and what serves where nothing better runs.
[[nodiscard]] std::unique_ptr<HashProvider> make_openssl_hash_provider();

// Our own kernels for SHA-1, SHA-224 and SHA-256, libcrypto for the others.
enum class HashIsa : std::uint8_t { kAvx512Sha, kAvx512, kSha };
inline constexpr HashIsa kHashIsas[] = {HashIsa::kAvx512Sha, HashIsa::kAvx512, HashIsa::kSha};
[[nodiscard]] bool cpu_supports(HashIsa isa) noexcept;
// kAvx512Sha: of a group of up to sixteen messages, so many at most go to SHA-NI. Which is faster depends on the CPU, and on the hash.
struct NarrowLimits {
  unsigned sha1 = 6, sha256 = 6;
};
// kUnsupported when CPU or kernel cannot run it.
[[nodiscard]] Result<std::unique_ptr<HashProvider>> make_native_hash_provider(HashIsa isa, NarrowLimits limits = {});
// From how long sixteen messages take side by side, and how long by SHA-NI: up to how many SHA-NI is not slower.
[[nodiscard]] unsigned narrow_limit(double wide_ns, double narrow_ns) noexcept;
// Times both on this CPU, which has to support kAvx512Sha: about a millisecond.
[[nodiscard]] NarrowLimits measure_narrow_limits();

// The multi-buffer library's, a second implementation to check and measure ours by. kUnsupported when CPU, kernel or library cannot.
[[nodiscard]] Result<std::unique_ptr<HashProvider>> make_ipsec_mb_hash_provider(IsaLevel level);

// Known answers, and every path through kernels and padding against each other. kInternal names the first that is wrong.
[[nodiscard]] Result<void> self_test(HashProvider& provider);

// The widest that this CPU runs and whose self-test passes, with its kernels shared out by what they take here; `refused` says which did not
// and why, one line each.
[[nodiscard]] std::unique_ptr<HashProvider> select_hash_provider(std::string& refused);

}  // namespace mediaward::crypto
