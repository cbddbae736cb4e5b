// SPDX-License-Identifier: Apache-2.0
// The phases of a run: addresses, first packets, the stream, the rest (see runner.h). The port's thread.
#include <algorithm>

#include "tools/traffic/clock.h"
#include "tools/traffic/runner.h"

namespace mediaward::tools::traffic {

namespace {

constexpr double kRequestSeconds = 0.2;  // between two requests of one host; a segment of two hosts need not wait RFC 1122's second
constexpr double kLongestStepSeconds = 0.001;
constexpr double kRefusedSeconds = 10;   // a port that takes nothing for so long has no other side
constexpr std::uint64_t kPrimeWindow = 64;
constexpr Mac kEchoMac{std::byte{0x02}, std::byte{0x4d}, std::byte{0x57}, std::byte{0xff}, std::byte{0}, std::byte{1}};
constexpr Mac kStrangerMac{std::byte{0x02}, std::byte{0x4d}, std::byte{0x57}, std::byte{0xee}, std::byte{0}, std::byte{1}};

}  // namespace

RunResult Runner::run(const std::atomic<bool>& stop) {
  stop_ = &stop;
  ticks_per_second_ = measure_ticks_per_second();
  longest_step_ = ticks(kLongestStepSeconds);
  last_poll_ = now_ticks();
  pacer_ = Pacer(settings_.packets_per_second, settings_.pace_burst, ticks_per_second_);
  if ((settings_.echo || resolve()) && await_go()) {
    make_headers();
    if (parts_.content != nullptr) parts_.content->start(clock_us(now_ticks()));
    if (settings_.echo || (introduce() && prime())) {
      stream_packets();
      play_content();
      drain();
    }
  }
  if (stop && result_.problem.empty()) result_.problem = "interrupted";
  result_.visited = position_;
  result_.transmit_refused = outbox_.refused();
  result_.pace_slips = pacer_.slips();
  return result_;
}

bool Runner::resolve() {
  const std::uint64_t give_up = now_ticks() + ticks(settings_.wait_seconds);
  std::uint64_t next_request = 0;
  const auto all_resolved = [&] {
    return parts_.host.all_resolved() && (parts_.content == nullptr || parts_.content->host().all_resolved());
  };
  while (!all_resolved()) {
    const std::uint64_t now = now_ticks();
    if (*stop_) return false;
    if (now >= next_request) {
      std::byte frame[EndpointHost::kMaxFrameBytes];
      const auto ask = [&](const EndpointHost& host) {
        for (std::uint32_t h = 0; h < host.hosts(); ++h)
          if (!push_control({frame, host.make_request(h, frame)})) break;
      };
      ask(parts_.host);
      if (parts_.content != nullptr) ask(parts_.content->host());
      next_request = now + ticks(kRequestSeconds);
    }
    poll();
    if (now > give_up) break;
  }
  for (std::uint32_t p = 0; p < parts_.model.participants().size(); ++p) {
    if (parts_.host.resolved(p)) continue;
    const Address& hop = parts_.host.next_hop(p);
    result_.problem = "no answer to " + std::string(hop.v6 ? "neighbour solicitations" : "ARP requests") + " for " + hop.to_string() +
                      " (asked by participant " + parts_.model.participants()[p].name +
                      "): is the appliance's port up, and does it have this address?";
    return false;
  }
  if (parts_.content == nullptr || parts_.content->host().all_resolved()) return true;
  result_.problem = "no answer from " + parts_.content->unresolved() + ": is the appliance's port up, and does it have this address?";
  return false;
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
  for (std::uint32_t p = 0; p < parts_.model.participants().size(); ++p) {
    const Participant& participant = parts_.model.participants()[p];
    const Mac& to = settings_.echo ? kEchoMac : parts_.host.next_hop_mac(p);
    headers_.push_back(header(to, participant.mac, participant.remote.v6));
    stranger_headers_.push_back(header(to, kStrangerMac, participant.remote.v6));
  }
}

// Until the appliance has learned what it was not told. It needs a moment for each step, and one step may wait for another.
bool Runner::introduce() {
  const bool with_rtcp = parts_.rtcp_sender.enabled();
  const auto missing = [&] { return parts_.introduction.missing(parts_.checker, parts_.rtcp_checker, with_rtcp); };
  for (std::uint32_t i = 0; i < kMaxIntroductions && !*stop_; ++i) {
    if (missing().empty()) return true;
    send_introductions();
    const std::uint64_t next = now_ticks() + ticks(settings_.wait_seconds / kMaxIntroductions);
    while (now_ticks() < next && !*stop_ && !missing().empty()) poll();
  }
  if (!missing().empty() && result_.problem.empty())
    result_.problem = missing() + ", though everybody introduced himself: does the appliance latch, and does it have places for SSRCs?";
  return result_.problem.empty() && !*stop_;
}

void Runner::send_introductions() {
  Introduction& introduction = parts_.introduction;
  const auto send = [&](std::uint32_t participant, ConstBytes packet, bool rtcp) {
    while (!outbox_.room(1) && !*stop_) poll();
    if (!packet.empty() && push(header_of(participant), packet)) introduction.sent(rtcp);
  };
  for (std::size_t i = 0; i < introduction.streams().size(); ++i)
    send(parts_.model.streams()[introduction.streams()[i]].sender, introduction.next(i), false);
  SealedRtcp report;
  for (const std::uint32_t source : introduction.sources())
    if (parts_.rtcp_sender.enabled() && parts_.rtcp_sender.seal_introduction(source, report))
      send(parts_.model.rtcp_sources()[source].participant, {report.packet.data(), report.packet_bytes}, true);
}

// One packet per stream, the first of every participant awaited: afterwards every neighbour is resolved on both sides, and a wrong
// set-up shows at once.
bool Runner::prime() {
  const std::uint64_t give_up = now_ticks() + ticks(settings_.wait_seconds);
  std::vector<bool> known(parts_.model.participants().size());
  while (position_ < parts_.order.streams() && position_ < settings_.packets && result_.problem.empty()) {
    const std::uint32_t sender = parts_.model.streams()[parts_.order.stream_at(slot_)].sender;
    const std::uint64_t may_be_out = known[sender] ? kPrimeWindow : 0;
    if (!send_step(now_ticks())) {
      poll();
      continue;
    }
    known[sender] = true;
    await(expected() - std::min(expected(), may_be_out), give_up);
    if (received() == 0 && expected() != 0) {
      result_.problem = "the first packet of participant " + parts_.model.participants()[sender].name +
                        " did not come back to anybody: is the conference applied, and do its keys match this file?";
      return false;
    }
    if (*stop_) return false;
  }
  await(expected(), give_up);
  return result_.problem.empty() && !*stop_;
}

// Until so much is back. When the time is up, what is there is still taken: this thread may have slept until then.
void Runner::await(std::uint64_t packets, std::uint64_t give_up) noexcept {
  while (received() < packets && !*stop_) {
    poll();
    if (silence_ != 0 && now_ticks() >= give_up) return;
  }
}

void Runner::stream_packets() {
  const std::uint64_t start = now_ticks(), first = position_;
  pacer_.start(start, position_);
  const std::uint64_t warm = start + ticks(settings_.warm_up_seconds);
  const std::uint64_t limit = settings_.seconds > 0 ? start + ticks(settings_.seconds) : ~std::uint64_t{0};
  std::uint64_t steady_start = settings_.warm_up_seconds > 0 ? 0 : start, steady_sent = first, steady_received = received();
  parts_.checker.measure_from(steady_start != 0 ? start : ~std::uint64_t{0});
  last_transmit_ = start;
  while (position_ < settings_.packets && !*stop_ && result_.problem.empty()) {
    const std::uint64_t now = now_ticks();
    if (now > limit) break;
    if (steady_start == 0 && now >= warm) {
      steady_start = now;
      steady_sent = position_;
      steady_received = received();
      parts_.checker.measure_from(now);
    }
    for (std::uint64_t n = allowed(now); n > 0 && send_step(now); --n) continue;
    if (outbox_.waiting() == 0) last_transmit_ = now;
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

// Until every leecher has its content; what is said afterwards is heard in drain().
void Runner::play_content() {
  if (parts_.content == nullptr) return;
  while (!*stop_ && !parts_.content->over(clock_us(now_ticks()))) poll();
  parts_.content->stop(clock_us(now_ticks()));
}

void Runner::drain() {
  silence_ = 0;
  // Also when everything is back: what comes too much would come now.
  const std::uint64_t linger = now_ticks() + ticks(std::min(settings_.drain_seconds, 0.1)), give_up = now_ticks() + ticks(kRefusedSeconds);
  for (std::uint64_t now = now_ticks(); !*stop_ && (now < linger || received() < expected()); now = now_ticks()) {
    if (!send_reports() && now < give_up) silence_ = 0;  // what has not left cannot come back
    poll();
    if (silence_ > ticks(settings_.drain_seconds)) break;
  }
}

}  // namespace mediaward::tools::traffic
