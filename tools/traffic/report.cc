// SPDX-License-Identifier: Apache-2.0
// Sums and verdict of a run (see the header). Main thread.
#include "tools/traffic/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/traffic/content_report.h"

namespace mediaward::tools::traffic {

std::uint64_t lost_of_flow(const ReportInput& in, std::size_t flow) {
  const std::uint64_t expected = in.parts.checker.expected_of_flow(flow), received = in.parts.checker.received_of_flow(flow);
  return expected > received ? expected - received : 0;
}

std::uint64_t total_lost(const ReportInput& in) {
  std::uint64_t sum = 0;
  for (std::size_t f = 0; f < in.parts.model.flows().size(); ++f) sum += lost_of_flow(in, f);
  return sum;
}

std::uint64_t rtcp_lost(const ReportInput& in) {
  const std::uint64_t expected = in.parts.rtcp_ledger.expected_deliveries(), received = in.parts.rtcp_checker.received_packets();
  return expected > received ? expected - received : 0;
}

std::string_view name(Mode mode) {
  return mode == Mode::kGroup ? "group" : mode == Mode::kRelay ? "relay" : "per-participant";
}

std::string verification_text(const ReportInput& in) {
  if (in.settings.echo) return "nothing: the peer only returns frames";
  if (in.parts.model.participants().empty()) return "content: every chunk, by hashes of libcrypto and byte by byte; checksums, addresses and MACs";
  if (in.verify_every == 1)
    return "every packet opened by libsrtp, payload, headers and IP checksum compared; UDP checksums as stated below";
  return fmt::format(
      "every {}th packet of a flow opened by libsrtp with its payload; of all others {}length, headers, addresses, "
      "order, IP checksum and absence of plaintext",
      in.verify_every, in.parts.pool.has_expected_tags() ? "the tag libsrtp computed beforehand, " : "");
}

std::vector<ConferenceSums> sum_conferences(const ReportInput& in) {
  const Model& model = in.parts.model;
  std::vector<ConferenceSums> sums(model.conferences().size());
  for (const Participant& p : model.participants()) ++sums[p.conference].participants;
  for (const Stream& s : model.streams()) ++sums[model.sender_of(s).conference].streams;
  for (std::size_t f = 0; f < model.flows().size(); ++f) {
    ConferenceSums& sum = sums[model.participants()[model.flows()[f].receiver].conference];
    sum.expected += in.parts.checker.expected_of_flow(f);
    sum.received += in.parts.checker.received_of_flow(f);
    sum.opened += in.parts.checker.opened_of_flow(f);
    sum.faults += in.parts.checker.findings_of_flow(f).total();
  }
  for (std::size_t f = 0; f < model.rtcp_flows().size(); ++f) {
    ConferenceSums& sum = sums[model.participants()[model.rtcp_flows()[f].receiver].conference];
    sum.rtcp_received += in.parts.rtcp_checker.received_of_flow(f);
    sum.rtcp_faults += in.parts.rtcp_checker.findings_of_flow(f).total();
  }
  return sums;
}

std::map<std::string, std::uint64_t> expected_drops(const ReportInput& in) {
  auto drops = in.parts.ledger.expected_drops();
  for (const auto& [reason, packets] : in.parts.rtcp_ledger.expected_drops()) drops[reason] += packets;
  for (const auto& [reason, packets] : in.parts.hostile.expected_drops()) drops[reason] += packets;
  return drops;
}

std::vector<std::string> find_faults(const ReportInput& in) {
  std::vector<std::string> faults;
  if (!in.result.problem.empty()) faults.push_back(in.result.problem);
  if (in.settings.echo) return faults;
  const auto count = [&](std::uint64_t number, std::string_view what) {
    if (number != 0) faults.push_back(fmt::format("{} packets: {}", number, what));
  };
  if (!in.allow_loss) {
    count(total_lost(in), "lost");
    count(rtcp_lost(in), "SRTCP lost");
  }
  for (std::size_t i = 0; i < kFindings; ++i) {
    const auto finding = static_cast<Finding>(i);
    count(in.parts.checker.total(finding), name(finding));
    count(in.parts.rtcp_checker.total(finding), fmt::format("SRTCP {}", name(finding)));
  }
  count(in.result.unexpected_receiver, "to an address or UDP port that no participant has");
  count(in.parts.checker.unexpected_stream(), "to a participant that should not get this stream");
  count(in.parts.rtcp_checker.unexpected_source(), "SRTCP to a participant that should not get it");
  count(in.result.wrong_vlan, "wrong VLAN");
  if (in.parts.content != nullptr)
    for (auto& fault : content_faults(*in.parts.content)) faults.push_back(std::move(fault));
  if (faults.empty() && !in.parts.model.participants().empty() && in.parts.checker.received_packets() == 0)
    faults.push_back("nothing was received");
  return faults;
}

}  // namespace mediaward::tools::traffic
