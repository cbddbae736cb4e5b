// SPDX-License-Identifier: Apache-2.0
// The table that a run prints (see report.h). Main thread.
#include <fmt/format.h>

#include <algorithm>

#include "tools/traffic/content_report.h"
#include "tools/traffic/latency.h"
#include "tools/traffic/report.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::size_t kMatrixParticipants = 16, kMatrices = 4;  // more would not fit a screen; JSON has all of them

double rate(std::uint64_t packets, double seconds) {
  return seconds > 0 ? static_cast<double>(packets) / seconds : 0;
}

// Sums over the flows of one pair of participants.
struct Pair {
  std::uint64_t expected = 0, received = 0, faults = 0;
};

// Rows send, columns receive: "received/sent", with "!" where anything was wrong. first, n: the conference's participants.
std::string matrix(const ReportInput& in, std::uint32_t first, std::uint32_t n) {
  const auto& people = in.parts.model.participants();
  std::vector<Pair> pairs(std::size_t{n} * n);
  for (std::size_t f = 0; f < in.parts.model.flows().size(); ++f) {
    const Flow& flow = in.parts.model.flows()[f];
    const std::uint32_t sender = in.parts.model.streams()[flow.stream].sender - first, receiver = flow.receiver - first;
    if (sender >= n || receiver >= n) continue;
    Pair& pair = pairs[sender * n + receiver];
    pair.expected += in.parts.checker.expected_of_flow(f);
    pair.received += in.parts.checker.received_of_flow(f);
    pair.faults += in.parts.checker.findings_of_flow(f).total();
  }
  const auto cell = [&](const Pair& pair) {
    const bool good = pair.received == pair.expected && pair.faults == 0;
    return pair.expected == 0 ? std::string("-") : fmt::format("{}/{}{}", pair.received, pair.expected, good ? "" : "!");
  };
  std::size_t width = 11;
  for (std::uint32_t i = 0; i < n; ++i) width = std::max(width, people[first + i].name.size() + 1);
  for (const Pair& pair : pairs) width = std::max(width, cell(pair).size() + 1);
  std::string out = fmt::format("{:<{}}", "from \\ to", width);
  for (std::uint32_t i = 0; i < n; ++i) out += fmt::format("{:>{}}", people[first + i].name, width);
  for (std::uint32_t row = 0; row < n; ++row) {
    out += fmt::format("\n{:<{}}", people[first + row].name, width);
    for (std::uint32_t column = 0; column < n; ++column) out += fmt::format("{:>{}}", cell(pairs[row * n + column]), width);
  }
  return out + "\n\n";
}

std::string conferences(const ReportInput& in) {
  const auto sums = sum_conferences(in);
  std::string out;
  std::uint32_t first = 0;
  for (std::size_t c = 0; c < sums.size() && c < kMatrices; ++c) {
    const Conference& conference = in.parts.model.conferences()[c];
    out += fmt::format("conference     {} ({}): {} participants, {} streams, SRTP {}/{}, SRTCP {}{}\n", conference.name, name(conference.mode),
                       sums[c].participants, sums[c].streams, sums[c].received, sums[c].expected, sums[c].rtcp_received,
                       sums[c].faults + sums[c].rtcp_faults == 0 ? "" : "  WRONG");
    if (sums[c].participants <= kMatrixParticipants)
      out += matrix(in, first, sums[c].participants);
    else
      out += fmt::format("({} participants: see the JSON report for every pair)\n\n", sums[c].participants);
    first += sums[c].participants;
  }
  if (sums.size() > kMatrices) out += fmt::format("({} more conferences: see the JSON report)\n\n", sums.size() - kMatrices);
  return out;
}

std::string hostile_lines(const ReportInput& in) {
  std::string out;
  for (std::size_t i = 0; i < kHostileKinds; ++i) {
    const auto& row = info(static_cast<HostileKind>(i));
    if (in.parts.hostile.counts()[i] != 0)
      out += fmt::format("  {:<18}{:>10}   to be dropped as {}\n", row.name, in.parts.hostile.counts()[i],
                         row.drop_reason.empty() ? "srtp.replayed or srtp.too_old" : row.drop_reason);
  }
  return out.empty() ? "  none\n" : out;
}

std::string rtcp_line(const ReportInput& in) {
  if (!in.parts.rtcp_sender.enabled()) return "";
  return fmt::format("SRTCP          sent {}, to be received {}, received and opened by libsrtp {}, lost {}\n", in.parts.rtcp_ledger.sent_compounds(),
                     in.parts.rtcp_ledger.expected_deliveries(), in.parts.rtcp_checker.received_packets(), rtcp_lost(in));
}

std::string copy_lines(const ReportInput& in) {
  std::string out;
  const auto& c = in.parts.checker;
  const auto& r = in.parts.rtcp_checker;
  if (c.identical_copies() != 0 || r.identical_copies() != 0)
    out += fmt::format("group key      {} SRTP and {} SRTCP packets identical to another receiver's\n", c.identical_copies(), r.identical_copies());
  if (c.untouched() != 0 || r.untouched() != 0)
    out += fmt::format("relay          {} SRTP and {} SRTCP packets byte for byte as sent\n", c.untouched(), r.untouched());
  return out;
}

std::string network_line(const ReportInput& in) {
  if (!in.parts.impairment.active()) return "";
  const RunResult& r = in.result;
  return fmt::format("bad network    lost {}, twice {}, late {}; SRTCP lost {}, twice {}\n", r.lost, r.duplicated, r.delayed, r.rtcp_lost,
                     r.rtcp_duplicated);
}

}  // namespace

std::string make_table(const ReportInput& in, const std::vector<std::string>& faults) {
  const Checker& c = in.parts.checker;
  const bool media = !in.parts.model.participants().empty();  // or content alone
  std::string out = fmt::format("port           {}\nverified       {}\n", in.port, verification_text(in));
  if (in.settings.echo) {
    out += fmt::format("frames         sent {}, returned {}\n", in.result.visited, in.result.echoed);
  } else if (media) {
    out += fmt::format("\n{}", conferences(in));
    out += network_line(in);
    out += fmt::format("genuine        sent {}, to be received {}, received {}, lost {}, opened by libsrtp {}\n", in.parts.ledger.offered(),
                       in.parts.ledger.expected_deliveries(), c.received_packets(), total_lost(in), c.opened_packets());
    out += rtcp_line(in) + copy_lines(in);
    out += fmt::format("checksums      UDP: {} packets computed in software, the rest left to the port or not sampled\n",
                       c.computed_checksums());
  }
  if (media)
    out += fmt::format("rates          sent {:.0f} pps, received {:.0f} pps over {:.3f} s{}\n", rate(in.result.steady_sent, in.result.steady_seconds),
                     rate(in.result.steady_received, in.result.steady_seconds), in.result.steady_seconds,
                     in.result.pace_slips == 0 ? "" : fmt::format("; the schedule slipped {} times", in.result.pace_slips));
  if (in.parts.content != nullptr) out += content_lines(*in.parts.content);
  if (in.latency && media) out += to_text(summarize(c.latency_ticks(), in.ticks_per_second));
  if (media) out += fmt::format("hostile packets sent\n{}", hostile_lines(in));
  for (const auto& fault : faults) out += fmt::format("WRONG          {}\n", fault);
  return out + (faults.empty() ? "verdict        right\n" : "verdict        WRONG\n");
}

}  // namespace mediaward::tools::traffic
