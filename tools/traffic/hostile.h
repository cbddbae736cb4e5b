// SPDX-License-Identifier: Apache-2.0
// The hostile actors of a run: a tamperer who alters copies of genuine packets, a replayer, strangers, and senders of things that are
// no media. Every packet is made so that exactly one drop reason of the appliance is right for it; the report carries the sums, and
// whoever runs the tool compares them with the appliance's counters. None of these packets may reach any participant.
// Deterministic: which one comes when follows from the position alone. The sending thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/error.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/sealed_pool.h"

namespace mediaward::tools::traffic {

enum class HostileKind : std::uint8_t {
  kTamperHeader,  // a bit of the RTP timestamp; ahead of the genuine packet, so that its index is still fresh
  kTamperPayload,
  kTamperTag,
  kReplayAtOnce,     // right behind the genuine packet
  kReplayLate,       // 50 packets later: inside the window
  kReplayOld,        // 400 packets later: behind every window
  kStrangerAddress,  // a genuine packet from an address nobody has
  kStrangerPort,     // a genuine packet from another UDP port
  kUnusedPort,       // to a UDP port of the appliance that no leg has
  kUnknownSsrc,
  kStun,
  kDtls,
  kJunk,        // a first byte that no protocol on media ports has
  kBadVersion,  // RTP of another version
  kTruncated,   // an RTP header without room for a tag
  kCount
};

struct HostileInfo {
  std::string_view name;         // in reports
  std::string_view group;        // on the command line
  std::string_view drop_reason;  // of the appliance
  bool before_genuine;           // sent ahead of the packet it copies
  std::uint32_t distance;        // how many packets of its stream must have been sent
};
[[nodiscard]] const HostileInfo& info(HostileKind kind) noexcept;
inline constexpr std::size_t kHostileKinds = static_cast<std::size_t>(HostileKind::kCount);

// "tamper,replay" → kinds. Groups: tamper, replay, stranger, unknown-ssrc, junk, all. Single kinds go by their names.
[[nodiscard]] Result<std::vector<HostileKind>> parse_hostile(std::string_view list);

// A frame to send: who sends it (for the Ethernet header) and the packet from its IP header on.
struct HostilePacket {
  std::uint32_t stream = 0;  // whose next hop it takes
  bool stranger = false;     // from a MAC of its own
  Bytes packet;
};

class Hostile {
 public:
  // One hostile packet per `every` genuine ones, the kinds in turn.
  Hostile(const Model& model, const SealedPool& pool, std::vector<HostileKind> kinds, std::uint32_t every);

  // What goes out ahead of or behind the genuine packet at this position. The bytes are good until the next call.
  [[nodiscard]] std::optional<HostilePacket> next(std::uint64_t position, bool before_genuine) noexcept;
  void sent(std::uint64_t position) noexcept;  // the packet of the last next() left

  [[nodiscard]] std::uint64_t total() const noexcept;
  [[nodiscard]] const std::array<std::uint64_t, kHostileKinds>& counts() const noexcept { return counts_; }
  [[nodiscard]] std::map<std::string, std::uint64_t> expected_drops() const;

 private:
  [[nodiscard]] std::optional<HostileKind> kind_at(std::uint64_t position) const noexcept;
  void copy_record(std::uint64_t position) noexcept;
  void alter(HostileKind kind, std::uint64_t position) noexcept;

  const Model& model_;
  const SealedPool& pool_;
  std::vector<HostileKind> kinds_;
  std::uint64_t every_;
  std::array<std::uint64_t, kHostileKinds> counts_{};
  std::vector<Address> unused_addresses_;    // per stream
  std::vector<std::uint16_t> unused_ports_;  // per stream
  std::uint32_t unknown_ssrc_ = 0;
  std::vector<std::byte> buffer_;
  std::size_t bytes_ = 0;
};

}  // namespace mediaward::tools::traffic
