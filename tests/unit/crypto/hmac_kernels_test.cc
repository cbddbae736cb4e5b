// SPDX-License-Identifier: Apache-2.0
// The kernels of HMAC-SHA1 by themselves against libcrypto: every number of lanes, every length, and nothing touched beyond what they are
// given. Engines take one or the other by the size of a burst; here each has to do all of them.
#define OPENSSL_SUPPRESS_DEPRECATED  // SHA_CTX: the state after a key's block
#include <gtest/gtest.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/cpu_features.h"
#include "crypto/sha_kernels.h"

namespace mediaward::crypto {
namespace {

constexpr std::uint32_t kLongest = 2000;
constexpr std::size_t kDigestBytes = 20;
using Digest = std::array<std::byte, kDigestBytes>;

unsigned char* raw(std::byte* p) {
  return reinterpret_cast<unsigned char*>(p);
}

// A key by number, and its states after the blocks of key ^ ipad and key ^ opad (RFC 2104 §2) as a key context holds them.
struct alignas(64) Key {
  explicit Key(unsigned number) {
    std::mt19937 random(number);
    for (auto& b : key) b = static_cast<unsigned char>(random());
    absorb(0x36, states);
    absorb(0x5c, states + kDigestBytes);
  }
  void absorb(unsigned char pad, std::byte* state) const {
    std::array<unsigned char, SHA_CBLOCK> block{};
    std::copy(key.begin(), key.end(), block.begin());
    for (auto& b : block) b = static_cast<unsigned char>(b ^ pad);
    SHA_CTX sha;
    SHA1_Init(&sha);
    SHA1_Transform(&sha, block.data());
    const std::array<SHA_LONG, 5> words{sha.h0, sha.h1, sha.h2, sha.h3, sha.h4};
    std::memcpy(state, words.data(), kDigestBytes);
  }
  std::array<unsigned char, 20> key;
  std::byte states[64] = {};
};

const Key& key_of(unsigned lane) {
  static const std::vector<Key> keys = [] {
    std::vector<Key> made;
    for (unsigned i = 0; i < sha::kLanes; ++i) made.emplace_back(i);
    return made;
  }();
  return keys[lane];
}
std::uint32_t suffix_of(unsigned lane) {
  return 0x01020304U * (lane + 1);
}

const std::vector<std::byte>& content() {
  static const std::vector<std::byte> bytes = [] {
    std::vector<std::byte> out(kLongest + sha::kLanes);
    std::mt19937 random(2104);
    for (auto& b : out) b = static_cast<std::byte>(random());
    return out;
  }();
  return bytes;
}

// Of the content from byte `lane`, as each lane has bytes of its own.
const Digest& wanted(unsigned lane, std::uint32_t bytes) {
  static std::map<std::pair<unsigned, std::uint32_t>, Digest> known;
  const auto [at, fresh] = known.try_emplace({lane, bytes});
  if (!fresh) return at->second;
  std::vector<std::byte> message(content().begin() + lane, content().begin() + lane + bytes);
  message.resize(bytes + 4);
  store_be32(message.data() + bytes, suffix_of(lane));
  const auto& key = key_of(lane).key;
  EXPECT_NE(
      HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), raw(message.data()), message.size(), raw(at->second.data()), nullptr),
      nullptr);
  return at->second;
}

struct Kernel {
  const char* name;
  void (*run)(const sha::HmacMessage*, unsigned) noexcept;
  bool runs_here;
};
void PrintTo(const Kernel& kernel, std::ostream* out) {
  *out << kernel.name;
}

class HmacKernels : public ::testing::TestWithParam<Kernel> {
 protected:
  void SetUp() override {
    if (!GetParam().runs_here) GTEST_SKIP() << "this CPU has no instructions for " << GetParam().name;
  }

