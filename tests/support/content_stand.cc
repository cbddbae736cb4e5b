// SPDX-License-Identifier: Apache-2.0
// See content_stand.h.
#include "tests/support/content_stand.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <cstring>

namespace mediaward::test {
namespace {

namespace pp = tools::ppspp;

constexpr std::uint64_t kStepUs = 500;
constexpr std::uint64_t kIdleStepUs = 2000;  // when nothing is on the wire

std::string text_of(const pp::Endpoint& e) {
  const auto address = e.v6 ? dataplane::IpAddress::v6(e.address.data()) : dataplane::IpAddress::v4(e.address.data());
  return address.to_string();
}

pp::Endpoint endpoint_from(const std::string& address, std::uint16_t port) {
  const auto parsed = *dataplane::IpAddress::parse(address);
  pp::Endpoint e;
  e.v6 = parsed.family == dataplane::Family::kIpv6;
  e.address = parsed.bytes;
  e.port = port;
  return e;
}

// Whether an event is about the peer with this number.
bool names(const abi::EventMessage& e, unsigned number) {
  const std::string text(e.text, strnlen(e.text, sizeof e.text));
  const std::string host = std::to_string(10 + number);
  for (const char* network : {"192.0.2.", "2001:db8::"}) {
    const std::string address = std::string(network).append(host);
    const std::size_t at = text.starts_with("[") ? 1 : 0;
    if (text.compare(at, address.size(), address) == 0 &&
        (text.size() == at + address.size() || !std::isxdigit(static_cast<unsigned char>(text[at + address.size()]))))
      return true;
  }
  return false;
}

}  // namespace

Dataplane::Options ContentStand::defaults() {
  Dataplane::Options options;
  options.ppspp_port = kPort;
  options.io.buffers = 4096;
  return options;
}

ContentStand::ContentStand(Dataplane::Options options, std::uint32_t seed)
    : dp(crypto::make_openssl_provider(), std::move(options)), random_(seed) {}

pp::Endpoint ContentStand::appliance(bool v6) const {
  return endpoint_from(v6 ? "2001:db8::1" : "192.0.2.1", kPort);
}

pp::Endpoint ContentStand::endpoint_of(unsigned number, bool v6) {
  return endpoint_from((v6 ? "2001:db8::" : "192.0.2.") + std::to_string(10 + number), static_cast<std::uint16_t>(7000 + number));
}

pp::PpsppPeer& ContentStand::add_peer(unsigned number, pp::PeerSettings settings, bool v6) {
  settings.local = endpoint_of(number, v6);
  settings.seed += number;
  seats_.push_back({number, false, text_of(settings.local), std::make_unique<pp::PpsppPeer>(std::move(settings))});
  return *seats_.back().peer;
}

abi::Swarm ContentStand::swarm_of(const pp::Metadata& metadata, std::uint64_t id) {
  abi::Swarm m{};
  m.header = {abi::MessageType::kSwarm, 0, sizeof m, 0};
  m.swarm_id = id;
  m.kind = metadata.live ? abi::SwarmKind::kLive : abi::SwarmKind::kStatic;
  m.hash = static_cast<std::uint8_t>(metadata.hash);
  m.addressing = static_cast<std::uint8_t>(metadata.addressing);
  m.source = abi::SwarmSource::kPeers;
  m.fetch = abi::FetchPolicy::kOnDemand;
  m.signature_form = metadata.munro_form == crypto::MunroForm::kLibswift ? abi::SignatureForm::kLibswift : abi::SignatureForm::kRfc7574;
  m.munro_level = metadata.live ? static_cast<std::uint8_t>(std::countr_zero(metadata.chunks_per_signature)) : std::uint8_t{0};
  m.chunk_bytes = metadata.chunk_bytes;
  m.content_bytes = metadata.content_bytes;
  m.discard_window = metadata.live ? metadata.discard_window : 0;
  m.key_bytes = static_cast<std::uint16_t>(metadata.swarm_id.size());
  std::memcpy(m.key, metadata.swarm_id.data(), metadata.swarm_id.size());
  return m;
}

abi::Admission ContentStand::admission_of(unsigned number, std::uint32_t flags, std::uint64_t swarm, bool v6) {
  const pp::Endpoint e = endpoint_of(number, v6);
  abi::Admission m{};
  m.header = {abi::MessageType::kAdmission, 0, sizeof m, 0};
  m.admission_id = swarm * 1000 + number;
  m.swarm_id = swarm;
  std::snprintf(m.port_name, sizeof m.port_name, "media0");
  m.family = v6 ? abi::Family::kIpv6 : abi::Family::kIpv4;
  m.prefix_bits = v6 ? 128 : 32;
  std::memcpy(m.address, e.address.data(), sizeof m.address);
  m.udp_port = (flags & abi::kAdmitConnect) != 0 ? e.port : std::uint16_t{0};
  m.flags = flags;
  return m;
}

template <typename F>
void ContentStand::impair(const Frame& frame, std::vector<Late>& late, F&& forward) {
  if (happens(faults.loss)) return;
  if (happens(faults.duplicate)) forward(frame);
  if (happens(faults.delay)) {
    late.push_back({dp.now() + std::uniform_int_distribution<std::uint64_t>(1, 5000)(random_), frame});
    return;
  }
  forward(frame);
}

void ContentStand::to_appliance(const pp::Datagram& d) {
  UdpFlow flow;
  flow.source_mac = Dataplane::kPeerMac;
  flow.destination_mac = Dataplane::kApplianceMac;
  flow.source = text_of(d.from);
  flow.destination = text_of(d.to);
  flow.source_port = d.from.port;
  flow.destination_port = d.to.port;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(d.payload.data());
  ++moved_;
  const std::size_t queue = random_() % dp.core().worker_count();
  impair(to_frame(udp_frame(flow, {bytes, bytes + d.payload.size()})), inward_, [this, queue](const Frame& f) { dp.io(queue).inject(f); });
}

void ContentStand::from_appliance(const Frame& frame) {
  ++moved_;
  impair(frame, outward_, [this](const Frame& f) { deliver(f); });
}

void ContentStand::deliver(const Frame& frame) {
  const auto d = parse_udp_frame(to_bytes(frame));
  if (!d) return;
  const auto* bytes = reinterpret_cast<const std::byte*>(d->payload.data());
  const pp::Endpoint from = endpoint_from(d->source, d->source_port), to = endpoint_from(d->destination, d->destination_port);
  const auto seat = std::find_if(seats_.begin(), seats_.end(), [&](const Seat& s) { return s.address == d->destination; });
  if (seat == seats_.end())
    strays.push_back({from, to, {bytes, bytes + d->payload.size()}});
  else if (!seat->away)
    seat->peer->handle(dp.now(), from, to, {bytes, d->payload.size()});
}

ContentStand::Seat& ContentStand::seat_of(unsigned number) {
  return *std::find_if(seats_.begin(), seats_.end(), [number](const Seat& s) { return s.number == number; });
}

bool ContentStand::open(const pp::Metadata& metadata, const std::vector<Guest>& guests, std::uint64_t swarm, const Adjust& adjust) {
  abi::Swarm m = swarm_of(metadata, swarm);
  if (adjust) adjust(m);
  std::vector<dataplane::Operation> operations{m};
  for (const Guest& guest : guests) operations.push_back(admission_of(guest.number, guest.flags, swarm, guest.v6));
  const auto done = dp.apply(operations);
  if (!done) std::fprintf(stderr, "%s: %s\n", done.error().field.c_str(), done.error().message.c_str());
  return done.has_value();
}

std::uint64_t ContentStand::realtime_ns(double seconds_from_now) {
  const auto then = std::chrono::system_clock::now().time_since_epoch() + std::chrono::duration<double>(seconds_from_now);
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(then).count());
}

