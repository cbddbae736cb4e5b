// SPDX-License-Identifier: Apache-2.0
// Key derivation against the published vectors, and the labels the vectors do not cover against AES-ECB written out.
#include "crypto/srtp_kdf.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/support/crypto_cases.h"

namespace mediaward::crypto {
namespace {

using test_support::from_hex;

template <typename T>
std::vector<std::byte> head(const T& bytes, std::size_t n) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)};
}

// The PRF of RFC 3711 §4.3.3 from single AES blocks.
std::vector<std::byte> prf_by_blocks(const std::vector<std::byte>& key, const std::vector<std::byte>& salt, unsigned label, std::size_t n) {
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex(ctx, key.size() == 32 ? EVP_aes_256_ecb() : EVP_aes_128_ecb(), nullptr,
                     reinterpret_cast<const unsigned char*>(key.data()), nullptr);
  std::vector<std::byte> out;
  for (unsigned counter = 0; out.size() < n; ++counter) {
    std::array<unsigned char, 16> block{};
    for (std::size_t i = 0; i < salt.size(); ++i) block[i] = static_cast<unsigned char>(salt[i]);
    block[7] = static_cast<unsigned char>(block[7] ^ label);
    block[15] = static_cast<unsigned char>(counter);
    std::array<unsigned char, 32> encrypted{};
    int written = 0;
    EVP_EncryptUpdate(ctx, encrypted.data(), &written, block.data(), 16);
    for (int i = 0; i < 16; ++i) out.push_back(static_cast<std::byte>(encrypted[static_cast<std::size_t>(i)]));
  }
  EVP_CIPHER_CTX_free(ctx);
  out.resize(n);
  return out;
}

