// SPDX-License-Identifier: Apache-2.0
// Makes hostile packets out of the sealed pool (see the header). The sending thread; no allocation after construction.
#include "tools/traffic/hostile.h"

#include <algorithm>
#include <cstring>

#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::array<HostileInfo, kHostileKinds> kInfo{{
    {"tamper-header", "tamper", "srtp.auth_failed", true, 0},
    {"tamper-payload", "tamper", "srtp.auth_failed", true, 0},
    {"tamper-tag", "tamper", "srtp.auth_failed", true, 0},
    {"replay-at-once", "replay", "srtp.replayed", false, 0},
    {"replay-late", "replay", "srtp.replayed", false, 50},
    {"replay-old", "replay", "srtp.too_old", false, 400},
    {"stranger-address", "stranger", "srtp.source_mismatch", true, 0},
    {"stranger-port", "stranger", "srtp.source_mismatch", true, 0},
    {"unused-port", "stranger", "udp.no_leg", true, 0},
    {"unknown-ssrc", "unknown-ssrc", "srtp.unknown_ssrc", true, 0},
    {"stun", "junk", "demux.stun", true, 0},
    {"dtls", "junk", "demux.dtls", true, 0},
    {"unknown-protocol", "junk", "demux.unknown", true, 0},
    {"bad-version", "junk", "rtp.bad_version", true, 0},
    {"truncated", "junk", "rtp.truncated", true, 0},
}};

constexpr std::size_t kTruncatedBytes = kRtpHeaderBytes + 4;  // shorter than header and any tag

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> words;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (comma != 0) words.push_back(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return words;
}

}  // namespace

const HostileInfo& info(HostileKind kind) noexcept {
  return kInfo[static_cast<std::size_t>(kind)];
}

Result<std::vector<HostileKind>> parse_hostile(std::string_view list) {
  std::array<bool, kHostileKinds> wanted{};
  for (const std::string_view word : split(list)) {
    bool found = false;
    for (std::size_t i = 0; i < kHostileKinds; ++i) {
      if (word != "all" && word != kInfo[i].group && word != kInfo[i].name) continue;
      wanted[i] = found = true;
    }
    if (!found)
      return fail(ErrorCode::kInvalid, "--hostile: `" + std::string(word) +
                                           "` is unknown; there are the groups tamper, replay, stranger, unknown-ssrc, junk and all");
  }
  std::vector<HostileKind> kinds;
  for (std::size_t i = 0; i < kHostileKinds; ++i)
    if (wanted[i]) kinds.push_back(static_cast<HostileKind>(i));
  return kinds;
}

Hostile::Hostile(const Model& model, const SealedPool& pool, std::vector<HostileKind> kinds, std::uint32_t every)
    : model_(model), pool_(pool), kinds_(std::move(kinds)), every_(std::max(every, 1u)), buffer_(9000) {
  for (const Stream& stream : model.streams()) {
    unused_addresses_.push_back(model.unused_address(stream.sender));
    unused_ports_.push_back(model.unused_local_port(stream.sender));
  }
  unknown_ssrc_ = 0x5ca1ab1e;
  while (model.is_known_ssrc(unknown_ssrc_)) ++unknown_ssrc_;
}

// The first kind from the one whose turn it is whose past packet exists already.
std::optional<HostileKind> Hostile::kind_at(std::uint64_t position) const noexcept {
  if (kinds_.empty() || position % every_ != 0) return std::nullopt;
  const std::uint64_t round = position / model_.streams().size();
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    const HostileKind kind = kinds_[(position / every_ + i) % kinds_.size()];
    if (round >= info(kind).distance + 1) return kind;
  }
  return std::nullopt;
}

std::optional<HostilePacket> Hostile::next(std::uint64_t position, bool before_genuine) noexcept {
  const auto kind = kind_at(position);
  if (!kind || info(*kind).before_genuine != before_genuine) return std::nullopt;
  const std::size_t streams = model_.streams().size();
  copy_record(position - info(*kind).distance * streams);
  alter(*kind, position % streams);
  return HostilePacket{static_cast<std::uint32_t>(position % streams), *kind == HostileKind::kStrangerAddress, {buffer_.data(), bytes_}};
}

void Hostile::sent(std::uint64_t position) noexcept {
  if (const auto kind = kind_at(position)) ++counts_[static_cast<std::size_t>(*kind)];
}

void Hostile::copy_record(std::uint64_t position) noexcept {
  const ConstBytes record = pool_.record(position);
  bytes_ = record.size();
  std::memcpy(buffer_.data(), record.data(), bytes_);
}

void Hostile::alter(HostileKind kind, std::uint64_t stream) noexcept {
  const Participant& sender = model_.participants()[model_.streams()[stream].sender];
  UdpPath path{sender.remote, sender.local, sender.remote_port, sender.local_port};
  const std::size_t headers = ip_bytes(sender.remote.v6) + kUdpBytes;
  std::byte* rtp = buffer_.data() + headers;
  switch (kind) {
    case HostileKind::kTamperHeader:
      rtp[7] ^= std::byte{0x01};
      break;
    case HostileKind::kTamperPayload:
      rtp[kRtpHeaderBytes + pool_.payload_bytes() / 2] ^= std::byte{0x10};
      break;
    case HostileKind::kTamperTag:
      buffer_[bytes_ - 1] ^= std::byte{0x80};
      break;
    case HostileKind::kStrangerAddress:
      path.source = unused_addresses_[stream];
      break;
    case HostileKind::kStrangerPort:
      path.source_port = static_cast<std::uint16_t>(path.source_port ^ 1);
      break;
    case HostileKind::kUnusedPort:
      path.destination_port = unused_ports_[stream];
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
    default:
      break;  // a replay is the genuine packet
  }
  write_ip_udp(buffer_.data(), path, bytes_ - headers, 0);
}

std::uint64_t Hostile::total() const noexcept {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum;
}

std::map<std::string, std::uint64_t> Hostile::expected_drops() const {
  std::map<std::string, std::uint64_t> drops;
  for (std::size_t i = 0; i < kHostileKinds; ++i)
    if (counts_[i] != 0) drops[std::string(kInfo[i].drop_reason)] += counts_[i];
  return drops;
}

}  // namespace mediaward::tools::traffic
