// SPDX-License-Identifier: Apache-2.0
// How loud a participant is, from the audio level in the clear RTP header (RFC 6464, elements as in RFC 8285): finding it, and
// smoothing it for the election of speakers (speaker_election.h), which decides and is not here. Nothing is decrypted for it, but
// callers update a gate only from packets whose tag was good: a header that anybody could write elects nobody.
// The worker that owns the leg, per packet.
#pragma once

#include <cstdint>
#include <optional>

#include "crypto/bytes.h"
#include "dataplane/tables.h"

namespace mediaward::dataplane {

inline constexpr std::uint32_t kLevelUnitsPerDb = 256;  // of SpeakerGate::level
inline constexpr std::uint32_t kSilenceDbov = 127;      // RFC 6464 §3: -127 dBov stands for digital silence

namespace detail {

inline constexpr std::uint16_t kOneByteElements = 0xbede;  // RFC 8285 §4.2
inline constexpr std::uint16_t kTwoByteElements = 0x1000;  // RFC 8285 §4.3: low four bits are the application's
inline constexpr std::uint8_t kOneByteStop = 15;           // RFC 8285 §4.2: nothing behind it is looked at

// RFC 6464 §3: one byte, V in its top bit (a hint of the sender's that the election does not use), -dBov in the others.
[[nodiscard]] inline std::optional<std::uint8_t> level_of(const std::byte* data, std::size_t bytes) noexcept {
  if (bytes != 1) return std::nullopt;
  return static_cast<std::uint8_t>(std::to_integer<std::uint8_t>(*data) & 0x7f);
}

[[nodiscard]] inline std::optional<std::uint8_t> one_byte_level(const std::byte* p, const std::byte* end, std::uint8_t id) noexcept {
  while (p != end) {
    const auto head = std::to_integer<std::uint8_t>(*p++);
    if (head == 0) continue;  // padding
    const std::size_t bytes = std::size_t{head & 0x0fu} + 1;
    const auto element = static_cast<std::uint8_t>(head >> 4);
    if (element == 0 || element == kOneByteStop || bytes > static_cast<std::size_t>(end - p)) return std::nullopt;
    if (element == id) return level_of(p, bytes);
    p += bytes;
  }
  return std::nullopt;
}

[[nodiscard]] inline std::optional<std::uint8_t> two_byte_level(const std::byte* p, const std::byte* end, std::uint8_t id) noexcept {
  while (p != end) {
    const auto element = std::to_integer<std::uint8_t>(*p++);
    if (element == 0) continue;  // padding
    if (p == end) return std::nullopt;
    const auto bytes = std::to_integer<std::size_t>(*p++);
    if (bytes > static_cast<std::size_t>(end - p)) return std::nullopt;
    if (element == id) return level_of(p, bytes);
    p += bytes;
  }
  return std::nullopt;
}

}  // namespace detail

// 0 (loudest) to 127 (-127 dBov). header: from the first byte of the RTP packet to the end of its header extension (more does no
// harm); id: of a::extmap, 0 for none. Any bytes may come: what does not parse has no level.
[[nodiscard]] inline std::optional<std::uint8_t> parse_audio_level(ConstBytes header, std::uint8_t id) noexcept {
  constexpr std::size_t kFixedBytes = 12, kExtensionHead = 4;  // RFC 3550 §5.1, §5.3.1
  if (id == 0 || header.size() < kFixedBytes) return std::nullopt;
  const auto first = std::to_integer<std::uint8_t>(header[0]);
  const std::size_t at = kFixedBytes + std::size_t{first & 0x0fu} * 4;
  if ((first & 0x10) == 0 || at + kExtensionHead > header.size()) return std::nullopt;
  const std::uint16_t profile = load_be16(header.data() + at);
  const std::size_t bytes = std::size_t{load_be16(header.data() + at + 2)} * 4;
  if (bytes > header.size() - at - kExtensionHead) return std::nullopt;
  const std::byte* elements = header.data() + at + kExtensionHead;
  if (profile == detail::kOneByteElements) return detail::one_byte_level(elements, elements + bytes, id);
  if ((profile & 0xfff0) == detail::kTwoByteElements) return detail::two_byte_level(elements, elements + bytes, id);
  return std::nullopt;
}

// One packet's level. Up by half of the difference, so that a word's first 60 ms count; down by a sixteenth, so that the pauses between
// words do not (with packets of 20 ms a time constant of 320 ms).
inline void update(SpeakerGate& gate, std::uint8_t level_dbov, std::uint64_t now_tsc) noexcept {
  constexpr std::uint32_t kAttackShift = 1, kReleaseShift = 4;
  const std::uint32_t down = level_dbov < kSilenceDbov ? level_dbov : kSilenceDbov;
  const std::uint32_t heard = (kSilenceDbov - down) * kLevelUnitsPerDb;
  const std::uint32_t level = gate.level.load(std::memory_order_relaxed);  // one writer: no exchange needed
  const auto round_up = [](std::uint32_t difference, std::uint32_t shift) { return (difference + (1u << shift) - 1) >> shift; };
  const std::uint32_t next = heard > level ? level + round_up(heard - level, kAttackShift) : level - round_up(level - heard, kReleaseShift);
  gate.level.store(next, std::memory_order_relaxed);
  gate.heard_tsc.store(now_tsc, std::memory_order_relaxed);
}

}  // namespace mediaward::dataplane
