// SPDX-License-Identifier: Apache-2.0
// Inputs of the packet cases in which media arrive: suites, families, sizes, headers, roll-over, addresses. See case_builder.h.
#include "tests/packet/case_builder.h"

namespace mediaward::test {
namespace {

using crypto::Suite;
using Case = std::unique_ptr<CaseBuilder>;

Case suites_fanout() {
  auto c = std::make_unique<CaseBuilder>("every suite and family to every other, several bursts");
  c->add_standard(4);
  for (std::uint16_t burst = 0; burst < 3; ++burst, c->wait())
    for (std::uint16_t i = 0; i < 4; ++i)
      for (std::size_t from = 0; from < 4; ++from) c->send(c->p(from), static_cast<std::uint16_t>(100 + burst * 4 + i), 20 + 13 * i);
  return c;
}

Case ipv6() {
  auto c = std::make_unique<CaseBuilder>("a conference over IPv6 alone");
  for (unsigned i = 1; i <= 3; ++i) c->add(i, Suite::kAesCm128HmacSha1_80, true);
  for (std::uint16_t i = 0; i < 6; ++i) c->send(c->p(i % 3u), i);
  return c;
}

Case payload_sizes() {
  auto c = std::make_unique<CaseBuilder>("payloads of 0, 1, 4 bytes and around cipher blocks, up to what the MTU holds");
  c->add_standard(2);
  std::uint16_t sequence = 1;
  for (const std::size_t bytes : {0, 1, 4, 15, 16, 17, 63, 64, 65, 160, 1200, 1440}) {
    c->send(c->p(0), sequence, bytes);
    c->send(c->p(1), sequence++, bytes);
  }
  return c;
}

Case csrc_and_extension() {
  auto c = std::make_unique<CaseBuilder>("CSRC lists, header extensions, marker and padding are kept byte for byte");
  c->add_standard(3);
  std::uint16_t sequence = 500;
  for (const std::size_t csrcs : {0, 1, 2, 15}) {
    for (const int words : {-1, 0, 1, 5}) {
      for (std::size_t from = 0; from < 3; ++from) {
        RtpPacket packet = CaseBuilder::rtp(c->p(from), sequence, 24);
        packet.marker = csrcs == 1;
        for (std::uint32_t i = 0; i < csrcs; ++i) packet.csrcs.push_back(0xc0ffee00u + i);
        if (words >= 0) packet.extension = std::vector<std::uint8_t>(static_cast<std::size_t>(words) * 4, static_cast<std::uint8_t>(0x10 + words));
        packet.padding = words == 5;
        if (packet.padding) packet.payload.back() = 4;
        c->send(c->p(from), packet);
      }
      ++sequence;
    }
  }
  return c;
}

Case roc_wrap() {
  auto c = std::make_unique<CaseBuilder>("RFC 3711 §3.3.1: the sequence number wraps, with reordering across the wrap");
  c->add_standard(2);
  for (std::size_t from = 0; from < 2; ++from) {
    c->send(c->p(from), 65530);
    c->wait();
    // Sealed in order, as a sender does, then delivered out of order.
    std::map<std::uint16_t, std::vector<std::uint8_t>> sealed;
    for (std::uint16_t i = 0; i < 12; ++i) {
      const auto sequence = static_cast<std::uint16_t>(65531 + i);
      sealed[i] = c->seal(c->p(from), CaseBuilder::rtp(c->p(from), sequence));
    }
    for (const std::uint16_t i : std::initializer_list<std::uint16_t>{0, 1, 6, 2, 3, 7, 4, 5, 9, 8, 11, 10}) c->send(c->p(from), sealed[i]);
    c->wait();
  }
  return c;
}

Case roc_wrap_twice() {
  auto c = std::make_unique<CaseBuilder>("two wraps in long strides; a receiver's ROC follows its sender's");
  c->add_standard(2);
  for (std::uint32_t index = 60000; index < 200000; index += 20000, c->wait()) c->send(c->p(0), static_cast<std::uint16_t>(index));
  return c;
}

Case late_roc() {
  auto c = std::make_unique<CaseBuilder>("a stream that begins at ROC 5: its receivers' fresh contexts begin at ROC 0");
  c->add_standard(3);
  c->options().roc[c->p(0).ssrcs[0]] = 5;
  c->send(c->p(0), 65533);
  c->wait();
  for (std::uint16_t i = 0; i < 6; ++i) c->send(c->p(0), static_cast<std::uint16_t>(65534 + i));
  return c;
}

Case several_streams() {
  auto c = std::make_unique<CaseBuilder>("one leg with five SSRCs, each with indexes of its own");
  c->add_standard(2);
  for (std::uint32_t i = 1; i < 5; ++i) c->p(0).ssrcs.push_back(0x20000000u + i);
  for (std::uint16_t i = 0; i < 15; ++i) {
    RtpPacket packet = CaseBuilder::rtp(c->p(0), static_cast<std::uint16_t>(1000 * (i % 5u) + i));
    packet.ssrc = c->p(0).ssrcs[i % 5u];
    c->send(c->p(0), packet);
  }
  return c;
}

Case dscp() {
  auto c = std::make_unique<CaseBuilder>("RFC 2474: the DSCP of the leg goes out, whatever came in");
  c->add_standard(4);
  for (std::size_t i = 0; i < 4; ++i) c->p(i).dscp = static_cast<std::uint8_t>(i == 0 ? 0 : i == 1 ? 46 : i == 2 ? 63 : 34);
  UdpFlow flow = c->flow(c->p(0));
  flow.tos = 0xff;
  c->frame(udp_frame(flow, c->seal(c->p(0), CaseBuilder::rtp(c->p(0), 1))));
  c->send(c->p(2), 1);
  return c;
}

Case local_addresses() {
  auto c = std::make_unique<CaseBuilder>("one UDP port on two addresses of the port: two legs");
  c->add_standard(3);
  Participant& second = c->p(1);
  second.local = "198.51.100.1";
  second.remote = "198.51.100.77";
  second.local_port = c->p(0).local_port;
  c->send(c->p(0), 1);
  c->send(c->p(1), 1);
  c->send(c->p(2), 1);
  return c;
}

Case direction() {
  auto c = std::make_unique<CaseBuilder>("a leg that may not send, and one that may not receive");
  c->add_standard(4);
  c->p(1).flags = abi::kLegMaySendTo;       // only listens
  c->p(3).flags = abi::kLegMayReceiveFrom;  // only speaks
  for (std::uint16_t i = 0; i < 3; ++i)
    for (std::size_t from = 0; from < 4; ++from) c->send(c->p(from), i);
  return c;
}

Case no_receiver() {
  auto c = std::make_unique<CaseBuilder>("authentic media with nobody else who may hear them");
  c->add_standard(2);
  c->p(1).flags = abi::kLegMayReceiveFrom;
  for (std::uint16_t i = 0; i < 3; ++i) c->send(c->p(0), i);
  return c;
}

Case oversize() {
  auto c = std::make_unique<CaseBuilder>("a longer tag or a longer IP header does not fit the MTU: only those receivers miss the packet");
  c->options().mtu = 1300;
  c->add_standard(4);
  // 1300 - 20 - 8 - 12 - 10: the largest payload that fits IPv4 and AES-CM; then what fits the others.
  for (const std::size_t bytes : {1250, 1244, 1230, 1224, 1251}) c->send(c->p(0), static_cast<std::uint16_t>(bytes), bytes);
  c->wait();
  c->send(c->p(0), 1300, 1200);
  return c;
}

}  // namespace

void add_media_cases(CaseMakers& makers) {
  makers["suites_fanout"] = suites_fanout;
  makers["ipv6"] = ipv6;
  makers["payload_sizes"] = payload_sizes;
  makers["csrc_and_extension"] = csrc_and_extension;
  makers["roc_wrap"] = roc_wrap;
  makers["roc_wrap_twice"] = roc_wrap_twice;
  makers["late_roc"] = late_roc;
  makers["several_streams"] = several_streams;
  makers["dscp"] = dscp;
  makers["local_addresses"] = local_addresses;
  makers["direction"] = direction;
  makers["no_receiver"] = no_receiver;
  makers["oversize"] = oversize;
}

}  // namespace mediaward::test