TEST(SrtpKdf, Rfc3711_B_3_KeyDerivation) {
  const auto key = from_hex("E1F97A0D3E018BE0D64FA32C06DE4139");
  const auto salt = from_hex("0EC675AD498AFEEBB6960B3AABE6");
  const auto keys = derive_session_keys(Suite::kAesCm128HmacSha1_80, key, salt, KeyUse::kSrtp);
  ASSERT_TRUE(keys);
  EXPECT_EQ(head(keys->key, 16), from_hex("C61E7A93744F39EE10734AFE3FF7A087"));
  EXPECT_EQ(head(keys->salt, 14), from_hex("30CBBC08863D8C85D49DB34A9AE1"));
  EXPECT_EQ(head(keys->auth, 20), from_hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
  EXPECT_EQ(keys->salt[14], std::byte{0});
  EXPECT_EQ(keys->salt[15], std::byte{0});
}

TEST(SrtpKdf, Rfc6188_7_2_KeyDerivationWithAes256) {
  const auto key = from_hex("f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6");
  const auto salt = from_hex("3b04803de51ee7c96423ab5b78d2");
  for (const Suite suite : {Suite::kAesCm256HmacSha1_80, Suite::kAesCm256HmacSha1_32}) {
    const auto keys = derive_session_keys(suite, key, salt, KeyUse::kSrtp);
    ASSERT_TRUE(keys);
    EXPECT_EQ(head(keys->key, 32), from_hex("5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4"));
    EXPECT_EQ(head(keys->salt, 14), from_hex("fa31791685ca444a9e07c6c64e93"));
    EXPECT_EQ(head(keys->auth, 20), from_hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
  }
}

TEST(SrtpKdf, Rfc3711_4_3_2_LabelsOfEverySuite) {
  std::vector<std::byte> master(32 + 14);
  for (std::size_t i = 0; i < master.size(); ++i) master[i] = static_cast<std::byte>(3 * i + 1);
  for (const SuiteInfo& suite : kSuites) {
    const std::vector<std::byte> key(master.begin(), master.begin() + suite.key_bytes);
    const std::vector<std::byte> salt(master.begin() + 32, master.begin() + 32 + suite.salt_bytes);
    for (const auto& [use, label] : {std::pair{KeyUse::kSrtp, 0U}, std::pair{KeyUse::kSrtcp, 3U}}) {
      const auto keys = derive_session_keys(suite.id, key, salt, use);
      ASSERT_TRUE(keys);
      const std::size_t cipher_key = suite.transform == Transform::kNullHmacSha1 ? 0 : suite.key_bytes;
      EXPECT_EQ(head(keys->key, cipher_key), prf_by_blocks(key, salt, label, cipher_key)) << suite.name;
      EXPECT_EQ(head(keys->auth, suite.auth_key_bytes), prf_by_blocks(key, salt, label + 1, suite.auth_key_bytes)) << suite.name;
      EXPECT_EQ(head(keys->salt, suite.salt_bytes), prf_by_blocks(key, salt, label + 2, suite.salt_bytes)) << suite.name;
    }
  }
}

TEST(SrtpKdf, ANullCipherHasNoKey) {
  const std::vector<std::byte> key(16, std::byte{1}), salt(14, std::byte{2});
  for (const Suite suite : {Suite::kNullHmacSha1_80, Suite::kNullHmacSha1_32}) {
    const auto keys = derive_session_keys(suite, key, salt, KeyUse::kSrtp);
    ASSERT_TRUE(keys);
    EXPECT_EQ(head(keys->key, 32), std::vector<std::byte>(32));
    EXPECT_NE(head(keys->auth, 20), std::vector<std::byte>(20));
  }
}

TEST(SrtpKdf, Rfc3711_4_3_2_SrtcpLabels) {
  const auto key = from_hex("E1F97A0D3E018BE0D64FA32C06DE4139");
  const auto salt = from_hex("0EC675AD498AFEEBB6960B3AABE6");
  const auto keys = derive_session_keys(Suite::kAesCm128HmacSha1_80, key, salt, KeyUse::kSrtcp);
  ASSERT_TRUE(keys);
  EXPECT_EQ(head(keys->key, 16), prf_by_blocks(key, salt, 3, 16));
  EXPECT_EQ(head(keys->auth, 20), prf_by_blocks(key, salt, 4, 20));
  EXPECT_EQ(head(keys->salt, 14), prf_by_blocks(key, salt, 5, 14));
}

TEST(SrtpKdf, Rfc7714_11_TwelveByteSaltIsPaddedOnTheRight) {
  const auto key = from_hex("000102030405060708090a0b0c0d0e0f");
  const auto salt = from_hex("a0a1a2a3a4a5a6a7a8a9aaab");
  for (const auto& [use, label] : {std::pair{KeyUse::kSrtp, 0U}, std::pair{KeyUse::kSrtcp, 3U}}) {
    const auto keys = derive_session_keys(Suite::kAeadAes128Gcm, key, salt, use);
    ASSERT_TRUE(keys);
    EXPECT_EQ(head(keys->key, 16), prf_by_blocks(key, salt, label, 16));
    EXPECT_EQ(head(keys->salt, 12), prf_by_blocks(key, salt, label + 2, 12));
    EXPECT_EQ(head(keys->auth, 20), std::vector<std::byte>(20)) << "an AEAD has no authentication key";
    EXPECT_EQ(keys->salt[12], std::byte{0});
  }
}

TEST(SrtpKdf, WrongLengthsAreNamed) {
  const std::vector<std::byte> key(16), salt(14), gcm_salt(12);
  const auto message = [](const auto& result) { return result ? std::string() : result.error().message; };
  EXPECT_NE(message(derive_session_keys(Suite::kAesCm128HmacSha1_80, ConstBytes(key).first(15), salt, KeyUse::kSrtp))
                .find("master key has 15 bytes"),
            std::string::npos);
  EXPECT_NE(message(derive_session_keys(Suite::kAesCm128HmacSha1_80, key, gcm_salt, KeyUse::kSrtp)).find("takes 14"), std::string::npos);
  EXPECT_NE(message(derive_session_keys(Suite::kAeadAes128Gcm, key, salt, KeyUse::kSrtp)).find("takes 12"), std::string::npos);
  EXPECT_NE(message(derive_session_keys(Suite::kAesCm256HmacSha1_80, key, salt, KeyUse::kSrtp)).find("takes 32"), std::string::npos);
  const auto unknown = derive_session_keys(Suite::kNone, key, salt, KeyUse::kSrtp);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace mediaward::crypto
