// SPDX-License-Identifier: Apache-2.0
// The appliance of the traffic tool's tests: frames, buffers and SRTP (see the header). One thread.
#include "traffic_test_appliance.h"

#include <algorithm>
#include <cstring>

#include "tools/traffic/payload.h"
#include "tools/traffic/wire_judge.h"

namespace mediaward::tools::traffic::test {

namespace {

constexpr Mac kOwnMac{std::byte{0x02}, std::byte{0xaa}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
constexpr std::size_t kBuffers = 512, kBufferBytes = 2048;

}  // namespace

TestAppliance::TestAppliance(const Model& model, Lie lie, std::uint16_t vlan) : model_(model), lie_(lie), vlan_(vlan) {
  const auto& people = model.participants();
  for (std::uint32_t s = 0; s < model.streams().size(); ++s) {
    const Stream& stream = model.streams()[s];
    const Participant& sender = people[stream.sender];
    openers_[s] = *SrtpContext::create(sender.receive, stream.ssrc, stream.first_index);
    windows_[s].first_guess = stream.first_index;
    const Mode mode = model.mode_of(sender);
    for (std::uint32_t r = 0; r < people.size() && mode != Mode::kRelay; ++r) {
      if (people[r].conference != sender.conference || (mode == Mode::kGroup && r != stream.sender)) continue;
      const bool steals = lie == Lie::kWrongKey && r == people.size() - 1;
      const KeySet& keys = mode == Mode::kGroup ? model.conferences()[sender.conference].group : people[steals ? 0 : r].send;
      sealers_[{s, r}] = *SrtpContext::create(keys, stream.ssrc, 0);  // a key that begins has not rolled over yet
    }
  }
  for (std::size_t i = 0; i < kBuffers; ++i) {
    buffers_.push_back(std::make_unique<Buffer>());
    buffers_.back()->bytes.resize(kBufferBytes);
    buffers_.back()->packet.owner_tag = buffers_.back().get();
    free_.push_back(&buffers_.back()->packet);
  }
}

bool TestAppliance::allocate(std::span<dataplane::Packet*> out) noexcept {
  if (free_.size() < out.size()) return false;
  for (auto*& packet : out) {
    packet = free_.back();
    free_.pop_back();
    auto* buffer = static_cast<Buffer*>(packet->owner_tag);
    *packet = {};
    packet->owner_tag = buffer;
    packet->data = buffer->bytes.data() + 128;
    packet->room = kBufferBytes - 128;
  }
  return true;
}

void TestAppliance::release(std::span<dataplane::Packet* const> packets) noexcept {
  free_.insert(free_.end(), packets.begin(), packets.end());
}

std::size_t TestAppliance::receive(std::span<dataplane::Packet*> out) noexcept {
  const std::size_t count = std::min(out.size(), outgoing_.size());
  if (count == 0 || !allocate(out.first(count))) return 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& frame = outgoing_.front();
    std::memcpy(out[i]->data, frame.data(), frame.size());
    out[i]->bytes = static_cast<std::uint32_t>(frame.size());
    outgoing_.pop_front();
  }
  return count;
}

std::size_t TestAppliance::transmit(std::span<dataplane::Packet* const> packets) noexcept {
  const std::size_t taken = std::min<std::size_t>(packets.size(), 20);  // never all of a full batch: the rest must be tried again
  for (std::size_t i = 0; i < taken; ++i) on_frame(packets[i]->span());
  release(packets.first(taken));
  return taken;
}

void TestAppliance::on_frame(Bytes frame) {
  std::size_t l2 = kEthernetBytes;
  if (vlan_ != 0) {
    if (load_be16(frame.data() + 12) != kEtherVlan || load_be16(frame.data() + 14) != vlan_) return void(++drops_["vlan.mismatch"]);
    l2 += kVlanBytes;
  }
  if (const auto view = parse_udp(frame, l2)) return on_udp(*view);
  std::vector<std::byte> untagged(frame.begin(), frame.end());
  if (vlan_ != 0) untagged.erase(untagged.begin() + 12, untagged.begin() + 16);
  if (lie_ != Lie::kDeaf) on_arp_or_ndp(untagged);
}

// Turns the request into its own answer.
void TestAppliance::on_arp_or_ndp(ConstBytes frame) {
  std::vector<std::byte> out(frame.begin(), frame.end());
  if (out.size() < kMinimumFrameBytes) return;
  std::memcpy(out.data(), frame.data() + 6, 6);
  std::memcpy(out.data() + 6, kOwnMac.data(), 6);
  if (load_be16(frame.data() + 12) == kEtherArp) {
    std::byte* arp = out.data() + kEthernetBytes;
    store_be16(arp + 6, 2);
    std::vector<std::byte> asker(arp + 8, arp + 18);
    std::memcpy(arp + 14, frame.data() + kEthernetBytes + 24, 4);
    std::copy(kOwnMac.begin(), kOwnMac.end(), arp + 8);
    std::copy(asker.begin(), asker.end(), arp + 18);
  } else {
    std::byte* ip = out.data() + kEthernetBytes;
    std::byte* icmp = ip + kIpv6Bytes;
    std::memcpy(ip + 24, frame.data() + kEthernetBytes + 8, 16);
    std::memcpy(ip + 8, icmp + 8, 16);
    icmp[0] = std::byte{136};
    icmp[4] = std::byte{0x60};
    icmp[24] = std::byte{2};
    std::copy(kOwnMac.begin(), kOwnMac.end(), icmp + 26);
    store_be16(icmp + 2, 0);
    store_raw(icmp + 2, checksum_fold(checksum_add(pseudo_header_sum(ip, true, 58, 32), {icmp, 32})));
  }
  queue(std::move(out));
}

void TestAppliance::on_udp(const UdpView& view) {
  const std::string reason = view.udp_checksum_good() && view.ip_checksum_good() ? receive_packet(view) : "checksum";
  if (!reason.empty()) ++drops_[reason];
}

// Empty: it was served. Otherwise the drop reason.
std::string TestAppliance::receive_packet(const UdpView& view) {
  const auto& people = model_.participants();
  const Address local = Address::from(view.destination(), view.v6);
  const std::uint16_t port = view.destination_port();
  const auto leg = std::find_if(people.begin(), people.end(),
                                [&](const Participant& p) { return p.local == local && (p.local_port == port || p.local_rtcp_port == port); });
  if (leg == people.end()) return "udp.no_leg";
  const auto first = static_cast<unsigned>(view.payload[0]);
  if (first < 4) return "demux.stun";
  if (first >= 20 && first < 64) return "demux.dtls";
  if (first < 80) return "demux.unknown";
  if (first < 128 || first > 191) return "rtp.bad_version";
  const bool rtcp = is_rtcp(view);
  if (port != (rtcp ? leg->local_rtcp_port : leg->local_port)) return "srtcp.wrong_port";
  const auto leg_number = static_cast<std::uint32_t>(leg - people.begin());
  if (!is_known(leg_number, rtcp)) return rtcp ? receive_rtcp(view, leg_number) : receive_rtp(view, leg_number);  // any source may be his
  if (leg->remote != Address::from(view.source(), view.v6) || view.source_port() != (rtcp ? leg->remote_rtcp_port : leg->remote_port))
    return "srtp.source_mismatch";
  return rtcp ? receive_rtcp(view, leg_number) : receive_rtp(view, leg_number);
}

std::string TestAppliance::receive_rtp(const UdpView& view, std::uint32_t leg) {
  const Participant& p = model_.participants()[leg];
  if (!p.may_send) return "srtp.direction";
  if (view.payload_bytes < kRtpHeaderBytes + (p.authenticated ? p.receive.srtp_trailer_bytes() : 0)) return "rtp.truncated";
  const auto names = [&](const MasterKey& key) { return has_mki(view, p.receive.srtp_mki_from_end(), key); };
  if (p.authenticated && std::none_of(p.receive.keys.begin(), p.receive.keys.end(), names)) return "srtp.unknown_mki";
  for (std::uint32_t s = 0; s < model_.streams().size(); ++s)
    if (model_.streams()[s].sender == leg && model_.streams()[s].ssrc == load_be32(view.payload + 8)) return open_rtp(s, view);
  return "srtp.unknown_ssrc";
}

// Of all indexes with this sequence number the one nearest to the highest accepted (RFC 3711 §3.3.1).
std::uint64_t TestAppliance::nearest(const Window& window, std::uint64_t seq) {
  if (window.accepted.empty()) return (window.first_guess & ~std::uint64_t{0xffff}) | seq;
  const std::uint64_t highest = *window.accepted.rbegin();
  std::uint64_t best = ~std::uint64_t{0}, distance = ~std::uint64_t{0};
  for (std::uint64_t roc = (highest >> 16) == 0 ? 0 : (highest >> 16) - 1; roc <= (highest >> 16) + 1; ++roc) {
    const std::uint64_t candidate = (roc << 16) | seq, apart = candidate > highest ? candidate - highest : highest - candidate;
    if (apart < distance) best = candidate, distance = apart;
  }
  return best;
}

std::string TestAppliance::open_rtp(std::uint32_t stream, const UdpView& view) {
  const Participant& p = model_.sender_of(model_.streams()[stream]);
  const ConstBytes sealed{view.payload, view.payload_bytes};
  if (!p.authenticated) return fan_out(stream, {}, sealed), "";
  Window& window = windows_[stream];
  const std::uint64_t index = nearest(window, load_be16(view.payload + 2));
  std::string reason;
  if (!window.accepted.empty() && index + p.replay_window <= *window.accepted.rbegin()) reason = "srtp.too_old";
  if (reason.empty() && window.accepted.contains(index)) reason = "srtp.replayed";
  if (!reason.empty() && lie_ == Lie::kAcceptReplay && !outgoing_.empty()) outgoing_.push_back(outgoing_.front());
  if (!reason.empty()) return reason;
  std::vector<std::byte> rtp(sealed.begin(), sealed.end());
  std::size_t bytes = rtp.size();
  if (openers_[stream].open(rtp.data(), bytes) != OpenVerdict::kOk) return "srtp.auth_failed";
  learn(model_.streams()[stream].sender, false);
  if (!bind(p, model_.streams()[stream].ssrc)) return "srtp.not_bound";
  window.accepted.insert(index);
  ++opened_;
  if (p.muted) return "policy.muted";
  fan_out(stream, {rtp.data(), bytes}, sealed);
  return "";
}

// Where packets to this participant go: told, or learned from an authentic one. A port shared with RTCP is learned from either.
bool TestAppliance::is_known(std::uint32_t leg, bool rtcp) const {
  const Participant& p = model_.participants()[leg];
  return p.exact_source || latched_.contains({leg, rtcp && !p.rtcp_mux()});
}

void TestAppliance::learn(std::uint32_t leg, bool rtcp) {
  if (lie_ != Lie::kNeverLatch) latched_.insert({leg, rtcp && !model_.participants()[leg].rtcp_mux()});
}

// False for the first authentic packet of an SSRC that nobody had named.
bool TestAppliance::bind(const Participant& p, std::uint32_t ssrc) {
  const auto place = std::find(p.ssrcs.begin(), p.ssrcs.end(), ssrc) - p.ssrcs.begin();
  const bool named = place < static_cast<std::ptrdiff_t>(p.ssrcs.size()) - static_cast<std::ptrdiff_t>(p.learned_ssrcs);
  return named || !bound_ssrcs_.insert(ssrc).second;
}

bool TestAppliance::hears(std::uint32_t receiver, std::uint32_t sender) const {
  const auto& people = model_.participants();
  return receiver != sender && people[receiver].may_receive && people[receiver].conference == people[sender].conference;
}

void TestAppliance::fan_out(std::uint32_t stream, ConstBytes rtp, ConstBytes as_received) {
  const std::uint32_t sender = model_.streams()[stream].sender;
  const bool lying = lie_ != Lie::kNone && ++forwarded_ % 7 == 0;
  std::vector<std::byte> group;  // sealed once
  if (model_.mode_of(model_.participants()[sender]) == Mode::kGroup) {
    group.assign(rtp.begin(), rtp.end());
    group.resize(rtp.size() + kMaxTrailerBytes);
    std::size_t bytes = rtp.size();
    if (!sealers_[{stream, sender}].seal(group.data(), bytes)) return;
    group.resize(bytes);
  }
  for (std::uint32_t r = 0; r < model_.participants().size(); ++r)
    if ((hears(r, sender) && is_known(r, false)) || (r == sender && lie_ == Lie::kEcho && lying)) send_to(stream, r, rtp, group.empty() ? as_received : group, lying);
}

bool TestAppliance::seal_for(std::uint32_t stream, std::uint32_t receiver, std::byte* packet, std::size_t& bytes, bool lying) {
  const KeySet& keys = model_.participants()[receiver].send;
  if (lying && lie_ == Lie::kWrongPayload) packet[20] ^= std::byte{1};
  if (!sealers_[{stream, receiver}].seal(packet, bytes)) return false;
  if (lying && lie_ == Lie::kWrongMki && keys.mki_bytes() != 0) packet[bytes - keys.srtp_mki_from_end()] ^= std::byte{0xff};
  return true;
}

void TestAppliance::send_to(std::uint32_t stream, std::uint32_t number, ConstBytes rtp, ConstBytes as_is, bool lying) {
  const auto lies = [&](Lie lie) { return lying && lie_ == lie; };
  const Mode mode = model_.mode_of(model_.participants()[number]);
  std::byte packet[kBufferBytes];
  std::size_t bytes = mode == Mode::kPerParticipant ? rtp.size() : as_is.size();
  std::memcpy(packet, mode == Mode::kPerParticipant ? rtp.data() : as_is.data(), bytes);
  if (mode == Mode::kPerParticipant && !seal_for(stream, number, packet, bytes, lying)) return;
  if (lies(Lie::kAlterRelayed)) packet[bytes / 2] ^= std::byte{4};
  if (lies(Lie::kSealGroupTwice) && number % 2 == 0) packet[1] ^= std::byte{0x80};
  if (lies(Lie::kLose)) return;
  if (lies(Lie::kPlaintext)) std::memcpy(packet, rtp.data(), rtp.size());
  send_frame(number, false, {packet, bytes}, lying);
  if (lies(Lie::kDuplicate)) queue(outgoing_.back());
  if (lies(Lie::kReorder)) swap_with_earlier(kEthernetBytes + ip_bytes(model_.participants()[number].remote.v6) + kUdpBytes);
}

void TestAppliance::send_frame(std::uint32_t number, bool rtcp, ConstBytes udp_payload, bool lying) {
  const Participant& receiver = model_.participants()[number];
  const auto lies = [&](Lie lie) { return lying && lie_ == lie; };
  const std::size_t headers = kEthernetBytes + ip_bytes(receiver.remote.v6) + kUdpBytes;
  std::vector<std::byte> frame(headers + udp_payload.size());
  write_ethernet(frame.data(), lies(Lie::kWrongMac) ? kOwnMac : receiver.mac, kOwnMac, receiver.remote.v6 ? kEtherIpv6 : kEtherIpv4);
  std::copy(udp_payload.begin(), udp_payload.end(), frame.begin() + static_cast<std::ptrdiff_t>(headers));
  UdpPath path{receiver.local, receiver.remote, rtcp ? receiver.local_rtcp_port : receiver.local_port,
               rtcp && lie_ != Lie::kRtcpPort ? receiver.remote_rtcp_port : receiver.remote_port};
  if (lies(Lie::kWrongSource)) ++path.source_port;
  write_ip_udp(frame.data() + kEthernetBytes, path, udp_payload.size(), lies(Lie::kWrongDscp) ? 1 : receiver.dscp);
  if (lies(Lie::kBadUdpChecksum)) frame[headers - 1] ^= std::byte{1};
  queue(std::move(frame));
}

// The newest packet goes where the flow's previous one waits (same receiver's MAC, same SSRC), and that one behind.
void TestAppliance::swap_with_earlier(std::size_t headers) {
  auto& newest = outgoing_.back();
  const auto ssrc = static_cast<std::ptrdiff_t>(headers + 8);
  for (std::size_t i = 0; i + 1 < outgoing_.size(); ++i) {
    auto& other = outgoing_[i];
    const bool same = other.size() == newest.size() && std::equal(newest.begin(), newest.begin() + 6, other.begin()) &&
                      std::equal(newest.begin() + ssrc, newest.begin() + ssrc + 4, other.begin() + ssrc);
    if (same) return std::swap(other, newest);
  }
}

void TestAppliance::queue(std::vector<std::byte> frame) {
  if (vlan_ != 0 && load_be16(frame.data() + 12) != kEtherVlan) {
    std::byte tag[kVlanBytes];
    store_be16(tag, kEtherVlan);
    store_be16(tag + 2, vlan_);
    frame.insert(frame.begin() + 12, tag, tag + sizeof tag);
  }
  outgoing_.push_back(std::move(frame));
}

}  // namespace mediaward::tools::traffic::test
