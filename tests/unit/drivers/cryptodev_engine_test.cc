// SPDX-License-Identifier: Apache-2.0
// What is particular to the engine over crypto devices: full queues and large packets, lengths it has no session for, sessions shared by
// workers, engines that end with work in flight. Results are compared with OpenSSL's, byte for byte. Needs root for EAL, no hugepages.
#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <algorithm>
#include <thread>

#include "tests/support/crypto_cases.h"
#include "tests/unit/drivers/cryptodev_fixture.h"

namespace mediaward::drivers {
namespace {

using crypto::Job;
using crypto::JobOp;
using crypto::JobStatus;
using test_support::KeyRing;
using test_support::Packet;
using test_support::PacketSpec;

constexpr unsigned kKeys = 4;

// Packets for the engine under test and the same ones for OpenSSL, which has done its part.
struct Twins {
  std::vector<std::unique_ptr<Packet>> mine, theirs;
  std::vector<Job*> jobs;
};

class CryptodevEngineTest : public testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    if (!eal_can_run()) GTEST_SKIP() << "EAL's runtime directory needs root";
    oracle_provider_ = test_support::make_provider("openssl");
    oracle_ = oracle_provider_->make_engine();
    oracle_keys_ = std::make_unique<KeyRing>(*oracle_provider_, kKeys);
  }
  void open(const CryptodevSettings& settings) {
    provider_ = make_device_provider(settings);
    ASSERT_NE(provider_, nullptr);
    engine_ = provider_->make_engine();
    keys_ = std::make_unique<KeyRing>(*provider_, kKeys);
  }
  static CryptodevSettings settings() { return device_settings(GetParam()); }

  Twins make(const std::vector<PacketSpec>& specs) {
    Twins twins;
    for (const PacketSpec& spec : specs) {
      twins.mine.push_back(std::make_unique<Packet>(spec, *keys_, *oracle_, *oracle_keys_));
      twins.theirs.push_back(std::make_unique<Packet>(spec, *oracle_keys_, *oracle_, *oracle_keys_));
      twins.jobs.push_back(&twins.mine.back()->job());
      test_support::run_all(*oracle_, {&twins.theirs.back()->job()});
    }
    return twins;
  }
  static void expect_same(const Twins& twins) {
    for (std::size_t i = 0; i < twins.jobs.size(); ++i) {
      ASSERT_EQ(twins.jobs[i]->status, twins.theirs[i]->job().status) << i;
      ASSERT_TRUE(twins.mine[i]->memory() == twins.theirs[i]->memory()) << i;
    }
  }
  // One packet, in place, of any operation.
  Packet packet(const PacketSpec& spec) { return Packet(spec, *keys_, *oracle_, *oracle_keys_); }

  std::unique_ptr<crypto::CryptoProvider> oracle_provider_, provider_;
  std::unique_ptr<crypto::Engine> oracle_, engine_;
  std::unique_ptr<KeyRing> oracle_keys_, keys_;
};

std::vector<PacketSpec> every_operation(std::size_t count, std::uint32_t bytes) {
  std::vector<PacketSpec> specs;
  for (std::size_t i = 0; i < count; ++i) {
    specs.push_back(test_support::spec_of(test_support::kAllOps[i % crypto::kJobOps], {bytes}, i));
    specs.back().key = static_cast<unsigned>(i % kKeys);
    specs.back().in_place = i % 2 == 0;
    if (test_support::is_open(specs.back().op) && i % 7 == 0) specs.back().tamper_byte = static_cast<int>(i);
  }
  return specs;
}

TEST_P(CryptodevEngineTest, TakesAsManyJobsAsItHasSlots) {
  CryptodevSettings few = settings();
  few.slots = 64;
  open(few);
  Twins twins = make(every_operation(100, 160));
  const std::span<Job* const> jobs(twins.jobs);
  EXPECT_EQ(engine_->submit(jobs), 64u);
  EXPECT_EQ(engine_->in_flight(), 64u);
  EXPECT_EQ(engine_->submit(jobs.subspan(64)), 0u);
  std::vector<Job*> done(100);
  std::size_t back = engine_->poll(std::span(done).first(10));
  EXPECT_EQ(back, 10u) << "no more than there is room for";
  EXPECT_EQ(engine_->in_flight(), 54u);
  EXPECT_EQ(engine_->submit(jobs.subspan(64)), 36u);
  while (engine_->in_flight() != 0) back += engine_->poll(std::span(done).subspan(back));
  EXPECT_EQ(done, twins.jobs);
  expect_same(twins);
}

