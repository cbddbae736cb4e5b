// SPDX-License-Identifier: Apache-2.0
// Live signatures against published vectors, the openssl command line, a capture of another peer, and libcrypto's one-call interface;
// and everything a key or a signature may have wrong.
#include "crypto/signature.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "crypto/signature_signing.h"
#include "tests/support/crypto_cases.h"
#include "tests/unit/crypto/signature_vectors.h"

namespace mediaward::crypto {
namespace {

namespace v = signature_vectors;
using test_support::from_hex;
using Octets = std::vector<std::byte>;

SignatureKey key_of(const v::Vector& vector, ShortRsaKeys short_rsa = ShortRsaKeys::kRefused) {
  auto key = SignatureKey::from_swarm_id(from_hex(vector.swarm_id), short_rsa);
  EXPECT_TRUE(key) << vector.name << ": " << key.error().message;
  return std::move(*key);
}
MunroText munro(MunroForm form) {
  return MunroText(form, from_hex(v::kChunkSpec), v::kTimestamp, from_hex(v::kMunroHash));
}
Octets octets(ConstBytes bytes) {
  return Octets(bytes.begin(), bytes.end());
}
Octets flipped(ConstBytes bytes, std::size_t bit) {
  Octets out = octets(bytes);
  out[bit / 8] ^= std::byte{1} << bit % 8;
  return out;
}

class Fixed : public ::testing::TestWithParam<v::Vector> {
 protected:
  const SignatureKey key_ = key_of(GetParam());
  const Octets signature_ = from_hex(GetParam().signature);
  const MunroText text_ = munro(MunroForm::kRfc7574);
};
INSTANTIATE_TEST_SUITE_P(All, Fixed, ::testing::Values(v::kRsaSha1, v::kRsaSha256, v::kRsa4096Exponent3, v::kEcdsaP256, v::kEcdsaP384),
                         [](const auto& i) { return std::string(i.param.name); });

TEST_P(Fixed, Rfc7574_6_1_2_2_ChunkSpecTimeAndHashAreSigned) {
  EXPECT_EQ(key_.signature_bytes(), signature_.size());
  EXPECT_TRUE(key_.verify(text_.view(), signature_));
  EXPECT_FALSE(key_.verify(munro(MunroForm::kLibswift).view(), signature_));
  EXPECT_FALSE(
      key_.verify(MunroText(MunroForm::kRfc7574, from_hex(v::kChunkSpec), v::kTimestamp + 1, from_hex(v::kMunroHash)).view(), signature_));
}

TEST_P(Fixed, PartsAreOneMessage) {
  for (std::size_t cut = 0; cut <= text_.view().size(); ++cut) {
    const ConstBytes parts[] = {text_.view().first(cut), {}, text_.view().subspan(cut)};
    EXPECT_TRUE(key_.verify(parts, signature_)) << cut;
  }
}

TEST_P(Fixed, EveryFlippedBitOfASignatureIsRefused) {
  for (std::size_t bit = 0; bit < 8 * signature_.size(); ++bit) ASSERT_FALSE(key_.verify(text_.view(), flipped(signature_, bit))) << bit;
}

TEST_P(Fixed, EveryFlippedBitOfAMessageIsRefused) {
  for (std::size_t bit = 0; bit < 8 * text_.view().size(); ++bit) ASSERT_FALSE(key_.verify(flipped(text_.view(), bit), signature_)) << bit;
}

// Of RSA only some: whether a modulus is fit is asked by primality tests.
TEST_P(Fixed, AKeyWithAFlippedBitVerifiesNothing) {
  const Octets swarm_id = from_hex(GetParam().swarm_id);
  const std::size_t step = key_.signature_bytes() > 100 ? 61 : 1;
  for (std::size_t bit = 0; bit < 8 * swarm_id.size(); bit += step) {
    const auto other = SignatureKey::from_swarm_id(flipped(swarm_id, bit));
    if (other) {
      ASSERT_FALSE(other->verify(text_.view(), signature_)) << bit;
    }
  }
}

TEST_P(Fixed, ACutKeyIsRefusedOrAnother) {
  const Octets swarm_id = from_hex(GetParam().swarm_id);
  for (std::size_t bytes = 0; bytes < swarm_id.size(); bytes += bytes < 80 ? 1 : 31) {
    const auto other = SignatureKey::from_swarm_id(ConstBytes(swarm_id).first(bytes));
    if (other) {
      ASSERT_FALSE(other->verify(text_.view(), signature_)) << bytes;
    }
  }
}

TEST_P(Fixed, OtherLengthsAreRefused) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, signature_.size() - 1, signature_.size() + 1, 2 * signature_.size()}) {
    Octets other = signature_;
    other.resize(bytes);
    EXPECT_FALSE(key_.verify(text_.view(), other)) << bytes;
  }
  EXPECT_FALSE(key_.verify(text_.view(), Octets(signature_.size())));
  EXPECT_FALSE(key_.verify(text_.view(), Octets(signature_.size(), std::byte{0xff})));
}

