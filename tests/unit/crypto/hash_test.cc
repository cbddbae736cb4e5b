// SPDX-License-Identifier: Apache-2.0
// Digests of every kernel against libcrypto, message by message, and FIPS 180-4's own examples.
#include "crypto/hash.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <random>
#include <vector>

namespace mediaward::crypto {
namespace {

constexpr std::array kAll{HashId::kSha1, HashId::kSha224, HashId::kSha256, HashId::kSha384, HashId::kSha512};
using Digest = std::array<std::byte, kMaxDigestBytes>;

const EVP_MD* algorithm(HashId id) {
  switch (id) {
    case HashId::kSha1: return EVP_sha1();
    case HashId::kSha224: return EVP_sha224();
    case HashId::kSha256: return EVP_sha256();
    case HashId::kSha384: return EVP_sha384();
    case HashId::kSha512: return EVP_sha512();
  }
  return nullptr;
}

Digest by_libcrypto(HashId id, const std::byte* data, std::size_t bytes) {
  Digest out{};
  EXPECT_EQ(EVP_Digest(data, bytes, reinterpret_cast<unsigned char*>(out.data()), nullptr, algorithm(id), nullptr), 1);
  return out;
}

constexpr std::uint32_t kLongest = 4096;

// Random bytes and the digest of each of their beginnings, by libcrypto.
const std::vector<std::byte>& content() {
  static const std::vector<std::byte> bytes = [] {
    std::vector<std::byte> out(kLongest);
    std::mt19937 random(180);
    for (auto& b : out) b = static_cast<std::byte>(random());
    return out;
  }();
  return bytes;
}
const std::vector<Digest>& wanted(HashId id) {
  static std::map<HashId, std::vector<Digest>> all;
  auto& of = all[id];
  for (std::size_t bytes = of.size(); bytes <= kLongest; ++bytes) of.push_back(by_libcrypto(id, content().data(), bytes));
  return of;
}

struct Which {
  std::string name;
  std::function<std::unique_ptr<HashProvider>()> make;
};
void PrintTo(const Which& which, std::ostream* out) { *out << which.name; }

// What this CPU runs; what it does not is refused (Native.WhatTheCpuCannotRunIsRefused).
std::vector<Which> providers() {
  std::vector<Which> out{{"Openssl", [] { return make_openssl_hash_provider(); }}};
  const std::array names{"Avx512Sha", "Avx512", "Sha"};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (cpu_supports(kHashIsas[i])) out.push_back({names[i], [i] { return *make_native_hash_provider(kHashIsas[i]); }});
  // Whatever may be measured.
  if (cpu_supports(HashIsa::kAvx512Sha))
    for (const auto& [name, limits] :
         {std::pair{"AllByShaNi", NarrowLimits{16, 16}}, {"NoneByShaNi", NarrowLimits{0, 0}}, {"EachOfAnother", NarrowLimits{10, 15}}})
      out.push_back({name, [limits = limits] { return *make_native_hash_provider(HashIsa::kAvx512Sha, limits); }});
  for (const auto& [level, name] : {std::pair{IsaLevel::kSse, "IpsecMbSse"}, {IsaLevel::kAvx2, "IpsecMbAvx2"}, {IsaLevel::kAvx512, "IpsecMbAvx512"}})
    if (cpu_supports(level)) out.push_back({name, [level = level] { return *make_ipsec_mb_hash_provider(level); }});
  return out;
}

class Hashes : public ::testing::TestWithParam<Which> {
 protected:
  std::unique_ptr<HashProvider> provider_ = GetParam().make();
  std::unique_ptr<Hasher> hasher_ = provider_->make_hasher();

