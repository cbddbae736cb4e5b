// SPDX-License-Identifier: Apache-2.0
// Parse and serialise of PPSPP protocol options (RFC 7574 §7), see ppspp_options.h.
#include "dataplane/wire/ppspp_options.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/wire/ppspp_swarm_key.h"

namespace mediaward::dataplane::ppspp {

namespace {

constexpr std::uint8_t kLastIntegrityMethod = 3, kLastMerkleFunction = 4, kLastAddressing = 4;

constexpr std::uint16_t bit(OptionCode code) noexcept {
  return static_cast<std::uint16_t>(1u << static_cast<unsigned>(code));
}

// Length of an option's value, length field included, as far as it is there; `rest` begins behind the code.
ParseError value_bytes(OptionCode code, ConstBytes rest, const HandshakeOptions& so_far, Profile profile, std::size_t& bytes) noexcept {
  switch (code) {
    case OptionCode::kSwarmId:
      if (rest.size() < 2) return ParseError::kTruncated;
      bytes = 2 + std::size_t{load_be16(rest.data())};
      break;
    case OptionCode::kSupportedMessages:
      if (rest.empty()) return ParseError::kTruncated;
      bytes = 1 + std::to_integer<std::size_t>(rest[0]);
      break;
    case OptionCode::kDiscardWindow:
      if (!so_far.has(OptionCode::kAddressing) && profile == Profile::kRfc) return ParseError::kNoAddressing;
      bytes = is_32_bit(so_far.addressing) ? 4 : 8;  // RFC 7574 §7.9; without the option by its default
      break;
    case OptionCode::kChunkSize:
      bytes = 4;
      break;
    default:
      bytes = 1;
  }
  return bytes <= rest.size() ? ParseError::kNone : ParseError::kTruncated;
}

// value: exactly the option's bytes.
bool take_number(OptionCode code, ConstBytes value, HandshakeOptions& out) noexcept {
  const auto number = std::to_integer<std::uint8_t>(value[0]);
  switch (code) {
    case OptionCode::kVersion:
      out.version = number;
      return number != 0;  // RFC 7574 §7.2: 0 is reserved
    case OptionCode::kMinimumVersion:
      out.minimum_version = number;
      return number != 0;
    case OptionCode::kContentIntegrity:
      out.integrity = static_cast<IntegrityMethod>(number);
      return number <= kLastIntegrityMethod;
    case OptionCode::kMerkleFunction:
      out.merkle = static_cast<MerkleFunction>(number);
      return number <= kLastMerkleFunction;
    case OptionCode::kLiveSignature:
      out.live_signature = static_cast<SignatureAlgorithm>(number);
      return true;
    default:
      out.addressing = static_cast<Addressing>(number);
      return number <= kLastAddressing;
  }
}

bool take_value(OptionCode code, ConstBytes value, HandshakeOptions& out) noexcept {
  switch (code) {
    case OptionCode::kSwarmId:
      out.swarm_id = value.subspan(2);
      return !out.swarm_id.empty();
    case OptionCode::kSupportedMessages:
      out.supported = value.subspan(1);
      return out.supported.size() <= kMaxSupportedMessagesBytes;
    case OptionCode::kChunkSize:
      out.chunk_bytes = load_be32(value.data());
      return out.chunk_bytes != 0;
    case OptionCode::kDiscardWindow:
      out.discard_window = value.size() == 8 ? load_be64(value.data()) : load_be32(value.data());
      if (value.size() == 4 && out.discard_window == 0xffffffffu) out.discard_window = kDiscardNothing;
      return true;
    default:
      return take_number(code, value, out);
  }
}

// One option at the head of `rest`; `bytes` is its length with the code.
ParseError take_option(ConstBytes rest, Profile profile, HandshakeOptions& out, std::size_t& bytes) noexcept {
  const auto number = std::to_integer<std::uint8_t>(rest[0]);
  if (number >= kOptionCodes) return ParseError::kUnassignedOption;
  const auto code = static_cast<OptionCode>(number);
  // Ascending order leaves no bit of this code or above.
  if (profile == Profile::kRfc && (out.present >> number) != 0) return ParseError::kOptionOrder;
  std::size_t value = 0;
  if (const ParseError error = value_bytes(code, rest.subspan(1), out, profile, value); error != ParseError::kNone) return error;
  if (!take_value(code, rest.subspan(1, value), out)) return ParseError::kBadOptionValue;
  out.present |= bit(code);
  bytes = 1 + value;
  return ParseError::kNone;
}

// Appends to a room and remembers when it was too small.
class Sink {
 public:
  explicit Sink(Bytes room) noexcept : room_(room) {}
  std::byte* claim(std::size_t bytes) noexcept {
    if (!good_ || bytes > room_.size() - at_) {
      good_ = false;
      return nullptr;
    }
    at_ += bytes;
    return room_.data() + at_ - bytes;
  }
  void number(OptionCode code, std::uint8_t value) noexcept {
    if (std::byte* p = claim(2); p != nullptr) {
      p[0] = static_cast<std::byte>(code);
      p[1] = std::byte{value};
    }
  }
  void fail() noexcept { good_ = false; }
  [[nodiscard]] std::size_t written() const noexcept { return good_ ? at_ : 0; }

