// SPDX-License-Identifier: Apache-2.0
// What crypto/job.h and crypto/engine.h promise, for every engine: nothing outside is written, a wrong packet is refused
// wherever it is wrong, limits end in kEngineError, nothing is lost or reordered.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>

#include "crypto/bytes.h"
#include "crypto/completion_queue.h"
#include "crypto/job_check.h"
#include "tests/support/crypto_cases.h"

namespace mediaward::crypto {
namespace {

using test_support::is_check;
using test_support::is_open;
using test_support::KeyRing;
using test_support::Packet;
using test_support::PacketSpec;

class EngineContract : public testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    provider_ = test_support::make_provider(GetParam());
    if (provider_ == nullptr) GTEST_SKIP() << GetParam() << " cannot run here";
    engine_ = provider_->make_engine();
    keys_ = std::make_unique<KeyRing>(*provider_, 4);
  }
  std::unique_ptr<Packet> make(const PacketSpec& spec) { return std::make_unique<Packet>(spec, *keys_, *engine_, *keys_); }
  JobStatus run(Packet& packet) {
    test_support::run_all(*engine_, {&packet.job()});
    return packet.job().status;
  }
  static PacketSpec spec_of(JobOp op) { return test_support::spec_of(op, {160}, 42); }

  std::unique_ptr<CryptoProvider> provider_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<KeyRing> keys_;
};

constexpr std::array kHmacOpens{JobOp::kCm128Open, JobOp::kCm256Open, JobOp::kNullOpen};
constexpr std::array kGcmOpens{JobOp::kGcm128Open, JobOp::kGcm256Open};
constexpr std::array kGcmChecks{JobOp::kGcm128Check, JobOp::kGcm256Check};

// Every byte of header, ciphertext and tag, as one burst.
TEST_P(EngineContract, Rfc3711_4_2_TamperingWithAnyByteIsRefused) {
  for (const JobOp op : test_support::kAllOps) {
    if (!is_open(op)) continue;
    for (const bool in_place : {true, false}) {
      PacketSpec spec = spec_of(op);
      spec.pieces = {77};
      spec.in_place = in_place;
      const int bytes = static_cast<int>(make(spec)->authenticated_bytes());
      const auto good = make(spec);
      ASSERT_EQ(run(*good), JobStatus::kOk);
      const std::vector<std::byte> plain(good->job().dst, good->job().dst + 77);
      std::vector<std::unique_ptr<Packet>> packets;
      std::vector<Job*> jobs;
      for (spec.tamper_byte = 0; spec.tamper_byte < bytes; ++spec.tamper_byte) {
        packets.push_back(make(spec));
        jobs.push_back(&packets.back()->job());
      }
      test_support::run_all(*engine_, jobs);
      for (const Job* job : jobs) {
        ASSERT_EQ(job->status, JobStatus::kAuthFailed);
        if (is_check(op) || (op == JobOp::kNullOpen && in_place)) continue;  // there never was any, or it is what came in
        ASSERT_FALSE(std::equal(plain.begin(), plain.begin() + 16, job->dst)) << "plaintext was left behind";
      }
    }
  }
}

TEST_P(EngineContract, Rfc3711_4_2_WrongRocIsRefusedAndNothingIsDecrypted) {
  for (const JobOp op : kHmacOpens) {
    for (const std::vector<std::uint32_t>& pieces : {std::vector<std::uint32_t>{160}, std::vector<std::uint32_t>{100, 0, 60}}) {
      for (const bool in_place : {true, false}) {
        PacketSpec spec = spec_of(op);
        spec.tamper_roc = true;
        spec.pieces = pieces;
        spec.in_place = in_place;
        const auto packet = make(spec);
        const std::vector<std::byte> before = packet->memory();
        EXPECT_EQ(run(*packet), JobStatus::kAuthFailed);
        EXPECT_EQ(packet->memory(), before) << "a failed open leaves all bytes as they were";
      }
    }
  }
}