TEST_P(Fixed, NothingIsNoMessage) {
  EXPECT_FALSE(key_.verify(ConstBytes(), signature_));
  EXPECT_FALSE(key_.verify(std::span<const ConstBytes>(), signature_));
}

TEST_P(Fixed, RefusalsLeaveNoErrorsBehind) {
  ERR_clear_error();
  EXPECT_FALSE(key_.verify(text_.view(), flipped(signature_, 3)));
  EXPECT_FALSE(SignatureKey::from_swarm_id(Octets(65, std::byte{13})));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_P(Fixed, OneKeyServesManyThreads) {
  std::vector<std::jthread> threads;
  std::array<unsigned, 4> good{};
  for (auto& count : good)
    threads.emplace_back([&] {
      for (unsigned i = 0; i < 60; ++i) {
        const bool verified = key_.verify(text_.view(), i % 3 == 0 ? flipped(signature_, i) : signature_);
        count += verified == (i % 3 != 0);
      }
    });
  threads.clear();
  EXPECT_EQ(good, (std::array<unsigned, 4>{60, 60, 60, 60}));
}

// libswift signs the hash alone, and its time is in microseconds.
TEST(Capture12, TheSignatureOfLibswiftIsOverTheHashOnly) {
  const SignatureKey key = key_of(v::kCapture12);
  EXPECT_EQ(key.algorithm(), SignatureAlgorithm::kEcdsaP256Sha256);
  const Octets signature = from_hex(v::kCapture12.signature);
  const auto text = [](MunroForm form) {
    return MunroText(form, from_hex(v::kChunkSpec), v::kCapture12Timestamp, from_hex(v::kCapture12Hash));
  };
  EXPECT_TRUE(key.verify(text(MunroForm::kLibswift).view(), signature));
  EXPECT_FALSE(key.verify(text(MunroForm::kRfc7574).view(), signature));
}

TEST(Published, Rfc6605_6_EcdsaExamples) {
  EXPECT_TRUE(key_of(v::kDns13).verify(from_hex(v::kDnsMessage13), from_hex(v::kDns13.signature)));
  EXPECT_TRUE(key_of(v::kDns14).verify(from_hex(v::kDnsMessage14), from_hex(v::kDns14.signature)));
  EXPECT_FALSE(key_of(v::kDns13).verify(from_hex(v::kDnsMessage14), from_hex(v::kDns13.signature)));
}

TEST(Rsa, Rfc8017_8_2_2_GarbageBehindTheDigestIsRefused) {
  const SignatureKey key = key_of(v::kRsa4096Exponent3);
  const Octets cube = from_hex(v::kForgedCube);
  Octets forged(key.signature_bytes() - cube.size());
  forged.insert(forged.end(), cube.begin(), cube.end());
  EXPECT_FALSE(key.verify(munro(MunroForm::kRfc7574).view(), forged));
}

TEST(Rsa, Rfc8301_3_2_ShortKeysOnlyWhereTheyAreAllowed) {
  const auto refused = SignatureKey::from_swarm_id(from_hex(v::kRsa1024.swarm_id));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_NE(refused.error().message.find("1024 bits, at least 2048"), std::string::npos) << refused.error().message;
  const SignatureKey key = key_of(v::kRsa1024, ShortRsaKeys::kAllowed);
  EXPECT_EQ(key.signature_bytes(), 128u);
  EXPECT_TRUE(key.verify(munro(MunroForm::kRfc7574).view(), from_hex(v::kRsa1024.signature)));
}

// r or s of 0 or of the order and above is no signature, whatever the message.
TEST(Ecdsa, Fips186_6_4_2_NumbersOutOfRangeAreRefused) {
  const SignatureKey key = key_of(v::kEcdsaP256);
  const Octets zero(32);
  const Octets order = from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  const Octets good = from_hex(v::kEcdsaP256.signature);
  for (const Octets& number : {zero, order, Octets(32, std::byte{0xff})}) {
    Octets bad_r = good;
    Octets bad_s = good;
    std::ranges::copy(number, bad_r.begin());
    std::ranges::copy(number, bad_s.begin() + 32);
    EXPECT_FALSE(key.verify(munro(MunroForm::kRfc7574).view(), bad_r));
    EXPECT_FALSE(key.verify(munro(MunroForm::kRfc7574).view(), bad_s));
  }
}

Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
Octets repeated(std::size_t bytes, unsigned value, unsigned last) {
  Octets out(bytes, static_cast<std::byte>(value));
  if (bytes != 0) out.back() = static_cast<std::byte>(last);
  return out;
}
Octets with_octet(Octets in, std::size_t at, unsigned value) {
  in[at] = static_cast<std::byte>(value);
  return in;
}

struct BadKey {
  const char* name;
  Octets swarm_id;
  ErrorCode code;
  const char* says;
};

std::vector<BadKey> bad_keys() {
  constexpr auto kInvalid = ErrorCode::kInvalid;
  constexpr auto kUnsupported = ErrorCode::kUnsupported;
  const Octets modulus = repeated(256, 0xc5, 0xc5);
  const Octets p256 = from_hex(v::kEcdsaP256.swarm_id);
  return {
      {"Empty", {}, kInvalid, "it is empty"},
      {"Algorithm0", with_octet(p256, 0, 0), kUnsupported, "algorithm 0 is none of"},
      {"Algorithm7", with_octet(p256, 0, 7), kUnsupported, "algorithm 7 is none of"},
      {"Ed25519", with_octet(p256, 0, 15), kUnsupported, "algorithm 15 is none of"},
      {"Algorithm255", with_octet(p256, 0, 255), kUnsupported, "algorithm 255 is none of"},
      {"PointTooShort", Octets(p256.begin(), p256.end() - 1), kInvalid, "63 bytes, wanted 64"},
      {"PointTooLong", p256 + from_hex("00"), kInvalid, "65 bytes, wanted 64"},
      {"PointUncompressedMark", from_hex("0d04") + Octets(p256.begin() + 1, p256.end()), kInvalid, "65 bytes, wanted 64"},
      {"PointOfAnotherCurve", with_octet(p256, 0, 14), kInvalid, "64 bytes, wanted 96"},
      {"PointOffTheCurve", with_octet(p256, 64, 0x3d), kInvalid, "no point of the curve"},
      {"PointAtTheOrigin", from_hex("0d") + Octets(64), kInvalid, "no point of the curve"},
      {"PointBeyondTheField", from_hex("0d") + repeated(64, 0xff, 0xff), kInvalid, "no point of the curve"},
      {"P384OffTheCurve", from_hex("0e") + repeated(96, 1, 1), kInvalid, "no point of the curve"},
      {"NoRsaKey", from_hex("08"), kInvalid, "0 bytes are no RSA key"},
      {"TwoBytes", from_hex("080103"), kInvalid, "2 bytes are no RSA key"},
      {"NoModulus", from_hex("0803010001"), kInvalid, "ends before its modulus"},
      {"NoExponent", from_hex("08080300"), kInvalid, "ends before its modulus"},
      {"LongFormLength", from_hex("08000003010001") + modulus, kInvalid, "three octets although one suffices"},
      {"LengthZeroInLongForm", from_hex("08000000") + modulus, kInvalid, "three octets although one suffices"},
      {"ExponentZero", from_hex("080100") + modulus, kInvalid, "zero octet"},
      {"ExponentLeadingZero", from_hex("0804") + from_hex("00010001") + modulus, kInvalid, "zero octet"},
      {"ExponentOne", from_hex("080101") + modulus, kInvalid, "even or 1"},
      {"ExponentTwo", from_hex("080102") + modulus, kInvalid, "even or 1"},
      {"ExponentEven", from_hex("0803010000") + modulus, kInvalid, "even or 1"},
      {"ExponentOf72Bits", from_hex("0809010000000000000001") + modulus, kInvalid, "exponent of 9 bytes"},
      {"ExponentOf256Bytes", from_hex("08000100") + modulus + modulus, kInvalid, "exponent of 256 bytes"},
      {"ModulusLeadingZero", from_hex("080300010100") + modulus, kInvalid, "zero octet"},
      {"ModulusEven", from_hex("0803010001") + repeated(256, 0xc5, 0xc4), kInvalid, "modulus is even"},
      {"Modulus2047", from_hex("0803010001") + repeated(256, 0x7f, 0x7f), kInvalid, "2047 bits, at least 2048"},
      {"Modulus1023", from_hex("0803010001") + repeated(128, 0x7f, 0x7f), kInvalid, "1023 bits, 1024 to 4096"},
      {"Modulus512", from_hex("0803010001") + repeated(64, 0xc5, 0xc5), kInvalid, "512 bits, 1024 to 4096"},
      {"Modulus4097", from_hex("0803010001") + from_hex("01") + repeated(512, 0xc5, 0xc5), kInvalid, "4097 bits, 1024 to 4096"},
      {"ModulusWithSmallFactors", from_hex("0803010001") + modulus, kInvalid, "small factors"},
  };
}

class Refused : public ::testing::TestWithParam<BadKey> {};
INSTANTIATE_TEST_SUITE_P(All, Refused, ::testing::ValuesIn(bad_keys()), [](const auto& i) { return std::string(i.param.name); });

TEST_P(Refused, AndSaysWhy) {
  const auto key = SignatureKey::from_swarm_id(GetParam().swarm_id);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, GetParam().code);
  EXPECT_NE(key.error().message.find(GetParam().says), std::string::npos) << key.error().message;
  EXPECT_EQ(key.error().message.rfind("live swarm ID: ", 0), 0u) << key.error().message;
}

