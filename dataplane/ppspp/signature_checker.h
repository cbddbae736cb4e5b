// SPDX-License-Identifier: Apache-2.0
// Verifies the signatures of live content (RFC 7574 §6.1) beside the workers: a signature takes as long as hundreds of chunks. A worker
// puts a request into its ring and finds the result in another in a later loop; neither ever waits for the other.
// How many requests a peer may have under way, and what a good signature is good for, is the worker's business.
// One helper thread; keys come and go from the main thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "crypto/hash.h"
#include "crypto/signature.h"
#include "dataplane/spsc_ring.h"
#include "dataplane/wire/ppspp_types.h"

namespace mediaward::dataplane::ppspp {

struct SignatureRequest {
  std::uint32_t swarm_slot = 0, swarm_generation = 0;
  std::uint32_t channel = 0;                 // whom the result concerns: id of a channel, or of a guarded one
  std::uint8_t hash_bytes = 0;
  std::uint8_t range_bytes = 0;
  std::uint16_t signature_bytes = 0;
  crypto::MunroForm form{};
  bool guarded = false;
  bool good = false;                         // of the result
  std::uint64_t munro = 0;                   // index
  std::uint64_t ntp_time = 0;
  std::array<std::byte, kMaxRangeBytes> range{};  // chunk specification as on the wire
  std::array<std::byte, crypto::kMaxDigestBytes> digest{};
  std::array<std::byte, crypto::kMaxSignatureBytes> signature{};
};

class SignatureChecker {
 public:
  static constexpr std::size_t kRing = 64;   // per worker

  explicit SignatureChecker(std::size_t workers);
  SignatureChecker(const SignatureChecker&) = delete;
  SignatureChecker& operator=(const SignatureChecker&) = delete;
  ~SignatureChecker();

  // Main thread. The key of the swarm at this place; replaces an earlier one's.
  void set_key(std::uint32_t swarm_slot, std::uint32_t generation, std::shared_ptr<const crypto::SignatureKey> key);
  void drop_key(std::uint32_t swarm_slot, std::uint32_t generation);
  // Begins the helper thread; until then, and in tests without one, run_once does its work.
  void start();
  void stop();
  bool run_once();

  // The worker's. False: its ring is full.
  [[nodiscard]] bool request(std::size_t worker, const SignatureRequest& request) noexcept { return lanes_[worker]->requests.push(request); }
  template <typename F>
  std::size_t results(std::size_t worker, F&& f) noexcept {
    return lanes_[worker]->results.consume(f);
  }

 private:
  struct Lane {
    SpscRing<SignatureRequest> requests{kRing}, results{kRing};
  };
  [[nodiscard]] bool verify(const SignatureRequest& request);

  std::vector<std::unique_ptr<Lane>> lanes_;
  std::mutex mutex_;                         // keys_: main thread and helper
  std::unordered_map<std::uint64_t, std::shared_ptr<const crypto::SignatureKey>> keys_;  // slot and generation
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace mediaward::dataplane::ppspp
