// SPDX-License-Identifier: Apache-2.0
// Published vectors through every engine this machine can run, and proof that the start-up self-test refuses an engine that is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "crypto/self_test.h"
#include "crypto/srtp_index.h"
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
    suite_ = suite;
    SessionKeys keys;
    const auto bytes = from_hex(key);
    std::copy(bytes.begin(), bytes.end(), keys.key.begin());
    arena_ = std::move(*SecretArena::create({1, false}));
    key_ = arena_->allocate_key(provider_->key_context_bytes(suite));
    ASSERT_TRUE(provider_->expand(suite, keys, key_));
  }
  // `packet` holds header and text and room for the tag behind.
  JobStatus run(JobOp op, std::vector<std::byte>& packet, std::size_t header, std::size_t text, std::uint8_t tag,
                const std::vector<std::byte>& iv) {
    Job job;
    job.op = op;
    job.key = key_;
    job.aad = packet.data();
    job.aad_bytes = static_cast<std::uint16_t>(header);
    job.src = job.dst = packet.data() + header;
    job.bytes = static_cast<std::uint32_t>(text);
    job.tag = job.dst + text;
    job.tag_bytes = tag;
    std::copy(iv.begin(), iv.end(), job.iv);
    test_support::run_all(*engine_, {&job});
    return job.status;
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

// The keystream is a megabyte long; the vector gives its first three blocks and those around counter 0xff00.
TEST_P(EngineVectors, Rfc3711_B_2_AesCmKeystream) {
  expand(Suite::kAesCm128HmacSha1_80, "2B7E151628AED2A6ABF7158809CF4F3C");
  const auto first = from_hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0");
  std::vector<std::byte> packet(12 + 48 + 10);
  ASSERT_EQ(run(JobOp::kCmSeal, packet, 12, 48, 10, from_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000")), JobStatus::kOk);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), packet.begin() + 12));
  const auto last = from_hex("EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44");
  std::vector<std::byte> late(12 + 48 + 10);
  ASSERT_EQ(run(JobOp::kCmSeal, late, 12, 48, 10, from_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF")), JobStatus::kOk);
  EXPECT_TRUE(std::equal(last.begin(), last.end(), late.begin() + 12));
}

TEST_P(EngineVectors, Rfc7714_16_1_1_SealAnd16_1_2_Open) {
  expand(Suite::kAeadAes128Gcm, "000102030405060708090a0b0c0d0e0f");
  const auto iv = from_hex("51753c6580c2726f20718414");
  const auto plain = from_hex(
      "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573 "
      "00000000000000000000000000000000");
  const auto sealed = from_hex(
      "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833 "
      "899d7f27beb16a9152cf765ee4390cce");
  auto packet = plain;
  ASSERT_EQ(run(JobOp::kGcmSeal, packet, 12, 38, 16, iv), JobStatus::kOk);
  EXPECT_EQ(packet, sealed);
  ASSERT_EQ(run(JobOp::kGcmOpen, packet, 12, 38, 16, iv), JobStatus::kOk);
  EXPECT_TRUE(std::equal(plain.begin(), plain.begin() + 50, packet.begin()));
}

TEST_P(EngineVectors, Rfc7714_16_1_3_TagOnlyAnd16_1_4_Verify) {
  expand(Suite::kAeadAes128Gcm, "000102030405060708090a0b0c0d0e0f");
  const auto iv = from_hex("51753c6580c2726f20718414");
  auto packet = from_hex(
      "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573 "
      "00000000000000000000000000000000");
  ASSERT_EQ(run(JobOp::kGcmSeal, packet, 50, 0, 16, iv), JobStatus::kOk);
  EXPECT_EQ(std::vector<std::byte>(packet.begin() + 50, packet.end()), from_hex("22493f82d2bce397e9d79e3b19aa4216"));
  EXPECT_EQ(run(JobOp::kGcmOpen, packet, 50, 0, 16, iv), JobStatus::kOk);
  packet[49] ^= std::byte{1};
  EXPECT_EQ(run(JobOp::kGcmOpen, packet, 50, 0, 16, iv), JobStatus::kAuthFailed);
}

INSTANTIATE_TEST_SUITE_P(All, EngineVectors, testing::ValuesIn(test_support::kProviderNames),
                         [](const auto& p) { return std::string(p.param); });

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
         if (j.op == JobOp::kCmSeal && j.bytes > 40) j.dst[40] ^= std::byte{1};
       }},
      {"wrong tag",
       [](Job& j) {
         if (j.op == JobOp::kGcmSeal) j.tag[15] ^= std::byte{1};
       }},
      {"wrote behind the tag",
       [](Job& j) {
         if (j.op == JobOp::kCmSeal) j.tag[j.tag_bytes] = std::byte{0};
       }},
      {"wrong plaintext",
       [](Job& j) {
         if (j.op == JobOp::kGcmOpen && j.bytes > 0) j.dst[0] ^= std::byte{1};
       }},
      {"a good packet was refused",
       [](Job& j) {
         if (j.op == JobOp::kGcmOpen) j.status = JobStatus::kAuthFailed;
       }},
      {"a tampered packet was not refused",
       [](Job& j) {
         if (j.op == JobOp::kCmOpen) j.status = JobStatus::kOk;
       }},
      {"sealing did not end well",
       [](Job& j) {
         if (j.op == JobOp::kCmSeal) j.status = JobStatus::kPending;
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
