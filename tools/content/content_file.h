// SPDX-License-Identifier: Apache-2.0
// Files of content as whoever prepares or receives it treats them: the root hash over their chunks (RFC 7574 §5), and their chunks under a
// content key. In memory of some MiB, whatever their length. What is written is a new file, never one that exists.
// Knows no swarm file and no daemon. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crypto/chunk_cipher.h"
#include "crypto/error.h"
#include "crypto/hash.h"

namespace mediaward::tools {

struct ContentHash {
  std::vector<std::uint8_t> root;
  std::uint64_t bytes = 0, chunks = 0;
};

// leaves: file that gets the digest of every chunk, one behind the other; empty: none.
[[nodiscard]] Result<ContentHash> hash_file(const std::string& path, crypto::HashId hash, std::uint32_t chunk_bytes,
                                            const std::string& leaves);

// Encrypts `path` into `out`, or decrypts it: one operation (crypto/chunk_cipher.h). `out` is readable by its owner only. How many bytes.
[[nodiscard]] Result<std::uint64_t> cipher_file(const std::string& path, const std::string& out, const crypto::ContentKey& key,
                                                std::uint32_t chunk_bytes);

// salt: hex, when the file has the key alone; empty: the file has both.
[[nodiscard]] Result<crypto::ContentKey> read_content_key(const std::string& path, const std::string& salt);

// "sha256" and so on.
[[nodiscard]] Result<crypto::HashId> parse_hash(const std::string& name);

}  // namespace mediaward::tools
