// SPDX-License-Identifier: Apache-2.0
// Hostile packets that look like SRTCP. A stranger without keys can only copy and alter; a participant gone wrong seals what it should
// not: both are made here, the second with the participant's own libsrtp context. See hostile.h. The sending thread; allocates.
#include <cstring>

#include "tools/traffic/hostile.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::uint32_t kBehindEveryWindow = 300;  // SRTCP indexes

}  // namespace

bool Hostile::suits_srtcp(HostileKind kind, std::uint32_t stream) const noexcept {
  const std::uint32_t source = rtcp_.source_of_stream(stream);
  const Participant& from = model_.sender_of(model_.streams()[stream]);
  // A report must have arrived, so that there is something to copy.
  if (!rtcp_.enabled() || source == Model::kNone || !from.authenticated || rtcp_.last_sealed(source).empty()) return false;
  switch (kind) {
    case HostileKind::kSrtcpOld:
      return rtcp_.sealed_count(source) > kBehindEveryWindow;
    case HostileKind::kSrtcpPlain:
      return from.receive.encrypts() && !from.plain_srtcp;
    case HostileKind::kSrtcpUnknownSsrc:
      return from.learned_ssrcs == 0;
    case HostileKind::kSrtcpBadMki:
      return from.receive.mki_bytes() != 0;
    case HostileKind::kSrtcpMalformed:  // nobody can see it in a relay, which decrypts nothing
      return model_.mode_of(from) != Mode::kRelay;
    case HostileKind::kSrtcpStranger:
      return from.exact_source;
    case HostileKind::kRtcpToRtp:
      return !from.rtcp_mux();
    default:
      return true;
  }
}

bool Hostile::make_srtcp() {
  const std::uint32_t source = rtcp_.source_of_stream(choice_->stream);
  const std::uint32_t ssrc = model_.streams()[choice_->stream].ssrc, self = model_.streams()[choice_->stream].sender;
  const Participant& from = sender();
  UdpPath path{from.remote, from.local, from.remote_rtcp_port, from.local_rtcp_port};
  const std::size_t headers = ip_bytes(from.remote.v6) + kUdpBytes;
  const auto fresh = [&](std::uint32_t of, bool malformed) {
    if (!rtcp_.seal_extra(source, of, malformed, fresh_)) return false;
    copy({fresh_.packet.data(), fresh_.packet_bytes});
    return true;
  };
  switch (choice_->kind) {
    case HostileKind::kSrtcpTag:
      if (!fresh(ssrc, false)) return false;
      // The last byte of the tag; of an AEAD it lies in front of index and MKI.
      buffer_[bytes_ - 1 - (from.receive.is_aead() ? from.receive.srtcp_index_from_end() : 0)] ^= std::byte{0x01};
      break;
    case HostileKind::kSrtcpReplay:
      copy(rtcp_.last_sealed(source));
      break;
    case HostileKind::kSrtcpOld:
      copy(rtcp_.first_sealed(source));
      break;
    case HostileKind::kSrtcpPlain:
      if (!rtcp_.seal_plain(source, fresh_)) return false;
      copy({fresh_.packet.data(), fresh_.packet_bytes});
      break;
    case HostileKind::kSrtcpTruncated:
      copy(rtcp_.last_sealed(source));
      bytes_ = headers + kRtcpHeaderBytes + from.receive.srtcp_trailer_bytes() - 1;
      break;
    case HostileKind::kSrtcpUnknownSsrc:
      if (!fresh(unknown_ssrc_, false)) return false;
      break;
    case HostileKind::kSrtcpBadMki:
      if (!fresh(ssrc, false)) return false;
      spoil_mki(from.receive.srtcp_mki_from_end(), from.receive);
      break;
    case HostileKind::kSrtcpMalformed:
      if (!fresh(ssrc, true)) return false;
      break;
    case HostileKind::kSrtcpStranger:
      if (!fresh(ssrc, false)) return false;
      path.source = unused_addresses_[self];
      break;
    case HostileKind::kRtcpToRtp:
      if (!fresh(ssrc, false)) return false;
      path.source_port = from.remote_port;
      path.destination_port = from.local_port;
      break;
    default:
      return false;
  }
  write_ip_udp(buffer_.data(), path, bytes_ - headers, 0);
  return true;
}

}  // namespace mediaward::tools::traffic
