// SPDX-License-Identifier: Apache-2.0
// Layout of the two memfds that the data plane shares with its controller.
//
// Stats region: self-describing. RegionHeader, then directory_entries × StatEntry, then blocks (one per worker, cache aligned,
// single writer each) of 64-bit values. A reader sums a value over the blocks; values only grow (kCounter) or move (kGauge).
//
// State region: what must survive a crash of the data plane so that no SRTP index is used twice. RegionHeader, then
// slot_count × StateSlot, then slot_count × StateIdentity. Live state: workers read and write it in place.
// Writer protocol per slot: version odd, fields, version even (release). A slot with an odd version after a restart is torn:
// its stream needs a new key. The receive part is written after authentication, the send part before transmission.
#pragma once

#include <atomic>
#include <cstdint>

#include "crypto/srtp_index.h"

namespace mediaward::abi {

inline constexpr std::uint32_t kStatsMagic = 0x4d575354;  // "MWST"
inline constexpr std::uint32_t kStateMagic = 0x4d575354 + 1;
inline constexpr std::uint32_t kStatsVersion = 1;
inline constexpr std::uint32_t kStateVersion = 2;

struct RegionHeader {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint64_t region_bytes;
  std::uint32_t directory_offset;   // stats: of StatEntry[]; state: of StateSlot[]
  std::uint32_t directory_entries;  // stats: entries; state: slots
  std::uint32_t blocks_offset;      // stats: of the first block; state: of StateIdentity[]
  std::uint32_t block_bytes;        // stats: stride of blocks; state: sizeof(StateSlot)
  std::uint32_t block_count;        // stats: one per worker; state: 1
  std::uint32_t reserved[7];
};
static_assert(sizeof(RegionHeader) == 64);

enum class StatKind : std::uint32_t { kCounter = 0, kGauge = 1, kDrop = 2, kStageCycles = 3, kStageItems = 4, kStageCalls = 5, kHistogram = 6 };

struct StatEntry {
  char name[48];           // "srtp.open.auth_failed"
  char unit[12];           // "packets"
  StatKind kind;
  std::uint32_t offset;    // in a block, bytes
  std::uint32_t count;     // values (histograms have several)
};
static_assert(sizeof(StatEntry) == 72);

enum class SlotKind : std::uint32_t { kFree = 0, kReceive = 1, kSend = 2, kLeg = 3 };

// Indexes of one SSRC in one direction. SRTP and SRTCP indexes never go back, whatever the key (RFC 3711 §3.3.1, §3.4).
struct alignas(64) StateSlot {
  std::atomic<std::uint32_t> version{0};
  std::uint32_t ssrc = 0;               // receive: as bound; send: outgoing SSRC
  crypto::IndexWindow srtp;             // highest index and window
  std::uint32_t srtcp_top = 0;          // 31 bits. Receive: highest accepted; send: next to use
  std::uint32_t srtcp_packets = 0;      // accepted, or sealed
  union {
    std::uint64_t srtcp_bits;           // receive: replay window below srtcp_top
    std::uint64_t index_offset;         // send: outgoing index = incoming index - index_offset, fixed by the first packet
  };
  std::uint64_t packets = 0;            // SRTP accepted, or sealed
  std::uint64_t bytes = 0;              // RTP payload bytes, without tag
  StateSlot() noexcept : srtcp_bits(0) {}
};
static_assert(sizeof(StateSlot) == 64);

// In place of a StateSlot for SlotKind::kLeg: the address a leg latched to. Written by the data plane's main thread.
struct alignas(64) LegSlot {
  std::atomic<std::uint32_t> version{0};
  std::uint16_t udp_port = 0;           // 0: nothing latched
  std::uint16_t rtcp_port = 0;
  std::uint8_t address[16] = {};
  std::uint8_t family = 0;              // 4 or 6
  std::uint8_t reserved[39] = {};
};
static_assert(sizeof(LegSlot) == 64);

struct alignas(64) StateIdentity {      // written by the data plane's main thread only
  SlotKind kind = SlotKind::kFree;
  std::uint32_t ssrc = 0;
  std::uint64_t leg_id = 0;             // receive: the sending participant; send: the receiving participant, or the conference of a group key
  std::uint64_t stream_id = 0;          // the stream as the AS named it
  std::uint64_t key_fingerprint = 0;    // of the key the indexes were used under (truncated hash)
  std::uint64_t packets_at_key = 0;     // StateSlot::packets when that key came into force: what a lifetime is counted from
  std::uint32_t srtcp_at_key = 0;       // StateSlot::srtcp_packets then
  std::uint32_t reserved[5] = {};
};
static_assert(sizeof(StateIdentity) == 64);

}  // namespace mediaward::abi
