// SPDX-License-Identifier: Apache-2.0
// Sorts a burst into lanes, one per operation, and runs every lane through its pass. Synchronous: what submit takes is done
// when it returns. Jobs of several pieces, and ill-formed ones, go one by one.
// Knows no cipher: ipsec_mb_hmac.cc and ipsec_mb_gcm.cc do. Worker thread; one engine, one manager, one worker.
#include "crypto/ipsec_mb_engine.h"

#include <algorithm>
#include <array>

#include "crypto/completion_queue.h"
#include "crypto/ipsec_mb_gcm.h"
#include "crypto/ipsec_mb_hmac.h"
#include "crypto/job_check.h"

namespace mediaward::crypto::ipsec_mb {
namespace {

class IpsecMbEngine final : public Engine {
 public:
  IpsecMbEngine(IsaLevel level, HmacKernels kernels, Manager manager, Manager narrow)
      : manager_(std::move(manager)),
        narrow_(std::move(narrow)),
        hmac_(level, kernels, manager_.get(), narrow_.get()),
        gcm_(level, manager_.get()) {}

  std::size_t submit(std::span<Job* const> jobs) noexcept override;
  std::size_t poll(std::span<Job*> done) noexcept override { return done_.pop(done); }
  std::size_t in_flight() const noexcept override { return done_.size(); }

 private:
  static constexpr unsigned kOddLane = kJobOps;  // several pieces, or ill-formed: one by one

  void run_lane(unsigned lane) noexcept;
  JobStatus run_odd(const Job& job) noexcept;

  const Manager manager_;
  const Manager narrow_;
  std::array<unsigned, kJobOps + 1> lane_count_{};
  Job* lanes_[kJobOps + 1][kBurst];
  CompletionQueue done_;
  HmacPasses hmac_;
  GcmPasses gcm_;
};

std::size_t IpsecMbEngine::submit(std::span<Job* const> jobs) noexcept {
  const auto taken = jobs.first(std::min(jobs.size(), done_.room()));
  for (Job* job : taken) {
    const unsigned lane = is_plain(*job) ? static_cast<unsigned>(job->op) : kOddLane;
    lanes_[lane][lane_count_[lane]++] = job;
    if (lane_count_[lane] == kBurst) [[unlikely]]
      run_lane(lane);
  }
  for (unsigned lane = 0; lane <= kOddLane; ++lane)
    if (lane_count_[lane] != 0) run_lane(lane);
  done_.push(taken);
  return taken.size();
}

void IpsecMbEngine::run_lane(unsigned lane) noexcept {
  Job** const jobs = lanes_[lane];
  const unsigned n = lane_count_[lane];
  lane_count_[lane] = 0;
  if (lane == kOddLane) {
    for (unsigned i = 0; i < n; ++i) jobs[i]->status = run_odd(*jobs[i]);
    return;
  }
  switch (static_cast<JobOp>(lane)) {
    case JobOp::kCm128Open:
      return hmac_.open<Cipher::kAesCm128>(jobs, n);
    case JobOp::kCm128Seal:
      return hmac_.seal<Cipher::kAesCm128>(jobs, n);
    case JobOp::kCm256Open:
      return hmac_.open<Cipher::kAesCm256>(jobs, n);
    case JobOp::kCm256Seal:
      return hmac_.seal<Cipher::kAesCm256>(jobs, n);
    case JobOp::kGcm128Open:
      return gcm_.open<16>(jobs, n);
    case JobOp::kGcm128Seal:
      return gcm_.seal<16>(jobs, n);
    case JobOp::kGcm256Open:
      return gcm_.open<32>(jobs, n);
    case JobOp::kGcm256Seal:
      return gcm_.seal<32>(jobs, n);
    case JobOp::kNullOpen:
      return hmac_.open<Cipher::kNull>(jobs, n);
    case JobOp::kNullSeal:
      return hmac_.seal<Cipher::kNull>(jobs, n);
    case JobOp::kGcm128Check:
      return gcm_.check<16>(jobs, n);
    case JobOp::kGcm256Check:
      return gcm_.check<32>(jobs, n);
  }
}

JobStatus IpsecMbEngine::run_odd(const Job& job) noexcept {
  if (!is_well_formed(job)) return JobStatus::kEngineError;
  if (!is_gcm(job.op)) return hmac_.run_pieces(job);
  const bool wide = job.op == JobOp::kGcm256Open || job.op == JobOp::kGcm256Seal || job.op == JobOp::kGcm256Check;
  return wide ? gcm_.run_pieces<32>(job) : gcm_.run_pieces<16>(job);
}

}  // namespace

std::unique_ptr<Engine> make_engine(IsaLevel level, HmacKernels kernels) {
  Manager manager = make_manager(level);
  if (manager == nullptr) return nullptr;
  Manager narrow = level != IsaLevel::kSse && cpu_has_sha_ni() ? make_manager(IsaLevel::kSse) : nullptr;
  return std::make_unique<IpsecMbEngine>(level, kernels, std::move(manager), std::move(narrow));
}

}  // namespace mediaward::crypto::ipsec_mb
