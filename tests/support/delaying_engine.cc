// SPDX-License-Identifier: Apache-2.0
// Jobs of one key come back in the order of submission, as the contract asks; without a spread all jobs do.
// Polls are counted, time is not: tests stay deterministic.
#include "tests/support/delaying_engine.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <unordered_map>
#include <vector>

namespace mediaward::test_support {
namespace {

using crypto::CryptoProvider;
using crypto::Engine;
using crypto::Job;
using crypto::KeyContext;
using crypto::SessionKeys;
using crypto::Suite;

class DelayingEngine final : public Engine {
 public:
  DelayingEngine(std::unique_ptr<Engine> inner, const DelayingOptions& options) : inner_(std::move(inner)), options_(options), random_(options.seed) {}

  std::size_t submit(std::span<Job* const> jobs) noexcept override {
    const std::size_t n = std::min(jobs.size(), options_.queue_jobs - in_flight_);
    for (Job* job : jobs.first(n)) queue_[due_poll(*job)].push_back(job);
    in_flight_ += n;
    return n;
  }

  std::size_t poll(std::span<Job*> done) noexcept override {
    ++polls_;
    std::vector<Job*> due;
    std::size_t failed = 0;
    while (!queue_.empty() && queue_.begin()->first <= polls_ && due.size() + failed < done.size()) {
      auto& jobs = queue_.begin()->second;
      Job* job = jobs.front();
      jobs.pop_front();
      if (jobs.empty()) queue_.erase(queue_.begin());
      if (options_.fail_every != 0 && ++count_ % options_.fail_every == 0) {
        job->status = crypto::JobStatus::kEngineError;
        done[failed++] = job;
      } else {
        due.push_back(job);
      }
    }
    compute(due, done.subspan(failed));
    in_flight_ -= due.size() + failed;
    return due.size() + failed;
  }

  std::size_t in_flight() const noexcept override { return in_flight_; }

 private:
  // Never before an earlier job of the same key.
  std::uint64_t due_poll(const Job& job) {
    std::uint64_t due = polls_ + std::max(options_.polls, 1U);
    if (options_.spread != 0) due += random_() % (options_.spread + 1);
    auto& last = last_due_[job.key];
    return last = std::max(last, due);
  }

  void compute(std::span<Job* const> due, std::span<Job*> done) {
    std::size_t back = 0;
    for (std::size_t taken = 0; back < due.size();) {
      const std::size_t n = inner_->submit(due.subspan(taken));
      const std::size_t returned = inner_->poll(done.subspan(back));
      if (n == 0 && returned == 0) std::abort();  // the wrapped engine is not synchronous: the test is wrong
      taken += n;
      back += returned;
    }
  }

  const std::unique_ptr<Engine> inner_;
  const DelayingOptions options_;
  std::minstd_rand random_;
  std::map<std::uint64_t, std::deque<Job*>> queue_;  // by the poll in which they complete
  std::unordered_map<const KeyContext*, std::uint64_t> last_due_;
  std::size_t in_flight_ = 0;
  std::uint64_t polls_ = 0, count_ = 0;
};

class DelayingProvider final : public CryptoProvider {
 public:
  DelayingProvider(CryptoProvider& inner, const DelayingOptions& options) : inner_(inner), options_(options) {}
  std::string_view name() const noexcept override { return inner_.name(); }
  std::string_view isa() const noexcept override { return inner_.isa(); }
  std::string version() const override { return inner_.version(); }
  std::unique_ptr<Engine> make_engine() override { return std::make_unique<DelayingEngine>(inner_.make_engine(), options_); }
  std::size_t key_context_bytes(Suite suite) const noexcept override { return inner_.key_context_bytes(suite); }
  bool key_contexts_shared() const noexcept override { return inner_.key_contexts_shared(); }
  Result<void> expand(Suite suite, const SessionKeys& keys, KeyContext* context) override { return inner_.expand(suite, keys, context); }
  void wipe(Suite suite, KeyContext* context) noexcept override { inner_.wipe(suite, context); }

 private:
  CryptoProvider& inner_;
  const DelayingOptions options_;
};

}  // namespace

std::unique_ptr<CryptoProvider> make_delaying_provider(CryptoProvider& inner, const DelayingOptions& options) {
  return std::make_unique<DelayingProvider>(inner, options);
}

}  // namespace mediaward::test_support
