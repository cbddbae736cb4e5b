// SPDX-License-Identifier: Apache-2.0
// Events with sequence numbers in a bounded ring. A watcher is only a position in the ring: one that is too slow loses events and
// is told which; nobody can make the daemon hold more memory.
// publish: any thread, never blocks long. next: the watcher's own thread, waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace mediaward::control {

// Values are those of EventType in mediaward.proto.
enum class EventType : std::uint8_t {
  kGap = 1,
  kObjectCreated,
  kObjectChanged,
  kObjectRemoved,
  kDataplaneConnected,
  kDataplaneLost,
  kDataplaneSynchronized,
  kDataplaneRefusedState,
  kPortLink,
  kNeighbourResolved,
  kNeighbourFailed,
  kDropSample,
  kRekeyRequired,
  kEventsLost,
  kWorkerStalled,
  kIndexReuse,
  kDataplaneStarted,
  kAddressLatched,
  kSsrcBound,
  kSsrcRefused,
  kKeyExpiring,
  kKeyExpired,
  kSpeakersChanged,
  kBucketMoved,
  kPeerVerdict,
  kPeerCleared,
  kEvidence,
  kSwarmComplete,
  kSwarmExpired,
  kSwarmTakenDown,
  kContentUnreadable,
};

struct Event {
  std::uint64_t sequence = 0;  // set by publish
  std::uint64_t time_unix_ns = 0;
  EventType type = EventType::kGap;
  std::string object{};
  std::uint64_t a = 0, b = 0;
  std::string text{};
  std::uint32_t worker = 0;
  std::uint64_t revision = 0;
};

[[nodiscard]] std::uint64_t now_unix_ns();

class EventHub {
 public:
  EventHub(std::string instance_id, std::size_t backlog) : instance_id_(std::move(instance_id)), backlog_(backlog) {}

  std::uint64_t publish(Event event);  // its sequence number
  [[nodiscard]] std::uint64_t last_sequence() const;
  [[nodiscard]] const std::string& instance_id() const noexcept { return instance_id_; }

  // Where a watcher begins. Another instance's number, or one that is not reached yet: everything kept, behind a gap.
  struct Position {
    std::uint64_t next = 1;
    bool foreign = false;  // the number came from another life
  };
  [[nodiscard]] Position begin(std::uint64_t from_sequence, const std::string& instance_id) const;

  enum class Next : std::uint8_t { kEvent, kTimeout, kStopped };
  [[nodiscard]] Next next(Position& position, Event& out, std::chrono::milliseconds timeout);

  void stop();  // every watcher returns kStopped

 private:
  const std::string instance_id_;
  const std::size_t backlog_;
  mutable std::mutex mutex_;
  std::condition_variable grown_;
  std::deque<Event> ring_;
  std::uint64_t last_ = 0;
  bool stopped_ = false;
};

}  // namespace mediaward::control
