// SPDX-License-Identifier: Apache-2.0
// Runs a packet case over ports in memory and judges what came out. See packet_case.h.
#include "tests/packet/packet_case.h"

#include <algorithm>
#include <set>

#include "tests/support/crypto_cases.h"
#include "tests/support/delaying_engine.h"

namespace mediaward::test {
namespace {

constexpr std::uint64_t kStepMs = 50;  // time goes by in steps, so that every timer has its turn

using Plaintexts = std::set<std::string>;  // RTP packets

std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

// RFC 5761 §4.
bool is_rtcp(const std::vector<std::uint8_t>& packet) { return packet.size() >= 2 && (packet[1] & 0xe0) == 0xc0; }

// A libsrtp session per SSRC, with the ROC that its receiver was told.
class Openers {
 public:
  std::optional<std::vector<std::uint8_t>> open(const PacketCase& c, crypto::Suite suite, const SrtpMasterKey& key,
                                                const std::vector<std::uint8_t>& packet, bool from_sender) {
    const bool rtcp = is_rtcp(packet);
    const std::size_t at = rtcp ? 4 : 8;
    if (packet.size() < at + 4) return std::nullopt;
    const std::uint32_t ssrc =
        std::uint32_t{packet[at]} << 24 | std::uint32_t{packet[at + 1]} << 16 | std::uint32_t{packet[at + 2]} << 8 | packet[at + 3];
    auto& session = sessions_[{&key.key, ssrc}];
    if (session == nullptr) {
      session = std::make_unique<SrtpPeer>(suite, std::vector{key}, SrtpPeer::Direction::kReceive, SrtpPeerOptions{.ssrc = ssrc});
      const auto roc = c.roc.find(ssrc);
      if (from_sender && roc != c.roc.end()) session->set_roc(ssrc, roc->second);
    }
    return rtcp ? session->unprotect_rtcp(packet) : session->unprotect(packet);
  }
  // The same with the first of several keys that fits.
  std::optional<std::vector<std::uint8_t>> open_any(const PacketCase& c, crypto::Suite suite, const SrtpMasterKey& first,
                                                    const std::vector<SrtpMasterKey>& more, const std::vector<std::uint8_t>& packet, bool from_sender) {
    auto plain = open(c, suite, first, packet, from_sender);
    for (std::size_t i = 0; !plain && i < more.size(); ++i) plain = open(c, suite, more[i], packet, from_sender);
    return plain;
  }