struct FreeOpenssl {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(BIGNUM* p) const { BN_free(p); }
  void operator()(ECDSA_SIG* p) const { ECDSA_SIG_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreeOpenssl>;
unsigned char* raw(std::byte* p) {
  return reinterpret_cast<unsigned char*>(p);
}
const unsigned char* raw(const std::byte* p) {
  return reinterpret_cast<const unsigned char*>(p);
}

TEST(Rsa, AModulusThatIsAPrimeIsRefused) {
  const Owned<BIGNUM> prime(BN_new());
  ASSERT_EQ(BN_generate_prime_ex(prime.get(), 1024, 0, nullptr, nullptr, nullptr), 1);
  Octets modulus(128);
  ASSERT_EQ(BN_bn2bin(prime.get(), raw(modulus.data())), 128);
  const auto key = SignatureKey::from_swarm_id(from_hex("0803010001") + modulus, ShortRsaKeys::kAllowed);
  ASSERT_FALSE(key);
  EXPECT_NE(key.error().message.find("the modulus is a prime"), std::string::npos) << key.error().message;
}

Owned<EVP_PKEY> generate(SignatureAlgorithm algorithm, std::size_t rsa_bits = 2048) {
  switch (algorithm) {
    case SignatureAlgorithm::kEcdsaP256Sha256:
      return Owned<EVP_PKEY>(EVP_EC_gen("P-256"));
    case SignatureAlgorithm::kEcdsaP384Sha384:
      return Owned<EVP_PKEY>(EVP_EC_gen("P-384"));
    default:
      return Owned<EVP_PKEY>(EVP_RSA_gen(rsa_bits));
  }
}
const EVP_MD* digest(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kRsaSha1           ? EVP_sha1()
         : algorithm == SignatureAlgorithm::kEcdsaP384Sha384 ? EVP_sha384()
                                                             : EVP_sha256();
}
int coordinate_bytes(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kEcdsaP256Sha256 ? 32 : algorithm == SignatureAlgorithm::kEcdsaP384Sha384 ? 48 : 0;
}

std::string pem_of(EVP_PKEY* key, const char* passphrase = nullptr) {
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_PKCS8PrivateKey(out.get(), key, passphrase == nullptr ? nullptr : EVP_aes_128_cbc(), passphrase,
                                          passphrase == nullptr ? 0 : static_cast<int>(std::strlen(passphrase)), nullptr, nullptr),
            1);
  char* text = nullptr;
  const long bytes = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(bytes));
}

