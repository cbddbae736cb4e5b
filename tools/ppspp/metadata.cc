// SPDX-License-Identifier: Apache-2.0
// See metadata.h. Any thread; allocates.
#include "tools/ppspp/metadata.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "dataplane/wire/ppspp_swarm_key.h"

namespace mediaward::tools::ppspp {
namespace {

constexpr std::array<std::string_view, 5> kHashNames = {"sha1", "sha224", "sha256", "sha384", "sha512"};

const EVP_MD* evp_of(wire::MerkleFunction hash) {
  switch (hash) {
    case wire::MerkleFunction::kSha1:
      return EVP_sha1();
    case wire::MerkleFunction::kSha224:
      return EVP_sha224();
    case wire::MerkleFunction::kSha256:
      return EVP_sha256();
    case wire::MerkleFunction::kSha384:
      return EVP_sha384();
    case wire::MerkleFunction::kSha512:
      return EVP_sha512();
  }
  return nullptr;
}

bool is_zero(ConstBytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

std::size_t Metadata::length_of(std::uint64_t chunk) const noexcept {
  if (live) return chunk_bytes;
  return static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes, content_bytes - chunk * chunk_bytes));
}

wire::Framing Metadata::framing() const noexcept {
  wire::Framing framing{
      .addressing = addressing, .hash_bytes = static_cast<std::uint8_t>(wire::digest_bytes(hash)), .chunk_bytes = chunk_bytes};
  wire::SwarmKey key;
  if (live && wire::parse_swarm_key(swarm_id, key) == wire::KeyError::kNone) framing.signature_bytes = key.signature_bytes;
  return framing;
}

std::string_view hash_name(wire::MerkleFunction hash) noexcept {
  return kHashNames[static_cast<std::size_t>(hash)];
}

Result<wire::MerkleFunction> parse_hash(std::string_view name) {
  const auto it = std::find(kHashNames.begin(), kHashNames.end(), name);
  if (it == kHashNames.end())
    return fail(ErrorCode::kInvalid, "\"" + std::string(name) + "\" is no hash: sha1, sha224, sha256, sha384, sha512");
  return static_cast<wire::MerkleFunction>(it - kHashNames.begin());
}

Blob digest(wire::MerkleFunction hash, ConstBytes message) {
  Blob out(wire::digest_bytes(hash));
  unsigned bytes = 0;
  if (EVP_Digest(message.data(), message.size(), reinterpret_cast<unsigned char*>(out.data()), &bytes, evp_of(hash), nullptr) != 1 ||
      bytes != out.size())
    std::abort();  // out of memory, or a libcrypto without the hash: nothing that a tool could go on with
  return out;
}

Blob parent_digest(wire::MerkleFunction hash, ConstBytes left, ConstBytes right) {
  if (is_zero(left) && is_zero(right)) return Blob(left.size());
  Blob both(left.begin(), left.end());
  both.insert(both.end(), right.begin(), right.end());
  return digest(hash, both);
}

Content::Content(Blob bytes, std::uint32_t chunk_bytes, wire::MerkleFunction hash, wire::Addressing addressing)
    : bytes_(std::move(bytes)), zero_(wire::digest_bytes(hash)) {
  metadata_ = {.hash = hash, .addressing = addressing, .chunk_bytes = chunk_bytes, .content_bytes = bytes_.size()};
  Blob level;
  for (std::uint64_t n = 0; n < metadata_.chunks(); ++n) {
    const Blob leaf = digest(hash, chunk(n));
    level.insert(level.end(), leaf.begin(), leaf.end());
  }
  levels_.push_back(std::move(level));
  while (levels_.back().size() > zero_.size()) {
    Blob above;
    for (std::uint64_t i = 0; i * 2 * zero_.size() < levels_.back().size(); ++i) {
      const Blob both = parent_digest(hash, node(top_level(), 2 * i), node(top_level(), 2 * i + 1));
      above.insert(above.end(), both.begin(), both.end());
    }
    levels_.push_back(std::move(above));
  }
  metadata_.swarm_id = levels_.back();
}

ConstBytes Content::chunk(std::uint64_t n) const noexcept {
  return ConstBytes(bytes_).subspan(n * metadata_.chunk_bytes, metadata_.length_of(n));
}

ConstBytes Content::node(unsigned level, std::uint64_t index) const noexcept {
  const Blob& all = levels_[level];
  return (index + 1) * zero_.size() <= all.size() ? ConstBytes(all).subspan(index * zero_.size(), zero_.size()) : ConstBytes(zero_);
}

Blob numbered_lines(std::size_t bytes) {
  Blob out;
  out.reserve(bytes + 16);
  char line[32];
  for (std::uint64_t i = 0; out.size() < bytes; ++i) {
    const int n = std::snprintf(line, sizeof line, "%015llx\n", static_cast<unsigned long long>(i));
    for (int k = 0; k < n; ++k) out.push_back(static_cast<std::byte>(line[k]));
  }
  out.resize(bytes);
  return out;
}

Blob random_bytes(std::size_t bytes, std::uint64_t seed) {
  Blob out(bytes);
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (i % 8 == 0) word = mix_word(seed += 0x9e3779b97f4a7c15u);
    out[i] = static_cast<std::byte>(word >> (i % 8 * 8));
  }
  return out;
}

std::uint64_t mix_word(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace mediaward::tools::ppspp
