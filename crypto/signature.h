// SPDX-License-Identifier: Apache-2.0
// Signatures of live content (RFC 7574 §6.1): the key is the swarm ID itself, one DNSSEC algorithm number and the public key as a DNSKEY
// record holds it, so whoever knows which swarm he is in can verify. And the text that a munro's signature covers.
// Deliberately knows no X.509, no clock (is the timestamp recent?) and no chunks.
// A verification takes 20 µs (RSA) to 0.7 ms (P-384) and allocates: helper threads, never a worker. Keys are made on the main thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/error.h"

struct evp_pkey_st;

namespace mediaward::crypto {

// Numeric values are the DNSSEC algorithm numbers, which the "live signature algorithm" option carries (RFC 7574 §7.7).
enum class SignatureAlgorithm : std::uint8_t {
  kRsaSha1 = 5,           // RFC 3110
  kRsaSha256 = 8,         // RFC 5702
  kEcdsaP256Sha256 = 13,  // RFC 6605
  kEcdsaP384Sha384 = 14,  // RFC 6605
};
inline constexpr SignatureAlgorithm kSignatureAlgorithms[] = {SignatureAlgorithm::kRsaSha1, SignatureAlgorithm::kRsaSha256,
                                                              SignatureAlgorithm::kEcdsaP256Sha256, SignatureAlgorithm::kEcdsaP384Sha384};

// "RSASHA1", "RSASHA256", "ECDSAP256SHA256", "ECDSAP384SHA384" (IANA's mnemonics); "" for any other number.
[[nodiscard]] std::string_view to_string(SignatureAlgorithm algorithm) noexcept;

// RSA moduli of less than 2048 bits are for legacy use only (NIST SP 800-131A §3, RFC 8301 §3.2) and refused unless the caller says that
// his swarm needs one; below 1024 bits or above 4096 (RFC 3110 §2, RFC 5702 §2) none is ever taken. RSASHA1 is mandatory to implement (RFC
// 7574 §7.7) and stays allowed: the forger of a munro needs a second preimage, which SHA-1 still resists; operators should choose 13.
enum class ShortRsaKeys : std::uint8_t { kRefused, kAllowed };

inline constexpr std::size_t kMaxSignatureBytes = 512;  // a 4096-bit modulus

// The public half. Immutable: any number of threads may verify with one key at once.
class SignatureKey {
 public:
  // Swarm ID of a live swarm (RFC 7574 §7.2): algorithm octet, then exponent and modulus (RFC 3110 §2) or X ‖ Y (RFC 6605 §4).
  // kUnsupported: another algorithm. kInvalid: wrong length, a point off the curve, an exponent that is even, below 3 or above 64 bits, a
  // modulus that is out of bounds or a prime; the message says which. An RSA modulus is tested for 3 to 20 ms.
  [[nodiscard]] static Result<SignatureKey> from_swarm_id(ConstBytes swarm_id, ShortRsaKeys short_rsa = ShortRsaKeys::kRefused);

  SignatureKey(SignatureKey&&) noexcept = default;
  SignatureKey& operator=(SignatureKey&&) noexcept = default;

  [[nodiscard]] SignatureAlgorithm algorithm() const noexcept { return algorithm_; }
  // What a SIGNED_INTEGRITY message carries: the modulus' length, or r ‖ s (64 or 96).
  [[nodiscard]] std::size_t signature_bytes() const noexcept { return signature_bytes_; }

  // Is `signature` one of this key over the parts, one behind the other? False as well for an empty message, for a signature of another
  // length and when libcrypto is out of memory. ECDSA's are malleable (s and n - s both verify): never take a signature for a name of what
  // it signs.
  [[nodiscard]] bool verify(std::span<const ConstBytes> message, ConstBytes signature) const noexcept;
  [[nodiscard]] bool verify(ConstBytes message, ConstBytes signature) const noexcept { return verify({&message, 1}, signature); }

 private:
  friend class SigningKey;
  struct Free {
    void operator()(evp_pkey_st* key) const noexcept;
  };
  using Key = std::unique_ptr<evp_pkey_st, Free>;
  SignatureKey(SignatureAlgorithm algorithm, std::size_t signature_bytes, Key key) noexcept
      : algorithm_(algorithm), signature_bytes_(signature_bytes), key_(std::move(key)) {}

  SignatureAlgorithm algorithm_;
  std::size_t signature_bytes_;
  Key key_;
};

// What the signature of a munro covers. libswift, the authors' implementation, signs the hash alone (and so neither place nor time): a
// munro of it can be replayed at another place, hence only where the swarm is known to need it.
enum class MunroForm : std::uint8_t { kRfc7574, kLibswift };

// The text by value, so that it can wait for a helper thread after its datagram is gone.
class MunroText {
 public:
  static constexpr std::size_t kMaxChunkSpecBytes = 16;  // 64-bit ranges (RFC 7574 §8.2)
  static constexpr std::size_t kMaxHashBytes = 64;       // SHA-512

  MunroText() = default;
  // RFC 7574 §6.1.2.2: chunkspec(munro) ‖ timestamp ‖ hash; `chunkspec` as INTEGRITY carries it, which depends on the addressing method.
  // Empty, and so never verified, when a part is longer than any of the protocol.
  MunroText(MunroForm form, ConstBytes chunkspec, std::uint64_t ntp_timestamp, ConstBytes munro_hash) noexcept;

  [[nodiscard]] ConstBytes view() const noexcept { return ConstBytes(bytes_).first(size_); }

 private:
  void append(ConstBytes part) noexcept;

  std::array<std::byte, kMaxChunkSpecBytes + sizeof(std::uint64_t) + kMaxHashBytes> bytes_{};
  std::uint8_t size_ = 0;
};

}  // namespace mediaward::crypto
