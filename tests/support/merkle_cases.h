// SPDX-License-Identifier: Apache-2.0
// What tests of the hash tree share: the contents of tests/captures/README.md with the roots published there, a tree computed the slow and
// obvious way by libcrypto (the oracle), and a MerkleTree with memory of its own. Tests only; single thread.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "crypto/hash.h"
#include "crypto/merkle_tree.h"

namespace mediaward::test {

using Digest = std::vector<std::byte>;

inline Digest digest_of(crypto::HashId id, ConstBytes message) {
  constexpr std::array kNames{"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"};
  Digest out(crypto::digest_bytes(id));
  if (EVP_Q_digest(nullptr, kNames[static_cast<std::size_t>(id)], nullptr, message.data(), message.size(),
                   reinterpret_cast<unsigned char*>(out.data()), nullptr) != 1)
    throw std::runtime_error("libcrypto has no such digest");
  return out;
}

inline std::string hex(ConstBytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::byte b : bytes) {
    out += kDigits[std::to_integer<unsigned>(b) >> 4];
    out += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return out;
}

// tests/captures/README.md: gen(n), and "Hello world!\n" for 13.
inline std::vector<std::byte> published_content(std::size_t bytes) {
  std::string text;
  if (bytes == 13) text = "Hello world!\n";
  for (unsigned i = 0; text.size() < bytes; ++i) {
    std::array<char, 17> line;
    std::snprintf(line.data(), line.size(), "%015x\n", i);
    text += line.data();
  }
  std::vector<std::byte> out(bytes);
  std::memcpy(out.data(), text.data(), bytes);
  return out;
}

struct PublishedRoot {
  std::size_t bytes;
  std::uint32_t chunk_bytes;
  std::uint64_t chunks;
  const char *sha1, *sha256;
};
inline constexpr std::array kPublishedRoots{
    PublishedRoot{13, 1024, 1, "47a013e660d408619d894b20806b1d5086aab03b",
                  "0ba904eae8773b70c75333db4de2f3ac45a8ad4ddba1b242f0b3cfc199391dd8"},
    PublishedRoot{7162, 1024, 7, "73395d57bb5d1e93d2580972a670d0e0e7d7b49d",
                  "03edf9f3c6fbb9b141ac8efbcf6ff0ace556c70f317ad092b4d1d9f003b307ec"},
    PublishedRoot{8192, 1024, 8, "903a0c0a5e848b4d525badad2bab7eff5d29c13f",
                  "c98fdf1a29c713705dc777a07ff17d31991ad2bc05b03b43abf5dc904b4c0850"},
    PublishedRoot{102395, 1024, 100, "415547dabe0fb43c3bf53e9462b4e15c5f2b0fe6",
                  "2b9507620b50ac22c4b59d09f96fbc5459947114247d57fcf8d08929cbd425f9"},
    PublishedRoot{127983, 128, 1000, "9987ef505e00a7645532c2470a049f624a1e1629",
                  "8b2cdb24d7aed151f38668354e956d20ac8e3b39fd00812fae134f5ec10e170e"},
    PublishedRoot{1023983, 1024, 1000, "5c55b0b979602476e2a6fc92abf26f8cdb6308e6",
                  "6e64af6a010bcc41a82e71f7e551970bda71f6ea8799e9767d34bd4624b76502"},
};

// Every node of RFC 7574 §5.1's definition, by recursion; shares nothing with the code under test.
class NaiveTree {
 public:
  NaiveTree(crypto::HashId id, std::vector<std::byte> content, std::size_t chunk_bytes)
      : id_(id), content_(std::move(content)), chunk_bytes_(chunk_bytes), chunks_((content_.size() + chunk_bytes - 1) / chunk_bytes) {
    while ((std::uint64_t{1} << height_) < chunks_) ++height_;
    at(height_, 0);
  }

  crypto::HashId id() const { return id_; }
  std::uint64_t chunks() const { return chunks_; }
  unsigned height() const { return height_; }
  const Digest& root() const { return nodes_.at({height_, 0}); }
  const Digest& at(crypto::MerkleNode node) const { return nodes_.at({node.level, node.index}); }
  ConstBytes chunk(std::uint64_t i) const {
    const std::size_t first = i * chunk_bytes_;
    return {content_.data() + first, std::min(chunk_bytes_, content_.size() - first)};
  }
  Digest leaves() const {
    Digest out;
    for (std::uint64_t i = 0; i < chunks_; ++i) out.insert(out.end(), at({0, i}).begin(), at({0, i}).end());
    return out;
  }

 private:
  const Digest& at(unsigned level, std::uint64_t index) {
    Digest digest(crypto::digest_bytes(id_));
    if (level == 0) {
      if (index < chunks_) digest = digest_of(id_, chunk(index));
    } else {
      Digest both = at(level - 1, 2 * index);
      const Digest& right = at(level - 1, 2 * index + 1);
      both.insert(both.end(), right.begin(), right.end());
      if (both != Digest(both.size())) digest = digest_of(id_, both);
    }
    return nodes_[{level, index}] = digest;
  }

  crypto::HashId id_;
  std::vector<std::byte> content_;
  std::size_t chunk_bytes_;
  std::uint64_t chunks_;
  unsigned height_ = 0;
  std::map<std::pair<unsigned, std::uint64_t>, Digest> nodes_;
};

// Memory that held something else before.
class OwnTree {
 public:
  explicit OwnTree(const crypto::MerkleTreeSettings& settings)
      : bytes_(crypto::MerkleTree::bytes_needed(settings)),
        memory_(static_cast<std::byte*>(std::aligned_alloc(64, (bytes_ + 63) / 64 * 64))) {
    std::memset(memory_.get(), 0xa5, bytes_);
    tree_ = std::make_unique<crypto::MerkleTree>(settings, Bytes{memory_.get(), bytes_});
  }
  explicit OwnTree(const NaiveTree& of, std::uint8_t stored_level = 0, std::uint16_t open_groups = 64)
      : OwnTree({.hash = of.id(), .chunks = of.chunks(), .stored_level = stored_level, .open_groups = open_groups}) {
    if (!tree_->set_root(of.root().data())) throw std::runtime_error("a new tree refuses its root");
  }

  crypto::MerkleTree& operator*() const { return *tree_; }
  crypto::MerkleTree* operator->() const { return tree_.get(); }
  crypto::MerkleTree* get() const { return tree_.get(); }
  std::size_t bytes() const { return bytes_; }

  bool has(crypto::MerkleNode node, const Digest& digest) const {
    const std::byte* const known = tree_->verified(node);
    return known != nullptr && std::memcmp(known, digest.data(), digest.size()) == 0;
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, Free> memory_;
  std::unique_ptr<crypto::MerkleTree> tree_;
};

}  // namespace mediaward::test
