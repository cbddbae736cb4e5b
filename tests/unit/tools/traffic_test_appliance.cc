// SPDX-License-Identifier: Apache-2.0
// The appliance of the traffic tool's tests (see the header). One thread.
#include "traffic_test_appliance.h"

#include <algorithm>
#include <cstring>

#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic::test {

namespace {

constexpr Mac kOwnMac{std::byte{0x02}, std::byte{0xaa}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
constexpr std::size_t kBuffers = 512, kBufferBytes = 2048;

std::size_t tag_of(const std::string& suite) {
  return suite == "AEAD_AES_128_GCM" ? 16 : 10;
}

}  // namespace

TestAppliance::TestAppliance(const Model& model, Lie lie, std::uint16_t vlan) : model_(model), lie_(lie), vlan_(vlan) {
  const auto& people = model.participants();
  for (std::uint32_t s = 0; s < model.streams().size(); ++s) {
    const Stream& stream = model.streams()[s];
    openers_[s] =
        *SrtpContext::opener(people[stream.sender].receive_suite, people[stream.sender].receive_key, stream.ssrc, stream.first_index);
    for (std::uint32_t r = 0; r < people.size(); ++r) {
      const bool steals = lie == Lie::kWrongKey && r == people.size() - 1;
      const Participant& owner = people[steals ? 0 : r];
      sealers_[{s, r}] = *SrtpContext::sealer(owner.send_suite, owner.send_key, stream.ssrc, stream.first_index);
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

// Empty: to be opened. Otherwise the drop reason.
std::string TestAppliance::classify(const UdpView& view, std::uint32_t& stream) const {
  const auto& people = model_.participants();
  const auto leg = std::find_if(people.begin(), people.end(), [&](const Participant& p) {
    return p.local == Address::from(view.destination(), view.v6) && p.local_port == view.destination_port();
  });
  if (leg == people.end()) return "udp.no_leg";
  const auto first = static_cast<unsigned>(view.payload[0]);
  if (first < 4) return "demux.stun";
  if (first >= 20 && first < 64) return "demux.dtls";
  if (first < 80) return "demux.unknown";
  if (first < 128 || first > 191) return "rtp.bad_version";
  if (leg->remote != Address::from(view.source(), view.v6) || leg->remote_port != view.source_port()) return "srtp.source_mismatch";
  if (view.payload_bytes < kRtpHeaderBytes + tag_of(leg->receive_suite)) return "rtp.truncated";
  for (stream = 0; stream < model_.streams().size(); ++stream)
    if (&people[model_.streams()[stream].sender] == &*leg && model_.streams()[stream].ssrc == load_be32(view.payload + 8)) return "";
  return "srtp.unknown_ssrc";
}

void TestAppliance::on_udp(const UdpView& view) {
  std::uint32_t stream = 0;
  const std::string reason = view.udp_checksum_good() && view.ip_checksum_good() ? classify(view, stream) : "checksum";
  if (!reason.empty()) return void(++drops_[reason]);
  std::vector<std::byte> rtp(view.payload, view.payload + view.payload_bytes);
  std::size_t bytes = rtp.size();
  switch (openers_[stream].open(rtp.data(), bytes)) {
    case OpenVerdict::kOk:
      return fan_out(stream, {rtp.data(), bytes}, load_be16(rtp.data() + 2));
    case OpenVerdict::kAuthFailed:
      return void(++drops_["srtp.auth_failed"]);
    default:
      ++drops_["srtp.replayed or too_old"];
  }
  if (lie_ == Lie::kAcceptReplay && !outgoing_.empty()) outgoing_.push_back(outgoing_.front());
}

void TestAppliance::fan_out(std::uint32_t stream, ConstBytes rtp, std::uint16_t) {
  const std::uint32_t sender = model_.streams()[stream].sender;
  const bool lying = lie_ != Lie::kNone && ++forwarded_ % 7 == 0;
  for (std::uint32_t r = 0; r < model_.participants().size(); ++r) {
    const bool hears = model_.participants()[r].may_receive && (r != sender || (lie_ == Lie::kEcho && lying));
    if (hears) send_to(stream, r, rtp, lying);
  }
}

void TestAppliance::send_to(std::uint32_t stream, std::uint32_t number, ConstBytes rtp, bool lying) {
  const Participant& receiver = model_.participants()[number];
  const auto lies = [&](Lie lie) { return lying && lie_ == lie; };
  std::byte packet[kBufferBytes];
  std::memcpy(packet, rtp.data(), rtp.size());
  if (lies(Lie::kWrongPayload)) packet[20] ^= std::byte{1};
  std::size_t bytes = rtp.size();
  if (!sealers_[{stream, number}].seal(packet, bytes) || lies(Lie::kLose)) return;
  if (lies(Lie::kPlaintext)) std::memcpy(packet, rtp.data(), rtp.size());
  const std::size_t headers = kEthernetBytes + ip_bytes(receiver.remote.v6) + kUdpBytes;
  std::vector<std::byte> frame(headers + bytes);
  write_ethernet(frame.data(), lies(Lie::kWrongMac) ? kOwnMac : receiver.mac, kOwnMac, receiver.remote.v6 ? kEtherIpv6 : kEtherIpv4);
  std::memcpy(frame.data() + headers, packet, bytes);
  UdpPath path{receiver.local, receiver.remote, receiver.local_port, receiver.remote_port};
  if (lies(Lie::kWrongSource)) ++path.source_port;
  write_ip_udp(frame.data() + kEthernetBytes, path, bytes, lies(Lie::kWrongDscp) ? 1 : receiver.dscp);
  if (lies(Lie::kBadUdpChecksum)) frame[headers - 1] ^= std::byte{1};
  queue(frame);
  if (lies(Lie::kDuplicate)) queue(frame);
  if (lies(Lie::kReorder)) swap_with_earlier(headers);
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
  if (vlan_ != 0) {
    std::byte tag[kVlanBytes];
    store_be16(tag, kEtherVlan);
    store_be16(tag + 2, vlan_);
    frame.insert(frame.begin() + 12, tag, tag + sizeof tag);
  }
  outgoing_.push_back(std::move(frame));
}

}  // namespace mediaward::tools::traffic::test
