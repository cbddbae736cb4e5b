// SPDX-License-Identifier: Apache-2.0
// What the judge of conduct.h remembers of one peer between two looks at its counters: where its windows began, what it was told for,
// what lowers its score. Data only. Main thread.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/ppspp/conduct_counters.h"
#include "dataplane/ppspp/conduct_report.h"

namespace mediaward::dataplane::ppspp {

inline constexpr std::size_t kVerdicts = 7;

struct ConductRecord {
  bool begun = false;
  std::uint64_t looked = 0;  // when
  PeerConduct before;        // the counters then
  PeerConduct base;          // the counters when the record began or a ban ended

  // Since the last good chunk. `alive` grows only while the peer is heard and does not choke.
  struct Silence {
    std::uint64_t since = 0;  // 0: nothing was asked since
    std::uint64_t alive = 0;
    std::uint64_t asked_last = 0;          // when
    std::uint64_t asked = 0, excused = 0;  // requested + repeated - outstanding, and cancelled, when it began
  } silence;

  // Requests that came to an end. They ripen twice before they are judged, because an answer may come late: `fresh`, then `aged`.
  struct Ends {
    std::uint64_t answered = 0, missed = 0, audits_answered = 0, audits_missed = 0;
  };
  Ends fresh, aged, window;
  std::uint64_t delivered_at_choke = ~std::uint64_t{0};  // at the last one
  std::uint64_t fresh_since = 0, aged_until = 0, window_since = 0;
  bool requests_missed = false, audits_missed = false;  // what the last full windows said

  std::uint64_t bad = 0;  // halves with time
  std::uint64_t bad_since = 0, bad_halved = 0;
  std::uint64_t integrity = 0, data = 0, flood_since = 0;
  std::uint64_t hidden_since = 0;  // 0: it hides nothing

  ReportLedger reports;
  std::uint64_t reports_since = 0;
  std::uint32_t false_reports = 0;  // running

  std::array<bool, kVerdicts> told{};
  std::array<std::uint64_t, kVerdicts> confirmed{};  // when it was last seen to hold
  double penalty = 0;                                // points off the score; halves with time
  std::uint64_t penalty_as_of = 0;
  std::uint64_t banned_until = 0;  // 0: not banned
  std::uint64_t audited = 0;       // when chunks were last asked for at random
};

}  // namespace mediaward::dataplane::ppspp