abi::PeerInfo ContentStand::info_of(unsigned number, std::uint64_t swarm) {
  for (const abi::PeerInfo& info : dp.core().swarms().peer_infos(swarm))
    for (const bool v6 : {false, true})
      if ((info.family == abi::Family::kIpv6) == v6 && std::memcmp(info.peer.address, endpoint_of(number, v6).address.data(), 16) == 0)
        return info;
  return {};
}

abi::SwarmInfo ContentStand::swarm_info(std::uint64_t swarm) {
  const auto infos = dp.core().swarms().swarm_infos(swarm);
  return infos.empty() ? abi::SwarmInfo{} : infos.front();
}

unsigned ContentStand::told(abi::EventKind kind, unsigned number) const {
  return static_cast<unsigned>(std::count_if(
      events.begin(), events.end(), [&](const abi::EventMessage& e) { return e.kind == kind && (number == 0 || names(e, number)); }));
}

unsigned ContentStand::verdicts(abi::ConductVerdict verdict, unsigned number) const {
  return static_cast<unsigned>(std::count_if(events.begin(), events.end(), [&](const abi::EventMessage& e) {
    return e.kind == abi::EventKind::kPeerVerdict && e.a == static_cast<std::uint64_t>(verdict) && (number == 0 || names(e, number));
  }));
}