// From X.509's form of the key: that of EC ends with the point, that of RSA with SEQUENCE { INTEGER n, INTEGER e = 65537 }.
Octets swarm_id_of(EVP_PKEY* key, SignatureAlgorithm algorithm) {
  unsigned char* der = nullptr;
  const int bytes = i2d_PUBKEY(key, &der);
  const auto* end = reinterpret_cast<const std::byte*>(der) + bytes;
  const Octets head{static_cast<std::byte>(algorithm)};
  const Octets out = coordinate_bytes(algorithm) != 0 ? head + Octets(end - 2 * coordinate_bytes(algorithm), end)
                                                      : head + from_hex("03010001") + Octets(end - 5 - EVP_PKEY_get_size(key), end - 5);
  OPENSSL_free(der);
  return out;
}

Octets signature_by_libcrypto(EVP_PKEY* key, SignatureAlgorithm algorithm, const Octets& message) {
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  Octets out(600);
  std::size_t bytes = out.size();
  EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, digest(algorithm), nullptr, key), 1);
  EXPECT_EQ(EVP_DigestSign(context.get(), raw(out.data()), &bytes, raw(message.data()), message.size()), 1);
  out.resize(bytes);
  const int half = coordinate_bytes(algorithm);
  if (half == 0) return out;
  const unsigned char* at = raw(out.data());
  const Owned<ECDSA_SIG> both(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(bytes)));
  Octets fixed(static_cast<std::size_t>(2 * half));
  EXPECT_EQ(BN_bn2binpad(ECDSA_SIG_get0_r(both.get()), raw(fixed.data()), half), half);
  EXPECT_EQ(BN_bn2binpad(ECDSA_SIG_get0_s(both.get()), raw(fixed.data() + half), half), half);
  return fixed;
}