// The device is full before the slots are: what it refused was not taken, and is as it was.
TEST_P(CryptodevEngineTest, ADeviceWithoutRoomLeavesTheRestToTheCaller) {
  CryptodevSettings small = settings();
  small.descriptors = 64;
  small.queue_pairs = 5;  // crypto_openssl keeps the larger rings of earlier tests, but for the fifth pair there is none yet
  open(small);
  std::vector<std::unique_ptr<crypto::Engine>> others;
  for (unsigned i = 0; i < 3; ++i) others.push_back(provider_->make_engine());
  engine_ = provider_->make_engine();
  Twins twins = make(every_operation(500, 160));
  Twins untouched = make(every_operation(500, 160));
  const std::size_t taken = engine_->submit(twins.jobs);
  EXPECT_GT(taken, 0u);
  EXPECT_LT(taken, 500u);
  EXPECT_EQ(engine_->in_flight(), taken);
  for (std::size_t i = taken; i < 500; ++i) {
    ASSERT_EQ(twins.jobs[i]->status, JobStatus::kPending);
    ASSERT_TRUE(twins.mine[i]->memory() == untouched.mine[i]->memory()) << i;
  }
  std::vector<Job*> done(500);
  std::size_t submitted = taken;
  for (std::size_t back = 0; back < 500;) {
    back += engine_->poll(std::span(done).subspan(back));
    submitted += engine_->submit(std::span<Job* const>(twins.jobs).subspan(submitted));
  }
  EXPECT_EQ(done, twins.jobs);
  expect_same(twins);
}

// More large packets than there are large buffers, among small ones.
TEST_P(CryptodevEngineTest, LargePacketsWaitForLargeBuffers) {
  open(settings());
  std::vector<PacketSpec> specs = every_operation(120, 160);
  for (std::size_t i = 0; i < specs.size(); i += 2) specs[i].pieces = {8000, 500, static_cast<std::uint32_t>(i)};
  Twins twins = make(specs);
  const std::size_t first = engine_->submit(twins.jobs);
  EXPECT_EQ(first, 2 * CryptodevScratch::kLargeSlots) << "every other one is large";
  std::vector<Job*> done(120);
  std::size_t submitted = first;
  for (std::size_t back = 0; back < 120;) {
    back += engine_->poll(std::span(done).subspan(back));
    submitted += engine_->submit(std::span<Job* const>(twins.jobs).subspan(submitted));
  }
  EXPECT_EQ(done, twins.jobs);
  expect_same(twins);
}

std::vector<PacketSpec> gcm_with_headers(std::uint16_t most) {
  std::vector<PacketSpec> specs;
  for (const JobOp op : {JobOp::kGcm128Seal, JobOp::kGcm256Open, JobOp::kGcm128Check, JobOp::kGcm256Seal}) {
    for (std::uint16_t bytes = 0; bytes <= most; bytes = static_cast<std::uint16_t>(bytes + 4)) {
      specs.push_back(test_support::spec_of(op, {bytes % 3 * 80u}, bytes));
      specs.back().aad_bytes = bytes;
    }
  }
  return specs;
}

// RFC 7714 §9.3: unencrypted SRTCP is all header, of any length.
TEST_P(CryptodevEngineTest, Rfc7714_8_1_HeadersOfEveryLength) {
  open(settings());
  Twins twins = make(gcm_with_headers(1400));
  test_support::run_all(*engine_, twins.jobs);
  expect_same(twins);
}

// As on QAT, whose driver has no operations without a session: what was not prepared is refused, and nothing is written.
TEST_P(CryptodevEngineTest, HeaderLengthsThatWereNotPreparedAreEngineErrors) {
  CryptodevSettings strict = settings();
  strict.sessionless = false;
  strict.gcm_header_bytes = {12, 20, 24};
  open(strict);
  for (const PacketSpec& spec : gcm_with_headers(64)) {
    const auto& prepared = strict.gcm_header_bytes;
    const bool known = std::find(prepared.begin(), prepared.end(), spec.aad_bytes) != prepared.end();
    Twins twins = make({spec});
    const std::vector<std::byte> before = twins.mine[0]->memory();
    test_support::run_all(*engine_, twins.jobs);
    if (known) {
      expect_same(twins);
      continue;
    }
    EXPECT_EQ(twins.jobs[0]->status, JobStatus::kEngineError) << spec.aad_bytes;
    EXPECT_TRUE(twins.mine[0]->memory() == before);
  }
}

