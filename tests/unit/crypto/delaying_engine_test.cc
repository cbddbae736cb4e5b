// SPDX-License-Identifier: Apache-2.0
// The test double itself: when it completes, that it touches nothing before, what it does when full.
#include "tests/support/delaying_engine.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/crypto_cases.h"

namespace mediaward::test_support {
namespace {

using crypto::Job;
using crypto::JobStatus;

class DelayingEngineTest : public testing::Test {
 protected:
  DelayingEngineTest() {
    for (unsigned i = 0; i < 8; ++i) {
      PacketSpec spec;
      spec.seed = i;
      packets_.push_back(std::make_unique<Packet>(spec, keys_, *plain_engine_, keys_));
      jobs_.push_back(&packets_.back()->job());
    }
  }
  std::unique_ptr<crypto::CryptoProvider> inner_ = make_provider("openssl");
  std::unique_ptr<crypto::Engine> plain_engine_ = inner_->make_engine();
  KeyRing keys_{*inner_, 1};
  std::vector<std::unique_ptr<Packet>> packets_;
  std::vector<Job*> jobs_;
};

TEST_F(DelayingEngineTest, CompletesInTheKthPollAndNotBefore) {
  for (unsigned k = 1; k <= 4; ++k) {
    const auto provider = make_delaying_provider(*inner_, {k, 64});
    const auto engine = provider->make_engine();
    jobs_[0]->status = JobStatus::kPending;
    const auto before = packets_[0]->memory();
    ASSERT_EQ(engine->submit(std::span<Job* const>(jobs_).first(1)), 1u);
    std::array<Job*, 4> done{};
    for (unsigned poll = 1; poll < k; ++poll) {
      ASSERT_EQ(engine->poll(done), 0u);
      ASSERT_EQ(packets_[0]->memory(), before);
      ASSERT_EQ(engine->in_flight(), 1u);
    }
    ASSERT_EQ(engine->poll(done), 1u);
    EXPECT_EQ(done[0], jobs_[0]);
    EXPECT_EQ(jobs_[0]->status, JobStatus::kOk);
    EXPECT_EQ(engine->in_flight(), 0u);
  }
}

TEST_F(DelayingEngineTest, TakesFewerWhenFullAndKeepsTheOrder) {
  const auto provider = make_delaying_provider(*inner_, {2, 5});
  const auto engine = provider->make_engine();
  EXPECT_EQ(engine->submit(jobs_), 5u);
  EXPECT_EQ(engine->submit(std::span<Job* const>(jobs_).subspan(5)), 0u);
  std::array<Job*, 8> done{};
  EXPECT_EQ(engine->poll(done), 0u);
  EXPECT_EQ(engine->poll(std::span<Job*>(done).first(3)), 3u) << "no more than there is room for";
  EXPECT_EQ(engine->submit(std::span<Job* const>(jobs_).subspan(5)), 3u);
  std::size_t back = 3;
  for (int i = 0; i < 5; ++i) back += engine->poll(std::span<Job*>(done).subspan(back));
  ASSERT_EQ(back, 8u);
  EXPECT_TRUE(std::equal(done.begin(), done.end(), jobs_.begin()));
}

}  // namespace
}  // namespace mediaward::test_support
