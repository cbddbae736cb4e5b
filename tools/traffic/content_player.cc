// SPDX-License-Identifier: Apache-2.0
// Content peers behind the tool's port (see the header). The port's thread.
#include "tools/traffic/content_player.h"

#include <algorithm>
#include <cstring>

#include "tools/traffic/content_plan.h"

namespace mediaward::tools::traffic {

namespace {

using ppspp::Attack;

constexpr std::uint32_t kContentChance = 1u << 30;  // the bad network's dice: numbered apart from streams and reports
constexpr std::uint64_t kLatestUs = 50'000;         // what is late leaves then, when nothing came behind which it could leave
constexpr std::uint32_t kMaxPeers = 4096;

// Participants have 02:4d:57 and their number.
Mac mac_of(std::uint32_t number) {
  return {std::byte{0x02},
          std::byte{0x4d},
          std::byte{0x57},
          std::byte{0xcc},
          static_cast<std::byte>(number >> 8),
          static_cast<std::byte>(number)};
}

ppspp::Endpoint endpoint_of(const Address& address, std::uint16_t port) {
  return {address.v6, address.bytes, port};
}

// "black-hole-2" → "black-hole"
std::string_view role_of(std::string_view id) {
  return id.substr(0, id.rfind('-'));
}

std::optional<Attack> attack_of(std::string_view role) {
  for (std::size_t i = 1; i < ppspp::kAttacks; ++i)
    if (info(static_cast<Attack>(i)).name == role) return static_cast<Attack>(i);
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<ContentPlayer>> ContentPlayer::build(const SwarmFile& file, const ContentSettings& settings,
                                                            const ImpairmentSettings& network, const std::optional<Address>& gateway_v4,
                                                            const std::optional<Address>& gateway_v6) {
  std::unique_ptr<ContentPlayer> player(new ContentPlayer(settings, network));
  auto content = content_of(file);
  if (!content) return tl::unexpected(content.error());
  player->content_ = std::move(*content);
  player->swarm_ = file.id;
  if (auto good = player->cast(file); !good) return tl::unexpected(good.error());
  std::vector<EndpointHost::Entry> entries;
  for (const Peer& p : player->peers_) entries.push_back({p.appliance, p.address, p.mac});
  player->host_.emplace(std::move(entries), gateway_v4, gateway_v6);
  return player;
}

Result<void> ContentPlayer::cast(const SwarmFile& file) {
  if (file.admissions.size() + settings_.strangers > kMaxPeers)
    return fail(ErrorCode::kInvalid, "at most 4096 content peers can be played");
  for (const auto& admission : file.admissions)
    if (auto added = add(admission); !added) return added;
  if (peers_.empty()) return fail(ErrorCode::kInvalid, file.id + ": nobody is admitted");
  const Address first = peers_.front().address;
  for (std::uint32_t n = 0, offset = 1; n < settings_.strangers; ++offset) {
    if (by_address_.contains(first.plus(offset))) continue;
    add_stranger(n++, first.plus(offset));
  }
  if (std::none_of(peers_.begin(), peers_.end(), [](const Peer& p) { return p.must_finish; }))
    return fail(ErrorCode::kInvalid, file.id + ": nobody would receive anything: admit a leecher");
  return {};
}

Result<void> ContentPlayer::add(const SwarmFile::Admission& a) {
  const auto address = Address::parse(a.peers);
  const std::string_view role = role_of(a.id);
  const auto attack = attack_of(role);
  if (!address || a.udp_port == 0)
    return fail(ErrorCode::kInvalid, "admission " + a.id + ": this tool plays one peer of one address and udp_port per admission");
  if (!attack && role != "seeder" && role != "leecher" && role != "peer")
    return fail(ErrorCode::kInvalid,
                "admission " + a.id + ": the id says what is played: seeder-1, leecher-1, peer-1, or an attack such as tamper-1");
  Peer p;
  p.name = a.id;
  p.waits = a.connect;
  auto& s = p.settings;
  s.role = a.provide && a.receive ? ppspp::Role::kBoth : a.provide ? ppspp::Role::kSeeder : ppspp::Role::kLeecher;
  s.profile = a.libswift ? ppspp::wire::Profile::kLibswift : ppspp::wire::Profile::kRfc;
  s.misbehaviour = {.attack = attack.value_or(Attack::kNone), .every = settings_.attack_every, .per_second = settings_.attacks_per_second};
  p.must_finish = !attack && s.role != ppspp::Role::kSeeder;
  return place(std::move(p), *address, a.udp_port);
}

void ContentPlayer::add_stranger(std::uint32_t number, const Address& address) {
  Peer p;
  p.name = "stranger-" + std::to_string(number + 1);
  p.admitted = false;
  p.settings.expects_silence = true;
  (void)place(std::move(p), address, peers_.front().settings.local.port);
}

Result<void> ContentPlayer::place(Peer p, const Address& address, std::uint16_t udp_port) {
  const auto number = static_cast<std::uint32_t>(peers_.size());
  const auto appliance = Address::parse(address.v6 ? settings_.appliance_v6 : settings_.appliance_v4);
  if (!appliance || appliance->v6 != address.v6)
    return fail(ErrorCode::kInvalid, "the appliance's address is not an address of its family");
  if (!by_address_.emplace(address, number).second)
    return fail(ErrorCode::kInvalid,
                "admission " + p.name + ": " + address.to_string() + " is another one's; each content peer has an address of its own");
  p.address = address;
  p.appliance = *appliance;
  p.mac = mac_of(number + 1);
  auto& s = p.settings;
  s.name = p.name;
  s.metadata = content_->metadata();
  if (s.role == ppspp::Role::kSeeder) s.content = content_;
  s.local = endpoint_of(address, udp_port);
  s.seed = ppspp::mix_word(settings_.seed ^ std::uint64_t{number} << 32);
  s.max_payload = settings_.mtu - ip_bytes(address.v6) - kUdpBytes;
  s.request_window = s.send_window = settings_.window;
  s.dead_us = static_cast<std::uint64_t>(settings_.dead_after * 1e6);
  p.peer = std::make_unique<ppspp::PpsppPeer>(s);
  peers_.push_back(std::move(p));
  return {};
}

std::string ContentPlayer::unresolved() const {
  for (std::uint32_t i = 0; i < peers_.size(); ++i)
    if (!host_->resolved(i)) return host_->next_hop(i).to_string() + " (asked by content peer " + peers_[i].name + ")";
  return {};
}

void ContentPlayer::start(std::uint64_t now_us) {
  started_ = true;
  started_us_ = now_us;
  for (Peer& p : peers_)
    if (!settings_.in_turn || !p.must_finish) begin(p, now_us);
}

void ContentPlayer::begin(Peer& p, std::uint64_t now_us) {
  p.begun = true;
  if (!p.waits) p.peer->connect(now_us, endpoint_of(p.appliance, settings_.appliance_port));
}

// In turn: the first one that has not everything is to be under way.
void ContentPlayer::begin_next(std::uint64_t now_us) {
  const auto next = std::find_if(peers_.begin(), peers_.end(), [](const Peer& p) { return p.must_finish && !p.peer->completed_us(); });
  if (next == peers_.end() || next->begun) return;
  begin(*next, now_us);
  next->due_us = 0;
}

bool ContentPlayer::accept(const UdpView& view, std::uint64_t now_us, bool l4_known_good) {
  const auto found = by_address_.find(Address::from(view.destination(), view.v6));
  if (found == by_address_.end()) return false;
  Peer& p = peers_[found->second];
  if (!view.ip_checksum_good() || (!l4_known_good && !view.udp_checksum_good())) ++p.bad_checksums;
  if (std::memcmp(view.ethernet, p.mac.data(), p.mac.size()) != 0) ++p.wrong_mac;
  const Address source = Address::from(view.source(), view.v6);
  if (source != p.appliance || view.source_port() != settings_.appliance_port) ++p.wrong_source;
  if (view.destination_port() != p.settings.local.port) ++p.other_ports;
  p.peer->handle(now_us, endpoint_of(source, view.source_port()), endpoint_of(p.address, view.destination_port()),
                 {view.payload, view.payload_bytes});
  p.due_us = 0;
  return true;
}

void ContentPlayer::poll(std::uint64_t now_us) {
  if (!started_) return;
  if (settings_.in_turn) begin_next(now_us);
  for (std::uint32_t i = 0; i < peers_.size(); ++i) {
    Peer& p = peers_[i];
    if (p.due_us > now_us) continue;
    for (const ppspp::Datagram& d : p.peer->poll(now_us)) send(i, d, now_us);
    p.due_us = std::max(p.peer->next_due_us(), now_us + 1);
  }
  if (!late_.empty()) release_late(now_us);
}

std::vector<std::byte> ContentPlayer::frame_of(std::uint32_t number, const ppspp::Datagram& d) const {
  const Peer& p = peers_[number];
  const bool v6 = p.address.v6;
  std::vector<std::byte> frame(kEthernetBytes + ip_bytes(v6) + kUdpBytes + d.payload.size());
  write_ethernet(frame.data(), host_->next_hop_mac(number), p.mac, v6 ? kEtherIpv6 : kEtherIpv4);
  std::memcpy(frame.data() + frame.size() - d.payload.size(), d.payload.data(), d.payload.size());
  const UdpPath path{p.address, Address{v6, d.to.address}, d.from.port, d.to.port};
  write_ip_udp(frame.data() + kEthernetBytes, path, d.payload.size(), 0);
  return frame;
}

void ContentPlayer::send(std::uint32_t number, const ppspp::Datagram& d, std::uint64_t now_us) {
  const Impairment::Decision chance = impairment_.decide(kContentChance | number, peers_[number].sent++);
  for (Late& late : late_)
    if (late.peer == number && late.behind != 0) --late.behind;
  counts_.lost += chance.lost ? 1 : 0;
  counts_.duplicated += !chance.lost && chance.twice ? 1 : 0;
  if (chance.lost) return;
  auto frame = frame_of(number, d);
  if (chance.late != 0) {
    ++counts_.delayed;
    late_.push_back({chance.late, now_us + kLatestUs, number, std::move(frame)});
    return;
  }
  if (chance.twice) frames_.push_back(frame);
  frames_.push_back(std::move(frame));
}

void ContentPlayer::release_late(std::uint64_t now_us) {
  for (Late& late : late_)
    if (late.behind == 0 || late.due_us <= now_us) frames_.push_back(std::move(late.frame));
  std::erase_if(late_, [](const Late& late) { return late.frame.empty(); });
}

bool ContentPlayer::finished() const noexcept {
  return std::all_of(peers_.begin(), peers_.end(), [](const Peer& p) { return !p.must_finish || p.peer->completed_us(); });
}

bool ContentPlayer::over(std::uint64_t now_us) const noexcept {
  const double seconds = static_cast<double>(now_us - started_us_) / 1e6;
  return seconds > std::max(settings_.seconds, settings_.least_seconds) || (seconds >= settings_.least_seconds && finished());
}

void ContentPlayer::stop(std::uint64_t now_us) {
  for (Peer& p : peers_) {
    p.peer->close(now_us);
    p.due_us = 0;
  }
  poll(now_us);
}

double ContentPlayer::seconds_of(const Peer& p) const noexcept {
  const auto done = p.peer->completed_us();
  return done ? static_cast<double>(*done - started_us_) / 1e6 : 0;
}

}  // namespace mediaward::tools::traffic
