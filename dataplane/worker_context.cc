// SPDX-License-Identifier: Apache-2.0
// See worker_context.h. The worker's own thread.
#include "dataplane/worker_context.h"

#include <algorithm>
#include <cstring>

namespace mediaward::dataplane {

void WorkerContext::sample(const Packet* packet, DropReason reason, std::uint64_t leg_id) noexcept {
  const auto at = static_cast<std::size_t>(reason);
  WorkerEvent event;
  event.reason = reason;
  event.packets = block_[reason] - sampled_at_[at];
  event.leg_id = leg_id;
  event.head_bytes = static_cast<std::uint16_t>(std::min<std::size_t>(packet->bytes, event.head.size()));
  std::memcpy(event.head.data(), packet->data, event.head_bytes);
  sampled_at_[at] = block_[reason];
  next_sample_[at] = now_ + tsc_hz_;
  report(event);
}

}  // namespace mediaward::dataplane
