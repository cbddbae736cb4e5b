// SPDX-License-Identifier: Apache-2.0
// Packets on their way out of the tool: buffers of the port are filled here and handed over in batches; what the port does not take
// stays and is tried again. Room is asked for before a step that may send several packets, so that no step is left half done.
// The port's thread; no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"
#include "dataplane/packet_io.h"

namespace mediaward::tools::traffic {

class Outbox {
 public:
  explicit Outbox(dataplane::PacketIo& io) : io_(io) {}
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  static constexpr std::size_t kMaxRoom = 72;

  // True: so many packets (at most kMaxRoom) can be pushed now.
  [[nodiscard]] bool room(std::size_t packets) noexcept;
  // False: no room, or the packet is too long for the port's buffers.
  [[nodiscard]] bool push(ConstBytes header, ConstBytes body) noexcept;
  // Hands over what the port takes; true when that was anything.
  bool flush() noexcept;

  [[nodiscard]] std::size_t waiting() const noexcept { return batched_; }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }  // packets not taken at an attempt

 private:
  static constexpr std::size_t kBatch = 160, kRefill = 32;

  dataplane::PacketIo& io_;
  std::array<dataplane::Packet*, kBatch> stash_{}, batch_{};
  std::size_t stashed_ = 0, batched_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace mediaward::tools::traffic