  void expect_digests(HashId id, const std::vector<std::uint32_t>& lengths) {
    // As long as they are and no longer, so that reading beyond them shows.
    std::vector<std::vector<std::byte>> exact;
    for (const auto bytes : lengths) exact.emplace_back(content().begin(), content().begin() + bytes);
    std::vector<Digest> got(lengths.size());
    std::vector<HashMessage> messages;
    for (std::size_t i = 0; i < lengths.size(); ++i) messages.push_back({exact[i].data(), lengths[i], got[i].data()});
    ASSERT_TRUE(hasher_->hash(id, messages));
    for (std::size_t i = 0; i < lengths.size(); ++i)
      ASSERT_EQ(got[i], wanted(id)[lengths[i]]) << lengths[i] << " bytes, the " << i << "th of " << lengths.size();
  }
};
INSTANTIATE_TEST_SUITE_P(Each, Hashes, ::testing::ValuesIn(providers()), [](const auto& i) { return i.param.name; });

TEST_P(Hashes, EveryLengthInBatchesOfEverySize) {
  for (const HashId id : {HashId::kSha1, HashId::kSha224, HashId::kSha256})
    for (std::size_t together = 1; together <= 34; ++together)
      for (std::uint32_t first = 0; first <= kLongest;) {
        std::vector<std::uint32_t> lengths;
        for (; lengths.size() < together && first <= kLongest; ++first) lengths.push_back(first);
        ASSERT_NO_FATAL_FAILURE(expect_digests(id, lengths));
      }
}

TEST_P(Hashes, MixedLengthsInBatchesBeyondTheBurst) {
  std::mt19937 random(4);
  for (const HashId id : kAll)
    for (const std::size_t together : {127u, 128u, 129u, 300u}) {
      std::vector<std::uint32_t> lengths(together);
      for (auto& bytes : lengths) bytes = static_cast<std::uint32_t>(random() % (kLongest + 1));
      ASSERT_NO_FATAL_FAILURE(expect_digests(id, lengths));
    }
}

TEST_P(Hashes, NothingIsWrittenBehindADigest) {
  for (const HashId id : kAll) {
    std::array<std::byte, kMaxDigestBytes + 8> out;
    out.fill(std::byte{0xa5});
    const HashMessage message{content().data(), 100, out.data()};
    ASSERT_TRUE(hasher_->hash(id, {&message, 1}));
    for (std::size_t i = digest_bytes(id); i < out.size(); ++i) EXPECT_EQ(out[i], std::byte{0xa5}) << i;
  }
}

TEST_P(Hashes, ABatchOfNoneIsNothing) { EXPECT_TRUE(hasher_->hash(HashId::kSha256, {})); }

TEST_P(Hashes, ProveThemselves) {
  const auto good = self_test(*provider_);
  EXPECT_TRUE(good) << good.error().message;
}

// A provider whose digests of the last message of a full group are wrong.
class Broken final : public HashProvider {
 public:
  std::string_view name() const noexcept override { return "broken"; }
  std::string_view isa() const noexcept override { return "-"; }
  std::unique_ptr<Hasher> make_hasher() override { return std::make_unique<BrokenHasher>(); }

 private:
  class BrokenHasher final : public Hasher {
   public:
    bool hash(HashId id, std::span<const HashMessage> messages) noexcept override {
      if (!good_->hash(id, messages)) return false;
      if (id == HashId::kSha256 && messages.size() == 16) messages[15].digest[31] ^= std::byte{1};
      return true;
    }

