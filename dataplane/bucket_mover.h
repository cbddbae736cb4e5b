// SPDX-License-Identifier: Apache-2.0
// Gives the legs of a bucket of UDP ports to another worker while packets flow: none is lost, none overtakes another, and every state
// slot has one writer at any time. There is no lock: each step tells workers something and waits until they have it.
// One move at a time; further ones wait. The core takes no transaction meanwhile: it is a matter of milliseconds. Which bucket goes
// where is not decided here. Main thread, advanced by its loop.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "crypto/error.h"
#include "dataplane/tables.h"

namespace mediaward::dataplane {

class Core;

class BucketMover {
 public:
  struct Finished {
    std::uint32_t bucket = 0, worker = 0;
    Result<void> done;  // an error: the bucket is where it was
  };

  static constexpr std::size_t kMaxQueued = 256;

  explicit BucketMover(Core& core) noexcept : core_(core) {}
  BucketMover(const BucketMover&) = delete;
  BucketMover& operator=(const BucketMover&) = delete;

  // Checked at once, begun by advance, over when take_finished says so.
  [[nodiscard]] Result<void> request(std::uint32_t bucket, std::uint32_t worker, bool dry_run);
  [[nodiscard]] bool active() const noexcept { return step_ != Step::kIdle || !queue_.empty(); }
  // The objects of a move that has begun are staged in the core.
  [[nodiscard]] bool staging() const noexcept { return step_ != Step::kIdle; }
  // Goes on as far as the workers are. Cheap when there is nothing to do.
  void advance();
  [[nodiscard]] std::vector<Finished> take_finished() { return std::exchange(finished_, {}); }

 private:
  // What has been begun last, and is waited for:
  enum class Step : std::uint8_t {
    kIdle,
    kPark,     // the new owner keeps the bucket's packets for later. What it will see is built: from here on nothing can fail
    kReroute,  // every other worker sends them to the new owner, and so do NICs that can be steered
    kEmpty,    // the old owner takes in what had been handed to it before
    kOpen,     // what it has begun to open comes back and is sealed
    kSeal,     // what it seals comes back and is sent
    kShare,    // other workers take in what it passed on to them
    kUnlink,   // it forgets legs and streams, and whoever seals for a share of the receivers hears of it
    kResume,   // the new owner gets legs and streams, and goes on with what was parked
  };
  using Plan = std::vector<std::vector<Command>>;

  // Each does one step's work once the one before is over; false: not yet.
  [[nodiscard]] bool step();
  [[nodiscard]] bool begin();
  [[nodiscard]] bool reroute();
  [[nodiscard]] bool empty();
  [[nodiscard]] bool open();
  [[nodiscard]] bool seal();
  [[nodiscard]] bool share();
  [[nodiscard]] bool unlink();
  [[nodiscard]] bool resume();
  [[nodiscard]] bool finish();

  [[nodiscard]] Result<void> stage();
  void mark_bucket();
  [[nodiscard]] Command set_owner(bool park) const noexcept;
  [[nodiscard]] bool has_room(std::size_t worker, std::size_t commands) const;
  void tell(std::size_t worker, std::span<const Command> commands);
  void tell(std::size_t worker, const Command& command) { tell(worker, {&command, 1}); }
  [[nodiscard]] bool applied(std::size_t worker) const;
  [[nodiscard]] bool others_applied() const;
  template <typename Rings>
  void note_produced(const Rings& rings);
  template <typename Rings>
  [[nodiscard]] bool consumed(const Rings& rings) const;
  void begin_drain();
  [[nodiscard]] bool drained() const;
  void end(Result<void> done);

  Core& core_;
  std::deque<std::pair<std::uint32_t, std::uint32_t>> queue_;  // bucket, worker
  std::vector<Finished> finished_;
  Step step_ = Step::kIdle;
  // Of the move that has begun:
  std::uint32_t bucket_ = 0;
  std::size_t from_ = 0, to_ = 0;
  Plan plan_;
  std::uint64_t drained_at_ = 0;
  std::vector<std::size_t> produced_;  // by ring: what must have been consumed
};

}  // namespace mediaward::dataplane
