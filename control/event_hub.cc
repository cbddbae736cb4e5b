// SPDX-License-Identifier: Apache-2.0
// The ring of events and the watchers' positions in it. Any thread.
#include "control/event_hub.h"

namespace mediaward::control {

std::uint64_t now_unix_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

std::uint64_t EventHub::publish(Event event) {
  const std::lock_guard lock(mutex_);
  event.sequence = ++last_;
  if (event.time_unix_ns == 0) event.time_unix_ns = now_unix_ns();
  ring_.push_back(std::move(event));
  if (ring_.size() > backlog_) ring_.pop_front();
  grown_.notify_all();
  return last_;
}

std::uint64_t EventHub::last_sequence() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

EventHub::Position EventHub::begin(std::uint64_t from_sequence, const std::string& instance_id) const {
  const std::lock_guard lock(mutex_);
  if (from_sequence == 0) return {last_ + 1, false};
  if ((!instance_id.empty() && instance_id != instance_id_) || from_sequence > last_ + 1) return {1, true};
  return {from_sequence, false};
}

EventHub::Next EventHub::next(Position& position, Event& out, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto something = [&] { return stopped_ || position.foreign || position.next <= last_; };
  if (!grown_.wait_for(lock, timeout, something)) return Next::kTimeout;
  if (stopped_) return Next::kStopped;
  const std::uint64_t oldest = last_ - ring_.size() + 1;
  if (position.foreign || position.next < oldest) {
    out = Event{};
    out.type = EventType::kGap;
    out.time_unix_ns = now_unix_ns();
    out.a = position.next;
    out.b = oldest - 1;
    out.sequence = oldest - 1;
    out.text = position.foreign ? "the daemon was restarted: earlier sequence numbers belong to another instance"
                                : "events were overwritten before they were read";
    position = {oldest, false};
    return Next::kEvent;
  }
  out = ring_[position.next - oldest];
  ++position.next;
  return Next::kEvent;
}

void EventHub::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  grown_.notify_all();
}

}  // namespace mediaward::control
