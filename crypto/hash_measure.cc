// SPDX-License-Identifier: Apache-2.0
// See hash.h: for how many messages SHA-NI beats a group of AVX-512 lanes that costs the same however full it is. CPUs differ by a factor of two
// in this, and some are faster with SHA-NI for one hash and with AVX-512 for another. Judges time only: self_test says whether a kernel is right.
// Main thread, at start.
#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <vector>

#include "crypto/hash.h"

namespace mediaward::crypto {
namespace {

constexpr std::size_t kTogether = 16;
constexpr std::uint32_t kMessageBytes = 1024;
constexpr unsigned kRounds = 12;        // in turns, so that what disturbs disturbs both
constexpr unsigned kCallsPerRound = 3;  // about 15 us

// One instruction set on sixteen messages.
class Subject {
 public:
  Subject(HashProvider& provider, HashId id) : hasher_(provider.make_hasher()), id_(id) {
    for (std::size_t i = 0; i < kTogether; ++i) messages_[i] = {content_.data() + i * kMessageBytes, kMessageBytes, digests_[i].data()};
  }
  void round() {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    for (unsigned i = 0; i < kCallsPerRound; ++i) (void)hasher_->hash(id_, messages_);  // cannot fail: our own kernels only
    best_ns_ = std::min(best_ns_, std::chrono::duration<double, std::nano>(Clock::now() - start).count());
  }
  [[nodiscard]] double best_ns() const noexcept { return best_ns_; }

 private:
  const std::unique_ptr<Hasher> hasher_;
  const HashId id_;
  std::vector<std::byte> content_ = std::vector<std::byte>(kTogether * kMessageBytes, std::byte{0x5c});
  std::array<std::array<std::byte, kMaxDigestBytes>, kTogether> digests_;
  std::array<HashMessage, kTogether> messages_;
  double best_ns_ = std::numeric_limits<double>::infinity();
};

unsigned measure(HashProvider& wide, HashProvider& narrow, HashId id) {
  Subject by_lanes(wide, id), by_sha_ni(narrow, id);
  for (unsigned i = 0; i < kRounds; ++i) {
    by_lanes.round();
    by_sha_ni.round();
  }
  return narrow_limit(by_lanes.best_ns(), by_sha_ni.best_ns());
}

}  // namespace

unsigned narrow_limit(double wide_ns, double narrow_ns) noexcept {
  if (!(narrow_ns > 0) || wide_ns >= narrow_ns) return kTogether;
  return static_cast<unsigned>(kTogether * wide_ns / narrow_ns);
}

NarrowLimits measure_narrow_limits() {
  const auto wide = make_native_hash_provider(HashIsa::kAvx512Sha, {0, 0});
  const auto narrow = make_native_hash_provider(HashIsa::kAvx512Sha, {kTogether, kTogether});
  if (!wide || !narrow) return {};
  return {measure(**wide, **narrow, HashId::kSha1), measure(**wide, **narrow, HashId::kSha256)};
}

}  // namespace mediaward::crypto
