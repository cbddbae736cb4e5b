// SPDX-License-Identifier: Apache-2.0
// Writes the inputs of packet cases: participants, a clock, frames. Everything sealed is sealed by libsrtp, every header is written by
// tests/support/frames.h, so that inputs are made by other code than what they test.
// Tests only; single thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/packet/packet_case.h"

namespace mediaward::test {

class CaseBuilder {
 public:
  explicit CaseBuilder(std::string description) { case_.description = std::move(description); }
  CaseBuilder(const CaseBuilder&) = delete;
  CaseBuilder& operator=(const CaseBuilder&) = delete;

  Participant& add(unsigned number, crypto::Suite suite = crypto::Suite::kAesCm128HmacSha1_80, bool v6 = false) {
    participants_.push_back(std::make_unique<Participant>(make_participant(number, suite, v6)));
    return *participants_.back();
  }
  // Number 1 with AES-CM and IPv4, 2 with AES-GCM and IPv4, 3 with AES-CM and IPv6, 4 with AES-GCM and IPv6: the first n of them.
  void add_standard(unsigned n) {
    for (unsigned i = 1; i <= n; ++i) add(i, i % 2 == 0 ? crypto::Suite::kAeadAes128Gcm : crypto::Suite::kAesCm128HmacSha1_80, i > 2);
  }
  [[nodiscard]] Participant& p(std::size_t i) { return *participants_[i]; }
  [[nodiscard]] PacketCase& options() { return case_; }

  void wait(std::uint64_t ms = 20) { now_ms_ += ms; }  // what follows is another burst
  void frame(std::vector<std::uint8_t> bytes) { case_.in.push_back({now_ms_, std::move(bytes)}); }

  // An RTP packet of this participant with a payload that tells it from every other.
  [[nodiscard]] static RtpPacket rtp(const Participant& from, std::uint16_t sequence, std::size_t bytes = 40) {
    RtpPacket packet{.payload_type = 96, .sequence = sequence, .timestamp = 160u * sequence, .ssrc = from.ssrcs.empty() ? 0 : from.ssrcs[0]};
    for (std::size_t i = 0; i < bytes; ++i) packet.payload.push_back(static_cast<std::uint8_t>(sequence + 7 * i + packet.ssrc));
    return packet;
  }
  [[nodiscard]] std::vector<std::uint8_t> seal(const Participant& from, const RtpPacket& packet) {
    auto& session = senders_[{from.id, packet.ssrc}];
    if (session == nullptr) {
      session = std::make_unique<SrtpPeer>(from.receive_suite, from.receive_key, SrtpPeer::Direction::kSend, packet.ssrc);
      if (const auto roc = case_.roc.find(packet.ssrc); roc != case_.roc.end()) session->set_roc(packet.ssrc, roc->second);
    }
    return session->protect(packet.bytes());
  }
  [[nodiscard]] UdpFlow flow(const Participant& from) const {
    UdpFlow f;
    f.source_mac = Dataplane::kPeerMac;
    f.destination_mac = Dataplane::kApplianceMac;
    f.source = from.remote;
    f.destination = from.local;
    f.source_port = from.remote_port;
    f.destination_port = from.local_port;
    if (case_.vlan != 0) f.vlan = case_.vlan;
    return f;
  }
  void send(const Participant& from, const std::vector<std::uint8_t>& payload) { frame(udp_frame(flow(from), payload)); }
  void send(const Participant& from, const RtpPacket& packet) { send(from, seal(from, packet)); }
  void send(const Participant& from, std::uint16_t sequence, std::size_t bytes = 40) { send(from, rtp(from, sequence, bytes)); }
  // A frame that is right in all layers, for a case to spoil.
  [[nodiscard]] std::vector<std::uint8_t> good_frame(const Participant& from, std::uint16_t sequence) {
    return udp_frame(flow(from), seal(from, rtp(from, sequence)));
  }

  void write(const std::string& folder) {
    case_.participants.clear();
    for (const auto& participant : participants_) case_.participants.push_back(*participant);
    write_case(folder, case_);
  }

 private:
  PacketCase case_;
  std::vector<std::unique_ptr<Participant>> participants_;
  std::map<std::pair<std::string, std::uint32_t>, std::unique_ptr<SrtpPeer>> senders_;
  std::uint64_t now_ms_ = 0;
};

using CaseMaker = std::unique_ptr<CaseBuilder> (*)();
using CaseMakers = std::map<std::string, CaseMaker>;
void add_media_cases(CaseMakers& makers);
void add_conference_cases(CaseMakers& makers);
void add_srtp_cases(CaseMakers& makers);
void add_frame_cases(CaseMakers& makers);
void add_host_cases(CaseMakers& makers);

}  // namespace mediaward::test
