// SPDX-License-Identifier: Apache-2.0
// See far_end.h.
#include "bench/pair/far_end.h"

#include <time.h>

#include <algorithm>
#include <cstring>

#include "bench/support/conferences.h"
#include "dataplane/wire/arp.h"

namespace mediaward::bench {
namespace {

namespace wire = dataplane::wire;

constexpr std::uint64_t kSilenceNs = 10'000'000'000;

std::uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

}  // namespace

// When the counting begins, and how far it has come.
void FarEnd::mark(std::uint64_t count) {
  if (count == 0) return;
  const std::uint64_t now = now_ns();
  if (first_ns_ == 0) first_ns_ = now;
  if (from_ns_ == 0 && static_cast<double>(now - first_ns_) < warm_up_ * 1e9) return;
  if (from_ns_ == 0) from_ns_ = now, from_count_ = count;
  result_.counted = count - from_count_;
  result_.seconds = static_cast<double>(now - from_ns_) / 1e9;
}

void FarEnd::answer_arp(const dataplane::Packet& packet) {
  wire::ArpPacket request;
  if (!wire::parse_arp({packet.data + wire::kEthernetBytes, packet.bytes - wire::kEthernetBytes}, request) ||
      request.operation != Be16(wire::kArpRequest))
    return;
  std::byte ours[4];
  store_be32(ours, kFarAddress);
  dataplane::Packet* reply = nullptr;
  if (std::memcmp(request.target_ip, ours, 4) != 0 || !io_.allocate({&reply, 1})) return;
  wire::write_ethernet(reply->data, request.sender_mac, kPeerMac, wire::kEtherArp, 0);
  wire::write_arp(reply->data + wire::kEthernetBytes, wire::kArpReply, kPeerMac, ours, request.sender_mac, request.sender_ip);
  reply->bytes = wire::kEthernetBytes + wire::kArpBytes;
  if (io_.transmit({&reply, 1}) == 0) io_.release({&reply, 1});
}

void FarEnd::take(RemotePeer& peer) {
  std::array<dataplane::Packet*, 32> burst;
  const std::size_t n = io_.receive(burst);
  for (std::size_t i = 0; i < n; ++i) {
    const dataplane::Packet& packet = *burst[i];
    if (packet.bytes < kDatagramOffset) continue;
    near_mac_ = wire::load_mac(packet.data + 6);
    const std::uint16_t type = load_be16(packet.data + 12);
    if (type == wire::kEtherArp) answer_arp(packet);
    if (type != wire::kEtherIpv4 || load_be32(packet.data + 30) != kFarAddress || load_be16(packet.data + 34) != kContentPort) continue;
    const std::size_t bytes = load_be16(packet.data + 38) - std::size_t{8};
    if (bytes <= packet.bytes - kDatagramOffset) peer.read({packet.data + kDatagramOffset, bytes});
  }
  if (n != 0) io_.release({burst.data(), n});
}

std::size_t FarEnd::offer(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) result_.sent_bytes += burst_[i]->bytes;
  const std::size_t taken = count == 0 ? 0 : io_.transmit({burst_.data(), count});
  for (std::size_t i = taken; i < count; ++i) result_.sent_bytes -= burst_[i]->bytes;
  std::copy(burst_.begin() + static_cast<std::ptrdiff_t>(taken), burst_.begin() + static_cast<std::ptrdiff_t>(count), burst_.begin());
  result_.sent += taken;
  return taken;
}

FarResult FarEnd::serve(const Content& content, const std::atomic<bool>& go) {
  RemotePeer peer(content, RemotePeer::Role::kSeeder, kFarAddress, 0x7001, kNearAddress, kFarDatagram);
  std::uint64_t progress_ns = now_ns();
  while (peer.received() != content.chunks() || !peer.done() || waiting_ != 0) {
    take(peer);
    if (!go) progress_ns = now_ns();
    const std::size_t more = go ? std::min(peer.pending(), burst_.size() - waiting_) : 0;
    if (more != 0 && io_.allocate({burst_.data() + waiting_, more}))
      for (std::size_t i = 0; i < more; ++i) {
        dataplane::Packet& packet = *burst_[waiting_++];
        peer.write(packet);
        std::memcpy(packet.data, near_mac_.data(), near_mac_.size());
      }
    const std::size_t taken = offer(waiting_);
    waiting_ -= taken;
    if (taken != 0) progress_ns = now_ns();
    if (now_ns() - progress_ns > kSilenceNs) {
      if (waiting_ != 0) io_.release({burst_.data(), waiting_});
      return {};
    }
    mark(peer.received());
  }
  return result_;
}

FarResult FarEnd::echo(std::size_t frame_bytes, double seconds, const std::atomic<bool>& go) {
  std::array<std::byte, 2048> frame{};
  for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::byte>(i * 13);
  std::uint64_t begin = 0;
  while (begin == 0 || static_cast<double>(now_ns() - begin) < seconds * 1e9) {
    std::array<dataplane::Packet*, 32> back;
    const std::size_t n = io_.receive(back);
    if (n != 0) io_.release({back.data(), n});
    received_ += n;
    mark(received_);
    if (!go) continue;
    if (begin == 0) begin = now_ns();
    const std::size_t more = burst_.size() - waiting_;
    if (more != 0 && io_.allocate({burst_.data() + waiting_, more}))
      for (std::size_t i = 0; i < more; ++i) {
        dataplane::Packet& packet = *burst_[waiting_++];
        std::memcpy(packet.data + kDatagramOffset, frame.data(), frame_bytes - kDatagramOffset);
        finish_frame(packet, {kFarAddress, kNearAddress}, frame_bytes - kDatagramOffset);
      }
    waiting_ -= offer(waiting_);
  }
  if (waiting_ != 0) io_.release({burst_.data(), waiting_});
  return result_;
}

}  // namespace mediaward::bench
