// SPDX-License-Identifier: Apache-2.0
// A port in memory: frames are pushed in, come out of the transmit side as byte vectors, and every buffer is accounted for.
// The packet path runs over it without EAL. Single thread.
#pragma once

#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "dataplane/packet_io.h"

namespace mediaward::test {

using Frame = std::vector<std::byte>;

class MemoryIo final : public dataplane::PacketIo {
 public:
  struct Options {
    std::size_t buffers = 4096;
    std::size_t buffer_bytes = 2048;
    std::size_t tx_room = ~std::size_t{0};  // frames taken before the transmit queue is "full"
    dataplane::PortCapabilities capabilities{};
  };

  MemoryIo() : MemoryIo(Options{}) {}
  explicit MemoryIo(Options options) : options_(options), buffers_(options.buffers) {
    for (auto& b : buffers_) {
      b.home = this;
      b.bytes = std::make_unique<std::byte[]>(kHeadroom + options.buffer_bytes);
      free_.push_back(&b);
    }
  }

  void inject(const Frame& frame, std::uint16_t port = 0, std::uint16_t flags = 0) { pending_.push_back({frame, port, flags}); }
  [[nodiscard]] std::vector<Frame>& sent() { return sent_; }
  [[nodiscard]] std::size_t buffers_out() const { return buffers_.size() - free_.size(); }
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }
  void set_tx_room(std::size_t frames) { options_.tx_room = frames; }

  std::size_t receive(std::span<dataplane::Packet*> out) noexcept override {
    std::size_t n = 0;
    while (n < out.size() && !pending_.empty() && !free_.empty()) {
      const auto& in = pending_.front();
      if (in.frame.size() > options_.buffer_bytes) std::abort();  // the test asks for what no port would deliver
      dataplane::Packet* packet = take();
      std::memcpy(packet->data, in.frame.data(), in.frame.size());
      packet->bytes = static_cast<std::uint32_t>(in.frame.size());
      packet->port = in.port;
      packet->flags = in.flags;
      pending_.pop_front();
      out[n++] = packet;
    }
    return n;
  }
  std::size_t transmit(std::span<dataplane::Packet* const> packets) noexcept override {
    std::size_t n = 0;
    for (; n < packets.size() && options_.tx_room != 0; ++n, --options_.tx_room) {
      sent_.emplace_back(packets[n]->data, packets[n]->data + packets[n]->bytes);
      give(packets[n]);
    }
    return n;
  }
  bool allocate(std::span<dataplane::Packet*> out) noexcept override {
    if (free_.size() < out.size()) return false;
    for (auto& p : out) p = take();
    return true;
  }
  void release(std::span<dataplane::Packet* const> packets) noexcept override {
    for (auto* p : packets) give(p);
  }
  [[nodiscard]] dataplane::PortCapabilities capabilities() const noexcept override { return options_.capabilities; }

 private:
  static constexpr std::size_t kHeadroom = 128;
  struct Buffer {
    dataplane::Packet packet;
    std::unique_ptr<std::byte[]> bytes;
    MemoryIo* home = nullptr;  // packets may be released through another worker's port
    bool out = false;
  };
  struct Pending {
    Frame frame;
    std::uint16_t port;
    std::uint16_t flags;
  };

  dataplane::Packet* take() {
    Buffer* b = free_.back();
    free_.pop_back();
    b->out = true;
    b->packet = dataplane::Packet{};
    b->packet.data = b->bytes.get() + kHeadroom;
    b->packet.room = static_cast<std::uint32_t>(options_.buffer_bytes);
    b->packet.owner_tag = b;
    return &b->packet;
  }
  static void give(dataplane::Packet* p) {
    auto* buffer = static_cast<Buffer*>(p->owner_tag);
    if (std::exchange(buffer->out, false)) return buffer->home->free_.push_back(buffer);
    std::abort();  // given back twice
  }

  Options options_;
  std::vector<Buffer> buffers_;
  std::vector<Buffer*> free_;
  std::deque<Pending> pending_;
  std::vector<Frame> sent_;
};

}  // namespace mediaward::test