   private:
    std::unique_ptr<Hasher> good_ = make_openssl_hash_provider()->make_hasher();
  };
};

TEST(SelfTest, ARareFaultIsFound) {
  Broken broken;
  const auto good = self_test(broken);
  ASSERT_FALSE(good);
  EXPECT_EQ(good.error().code, ErrorCode::kInternal);
  EXPECT_EQ(good.error().message, "hashes broken -: SHA-256 of 16 messages at once differs from libcrypto's");
}

TEST(Native, WhatTheCpuCannotRunIsRefused) {
  for (const HashIsa isa : kHashIsas) {
    const auto provider = make_native_hash_provider(isa);
    EXPECT_EQ(provider.has_value(), cpu_supports(isa));
    if (!provider) {
      EXPECT_EQ(provider.error().code, ErrorCode::kUnsupported);
    }
  }
}

TEST(IpsecMb, WhatTheCpuCannotRunIsRefused) {
  for (const IsaLevel level : kIsaLevels) EXPECT_EQ(make_ipsec_mb_hash_provider(level).has_value(), cpu_supports(level));
}

// Beyond what a job of the library can carry: it would cut such messages off.
TEST_P(Hashes, MessagesAround64Kilobytes) {
  const std::vector<std::byte> large(3 * 65536, std::byte{0x5c});
  for (const HashId id : kAll) {
    std::vector<HashMessage> messages;
    std::array<Digest, 8> got{};
    const std::array<std::uint32_t, 8> lengths{65533, 65534, 65535, 100, 65536, 65537, 131072, 3 * 65536};
    for (std::size_t i = 0; i < lengths.size(); ++i) messages.push_back({large.data(), lengths[i], got[i].data()});
    ASSERT_TRUE(hasher_->hash(id, messages));
    for (std::size_t i = 0; i < lengths.size(); ++i) EXPECT_EQ(got[i], by_libcrypto(id, large.data(), lengths[i])) << lengths[i];
  }
}

TEST(Select, TheWidestThatProvesItself) {
  std::string refused;
  const auto provider = select_hash_provider(refused);
  ASSERT_NE(provider, nullptr);
  const auto first = std::find_if(std::begin(kHashIsas), std::end(kHashIsas), [](HashIsa isa) { return cpu_supports(isa); });
  if (first == std::end(kHashIsas)) {
    EXPECT_EQ(provider->name(), "openssl");
  } else {
    EXPECT_EQ(provider->isa(), (*make_native_hash_provider(*first))->isa()) << refused;
  }
  EXPECT_EQ(std::count(refused.begin(), refused.end(), '\n'), std::distance(std::begin(kHashIsas), first));
}

// A group of lanes costs the same however full it is: SHA-NI takes as many as it does in that time.
TEST(Select, HowManyGoToShaNiFollowsFromTheTimes) {
  EXPECT_EQ(narrow_limit(100, 100), 16u);
  EXPECT_EQ(narrow_limit(101, 100), 16u);
  EXPECT_EQ(narrow_limit(99, 100), 15u);
  EXPECT_EQ(narrow_limit(50, 100), 8u);
  EXPECT_EQ(narrow_limit(40, 100), 6u);
  EXPECT_EQ(narrow_limit(1, 100), 0u);
  EXPECT_EQ(narrow_limit(1, 0), 16u);
}

TEST(Select, SaysWhatIsDoneByWhichKernels) {
  if (!cpu_supports(HashIsa::kAvx512Sha)) GTEST_SKIP() << "this CPU has one kind of kernels at most";
  EXPECT_EQ((*make_native_hash_provider(HashIsa::kAvx512Sha, {7, 16}))->choice(), "SHA-NI takes up to 7 at once of SHA-1, all of SHA-256");
  EXPECT_EQ((*make_native_hash_provider(HashIsa::kAvx512Sha, {0, 1}))->choice(), "SHA-NI takes none of SHA-1, up to 1 at once of SHA-256");
  EXPECT_EQ((*make_native_hash_provider(HashIsa::kAvx512))->choice(), "");
  std::string refused;
  EXPECT_EQ(select_hash_provider(refused)->choice().substr(0, 13), "SHA-NI takes ");
  const NarrowLimits limits = measure_narrow_limits();
  EXPECT_LE(limits.sha1, 16u);
  EXPECT_LE(limits.sha256, 16u);
  EXPECT_GE(limits.sha1, 1u);  // one message alone fills one lane of sixteen
  EXPECT_GE(limits.sha256, 1u);
}

// The padding's length field counts bits beyond 32.
TEST(Select, HashesMessagesOfMoreThan32BitsOfBits) {
  const std::vector<std::byte> large((std::size_t{1} << 29) + 17, std::byte{0x5c});
  std::string refused;
  const auto hasher = select_hash_provider(refused)->make_hasher();
  for (const HashId id : {HashId::kSha1, HashId::kSha256}) {
    Digest got{};
    const HashMessage message{large.data(), static_cast<std::uint32_t>(large.size()), got.data()};
    ASSERT_TRUE(hasher->hash(id, {&message, 1}));
    EXPECT_EQ(got, by_libcrypto(id, large.data(), large.size()));
  }
}

}  // namespace
}  // namespace mediaward::crypto
