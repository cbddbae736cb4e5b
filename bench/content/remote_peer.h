// SPDX-License-Identifier: Apache-2.0
// A content peer at the far end, as the benchmarks need one: it answers a HANDSHAKE, sends what it is asked for with the hashes of a sender
// in order, or asks for everything and acknowledges at once. Writes frames into a port's buffers and reads those that were transmitted.
// Never repeats anything and knows no time: the appliance's half is what is measured, and nothing gets lost here. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "bench/support/content.h"
#include "dataplane/packet.h"
#include "dataplane/wire/ppspp_types.h"

namespace mediaward::bench {

inline constexpr std::uint16_t kContentPort = 6778;  // RFC 7574's example, at either side
inline constexpr std::size_t kDatagramOffset = 14 + 20 + 8;

// Where a frame comes from and goes to.
struct FrameEnds {
  std::uint32_t source = 0, destination = 0;  // host order
  std::uint16_t source_port = kContentPort, destination_port = kContentPort;
};
// Headers in front of what stands at kDatagramOffset, and the packet's length.
void finish_frame(dataplane::Packet& packet, const FrameEnds& ends, std::size_t datagram_bytes);
[[nodiscard]] dataplane::ppspp::Framing framing_of(const Content& content);

class RemotePeer {
 public:
  enum class Role : std::uint8_t { kSeeder, kLeecher };

  // address: host order; channel: its own id, not 0; appliance: address and largest datagram.
  RemotePeer(const Content& content, Role role, std::uint32_t address, std::uint32_t channel, std::uint32_t appliance,
             std::size_t max_datagram);

  void restart();
  // A datagram of the appliance to this peer. Throws on what it cannot have sent.
  void read(ConstBytes datagram);
  // Datagrams that it has to send, and the next of them.
  [[nodiscard]] std::size_t pending() const noexcept;
  void write(dataplane::Packet& packet);

  [[nodiscard]] bool contacted() const noexcept { return theirs_ != 0; }
  [[nodiscard]] std::uint32_t address() const noexcept { return address_; }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }  // or asked of it: chunks, each counted once
  // A leecher has all chunks and has said so; a seeder has sent whatever was asked of it.
  [[nodiscard]] bool done() const noexcept { return pending() == 0 && (role_ == Role::kSeeder || received_ == content_.chunks()); }

 private:
  static constexpr std::uint64_t kWindow = 128;   // chunks that a leecher waits for at a time
  static constexpr std::uint64_t kDelayUs = 500;  // of its delay samples
  struct Due {
    std::uint64_t chunk;
    bool hashes_only;
  };
  void take_chunk(std::uint64_t chunk, ConstBytes body);
  [[nodiscard]] std::size_t write_answer(Bytes room);
  [[nodiscard]] std::size_t write_chunk(Bytes room);
  [[nodiscard]] std::size_t write_acks(Bytes room);

  const Content& content_;
  const dataplane::ppspp::Framing framing_;
  const Role role_;
  const std::uint32_t address_, channel_, appliance_;
  const std::size_t max_datagram_, room_for_hashes_;
  std::uint32_t theirs_ = 0;
  bool answer_due_ = false;
  std::deque<Due> due_;                // seeder
  std::vector<std::uint64_t> to_ack_;  // leecher
  std::vector<bool> have_;             // or was asked for
  std::uint64_t received_ = 0, asked_ = 0;
};

}  // namespace mediaward::bench
