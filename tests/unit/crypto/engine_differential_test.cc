// SPDX-License-Identifier: Apache-2.0
// Every instruction set level of ipsec-mb, and both HMACs of the widest, against OpenSSL, on bit-identical packets: status and the whole
// memory around each packet must agree, so that a byte written outside of the contract shows as well as a wrong one inside.
#include <gtest/gtest.h>

#include "tests/support/crypto_cases.h"

namespace mediaward::crypto {
namespace {

using test_support::KeyRing;
using test_support::Packet;
using test_support::PacketSpec;

constexpr unsigned kKeys = 64;

class EngineDifferential : public testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    provider_ = test_support::make_provider(GetParam());
    if (provider_ == nullptr) GTEST_SKIP() << GetParam() << " cannot run here";
    engine_ = provider_->make_engine();
    keys_ = std::make_unique<KeyRing>(*provider_, kKeys);
    oracle_provider_ = test_support::make_provider("openssl");
    oracle_ = oracle_provider_->make_engine();
    oracle_keys_ = std::make_unique<KeyRing>(*oracle_provider_, kKeys);
  }

  // Runs all specs in one submit on the engine and one by one on the oracle.
  void compare(const std::vector<PacketSpec>& specs) {
    std::vector<std::unique_ptr<Packet>> mine, theirs;
    std::vector<Job*> jobs;
    for (const PacketSpec& spec : specs) {
      mine.push_back(std::make_unique<Packet>(spec, *keys_, *oracle_, *oracle_keys_));
      theirs.push_back(std::make_unique<Packet>(spec, *oracle_keys_, *oracle_, *oracle_keys_));
      jobs.push_back(&mine.back()->job());
      test_support::run_all(*oracle_, {&theirs.back()->job()});
    }
    test_support::run_all(*engine_, jobs);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const PacketSpec& spec = specs[i];
      const std::string where = "packet " + std::to_string(i) + " of " + std::to_string(specs.size()) + " op " +
                                std::to_string(static_cast<int>(spec.op)) + " bytes " + std::to_string(spec.pieces[0]) + " pieces " +
                                std::to_string(spec.pieces.size()) + " seed " + std::to_string(spec.seed);
      ASSERT_EQ(theirs[i]->job().status, spec.tamper_byte < 0 ? JobStatus::kOk : JobStatus::kAuthFailed) << where;
      ASSERT_EQ(mine[i]->job().status, theirs[i]->job().status) << where;
      ASSERT_TRUE(mine[i]->memory() == theirs[i]->memory()) << where;
    }
  }

  static PacketSpec spec_of(JobOp op, std::vector<std::uint32_t> pieces, std::uint64_t seed) {
    PacketSpec spec = test_support::spec_of(op, std::move(pieces), seed);
    spec.key = static_cast<unsigned>(seed % kKeys);
    return spec;
  }

  std::unique_ptr<CryptoProvider> provider_, oracle_provider_;
  std::unique_ptr<Engine> engine_, oracle_;
  std::unique_ptr<KeyRing> keys_, oracle_keys_;
};

TEST_P(EngineDifferential, EverySizeOfEveryOperation) {
  for (const JobOp op : test_support::kAllOps) {
    for (const bool in_place : {true, false}) {
      std::vector<PacketSpec> specs;
      for (std::uint32_t bytes = 0; bytes <= 1500; bytes += bytes < 300 ? 1 : 13) {
        specs.push_back(spec_of(op, {bytes}, bytes));
        specs.back().in_place = in_place;
      }
      compare(specs);
    }
  }
}

TEST_P(EngineDifferential, EveryTagLengthOfEveryOperation) {
  std::vector<PacketSpec> specs;
  for (const JobOp op : test_support::kAllOps) {
    for (std::uint8_t tag = 4; tag <= 16; ++tag) {
      for (const std::uint32_t bytes : {0U, 1U, 4U, 160U}) {
        specs.push_back(spec_of(op, {bytes}, bytes + tag));
        specs.back().tag_bytes = tag;
        if (is_seal(op)) continue;
        specs.push_back(specs.back());
        specs.back().tamper_byte = static_cast<int>(11 + bytes + tag);  // the last byte of the tag
      }
    }
  }
  compare(specs);
}

