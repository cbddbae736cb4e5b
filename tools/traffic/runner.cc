// SPDX-License-Identifier: Apache-2.0
// What a run does packet by packet (see the header). The port's thread.
#include "tools/traffic/runner.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "tools/traffic/clock.h"
#include "tools/traffic/wire_judge.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::size_t kStepPackets = 4;                              // a genuine packet twice, a hostile one on either side
constexpr std::size_t kReleasedPackets = 2 * Impairment::kMaxDepth;  // late ones, each twice
constexpr std::uint32_t kRtcpChance = 1u << 31;                      // the bad network's dice for reports: numbered apart from streams
static_assert(kStepPackets + kReleasedPackets <= Outbox::kMaxRoom);

}  // namespace

Runner::Runner(dataplane::PacketIo& io, const RunParts& parts, const RunSettings& settings)
    : io_(io), parts_(parts), settings_(settings), outbox_(io) {
  settings_.packets = std::min(settings_.packets, parts.pool.packets());
  settings_.burst = std::clamp<std::uint16_t>(settings_.burst, 1, 32);
  if (settings_.vlan != 0) header_bytes_ += kVlanBytes;
}

// How many genuine packets may leave now, at most one burst.
std::uint64_t Runner::allowed(std::uint64_t now) noexcept {
  std::uint64_t most = std::min<std::uint64_t>(settings_.burst, settings_.packets - position_);
  if (settings_.window != 0) {
    const std::uint64_t out = in_flight();
    most = std::min<std::uint64_t>(most, out >= settings_.window ? 0 : settings_.window - out);
  }
  return pacer_.due(now, position_, most);
}

std::uint64_t Runner::in_flight() noexcept {
  const std::uint64_t back = received() + written_off_;
  const std::uint64_t out = expected() > back ? expected() - back : 0;
  if (out >= settings_.window && silence_ > ticks(settings_.stall_seconds)) {
    written_off_ += out;
    silence_ = 0;
    return 0;
  }
  return out;
}

// One genuine packet with all that goes with it. False: no room now, nothing was done.
bool Runner::send_step(std::uint64_t now) {
  if (!send_reports()) return false;
  if (!outbox_.room(kStepPackets + (parts_.impairment.reorders() ? kReleasedPackets : 0))) return false;
  const std::uint32_t stream = parts_.order.stream_at(slot_);
  if (settings_.echo) {
    if (!push(header_of(parts_.model.streams()[stream].sender), parts_.pool.record(round_, stream))) return false;
    parts_.checker.sent(stream, round_, now);
    advance();
    return true;
  }
  const bool last = position_ + parts_.order.streams() >= settings_.packets;
  Impairment::Decision decision = parts_.impairment.decide(stream, round_);
  if (last) decision.late = 0;  // there is nothing to come behind
  const bool touched = decision.lost || decision.twice || decision.late != 0;
  if (!touched) {
    parts_.hostile.choose(position_, stream, round_);
    send_hostile(true);
  }
  if (decision.lost)
    ++result_.lost;
  else if (decision.late != 0)
    ++result_.delayed;
  else
    send_genuine(stream, round_, decision.twice, now);
  if (!touched) send_hostile(false);
  if (parts_.impairment.reorders()) send_released(stream, round_, last, now);
  parts_.rtcp_sender.visited(stream, round_);
  advance();
  return true;
}

void Runner::advance() noexcept {
  ++position_;
  if (++slot_ != parts_.order.streams()) return;
  slot_ = 0;
  ++round_;
}

// Where nobody can tell a copy from its original, the bad network makes none.
void Runner::send_genuine(std::uint32_t stream, std::uint64_t round, bool twice, std::uint64_t now) noexcept {
  const Stream& s = parts_.model.streams()[stream];
  const ConstBytes record = parts_.pool.record(round, stream);
  if (!push(header_of(s.sender), record)) return;
  parts_.ledger.offer(stream, round);
  parts_.checker.sent(stream, round, now);
  if (!twice || !parts_.model.sender_of(s).authenticated || !push(header_of(s.sender), record)) return;
  parts_.ledger.offer(stream, round);
  ++result_.duplicated;
}

void Runner::send_released(std::uint32_t stream, std::uint64_t round, bool last, std::uint64_t now) noexcept {
  std::array<std::uint64_t, Impairment::kMaxDepth> rounds;
  const std::size_t count = parts_.impairment.released(stream, round, last, rounds);
  for (std::size_t i = 0; i < count; ++i) send_genuine(stream, rounds[i], parts_.impairment.decide(stream, rounds[i]).twice, now);
}

void Runner::send_hostile(bool before_genuine) {
  const auto hostile = parts_.hostile.make(before_genuine);
  if (!hostile) return;
  const auto& headers = hostile->stranger ? stranger_headers_ : headers_;
  if (push({headers[hostile->participant].data(), header_bytes_}, hostile->packet)) parts_.hostile.sent();
}

// Reports whose turn has come. False: there is no room for all.
bool Runner::send_reports() {
  while (parts_.rtcp_sender.waiting()) {
    if (!outbox_.room(2)) return false;
    send_report();
  }
  return true;
}

void Runner::send_report() {
  const std::uint32_t number = parts_.rtcp_sender.next_source();
  const std::uint32_t participant = parts_.model.rtcp_sources()[number].participant;
  const SealedRtcp* report = parts_.rtcp_sender.next();
  const auto chance = parts_.impairment.decide(kRtcpChance | number, parts_.rtcp_sender.sealed_count(number));
  if (report == nullptr || chance.lost) {
    ++result_.rtcp_lost;
    return parts_.rtcp_sender.skip();
  }
  const ConstBytes packet{report->packet.data(), report->packet_bytes};
  if (!push(header_of(participant), packet)) return;
  const bool twice = chance.twice && parts_.model.participants()[participant].authenticated && push(header_of(participant), packet);
  if (twice) ++result_.rtcp_duplicated;
  parts_.rtcp_sender.sent(twice);
}

