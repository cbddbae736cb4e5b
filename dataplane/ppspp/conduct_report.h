// SPDX-License-Identifier: Apache-2.0
// Compares what a peer reports of itself to the AS (RFC 7846 STREAM_STATS) with what was counted of it. The two were never read at the same
// moment, programs start anew, and what is lost on the way was sent all the same: a difference counts only if none of this explains it.
// RFC 7846 §6.3, §6.4: the tracker protocol does not guarantee honest reports, and wants them cross-checked. Main thread.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/ppspp/conduct_counters.h"

namespace mediaward::dataplane::ppspp {

// Totals since the peer began to count (RFC 7846 §4.1.3).
struct PeerReport {
  std::uint64_t uploaded_bytes = 0, downloaded_bytes = 0;
  // What all of its other partners say of the same; only with `complete` can it be seen that a report says too much.
  std::uint64_t others_received_bytes = 0, others_sent_bytes = 0;
  bool complete = false;
};

class ReportLedger {
 public:
  struct Contradiction {
    std::uint64_t said = 0, counted = 0;  // bytes
  };
  // Nothing: it fits, or there is not enough to compare yet. tolerance: share of what was counted.
  [[nodiscard]] std::optional<Contradiction> compare(const PeerReport& report, const PeerConduct& counts, double tolerance,
                                                     std::uint64_t least_bytes) noexcept;
  [[nodiscard]] bool comparing() const noexcept { return reports_ >= 3; }

 private:
  struct Traffic {
    std::uint64_t in_ok = 0, in_all = 0, out = 0, acked = 0, requested = 0, repeated = 0, others_received = 0, others_sent = 0;
  };
  [[nodiscard]] bool anchored(const PeerReport& report, const Traffic& now) noexcept;

  unsigned reports_ = 0;                         // up to 3, since they began or went backwards
  std::uint64_t uploaded_ = 0, downloaded_ = 0;  // as the anchor said; differences from it are compared
  std::uint64_t last_uploaded_ = 0, last_downloaded_ = 0;
  Traffic before_anchor_, anchor_, last_;  // when the report before the anchor, the anchor, and the last report came
};

}  // namespace mediaward::dataplane::ppspp