// HMAC tags of every length; an AEAD tag is whole when a device compares it (RFC 7714 §13: no profile has another).
TEST_P(CryptodevEngineTest, Rfc3711_5_2_TagLengths) {
  open(settings());
  for (const JobOp op : test_support::kAllOps) {
    for (std::uint8_t tag = crypto::kMinTagBytes; tag <= crypto::kMaxTagBytes; ++tag) {
      PacketSpec spec = test_support::spec_of(op, {160}, tag);
      spec.tag_bytes = tag;
      Twins twins = make({spec});
      const std::vector<std::byte> before = twins.mine[0]->memory();
      test_support::run_all(*engine_, twins.jobs);
      if (crypto::is_gcm(op) && test_support::is_open(op) && tag != 16) {
        EXPECT_EQ(twins.jobs[0]->status, JobStatus::kEngineError);
        EXPECT_TRUE(twins.mine[0]->memory() == before);
        continue;
      }
      expect_same(twins);
      if (!test_support::is_open(op)) continue;
      spec.tamper_byte = static_cast<int>(twins.mine[0]->authenticated_bytes()) - 1;  // the last byte counts too
      Twins tampered = make({spec});
      test_support::run_all(*engine_, tampered.jobs);
      EXPECT_EQ(tampered.jobs[0]->status, JobStatus::kAuthFailed);
      expect_same(tampered);
    }
  }
}

TEST_P(CryptodevEngineTest, AnOperationUnderTheKeyOfAnotherTransformIsAnEngineError) {
  open(settings());
  for (const JobOp op : test_support::kAllOps) {
    for (const crypto::Suite suite : KeyRing::kRingSuites) {
      const crypto::SuiteInfo& own = test_support::suite_of(op);
      const crypto::Transform keyed = crypto::find_suite(suite)->transform;
      const bool hmac_of_cm = own.transform == crypto::Transform::kNullHmacSha1 && keyed == crypto::Transform::kAesCmHmacSha1;
      if (keyed == own.transform || hmac_of_cm) continue;
      Packet one(test_support::spec_of(op, {160}, 1), *keys_, *oracle_, *oracle_keys_);
      one.job().key = keys_->key(suite, 0);
      const std::vector<std::byte> before = one.memory();
      test_support::run_all(*engine_, {&one.job()});
      EXPECT_EQ(one.job().status, JobStatus::kEngineError) << static_cast<int>(op);
      EXPECT_TRUE(one.memory() == before);
    }
  }
}

struct Search {
  std::array<std::byte, 16> pattern;
  unsigned pools = 0, found = 0;
};

void search_element(rte_mempool* pool, void* search, void* element, unsigned) {
  auto& wanted = *static_cast<Search*>(search);
  const auto* begin = static_cast<const std::byte*>(element);
  wanted.found += std::search(begin, begin + pool->elt_size, wanted.pattern.begin(), wanted.pattern.end()) != begin + pool->elt_size;
}

void search_buffers(rte_mempool* pool, void* search) {
  const std::string_view name = pool->name;
  if (!name.starts_with("mw-crypto-") || (!name.ends_with("-small") && !name.ends_with("-large"))) return;
  ++static_cast<Search*>(search)->pools;
  rte_mempool_obj_iter(pool, search_element, search);
}