bool libcrypto_verifies(EVP_PKEY* key, SignatureAlgorithm algorithm, const Octets& message, const Octets& signature) {
  unsigned char* der = nullptr;
  Octets wire = signature;
  if (const int half = coordinate_bytes(algorithm); half != 0) {
    const Owned<ECDSA_SIG> both(ECDSA_SIG_new());
    ECDSA_SIG_set0(both.get(), BN_bin2bn(raw(signature.data()), half, nullptr), BN_bin2bn(raw(signature.data() + half), half, nullptr));
    const int bytes = i2d_ECDSA_SIG(both.get(), &der);
    wire.assign(reinterpret_cast<std::byte*>(der), reinterpret_cast<std::byte*>(der) + bytes);
    OPENSSL_free(der);
  }
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, digest(algorithm), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), raw(wire.data()), wire.size(), raw(message.data()), message.size()) == 1;
}

class Oracle : public ::testing::TestWithParam<SignatureAlgorithm> {
 protected:
  const Owned<EVP_PKEY> theirs_ = generate(GetParam());
  std::mt19937 random_{7574};

  Octets message() {
    Octets out(1 + random_() % 1500);
    for (auto& b : out) b = static_cast<std::byte>(random_());
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(All, Oracle, ::testing::ValuesIn(kSignatureAlgorithms),
                         [](const auto& i) { return std::string(to_string(i.param)); });

TEST_P(Oracle, WhatLibcryptoSignsIsVerified) {
  const auto key = SignatureKey::from_swarm_id(swarm_id_of(theirs_.get(), GetParam()));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->algorithm(), GetParam());
  for (int round = 0; round < 40; ++round) {
    const Octets text = message();
    const Octets signature = signature_by_libcrypto(theirs_.get(), GetParam(), text);
    ASSERT_TRUE(key->verify(text, signature)) << round;
    ASSERT_FALSE(key->verify(text, flipped(signature, random_() % (8 * signature.size())))) << round;
    ASSERT_FALSE(key->verify(flipped(text, random_() % (8 * text.size())), signature)) << round;
  }
}

TEST_P(Oracle, Rfc6605_4_NumbersAreOfFixedLength) {
  const auto half = static_cast<std::size_t>(coordinate_bytes(GetParam()));
  if (half == 0) return;  // RSA has one number, and its length is the modulus'
  const auto key = SignatureKey::from_swarm_id(swarm_id_of(theirs_.get(), GetParam()));
  ASSERT_TRUE(key) << key.error().message;
  // As integers these lose an octet: their first is 0 and the next one's top bit as well.
  const auto is_short = [](const std::byte* at) { return at[0] == std::byte{0} && at[1] < std::byte{0x80}; };
  for (bool short_r = false, short_s = false; !short_r || !short_s;) {
    const Octets text = message();
    const Octets signature = signature_by_libcrypto(theirs_.get(), GetParam(), text);
    if (!is_short(signature.data()) && !is_short(signature.data() + half)) continue;
    short_r |= is_short(signature.data());
    short_s |= is_short(signature.data() + half);
    ASSERT_TRUE(key->verify(text, signature));
    Octets longer = signature;
    longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(half), std::byte{0});
    longer.insert(longer.begin(), std::byte{0});
    ASSERT_FALSE(key->verify(text, longer)) << "the same numbers, an octet more each";
  }
}

