// SPDX-License-Identifier: Apache-2.0
// Buffers on their way out (see the header). The port's thread.
#include "tools/traffic/outbox.h"

#include <algorithm>
#include <cstring>

namespace mediaward::tools::traffic {

Outbox::~Outbox() {
  io_.release({stash_.data(), stashed_});
  io_.release({batch_.data(), batched_});
}

bool Outbox::room(std::size_t packets) noexcept {
  if (batched_ + packets > kBatch) flush();
  if (batched_ + packets > kBatch) return false;
  while (stashed_ < packets) {
    if (!io_.allocate({stash_.data() + stashed_, kRefill})) return false;
    stashed_ += kRefill;
  }
  return true;
}

bool Outbox::push(ConstBytes header, ConstBytes body) noexcept {
  if ((stashed_ == 0 || batched_ == kBatch) && !room(1)) return false;
  dataplane::Packet& packet = *stash_[stashed_ - 1];
  if (packet.room < header.size() + body.size()) return false;
  --stashed_;
  std::memcpy(packet.data, header.data(), header.size());
  std::memcpy(packet.data + header.size(), body.data(), body.size());
  packet.bytes = static_cast<std::uint32_t>(header.size() + body.size());
  packet.l2_bytes = static_cast<std::uint16_t>(header.size());
  batch_[batched_++] = &packet;
  return true;
}

bool Outbox::flush() noexcept {
  if (batched_ == 0) return false;
  const std::size_t taken = io_.transmit({batch_.data(), batched_});
  refused_ += batched_ - taken;
  std::copy(batch_.begin() + static_cast<std::ptrdiff_t>(taken), batch_.begin() + static_cast<std::ptrdiff_t>(batched_), batch_.begin());
  batched_ -= taken;
  return taken != 0;
}

}  // namespace mediaward::tools::traffic
