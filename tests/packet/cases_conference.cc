// SPDX-License-Identifier: Apache-2.0
// Inputs of the packet cases about SRTCP, MKI, key lifetimes, and the ways a conference hands media on. See case_builder.h.
// Everything sealed is sealed by libsrtp.
#include "tests/packet/case_builder.h"

namespace mediaward::test {
namespace {

using crypto::Suite;
using Case = std::unique_ptr<CaseBuilder>;
using Octets = std::vector<std::uint8_t>;

constexpr std::uint32_t kMux = abi::kLegRtcpMux;

// A sender report with a source description (RFC 3550 §6.4.1, §6.5), told from others by `number`.
Octets report(const Participant& from, std::uint8_t number) {
  const std::uint32_t ssrc = from.ssrcs.at(0);
  Octets out{0x80, 200, 0, 6};
  const auto put32 = [&out](std::uint32_t v) { out.insert(out.end(), {static_cast<std::uint8_t>(v >> 24), static_cast<std::uint8_t>(v >> 16), static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)}); };
  put32(ssrc);
  for (const std::uint32_t v : {0xe0000000u + number, 0u, 160u * number, std::uint32_t{number}, 160u * number}) put32(v);
  out.insert(out.end(), {0x81, 202, 0, 3});
  put32(ssrc);
  out.insert(out.end(), {1, 3, 'a', '@', 'b', 0, 0, 0});
  return out;
}

class RtcpSender {
 public:
  RtcpSender(CaseBuilder& c, const Participant& from, bool plain = false)
      : c_(c), from_(from), peer_(from.receive_suite, {SrtpMasterKey{from.receive_key, from.receive_mki}}, SrtpPeer::Direction::kSend, SrtpPeerOptions{.ssrc = {}, .unencrypted_srtcp = plain}) {}
  [[nodiscard]] Octets seal(std::uint8_t number) { return peer_.protect_rtcp(report(from_, number)); }
  [[nodiscard]] Octets seal(const Octets& packet) { return peer_.protect_rtcp(packet); }
  void send(const Octets& srtcp) {
    UdpFlow flow = c_.flow(from_);
    if ((from_.flags & kMux) == 0) {
      flow.source_port = from_.remote_rtcp();
      flow.destination_port = static_cast<std::uint16_t>(from_.local_port + 1);
    }
    c_.frame(udp_frame(flow, srtcp));
  }

