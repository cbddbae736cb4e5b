// SPDX-License-Identifier: Apache-2.0
// Chooses hostile packets and makes those that look like SRTP out of the sealed pool (see the header). The sending thread.
#include "tools/traffic/hostile.h"

#include <algorithm>
#include <cstring>

#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::size_t kTruncatedBytes = kRtpHeaderBytes + 1;  // shorter than header and any tag
constexpr std::size_t kBufferBytes = 9000;

}  // namespace

Hostile::Hostile(const Model& model, const SealedPool& pool, const Ledger& ledger, RtcpSender& rtcp, std::vector<HostileKind> kinds,
                 std::uint32_t every)
    : model_(model),
      pool_(pool),
      ledger_(ledger),
      rtcp_(rtcp),
      kinds_(std::move(kinds)),
      every_(std::max(every, 1u)),
      buffer_(kBufferBytes) {
  for (std::uint32_t p = 0; p < model.participants().size() && !kinds_.empty(); ++p) {
    unused_addresses_.push_back(model.unused_address(p));
    unused_ports_.push_back(model.unused_local_port(p));
  }
  unknown_ssrc_ = 0x5ca1ab1e;
  while (model.is_known_ssrc(unknown_ssrc_)) ++unknown_ssrc_;
}

// The first kind, from the one whose turn it is, that this stream gives a chance for.
void Hostile::choose(std::uint64_t position, std::uint32_t stream, std::uint64_t round) {
  choice_.reset();
  if (kinds_.empty() || position % every_ != 0) return;
  for (std::size_t i = 0; i < kinds_.size() && !choice_; ++i) choice_ = consider(kinds_[(position / every_ + i) % kinds_.size()], stream, round);
}

std::optional<Hostile::Choice> Hostile::consider(HostileKind kind, std::uint32_t stream, std::uint64_t round) const {
  const HostileInfo& row = info(kind);
  if (is_srtcp(kind)) {
    if (!suits_srtcp(kind, stream)) return std::nullopt;
    return Choice{kind, stream, round, row.drop_reason};
  }
  if (round <= row.distance || !suits(kind, model_.sender_of(model_.streams()[stream]))) return std::nullopt;
  Choice choice{kind, stream, round - row.distance, row.drop_reason};
  if (row.group == "replay") {
    // Its own packet must have been forwarded when the copy leaves: just before it, or rounds ago.
    const bool forwarded = row.distance == 0 ? ledger_.predict(stream, round) == Fate::kForwarded : ledger_.forwarded(stream, choice.round);
    if (!forwarded) return std::nullopt;
  } else if (row.group == "tamper") {
    if (const Fate fate = ledger_.predict(stream, round); fate != Fate::kForwarded) choice.drop_reason = drop_reason(fate);
  }
  return choice;
}

// A relay without the key forwards whatever has a known SSRC; a leg that latches follows an authentic packet; a leg that learns SSRCs
// looks at unknown ones.
bool Hostile::suits(HostileKind kind, const Participant& sender) const noexcept {
  switch (kind) {
    case HostileKind::kStrangerAddress:
    case HostileKind::kStrangerPort:
      return sender.exact_source;
    case HostileKind::kUnusedPort:
    case HostileKind::kStun:
    case HostileKind::kDtls:
    case HostileKind::kJunk:
      return true;
    case HostileKind::kUnknownSsrc:
      return sender.learned_ssrcs == 0;
    case HostileKind::kBadMki:
      return sender.authenticated && sender.receive.mki_bytes() != 0;
    case HostileKind::kRtpToRtcp:
      return !sender.rtcp_mux();
    default:
      return sender.authenticated;
  }
}

