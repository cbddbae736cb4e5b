// SPDX-License-Identifier: Apache-2.0
// The appliance of the traffic tool's tests: SRTCP (see traffic_test_appliance.h). One thread.
#include <algorithm>
#include <cstring>

#include "tools/traffic/rtcp_compound.h"
#include "tools/traffic/wire_judge.h"
#include "traffic_test_appliance.h"

namespace mediaward::tools::traffic::test {

namespace {

constexpr std::uint32_t kEncrypted = 0x80000000u;
constexpr std::uint32_t kWindow = 64;

// RFC 3550 A.2, without padding.
bool adds_up(ConstBytes rtcp) {
  std::size_t at = 0;
  while (at + 4 <= rtcp.size()) at += (std::size_t{load_be16(rtcp.data() + at + 2)} + 1) * 4;
  return at == rtcp.size();
}

}  // namespace

SrtcpContext& TestAppliance::rtcp_context(std::map<std::pair<std::uint32_t, std::uint32_t>, SrtcpContext>& contexts, std::uint32_t number,
                                          std::uint32_t variant, const KeySet& keys, SrtpDirection direction, bool encrypted) {
  auto& context = contexts[{number, variant}];
  if (!context) context = *SrtcpContext::create(keys, direction, encrypted);
  return context;
}

std::string TestAppliance::receive_rtcp(const UdpView& view, std::uint32_t leg) {
  const Participant& p = model_.participants()[leg];
  const ConstBytes sealed{view.payload, view.payload_bytes};
  if (!p.rtcp) return "srtcp.policy";
  if (view.payload_bytes < kRtcpHeaderBytes + (p.authenticated ? p.receive.srtcp_trailer_bytes() : 0)) return "srtcp.truncated";
  const std::uint32_t ssrc = load_be32(view.payload + 4);
  if (std::find(p.ssrcs.begin(), p.ssrcs.end(), ssrc) == p.ssrcs.end()) return "srtp.unknown_ssrc";
  if (!p.authenticated) return forward_rtcp(leg, ssrc, {}, sealed), "";
  const auto names = [&](const MasterKey& key) { return has_mki(view, p.receive.srtcp_mki_from_end(), key); };
  if (std::none_of(p.receive.keys.begin(), p.receive.keys.end(), names)) return "srtp.unknown_mki";
  const std::uint32_t word = load_be32(view.payload + view.payload_bytes - p.receive.srtcp_index_from_end());
  const bool encrypted = (word & kEncrypted) != 0;
  if (!encrypted && !p.plain_srtcp && p.receive.encrypts()) return "srtcp.unencrypted";
  auto& window = rtcp_windows_[ssrc];
  const std::uint32_t index = word & ~kEncrypted;
  if (!window.empty() && index + kWindow <= *window.rbegin()) return "srtcp.too_old";
  if (window.contains(index)) return "srtcp.replayed";
  std::vector<std::byte> plain(sealed.begin(), sealed.end());
  std::size_t bytes = plain.size();
  SrtcpContext& context = rtcp_context(rtcp_in_, leg, encrypted ? 1 : 0, p.receive, SrtpDirection::kReceive, encrypted);
  if (context.open(plain.data(), bytes) != OpenVerdict::kOk) return "srtcp.auth_failed";
  learn(leg, true);
  if (!bind(p, ssrc)) return "srtp.not_bound";
  window.insert(index);
  ++opened_;
  if (model_.mode_of(p) != Mode::kRelay && !adds_up({plain.data(), bytes})) return "rtcp.malformed";
  forward_rtcp(leg, ssrc, {plain.data(), bytes}, sealed);
  return "";
}

void TestAppliance::forward_rtcp(std::uint32_t leg, std::uint32_t, ConstBytes plain, ConstBytes as_received) {
  ++rtcp_forwarded_;
  const Participant& sender = model_.participants()[leg];
  std::vector<std::byte> group;
  if (model_.mode_of(sender) == Mode::kGroup) {
    const KeySet& keys = model_.conferences()[sender.conference].group;
    group.assign(plain.begin(), plain.end());
    group.resize(plain.size() + kMaxTrailerBytes);
    std::size_t bytes = plain.size();
    if (!rtcp_context(rtcp_out_, leg, ~0u, keys, SrtpDirection::kSend, true).seal(group.data(), bytes)) return;
    group.resize(bytes);
  }
  for (std::uint32_t r = 0; r < model_.participants().size(); ++r) {
    const Participant& receiver = model_.participants()[r];
    const bool media = (hears(r, leg) && sender.may_send) || (hears(leg, r) && receiver.may_send);  // one way is enough
    if (media && receiver.rtcp && is_known(r, true)) send_rtcp(leg, r, plain, group.empty() ? as_received : group);
  }
}

void TestAppliance::send_rtcp(std::uint32_t leg, std::uint32_t receiver, ConstBytes plain, ConstBytes as_is) {
  const bool lying = rtcp_forwarded_ % 5 == 0;
  const auto lies = [&](Lie lie) { return lying && lie_ == lie; };
  if (lies(Lie::kRtcpLose)) return;
  if (model_.mode_of(model_.participants()[leg]) != Mode::kPerParticipant) return send_frame(receiver, true, as_is, false);
  std::vector<std::byte> packet(plain.begin(), plain.end());
  packet.resize(plain.size() + kMaxTrailerBytes);
  if (lies(Lie::kRtcpPayload)) packet[20] ^= std::byte{1};
  std::size_t bytes = plain.size();
  const bool encrypted = !lies(Lie::kRtcpPlain);
  const std::uint32_t variant = lies(Lie::kRtcpIndexAgain) ? 2 : encrypted ? 1 : 0;
  if (!rtcp_context(rtcp_out_, receiver, variant, model_.participants()[receiver].send, SrtpDirection::kSend, encrypted).seal(packet.data(), bytes))
    return;
  send_frame(receiver, true, {packet.data(), bytes}, false);
  if (lies(Lie::kRtcpTwice)) queue(outgoing_.back());
}

}  // namespace mediaward::tools::traffic::test
