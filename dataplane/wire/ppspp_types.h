// SPDX-License-Identifier: Apache-2.0
// Vocabulary of the peer-to-peer streaming peer protocol (PPSPP, RFC 7574) on the wire: message types, chunk addressing, ranges and bins,
// and the framing of a swarm, without which no message can be delimited: PPSPP messages carry no length.
// Names and arithmetic only: no state, no policy, no hashing. Any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "crypto/bytes.h"

namespace mediaward::dataplane::ppspp {

// RFC 7574 §8.2, table 7. 14 to 254 are unassigned, 255 is reserved.
enum class MessageType : std::uint8_t {
  kHandshake = 0,
  kData = 1,
  kAck = 2,
  kHave = 3,
  kIntegrity = 4,
  kPexResV4 = 5,
  kPexReq = 6,
  kSignedIntegrity = 7,
  kRequest = 8,
  kCancel = 9,
  kChoke = 10,
  kUnchoke = 11,
  kPexResV6 = 12,
  kPexResCert = 13,
};
inline constexpr std::size_t kMessageTypes = 14;
inline constexpr std::uint8_t kReservedMessageType = 255;

// RFC 7574 §7.8, table 6.
enum class Addressing : std::uint8_t { kBin32 = 0, kByte64 = 1, kChunk32 = 2, kBin64 = 3, kChunk64 = 4 };

// RFC 7574 §7.5, table 4.
enum class IntegrityMethod : std::uint8_t { kNone = 0, kMerkleTree = 1, kSignAll = 2, kUnifiedMerkleTree = 3 };

// RFC 7574 §7.6, table 5.
enum class MerkleFunction : std::uint8_t { kSha1 = 0, kSha224 = 1, kSha256 = 2, kSha384 = 3, kSha512 = 4 };

// RFC 7574 §7.7: DNSSEC algorithm numbers, of which these four are mandatory.
enum class SignatureAlgorithm : std::uint8_t { kRsaSha1 = 5, kRsaSha256 = 8, kEcdsaP256Sha256 = 13, kEcdsaP384Sha384 = 14 };

inline constexpr std::size_t kChannelBytes = 4;                      // RFC 7574 §8.3: destination channel in front of every datagram
inline constexpr std::size_t kTimestampBytes = 8;                    // DATA, ACK, SIGNED_INTEGRITY
inline constexpr std::uint32_t kVariableChunkBytes = 0xffffffffu;    // RFC 7574 §7.11
inline constexpr std::uint64_t kDiscardNothing = ~std::uint64_t{0};  // RFC 7574 §7.9: all chunks are kept
inline constexpr std::size_t kMaxRangeBytes = 16;

// Chunks first to last, both included; with Addressing::kByte64 bytes.
struct ChunkRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  constexpr bool operator==(const ChunkRange&) const noexcept = default;
  [[nodiscard]] constexpr bool is_one() const noexcept { return first == last; }
  [[nodiscard]] constexpr std::uint64_t count() const noexcept { return last - first + 1; }  // 0 for all of 64 bits
};

[[nodiscard]] constexpr std::size_t digest_bytes(MerkleFunction function) noexcept {
  constexpr std::uint8_t kBytes[] = {20, 28, 32, 48, 64};
  return kBytes[static_cast<std::uint8_t>(function)];
}

[[nodiscard]] constexpr bool is_bin(Addressing a) noexcept {
  return a == Addressing::kBin32 || a == Addressing::kBin64;
}
[[nodiscard]] constexpr bool is_32_bit(Addressing a) noexcept {
  return a == Addressing::kBin32 || a == Addressing::kChunk32;
}

// How many bytes a chunk specification takes (RFC 7574 §4, §8.2).
[[nodiscard]] constexpr std::size_t range_bytes(Addressing a) noexcept {
  if (is_bin(a)) return is_32_bit(a) ? 4 : 8;
  return is_32_bit(a) ? 8 : 16;
}

// What must be known of a swarm to delimit its messages. No hash or signature length: such a message is an error.
struct Framing {
  Addressing addressing = Addressing::kChunk32;
  std::uint8_t hash_bytes = 0;
  std::uint16_t signature_bytes = 0;
  std::uint32_t chunk_bytes = kVariableChunkBytes;
  constexpr bool operator==(const Framing&) const noexcept = default;
  [[nodiscard]] constexpr std::size_t range_bytes() const noexcept { return ppspp::range_bytes(addressing); }
};

// Bins (RFC 7574 §4.2): leaf i is 2i, a parent the mean of its children, so that trailing ones tell the layer. All ones is the empty bin
// and stands for no range; 0x7f…f is everything, which is 2^31 or 2^63 chunks by the same rule.
// False, and `out` as it was: the empty bin.
[[nodiscard]] constexpr bool bin_to_range(std::uint64_t bin, bool wide, ChunkRange& out) noexcept {
  if (bin == (wide ? ~std::uint64_t{0} : std::uint64_t{0xffffffffu})) return false;
  const std::uint64_t width = std::uint64_t{1} << std::countr_one(bin);
  out.first = (bin - (width - 1)) / 2;
  out.last = out.first + (width - 1);
  return true;
}

// True for what one node of the tree covers: as many chunks as a power of two, beginning at a multiple of it. Others have no bin.
[[nodiscard]] constexpr bool is_node(const ChunkRange& range) noexcept {
  const std::uint64_t mask = range.last - range.first;
  return range.first <= range.last && (mask & (mask + 1)) == 0 && (range.first & mask) == 0;
}

// False, and `bin` as it was: no node, or beyond the 31 or 63 bits of a chunk number that a bin has room for.
[[nodiscard]] constexpr bool range_to_bin(const ChunkRange& range, bool wide, std::uint64_t& bin) noexcept {
  const std::uint64_t limit = wide ? ~std::uint64_t{0} >> 1 : std::uint64_t{0x7fffffffu};
  if (!is_node(range) || range.last > limit) return false;
  bin = range.first + range.last;
  return true;
}

// Reads a chunk specification; `at` has range_bytes(a) bytes. False: the empty bin, or first > last.
[[nodiscard]] bool load_range(Addressing a, const std::byte* at, ChunkRange& out) noexcept;

// Writes a chunk specification of range_bytes(a) bytes. False, and nothing written: the range cannot be said so.
[[nodiscard]] bool store_range(Addressing a, const ChunkRange& range, std::byte* at) noexcept;

[[nodiscard]] std::string_view to_string(MessageType type) noexcept;  // RFC spelling; "unassigned", "reserved"

}  // namespace mediaward::dataplane::ppspp
