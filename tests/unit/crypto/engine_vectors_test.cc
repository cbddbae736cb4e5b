// SPDX-License-Identifier: Apache-2.0
// Published vectors through every engine this machine can run, and proof that the start-up self-test refuses an engine that is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "crypto/self_test.h"
#include "crypto/srtp_index.h"
#include "crypto/srtp_kdf.h"
#include "tests/support/crypto_cases.h"
#include "tests/support/delaying_engine.h"

namespace mediaward::crypto {
namespace {

using test_support::from_hex;

class EngineVectors : public testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    provider_ = test_support::make_provider(GetParam());
    if (provider_ == nullptr) GTEST_SKIP() << GetParam() << " cannot run here";
    engine_ = provider_->make_engine();
  }
  void TearDown() override {
    if (key_ != nullptr) provider_->wipe(suite_, key_);
  }
  void expand(Suite suite, std::string_view key) {
    SessionKeys keys;
    const auto bytes = from_hex(key);
    std::copy(bytes.begin(), bytes.end(), keys.key.begin());
    expand(suite, keys);
  }
  void expand(Suite suite, const SessionKeys& keys) {
    suite_ = suite;
    arena_ = std::move(*SecretArena::create({1, false}));
    key_ = arena_->allocate_key(provider_->key_context_bytes(suite));
    ASSERT_TRUE(provider_->expand(suite, keys, key_));
  }
  JobStatus run(const Job& described, JobOp op) {
    Job job = described;
    job.op = op;
    job.key = key_;
    test_support::run_all(*engine_, {&job});
    return job.status;
  }
  static Job describe(const std::byte* aad, std::size_t aad_bytes, std::byte* text, std::size_t text_bytes, std::byte* tag,
                      std::uint8_t tag_bytes, const std::vector<std::byte>& iv) {
    Job job;
    job.aad = aad;
    job.aad_bytes = static_cast<std::uint16_t>(aad_bytes);
    job.src = job.dst = text;
    job.bytes = static_cast<std::uint32_t>(text_bytes);
    job.tag = tag;
    job.tag_bytes = tag_bytes;
    std::copy(iv.begin(), iv.end(), job.iv);
    return job;
  }
  // An SRTP packet: header, text and room for the tag behind.
  static Job srtp(std::vector<std::byte>& packet, std::size_t header, std::size_t text, std::uint8_t tag,
                  const std::vector<std::byte>& iv) {
    return describe(packet.data(), header, packet.data() + header, text, packet.data() + header + text, tag, iv);
  }

  std::unique_ptr<CryptoProvider> provider_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<SecretArena> arena_;
  KeyContext* key_ = nullptr;
  Suite suite_ = Suite::kNone;
};

TEST_P(EngineVectors, SelfTestPasses) {
  const auto result = self_test(*provider_);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
}

