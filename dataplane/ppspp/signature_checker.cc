// SPDX-License-Identifier: Apache-2.0
// See signature_checker.h.
#include "dataplane/ppspp/signature_checker.h"

#include <chrono>

namespace mediaward::dataplane::ppspp {
namespace {

using std::chrono::microseconds;
constexpr microseconds kBusyRest{50};      // between two looks, when there was something to do lately
constexpr microseconds kIdleRest{2000};
constexpr unsigned kLooksUntilIdle = 1000;

constexpr std::uint64_t key_of(std::uint32_t slot, std::uint32_t generation) noexcept { return std::uint64_t{slot} << 32 | generation; }

}  // namespace

SignatureChecker::SignatureChecker(std::size_t workers) {
  for (std::size_t i = 0; i < workers; ++i) lanes_.push_back(std::make_unique<Lane>());
}

SignatureChecker::~SignatureChecker() { stop(); }

void SignatureChecker::set_key(std::uint32_t slot, std::uint32_t generation, std::shared_ptr<const crypto::SignatureKey> key) {
  const std::lock_guard lock(mutex_);
  keys_[key_of(slot, generation)] = std::move(key);
}

void SignatureChecker::drop_key(std::uint32_t slot, std::uint32_t generation) {
  const std::lock_guard lock(mutex_);
  keys_.erase(key_of(slot, generation));
}

void SignatureChecker::start() {
  thread_ = std::thread([this] {
    unsigned idle = kLooksUntilIdle;
    while (!stop_.load(std::memory_order_relaxed)) {
      idle = run_once() ? 0 : idle + (idle < kLooksUntilIdle ? 1 : 0);
      if (idle != 0) std::this_thread::sleep_for(idle < kLooksUntilIdle ? kBusyRest : kIdleRest);
    }
  });
}

void SignatureChecker::stop() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

// A result ring that is full (its worker stands still) leaves its requests where they are.
bool SignatureChecker::run_once() {
  bool any = false;
  for (const auto& lane : lanes_) {
    any = lane->requests.consume(
              [&](const SignatureRequest& request) {
                SignatureRequest result = request;
                result.good = verify(request);
                (void)lane->results.push(result);
              },
              lane->results.room()) != 0 ||
          any;
  }
  return any;
}

bool SignatureChecker::verify(const SignatureRequest& r) {
  std::shared_ptr<const crypto::SignatureKey> key;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = keys_.find(key_of(r.swarm_slot, r.swarm_generation)); it != keys_.end()) key = it->second;
  }
  if (key == nullptr) return false;
  const crypto::MunroText text(r.form, {r.range.data(), r.range_bytes}, r.ntp_time, {r.digest.data(), r.hash_bytes});
  return key->verify(text.view(), {r.signature.data(), r.signature_bytes});
}

}  // namespace mediaward::dataplane::ppspp
