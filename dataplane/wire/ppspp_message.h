// SPDX-License-Identifier: Apache-2.0
// PPSPP messages of one datagram (RFC 7574 §8), one after the other, as spans into it. Messages carry no length: it follows from type and
// Framing, hence the first thing that cannot be read ends the datagram.
// No state beyond the datagram, no policy, no hashing: a range or hash that is well-formed may still be nonsense. Per packet; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"
#include "dataplane/wire/ppspp_options.h"
#include "dataplane/wire/ppspp_types.h"

namespace mediaward::dataplane::ppspp {

struct Message {
  MessageType type = MessageType::kHandshake;
  std::uint16_t port = 0;       // PEX_RESv4, PEX_RESv6
  std::uint32_t channel = 0;    // HANDSHAKE: source channel, 0 closes (RFC 7574 §8.4)
  ChunkRange range{};           // DATA, ACK, HAVE, INTEGRITY, SIGNED_INTEGRITY, REQUEST, CANCEL
  std::uint64_t timestamp = 0;  // DATA: sender's microseconds; ACK: one-way delay sample in microseconds; SIGNED_INTEGRITY: NTP
  // DATA: chunk; INTEGRITY: hash; SIGNED_INTEGRITY: signature; HANDSHAKE: option list with End; PEX_RESv4, v6: address; PEX_REScert: DER
  ConstBytes body{};
};

struct Handshake {
  std::uint32_t source_channel = 0;
  HandshakeOptions options{};
  [[nodiscard]] bool closes() const noexcept { return source_channel == 0; }
};

// UDP payload → destination channel and what follows it; nothing following is a keep-alive (RFC 7574 §8.14). False: under 4 bytes.
[[nodiscard]] inline bool split_channel(ConstBytes payload, std::uint32_t& channel, ConstBytes& after_channel) noexcept {
  if (payload.size() < kChannelBytes) [[unlikely]]
    return false;
  channel = load_be32(payload.data());
  after_channel = payload.subspan(kChannelBytes);
  return true;
}

// True when the datagram begins with a HANDSHAKE.
[[nodiscard]] inline bool begins_with_handshake(ConstBytes after_channel) noexcept {
  return !after_channel.empty() && after_channel[0] == std::byte{0};
}

// First contact: needs no framing. `bytes` counts from the type octet; what follows is read by MessageReader::after_handshake with the
// framing that the options make. `out` is complete only with kNone.
[[nodiscard]] OptionsResult parse_handshake(ConstBytes after_channel, Profile profile, Handshake& out) noexcept;

// Reads a datagram of a swarm that is known. A HANDSHAKE at its head is read too, and changes nothing in the framing of what follows.
class MessageReader {
 public:
  explicit MessageReader(ConstBytes after_channel, const Framing& framing, Profile profile = Profile::kRfc) noexcept
      : bytes_(after_channel), framing_(framing), range_bytes_(framing.range_bytes()), profile_(profile) {}

  // The rest of a datagram whose HANDSHAKE has been taken off: another one is an error.
  [[nodiscard]] static MessageReader after_handshake(ConstBytes rest, const Framing& framing) noexcept {
    MessageReader reader(rest, framing);
    reader.first_ = false;
    return reader;
  }

  // The next message. False: nothing is left (error() is kNone), or it cannot be read; then it stays false. `out` is written only with
  // true. DATA takes the rest of the datagram, or chunk_bytes of it when chunks have a fixed size and there is more (RFC 7574 §8.6).
  [[nodiscard]] bool next(Message& out) noexcept;

  [[nodiscard]] ParseError error() const noexcept { return error_; }
  // Bytes behind the channel id that have been read; with an error: where the message that cannot be read begins.
  [[nodiscard]] std::size_t offset() const noexcept { return at_; }
  // Of the HANDSHAKE that next() returned; refers to the datagram.
  [[nodiscard]] const HandshakeOptions& options() const noexcept { return options_; }

 private:
  bool fail(ParseError error) noexcept {
    error_ = error;
    return false;
  }
  enum class Which : std::uint8_t { kAny, kNode };
  bool read_handshake(ConstBytes rest, Message& out) noexcept;
  bool read_ranged(ConstBytes rest, std::size_t timestamp_bytes, std::size_t body_bytes, Which which, Message& out) noexcept;
  bool read_data(ConstBytes rest, Message& out) noexcept;
  bool read_address(ConstBytes rest, std::size_t address_bytes, Message& out) noexcept;
  bool read_certificate(ConstBytes rest, Message& out) noexcept;

  ConstBytes bytes_;
  std::size_t at_ = 0;
  Framing framing_;
  std::size_t range_bytes_;
  Profile profile_;
  ParseError error_ = ParseError::kNone;
  bool first_ = true;
  HandshakeOptions options_;
};

}  // namespace mediaward::dataplane::ppspp