// In place the ciphertext is back, for another key or index to be tried; elsewhere nothing is left of what was decrypted.
TEST_P(EngineContract, Rfc7714_8_2_WrongIvIsRefusedAndPlaintextIsTakenBack) {
  for (const JobOp op : kGcmOpens) {
    for (const std::vector<std::uint32_t>& pieces : {std::vector<std::uint32_t>{160}, std::vector<std::uint32_t>{100, 0, 60}}) {
      for (const bool in_place : {true, false}) {
        PacketSpec spec = spec_of(op);
        spec.tamper_iv = true;
        spec.pieces = pieces;
        spec.in_place = in_place;
        const auto packet = make(spec);
        const std::vector<std::byte> before = packet->memory();
        EXPECT_EQ(run(*packet), JobStatus::kAuthFailed);
        const Job& job = packet->job();
        if (in_place) {
          EXPECT_EQ(packet->memory(), before);
        } else {
          EXPECT_TRUE(std::all_of(job.dst, job.dst + job.bytes, [](std::byte b) { return b == std::byte{0}; }));
        }
      }
    }
  }
}

// A relay verifies what it must not read: whatever the verdict, the packet stays as it came.
TEST_P(EngineContract, AGcmCheckOnlyReads) {
  for (const JobOp op : kGcmChecks) {
    for (const std::vector<std::uint32_t>& pieces : {std::vector<std::uint32_t>{0}, {1}, {4}, {160}, {kMaxJobBytes}, {100, 0, 60}}) {
      for (const bool good : {true, false}) {
        PacketSpec spec = spec_of(op);
        spec.pieces = pieces;
        spec.tamper_iv = !good;
        const auto packet = make(spec);
        packet->job().dst = nullptr;
        const std::vector<std::byte> before = packet->memory();
        EXPECT_EQ(run(*packet), good ? JobStatus::kOk : JobStatus::kAuthFailed);
        EXPECT_EQ(packet->memory(), before);
      }
    }
  }
}