// A keystream is a megabyte long; the vectors give its first three blocks and those around counter 0xff00.
TEST_P(EngineVectors, Rfc3711_B_2_AesCmKeystream) {
  expand(Suite::kAesCm128HmacSha1_80, "2B7E151628AED2A6ABF7158809CF4F3C");
  const auto first = from_hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0");
  std::vector<std::byte> packet(12 + 48 + 10);
  ASSERT_EQ(run(srtp(packet, 12, 48, 10, from_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000")), JobOp::kCm128Seal), JobStatus::kOk);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), packet.begin() + 12));
  const auto last = from_hex("EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44");
  std::vector<std::byte> late(12 + 48 + 10);
  ASSERT_EQ(run(srtp(late, 12, 48, 10, from_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF")), JobOp::kCm128Seal), JobStatus::kOk);
  EXPECT_TRUE(std::equal(last.begin(), last.end(), late.begin() + 12));
}

TEST_P(EngineVectors, Rfc6188_7_1_Aes256CmKeystream) {
  expand(Suite::kAesCm256HmacSha1_80, "57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98");
  const auto first = from_hex("92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31");
  std::vector<std::byte> packet(12 + 48 + 10);
  ASSERT_EQ(run(srtp(packet, 12, 48, 10, from_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000")), JobOp::kCm256Seal), JobStatus::kOk);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), packet.begin() + 12));
  const auto last = from_hex("cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d 6eb246913062a16891433e97dd01a57f");
  std::vector<std::byte> late(12 + 48 + 10);
  ASSERT_EQ(run(srtp(late, 12, 48, 10, from_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF")), JobOp::kCm256Seal), JobStatus::kOk);
  EXPECT_TRUE(std::equal(last.begin(), last.end(), late.begin() + 12));
}

struct GcmVector {
  Suite suite;
  std::string_view key, sealed, tag_only, sealed_srtcp, tag_only_srtcp;
};
constexpr std::array kGcmVectors{
    GcmVector{Suite::kAeadAes128Gcm, "000102030405060708090a0b0c0d0e0f",
              "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833 899d7f27beb16a9152cf765ee4390cce",
              "22493f82d2bce397e9d79e3b19aa4216",
              "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b c84aa45896cf4d2fc5abf87245d9eade",
              "841dd9683dd78ec92ae58790125f62b3"},
    GcmVector{Suite::kAeadAes256Gcm, "000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f",
              "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b 7aa3db36dfffd6b0f9bb7878d7a76c13",
              "a866d5910f887463067ceefec45215d4",
              "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad 1d1eb30c4446839f57ff6f6cb26ac3be",
              "91db4afbfeee5a978fab4393ed2615fe"},
};
constexpr std::string_view kGallia =
    "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
constexpr std::string_view kMars =
    "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

TEST_P(EngineVectors, Rfc7714_16_EncryptedSrtp) {
  const auto iv = from_hex("51753c6580c2726f20718414");
  for (const GcmVector& v : kGcmVectors) {
    const SuiteInfo& suite = *find_suite(v.suite);
    expand(v.suite, v.key);
    auto packet = from_hex(kGallia);
    const auto plain = packet;
    packet.resize(12 + 38 + 16);
    ASSERT_EQ(run(srtp(packet, 12, 38, 16, iv), suite.seal), JobStatus::kOk);
    EXPECT_EQ(std::vector<std::byte>(packet.begin() + 12, packet.end()), from_hex(v.sealed));
    ASSERT_EQ(run(srtp(packet, 12, 38, 16, iv), suite.check), JobStatus::kOk);
    EXPECT_EQ(std::vector<std::byte>(packet.begin() + 12, packet.end()), from_hex(v.sealed));
    ASSERT_EQ(run(srtp(packet, 12, 38, 16, iv), suite.open), JobStatus::kOk);
    EXPECT_TRUE(std::equal(plain.begin(), plain.end(), packet.begin()));
    provider_->wipe(v.suite, key_);
    key_ = nullptr;
  }
}

TEST_P(EngineVectors, Rfc7714_16_TagOnlySrtp) {
  const auto iv = from_hex("51753c6580c2726f20718414");
  for (const GcmVector& v : kGcmVectors) {
    const SuiteInfo& suite = *find_suite(v.suite);
    expand(v.suite, v.key);
    auto packet = from_hex(kGallia);
    packet.resize(50 + 16);
    ASSERT_EQ(run(srtp(packet, 50, 0, 16, iv), suite.seal), JobStatus::kOk);
    EXPECT_EQ(std::vector<std::byte>(packet.begin() + 50, packet.end()), from_hex(v.tag_only));
    EXPECT_EQ(run(srtp(packet, 50, 0, 16, iv), suite.open), JobStatus::kOk);
    packet[49] ^= std::byte{1};
    EXPECT_EQ(run(srtp(packet, 50, 0, 16, iv), suite.open), JobStatus::kAuthFailed);
    EXPECT_EQ(run(srtp(packet, 50, 0, 16, iv), suite.check), JobStatus::kAuthFailed);
    provider_->wipe(v.suite, key_);
    key_ = nullptr;
  }
}

// As on the wire: header, text, tag, and E flag with the index behind; the AAD is put together elsewhere.
TEST_P(EngineVectors, Rfc7714_17_EncryptedSrtcp) {
  const auto iv = from_hex("517524055203726f207170bb");
  const auto aad = from_hex("81c8000d4d617273 800005d4");
  for (const GcmVector& v : kGcmVectors) {
    const SuiteInfo& suite = *find_suite(v.suite);
    expand(v.suite, v.key);
    auto packet = from_hex(kMars);
    const auto plain = packet;
    packet.resize(8 + 44 + 16);
    const Job job = describe(aad.data(), aad.size(), packet.data() + 8, 44, packet.data() + 52, 16, iv);
    ASSERT_EQ(run(job, suite.seal), JobStatus::kOk);
    EXPECT_EQ(std::vector<std::byte>(packet.begin() + 8, packet.end()), from_hex(v.sealed_srtcp));
    ASSERT_EQ(run(job, suite.check), JobStatus::kOk);
    ASSERT_EQ(run(job, suite.open), JobStatus::kOk);
    EXPECT_TRUE(std::equal(plain.begin(), plain.end(), packet.begin()));
    provider_->wipe(v.suite, key_);
    key_ = nullptr;
  }
}

TEST_P(EngineVectors, Rfc7714_17_TagOnlySrtcp) {
  const auto iv = from_hex("517524055203726f207170bb");
  auto aad = from_hex(kMars);
  for (const std::byte b : from_hex("000005d4")) aad.push_back(b);
  for (const GcmVector& v : kGcmVectors) {
    const SuiteInfo& suite = *find_suite(v.suite);
    expand(v.suite, v.key);
    std::vector<std::byte> tag(16);
    const Job job = describe(aad.data(), aad.size(), nullptr, 0, tag.data(), 16, iv);
    ASSERT_EQ(run(job, suite.seal), JobStatus::kOk);
    EXPECT_EQ(tag, from_hex(v.tag_only_srtcp));
    EXPECT_EQ(run(job, suite.open), JobStatus::kOk);
    tag[0] ^= std::byte{1};
    EXPECT_EQ(run(job, suite.open), JobStatus::kAuthFailed);
    provider_->wipe(v.suite, key_);
    key_ = nullptr;
  }
}

// The SRTCP packet that libsrtp validates itself with: AES-CM under the master key of RFC 3711 B.3, labels 3 to 5, index 1.
TEST_P(EngineVectors, Rfc3711_3_4_SrtcpReferencePacket) {
  const auto keys = derive_session_keys(Suite::kAesCm128HmacSha1_80, from_hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
                                        from_hex("0EC675AD498AFEEBB6960B3AABE6"), KeyUse::kSrtcp);
  ASSERT_TRUE(keys);
  expand(Suite::kAesCm128HmacSha1_80, *keys);
  const auto sealed = from_hex("81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798");
  auto packet = from_hex("81c8000bcafebabe abababababababababababababababab 80000001 00000000000000000000");
  const auto plain = packet;
  std::vector<std::byte> iv(16);
  make_cm_iv(iv.data(), keys->salt.data(), 0xcafebabe, 1);
  Job job = describe(packet.data(), 8, packet.data() + 8, 16, packet.data() + 28, 10, iv);
  job.roc = 0x80000001;
  ASSERT_EQ(run(job, JobOp::kCm128Seal), JobStatus::kOk);
  EXPECT_EQ(packet, sealed);
  EXPECT_EQ(run(job, JobOp::kNullOpen), JobStatus::kOk) << "verifies without decrypting";
  EXPECT_EQ(packet, sealed);
  EXPECT_EQ(run(job, JobOp::kCm128Open), JobStatus::kOk);
  EXPECT_TRUE(std::equal(plain.begin(), plain.begin() + 28, packet.begin()));
}

INSTANTIATE_TEST_SUITE_P(All, EngineVectors, testing::ValuesIn(test_support::kProviderNames),
                         [](const auto& p) { return test_support::test_name(p.param); });

// Wraps a right engine and spoils what comes back.
class SpoilingProvider final : public CryptoProvider {
 public:
  using Spoil = std::function<void(Job&)>;
  SpoilingProvider(CryptoProvider& inner, Spoil spoil) : inner_(inner), spoil_(std::move(spoil)) {}
  std::string_view name() const noexcept override { return "spoiling"; }
  std::string_view isa() const noexcept override { return "-"; }
  std::string version() const override { return "0"; }
  std::unique_ptr<Engine> make_engine() override { return std::make_unique<SpoilingEngine>(inner_.make_engine(), spoil_); }
  std::size_t key_context_bytes(Suite suite) const noexcept override { return inner_.key_context_bytes(suite); }
  bool key_contexts_shared() const noexcept override { return inner_.key_contexts_shared(); }
  Result<void> expand(Suite suite, const SessionKeys& keys, KeyContext* context) override { return inner_.expand(suite, keys, context); }
  void wipe(Suite suite, KeyContext* context) noexcept override { inner_.wipe(suite, context); }

 private:
  class SpoilingEngine final : public Engine {
   public:
    SpoilingEngine(std::unique_ptr<Engine> inner, const Spoil& spoil) : inner_(std::move(inner)), spoil_(spoil) {}
    std::size_t submit(std::span<Job* const> jobs) noexcept override { return inner_->submit(jobs); }
    std::size_t poll(std::span<Job*> done) noexcept override {
      const std::size_t n = inner_->poll(done);
      for (Job* job : done.first(n)) spoil_(*job);
      return n;
    }
    std::size_t in_flight() const noexcept override { return inner_->in_flight(); }

   private:
    const std::unique_ptr<Engine> inner_;
    const Spoil& spoil_;
  };
  CryptoProvider& inner_;
  const Spoil spoil_;
};

TEST(SelfTest, RefusesAWrongEngine) {
  const auto inner = test_support::make_provider("openssl");
  const std::vector<std::pair<std::string_view, SpoilingProvider::Spoil>> spoils{
      {"wrong ciphertext",
       [](Job& j) {
         if (j.op == JobOp::kCm128Seal && j.bytes > 40) j.dst[40] ^= std::byte{1};
       }},
      {"wrong ciphertext",
       [](Job& j) {
         if (j.op == JobOp::kCm256Seal) j.dst[0] ^= std::byte{1};
       }},
      {"wrong tag",
       [](Job& j) {
         if (j.op == JobOp::kGcm128Seal) j.tag[15] ^= std::byte{1};
       }},
      {"wrong tag",
       [](Job& j) {
         if (j.op == JobOp::kNullSeal && j.tag_bytes == 4) j.tag[3] ^= std::byte{1};
       }},
      {"wrote behind the tag",
       [](Job& j) {
         if (j.op == JobOp::kCm128Seal) j.tag[j.tag_bytes] = std::byte{0};
       }},
      {"wrong plaintext",
       [](Job& j) {
         if (j.op == JobOp::kGcm256Open && j.bytes > 0) j.dst[0] ^= std::byte{1};
       }},
      {"a good packet was refused",
       [](Job& j) {
         if (j.op == JobOp::kGcm128Open) j.status = JobStatus::kAuthFailed;
       }},
      {"a good packet was refused by the check",
       [](Job& j) {
         if (j.op == JobOp::kGcm128Check) j.status = JobStatus::kAuthFailed;
       }},
      {"the check wrote to the packet",
       [](Job& j) {
         if (j.op == JobOp::kGcm256Check && j.bytes > 0) j.dst[0] ^= std::byte{1};
       }},
      {"a tampered packet was not refused",
       [](Job& j) {
         if (j.op == JobOp::kCm128Open) j.status = JobStatus::kOk;
       }},
      {"a tampered packet was not refused by the check",
       [](Job& j) {
         if (j.op == JobOp::kNullOpen) j.status = JobStatus::kOk;
       }},
      {"the check wrote to a tampered packet",
       [](Job& j) {
         if (j.op == JobOp::kGcm128Check && j.status == JobStatus::kAuthFailed && j.bytes > 0) j.dst[0] ^= std::byte{1};
       }},
      {"plaintext of a tampered packet was left behind",
       [](Job& j) {
         if (j.op != JobOp::kGcm128Open || j.status != JobStatus::kAuthFailed || j.bytes != 38) return;
         const auto gallia = from_hex(kGallia);
         std::copy(gallia.begin() + 12, gallia.end(), j.dst);
       }},
      {"sealing did not end well",
       [](Job& j) {
         if (j.op == JobOp::kCm128Seal) j.status = JobStatus::kPending;
       }},
      // Longer than any known answer: what only bursts of many lengths show.
      {"HMAC-SHA1: burst of ",
       [](Job& j) {
         if (j.op == JobOp::kNullSeal && j.aad_bytes + j.bytes == 15 * 64 + 51) j.tag[0] ^= std::byte{1};
       }},
      {"wrong tag of 4 bytes over ",
       [](Job& j) {
         if (j.op == JobOp::kNullSeal && j.bytes > 500 && j.tag_bytes == 4) j.tag[4] ^= std::byte{1};
       }},
      {"wrong tag of 10 bytes over ",
       [](Job& j) {
         if (j.op == JobOp::kNullSeal && j.bytes > 500 && j.tag_bytes == 10) j.tag[17] ^= std::byte{1};
       }},
      {"wrong verdict on a tag of ",
       [](Job& j) {
         if (j.op == JobOp::kNullOpen && j.bytes > 500) j.status = JobStatus::kOk;
       }},
      {"opening wrote to a packet",
       [](Job& j) {
         if (j.op == JobOp::kNullOpen && j.bytes > 500) j.dst[0] ^= std::byte{1};
       }},
  };
  for (const auto& [expected, spoil] : spoils) {
    SpoilingProvider provider(*inner, spoil);
    const auto result = self_test(provider);
    ASSERT_FALSE(result) << expected;
    EXPECT_NE(result.error().message.find(expected), std::string::npos) << result.error().message;
  }
}

TEST(SelfTest, AnEngineThatDelaysPasses) {
  const auto inner = test_support::make_provider("openssl");
  const auto delaying = test_support::make_delaying_provider(*inner, {3, 16});
  const auto result = self_test(*delaying);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
}

}  // namespace
}  // namespace mediaward::crypto
