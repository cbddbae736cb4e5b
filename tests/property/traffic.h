// SPDX-License-Identifier: Apache-2.0
// Random traffic of a conference of any mode, the same for the same seed: genuine media and reports out of order, duplicates, forgeries,
// frames with a flipped bit, noise and pings. Every genuine packet is sealed by libsrtp.
// What a forged packet is counted as may depend on how bursts fall when it repeats an index near one that was accepted (the cheap replay
// test comes before the tag), and the first packet of a stream fixes where its index begins. So here forgeries have sequence numbers of
// their own, duplicates stay well within the window, and each stream's first packet goes ahead alone.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "tests/unit/dataplane/media_hall.h"

namespace mediaward::test {

class Traffic {
 public:
  using Mode = abi::ForwardingMode;
  Traffic(std::uint64_t seed, unsigned participants, Dataplane& plane, Mode mode = Mode::kPerParticipantKeys) : random_(seed) {
    conference_.mode = mode;
    const crypto::Suite common = any_suite();
    if (mode == Mode::kGroupKey) {
      conference_.group_suite = common;
      conference_.group_keys = {{test_key(common, 900), mki_of(pick(2) * 4, 9)}};
    }
    for (unsigned i = 1; i <= participants; ++i) {
      Participant p = make_participant(i, mode == Mode::kRelay ? common : any_suite(), pick(3) == 0);
      if (mode == Mode::kRelay) p.receive_key = test_key(common, 901);
      p.receive_mki = mki_of(pick(2) * 4, i);
      p.send_suite = mode == Mode::kPerParticipantKeys ? any_suite() : crypto::Suite::kNone;
      if (mode == Mode::kPerParticipantKeys) p.send_key = test_key(p.send_suite, 2 * i + 1);
      p.send_mki = mode == Mode::kPerParticipantKeys ? mki_of(pick(2) * 16, i) : Octets{};
      next_.push_back(static_cast<std::uint16_t>(pick(2) == 0 ? 65500 + pick(30) : pick(65536)));
      flows_.push_back(plane.flow_from(p));
      senders_.push_back(std::make_unique<SrtpPeer>(p.receive_suite, std::vector{SrtpMasterKey{p.receive_key, p.receive_mki}},
                                                    SrtpPeer::Direction::kSend));
      participants_.push_back(p);
    }
  }
  [[nodiscard]] const ConferenceOptions& conference() const { return conference_; }
  [[nodiscard]] std::vector<Participant>& participants() { return participants_; }

  [[nodiscard]] std::vector<Frame> first_packets() {
    std::vector<Frame> frames;
    for (std::size_t i = 0; i < participants_.size(); ++i) frames.push_back(genuine(i));
    return frames;
  }
  [[nodiscard]] std::vector<Frame> frames(std::size_t count) {
    std::vector<Frame> frames;
    while (frames.size() < count) frames.push_back(any());
    for (std::size_t at = 0; at < frames.size(); at += kReorder)  // a little disorder
      std::shuffle(frames.begin() + static_cast<std::ptrdiff_t>(at),
                   frames.begin() + static_cast<std::ptrdiff_t>(std::min(at + kReorder, count)), random_);
    return frames;
  }
  [[nodiscard]] std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }

 private:
  static constexpr std::size_t kReorder = 12, kRecent = 30;

