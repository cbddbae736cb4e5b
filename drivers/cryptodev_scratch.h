// SPDX-License-Identifier: Apache-2.0
// The operations and buffers of one queue pair: made with the device, lent to one engine, wiped at the end.
// Two sizes: many small ones for packets, a few large ones for what is longer. Given out last in, first out, so that little traffic
// stays in few cache lines. Made on the main thread, take and give on the worker of the engine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crypto/error.h"
#include "drivers/cryptodev_slot.h"

namespace mediaward::drivers {

struct CryptodevQueue {
  std::uint8_t device = 0;
  std::uint16_t pair = 0;
};

class CryptodevScratch {
 public:
  static constexpr std::uint32_t kLargeSlots = 16;

  [[nodiscard]] static Result<std::unique_ptr<CryptodevScratch>> create(CryptodevQueue queue, std::uint32_t small_slots, int socket);
  CryptodevScratch(const CryptodevScratch&) = delete;
  CryptodevScratch& operator=(const CryptodevScratch&) = delete;
  ~CryptodevScratch();  // nothing is on the device any more

  // Null when all of that size are in use; `bytes` is at most kCryptodevLargeBytes.
  [[nodiscard]] CryptodevSlot* take(std::uint32_t bytes) noexcept {
    std::vector<CryptodevSlot*>& free = bytes <= kCryptodevSmallBytes ? small_ : large_;
    if (free.empty()) return nullptr;
    CryptodevSlot* slot = free.back();
    free.pop_back();
    return slot;
  }
  void give(CryptodevSlot* slot) noexcept { (slot->large ? large_ : small_).push_back(slot); }

  [[nodiscard]] CryptodevQueue queue() const noexcept { return queue_; }

  bool lent = false;  // to an engine

 private:
  explicit CryptodevScratch(CryptodevQueue queue) : queue_(queue) {}
  [[nodiscard]] bool fill(rte_mempool* buffers, std::uint32_t count, bool large);

  const CryptodevQueue queue_;
  rte_mempool* operations_ = nullptr;
  rte_mempool* small_buffers_ = nullptr;
  rte_mempool* large_buffers_ = nullptr;
  std::vector<CryptodevSlot*> small_, large_;  // free ones; never grow beyond their reserve
};

}  // namespace mediaward::drivers
