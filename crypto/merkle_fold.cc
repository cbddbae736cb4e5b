// SPDX-License-Identifier: Apache-2.0
// See merkle_fold.h, and fold_chunks of merkle_uncles.h: a small subtree from its chunks. Any thread.
#include "crypto/merkle_fold.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "crypto/merkle_digest.h"
#include "crypto/merkle_uncles.h"

namespace mediaward::crypto {
namespace {

constexpr std::size_t kTogether = 128;

}  // namespace

bool fold_level(HashId id, std::byte* digests, std::size_t count, Hasher& hasher, std::byte* parents) noexcept {
  const auto bytes = static_cast<std::uint32_t>(digest_bytes(id));
  if (count % 2 != 0) std::memset(digests + count * bytes, 0, bytes);
  const std::size_t wanted = (count + 1) / 2;
  std::array<HashMessage, kTogether> messages;
  for (std::size_t done = 0; done < wanted;) {
    const std::size_t n = std::min(kTogether, wanted - done);
    for (std::size_t i = 0; i < n; ++i) messages[i] = {digests + 2 * (done + i) * bytes, 2 * bytes, parents + (done + i) * bytes};
    if (!hasher.hash(id, {messages.data(), n})) return false;
    done += n;
  }
  return true;
}

bool fold_chunks(HashId id, std::span<const ConstBytes> chunks, unsigned level, Hasher& hasher, std::byte* digest) noexcept {
  constexpr std::size_t kMost = std::size_t{1} << MerkleTree::kMaxStoredLevel;
  if (chunks.empty() || chunks.size() > kMost) return false;
  const std::size_t bytes = digest_bytes(id);
  std::array<std::byte, kMost * kMaxDigestBytes> one, other;
  std::array<HashMessage, kMost> messages;
  for (std::size_t i = 0; i < chunks.size(); ++i)
    messages[i] = {chunks[i].data(), static_cast<std::uint32_t>(chunks[i].size()), one.data() + i * bytes};
  if (!hasher.hash(id, {messages.data(), chunks.size()})) return false;
  std::size_t count = chunks.size();
  std::byte *from = one.data(), *to = other.data();
  for (unsigned l = 0; l < level; ++l, count = (count + 1) / 2, std::swap(from, to))
    if (!fold_level(id, from, count, hasher, to)) return false;
  copy_digest(digest, from, bytes);
  return true;
}

}  // namespace mediaward::crypto