// A frame that carries no tag yet.
bool Runner::push_control(ConstBytes frame) noexcept {
  std::byte header[kEthernetBytes + kVlanBytes];
  std::memcpy(header, frame.data(), 12);
  store_be16(header + 12, kEtherVlan);
  store_be16(header + 14, settings_.vlan);
  std::memcpy(header + header_bytes_ - 2, frame.data() + 12, 2);
  return outbox_.push({header, header_bytes_}, frame.subspan(kEthernetBytes));
}

// There is room, as the caller has made sure: only a packet too long for the port's buffers fails.
bool Runner::push(ConstBytes header, ConstBytes body) noexcept {
  if (outbox_.push(header, body)) return true;
  if (result_.problem.empty()) result_.problem = "a packet does not fit the port's buffers: use a shorter --payload";
  return false;
}

void Runner::flush() noexcept {
  if (outbox_.flush()) last_transmit_ = now_ticks();
}

void Runner::poll() noexcept {
  flush();
  std::array<dataplane::Packet*, 32> packets;
  const std::size_t count = io_.receive({packets.data(), settings_.burst});
  const std::uint64_t now = now_ticks();
  if (parts_.content != nullptr) poll_content(now);
  silence_ = count != 0 ? 0 : silence_ + std::min(now - last_poll_, longest_step_);
  last_poll_ = now;
  if (count == 0) {
    if (settings_.yield) sched_yield();
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (i + 4 < count) prefetch(packets[i + 4]->data);
    on_frame(*packets[i], now);
  }
  io_.release({packets.data(), count});
}

void Runner::on_frame(dataplane::Packet& packet, std::uint64_t now) noexcept {
  if (packet.bytes < kEthernetBytes + kVlanBytes || packet.next != nullptr) {
    ++result_.other_frames;
    return;
  }
  const bool tagged = load_be16(packet.data + 12) == kEtherVlan;
  const std::uint16_t tci = tagged                                             ? load_be16(packet.data + 14)
                            : (packet.flags & dataplane::kRxVlanStripped) != 0 ? packet.vlan_tci
                                                                               : std::uint16_t{0};
  if ((tci & 0xfff) != settings_.vlan) {
    ++result_.wrong_vlan;
    return;
  }
  const std::size_t l2_bytes = kEthernetBytes + (tagged ? kVlanBytes : 0);
  const auto view = parse_udp(packet.span(), l2_bytes);
  if (!view) return on_other(packet, l2_bytes);
  if (settings_.echo)
    on_echo(*view, now);
  else
    on_udp(*view, (packet.flags & dataplane::kRxL4ChecksumGood) != 0, now);
}

// Frames of an echo come back in the order they went; those between this one and the last were lost.
void Runner::on_echo(const UdpView& view, std::uint64_t now) noexcept {
  ++result_.echoed;
  if (!parts_.checker.measures_latency() || view.payload_bytes < kRtpHeaderBytes) return;
  while (echo_next_ < position_) {
    const std::uint64_t round = echo_next_ / parts_.order.streams();
    const std::uint32_t number = parts_.order.stream_at(echo_next_ % parts_.order.streams());
    const Stream& stream = parts_.model.streams()[number];
    ++echo_next_;
    if (load_be32(view.payload + 8) != stream.ssrc || load_be16(view.payload + 2) != static_cast<std::uint16_t>(stream.index_of(round)))
      continue;
    return parts_.checker.returned(number, round, now);
  }
}

void Runner::on_udp(const UdpView& view, bool l4_known_good, std::uint64_t now) noexcept {
  const auto endpoint = parts_.model.find_endpoint(view.destination(), view.v6, view.destination_port());
  if (endpoint.participant == Model::kNone) {
    if (parts_.content != nullptr && parts_.content->accept(view, clock_us(now), l4_known_good)) return;
    ++result_.unexpected_receiver;
    return;
  }
  if (is_rtcp(view))
    parts_.rtcp_checker.accept(view, endpoint.participant, l4_known_good);
  else
    parts_.checker.accept(view, endpoint.participant, l4_known_good, now);
}

std::uint64_t Runner::clock_us(std::uint64_t now) const noexcept {
  return static_cast<std::uint64_t>(static_cast<double>(now) / ticks_per_second_ * 1e6);
}

// Content peers send when they are due; what the port has no room for waits.
void Runner::poll_content(std::uint64_t now) noexcept {
  ContentPlayer& content = *parts_.content;
  content.poll(clock_us(now));
  while (const auto* frame = content.front()) {
    if (!outbox_.room(1) || !push_control(*frame)) return;
    content.pop();
  }
}

void Runner::on_other(dataplane::Packet& packet, std::size_t l2_bytes) noexcept {
  const std::size_t shift = l2_bytes - kEthernetBytes;
  if (shift != 0) std::memmove(packet.data + shift, packet.data, 12);  // the tag goes
  std::byte answer[EndpointHost::kMaxFrameBytes];
  const ConstBytes frame{packet.data + shift, packet.bytes - shift};
  std::size_t bytes = parts_.host.handle(frame, answer);
  if (bytes == 0 && parts_.content != nullptr) bytes = parts_.content->host().handle(frame, answer);
  if (bytes == 0) {
    ++result_.other_frames;
  } else if (push_control({answer, bytes})) {
    ++result_.answers;
  }
}

}  // namespace mediaward::tools::traffic
