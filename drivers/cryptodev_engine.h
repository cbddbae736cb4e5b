// SPDX-License-Identifier: Apache-2.0
// The asynchronous engine over one queue pair of a crypto device. Every job is worked on in a buffer of the engine's own: header, payload
// and ROC are copied in when it is submitted, the result is copied out when it has come back and its tag has been accepted. So the device
// never sees a packet buffer, nothing unauthenticated leaves the engine, and jobs of any shape are one straight piece for every driver.
// What a device gives back in another order waits for its turn: jobs come back in the order of submission, all keys together.
// Worker thread; one engine, one queue pair, one worker.
#pragma once

#include <array>
#include <cstdint>

#include "crypto/engine.h"
#include "drivers/cryptodev_keys.h"

namespace mediaward::drivers {

class CryptodevEngine final : public crypto::Engine {
 public:
  CryptodevEngine(const CryptodevDevices& devices, CryptodevScratch& scratch);
  ~CryptodevEngine() override;  // waits for the device; jobs still in flight are forgotten, their buffers untouched

  std::size_t submit(std::span<crypto::Job* const> jobs) noexcept override;
  std::size_t poll(std::span<crypto::Job*> done) noexcept override;
  std::size_t in_flight() const noexcept override { return tail_ - head_; }

 private:
  static constexpr unsigned kBurst = 64;
  static constexpr std::size_t kEntries = 4096;  // jobs taken and not returned; more than there are slots, for those that need none

  struct Entry {
    crypto::Job* job;
    crypto::JobStatus status;  // kPending: on the device
  };

  std::size_t stage(std::span<crypto::Job* const> jobs) noexcept;
  [[nodiscard]] bool stage_one(crypto::Job* job) noexcept;
  [[nodiscard]] bool prepare(const crypto::Job& job, CryptodevSlot& slot) const noexcept;
  [[nodiscard]] bool prepare_hmac(const crypto::Job& job, const CryptodevKey& key, CryptodevSlot& slot) const noexcept;
  [[nodiscard]] bool prepare_gcm(const crypto::Job& job, const CryptodevKey& key, CryptodevSlot& slot) const noexcept;
  [[nodiscard]] bool choose_gcm_session(const crypto::Job& job, const CryptodevGcmKey& key, CryptodevSlot& slot) const noexcept;
  std::size_t enqueue() noexcept;
  std::size_t take_back(unsigned from) noexcept;
  void drain() noexcept;
  void settle(CryptodevSlot& slot, crypto::JobStatus status) noexcept;
  void finish(CryptodevSlot& slot) noexcept;

  Entry& entry(std::uint64_t at) noexcept { return entries_[at % kEntries]; }

  const CryptodevSettings& settings_;
  CryptodevScratch& scratch_;
  const CryptodevQueue queue_;
  const bool sessionless_;
  const std::uint16_t max_aad_bytes_;
  std::uint64_t head_ = 0, tail_ = 0;  // of entries_
  std::size_t on_device_ = 0;
  unsigned staged_ = 0;
  std::array<rte_crypto_op*, kBurst> burst_;
  std::array<Entry, kEntries> entries_;
};

}  // namespace mediaward::drivers
