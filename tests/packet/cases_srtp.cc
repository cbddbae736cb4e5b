// SPDX-License-Identifier: Apache-2.0
// Inputs of the packet cases in which RTP or SRTP is wrong, hostile or something else. See case_builder.h.
// A forged packet has an index of its own: one that repeats an accepted index may be refused by the cheap replay test or by its tag,
// depending on how bursts fall, and both are right.
#include "tests/packet/case_builder.h"

namespace mediaward::test {
namespace {

using crypto::Suite;
using Case = std::unique_ptr<CaseBuilder>;
using Bytes8 = std::vector<std::uint8_t>;

Case bad_tag() {
  auto c = std::make_unique<CaseBuilder>("RFC 3711 §3.3, RFC 7714 §8: one bit of header, payload or tag; a wrong key; the genuine packet afterwards");
  c->add_standard(3);
  for (std::size_t from = 0; from < 3; ++from) c->send(c->p(from), 1);
  c->wait();
  for (std::size_t from = 0; from < 3; ++from) {
    std::uint16_t sequence = 10;
    const Bytes8 sample = c->seal(c->p(from), CaseBuilder::rtp(c->p(from), sequence++));
    const std::size_t n = sample.size();
    for (const std::size_t at : {std::size_t{1}, std::size_t{4}, std::size_t{7}, std::size_t{12}, std::size_t{30}, n - 17, n - 10, n - 1}) {
      Bytes8 spoiled = c->seal(c->p(from), CaseBuilder::rtp(c->p(from), sequence++));
      const Bytes8 genuine = spoiled;
      spoiled[at] ^= 0x01;
      c->send(c->p(from), spoiled);
      if (at == 12) c->send(c->p(from), genuine);
    }
    SrtpPeer stranger(c->p(from).receive_suite, test_key(c->p(from).receive_suite, 999), SrtpPeer::Direction::kSend);
    c->send(c->p(from), stranger.protect(CaseBuilder::rtp(c->p(from), sequence).bytes()));
  }
  return c;
}

Case replay() {
  auto c = std::make_unique<CaseBuilder>("RFC 3711 §3.3.2: one packet twice in a burst, again later, and all of an old burst again");
  c->add_standard(3);
  std::vector<Bytes8> sealed;
  for (std::uint16_t i = 0; i < 40; ++i) sealed.push_back(c->seal(c->p(0), CaseBuilder::rtp(c->p(0), i)));
  c->send(c->p(0), sealed[0]);
  c->send(c->p(0), sealed[0]);
  c->wait();
  for (std::size_t i = 1; i < 40; ++i) {
    c->send(c->p(0), sealed[i]);
    if (i % 5 == 0) c->send(c->p(0), sealed[i]);
  }
  c->wait();
  for (std::size_t i = 0; i < 40; i += 3) c->send(c->p(0), sealed[i]);
  return c;
}

Case too_old() {
  auto c = std::make_unique<CaseBuilder>("RFC 3711 §3.3.2: 127 packets late is accepted once, 128 late never");
  c->add_standard(2);
  std::vector<Bytes8> sealed;
  for (std::uint16_t i = 0; i < 200; ++i) sealed.push_back(c->seal(c->p(0), CaseBuilder::rtp(c->p(0), static_cast<std::uint16_t>(1000 + i))));
  c->send(c->p(0), sealed[0]);
  c->wait();
  c->send(c->p(0), sealed[190]);
  c->send(c->p(0), sealed[63]);  // 127 behind
  c->send(c->p(0), sealed[62]);  // 128 behind
  c->wait();
  c->send(c->p(0), sealed[63]);
  c->send(c->p(0), sealed[10]);
  c->send(c->p(0), sealed[189]);
  return c;
}

Case index_range() {
  auto c = std::make_unique<CaseBuilder>("RFC 3711 §3.3.1: an index below 0, and the end of ROC 2^32-1");
  c->add_standard(3);
  c->options().roc[c->p(1).ssrcs[0]] = 0xffffffffu;
  c->send(c->p(0), 10);
  c->send(c->p(1), 65534);
  c->wait();
  c->send(c->p(0), CaseBuilder::rtp(c->p(0), 11));
  SrtpPeer again(c->p(0).receive_suite, c->p(0).receive_key, SrtpPeer::Direction::kSend);
  c->send(c->p(0), again.protect(CaseBuilder::rtp(c->p(0), 65000).bytes()));  // would be index -536
  c->send(c->p(1), 65535);
  SrtpPeer over(c->p(1).receive_suite, c->p(1).receive_key, SrtpPeer::Direction::kSend);
  c->wait();
  c->send(c->p(1), over.protect(CaseBuilder::rtp(c->p(1), 3).bytes()));  // would be index 2^48 + 3
  return c;
}

Case unknown_ssrc() {
  auto c = std::make_unique<CaseBuilder>("streams appear by command only: a well sealed packet of another SSRC, and a leg with none");
  c->add_standard(3);
  c->p(2).ssrcs.clear();
  RtpPacket packet = CaseBuilder::rtp(c->p(0), 1);
  packet.ssrc = 0xdeadbeef;
  c->send(c->p(0), packet);
  packet.ssrc = c->p(1).ssrcs[0];  // another participant's
  c->send(c->p(0), packet);
  packet.ssrc = 0x10000003;
  c->send(c->p(2), packet);
  c->send(c->p(0), 1);
  return c;
}

Case spoofed_source() {
  auto c = std::make_unique<CaseBuilder>("well sealed packets from another address, from another port, and from the other family's leg");
  c->add_standard(4);
  for (const std::size_t from : {0u, 2u}) {
    UdpFlow flow = c->flow(c->p(from));
    flow.source = from == 0 ? "192.0.2.99" : "2001:db8::99";
    c->frame(udp_frame(flow, c->seal(c->p(from), CaseBuilder::rtp(c->p(from), 1))));
    flow = c->flow(c->p(from));
    ++flow.source_port;
    c->frame(udp_frame(flow, c->seal(c->p(from), CaseBuilder::rtp(c->p(from), 2))));
    flow.source = c->p(from + 1).remote;
    flow.source_port = c->p(from + 1).remote_port;
    c->frame(udp_frame(flow, c->seal(c->p(from), CaseBuilder::rtp(c->p(from), 3))));
    c->send(c->p(from), 4);
  }
  return c;
}

Case malformed_rtp() {
  auto c = std::make_unique<CaseBuilder>("RFC 3550 §5.1: too short, CSRC list and extension beyond the packet, version 0, 1 and 3");
  c->add_standard(2);
  for (std::size_t from = 0; from < 2; ++from) {
    const std::size_t tag = from == 0 ? 10 : 16;
    c->send(c->p(from), Bytes8{});
    c->send(c->p(from), Bytes8{0x80});
    c->send(c->p(from), Bytes8{0x80, 0x60});
    Bytes8 good = c->seal(c->p(from), CaseBuilder::rtp(c->p(from), 1, 0));
    good.resize(12 + tag - 1);  // a byte less than header and tag
    c->send(c->p(from), good);
    Bytes8 csrc = c->seal(c->p(from), CaseBuilder::rtp(c->p(from), 2, 8));
    csrc[0] = 0x83;  // three CSRCs where two would fit, the tag not counted
    c->send(c->p(from), csrc);
    Bytes8 extension = c->seal(c->p(from), CaseBuilder::rtp(c->p(from), 3, 8));
    extension[0] = 0x90;
    for (const std::uint8_t words : {std::uint8_t{2}, std::uint8_t{255}}) {  // one word fits in front of the tag
      extension[14] = words == 255 ? 255 : 0;
      extension[15] = words;
      c->send(c->p(from), extension);
    }
    Bytes8 none = c->seal(c->p(from), CaseBuilder::rtp(c->p(from), 4, 2));
    none[0] = 0x90;  // no room for the extension's own header
    c->send(c->p(from), none);
    Bytes8 both = c->seal(c->p(from), CaseBuilder::rtp(c->p(from), 5, 6));
    both[0] = 0x91;  // the CSRC fits, the extension's header does not
    c->send(c->p(from), both);
    std::uint16_t sequence = 10;
    for (const std::uint8_t first : {std::uint8_t{0xc0}, std::uint8_t{0xff}, std::uint8_t{0x50}}) {
      Bytes8 version = c->seal(c->p(from), CaseBuilder::rtp(c->p(from), sequence++));
      version[0] = first;
      c->send(c->p(from), version);
    }
    c->send(c->p(from), sequence);
  }
  return c;
}

Case padding() {
  auto c = std::make_unique<CaseBuilder>("RFC 3550 §5.1: the padding count of authentic packets is judged after decryption");
  c->add_standard(3);
  std::uint16_t sequence = 1;
  for (std::size_t from = 0; from < 3; ++from) {
    for (const std::uint8_t count : std::initializer_list<std::uint8_t>{0, 1, 8, 20, 21, 255}) {  // of 20 bytes of payload
      RtpPacket packet = CaseBuilder::rtp(c->p(from), sequence++, 20);
      packet.padding = true;
      packet.payload.back() = count;
      c->send(c->p(from), packet);
    }
    RtpPacket empty = CaseBuilder::rtp(c->p(from), sequence++, 0);
    empty.padding = true;
    c->send(c->p(from), empty);
  }
  return c;
}

Case demux() {
  auto c = std::make_unique<CaseBuilder>("RFC 7983 §7, RFC 5761 §4: STUN, DTLS, TURN channels, ZRTP, RTCP and unknown first bytes on a media port");
  c->add_standard(3);
  for (const int first : {0, 1, 3, 4, 15, 16, 19, 20, 22, 63, 64, 79, 80, 127, 192, 255}) {
    Bytes8 payload(40, 0x55);
    payload[0] = static_cast<std::uint8_t>(first);
    c->send(c->p(static_cast<std::size_t>(first) % 3), payload);
  }
  for (const int type : {191, 192, 200, 201, 206, 223, 224}) {
    Bytes8 payload(40, 0x66);
    payload[0] = 0x80;
    payload[1] = static_cast<std::uint8_t>(type);
    c->send(c->p(0), payload);
  }
  c->send(c->p(0), 1);
  return c;
}

}  // namespace

void add_srtp_cases(CaseMakers& makers) {
  makers["bad_tag"] = bad_tag;
  makers["replay"] = replay;
  makers["too_old"] = too_old;
  makers["index_range"] = index_range;
  makers["unknown_ssrc"] = unknown_ssrc;
  makers["spoofed_source"] = spoofed_source;
  makers["malformed_rtp"] = malformed_rtp;
  makers["padding"] = padding;
  makers["demux"] = demux;
}

}  // namespace mediaward::test
