// SPDX-License-Identifier: Apache-2.0
// The hostile actors of a run: tamperers who alter copies of genuine packets, replayers, strangers, and senders of things that are
// no media, over SRTP and SRTCP. Every packet is made so that exactly one drop reason of the appliance is right for it; the report
// carries the sums, and whoever runs the tool compares them with the appliance's counters. None of them may reach any participant.
// Which one comes when follows from the position and from what was sent before. The sending thread; SRTCP kinds allocate.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "tools/traffic/hostile_kinds.h"
#include "tools/traffic/ledger.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/rtcp_sender.h"
#include "tools/traffic/sealed_pool.h"

namespace mediaward::tools::traffic {

// A frame to send: who sends it (for the Ethernet header) and the packet from its IP header on.
struct HostilePacket {
  std::uint32_t participant = 0;  // whose next hop it takes
  bool stranger = false;          // from a MAC of its own
  Bytes packet;
};

class Hostile {
 public:
  // One hostile packet per `every` genuine ones, the kinds in turn. A kind that a stream gives no chance for leaves its turn to the next.
  Hostile(const Model& model, const SealedPool& pool, const Ledger& ledger, RtcpSender& rtcp, std::vector<HostileKind> kinds,
          std::uint32_t every);

  // Decides what goes with the genuine packet that is about to leave. Not called for packets that the bad network touches.
  void choose(std::uint64_t position, std::uint32_t stream, std::uint64_t round);
  // What goes out ahead of or behind it. The bytes are good until the next call.
  [[nodiscard]] std::optional<HostilePacket> make(bool before_genuine);
  void sent() noexcept;  // the packet of the last make() left

  [[nodiscard]] std::uint64_t total() const noexcept;
  [[nodiscard]] const std::array<std::uint64_t, kHostileKinds>& counts() const noexcept { return counts_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& expected_drops() const noexcept { return drops_; }

 private:
  struct Choice {
    HostileKind kind;
    std::uint32_t stream;
    std::uint64_t round;          // of the packet that is copied
    std::string_view drop_reason;
  };
  [[nodiscard]] const Participant& sender() const noexcept { return model_.sender_of(model_.streams()[choice_->stream]); }
  // nullopt: this stream gives no chance for it now.
  [[nodiscard]] std::optional<Choice> consider(HostileKind kind, std::uint32_t stream, std::uint64_t round) const;
  [[nodiscard]] bool suits(HostileKind kind, const Participant& sender) const noexcept;
  void alter(UdpPath& path, std::size_t headers);

  // hostile_rtcp.cc
  [[nodiscard]] bool suits_srtcp(HostileKind kind, std::uint32_t stream) const noexcept;
  [[nodiscard]] bool make_srtcp();
  void copy(ConstBytes packet) noexcept;
  void spoil_mki(std::size_t from_end, const KeySet& keys) noexcept;

  const Model& model_;
  const SealedPool& pool_;
  const Ledger& ledger_;
  RtcpSender& rtcp_;
  std::vector<HostileKind> kinds_;
  std::uint64_t every_;
  std::optional<Choice> choice_;
  std::array<std::uint64_t, kHostileKinds> counts_{};
  std::map<std::string, std::uint64_t> drops_;
  std::vector<Address> unused_addresses_;    // per participant
  std::vector<std::uint16_t> unused_ports_;  // per participant
  std::uint32_t unknown_ssrc_ = 0;
  std::vector<std::byte> buffer_;
  std::size_t bytes_ = 0;
  SealedRtcp fresh_;
};

}  // namespace mediaward::tools::traffic
