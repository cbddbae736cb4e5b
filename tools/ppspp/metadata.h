// SPDX-License-Identifier: Apache-2.0
// What an application server tells of a swarm (RFC 7574 §3.1), and a content with its hash tree, as tools and tests need them.
// The tree is the plainest there is: every node in memory, each made by one call of libcrypto. It shares nothing with the appliance's
// trees on purpose: what checks them must not have their mistakes. Immutable once made; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/error.h"
#include "crypto/signature.h"
#include "dataplane/wire/ppspp_types.h"

namespace mediaward::tools::ppspp {

namespace wire = dataplane::ppspp;

using Blob = std::vector<std::byte>;

struct Metadata {
  bool live = false;
  Blob swarm_id{};  // static: root hash; live: DNSSEC algorithm and public key
  wire::MerkleFunction hash = wire::MerkleFunction::kSha256;
  wire::Addressing addressing = wire::Addressing::kChunk32;
  std::uint32_t chunk_bytes = 1024;
  std::uint64_t content_bytes = 0;  // static
  // live
  std::uint32_t chunks_per_signature = 32;  // a power of two (RFC 7574 §6.1.2.1)
  std::uint64_t discard_window = wire::kDiscardNothing;
  crypto::MunroForm munro_form = crypto::MunroForm::kRfc7574;

  [[nodiscard]] std::uint64_t chunks() const noexcept { return (content_bytes + chunk_bytes - 1) / chunk_bytes; }
  [[nodiscard]] std::size_t length_of(std::uint64_t chunk) const noexcept;
  [[nodiscard]] wire::Framing framing() const noexcept;
};

// "sha1", "sha224", "sha256", "sha384", "sha512"
[[nodiscard]] std::string_view hash_name(wire::MerkleFunction hash) noexcept;
[[nodiscard]] Result<wire::MerkleFunction> parse_hash(std::string_view name);

// One message; libcrypto's EVP.
[[nodiscard]] Blob digest(wire::MerkleFunction hash, ConstBytes message);
// RFC 7574 §5.1: of two nodes; two empty ones make an empty one.
[[nodiscard]] Blob parent_digest(wire::MerkleFunction hash, ConstBytes left, ConstBytes right);

// A static content and all hashes of its tree.
class Content {
 public:
  // 1 byte at least.
  Content(Blob bytes, std::uint32_t chunk_bytes, wire::MerkleFunction hash, wire::Addressing addressing = wire::Addressing::kChunk32);

  [[nodiscard]] const Metadata& metadata() const noexcept { return metadata_; }
  [[nodiscard]] ConstBytes bytes() const noexcept { return bytes_; }
  [[nodiscard]] ConstBytes chunk(std::uint64_t n) const noexcept;
  [[nodiscard]] unsigned top_level() const noexcept { return static_cast<unsigned>(levels_.size() - 1); }
  // Node `index` of a level; wholly beyond the content: zeros.
  [[nodiscard]] ConstBytes node(unsigned level, std::uint64_t index) const noexcept;

 private:
  Blob bytes_;
  Metadata metadata_;
  std::vector<Blob> levels_;  // [0]: leaves
  Blob zero_;
};

// Lines of 16 bytes that hold their number (tests/captures/README.md), cut to that many bytes.
[[nodiscard]] Blob numbered_lines(std::size_t bytes);
// Differs from seed to seed and nowhere repeats.
[[nodiscard]] Blob random_bytes(std::size_t bytes, std::uint64_t seed);
[[nodiscard]] std::uint64_t mix_word(std::uint64_t x) noexcept;  // finaliser of splitmix64

}  // namespace mediaward::tools::ppspp
