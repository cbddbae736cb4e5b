// SPDX-License-Identifier: Apache-2.0
// What workers that serve the same swarm tell one another: those that do not own it, what their receivers lack; the owner, what is held.
// Nothing may be lost for good when a ring is full: who posts finds out and says it again later. Not for packets (worker.h has those).
// Any worker, each only with its own number as `from` or `to`.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/spsc_ring.h"
#include "dataplane/wire/ppspp_types.h"

namespace mediaward::dataplane::ppspp {

struct Mail {
  enum class Kind : std::uint8_t {
    kAll,     // to the owner: what is held?
    kMissed,  // to the owner: receivers wait for these
    kNews,    // from the owner: these were verified
  };
  Kind kind = Kind::kAll;
  std::uint32_t slot = 0, generation = 0;  // of the swarm
  ChunkRange range;
};

class MailRoom {
 public:
  static constexpr std::size_t kMaxWorkers = 64;  // bits of Box::waiting

  explicit MailRoom(std::size_t workers) : boxes_(workers) {
    for (std::size_t to = 0; to < workers; ++to)
      for (std::size_t from = 0; from < workers; ++from)
        boxes_[to].from.push_back(to == from ? nullptr : std::make_unique<SpscRing<Mail>>(kRing));
  }

  // False: the ring is full.
  bool post(std::size_t from, std::size_t to, const Mail& mail) noexcept {
    Box& box = boxes_[to];
    if (!box.from[from]->push(mail)) return false;
    box.waiting.fetch_or(std::uint64_t{1} << from, std::memory_order_release);
    return true;
  }
  // f(from, mail) for all that waits, in the order of each sender.
  template <typename F>
  void take(std::size_t to, F&& f) noexcept {
    Box& box = boxes_[to];
    if (box.waiting.load(std::memory_order_relaxed) == 0) [[likely]] return;
    for (std::uint64_t left = box.waiting.exchange(0, std::memory_order_acquire); left != 0; left &= left - 1) {
      const auto from = static_cast<std::size_t>(std::countr_zero(left));
      box.from[from]->consume([&](const Mail& mail) { f(from, mail); });
    }
  }

 private:
  static constexpr std::size_t kRing = 512;
  struct alignas(64) Box {
    std::atomic<std::uint64_t> waiting{0};  // from whom
    std::vector<std::unique_ptr<SpscRing<Mail>>> from;
  };
  std::vector<Box> boxes_;
};

}  // namespace mediaward::dataplane::ppspp
