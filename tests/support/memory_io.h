// SPDX-License-Identifier: Apache-2.0
// A port in memory: frames are pushed in, come out of the transmit side as byte vectors, and every buffer is accounted for.
// The packet path runs over it without EAL. Whoever breaks the rules of packet_io.h is aborted: a buffer given back twice, a shared
// one that was altered or sent by itself, a chain on a port without chains. Single thread.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
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
      if (packets[n]->next != nullptr && !options_.capabilities.tx_chains) std::abort();
      if (buffer_of(packets[n])->references != 1) std::abort();
      sent_.push_back(frame_of(packets[n]));
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
  void share(dataplane::Packet& packet, std::uint32_t more) noexcept override {
    for (auto* segment = &packet; segment != nullptr; segment = segment->next) {
      auto* buffer = buffer_of(segment);
      check_unaltered(*buffer);
      if (!buffer->out || more > dataplane::kMaxShares - (buffer->references - 1)) std::abort();
      buffer->references += more;
      buffer->shared.assign(segment->data, segment->data + segment->bytes);
    }
  }
  [[nodiscard]] dataplane::PortCapabilities capabilities() const noexcept override { return options_.capabilities; }

 private:
  static constexpr std::size_t kHeadroom = 128;
  struct Buffer {
    dataplane::Packet packet;
    std::unique_ptr<std::byte[]> bytes;
    MemoryIo* home = nullptr;  // packets may be released through another worker's port
    bool out = false;
    std::uint32_t references = 1;
    Frame shared;  // what it held when it was shared
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
    b->references = 1;
    b->shared.clear();
    b->packet = dataplane::Packet{};
    b->packet.data = b->bytes.get() + kHeadroom;
    b->packet.room = static_cast<std::uint32_t>(options_.buffer_bytes);
    b->packet.owner_tag = b;
    return &b->packet;
  }
  static Buffer* buffer_of(const dataplane::Packet* p) { return static_cast<Buffer*>(p->owner_tag); }
  static void check_unaltered(const Buffer& b) {
    if (!b.shared.empty() && !std::equal(b.shared.begin(), b.shared.end(), b.packet.data, b.packet.data + b.packet.bytes)) std::abort();
  }
  static Frame frame_of(const dataplane::Packet* p) {
    Frame frame;
    for (; p != nullptr; p = p->next) {
      check_unaltered(*buffer_of(p));
      frame.insert(frame.end(), p->data, p->data + p->bytes);
    }
    return frame;
  }
  static void give(dataplane::Packet* p) {
    while (p != nullptr) {
      auto* buffer = buffer_of(p);
      p = p->next;
      if (!buffer->out) std::abort();  // given back twice
      check_unaltered(*buffer);
      if (--buffer->references != 0) continue;
      buffer->out = false;
      buffer->home->free_.push_back(buffer);
    }
  }

  Options options_;
  std::vector<Buffer> buffers_;
  std::vector<Buffer*> free_;
  std::deque<Pending> pending_;
  std::vector<Frame> sent_;
};

}  // namespace mediaward::test