 private:
  std::map<std::pair<const void*, std::uint32_t>, std::unique_ptr<SrtpPeer>> sessions_;  // by the key's place and the SSRC
};

// The keys of a case as libsrtp takes them, at places that stay.
struct CaseKeys {
  explicit CaseKeys(const PacketCase& c) {
    for (const auto& p : c.participants) {
      receive.push_back({p.receive_key, p.receive_mki});
      send.push_back(c.conference.mode == abi::ForwardingMode::kGroupKey ? c.conference.group_keys.at(0) : SrtpMasterKey{p.send_key, p.send_mki});
    }
  }
  std::vector<SrtpMasterKey> receive, send;
};

// An IPv4 frame as it would be without options and without bytes behind the datagram; anything else as it is.
std::vector<std::uint8_t> plain_frame(std::vector<std::uint8_t> f) {
  constexpr std::size_t kIp = 14, kUdp = kIp + 20;
  const auto get16 = [&f](std::size_t at) { return static_cast<std::size_t>(f[at] << 8 | f[at + 1]); };
  if (f.size() < kUdp + 8 || get16(12) != 0x0800 || (f[kIp] >> 4) != 4 || (f[kIp] & 15) < 5) return f;
  const std::size_t options = (f[kIp] & 15u) * 4u - 20;
  if (f.size() < kUdp + options + 8) return f;
  f.erase(f.begin() + kUdp, f.begin() + static_cast<std::ptrdiff_t>(kUdp + options));
  f[kIp] = 0x45;
  const std::size_t udp_bytes = get16(kUdp + 4);
  if (udp_bytes < 8 || kUdp + udp_bytes > f.size()) return f;
  f.resize(kUdp + udp_bytes);
  set16(f, kIp + 2, static_cast<unsigned>(20 + udp_bytes));
  return f;
}

bool to_port(const Participant& p, std::uint16_t port) {
  return port == p.local_port || ((p.flags & abi::kLegRtcpMux) == 0 && port == p.local_port + 1);
}

// Everything in the input that libsrtp accepts from its sender: what may come out again. In a relay, the very bytes.
Plaintexts sent_plaintexts(const PacketCase& c, const CaseKeys& keys) {
  Plaintexts sent;
  Openers openers;
  for (const auto& frame : c.in) {
    const auto d = parse_udp_frame(plain_frame(frame.bytes));
    if (!d) continue;
    for (std::size_t i = 0; i < c.participants.size(); ++i) {
      const auto& p = c.participants[i];
      if (d->destination != p.local || !to_port(p, d->destination_port)) continue;
      const bool relay = c.conference.mode == abi::ForwardingMode::kRelay;
      if (relay && p.receive_suite == crypto::Suite::kNone) {
        sent.insert(text_of(d->payload));
      } else if (auto plain = openers.open_any(c, p.receive_suite, keys.receive[i], p.more_receive_keys, d->payload, true)) {
        sent.insert(text_of(relay ? d->payload : *plain));
      }
    }
  }
  return sent;
}

const Participant* receiver_of(const PacketCase& c, const UdpDatagram& d) {
  const auto it = std::find_if(c.participants.begin(), c.participants.end(), [&](const auto& p) {
    if (p.remote != d.destination) return false;
    return p.remote_port == d.destination_port || ((p.flags & abi::kLegRtcpMux) == 0 && p.remote_rtcp() == d.destination_port);
  });
  return it == c.participants.end() ? nullptr : &*it;
}

std::string judge(const PacketCase& c, const CaseKeys& keys, const UdpDatagram& d, const Plaintexts& sent, Openers& openers) {
  const Participant* to = receiver_of(c, d);
  if (to == nullptr) return "a datagram to nobody: " + d.destination;
  const bool rtcp = is_rtcp(d.payload);
  if (!rtcp && (to->flags & abi::kLegMaySendTo) == 0) return "a datagram to " + to->id + ", who may not receive";
  if (!d.ip_checksum_good || !d.udp_checksum_good) return "a wrong checksum towards " + to->id;
  if (d.source != to->local || !to_port(*to, d.source_port) || d.tos != to->dscp << 2) return "a wrong header towards " + to->id;
  if ((d.source_port != to->local_port) != (rtcp && (to->flags & abi::kLegRtcpMux) == 0)) return "from the wrong port towards " + to->id;
  if (c.conference.mode == abi::ForwardingMode::kRelay) return sent.contains(text_of(d.payload)) ? "" : to->id + " receives what nobody sent";
  const auto suite = c.conference.mode == abi::ForwardingMode::kGroupKey ? c.conference.group_suite : to->send_suite;
  // A group's receivers hear the same packet: to libsrtp each is a session of its own.
  const SrtpMasterKey& key = keys.send[static_cast<std::size_t>(to - c.participants.data())];
  const auto plain = openers.open(c, suite, key, d.payload, false);
  if (!plain) return "libsrtp does not open a packet towards " + to->id;
  if (!sent.contains(text_of(*plain))) return to->id + " receives what nobody sent";
  return {};
}

struct Provider {
  std::unique_ptr<crypto::CryptoProvider> inner, outer;
};
Provider make_engines(const PacketSetup& setup) {
  Provider provider{test_support::make_provider(setup.provider), nullptr};
  if (provider.inner == nullptr) throw std::runtime_error("no provider " + setup.provider);
  if (setup.delay == 0) {
    provider.outer = std::move(provider.inner);
  } else {
    provider.outer = test_support::make_delaying_provider(*provider.inner, {.polls = 2 * setup.delay + 1 /* two in a loop */, .queue_jobs = 1024});
  }
  return provider;
}

// Time goes by up to `until`, and what comes out on the way is stamped with its time.
void pass_time(Dataplane& plane, std::uint64_t& clock, std::uint64_t until, std::vector<PcapFrame>& out) {
  for (;;) {
    plane.run();
    for (const Frame& frame : plane.take_frames()) out.push_back({clock, to_bytes(frame)});
    if (clock == until) return;
    const std::uint64_t step = std::min(kStepMs, until - clock);
    plane.advance_ms(step);
    clock += step;
  }
}

void set_up(Dataplane& plane, const PacketCase& c) {
  std::vector<dataplane::Operation> operations{Dataplane::conference(1, c.conference)};
  for (const auto& p : c.participants) operations.push_back(Dataplane::leg(1, p));
  for (const auto& p : c.participants) {
    for (const std::uint32_t ssrc : p.ssrcs) {
      const auto roc = c.roc.find(ssrc);
      operations.push_back(Dataplane::stream(Dataplane::stream_id(p.leg_id, ssrc), p.leg_id, ssrc, roc == c.roc.end() ? 0 : roc->second));
    }
  }
  for (const auto& t : c.topology) operations.push_back(Dataplane::topology(1, c.participants[t.from], c.participants[t.to], t.relation));
  if (auto done = plane.apply(operations); !done) throw std::runtime_error(done.error().field + ": " + done.error().message);
  if (c.resolve) plane.resolve_neighbours();
}

}  // namespace

std::string PacketSetup::name() const {
  return provider + " burst " + std::to_string(burst) + (delay != 0 ? " delay " + std::to_string(delay) : "");
}

std::vector<PacketSetup> packet_setups() {
  std::vector<PacketSetup> setups{{"openssl", 32, 0}};
  for (const auto provider : test_support::kProviderNames) {
    if (test_support::make_provider(provider) == nullptr) continue;
    for (const std::uint16_t burst : std::initializer_list<std::uint16_t>{1, 32, 64}) {
      if (provider != "openssl" || burst != 32) setups.push_back({std::string(provider), burst, 0});
      for (const unsigned delay : {1u, 3u, 7u})
        if (provider == "openssl" || provider == "sse") setups.push_back({std::string(provider), burst, delay});
    }
  }
  return setups;
}

PacketOutcome run_case(const PacketCase& c, const PacketSetup& setup) {
  auto provider = make_engines(setup);
  Dataplane::Options options;
  options.burst = setup.burst;
  options.vlan = c.vlan;
  options.mtu = c.mtu;
  Dataplane plane(std::move(provider.outer), options);
  set_up(plane, c);
  PacketOutcome outcome;
  std::uint64_t clock = 0;
  for (std::size_t i = 0; i < c.in.size();) {
    pass_time(plane, clock, c.in[i].time_ms, outcome.out);
    const std::uint64_t stamp = c.in[i].time_ms;
    for (; i < c.in.size() && c.in[i].time_ms == stamp; ++i) plane.io().inject(to_frame(c.in[i].bytes));
    pass_time(plane, clock, clock, outcome.out);
  }
  pass_time(plane, clock, clock + c.drain_ms, outcome.out);
  outcome.counters = plane.counters();
  outcome.counters.erase("srtp.retried");  // how many packets of a burst are tried before the first is committed depends on the burst
  outcome.leaked = plane.leaked();
  return outcome;
}

std::vector<std::string> verify_with_libsrtp(const PacketCase& c, const std::vector<PcapFrame>& out) {
  const CaseKeys keys(c);
  const Plaintexts sent = sent_plaintexts(c, keys);
  Openers openers;
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto d = parse_udp_frame(out[i].bytes);
    if (!d) continue;
    if (auto problem = judge(c, keys, *d, sent, openers); !problem.empty()) problems.push_back("frame " + std::to_string(i + 1) + " of the output: " + problem);
  }
  return problems;
}

std::map<std::string, std::vector<PcapFrame>> by_receiver(const std::vector<PcapFrame>& frames) {
  std::map<std::string, std::vector<PcapFrame>> sorted;
  for (const auto& frame : frames) {
    const auto d = parse_udp_frame(frame.bytes);
    const std::string key = d ? d->destination + " " + std::to_string(d->destination_port) : std::string(frame.bytes.begin(), frame.bytes.begin() + 14);
    sorted[key].push_back(frame);
  }
  return sorted;
}

}  // namespace mediaward::test
