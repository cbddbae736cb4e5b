// SPDX-License-Identifier: Apache-2.0
// Whole RTP packets against libsrtp: from master key to the bytes on the wire, both suites, every engine, across a
// roll-over of the sequence number, with CSRCs and header extensions; and the way back.
#include <gtest/gtest.h>
#include <srtp2/srtp.h>

#include <random>

#include "crypto/bytes.h"
#include "crypto/srtp_index.h"
#include "crypto/srtp_kdf.h"
#include "tests/support/crypto_cases.h"

namespace mediaward::crypto {
namespace {

constexpr std::uint32_t kSsrc = 0xcafe1234;
constexpr unsigned kPackets = 96;
constexpr std::uint32_t kFirstSequence = 65500;  // 36 packets before the roll-over

struct Case {
  std::string_view provider;
  Suite suite;
};

class Libsrtp {
 public:
  Libsrtp(Suite suite, std::vector<unsigned char> master, srtp_ssrc_type_t direction) : master_(std::move(master)) {
    srtp_policy_t policy{};
    if (suite == Suite::kAeadAes128Gcm) {
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
      srtp_crypto_policy_set_rtp_default(&policy.rtp);
      srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    policy.ssrc.type = direction;
    policy.key = master_.data();
    policy.window_size = 128;
    EXPECT_EQ(srtp_create(&session_, &policy), srtp_err_status_ok);
  }
  Libsrtp(const Libsrtp&) = delete;
  Libsrtp& operator=(const Libsrtp&) = delete;
  ~Libsrtp() { srtp_dealloc(session_); }
  srtp_t get() { return session_; }

 private:
  std::vector<unsigned char> master_;
  srtp_t session_ = nullptr;
};

struct RtpPacket {
  std::vector<std::byte> bytes;  // header and payload
  std::uint16_t header_bytes;
  std::uint64_t index;
};

RtpPacket make_rtp(std::mt19937_64& random, unsigned number) {
  const unsigned csrcs = number % 5 == 0 ? static_cast<unsigned>(random() % 16) : 0;
  const unsigned extension_words = number % 3 == 0 ? static_cast<unsigned>(random() % 20) : 0;
  const bool extended = number % 3 == 0;
  RtpPacket p;
  p.index = kFirstSequence + number;
  p.header_bytes = static_cast<std::uint16_t>(12 + 4 * csrcs + (extended ? 4 + 4 * extension_words : 0));
  p.bytes.resize(p.header_bytes + (number % 7 == 0 ? 0 : random() % 1300));
  for (std::byte& b : p.bytes) b = static_cast<std::byte>(random());
  p.bytes[0] = static_cast<std::byte>(0x80 | (extended ? 0x10 : 0) | csrcs);
  store_be16(&p.bytes[2], static_cast<std::uint16_t>(p.index));
  store_be32(&p.bytes[8], kSsrc);
  if (extended) {
    store_be16(&p.bytes[12 + 4 * csrcs], 0xbede);
    store_be16(&p.bytes[14 + 4 * csrcs], static_cast<std::uint16_t>(extension_words));
  }
  return p;
}

class EngineLibsrtp : public testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(srtp_init(), srtp_err_status_ok); }
  static void TearDownTestSuite() { srtp_shutdown(); }

  void SetUp() override {
    provider_ = test_support::make_provider(GetParam().provider);
    if (provider_ == nullptr) GTEST_SKIP() << GetParam().provider << " cannot run here";
    engine_ = provider_->make_engine();
    const SuiteInfo& suite = *find_suite(GetParam().suite);
    std::mt19937_64 random(77);
    for (unsigned i = 0; i < suite.key_bytes + suite.salt_bytes; ++i) master_.push_back(static_cast<unsigned char>(random()));
    const ConstBytes master = std::as_bytes(std::span(master_));
    auto keys = derive_session_keys(suite.id, master.first(suite.key_bytes), master.subspan(suite.key_bytes), KeyUse::kSrtp);
    ASSERT_TRUE(keys);
    session_ = *keys;
    arena_ = std::move(*SecretArena::create({1, false}));
    key_ = arena_->allocate_key(provider_->key_context_bytes(suite.id));
    ASSERT_TRUE(provider_->expand(suite.id, session_, key_));
    for (unsigned i = 0; i < kPackets; ++i) packets_.push_back(make_rtp(random, i));
  }
  void TearDown() override {
    if (key_ != nullptr) provider_->wipe(GetParam().suite, key_);
  }

