// SPDX-License-Identifier: Apache-2.0
// See content.h.
#include "bench/support/content.h"

#include <algorithm>
#include <stdexcept>

#include "crypto/merkle_uncles.h"

namespace mediaward::bench {
namespace {

// The root over whole levels: nothing of the product's tree is in it.
std::vector<std::byte> root_of(crypto::HashId hash, std::vector<std::byte> level, crypto::Hasher& hasher) {
  const std::size_t digest = crypto::digest_bytes(hash);
  while (level.size() > digest) {
    std::vector<std::byte> above(level.size() / 2);
    std::vector<crypto::HashMessage> messages;
    for (std::size_t at = 0; at < above.size(); at += digest)
      messages.push_back({level.data() + 2 * at, static_cast<std::uint32_t>(2 * digest), above.data() + at});
    if (!hasher.hash(hash, messages)) throw std::runtime_error("libcrypto cannot hash");
    level = std::move(above);
  }
  return level;
}

}  // namespace

Content::Content(crypto::HashId hash, std::uint32_t chunk_bytes, std::uint64_t chunks, std::uint64_t period)
    : hash_(hash),
      chunk_bytes_(chunk_bytes),
      chunks_(chunks),
      period_(period == 0 ? chunks : period),
      memory_(period_ * (chunk_bytes + kApartBytes)),
      leaves_(chunks * crypto::digest_bytes(hash)),
      tree_memory_(crypto::MerkleTree::bytes_needed({.hash = hash, .chunks = chunks})) {
  for (std::size_t i = 0; i < period_ * (chunk_bytes + kApartBytes); ++i) memory_.data()[i] = static_cast<std::byte>(i * 167 + (i >> 9));
  const auto hasher = crypto::make_openssl_hash_provider()->make_hasher();
  std::vector<crypto::HashMessage> messages;
  for (std::uint64_t c = 0; c < period_; ++c) messages.push_back({chunk(c), chunk_bytes, leaves_.data() + c * crypto::digest_bytes(hash)});
  if (!hasher->hash(hash, messages)) throw std::runtime_error("libcrypto cannot hash");
  const std::size_t first = period_ * crypto::digest_bytes(hash);
  for (std::size_t at = first; at < leaves_.size(); at += first) std::copy_n(leaves_.data(), first, leaves_.data() + at);
  const auto root = root_of(hash, leaves_, *hasher);
  tree_.emplace(tree_settings(), Bytes{tree_memory_.data(), crypto::MerkleTree::bytes_needed(tree_settings())});
  if (!tree_->set_root(root.data()) || !tree_->preload_leaves(leaves_, *hasher))
    throw std::runtime_error("the leaves do not make the root");
}

crypto::MerkleNodeList Content::hashes_before(std::uint64_t chunk) const noexcept {
  const auto before = [chunk](crypto::MerkleNode node) { return chunk != 0 && crypto::first_chunk(crypto::parent(node)) < chunk; };
  return crypto::uncles_below(crypto::root_node(chunks_), chunk, chunks_, before);
}

const char* short_name(crypto::HashId hash) noexcept {
  return hash == crypto::HashId::kSha1 ? "sha1" : "sha256";
}

}  // namespace mediaward::bench