// What was decrypted only to be refused, or only to be checked, is in no buffer of the engine afterwards.
TEST_P(CryptodevEngineTest, Rfc3711_3_3_RefusedAndCheckedPlaintextIsWiped) {
  open(settings());
  Search search{};
  for (std::size_t i = 0; i < 16; ++i) search.pattern[i] = static_cast<std::byte>(0xb0 + i);
  const auto run = [&](const crypto::SuiteInfo& suite, JobOp op, bool good) {
    std::vector<std::byte> packet(12 + 160 + 16);
    for (std::size_t at = 12; at < 172; at += 16)
      std::copy(search.pattern.begin(), search.pattern.end(), packet.begin() + static_cast<std::ptrdiff_t>(at));
    Job job;
    std::fill(std::begin(job.iv), std::end(job.iv), std::byte{0});
    job.aad = packet.data();
    job.aad_bytes = 12;
    job.src = job.dst = packet.data() + 12;
    job.bytes = 160;
    job.tag = packet.data() + 172;
    job.tag_bytes = suite.tag_bytes;
    job.op = suite.seal;
    job.key = oracle_keys_->key(suite.id, 0);
    test_support::run_all(*oracle_, {&job});
    if (!good) job.tag[0] ^= std::byte{1};
    job.op = op;
    job.key = keys_->key(suite.id, 0);
    test_support::run_all(*engine_, {&job});
    EXPECT_EQ(job.status, good ? JobStatus::kOk : JobStatus::kAuthFailed);
    search.pools = search.found = 0;
    rte_mempool_walk(search_buffers, &search);
    EXPECT_EQ(search.pools, 8u) << "two sizes for each of four queue pairs";
    return search.found;
  };
  for (const crypto::Suite id : {crypto::Suite::kAesCm128HmacSha1_80, crypto::Suite::kAesCm256HmacSha1_80, crypto::Suite::kAeadAes128Gcm,
                                 crypto::Suite::kAeadAes256Gcm}) {
    const crypto::SuiteInfo& suite = *crypto::find_suite(id);
    EXPECT_EQ(run(suite, suite.open, false), 0u) << suite.name;
    EXPECT_EQ(run(suite, suite.check, false), 0u) << suite.name;
    EXPECT_EQ(run(suite, suite.check, true), 0u) << suite.name;
    EXPECT_EQ(run(suite, suite.open, true), 1u)
        << "what was delivered may stay until it is overwritten; else this test looks in the wrong place";
    EXPECT_EQ(run(suite, suite.check, true), 0u) << "the same buffer again";
  }
}

// The next engine of the same queue pair sees none of the jobs that the last one left behind.
TEST_P(CryptodevEngineTest, AnEngineMayEndWithJobsInFlight) {
  CryptodevSettings one = settings();
  one.queue_pairs = 1;
  open(one);
  for (unsigned round = 0; round < 40; ++round) {  // more jobs than slots in all: none of those is lost either
    Twins abandoned = make(every_operation(60, 160));
    ASSERT_EQ(engine_->submit(abandoned.jobs), 60u);
    EXPECT_EQ(provider_->make_engine(), nullptr) << "the only queue pair is in use";
    engine_ = nullptr;
    engine_ = provider_->make_engine();
    ASSERT_NE(engine_, nullptr);
    EXPECT_EQ(engine_->in_flight(), 0u);
  }
  Twins twins = make(every_operation(60, 160));
  test_support::run_all(*engine_, twins.jobs);
  expect_same(twins);
}

// Several workers, each with its engine, under the same keys at the same time: only where the provider says that this may be.
TEST_P(CryptodevEngineTest, SharedKeysServeSeveralWorkersAtOnce) {
  open(settings());
  if (!provider_->key_contexts_shared()) {
    EXPECT_EQ(GetParam(), "crypto_openssl");
    return;
  }
  constexpr unsigned kWorkers = 2;
  std::array<Twins, kWorkers> twins;
  std::array<std::unique_ptr<crypto::Engine>, kWorkers> engines;
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < kWorkers; ++i) {
    twins[i] = make(every_operation(3000, 100 + 60 * i));
    engines[i] = provider_->make_engine();
    ASSERT_NE(engines[i], nullptr);
  }
  for (unsigned i = 0; i < kWorkers; ++i) workers.emplace_back([&, i] { test_support::run_all(*engines[i], twins[i].jobs); });
  for (std::thread& worker : workers) worker.join();
  for (const Twins& done : twins) expect_same(done);
}

INSTANTIATE_TEST_SUITE_P(Device, CryptodevEngineTest, testing::ValuesIn(kSoftwareDevices),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace mediaward::drivers

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new mediaward::drivers::EalForTests);
  return RUN_ALL_TESTS();
}
