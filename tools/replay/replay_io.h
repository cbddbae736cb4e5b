// SPDX-License-Identifier: Apache-2.0
// A port in memory for a capture that is replayed: frames of any length go in, those that pass come out and are counted. One thread.
#pragma once

#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "dataplane/packet_io.h"

namespace mediaward::tools::replay {

class ReplayIo final : public dataplane::PacketIo {
 public:
  // The packet it becomes, which the caller may recognise until it has left.
  const dataplane::Packet* inject(ConstBytes frame, std::uint16_t port) {
    dataplane::Packet* packet = take(frame.size());
    std::memcpy(packet->data, frame.data(), frame.size());
    packet->bytes = static_cast<std::uint32_t>(frame.size());
    packet->port = port;
    waiting_.push_back(packet);
    return packet;
  }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
  // Those that left since the last call, in order. Never looked into: they have other content by now.
  [[nodiscard]] std::vector<const dataplane::Packet*> take_sent() { return std::exchange(sent_, {}); }

  std::size_t receive(std::span<dataplane::Packet*> out) noexcept override {
    std::size_t n = 0;
    for (; n < out.size() && !waiting_.empty(); waiting_.pop_front()) out[n++] = waiting_.front();
    return n;
  }
  std::size_t transmit(std::span<dataplane::Packet* const> packets) noexcept override {
    for (auto* p : packets) sent_.push_back(p);
    release(packets);
    return packets.size();
  }
  bool allocate(std::span<dataplane::Packet*> out) noexcept override {
    for (auto& p : out) p = take(kUsualBytes);
    return true;
  }
  void share(dataplane::Packet&, std::uint32_t) noexcept override {}
  void release(std::span<dataplane::Packet* const> packets) noexcept override {
    for (auto* p : packets) static_cast<Buffer*>(p->owner_tag)->free = true;
  }
  [[nodiscard]] dataplane::PortCapabilities capabilities() const noexcept override { return {true, true, true, true}; }

 private:
  static constexpr std::size_t kHeadroom = 128, kUsualBytes = 2048;
  struct Buffer {
    dataplane::Packet packet;
    std::vector<std::byte> bytes;
    bool free = false;
  };

  // The oldest is used again when it is free: of what is in flight there is never much.
  dataplane::Packet* take(std::size_t bytes) {
    if (!buffers_.empty() && buffers_.front()->free) {
      buffers_.push_back(std::move(buffers_.front()));
      buffers_.pop_front();
    } else {
      buffers_.push_back(std::make_unique<Buffer>());
    }
    Buffer& b = *buffers_.back();
    b.free = false;
    b.bytes.resize(std::max(b.bytes.size(), kHeadroom + bytes));
    b.packet = dataplane::Packet{};
    b.packet.data = b.bytes.data() + kHeadroom;
    b.packet.room = static_cast<std::uint32_t>(b.bytes.size() - kHeadroom);
    b.packet.owner_tag = &b;
    return &b.packet;
  }

  std::deque<std::unique_ptr<Buffer>> buffers_;
  std::deque<dataplane::Packet*> waiting_;
  std::vector<const dataplane::Packet*> sent_;
};

}  // namespace mediaward::tools::replay
