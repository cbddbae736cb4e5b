// SPDX-License-Identifier: Apache-2.0
// A conference appliance of a few pages on memory, good or lying as told: what the traffic tool is tested against without a data plane.
// It knows the same conferences, opens and seals with libsrtp, in every mode, answers ARP and NDP, and drops what it should, by name:
// replay windows are sets of indexes here, index estimates a search for the nearest candidate.
// Far too slow and too trusting for anything but these tests. One thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/packet_io.h"
#include "tools/traffic/frame.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/srtp_context.h"

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
  kAcceptReplay,    // sends what is a replay on, as ciphertext of before
  kDeaf,            // answers no ARP and no NDP
  kWrongMki,        // names a key by an MKI it has not
  kAlterRelayed,    // changes a byte of what it should hand on untouched
  kSealGroupTwice,  // one receiver of a group gets a packet of its own
  kRtcpPlain,       // SRTCP with E = 0
  kRtcpPayload,     // a changed report
  kRtcpLose,
  kRtcpTwice,
  kRtcpIndexAgain,  // begins SRTCP indexes anew
  kRtcpPort,        // SRTCP to the SRTP port
  kNeverLatch,
};

class TestAppliance final : public dataplane::PacketIo {
 public:
  TestAppliance(const Model& model, Lie lie, std::uint16_t vlan = 0);

  std::size_t receive(std::span<dataplane::Packet*> out) noexcept override;
  std::size_t transmit(std::span<dataplane::Packet* const> packets) noexcept override;
  bool allocate(std::span<dataplane::Packet*> out) noexcept override;
  void share(dataplane::Packet&, std::uint32_t) noexcept override {}
  void release(std::span<dataplane::Packet* const> packets) noexcept override;
  dataplane::PortCapabilities capabilities() const noexcept override { return {}; }

  [[nodiscard]] const std::map<std::string, std::uint64_t>& drops() const noexcept { return drops_; }
  [[nodiscard]] std::size_t buffers_out() const noexcept { return buffers_.size() - free_.size(); }
  [[nodiscard]] std::uint64_t opened() const noexcept { return opened_; }

 private:
  struct Buffer {
    dataplane::Packet packet;
    std::vector<std::byte> bytes;
  };
  // Indexes of one SSRC as accepted.
  struct Window {
    std::set<std::uint64_t> accepted;
    std::uint64_t first_guess = 0;  // what the ROC is taken from before the first packet
  };
  void on_frame(Bytes frame);
  void on_arp_or_ndp(ConstBytes frame);
  void on_udp(const UdpView& view);
  [[nodiscard]] std::string receive_packet(const UdpView& view);
  [[nodiscard]] std::string receive_rtp(const UdpView& view, std::uint32_t leg);
  [[nodiscard]] std::string open_rtp(std::uint32_t stream, const UdpView& view);
  void fan_out(std::uint32_t stream, ConstBytes rtp, ConstBytes as_received);
  void send_to(std::uint32_t stream, std::uint32_t receiver, ConstBytes rtp, ConstBytes as_received, bool lying);
  [[nodiscard]] bool seal_for(std::uint32_t stream, std::uint32_t receiver, std::byte* packet, std::size_t& bytes, bool lying);
  void swap_with_earlier(std::size_t headers);

  // traffic_test_appliance_rtcp.cc
  [[nodiscard]] std::string receive_rtcp(const UdpView& view, std::uint32_t leg);
  void forward_rtcp(std::uint32_t leg, std::uint32_t ssrc, ConstBytes plain, ConstBytes as_received);
  void send_rtcp(std::uint32_t leg, std::uint32_t receiver, ConstBytes plain, ConstBytes as_received);
  [[nodiscard]] SrtcpContext& rtcp_context(std::map<std::pair<std::uint32_t, std::uint32_t>, SrtcpContext>& contexts, std::uint32_t number,
                                           std::uint32_t variant, const KeySet& keys, SrtpDirection direction, bool encrypted);

  void send_frame(std::uint32_t receiver, bool rtcp, ConstBytes udp_payload, bool lying);
  void queue(std::vector<std::byte> frame);
  [[nodiscard]] bool is_known(std::uint32_t leg, bool rtcp) const;
  void learn(std::uint32_t leg, bool rtcp);
  [[nodiscard]] bool bind(const Participant& p, std::uint32_t ssrc);
  [[nodiscard]] bool hears(std::uint32_t receiver, std::uint32_t sender) const;
  [[nodiscard]] static std::uint64_t nearest(const Window& window, std::uint64_t seq);

  const Model& model_;
  Lie lie_;
  std::uint16_t vlan_;
  std::map<std::uint32_t, SrtpContext> openers_;                             // per stream
  std::map<std::pair<std::uint32_t, std::uint32_t>, SrtpContext> sealers_;   // stream, receiver
  std::map<std::pair<std::uint32_t, std::uint32_t>, SrtcpContext> rtcp_in_;  // leg, E flag
  std::map<std::pair<std::uint32_t, std::uint32_t>, SrtcpContext> rtcp_out_;
  std::map<std::uint32_t, Window> windows_;                                         // per stream
  std::map<std::uint32_t, std::set<std::uint32_t>> rtcp_windows_;                   // per SSRC
  std::set<std::pair<std::uint32_t, bool>> latched_;                                // leg, RTCP
  std::set<std::uint32_t> bound_ssrcs_;
  std::map<std::string, std::uint64_t> drops_;
  std::deque<std::vector<std::byte>> outgoing_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<dataplane::Packet*> free_;
  std::uint64_t forwarded_ = 0, rtcp_forwarded_ = 0, opened_ = 0;
};

}  // namespace mediaward::tools::traffic::test
