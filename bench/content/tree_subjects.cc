// SPDX-License-Identifier: Apache-2.0
// See tree_subjects.h.
#include "bench/content/tree_subjects.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "bench/support/cpu_clock.h"

namespace mediaward::bench {
namespace {

constexpr std::size_t kBufferBytes = 2240;  // as of RingIo
constexpr std::size_t kJumboBufferBytes = 9472;

std::size_t buffer_bytes(const Content& content) {
  return content.chunk_bytes() > 1500 ? kJumboBufferBytes : kBufferBytes;
}

Heard heard_of(const Content& content) {
  Heard heard;
  for (std::uint64_t c = 0; c < content.chunks(); ++c) {
    heard.begins.push_back(heard.nodes.size());
    for (const crypto::MerkleNode node : content.hashes_before(c)) heard.nodes.push_back(node);
  }
  heard.begins.push_back(heard.nodes.size());
  return heard;
}

// A burst: hashes, then chunks. False: one of them was not found good.
bool verify_burst(const Content& content, const Heard& heard, std::uint64_t first, crypto::MerkleTree& tree,
                  crypto::PendingHashes& pending, crypto::MerkleVerifier& verifier) {
  std::array<crypto::ChunkCheck, kBurst> checks;
  for (std::uint64_t i = 0; i < kBurst; ++i) {
    for (const crypto::MerkleNode node : heard.before(first + i)) pending.put(node, content.digest(node).data());
    checks[i].tree = &tree;
    checks[i].pending = &pending;
    checks[i].chunk = first + i;
    checks[i].data = content.chunk(first + i);
    checks[i].bytes = content.chunk_bytes();
  }
  bool good = verifier.verify(checks);
  for (const auto& check : checks) good &= check.verdict == crypto::ChunkCheck::kOk;
  return good;
}

}  // namespace

TreeSubject::TreeSubject(const Content& content, crypto::HashProvider& provider)
    : content_(content),
      hasher_(provider.make_hasher()),
      verifier_(*hasher_, kBurst),
      pending_(content.hash()),
      heard_(heard_of(content)),
      memory_(crypto::MerkleTree::bytes_needed(content.tree_settings())) {}

SliceTicks TreeSubject::run_slice(bool) {
  crypto::MerkleTree tree(content_.tree_settings(), Bytes{memory_.data(), crypto::MerkleTree::bytes_needed(content_.tree_settings())});
  if (!tree.set_root(content_.root().data())) throw std::runtime_error("no root");
  pending_.reset(content_.hash());
  const std::uint64_t begin = ticks();
  for (std::uint64_t first = 0; first < content_.chunks(); first += kBurst)
    if (!verify_burst(content_, heard_, first, tree, pending_, verifier_))
      throw std::runtime_error("a chunk of the benchmark did not verify");
  return {ticks() - begin, 0};
}

SliceTicks EvpSubject::run_slice(bool) {
  const EVP_MD* const algorithm = content_.hash() == crypto::HashId::kSha1 ? EVP_sha1() : EVP_sha256();
  const std::size_t bytes = crypto::digest_bytes(content_.hash());
  std::vector<unsigned char> level(content_.chunks() * bytes);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> reused(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const auto digest = [&](const void* data, std::size_t size, unsigned char* out) {
    if (context_ == Context::kNewForEach) return EVP_Digest(data, size, out, nullptr, algorithm, nullptr) == 1;
    return EVP_DigestInit_ex(reused.get(), algorithm, nullptr) == 1 && EVP_DigestUpdate(reused.get(), data, size) == 1 &&
           EVP_DigestFinal_ex(reused.get(), out, nullptr) == 1;
  };
  bool good = true;
  const std::uint64_t begin = ticks();
  for (std::uint64_t c = 0; c < content_.chunks(); ++c) good &= digest(content_.chunk(c), content_.chunk_bytes(), level.data() + c * bytes);
  for (std::uint64_t n = content_.chunks() / 2; n != 0; n /= 2)
    for (std::uint64_t i = 0; i < n; ++i) good &= digest(level.data() + 2 * i * bytes, 2 * bytes, level.data() + i * bytes);
  const std::uint64_t spent = ticks() - begin;
  if (!good || std::memcmp(level.data(), content_.root().data(), bytes) != 0) throw std::runtime_error("libcrypto finds another root");
  return {spent, 0};
}

// Remembers what the tree asks for, call by call.
class KernelSubject::Recorder final : public crypto::Hasher {
 public:
  explicit Recorder(crypto::Hasher& inner) : inner_(inner) {}
  bool hash(crypto::HashId id, std::span<const crypto::HashMessage> messages) noexcept override {
    batches.emplace_back(messages.begin(), messages.end());
    return inner_.hash(id, messages);
  }
  std::vector<std::vector<crypto::HashMessage>> batches;

 private:
  crypto::Hasher& inner_;
};

KernelSubject::KernelSubject(const Content& content, crypto::HashProvider& provider)
    : content_(content), hasher_(provider.make_hasher()), buffers_(kBurst * buffer_bytes(content)) {
  Recorder recorder(*hasher_);
  crypto::MerkleVerifier verifier(recorder, kBurst);
  crypto::PendingHashes pending(content.hash());
  AlignedMemory memory(crypto::MerkleTree::bytes_needed(content.tree_settings()));
  crypto::MerkleTree tree(content.tree_settings(), Bytes{memory.data(), crypto::MerkleTree::bytes_needed(content.tree_settings())});
  const auto heard = heard_of(content);
  if (!tree.set_root(content.root().data())) throw std::runtime_error("no root");
  for (std::uint64_t first = 0; first < content.chunks(); first += kBurst) {
    if (!verify_burst(content, heard, first, tree, pending, verifier)) throw std::runtime_error("a chunk of the benchmark did not verify");
    place(recorder.batches);
    bursts_.push_back(std::move(recorder.batches));
    recorder.batches.clear();
  }
}

// Messages and digests that stay where they are after the tree has gone.
void KernelSubject::place(std::vector<std::vector<crypto::HashMessage>>& batches) {
  std::size_t leaf = 0, node = 0, digest = 0;
  for (auto& batch : batches)
    for (auto& message : batch) {
      ++hashes_;
      if (message.bytes == content_.chunk_bytes())
        message.data = buffers_.data() + leaf++ % kBurst * buffer_bytes(content_) + 256;
      else
        message.data = nodes_[node++ % nodes_.size()].bytes;
      message.digest = digests_[digest++ % digests_.size()].bytes;
    }
}

SliceTicks KernelSubject::run_slice(bool) {
  std::uint64_t spent = 0;
  bool good = true;
  for (std::size_t burst = 0; burst < bursts_.size(); ++burst) {
    for (std::size_t i = 0; i < kBurst; ++i)
      std::memcpy(buffers_.data() + i * buffer_bytes(content_) + 256, content_.chunk(burst * kBurst + i), content_.chunk_bytes());
    const std::uint64_t begin = ticks();
    for (const auto& batch : bursts_[burst]) good &= hasher_->hash(content_.hash(), batch);
    spent += ticks() - begin;
  }
  if (!good) throw std::runtime_error("the hash provider failed");
  return {spent, 0};
}

}  // namespace mediaward::bench
