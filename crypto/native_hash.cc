// SPDX-License-Identifier: Apache-2.0
// See hash.h. Cuts messages into blocks, puts those of equal length side by side, and gives groups of sixteen to the wide kernels and what is
// left, where it would leave most lanes empty, to the narrow ones; which of them is faster for how many is measured at start, for each hash.
// The worker's own thread, where nothing allocates; measuring: main thread.
#include <algorithm>
#include <array>
#include <cstring>

#include "crypto/bytes.h"
#include "crypto/cpu_features.h"
#include "crypto/hash.h"
#include "crypto/sha_kernels.h"

namespace mediaward::crypto {
namespace {

using sha::kBlockBytes;
using sha::kLanes;

constexpr std::size_t kBurst = 128;         // messages that are sorted together
constexpr std::size_t kTailBytes = 2 * kBlockBytes;
constexpr unsigned kLengthBytes = 8;

using Kernel = void (*)(std::uint32_t (*)[kLanes], const sha::Lane*, unsigned) noexcept;

// FIPS 180-4 §5.3.
struct Variant {
  unsigned words;         // of the state
  unsigned digest_words;  // of it that are the digest
  std::array<std::uint32_t, sha::kSha256Words> begin;
};
constexpr Variant kSha1{5, 5, {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
constexpr Variant kSha224{8, 7, {0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4}};
constexpr Variant kSha256{8, 8, {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};

struct Kernels {
  Kernel wide;           // nullptr: none
  Kernel narrow;         // nullptr: none
  unsigned narrow_most;  // messages of a group that go to it
};

std::uint32_t blocks_of(std::uint32_t bytes) noexcept {
  return static_cast<std::uint32_t>((std::uint64_t{bytes} + 1 + kLengthBytes + kBlockBytes - 1) / kBlockBytes);
}

// What is left of the message behind its last whole block, padded (FIPS 180-4 §5.1.1).
void pad(const HashMessage& m, std::byte* tail) noexcept {
  const std::uint32_t blocks = blocks_of(m.bytes), full = m.bytes / kBlockBytes, rest = m.bytes % kBlockBytes;
  const std::size_t tail_bytes = std::size_t{blocks - full} * kBlockBytes;
  if (rest != 0) std::memcpy(tail, m.data + (m.bytes - rest), rest);
  tail[rest] = std::byte{0x80};
  std::memset(tail + rest + 1, 0, tail_bytes - rest - 1 - kLengthBytes);
  store_be64(tail + tail_bytes - kLengthBytes, std::uint64_t{m.bytes} * 8);
}

class NativeHasher final : public Hasher {
 public:
  NativeHasher(Kernels sha1, Kernels sha256, std::unique_ptr<Hasher> others) : sha1_(sha1), sha256_(sha256), others_(std::move(others)) {}

  bool hash(HashId id, std::span<const HashMessage> messages) noexcept override {
    switch (id) {
      case HashId::kSha1: return run(kSha1, sha1_, messages), true;
      case HashId::kSha224: return run(kSha224, sha256_, messages), true;
      case HashId::kSha256: return run(kSha256, sha256_, messages), true;
      default: return others_->hash(id, messages);
    }
  }

 private:
  void run(const Variant& variant, Kernels kernels, std::span<const HashMessage> messages) noexcept {
    std::array<const HashMessage*, kBurst> order;
    for (; !messages.empty(); messages = messages.subspan(std::min(messages.size(), kBurst))) {
      const auto burst = messages.first(std::min(messages.size(), kBurst));
      bool mixed = false;
      for (std::size_t i = 0; i < burst.size(); ++i) {
        order[i] = &burst[i];
        mixed |= blocks_of(burst[i].bytes) != blocks_of(burst[0].bytes);
      }
      if (mixed)
        std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(burst.size()),
                  [](const HashMessage* a, const HashMessage* b) { return blocks_of(a->bytes) < blocks_of(b->bytes); });
      for (std::size_t at = 0; at < burst.size();) {
        const auto n = static_cast<unsigned>(std::min<std::size_t>(kLanes, burst.size() - at));
        const bool narrow = kernels.wide == nullptr || (kernels.narrow != nullptr && n <= kernels.narrow_most);
        group(variant, narrow ? kernels.narrow : kernels.wide, {order.data() + at, n});
        at += n;
      }
    }
  }

  void group(const Variant& variant, Kernel kernel, std::span<const HashMessage* const> messages) noexcept {
    sha::Lane lanes[kLanes];
    for (std::size_t l = 0; l < messages.size(); ++l) {
      const HashMessage& m = *messages[l];
      // Of whole blocks, as chunks and pairs of hashes mostly are: the padding is that of the length.
      const bool as_before = l != 0 && m.bytes == messages[l - 1]->bytes && m.bytes % kBlockBytes == 0;
      lanes[l] = {m.data, as_before ? lanes[l - 1].tail : tails_[l], m.bytes / kBlockBytes, blocks_of(m.bytes)};
      if (!as_before) pad(m, tails_[l]);
    }
    for (unsigned w = 0; w < variant.words; ++w) std::fill_n(state_[w], kLanes, variant.begin[w]);
    kernel(state_, lanes, static_cast<unsigned>(messages.size()));
    for (std::size_t l = 0; l < messages.size(); ++l)
      for (unsigned w = 0; w < variant.digest_words; ++w) store_be32(messages[l]->digest + 4 * w, state_[w][l]);
  }

  const Kernels sha1_, sha256_;
  const std::unique_ptr<Hasher> others_;
  alignas(64) std::uint32_t state_[sha::kSha256Words][kLanes];
  alignas(64) std::byte tails_[kLanes][kTailBytes];
};

class NativeHashProvider final : public HashProvider {
 public:
  NativeHashProvider(HashIsa isa, NarrowLimits limits) : isa_(isa), limits_(limits) {}
  std::string_view name() const noexcept override { return "native"; }
  std::string_view isa() const noexcept override {
    return isa_ == HashIsa::kAvx512Sha ? "avx512+sha" : isa_ == HashIsa::kAvx512 ? "avx512" : "sha";
  }
  std::unique_ptr<Hasher> make_hasher() override {
    const auto hasher = [this](Kernels sha1, Kernels sha256) { return std::make_unique<NativeHasher>(sha1, sha256, others_->make_hasher()); };
    switch (isa_) {
      case HashIsa::kAvx512Sha:
        return hasher({&sha::sha1_x16, &sha::vl::sha1_ni, limits_.sha1}, {&sha::sha256_x16, &sha::vl::sha256_ni, limits_.sha256});
      case HashIsa::kAvx512: return hasher({&sha::sha1_x16, nullptr, 0}, {&sha::sha256_x16, nullptr, 0});
      default: return hasher({nullptr, &sha::sha1_ni, kLanes}, {nullptr, &sha::sha256_ni, kLanes});
    }
  }
  std::string choice() const override {
    if (isa_ != HashIsa::kAvx512Sha) return {};
    const auto most = [](unsigned limit) -> std::string {
      if (limit == 0) return "none";
      if (limit >= kLanes) return "all";
      return std::string("up to ").append(std::to_string(limit)).append(" at once");
    };
    return std::string("SHA-NI takes ").append(most(limits_.sha1)).append(" of SHA-1, ").append(most(limits_.sha256)).append(" of SHA-256");
  }

 private:
  const HashIsa isa_;
  const NarrowLimits limits_;
  const std::unique_ptr<HashProvider> others_ = make_openssl_hash_provider();
};

}  // namespace

bool cpu_supports(HashIsa isa) noexcept {
  const bool wide = cpu_supports(IsaLevel::kAvx512), narrow = cpu_supports(IsaLevel::kSse) && cpu_has_sha_ni();
  return (isa == HashIsa::kSha || wide) && (isa == HashIsa::kAvx512 || narrow);
}

Result<std::unique_ptr<HashProvider>> make_native_hash_provider(HashIsa isa, NarrowLimits limits) {
  auto provider = std::make_unique<NativeHashProvider>(isa, limits);
  if (!cpu_supports(isa))
    return fail(ErrorCode::kUnsupported, "hashes: this CPU, or its kernel, does not run " + std::string(provider->isa()));
  return provider;
}

}  // namespace mediaward::crypto
