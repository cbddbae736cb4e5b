// SPDX-License-Identifier: Apache-2.0
// A report is older than the counters it meets, by less than the time between two reports. So it must have reached what was counted from
// the anchor to the arrival of the report before it; and it cannot exceed what was counted by now, from the report before the anchor.
// Main thread.
#include "dataplane/ppspp/conduct_report.h"

#include <algorithm>

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint64_t less(std::uint64_t a, std::uint64_t b) noexcept {
  return a > b ? a - b : 0;
}

bool exceeds(std::uint64_t large, std::uint64_t small, double allowed, std::uint64_t least_bytes) noexcept {
  return large > small && large - small > least_bytes && static_cast<double>(large - small) > allowed;
}

}  // namespace

// The first two reports are taken as they are. Those that go backwards are of a program that was started anew: the one before is the first
// again, and this one the anchor.
bool ReportLedger::anchored(const PeerReport& report, const Traffic& now) noexcept {
  if (report.uploaded_bytes < last_uploaded_ || report.downloaded_bytes < last_downloaded_) reports_ = std::min(reports_, 1u);
  reports_ = std::min(reports_ + 1, 3u);
  if (reports_ == 2) {
    before_anchor_ = last_;
    anchor_ = now;
    uploaded_ = report.uploaded_bytes;
    downloaded_ = report.downloaded_bytes;
  }
  return reports_ == 3;
}

std::optional<ReportLedger::Contradiction> ReportLedger::compare(const PeerReport& report, const PeerConduct& counts, double tolerance,
                                                                 std::uint64_t least_bytes) noexcept {
  const Traffic now = {counts.bytes_in_ok,
                       counts.bytes_in_ok + counts.bytes_in_other,
                       counts.bytes_out,
                       counts.acked_to_us_bytes,
                       counts.requested,
                       counts.repeated,
                       report.others_received_bytes,
                       report.others_sent_bytes};
  const bool compare = anchored(report, now);
  const Traffic last = last_;
  last_ = now;
  last_uploaded_ = report.uploaded_bytes;
  last_downloaded_ = report.downloaded_bytes;
  if (!compare) return std::nullopt;

  const std::uint64_t uploaded = report.uploaded_bytes - uploaded_, downloaded = report.downloaded_bytes - downloaded_;
  std::uint64_t least_up = less(last.in_ok, anchor_.in_ok), least_down = less(last.acked, anchor_.acked);
  if (report.complete) {
    least_up += less(last.others_received, anchor_.others_received);
    least_down += less(last.others_sent, anchor_.others_sent);
  }
  if (exceeds(least_up, uploaded, tolerance * static_cast<double>(least_up), least_bytes)) return Contradiction{uploaded, least_up};
  if (exceeds(least_down, downloaded, tolerance * static_cast<double>(least_down), least_bytes))
    return Contradiction{downloaded, least_down};
  if (!report.complete) return std::nullopt;

  const std::uint64_t most_up = less(now.in_all, before_anchor_.in_all) + less(now.others_received, before_anchor_.others_received);
  const std::uint64_t most_down = less(now.out, before_anchor_.out) + less(now.others_sent, before_anchor_.others_sent);
  // What was lost on the way was uploaded as well; how much that can be is seen from what had to be asked for again.
  const auto asked = static_cast<double>(std::max<std::uint64_t>(less(now.requested, before_anchor_.requested), 1));
  const double lost = std::min(static_cast<double>(less(now.repeated, before_anchor_.repeated)) / asked, 1.0);
  if (exceeds(uploaded, most_up, (tolerance + lost) * static_cast<double>(most_up), least_bytes)) return Contradiction{uploaded, most_up};
  if (exceeds(downloaded, most_down, tolerance * static_cast<double>(most_down), least_bytes)) return Contradiction{downloaded, most_down};
  return std::nullopt;
}

}  // namespace mediaward::dataplane::ppspp
