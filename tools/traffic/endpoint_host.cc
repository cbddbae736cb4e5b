// SPDX-License-Identifier: Apache-2.0
// ARP and neighbour discovery of the played hosts (see the header). The thread of the port; no allocation after construction.
#include "tools/traffic/endpoint_host.h"

#include <algorithm>
#include <cstring>

namespace mediaward::tools::traffic {

namespace {

constexpr std::size_t kArpBytes = 28;  // RFC 826, Ethernet and IPv4
constexpr std::uint8_t kIcmp6 = 58;
constexpr std::uint8_t kSolicitation = 135, kAdvertisement = 136;  // RFC 4861 §4.3, §4.4
constexpr std::size_t kNdpBytes = 24, kNdpOptionBytes = 8;         // with one link-layer address option
constexpr Mac kBroadcast{std::byte{255}, std::byte{255}, std::byte{255}, std::byte{255}, std::byte{255}, std::byte{255}};

std::size_t write_arp(std::byte* at, const Mac& to, const Mac& from, std::uint16_t operation, const std::byte* sender_ip,
                      const Mac& target_mac, const std::byte* target_ip) {
  write_ethernet(at, to, from, kEtherArp);
  std::byte* arp = at + kEthernetBytes;
  store_be16(arp, 1);
  store_be16(arp + 2, kEtherIpv4);
  arp[4] = std::byte{6};
  arp[5] = std::byte{4};
  store_be16(arp + 6, operation);
  std::memcpy(arp + 8, from.data(), 6);
  std::memcpy(arp + 14, sender_ip, 4);
  std::memcpy(arp + 18, target_mac.data(), 6);
  std::memcpy(arp + 24, target_ip, 4);
  std::memset(arp + kArpBytes, 0, kMinimumFrameBytes - kEthernetBytes - kArpBytes);
  return kMinimumFrameBytes;
}

// Solicitation or advertisement with its one option; everything but Ethernet addresses and IP addresses is fixed.
std::size_t write_ndp(std::byte* at, const Mac& to, const Mac& from, const Address& source, const Address& destination, std::uint8_t type,
                      const Address& target) {
  write_ethernet(at, to, from, kEtherIpv6);
  std::byte* ip = at + kEthernetBytes;
  const std::size_t upper = kNdpBytes + kNdpOptionBytes;
  std::memset(ip, 0, kIpv6Bytes + upper);
  store_be32(ip, 6u << 28);
  store_be16(ip + 4, static_cast<std::uint16_t>(upper));
  ip[6] = std::byte{kIcmp6};
  ip[7] = std::byte{255};  // RFC 4861 §7.1
  std::memcpy(ip + 8, source.bytes.data(), 16);
  std::memcpy(ip + 24, destination.bytes.data(), 16);
  std::byte* icmp = ip + kIpv6Bytes;
  icmp[0] = std::byte{type};
  if (type == kAdvertisement) icmp[4] = std::byte{0x60};  // solicited, override
  std::memcpy(icmp + 8, target.bytes.data(), 16);
  icmp[24] = std::byte{type == kAdvertisement ? std::uint8_t{2} : std::uint8_t{1}};  // target or source link-layer address
  icmp[25] = std::byte{1};
  std::memcpy(icmp + 26, from.data(), 6);
  store_raw(icmp + 2, checksum_fold(checksum_add(pseudo_header_sum(ip, true, kIcmp6, upper), {icmp, upper})));
  return kEthernetBytes + kIpv6Bytes + upper;
}

Mac mac_at(const std::byte* p) {
  Mac mac;
  std::memcpy(mac.data(), p, mac.size());
  return mac;
}

// RFC 4291 §2.7.1 and RFC 2464 §7.
Address solicited_node(const Address& target) {
  Address a;
  a.v6 = true;
  a.bytes = {std::byte{0xff}, std::byte{0x02}};
  a.bytes[11] = std::byte{1};
  a.bytes[12] = std::byte{0xff};
  std::copy(target.bytes.begin() + 13, target.bytes.end(), a.bytes.begin() + 13);
  return a;
}
Mac multicast_mac(const Address& group) {
  return {std::byte{0x33}, std::byte{0x33}, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]};
}

// The link-layer address option of this type, or nullptr.
const std::byte* find_option(ConstBytes options, std::uint8_t type) {
  while (options.size() >= kNdpOptionBytes) {
    const std::size_t bytes = static_cast<std::size_t>(options[1]) * 8;
    if (bytes == 0 || bytes > options.size()) return nullptr;
    if (options[0] == std::byte{type}) return options.data() + 2;
    options = options.subspan(bytes);
  }
  return nullptr;
}

std::vector<EndpointHost::Entry> entries_of(const Model& model) {
  std::vector<EndpointHost::Entry> entries;
  for (const Participant& p : model.participants()) entries.push_back({p.local, p.remote, p.mac});
  return entries;
}

}  // namespace

