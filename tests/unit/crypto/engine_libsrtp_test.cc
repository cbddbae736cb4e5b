// SPDX-License-Identifier: Apache-2.0
// Whole SRTP and SRTCP packets against libsrtp, from master key to the bytes on the wire: every suite, every engine, payloads from
// none to 1200 bytes, CSRCs and header extensions, across a roll-over of the sequence number, with and without MKI and
// encryption; and the way back. Where the parts of a packet lie is written out here once more, from the RFCs.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "crypto/bytes.h"
#include "crypto/srtp_index.h"
#include "crypto/srtp_kdf.h"
#include "tests/support/crypto_cases.h"
#include "tests/support/srtp_peer.h"

namespace mediaward::crypto {
namespace {

using test::SrtpPeer;
using Octets = SrtpPeer::Octets;

constexpr std::uint32_t kSsrc = 0xcafe1234;
constexpr unsigned kPackets = 96;
constexpr std::uint32_t kFirstSequence = 65500;  // 36 packets before the roll-over
constexpr std::array<std::size_t, 6> kPayloads{0, 1, 4, 20, 160, 1200};
constexpr std::uint32_t kEncrypted = 0x80000000;  // E flag of SRTCP

struct Case {
  std::string_view provider;
  Suite suite;
  std::size_t mki_bytes;
  bool unencrypted;
};

std::byte* at(Octets& packet, std::size_t offset) {
  return reinterpret_cast<std::byte*>(packet.data() + offset);
}

// One packet before it is sealed.
struct Plain {
  Octets bytes;  // header and payload
  std::size_t header_bytes;
  std::uint64_t index;
};

Plain make_rtp(std::mt19937_64& random, unsigned number) {
  const unsigned csrcs = number % 5 == 0 ? static_cast<unsigned>(random() % 16) : 0;
  const bool extended = number % 3 == 0;
  const unsigned extension_words = extended ? static_cast<unsigned>(random() % 20) : 0;
  Plain p;
  p.index = kFirstSequence + number;
  p.header_bytes = 12 + 4 * csrcs + (extended ? 4 + 4 * extension_words : 0);
  p.bytes.resize(p.header_bytes + kPayloads[number % kPayloads.size()]);
  for (auto& b : p.bytes) b = static_cast<std::uint8_t>(random());
  p.bytes[0] = static_cast<std::uint8_t>(0x80 | (extended ? 0x10 : 0) | csrcs);
  store_be16(at(p.bytes, 2), static_cast<std::uint16_t>(p.index));
  store_be32(at(p.bytes, 8), kSsrc);
  if (extended) {
    store_be16(at(p.bytes, 12 + 4 * csrcs), 0xbede);
    store_be16(at(p.bytes, 14 + 4 * csrcs), static_cast<std::uint16_t>(extension_words));
  }
  return p;
}

Plain make_rtcp(std::mt19937_64& random, unsigned number) {
  Plain p;
  p.index = number + 1;  // libsrtp's first
  p.header_bytes = 8;
  p.bytes.resize(8 + kPayloads[number % kPayloads.size()]);
  for (auto& b : p.bytes) b = static_cast<std::uint8_t>(random());
  p.bytes[0] = 0x80;
  p.bytes[1] = 200;
  store_be16(at(p.bytes, 2), static_cast<std::uint16_t>(p.bytes.size() / 4 - 1));
  store_be32(at(p.bytes, 4), kSsrc);
  return p;
}

class EngineLibsrtp : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    provider_ = test_support::make_provider(GetParam().provider);
    if (provider_ == nullptr) GTEST_SKIP() << GetParam().provider << " cannot run here";
    engine_ = provider_->make_engine();
    std::mt19937_64 random(77);
    for (unsigned i = 0; i < suite_.key_bytes + suite_.salt_bytes; ++i) master_.push_back(static_cast<std::uint8_t>(random()));
    for (unsigned i = 0; i < kPackets; ++i) rtp_.push_back(make_rtp(random, i));
    for (unsigned i = 0; i < kPackets; ++i) rtcp_.push_back(make_rtcp(random, i));
    mki_.assign(GetParam().mki_bytes, 0x4d);
    arena_ = std::move(*SecretArena::create({1, false}));
  }
  void TearDown() override {
    if (key_ != nullptr) provider_->wipe(suite_.id, key_);
  }