std::size_t ContentStand::channels() {
  std::size_t n = 0;
  for (std::size_t w = 0; w < dp.core().worker_count(); ++w) n += dp.core().worker(w).peers()->channels();
  return n;
}

std::string ContentStand::unsound() {
  if (dp.leaked() != 0) return std::to_string(dp.leaked()) + " packets leaked";
  for (std::size_t w = 0; w < dp.core().worker_count(); ++w) {
    for (const dataplane::ppspp::Peer* peer : dp.core().worker(w).peers()->tables().peers) {
      if (peer == nullptr) continue;
      const auto c = peer->conduct->snapshot();
      const std::uint64_t ended = c.delivered_ok - c.late + c.timed_out + c.cancelled;
      if (c.requested == ended + c.outstanding) continue;
      return "requested " + std::to_string(c.requested) + ", delivered " + std::to_string(c.delivered_ok) + " (" + std::to_string(c.late) +
             " late), timed out " + std::to_string(c.timed_out) + ", cancelled " + std::to_string(c.cancelled) + ", outstanding " +
             std::to_string(c.outstanding);
    }
  }
  return {};
}

void ContentStand::main_thread() {
  dp.resolve_neighbours();
  std::vector<dataplane::WorkerEvent> contacts;
  for (std::size_t w = 0; w < dp.core().worker_count(); ++w) {
    dp.core().worker(w).events().consume([&](const dataplane::WorkerEvent& e) {
      if (e.kind == dataplane::WorkerEvent::Kind::kPeerSeen) contacts.push_back(e);
    });
    dp.core().evidence(w)->consume([&](const dataplane::ppspp::Evidence& e) { evidence.push_back(e); });
  }
  (void)dp.core().run_signatures();
  for (const auto& contact : contacts) (void)dp.core().admit_contact(contact);
  dp.core().advance(dp.now());
  for (auto& event : dp.core().take_peer_events()) events.push_back(event);
  dp.core().collect();
}

bool ContentStand::run_ms(std::uint64_t ms, const std::function<bool()>& done) {
  const std::uint64_t end = dp.now() + ms * 1000;
  while (dp.now() < end) {
    if (done && done()) return true;
    moved_ = 0;
    for (Seat& seat : seats_)
      if (!seat.away)
        for (const auto& datagram : seat.peer->poll(dp.now())) to_appliance(datagram);
    std::erase_if(inward_, [this](const Late& l) {
      return l.due <= dp.now() && (dp.io(random_() % dp.core().worker_count()).inject(l.frame), true);
    });
    for (unsigned i = 0; i < 4; ++i) dp.run_once();
    main_thread();
    for (const Frame& frame : dp.take_frames()) from_appliance(frame);
    std::erase_if(outward_, [this](const Late& l) { return l.due <= dp.now() && (deliver(l.frame), true); });
    dp.advance_us(moved_ == 0 && inward_.empty() && outward_.empty() ? kIdleStepUs : kStepUs);
  }
  return !done || done();
}

}  // namespace mediaward::test
