// SPDX-License-Identifier: Apache-2.0
// Serialises PPSPP messages (RFC 7574 §8), see ppspp_writer.h.
#include "dataplane/wire/ppspp_writer.h"

#include <cstring>

namespace mediaward::dataplane::ppspp {

namespace {

constexpr std::size_t kHandshakeHeadBytes = 1 + kChannelBytes;
constexpr std::size_t kMaxCertificateBytes = 0xffff;

void copy(std::byte* to, ConstBytes from) noexcept {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

}  // namespace

MessageWriter::MessageWriter(Bytes room, std::uint32_t destination_channel, const Framing& framing) noexcept
    : room_(room.size() < kChannelBytes ? Bytes{} : room), framing_(framing) {
  if (room_.empty()) return;
  store_be32(room_.data(), destination_channel);
  at_ = kChannelBytes;
}

// Room for a message whose body follows its type; null, and nothing claimed, when it does not fit.
std::byte* MessageWriter::claim(MessageType type, std::size_t body_bytes) noexcept {
  if (room_left() < 1 + body_bytes) return nullptr;
  std::byte* p = room_.data() + at_;
  *p = static_cast<std::byte>(type);
  at_ += 1 + body_bytes;
  return p + 1;
}

// The same with the range written; returns where the body goes on.
std::byte* MessageWriter::claim_ranged(MessageType type, const ChunkRange& range, std::size_t more_bytes) noexcept {
  const std::size_t range_bytes = framing_.range_bytes();
  if (room_left() < 1 + range_bytes + more_bytes) return nullptr;
  std::byte* p = room_.data() + at_;
  if (!store_range(framing_.addressing, range, p + 1)) return nullptr;
  *p = static_cast<std::byte>(type);
  at_ += 1 + range_bytes + more_bytes;
  return p + 1 + range_bytes;
}

bool MessageWriter::ranged(MessageType type, const ChunkRange& range) noexcept {
  return claim_ranged(type, range, 0) != nullptr;
}
bool MessageWriter::bare(MessageType type) noexcept {
  return claim(type, 0) != nullptr;
}

bool MessageWriter::handshake(std::uint32_t source_channel, const HandshakeOptions& options) noexcept {
  if (at_ != kChannelBytes || room_left() < kHandshakeHeadBytes) return false;
  const std::size_t bytes = write_options(room_.subspan(at_ + kHandshakeHeadBytes), options);
  if (bytes == 0) return false;
  store_be32(claim(MessageType::kHandshake, kChannelBytes + bytes), source_channel);
  return true;
}

bool MessageWriter::close() noexcept {
  return handshake(0, {});
}

bool MessageWriter::data_header(const ChunkRange& chunk, std::uint64_t timestamp_us) noexcept {
  std::byte* p = claim_ranged(MessageType::kData, chunk, kTimestampBytes);
  if (p == nullptr) return false;
  store_be64(p, timestamp_us);
  return true;
}

bool MessageWriter::data(const ChunkRange& chunk, std::uint64_t timestamp_us, ConstBytes content) noexcept {
  if (content.empty() || room_left() < data_bytes(framing_, content.size()) || !data_header(chunk, timestamp_us)) return false;
  copy(room_.data() + at_, content);
  at_ += content.size();
  return true;
}

bool MessageWriter::ack(const ChunkRange& range, std::uint64_t delay_us) noexcept {
  std::byte* p = claim_ranged(MessageType::kAck, range, kTimestampBytes);
  if (p == nullptr) return false;
  store_be64(p, delay_us);
  return true;
}

bool MessageWriter::have(const ChunkRange& range) noexcept {
  return ranged(MessageType::kHave, range);
}
bool MessageWriter::request(const ChunkRange& range) noexcept {
  return ranged(MessageType::kRequest, range);
}
bool MessageWriter::cancel(const ChunkRange& range) noexcept {
  return ranged(MessageType::kCancel, range);
}
bool MessageWriter::choke() noexcept {
  return bare(MessageType::kChoke);
}
bool MessageWriter::unchoke() noexcept {
  return bare(MessageType::kUnchoke);
}
bool MessageWriter::pex_req() noexcept {
  return bare(MessageType::kPexReq);
}

bool MessageWriter::integrity(const ChunkRange& node, ConstBytes hash) noexcept {
  if (hash.empty() || hash.size() != framing_.hash_bytes) return false;
  std::byte* p = claim_ranged(MessageType::kIntegrity, node, hash.size());
  if (p == nullptr) return false;
  copy(p, hash);
  return true;
}

bool MessageWriter::signed_integrity(const ChunkRange& node, std::uint64_t ntp_time, ConstBytes signature) noexcept {
  if (signature.empty() || signature.size() != framing_.signature_bytes) return false;
  std::byte* p = claim_ranged(MessageType::kSignedIntegrity, node, kTimestampBytes + signature.size());
  if (p == nullptr) return false;
  store_be64(p, ntp_time);
  copy(p + kTimestampBytes, signature);
  return true;
}

bool MessageWriter::pex_address(MessageType type, ConstBytes address, std::size_t wanted_bytes, std::uint16_t port) noexcept {
  if (address.size() != wanted_bytes) return false;
  std::byte* p = claim(type, wanted_bytes + sizeof port);
  if (p == nullptr) return false;
  copy(p, address);
  store_be16(p + wanted_bytes, port);
  return true;
}

bool MessageWriter::pex_res_v4(ConstBytes address, std::uint16_t port) noexcept {
  return pex_address(MessageType::kPexResV4, address, 4, port);
}
bool MessageWriter::pex_res_v6(ConstBytes address, std::uint16_t port) noexcept {
  return pex_address(MessageType::kPexResV6, address, 16, port);
}

bool MessageWriter::pex_res_cert(ConstBytes der) noexcept {
  if (der.size() > kMaxCertificateBytes) return false;
  std::byte* p = claim(MessageType::kPexResCert, 2 + der.size());
  if (p == nullptr) return false;
  store_be16(p, static_cast<std::uint16_t>(der.size()));
  copy(p + 2, der);
  return true;
}

}  // namespace mediaward::dataplane::ppspp
