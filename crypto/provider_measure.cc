// SPDX-License-Identifier: Apache-2.0
// The measuring burst. Opening goes out of place so that the sealed packets stay and can be opened again and again.
// Main thread.
#include "crypto/provider_measure.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

#include "crypto/bytes.h"
#include "crypto/secret.h"
#include "crypto/srtp_index.h"

namespace mediaward::crypto {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kStride = 256;
constexpr unsigned kRounds = 12;          // interleaved over the providers
constexpr unsigned kBurstsPerRound = 24;  // about 50 us of work on a fast engine
constexpr std::array kOps{JobOp::kCm128Seal, JobOp::kCm128Open, JobOp::kGcm128Seal,
                          JobOp::kGcm128Open};  // a seal makes what the next one opens

constexpr Suite suite_of(JobOp op) noexcept {
  return is_gcm(op) ? Suite::kAeadAes128Gcm : Suite::kAesCm128HmacSha1_80;
}

// Keys, packets and jobs of one provider.
class Subject {
 public:
  explicit Subject(CryptoProvider& provider)
      : provider_(provider), engine_(provider.make_engine()), packets_(3 * kMeasuredPackets * kStride) {
    best_ns_.fill(std::numeric_limits<double>::infinity());
    usable_ = engine_ != nullptr && make_keys(Suite::kAesCm128HmacSha1_80) && make_keys(Suite::kAeadAes128Gcm);
  }
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  ~Subject() {
    for (const auto& [suite, key] : keys_) provider_.wipe(suite, key);
  }

  void round() {
    for (std::size_t i = 0; usable_ && i < kOps.size(); ++i) time_op(i);
  }
  [[nodiscard]] double ns_per_packet() const {
    if (!usable_) return 0;
    double sum = 0;
    for (const double ns : best_ns_) sum += ns;
    return sum / static_cast<double>(kOps.size());
  }

 private:
  bool make_keys(Suite suite) {
    const std::size_t unit = (provider_.key_context_bytes(suite) + 63) / 64 * 64;
    memory_.emplace_back(unit * kMeasuredPackets + 63);
    auto at = (reinterpret_cast<std::uintptr_t>(memory_.back().data()) + 63) & ~std::uintptr_t{63};
    for (std::size_t i = 0; i < kMeasuredPackets; ++i, at += unit) {
      SessionKeys keys;
      keys.key[0] = static_cast<std::byte>(i);
      auto* context = reinterpret_cast<KeyContext*>(at);
      if (!provider_.expand(suite, keys, context)) return false;
      keys_.emplace_back(suite, context);
    }
    return true;
  }

  std::byte* packet(std::size_t area, std::size_t i) { return packets_.data() + (area * kMeasuredPackets + i) * kStride; }

  // Plain packets in area 0 are sealed into area 1, and those opened into area 2.
  void describe(JobOp op) {
    const bool open = !is_seal(op);
    const Suite suite = suite_of(op);
    const SuiteInfo& info = *find_suite(suite);
    const std::size_t first_key = suite == Suite::kAeadAes128Gcm ? kMeasuredPackets : 0;
    for (std::size_t i = 0; i < kMeasuredPackets; ++i) {
      Job& job = jobs_[i];
      job = Job{};
      job.op = op;
      job.key = keys_[first_key + i].second;
      job.src = packet(open ? 1 : 0, i) + kHeaderBytes;
      job.dst = packet(open ? 2 : 1, i) + kHeaderBytes;
      job.bytes = kMeasuredBytes;
      job.aad = packet(1, i);
      job.aad_bytes = kHeaderBytes;
      job.tag = packet(1, i) + kHeaderBytes + kMeasuredBytes;
      job.tag_bytes = info.tag_bytes;
      std::fill(std::begin(job.iv), std::end(job.iv), std::byte{0});
      job.iv[0] = static_cast<std::byte>(i);
      burst_[i] = &job;
    }
  }

  void run_burst() {
    std::size_t taken = 0;
    for (std::size_t back = 0; back < kMeasuredPackets; back += engine_->poll(done_))
      taken += engine_->submit(std::span<Job* const>(burst_).subspan(taken));
  }

  void time_op(std::size_t op) {
    using Clock = std::chrono::steady_clock;
    describe(kOps[op]);
    run_burst();
    const auto start = Clock::now();
    for (unsigned i = 0; i < kBurstsPerRound; ++i) run_burst();
    const std::chrono::duration<double, std::nano> took = Clock::now() - start;
    usable_ = std::all_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.status == JobStatus::kOk; });
    best_ns_[op] = std::min(best_ns_[op], took.count() / (kBurstsPerRound * kMeasuredPackets));
  }

  CryptoProvider& provider_;
  const std::unique_ptr<Engine> engine_;
  std::vector<SecretBytes> memory_;
  std::vector<std::pair<Suite, KeyContext*>> keys_;
  std::vector<std::byte> packets_;
  std::array<Job, kMeasuredPackets> jobs_;
  std::array<Job*, kMeasuredPackets> burst_{};
  std::array<Job*, kMeasuredPackets> done_{};
  std::array<double, kOps.size()> best_ns_;
  bool usable_ = false;
};

}  // namespace

std::vector<double> measure_providers(std::span<CryptoProvider* const> providers) {
  std::vector<std::unique_ptr<Subject>> subjects;
  for (CryptoProvider* provider : providers) subjects.push_back(std::make_unique<Subject>(*provider));
  for (unsigned i = 0; i < kRounds; ++i)
    for (const auto& subject : subjects) subject->round();
  std::vector<double> result;
  for (const auto& subject : subjects) result.push_back(subject->ns_per_packet());
  return result;
}

}  // namespace mediaward::crypto