// The HMAC part lies at the same place whatever the cipher: a NULL operation runs under any of them.
TEST_P(EngineDifferential, Rfc4568_6_3_2_NullOperationsUnderTheKeyOfAnotherSuite) {
  std::vector<PacketSpec> specs;
  for (const Suite suite : {Suite::kAesCm128HmacSha1_80, Suite::kAesCm256HmacSha1_80}) {
    for (const JobOp op : {JobOp::kNullOpen, JobOp::kNullSeal}) {
      for (std::uint32_t bytes = 0; bytes < 300; ++bytes) {
        specs.push_back(spec_of(op, {bytes}, bytes));
        specs.back().key_suite = suite;
      }
    }
  }
  compare(specs);
}

TEST_P(EngineDifferential, EveryBatchSizeWithMixedOperations) {
  std::mt19937_64 random(2024);
  for (unsigned batch = 1; batch <= 130; ++batch) {
    std::vector<PacketSpec> specs;
    for (unsigned i = 0; i < batch; ++i) specs.push_back(test_support::random_spec(random, kKeys, 400));
    compare(specs);
  }
}

TEST_P(EngineDifferential, EveryBatchSizeOfOneOperationAndOneSize) {
  for (const JobOp op : test_support::kAllOps) {
    for (unsigned batch = 1; batch <= 130; ++batch) {
      std::vector<PacketSpec> specs;
      for (unsigned i = 0; i < batch; ++i) specs.push_back(spec_of(op, {160}, batch * 1000 + i));
      compare(specs);
    }
  }
}

TEST_P(EngineDifferential, LargeMixedSubmits) {
  std::mt19937_64 random(99);
  for (const unsigned batch : {255U, 256U, 257U, 1000U, 4096U}) {
    std::vector<PacketSpec> specs;
    for (unsigned i = 0; i < batch; ++i) specs.push_back(test_support::random_spec(random, kKeys, 1500));
    compare(specs);
  }
}

TEST_P(EngineDifferential, OnePieceUpToTheLimit) {
  std::vector<PacketSpec> specs;
  for (const JobOp op : test_support::kAllOps)
    for (const std::uint32_t bytes : {4095U, 4096U, 9000U, 16383U, 16384U, kMaxJobBytes}) specs.push_back(spec_of(op, {bytes}, bytes));
  compare(specs);
}

TEST_P(EngineDifferential, SeveralPieces) {
  std::mt19937_64 random(5);
  std::vector<PacketSpec> specs;
  for (unsigned i = 0; i < 400; ++i) {
    PacketSpec spec = test_support::random_spec(random, kKeys, 1);
    spec.pieces.clear();
    std::uint32_t room = static_cast<std::uint32_t>(random() % (kMaxJobBytes + 1));
    const unsigned count = 2 + static_cast<unsigned>(random() % 9);
    for (unsigned p = 0; p < count; ++p) {
      const std::uint32_t bytes = random() % 6 == 0 ? 0 : static_cast<std::uint32_t>(random() % (room / 2 + 1));
      spec.pieces.push_back(bytes);
      room -= bytes;
    }
    specs.push_back(spec);
  }
  compare(specs);
}

TEST_P(EngineDifferential, SeveralPiecesOfExactlyTheLimit) {
  std::vector<PacketSpec> specs;
  for (const JobOp op : test_support::kAllOps) specs.push_back(spec_of(op, {2048, 2048, 4096, 8192, 512}, 11));
  compare(specs);
}

INSTANTIATE_TEST_SUITE_P(All, EngineDifferential, testing::Values("sse", "avx2", "avx512", "avx512-library"),
                         [](const auto& p) { return test_support::test_name(p.param); });

}  // namespace
}  // namespace mediaward::crypto
