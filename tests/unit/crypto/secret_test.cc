// SPDX-License-Identifier: Apache-2.0
// The key arena (alignment, reuse, wiping, exhaustion), secret bytes and fingerprints.
#include "crypto/secret.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>

namespace mediaward::crypto {
namespace {

constexpr std::size_t kTwoMegabytes = std::size_t{2} << 20;

std::unique_ptr<SecretArena> make_arena(std::size_t bytes, bool hugetlb = false) {
  auto made = SecretArena::create({bytes, hugetlb});
  EXPECT_TRUE(made);
  return std::move(*made);
}

bool all_zero(const std::byte* at, std::size_t bytes) {
  return std::all_of(at, at + bytes, [](std::byte b) { return b == std::byte{0}; });
}

TEST(SecretArena, CapacityIsWholeHugePages) {
  EXPECT_EQ(make_arena(1)->capacity_bytes(), kTwoMegabytes);
  EXPECT_EQ(make_arena(kTwoMegabytes + 1)->capacity_bytes(), 2 * kTwoMegabytes);
}

TEST(SecretArena, HugetlbFallsBackWhenThereAreNone) {
  const auto arena = make_arena(kTwoMegabytes, true);
  EXPECT_TRUE(arena->page_kind() == "hugetlb 2M" || arena->page_kind() == "thp" || arena->page_kind() == "4k");
  EXPECT_NE(arena->allocate(256), nullptr);
}

TEST(SecretArena, RefusesNothingAndTooMuch) {
  const auto arena = make_arena(1);
  EXPECT_EQ(arena->allocate(0), nullptr);
  EXPECT_EQ(arena->allocate(SecretArena::kMaxBlockBytes + 1), nullptr);
  arena->release(nullptr, 64);
  EXPECT_EQ(arena->used_bytes(), 0u);
}

TEST(SecretArena, ReleasedBlocksAreOverwrittenAndReused) {
  const auto arena = make_arena(1);
  std::byte* block = arena->allocate(1000);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(arena->used_bytes(), 1024u);
  std::memset(block, 0x77, 1000);
  arena->release(block, 1000);
  EXPECT_EQ(arena->used_bytes(), 0u);
  EXPECT_TRUE(all_zero(block + sizeof(void*), 1024 - sizeof(void*))) << "only the link of the free list may lie there";
  EXPECT_EQ(arena->allocate(1008), block) << "same size class";
  EXPECT_TRUE(all_zero(block, 1024));
}

TEST(SecretArena, AFullArenaSplitsLargerFreeBlocks) {
  const auto arena = make_arena(1);
  std::vector<std::byte*> blocks;
  while (std::byte* block = arena->allocate(1024)) blocks.push_back(block);
  EXPECT_EQ(blocks.size(), kTwoMegabytes / 1024);
  EXPECT_EQ(arena->allocate(256), nullptr);
  arena->release(blocks.back(), 1024);
  for (int i = 0; i < 4; ++i) EXPECT_NE(arena->allocate(256), nullptr);
  EXPECT_EQ(arena->allocate(64), nullptr);
}

TEST(SecretArena, RandomUseNeverOverlapsAndNeverLeaks) {
  const auto arena = make_arena(1);
  std::mt19937_64 random(7);
  std::map<std::byte*, std::pair<std::size_t, std::byte>> held;
  for (int step = 0; step < 100000; ++step) {
    if (held.empty() || random() % 100 < 55) {
      constexpr std::array<std::size_t, 4> kSizes{200, 256, 1008, 1264};
      const std::size_t bytes = kSizes[random() % kSizes.size()];
      std::byte* block = arena->allocate(bytes);
      if (block == nullptr) continue;
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % 64, 0u);
      ASSERT_TRUE(all_zero(block, bytes));
      const auto mark = static_cast<std::byte>(random() | 1);
      std::memset(block, static_cast<int>(mark), bytes);
      held[block] = {bytes, mark};
    } else {
      auto it = held.begin();
      std::advance(it, static_cast<std::ptrdiff_t>(random() % std::min<std::size_t>(held.size(), 50)));
      const auto [bytes, mark] = it->second;
      ASSERT_TRUE(std::all_of(it->first, it->first + bytes, [mark = mark](std::byte b) { return b == mark; }));
      arena->release(it->first, bytes);
      held.erase(it);
    }
  }
  for (const auto& [block, what] : held) arena->release(block, what.first);
  EXPECT_EQ(arena->used_bytes(), 0u);
}

TEST(SecretBytes, MovesAndWipes) {
  const std::array<std::byte, 4> from{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  SecretBytes a{ConstBytes(from)};
  SecretBytes b = std::move(a);
  EXPECT_EQ(b.size(), 4u);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): the moved-from state is the contract under test
  EXPECT_TRUE(b == b.clone());
  EXPECT_FALSE(b == SecretBytes(4));
  a = std::move(b);
  EXPECT_EQ(a.view()[3], std::byte{4});
  a.wipe();
  EXPECT_TRUE(a.empty());
}

TEST(KeyFingerprint, IsTheHeadOfADomainSeparatedSha256) {
  const std::array<std::byte, 16> key{std::byte{9}};
  const std::array<std::byte, 14> salt{std::byte{8}};
  std::string input = "mediaward srtp key fingerprint 1";
  input += '\x10';
  input.append(reinterpret_cast<const char*>(key.data()), key.size());
  input += '\x0e';
  input.append(reinterpret_cast<const char*>(salt.data()), salt.size());
  std::array<unsigned char, 32> digest{};
  ASSERT_EQ(EVP_Digest(input.data(), input.size(), digest.data(), nullptr, EVP_sha256(), nullptr), 1);
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i < 8; ++i) expected = expected << 8 | digest[i];
  EXPECT_EQ(key_fingerprint(key, salt), expected);
}

TEST(KeyFingerprint, DependsOnKeySaltAndTheirBorder) {
  const std::vector<std::byte> bytes(30, std::byte{5});
  std::vector<std::byte> other = bytes;
  other[20] = std::byte{6};
  const auto of = [](const std::vector<std::byte>& v, std::size_t key) {
    return key_fingerprint(ConstBytes(v).first(key), ConstBytes(v).subspan(key));
  };
  EXPECT_NE(of(bytes, 16), of(other, 16));
  EXPECT_NE(of(bytes, 16), of(bytes, 18));
  EXPECT_EQ(of(bytes, 16), of(bytes, 16));
}

}  // namespace
}  // namespace mediaward::crypto
