// SPDX-License-Identifier: Apache-2.0
// Puts PPSPP messages (RFC 7574 §8) behind one another into a datagram's room. A message is written whole or not at all: what does not fit,
// or cannot be said in the swarm's addressing, leaves the datagram as it was and returns false.
// Order is the caller's (HANDSHAKE first, hashes by descending height, DATA last). No allocation. Per packet; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"
#include "dataplane/wire/ppspp_options.h"
#include "dataplane/wire/ppspp_types.h"

namespace mediaward::dataplane::ppspp {

class MessageWriter {
 public:
  // Writes the destination channel. With less room than that everything returns false and bytes() stays empty.
  MessageWriter(Bytes room, std::uint32_t destination_channel, const Framing& framing) noexcept;

  [[nodiscard]] bool handshake(std::uint32_t source_channel, const HandshakeOptions& options) noexcept;  // only as the first message
  [[nodiscard]] bool close() noexcept;  // HANDSHAKE with source channel 0 and no options (RFC 7574 §8.4); only as the first message
  [[nodiscard]] bool data(const ChunkRange& chunk, std::uint64_t timestamp_us, ConstBytes content) noexcept;
  // The same without the content, which the caller puts behind it or sends from where it is, and answers for that the datagram holds it.
  [[nodiscard]] bool data_header(const ChunkRange& chunk, std::uint64_t timestamp_us) noexcept;
  [[nodiscard]] bool ack(const ChunkRange& range, std::uint64_t delay_us) noexcept;
  [[nodiscard]] bool have(const ChunkRange& range) noexcept;
  [[nodiscard]] bool integrity(const ChunkRange& node, ConstBytes hash) noexcept;  // hash.size() is the framing's
  [[nodiscard]] bool signed_integrity(const ChunkRange& node, std::uint64_t ntp_time, ConstBytes signature) noexcept;
  [[nodiscard]] bool request(const ChunkRange& range) noexcept;
  [[nodiscard]] bool cancel(const ChunkRange& range) noexcept;
  [[nodiscard]] bool choke() noexcept;
  [[nodiscard]] bool unchoke() noexcept;
  [[nodiscard]] bool pex_req() noexcept;
  [[nodiscard]] bool pex_res_v4(ConstBytes address, std::uint16_t port) noexcept;  // 4 bytes
  [[nodiscard]] bool pex_res_v6(ConstBytes address, std::uint16_t port) noexcept;  // 16 bytes
  [[nodiscard]] bool pex_res_cert(ConstBytes der) noexcept;                        // up to 65535 bytes

  [[nodiscard]] ConstBytes bytes() const noexcept { return room_.first(at_); }
  [[nodiscard]] std::size_t room_left() const noexcept { return room_.size() - at_; }
  [[nodiscard]] bool is_keep_alive() const noexcept { return at_ == kChannelBytes; }  // nothing but the channel id

 private:
  std::byte* claim(MessageType type, std::size_t body_bytes) noexcept;
  std::byte* claim_ranged(MessageType type, const ChunkRange& range, std::size_t more_bytes) noexcept;
  [[nodiscard]] bool ranged(MessageType type, const ChunkRange& range) noexcept;
  [[nodiscard]] bool bare(MessageType type) noexcept;
  [[nodiscard]] bool pex_address(MessageType type, ConstBytes address, std::size_t wanted_bytes, std::uint16_t port) noexcept;

  Bytes room_;
  std::size_t at_ = 0;
  Framing framing_;
};

// Sizes on the wire, type octet included.
[[nodiscard]] constexpr std::size_t integrity_bytes(const Framing& f) noexcept {
  return 1 + f.range_bytes() + f.hash_bytes;
}
[[nodiscard]] constexpr std::size_t signed_integrity_bytes(const Framing& f) noexcept {
  return 1 + f.range_bytes() + kTimestampBytes + f.signature_bytes;
}
[[nodiscard]] constexpr std::size_t data_bytes(const Framing& f, std::size_t content_bytes) noexcept {
  return 1 + f.range_bytes() + kTimestampBytes + content_bytes;
}

// How many INTEGRITY fit in front of a DATA of content_bytes in one datagram of max_payload bytes: 10 for 1024 bytes, SHA-256 and 32-bit
// chunk ranges in 1472 bytes, 9 in 1452. What does not fit goes ahead in datagrams of its own (RFC 7574 §5.3).
[[nodiscard]] constexpr std::size_t room_for_hashes(const Framing& f, std::size_t max_payload, std::size_t content_bytes) noexcept {
  const std::size_t taken = kChannelBytes + data_bytes(f, content_bytes);
  return max_payload < taken ? 0 : (max_payload - taken) / integrity_bytes(f);
}

}  // namespace mediaward::dataplane::ppspp