TEST_P(Oracle, NothingIsNoMessageEvenWhenSigned) {
  const auto key = SignatureKey::from_swarm_id(swarm_id_of(theirs_.get(), GetParam()));
  ASSERT_TRUE(key) << key.error().message;
  const Octets signature = signature_by_libcrypto(theirs_.get(), GetParam(), {});
  EXPECT_TRUE(libcrypto_verifies(theirs_.get(), GetParam(), {}, signature));
  EXPECT_FALSE(key->verify(ConstBytes(), signature));
}

TEST_P(Oracle, WhatWeSignLibcryptoVerifies) {
  const auto ours = SigningKey::from_pem(pem_of(theirs_.get()), GetParam());
  ASSERT_TRUE(ours) << ours.error().message;
  EXPECT_EQ(ours->algorithm(), GetParam());
  EXPECT_EQ(ours->swarm_id(), swarm_id_of(theirs_.get(), GetParam()));
  for (int round = 0; round < 40; ++round) {
    const Octets text = message();
    const ConstBytes parts[] = {ConstBytes(text).first(text.size() / 3), ConstBytes(text).subspan(text.size() / 3)};
    const auto signature = ours->sign(parts);
    ASSERT_TRUE(signature) << signature.error().message;
    ASSERT_EQ(signature->size(), ours->public_key().signature_bytes());
    ASSERT_TRUE(libcrypto_verifies(theirs_.get(), GetParam(), text, *signature)) << round;
    ASSERT_TRUE(ours->public_key().verify(text, *signature)) << round;
  }
}

TEST_P(Oracle, AKeyForAnotherAlgorithmIsRefused) {
  const std::string pem = pem_of(theirs_.get());
  for (const SignatureAlgorithm other : kSignatureAlgorithms)
    EXPECT_EQ(SigningKey::from_pem(pem, other).has_value(), coordinate_bytes(other) == coordinate_bytes(GetParam())) << to_string(other);
}