  void expect_digests(const std::vector<std::uint32_t>& lengths) {
    std::array<std::array<std::byte, kDigestBytes + 8>, sha::kLanes> out;
    std::vector<sha::HmacMessage> messages;
    for (unsigned l = 0; l < lengths.size(); ++l) {
      out[l].fill(std::byte{0xa5});
      messages.push_back({content().data() + l, lengths[l], suffix_of(l), key_of(l).states, out[l].data()});
    }
    GetParam().run(messages.data(), static_cast<unsigned>(lengths.size()));
    for (unsigned l = 0; l < lengths.size(); ++l) {
      const Digest& digest = wanted(l, lengths[l]);
      ASSERT_TRUE(std::equal(digest.begin(), digest.end(), out[l].begin()))
          << lengths[l] << " bytes, lane " << l << " of " << lengths.size();
      ASSERT_EQ(std::count(out[l].begin() + kDigestBytes, out[l].end(), std::byte{0xa5}), 8) << "behind the digest";
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Each, HmacKernels,
                         ::testing::Values(Kernel{"x16", sha::hmac_sha1_x16, cpu_supports(IsaLevel::kAvx512)},
                                           Kernel{"ni", sha::hmac_sha1_ni, cpu_has_sha_ni()},
                                           Kernel{"ni_vl", sha::vl::hmac_sha1_ni, cpu_has_sha_ni() && cpu_supports(IsaLevel::kAvx512)}),
                         [](const auto& i) { return std::string(i.param.name); });

TEST_P(HmacKernels, Rfc2104_2_EveryLengthInEveryNumberOfLanes) {
  for (unsigned lanes = 1; lanes <= sha::kLanes; ++lanes)
    for (std::uint32_t bytes = 0; bytes <= kLongest; ++bytes) ASSERT_NO_FATAL_FAILURE(expect_digests(std::vector(lanes, bytes)));
}

TEST_P(HmacKernels, Rfc2104_2_DifferentLengthsSideBySide) {
  std::mt19937 random(16);
  for (unsigned round = 0; round < 4000; ++round) {
    std::vector<std::uint32_t> lengths(1 + round % sha::kLanes);
    // Of all lengths, or all close to one border of a block.
    const auto border = static_cast<std::uint32_t>(64 * (random() % 31));
    for (auto& bytes : lengths) bytes = static_cast<std::uint32_t>(round % 2 == 0 ? random() % (kLongest + 1) : border + random() % 70);
    ASSERT_NO_FATAL_FAILURE(expect_digests(lengths));
  }
}

// Bytes that end where memory ends: reading or writing one more ends the program.
class Edge {
 public:
  explicit Edge(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    used_ = (bytes + page - 1) / page * page;
    void* at = ::mmap(nullptr, used_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) std::abort();
    begin_ = static_cast<std::byte*>(at);
    all_ = used_ + page;
    if (::mprotect(begin_ + used_, page, PROT_NONE) != 0) std::abort();
  }
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;
  ~Edge() { ::munmap(begin_, all_); }
  // The last so many bytes.
  [[nodiscard]] std::byte* last(std::size_t bytes) const { return begin_ + used_ - bytes; }

 private:
  std::byte* begin_ = nullptr;
  std::size_t used_ = 0, all_ = 0;
};

TEST_P(HmacKernels, NothingBehindMessageKeyAndDigestIsTouched) {
  const Edge data(kLongest), key(sizeof key_of(0).states), digest(kDigestBytes);
  std::byte* const states = key.last(sizeof key_of(0).states);
  std::memcpy(states, key_of(0).states, sizeof key_of(0).states);
  for (std::uint32_t bytes = 0; bytes <= kLongest; ++bytes) {
    std::memcpy(data.last(bytes), content().data(), bytes);
    const sha::HmacMessage message{data.last(bytes), bytes, suffix_of(0), states, digest.last(kDigestBytes)};
    GetParam().run(&message, 1);
    ASSERT_TRUE(std::equal(wanted(0, bytes).begin(), wanted(0, bytes).end(), digest.last(kDigestBytes))) << bytes;
  }
}

}  // namespace
}  // namespace mediaward::crypto