  SrtpPeer peer(SrtpPeer::Direction direction) const {
    test::SrtpPeerOptions options;
    options.unencrypted_srtp = options.unencrypted_srtcp = GetParam().unencrypted;
    return {suite_.id, {{master_, mki_}}, direction, options};
  }
  void use(KeyUse use) {
    const ConstBytes master = std::as_bytes(std::span(master_));
    auto keys = derive_session_keys(suite_.id, master.first(suite_.key_bytes), master.subspan(suite_.key_bytes), use);
    ASSERT_TRUE(keys);
    session_ = *keys;
    key_ = arena_->allocate_key(provider_->key_context_bytes(suite_.id));
    ASSERT_TRUE(provider_->expand(suite_.id, session_, key_));
  }
  [[nodiscard]] bool gcm() const { return suite_.transform == Transform::kAesGcm; }
  // What seals or opens when the stream is not encrypted: HMAC alone under the same key, or GCM with nothing to encipher (SRTCP only:
  // libsrtp has no unencrypted SRTP under GCM).
  [[nodiscard]] JobOp op(bool open) const {
    if (GetParam().unencrypted && !gcm()) return open ? JobOp::kNullOpen : JobOp::kNullSeal;
    return open ? suite_.open : suite_.seal;
  }

  // RFC 3711 §3.1: header, payload, MKI, tag; RFC 7714 §8.4: header, payload, tag, MKI.
  [[nodiscard]] Octets laid_out(const Plain& p) const {
    Octets packet = p.bytes;
    if (!gcm()) packet.insert(packet.end(), mki_.begin(), mki_.end());
    packet.resize(packet.size() + suite_.tag_bytes);
    if (gcm()) packet.insert(packet.end(), mki_.begin(), mki_.end());
    return packet;
  }
  void describe(Job& job, bool open, Octets& packet, const Plain& p) const {
    job.op = op(open);
    job.key = key_;
    job.aad = at(packet, 0);
    job.aad_bytes = static_cast<std::uint16_t>(p.header_bytes);
    job.src = job.dst = at(packet, p.header_bytes);
    job.bytes = static_cast<std::uint32_t>(p.bytes.size() - p.header_bytes);
    job.tag = at(packet, p.bytes.size() + (gcm() ? 0 : mki_.size()));
    job.tag_bytes = suite_.tag_bytes;
    job.roc = static_cast<std::uint32_t>(p.index >> 16);
    gcm() ? make_gcm_iv(job.iv, session_.salt.data(), kSsrc, p.index) : make_cm_iv(job.iv, session_.salt.data(), kSsrc, p.index);
  }

  // RFC 3711 §3.4: header, payload, E flag and index, MKI, tag; RFC 7714 §9.2: header, payload, tag, E flag and index, MKI.
  [[nodiscard]] std::uint32_t index_word(const Plain& p) const {
    const bool encrypted = !GetParam().unencrypted && suite_.transform != Transform::kNullHmacSha1;
    return static_cast<std::uint32_t>(p.index) | (encrypted ? kEncrypted : 0);
  }
  [[nodiscard]] Octets rtcp_laid_out(const Plain& p) const {
    Octets packet = p.bytes;
    packet.resize(packet.size() + (gcm() ? suite_.srtcp_tag_bytes : 0) + 4);
    store_be32(at(packet, packet.size() - 4), index_word(p));
    packet.insert(packet.end(), mki_.begin(), mki_.end());
    if (!gcm()) packet.resize(packet.size() + suite_.srtcp_tag_bytes);
    return packet;
  }
  // `aad` is where the AAD of GCM is put together: the index is not in front of the ciphertext.
  void rtcp_describe(Job& job, bool open, Octets& packet, Octets& aad, const Plain& p) const {
    const std::size_t enciphered = GetParam().unencrypted && gcm() ? 0 : p.bytes.size() - 8;
    job.op = op(open);
    job.key = key_;
    job.src = job.dst = at(packet, p.bytes.size() - enciphered);
    job.bytes = static_cast<std::uint32_t>(enciphered);
    job.tag_bytes = suite_.srtcp_tag_bytes;
    job.roc = index_word(p);
    if (gcm()) {
      aad.assign(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(p.bytes.size() - enciphered));
      aad.resize(aad.size() + 4);
      store_be32(at(aad, aad.size() - 4), index_word(p));
      job.aad = at(aad, 0);
      job.aad_bytes = static_cast<std::uint16_t>(aad.size());
      job.tag = at(packet, p.bytes.size());
      make_gcm_iv(job.iv, session_.salt.data(), kSsrc, p.index);
    } else {
      job.aad = at(packet, 0);
      job.aad_bytes = 8;
      job.tag = at(packet, p.bytes.size() + 4 + mki_.size());
      make_cm_iv(job.iv, session_.salt.data(), kSsrc, p.index);
    }
  }