TEST_P(Oracle, AKeyUnderAPassphraseIsRefusedWithoutAsking) {
  const auto key = SigningKey::from_pem(pem_of(theirs_.get(), "secret"), GetParam());
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(SigningKeys, WhatIsNoKeyIsRefused) {
  const std::string pem = pem_of(generate(SignatureAlgorithm::kEcdsaP256Sha256).get());
  for (const std::string& text : {std::string(), std::string("no key"), pem.substr(0, pem.size() / 2), std::string(3000, '-')})
    EXPECT_FALSE(SigningKey::from_pem(text, SignatureAlgorithm::kEcdsaP256Sha256)) << text;
  const auto ed25519 =
      SigningKey::from_pem(pem_of(Owned<EVP_PKEY>(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")).get()), SignatureAlgorithm::kRsaSha256);
  ASSERT_FALSE(ed25519);
  EXPECT_NE(ed25519.error().message.find("no RSA key"), std::string::npos) << ed25519.error().message;
  const Owned<EVP_PKEY> secp256k1(EVP_EC_gen("secp256k1"));
  const auto koblitz = SigningKey::from_pem(pem_of(secp256k1.get()), SignatureAlgorithm::kEcdsaP256Sha256);
  ASSERT_FALSE(koblitz);
  EXPECT_NE(koblitz.error().message.find("no key on the curve prime256v1"), std::string::npos) << koblitz.error().message;
}

// The private half of one key with the public half of another.
TEST(SigningKeys, HalvesThatDoNotBelongTogetherAreRefused) {
  const Owned<EVP_PKEY> one = generate(SignatureAlgorithm::kEcdsaP256Sha256);
  const Owned<EVP_PKEY> other = generate(SignatureAlgorithm::kEcdsaP256Sha256);
  BIGNUM* number = nullptr;
  ASSERT_EQ(EVP_PKEY_get_bn_param(one.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number), 1);
  const Owned<BIGNUM> secret(number);
  std::array<unsigned char, 32> private_half{};
  ASSERT_EQ(BN_bn2nativepad(secret.get(), private_half.data(), 32), 32);
  std::array<unsigned char, 65> public_half{};
  std::size_t bytes = 0;
  ASSERT_EQ(EVP_PKEY_get_octet_string_param(other.get(), OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, public_half.data(), 65, &bytes), 1);
  std::string curve = "P-256";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), 0),
                         OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public_half.data(), bytes),
                         OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, private_half.data(), private_half.size()),
                         OSSL_PARAM_construct_end()};
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* made = nullptr;
  ASSERT_EQ(EVP_PKEY_fromdata_init(context), 1);
  ASSERT_EQ(EVP_PKEY_fromdata(context, &made, EVP_PKEY_KEYPAIR, params), 1);
  EVP_PKEY_CTX_free(context);
  const Owned<EVP_PKEY> mixed(made);
  const auto key = SigningKey::from_pem(pem_of(mixed.get()), SignatureAlgorithm::kEcdsaP256Sha256);
  ASSERT_FALSE(key);
  EXPECT_NE(key.error().message.find("does not verify what its private half signs"), std::string::npos) << key.error().message;
}

TEST(SigningKeys, ShortRsaKeysOnlyWhereTheyAreAllowed) {
  const std::string pem = pem_of(generate(SignatureAlgorithm::kRsaSha256, 1024).get());
  EXPECT_FALSE(SigningKey::from_pem(pem, SignatureAlgorithm::kRsaSha256));
  EXPECT_TRUE(SigningKey::from_pem(pem, SignatureAlgorithm::kRsaSha256, ShortRsaKeys::kAllowed));
}

TEST(MunroTexts, Rfc7574_6_1_2_2_PartsInTheirOrder) {
  const auto text = [](MunroForm form, std::string_view chunkspec, std::string_view hash) {
    return octets(MunroText(form, from_hex(chunkspec), 0x0102030405060708, from_hex(hash)).view());
  };
  EXPECT_EQ(text(MunroForm::kRfc7574, "0000003f", "aabb"), from_hex("0000003f0102030405060708aabb"));
  EXPECT_EQ(text(MunroForm::kLibswift, "0000003f", "aabb"), from_hex("aabb"));
  const std::string chunkspec(32, '1');
  const std::string hash(128, '2');
  EXPECT_EQ(text(MunroForm::kRfc7574, chunkspec, hash), from_hex(chunkspec + "0102030405060708" + hash));
}

TEST(MunroTexts, PartsLongerThanTheProtocolHasMakeNoText) {
  EXPECT_TRUE(MunroText(MunroForm::kRfc7574, Octets(17), 1, Octets(20)).view().empty());
  EXPECT_TRUE(MunroText(MunroForm::kRfc7574, Octets(8), 1, Octets(65)).view().empty());
  EXPECT_TRUE(MunroText(MunroForm::kLibswift, Octets(8), 1, Octets(65)).view().empty());
  EXPECT_TRUE(MunroText().view().empty());
}

TEST(Algorithms, Rfc7574_7_7_NumbersHaveNames) {
  EXPECT_EQ(to_string(SignatureAlgorithm::kRsaSha1), "RSASHA1");
  EXPECT_EQ(to_string(SignatureAlgorithm::kRsaSha256), "RSASHA256");
  EXPECT_EQ(to_string(SignatureAlgorithm::kEcdsaP256Sha256), "ECDSAP256SHA256");
  EXPECT_EQ(to_string(SignatureAlgorithm::kEcdsaP384Sha384), "ECDSAP384SHA384");
  EXPECT_EQ(to_string(static_cast<SignatureAlgorithm>(6)), "");
}

}  // namespace
}  // namespace mediaward::crypto
