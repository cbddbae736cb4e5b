// SPDX-License-Identifier: Apache-2.0
// Chunk specifications on the wire (RFC 7574 §4) and the names of messages, see ppspp_types.h.
#include "dataplane/wire/ppspp_types.h"

#include <array>

namespace mediaward::dataplane::ppspp {

bool load_range(Addressing a, const std::byte* at, ChunkRange& out) noexcept {
  ChunkRange range;
  switch (a) {
    case Addressing::kBin32:
      return bin_to_range(load_be32(at), false, out);
    case Addressing::kBin64:
      return bin_to_range(load_be64(at), true, out);
    case Addressing::kChunk32:
      range = {load_be32(at), load_be32(at + 4)};
      break;
    case Addressing::kByte64:
    case Addressing::kChunk64:
      range = {load_be64(at), load_be64(at + 8)};
      break;
  }
  if (range.first > range.last) [[unlikely]]
    return false;
  out = range;
  return true;
}

bool store_range(Addressing a, const ChunkRange& range, std::byte* at) noexcept {
  std::uint64_t bin = 0;
  if (is_bin(a)) {
    if (!range_to_bin(range, !is_32_bit(a), bin)) return false;
    if (is_32_bit(a))
      store_be32(at, static_cast<std::uint32_t>(bin));
    else
      store_be64(at, bin);
    return true;
  }
  if (range.first > range.last) return false;
  if (!is_32_bit(a)) {
    store_be64(at, range.first);
    store_be64(at + 8, range.last);
    return true;
  }
  if (range.last > 0xffffffffu) return false;
  store_be32(at, static_cast<std::uint32_t>(range.first));
  store_be32(at + 4, static_cast<std::uint32_t>(range.last));
  return true;
}

std::string_view to_string(MessageType type) noexcept {
  static constexpr std::array<std::string_view, kMessageTypes> kNames = {
      "HANDSHAKE",        "DATA",    "ACK",    "HAVE",  "INTEGRITY", "PEX_RESv4", "PEX_REQ",
      "SIGNED_INTEGRITY", "REQUEST", "CANCEL", "CHOKE", "UNCHOKE",   "PEX_RESv6", "PEX_REScert"};
  const auto number = static_cast<std::uint8_t>(type);
  if (number < kMessageTypes) return kNames[number];
  return number == kReservedMessageType ? "reserved" : "unassigned";
}

}  // namespace mediaward::dataplane::ppspp