 private:
  Bytes room_;
  std::size_t at_ = 0;
  bool good_ = true;
};

void put_swarm_id(Sink& sink, ConstBytes id) noexcept {
  if (id.empty() || id.size() > kMaxSwarmIdBytes) return sink.fail();
  std::byte* p = sink.claim(3 + id.size());
  if (p == nullptr) return;
  p[0] = static_cast<std::byte>(OptionCode::kSwarmId);
  store_be16(p + 1, static_cast<std::uint16_t>(id.size()));
  std::memcpy(p + 3, id.data(), id.size());
}

void put_discard_window(Sink& sink, Addressing a, std::uint64_t window) noexcept {
  const bool narrow = is_32_bit(a);
  if (narrow && window >= 0xffffffffu && window != kDiscardNothing) return sink.fail();
  std::byte* p = sink.claim(narrow ? 5 : 9);
  if (p == nullptr) return;
  p[0] = static_cast<std::byte>(OptionCode::kDiscardWindow);
  if (narrow)
    store_be32(p + 1, static_cast<std::uint32_t>(window));
  else
    store_be64(p + 1, window);
}

void put_supported(Sink& sink, ConstBytes bitmap) noexcept {
  if (bitmap.size() > kMaxSupportedMessagesBytes) return sink.fail();
  std::byte* p = sink.claim(2 + bitmap.size());
  if (p == nullptr) return;
  p[0] = static_cast<std::byte>(OptionCode::kSupportedMessages);
  p[1] = static_cast<std::byte>(bitmap.size());
  std::copy(bitmap.begin(), bitmap.end(), p + 2);
}

void put_chunk_size(Sink& sink, std::uint32_t bytes) noexcept {
  std::byte* p = sink.claim(5);
  if (p == nullptr) return;
  p[0] = static_cast<std::byte>(OptionCode::kChunkSize);
  store_be32(p + 1, bytes);
}

}  // namespace

std::string_view to_string(ParseError error) noexcept {
  static constexpr std::array<std::string_view, kParseErrors> kTexts = {
      "none",
      "message or option reaches beyond the datagram",
      "unassigned message type",
      "reserved message type",
      "range that the message cannot have",
      "DATA without content",
      "DATA of another length than its byte range",
      "HANDSHAKE behind another message",
      "INTEGRITY in a swarm without hashes",
      "SIGNED_INTEGRITY in a swarm without signatures",
      "option out of order or twice",
      "unassigned option",
      "option value that is not registered",
      "discard window without chunk addressing",
      "option list without End",
  };
  return kTexts[static_cast<std::uint8_t>(error)];
}

bool HandshakeOptions::supports(MessageType type) const noexcept {
  if (!has(OptionCode::kSupportedMessages)) return true;
  const auto number = static_cast<std::uint8_t>(type);
  const std::size_t byte = number / 8;
  return byte < supported.size() && ((std::to_integer<unsigned>(supported[byte]) << (number % 8)) & 0x80) != 0;
}

OptionsResult parse_options(ConstBytes list, Profile profile, HandshakeOptions& out) noexcept {
  out = {};
  std::size_t at = 0;
  while (at < list.size()) {
    if (list[at] == static_cast<std::byte>(OptionCode::kEnd)) return {ParseError::kNone, at + 1};
    std::size_t bytes = 0;
    if (const ParseError error = take_option(list.subspan(at), profile, out, bytes); error != ParseError::kNone) return {error, at};
    at += bytes;
  }
  return {profile == Profile::kRfc ? ParseError::kNoEnd : ParseError::kNone, at};
}

bool find_missing(const HandshakeOptions& options, Side side, Profile profile, OptionCode& missing) noexcept {
  unsigned wanted = bit(OptionCode::kVersion) | bit(OptionCode::kContentIntegrity) | bit(OptionCode::kAddressing);
  if (side == Side::kInitiator) wanted |= bit(OptionCode::kMinimumVersion) | bit(OptionCode::kSwarmId);
  if (profile == Profile::kRfc) wanted |= bit(OptionCode::kChunkSize);
  if (options.has(OptionCode::kContentIntegrity)) {
    const bool live = options.integrity == IntegrityMethod::kSignAll || options.integrity == IntegrityMethod::kUnifiedMerkleTree;
    if (options.integrity == IntegrityMethod::kMerkleTree) wanted |= bit(OptionCode::kMerkleFunction);
    if (live) wanted |= bit(OptionCode::kLiveSignature) | bit(OptionCode::kDiscardWindow);
  }
  wanted &= ~unsigned{options.present};
  if (wanted == 0) return false;
  missing = static_cast<OptionCode>(std::countr_zero(wanted));
  return true;
}

Framing framing_of(const HandshakeOptions& options, const Framing& base) noexcept {
  Framing framing = base;
  if (options.has(OptionCode::kAddressing)) framing.addressing = options.addressing;
  if (options.has(OptionCode::kChunkSize)) framing.chunk_bytes = options.chunk_bytes;
  if (options.has(OptionCode::kMerkleFunction)) framing.hash_bytes = static_cast<std::uint8_t>(digest_bytes(options.merkle));
  if (!options.has(OptionCode::kContentIntegrity)) return framing;
  const bool hashes = options.integrity == IntegrityMethod::kMerkleTree || options.integrity == IntegrityMethod::kUnifiedMerkleTree;
  const bool signatures = options.integrity == IntegrityMethod::kSignAll || options.integrity == IntegrityMethod::kUnifiedMerkleTree;
  SwarmKey key;
  if (!hashes) framing.hash_bytes = 0;
  if (!signatures) framing.signature_bytes = 0;
  if (signatures && options.has(OptionCode::kSwarmId))
    framing.signature_bytes = parse_swarm_key(options.swarm_id, key) == KeyError::kNone ? key.signature_bytes : std::uint16_t{0};
  return framing;
}

std::size_t write_options(Bytes room, const HandshakeOptions& o) noexcept {
  Sink sink(room);
  if (o.has(OptionCode::kVersion)) sink.number(OptionCode::kVersion, o.version);
  if (o.has(OptionCode::kMinimumVersion)) sink.number(OptionCode::kMinimumVersion, o.minimum_version);
  if (o.has(OptionCode::kSwarmId)) put_swarm_id(sink, o.swarm_id);
  if (o.has(OptionCode::kContentIntegrity)) sink.number(OptionCode::kContentIntegrity, static_cast<std::uint8_t>(o.integrity));
  if (o.has(OptionCode::kMerkleFunction)) sink.number(OptionCode::kMerkleFunction, static_cast<std::uint8_t>(o.merkle));
  if (o.has(OptionCode::kLiveSignature)) sink.number(OptionCode::kLiveSignature, static_cast<std::uint8_t>(o.live_signature));
  if (o.has(OptionCode::kAddressing)) sink.number(OptionCode::kAddressing, static_cast<std::uint8_t>(o.addressing));
  if (o.has(OptionCode::kDiscardWindow)) put_discard_window(sink, o.addressing, o.discard_window);
  if (o.has(OptionCode::kSupportedMessages)) put_supported(sink, o.supported);
  if (o.has(OptionCode::kChunkSize)) put_chunk_size(sink, o.chunk_bytes);
  if (std::byte* end = sink.claim(1); end != nullptr) *end = static_cast<std::byte>(OptionCode::kEnd);
  return sink.written();
}

HandshakeOptions& HandshakeOptions::set_version(std::uint8_t v, std::uint8_t minimum) noexcept {
  version = v;
  minimum_version = minimum;
  present |= bit(OptionCode::kVersion);
  present |= bit(OptionCode::kMinimumVersion);
  return *this;
}
HandshakeOptions& HandshakeOptions::set_swarm_id(ConstBytes id) noexcept {
  swarm_id = id;
  present |= bit(OptionCode::kSwarmId);
  return *this;
}
HandshakeOptions& HandshakeOptions::set_integrity(IntegrityMethod method) noexcept {
  integrity = method;
  present |= bit(OptionCode::kContentIntegrity);
  return *this;
}
HandshakeOptions& HandshakeOptions::set_merkle(MerkleFunction function) noexcept {
  merkle = function;
  present |= bit(OptionCode::kMerkleFunction);
  return *this;
}
HandshakeOptions& HandshakeOptions::set_live_signature(SignatureAlgorithm algorithm) noexcept {
  live_signature = algorithm;
  present |= bit(OptionCode::kLiveSignature);
  return *this;
}
HandshakeOptions& HandshakeOptions::set_addressing(Addressing a) noexcept {
  addressing = a;
  present |= bit(OptionCode::kAddressing);
  return *this;
}
HandshakeOptions& HandshakeOptions::set_discard_window(std::uint64_t window) noexcept {
  discard_window = window;
  present |= bit(OptionCode::kDiscardWindow);
  return *this;
}
HandshakeOptions& HandshakeOptions::set_supported(ConstBytes bitmap) noexcept {
  supported = bitmap;
  present |= bit(OptionCode::kSupportedMessages);
  return *this;
}
HandshakeOptions& HandshakeOptions::set_chunk_bytes(std::uint32_t bytes) noexcept {
  chunk_bytes = bytes;
  present |= bit(OptionCode::kChunkSize);
  return *this;
}

}  // namespace mediaward::dataplane::ppspp