 private:
  CaseBuilder& c_;
  const Participant& from_;
  SrtpPeer peer_;
};

Case srtcp_suites() {
  auto c = std::make_unique<CaseBuilder>("RFC 3711 §3.4, RFC 6188, RFC 7714 §9: reports of a participant of every suite reach all others; half of the legs have RTCP ports of their own");
  unsigned number = 1;
  for (const auto& suite : crypto::kSuites) c->add(number++, suite.id);
  for (std::size_t i = 0; i < crypto::kSuites.size(); i += 2) c->p(i).flags &= ~kMux;
  for (std::size_t i = 0; i < crypto::kSuites.size(); ++i) {
    RtcpSender rtcp(*c, c->p(i));
    for (std::uint8_t n = 1; n <= 3; ++n) rtcp.send(rtcp.seal(n));
    c->send(c->p(i), 1);
  }
  return c;
}

Case srtcp_hostile() {
  auto c = std::make_unique<CaseBuilder>("SRTCP that is replayed, too old, tampered, truncated, unencrypted against policy, of an unknown SSRC, on the wrong port, or no compound once opened");
  c->add_standard(3);
  c->p(2).flags &= ~kMux;
  for (std::size_t i = 0; i < 3; ++i) {
    RtcpSender rtcp(*c, c->p(i));
    const Octets first = rtcp.seal(1), second = rtcp.seal(2);
    rtcp.send(first);
    c->wait();
    rtcp.send(first);  // replayed
    Octets bad = rtcp.seal(3);
    for (const std::size_t at : {std::size_t{9}, bad.size() - 12, bad.size() - 1}) {
      Octets spoiled = bad;
      spoiled[at] ^= 1;
      rtcp.send(spoiled);
    }
    rtcp.send(Octets(bad.begin(), bad.begin() + 16));
    Octets stranger = rtcp.seal(4);
    stranger[7] ^= 0x55;
    rtcp.send(stranger);
    Octets wrong_version = rtcp.seal(5);
    wrong_version[0] = 0x00;
    rtcp.send(wrong_version);
    Octets lengths = report(c->p(i), 6);
    lengths[3] = 7;  // the first packet reaches into the second
    rtcp.send(rtcp.seal(lengths));
    for (std::uint8_t n = 7; n < 80; ++n) (void)rtcp.seal(n);
    rtcp.send(rtcp.seal(80));
    c->wait();
    rtcp.send(second);  // behind the window of 64
  }
  for (std::size_t i = 0; i < 3; ++i) {
    SrtpPeer plain(c->p(i).receive_suite, {SrtpMasterKey{c->p(i).receive_key, {}}}, SrtpPeer::Direction::kSend, SrtpPeerOptions{.ssrc = {}, .unencrypted_srtcp = true});
    RtcpSender rtcp(*c, c->p(i));
    rtcp.send(plain.protect_rtcp(report(c->p(i), 1)));
  }
  c->send(c->p(2), report(c->p(2), 9));                                                    // RTCP on an RTP port that is not shared
  UdpFlow flow = c->flow(c->p(2));
  flow.source_port = c->p(2).remote_rtcp();
  flow.destination_port = static_cast<std::uint16_t>(c->p(2).local_port + 1);
  c->frame(udp_frame(flow, c->seal(c->p(2), CaseBuilder::rtp(c->p(2), 7))));               // and RTP on the RTCP port
  return c;
}

Case srtcp_policy() {
  auto c = std::make_unique<CaseBuilder>("SRTCP from and to a leg that drops it, and with nobody to go to");
  c->add_standard(2);
  c->p(1).rtcp_policy = abi::RtcpPolicy::kDrop;
  for (std::size_t i = 0; i < 2; ++i) {
    RtcpSender rtcp(*c, c->p(i));
    rtcp.send(rtcp.seal(1));
    c->send(c->p(i), 1);
  }
  return c;
}

Case mki() {
  auto c = std::make_unique<CaseBuilder>("RFC 3711 §3.1: MKIs of 1, 4 and 128 bytes, two receive keys alive, an unknown MKI; the tag follows the MKI, except in an AEAD");
  const std::size_t lengths[] = {4, 1, 128};
  const Suite suites[] = {Suite::kAesCm128HmacSha1_80, Suite::kAeadAes128Gcm, Suite::kAesCm256HmacSha1_32};
  for (unsigned i = 0; i < 3; ++i) {
    Participant& p = c->add(i + 1, suites[i]);
    p.receive_mki = Octets(lengths[i], static_cast<std::uint8_t>(0x10 + i));
    p.send_mki = Octets(lengths[2 - i], static_cast<std::uint8_t>(0x20 + i));
    p.more_receive_keys = {{test_key(suites[i], 100 + i), Octets(lengths[i], static_cast<std::uint8_t>(0x40 + i))}};
  }
  for (unsigned i = 0; i < 3; ++i) {
    const Participant& p = c->p(i);
    SrtpPeer sender(p.receive_suite, std::vector<SrtpMasterKey>{{p.receive_key, p.receive_mki}, p.more_receive_keys[0]}, SrtpPeer::Direction::kSend);
    for (std::uint16_t n = 0; n < 4; ++n) c->send(p, sender.protect(CaseBuilder::rtp(p, static_cast<std::uint16_t>(10 + n)).bytes(), n % 2));
    c->send(p, sender.protect_rtcp(report(p, 1), 1));
    SrtpPeer stranger(p.receive_suite, std::vector<SrtpMasterKey>{{test_key(p.receive_suite, 200), Octets(lengths[i], 0x7f)}}, SrtpPeer::Direction::kSend);
    c->send(p, stranger.protect(CaseBuilder::rtp(p, 20).bytes()));
    c->send(p, stranger.protect_rtcp(report(p, 2)));
  }
  return c;
}

Case two_keys() {
  auto c = std::make_unique<CaseBuilder>("two receive keys without MKI, told apart by the tag, in turns and alone; and one that neither fits. A packet at a time: a second attempt is overtaken by what follows");
  c->add(1, Suite::kAesCm128HmacSha1_80);
  c->add(2, Suite::kAeadAes256Gcm);
  for (std::size_t i = 0; i < 2; ++i) {
    Participant& p = c->p(i);
    p.more_receive_keys = {{test_key(p.receive_suite, 100), {}}};
    SrtpPeer first(p.receive_suite, p.receive_key, SrtpPeer::Direction::kSend), second(p.receive_suite, p.more_receive_keys[0].key, SrtpPeer::Direction::kSend);
    SrtpPeer neither(p.receive_suite, test_key(p.receive_suite, 101), SrtpPeer::Direction::kSend);
    for (std::uint16_t n = 0; n < 12; ++n) {
      const auto packet = CaseBuilder::rtp(p, static_cast<std::uint16_t>(100 + n)).bytes();
      c->send(p, n < 4 ? first.protect(packet) : n < 8 && n % 2 == 0 ? first.protect(packet) : second.protect(packet));
      c->wait();
    }
    c->send(p, neither.protect(CaseBuilder::rtp(p, 120).bytes()));
  }
  return c;
}

Case lifetime() {
  auto c = std::make_unique<CaseBuilder>("RFC 3711 §9.2: a receive key and a send key stop after as many packets as the AS allowed");
  c->add_standard(3);
  c->p(0).receive_lifetime = 5;
  c->p(0).receive_srtcp_lifetime = 2;
  c->p(1).send_lifetime = 3;
  c->p(1).send_srtcp_lifetime = 1;
  RtcpSender rtcp(*c, c->p(0));
  for (std::uint16_t i = 0; i < 8; ++i, c->wait()) {
    c->send(c->p(0), i);
    rtcp.send(rtcp.seal(static_cast<std::uint8_t>(i)));
  }
  return c;
}

Case topology() {
  auto c = std::make_unique<CaseBuilder>("H.248.1 §7.1.18: one-way and isolated pairs, a participant nobody may hear, and a muted one; reports flow where media may");
  c->add_standard(4);
  c->options().topology = {{0, 1, abi::TopologyRelation::kOneway}, {0, 2, abi::TopologyRelation::kIsolate}, {3, 0, abi::TopologyRelation::kIsolate},
                           {3, 1, abi::TopologyRelation::kIsolate}, {3, 2, abi::TopologyRelation::kIsolate}};
  c->p(2).flags |= abi::kLegMuted;
  for (std::size_t i = 0; i < 4; ++i) {
    RtcpSender rtcp(*c, c->p(i));
    for (std::uint16_t n = 0; n < 2; ++n) c->send(c->p(i), n);
    rtcp.send(rtcp.seal(1));
  }
  return c;
}

Case group_key() {
  auto c = std::make_unique<CaseBuilder>("a group key with MKI: sealed once, the same SRTP and SRTCP to every receiver over IPv4 and IPv6, one of them out of its MTU's reach");
  c->add_standard(4);
  for (std::size_t i = 0; i < 4; ++i) c->p(i).send_suite = Suite::kNone;
  c->options().mtu = 1300;
  c->options().conference = {.mode = abi::ForwardingMode::kGroupKey, .group_suite = Suite::kAesCm256HmacSha1_80,
                             .group_keys = {{test_key(Suite::kAesCm256HmacSha1_80, 50), {1, 2}}, {test_key(Suite::kAesCm256HmacSha1_80, 51), {1, 3}}}};
  for (std::size_t i = 0; i < 4; ++i) {
    RtcpSender rtcp(*c, c->p(i));
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{160}, std::size_t{1238}}) c->send(c->p(i), static_cast<std::uint16_t>(bytes), bytes);
    rtcp.send(rtcp.seal(1));
  }
  return c;
}

