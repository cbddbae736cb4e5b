// SPDX-License-Identifier: Apache-2.0
// See merkle_builder.h. Leaves gather in groups that are folded together; finished subtrees wait for their right neighbours as the bits of
// a binary counter wait for a carry. One thread, control path.
#include "crypto/merkle_builder.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "crypto/merkle_fold.h"

namespace mediaward::crypto {

MerkleBuilder::MerkleBuilder(HashId id, Hasher& hasher, OnLeaves on_leaves)
    : id_(id),
      digest_bytes_(digest_bytes(id)),
      hasher_(hasher),
      on_leaves_(std::move(on_leaves)),
      group_((kGroup + 1) * digest_bytes_),
      parents_((kGroup / 2 + 1) * digest_bytes_) {
  messages_.reserve(kGroup);
}

Result<void> MerkleBuilder::add(std::span<const ConstBytes> chunks) {
  while (!chunks.empty()) {
    const auto now = chunks.first(std::min(chunks.size(), kGroup - in_group_));
    if (chunks_ + now.size() > kMaxMerkleChunks) return fail(ErrorCode::kInvalid, "content: more than 2^32 chunks: choose larger chunks");
    if (!hash_leaves(now) || (in_group_ == kGroup && !close_group()))
      return fail(ErrorCode::kInternal, "content: the hash provider failed at chunk " + std::to_string(chunks_));
    chunks = chunks.subspan(now.size());
  }
  return {};
}

bool MerkleBuilder::hash_leaves(std::span<const ConstBytes> chunks) {
  std::byte* const digests = group_.data() + in_group_ * digest_bytes_;
  messages_.clear();
  for (const ConstBytes chunk : chunks)
    messages_.push_back({chunk.data(), static_cast<std::uint32_t>(chunk.size()), digests + messages_.size() * digest_bytes_});
  if (!hasher_.hash(id_, messages_)) return false;
  if (on_leaves_) on_leaves_({digests, chunks.size() * digest_bytes_});
  in_group_ += chunks.size();
  chunks_ += chunks.size();
  return true;
}

// Folds the leaves of a group, which may be the last and short, up to kGroupLevel or, if it is all there is, to the root.
bool MerkleBuilder::close_group() {
  const unsigned top = std::min(kGroupLevel, height(chunks_));
  std::byte *from = group_.data(), *to = parents_.data();
  std::size_t count = in_group_;
  for (unsigned l = 0; l < top; ++l, count = (count + 1) / 2, std::swap(from, to))
    if (!fold_level(id_, from, count, hasher_, to)) return false;
  Digest digest{};
  std::copy_n(from, digest_bytes_, digest.begin());
  in_group_ = 0;
  return carry(digest, top);
}

bool MerkleBuilder::join(const Digest& left, const Digest& right, Digest& out) {
  std::array<std::byte, 2 * kMaxDigestBytes> pair;
  std::copy_n(left.begin(), digest_bytes_, pair.begin());
  std::copy_n(right.begin(), digest_bytes_, pair.begin() + static_cast<std::ptrdiff_t>(digest_bytes_));
  const HashMessage message{pair.data(), static_cast<std::uint32_t>(2 * digest_bytes_), out.data()};
  return hasher_.hash(id_, {&message, 1});
}

bool MerkleBuilder::carry(Digest digest, unsigned level) {
  for (; (has_left_ >> level & 1) != 0; ++level) {
    if (!join(left_[level], digest, digest)) return false;
    has_left_ &= ~(std::uint64_t{1} << level);
  }
  left_[level] = digest;
  has_left_ |= std::uint64_t{1} << level;
  return true;
}

Result<MerkleRoot> MerkleBuilder::finish() {
  if (chunks_ == 0) return fail(ErrorCode::kInvalid, "content: it has no chunk: an empty content has no root hash");
  const auto failed = fail(ErrorCode::kInternal, "content: the hash provider failed at the root");
  if (in_group_ != 0 && !close_group()) return failed;
  // From the rightmost subtree up: what has no left neighbour that waits is one itself, of the zero of a node beyond the end (RFC 7574
  // §5.6).
  auto level = static_cast<unsigned>(std::countr_zero(has_left_));
  Digest digest = left_[level];
  has_left_ &= has_left_ - 1;
  for (; level < height(chunks_); ++level) {
    const bool waits = (has_left_ >> level & 1) != 0;
    if (!(waits ? join(left_[level], digest, digest) : join(digest, Digest{}, digest))) return failed;
  }
  return MerkleRoot{digest, chunks_};
}

}  // namespace mediaward::crypto
