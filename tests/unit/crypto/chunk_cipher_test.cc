// SPDX-License-Identifier: Apache-2.0
// Content encryption: published vectors through our counter layout, the layout itself read back out of the key stream, and its limits.
#include "crypto/chunk_cipher.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "tests/support/crypto_cases.h"

namespace mediaward::crypto {
namespace {

using test_support::from_hex;
using Octets = std::vector<std::byte>;

constexpr std::uint64_t kLastChunk = ~std::uint64_t{0};
constexpr std::size_t kBlockBytes = 16;

ContentKey content_key(std::string_view key, std::string_view salt) {
  ContentKey out;
  out.key = SecretBytes(from_hex(key));
  std::ranges::copy(from_hex(salt), out.salt.begin());
  return out;
}
ChunkCipher cipher_of(const ContentKey& key) {
  auto cipher = ChunkCipher::create(key);
  EXPECT_TRUE(cipher);
  return std::move(*cipher);
}
ChunkCipher cipher_of(std::string_view key, std::string_view salt) {
  return cipher_of(content_key(key, salt));
}

Octets random_octets(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  Octets out(bytes);
  for (auto& b : out) b = static_cast<std::byte>(random());
  return out;
}

// `plain` at block `block` of a chunk whose other bytes are 0.
Octets encrypted_at(ChunkCipher cipher, std::uint64_t chunk, std::size_t block, const Octets& plain) {
  Octets bytes(block * kBlockBytes);
  bytes.insert(bytes.end(), plain.begin(), plain.end());
  EXPECT_TRUE(cipher.encrypt(chunk, bytes, bytes));
  return Octets(bytes.end() - static_cast<std::ptrdiff_t>(plain.size()), bytes.end());
}

// The counter f0f1...feff of the vectors is block fe ff of chunk f6...fd under the salt f0...f5.
TEST(Published, Sp80038a_F_5_CtrAes128AndAes256) {
  const Octets plain = from_hex(
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
  EXPECT_EQ(encrypted_at(cipher_of("2b7e151628aed2a6abf7158809cf4f3c", "f0f1f2f3f4f5"), 0xf6f7f8f9fafbfcfd, 0xfeff, plain),
            from_hex("874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab"
                     "1e031dda2fbe03d1792170a0f3009cee"));
  EXPECT_EQ(encrypted_at(cipher_of("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "f0f1f2f3f4f5"), 0xf6f7f8f9fafbfcfd,
                         0xfeff, plain),
            from_hex("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988d"
                     "dfc9c58db67aada613c2dd08457941a6"));
}

// Nonce, IV and a 32-bit counter from 1: block 1 of a chunk whose number ends with two zero octets.
TEST(Published, Rfc3686_6_Vectors1And7) {
  const Octets plain = from_hex("53696e676c6520626c6f636b206d7367");
  EXPECT_EQ(encrypted_at(cipher_of("ae6852f8121067cc4bf7a5765577f39e", "000000300000"), 0, 1, plain),
            from_hex("e4095d4fb7a7b3792d6175a3261311b8"));
  EXPECT_EQ(encrypted_at(cipher_of("776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104", "00000060db56"), 0x72c97aa8f0b20000,
                         1, plain),
            from_hex("145ad01dbf824ec7560863dc71e3e0c0"));
}

// One chunk by libcrypto, its counter block put together here.
Octets by_libcrypto(const ContentKey& key, std::uint64_t chunk, const Octets& in) {
  std::array<unsigned char, kBlockBytes> counter{};
  for (std::size_t i = 0; i < kChunkSaltBytes; ++i) counter[i] = std::to_integer<unsigned char>(key.salt[i]);
  for (std::size_t i = 0; i < 8; ++i) counter[6 + i] = static_cast<unsigned char>(chunk >> (56 - 8 * i));
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  Octets out(in.size());
  int written = 0;
  EXPECT_EQ(EVP_DecryptInit_ex2(context, key.key.size() == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(),
                                reinterpret_cast<const unsigned char*>(key.key.data()), counter.data(), nullptr),
            1);
  EXPECT_EQ(EVP_DecryptUpdate(context, reinterpret_cast<unsigned char*>(out.data()), &written,
                              reinterpret_cast<const unsigned char*>(in.data()), static_cast<int>(in.size())),
            1);
  EVP_CIPHER_CTX_free(context);
  return out;
}

class Keys : public ::testing::TestWithParam<std::size_t> {
 protected:
  Keys() {
    key_.key = SecretBytes(random_octets(GetParam(), 1));
    std::ranges::copy(random_octets(kChunkSaltBytes, 2), key_.salt.begin());
  }
  ContentKey key_;
};
INSTANTIATE_TEST_SUITE_P(Each, Keys, ::testing::Values(16, 32), [](const auto& i) { return "Aes" + std::to_string(8 * i.param); });

TEST_P(Keys, EveryLengthAsLibcryptoHasIt) {
  ChunkCipher cipher = cipher_of(key_);
  std::mt19937_64 random(5);
  for (std::size_t bytes = 0; bytes <= 1100; ++bytes) {
    const Octets plain = random_octets(bytes, 3);
    const std::uint64_t chunk = random() >> random() % 64;
    Octets out(bytes);
    ASSERT_TRUE(cipher.encrypt(chunk, plain, out));
    ASSERT_EQ(out, by_libcrypto(key_, chunk, plain)) << bytes;
    ASSERT_TRUE(cipher.decrypt(chunk, out, out)) << "in place";
    ASSERT_EQ(out, plain) << bytes;
  }
}

TEST_P(Keys, ChunksMayComeInAnyOrder) {
  ChunkCipher first = cipher_of(key_);
  ChunkCipher second = cipher_of(key_);
  const Octets plain = random_octets(1024, 4);
  Octets out(1024);
  ASSERT_TRUE(first.encrypt(9, plain, out));
  ASSERT_TRUE(second.encrypt(100, plain, out));
  ASSERT_TRUE(second.encrypt(9, plain, out));
  EXPECT_EQ(out, by_libcrypto(key_, 9, plain));
}

// AES is a permutation: what ECB decryption makes of the key stream is the counter blocks themselves. None of them is any other's, and none
// carries into the chunk number, not even at the last block of the longest chunk.
TEST_P(Keys, NoTwoBlocksOfAnyChunksShareACounterBlock) {
  ChunkCipher cipher = cipher_of(key_);
  EVP_CIPHER_CTX* ecb = EVP_CIPHER_CTX_new();
  ASSERT_EQ(EVP_DecryptInit_ex2(ecb, GetParam() == 32 ? EVP_aes_256_ecb() : EVP_aes_128_ecb(),
                                reinterpret_cast<const unsigned char*>(key_.key.data()), nullptr, nullptr),
            1);
  EVP_CIPHER_CTX_set_padding(ecb, 0);
  for (const std::uint64_t chunk : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0xffff}, std::uint64_t{0x10000},
                                    std::uint64_t{0xffffffff}, std::uint64_t{0x100000000}, kLastChunk - 1, kLastChunk}) {
    Octets stream(kMaxCipherChunkBytes);
    ASSERT_TRUE(cipher.encrypt(chunk, stream, stream));
    Octets counters(stream.size());
    int written = 0;
    ASSERT_EQ(EVP_DecryptUpdate(ecb, reinterpret_cast<unsigned char*>(counters.data()), &written,
                                reinterpret_cast<unsigned char*>(stream.data()), static_cast<int>(stream.size())),
              1);
    for (std::size_t block = 0; block < 65536; ++block) {
      const std::byte* at = counters.data() + block * kBlockBytes;
      ASSERT_TRUE(std::equal(key_.salt.begin(), key_.salt.end(), at)) << chunk << ' ' << block;
      ASSERT_EQ(load_be64(at + 6), chunk) << block;
      ASSERT_EQ(load_be16(at + 14), block) << chunk;
    }
  }
  EVP_CIPHER_CTX_free(ecb);
}

TEST_P(Keys, MoreThanTheBlockCounterHoldsIsRefused) {
  ChunkCipher cipher = cipher_of(key_);
  Octets longest(kMaxCipherChunkBytes);
  EXPECT_TRUE(cipher.encrypt(1, longest, longest));
  Octets longer(kMaxCipherChunkBytes + 1, std::byte{0x77});
  const Octets before = longer;
  EXPECT_FALSE(cipher.encrypt(1, longer, longer));
  EXPECT_EQ(longer, before);
}

TEST_P(Keys, NothingIsWrittenOutsideTheChunk) {
  ChunkCipher cipher = cipher_of(key_);
  for (const std::size_t bytes : {0u, 1u, 15u, 16u, 17u, 1024u}) {
    Octets out(bytes + 32, std::byte{0xa5});
    ASSERT_TRUE(cipher.encrypt(7, random_octets(bytes, 6), out));
    EXPECT_EQ(std::count(out.begin() + static_cast<std::ptrdiff_t>(bytes), out.end(), std::byte{0xa5}), 32) << bytes;
  }
  Octets small(15, std::byte{0xa5});
  EXPECT_FALSE(cipher.encrypt(7, Octets(16), small));
  EXPECT_EQ(small, Octets(15, std::byte{0xa5}));
}

TEST_P(Keys, SaltsKeepApartSwarmsUnderOneKey) {
  const Octets zeros(64);
  Octets one(64);
  Octets other(64);
  ASSERT_TRUE(cipher_of(key_).encrypt(3, zeros, one));
  key_.salt[5] ^= std::byte{1};
  ASSERT_TRUE(cipher_of(key_).encrypt(3, zeros, other));
  EXPECT_NE(one, other);
}

TEST(Keys, OtherLengthsAreRefused) {
  for (const std::size_t bytes : {0u, 15u, 17u, 24u, 31u, 33u, 64u}) {
    ContentKey key;
    key.key = SecretBytes(bytes);
    const auto cipher = ChunkCipher::create(key);
    ASSERT_FALSE(cipher) << bytes;
    EXPECT_EQ(cipher.error().code, ErrorCode::kInvalid);
  }
}

TEST(KeyText, KeyThenSaltInHex) {
  const auto narrow = parse_content_key("000102030405060708090a0b0c0d0e0fA0a1a2a3a4A5");
  ASSERT_TRUE(narrow) << narrow.error().message;
  EXPECT_TRUE(narrow->key == SecretBytes(from_hex("000102030405060708090a0b0c0d0e0f")));
  EXPECT_TRUE(std::ranges::equal(narrow->salt, from_hex("a0a1a2a3a4a5")));
  const auto wide = parse_content_key(" \t" + std::string(64, '7') + "f0f1f2f3f4f5\r\n");
  ASSERT_TRUE(wide) << wide.error().message;
  EXPECT_EQ(wide->key.size(), 32u);
  EXPECT_TRUE(std::ranges::equal(wide->salt, from_hex("f0f1f2f3f4f5")));
  EXPECT_TRUE(ChunkCipher::create(*wide));
}

TEST(KeyText, AnythingElseIsRefusedWithoutShowingIt) {
  const std::string good(44, '7');
  for (const std::string& text :
       {std::string(), std::string("\n"), good.substr(1), good.substr(2), good + "7", good + "77", std::string(75, '7'),
        std::string(78, '7'), good.substr(0, 43) + "g", "x" + good.substr(1), good.substr(0, 20) + " " + good.substr(21)}) {
    const auto key = parse_content_key(text);
    ASSERT_FALSE(key) << text;
    EXPECT_EQ(key.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(key.error().message.find("777"), std::string::npos) << key.error().message;
  }
  EXPECT_NE(parse_content_key(good.substr(0, 43) + "g").error().message.find("character 44"), std::string::npos);
  EXPECT_NE(parse_content_key("x" + good.substr(1)).error().message.find("character 1 "), std::string::npos);
}

}  // namespace
}  // namespace mediaward::crypto
