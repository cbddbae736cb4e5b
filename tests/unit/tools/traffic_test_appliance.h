// SPDX-License-Identifier: Apache-2.0
// A conference appliance of a few lines on memory, good or lying as told: what the traffic tool is tested against without a data plane.
// It knows the same conference files, opens and seals with libsrtp, answers ARP and NDP, and drops what it should.
// Far too slow and too trusting for anything but these tests. One thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/packet_io.h"
#include "tools/traffic/frame.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/sealer.h"

namespace mediaward::tools::traffic::test {

enum class Lie : std::uint8_t {
  kNone,
  kPlaintext,     // sends the payload in the clear
  kWrongKey,      // seals for one receiver with another one's key
  kWrongPayload,  // alters a byte before sealing
  kDuplicate,
  kLose,
  kReorder,
  kEcho,  // back to the sender as well
  kWrongDscp,
  kWrongSource,
  kBadUdpChecksum,
  kWrongMac,
  kAcceptReplay,  // sends what is a replay on, as ciphertext of before
  kDeaf,          // answers no ARP and no NDP
};

class TestAppliance final : public dataplane::PacketIo {
 public:
  TestAppliance(const Model& model, Lie lie, std::uint16_t vlan = 0);

  std::size_t receive(std::span<dataplane::Packet*> out) noexcept override;
  std::size_t transmit(std::span<dataplane::Packet* const> packets) noexcept override;
  bool allocate(std::span<dataplane::Packet*> out) noexcept override;
  void release(std::span<dataplane::Packet* const> packets) noexcept override;
  dataplane::PortCapabilities capabilities() const noexcept override { return {}; }

  [[nodiscard]] const std::map<std::string, std::uint64_t>& drops() const noexcept { return drops_; }
  [[nodiscard]] std::size_t buffers_out() const noexcept { return buffers_.size() - free_.size(); }

 private:
  struct Buffer {
    dataplane::Packet packet;
    std::vector<std::byte> bytes;
  };
  void on_frame(Bytes frame);
  void on_arp_or_ndp(ConstBytes frame);
  void on_udp(const UdpView& view);
  void fan_out(std::uint32_t stream, ConstBytes rtp, std::uint16_t sequence);
  void send_to(std::uint32_t stream, std::uint32_t receiver, ConstBytes rtp, bool lying);
  void swap_with_earlier(std::size_t headers);
  void queue(std::vector<std::byte> frame);
  [[nodiscard]] std::string classify(const UdpView& view, std::uint32_t& leg) const;

  const Model& model_;
  Lie lie_;
  std::uint16_t vlan_;
  std::map<std::uint32_t, SrtpContext> openers_;                            // per stream
  std::map<std::pair<std::uint32_t, std::uint32_t>, SrtpContext> sealers_;  // stream, receiver
  std::map<std::string, std::uint64_t> drops_;
  std::deque<std::vector<std::byte>> outgoing_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<dataplane::Packet*> free_;
  std::uint64_t forwarded_ = 0;
};

}  // namespace mediaward::tools::traffic::test
