// SPDX-License-Identifier: Apache-2.0
// Turns what workers saw (authentic packets from a new address, of a new SSRC) into changes of legs. A worker reports every such packet
// until the change has reached it: here reports are made one, changes are limited per leg, and refusals are told but not repeated.
// Only authentic packets get this far, so whoever can make work here holds the participant's key; still everything is bounded, and
// what does not fit is forgotten: the next packet reports it again.
// Decides nothing by itself: policy, collisions and addresses are the core's. The clock is passed in. Main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "crypto/error.h"
#include "dataplane/abi/protocol.h"
#include "dataplane/ip_address.h"
#include "dataplane/worker_context.h"

namespace mediaward::dataplane {

struct Source {
  IpAddress address;
  std::uint16_t udp_port = 0;
  bool operator==(const Source&) const noexcept = default;
};

class Learning {
 public:
  struct Actions {
    // Puts the address in force where the leg's policy has it so. An error: nothing has changed.
    std::function<Result<void>(std::uint64_t leg, const Source& source, bool rtcp)> latch;
    // Binds the SSRC to a free place of the leg; the stream it is now.
    std::function<Result<std::uint64_t>(std::uint64_t leg, std::uint32_t ssrc)> bind;
  };

  static constexpr std::uint64_t kForgetNs = 1'000'000'000;   // what was settled is not looked at again for so long
  static constexpr std::uint64_t kMoveNs = 100'000'000;       // least time between two attempts to latch one leg
  static constexpr std::uint64_t kRefusalNs = 1'000'000'000;  // least time between two refusals told of one leg
  static constexpr std::uint32_t kBindsPerSecond = 16;        // attempts per leg
  static constexpr std::size_t kMaxEntries = 4096;            // of each kind

  explicit Learning(Actions actions) : actions_(std::move(actions)) {}

  // Takes kSourceSeen and kSsrcSeen; everything else is ignored.
  void see(const WorkerEvent& event, std::uint64_t now_ns);
  // Makes the changes that are due. Not while the core cannot take changes.
  void act(std::uint64_t now_ns);
  [[nodiscard]] std::vector<abi::EventMessage> take_events() { return std::exchange(events_, {}); }
  [[nodiscard]] std::size_t entries() const noexcept { return sources_.size() + ssrcs_.size() + legs_.size(); }

 private:
  // Of the two reports that matter of a leg, the first wins where the first authentic packet binds, the last where newer ones move.
  struct SourceEntry {
    std::optional<Source> first, last;      // waiting
    std::optional<Source> in_force;         // as the core took it
    std::optional<std::uint64_t> tried_ns;  // the last attempt
  };
  struct SsrcEntry {
    bool waiting = true;
    std::uint64_t seen_ns = 0;  // waiting: reported then; otherwise settled then
  };
  struct LegEntry {
    std::uint64_t window_ns = 0;
    std::uint32_t attempts = 0;               // within the window
    std::optional<std::uint64_t> refused_ns;  // the last refusal that was told
  };
  using SourceKey = std::pair<std::uint64_t, bool>;         // leg, RTCP
  using SsrcKey = std::pair<std::uint64_t, std::uint32_t>;  // leg, SSRC

  void see_source(const SourceKey& key, const Source& source);
  void see_ssrc(const SsrcKey& key, std::uint64_t now_ns);
  void latch(const SourceKey& key, SourceEntry& entry, std::uint64_t now_ns);
  void bind(const SsrcKey& key, SsrcEntry& entry, std::uint64_t now_ns);
  void refuse(const SsrcKey& key, LegEntry& leg, const Error& error, std::uint64_t now_ns);
  void forget(std::uint64_t now_ns);

  Actions actions_;
  std::map<SourceKey, SourceEntry> sources_;
  std::map<SsrcKey, SsrcEntry> ssrcs_;
  std::map<std::uint64_t, LegEntry> legs_;
  std::vector<abi::EventMessage> events_;
};

}  // namespace mediaward::dataplane
