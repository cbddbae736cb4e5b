// SPDX-License-Identifier: Apache-2.0
// Phases and loop of a run (see the header). The port's thread.
#include "tools/traffic/runner.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "tools/traffic/clock.h"

namespace mediaward::tools::traffic {

namespace {

constexpr double kRequestSeconds = 0.2;  // between two requests of one host; a segment of two hosts need not wait RFC 1122's second
constexpr double kRefusedSeconds = 10;   // a port that takes nothing for so long has no other side
constexpr double kStallSeconds = 0.05;   // with a window: silence after which what is out counts as lost
constexpr Mac kEchoMac{std::byte{0x02}, std::byte{0x4d}, std::byte{0x57}, std::byte{0xff}, std::byte{0}, std::byte{1}};
constexpr Mac kStrangerMac{std::byte{0x02}, std::byte{0x4d}, std::byte{0x57}, std::byte{0xee}, std::byte{0}, std::byte{1}};

}  // namespace

Runner::Runner(dataplane::PacketIo& io, const Model& model, const SealedPool& pool, Checker& checker, Hostile& hostile, EndpointHost& host,
               const RunSettings& settings)
    : io_(io), model_(model), pool_(pool), checker_(checker), hostile_(hostile), host_(host), settings_(settings) {
  settings_.packets = std::min(settings_.packets, pool.packets());
  settings_.burst = std::clamp<std::uint16_t>(settings_.burst, 1, kBatch / 2);  // leaves room for a hostile packet per genuine one
  if (settings_.vlan != 0) header_bytes_ += kVlanBytes;
}

Runner::~Runner() {
  io_.release({stash_.data(), stashed_});
  io_.release({batch_.data(), batched_});
}

RunResult Runner::run(const std::atomic<bool>& stop) {
  stop_ = &stop;
  ticks_per_second_ = measure_ticks_per_second();
  if ((settings_.echo || resolve()) && await_go()) {
    make_headers();
    if (settings_.echo || prime()) {
      stream_packets();
      drain();
    }
  }
  if (stop && result_.problem.empty()) result_.problem = "interrupted";
  return result_;
}

bool Runner::resolve() {
  const std::uint64_t give_up = now_ticks() + ticks(settings_.wait_seconds);
  std::uint64_t next_request = 0;
  while (!host_.all_resolved()) {
    const std::uint64_t now = now_ticks();
    if (*stop_) return false;
    if (now > give_up) break;
    if (now >= next_request) {
      // Every host asks, not one per address: this is also how the appliance comes to know them.
      std::byte frame[EndpointHost::kMaxFrameBytes];
      for (std::uint32_t p = 0; p < model_.participants().size(); ++p)
        if (!push_control({frame, host_.make_request(p, frame)})) break;
      next_request = now + ticks(kRequestSeconds);
    }
    poll();
  }
  for (std::uint32_t p = 0; p < model_.participants().size(); ++p) {
    if (host_.resolved(p)) continue;
    result_.problem = "no answer to " + std::string(host_.next_hop(p).v6 ? "neighbour solicitations" : "ARP requests") + " for " +
                      host_.next_hop(p).to_string() + " (asked by participant " + model_.participants()[p].name +
                      "): is the appliance's port up, and does it have this address?";
    return false;
  }
  return true;
}

bool Runner::await_go() {
  const std::uint64_t give_up = now_ticks() + ticks(settings_.wait_seconds);
  while (settings_.go != nullptr && !*settings_.go && !*stop_) {
    if (now_ticks() > give_up) {
      result_.problem = "the sign to begin did not come in time";
      return false;
    }
    poll();
  }
  return !*stop_;
}

void Runner::make_headers() {
  const auto header = [&](const Mac& to, const Mac& from, bool v6) {
    Header h{};
    write_ethernet(h.data(), to, from, settings_.vlan != 0 ? kEtherVlan : v6 ? kEtherIpv6 : kEtherIpv4);
    if (settings_.vlan != 0) {
      store_be16(h.data() + 14, settings_.vlan);
      store_be16(h.data() + 16, v6 ? kEtherIpv6 : kEtherIpv4);
    }
    return h;
  };
  for (const Stream& stream : model_.streams()) {
    const Participant& sender = model_.participants()[stream.sender];
    const Mac& to = settings_.echo ? kEchoMac : host_.next_hop_mac(stream.sender);
    headers_.push_back(header(to, sender.mac, sender.remote.v6));
    stranger_headers_.push_back(header(to, kStrangerMac, sender.remote.v6));
  }
}

// One packet per stream, each awaited: afterwards every neighbour is resolved on both sides, and a wrong set-up shows at once.
bool Runner::prime() {
  const std::uint64_t give_up = now_ticks() + ticks(settings_.wait_seconds);
  while (position_ < model_.streams().size() && position_ < settings_.packets) {
    const std::uint32_t stream = stream_;
    if (!room() || !send_next(now_ticks())) poll();
    while (received() < expected() && now_ticks() < give_up && !*stop_) poll();
    if (received() == 0 && expected() != 0) {
      result_.problem = "the first packet of participant " + model_.participants()[model_.streams()[stream].sender].name +
                        " did not come back to anybody: is the conference applied, and do its keys match this file?";
      return false;
    }
    if (*stop_) return false;
  }
  return true;
}

void Runner::stream_packets() {
  const std::uint64_t start = now_ticks(), first = position_;
  pace_start_ = start;
  pace_position_ = position_;
  const std::uint64_t warm = start + ticks(settings_.warm_up_seconds);
  const std::uint64_t limit = settings_.seconds > 0 ? start + ticks(settings_.seconds) : ~std::uint64_t{0};
  std::uint64_t steady_start = settings_.warm_up_seconds > 0 ? 0 : start, steady_sent = first, steady_received = received();
  last_transmit_ = start;
  while (position_ < settings_.packets && !*stop_) {
    const std::uint64_t now = now_ticks();
    if (now > limit) break;
    if (steady_start == 0 && now >= warm) {
      steady_start = now;
      steady_sent = position_;
      steady_received = received();
    }
    for (std::uint64_t n = due(now); n > 0 && room() && send_next(now); --n) continue;
    if (batched_ == 0) last_transmit_ = now;
    if (now > last_transmit_ && now - last_transmit_ > ticks(kRefusedSeconds)) {
      result_.problem = "the port has not taken a packet for 10 seconds: is the other side connected?";
      break;
    }
    poll();
  }
  const std::uint64_t end = now_ticks();
  result_.send_seconds = static_cast<double>(end - start) / ticks_per_second_;
  if (steady_start == 0) return;  // shorter than its warm-up: no steady rate to tell
  result_.steady_seconds = static_cast<double>(end - steady_start) / ticks_per_second_;
  result_.steady_sent = position_ - steady_sent;
  result_.steady_received = received() - steady_received;
}

void Runner::drain() {
  last_receive_ = std::max(last_receive_, now_ticks());
  // Also when everything is back: what comes too much would come now.
  const std::uint64_t linger = now_ticks() + ticks(std::min(settings_.drain_seconds, 0.1));
  for (std::uint64_t now = now_ticks(); !*stop_ && (now < linger || received() < expected()); now = now_ticks()) {
    if (now > last_receive_ && now - last_receive_ > ticks(settings_.drain_seconds)) break;
    poll();
  }
}

// How many genuine packets may leave now, at most one burst.
std::uint64_t Runner::due(std::uint64_t now) noexcept {
  std::uint64_t allowed = std::min<std::uint64_t>(settings_.burst, settings_.packets - position_);
  if (settings_.window != 0) {
    const std::uint64_t out = in_flight(now);
    allowed = std::min<std::uint64_t>(allowed, out >= settings_.window ? 0 : settings_.window - out);
  }
  if (settings_.packets_per_second <= 0) return allowed;
  const double elapsed = static_cast<double>(now - pace_start_) / ticks_per_second_;
  const auto scheduled = pace_position_ + static_cast<std::uint64_t>(elapsed * settings_.packets_per_second);
  const std::uint64_t late = scheduled > position_ ? scheduled - position_ : 0;
  if (late > 2u * settings_.burst) {  // whoever took our CPU is not answered with a flood: the schedule begins anew
    pace_start_ = now;
    pace_position_ = position_;
    return std::min<std::uint64_t>(allowed, 1);
  }
  return std::min(allowed, late);
}

std::uint64_t Runner::in_flight(std::uint64_t now) noexcept {
  const std::uint64_t back = received() + written_off_;
  const std::uint64_t out = expected() > back ? expected() - back : 0;
  if (out >= settings_.window && now > last_receive_ && now - last_receive_ > ticks(kStallSeconds)) {
    written_off_ += out;
    last_receive_ = now;
    return 0;
  }
  return out;
}

bool Runner::send_next(std::uint64_t now) noexcept {
  send_hostile(true);
  if (!push(header_of(stream_), pool_.record(position_, stream_))) return false;
  checker_.sent(position_, now);
  send_hostile(false);
  ++position_;
  if (++stream_ == model_.streams().size()) stream_ = 0;
  return true;
}

void Runner::send_hostile(bool before_genuine) noexcept {
  const auto hostile = hostile_.next(position_, before_genuine);
  if (!hostile) return;
  const auto& headers = hostile->stranger ? stranger_headers_ : headers_;
  if (push({headers[hostile->stream].data(), header_bytes_}, hostile->packet)) hostile_.sent(position_);
}

// A frame that carries no tag yet.
bool Runner::push_control(ConstBytes frame) noexcept {
  std::byte header[kEthernetBytes + kVlanBytes];
  std::memcpy(header, frame.data(), 12);
  store_be16(header + 12, kEtherVlan);
  store_be16(header + 14, settings_.vlan);
  std::memcpy(header + header_bytes_ - 2, frame.data() + 12, 2);
  return push({header, header_bytes_}, frame.subspan(kEthernetBytes));
}

// Three packets can be pushed after this said yes: a genuine one and a hostile one on either side.
bool Runner::room() noexcept {
  if (batched_ + 3 > kBatch) flush();
  if (batched_ + 3 > kBatch) return false;
  if (stashed_ < 3) {
    const std::size_t more = kBatch / 2;
    if (!io_.allocate({stash_.data() + stashed_, more})) return false;
    stashed_ += more;
  }
  return true;
}

bool Runner::push(ConstBytes header, ConstBytes body) noexcept {
  if ((stashed_ == 0 || batched_ == kBatch) && !room()) return false;
  dataplane::Packet& packet = *stash_[stashed_ - 1];
  if (packet.room < header.size() + body.size()) return false;
  --stashed_;
  std::memcpy(packet.data, header.data(), header.size());
  std::memcpy(packet.data + header.size(), body.data(), body.size());
  packet.bytes = static_cast<std::uint32_t>(header.size() + body.size());
  packet.l2_bytes = static_cast<std::uint16_t>(header.size());
  batch_[batched_++] = &packet;
  return true;
}

void Runner::flush() noexcept {
  if (batched_ == 0) return;
  const std::size_t taken = io_.transmit({batch_.data(), batched_});
  result_.transmit_refused += batched_ - taken;
  std::copy(batch_.begin() + static_cast<std::ptrdiff_t>(taken), batch_.begin() + static_cast<std::ptrdiff_t>(batched_), batch_.begin());
  batched_ -= taken;
  if (taken != 0) last_transmit_ = now_ticks();
}

void Runner::poll() noexcept {
  flush();
  std::array<dataplane::Packet*, kBatch> packets;
  const std::size_t count = io_.receive({packets.data(), settings_.burst});
  if (count == 0) {
    if (settings_.yield) sched_yield();
    return;
  }
  const std::uint64_t now = now_ticks();
  last_receive_ = now;
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
    ++result_.echoed;
  else
    checker_.accept(*view, (packet.flags & dataplane::kRxL4ChecksumGood) != 0, now);
}

void Runner::on_other(dataplane::Packet& packet, std::size_t l2_bytes) noexcept {
  const std::size_t shift = l2_bytes - kEthernetBytes;
  if (shift != 0) std::memmove(packet.data + shift, packet.data, 12);  // the tag goes
  std::byte answer[EndpointHost::kMaxFrameBytes];
  const std::size_t bytes = host_.handle({packet.data + shift, packet.bytes - shift}, answer);
  if (bytes == 0) {
    ++result_.other_frames;
  } else if (push_control({answer, bytes})) {
    ++result_.answers;
  }
}

}  // namespace mediaward::tools::traffic