  Frame any() {
    const std::size_t from = pick(participants_.size());
    switch (pick(16)) {
      case 0:
        return duplicate();
      case 1:
        return forged(from);
      case 2:
        return flipped(from);
      case 3:
        return noise();
      case 4:
        return cut(from);
      case 5:
        return pings_++ < 50 ? ping() : genuine(from);
      case 6:
      case 7:
        return report(from);
      case 8:
        return pick(4) == 0 ? forged_report(from) : report(from);
      default:
        return genuine(from);
    }
  }
  std::vector<std::uint8_t> sealed(std::size_t from) {
    RtpPacket rtp{.payload_type = 96,
                  .sequence = next_[from]++,
                  .timestamp = static_cast<std::uint32_t>(random_()),
                  .ssrc = participants_[from].ssrcs[0]};
    rtp.payload.resize(pick(8) == 0 ? pick(1200) : pick(200));
    for (auto& b : rtp.payload) b = static_cast<std::uint8_t>(random_());
    if (pick(6) == 0) rtp.csrcs.assign(pick(16), 0xabcdef01);
    if (pick(6) == 0) rtp.extension = std::vector<std::uint8_t>(4 * pick(6), 0x11);
    return senders_[from]->protect(rtp.bytes());
  }
  Octets sealed_report(std::size_t from) {
    const std::uint32_t ssrc = participants_[from].ssrcs[0];
    return senders_[from]->protect_rtcp(pick(2) == 0 ? sender_report(ssrc, ++reports_, pick(200))
                                                     : receiver_report(ssrc, participants_[0].ssrcs[0], ++reports_));
  }
  Frame genuine(std::size_t from) { return kept(to_frame(udp_frame(flows_[from], sealed(from)))); }
  Frame report(std::size_t from) { return kept(to_frame(udp_frame(flows_[from], sealed_report(from)))); }
  Frame kept(Frame frame) {
    recent_.push_back(frame);
    if (recent_.size() > kRecent) recent_.erase(recent_.begin());
    return frame;
  }
  // Not its index, see above.
  Frame forged_report(std::size_t from) {
    auto srtcp = sealed_report(from);
    srtcp[8 + pick(16)] ^= static_cast<std::uint8_t>(1u << pick(8));
    return to_frame(udp_frame(flows_[from], srtcp));
  }
  Frame duplicate() { return recent_.empty() ? noise() : recent_[pick(recent_.size())]; }
  Frame forged(std::size_t from) {
    auto srtp = sealed(from);
    srtp[srtp.size() - 1 - pick(10)] ^= static_cast<std::uint8_t>(1u << pick(8));
    return to_frame(udp_frame(flows_[from], srtp));
  }
  Frame flipped(std::size_t from) {
    auto frame = udp_frame(flows_[from], sealed(from));
    const std::size_t rtp = 14 + (frame[12] == 0x08 ? 20 : 40) + 8;
    std::size_t at = pick(frame.size());
    if (at == rtp + 2 || at == rtp + 3) at = rtp + 5;  // not the sequence number, see above
    frame[at] ^= static_cast<std::uint8_t>(1u << pick(8));
    return to_frame(frame);
  }
  Frame cut(std::size_t from) {
    auto frame = udp_frame(flows_[from], sealed(from));
    frame.resize(1 + pick(frame.size() - 1));
    return to_frame(frame);
  }
  Frame noise() {
    auto frame = udp_frame(flows_[pick(flows_.size())], std::vector<std::uint8_t>(pick(100)));
    const std::size_t keep = pick(2) == 0 ? 6 : frame.size() - pick(std::min<std::size_t>(frame.size() - 6, 60));
    for (std::size_t i = keep; i < frame.size(); ++i) frame[i] = static_cast<std::uint8_t>(random_());
    return to_frame(frame);
  }
  Frame ping() {
    const auto message = icmp_message(8, 0, std::vector<std::uint8_t>(4 + pick(40), 3));
    return to_frame(ethernet_frame(flows_[0], 0x0800, ipv4_packet("192.0.2.99", "192.0.2.1", 1, message)));
  }

  crypto::Suite any_suite() { return crypto::kSuites.at(pick(crypto::kSuites.size())).id; }

  std::mt19937_64 random_;
  ConferenceOptions conference_;
  std::vector<std::unique_ptr<SrtpPeer>> senders_;
  std::vector<Participant> participants_;
  std::vector<std::uint16_t> next_;
  std::vector<UdpFlow> flows_;
  std::vector<Frame> recent_;
  std::size_t pings_ = 0;
  std::uint32_t reports_ = 0;
};

}  // namespace mediaward::test
