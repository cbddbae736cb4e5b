// SPDX-License-Identifier: Apache-2.0
// The far end of the pair for content: behind a port, either a seeder of a content that is made beforehand, which answers ARP, a HANDSHAKE
// and whatever is asked of it, or frames of one length as fast as they are taken. What it counts is what the other side did with them.
// Nothing is checked here: the appliance verifies every chunk. The port's thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "bench/content/remote_peer.h"
#include "dataplane/packet_io.h"
#include "dataplane/wire/ethernet.h"

namespace mediaward::bench {

inline constexpr std::uint32_t kFarAddress = 0xc0000265, kNearAddress = 0xc0000201;  // 192.0.2.101, the appliance's 192.0.2.1
inline constexpr std::size_t kFarDatagram = 1500 - 28;

struct FarResult {
  std::uint64_t counted = 0;               // after the warm-up: chunks that were asked for, or frames that came back
  double seconds = 0;                      // that they took
  std::uint64_t sent = 0, sent_bytes = 0;  // frames, from the beginning
};

class FarEnd {
 public:
  FarEnd(dataplane::PacketIo& io, double warm_up_seconds) : io_(io), warm_up_(warm_up_seconds) {}

  // Until all of it was asked for and sent, or nothing moved for ten seconds. Frames go once `go` is set.
  [[nodiscard]] FarResult serve(const Content& content, const std::atomic<bool>& go);
  // For so long after `go`.
  [[nodiscard]] FarResult echo(std::size_t frame_bytes, double seconds, const std::atomic<bool>& go);

 private:
  void take(RemotePeer& peer);
  void answer_arp(const dataplane::Packet& packet);
  std::size_t offer(std::size_t count);  // transmits from burst_, the rest stays for the next time
  void mark(std::uint64_t count);

  dataplane::PacketIo& io_;
  const double warm_up_;
  FarResult result_;
  std::array<dataplane::Packet*, 32> burst_{};
  std::size_t waiting_ = 0;          // of burst_, written and not taken yet
  dataplane::wire::Mac near_mac_{};  // learned from what comes
  std::uint64_t received_ = 0, first_ns_ = 0, from_ns_ = 0, from_count_ = 0;
};

}  // namespace mediaward::bench
