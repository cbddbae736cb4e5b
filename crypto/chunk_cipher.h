// SPDX-License-Identifier: Apache-2.0
// Chunks as ciphertext under a content key (RFC 7574 §12.4): peers, caches and this appliance pass on and verify what they cannot read; the
// key goes from the content provider to the users by way of the AS. Only tools encrypt and decrypt.
// Gives secrecy alone: the hash tree is over the ciphertext, so what was verified may be decrypted, and nothing else should be.
// One thread per object.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/error.h"
#include "crypto/secret.h"

struct evp_cipher_ctx_st;

namespace mediaward::crypto {

// AES-CTR (NIST SP 800-38A §6.5). The counter block, big-endian throughout:
//
//      0              6                              14      16
//      +--------------+------------------------------+-------+
//      | swarm salt   | chunk number                 | block |
//      +--------------+------------------------------+-------+
//
// `block` counts 16-byte blocks within the chunk from 0, so a chunk of up to 1 MiB uses each of its 2^16 values once and never carries into
// the chunk number; the number is all 64 bits that RFC 7574 §4 can address, so live swarms have the same layout and no number wraps. Hence,
// under one key and salt, no two blocks of any two chunks share a counter block. CTR keeps its promise only while that holds:
//   * one key per version of a content: a chunk number that gets other bytes (a live injector that starts again) needs a new key;
//   * the salt keeps apart swarms that share a key all the same (the qualities of one film), and makes tables computed ahead dear.
// The salt is drawn with the key and travels with it. It cannot be the swarm ID: that of static content is the root over the ciphertext.
inline constexpr std::size_t kChunkSaltBytes = 6;
inline constexpr std::size_t kMaxCipherChunkBytes = std::size_t{1} << 20;

struct ContentKey {
  SecretBytes key;  // 16 or 32
  std::array<std::byte, kChunkSaltBytes> salt{};
};

// The text of a key file: key and salt in hex, one behind the other (44 or 76 digits), white space around them. `openssl rand -hex 22` and
// `openssl rand -hex 38` make one. The caller wipes the text.
[[nodiscard]] Result<ContentKey> parse_content_key(std::string_view text);

class ChunkCipher {
 public:
  // kInvalid when the key is neither AES-128's nor AES-256's.
  [[nodiscard]] static Result<ChunkCipher> create(const ContentKey& key);

  ChunkCipher(ChunkCipher&&) noexcept = default;
  ChunkCipher& operator=(ChunkCipher&&) noexcept = default;

  // `out` takes as many bytes as `in` has; in place or apart, never shifted. False: the chunk is longer than kMaxCipherChunkBytes, or `out`
  // shorter than `in` (nothing is written), or libcrypto failed.
  [[nodiscard]] bool encrypt(std::uint64_t chunk, ConstBytes in, Bytes out) noexcept;
  // The same operation, CTR being what it is.
  [[nodiscard]] bool decrypt(std::uint64_t chunk, ConstBytes in, Bytes out) noexcept { return encrypt(chunk, in, out); }

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const noexcept;  // wipes the round keys
  };
  using Context = std::unique_ptr<evp_cipher_ctx_st, Free>;
  ChunkCipher(Context context, const std::array<std::byte, kChunkSaltBytes>& salt) noexcept : context_(std::move(context)), salt_(salt) {}

  Context context_;
  std::array<std::byte, kChunkSaltBytes> salt_;
};

}  // namespace mediaward::crypto