  void describe(Job& job, bool open, std::vector<std::byte>& buffer, const RtpPacket& p) {
    const SuiteInfo& suite = *find_suite(GetParam().suite);
    const bool gcm = suite.transform == Transform::kAesGcm;
    job.op = open ? (gcm ? JobOp::kGcmOpen : JobOp::kCmOpen) : (gcm ? JobOp::kGcmSeal : JobOp::kCmSeal);
    job.key = key_;
    job.aad = buffer.data();
    job.aad_bytes = p.header_bytes;
    job.src = job.dst = buffer.data() + p.header_bytes;
    job.bytes = static_cast<std::uint32_t>(p.bytes.size() - p.header_bytes);
    job.tag = buffer.data() + p.bytes.size();
    job.tag_bytes = suite.tag_bytes;
    job.roc = static_cast<std::uint32_t>(p.index >> 16);
    gcm ? make_gcm_iv(job.iv, session_.salt.data(), kSsrc, p.index) : make_cm_iv(job.iv, session_.salt.data(), kSsrc, p.index);
  }

  std::vector<std::vector<std::byte>> run(bool open, std::vector<std::vector<std::byte>> buffers) {
    std::vector<Job> jobs(kPackets);
    std::vector<Job*> pointers;
    for (unsigned i = 0; i < kPackets; ++i) {
      describe(jobs[i], open, buffers[i], packets_[i]);
      pointers.push_back(&jobs[i]);
    }
    test_support::run_all(*engine_, pointers);
    for (const Job& job : jobs) EXPECT_EQ(job.status, JobStatus::kOk);
    return buffers;
  }

  std::vector<std::vector<std::byte>> plain_buffers() const {
    std::vector<std::vector<std::byte>> buffers;
    for (const RtpPacket& p : packets_) {
      buffers.push_back(p.bytes);
      buffers.back().resize(p.bytes.size() + find_suite(GetParam().suite)->tag_bytes);
    }
    return buffers;
  }

  std::unique_ptr<CryptoProvider> provider_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<SecretArena> arena_;
  std::vector<unsigned char> master_;
  SessionKeys session_;
  KeyContext* key_ = nullptr;
  std::vector<RtpPacket> packets_;
};

TEST_P(EngineLibsrtp, Rfc3711_3_3_SealedBytesAreThoseOfLibsrtp) {
  Libsrtp sender(GetParam().suite, master_, ssrc_any_outbound);
  const auto sealed = run(false, plain_buffers());
  for (unsigned i = 0; i < kPackets; ++i) {
    std::vector<std::byte> theirs = packets_[i].bytes;
    theirs.resize(theirs.size() + SRTP_MAX_TRAILER_LEN);
    int length = static_cast<int>(packets_[i].bytes.size());
    ASSERT_EQ(srtp_protect(sender.get(), theirs.data(), &length), srtp_err_status_ok);
    theirs.resize(static_cast<std::size_t>(length));
    ASSERT_TRUE(sealed[i] == theirs) << "packet " << i << " index " << packets_[i].index;
  }
}

TEST_P(EngineLibsrtp, Rfc3711_3_3_LibsrtpOpensWhatWeSealAndWeWhatItSeals) {
  Libsrtp receiver(GetParam().suite, master_, ssrc_any_inbound);
  auto sealed = run(false, plain_buffers());
  const auto opened = run(true, sealed);
  for (unsigned i = 0; i < kPackets; ++i) {
    const std::size_t bytes = packets_[i].bytes.size();
    ASSERT_TRUE(std::equal(opened[i].begin(), opened[i].begin() + static_cast<std::ptrdiff_t>(bytes), packets_[i].bytes.begin()));
    int length = static_cast<int>(sealed[i].size());
    ASSERT_EQ(srtp_unprotect(receiver.get(), sealed[i].data(), &length), srtp_err_status_ok) << i;
    ASSERT_EQ(static_cast<std::size_t>(length), bytes);
    ASSERT_TRUE(std::equal(packets_[i].bytes.begin(), packets_[i].bytes.end(), sealed[i].begin()));
  }
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto provider : test_support::kProviderNames)
    for (const SuiteInfo& suite : kSuites) cases.push_back({provider, suite.id});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, EngineLibsrtp, testing::ValuesIn(all_cases()),
                         [](const auto& p) { return std::string(p.param.provider) + "_" + std::string(find_suite(p.param.suite)->name); });

}  // namespace
}  // namespace mediaward::crypto