std::optional<HostilePacket> Hostile::make(bool before_genuine) {
  if (!choice_ || info(choice_->kind).before_genuine != before_genuine) return std::nullopt;
  const Stream& stream = model_.streams()[choice_->stream];
  if (is_srtcp(choice_->kind)) {
    if (!make_srtcp()) return std::nullopt;
    return HostilePacket{stream.sender, choice_->kind == HostileKind::kSrtcpStranger, {buffer_.data(), bytes_}};
  }
  if (info(choice_->kind).group == "replay") {  // the window as it is now says why
    const Fate fate = ledger_.predict(choice_->stream, choice_->round);
    if (fate == Fate::kForwarded) return std::nullopt;
    choice_->drop_reason = drop_reason(fate);
  }
  const Participant& from = sender();
  copy(pool_.record(choice_->round, choice_->stream));
  UdpPath path{from.remote, from.local, from.remote_port, from.local_port};
  const std::size_t headers = ip_bytes(from.remote.v6) + kUdpBytes;
  alter(path, headers);
  write_ip_udp(buffer_.data(), path, bytes_ - headers, 0);
  return HostilePacket{stream.sender, choice_->kind == HostileKind::kStrangerAddress, {buffer_.data(), bytes_}};
}

void Hostile::sent() noexcept {
  ++counts_[static_cast<std::size_t>(choice_->kind)];
  ++drops_[std::string(choice_->drop_reason)];
}

void Hostile::copy(ConstBytes packet) noexcept {
  bytes_ = packet.size();
  std::memcpy(buffer_.data(), packet.data(), bytes_);
}

// Another value in the place of the MKI, one that no key has.
void Hostile::spoil_mki(std::size_t from_end, const KeySet& keys) noexcept {
  std::byte* mki = buffer_.data() + bytes_ - from_end;
  const auto is_there = [&](const MasterKey& key) { return std::memcmp(mki, key.mki.data(), key.mki.size()) == 0; };
  while (std::any_of(keys.keys.begin(), keys.keys.end(), is_there))
    mki[keys.mki_bytes() - 1] = static_cast<std::byte>(static_cast<unsigned>(mki[keys.mki_bytes() - 1]) + 0x35);
}

void Hostile::alter(UdpPath& path, std::size_t headers) {
  const Participant& from = sender();
  const std::uint32_t self = model_.streams()[choice_->stream].sender;
  std::byte* rtp = buffer_.data() + headers;
  switch (choice_->kind) {
    case HostileKind::kTamperHeader:
      rtp[7] ^= std::byte{0x01};
      break;
    case HostileKind::kTamperPayload:
      rtp[kRtpHeaderBytes + pool_.payload_bytes() / 2] ^= std::byte{0x10};
      break;
    case HostileKind::kTamperTag:
      buffer_[bytes_ - 1 - from.receive.srtp_tag_end_from_end()] ^= std::byte{0x80};
      break;
    case HostileKind::kStrangerAddress:
      path.source = unused_addresses_[self];
      break;
    case HostileKind::kStrangerPort:
      path.source_port = static_cast<std::uint16_t>(path.source_port ^ 1);
      break;
    case HostileKind::kUnusedPort:
      path.destination_port = unused_ports_[self];
      break;
    case HostileKind::kUnknownSsrc:
      store_be32(rtp + 8, unknown_ssrc_);
      break;
    case HostileKind::kStun:
      rtp[0] = std::byte{0x00};
      break;  // RFC 7983 §7: 0..3
    case HostileKind::kDtls:
      rtp[0] = std::byte{22};
      break;  // 20..63
    case HostileKind::kJunk:
      rtp[0] = std::byte{10};
      break;  // 4..15: nobody's
    case HostileKind::kBadVersion:
      rtp[0] = std::byte{0xc0};
      break;  // RFC 3550 §5.1: version 3
    case HostileKind::kTruncated:
      bytes_ = headers + kTruncatedBytes;
      break;
    case HostileKind::kBadMki:
      spoil_mki(from.receive.srtp_mki_from_end(), from.receive);
      break;
    case HostileKind::kRtpToRtcp:
      path.destination_port = from.local_rtcp_port;
      path.source_port = from.remote_rtcp_port;
      break;
    default:
      break;  // a replay is the genuine packet
  }
}

std::uint64_t Hostile::total() const noexcept {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum;
}

}  // namespace mediaward::tools::traffic