  // Everything in one burst, in place; `instead` of the operation that the case asks for.
  std::vector<Octets> run(bool open, bool rtcp, std::vector<Octets> packets, JobOp* instead = nullptr) {
    std::vector<Job> jobs(kPackets);
    std::vector<Octets> aads(kPackets);
    std::vector<Job*> pointers;
    for (unsigned i = 0; i < kPackets; ++i) {
      rtcp ? rtcp_describe(jobs[i], open, packets[i], aads[i], rtcp_[i]) : describe(jobs[i], open, packets[i], rtp_[i]);
      if (instead != nullptr) jobs[i].op = *instead;
      pointers.push_back(&jobs[i]);
    }
    test_support::run_all(*engine_, pointers);
    for (const Job& job : jobs) EXPECT_EQ(job.status, JobStatus::kOk);
    return packets;
  }
  std::vector<Octets> sealed(bool rtcp) {
    std::vector<Octets> packets;
    for (unsigned i = 0; i < kPackets; ++i) packets.push_back(rtcp ? rtcp_laid_out(rtcp_[i]) : laid_out(rtp_[i]));
    return run(false, rtcp, std::move(packets));
  }

  const SuiteInfo& suite_ = *find_suite(GetParam().suite);
  std::unique_ptr<CryptoProvider> provider_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<SecretArena> arena_;
  Octets master_, mki_;
  SessionKeys session_;
  KeyContext* key_ = nullptr;
  std::vector<Plain> rtp_, rtcp_;
};

TEST_P(EngineLibsrtp, Rfc3711_3_3_SealedSrtpIsLibsrtps) {
  use(KeyUse::kSrtp);
  SrtpPeer sender = peer(SrtpPeer::Direction::kSend);
  const auto packets = sealed(false);
  for (unsigned i = 0; i < kPackets; ++i)
    ASSERT_EQ(packets[i], sender.protect(rtp_[i].bytes)) << "packet " << i << " index " << rtp_[i].index;
}

TEST_P(EngineLibsrtp, Rfc3711_3_3_LibsrtpOpensOurSrtpAndWeDo) {
  use(KeyUse::kSrtp);
  SrtpPeer receiver = peer(SrtpPeer::Direction::kReceive);
  const auto packets = sealed(false);
  const auto opened = run(true, false, packets);
  for (unsigned i = 0; i < kPackets; ++i) {
    ASSERT_EQ(receiver.unprotect(packets[i]), rtp_[i].bytes) << i;
    ASSERT_TRUE(std::equal(rtp_[i].bytes.begin(), rtp_[i].bytes.end(), opened[i].begin())) << i;
  }
}

TEST_P(EngineLibsrtp, Rfc3711_3_4_SealedSrtcpIsLibsrtps) {
  use(KeyUse::kSrtcp);
  SrtpPeer sender = peer(SrtpPeer::Direction::kSend);
  const auto packets = sealed(true);
  for (unsigned i = 0; i < kPackets; ++i) ASSERT_EQ(packets[i], sender.protect_rtcp(rtcp_[i].bytes)) << i;
}

TEST_P(EngineLibsrtp, Rfc3711_3_4_LibsrtpOpensOurSrtcpAndWeDo) {
  use(KeyUse::kSrtcp);
  SrtpPeer receiver = peer(SrtpPeer::Direction::kReceive);
  const auto packets = sealed(true);
  const auto opened = run(true, true, packets);
  for (unsigned i = 0; i < kPackets; ++i) {
    ASSERT_EQ(receiver.unprotect_rtcp(packets[i]), rtcp_[i].bytes) << i;
    ASSERT_TRUE(std::equal(rtcp_[i].bytes.begin(), rtcp_[i].bytes.end(), opened[i].begin())) << i;
  }
}

TEST_P(EngineLibsrtp, TheCheckAcceptsWhatLibsrtpSealedAndLeavesItAsItIs) {
  for (const bool rtcp : {false, true}) {
    use(rtcp ? KeyUse::kSrtcp : KeyUse::kSrtp);
    SrtpPeer sender = peer(SrtpPeer::Direction::kSend);
    std::vector<Octets> packets;
    for (unsigned i = 0; i < kPackets; ++i) packets.push_back(rtcp ? sender.protect_rtcp(rtcp_[i].bytes) : sender.protect(rtp_[i].bytes));
    JobOp check = suite_.check;
    EXPECT_EQ(run(true, rtcp, packets, &check), packets);
    provider_->wipe(suite_.id, key_);
    key_ = nullptr;
  }
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto provider : test_support::kProviderNames) {
    for (const SuiteInfo& suite : kSuites) {
      cases.push_back({provider, suite.id, 0, false});
      cases.push_back({provider, suite.id, 4, false});
      if (suite.transform != Transform::kNullHmacSha1) cases.push_back({provider, suite.id, 0, true});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, EngineLibsrtp, testing::ValuesIn(all_cases()), [](const auto& p) {
  return test_support::test_name(p.param.provider) + "_" + std::string(find_suite(p.param.suite)->name) +
         (p.param.mki_bytes != 0 ? "_mki" : "") + (p.param.unencrypted ? "_unencrypted" : "");
});

}  // namespace
}  // namespace mediaward::crypto