// The check of every suite, on a packet whose plaintext is a pattern: the pattern is not in the engine's memory afterwards.
TEST_P(EngineContract, ACheckLeavesNoPlaintextInTheEngine) {
  constexpr std::array kPattern = [] {
    std::array<std::byte, 16> bytes{};
    for (unsigned i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(0xc0 + i);
    return bytes;
  }();
  const auto holds_pattern = [&] {
    const auto* memory = reinterpret_cast<const std::byte*>(dynamic_cast<const void*>(engine_.get()));
    const std::byte* end = memory + malloc_usable_size(const_cast<std::byte*>(memory));
    return std::search(memory, end, kPattern.begin(), kPattern.end()) != end;
  };
  for (const Suite id : {Suite::kAesCm128HmacSha1_80, Suite::kAesCm256HmacSha1_80, Suite::kAeadAes128Gcm, Suite::kAeadAes256Gcm}) {
    const SuiteInfo& suite = *find_suite(id);
    for (const std::uint32_t pieces : {1U, 3U}) {
      for (const bool good : {true, false}) {
        std::vector<std::byte> packet(12 + 3 * 64 + 20);
        for (unsigned at = 12; at < 12 + 3 * 64; at += 16) std::copy(kPattern.begin(), kPattern.end(), packet.begin() + at);
        std::array<Segment, 2> more{};
        for (unsigned i = 0; i < 2; ++i) more[i] = {packet.data() + 12 + 64 * (i + 1), packet.data() + 12 + 64 * (i + 1), 64};
        Job job;
        std::fill(std::begin(job.iv), std::end(job.iv), std::byte{0});
        job.op = suite.seal;
        job.key = keys_->key(id, 0);
        job.aad = packet.data();
        job.aad_bytes = 12;
        job.src = job.dst = packet.data() + 12;
        job.bytes = pieces == 1 ? 192 : 64;
        job.more = more.data();
        job.more_count = static_cast<std::uint16_t>(pieces - 1);
        job.tag = packet.data() + 12 + 192;
        job.tag_bytes = suite.tag_bytes;
        Job seal = job;  // by an engine of its own: a seal reads plaintext
        test_support::run_all(*provider_->make_engine(), {&seal});
        ASSERT_EQ(seal.status, JobStatus::kOk);
        if (!good) job.tag[0] ^= std::byte{1};
        job.op = suite.check;
        test_support::run_all(*engine_, {&job});
        EXPECT_EQ(job.status, good ? JobStatus::kOk : JobStatus::kAuthFailed);
        EXPECT_FALSE(holds_pattern()) << suite.name;
      }
    }
  }
}

// Unencrypted SRTCP and the tag-only packets of RFC 7714 §16.1.3: all of the packet is AAD, nothing is enciphered.
TEST_P(EngineContract, Rfc7714_9_3_NothingToEncipherNeedsNoBuffer) {
  for (const Suite id : {Suite::kAeadAes128Gcm, Suite::kAeadAes256Gcm}) {
    const SuiteInfo& suite = *find_suite(id);
    std::vector<std::byte> packet(100, std::byte{7});
    std::array<std::byte, 16> tag{};
    Job job;
    std::fill(std::begin(job.iv), std::end(job.iv), std::byte{3});
    job.key = keys_->key(id, 0);
    job.aad = packet.data();
    job.aad_bytes = 100;
    job.tag = tag.data();
    job.tag_bytes = 16;
    for (const JobOp op : {suite.seal, suite.open, suite.check}) {
      job.op = op;
      test_support::run_all(*engine_, {&job});
      EXPECT_EQ(job.status, JobStatus::kOk);
    }
    EXPECT_NE(tag, (std::array<std::byte, 16>{}));
    packet[50] ^= std::byte{1};
    for (const JobOp op : {suite.open, suite.check}) {
      job.op = op;
      test_support::run_all(*engine_, {&job});
      EXPECT_EQ(job.status, JobStatus::kAuthFailed);
    }
  }
}

TEST_P(EngineContract, Rfc3711_4_1_OpeningChangesNothingButTheDestination) {
  for (const JobOp op : test_support::kAllOps) {
    for (const bool in_place : {true, false}) {
      for (const std::uint32_t bytes : {0U, 1U, 4U, 15U, 16U, 17U, 64U, 160U, 161U, 1200U}) {
        PacketSpec spec = spec_of(op);
        spec.in_place = in_place;
        spec.detached_aad = is_gcm(op) && bytes % 3 == 1;
        spec.detached_tag = bytes % 2 == 1;  // then what the ROC was written over must be back, too
        spec.pieces = {bytes};
        const auto packet = make(spec);
        std::vector<std::byte> before = packet->memory();
        ASSERT_EQ(run(*packet), JobStatus::kOk);
        const Job& job = packet->job();
        const auto copy = [&](const std::byte* from, std::size_t n) {
          if (n != 0) std::copy(from, from + n, before.begin() + (from - packet->memory().data()));
        };
        if (!is_check(op)) copy(job.dst, job.bytes);
        if (!is_open(op)) copy(job.tag, job.tag_bytes);
        ASSERT_EQ(packet->memory(), before) << "wrote outside: op " << static_cast<int>(op) << " bytes " << bytes;
      }
    }
  }
}

TEST_P(EngineContract, Rfc3711_5_2_OtherTagLengths) {
  for (const JobOp op : test_support::kAllOps) {
    for (std::uint8_t tag = kMinTagBytes; tag <= kMaxTagBytes; ++tag) {
      PacketSpec spec = spec_of(op);
      spec.tag_bytes = tag;
      const auto packet = make(spec);
      ASSERT_EQ(run(*packet), JobStatus::kOk) << static_cast<int>(tag);
      if (!is_open(op)) continue;
      spec.tamper_byte = static_cast<int>(packet->authenticated_bytes()) - 1;  // the last byte of the tag counts too
      ASSERT_EQ(run(*make(spec)), JobStatus::kAuthFailed);
    }
  }
}

TEST_P(EngineContract, OutOfRangeIsAnEngineErrorAndTouchesNothing) {
  const auto refused = [&](const PacketSpec& spec, auto change) {
    const auto packet = make(spec);
    change(packet->job());
    const std::vector<std::byte> before = packet->memory();
    EXPECT_EQ(run(*packet), JobStatus::kEngineError);
    EXPECT_EQ(packet->memory(), before);
  };
  for (const JobOp op : test_support::kAllOps) {
    PacketSpec spec = spec_of(op);
    refused(spec, [](Job& j) { j.bytes = kMaxJobBytes + 1; });
    refused(spec, [](Job& j) { j.aad_bytes = static_cast<std::uint16_t>(kMaxAadBytes + 1); });
    refused(spec, [](Job& j) { j.tag_bytes = 0; });
    refused(spec, [](Job& j) { j.tag_bytes = 3; });
    refused(spec, [](Job& j) { j.tag_bytes = 17; });
    refused(spec, [](Job& j) { j.key = nullptr; });
    refused(spec, [](Job& j) { j.op = static_cast<JobOp>(kJobOps); });
    refused(spec, [](Job& j) { j.op = static_cast<JobOp>(255); });
    refused(spec, [](Job& j) { j.more_count = 1; });
    spec.pieces = {100, 50};
    static Segment too_long;
    refused(spec, [](Job& j) {
      too_long = j.more[0];
      too_long.bytes = kMaxJobBytes;
      j.more = &too_long;
    });
  }
}

TEST_P(EngineContract, OneBadJobDoesNotHarmItsNeighbours) {
  std::vector<std::unique_ptr<Packet>> packets;
  std::vector<Job*> jobs;
  std::vector<JobStatus> expected;
  for (unsigned i = 0; i < 240; ++i) {
    const JobOp op = test_support::kAllOps[i % kJobOps];
    PacketSpec spec = spec_of(op);
    spec.seed = i;
    expected.push_back(JobStatus::kOk);
    if (is_open(op) && i / kJobOps % 3 == 1) {
      spec.tamper_byte = static_cast<int>(i);
      expected.back() = JobStatus::kAuthFailed;
    }
    packets.push_back(make(spec));
    if (i % 16 == 5) {
      packets.back()->job().tag_bytes = 0;
      expected.back() = JobStatus::kEngineError;
    }
    jobs.push_back(&packets.back()->job());
  }
  test_support::run_all(*engine_, jobs);
  for (unsigned i = 0; i < jobs.size(); ++i) EXPECT_EQ(jobs[i]->status, expected[i]) << i;
}

TEST_P(EngineContract, NothingIsLostWhenNobodyPolls) {
  PacketSpec spec = spec_of(JobOp::kGcm128Seal);
  const auto packet = make(spec);
  std::vector<Job> jobs(5000, packet->job());
  std::vector<Job*> pointers;
  for (Job& job : jobs) pointers.push_back(&job);
  const std::size_t first = engine_->submit(pointers);
  EXPECT_EQ(first, CompletionQueue::kCapacity);
  EXPECT_EQ(engine_->submit(std::span<Job* const>(pointers).subspan(first)), 0u);
  std::vector<Job*> done(5000);
  std::size_t back = engine_->poll(std::span<Job*>(done).first(1000));
  EXPECT_EQ(back, 1000u);
  EXPECT_EQ(engine_->submit(std::span<Job* const>(pointers).subspan(first)), 904u) << "goes round the end of the ring";
  EXPECT_EQ(engine_->in_flight(), 4000u);
  while (const std::size_t n = engine_->poll(std::span<Job*>(done).subspan(back))) back += n;
  EXPECT_EQ(done, pointers) << "in order of submission, each once";
  EXPECT_EQ(engine_->in_flight(), 0u);
}

TEST_P(EngineContract, EmptySubmitAndPoll) {
  EXPECT_EQ(engine_->submit({}), 0u);
  std::array<Job*, 4> done{};
  EXPECT_EQ(engine_->poll(done), 0u);
}

TEST_P(EngineContract, WipedKeyContextHoldsNoKey) {
  const auto arena = std::move(*SecretArena::create({1, false}));
  for (const SuiteInfo& suite : kSuites) {
    const std::size_t bytes = provider_->key_context_bytes(suite.id);
    std::byte* memory = arena->allocate(bytes);
    auto* context = reinterpret_cast<KeyContext*>(memory);
    SessionKeys keys;
    keys.key.fill(std::byte{0x5a});
    keys.auth.fill(std::byte{0x3c});
    ASSERT_TRUE(provider_->expand(suite.id, keys, context));
    EXPECT_FALSE(std::all_of(memory, memory + bytes, [](std::byte b) { return b == std::byte{0}; }));
    provider_->wipe(suite.id, context);
    EXPECT_TRUE(std::all_of(memory, memory + bytes, [](std::byte b) { return b == std::byte{0}; }));
  }
  EXPECT_EQ(provider_->key_context_bytes(Suite::kNone), 0u);
  EXPECT_FALSE(provider_->expand(Suite::kNone, SessionKeys{}, reinterpret_cast<KeyContext*>(arena->allocate(64))));
}

INSTANTIATE_TEST_SUITE_P(All, EngineContract, testing::ValuesIn(test_support::kProviderNames),
                         [](const auto& p) { return test_support::test_name(p.param); });

}  // namespace
}  // namespace mediaward::crypto
