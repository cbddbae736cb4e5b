// SPDX-License-Identifier: Apache-2.0
// Protocol options of a PPSPP HANDSHAKE (RFC 7574 §7): parse, presence, serialise. Spans refer to the bytes that were parsed.
// What is offered is said, not judged: whether method, function, version or window are wanted is the service's decision.
// Once per handshake; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "crypto/bytes.h"
#include "dataplane/wire/ppspp_types.h"

namespace mediaward::dataplane::ppspp {

// RFC 7574 §7, table 2. 10 to 254 are unassigned.
enum class OptionCode : std::uint8_t {
  kVersion = 0,
  kMinimumVersion = 1,
  kSwarmId = 2,
  kContentIntegrity = 3,
  kMerkleFunction = 4,
  kLiveSignature = 5,
  kAddressing = 6,
  kDiscardWindow = 7,
  kSupportedMessages = 8,
  kChunkSize = 9,
  kEnd = 255,
};
inline constexpr std::size_t kOptionCodes = 10;
inline constexpr std::uint8_t kPpsppVersion = 1;               // RFC 7574 §7.2
inline constexpr std::size_t kMaxSupportedMessagesBytes = 32;  // RFC 7574 §7.10
inline constexpr std::uint16_t kMaxSwarmIdBytes = 0xffff;      // RFC 7574 §7.4
inline constexpr std::array<std::byte, 2> kAllButPex = {std::byte{0xf9}, std::byte{0xf0}};
inline constexpr std::array<std::byte, 2> kAllButAckAndPex = {std::byte{0xd9}, std::byte{0xf0}};

// Why a datagram could not be read further. One list for options and messages: a HANDSHAKE is a message.
enum class ParseError : std::uint8_t {
  kNone,
  kTruncated,          // a message or option reaches beyond the datagram
  kUnknownType,        // message type 14 to 254: the rest cannot be delimited
  kReservedType,       // message type 255
  kBadRange,           // first > last, the empty bin, a DATA of several chunks, an INTEGRITY of no node
  kEmptyChunk,         // DATA without content
  kBadChunkBytes,      // byte ranges: DATA holds other than what its range says
  kHandshakeNotFirst,  // RFC 7574 §8.4
  kNoHash,             // INTEGRITY in a swarm whose framing has no hash length
  kNoSignature,        // SIGNED_INTEGRITY in a swarm whose framing has no signature length
  kOptionOrder,        // code not above the one before it: unsorted or twice
  kUnassignedOption,   // code 10 to 254: the rest cannot be delimited
  kBadOptionValue,     // a value that the option's registry does not have, or an impossible length
  kNoAddressing,       // discard window without the chunk addressing that tells its width
  kNoEnd,              // option list ends without End
};
inline constexpr std::size_t kParseErrors = 15;
[[nodiscard]] std::string_view to_string(ParseError error) noexcept;

// kRfc: ascending codes, each at most once, End at the end, values that are registered.
// kLibswift also takes what the reference implementation sends and accepts: codes in any order, twice (the last counts), no End at the
// end of the datagram, no chunk size. What cannot be delimited or has no meaning is refused all the same.
enum class Profile : std::uint8_t { kRfc, kLibswift };

struct HandshakeOptions {
  std::uint16_t present = 0;  // bit n: OptionCode n
  std::uint8_t version = 0;
  std::uint8_t minimum_version = 0;
  IntegrityMethod integrity = IntegrityMethod::kNone;
  MerkleFunction merkle = MerkleFunction::kSha256;
  SignatureAlgorithm live_signature = SignatureAlgorithm::kEcdsaP256Sha256;  // any number of the DNSSEC registry
  Addressing addressing = Addressing::kChunk32;
  std::uint32_t chunk_bytes = 0;     // kVariableChunkBytes: chunks differ
  std::uint64_t discard_window = 0;  // kDiscardNothing in either width
  ConstBytes swarm_id{};
  ConstBytes supported{};  // bitmap, bit X from the left is message type X

  [[nodiscard]] constexpr bool has(OptionCode code) const noexcept { return ((present >> static_cast<unsigned>(code)) & 1) != 0; }
  // Without the option every message is supported (RFC 7574 §7.10).
  [[nodiscard]] bool supports(MessageType type) const noexcept;

  // For those who write: value and presence in one step.
  HandshakeOptions& set_version(std::uint8_t v, std::uint8_t minimum) noexcept;
  HandshakeOptions& set_swarm_id(ConstBytes id) noexcept;
  HandshakeOptions& set_integrity(IntegrityMethod method) noexcept;
  HandshakeOptions& set_merkle(MerkleFunction function) noexcept;
  HandshakeOptions& set_live_signature(SignatureAlgorithm algorithm) noexcept;
  HandshakeOptions& set_addressing(Addressing a) noexcept;
  HandshakeOptions& set_discard_window(std::uint64_t window) noexcept;
  HandshakeOptions& set_supported(ConstBytes bitmap) noexcept;
  HandshakeOptions& set_chunk_bytes(std::uint32_t bytes) noexcept;
};

struct OptionsResult {
  ParseError error = ParseError::kNone;
  std::size_t bytes = 0;  // consumed, End included; with an error: where the option that is wrong begins
};

// list: from the first option; what follows End is not looked at. `out` is complete only with kNone.
[[nodiscard]] OptionsResult parse_options(ConstBytes list, Profile profile, HandshakeOptions& out) noexcept;

// What RFC 7574 §7 obliges a side to send. An initiator names version, minimum version and swarm; both name version, integrity method,
// addressing and chunk size, the Merkle function with method 1, signature algorithm and discard window with a live method. Of live swarms
// §7.6 asks no function. kLibswift excuses the chunk size. A HANDSHAKE that closes need not have any of them (§8.4): do not ask.
// True: `missing` is the lowest code that is not there.
enum class Side : std::uint8_t { kInitiator, kResponder };
[[nodiscard]] bool find_missing(const HandshakeOptions& options, Side side, Profile profile, OptionCode& missing) noexcept;

// What the options say about framing on top of `base`: what is absent stays as it is there. The signature length follows from the key in
// a live swarm's id (§7.4); a key that cannot be read leaves it at 0.
[[nodiscard]] Framing framing_of(const HandshakeOptions& options, const Framing& base) noexcept;

// Writes the options that are present in ascending order, and End. Returns the bytes written; 0, and nothing promised of the room:
// they do not fit, or a field is longer than its length can say.
[[nodiscard]] std::size_t write_options(Bytes room, const HandshakeOptions& options) noexcept;

}  // namespace mediaward::dataplane::ppspp
