// SPDX-License-Identifier: Apache-2.0
// Delimits and reads the messages of a PPSPP datagram (RFC 7574 §8), see ppspp_message.h.
#include "dataplane/wire/ppspp_message.h"

namespace mediaward::dataplane::ppspp {

namespace {

constexpr std::size_t kHandshakeHeadBytes = 1 + kChannelBytes;  // type, source channel
constexpr std::size_t kPortBytes = 2;

}  // namespace

OptionsResult parse_handshake(ConstBytes after_channel, Profile profile, Handshake& out) noexcept {
  if (after_channel.size() < kHandshakeHeadBytes) return {ParseError::kTruncated, 0};
  if (!begins_with_handshake(after_channel)) return {ParseError::kHandshakeNotFirst, 0};
  out.source_channel = load_be32(after_channel.data() + 1);
  OptionsResult result = parse_options(after_channel.subspan(kHandshakeHeadBytes), profile, out.options);
  result.bytes += kHandshakeHeadBytes;
  return result;
}

bool MessageReader::next(Message& out) noexcept {
  const ConstBytes rest = bytes_.subspan(at_);
  if (rest.empty()) return false;
  const auto number = std::to_integer<std::uint8_t>(rest[0]);
  switch (const auto type = static_cast<MessageType>(number)) {
    case MessageType::kHandshake:
      return read_handshake(rest, out);
    case MessageType::kData:
      return read_data(rest, out);
    case MessageType::kAck:
      return read_ranged(rest, kTimestampBytes, 0, Which::kAny, out);
    case MessageType::kHave:
    case MessageType::kRequest:
    case MessageType::kCancel:
      return read_ranged(rest, 0, 0, Which::kAny, out);
    case MessageType::kIntegrity:
      return framing_.hash_bytes == 0 ? fail(ParseError::kNoHash) : read_ranged(rest, 0, framing_.hash_bytes, Which::kNode, out);
    case MessageType::kSignedIntegrity:
      return framing_.signature_bytes == 0 ? fail(ParseError::kNoSignature)
                                           : read_ranged(rest, kTimestampBytes, framing_.signature_bytes, Which::kNode, out);
    case MessageType::kPexResV4:
      return read_address(rest, 4, out);
    case MessageType::kPexResV6:
      return read_address(rest, 16, out);
    case MessageType::kPexResCert:
      return read_certificate(rest, out);
    case MessageType::kPexReq:
    case MessageType::kChoke:
    case MessageType::kUnchoke:
      out = {.type = type};
      at_ += 1;
      return true;
  }
  return fail(number == kReservedMessageType ? ParseError::kReservedType : ParseError::kUnknownType);
}

bool MessageReader::read_handshake(ConstBytes rest, Message& out) noexcept {
  if (at_ != 0 || !first_) return fail(ParseError::kHandshakeNotFirst);
  Handshake handshake;
  const OptionsResult result = parse_handshake(rest, profile_, handshake);
  if (result.error != ParseError::kNone) return fail(result.error);
  options_ = handshake.options;
  out = {.type = MessageType::kHandshake,
         .channel = handshake.source_channel,
         .body = rest.subspan(kHandshakeHeadBytes, result.bytes - kHandshakeHeadBytes)};
  at_ += result.bytes;
  return true;
}

// Type, range, a timestamp or none, a body of a known length. What belongs to one node of the hash tree (RFC 7574 §5.2) must have its
// range; byte ranges of nodes depend on where the content ends and are not looked at.
bool MessageReader::read_ranged(ConstBytes rest, std::size_t timestamp_bytes, std::size_t body_bytes, Which which, Message& out) noexcept {
  const std::size_t head = 1 + range_bytes_ + timestamp_bytes;
  if (rest.size() < head + body_bytes) [[unlikely]]
    return fail(ParseError::kTruncated);
  ChunkRange range;
  if (!load_range(framing_.addressing, rest.data() + 1, range)) [[unlikely]]
    return fail(ParseError::kBadRange);
  if (which == Which::kNode && !is_node(range) && framing_.addressing != Addressing::kByte64) [[unlikely]]
    return fail(ParseError::kBadRange);
  const std::uint64_t timestamp = timestamp_bytes == 0 ? 0 : load_be64(rest.data() + head - kTimestampBytes);
  out = {.type = static_cast<MessageType>(rest[0]), .range = range, .timestamp = timestamp, .body = rest.subspan(head, body_bytes)};
  at_ += head + body_bytes;
  return true;
}

bool MessageReader::read_data(ConstBytes rest, Message& out) noexcept {
  const std::size_t head = 1 + range_bytes_ + kTimestampBytes;
  if (rest.size() < head) [[unlikely]]
    return fail(ParseError::kTruncated);
  ChunkRange range;
  if (!load_range(framing_.addressing, rest.data() + 1, range)) [[unlikely]]
    return fail(ParseError::kBadRange);
  ConstBytes chunk = rest.subspan(head);
  if (chunk.empty()) [[unlikely]]
    return fail(ParseError::kEmptyChunk);
  // RFC 7574 §8.6: with chunks of a fixed size more may follow. kVariableChunkBytes is more than a datagram has.
  if (chunk.size() > framing_.chunk_bytes && framing_.chunk_bytes != 0) chunk = chunk.first(framing_.chunk_bytes);
  if (framing_.addressing == Addressing::kByte64) {
    if (range.last - range.first != chunk.size() - 1) [[unlikely]]
      return fail(ParseError::kBadChunkBytes);
  } else if (!range.is_one()) [[unlikely]] {
    return fail(ParseError::kBadRange);
  }
  out = {.type = MessageType::kData, .range = range, .timestamp = load_be64(rest.data() + head - kTimestampBytes), .body = chunk};
  at_ += head + chunk.size();
  return true;
}

// RFC 7574 §8.13: address and port.
bool MessageReader::read_address(ConstBytes rest, std::size_t address_bytes, Message& out) noexcept {
  const std::size_t bytes = 1 + address_bytes + kPortBytes;
  if (rest.size() < bytes) return fail(ParseError::kTruncated);
  out = {.type = static_cast<MessageType>(rest[0]),
         .port = load_be16(rest.data() + 1 + address_bytes),
         .body = rest.subspan(1, address_bytes)};
  at_ += bytes;
  return true;
}

bool MessageReader::read_certificate(ConstBytes rest, Message& out) noexcept {
  if (rest.size() < 3) return fail(ParseError::kTruncated);
  const std::size_t bytes = load_be16(rest.data() + 1);
  if (rest.size() < 3 + bytes) return fail(ParseError::kTruncated);
  out = {.type = MessageType::kPexResCert, .body = rest.subspan(3, bytes)};
  at_ += 3 + bytes;
  return true;
}

}  // namespace mediaward::dataplane::ppspp