EndpointHost::EndpointHost(const Model& model, const std::optional<Address>& gateway_v4, const std::optional<Address>& gateway_v6)
    : EndpointHost(entries_of(model), gateway_v4, gateway_v6) {}

EndpointHost::EndpointHost(std::vector<Entry> entries, const std::optional<Address>& gateway_v4, const std::optional<Address>& gateway_v6)
    : entries_(std::move(entries)) {
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    const Entry& p = entries_[i];
    const Address next = (p.remote.v6 ? gateway_v6 : gateway_v4).value_or(p.local);
    const auto [hop, is_new] = hop_of_address_.try_emplace(next, static_cast<std::uint32_t>(next_hops_.size()));
    if (is_new) next_hops_.push_back({next, {}, false});
    hop_of_participant_.push_back(hop->second);
    if (participant_of_.try_emplace(p.remote, i).second) askers_.push_back(i);
  }
}

bool EndpointHost::all_resolved() const noexcept {
  return std::all_of(next_hops_.begin(), next_hops_.end(), [](const NextHop& hop) { return hop.known; });
}

const EndpointHost::Entry* EndpointHost::owner(const Address& address) const noexcept {
  const auto found = participant_of_.find(address);
  return found == participant_of_.end() ? nullptr : &entries_[found->second];
}

void EndpointHost::learn(const Address& address, const std::byte* mac) noexcept {
  const auto found = hop_of_address_.find(address);
  if (found == hop_of_address_.end()) return;
  next_hops_[found->second].mac = mac_at(mac);
  next_hops_[found->second].known = true;
}

std::size_t EndpointHost::handle(ConstBytes frame, Bytes answer) noexcept {
  if (frame.size() < kEthernetBytes || answer.size() < kMaxFrameBytes) return 0;
  const std::uint16_t type = load_be16(frame.data() + 12);
  if (type == kEtherArp) return handle_arp(frame, answer);
  return type == kEtherIpv6 ? handle_icmp6(frame, answer) : 0;
}

std::size_t EndpointHost::handle_arp(ConstBytes frame, Bytes answer) noexcept {
  if (frame.size() < kEthernetBytes + kArpBytes) return 0;
  const std::byte* arp = frame.data() + kEthernetBytes;
  if (load_be32(arp) != ((1u << 16) | kEtherIpv4) || load_be16(arp + 4) != 0x0604) return 0;
  learn(Address::from(arp + 14, false), arp + 8);
  const Entry* self = load_be16(arp + 6) == 1 ? owner(Address::from(arp + 24, false)) : nullptr;
  if (self == nullptr) return 0;
  const Mac asker = mac_at(arp + 8);
  return write_arp(answer.data(), asker, self->mac, 2, arp + 24, asker, arp + 14);
}

std::size_t EndpointHost::handle_icmp6(ConstBytes frame, Bytes answer) noexcept {
  constexpr std::size_t kHeaders = kEthernetBytes + kIpv6Bytes;
  if (frame.size() < kHeaders + kNdpBytes) return 0;
  const std::byte* ip = frame.data() + kEthernetBytes;
  const std::byte* icmp = ip + kIpv6Bytes;
  const std::size_t upper = load_be16(ip + 4);
  const auto type = static_cast<std::uint8_t>(icmp[0]);
  const bool ndp = ip[6] == std::byte{kIcmp6} && ip[7] == std::byte{255} && upper >= kNdpBytes && upper <= frame.size() - kHeaders &&
                   (type == kSolicitation || type == kAdvertisement);
  if (!ndp || checksum_fold(checksum_add(pseudo_header_sum(ip, true, kIcmp6, upper), {icmp, upper})) != 0) return 0;
  const Address target = Address::from(icmp + 8, true);
  const ConstBytes options{icmp + kNdpBytes, upper - kNdpBytes};
  if (type == kAdvertisement) {
    if (const std::byte* mac = find_option(options, 2)) learn(target, mac);
    return 0;
  }
  const Address asker = Address::from(ip + 8, true);
  const std::byte* mac = find_option(options, 1);
  if (mac != nullptr) learn(asker, mac);
  const Entry* self = owner(target);
  if (self == nullptr || asker == Address{true, {}}) return 0;
  return write_ndp(answer.data(), mac_at(mac != nullptr ? mac : frame.data() + 6), self->mac, target, asker, kAdvertisement, target);
}

std::size_t EndpointHost::make_request(std::uint32_t host, Bytes out) const noexcept {
  const Entry& self = entries_[askers_[host]];
  const Address& target = next_hop(askers_[host]);
  if (out.size() < kMaxFrameBytes) return 0;
  if (!self.remote.v6) return write_arp(out.data(), kBroadcast, self.mac, 1, self.remote.bytes.data(), Mac{}, target.bytes.data());
  const Address group = solicited_node(target);
  return write_ndp(out.data(), multicast_mac(group), self.mac, self.remote, group, kSolicitation, target);
}

}  // namespace mediaward::tools::traffic
