// SPDX-License-Identifier: Apache-2.0
// Names and sentences for what conduct.h finds, for events and the AS. Main thread.
#include <cmath>
#include <cstdio>

#include "dataplane/ppspp/conduct.h"

namespace mediaward::dataplane::ppspp {

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kTampering:
      return "tampering";
    case Verdict::kBlackHole:
      return "black-hole";
    case Verdict::kSuspect:
      return "suspect";
    case Verdict::kOverClaim:
      return "over-claim";
    case Verdict::kUnderClaim:
      return "under-claim";
    case Verdict::kFalseReport:
      return "false-report";
    case Verdict::kHashFlood:
      return "hash-flood";
  }
  return "?";
}

std::string_view to_string(Action action) noexcept {
  switch (action) {
    case Action::kObserve:
      return "observe";
    case Action::kThrottle:
      return "throttle";
    case Action::kBan:
      return "ban";
  }
  return "?";
}

std::string_view to_string(Grade grade) noexcept {
  switch (grade) {
    case Grade::kGood:
      return "good";
    case Grade::kFair:
      return "fair";
    case Grade::kPoor:
      return "poor";
  }
  return "?";
}

std::string describe(const Finding& f) {
  const char* form = "";
  double limit = f.limit;
  switch (f.verdict) {
    case Verdict::kTampering:
      form = "%llu bad of %llu chunks checked, in %.1f s (limit %g)";
      break;
    case Verdict::kBlackHole:
      form = "%llu good chunks after %llu requests for announced ones, heard all the while, in %.1f s (limit %g requests)";
      break;
    case Verdict::kSuspect:
      form = "%llu of %llu announced chunks delivered, in %.1f s (at least %g %% wanted)";
      break;
    case Verdict::kOverClaim:
      form = "%llu of %llu announced chunks not delivered, in %.1f s (at most %g %% allowed)";
      break;
    case Verdict::kUnderClaim:
      form = "%llu of %llu chunks not announced as they should be, for %.1f s (at most %g %% allowed)";
      break;
    case Verdict::kFalseReport:
      form = "%llu bytes reported, %llu counted, over %.1f s (tolerance %g %%)";
      break;
    case Verdict::kHashFlood:
      form = "%llu INTEGRITY for %llu DATA messages, in %.1f s (at most %g to one)";
      break;
  }
  const bool share = f.verdict == Verdict::kSuspect || f.verdict == Verdict::kOverClaim || f.verdict == Verdict::kUnderClaim ||
                     f.verdict == Verdict::kFalseReport;
  if (share) limit *= 100;
  std::array<char, 200> text;
  const int n = std::snprintf(text.data(), text.size(), form, static_cast<unsigned long long>(f.measured),
                              static_cast<unsigned long long>(f.of), static_cast<double>(f.over_ms) / 1000, limit);
  return {text.data(), static_cast<std::size_t>(n)};
}

}  // namespace mediaward::dataplane::ppspp