Case relay(bool key_known) {
  auto c = std::make_unique<CaseBuilder>(key_known ? "a relay that knows its senders' keys: authentic packets go on byte for byte, others end here"
                                                   : "a relay without keys: what comes from the right address and SSRC goes on byte for byte");
  c->add(1, Suite::kAesCm128HmacSha1_32);
  c->add(2, Suite::kAeadAes256Gcm, true);
  c->add(3, Suite::kNullHmacSha1_80);
  c->options().conference.mode = abi::ForwardingMode::kRelay;
  for (std::size_t i = 0; i < 3; ++i) {
    const Participant sealed_by = c->p(i);
    c->p(i).send_suite = Suite::kNone;
    if (!key_known) c->p(i).receive_suite = Suite::kNone;
    SrtpPeer sender(sealed_by.receive_suite, sealed_by.receive_key, SrtpPeer::Direction::kSend);
    for (std::uint16_t n = 0; n < 3; ++n) {
      const Octets sealed = sender.protect(CaseBuilder::rtp(sealed_by, static_cast<std::uint16_t>(10 + n), n * 100u).bytes());
      c->send(c->p(i), sealed);
      Octets spoiled = sender.protect(CaseBuilder::rtp(sealed_by, static_cast<std::uint16_t>(40 + n)).bytes());
      spoiled.back() ^= 1;
      if (key_known) c->send(c->p(i), spoiled);
    }
    c->send(c->p(i), sender.protect_rtcp(report(sealed_by, 1)));
    Octets stranger = CaseBuilder::rtp(sealed_by, 30).bytes();
    stranger[8] ^= 1;
    c->send(c->p(i), sender.protect(stranger));
  }
  return c;
}
Case relay_authentic() { return relay(true); }
Case relay_blind() { return relay(false); }

}  // namespace

void add_conference_cases(CaseMakers& makers) {
  makers["srtcp_suites"] = srtcp_suites;
  makers["srtcp_hostile"] = srtcp_hostile;
  makers["srtcp_policy"] = srtcp_policy;
  makers["mki"] = mki;
  makers["two_keys"] = two_keys;
  makers["lifetime"] = lifetime;
  makers["topology"] = topology;
  makers["group_key"] = group_key;
  makers["relay_authentic"] = relay_authentic;
  makers["relay_blind"] = relay_blind;
}

}  // namespace mediaward::test
