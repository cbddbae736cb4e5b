// SPDX-License-Identifier: Apache-2.0
// First in, first out, whatever the key: that keeps the order per key the contract asks for.
// Polls are counted, time is not: tests stay deterministic.
#include "tests/support/delaying_engine.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <utility>
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
  DelayingEngine(std::unique_ptr<Engine> inner, const DelayingOptions& options) : inner_(std::move(inner)), options_(options) {}

  std::size_t submit(std::span<Job* const> jobs) noexcept override {
    const std::size_t n = std::min(jobs.size(), options_.queue_jobs - queue_.size());
    for (Job* job : jobs.first(n)) queue_.push_back({job, polls_ + std::max(options_.polls, 1U)});
    return n;
  }

  std::size_t poll(std::span<Job*> done) noexcept override {
    ++polls_;
    std::vector<Job*> due;
    while (!queue_.empty() && due.size() < done.size() && queue_.front().second <= polls_) {
      due.push_back(queue_.front().first);
      queue_.pop_front();
    }
    std::size_t back = 0;
    for (std::size_t taken = 0; back < due.size();) {
      const std::size_t n = inner_->submit(std::span<Job* const>(due).subspan(taken));
      const std::size_t returned = inner_->poll(done.subspan(back));
      if (n == 0 && returned == 0) std::abort();  // the wrapped engine is not synchronous: the test is wrong
      taken += n;
      back += returned;
    }
    return back;
  }

  std::size_t in_flight() const noexcept override { return queue_.size(); }

 private:
  const std::unique_ptr<Engine> inner_;
  const DelayingOptions options_;
  std::deque<std::pair<Job*, std::uint64_t>> queue_;  // job and the poll in which it completes
  std::uint64_t polls_ = 0;
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
