// SPDX-License-Identifier: Apache-2.0
// Fresh packets for a timed slice: every call continues each flow's sequence numbers, so that replay protection stays on and nothing
// is sent twice. Sealed by the product's own engine, after the constructor has proved it byte-equal to libsrtp on a sample of every
// flow, a ROC wrap included. All of it happens outside timed sections. The benchmark's thread.
#pragma once

#include <memory>
#include <vector>

#include "bench/support/conferences.h"
#include "bench/support/key_ring.h"
#include "crypto/engine.h"
#include "dataplane/packet.h"

namespace mediaward::bench {

inline constexpr std::size_t kFrameHeaderBytes = 14 + 20 + 8;  // Ethernet, IPv4, UDP
inline constexpr std::size_t kRtpHeaderBytes = 12;

class PacketSource {
 public:
  // Throws when the engine's packets are not libsrtp's.
  PacketSource(crypto::CryptoProvider& provider, crypto::Suite suite, const std::vector<Flow>& flows, std::size_t payload_bytes);

  // Writes the next packets, the flows in turn, into buffers: whole frames with good checksums in the IP header, marked as
  // checked by the port in UDP.
  void fill(std::span<dataplane::Packet* const> packets);

  // Payload of packet `index` (SRTP index) of a flow, for whoever checks.
  void expected_payload(std::size_t flow, std::uint64_t index, std::span<std::byte> out) const;

  [[nodiscard]] std::size_t frame_bytes() const noexcept { return kFrameHeaderBytes + kRtpHeaderBytes + payload_bytes_ + suite_.tag_bytes; }
  [[nodiscard]] std::size_t payload_bytes() const noexcept { return payload_bytes_; }
  [[nodiscard]] const crypto::SuiteInfo& suite() const noexcept { return suite_; }
  // Flow and SRTP index of the packet `back` places before the next one; back 1 is the last.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] static std::size_t flow_at(std::uint64_t position) noexcept { return position % kFlows; }
  [[nodiscard]] static std::uint64_t index_at(std::uint64_t position) noexcept { return position / kFlows; }
  [[nodiscard]] std::size_t proved_packets() const noexcept { return proved_; }

 private:
  void write_rtp(std::byte* rtp, std::size_t flow, std::uint64_t index) const;
  void describe(crypto::Job& job, std::byte* rtp, std::size_t flow, std::uint64_t index) const;
  void seal(std::span<crypto::Job> jobs);
  void make_templates();
  void prove();

  const crypto::SuiteInfo& suite_;
  const std::vector<Flow>& flows_;
  const std::size_t payload_bytes_;
  KeyRing keys_;
  std::unique_ptr<crypto::Engine> engine_;
  std::vector<std::vector<std::byte>> templates_;  // frame up to and including a payload, per flow
  std::vector<crypto::Job> jobs_;
  std::uint64_t position_ = 0;
  std::size_t proved_ = 0;
};

}  // namespace mediaward::bench
